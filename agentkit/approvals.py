"""Approvals: which calls wait for a person, and what the person decided, sub-agents included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from agentkit.errors import ConfigurationError
from agentkit.loop import RunState, advance, state_from_json
from agentkit.models import Deny
from agentkit.records import CallDecided
from agentkit.schema.arguments import ArgumentsError
from agentkit.tools import Tool

__all__ = ["Approve", "Decision", "Decisions", "PendingCall", "decide", "pending_calls"]


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that waits for a person."""

    id: str
    """Its path: "2.0" is step 2's first call; "2.0/1.1" the second call of step 1 of the sub-agent in it."""
    tool: str
    arguments: Any = field(compare=False)
    """Parsed; the text as the model wrote it where it cannot be parsed."""
    reason: str = field(default="", compare=False)
    agent: str = field(default="", compare=False)
    """The agent whose model made the call."""


@dataclass(frozen=True, slots=True)
class Approve:
    """Yes; with `arguments`, those in place of the model's."""

    arguments: Mapping[str, Any] | None = None


Decision: TypeAlias = Approve | Deny
Decisions: TypeAlias = "Mapping[PendingCall, Decision] | Mapping[str, Decision]"
"""Decisions by pending call, or by its id."""


def pending_calls(state: RunState, prefix: str = "") -> list[PendingCall]:
    """The calls of a run that wait for a person, those of its sub-agents in their place."""
    found: list[PendingCall] = []
    for open_call in state.open_calls():
        paused = open_call.paused
        if paused is None or not paused.is_waiting or open_call.position in state.decided:
            continue
        id = f"{prefix}{open_call.step}.{open_call.position}"
        if paused.state is not None:
            found += pending_calls(state_from_json(paused.state), f"{id}/")
            continue
        call = open_call.call
        found.append(PendingCall(id, call.name, _parsed(call.arguments), paused.reason, state.agent))
    return found


def decide(state: RunState, decisions: Decisions, *, tools: Mapping[str, Tool] | None = None) -> list[CallDecided]:
    """Take a person's decisions into the state; the records of them.

    Raises ConfigurationError for an unknown call, and for edited arguments that a tool of `tools` does not take: the
    approval is not used up then.
    """
    if not isinstance(decisions, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # a list of calls is tried
        raise ConfigurationError(
            f"approvals= is of type {type(decisions).__name__}; say of each call what was decided: "
            "{call: Approve() for call in result.pending}"
        )
    by_path = {
        key.id if isinstance(key, PendingCall) else key: decision
        for key, decision in cast("Mapping[PendingCall | str, Decision]", decisions).items()
    }
    known = {call.id: call for call in pending_calls(state)}
    for path in by_path:
        if path not in known:
            waiting = ", ".join(f"{id} ({call.tool})" for id, call in known.items())
            which = f"these do: {waiting}" if waiting else "none does in this run"
            raise ConfigurationError(f"no call {path!r} waits for a decision; {which}")
        decision = by_path[path]
        if not isinstance(decision, (Approve, Deny)):  # pyright: ignore[reportUnnecessaryIsInstance]  # True is tried
            raise ConfigurationError(
                f"{decision!r} decides nothing on call {path!r}; give Approve(), Approve(arguments=...) or Deny('why')"
            )
        if isinstance(decision, Approve) and decision.arguments is not None:
            _check(decision.arguments, path, (tools or {}).get(known[path].tool) if "/" not in path else None)
    records: list[CallDecided] = []
    for position, inner in _grouped(by_path).items():
        record = _record(state.step, position, inner)
        advance(state, record)
        records.append(record)
    return records


def decisions_from_json(inner: Mapping[str, Any]) -> dict[str, Decision]:
    """Decisions on calls of a sub-agent, as they stand in the journal of the run above it."""
    return {
        path: Approve(said["arguments"]) if said["is_approved"] else Deny(said["reason"])
        for path, said in inner.items()
    }


def _check(arguments: Mapping[str, Any], path: str, tool: Tool | None) -> None:
    if tool is None:
        return
    try:
        tool.schema.validate_python(arguments, strict=False)
    except ArgumentsError as error:
        raise ConfigurationError(
            f"the arguments approved for call {path!r} ({tool.name}) are not valid: "
            f"{'; '.join(map(str, error.problems))}; nothing was decided"
        ) from error


def _grouped(by_path: Mapping[str, Decision]) -> dict[int, dict[str, Decision]]:
    """Decisions by the position of the call in this run; below it by the rest of the path, "" for the call itself."""
    grouped: dict[int, dict[str, Decision]] = {}
    for path, decision in by_path.items():
        own, _, rest = path.partition("/")
        position = int(own.rpartition(".")[2])
        grouped.setdefault(position, {})[rest] = decision
    return grouped


def _record(step: int, position: int, inner: Mapping[str, Decision]) -> CallDecided:
    own = inner.get("")
    if own is None:
        said = {
            path: {
                "is_approved": isinstance(decision, Approve),
                "arguments": dict(decision.arguments)
                if isinstance(decision, Approve) and decision.arguments is not None
                else None,
                "reason": decision.reason if isinstance(decision, Deny) else "",
            }
            for path, decision in inner.items()
        }
        return CallDecided(step, position, is_approved=True, inner=said)
    if isinstance(own, Deny):
        return CallDecided(step, position, is_approved=False, reason=own.reason)
    return CallDecided(step, position, is_approved=True, arguments=_written(own.arguments))


def _written(arguments: Mapping[str, Any] | None) -> str | None:
    if arguments is None:
        return None
    from pydantic_core import to_json

    return to_json(dict(arguments)).decode()


def _parsed(arguments: str) -> Any:
    from pydantic_core import from_json

    try:
        return from_json(arguments)
    except ValueError:
        return arguments
