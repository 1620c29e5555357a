"""Hugging Face's own client talks to the simulator: its router, its hub, partners, and servers of one model."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agentkit.providers.offline_embedding import vector
from agentkit.simulator.huggingface_tasks import task_named
from agentkit.simulator.media import tiny_png
from agentkit.simulator.status_faults import Loading
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

huggingface_hub = pytest.importorskip("huggingface_hub")

TOKEN = "hf_canary"
PNG = tiny_png("given")
SAID = [{"role": "user", "content": "What is 17 * 3?"}]


def sound(seconds: float = 2.0) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(int(seconds * 8000) * 2))
    return made.getvalue()


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator() as running:
        yield running
        huggingface_hub.utils.close_session()


@pytest.fixture
def routed(server: SimulatorOnThread, monkeypatch: pytest.MonkeyPatch) -> SimulatorOnThread:
    """The server as the client's router and hub."""
    monkeypatch.setattr(huggingface_hub.constants, "INFERENCE_PROXY_TEMPLATE", server.url + "/{provider}")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
    monkeypatch.setattr(huggingface_hub.hf_api.constants, "ENDPOINT", server.url)
    return server


def own(server: SimulatorOnThread, model: str, path: str = "") -> Any:
    """The client of Hugging Face's own tasks, for one model."""
    address = f"{server.url}/hf-inference/models/{model}{path}"
    return huggingface_hub.InferenceClient(model=address, token=TOKEN)


def test_it_chats_whole_and_streamed() -> None:
    with (
        start_simulator("51", "It is fifty-one.") as server,
        huggingface_hub.InferenceClient(base_url=server.base_url, api_key=TOKEN) as client,
    ):
        assert client.chat_completion(SAID, model="openai/gpt-oss-120b:groq").choices[0].message.content == "51"
        pieces = list(client.chat_completion(SAID, model="openai/gpt-oss-120b:groq", stream=True))
        assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == "It is fifty-one."
        assert pieces[-1].choices == [] or pieces[-1].choices[0].finish_reason == "stop"
        huggingface_hub.utils.close_session()


def test_it_embeds(server: SimulatorOnThread) -> None:
    client = own(server, "sentence-transformers/all-MiniLM-L6-v2", "/pipeline/feature-extraction")
    assert client.feature_extraction("a cat").tolist() == pytest.approx(vector("a cat").tolist())
    asked = server.requests[-1]
    assert (asked.asked.header("authorization"), asked.json) == (f"Bearer {TOKEN}", {"inputs": "a cat"})


def test_it_classifies_texts_and_pictures(server: SimulatorOnThread) -> None:
    feelings = own(server, "distilbert/sst-2-english").text_classification("What a great day")
    assert [(row.label, row.score) for row in feelings] == [("POSITIVE", 0.9), ("NEGATIVE", 0.1)]
    chosen = own(server, "facebook/bart-large-mnli").zero_shot_classification("my dog barks", ["cat", "dog"])
    assert [(row.label, row.score) for row in chosen] == [("dog", 0.9), ("cat", 0.1)]
    seen = own(server, "google/vit-base").image_classification(PNG)
    assert (len(seen), seen[0].score) == (3, 0.9)
    assert own(server, "google/vit-base").image_classification(PNG, top_k=3) == seen
    among = own(server, "openai/clip-base").zero_shot_image_classification(PNG, candidate_labels=["a", "b"])
    assert {row.label for row in among} == {"a", "b"}


def test_it_draws(server: SimulatorOnThread) -> None:
    picture = own(server, "stabilityai/stable-diffusion-3").text_to_image("a cat", width=512, height=256)
    assert picture.size == (8, 8)
    assert server.requests[-1].json == {"inputs": "a cat", "parameters": {"width": 512, "height": 256}}


