"""Batches as data: what goes in, where each part of it stands, what comes out, and what a provider's batch API offers.

A provider takes a batch in parts within its limits. On the wire each input has an id of ours, made of the batch's name
and its position: providers bound the form of ids, and answers come in any order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args, runtime_checkable

from agentkit.classification import ClassificationAnswer, ClassificationRequest
from agentkit.codec import WireRequest
from agentkit.embedding import EmbeddingAnswer, EmbeddingRequest
from agentkit.errors import DeadlineError, ExchangeError, NewerVersionError, ProtocolError, StateError
from agentkit.exchange import Request, Response
from agentkit.imaging import ImageAnswer, ImageRequest
from agentkit.json_value import json_value
from agentkit.messages import ToolCall
from agentkit.transcription import TranscriptionAnswer, TranscriptionRequest

__all__ = [
    "AnswerDecoder",
    "BatchAnswer",
    "BatchCodec",
    "BatchJob",
    "BatchLimits",
    "BatchLine",
    "BatchPart",
    "BatchQuestion",
    "BatchResult",
    "BatchState",
    "BatchStatus",
    "BatchTask",
    "FetchingCodec",
    "HeadedBatchCodec",
    "LineEncoder",
    "UploadingCodec",
    "item_id",
    "json_rows",
    "moment_of",
    "position_of",
    "read_state",
    "renamed",
    "settled",
    "state_to_json",
]

_VERSION = 1
_CHAT = {"name": "chat"}
_KIND = "agentkit batch"

BatchStatus: TypeAlias = Literal["running", "ended", "failed", "expired", "cancelled"]
"""Where a batch stands at the provider; all but "running" are final."""

BatchTask: TypeAlias = Literal["chat", "embed", "generate_image", "classify", "transcribe"]
"""What the inputs of a batch ask for."""

BatchQuestion: TypeAlias = Request | EmbeddingRequest | ClassificationRequest | ImageRequest | TranscriptionRequest
"""One input, as the client half of its API takes it."""

BatchAnswer: TypeAlias = Response | EmbeddingAnswer | ClassificationAnswer | ImageAnswer | TranscriptionAnswer
"""What an input asked for."""

BatchResult: TypeAlias = BatchAnswer | ExchangeError
"""What became of one input."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What a provider takes in one batch."""

    requests: int
    bytes: int
    least: int = 1
    """How many requests it has to have."""
    inline: int = 0
    """Bytes of inputs that may travel with the question that creates the batch; only more than these are uploaded."""
    texts: int | None = None
    """Inputs of all requests together, where a request may have several; None without bound."""


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One input as its format writes it."""

    id: str
    """As `item_id` makes it."""
    wire: WireRequest
    """What would be sent if it were asked alone."""


@dataclass(frozen=True, slots=True)
class BatchJob:
    """A batch as the provider tells of it."""

    id: str
    status: BatchStatus
    raw: str = ""
    """The status in the provider's own word."""
    total: int = 0
    done: int = 0
    """How many inputs have an answer or an error."""
    failed: int = 0
    """How many of these have an error."""
    name: str = ""
    """The name that we gave it, where the provider keeps one."""
    created: float | None = None
    """Seconds since 1970."""
    results: tuple[str, ...] = ()
    """Where its results are, as the codec understands it."""
    problem: str = ""
    """Why it failed as a whole."""
    problems: Mapping[int, str] = field(default_factory=dict[int, str])
    """Line, from 1 -> why it was refused, where the provider says so."""


class AnswerDecoder(Protocol):
    """What reads the answer to one input: the client half of the API that would have answered it alone."""

    def decode(self, body: bytes, /) -> BatchAnswer:
        """The answer. Raises ProtocolError, or the error that the body reports."""
        ...


@runtime_checkable
class LineEncoder(Protocol):
    """What the client half of a task can do besides, where an input looks different in a batch."""

    def encode_line(self, asked: Any, /) -> WireRequest:
        """The question as JSON, whatever form it has alone. Raises UnsupportedError."""
        ...


class BatchCodec(Protocol):
    """The client half of a batch API: pure, as all codecs are."""

    name: str
    limits: BatchLimits
    price_factor: float
    """What a token costs in a batch, as a part of its usual price."""
    keeps_names: bool
    """Whether a batch can be found again by the name that we give it."""
    uploads: bool
    """Whether the lines are uploaded as a file, those beyond `limits.inline`; else they travel with the question that
    creates the batch."""

    def line(self, line: BatchLine) -> bytes:
        """One input as it stands in a batch."""
        ...

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a batch of a file, or of lines where there is none; `wires` are the inputs as they are sent alone."""
        ...

    def look(self, job: str) -> WireRequest:
        """Asks where a batch stands."""
        ...

    def job(self, body: bytes) -> BatchJob:
        """The batch that was created or looked at. Raises ProtocolError."""
        ...

    def listing(self) -> WireRequest | None:
        """Asks for the latest batches; None where the provider lists none."""
        ...

    def jobs(self, body: bytes) -> list[BatchJob]:
        """Those that were listed. Raises ProtocolError."""
        ...

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for those that come after a list, when so many were `seen` with it; None where it was the last one."""
        ...

    def cancel(self, job: str) -> WireRequest:
        """Asks to end a batch; what it had answered by then stays."""
        ...

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results with the ids of their inputs, in the provider's order. Raises ProtocolError."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        ...


class UploadingCodec(Protocol):
    """What a batch API can do besides, where lines are uploaded to the provider itself."""

    def upload(self, name: str, lines: Sequence[bytes]) -> WireRequest:
        """Uploads lines."""
        ...

    def uploaded(self, body: bytes) -> str:
        """The file's id. Raises ProtocolError."""
        ...


class FetchingCodec(Protocol):
    """What a batch API can do besides, where results are with the provider itself."""

    def fetch(self, place: str) -> WireRequest:
        """Asks for results; `place` is one of BatchJob.results."""
        ...


@runtime_checkable
class HeadedBatchCodec(Protocol):
    """What a batch API can do besides, where the head of a reply says which batch was created."""

    def created(self, headers: Mapping[str, str], body: bytes) -> BatchJob:
        """The batch that was created. Raises ProtocolError."""
        ...


@dataclass(frozen=True, slots=True)
class BatchPart:
    """One batch at the provider: a part of ours, and how far it has come."""

    first: int
    """Position of its first input."""
    count: int
    asked: float | None = None
    """When the provider was first asked to create it, in seconds since 1970; it may exist from then on."""
    file: str = ""
    """The uploaded file; empty until it is."""
    job: str = ""
    """The provider's id of the batch; empty until it is known."""
    status: BatchStatus = "running"

    @property
    def is_over(self) -> bool:
        """Whether the provider works on it no longer."""
        return self.status != "running"


@dataclass(frozen=True, slots=True)
class BatchState:
    """A whole batch, so that any process can go on with it: ids and positions, no content."""

    name: str
    """Chosen at random; part of the ids on the wire."""
    model: str
    """provider:model."""
    digest: str
    """Of all inputs as they go over the wire."""
    ids: tuple[str, ...]
    """The inputs' ids, in order."""
    parts: tuple[BatchPart, ...]
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tool names on the wire -> our own, where they differ."""
    notes: tuple[str, ...] = ()
    """What could not be sent as it was asked."""
    task: Mapping[str, Any] = field(default_factory=lambda: dict[str, Any](_CHAT))
    """What is asked for, by its "name", and how: JSON."""

    def with_part(self, position: int, part: BatchPart) -> BatchState:
        """This state with one part in another place."""
        return replace(self, parts=(*self.parts[:position], part, *self.parts[position + 1 :]))

    def part_name(self, position: int) -> str:
        """The name of a part at the provider."""
        return f"{self.name}-part-{position + 1}"


def item_id(name: str, position: int) -> str:
    """The id of an input on the wire: letters, digits and "-", at most 64, as the strictest provider wants it."""
    return f"{name}-{position}"


def position_of(id: str, name: str) -> int | None:
    """The position that an id on the wire speaks of; None for an id of another batch."""
    found = re.fullmatch(rf"{re.escape(name)}-(\d{{1,9}})", id)
    return int(found[1]) if found else None


def settled(
    rows: Iterable[tuple[str, BatchResult]], state: BatchState, part: BatchPart, *, job: BatchJob, provider: str
) -> list[BatchResult]:
    """Exactly one result for each input of a part: the first answer that came, else the first error, else why there
    is none. Results of other batches are left out."""
    found: dict[int, BatchResult] = {}
    for id, result in rows:
        position = position_of(id, state.name)
        if position is None or not part.first <= position < part.first + part.count:
            continue
        known = found.get(position)
        if known is None or (isinstance(known, ExchangeError) and not isinstance(result, ExchangeError)):
            found[position] = result
    model = state.model.partition(":")[2]
    settled: list[BatchResult] = []
    for position in range(part.first, part.first + part.count):
        result = found.get(position) or _absent(job, position - part.first + 1)
        if isinstance(result, Response):
            result = renamed(result, state.names)
        elif isinstance(result, ExchangeError):
            result.provider, result.model = provider, model
        settled.append(result)
    return settled


def _absent(job: BatchJob, line: int) -> ExchangeError:
    """Why an input has neither an answer nor an error of its own."""
    if not job.id:
        return ExchangeError("the batch was cancelled before this input was submitted", code="cancelled")
    match job.status:
        case "expired":
            return DeadlineError(f"the batch {job.id} expired before this input was answered; submit it again")
        case "cancelled":
            return ExchangeError(f"the batch {job.id} was cancelled before this input was answered", code="cancelled")
        case "failed":
            problem = job.problems.get(line) or job.problem or "no reason was given"
            return ExchangeError(f"the batch {job.id} failed: {problem}", code="batch_failed")
        case _:
            return ProtocolError(f"the batch {job.id} ended without an answer to this input; submit it again")


def renamed(response: Response, names: Mapping[str, str]) -> Response:
    """The response with our own tool names in place of those on the wire."""
    if not names or not response.calls:
        return response
    parts = tuple(
        replace(part, name=names.get(part.name, part.name)) if isinstance(part, ToolCall) else part
        for part in response.message.parts
    )
    return replace(response, message=replace(response.message, parts=parts))


def json_rows(body: bytes, *, provider: str) -> list[dict[str, Any]]:
    """The objects of a JSONL document; a line that is none is left out, so that one bad line does not cost the answers
    in all others. Raises ProtocolError where no line is one."""
    rows: list[dict[str, Any]] = []
    problem = ""
    for number, line in enumerate(BytesIO(body), 1):  # line by line: split at once it would be there twice
        if not line.strip():
            continue
        try:
            value = json_value(line)
        except ValueError as error:
            problem = problem or f"line {number} of the results is not JSON: {error}"
            continue
        if isinstance(value, dict):
            rows.append(cast("dict[str, Any]", value))
        else:
            problem = problem or f"line {number} of the results is no object"
    if problem and not rows:
        raise ProtocolError(problem, provider=provider)
    return rows


def moment_of(value: object) -> float | None:
    """Seconds since 1970 of a date as ISO 8601 writes it; None for anything else."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None


def state_to_json(state: BatchState) -> dict[str, Any]:
    """A state as a JSON document with a version."""
    return {
        "kind": _KIND,
        "version": _VERSION,
        "name": state.name,
        "model": state.model,
        "task": dict(state.task),
        "digest": state.digest,
        "parts": [
            {
                "first": part.first,
                "count": part.count,
                "asked": part.asked,
                "file": part.file,
                "job": part.job,
                "status": part.status,
            }
            for part in state.parts
        ],
        "names": dict(state.names),
        "notes": list(state.notes),
        "ids": list(state.ids),
    }


def read_state(document: object) -> BatchState:
    """A state from its JSON document. Raises StateError, NewerVersionError."""
    fields = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    version = fields.get("version")
    if fields.get("kind") != _KIND or not isinstance(version, int):
        raise StateError("this is no state of a batch; give the file that `batch` or `agentkit batch submit` wrote")
    if version > _VERSION:
        raise NewerVersionError("state of a batch", found=version, known=_VERSION)
    try:
        state = BatchState(
            str(fields["name"]),
            str(fields["model"]),
            str(fields["digest"]),
            tuple(str(id) for id in fields["ids"]),
            _parts_in(fields["parts"], count=len(fields["ids"])),
            {str(wire): str(own) for wire, own in fields["names"].items()},
            tuple(str(note) for note in fields["notes"]),
            dict(fields.get("task") or _CHAT),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StateError(
            f"the state of the batch cannot be read ({type(error).__name__}: {error}); was it edited?"
        ) from None
    return state


def _parts_in(value: object, *, count: int) -> tuple[BatchPart, ...]:
    """The parts in a document, which follow each other and hold so many inputs. Raises TypeError, ValueError."""
    parts: list[BatchPart] = []
    first = 0
    for fields in cast("list[dict[str, Any]]", value):
        part = BatchPart(**fields)
        kinds = {"count": int, "file": str, "job": str, "asked": int | float | None}
        if not all(isinstance(getattr(part, name), kind) for name, kind in kinds.items()):
            raise TypeError(f"a part is {fields!r}")
        if part.first != first or part.count < 1 or part.status not in get_args(BatchStatus):
            raise ValueError(f"a part is {fields!r}")
        parts.append(part)
        first += part.count
    if first != count:
        raise ValueError(f"{count} ids, and parts of {first} inputs")
    return tuple(parts)
