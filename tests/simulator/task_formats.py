"""The wire formats beside chat that the simulator serves, as agentkit asks in them: one question each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, TypeAlias, cast

from simulator.talking import Listener

from agentkit.batching import BatchJob, item_id
from agentkit.classification import ClassificationRequest
from agentkit.embedding import EmbeddingRequest
from agentkit.exchange import AttemptFailed, Request, Waiting
from agentkit.imaging import ImageRequest
from agentkit.jobs import JobCodec, JobStep
from agentkit.media import Audio, Image, Inline
from agentkit.messages import user_message
from agentkit.providers import model, task_model
from agentkit.providers.aws.credentials import Credentials
from agentkit.providers.batches import connect_batch
from agentkit.providers.table import TaskKind
from agentkit.remote import RemoteModel
from agentkit.remote_batch import RemoteBatch
from agentkit.remote_job import RemoteJob
from agentkit.remote_task import RemoteTask
from agentkit.settings import Deadlines, Settings
from agentkit.simulator.media import tiny_png
from agentkit.simulator.server import Simulator
from agentkit.transcription import TranscriptionRequest
from agentkit.transport.protocol import Transport

__all__ = ["TASK_FORMATS", "Ask", "Asking", "TaskFormat"]

SOUND = Audio(Inline(b"ID3" + bytes(16_000), "audio/mpeg"))
PICTURE = Image(Inline(tiny_png("a cat"), "image/png"))
WAYS = {"labels": {"dog": "", "cat": ""}}
NAME = "ak-0123456789abcdef"
PART = f"{NAME}-part-1"
"""The batch that is asked about."""

Step: TypeAlias = Literal["upload", "create", "look", "find", "results"]


@dataclass(frozen=True)
class Asking:
    """How one question is asked."""

    transport: Transport
    deadlines: Deadlines
    attempts: int
    chance: float
    now: float

    @property
    def settings(self) -> Settings:
        return Settings(deadlines=self.deadlines, attempts=self.attempts)


Ask: TypeAlias = Callable[[], Awaitable[object]]
"""Asks, and gives what came."""


@dataclass(frozen=True, eq=False)
class TaskFormat:
    """One question to one API."""

    name: str
    family: str
    """The chat format whose provider reports errors and limits in the same words."""
    carriage: str
    """How question and answer travel: those that travel alike suffer alike from what befalls a connection."""
    connect: Named | LastOfJob | BatchStep
    """Makes the client, and whatever has to be there before the question."""
    is_streamed: bool = False
    is_creation: bool = False
    """Whether what failed is looked for before it is asked for again."""

    def __repr__(self) -> str:
        return self.name

    @property
    def provider(self) -> str:
        """The name before the colon."""
        return self.connect.name.partition(":")[0]

    @property
    def codec(self) -> str:
        """What reads the replies: one codec for all steps of a batch, plain or streamed."""
        return self.name.partition(", ")[0]


@dataclass(frozen=True)
class Named:
    """A task model by its name."""

    name: str
    kind: TaskKind
    path: str
    asked: Any
    options: dict[str, Any] = field(default_factory=dict)

    async def __call__(self, simulator: Simulator, how: Asking) -> Ask:
        options: dict[str, Any] = {"api_key": "sk-canary", **self.options}
        made = task_model(
            self.name,
            self.kind,
            base_url=simulator.url + self.path,
            transport=how.transport,
            **options,
        )
        assert isinstance(made, RemoteTask)
        made = cast("RemoteTask[Any, Any]", made)
        asked = replace(self.asked, model=made.identity.model)
        made.random, made.wall_clock = lambda: how.chance, lambda: how.now

        async def ask() -> object:
            listener = Listener()
            reply = await made.perform(asked, how.settings, sink=listener)
            return reply.answer, [each for each in listener.deltas if not isinstance(each, AttemptFailed | Waiting)]

        return ask


@dataclass(frozen=True)
class LastOfJob:
    """The last exchange of a job, after its start and whatever else comes before: it is a task's only exchange then."""

    name: str
    kind: TaskKind
    asked: Any
    options: dict[str, Any]

    async def __call__(self, simulator: Simulator, how: Asking) -> Ask:
        made = task_model(self.name, self.kind, base_url=simulator.url, transport=how.transport, **self.options)
        assert isinstance(made, RemoteJob)
        job = cast("RemoteJob[Any, Any]", made)
        asked = replace(self.asked, model=job.identity.model)
        step: JobStep[Any] = job.codec.begin(asked)
        while True:
            reply = await job.exchange(step, how.settings, sink=None, account=None)
            if not isinstance(reply.answer, JobStep):
                break
            step = reply.answer
        last = RemoteJob(_From(job.codec, step), job.endpoint, job.identity, transport=job.transport)
        last.random, last.wall_clock = lambda: how.chance, lambda: how.now

        async def ask() -> object:
            return (await last.perform(asked, how.settings)).answer

        return ask


