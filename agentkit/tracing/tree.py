"""A trace as a tree of text: one line a span, with time, tokens, cost, and how it ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agentkit.telemetry.names import (
    ATTEMPTS,
    COST_USD,
    ERROR_TYPE,
    EXECUTE_TOOL,
    FAILED_OVER,
    INVOKE_AGENT,
    OPERATION_NAME,
    OWN_PREFIX,
    RESPONSE_FINISH_REASONS,
    RESPONSE_TIME_TO_FIRST_CHUNK,
    USAGE_CACHE_READ,
    USAGE_INPUT,
    USAGE_OUTPUT,
)
from agentkit.tracing.record import SpanRecord

__all__ = ["render_tree"]

_GAP = "   "
_MAX_LABEL_CHARS = 60
_ASCII = str.maketrans({"├": "|", "└": "`", "│": "|", "─": "-", "·": "/", "✗": "x", "…": "~", "≥": ">"})
_BOLD, _DIM, _RED, _CYAN, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[36m", "\x1b[0m"


@dataclass(frozen=True, slots=True)
class _Spent:
    """What a span and all below it consumed."""

    input: int = 0
    output: int = 0
    cached: int = 0
    cost_usd: float = 0.0
    model_calls: int = 0
    unpriced_calls: int = 0

    def __add__(self, other: _Spent) -> _Spent:
        return _Spent(
            self.input + other.input,
            self.output + other.output,
            self.cached + other.cached,
            self.cost_usd + other.cost_usd,
            self.model_calls + other.model_calls,
            self.unpriced_calls + other.unpriced_calls,
        )


@dataclass(frozen=True, slots=True)
class _Line:
    """A span in its place in the tree."""

    span: SpanRecord
    branch: str
    """What is drawn before its name."""
    spent: _Spent


def render_tree(
    spans: Sequence[SpanRecord], *, has_colours: bool = False, width: int | None = None, is_ascii: bool = False
) -> str:
    """The tree of a trace's spans; several trees if there are several roots. Lines are cut at `width` characters.

    Tokens and costs of a span are the sums of the model calls in it.
    """
    lines = _placed(spans)
    if not lines:
        return ""
    cells = [
        _column([_cut(line.branch + line.span.name, _MAX_LABEL_CHARS) for line in lines], str.ljust),
        _column([_duration(line.span.duration_seconds) for line in lines], str.rjust),
        _column(_tokens([line.spent for line in lines]), str.ljust),
        _column([_cost(line.spent) for line in lines], str.ljust),
        [_note(line.span) for line in lines],
    ]
    used = [column for column in cells if any(cell.strip() for cell in column)]
    drawn: list[str] = []
    for line, row in zip(lines, zip(*used, strict=True), strict=True):
        text = _printable(_GAP.join(row).rstrip())
        text = _cut(text, width) if width else text
        text = text.translate(_ASCII) if is_ascii else text
        drawn.append(_coloured(text, line) if has_colours else text)
    return "\n".join(drawn)


def _placed(spans: Sequence[SpanRecord]) -> list[_Line]:
    """The spans from top to bottom as drawn; a span whose parent is not here is a root."""
    known = {span.span_id for span in spans}
    children: defaultdict[str, list[SpanRecord]] = defaultdict(list)
    roots: list[SpanRecord] = []
    for span in sorted(spans, key=lambda span: span.start_ns):
        is_root = span.parent_id not in known or span.parent_id == span.span_id
        (roots if is_root else children[span.parent_id]).append(span)
    order: list[tuple[SpanRecord, str, str]] = []  # span, what is drawn before it, what is drawn before its children
    waiting = [(root, "", "") for root in reversed(roots)]
    while waiting:  # no recursion: a file may hold any depth
        span, branch, stem = waiting.pop()
        order.append((span, branch, stem))
        below = children[span.span_id]
        for child in reversed(below):
            is_last = child is below[-1]
            waiting.append((child, stem + ("└─ " if is_last else "├─ "), stem + ("   " if is_last else "│  ")))
    sums: dict[str, _Spent] = {}
    for span, _, _ in reversed(order):  # children come before their parents
        sums[span.span_id] = sum((sums[child.span_id] for child in children[span.span_id]), _own(span))
    return [_Line(span, branch, sums[span.span_id]) for span, branch, _ in order]


def _own(span: SpanRecord) -> _Spent:
    found = span.attributes
    if found.get(OPERATION_NAME) in (INVOKE_AGENT, EXECUTE_TOOL) or USAGE_INPUT not in found:
        return _Spent()  # other libraries repeat the sum on the agent's span
    cost = found.get(COST_USD)
    return _Spent(
        int(found.get(USAGE_INPUT, 0)),
        int(found.get(USAGE_OUTPUT, 0)),
        int(found.get(USAGE_CACHE_READ, 0)),
        float(cost or 0.0),
        1,
        int(cost is None),
    )


def _column(cells: Sequence[str], pad: Callable[[str, int], str]) -> list[str]:
    widest = max(len(cell) for cell in cells)
    return [pad(cell, widest) for cell in cells]


def _tokens(spent: Sequence[_Spent]) -> list[str]:
    inputs = max(len(f"{found.input:,}") for found in spent)
    outputs = max(len(f"{found.output:,}") for found in spent)
    return [
        f"in {found.input:>{inputs},} · out {found.output:>{outputs},}"
        + (f" · cached {found.cached:,}" * bool(found.cached))
        if found.model_calls
        else ""
        for found in spent
    ]


def _cost(spent: _Spent) -> str:
    if spent.unpriced_calls == spent.model_calls:
        return ""
    digits = 4 if spent.cost_usd >= 0.0001 else 6
    return ("≥ " if spent.unpriced_calls else "") + (f"${spent.cost_usd:.{digits}f}" if spent.cost_usd else "$0")


def _duration(seconds: float) -> str:
    if seconds >= 100:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} m {rest:02} s"
    return f"{seconds:.2f} s" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"


def _note(span: SpanRecord) -> str:
    found = span.attributes
    notes: list[str] = []
    if span.is_error:
        error_type = str(found.get(ERROR_TYPE, "error"))
        told = " ".join(span.status_message.split())
        notes.append(f"✗ {error_type}" + (f": {told}" if told and told != error_type else ""))
    notes += [str(reason) for reason in found.get(RESPONSE_FINISH_REASONS, ())]
    if (first := found.get(RESPONSE_TIME_TO_FIRST_CHUNK)) is not None:
        notes.append(f"first after {_duration(float(first))}")
    if (attempts := found.get(ATTEMPTS)) is not None:
        notes.append(f"{attempts} attempts")
    notes += [f"instead of {who}" for who in found.get(FAILED_OVER, ())]
    notes += [key.removeprefix(OWN_PREFIX).replace(".", " ") for key, value in found.items() if _is_flag(key, value)]
    return " · ".join(notes)


def _is_flag(key: str, value: object) -> bool:
    return value is True and key.startswith(OWN_PREFIX)


def _printable(text: str) -> str:
    """Names and errors come from models and servers: none may steer the terminal."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _coloured(text: str, line: _Line) -> str:
    """Names stand out, branches and figures step back, failures are red."""
    name_end = min(len(text), len(line.branch) + len(line.span.name))
    branch, name, rest = text[: len(line.branch)], text[len(line.branch) : name_end], text[name_end:]
    figures, mark, failure = rest.partition("✗")
    shade = _BOLD if line.span.attributes.get(OPERATION_NAME) == INVOKE_AGENT else _CYAN
    painted = f"{_DIM}{branch}{_RESET}" if branch else ""
    painted += f"{_RED if line.span.is_error else shade}{name}{_RESET}{_DIM}{figures}{_RESET}"
    return painted + (f"{_RED}{mark}{failure}{_RESET}" if mark else "")
