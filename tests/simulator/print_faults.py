"""Prints the tables of faults: what came of each in every format, chat and tasks, on every event loop and transport.

python tests/simulator/print_faults.py [asyncio|trio]
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulator.fault_cells import Found, found_in, wrong_in
from simulator.fault_table import FORMATS, TABLE, Row, shown
from simulator.talking import transports
from simulator.task_faults import TASK_TABLE, cells_of, found_in_tasks, right_answers, wrong_in_tasks
from simulator.task_formats import TASK_FORMATS

WIDTHS = (46, 8, *[32] * len(FORMATS))


def line(*words: str) -> str:
    return " ".join(word.ljust(width) for word, width in zip(words, WIDTHS, strict=True)).rstrip()


def show(row: Row, found: dict[tuple[str, bool], Found]) -> None:
    wrong = wrong_in(row, found)
    for is_streamed in (False, True):
        cells = [str(found[format, is_streamed]) for format in FORMATS]
        print(line("" if is_streamed else row.name, "streamed" if is_streamed else "plain", *cells))
    for (format, is_streamed), complaint in wrong.items():
        print(f"    WRONG: {format}{' streamed' if is_streamed else ''}: {complaint}")


async def measure(backend: str, transport: str, *, is_shown: bool) -> int:
    begun = time.monotonic()
    cells = wrong = 0
    for row in TABLE:
        found = await found_in(row, transports(backend)[transport])
        complaints = wrong_in(row, found)
        cells += len(found)
        wrong += len(complaints)
        if is_shown or complaints:
            show(row, found)
    print(f"{backend}, {transport}: {cells} cells, {wrong} not as expected, {time.monotonic() - begun:.1f} s")
    return wrong


async def measure_tasks(backend: str, transport: str, *, is_shown: bool) -> int:
    """The formats beside chat: for each fault, what came in how many of them."""
    begun = time.monotonic()
    made = transports(backend)[transport]
    right = await right_answers(TASK_FORMATS, made)
    cells = wrong = 0
    limiter = anyio.CapacityLimiter(len(TASK_FORMATS))
    for row in (row for rows in TASK_TABLE.values() for row in rows):
        expected = cells_of(row)
        found = await found_in_tasks(row, expected, right, made, limiter=limiter)
        complaints = wrong_in_tasks(expected, found)
        cells += len(found)
        wrong += len(complaints)
        if is_shown:
            ends = Counter(shown(each.outcome, each.requests) for each in found.values())
            print(row.name.ljust(WIDTHS[0]), "; ".join(f"{end} in {count} formats" for end, count in ends.items()))
        for name, complaint in complaints.items():
            print(f"    WRONG: {row.name}: {name}: {complaint}")
    print(f"tasks: {backend}, {transport}: {cells} cells, {wrong} not as expected, {time.monotonic() - begun:.1f} s")
    return wrong


def main() -> int:
    wrong, is_shown = 0, True
    print(line("fault", "", *FORMATS))
    for backend in sys.argv[1:] or ["asyncio", "trio"]:
        for transport in transports(backend):
            wrong += anyio.run(lambda: measure(backend, transport, is_shown=is_shown), backend=backend)  # noqa: B023
            wrong += anyio.run(lambda: measure_tasks(backend, transport, is_shown=is_shown), backend=backend)  # noqa: B023
            is_shown = False  # the table once; of the others what differs
    return 1 if wrong else 0


if __name__ == "__main__":
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
    else:
        sys.exit(main())
