"""run_sync without surprises: again and again, from any thread, inside a running loop, after a fork."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError
from agentkit.messages import Lost
from agentkit.portal import call_in_portal
from agentkit.testing import ScriptedModel, calls
from agentkit.tools import tool


def hello() -> str:
    return Agent(ScriptedModel("hello")).run_sync("go").output


def test_it_works_again_and_again_in_one_thread() -> None:
    loops = {id(call_in_portal(_loop)) for _ in range(3)}
    assert len(loops) == 1
    assert [hello() for _ in range(3)] == ["hello"] * 3
    assert sum(thread.name == "agentkit-run-sync" for thread in threading.enumerate()) == 1


async def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


async def _tasks() -> int:
    return len(asyncio.all_tasks())


def test_it_works_from_several_threads_at_once() -> None:
    before = call_in_portal(_tasks)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: hello(), range(32))) == ["hello"] * 32
    assert call_in_portal(_tasks) == before


@pytest.mark.anyio
async def test_it_works_inside_a_running_loop() -> None:
    assert hello() == "hello"


def test_it_works_in_a_sync_tool_of_a_run_that_it_runs_itself() -> None:
    @tool
    def ask() -> str:
        return hello()

    agent = Agent(ScriptedModel(calls(("ask", {})), "done"), tools=[ask])
    assert agent.run_sync("go").messages[1].calls[0].outcome.content == "hello"  # type: ignore[union-attr]


def test_it_refuses_to_wait_for_itself() -> None:
    @tool
    async def ask() -> str:
        return hello()

    agent = Agent(ScriptedModel(calls(("ask", {})), "done"), tools=[ask])
    outcome = agent.run_sync("go").messages[1].calls[0].outcome  # type: ignore[union-attr]
    assert "run_sync was called from inside a run" in outcome.message  # type: ignore[union-attr]


who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


def test_the_context_of_the_caller_comes_along() -> None:
    @tool
    async def ask() -> str:
        return who.get()

    who.set("me")
    agent = Agent(ScriptedModel(calls(("ask", {})), "done"), tools=[ask])
    assert agent.run_sync("go").messages[1].calls[0].outcome.content == "me"  # type: ignore[union-attr]


def test_an_error_is_raised_as_itself() -> None:
    error = RuntimeError("broken")
    with pytest.raises(RuntimeError) as caught:
        Agent(ScriptedModel(error)).run_sync("go")
    assert caught.value is error


def test_an_interrupt_of_the_keyboard_stops_the_run() -> None:
    stopped = threading.Event()

    @tool
    async def forever() -> None:
        threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    seen: list[Any] = []

    class Session:
        id = "s"

        async def load(self) -> list[Any]:
            return []

        async def append(self, messages: Any) -> None:
            seen.extend(messages)

    agent = Agent(ScriptedModel(calls(("forever", {}))), tools=[forever])
    before = call_in_portal(_tasks)
    with pytest.raises(KeyboardInterrupt):
        agent.run_sync("go", session=Session())
    assert stopped.wait(5)
    deadline = time.monotonic() + 5
    while call_in_portal(_tasks) > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert call_in_portal(_tasks) == before
    assert seen[-1].calls[0].outcome == Lost()
    assert hello() == "hello"


def run_program(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60
    )


def test_a_forked_child_makes_its_own() -> None:
    done = run_program(
        """
        import os
        from agentkit.agent import Agent
        from agentkit.testing import ScriptedModel

        def hello():
            return Agent(ScriptedModel("hello")).run_sync("go").output

        print(hello(), flush=True)
        child = os.fork()
        if child == 0:
            print("child", hello(), flush=True)
            raise SystemExit(3)
        _, status = os.waitpid(child, 0)
        print("parent", hello(), os.waitstatus_to_exitcode(status))
        """
    )
    assert (done.stdout.splitlines(), done.stderr) == (["hello", "child hello", "parent hello 3"], "")


def test_a_program_ends_while_a_run_goes_on_in_another_thread() -> None:
    done = run_program(
        """
        import threading, anyio
        from agentkit.agent import Agent
        from agentkit.testing import Delay, ScriptedModel

        def work():
            Agent(ScriptedModel(Delay(600, "late"))).run_sync("go")

        threading.Thread(target=work, daemon=True).start()
        print(Agent(ScriptedModel("hello")).run_sync("go").output)
        """
    )
    assert (done.stdout, done.returncode) == ("hello\n", 0)


def test_a_model_that_ends_the_program_does_not_break_later_runs() -> None:
    async def leave() -> None:
        raise SystemExit(2)

    with pytest.raises(SystemExit):
        call_in_portal(leave)
    assert hello() == "hello"


def test_a_tool_that_raises_what_is_no_exception_does_not_break_later_runs() -> None:
    @tool
    async def judge() -> None:
        pytest.fail("wrong")

    with pytest.raises(pytest.fail.Exception, match="wrong"):
        Agent(ScriptedModel(calls(("judge", {})), "done"), tools=[judge]).run_sync("go")
    assert hello() == "hello"


def test_misuse_is_told() -> None:
    async def inside() -> None:
        call_in_portal(_loop)

    with pytest.raises(ConfigurationError, match=r"use `await agent\.run\(\.\.\.\)` there"):
        call_in_portal(inside)
