"""What a batch asks for beside chats: vectors, labels, pictures, transcripts.

    done = await batch("openai:text-embedding-3-small", {"a": "a cat", "b": "a dog"}, kind=Embed())
    done["a"][0]       # what `embed` would have given: here a vector

Where a provider has no batches of the kind, but a model that chats does it, the questions travel as chats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar, cast

from opentelemetry.util.types import AttributeValue

from agentkit.batching import BatchTask
from agentkit.classification import ClassificationAnswer, ClassificationModel, ClassificationRequest
from agentkit.embedding import EmbeddingAnswer, EmbeddingRequest, Purpose
from agentkit.errors import ConfigurationError, ProtocolError, StateError, UnsupportedError
from agentkit.exchange import Request, Response, RunAccount
from agentkit.imaging import ImageAnswer, ImageRequest
from agentkit.media import Audio, Image, Inline
from agentkit.messages import user_message
from agentkit.models import Model, ModelIdentity, Sink, identity_of
from agentkit.providers import model as chat_model
from agentkit.providers import resolve, task_model
from agentkit.settings import Settings
from agentkit.task_model import TaskModel, TaskReply
from agentkit.tasks.chat_classifier import ChatClassifier
from agentkit.tasks.classify import Classifications, Labels, expected_of_classification, labels_of
from agentkit.tasks.embed import Embeddings
from agentkit.tasks.generate_image import GeneratedImages, expected_of_images
from agentkit.tasks.perform import about_tokens, task_of
from agentkit.tasks.transcribe import Transcription, expected_of_transcription
from agentkit.telemetry import names
from agentkit.transcription import TranscriptionAnswer, TranscriptionRequest
from agentkit.usage import Cost, Usage

__all__ = ["BatchKind", "Chats", "Classify", "Embed", "GenerateImage", "InSpans", "Transcribe", "kind_of_state"]

Answer = TypeVar("Answer", covariant=True)
Json: TypeAlias = dict[str, Any]
AnyTask: TypeAlias = TaskModel[Any, Any]

_OUTPUT_TOKENS = 1_000
"""Reserved for an answer where no maximum is set."""


@dataclass(frozen=True, slots=True)
class InSpans:
    """How spans name what is done."""

    operation: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict[str, AttributeValue])


class BatchKind(Protocol[Answer]):
    """What a batch asks for, and how: Embed, Classify, GenerateImage or Transcribe; without one, chats."""

    task: ClassVar[BatchTask]

    def in_spans(self) -> InSpans:
        """How spans name it."""
        ...

    def connect(self, model: Any) -> AnyTask:
        """Who does it, from a name or a model. Raises UnsupportedError, and what `model` raises."""
        ...

    def question(self, entry: Any, settings: Settings) -> Any:
        """An input as a request of the task. Raises ConfigurationError for what is none, MediaError."""
        ...

    def shared(self) -> Any:
        """A request with what all of them share: how answers are read that came as chats."""
        ...

    def expected(self, asked: Any) -> Usage:
        """About what a request takes."""
        ...

    def given(self, told: Any, cost: Cost) -> Answer:
        """An answer as the function of this task gives it. Raises ProtocolError for one that holds nothing."""
        ...

    def to_json(self) -> Json:
        """What a state file keeps of it."""
        ...


@dataclass(frozen=True, slots=True)
class Chats:
    """Answers of a model that chats, where no kind is named: an input is a prompt, or a Request of your own."""

    instructions: str = ""

    task: ClassVar[BatchTask] = "chat"

    def in_spans(self) -> InSpans:
        """How spans name it."""
        return InSpans(names.CHAT)

    def connect(self, model: Any) -> AnyTask:
        """Who does it."""
        return _Chat(resolve(model))

    def question(self, entry: Any, settings: Settings) -> Request:
        """An input as a request."""
        if isinstance(entry, Request):
            instructions = entry.instructions or self.instructions
            return replace(entry, instructions=instructions, settings=entry.settings.over(settings))
        if isinstance(entry, EmbeddingRequest | ClassificationRequest | ImageRequest | TranscriptionRequest):
            raise ConfigurationError(f"an input is a {type(entry).__name__}; say kind={_KIND_OF[type(entry)]}")
        return Request("", (user_message(entry),), self.instructions, settings=settings)

    def shared(self) -> Request:
        """Nothing is needed to read an answer."""
        return Request("", ())

    def expected(self, asked: Request) -> Usage:
        """About what a request takes."""
        texts = [asked.instructions, *(message.text for message in asked.messages)]
        return Usage(sum(map(about_tokens, texts)), output=asked.settings.max_output_tokens or _OUTPUT_TOKENS)

    def given(self, told: Response, cost: Cost) -> Response:
        """The answer as it is."""
        return told

    def to_json(self) -> Json:
        """What a state file keeps of it."""
        return {"name": self.task}


class _Chat:
    """A model that chats, as a task's."""

    def __init__(self, model: Model) -> None:
        self.chat = model

    @property
    def identity(self) -> ModelIdentity:
        return identity_of(self.chat)

    def question(self, asked: Request, settings: Settings) -> Request:
        return asked

    def answer(self, response: Response, asked: Request) -> Response:
        return response

    async def perform(
        self, asked: Request, settings: Settings, *, sink: Sink | None = None, account: RunAccount | None = None
    ) -> TaskReply[Response]:
        response = await self.chat.respond(asked, sink)
        return TaskReply(response, response.attempts, response.notes)


@dataclass(frozen=True, slots=True)
class Embed:
    """Vectors, as `embed` gives them: an input is a text, or an Image where the model takes them."""

    dimensions: int | None = None
    """How many numbers a vector shall have; None for the model's own."""
    purpose: Purpose | None = None

    task: ClassVar[BatchTask] = "embed"

    def in_spans(self) -> InSpans:
        """How spans name it."""
        length = {} if self.dimensions is None else {names.EMBEDDINGS_DIMENSIONS: self.dimensions}
        return InSpans(names.EMBEDDINGS, length)

    def connect(self, model: Any) -> AnyTask:
        """Who does it."""
        return task_of(model, "embed")

    def question(self, entry: Any, settings: Settings) -> EmbeddingRequest:
        """An input as a request: a text, an Image, or an EmbeddingRequest of your own."""
        if isinstance(entry, EmbeddingRequest):
            return replace(entry, settings=entry.settings.over(settings))
        _refuse_alien(entry, (str, Image), "a text or an Image to embed")
        return EmbeddingRequest("", (entry,), self.dimensions, self.purpose, settings)

    def shared(self) -> EmbeddingRequest:
        """How the vectors shall be."""
        return EmbeddingRequest("", (), self.dimensions, self.purpose)

    def expected(self, asked: EmbeddingRequest) -> Usage:
        """About what a request takes."""
        return Usage(sum(map(about_tokens, asked.inputs)))

    def given(self, told: EmbeddingAnswer, cost: Cost) -> Embeddings:
        """The vectors of one request. Raises ProtocolError where there is none."""
        if not told.vectors or not all(told.vectors):
            raise ProtocolError("the answer holds no vector")
        return Embeddings(told.vectors, told.usage, cost, told.model)

    def to_json(self) -> Json:
        """What a state file keeps of it."""
        return {"name": self.task, "dimensions": self.dimensions, "purpose": self.purpose}


@dataclass(frozen=True, slots=True)
class Classify:
    """Labels, as `classify` gives them: an input is a text, or an Image where the model takes them.

    Among labels of yours a model that chats chooses; a moderation, and labels that a model has, are asked of the
    provider's own endpoint.
    """

    labels: Labels
    """Labels, labels with what they mean, "moderation", or None for the labels that the model has."""
    multi: bool = False
    """Whether an input may have several labels, or none."""

    task: ClassVar[BatchTask] = "classify"

    def in_spans(self) -> InSpans:
        """How spans name it: a chat, where a model that chats is held to labels of yours."""
        is_own = self.labels is None or self.labels == "moderation"
        return InSpans(names.GENERATE_CONTENT if is_own else names.CHAT)

    def connect(self, model: Any) -> AnyTask:
        """Who does it. Raises UnsupportedError for a model that does not classify so."""
        way, _ = labels_of(self.labels, is_multiple=self.multi)
        if way == "labels":
            return ChatClassifier(chat_model(model) if isinstance(model, str) else cast("Model", model))
        found = cast("ClassificationModel", task_model(model, "classify") if isinstance(model, str) else model)
        if isinstance(found, Model) or way not in found.offer.ways:
            who = model if isinstance(model, str) else found.identity
            raise UnsupportedError(
                f"{who} has no {'moderation' if way == 'moderation' else 'labels of its own'}; "
                "openai:omni-moderation-latest and mistral:mistral-moderation-latest moderate, or give labels: "
                "Classify([...])"
            )
        return found

    def question(self, entry: Any, settings: Settings) -> ClassificationRequest:
        """An input as a request: a text or an Image."""
        _refuse_alien(entry, (str, Image), "a text or an Image to classify")
        return replace(self.shared(), inputs=(entry,), settings=settings)

    def shared(self) -> ClassificationRequest:
        """The labels."""
        way, meanings = labels_of(self.labels, is_multiple=self.multi)
        return ClassificationRequest("", (), way, meanings, self.multi)

    def expected(self, asked: ClassificationRequest) -> Usage:
        """About what a request takes."""
        return expected_of_classification(asked)

    def given(self, told: ClassificationAnswer, cost: Cost) -> Classifications:
        """What became of one input."""
        return Classifications(told.classifications, told.usage, cost, told.model)

    def to_json(self) -> Json:
        """What a state file keeps of it: labels are no content, but how answers are read."""
        labels = self.labels
        kept = labels if labels is None or isinstance(labels, str) else labels_of(labels, is_multiple=True)[1]
        return {"name": self.task, "labels": kept, "multi": self.multi}


