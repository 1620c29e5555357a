"""Prints what becomes of every fault in every format: the outcome, the requests on the wire, the time.

python tests/simulator/print_faults.py [trio]
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulator.talking import LONG
from simulator.test_faults import CELLS, DEADLINES, SHORT, WHOLE_FAULTS, Expected, in_all_formats, table


def shown(cell: Expected) -> str:
    outcome, count = cell
    return f"{outcome if isinstance(outcome, str) else outcome.__name__} {count}"


async def main() -> int:
    names = [f"{format}{' streamed' if is_streamed else ''}" for format, is_streamed in CELLS]
    print("fault".ljust(62), *(name.ljust(26) for name in names), "seconds for all")
    cells = wrong = 0
    for faults, deadlines, attempts in ((WHOLE_FAULTS, LONG, 3), (DEADLINES, SHORT, 2)):
        for fault, expected in faults:
            begun = time.monotonic()
            found = await table(fault, deadlines=deadlines, attempts=attempts)
            cells += len(found)
            wrong += sum(found[cell] != outcome for cell, outcome in in_all_formats(*expected).items())
            taken = time.monotonic() - begun
            print(repr(fault).ljust(62), *(shown(found[cell]).ljust(26) for cell in CELLS), f"{taken:.2f}")
    print(f"{cells} cells, {wrong} not as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(anyio.run(main, backend=sys.argv[1] if len(sys.argv) > 1 else "asyncio"))
