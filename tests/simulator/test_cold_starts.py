"""agentkit's own models of Hugging Face against the simulator: every task, and models that have to be loaded first."""

from __future__ import annotations

import io
import wave
from typing import Any

import httpx
import pytest

from agentkit.agent import Agent
from agentkit.errors import ModelLoadingError
from agentkit.exchange import AttemptFailed, Delta
from agentkit.media import Audio, Image, Inline
from agentkit.providers import model, task_model
from agentkit.providers.offline_embedding import vector
from agentkit.settings import Deadlines, Settings
from agentkit.simulator.media import tiny_png
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Loading
from agentkit.tasks.classify import classify
from agentkit.tasks.embed import embed
from agentkit.tasks.generate_image import generate_image
from agentkit.tasks.transcribe import transcribe
from agentkit.testing.scripted import ScriptedModel, calls
from agentkit.tools import tool

pytestmark = pytest.mark.anyio

KEY = "hf_canary"
PICTURE = Image(Inline(tiny_png("given"), "image/png"))


def sound() -> Audio:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(32_000))
    return Audio(Inline(made.getvalue(), "audio/wav"))


def routed(server: Simulator, kind: Any, name: str, partner: str = "hf-inference") -> Any:
    """A model behind the server, as behind the router."""
    return task_model(f"huggingface:{name}:{partner}", kind, base_url=server.base_url, api_key=KEY)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda server: monkeypatch.setenv("HF_ENDPOINT", server.url)


async def test_every_task_of_hugging_face_is_answered() -> None:
    async with simulate() as server:
        found = await embed(routed(server, "embed", "sentence-transformers/all-MiniLM-L6-v2"), ["a cat", "a dog"])
        assert list(found) == [vector("a cat"), vector("a dog")]
        felt = await classify(routed(server, "classify", "distilbert/sst-2-english"), "What a nice day", labels=None)
        assert (felt[0].label, felt[0].scores) == ("POSITIVE", {"POSITIVE": 0.9, "NEGATIVE": 0.1})
        chosen = await classify(
            routed(server, "classify", "facebook/bart-large-mnli"), "my dog barks", labels=["cat", "dog"]
        )
        assert chosen[0].label == "dog"
        seen = await classify(routed(server, "classify", "google/vit-base"), PICTURE, labels=None)
        assert seen[0].label in ("cat", "dog", "tree")
        made = await generate_image(routed(server, "generate_image", "stabilityai/sdxl"), "a cat")
        assert made.images[0].data == tiny_png("a cat")
        heard = await transcribe(routed(server, "transcribe", "openai/whisper-large-v3"), sound(), segments=True)
        assert (heard.text, len(heard.segments)) == ("This recording lasts 2.0 seconds.", 1)


@pytest.mark.parametrize("partner", ["fal-ai", "nscale", "replicate", "together"])
async def test_partners_draw(hub: Any, partner: str) -> None:
    async with simulate() as server:
        hub(server)
        made = await generate_image(routed(server, "generate_image", "stabilityai/sdxl", partner), "a cat")
    source = made.images[0].image.source
    if partner == "replicate":
        assert source.kind == "remote"
    else:
        assert made.images[0].data[:8] == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("partner", ["deepinfra", "fal-ai", "replicate"])
async def test_partners_hear(hub: Any, partner: str) -> None:
    async with simulate() as server:
        hub(server)
        heard = await transcribe(routed(server, "transcribe", "openai/whisper", partner), sound())
    assert heard.text == "This recording lasts 2.0 seconds."


@pytest.mark.parametrize("partner", ["deepinfra", "scaleway", "together"])
async def test_partners_embed(hub: Any, partner: str) -> None:
    async with simulate() as server:
        hub(server)
        found = await embed(routed(server, "embed", "BAAI/bge-m3", partner), ["a cat"])
    assert list(found) == [vector("a cat")]