class _From:
    """The codec of a job that has come to a step already."""

    def __init__(self, codec: JobCodec[Any, Any], step: JobStep[Any]) -> None:
        self.name, self.poll_seconds = codec.name, codec.poll_seconds
        self.decode_error = codec.decode_error
        self._step = step

    def begin(self, asked: object) -> JobStep[Any]:
        return self._step


@dataclass(frozen=True)
class BatchStep:
    """One step of a batch."""

    name: str
    path: str
    step: Step
    is_of_a_file: bool
    """Whether the lines are uploaded before; else they travel with the creation."""

    async def __call__(self, simulator: Simulator, how: Asking) -> Ask:
        made = model(
            self.name,
            base_url=simulator.url + self.path,
            api_key="sk-canary",
            settings=how.settings,
            transport=how.transport,
            is_listed=False,
        )
        assert isinstance(made, RemoteModel)
        made.random, made.wall_clock = lambda: how.chance, lambda: how.now
        batch = connect_batch(made)
        line = batch.line(item_id(NAME, 0), Request(batch.identity.model, (user_message("Hello"),)))
        written = [batch.codec.line(line)]
        if self.step == "upload":
            return lambda: _is_uploaded(batch, written)
        file = await batch.upload(PART, written) if self.is_of_a_file else ""
        create = partial(batch.create, PART, file=file, lines=written, wires=[line.wire], since=how.now)
        if self.step == "create":
            return lambda: _named_and_counted(create)
        job = await batch.look((await create()).id)
        match self.step:
            case "look":
                return lambda: batch.look(job.id)
            case "find":
                return lambda: batch.find(PART, since=how.now, count=1, known=())
            case "results":
                return lambda: batch.results(job)


async def _is_uploaded(batch: RemoteBatch, lines: Sequence[bytes]) -> bool:
    return (await batch.upload(PART, lines)).startswith("file-")


async def _named_and_counted(create: Callable[[], Awaitable[BatchJob]]) -> tuple[str, int]:
    job = await create()
    return job.name, job.total


def _embeddings(model: str) -> EmbeddingRequest:
    return EmbeddingRequest(model, ("a cat", "a dog"), 8, purpose="document")


def _transcription(model: str, *, words: bool = False, is_streamed: bool = False) -> TranscriptionRequest:
    return TranscriptionRequest(model, SOUND, "talk.mp3", words=words, is_streamed=is_streamed)


def _named(
    name: str,
    family: str,
    *,
    model: str,
    kind: TaskKind,
    path: str,
    asked: Any,
    carriage: str = "JSON",
    is_streamed: bool = False,
    options: dict[str, Any] | None = None,
) -> TaskFormat:
    return TaskFormat(name, family, carriage, Named(model, kind, path, asked, options or {}), is_streamed)


_AWS_OPTIONS: dict[str, Any] = {
    "api_key": None,
    "region": "us-east-1",
    "credentials": Credentials("AKIDEXAMPLE", "secret"),
}


