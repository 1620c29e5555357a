"""limited, fallback and cached around models of the APIs beside chat, at a simulator."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationOffer,
    ClassificationRequest,
)
from agentkit.embedding import EmbeddingAnswer, EmbeddingLimits, EmbeddingRequest
from agentkit.errors import (
    BudgetExceededError,
    ConfigurationError,
    DeadlineError,
    OverloadedError,
    ProtocolError,
    UnsupportedError,
)
from agentkit.exchange import AttemptFailed, ModelSwitched, PartialImage, TextDelta, Waiting
from agentkit.imaging import GeneratedImage, ImageAnswer, ImageLimits, ImageRequest
from agentkit.media import Audio, Image, Inline, Remote
from agentkit.models import ModelIdentity
from agentkit.policies.cache import cached
from agentkit.policies.fallback import fallback
from agentkit.policies.limits import limited
from agentkit.policies.tasks import TaskPolicy
from agentkit.providers import task_model
from agentkit.providers.table import TaskKind
from agentkit.settings import Deadlines, Settings
from agentkit.simulator.media import tiny_png
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.task_model import TaskModel, TaskReply
from agentkit.tasks.classify import classify
from agentkit.tasks.embed import embed
from agentkit.tasks.generate_image import generate_image
from agentkit.tasks.transcribe import transcribe
from agentkit.tracing import configure
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio

SMALL = "openai:text-embedding-3-small"
SOUND = Audio(Inline(b"ID3" + bytes(16_000), "audio/mpeg"))


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[Simulator]:
    async with simulate() as simulator:
        yield simulator


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    configure(tracer_provider=provider)
    yield exporter
    configure()


def made(server: Simulator, name: str = SMALL, kind: TaskKind = "embed", **more: Any) -> TaskModel[Any, Any]:
    return task_model(name, kind, base_url=server.base_url, api_key="sk-canary", **more)


class Vectors:
    """Makes vectors of two numbers, or fails; takes two inputs at a time."""

    limits = EmbeddingLimits(2, 1_000)

    def __init__(self, model: str, *outcomes: Exception | None, tokens: int = 0) -> None:
        self.identity = ModelIdentity("acme", model)
        self.asked: list[EmbeddingRequest] = []
        self._outcomes = list(outcomes)
        self._tokens = tokens

    async def perform(self, asked: EmbeddingRequest, settings: Settings, **_: object) -> TaskReply[EmbeddingAnswer]:
        self.asked.append(asked)
        outcome = self._outcomes.pop(0) if self._outcomes else None
        if outcome is not None:
            raise outcome
        vectors = tuple(array("f", [1, len(str(each))]) for each in asked.inputs)
        return TaskReply(EmbeddingAnswer(vectors, Usage(self._tokens), asked.model))


async def test_a_limit_lets_one_request_through_at_a_time(server: Simulator) -> None:
    slow = limited(made(server), concurrency=1)
    heard: list[object] = []
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(lambda: embed(slow, ["a", "b"], on_event=heard.append))
    assert [type(each) for each in heard] == [Waiting, Waiting]
    assert server.count == 3


async def test_a_limit_counts_what_a_task_may_take_and_what_it_took() -> None:
    told = Vectors("m", tokens=10)
    slow = limited(told, tokens_per_minute=30)
    settings = Settings(deadlines=Deadlines(exchange_seconds=0.01))
    await embed(slow, "ten tokens by the provider's own count, and a few more by the estimate", settings=settings)
    await embed(slow, "short", settings=settings)
    with pytest.raises(DeadlineError) as caught:
        await embed(slow, "x" * 60, settings=settings)
    assert caught.value.waiting == 1
    assert len(told.asked) == 2


async def test_a_limit_goes_by_what_was_expected_where_the_provider_counts_nothing() -> None:
    slow = limited(Vectors("m"), tokens_per_minute=30)
    settings = Settings(deadlines=Deadlines(exchange_seconds=0.01))
    await embed(slow, "x" * 60, settings=settings)
    with pytest.raises(DeadlineError):
        await embed(slow, "x" * 60, settings=settings)


async def test_a_limit_hears_of_every_request_on_the_wire() -> None:
    async with simulate(faults=[Rule((Status(429, 0.01),), first=2)]) as server:
        slow = limited(made(server), requests_per_minute=3)
        settings = Settings(deadlines=Deadlines(exchange_seconds=5))
        await embed(slow, "a", settings=settings)
        with pytest.raises(DeadlineError):  # what was sent again counts: nothing is left of the three
            await embed(slow, "b", settings=settings)
        assert server.count == 3


async def test_the_next_model_answers_where_one_is_down(server: Simulator, spans: InMemorySpanExporter) -> None:
    heard: list[object] = []
    async with simulate(faults=[Status(503)]) as down:
        first = made(down, settings=Settings(attempts=1))
        second = made(server, "mistral:mistral-embed")
        found = await embed(fallback(first, second), "a cat", on_event=heard.append)
    (span,) = spans.get_finished_spans()
    assert (found.model, len(found), down.count, server.count) == ("mistral-embed", 1, 1, 1)
    assert [each for each in heard if not isinstance(each, AttemptFailed)] == [
        ModelSwitched("openai:text-embedding-3-small", heard[-1].error, "mistral:mistral-embed", False)  # type: ignore[attr-defined]
    ]
    assert span.name == "embeddings mistral-embed"
    assert {name: span.attributes[name] for name in ("gen_ai.request.model", "agentkit.failed_over")} == {  # type: ignore[index]
        "gen_ai.request.model": "mistral-embed",
        "agentkit.failed_over": ("openai:text-embedding-3-small OverloadedError",),
    }


async def test_vectors_of_two_models_are_not_mixed() -> None:
    first, second = Vectors("one", None, OverloadedError("full")), Vectors("other")
    with pytest.raises(UnsupportedError, match="made by one and some by other, and those of different models"):
        await embed(fallback(first, second), ["a", "b", "c"], concurrency=1)


async def test_the_same_model_elsewhere_goes_on() -> None:
    first, second = Vectors("m", None, OverloadedError("full")), Vectors("m")
    found = await embed(fallback(first, second), ["a", "b", "c"], concurrency=1)
    assert ([len(each.inputs) for each in first.asked], [len(each.inputs) for each in second.asked]) == ([2, 1], [1])
    assert len(found) == 3


async def test_what_is_asked_of_several_fits_into_all() -> None:
    small = Vectors("m")
    small.limits = EmbeddingLimits(5, None)
    both: TaskPolicy[Any, Any] = fallback(Vectors("m"), small)
    assert both.limits == EmbeddingLimits(2, 1_000)


async def test_kept_vectors_are_given_again_for_nothing(
    server: Simulator, spans: InMemorySpanExporter, tmp_path: Any
) -> None:
    path = tmp_path / "answers.db"
    first = await embed(cached(made(server), path), ["a cat", "a dog"], dimensions=8)
    again = await embed(cached(made(server), path), ["a cat", "a dog"], dimensions=8, budget=Budget(tokens=1_000))
    other = await embed(cached(made(server), path), ["a cat", "a dog"], dimensions=4)
    hits = [(span.attributes or {}).get("agentkit.cache.hit") for span in spans.get_finished_spans()]
    assert again.vectors == first.vectors
    assert (again.usage, again.cost.usd, again.cost.is_known, again.model) == (Usage(), 0, True, first.model)
    assert (other.dimensions, server.count, hits) == (4, 2, [None, True, None])


async def test_kept_labels_are_given_again(server: Simulator) -> None:
    model = cached(made(server, "openai:omni-moderation-latest", "classify"))
    texts = ["I will kill you", "Hello"]
    found = [await classify(model, texts, labels="moderation") for _ in range(2)]
    assert found[0].classifications == found[1].classifications
    assert [each.is_flagged for each in found[1]] == [True, False]
    assert server.count == 1


async def test_kept_pictures_are_given_again(server: Simulator) -> None:
    model = cached(made(server, "openai:gpt-image-2", "generate_image"))
    heard: list[object] = []
    picture = Image(Inline(tiny_png("x"), "image/png"))
    first = await generate_image(model, "a cat", images=[picture], partial_images=2, on_event=heard.append)
    again = await generate_image(model, "a cat", images=[picture])
    other = await generate_image(model, "a cat", images=[Image(Inline(tiny_png("y"), "image/png"))])
    assert [type(each) for each in heard] == [PartialImage, PartialImage]
    assert again.images == first.images == other.images
    assert server.count == 2


async def test_kept_transcripts_are_told_again(server: Simulator) -> None:
    model = cached(made(server, "openai:gpt-4o-transcribe", "transcribe"))
    heard: list[list[object]] = [[], []]
    first = await transcribe(model, SOUND, on_event=heard[0].append)
    again = await transcribe(model, SOUND, on_event=heard[1].append)
    assert again.text == first.text == "".join(each.text for each in heard[0] if isinstance(each, TextDelta))
    assert heard[1] == [TextDelta(first.text)]
    assert server.count == 1


async def test_kept_times_are_given_again(server: Simulator) -> None:
    model = cached(made(server, "openai:whisper-1", "transcribe"))
    first, again = [await transcribe(model, SOUND, words=True, segments=True) for _ in range(2)]
    assert (again.words, again.segments, again.duration_seconds) == (
        first.words,
        first.segments,
        first.duration_seconds,
    )
    assert first.words
    assert server.count == 1


async def test_what_is_asked_at_the_same_time_is_asked_once(server: Simulator) -> None:
    model = cached(made(server))
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(embed, model, "a cat")
    assert server.count == 1


async def test_labels_with_an_error_are_asked_for_again() -> None:
    class Half:
        identity = ModelIdentity("acme", "m")
        offer = ClassificationOffer(frozenset({"labels"}), 8)
        count = 0

        async def perform(
            self, asked: ClassificationRequest, settings: Settings, **_: object
        ) -> TaskReply[ClassificationAnswer]:
            self.count += 1
            failed = Classification(error=ProtocolError("nothing said"))
            return TaskReply(ClassificationAnswer((Classification(("a",)), failed)))

    half = Half()
    model = cached(half)
    for _ in range(2):
        await classify(model, ["one", "two"], labels=["a", "b"])
    assert half.count == 2


@pytest.mark.parametrize("numbers", [[], [[1.0, 2.0]], [[1.0], [1.0, 2.0]], [[], []]], ids=repr)
async def test_vectors_that_do_not_fit_the_inputs_are_asked_for_again(numbers: list[list[float]]) -> None:
    class Odd(Vectors):
        async def perform(self, asked: EmbeddingRequest, settings: Settings, **_: object) -> TaskReply[EmbeddingAnswer]:
            self.asked.append(asked)
            return TaskReply(EmbeddingAnswer(tuple(array("f", row) for row in numbers)))

    odd = Odd("m")
    model = cached(odd)
    for _ in range(2):
        with pytest.raises(ProtocolError):
            await embed(model, ["one", "two"])
    assert len(odd.asked) == 2


async def test_addresses_of_pictures_are_not_kept_since_they_end() -> None:
    class Elsewhere:
        identity = ModelIdentity("acme", "m")
        limits = ImageLimits(1)
        count = 0

        async def perform(self, asked: ImageRequest, settings: Settings, **_: object) -> TaskReply[ImageAnswer]:
            self.count += 1
            return TaskReply(ImageAnswer((GeneratedImage(Image(Remote("https://x.example/cat.png"))),)))

    elsewhere = Elsewhere()
    model = cached(elsewhere)
    for _ in range(2):
        await generate_image(model, "a cat")
    assert elsewhere.count == 2


async def test_policies_go_into_each_other(server: Simulator) -> None:
    async with simulate(faults=[Status(503)]) as down:
        model = cached(limited(fallback(made(down, settings=Settings(attempts=1)), made(server)), concurrency=2))
        await embed(model, "a cat")
        await embed(model, "a cat")  # answers of a stand-in are not kept
        assert (down.count, server.count) == (1, 2)
    assert repr(model).startswith("cached(limited(fallback(openai:text-embedding-3-small")


async def test_a_budget_is_reserved_before_a_policy_asks(server: Simulator) -> None:
    with pytest.raises(BudgetExceededError):
        await embed(limited(made(server), concurrency=1), "word " * 500, budget=Budget(tokens=100))
    assert server.count == 0


async def test_models_of_different_tasks_are_refused(server: Simulator) -> None:
    vectors, labels = made(server), made(server, "openai:omni-moderation-latest", "classify")
    with pytest.raises(ConfigurationError, match="are for different tasks"):
        fallback(vectors, labels)
    with pytest.raises(ConfigurationError, match="does not chat, and others do"):
        fallback(vectors, "offline:")  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match="is no model; write it as"):
        limited(42)  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match="neither a model that chats nor one of a task"):
        cached(Bare())  # type: ignore[call-overload]


async def test_an_agent_needs_a_model_that_chats(server: Simulator) -> None:
    with pytest.raises(ConfigurationError, match="was made for a task"):
        Agent(limited(made(server), concurrency=1))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="does not chat; give an agent a model that does"):
        await Agent(limited(made(server), concurrency=1).model).run("Hi")


class Bare:
    """Performs, and says of nothing what it takes."""

    async def perform(self) -> None: ...
