"""`start_simulator` outside of tests, where there is no pytest."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
sys.modules["pytest"] = None
from agentkit.testing.simulator import start_simulator
with start_simulator("4") as server:
    print(server.count)
"""


def test_a_program_starts_a_simulator_without_pytest() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0\n", "")
