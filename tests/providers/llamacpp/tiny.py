"""A real model that is tiny and random: 0.5 MB, written on the spot, served by llama.cpp in under a second."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shared import SHARED

from agentkit.providers.llamacpp.servers import stop_servers

_MAKER = SHARED / "llamacpp" / "make_tiny_gguf.py"
_PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's file; skips the test where it cannot be made or served."""
    missing = [name for name in ("xllamacpp", "gguf", "numpy") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(
            f"no llama.cpp to test with: {', '.join(missing)} not installed (pip install -e '.[dev]' brings it)"
        )
    if not _MAKER.exists():
        pytest.skip(f"the maker of the tiny model is not at {_MAKER}; set AGENTKIT_SHARED to the shared folder")
    path = tmp_path_factory.mktemp("llamacpp") / "tiny.gguf"
    subprocess.run([sys.executable, str(_MAKER), str(path)], check=True, timeout=60, capture_output=True)
    return path


@pytest.fixture
def no_server_is_left() -> Iterator[None]:
    """Stop what the test has started."""
    yield
    stop_servers()


def is_running(process_id: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        os.kill(process_id, 0)
        return "State:\tZ" not in Path(f"/proc/{process_id}/status").read_text()
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not Path("/proc/self/status").exists()  # it went away just now, or this system has no such files


def ends(process_id: int) -> bool:
    """Whether a process of somebody else ends within reasonable time."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while is_running(process_id) and time.monotonic() < until:
        time.sleep(0.01)  # nobody tells the end of a process that is not one's child
    return not is_running(process_id)
