"""The table of faults for the formats beside chat: the same faults, with the same ends, by the rules below.

A task is an exchange as a chat is, so a cell of it is the cell of a chat, plain or streamed, in the format of the same
provider family. The rules say where that is not so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import anyio
from simulator.fault_cells import NOW, STANDSTILL_SECONDS, TRIES, Found
from simulator.fault_table import ANSWER, CONNECTIONS, LONG, PASSING, REPLIES, SLOW, STATUSES, Cell, Row
from simulator.talking import longest_standstill
from simulator.task_formats import TASK_FORMATS, Ask, Asking, TaskFormat

from agentkit.errors import ExchangeError
from agentkit.retry import LONGEST_WAIT_SECONDS
from agentkit.simulator.connection_faults import KeepAlives, Reset, Silence, SlowEvents
from agentkit.simulator.fault import Fault
from agentkit.simulator.filter_faults import ContentFilter
from agentkit.simulator.plan import Rule, plan_of
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status
from agentkit.simulator.stream_faults import BadCompression, ErrorInside, Flood, MissingEnd, RepeatedStart
from agentkit.transport.protocol import Transport

__all__ = ["TASK_TABLE", "cells_of", "found_in_tasks", "right_answers", "wrong_in_tasks"]

TASK_TABLE: Mapping[str, tuple[Row, ...]] = {
    name: tuple(row for row in rows if not any(isinstance(fault, RepeatedStart | Flood) for fault in row.faults))
    for name, rows in {
        "statuses": STATUSES,
        "connections": CONNECTIONS,
        "slow": SLOW,
        "replies": REPLIES,
        "passing": PASSING,
    }.items()
}
"""Without faults of tool calls, which no task makes; without the beginning told twice, since no stream of a task has
one; and without gigabytes, which are refused below all formats.

