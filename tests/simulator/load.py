"""Many runs at once in this process against a simulator in another, with faults in one request of twenty.

python tests/simulator/load.py [runs] [asyncio|trio]

Prints what became of the runs, the memory of an idle one, and what is left behind; fails when a run is lost, ends in
anything but an answer or a typed error, or leaves a task, a thread or a socket.
"""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import trio

from agentkit.agent import Agent
from agentkit.errors import AgentkitError
from agentkit.providers import model
from agentkit.settings import Deadlines, Settings
from agentkit.tools import tool
from agentkit.transport.connections import MOST_CONNECTIONS

__all__ = ["FAULTS", "Load", "carry", "served"]

QUESTION = "What is the weather in Paris?"
KINDS = (
    "429,wait_seconds=0.05", "500", "503", "529", "quota", "html_page", "reset", "reset,after=headers",
    "reset,after=events,count=3", "silence", "silence,after=events,count=3", "keep_alives,wait_seconds=0.5",
    "error_inside,after_events=0", "error_inside,after_events=4", "missing_end", "bad_compression", "split",
    "slow_events,wait_seconds=0.05", "repeated_start", "call_ids,are=same",
)  # fmt: skip
FAULTS = tuple(f"{kind},rate={0.05 / len(KINDS):g}" for kind in KINDS)
SILENT = ("silence",)
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@tool
async def get_weather(city: str) -> str:
    """Current weather for a city.

    Args:
        city: City name.
    """
    return f"rain in {city}"


@dataclass(frozen=True)
class Load:
    """What came of many runs at once."""

    outcomes: Counter[str]
    seconds: float
    idle_kilobytes: float
    """Memory of a run that waits for its answer."""
    tasks_left: int


@contextmanager
def served(faults: tuple[str, ...]) -> Iterator[str]:
    """A simulator in a process of its own; gives its address."""
    options = [word for fault in faults for word in ("--fault", fault)]
    command = [sys.executable, "-m", "agentkit", "sim", "--port", "0", "--seed", "7", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def carry(address: str, silent_address: str, *, runs: int, deadlines: Deadlines) -> Load:
    """All runs at once, half of them streamed; before that as many against a server that never answers."""
    await _all(_agent(address, deadlines), 20)  # what is made on first use is no memory of runs
    idle = await _idle_bytes(_agent(silent_address, Deadlines()), runs)
    before = _tasks()
    begun = time.monotonic()
    outcomes = await _all(_agent(address, deadlines), runs)
    return Load(outcomes, time.monotonic() - begun, idle / runs / 1000, _tasks() - before)


def _agent(address: str, deadlines: Deadlines) -> Agent[None, str]:
    asked = model("openai-chat:simulator", base_url=f"{address}/v1", api_key="none")
    return Agent(asked, tools=[get_weather], settings=Settings(deadlines=deadlines))


async def _all(agent: Agent[None, str], runs: int) -> Counter[str]:
    outcomes: Counter[str] = Counter()

    async def one(run: Callable[[Agent[None, str]], Awaitable[str]]) -> None:
        try:
            answer = await run(agent)
        except AgentkitError as error:
            outcomes[type(error).__name__] += 1
        else:
            outcomes["answer" if "rain in Paris" in answer else f"odd answer: {answer[:80]}"] += 1

    async with anyio.create_task_group() as tasks:
        for number in range(runs):
            tasks.start_soon(one, _streamed if number % 2 else _whole)
    return outcomes


async def _whole(agent: Agent[None, str]) -> str:
    return (await agent.run(QUESTION)).output


async def _streamed(agent: Agent[None, str]) -> str:
    async with agent.stream(QUESTION) as run:
        async for _ in run:
            pass
    return run.result.output


async def _idle_bytes(agent: Agent[None, str], runs: int) -> int:
    """How much more memory this process has while so many runs wait for an answer."""
    gc.collect()
    before = latest = _memory()
    async with anyio.create_task_group() as tasks:
        for _ in range(runs):
            tasks.start_soon(_whole, agent)
        steady = 0
        while steady < 5:  # until the last of them has sent its request, or stands in line
            await anyio.sleep(0.2)
            found = _memory()
            steady = steady + 1 if found == latest else 0
            latest = found
        tasks.cancel_scope.cancel()
    gc.collect()
    return latest - before


def _memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def _tasks() -> int:
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return trio.lowlevel.current_statistics().tasks_living


def _sockets() -> set[str]:
    found = (os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd"))
    return {target for target in found if "socket:" in target}


def measure(backend: str, runs: int) -> list[str]:
    """Prints what came on one event loop; returns what is wrong."""
    threads, sockets = set(threading.enumerate()), _sockets()
    # While this process is busy with so many, each answer takes a while that is not the fault of silence.
    deadlines = Deadlines(10, 5 + runs / 200, 3, 600)
    with served(FAULTS) as address, served(SILENT) as silent:
        load = anyio.run(lambda: carry(address, silent, runs=runs, deadlines=deadlines), backend=backend)
    gc.collect()
    outcomes = ", ".join(f"{count} {name}" for name, count in load.outcomes.most_common())
    print(f"{backend}: {runs} runs at once in {load.seconds:.1f} s: {outcomes}")
    print(
        f"{backend}: {load.idle_kilobytes:.1f} kB of memory for each run that waits, "
        f"with {min(runs, MOST_CONNECTIONS)} connections at the most"
    )
    left = {
        "runs lost": runs - load.outcomes.total(),
        "odd answers": sum(name.startswith("odd") for name in load.outcomes),
        "tasks left": load.tasks_left,
        "threads left": len({thread for thread in threading.enumerate() if thread.is_alive()} - threads),
        "sockets left": len(_sockets() - sockets),
    }
    print(f"{backend}: " + ", ".join(f"{count} {name}" for name, count in left.items()))
    return [name for name, count in left.items() if count]


def main() -> int:
    if sys.argv[1:2] in (["-h"], ["--help"]):
        print(__doc__)
        return 0
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    return 1 if measure(sys.argv[2] if len(sys.argv) > 2 else "asyncio", runs) else 0


if __name__ == "__main__":
    sys.exit(main())
