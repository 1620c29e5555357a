"""The machine: what a run needs next, and what has happened to it.

What happened is a journal of typed records; the state is the fold of the journal and nothing else, so a run can be
stored, resumed, replayed and forked at any record. The machine does no I/O and reads no clock: `run` drives it.

    state = fold(journal)
    next_need(state)  ->  CallModel | CallTools | AwaitApproval | Finish
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, TypeAlias, assert_never, cast

from agentkit.errors import ConfigurationError, NewerVersionError, StateError
from agentkit.frozen import frozen
from agentkit.json_bytes import json_bytes
from agentkit.messages import (
    AssistantMessage,
    Denied,
    Failed,
    Message,
    Outcome,
    Returned,
    Text,
    ToolCall,
    UserMessage,
)
from agentkit.records import (
    Answered,
    CallBegan,
    CallDecided,
    CallEnded,
    CallPaused,
    Ended,
    Interrupted,
    Kept,
    Prompted,
    Record,
    Rejected,
    Resumed,
    RunBegan,
)
from agentkit.usage import Cost, Usage

__all__ = [
    "AwaitApproval",
    "CallModel",
    "CallTools",
    "Finish",
    "Need",
    "OpenCall",
    "RunState",
    "advance",
    "fold",
    "fork",
    "next_need",
    "record_from_json",
    "record_to_json",
    "state_from_json",
    "state_to_json",
]

VERSION = 2
"""Version of the JSON form of a state."""


@frozen
class OpenCall:
    """A call that has no outcome yet."""

    step: int
    position: int
    call: ToolCall
    """Its arguments are those that the person put in place, if one did."""
    is_approved: bool = False
    paused: CallPaused | None = None
    decisions: Mapping[str, Any] | None = None
    """What a person decided on calls of the sub-agent inside it."""
    turn: int = 0
    """How often it was paused before."""
    is_begun: bool = False
    """The tool was called, by a process that did not tell how that ended."""


@frozen
class CallModel:
    """The model is to be asked."""

    step: int
    messages: tuple[Message, ...]


@frozen
class CallTools:
    """These calls are to be made."""

    step: int
    calls: tuple[OpenCall, ...]


@frozen
class AwaitApproval:
    """Nothing can be done until a person decides on these calls."""

    calls: tuple[OpenCall, ...]


@frozen
class Finish:
    """The model has answered without calls, or by calling an output tool."""

    message: AssistantMessage
    output_call: ToolCall | None = None
    is_ended: bool = False
    """The run had ended before; this is its last answer once more."""


Need: TypeAlias = CallModel | CallTools | AwaitApproval | Finish
"""What a run needs next."""


class RunState:
    """The fold of a journal. `advance` is its only writer."""

    __slots__ = (
        "agent",
        "answer",
        "begun",
        "complaints",
        "cost",
        "decided",
        "earlier",
        "edited",
        "failures",
        "is_ended",
        "journal",
        "kept",
        "messages",
        "outcomes",
        "output_position",
        "paused",
        "remainders",
        "revealed",
        "run_id",
        "session",
        "step",
        "steps_below",
        "tool_calls",
        "tool_calls_below",
        "turns",
        "usage",
    )

    def __init__(self) -> None:
        self.journal: list[Record] = []
        self.run_id = ""
        self.agent = ""
        self.messages: tuple[Message, ...] = ()
        """Everything said, without the answer whose calls are still open."""
        self.earlier = 0
        """How many of the messages are from before this run."""
        self.session: str | None = None
        """The session that the run's messages go into."""
        self.kept = 0
        """How many of the messages it has."""
        self.answer: AssistantMessage | None = None
        """The answer whose calls are still open."""
        self.outcomes: dict[int, Outcome] = {}  # position -> outcome of the open answer's calls, in ending order
        self.begun: frozenset[int] = frozenset()  # positions of calls that were begun and must not be made twice
        self.turns: dict[int, int] = {}  # position -> how often the call was paused
        self.paused: dict[int, CallPaused] = {}  # position -> why it waits
        self.decided: dict[int, CallDecided] = {}  # position -> what a person said
        self.edited: dict[int, str] = {}  # position -> arguments that a person put in place of the model's
        self.output_position: int | None = None
        self.step = 0
        """How many times the model has answered."""
        self.tool_calls = 0
        self.steps_below = 0
        """Those of sub-agents that have ended."""
        self.tool_calls_below = 0
        self.usage = Usage()
        self.cost = Cost.zero
        self.failures: dict[str, int] = {}  # tool -> failures in a row
        self.complaints: list[str] = []
        self.remainders: dict[str, str] = {}  # "step.position" -> whole text of a result that was too long
        self.revealed: frozenset[str] = frozenset()
        self.is_ended = False

    @property
    def visible_messages(self) -> tuple[Message, ...]:
        """Everything said, the answer with open calls included (its calls without an outcome are pending)."""
        if self.answer is None:
            return self.messages
        return (*self.messages, self.answer.with_outcomes(self.outcomes))

    @property
    def waiting(self) -> list[CallPaused]:
        """The records of the calls that were begun or asked about, and have not ended."""
        return [] if self.answer is None else [p for at, p in self.paused.items() if at not in self.outcomes]

    @property
    def usage_so_far(self) -> Usage:
        """Tokens consumed, those of sub-agents that have not ended included."""
        return sum((paused.usage for paused in self.waiting), self.usage)

    @property
    def cost_so_far(self) -> Cost:
        """Money spent, that of sub-agents that have not ended included."""
        return sum((paused.cost for paused in self.waiting), self.cost)

    def open_calls(self) -> list[OpenCall]:
        """The calls of the open answer that have no outcome yet, in call order."""
        if self.answer is None:
            return []
        found: list[OpenCall] = []
        for position, call in enumerate(self.answer.calls):
            if position in self.outcomes:
                continue
            decision = self.decided.get(position)
            if position in self.edited:
                call = ToolCall(call.id, call.name, self.edited[position], call.outcome, call.provider_data)
            found.append(
                OpenCall(
                    self.step,
                    position,
                    call,
                    decision is not None and decision.is_approved,
                    self.paused.get(position),
                    decision.inner if decision is not None else None,
                    self.turns.get(position, 0),
                    position in self.begun,
                )
            )
        return found


def next_need(state: RunState) -> Need:
    """What the run needs next."""
    if state.answer is not None:
        calls = state.open_calls()
        ready = tuple([call for call in calls if not _waits(state, call)]) if state.paused else tuple(calls)
        return CallTools(state.step, ready) if ready else AwaitApproval(tuple(calls))
    last = state.messages[-1] if state.messages else None
    if not isinstance(last, AssistantMessage):
        return CallModel(state.step + 1, state.messages)
    if state.is_ended or state.output_position is not None:
        calls = last.calls
        call = calls[state.output_position] if state.output_position is not None else None
        return Finish(last, call, state.is_ended)
    if last.calls or last.finish in ("paused", "cancelled"):
        return CallModel(state.step + 1, state.messages)
    return Finish(last)


def _waits(state: RunState, call: OpenCall) -> bool:
    return call.paused is not None and call.paused.is_waiting and call.position not in state.decided


def advance(state: RunState, record: Record) -> None:
    """Take one record into the state. Raises StateError for a record that cannot follow what happened."""
    match record:
        case Answered():
            _answered(state, record)
        case CallEnded():
            _call_ended(state, record)
        case CallBegan():
            _check_open(state, record.step, record.position)
            state.begun |= {record.position}
        case CallPaused():
            _check_open(state, record.step, record.position)
            state.begun -= {record.position}
            state.turns[record.position] = state.turns.get(record.position, 0) + 1
            state.paused[record.position] = record
            state.decided.pop(record.position, None)
        case CallDecided():
            _call_decided(state, record)
        case RunBegan():
            if state.journal:
                raise StateError("a run cannot begin twice; was the journal edited?")
            state.run_id, state.agent, state.earlier = record.run_id, record.agent, record.earlier
            state.messages = record.messages
            state.session, state.kept = record.session, record.earlier
        case Prompted():
            if state.answer is not None:
                raise StateError(
                    "the last answer's tool calls are still open: go on without a prompt first, or, where they wait "
                    "for a person, decide with approvals= before prompting"
                )
            state.messages = (*state.messages, record.message)
            state.is_ended, state.output_position = False, None
            state.complaints = []
        case Resumed():
            last = state.messages[-1] if state.messages else None
            if isinstance(last, AssistantMessage) and last.finish == "cancelled" and not last.calls:
                state.messages = state.messages[:-1]
        case Rejected():
            state.complaints.append(record.complaint)
            state.output_position = None
            state.messages = (*state.messages, UserMessage((Text(record.complaint),)))
        case Interrupted():
            if record.message is not None:
                state.messages = (*state.messages, record.message)
        case Kept():
            state.kept = record.messages
        case Ended():
            state.is_ended = True
            state.complaints = []
        case _:
            assert_never(record)
    state.journal.append(record)