@dataclass(frozen=True, slots=True)
class GenerateImage:
    """Pictures, as `generate_image` gives them: an input is a prompt, or an ImageRequest with pictures to edit."""

    size: str | None = None
    count: int = 1
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None

    task: ClassVar[BatchTask] = "generate_image"

    def in_spans(self) -> InSpans:
        """How spans name it."""
        return InSpans(names.GENERATE_CONTENT, {names.OUTPUT_TYPE: "image"})

    def connect(self, model: Any) -> AnyTask:
        """Who does it."""
        return task_of(model, "generate_image")

    def question(self, entry: Any, settings: Settings) -> ImageRequest:
        """An input as a request: a prompt, or an ImageRequest of your own."""
        if isinstance(entry, ImageRequest):
            return replace(entry, settings=entry.settings.over(settings))
        _refuse_alien(entry, (str,), "a prompt, or an ImageRequest")
        return replace(self.shared(), prompt=entry, settings=settings)

    def shared(self) -> ImageRequest:
        """How the pictures shall be."""
        return ImageRequest(
            "",
            "",
            size=self.size,
            count=self.count,
            quality=self.quality,
            background=self.background,
            output_format=self.output_format,
        )

    def expected(self, asked: ImageRequest) -> Usage:
        """About what a request takes."""
        return expected_of_images(asked)

    def given(self, told: ImageAnswer, cost: Cost) -> GeneratedImages:
        """The pictures of one request."""
        return GeneratedImages(told.images, told.usage, cost, told.model)

    def to_json(self) -> Json:
        """What a state file keeps of it."""
        knobs = {name: getattr(self, name) for name in ("size", "count", "quality", "background", "output_format")}
        return {"name": self.task, **knobs}


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Transcripts, as `transcribe` gives them: an input is the path of a file with sound, or an Audio."""

    language: str | None = None
    prompt: str | None = None
    words: bool = False
    segments: bool = False

    task: ClassVar[BatchTask] = "transcribe"

    def in_spans(self) -> InSpans:
        """How spans name it."""
        return InSpans(names.GENERATE_CONTENT, {names.OUTPUT_TYPE: "text"})

    def connect(self, model: Any) -> AnyTask:
        """Who does it."""
        return task_of(model, "transcribe")

    def question(self, entry: Any, settings: Settings) -> TranscriptionRequest:
        """An input as a request: a path or an Audio. Raises MediaError."""
        _refuse_alien(entry, (str, Path, Audio), "the path of a file with sound, or an Audio")
        sound = entry if isinstance(entry, Audio) else Audio.from_file(entry)
        name = "audio" if isinstance(entry, Audio) else Path(entry).name
        return replace(self.shared(), audio=sound, filename=name, settings=settings)

    def shared(self) -> TranscriptionRequest:
        """The language, and what is to be told."""
        return TranscriptionRequest(
            "",
            Audio(Inline(b"", "audio/wav")),
            language=self.language,
            prompt=self.prompt,
            words=self.words,
            segments=self.segments,
        )

    def expected(self, asked: TranscriptionRequest) -> Usage:
        """About what a request takes."""
        return expected_of_transcription(asked)

    def given(self, told: TranscriptionAnswer, cost: Cost) -> Transcription:
        """What was said."""
        parts = told.segments, told.words, told.language, told.duration_seconds
        return Transcription(told.text, *parts, told.usage, cost, told.model)

    def to_json(self) -> Json:
        """What a state file keeps of it."""
        return {"name": self.task, "language": self.language, "words": self.words, "segments": self.segments}


_KINDS: Mapping[str, type[Chats | Embed | Classify | GenerateImage | Transcribe]] = {
    kind.task: kind for kind in (Chats, Embed, Classify, GenerateImage, Transcribe)
}


_KIND_OF: Mapping[type, str] = {
    EmbeddingRequest: "Embed()",
    ClassificationRequest: "Classify(labels)",
    ImageRequest: "GenerateImage()",
    TranscriptionRequest: "Transcribe()",
}


def kind_of_state(task: Mapping[str, Any]) -> BatchKind[Any]:
    """The kind of a batch in a state file. Raises StateError for one that is not known."""
    name = str(task.get("name"))
    try:
        return _KINDS[name](**{key: value for key, value in task.items() if key != "name"})
    except (KeyError, TypeError):
        raise StateError(
            f"the state is of a batch of {name!r}, which this version cannot read; was it edited?"
        ) from None


def _refuse_alien(entry: Any, kinds: tuple[type, ...], wanted: str) -> None:
    if isinstance(entry, str) and not entry.strip():
        raise ConfigurationError(f"an input is an empty text; give {wanted}")
    if not isinstance(entry, kinds):
        name = "an exchange.Request, which is for chats" if isinstance(entry, Request) else f"a {type(entry).__name__}"
        raise ConfigurationError(f"an input is {name}; give {wanted}")
