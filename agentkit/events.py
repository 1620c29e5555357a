"""What a run tells whoever listens. Deltas of the model's answer are events too, as they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from agentkit.exchange import Delta, Response
from agentkit.messages import Outcome

__all__ = [
    "Adapted",
    "Answer",
    "ApprovalRequired",
    "Event",
    "EventSink",
    "Nested",
    "OutputRejected",
    "RunEnded",
    "RunStarted",
    "StepStarted",
    "ToolFinished",
    "ToolProgress",
    "ToolStarted",
]


@dataclass(frozen=True, slots=True)
class RunStarted:
    """The run begins or goes on."""

    run_id: str
    agent: str


@dataclass(frozen=True, slots=True)
class StepStarted:
    """The model is asked."""

    step: int


@dataclass(frozen=True, slots=True)
class Adapted:
    """The request could not be sent as it was asked. Each change is told once a run, before the Answer to it."""

    step: int
    changes: tuple[str, ...]
    """For people: what was left out or written otherwise, such as thinking that another provider made."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The model has answered; the whole answer."""

    step: int
    response: Response


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool call begins: its arguments are valid and it is allowed."""

    step: int
    position: int
    tool: str
    call_id: str
    arguments: str
    """JSON text."""


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """A tool says how far it is."""

    step: int
    position: int
    tool: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool call ended."""

    step: int
    position: int
    tool: str
    call_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ApprovalRequired:
    """A call waits for a person."""

    id: str
    tool: str
    arguments: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OutputRejected:
    """The answer was not the declared output; the model is told why and asked again."""

    step: int
    complaint: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run ended; `result` is its Result."""

    result: Any


@dataclass(frozen=True, slots=True)
class Nested:
    """An event of an agent that runs as a tool."""

    step: int
    call_id: str
    agent: str
    event: Event


Event: TypeAlias = (
    Delta
    | RunStarted
    | StepStarted
    | Adapted
    | Answer
    | ToolStarted
    | ToolProgress
    | ToolFinished
    | ApprovalRequired
    | OutputRejected
    | RunEnded
    | Nested
)
"""One thing that happened in a run."""


class EventSink(Protocol):
    """Somebody who listens to a run."""

    def push(self, event: Event) -> None:
        """Tell an event."""
        ...

    def is_behind(self) -> bool:
        """Whether the listener has much unread."""
        ...

    async def drain(self) -> None:
        """Wait until the listener has caught up."""
        ...