def _answered(state: RunState, record: Answered) -> None:
    if state.answer is not None or record.step != state.step + 1:
        raise StateError(f"an answer to step {record.step} cannot follow step {state.step}; was the journal edited?")
    state.step = record.step
    state.usage = state.usage + record.message.usage
    state.cost = state.cost + record.cost
    state.output_position = None
    if record.message.is_settled:
        state.messages = (*state.messages, record.message)
        return
    state.answer = record.message
    state.outcomes, state.paused, state.decided, state.edited = {}, {}, {}, {}
    state.begun, state.turns = frozenset(), {}


def _call_ended(state: RunState, record: CallEnded) -> None:
    answer = _check_open(state, record.step, record.position)
    calls = answer.calls
    name = calls[record.position].name
    state.outcomes[record.position] = record.outcome
    state.tool_calls += not record.is_output
    state.steps_below += record.steps
    state.tool_calls_below += record.tool_calls
    state.usage = state.usage + record.usage
    state.cost = state.cost + record.cost
    if isinstance(record.outcome, Failed):
        state.failures[name] = state.failures.get(name, 0) + 1
    elif isinstance(record.outcome, Returned):
        state.failures.pop(name, None)
    if record.is_output and (state.output_position is None or record.position < state.output_position):
        state.output_position = record.position
    if record.remainder is not None:
        state.remainders[f"{record.step}.{record.position}"] = record.remainder
    if record.reveals:
        state.revealed = state.revealed.union(record.reveals)
    if len(state.outcomes) == len(calls):
        state.messages = (*state.messages, _settled(state, answer))
        state.answer = None


def _check_open(state: RunState, step: int, position: int) -> AssistantMessage:
    """The open answer, if it has this call and the call has no outcome yet."""
    answer = state.answer
    is_open = answer is not None and step == state.step and position not in state.outcomes
    if answer is None or not is_open or not 0 <= position < len(answer.calls):
        raise StateError(f"something is told of call {step}.{position}, but it is not open; was the journal edited?")
    return answer


def _settled(state: RunState, answer: AssistantMessage) -> AssistantMessage:
    """The answer with every outcome, and with the arguments that the calls were really made with."""
    message = answer.with_outcomes(state.outcomes)
    if not state.edited:
        return message
    parts = list(message.parts)
    places = [index for index, part in enumerate(parts) if isinstance(part, ToolCall)]
    for position, arguments in state.edited.items():
        call = parts[places[position]]
        assert isinstance(call, ToolCall)
        parts[places[position]] = ToolCall(call.id, call.name, arguments, call.outcome, call.provider_data)
    return AssistantMessage(tuple(parts), message.model, message.response_id, message.finish, message.usage)


def _call_decided(state: RunState, record: CallDecided) -> None:
    if record.position not in state.paused or record.step != state.step:
        raise StateError(
            f"call {record.step}.{record.position} waits for no decision; result.pending lists those that do"
        )
    state.decided[record.position] = record
    if record.arguments is not None:
        state.edited[record.position] = record.arguments
    if not record.is_approved and record.inner is None:
        _call_ended(state, CallEnded(record.step, record.position, Denied(record.reason)))