def _aws(name: str, model: str, kind: TaskKind, asked: Any) -> TaskFormat:
    return _named(name, "bedrock", model=model, kind=kind, path="", asked=asked, options=_AWS_OPTIONS)


def _batch(name: str, family: str, step: Step, *, model: str, path: str, is_of_a_file: bool) -> TaskFormat:
    carriage = {"upload": "form", "create": "created", "results": "file"}.get(step, "got")
    return TaskFormat(
        f"{name}, {step}", family, carriage, BatchStep(model, path, step, is_of_a_file), is_creation=step == "create"
    )


_KEPT: tuple[Step, ...] = ("create", "look", "find", "results")
_BATCHES: tuple[tuple[str, str, str, str, tuple[Step, ...]], ...] = (
    ("batches", "chat", "openai:gpt-6-luna", "/v1", ("upload", *_KEPT)),
    # Anthropic keeps no names: what may be the batch is found by its results, which is more than one exchange.
    ("batches of Anthropic", "messages", "anthropic:claude-x", "", ("create", "look", "results")),
    ("batches of Gemini", "gemini", "google:gemini-x", "/v1beta", _KEPT),
    ("batches of Mistral", "chat", "mistral:mistral-x", "/v1", _KEPT),
)

_LABELS = ClassificationRequest("", ("my dog barks",), "labels", WAYS["labels"])
_OWN = ClassificationRequest("", ("What a nice day",), "own")
_HARM = ClassificationRequest("", ("I will kill you",), "moderation")
_DRAWN = ImageRequest("", "a cat")
_HEARD = TranscriptionRequest("", SOUND, "talk.mp3")

_AWS = (
    _aws("vectors of Titan", "bedrock:amazon.titan-embed-text-v2:0", "embed", EmbeddingRequest("", ("a cat",), 256)),
    _aws("pictures of Nova", "bedrock:amazon.nova-canvas-v1:0", "generate_image", _DRAWN),
    _aws("guardrails", "bedrock:guardrail/abc123/7", "classify", _HARM),
    _aws("Comprehend", "comprehend:sentiment", "classify", _OWN),
    _aws("Rekognition", "rekognition:moderation", "classify", replace(_HARM, inputs=(PICTURE,))),
)
Row: TypeAlias = tuple[str, str, TaskKind, Any, str]
"""Name, model, task, question, carriage."""

_AZURE_ROWS: tuple[Row, ...] = (
    ("Language", "azure-language:sentiment", "classify", _OWN, "JSON"),
    ("Content Safety", "azure-content-safety:", "classify", _HARM, "JSON"),
    ("Speech", "azure-speech:fast", "transcribe", _HEARD, "form"),
)
_ADDRESSED = TranscriptionRequest("", Audio.from_url("https://files.example/talk.mp3"), "talk.mp3", language="en")
_KEY = {"api_key": "sk-canary"}
_IN_S3 = replace(_ADDRESSED, audio=Audio.from_url("s3://calls/talk.mp3"))
_JOB_ROWS: tuple[tuple[str, str, str, TaskKind, Any, dict[str, Any]], ...] = (
    ("jobs of Language", "chat", "azure-language:single-label/p/d", "classify", _OWN, _KEY),
    ("jobs of Speech", "chat", "azure-speech:batch", "transcribe", _ADDRESSED, _KEY),
    ("jobs of Transcribe", "bedrock", "aws-transcribe:standard", "transcribe", _IN_S3, _AWS_OPTIONS),
)
_JOBS = tuple(
    TaskFormat(name, family, "a stored file" if kind == "transcribe" else "got", LastOfJob(model, kind, asked, options))
    for name, family, model, kind, asked, options in _JOB_ROWS
)
_HUB = "huggingface:{}:hf-inference"
_HUGGING_FACE_ROWS: tuple[Row, ...] = (
    ("feature extraction", "sentence-transformers/all-MiniLM-L6-v2", "embed", EmbeddingRequest("", ("a cat",)), "JSON"),
    ("text classification", "distilbert/sst-2-english", "classify", _OWN, "JSON"),
    ("zero-shot", "facebook/bart-large-mnli", "classify", _LABELS, "JSON"),
    ("text to image", "stabilityai/sdxl", "generate_image", _DRAWN, "a picture's bytes"),
    ("speech recognition", "openai/whisper-large-v3", "transcribe", _HEARD, "a sound's bytes"),
)
_SERVICES = (
    *_AWS,
    *(
        _named(name, "chat", model=model, kind=kind, path="", asked=asked, carriage=carriage)
        for name, model, kind, asked, carriage in _AZURE_ROWS
    ),
    *(
        _named(name, "chat", model=_HUB.format(model), kind=kind, path="/v1", asked=asked, carriage=carriage)
        for name, model, kind, asked, carriage in _HUGGING_FACE_ROWS
    ),
)

TASK_FORMATS: tuple[TaskFormat, ...] = (
    _named(
        "embeddings",
        "chat",
        model="openai:text-embedding-3-small",
        kind="embed",
        path="/v1",
        asked=_embeddings("text-embedding-3-small"),
    ),
    _named(
        "embeddings of Gemini",
        "gemini",
        model="google:gemini-embedding-001",
        kind="embed",
        path="/v1beta",
        asked=_embeddings("gemini-embedding-001"),
    ),
    _named(
        "embeddings of Cohere",
        "chat",
        model="cohere:embed-v4.0",
        kind="embed",
        path="",
        asked=_embeddings("embed-v4.0"),
    ),
    _named(
        "moderations",
        "chat",
        model="openai:omni-moderation-latest",
        kind="classify",
        path="/v1",
        asked=ClassificationRequest("omni-moderation-latest", ("I will kill you", "Hello"), "moderation"),
    ),
    _named(
        "decisions",
        "chat",
        model="openai:gpt-6-luna",
        kind="classify",
        path="/v1",
        asked=ClassificationRequest("gpt-6-luna", ("my dog barks",), "labels", WAYS["labels"]),
    ),
    _named(
        "decisions of Gemini",
        "gemini",
        model="google:gemini-3.5-flash",
        kind="classify",
        path="/v1beta",
        asked=ClassificationRequest("gemini-3.5-flash", ("my dog barks",), "labels", WAYS["labels"]),
    ),
    _named(
        "images",
        "chat",
        model="openai:gpt-image-2",
        kind="generate_image",
        path="/v1",
        asked=ImageRequest("gpt-image-2", "a cat", count=2),
    ),
    _named(
        "images, edited",
        "chat",
        model="openai:gpt-image-2",
        kind="generate_image",
        path="/v1",
        asked=ImageRequest("gpt-image-2", "a dog", (PICTURE,)),
        carriage="form",
    ),
    _named(
        "images, streamed",
        "chat",
        model="openai:gpt-image-2",
        kind="generate_image",
        path="/v1",
        asked=ImageRequest("gpt-image-2", "a cat", partial_images=3),
        carriage="JSON, streamed",
        is_streamed=True,
    ),
    _named(
        "transcriptions",
        "chat",
        model="openai:whisper-1",
        kind="transcribe",
        path="/v1",
        asked=_transcription("whisper-1", words=True),
        carriage="form",
    ),
    _named(
        "transcriptions, streamed",
        "chat",
        model="openai:gpt-4o-transcribe",
        kind="transcribe",
        path="/v1",
        asked=_transcription("gpt-4o-transcribe", is_streamed=True),
        carriage="form, streamed",
        is_streamed=True,
    ),
    *(
        _batch(name, family, step, model=model, path=path, is_of_a_file="upload" in steps)
        for name, family, model, path, steps in _BATCHES
        for step in steps
    ),
    *_SERVICES,
    *_JOBS,
)
