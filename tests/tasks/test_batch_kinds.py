"""Batches of vectors, labels, pictures and transcripts: what the function of the task gives, for each input."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from shared import oracle
from tracing.watched import Watched, check

from agentkit import tracing
from agentkit.batching import BatchLimits
from agentkit.budget import Budget
from agentkit.embedding import EmbeddingRequest
from agentkit.errors import (
    BadRequestError,
    BudgetExceededError,
    ConfigurationError,
    ExchangeError,
    StateError,
    UnsupportedError,
)
from agentkit.exchange import Request, Response
from agentkit.imaging import ImageRequest
from agentkit.media import Audio, Image, Inline, Remote
from agentkit.messages import AssistantMessage, Text, user_message
from agentkit.models import Model, Sink
from agentkit.policies.limits import limited
from agentkit.prices import PriceBook
from agentkit.providers import model, task_model
from agentkit.providers.google.batches import GeminiBatchesCodec
from agentkit.providers.openai.batches import BatchesCodec
from agentkit.simulator.forms import form_of
from agentkit.simulator.media import tiny_png
from agentkit.simulator.server import Simulator, simulate
from agentkit.task_model import TaskModel
from agentkit.tasks.batch import (
    BatchKind,
    Classify,
    Embed,
    GenerateImage,
    Transcribe,
    batch,
    batch_status,
    fetch_batch,
    submit_batch,
)
from agentkit.tasks.batch_results import BatchResults
from agentkit.tasks.classify import Classifications
from agentkit.tasks.embed import Embeddings
from agentkit.tasks.generate_image import GeneratedImages
from agentkit.tasks.transcribe import Transcription
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio

EMBEDDING = {
    "openai": "openai:text-embedding-3-small",
    "azure": "azure:my-embeddings",
    "google": "google:gemini-embedding-001",
    "mistral": "mistral:mistral-embed",
}
MODERATION = {
    "openai": "openai:omni-moderation-latest",
    "mistral": "mistral:mistral-moderation-latest",
}
CHAT = {
    "openai": "openai:gpt-6-luna",
    "anthropic": "anthropic:claude-haiku-5-5",
    "google": "google:gemini-3.5-flash",
    "mistral": "mistral:mistral-small-latest",
    "groq": "groq:llama-3.3-70b-versatile",
}
WAV = (
    b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data"
)


class Labels:
    """Chooses the label that the text names; a text that says "fail" is refused."""

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        text = request.messages[-1].text
        if "fail" in text:
            raise BadRequestError("refused", status=400)
        label = "sports" if "goal" in text else "politics"
        words = json.dumps({"label": label})
        return Response(AssistantMessage((Text(words),), request.model, usage=Usage(100, output=10)))


class Draws:
    """Draws what is asked for, and writes down what it hears."""

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        message = request.messages[-1]
        if any(part.kind == "audio" for part in message.parts):
            return Response(AssistantMessage((Text("hello there"),), request.model, usage=Usage(10, output=5)))
        if "nothing" in message.text:
            return Response(AssistantMessage((Text("I will not draw this."),), request.model, usage=Usage(10)))
        picture = Image(Inline(tiny_png(message.text), "image/png"))
        return Response(AssistantMessage((picture,), request.model, usage=Usage(10, output=1000)))


def at(simulator: Simulator, name: str, task: Any = "embed") -> TaskModel[Any, Any]:
    vendor = name.partition(":")[0]
    base = simulator.base_url if vendor in ("openai", "mistral") else simulator.url
    base += "/openai/v1" if vendor == "groq" else ""
    return task_model(name, task, base_url=base, api_key="any")


def chat_at(simulator: Simulator, name: str) -> Model:
    vendor = name.partition(":")[0]
    base = simulator.base_url if vendor in ("openai", "mistral") else simulator.url
    base += "/openai/v1" if vendor == "groq" else ""
    return model(name, base_url=base, api_key="any")


def posted(simulator: Simulator) -> list[str]:
    return [seen.asked.path for seen in simulator.requests if seen.asked.method == "POST"]


def lines_sent(simulator: Simulator) -> list[dict[str, Any]]:
    uploads = [seen.asked for seen in simulator.requests if seen.asked.path.endswith("/files")]
    files = [form_of(asked.body, asked.header("content-type")).files["file"][0].data for asked in uploads]
    return [json.loads(line) for data in files for line in data.splitlines()]


@pytest.mark.parametrize("vendor", EMBEDDING)
async def test_vectors_are_those_that_embed_gives(vendor: str) -> None:
    async with simulate() as simulator:
        chosen = at(simulator, EMBEDDING[vendor])
        asked = {"b": "a cat", "a": "a dog", "c": "a cat"}
        done = await batch(chosen, asked, kind=Embed(), poll_seconds=0)
        at_once = await batch(chosen, asked, kind=Embed(), via="requests")

    assert list(done) == ["b", "a", "c"]
    assert vectors(done) == vectors(at_once)
    assert vectors(done)["b"] == vectors(done)["c"] != vectors(done)["a"]
    assert all(isinstance(each, Embeddings) for each in done.responses.values())


def vectors(done: BatchResults[Embeddings]) -> dict[str, list[float]]:
    return {id: found[0].tolist() for id, found in done.responses.items()}


@pytest.mark.parametrize("name", ["openai:text-embedding-3-small", "google:gemini-embedding-001"])
async def test_limits_bound_requests_and_not_a_batch(name: str) -> None:
    async with simulate() as simulator:
        bound = limited(at(simulator, name), concurrency=1)
        at_once = await batch(bound, ["a cat", "a dog"], kind=Embed(), via="requests")
        later = await batch(bound, ["a cat", "a dog"], kind=Embed(), poll_seconds=0)

    assert vectors(at_once) == vectors(later)


async def test_vectors_cost_half_and_are_as_long_as_asked_for() -> None:
    async with simulate() as simulator:
        chosen = at(simulator, EMBEDDING["openai"])
        done = await batch(chosen, ["a cat", "a dog"], kind=Embed(dimensions=8), poll_seconds=0)
        at_once = await batch(chosen, ["a cat", "a dog"], kind=Embed(dimensions=8), via="requests")
        sent = lines_sent(simulator)

    assert [found.dimensions for found in done.responses.values()] == [8, 8]
    assert (done.usage, done.cost.is_known) == (at_once.usage, True)
    assert done.cost.usd * 2 == pytest.approx(at_once.cost.usd)
    assert sum(found.cost.usd for found in done.responses.values()) == pytest.approx(done.cost.usd)
    assert [line["url"] for line in sent] == ["/v1/embeddings"] * 2
    assert oracle("oracle_openai").check_batch_file(sent) == []


async def test_geminis_vectors_are_counted_in_a_batch() -> None:
    async with simulate() as simulator:
        done = await batch(at(simulator, EMBEDDING["google"]), ["a cat", "a dog"], kind=Embed(), poll_seconds=0)

    price = PriceBook().cost_of("google", "gemini-embedding-001", done.usage)
    assert done.usage.input > 0
    assert done.cost.usd == pytest.approx(price.usd / 2)


async def test_many_texts_are_uploaded_to_gemini(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GeminiBatchesCodec, "limits", BatchLimits(100, 10**6))
    async with simulate() as simulator:
        chosen = at(simulator, EMBEDDING["google"])
        done = await batch(chosen, {"b": "a cat", "a": "a dog"}, kind=Embed(dimensions=8), poll_seconds=0)
        at_once = await batch(chosen, {"b": "a cat", "a": "a dog"}, kind=Embed(dimensions=8), via="requests")
        sent = [path for path in posted(simulator) if "files" in path or "async" in path]

    assert vectors(done) == vectors(at_once)
    assert sent == ["/upload/v1beta/files", "/v1beta/models/gemini-embedding-001:asyncBatchEmbedContent"]


async def test_a_request_of_ones_own_may_have_many_texts() -> None:
    requests = [EmbeddingRequest("", ("a cat", "a dog")), EmbeddingRequest("", ("a bird",), dimensions=4)]
    async with simulate() as simulator:
        done = await batch(at(simulator, EMBEDDING["openai"]), requests, kind=Embed(), poll_seconds=0)

    assert [(len(found), found.dimensions) for found in done.responses.values()] == [(2, 1536), (1, 4)]


async def test_more_texts_than_a_batch_takes_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchesCodec, "limits", BatchLimits(9, 10**6, texts=3))
    requests = [EmbeddingRequest("", ("a cat", "a dog")) for _ in range(3)]
    async with simulate() as simulator:
        done = await batch(at(simulator, EMBEDDING["openai"]), requests, kind=Embed(), poll_seconds=0)
        created = [path for path in posted(simulator) if path.endswith("/batches")]

    assert (len(done.responses), len(created)) == (3, 3)


@pytest.mark.parametrize("vendor", EMBEDDING)
async def test_a_state_file_knows_the_kind_of_its_batch(vendor: str, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(batch_seconds=100) as simulator:
        chosen = at(simulator, EMBEDDING[vendor])
        await submit_batch(chosen, ["a cat", "a dog"], kind=Embed(dimensions=8), state=state)
        simulator.advance(100)
        seen = await batch_status(state, model=chosen)
        done = await fetch_batch(state, model=chosen)

    assert (seen.done, seen.is_over) == (2, True)
    assert [found.dimensions for found in done.responses.values()] == [8, 8]
    assert json.loads(state.read_text())["task"] == {"name": "embed", "dimensions": 8, "purpose": None}
    assert "a cat" not in state.read_text()


async def test_the_state_of_one_kind_is_not_that_of_another(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate() as simulator:
        chosen = at(simulator, EMBEDDING["openai"])
        await submit_batch(chosen, ["a cat"], kind=Embed(), state=state)
        with pytest.raises(StateError, match="is the state of another batch"):
            await submit_batch(chosen, ["a cat"], kind=Embed(dimensions=8), state=state)
        document = json.loads(state.read_text()) | {"task": {"name": "sing"}}
        state.write_text(json.dumps(document))
        with pytest.raises(StateError, match="is of a batch of 'sing'"):
            await fetch_batch(state, model=chosen)


@pytest.mark.parametrize("vendor", MODERATION)
async def test_a_moderation_is_asked_of_the_providers_own_endpoint(vendor: str) -> None:
    async with simulate() as simulator:
        chosen = at(simulator, MODERATION[vendor], "classify")
        asked = {"a": "good morning", "b": "I will kill you"}
        done = await batch(chosen, asked, kind=Classify("moderation"), poll_seconds=0)
        at_once = await batch(chosen, asked, kind=Classify("moderation"), via="requests")

    assert flags(done) == flags(at_once) == {"a": False, "b": True}


def flags(done: BatchResults[Classifications]) -> dict[str, bool | None]:
    return {id: found[0].is_flagged for id, found in done.responses.items()}


@pytest.mark.parametrize("vendor", CHAT)
async def test_labels_of_yours_travel_as_chats(vendor: str, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    kind = Classify(["sports", "politics"])
    asked = {"a": "what a goal", "b": "fail", "c": "a vote"}
    async with simulate(Labels(), batch_seconds=100) as simulator:
        chosen = chat_at(simulator, CHAT[vendor])
        await submit_batch(chosen, asked, kind=kind, state=state)
        simulator.advance(100)
        done = await fetch_batch(state, model=chosen)
        at_once = await batch(chosen, asked, kind=kind, via="requests")

    assert labels(done) == labels(at_once) == {"a": "sports", "b": BadRequestError, "c": "politics"}


def labels(done: Mapping[str, Classifications | ExchangeError]) -> dict[str, object]:
    return {id: type(each) if isinstance(each, ExchangeError) else each[0].label for id, each in done.items()}


async def test_pictures_are_made_and_edited_by_openai() -> None:
    picture = Image(Inline(tiny_png("blue"), "image/png"))
    async with simulate() as simulator:
        chosen = at(simulator, "openai:gpt-image-2", "generate_image")
        made = await batch(chosen, ["a lighthouse", "a cow"], kind=GenerateImage(size="1024x1024"), poll_seconds=0)
        edited = await batch(
            chosen, [ImageRequest("", "make it red", (picture,))], kind=GenerateImage(), poll_seconds=0
        )
        sent = lines_sent(simulator)

    assert [found.images[0].data[:4] for found in made.responses.values()] == [b"\x89PNG"] * 2
    assert [found.images[0].media_type for found in edited.responses.values()] == ["image/png"]
    assert [line["url"] for line in sent] == ["/v1/images/generations"] * 2 + ["/v1/images/edits"]
    assert sent[0]["body"]["size"] == "1024x1024"
    assert b64decode(sent[2]["body"]["images"][0]["image_url"].partition(",")[2]) == tiny_png("blue")


async def test_made_and_edited_pictures_are_two_batches() -> None:
    picture = Image(Inline(tiny_png("blue"), "image/png"))
    asked = {"a": ImageRequest("", "a cow"), "b": ImageRequest("", "make it red", (picture,))}
    async with simulate() as simulator:
        with pytest.raises(ConfigurationError, match="'a' goes to /images/generations and 'b' to /images/edits"):
            await batch(at(simulator, "openai:gpt-image-2", "generate_image"), asked, kind=GenerateImage())

    assert simulator.count == 0


async def test_geminis_pictures_travel_as_chats() -> None:
    async with simulate(Draws()) as simulator:
        chosen = at(simulator, "google:gemini-3.1-flash-image-preview", "generate_image")
        asked = {"a": "a lighthouse", "b": "nothing"}
        done = await batch(chosen, asked, kind=GenerateImage(size="16:9"), poll_seconds=0)
        at_once = await batch(chosen, asked, kind=GenerateImage(size="16:9"), via="requests")
        (created,) = (seen.asked.body for seen in simulator.requests if "batch" in seen.asked.path and seen.asked.body)

    assert pictures(done) == pictures(at_once)
    assert isinstance(done["a"], GeneratedImages)
    assert "holds no picture" in str(done.errors["b"])
    assert b'"aspectRatio":"16:9"' in created


def pictures(done: BatchResults[GeneratedImages]) -> dict[str, bytes]:
    return {id: found.images[0].data for id, found in done.responses.items()}


async def test_transcripts_travel_as_chats_at_gemini_and_by_address_at_groq(tmp_path: Path) -> None:
    sound = tmp_path / "hello.wav"
    sound.write_bytes(WAV + b"\x00\x00\x00\x00")
    address = Audio(Remote("https://example.org/hello.mp3"))
    async with simulate(Draws()) as simulator:
        heard = await batch(
            at(simulator, "google:gemini-3.5-flash", "transcribe"), [sound], kind=Transcribe(language="en")
        )
        groq = at(simulator, "groq:whisper-large-v3", "transcribe")
        fetched = await batch(groq, {"x": address}, kind=Transcribe(language="en"), poll_seconds=0)
        with pytest.raises(UnsupportedError, match="takes sound by its address in a batch"):
            await batch(groq, [sound], kind=Transcribe())
        (line,) = (line for line in lines_sent(simulator) if "url" in line)

    assert isinstance(heard["0"], Transcription)
    assert heard.responses["0"].text == "hello there"
    assert isinstance(fetched["x"], Transcription)
    assert (line["url"], line["body"]) == (
        "/v1/audio/transcriptions",
        {
            "model": "whisper-large-v3",
            "language": "en",
            "response_format": "json",
            "url": "https://example.org/hello.mp3",
        },
    )


@pytest.mark.parametrize(
    ("name", "kind", "task", "said"),
    [
        (
            "openai:whisper-1",
            Transcribe(),
            "transcribe",
            "no batches of transcripts.*one of mistral, groq, azure-speech, google",
        ),
        ("azure:drawing", GenerateImage(), "generate_image", "no batches of pictures.*one of openai, bedrock, google"),
        (
            "ollama:nomic-embed-text",
            Embed(),
            "embed",
            "no batches of embeddings.*one of openai, azure, google, mistral",
        ),
        ("offline:", Embed(), "embed", "no batches of embeddings"),
        ("huggingface:BAAI/bge-small-en-v1.5", Embed(), "embed", "no batches of embeddings.*one of openai, azure"),
        ("huggingface:black-forest-labs/FLUX.1-dev", GenerateImage(), "generate_image", "no batches of pictures"),
        ("huggingface:openai/whisper-large-v3", Transcribe(), "transcribe", "no batches of transcripts"),
        (
            "together:m2-bert",
            Embed(),
            "embed",
            "together has batches in a form of its own, which agentkit does not speak",
        ),
    ],
)
async def test_a_kind_that_a_provider_has_no_batches_of_names_those_that_have(
    name: str, kind: BatchKind[Any], task: Any, said: str
) -> None:
    chosen = task_model(name, task, base_url="https://example.org/v1", api_key="any")
    with pytest.raises(UnsupportedError, match=said):
        await batch(chosen, ["x"] if task != "transcribe" else [Audio(Remote("https://e.org/x"))], kind=kind)


async def test_who_does_not_do_the_task_at_all_is_told_by_name() -> None:
    with pytest.raises(UnsupportedError, match="Anthropic Claude does not offer embeddings; these do: openai"):
        await batch("anthropic:claude-haiku-5-5", ["x"], kind=Embed())
    with pytest.raises(UnsupportedError, match="is a model for chat, not for embeddings"):
        await batch("openai:gpt-6-luna", ["x"], kind=Embed())
    with pytest.raises(UnsupportedError, match="has no moderation"):
        await batch(task_model("openai:gpt-6-luna", "classify", api_key="x"), ["x"], kind=Classify("moderation"))


@pytest.mark.parametrize(
    ("kind", "entry", "said"),
    [
        (Embed(), " ", "an input is an empty text"),
        (Embed(), 5, "an input is a int; give a text or an Image to embed"),
        (Embed(), Request("", (user_message("x"),)), "which is for chats"),
        (None, EmbeddingRequest("", ("x",)), r"say kind=Embed\(\)"),
        ("embed", "x", r"write kind=Embed\(\)"),
        (Embed, "x", r"write kind=Embed\(\)"),
        (Classify([]), "x", "nothing is to be chosen"),
    ],
)
async def test_an_input_or_a_kind_that_is_none_is_named(kind: Any, entry: Any, said: str) -> None:
    name = "openai:gpt-6-luna" if kind is None or isinstance(kind, Classify) else EMBEDDING["openai"]
    chosen = model(name, api_key="any") if "luna" in name else task_model(name, "embed", api_key="any")
    options: Any = {"kind": kind}
    with pytest.raises(ConfigurationError, match=said):
        await batch(chosen, [entry], **options)


async def test_instructions_are_for_chats() -> None:
    options: Any = {"kind": Embed(), "instructions": "Be brief."}
    with pytest.raises(ConfigurationError, match="instructions are for models that chat"):
        await batch("openai:text-embedding-3-small", ["x"], **options)


async def test_a_budget_is_reserved_for_vectors_too() -> None:
    async with simulate() as simulator:
        with pytest.raises(BudgetExceededError, match="the batch needs about"):
            await batch(
                at(simulator, EMBEDDING["openai"]),
                ["a long text " * 1000] * 10,
                kind=Embed(),
                budget=Budget(usd=1e-6),
                prices=PriceBook(),
            )

    assert simulator.count == 0


@pytest.mark.parametrize(
    ("name", "task", "kind", "operation"),
    [
        ("openai:text-embedding-3-small", "embed", Embed(dimensions=8), "embeddings"),
        ("openai:omni-moderation-latest", "classify", Classify("moderation"), "generate_content"),
        ("openai:gpt-image-2", "generate_image", GenerateImage(), "generate_content"),
    ],
)
async def test_a_batch_of_a_kind_has_one_span_of_the_conventions_without_content(
    name: str, task: Any, kind: BatchKind[Any], operation: str, tmp_path: Path
) -> None:
    watched = Watched(content=True)
    tracing.configure(tracer_provider=watched.provider, meter_provider=watched.meters, content=True)
    try:
        async with simulate() as simulator:
            done = await batch(at(simulator, name, task), ["MARKER-one", "two"], kind=kind, poll_seconds=0)
    finally:
        tracing.configure(tracer_provider=TracerProvider(), meter_provider=MeterProvider())
        tracing.configure()
    check(tmp_path, watched, "--allow-bare")
    (span,) = watched.finished
    assert (span.name, len(done.responses)) == (f"{operation} {name.partition(':')[2]}", 2)
    assert "MARKER" not in watched.exported()


async def test_several_texts_in_one_request_are_refused_where_a_batch_takes_one() -> None:
    async with simulate() as simulator:
        with pytest.raises(UnsupportedError, match="each request embeds one input, and this one has 2"):
            await batch(at(simulator, EMBEDDING["google"]), [EmbeddingRequest("", ("a", "b"))], kind=Embed())