@pytest.mark.parametrize("partner", ["fal-ai", "nscale", "replicate", "together"])
def test_partners_draw_for_it(routed: SimulatorOnThread, partner: str) -> None:
    with huggingface_hub.InferenceClient(provider=partner, token=TOKEN) as client:
        assert client.text_to_image("a cat", model=f"stabilityai/sdxl-{partner}").size == (8, 8)


def test_it_hears(server: SimulatorOnThread) -> None:
    client = own(server, "openai/whisper-large-v3")
    assert client.automatic_speech_recognition(sound()).text == "This recording lasts 2.0 seconds."
    timed = client.automatic_speech_recognition(sound(), extra_body={"return_timestamps": True})
    assert [(chunk.text, chunk.timestamp) for chunk in timed.chunks or []] == [(timed.text, [0.0, 2.0])]


@pytest.mark.parametrize("partner", ["fal-ai", "replicate", "deepinfra"])
def test_partners_hear_for_it(routed: SimulatorOnThread, partner: str) -> None:
    with huggingface_hub.InferenceClient(provider=partner, token=TOKEN) as client:
        heard = client.automatic_speech_recognition(sound(), model=f"openai/whisper-{partner}")
    assert heard.text == "This recording lasts 2.0 seconds."
    assert routed.requests[0].asked.path == f"/api/models/openai/whisper-{partner}"


@pytest.mark.parametrize("partner", ["deepinfra", "scaleway", "together"])
def test_partners_embed_for_it(routed: SimulatorOnThread, partner: str) -> None:
    with huggingface_hub.InferenceClient(provider=partner, token=TOKEN) as client:
        found = client.feature_extraction("a cat", model=f"BAAI/bge-{partner}")
    assert found.shape[-1] == len(vector("a cat"))


def test_it_is_told_that_a_model_is_loading(server: SimulatorOnThread) -> None:
    server.suffer(Loading(20))
    with pytest.raises(huggingface_hub.errors.HfHubHTTPError) as raised:
        own(server, "distilbert/sst-2-english").text_classification("fine")
    assert raised.value.response.status_code == 503
    assert raised.value.response.json() == {"error": "The model is currently loading", "estimated_time": 20.0}


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("openai/whisper-large-v3", "automatic-speech-recognition"),
        ("openai/clip-vit-base-patch32", "zero-shot-image-classification"),
        ("facebook/bart-large-mnli", "zero-shot-classification"),
        ("google/vit-base-patch16-224", "image-classification"),
        ("black-forest-labs/FLUX.1-schnell", "text-to-image"),
        ("sentence-transformers/all-MiniLM-L6-v2", "feature-extraction"),
        ("distilbert/distilbert-base-uncased-finetuned-sst-2-english", "text-classification"),
        ("meta-llama/Llama-3.3-70B-Instruct", "conversational"),
    ],
)
def test_what_a_model_is_for_is_read_from_its_name(model: str, task: str) -> None:
    assert task_named(model) == task


def test_pictures_lie_where_partners_say(server: SimulatorOnThread) -> None:
    made = httpx.post(f"{server.url}/fal-ai/flux/schnell", json={"prompt": "a cat"}).json()
    drawn = httpx.get(made["images"][0]["url"])
    assert (drawn.headers["content-type"], drawn.content[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/embed", {"inputs": ["a"] * 33}),
        ("/embed", {"inputs": ""}),
        ("/predict", {"inputs": []}),
        ("/classify", {"model": "m"}),
        ("/hf-inference/models/a/mnli", {"inputs": "a"}),
        ("/hf-inference/models/a/vit", {"inputs": "no base64!"}),
        ("/hf-inference/models/a/vit", {}),
        ("/fal-ai/flux", {}),
        ("/replicate/v1/predictions", {"input": {}}),
        ("/predict", [1]),
    ],
)
def test_what_hugging_face_refuses_is_refused(server: SimulatorOnThread, path: str, body: Any) -> None:
    assert httpx.post(server.url + path, json=body).status_code == 400
