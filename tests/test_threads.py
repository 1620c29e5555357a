"""Sync calls in threads of their own."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextvars import ContextVar

import anyio
import pytest

from agentkit.threads import THREAD_NAME, run_in_thread

pytestmark = pytest.mark.anyio

COLOUR: ContextVar[str] = ContextVar("COLOUR")


async def test_runs_off_the_event_loop_with_the_callers_context() -> None:
    COLOUR.set("green")

    def look(word: str) -> tuple[str, str, bool]:
        return word, COLOUR.get(), threading.current_thread().name == THREAD_NAME

    assert await run_in_thread(look, "seen") == ("seen", "green", True)


async def test_raises_what_the_function_raises() -> None:
    def fail() -> None:
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        await run_in_thread(fail)


async def test_uses_a_thread_again() -> None:
    first = await run_in_thread(threading.get_ident)
    await anyio.sleep(0.05)  # the thread puts itself back after it has told
    assert await run_in_thread(threading.get_ident) == first


async def test_a_cancel_abandons_the_call_and_frees_the_caller() -> None:
    release = threading.Event()
    began = time.monotonic()
    with anyio.move_on_after(0.05) as scope:
        await run_in_thread(release.wait, 30)
    release.set()
    assert (scope.cancelled_caught, time.monotonic() - began < 5) == (True, True)


async def test_many_calls_run_side_by_side() -> None:
    barrier = threading.Barrier(20)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(run_in_thread, barrier.wait, 20)


def test_a_program_ends_although_a_tool_never_returns() -> None:
    code = (
        "import asyncio, time\n"
        "from agentkit import Agent, tool\n"
        "from agentkit.testing import ScriptedModel, calls\n"
        "@tool(timeout_seconds=0.1)\n"
        "def never() -> str:\n"
        "    time.sleep(100)\n"
        "    return 'late'\n"
        "agent = Agent(ScriptedModel(calls(('never', '{}')), 'went on'), tools=[never])\n"
        "print(asyncio.run(agent.run('go')).output)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("went on\n", 0)
