"""Many runs at once under faults; AGENTKIT_LOAD=10000 for the full load, which `make load` prints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from simulator.talking import outcome, question, remote, transports

from agentkit.errors import DeadlineError
from agentkit.exchange import Response
from agentkit.settings import Deadlines
from agentkit.simulator.connection_faults import SlowEvents
from agentkit.simulator.server import simulate
from agentkit.testing.scripted import ScriptedModel

RUNS = os.environ.get("AGENTKIT_LOAD", "200")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory and sockets are counted in /proc")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_of_many_runs_at_once_none_is_lost_and_nothing_is_left(backend: str) -> None:
    """In a process of its own: memory and sockets of other tests are not counted."""
    script = Path(__file__).with_name("load.py")
    done = subprocess.run([sys.executable, script, RUNS, backend], capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.anyio
@pytest.mark.parametrize(("exchange_seconds", "answered"), [(30.0, 5), (0.7, 2)])
async def test_standing_in_line_for_a_connection_is_no_time_of_the_provider_but_of_the_exchange(
    anyio_backend: str, transport_name: str, exchange_seconds: float, answered: int
) -> None:
    came = []
    async with simulate(ScriptedModel(*["done"] * 5), faults=[SlowEvents(0.25)]) as simulator:
        make = transports(anyio_backend)[transport_name]
        deadlines = Deadlines(5, 0.45, 0.45, exchange_seconds)
        model = remote(simulator, "chat", deadlines=deadlines, attempts=1, transport=make(max_connections=1))

        async def ask() -> None:
            came.append(await outcome(model, question("chat", is_streamed=False)))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
    assert [type(each) for each in came] == [Response] * answered + [DeadlineError] * (5 - answered)
