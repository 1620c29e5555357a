"""Every fault in the formats beside chat: the answer or a typed error, and so many requests on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anyio
import pytest
from simulator.fault_table import Row
from simulator.talking import transports
from simulator.task_faults import TASK_TABLE, cells_of, found_in_tasks, right_answers, wrong_in_tasks
from simulator.task_formats import TASK_FORMATS

from agentkit.transport.protocol import Transport

pytestmark = pytest.mark.anyio

CELLS_AT_ONCE = 24
ROWS = [row for rows in TASK_TABLE.values() for row in rows]


async def complaints(rows: Iterable[Row], transport: Callable[[], Transport]) -> dict[str, dict[str, str]]:
    """What came otherwise: fault -> format -> what came, and what had to."""
    right = await right_answers(TASK_FORMATS, transport)
    told: dict[str, dict[str, str]] = {}
    limiter = anyio.CapacityLimiter(CELLS_AT_ONCE)

    async def one(row: Row) -> None:
        cells = cells_of(row)
        wrong = wrong_in_tasks(cells, await found_in_tasks(row, cells, right, transport, limiter=limiter))
        if wrong:
            told[row.name] = wrong

    async with anyio.create_task_group() as tasks:
        for row in rows:
            tasks.start_soon(one, row)
    return told


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("name", TASK_TABLE)
async def test_a_fault_ends_in_a_task_as_the_rules_say(name: str, anyio_backend: str) -> None:
    assert await complaints(TASK_TABLE[name], transports(anyio_backend)["httpx"]) == {}


@pytest.mark.parametrize(("anyio_backend", "name"), [("asyncio", "fast"), ("trio", "httpx")])
async def test_other_loops_and_transports_end_so_too(name: str, anyio_backend: str) -> None:
    assert await complaints(ROWS[::9], transports(anyio_backend)[name]) == {}


def test_the_table_of_tasks_has_eight_hundred_cells() -> None:
    assert sum(len(cells_of(row)) for row in ROWS) >= 800


async def test_a_wrong_end_is_told() -> None:
    row = TASK_TABLE["statuses"][0]
    cells = {format: cell for format, cell in cells_of(row).items() if format.name == "embeddings"}
    (cell,) = cells.values()
    right = await right_answers(cells, transports("asyncio")["httpx"])
    found = await found_in_tasks(row, cells, right, transports("asyncio")["httpx"], limiter=anyio.CapacityLimiter(1))
    wrong = {format: type(cell)("answer", 1) for format in cells}
    assert wrong_in_tasks(cells, found) == {}
    assert wrong_in_tasks(wrong, found)["embeddings"].endswith(" s, not answer 1 in 0 to 3 s")
