"""One exchange with a model as data: the Request that goes out, the Response that comes back, the Deltas on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, Protocol, TypeAlias

from agentkit.errors import ConfigurationError, ExchangeError
from agentkit.frozen import frozen
from agentkit.identity import ModelIdentity
from agentkit.media import Image
from agentkit.messages import AssistantMessage, Finish, Message, Part, ToolCall
from agentkit.settings import Settings
from agentkit.usage import Usage

__all__ = [
    "AttemptFailed",
    "Delta",
    "Memo",
    "ModelSwitched",
    "OutputFormat",
    "PartFinished",
    "PartialImage",
    "ReplySeen",
    "Request",
    "Response",
    "ResponseFinished",
    "ResponseStarted",
    "RunAccount",
    "TextDelta",
    "ThinkingDelta",
    "ToolCallDelta",
    "ToolDefinition",
    "Waiting",
]


class RunAccount(Protocol):
    """Whose exchanges these are, and what they may still take; the ledger of a run is one."""

    @property
    def root(self) -> object:
        """The same object for a run and its sub-agents, another for every other run."""
        ...

    @property
    def ends_at(self) -> float:
        """When the run's time is over, by the clock of the event loop; infinite where that is not bounded."""
        ...

    def reserve_retry(self) -> bool:
        """Book one request that is sent again; False, and nothing booked, when the run may not."""
        ...


class Memo:
    """What codecs keep between the exchanges of one run: an unchanged head of messages and tools as bytes.

    The run owns it and hands it over with every request; a codec finds its own things under its own key.
    """

    __slots__ = ("account", "kept")

    def __init__(self, account: RunAccount | None = None) -> None:
        self.account = account
        """Where what the exchanges of the run share is booked; None where there is no run."""
        self.kept: dict[str, Any] = {}  # codec's key -> whatever that codec keeps


@frozen(eq=False)
class ToolDefinition:
    """A tool as a model sees it. Compared by identity: one Tool has one definition."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """Neutral JSON Schema of an object; codecs compile it to their dialect."""
    strict: bool | None = None
    """Ask the provider to enforce the schema: True, False, or None to let the dialect decide."""


@frozen
class OutputFormat:
    """The answer has to be JSON of this schema; for models that offer it natively."""

    name: str
    schema: Mapping[str, Any]
    """Neutral JSON Schema of an object."""
    strict: bool | None = None
    description: str = ""


@frozen
class ReplySeen:
    """One request on the wire and how it fared, for policies that keep to a provider's limits."""

    headers: Mapping[str, str]
    """Of the reply, names in lower case; empty when none came."""
    error: ExchangeError | None = None
    """Why it failed; None while it did not: the head of a good reply is told before its content is read."""


@frozen
class Request:
    """One question to a model. It cannot be built while a tool call is pending."""

    model: str
    """The id as the provider spells it."""
    messages: tuple[Message, ...]
    instructions: str = ""
    tools: tuple[ToolDefinition, ...] = ()
    output: OutputFormat | None = None
    settings: Settings = Settings()
    is_streamed: bool = False
    """Ask the provider to stream."""
    memo: Memo | None = field(default=None, compare=False, repr=False)
    observe: Callable[[ReplySeen], None] | None = field(default=None, compare=False, repr=False)
    """Told of every request on the wire; for policies, which put it there for the model that they wrap."""
    shown: Callable[[Sequence[Delta]], Sequence[Delta]] | None = field(default=None, compare=False, repr=False)
    """What streamed pieces become on their way to who listens; for middleware that undoes there what it did to a
    request. One that finds it set gives it what it made itself."""

    def __post_init__(self) -> None:
        if all([message.is_settled for message in self.messages]):  # noqa: C419  # a list is twice as fast
            return
        calls = [call for message in self.messages for call in message.calls]
        names = [call.name for call in calls if call.outcome.kind == "pending"]
        raise ConfigurationError(
            f"a request cannot be made while the call of {' and '.join(names)} is pending; "
            "resume the run (agent.resume) or fill in the outcomes (message.with_outcomes)"
        )


@frozen
class Response:
    """One answer of a model."""

    message: AssistantMessage
    finish_raw: str = ""
    """Why it ended, in the provider's own word."""
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else is worth knowing, such as {"service_tier": "flex"}; plain JSON."""
    attempts: int = 1
    """How many requests it took."""
    notes: tuple[str, ...] = ()
    """What could not be sent as it was asked, for people: thinking of another provider, settings that gave way."""
    request_id: str = field(default="", compare=False)
    """The provider's id of the exchange, to be named when asking it for help; empty where it gives none."""
    answered_by: ModelIdentity | None = None
    """Who answered, where a policy chose among several models; None: the model that was asked."""
    failed_over: tuple[str, ...] = ()
    """The models that were to answer before it and did not, each with the class of its error; never content."""
    saved: Usage | None = None
    """What this answer took when it was first given: it came from a cache, and nothing was consumed now."""

    @property
    def text(self) -> str:
        """All text joined, refusals left out."""
        return self.message.text

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls."""
        return self.message.calls

    @property
    def finish(self) -> Finish:
        """Why it ended."""
        return self.message.finish

    @property
    def usage(self) -> Usage:
        """Tokens consumed."""
        return self.message.usage


@frozen
class ResponseStarted:
    """The answer begins."""

    response_id: str = ""
    model: str = ""


@frozen
class TextDelta:
    """More text."""

    text: str
    index: int = 0
    """Which part it belongs to: parts are shown in the order of their indexes."""
    is_refusal: bool = False


@frozen
class ThinkingDelta:
    """More thinking."""

    text: str
    index: int = 0


@frozen
class ToolCallDelta:
    """More of a tool call. Id and name come once, with the first piece or alone."""

    arguments: str
    index: int = 0
    id: str = ""
    name: str = ""


@frozen
class PartFinished:
    """The part of this index is complete; it replaces what was put together from its deltas."""

    part: Part
    index: int = 0


@frozen
class PartialImage:
    """How a picture looks that is still being made; each look replaces the one before it."""

    image: Image
    look: int = 0
    """Which look it is, from 0."""


@frozen
class ResponseFinished:
    """The answer is complete."""

    finish: Finish
    finish_raw: str = ""
    usage: Usage = Usage()
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


@frozen
class AttemptFailed:
    """A request failed before any content came and is sent again after a wait."""

    attempt: int
    """Which one failed, from 1."""
    error: str
    """The error's class and text."""
    wait_seconds: float


@frozen
class Waiting:
    """The request waits: for its turn under a limit, when nothing of it is sent yet, or for a job at the provider."""

    limit: str
    """What it waits for, in words: "60 requests per minute", "the job agentkit-1, IN_PROGRESS"."""
    seconds: float | None
    """How long at the least, for a job until it is looked at again; None when that depends on other requests."""
    ahead: int = 0
    """How many requests wait before it."""


@frozen
class ModelSwitched:
    """Another model is asked, because one failed or is passed over after a failure: the answer begins anew.

    Whatever was told of this answer is void: forget it, and show what comes from here on in its place.
    """

    failed: str
    """Who will not answer: "provider:model"."""
    error: str
    """Why: the error's class and text."""
    model: str
    """Who is asked now."""
    is_restart: bool = False
    """Whether content had been told already."""


Delta: TypeAlias = (
    ResponseStarted
    | TextDelta
    | ThinkingDelta
    | ToolCallDelta
    | PartFinished
    | PartialImage
    | ResponseFinished
    | AttemptFailed
    | ModelSwitched
    | Waiting
)
"""One streamed piece of an answer."""
