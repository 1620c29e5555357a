"""The tasks of Hugging Face beside chat: its own, those of partners, those of a server of one's own."""

from __future__ import annotations

import json
from array import array
from typing import Any
from urllib.parse import urlsplit

import pytest
from canaries import KEY
from conformance.wires import InTurn

from agentkit.classification import Classification
from agentkit.embedding import EmbeddingRequest
from agentkit.errors import (
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ModelNotFoundError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServerError,
    UnsupportedError,
)
from agentkit.exchange import ReplySeen
from agentkit.imaging import ImageRequest
from agentkit.media import Audio, Image, Inline, Remote, Uploaded
from agentkit.policies.limits import limited
from agentkit.providers import task_model
from agentkit.providers.huggingface.classification import HuggingFaceClassificationCodec
from agentkit.providers.huggingface.embeddings import FeatureExtractionCodec
from agentkit.providers.huggingface.fal import FalImagesCodec, FalSpeechCodec
from agentkit.providers.huggingface.mapping import MappingCodec, Served
from agentkit.providers.huggingface.partners import OWN, PARTNERS
from agentkit.providers.huggingface.replicate import ReplicateImagesCodec, ReplicateSpeechCodec
from agentkit.settings import Settings
from agentkit.simulator.forms import form_of
from agentkit.simulator.media import tiny_png
from agentkit.task_model import TaskModel
from agentkit.tasks.classify import classify
from agentkit.tasks.embed import embed
from agentkit.tasks.generate_image import generate_image
from agentkit.tasks.transcribe import transcribe
from agentkit.transcription import Segment, TranscriptionAnswer, TranscriptionRequest, Word

PNG = tiny_png("any")
PICTURE = Image(Inline(PNG, "image/png"))
ENCODED = Inline(PNG, "image/png").base64
SOUND = Audio(Inline(b"ID3", "audio/mpeg"))
HEARD = "data:audio/mpeg;base64,SUQz"
ROUTER = "https://router.huggingface.co"
HUB = "https://huggingface.co/api/models/a/b?expand%5B%5D=inferenceProviderMapping"


@pytest.fixture(autouse=True)
def no_other_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)


def said(value: Any) -> bytes:
    return json.dumps(value).encode()


def mapping(partner: str, task: str, name: str = "its-name", **more: Any) -> bytes:
    row = {"status": "live", "providerId": name, "task": task, **more}
    return said({"id": "a/b", "inferenceProviderMapping": {partner: row}})


def made(kind: Any, partner: str, wire: InTurn, **options: Any) -> Any:
    return task_model(f"huggingface:a/b:{partner}", kind, api_key=KEY, transport=wire, **options)


VECTORS = said({"data": [{"index": 0, "embedding": [0.5, 1.0]}], "usage": {"prompt_tokens": 3}})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("partner", "url"),
    [
        ("deepinfra", "/deepinfra/v1/openai/embeddings"),
        ("scaleway", "/scaleway/v1/embeddings"),
        ("together", "/together/v1/embeddings"),
    ],
)
async def test_partners_embed_in_openais_format_under_their_own_name_of_the_model(partner: str, url: str) -> None:
    wire = InTurn([mapping(partner, "feature-extraction"), VECTORS])
    found = await embed(made("embed", partner, wire), ["hello"])
    assert [sent.url for sent in wire.sent] == [HUB, ROUTER + url]
    assert [(sent.method, dict(sent.headers)["authorization"]) for sent in wire.sent] == [
        ("GET", f"Bearer {KEY}"),
        ("POST", f"Bearer {KEY}"),
    ]
    assert wire.body() == {"model": "its-name", "input": ["hello"]}
    assert (list(found), found.usage.input) == ([array("f", [0.5, 1.0])], 3)


@pytest.mark.anyio
async def test_the_name_that_a_partner_has_for_a_model_is_asked_for_once() -> None:
    wire = InTurn([mapping("together", "feature-extraction"), VECTORS])
    model = made("embed", "together", wire)
    for _ in range(3):
        await embed(model, ["hello"])
    assert [sent.method for sent in wire.sent] == ["GET", "POST", "POST", "POST"]
    assert KEY not in repr(model)