def fold(journal: Iterable[Record]) -> RunState:
    """The state after these records."""
    state = RunState()
    for record in journal:
        advance(state, record)
    return state


def record_to_json(record: Record) -> bytes:
    """One record as a JSON object; `VERSION` is its version too."""
    from pydantic_core import PydanticSerializationError

    try:
        return _record_adapter().dump_json(record)
    except PydanticSerializationError:  # half of a surrogate pair
        return json_bytes(_record_adapter().dump_python(record, mode="json"))


def record_from_json(document: str | bytes) -> Record:
    """A record from its JSON object. Raises StateError."""
    from pydantic import ValidationError

    try:
        return _record_adapter().validate_json(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise StateError(f"at {where}: {first['msg']}; was it edited?") from error


def state_to_json(state: RunState) -> dict[str, Any]:
    """A state as a JSON document with a version."""
    return {"version": VERSION, "journal": _adapter().dump_python(state.journal, mode="json")}


def state_from_json(document: Mapping[str, Any]) -> RunState:
    """The state in a JSON document. Raises StateError, NewerVersionError."""
    from pydantic import ValidationError  # loaded on first use: importing agentkit stays cheap

    if not isinstance(document, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # a text or a Result is tried
        raise StateError(
            f"a state is a JSON object, and this is of type {type(document).__name__}; pass result.state, or "
            f"json.loads(...) of what was stored"
        )
    version: object = document.get("version")
    if not isinstance(version, int):
        raise StateError(f"this is no state of a run: its version is {version!r}, a number was expected")
    if version > VERSION:
        raise NewerVersionError("state of a run", found=version, known=VERSION)
    try:
        journal: list[Record] = _adapter().validate_json(json_bytes(document.get("journal")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise StateError(f"this state cannot be read: at journal.{where}: {first['msg']}; was it edited?") from error
    if not journal or not isinstance(journal[0], RunBegan):
        raise StateError("this state has no beginning: its journal does not start with run_began; was it cut?")
    return fold(journal)


def fork(document: Mapping[str, Any], *, step: int) -> dict[str, Any]:
    """The state when the model was about to be asked for the `step`-th time: resume it to take another way.

    It is another run, with an id of its own, and belongs to no session.
    """
    state = state_from_json(document)
    if not 1 <= step <= state.step + 1:
        raise ConfigurationError(f"there is no step {step} to fork from; this run has steps 1 to {state.step + 1}")
    kept: list[Record] = []
    new = uuid.uuid4().hex
    for record in state.journal:
        if isinstance(record, Answered) and record.step == step:
            break
        kept.append(record)
    return state_to_json(fold(_renamed(record, state.run_id, new) for record in kept))


def _renamed(record: Record, old: str, new: str) -> Record:
    """The record as one of another run; those of sub-agents inside it too."""
    match record:
        case RunBegan():
            return replace(record, run_id=new + record.run_id.removeprefix(old), session=None)
        case CallPaused(state=dict(state)):
            return replace(record, state=_renamed_below(state, old, new))
        case _:
            return record


def _renamed_below(document: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    journal: list[dict[str, Any]] = []
    for record in cast("list[dict[str, Any]]", document["journal"]):
        changed = dict(record)
        if "run_id" in changed:
            changed["run_id"] = new + changed["run_id"].removeprefix(old)
        if isinstance(changed.get("state"), dict):
            changed["state"] = _renamed_below(changed["state"], old, new)
        journal.append(changed)
    return {**document, "journal": journal}


@cache
def _adapter() -> Any:
    from pydantic import Discriminator, TypeAdapter

    return TypeAdapter(list[Annotated[Record, Discriminator("kind")]])


@cache
def _record_adapter() -> Any:
    from pydantic import Discriminator, TypeAdapter

    return TypeAdapter(Annotated[Record, Discriminator("kind")])