What may have created something is not asked for again before it was looked for, by an exchange that fails as the first
one did: that is one request more. Faults that pass meet now the one and now the other: batches have tests of those.
"""

_WAITS = tuple(
    row
    for row in STATUSES
    if any(isinstance(fault, Status) and fault.wait_seconds and fault.wait_as != "body" for fault in row.faults)
)
_BELOW = (*CONNECTIONS, *SLOW, *PASSING, *_WAITS)
"""What befalls the connection or is told by headers, whatever is said over it."""
_EVERYWHERE = (Status(429), Status(400), Status(503), ErrorInside(400, 0), ErrorInside(503, 0))
_SHOWN = 2
"""After so many events some of every streamed answer was shown; the shortest has four."""


def cells_of(row: Row, formats: Sequence[TaskFormat] = TASK_FORMATS) -> dict[TaskFormat, Cell]:
    """What has to come of a fault, in every format for which it has a meaning of its own.

    What befalls the connection, and what headers tell, is tried once for each way to travel. An error is tried once for
    each provider, with its status or inside a reply, and a few of them are tried in every format, which hand them on to
    what reads the provider's errors.
    """
    cells: dict[TaskFormat, Cell] = {}
    tried: set[object] = set()
    for format in formats:
        same: object = format.codec if row in STATUSES else format
        if row in _BELOW or _has(row, BadCompression):
            same = format.carriage
        elif (row in STATUSES or _has(row, ErrorInside)) and row.faults[0] not in _EVERYWHERE:
            same = format.provider
        place = (same, format.is_streamed, format.is_creation)
        cell = None if place in tried else _cell(row, format)
        if cell is not None:
            tried.add(place)
            cells[format] = cell
    return cells


def _cell(row: Row, format: TaskFormat) -> Cell | None:
    cell = row.cells[format.family, format.is_streamed]
    if format.family == "gemini" and _has(row, ContentFilter):
        return None  # whose filters speak in the answer of a chat
    if format.carriage == "a picture's bytes" and _has(row, KeepAlives, MissingEnd):
        return None  # white space would belong to the picture, and half of one is one
    if format.carriage == "a stored file" and _has(row, ErrorInside):
        return None  # which storages do not
    is_passing = any(isinstance(fault, Rule) and (fault.first or row in PASSING) for fault in row.faults)
    if not format.is_creation or (cell.outcome == ANSWER and not is_passing):
        return cell
    if is_passing or _asks_for_longer(row):
        return None
    is_tried_again = isinstance(cell.outcome, type) and cell.outcome.is_retryable
    is_said_at_once = cell.requests == 0 or cell.requests == 1 < row.attempts
    if not is_tried_again or is_said_at_once:
        return cell
    return replace(cell, requests=cell.requests + 1, most=2 * cell.most)


def _has(row: Row, *kinds: type[Fault]) -> bool:
    return any(isinstance(fault, kinds) for fault in row.faults)


def _asks_for_longer(row: Row) -> bool:
    """Whether the wait is longer than the exchange may take: one between two exchanges has only the longest of all."""
    most = row.deadlines.exchange_seconds or math.inf
    waits = [getattr(fault, "wait_seconds", None) or getattr(fault, "seconds", None) or 0 for fault in row.faults]
    return any(most < wait <= LONGEST_WAIT_SECONDS for wait in waits)


def wrong_in_tasks(cells: dict[TaskFormat, Cell], found: dict[TaskFormat, Found]) -> dict[str, str]:
    """The formats in which something else came than what had to."""
    return {
        format.name: f"{found[format]}, not {cell}" for format, cell in cells.items() if not _fits(cell, found[format])
    }


async def right_answers(formats: Iterable[TaskFormat], transport: Callable[[], Transport]) -> dict[TaskFormat, object]:
    """What comes without a fault."""
    right: dict[TaskFormat, object] = {}
    for format in formats:
        async with simulate(wall_clock=lambda: NOW) as simulator:
            ask = await format.connect(simulator, Asking(transport(), LONG, 3, 0.0, NOW))
            simulator.forget()
            right[format] = await ask()
    return right


async def found_in_tasks(
    row: Row,
    cells: Mapping[TaskFormat, Cell],
    right: Mapping[TaskFormat, object],
    transport: Callable[[], Transport],
    *,
    limiter: anyio.CapacityLimiter,
) -> dict[TaskFormat, Found]:
    """What comes of a row in these formats. Times out of bounds while this machine stood still prove nothing."""
    found: dict[TaskFormat, Found] = {}
    asked = list(cells)

    async def cell(format: TaskFormat) -> None:
        async with limiter:
            found[format] = await _found(row, format, right[format], transport=transport())

    for _ in range(TRIES):
        async with longest_standstill() as standstill, anyio.create_task_group() as tasks:
            for format in asked:
                tasks.start_soon(cell, format)
        asked = [format for format, cell in cells.items() if not _fits(cell, found[format])]
        if standstill() < STANDSTILL_SECONDS or not asked:
            break
    return found


def _fits(cell: Cell, found: Found) -> bool:
    return cell.fits(found.outcome, found.requests, found.seconds)


async def _found(row: Row, format: TaskFormat, right: object, *, transport: Transport) -> Found:
    how = Asking(transport, row.deadlines, row.attempts, row.chance, NOW)
    async with simulate(wall_clock=lambda: NOW) as simulator:
        ask = await format.connect(simulator, how)
        simulator.forget()
        simulator.plan = plan_of([_early(fault) for fault in row.faults])
        came: object = None
        begun = 0.0
        for _ in range(row.exchanges):
            begun = anyio.current_time()
            came = await _outcome(ask)
        outcome = type(came) if isinstance(came, ExchangeError) else ANSWER if came == right else repr(came)
        return Found(outcome, simulator.count, anyio.current_time() - begun)


async def _outcome(ask: Ask) -> object:
    with anyio.move_on_after(20):
        try:
            return await ask()
        except ExchangeError as error:
            return error
    return "nothing within 20 s"


def _early(fault: Fault | Rule) -> Fault | Rule:
    """The fault for streams of few events."""
    match fault:
        case Reset("events", 5) | Silence("events", 5):
            return replace(fault, count=_SHOWN)
        case KeepAlives(after_events=5) | ErrorInside(after_events=5):
            return replace(fault, after_events=_SHOWN)
        case SlowEvents(0.05):
            return SlowEvents(0.12)
        case _:
            return fault