PAINTED: list[tuple[str, str, dict[str, Any], Any]] = [
    (
        "fal-ai",
        "/fal-ai/its/name",
        {"prompt": "a cat", "sync_mode": True, "image_size": {"width": 512, "height": 256}},
        {"images": [{"url": f"data:image/png;base64,{ENCODED}", "content_type": "image/png"}], "seed": 1},
    ),
    (
        "replicate",
        "/replicate/v1/models/its/name/predictions",
        {"input": {"prompt": "a cat", "width": 512, "height": 256}},
        {"id": "p", "status": "succeeded", "output": [f"data:image/png;base64,{ENCODED}"]},
    ),
    (
        "together",
        "/together/v1/images/generations",
        {"model": "its/name", "prompt": "a cat", "width": 512, "height": 256, "response_format": "base64"},
        {"data": [{"b64_json": ENCODED}]},
    ),
    (
        "nscale",
        "/nscale/v1/images/generations",
        {"model": "its/name", "prompt": "a cat", "size": "512x256", "response_format": "b64_json"},
        {"data": [{"b64_json": ENCODED}]},
    ),
    (
        "nebius",
        "/nebius/v1/images/generations",
        {"model": "its/name", "prompt": "a cat", "width": 512, "height": 256, "response_format": "b64_json"},
        {"data": [{"b64_json": ENCODED}]},
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("partner", "url", "body", "reply"), PAINTED, ids=[row[0] for row in PAINTED])
async def test_partners_draw_each_in_its_own_format(partner: str, url: str, body: dict[str, Any], reply: Any) -> None:
    wire = InTurn([mapping(partner, "text-to-image", "its/name"), said(reply)])
    found = await generate_image(made("generate_image", partner, wire), "a cat", size="512x256")
    assert (wire.sent[-1].url, wire.body()) == (ROUTER + url, body)
    assert [image.image for image in found.images] == [PICTURE]
    assert dict(wire.sent[-1].headers).get("prefer") == ("wait" if partner == "replicate" else None)


@pytest.mark.anyio
async def test_an_edition_at_replicate_is_named_in_the_body() -> None:
    reply = said({"status": "processing", "output": "https://replicate.delivery/out-0.png"})
    wire = InTurn([mapping("replicate", "text-to-image", "bytedance/sdxl:5599ed"), reply])
    found = await generate_image(made("generate_image", "replicate", wire), "a cat")
    assert wire.sent[-1].url == f"{ROUTER}/replicate/v1/predictions"
    assert wire.body() == {"input": {"prompt": "a cat"}, "version": "5599ed"}
    assert found.images[0].image.source == Remote("https://replicate.delivery/out-0.png")


CHUNKS = [{"timestamp": [0.0, 1.0], "text": " Hello Ada."}]
SPOKEN: list[tuple[str, str, dict[str, Any], Any]] = [
    ("fal-ai", "/fal-ai/its/name", {"audio_url": HEARD}, {"text": " Hello Ada.", "chunks": CHUNKS}),
    (
        "replicate",
        "/replicate/v1/models/its/name/predictions",
        {"input": {"audio": HEARD}},
        {"status": "succeeded", "output": {"transcription": " Hello Ada.", "detected_language": "en"}},
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize(("partner", "url", "body", "reply"), SPOKEN, ids=[row[0] for row in SPOKEN])
async def test_partners_hear_each_in_its_own_format(partner: str, url: str, body: dict[str, Any], reply: Any) -> None:
    wire = InTurn([mapping(partner, "automatic-speech-recognition", "its/name"), said(reply)])
    found = await transcribe(made("transcribe", partner, wire), SOUND)
    assert (wire.sent[-1].url, wire.body()) == (ROUTER + url, body)
    assert found.text == " Hello Ada."
    assert found.segments == ((Segment(" Hello Ada.", 0.0, 1.0),) if partner == "fal-ai" else ())


@pytest.mark.anyio
async def test_deepinfra_hears_in_openais_format() -> None:
    reply = {"text": "Hello.", "segments": [{"text": "Hello.", "start": 0, "end": 1}]}
    wire = InTurn([mapping("deepinfra", "automatic-speech-recognition"), said(reply)])
    found = await transcribe(made("transcribe", "deepinfra", wire), SOUND, segments=True)
    assert wire.sent[-1].url == f"{ROUTER}/deepinfra/v1/openai/audio/transcriptions"
    form = form_of(wire.sent[-1].body, dict(wire.sent[-1].headers)["content-type"])
    assert (form.field("model"), form.field("response_format"), form.files["file"][0].data) == (
        "its-name",
        "verbose_json",
        b"ID3",
    )
    assert (found.text, found.segments) == ("Hello.", (Segment("Hello.", 0.0, 1.0),))


def test_both_forms_of_the_hubs_reply_are_read() -> None:
    row = {"providerId": "x/y", "task": "text-to-image", "status": "live"}
    listed = said({"inferenceProviderMapping": [{"provider": "fal-ai", **row}]})
    keyed = said({"inferenceProviderMapping": {"fal-ai": {**row, "adapterWeightsPath": "lora.safetensors"}}})
    codec = MappingCodec()
    assert codec.decode(listed) == {"fal-ai": Served("x/y", "text-to-image")}
    assert codec.decode(keyed) == {"fal-ai": Served("x/y", "text-to-image", is_adapter=True)}
    for nothing in (b"{}", b"[]", b'{"inferenceProviderMapping": null}'):
        assert codec.decode(nothing) == {}
    assert type(codec.decode_error(404, {}, b'{"error": "Repository not found"}')).__name__ == "NotFoundError"


@pytest.mark.anyio
async def test_the_hub_may_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
    wire = InTurn([mapping("together", "feature-extraction"), VECTORS])
    await embed(made("embed", "together", wire, base_url="https://router.example/v1"), ["hello"])
    assert [sent.url.partition("?")[0] for sent in wire.sent] == [
        "https://hub.example/api/models/a/b",
        "https://router.example/together/v1/embeddings",
    ]


@pytest.mark.anyio
async def test_whatever_stands_in_a_name_stays_a_part_of_the_path() -> None:
    wire = InTurn([mapping("fal-ai", "automatic-speech-recognition", "x/y?z=1\r\n"), said({"text": "Hi."})])
    await transcribe(made("transcribe", "fal-ai", wire), SOUND)
    assert wire.sent[1].url == f"{ROUTER}/fal-ai/x/y%3Fz%3D1%0D%0A"
    own = InTurn([b"[[0.5, 1.0]]"])
    model: Any = task_model("huggingface:a/b c?d", "embed", api_key=KEY, transport=own)
    await embed(model, ["hello"])
    assert own.sent[0].url == f"{ROUTER}/hf-inference/models/a/b%20c%3Fd/pipeline/feature-extraction"


@pytest.mark.anyio
async def test_a_name_that_is_no_longer_the_partners_is_asked_for_again() -> None:
    old, new = (mapping("together", "feature-extraction", name) for name in ("old", "new"))
    wire = InTurn([old, NotFoundError("no such model"), new, VECTORS])
    model = made("embed", "together", wire)
    with pytest.raises(NotFoundError):
        await embed(model, ["hello"])
    await embed(model, ["hello"])
    assert [wire.body(at)["model"] for at in (1, 3)] == ["old", "new"]


@pytest.mark.anyio
async def test_the_key_of_a_router_elsewhere_is_not_told_to_the_hub() -> None:
    wire = InTurn([mapping("together", "feature-extraction"), VECTORS] * 2)
    await embed(made("embed", "together", wire, base_url="https://router.example/v1"), ["hello"])
    await embed(made("embed", "together", wire), ["hello"])
    told = [(urlsplit(sent.url).hostname, "authorization" in dict(sent.headers)) for sent in wire.sent]
    assert told == [
        ("huggingface.co", False),
        ("router.example", True),
        ("huggingface.co", True),
        ("router.huggingface.co", True),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["", "/v1"])
async def test_an_endpoint_that_sleeps_holds_requests_for_tasks_too(path: str) -> None:
    wire = InTurn([VECTORS if path else b"[[0.5, 1.0]]"])
    base_url = f"https://x.us-east-1.aws.endpoints.huggingface.cloud{path}"
    model: Any = task_model("huggingface:a/b", "embed", base_url=base_url, api_key=KEY, transport=wire)
    await embed(model, ["hello"])
    assert dict(wire.sent[0].headers)["x-scale-up-timeout"] == "270"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (
            mapping("nscale", "text-to-image"),
            ModelNotFoundError,
            "fal-ai does not serve a/b; these do: nscale (huggingface:a/b:fal-ai)",
        ),
        (said({}), ModelNotFoundError, "fal-ai does not serve a/b; no partner does (huggingface:a/b:fal-ai)"),
        (
            mapping("fal-ai", "text-to-video"),
            UnsupportedError,
            "huggingface:a/b:fal-ai: fal-ai serves a/b for text-to-video, not text-to-image",
        ),
        (
            mapping("fal-ai", "text-to-image", adapterWeightsPath="lora.safetensors"),
            UnsupportedError,
            "huggingface:a/b:fal-ai is an adapter of another model, which partners cannot be asked for here",
        ),
    ],
)
async def test_a_model_that_the_partner_does_not_serve_so_is_refused(
    reply: bytes, error: type[Exception], words: str
) -> None:
    wire = InTurn([reply])
    with pytest.raises(error) as raised:
        await generate_image(made("generate_image", "fal-ai", wire), "a cat")
    assert (str(raised.value), len(wire.sent)) == (words, 1)


@pytest.mark.parametrize(
    ("kind", "partner", "words"),
    [
        (
            "embed",
            "groq",
            "huggingface:a/b:groq: the partner 'groq' is not asked for feature-extraction; these are: hf-inference, "
            "deepinfra, scaleway, together",
        ),
        (
            "generate_image",
            "wavespeed",
            "huggingface:a/b:wavespeed: the partner 'wavespeed' is not asked for text-to-image; these are: "
            "hf-inference, fal-ai, nebius, nscale, replicate, together",
        ),
        (
            "classify",
            "together",
            "huggingface:a/b:together: the partner 'together' is not asked for classification; these are: hf-inference",
        ),
        (
            "transcribe",
            "fastest",
            "huggingface:a/b:fastest: the router chooses partners (fastest) for chat alone; name one that does "
            "automatic-speech-recognition (hf-inference, deepinfra, fal-ai, replicate), or leave it out for "
            "hf-inference: huggingface:a/b",
        ),
    ],
)
def test_a_partner_that_does_not_offer_the_task_is_refused_with_those_that_do(
    kind: Any, partner: str, words: str
) -> None:
    with pytest.raises(UnsupportedError) as raised:
        made(kind, partner, InTurn([b""]))
    assert str(raised.value) == words


@pytest.mark.parametrize("partner", [OWN, *PARTNERS])
def test_each_partner_is_made_for_the_tasks_of_its_row_and_no_other(partner: str) -> None:
    tasks = (
        PARTNERS[partner].tasks if partner != OWN else frozenset(("embed", "generate_image", "transcribe", "classify"))
    )
    for kind in ("embed", "generate_image", "transcribe", "classify"):
        if kind in tasks:
            assert made(kind, partner, InTurn([b""])).identity.model == f"a/b:{partner}"
        else:
            with pytest.raises(UnsupportedError):
                made(kind, partner, InTurn([b""]))


def asked(**more: Any) -> ImageRequest:
    fields: dict[str, Any] = {"model": "a/b", "prompt": "a cat", **more}
    return ImageRequest(**fields)


@pytest.mark.parametrize("codec", [FalImagesCodec(), ReplicateImagesCodec()], ids=["fal", "replicate"])
def test_what_text_to_image_does_not_know_is_refused(codec: Any) -> None:
    for more, words in (
        ({"images": (PICTURE,)}, "makes pictures from words only"),
        ({"partial_images": 1}, "shows no unfinished pictures"),
        ({"quality": "high"}, "has no quality to choose"),
        ({"size": "16:9"}, "takes a size such as '1024x768'"),
    ):
        with pytest.raises(UnsupportedError, match=words):
            codec.encode(asked(**more))
    own = Settings(extra={"huggingface": {"seed": 7}})
    assert b'"seed":7' in codec.encode(asked(settings=own)).body


def heard(**more: Any) -> TranscriptionRequest:
    fields: dict[str, Any] = {"model": "a/b", "audio": SOUND, **more}
    return TranscriptionRequest(**fields)


def test_partners_fetch_sounds_and_refuse_what_they_do_not_know() -> None:
    fetched = heard(audio=Audio(Remote("https://x.example/a.mp3")))
    assert json.loads(FalSpeechCodec().encode(fetched).body) == {"audio_url": "https://x.example/a.mp3"}
    wire = FalSpeechCodec().encode(heard(words=True, language="en"))
    assert json.loads(wire.body) == {"audio_url": HEARD, "language": "en", "chunk_level": "word"}
    for codec, request, words in (
        (FalSpeechCodec(), heard(prompt="Ada"), "takes no prompt"),
        (FalSpeechCodec(), heard(words=True, segments=True), "not of both"),
        (FalSpeechCodec(), heard(audio=Audio(Inline(b"OggS", "audio/ogg"))), "MP3, WAV and WebM inside a request"),
        (ReplicateSpeechCodec(), heard(words=True), "text without times"),
        (ReplicateSpeechCodec(), heard(language="en"), "in a field of its own"),
        (ReplicateSpeechCodec(), heard(audio=Audio(Uploaded("f", "openai"))), "not a file at a provider"),
    ):
        with pytest.raises(UnsupportedError, match=words):
            codec.encode(request)
    spelled = said(
        {"text": "Hi Ada", "chunks": [{"text": " Hi", "timestamp": [0, 1]}, {"text": " Ada", "timestamp": [1, 2]}]}
    )
    assert FalSpeechCodec().decode(spelled).words == (Word("Hi", 0.0, 1.0), Word("Ada", 1.0, 2.0))


@pytest.mark.parametrize(
    ("given", "named"),
    [("audio/wav", "audio/x-wav"), ("audio/mpeg", "audio/mpeg"), ("audio/webm;codecs=opus", "video/webm")],
)
def test_sounds_inside_a_request_are_named_as_fal_knows_them(given: str, named: str) -> None:
    wire = FalSpeechCodec().encode(heard(audio=Audio(Inline(b"ID3", given))))
    assert json.loads(wire.body) == {"audio_url": f"data:{named};base64,SUQz"}


def test_a_transcript_of_fal_may_stand_in_output_with_segments() -> None:
    reply = {"output": "Hi. Bye now.", "segments": [{"text": "Hi. Bye now.", "start": 0.5, "end": 2}]}
    told = FalSpeechCodec().decode(said(reply))
    assert told == TranscriptionAnswer("Hi. Bye now.", (Segment("Hi. Bye now.", 0.5, 2.0),))


def test_a_picture_that_fals_checker_blackened_is_an_error() -> None:
    reply = {"images": [{"url": "https://x.example/black.png"}], "has_nsfw_concepts": [False]}
    assert len(FalImagesCodec().decode(said(reply)).images) == 1
    with pytest.raises(ContentFilteredError, match="safety checker blackened"):
        FalImagesCodec().decode(said({**reply, "has_nsfw_concepts": [True]}))


def test_a_prompt_that_fal_refuses_for_its_content_is_told_from_a_bad_request() -> None:
    complaint = {"loc": ["body", "prompt"], "msg": "Flagged by a checker.", "type": "content_policy_violation"}
    error = FalImagesCodec().decode_error(422, {}, said({"detail": [complaint]}))
    assert (type(error), error.message) == (ContentFilteredError, "body.prompt: Flagged by a checker.")


@pytest.mark.parametrize(
    "reply",
    [
        [],
        [[]],
        {"labels": ["a", "b"], "scores": [0.5]},
        [{"label": "a", "score": 10**400}],
        [{"label": "a", "score": "nan"}],
        [{"label": "a", "score": 0.5}, "b"],
        [{"label": None, "score": 0.5}],
    ],
    ids=lambda reply: str(reply)[:30],
)
def test_labels_without_scores_are_an_error_and_not_made_up(reply: Any) -> None:
    with pytest.raises(ProtocolError, match="holds no labels with scores"):
        HuggingFaceClassificationCodec().decode(said(reply))


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("Hello", "Hello"),
        (["Hello"], "Hello"),
        ([{"text": "Hello"}], "Hello"),
        ({"translation": "Hello"}, "Hello"),
        ({"transcription": "Hello", "translation": ""}, "Hello"),
        ("", ""),
        ({"transcription": "", "translation": None}, ""),
    ],
)
def test_every_form_of_a_transcript_of_replicate_is_read(output: Any, text: str) -> None:
    assert ReplicateSpeechCodec().decode(said({"output": output})) == TranscriptionAnswer(text)


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        ({"id": "p1", "status": "processing", "output": None}, DeadlineError, "prediction p1 is processing after the"),
        ({"status": "failed", "error": "CUDA out of memory"}, ServerError, "failed: CUDA out of memory"),
        ({"status": "failed", "error": "NSFW content detected"}, ContentFilteredError, "NSFW content detected"),
        ({"status": "aborted"}, ServerError, "failed: aborted"),
        ({"status": "failed", "error": "token r8_AbCd1234567890"}, ServerError, r"failed: token \[key\]"),
        ({"id": "p1", "status": "processing", "output": []}, DeadlineError, "prediction p1 is processing after the"),
        ({"error": "rate limit exceeded"}, RateLimitError, "rate limit exceeded"),
        ({}, ProtocolError, "'output' is missing"),
        ({"output": []}, ProtocolError, "holds no"),
        ({"output": 7}, ProtocolError, "no"),
    ],
)
def test_a_prediction_without_an_answer_is_an_error(reply: Any, error: type[Exception], words: str) -> None:
    for codec in (ReplicateImagesCodec(), ReplicateSpeechCodec()):
        with pytest.raises(error, match=words):
            codec.decode(said(reply))


@pytest.mark.anyio
async def test_a_prediction_that_goes_on_is_not_begun_a_second_time() -> None:
    wire = InTurn(
        [mapping("replicate", "text-to-image", "x/y"), said({"id": "p", "status": "starting", "output": None})]
    )
    with pytest.raises(DeadlineError, match="ask again when its model is warm"):
        await generate_image(made("generate_image", "replicate", wire), "a cat")
    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    ("model", "base_url", "path"),
    [
        ("a/b", None, f"{ROUTER}/hf-inference/models/a/b/pipeline/feature-extraction"),
        ("a/b:hf-inference", None, f"{ROUTER}/hf-inference/models/a/b/pipeline/feature-extraction"),
        ("a/b", "https://mine.example", "https://mine.example/embed"),
        ("a/b", "https://mine.example/embed/", "https://mine.example/embed"),
        ("a/b", "https://mine.example/v1", "https://mine.example/v1/embeddings"),
        (
            "a/b:hf-inference",
            "https://router.example/v1",
            "https://router.example/hf-inference/models/a/b/pipeline/feature-extraction",
        ),
    ],
)
@pytest.mark.anyio
async def test_an_address_is_a_server_of_one_model_unless_a_partner_is_named(
    model: str, base_url: str | None, path: str
) -> None:
    is_openai = path.endswith("/v1/embeddings")
    wire = InTurn([VECTORS if is_openai else b"[[0.5, 1.0]]"])
    made: Any = task_model(f"huggingface:{model}", "embed", base_url=base_url, api_key=KEY, transport=wire)
    own = Settings(extra={"huggingface": {"truncate": True}})
    found = await embed(made, ["hello"], settings=own)
    assert (wire.sent[0].url, list(found)) == (path, [array("f", [0.5, 1.0])])
    assert wire.body() == (
        {"model": "a/b", "input": ["hello"], "truncate": True} if is_openai else {"inputs": ["hello"], "truncate": True}
    )


