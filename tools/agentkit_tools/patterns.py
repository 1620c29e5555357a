"""Patterns of names, and regular expressions that cannot hang the program.

Python's `re` holds the interpreter lock while it backtracks, and a short expression can backtrack for years. So
expressions that a model wrote are matched in a process of their own, which is ended when it takes too long.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from fnmatch import fnmatchcase

from agentkit import ToolError

__all__ = ["fits", "lines_matching"]

TIMEOUT_SECONDS = 10.0

_MATCHER = """
import json, re, sys
job = json.load(sys.stdin.buffer)
try:
    expression = re.compile(job["expression"], re.IGNORECASE if job["ignore_case"] else 0)
except (re.error, RecursionError, OverflowError) as error:
    found = str(error)
else:
    found = [[index, hit.start()] for index, line in enumerate(job["lines"]) if (hit := expression.search(line))]
json.dump(found, sys.stdout)
"""


def fits(path: str, pattern: str) -> bool:
    """Whether a path fits a pattern: `*` within a name, `**` for any folders; without a slash, the last name counts."""
    if "/" not in pattern:
        return fnmatchcase(path.rpartition("/")[2], pattern)
    wanted = [name for name in pattern.split("/") if name not in ("", ".")]
    places = _open_places({0}, wanted)  # how far into the pattern one may be; a set, so that `**` costs no backtracking
    for name in path.split("/"):
        reached = {
            place if wanted[place] == "**" else place + 1
            for place in places
            if place < len(wanted) and (wanted[place] == "**" or fnmatchcase(name, wanted[place]))
        }
        places = _open_places(reached, wanted)
    return len(wanted) in places


def lines_matching(expression: str, lines: Sequence[str], *, is_case_ignored: bool) -> list[tuple[int, int]]:
    """The lines in which a regular expression is found: the index of each, and where in it.

    Raises ToolError for an expression that is wrong or takes too long.
    """
    job = json.dumps({"expression": expression, "ignore_case": is_case_ignored, "lines": list(lines)})
    try:
        # The program is fixed and isolated (-I -S); what the model wrote is only data on its standard input.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-S", "-c", _MATCHER],
            input=job.encode(),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"The regular expression takes more than {TIMEOUT_SECONDS:g} seconds. Make it simpler (no repeated group "
            "inside a repetition), or search for plain text."
        ) from None
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToolError("Regular expressions cannot be used on this system; search for plain text.") from error
    found: list[list[int]] | str = json.loads(done.stdout)
    if isinstance(found, str):
        raise ToolError(f"The regular expression is not valid: {found}. Correct it, or search for plain text.")
    return [(index, where) for index, where in found]


def _open_places(places: set[int], wanted: Sequence[str]) -> set[int]:
    """The places, and those behind each `**`, which may stand for no folder at all."""
    opened = set(places)
    for place in sorted(places):
        while place < len(wanted) and wanted[place] == "**":
            place += 1
            opened.add(place)
    return opened
