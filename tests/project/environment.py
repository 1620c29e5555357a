"""The environment in which pages and examples run: no keys, no colours, the commands of this installation first."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_KEPT = ("HOME", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


def clean_environment() -> dict[str, str]:
    """The variables that a program needs, and none that would change what an agent does."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    commands = Path(sys.executable).parent
    return {
        **kept,
        "PATH": f"{commands}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONWARNINGS": "error",
        "NO_COLOR": "1",
        "COLUMNS": "120",
    }
