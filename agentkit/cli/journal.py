"""The journal of a run as a person reads it: one line for each thing that happened."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, assert_never, cast

from agentkit.cli.live import outcome_text, shown_arguments
from agentkit.cli.terminal import cut
from agentkit.messages import AssistantMessage, ToolCall, UserMessage
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
from agentkit.runs.kept import KeptRecord

__all__ = ["journal_lines"]

WORDS = 90


def journal_lines(history: Iterable[KeptRecord]) -> list[str]:
    """Time, place and what happened; a place is a step, or a call by its path."""
    answers: dict[tuple[str, int], AssistantMessage] = {}  # run and step -> the answer
    lines: list[str] = []
    day = None
    for kept in history:
        at = kept.at.astimezone()
        if day is not None and at.date() != day:
            lines.append(f"{at:%Y-%m-%d}")
        day = at.date()
        record, below = kept.record, kept.run_id.partition("/")[2]
        if isinstance(record, Answered):
            answers[kept.run_id, record.step] = record.message
        step: int | None = getattr(record, "step", None)
        position: int | None = getattr(record, "position", None)
        answer = answers.get((kept.run_id, step or 0))
        call = answer.calls[position] if answer is not None and position is not None else None
        place = "" if step is None else f"step {step}" if position is None else f"{step}.{position}"
        if below:
            place = f"{below}/{place}" if position is not None else f"{below} {place}".rstrip()
        lines.append(f"{at:%H:%M:%S}  {place:<12}  {cut(_told(record, call), WORDS)}".rstrip())
    return lines


def _told(record: Record, call: ToolCall | None) -> str:
    name = call.name if call else "the call"
    match record:
        case RunBegan():
            said = [message.text for message in record.messages[record.earlier :] if isinstance(message, UserMessage)]
            return f"begins: {' '.join(said)}"
        case Prompted():
            return f"is told: {record.message.text}"
        case Resumed():
            return "goes on"
        case Answered():
            made = [f"{call.name}({shown_arguments(_parsed(call.arguments))})" for call in record.message.calls]
            asked = f"calls {', '.join(made)}" if made else ""
            return " ".join(part for part in (record.message.text, asked) if part) or "says nothing"
        case CallBegan():
            return f"{name} begins"
        case CallEnded():
            return f"{name}: {outcome_text(record.outcome)}"
        case CallPaused():
            return f"{name} waits" + (f": {record.reason}" if record.reason else "")
        case CallDecided():
            return _decided(record, name)
        case Rejected():
            return f"the answer is not what was declared: {record.complaint}"
        case Interrupted():
            return "is cancelled"
        case Kept():
            return f"{record.messages} messages are in the session"
        case Ended():
            return "ends"
        case _:
            assert_never(record)


def _decided(record: CallDecided, name: str) -> str:
    if record.inner is not None:
        return f"{name}: decided on {', '.join(record.inner)} inside it"
    if record.is_approved:
        return f"{name} is approved" + (f", with {record.arguments}" if record.arguments is not None else "")
    return f"{name} is denied" + (f": {record.reason}" if record.reason else "")


def _parsed(arguments: str) -> Mapping[str, Any] | str:
    try:
        value: Any = json.loads(arguments or "{}")
    except ValueError:
        return arguments
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else arguments
