"""What a batch asks for beside chats: vectors, labels, pictures, transcripts.

    done = await batch("openai:text-embedding-3-small", {"a": "a cat", "b": "a dog"}, kind=Embed())
    done["a"][0]       # what `embed` would have given: here a vector

Where a provider has no batches of the kind, but a model that chats does it, the questions travel as chats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar, cast

from agentkit.batching import BatchTask
from agentkit.classification import ClassificationAnswer, ClassificationModel, ClassificationRequest
from agentkit.embedding import EmbeddingAnswer, EmbeddingRequest, Purpose
from agentkit.errors import ConfigurationError, StateError, UnsupportedError
from agentkit.exchange import Request
from agentkit.imaging import ImageAnswer, ImageRequest
from agentkit.media import Audio, Image
from agentkit.models import Model
from agentkit.providers import model as chat_model
from agentkit.providers import task_model
from agentkit.settings import Settings
from agentkit.task_model import TaskModel
from agentkit.tasks.chat_classifier import ChatClassifier
from agentkit.tasks.classify import Classifications, Labels, expected_of_classification, labels_of
from agentkit.tasks.embed import Embeddings
from agentkit.tasks.generate_image import GeneratedImages, expected_of_images
from agentkit.tasks.perform import about_tokens
from agentkit.tasks.transcribe import Transcription, expected_of_transcription
from agentkit.telemetry import names
from agentkit.transcription import TranscriptionAnswer, TranscriptionRequest
from agentkit.usage import Cost, Usage

__all__ = ["BatchKind", "Classify", "Embed", "GenerateImage", "Transcribe", "kind_of_state"]

Answer = TypeVar("Answer", covariant=True)
Json: TypeAlias = dict[str, Any]
AnyTask: TypeAlias = TaskModel[Any, Any]


class BatchKind(Protocol[Answer]):
    """What a batch asks for, and how: an Embed, Classify, GenerateImage or Transcribe."""

    task: ClassVar[BatchTask]
    operation: ClassVar[str]
    """The name in spans."""

    def connect(self, model: Any) -> AnyTask:
        """Who does it, from a name or a model. Raises UnsupportedError, and what `model` raises."""
        ...

    def question(self, entry: Any, settings: Settings) -> Any:
        """An input as a request of the task. Raises ConfigurationError for what is none, MediaError."""
        ...

    def expected(self, asked: Any) -> Usage:
        """About what a request takes."""
        ...

    def given(self, told: Any, cost: Cost) -> Answer:
        """An answer as the function of this task gives it."""
        ...

    def to_json(self) -> Json:
        """What a state file keeps of it."""
        ...


@dataclass(frozen=True, slots=True)
class Embed:
    """Vectors, as `embed` gives them: an input is a text, or an Image where the model takes them."""

    dimensions: int | None = None
    """How many numbers a vector shall have; None for the model's own."""
    purpose: Purpose | None = None

    task: ClassVar[BatchTask] = "embed"
    operation: ClassVar[str] = names.EMBEDDINGS

    def connect(self, model: Any) -> AnyTask:
        """Who does it."""
        return task_model(model, "embed") if isinstance(model, str) else cast("AnyTask", model)

    def question(self, entry: Any, settings: Settings) -> EmbeddingRequest:
        """An input as a request: a text, an Image, or an EmbeddingRequest of your own."""
        if isinstance(entry, EmbeddingRequest):
            return replace(entry, settings=entry.settings.over(settings))
        _refuse_alien(entry, (str, Image), "a text or an Image to embed")
        return EmbeddingRequest("", (entry,), self.dimensions, self.purpose, settings)

    def expected(self, asked: EmbeddingRequest) -> Usage:
        """About what a request takes."""
        return Usage(sum(map(about_tokens, asked.inputs)))

    def given(self, told: EmbeddingAnswer, cost: Cost) -> Embeddings:
        """The vectors of one request."""
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
    operation: ClassVar[str] = names.GENERATE_CONTENT

    def connect(self, model: Any) -> AnyTask:
        """Who does it. Raises UnsupportedError for a model that does not classify so."""
        way, _ = labels_of(self.labels, is_multiple=self.multi)
        if way == "labels":
            return ChatClassifier(chat_model(model) if isinstance(model, str) else cast("Model", model))
        found = cast("ClassificationModel", task_model(model, "classify") if isinstance(model, str) else model)
        if isinstance(found, Model) or way not in found.offer.ways:
            raise UnsupportedError(
                f"{model} has no {'moderation' if way == 'moderation' else 'labels of its own'}; "
                "openai:omni-moderation-latest and mistral:mistral-moderation-latest moderate, or give labels: "
                "Classify([...])"
            )
        return found

    def question(self, entry: Any, settings: Settings) -> ClassificationRequest:
        """An input as a request: a text or an Image."""
        _refuse_alien(entry, (str, Image), "a text or an Image to classify")
        way, meanings = labels_of(self.labels, is_multiple=self.multi)
        return ClassificationRequest("", (entry,), way, meanings, self.multi, settings)

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
    operation: ClassVar[str] = names.GENERATE_CONTENT

    def connect(self, model: Any) -> AnyTask:
        """Who does it."""
        return task_model(model, "generate_image") if isinstance(model, str) else cast("AnyTask", model)

    def question(self, entry: Any, settings: Settings) -> ImageRequest:
        """An input as a request: a prompt, or an ImageRequest of your own."""
        if isinstance(entry, ImageRequest):
            return replace(entry, settings=entry.settings.over(settings))
        _refuse_alien(entry, (str,), "a prompt, or an ImageRequest")
        return ImageRequest(
            "",
            entry,
            size=self.size,
            count=self.count,
            quality=self.quality,
            background=self.background,
            output_format=self.output_format,
            settings=settings,
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
    operation: ClassVar[str] = names.GENERATE_CONTENT

    def connect(self, model: Any) -> AnyTask:
        """Who does it."""
        return task_model(model, "transcribe") if isinstance(model, str) else cast("AnyTask", model)

    def question(self, entry: Any, settings: Settings) -> TranscriptionRequest:
        """An input as a request: a path or an Audio. Raises MediaError."""
        _refuse_alien(entry, (str, Path, Audio), "the path of a file with sound, or an Audio")
        sound = entry if isinstance(entry, Audio) else Audio.from_file(entry)
        name = "audio" if isinstance(entry, Audio) else Path(entry).name
        return TranscriptionRequest(
            "",
            sound,
            name,
            language=self.language,
            prompt=self.prompt,
            words=self.words,
            segments=self.segments,
            settings=settings,
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


_KINDS: Mapping[str, type[Embed | Classify | GenerateImage | Transcribe]] = {
    kind.task: kind for kind in (Embed, Classify, GenerateImage, Transcribe)
}


def kind_of_state(task: Mapping[str, Any]) -> BatchKind[Any] | None:
    """The kind of a batch in a state file; None for chats. Raises StateError for one that is not known."""
    name = str(task.get("name"))
    if name == "chat":
        return None
    try:
        return _KINDS[name](**{field: value for field, value in task.items() if field != "name"})
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