@pytest.mark.anyio
async def test_predict_of_text_embeddings_inference_has_its_parameters_beside_the_text() -> None:
    wire = InTurn([said([{"score": 0.9, "label": "POSITIVE"}, {"score": 0.1, "label": "NEGATIVE"}])])
    options: Any = {"base_url": "http://127.0.0.1:8080/predict", "transport": wire}
    model: Any = task_model("huggingface:sst2", "classify", **options)
    own = Settings(extra={"huggingface": {"truncate": True, "raw_scores": False}})
    found = await classify(model, "Fine!", labels=None, settings=own)
    assert list(found) == [Classification(("POSITIVE",), {"POSITIVE": 0.9, "NEGATIVE": 0.1})]
    assert wire.sent[0].url == "http://127.0.0.1:8080/predict"
    assert wire.body() == {"inputs": "Fine!", "truncate": True, "raw_scores": False}
    with pytest.raises(UnsupportedError, match=r"labels of (yours|its own)"):
        await classify(model, "Fine!", labels=["a", "b"])
    with pytest.raises(UnsupportedError, match="reads texts only"):
        await classify(model, PICTURE, labels=None)


def test_a_text_that_is_too_long_for_text_embeddings_inference_is_one_that_is_too_long() -> None:
    body = {
        "error": "Input validation error: `inputs` must have less than 512 tokens. Given: 513",
        "error_type": "Validation",
    }
    assert isinstance(FeatureExtractionCodec().decode_error(413, {}, said(body)), ContextLengthError)


@pytest.mark.anyio
async def test_policies_hold_for_partners_and_hear_what_their_replies_say() -> None:
    wire = InTurn([mapping("together", "feature-extraction"), VECTORS])
    partner: TaskModel[Any, Any] = made("embed", "together", wire)
    slow = limited(partner, concurrency=1)
    assert list(await embed(slow, ["hello"])) == [array("f", [0.5, 1.0])]
    seen: list[ReplySeen] = []
    question = EmbeddingRequest("a/b:together", ("hello",))
    again = InTurn([mapping("together", "feature-extraction"), VECTORS])
    await made("embed", "together", again).perform(question, Settings(), observe=seen.append)
    assert len(seen) == 1