async def test_servers_of_one_model_embed_and_classify() -> None:
    async with simulate() as server:
        for base_url in (server.url, server.base_url):
            made: Any = task_model("huggingface:bge", "embed", base_url=base_url)
            assert list(await embed(made, ["a cat"])) == [vector("a cat")]
        predicting: Any = task_model("huggingface:sst2", "classify", base_url=f"{server.url}/predict")
        assert (await classify(predicting, "How sad", labels=None))[0].label == "NEGATIVE"
        vllm: Any = task_model("vllm:sst2", "classify", base_url=server.base_url)
        found = await classify(vllm, ["How sad", "How nice"], labels=None)
        assert [(each.label, each.scores) for each in found] == [
            ("NEGATIVE", {"NEGATIVE": 0.9}),
            ("POSITIVE", {"POSITIVE": 0.9}),
        ]


async def test_a_task_waits_until_its_model_is_loaded_and_tells_of_it() -> None:
    told: list[Delta] = []
    async with simulate(faults=[Rule((Loading(0.02),), first=3)]) as server:
        found = await embed(
            routed(server, "embed", "sentence-transformers/all-MiniLM-L6-v2"), "a cat", on_event=told.append
        )
        assert (list(found), server.count) == ([vector("a cat")], 4)
    waits = [each.wait_seconds for each in told if isinstance(each, AttemptFailed)]
    assert waits == [0.02, 0.02, 0.02]


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"Rain in {city}."


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_an_agent_waits_for_its_model_within_the_deadline(is_streamed: bool) -> None:
    script = ScriptedModel(calls(("weather", {"city": "Oslo"})), "It rains.")
    async with simulate(script, faults=[Rule((Loading(0.02),), at=(1, 2, 3, 5, 6, 7))]) as server:
        asked = model("huggingface:openai/gpt-oss-120b:groq", base_url=server.base_url, api_key=KEY)
        agent = Agent(asked, tools=[weather])
        if is_streamed:
            async with agent.stream("What is the weather?") as run:
                told = [event async for event in run]
            result = run.result
            assert any(isinstance(event, AttemptFailed) for event in told)
        else:
            result = await agent.run("What is the weather?")
        assert (result.output, server.count) == ("It rains.", 8)


async def test_an_agent_whose_model_loads_beyond_the_deadline_says_so() -> None:
    settings = Settings(deadlines=Deadlines(exchange_seconds=5))
    faults = [Rule((Loading(0.02),), first=2), Rule((Loading(20),), at=(3,))]
    async with simulate(faults=faults) as server:
        agent = Agent(
            model("huggingface:openai/gpt-oss-120b", base_url=server.base_url, api_key=KEY), settings=settings
        )
        with pytest.raises(ModelLoadingError) as raised:
            await agent.run("What is the weather?")
        assert (server.count, raised.value.attempts) == (3, 3)
    assert "currently loading; a wait of 20 s would pass the exchange's deadline; allow more with" in str(raised.value)
    assert raised.value.state is not None


async def test_a_run_goes_on_when_its_model_is_loaded() -> None:
    settings = Settings(deadlines=Deadlines(exchange_seconds=5))
    script = ScriptedModel("It rains.")
    async with simulate(script, faults=[Rule((Loading(20),), first=1)]) as server:
        agent = Agent(
            model("huggingface:openai/gpt-oss-120b", base_url=server.base_url, api_key=KEY), settings=settings
        )
        with pytest.raises(ModelLoadingError) as raised:
            await agent.run("What is the weather?")
        assert server.count == 1
        assert raised.value.state is not None
        result = await agent.resume(raised.value.state)
    assert result.output == "It rains."


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/hf-inference/models/a/whisper", {"inputs": "aGk=", "parameters": [1]}),
        ("/hf-inference/models/a/mnli", {"inputs": "x", "parameters": {"candidate_labels": 5}}),
        ("/hf-inference/models/a/mnli", {"inputs": "x", "parameters": {"candidate_labels": ["a", {}]}}),
        ("/fal-ai/whisper", {"audio_url": 5}),
        ("/fal-ai/flux", []),
        ("/replicate/v1/predictions", {"input": "x"}),
        ("/replicate/v1/predictions", {"input": {"audio": 5}}),
        ("/predict", {"inputs": [[]]}),
        ("/classify", {"input": [{}]}),
    ],
    ids=str,
)
async def test_a_body_that_makes_no_sense_is_refused_and_the_simulator_goes_on(path: str, body: Any) -> None:
    async with simulate() as server, httpx.AsyncClient() as client:
        replies = [await client.post(server.url + path, json=body) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [400, 400]
