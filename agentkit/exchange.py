"""One exchange with a model as data: the Request that goes out, the Response that comes back, the Deltas on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agentkit.errors import ConfigurationError
from agentkit.messages import AssistantMessage, Finish, Message, Part, ToolCall
from agentkit.settings import Settings
from agentkit.usage import Usage

__all__ = [
    "AttemptFailed",
    "Delta",
    "Memo",
    "OutputFormat",
    "PartFinished",
    "Request",
    "Response",
    "ResponseFinished",
    "ResponseStarted",
    "TextDelta",
    "ThinkingDelta",
    "ToolCallDelta",
    "ToolDefinition",
]


class Memo:
    """What codecs keep between the exchanges of one run: an unchanged head of messages and tools as bytes.

    The run owns it and hands it over with every request; a codec finds its own things under its own key.
    """

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}  # codec's key -> whatever that codec keeps


@dataclass(frozen=True, slots=True, eq=False)
class ToolDefinition:
    """A tool as a model sees it. Compared by identity: one Tool has one definition."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """Neutral JSON Schema of an object; codecs compile it to their dialect."""
    strict: bool | None = None
    """Ask the provider to enforce the schema: True, False, or None to let the dialect decide."""


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """The answer has to be JSON of this schema; for models that offer it natively."""

    name: str
    schema: Mapping[str, Any]
    """Neutral JSON Schema of an object."""
    strict: bool | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
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

    def __post_init__(self) -> None:
        if all([message.is_settled for message in self.messages]):  # noqa: C419  # a list is twice as fast
            return
        calls = [call for message in self.messages for call in message.calls]
        names = [call.name for call in calls if call.outcome.kind == "pending"]
        raise ConfigurationError(
            f"a request cannot be made while the call of {' and '.join(names)} is pending; "
            "resume the run (agent.resume) or fill in the outcomes (message.with_outcomes)"
        )


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class ResponseStarted:
    """The answer begins."""

    response_id: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More text."""

    text: str
    index: int = 0
    """Which part it belongs to: parts are shown in the order of their indexes."""
    is_refusal: bool = False


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More thinking."""

    text: str
    index: int = 0


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of a tool call. Id and name come once, with the first piece or alone."""

    arguments: str
    index: int = 0
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class PartFinished:
    """The part of this index is complete; it replaces what was put together from its deltas."""

    part: Part
    index: int = 0


@dataclass(frozen=True, slots=True)
class ResponseFinished:
    """The answer is complete."""

    finish: Finish
    finish_raw: str = ""
    usage: Usage = Usage()
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A request failed before any content came and is sent again after a wait."""

    attempt: int
    """Which one failed, from 1."""
    error: str
    """The error's class and text."""
    wait_seconds: float


Delta: TypeAlias = (
    ResponseStarted | TextDelta | ThinkingDelta | ToolCallDelta | PartFinished | ResponseFinished | AttemptFailed
)
"""One streamed piece of an answer."""
