"""A run as it goes: the answer on standard output, tool calls and remarks on standard error."""

from __future__ import annotations

import json
import sys
from typing import Any, cast

import click

from agentkit.cli.terminal import can_draw, cut, dim, printable, width_of
from agentkit.events import (
    Adapted,
    Answer,
    Event,
    Nested,
    OutputRejected,
    StepStarted,
    ToolFinished,
    ToolProgress,
    ToolStarted,
)
from agentkit.exchange import AttemptFailed, ModelSwitched, TextDelta, ThinkingDelta, Waiting
from agentkit.messages import Cancelled, Denied, Failed, Lost, Outcome, Pending, Returned
from agentkit.usage import Cost, Usage

__all__ = ["LiveRun", "outcome_text", "shown_arguments", "summary"]

LINE_CHARS = 100


class LiveRun:
    """Shows events as they come. `text` is what the model said in its last step."""

    def __init__(self, *, shows_text: bool = True, shows_calls: bool = True, remarks_on_stderr: bool = True) -> None:
        self.text = ""
        self._switched: set[tuple[str, str]] = set()
        self._shows_text = shows_text
        self._shows_calls = shows_calls
        self._on_stderr = remarks_on_stderr
        context = click.get_current_context(silent=True)
        self._color = context.color if context else None  # kept here: events may be shown by another thread
        self._is_mid_line = False
        self._is_thinking = False
        self._is_below_remarks = False
        stream = sys.stderr if remarks_on_stderr else sys.stdout
        self._width = min(LINE_CHARS, width_of(stream) or LINE_CHARS)
        drawn = can_draw(stream)
        self._call, self._back = ("→", "←") if drawn else ("->", "<-")

    @property
    def has_shown_text(self) -> bool:
        """Whether the person has read the answer already."""
        return self._shows_text and bool(self.text.strip())

    def show(self, event: Event, agent: str = "") -> None:
        """Show one event; those of a sub-agent under its name."""
        who = f"{agent} " if agent else ""
        match event:
            case TextDelta(text):
                if not agent:
                    self._say(text)
            case ThinkingDelta(text):
                self._think(text)
            case StepStarted():
                if not agent:
                    self.text = ""
            case ToolStarted():
                if not event.tool.startswith("final_result"):
                    self._remark(f"  {self._call} {who}{event.tool}({shown_arguments(_parsed(event.arguments))})")
            case ToolProgress():
                self._remark(f"    {who}{event.tool}: {event.text}")
            case ToolFinished():
                if not event.tool.startswith("final_result") or isinstance(event.outcome, Failed):
                    self._remark(f"  {self._back} {who}{event.tool}: {outcome_text(event.outcome)}")
            case AttemptFailed():
                self._remark(f"  trying again in {event.wait_seconds:.1f} s: {event.error}")
            case ModelSwitched():
                self._switch(event, agent)
            case Answer(_, response) if response.saved is not None:
                self._remark(f"  {who}answered from the cache: saves {response.saved}")
            case Waiting():
                seconds = "" if event.seconds is None else f" for {event.seconds:.1f} s"
                self._remark(f"  waiting{seconds}: {event.limit}" + (f", {event.ahead} ahead" if event.ahead else ""))
            case Adapted():
                for change in event.changes:
                    self._remark(f"  {change}")
            case OutputRejected():
                self._remark(f"  the answer is not what was declared: {event.complaint}")
            case Nested():
                self.show(event.event, f"{who}{event.agent}")
            case _:
                pass

    def end_line(self) -> None:
        """Leave the cursor at the start of a line."""
        if self._is_mid_line:
            click.echo(err=self._is_thinking and self._on_stderr, color=self._color)
        self._is_mid_line = self._is_thinking = False

    def _say(self, text: str) -> None:
        self.text += text
        if not self._shows_text:
            return
        if self._is_thinking:
            self.end_line()
        if self._is_below_remarks:
            click.echo(color=self._color)
            self._is_below_remarks = False
        click.echo(printable(text), nl=False, color=self._color)
        self._is_mid_line = not text.endswith("\n")

    def _switch(self, switched: ModelSwitched, agent: str) -> None:
        who = f"{agent} " if agent else ""
        if not agent:
            if self.has_shown_text and not self._shows_calls:  # no remark will part the two answers
                self.end_line()
                click.echo(dim("(that is void; another model answers anew)"), color=self._color)
            self.text = ""
        pair = (switched.failed, switched.model)
        if switched.error.startswith("passed over") and pair in self._switched:
            return  # said before; each step of the run passes it over again
        self._switched.add(pair)
        does = "begins the answer anew in place" if switched.is_restart else "answers instead"
        self._remark(f"  {who}{switched.model} {does} of {switched.failed}: {switched.error}")

    def _think(self, text: str) -> None:
        if not self._shows_calls:
            return
        if not self._is_thinking:
            self.end_line()
        self._is_thinking = True
        click.echo(dim(printable(text)), nl=False, err=self._on_stderr, color=self._color)
        self._is_mid_line = not text.endswith("\n")

    def _remark(self, text: str) -> None:
        if not self._shows_calls:
            return
        self.end_line()
        self._is_below_remarks = not self._on_stderr or sys.stdout.isatty()  # both are read in one place
        head = text[: len(text) - len(text.lstrip())]
        click.echo(dim(head + cut(printable(text), self._width - len(head))), err=self._on_stderr, color=self._color)


def outcome_text(outcome: Outcome) -> str:
    """What became of a call, for a person, on one line."""
    match outcome:
        case Returned(content):
            shown = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, default=str)
            return cut(shown, 10_000) or "(nothing)"
        case Failed(message):
            return f"failed: {message}"
        case Denied(reason):
            return "denied" + (f": {reason}" if reason else "")
        case Cancelled():
            return "cancelled"
        case Lost():
            return "cut off; nobody knows whether it took effect"
        case Pending():
            return "waits"


def summary(steps: int, usage: Usage, cost: Cost, seconds: float | None = None) -> str:
    """Steps, tokens, cost and time on one line."""
    counted = f"{steps} step" + "s" * (steps != 1)
    dot = " · " if can_draw(sys.stderr) else " / "
    took = () if seconds is None else (f"{seconds:.2f} s",)
    return dot.join((counted, str(usage), f"cost {cost}", *took))


def shown_arguments(arguments: Any) -> str:
    """Arguments as those of a Python call."""
    if not isinstance(arguments, dict):
        return str(arguments)
    named = cast("dict[str, Any]", arguments)
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in named.items())


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments
