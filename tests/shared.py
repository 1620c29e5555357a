"""Where the shared material for tests lies: recordings, wire facts, oracles, conventions; no part of the repository."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("AGENTKIT_SHARED") or Path(__file__).resolve().parents[2] / "shared")

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"the shared test material is not at {SHARED}; set AGENTKIT_SHARED to its folder"
)


def oracle(name: str):
    """Import one of the request oracles, such as "oracle_openai"; skips the test when the folder is absent."""
    folder = SHARED / "wire" / "oracles"
    if not folder.is_dir():
        pytest.skip(f"the request oracles are not at {folder}; set AGENTKIT_SHARED to the shared folder")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return __import__(name)
