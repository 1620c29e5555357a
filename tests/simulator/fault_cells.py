"""Finds what comes of a row of the table of faults, in all of its cells at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from simulator.fault_table import ANSWER, CALLS, CELLS, EMPTY, HALF, ONE, TEXTS, TOOL_CALLS, Row, shown
from simulator.talking import longest_standstill, outcome, question, remote

from agentkit.errors import ExchangeError
from agentkit.exchange import Response
from agentkit.simulator.server import Source, simulate
from agentkit.testing.scripted import ScriptedModel
from agentkit.transport.protocol import Transport

__all__ = ["NOW", "STANDSTILL_SECONDS", "TRIES", "Found", "found_in", "wrong_in"]

NOW = 1_700_000_000.0
TEXT = "It rains in Paris, and a little – 🌧 – in Oslo; bring a good coat."
ARGUMENTS = [{"city": "Paris"}, {"city": "Oslo"}]
STANDSTILL_SECONDS = 0.03
TRIES = 5


@dataclass(frozen=True)
class Found:
    """What came of a fault in one cell."""

    outcome: str | type[ExchangeError]
    requests: int
    seconds: float

    def __str__(self) -> str:
        return f"{shown(self.outcome, self.requests)} in {self.seconds:.2f} s"


async def found_in(row: Row, transport: Callable[[], Transport]) -> dict[tuple[str, bool], Found]:
    """What comes of a row. Times out of bounds while this machine stood still prove nothing: it is tried again."""
    for _ in range(TRIES):
        async with longest_standstill() as standstill:
            found = await _once(row, transport)
        if standstill() < STANDSTILL_SECONDS or not wrong_in(row, found):
            break
    return found


def wrong_in(row: Row, found: dict[tuple[str, bool], Found]) -> dict[tuple[str, bool], str]:
    """The cells in which something else came than what had to."""
    return {
        place: f"{found[place]}, not {cell}"
        for place, cell in row.cells.items()
        if not cell.fits(found[place].outcome, found[place].requests, found[place].seconds)
    }


async def _once(row: Row, transport: Callable[[], Transport]) -> dict[tuple[str, bool], Found]:
    found: dict[tuple[str, bool], Found] = {}
    limiter = anyio.CapacityLimiter(1 if row.is_large else len(CELLS))

    async def cell(format: str, is_streamed: bool) -> None:
        async with limiter:
            found[format, is_streamed] = await _cell(row, format, is_streamed=is_streamed, transport=transport())

    async with anyio.create_task_group() as tasks:
        for place in CELLS:
            tasks.start_soon(cell, *place)
    return found


async def _cell(row: Row, format: str, *, is_streamed: bool, transport: Transport) -> Found:
    # Words where the answer is text; the offline matcher where it makes two calls.
    source: Source | None = None if row in TOOL_CALLS else ScriptedModel(*[TEXT] * 5)
    async with simulate(source, faults=row.faults, wall_clock=lambda: NOW) as simulator:
        model = remote(
            simulator,
            format,
            deadlines=row.deadlines,
            attempts=row.attempts,
            transport=transport,
            chance=lambda: row.chance,
        )
        model.wall_clock = lambda: NOW
        for _ in range(row.exchanges):
            begun = anyio.current_time()
            came = await outcome(model, question(format, is_streamed=is_streamed))
        return Found(_name(came), simulator.count, anyio.current_time() - begun)


def _name(came: Response | ExchangeError) -> str | type[ExchangeError]:
    if isinstance(came, ExchangeError):
        return type(came)
    if not came.calls:
        return ANSWER if came.text == TEXT else repr(came.text)
    told = [call.arguments for call in came.calls]
    if {call.name for call in came.calls} != {"get_weather"}:
        return repr(came.calls)
    values = [_value(arguments) for arguments in told]
    for name, expected in (
        (CALLS, ARGUMENTS),
        (EMPTY, [{}, {}]),
        (HALF, ['{"city":'] * 2),
        (ONE, ["".join(json.dumps(each) for each in ARGUMENTS)]),
        (TEXTS, [json.dumps(each) for each in ARGUMENTS]),
    ):
        if values == expected:
            return name
    return repr(told)


def _value(arguments: str) -> object:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments
