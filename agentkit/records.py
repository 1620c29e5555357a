"""What can happen in a run: the typed records of its journal, which is JSON."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal, TypeAlias

from agentkit.frozen import frozen
from agentkit.messages import AssistantMessage, Message, Outcome, UserMessage
from agentkit.usage import Cost, Usage

__all__ = [
    "Answered",
    "CallBegan",
    "CallDecided",
    "CallEnded",
    "CallPaused",
    "Ended",
    "Interrupted",
    "Kept",
    "Prompted",
    "Record",
    "Rejected",
    "Resumed",
    "RunBegan",
]


@frozen
class RunBegan:
    """A run began, with the conversation before it and the prompt."""

    run_id: str
    messages: tuple[Message, ...]
    agent: str = ""
    earlier: int = 0
    """How many of the messages are from before this run."""
    session: str | None = None
    """The session that the run's messages go into."""
    kind: Literal["run_began"] = field(default="run_began", repr=False, kw_only=True)


@frozen
class Prompted:
    """The user said more to a run that had ended or was cancelled."""

    message: UserMessage
    kind: Literal["prompted"] = field(default="prompted", repr=False, kw_only=True)


@frozen
class Resumed:
    """The run goes on: half an answer that a cancel left is asked for again."""

    kind: Literal["resumed"] = field(default="resumed", repr=False, kw_only=True)


@frozen
class Answered:
    """The model answered."""

    step: int
    message: AssistantMessage
    cost: Cost = Cost.unknown
    attempts: int = 1
    kind: Literal["answered"] = field(default="answered", repr=False, kw_only=True)


@frozen
class CallBegan:
    """A tool is about to be called that must not be called twice: without the call's end nobody knows what it did."""

    step: int
    position: int
    kind: Literal["call_began"] = field(default="call_began", repr=False, kw_only=True)


@frozen
class CallEnded:
    """A tool call ended; its outcome will not change any more."""

    step: int
    position: int
    """Which of the step's calls, from 0."""
    outcome: Outcome
    is_output: bool = False
    """The call gave the run's output."""
    remainder: str | None = None
    """The whole text of a result that was too long to show; the model can read it in pieces."""
    reveals: tuple[str, ...] = ()
    """Tools that this call made visible to the model."""
    usage: Usage = Usage()
    """What sub-agents consumed in this call."""
    cost: Cost = Cost.zero
    steps: int = 0
    """How many times the models of sub-agents answered in this call."""
    tool_calls: int = 0
    """How many calls they made."""
    kind: Literal["call_ended"] = field(default="call_ended", repr=False, kw_only=True)


@frozen
class CallPaused:
    """A tool call waits for a person."""

    step: int
    position: int
    reason: str = ""
    state: dict[str, Any] | None = None
    """The state of the sub-agent inside this call."""
    is_waiting: bool = True
    """False when nobody has to decide: the sub-agent was stopped and goes on when the run does."""
    usage: Usage = Usage()
    """What the sub-agent has consumed so far; the call's end tells it again, as part of the whole."""
    cost: Cost = Cost.zero
    kind: Literal["call_paused"] = field(default="call_paused", repr=False, kw_only=True)


@frozen
class CallDecided:
    """A person decided on a paused call."""

    step: int
    position: int
    is_approved: bool
    arguments: str | None = None
    """The arguments that the person put in place of the model's."""
    reason: str = ""
    inner: dict[str, Any] | None = None
    """Decisions on calls of the sub-agent inside this call, by their path."""
    kind: Literal["call_decided"] = field(default="call_decided", repr=False, kw_only=True)


@frozen
class Rejected:
    """The answer was not the declared output; the complaint goes back to the model."""

    step: int
    complaint: str
    kind: Literal["rejected"] = field(default="rejected", repr=False, kw_only=True)


@frozen
class Interrupted:
    """The run was cancelled; `message` is what can be kept of the answer that was coming."""

    step: int
    message: AssistantMessage | None = None
    kind: Literal["interrupted"] = field(default="interrupted", repr=False, kw_only=True)


@frozen
class Kept:
    """The run's session has so many of its messages."""

    messages: int
    kind: Literal["kept"] = field(default="kept", repr=False, kw_only=True)


@frozen
class Ended:
    """The run has its output."""

    step: int
    kind: Literal["ended"] = field(default="ended", repr=False, kw_only=True)


Record: TypeAlias = (
    RunBegan
    | Prompted
    | Resumed
    | Answered
    | CallBegan
    | CallEnded
    | CallPaused
    | CallDecided
    | Rejected
    | Interrupted
    | Kept
    | Ended
)
"""One thing that happened in a run."""
