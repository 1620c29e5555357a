"""SqliteRunStore: runs kept as they happen, and going on where they stopped."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Literal

import anyio
import pytest
from engine import outcomes

from agentkit.agent import Agent
from agentkit.approvals import Approve
from agentkit.budget import Budget
from agentkit.errors import BudgetExceededError, ConfigurationError, NewerVersionError, RunBusyError, StateError
from agentkit.loop import fold, fork, state_from_json
from agentkit.messages import Cancelled, Denied, Lost, Outcome, Returned
from agentkit.models import Deny
from agentkit.records import Answered, CallBegan, CallEnded, Ended, Kept, Record, RunBegan
from agentkit.runs import SqliteRunStore
from agentkit.runtime import StepKey
from agentkit.sessions import MemorySession, SqliteSession
from agentkit.testing import ScriptedModel, Turn, calls
from agentkit.tools import Context, tool
from agentkit.usage import Cost, Usage

pytestmark = pytest.mark.anyio

made: list[str] = []


@tool(effect="read")
async def look() -> str:
    made.append("look")
    return "seen"


@tool(effect="destructive")
async def wipe() -> str:
    made.append("wipe")
    return "gone"


@tool(effect="write", idempotent=True)
async def put(context: Context[Any]) -> str:
    made.append(f"put {context.idempotency_key.partition('/')[2]}")
    return "there"


@tool(effect="destructive", approve=True)
async def refund() -> str:
    made.append("refund")
    return "paid"


@pytest.fixture(autouse=True)
def nothing_made() -> None:
    made.clear()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


class Crash(BaseException):
    """The process ends: nothing of ours may run after it."""


class CrashingStore(SqliteRunStore):
    """Dies when so many records are written; what is done in flight is left as a killed process leaves it."""

    def __init__(self, path: Path, *, records: int) -> None:
        super().__init__(path)
        self.left = records

    @asynccontextmanager
    async def drive(self, run_id: str) -> AsyncIterator[Any]:
        async with super().drive(run_id) as inner:
            yield Crashing(self, inner)


class Crashing:
    def __init__(self, store: CrashingStore, inner: Any) -> None:
        self.store = store
        self.inner = inner

    async def step(self, key: StepKey, fn: Any) -> Record:
        async def dying() -> Record:
            record = await fn()
            if self.store.left <= 0:
                raise Crash
            self.store.left -= 1
            return record

        if self.store.left <= 0:
            raise Crash
        return await self.inner.step(key, dying)

    async def take_up(self, run_id: str, journal: Any) -> Any:
        return await self.inner.take_up(run_id, journal)


async def crashed(agent: Agent[Any, Any], path: Path, *, records: int, **parts: Any) -> str:
    """The id of a run that crashed when so many records were kept."""
    with pytest.raises(Crash):
        await agent.run("go", store=CrashingStore(path, records=records), **parts)
    (run,) = await SqliteRunStore(path).list()
    assert len(await SqliteRunStore(path).history(run.run_id)) == records
    return run.run_id


async def test_a_run_is_kept_as_it_happens(path: Path) -> None:
    store = SqliteRunStore(path, notes={"order": 17})
    result = await Agent(ScriptedModel(calls(("wipe", {})), "done"), tools=[wipe], name="shop").run("go", store=store)
    history = await store.history(result.run_id)
    kinds = [type(kept.record) for kept in history]
    assert kinds == [RunBegan, Answered, CallBegan, CallEnded, Answered, Ended]
    assert await store.load(result.run_id) == result.state
    (run,) = await store.list()
    assert (run.run_id, run.agent, run.status, run.prompt, run.steps, run.usage, run.cost, run.error, run.notes) == (
        result.run_id, "shop", "finished", "go", 2, result.usage, Cost.zero, "", {"order": 17},
    )  # fmt: skip
    assert run.began <= history[1].at <= run.changed


async def test_a_finished_run_gives_its_answer_again_and_changes_no_more(path: Path) -> None:
    store = SqliteRunStore(path)
    result = await Agent(ScriptedModel("done")).run("go", store=store)
    again = await Agent(ScriptedModel()).resume(result.run_id, store=store)
    assert again.output == "done"
    assert again.state == result.state


@pytest.mark.parametrize("records", range(1, 8))
async def test_a_run_goes_on_after_a_crash_at_any_record(path: Path, records: int) -> None:
    turns = (calls(("look", {}), ("wipe", {}), ("put", {})), "done")
    run_id = await crashed(Agent(ScriptedModel(*turns), tools=[look, wipe, put]), path, records=records)
    before = list(made)
    left = turns if records == 1 else turns[1:]
    result = await Agent(ScriptedModel(*left), tools=[look, wipe, put]).resume(run_id, store=SqliteRunStore(path))
    assert result.output == "done"
    assert made.count("wipe") <= 1
    ended: list[Outcome] = outcomes(result.messages)
    # The call of wipe was announced by the fourth record: it was made, or was about to be, and nobody knows which.
    assert ended == [Returned("seen"), Lost() if records == 4 else Returned("gone"), Returned("there")]
    if records >= 5:
        assert made[len(before) :].count("wipe") == 0
    if records >= 3:
        assert made.count("look") == 1


async def test_a_call_in_doubt_that_a_person_had_approved_is_asked_about_again(path: Path) -> None:
    store = SqliteRunStore(path)
    agent = Agent(ScriptedModel(calls(("refund", {})), "done"), tools=[refund])
    run_id = (await agent.run("go", store=store)).run_id
    kept = len(await store.history(run_id))
    with pytest.raises(Crash):  # Resumed, CallDecided, CallBegan, then the end
        await agent.resume(run_id, store=CrashingStore(path, records=3), approvals={"1.0": Approve()})
    assert len(await store.history(run_id)) == kept + 3
    waiting = await agent.resume(run_id, store=store)
    assert [(call.id, call.tool) for call in waiting.pending] == [("1.0", "refund")]
    assert "nobody knows whether it took effect" in waiting.pending[0].reason
    done = await agent.resume(run_id, store=store, approvals={"1.0": Deny("it went through")})
    assert outcomes(done.messages) == [Denied("it went through")]
    assert made == ["refund"]


async def test_an_agent_inside_goes_on_where_it_was(path: Path) -> None:
    inner = (calls(("wipe", {})), calls(("look", {})), "clerk done")
    outer = (calls(("clerk", {"prompt": "x"})), "done")

    def lead(inner: Any, outer: Any) -> Agent:
        clerk = Agent(ScriptedModel(*inner), tools=[look, wipe], name="clerk")
        return Agent(ScriptedModel(*outer), tools=[clerk.as_tool()], name="lead")

    # RunBegan, Answered; of the clerk: RunBegan, Answered, CallBegan, CallEnded
    run_id = await crashed(lead(inner, outer), path, records=6)
    store = SqliteRunStore(path)
    result = await lead(inner[1:], outer[1:]).resume(run_id, store=store)
    assert result.output == "done"
    assert made == ["wipe", "look"]
    assert (result.usage, result.steps) == ((await Agent(ScriptedModel()).resume(run_id, store=store)).usage, 2)
    records = [(kept.run_id, kept.record) for kept in await store.history(run_id)]
    below = fold(record for run, record in records if run == f"{run_id}/1.0")
    assert below.is_ended
    assert outcomes(below.messages) == [Returned("gone"), Returned("seen")]


async def test_an_agent_inside_that_ended_before_the_crash_is_not_asked_again(path: Path) -> None:
    clerk = Agent(ScriptedModel("clerk done"), name="clerk")
    turns = (calls(("clerk", {"prompt": "x"})), "done")
    run_id = await crashed(Agent(ScriptedModel(*turns), tools=[clerk.as_tool()]), path, records=5)
    silent = Agent(ScriptedModel(), name="clerk")
    agent = Agent(ScriptedModel("done"), tools=[silent.as_tool()])
    result = await agent.resume(run_id, store=SqliteRunStore(path))
    assert outcomes(result.messages) == [Returned("clerk done")]
    assert result.usage == (await SqliteRunStore(path).list())[0].usage


async def test_decisions_on_an_agent_inside_survive_a_crash(path: Path) -> None:
    def lead(*turns: Any, inner: Any = ()) -> Agent:
        clerk = Agent(ScriptedModel(*inner), tools=[refund, look], name="clerk")
        return Agent(ScriptedModel(*turns), tools=[clerk.as_tool()])

    store = SqliteRunStore(path)
    begun = lead(calls(("clerk", {"prompt": "x"})), inner=(calls(("refund", {}), ("refund", {})),))
    run_id = (await begun.run("go", store=store)).run_id
    with pytest.raises(Crash):
        # Resumed, CallDecided; of the clerk Resumed, CallDecided, CallBegan, CallEnded; then the end
        await begun.resume(run_id, store=CrashingStore(path, records=6), approvals={"1.0/1.0": Approve()})
    assert made == ["refund"]
    waiting = await begun.resume(run_id, store=store)
    assert [call.id for call in waiting.pending] == ["1.0/1.1"]
    agent = lead("done", inner=("clerk done",))
    result = await agent.resume(run_id, store=store, approvals={"1.0/1.1": Approve()})
    assert (result.output, made) == ("done", ["refund", "refund"])


async def test_decisions_are_written_down_for_whoever_resumes(path: Path) -> None:
    store = SqliteRunStore(path)
    begun = Agent(ScriptedModel(calls(("refund", {}), ("refund", {}))), tools=[refund])
    run_id = (await begun.run("go", store=store)).run_id
    assert (await store.list())[0].status == "paused"
    left = await store.decide(run_id, {"1.0": Approve()})
    assert [call.id for call in left] == ["1.1"]
    assert await store.decide(run_id, {"1.1": Deny("no")}) == []
    assert (await store.list())[0].status == "ready"
    result = await Agent(ScriptedModel("done"), tools=[refund]).resume(run_id, store=store)
    assert outcomes(result.messages) == [Returned("paid"), Denied("no")]
    with pytest.raises(ConfigurationError, match=r"no call '9.9' waits for a decision"):
        await store.decide(run_id, {"9.9": Approve()})


async def test_what_was_spent_before_a_crash_counts(path: Path) -> None:
    turns = [Turn(calls(("look", {})), usage=Usage(10, output=5)) for _ in range(3)]
    run_id = await crashed(Agent(ScriptedModel(*turns), tools=[look]), path, records=5)
    agent = Agent(ScriptedModel(*turns), tools=[look], budget=Budget(steps=3))
    with pytest.raises(BudgetExceededError) as caught:
        await agent.resume(run_id, store=SqliteRunStore(path))
    assert (caught.value.allowed, caught.value.used) == (3, 3)
    assert caught.value.usage is not None
    assert caught.value.usage["input"] == 30
    (run,) = await SqliteRunStore(path).list()
    assert (run.status, run.steps) == ("failed", 3)
    assert run.error.startswith("BudgetExceededError: budget of 3 steps is spent")


@pytest.mark.parametrize("records", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_session_gets_each_message_once_however_a_run_was_cut(path: Path, records: int, kind: str) -> None:
    session = MemorySession() if kind == "memory" else SqliteSession(path.with_name("chats.db"))
    await Agent(ScriptedModel("hello")).run("hi", session=session)
    turns = (calls(("look", {})), "done")
    run_id = ""
    store = CrashingStore(path, records=records)
    try:
        result = await Agent(ScriptedModel(*turns), tools=[look]).run("go", store=store, session=session)
        run_id = result.run_id
    except Crash:
        run_id = (await SqliteRunStore(path).list())[0].run_id
    answered = sum(isinstance(kept.record, Answered) for kept in await SqliteRunStore(path).history(run_id))
    agent = Agent(ScriptedModel(*turns[answered:]), tools=[look])
    result = await agent.resume(run_id, store=SqliteRunStore(path), session=session)
    assert await session.load() == result.messages
    again = await Agent(ScriptedModel()).resume(run_id, store=SqliteRunStore(path), session=session)
    assert await session.load() == again.messages == result.messages


async def test_a_session_that_has_the_messages_but_not_the_record_of_it_gets_nothing_twice(path: Path) -> None:
    session, store = MemorySession(), CrashingStore(path, records=3)  # RunBegan, Answered, Ended; then Kept is cut off
    with pytest.raises(Crash):
        await Agent(ScriptedModel("done")).run("go", store=store, session=session)
    (run,) = await store.list()
    result = await Agent(ScriptedModel()).resume(run.run_id, store=SqliteRunStore(path), session=session)
    assert await session.load() == result.messages
    assert state_from_json(result.state).journal[-1] == Kept(2) or result.state == await store.load(run.run_id)


async def test_a_cancelled_run_goes_on(path: Path) -> None:
    store = SqliteRunStore(path)
    with anyio.CancelScope() as scope:

        @tool(effect="write")
        async def hang() -> str:
            scope.cancel()
            await anyio.sleep_forever()
            return ""

        await Agent(ScriptedModel(calls(("hang", {}), ("wipe", {}))), tools=[hang, wipe]).run("go", store=store)
    (run,) = await store.list()
    assert run.status == "interrupted"
    result = await Agent(ScriptedModel("done"), tools=[hang, wipe]).resume(run.run_id, store=store)
    assert outcomes(result.messages) == [Lost(), Cancelled(started=False)]


async def test_a_stream_is_kept_and_goes_on(path: Path) -> None:
    store = SqliteRunStore(path)
    async with Agent(ScriptedModel("one two")).stream("go", store=store) as run:
        assert await run.text() == "one two"
    async with Agent(ScriptedModel("three")).stream("more", state=run.result.run_id, store=store) as more:
        assert await more.text() == "three"
    texts = [message.text for message in more.result.messages]
    assert texts == ["go", "one two", "more", "three"]
    assert await store.load(run.result.run_id) == more.result.state


async def test_a_state_goes_on_in_a_store_that_has_it_or_has_not_heard_of_it(path: Path, tmp_path: Path) -> None:
    clerk = Agent(ScriptedModel(calls(("refund", {})), "clerk done"), tools=[refund], name="clerk")
    agent = Agent(ScriptedModel(calls(("clerk", {"prompt": "x"})), "done"), tools=[clerk.as_tool()])
    state = (await agent.run("go")).state
    store = SqliteRunStore(path)
    result = await agent.resume(state, store=store, approvals={"1.0/1.0": Approve()})
    assert result.output == "done"
    assert await store.load(result.run_id) == result.state
    with pytest.raises(StateError, match=rf"the run {result.run_id} has gone on since this state was made"):
        await agent.resume(state, store=store)


async def test_a_fork_is_kept_beside_its_origin(path: Path) -> None:
    store = SqliteRunStore(path)
    first = await Agent(ScriptedModel(calls(("look", {})), "done"), tools=[look]).run("go", store=store)
    state = fork(await store.load(first.run_id), step=2)
    other = await Agent(ScriptedModel("otherwise"), tools=[look]).run(state=state, store=store)
    assert {run.run_id for run in await store.list()} == {first.run_id, other.run_id}
    assert await store.load(first.run_id) == first.state


async def test_one_run_is_driven_once_at_a_time(path: Path) -> None:
    store = SqliteRunStore(path)
    inside: list[str] = []

    @tool
    async def again(context: Context[Any]) -> str:
        for other in (store, SqliteRunStore(path)):
            with pytest.raises(RunBusyError):
                await agent.resume(context.run_id, store=other)
            with pytest.raises(RunBusyError):
                await other.delete(context.run_id)
            assert [run.status for run in await other.list()] == ["running"]
        inside.append(context.run_id)
        return "busy"

    agent = Agent(ScriptedModel(calls(("again", {})), "done"), tools=[again])
    result = await agent.run("go", store=store)
    assert (inside, result.output) == ([result.run_id], "done")
    assert list(path.parent.glob("*.lock")) == []


async def test_where_the_lock_fails_the_second_writer_is_refused_before_it_acts(path: Path) -> None:
    @tool(effect="read")
    async def overtake(context: Context[Any]) -> str:
        if not made:
            made.append("overtaken")
            for lock in path.parent.glob("*.lock"):
                lock.unlink()
            other = Agent(ScriptedModel(calls(("wipe", {})), "done"), tools=[overtake, wipe])
            assert (await other.resume(context.run_id, store=SqliteRunStore(path))).output == "done"
        return "late"

    agent = Agent(ScriptedModel(calls(("overtake", {})), calls(("wipe", {})), "done"), tools=[overtake, wipe])
    with pytest.raises(RunBusyError):
        await agent.run("go", store=SqliteRunStore(path))
    assert made == ["overtaken", "wipe"]
    (run,) = await SqliteRunStore(path).list()
    assert run.status == "finished"
    assert (await SqliteRunStore(path).load(run.run_id))["journal"][-1]["kind"] == "ended"


HOLDER = """
import sys, anyio
from agentkit import Agent, tool
from agentkit.runs import SqliteRunStore
from agentkit.testing import ScriptedModel, calls

@tool(effect="read")
async def wait():
    print("waits", flush=True)
    await anyio.sleep_forever()

anyio.run(lambda: Agent(ScriptedModel(calls(("wait", {}))), tools=[wait]).run("go", store=SqliteRunStore(sys.argv[1])))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
async def test_a_run_of_another_process_is_its_own_until_that_is_killed(path: Path) -> None:
    @tool(effect="read")
    async def wait() -> str:
        return "at last"

    store = SqliteRunStore(path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"waits\n"
            (run,) = await store.list()
            assert run.status == "running"
            agent = Agent(ScriptedModel("done"), tools=[wait])
            with pytest.raises(RunBusyError, match=f"run {run.run_id} is being driven by a living process"):
                await agent.resume(run.run_id, store=store)
        finally:
            holder.kill()
    assert [kept.status for kept in await store.list()] == ["interrupted"]
    result = await agent.resume(run.run_id, store=store)
    assert outcomes(result.messages) == [Returned("at last")]
    assert list(path.parent.glob("*.lock")) == []


async def test_only_the_owner_of_the_file_may_read_it(path: Path) -> None:
    store = SqliteRunStore(path)
    await Agent(ScriptedModel("done")).run("go", store=store)
    modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"runs.db": 0o600, "runs.db-wal": 0o600, "runs.db-shm": 0o600}


def _change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


async def test_a_newer_file_is_refused_and_left_as_it_is(path: Path) -> None:
    run_id = (await Agent(ScriptedModel("done")).run("go", store=SqliteRunStore(path))).run_id
    _change(path, "PRAGMA user_version = 99")
    before = path.read_bytes()
    store = SqliteRunStore(path)
    for use in (store.list(), store.load(run_id), Agent(ScriptedModel("more")).run("go", store=store)):
        with pytest.raises(NewerVersionError, match=r"store of runs .* has version 99"):
            await use
    assert path.read_bytes() == before


async def test_a_newer_record_is_refused_and_left_as_it_is(path: Path) -> None:
    store = SqliteRunStore(path)
    run_id = (await Agent(ScriptedModel("done")).run("go", store=store)).run_id
    _change(path, "UPDATE agentkit_records SET version = 99 WHERE position = 2")
    with pytest.raises(NewerVersionError, match="version 99"):
        await Agent(ScriptedModel("more")).resume(run_id, store=store, prompt="more")
    assert len(await _rows(path)) == 3
    assert [run.status for run in await store.list()] == ["finished"]


async def _rows(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM agentkit_records").fetchall()


async def test_an_edited_record_is_named(path: Path) -> None:
    store = SqliteRunStore(path)
    run_id = (await Agent(ScriptedModel("done")).run("go", store=store)).run_id
    _change(path, "UPDATE agentkit_records SET record = '{}' WHERE position = 1")
    with pytest.raises(StateError, match=rf"record 1 of run {run_id} cannot be read"):
        await store.load(run_id)


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 500])
async def test_a_file_of_something_else_is_refused_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StateError, match=r"runs.db' cannot be used: .*; what is in it was left as it is"):
        await Agent(ScriptedModel("done")).run("go", store=SqliteRunStore(path))
    assert path.read_bytes() == content


async def test_a_path_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no folder")
    store = SqliteRunStore(tmp_path / "notes" / "runs.db")
    with pytest.raises(StateError, match=r"cannot be used: .*; name a file that this process may read and write$"):
        await Agent(ScriptedModel("done")).run("go", store=store)


async def test_a_database_of_something_else_is_refused(path: Path) -> None:
    _change(path, "CREATE TABLE mine (x)")
    with pytest.raises(StateError, match="is a database of something else"):
        await SqliteRunStore(path).list()


async def test_a_torn_log_loses_what_was_last_and_nothing_before(path: Path, tmp_path: Path) -> None:
    store = SqliteRunStore(path)
    turns = (*(calls(("look", {})) for _ in range(4)), "done")
    result = await Agent(ScriptedModel(*turns), tools=[look]).run("go", store=store)
    journal = result.state["journal"]
    log = (tmp_path / "runs.db-wal").read_bytes()
    whole = path.read_bytes()
    known: list[int] = []
    for number, length in enumerate(range(len(log), 0, -1500)):
        torn = tmp_path / f"torn{number}" / "runs.db"
        torn.parent.mkdir()
        torn.write_bytes(whole)
        torn.with_name("runs.db-wal").write_bytes(log[:length])
        runs = await SqliteRunStore(torn).list()
        kept = (await SqliteRunStore(torn).load(result.run_id))["journal"] if runs else []
        assert kept == journal[: len(kept)]
        known.append(len(kept))
    assert known == sorted(known, reverse=True)
    assert {*known} >= set(range(1, len(journal) + 1))


async def test_a_store_that_another_process_is_writing_is_waited_for(path: Path) -> None:
    store = SqliteRunStore(path)
    await Agent(ScriptedModel("done")).run("go", store=store)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        other.execute("BEGIN IMMEDIATE")
        ticks = 0
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: Agent(ScriptedModel("done")).run("again", store=store))
            for _ in range(50):
                await anyio.sleep(0.002)
                ticks += 1
            other.execute("ROLLBACK")
    finally:
        other.close()
    assert ticks == 50
    assert [run.status for run in await store.list()] == ["finished", "finished"]


async def test_waiting_for_the_disk_keeps_the_same(path: Path) -> None:
    store = SqliteRunStore(path, synchronous="full")
    result = await Agent(ScriptedModel(calls(("look", {})), "done"), tools=[look]).run("go", store=store)
    assert await store.load(result.run_id) == result.state


@pytest.mark.parametrize("synchronous", ["normal", "full"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # in trio no cancel passes a shield
async def test_a_cancel_of_asyncio_finds_what_is_being_written_written(
    path: Path, synchronous: Literal["normal", "full"]
) -> None:
    store = SqliteRunStore(path, synchronous=synchronous)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    waits = anyio.Event()

    def answer(_: object) -> str:
        other.execute("BEGIN IMMEDIATE")  # so that the answer's record waits in a thread
        waits.set()
        return "done"

    async def run() -> None:
        await Agent(ScriptedModel(answer)).run("go", store=store)

    with closing(other):
        task = asyncio.get_running_loop().create_task(run())
        await waits.wait()
        await anyio.sleep(0.05)
        task.cancel()
        await anyio.sleep(0.01)
        assert not task.done()
        other.execute("ROLLBACK")
        with pytest.raises(asyncio.CancelledError):
            await task
    (kept,) = await store.list()
    result = await Agent(ScriptedModel()).resume(kept.run_id, store=store)
    assert result.output == "done"


async def test_what_is_refused_leaves_a_run_as_it_stands(path: Path) -> None:
    store = SqliteRunStore(path)
    agent = Agent(ScriptedModel(calls(("refund", {})), "done"), tools=[refund])
    first = await agent.run("go", store=store)
    with pytest.raises(ConfigurationError, match=r"no call '9\.9' waits"):
        await store.decide(first.run_id, {"9.9": Approve()})
    assert [(run.status, run.error) for run in await store.list()] == [("paused", "")]
    await agent.resume(first.run_id, store=store, approvals={"1.0": Approve()})
    with pytest.raises(StateError, match="has gone on since"):
        await agent.resume(first.state, store=store)
    assert [(run.status, run.error) for run in await store.list()] == [("finished", "")]


async def test_a_state_that_went_another_way_is_refused_and_harms_nothing(path: Path) -> None:
    store = SqliteRunStore(path)

    def agent(*turns: Any) -> Agent[Any, Any]:
        return Agent(ScriptedModel(*turns), tools=[refund])

    first = await agent(calls(("refund", {}))).run("go", store=store)
    denied = await agent("no then").resume(first.state, store=store, approvals={"1.0": Deny("no")})
    elsewhere = await agent(calls(("refund", {}))).resume(first.state, approvals={"1.0": Approve()})
    with pytest.raises(StateError, match=rf"the run {first.run_id} went another way in .* fork\(state, step=...\)"):
        await agent("never").resume(elsewhere.state, store=store, approvals={"2.0": Approve()})
    assert await store.load(first.run_id) == denied.state


async def test_the_log_is_moved_into_the_file_before_it_grows_large(path: Path) -> None:
    store = SqliteRunStore(path)

    async def run() -> None:
        for _ in range(5):
            await Agent(ScriptedModel("done")).run("x" * 1_000_000, store=store)

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(run)
    assert path.with_name("runs.db-wal").stat().st_size < 30_000_000
    assert {run.status for run in await store.list()} == {"finished"}
    assert len(await _rows(path)) == 3 * 40


async def test_runs_are_forgotten(path: Path) -> None:
    store = SqliteRunStore(path)
    first, second = [(await Agent(ScriptedModel("done")).run("the secret word", store=store)).run_id for _ in range(2)]
    await store.delete(first)
    assert [run.run_id for run in await store.list()] == [second]
    with pytest.raises(StateError, match=f"there is no run '{first}'"):
        await store.delete(first)
    assert await store.prune(older_than_days=1) == 0
    assert await store.prune(older_than_days=-1) == 1
    assert await store.list() == []
    assert await _rows(path) == []


async def test_a_run_is_found_by_the_beginning_of_its_id(path: Path) -> None:
    store = SqliteRunStore(path)
    run_id = (await Agent(ScriptedModel("done")).run("go", store=store)).run_id
    assert (await store.find(run_id[:6])).run_id == run_id
    with pytest.raises(StateError, match="there is no run 'x'"):
        await store.find("x")
    await Agent(ScriptedModel("done")).run("go", store=store)
    with pytest.raises(StateError, match="several runs begin with ''"):
        await store.find("")


async def test_an_empty_store_makes_no_file(path: Path) -> None:
    store = SqliteRunStore(path)
    assert await store.list() == []
    assert not path.exists()


async def test_half_of_a_surrogate_pair_is_kept_as_a_question_mark(path: Path) -> None:
    store = SqliteRunStore(path)
    result = await Agent(ScriptedModel("done")).run("half \ud83d of it", store=store)
    state = state_from_json(await store.load(result.run_id))
    assert state.messages[0].text == "half ? of it"


async def test_misuse_is_told_before_anything_happens(path: Path) -> None:
    class Own:
        async def step(self, key: StepKey, fn: Any) -> Record:
            return await fn()

        async def take_up(self, run_id: str, journal: Any) -> Any:
            return journal

    agent = Agent(ScriptedModel("done"))
    for wrong, said in (
        (agent.run(state="abc"), r"state='abc' is the id of a run in a store: pass store= too"),
        (agent.run("go", store="runs.db"), r"'runs.db' is no store of runs; write SqliteRunStore\('runs.db'\)"),  # type: ignore[arg-type]
        (agent.replace(runtime=Own()).run("go", store=SqliteRunStore(path)), "has a runtime of its own"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            await wrong
    with pytest.raises(ConfigurationError, match="keeps a file"):
        SqliteRunStore(":memory:")
    with pytest.raises(ConfigurationError, match="synchronous='off' is unknown"):
        SqliteRunStore(path, synchronous="off")  # type: ignore[arg-type]
    with pytest.raises(StateError, match="there is no run 'abc'"):
        await agent.resume("abc", store=SqliteRunStore(path))


def test_run_sync_keeps_runs_too(path: Path) -> None:
    store = SqliteRunStore(path)
    result = Agent(ScriptedModel("done")).run_sync("go", store=store)
    assert Agent(ScriptedModel()).run_sync(state=result.run_id, store=store).output == "done"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on Windows")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
async def test_a_forked_child_uses_the_store_without_harm(path: Path) -> None:
    if sys.version_info >= (3, 12):
        pytest.skip("a process with threads should not be forked")
    store = SqliteRunStore(path)
    first = await Agent(ScriptedModel("done")).run("go", store=store)
    code = """
import os, sys
from agentkit import Agent
from agentkit.runs import SqliteRunStore
from agentkit.testing import ScriptedModel
store = SqliteRunStore(sys.argv[1])
Agent(ScriptedModel("parent")).run_sync("go", store=store)
child = os.fork()
Agent(ScriptedModel("both")).run_sync("go", store=store)
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
"""
    await anyio.run_process([sys.executable, "-c", code, str(path)])
    runs = await store.list()
    assert [run.status for run in runs] == ["finished"] * 4
    assert await store.load(first.run_id) == first.state


async def test_a_state_taken_while_a_call_runs_has_it_lost_also_without_a_store() -> None:
    taken: list[dict[str, Any]] = []

    @tool(effect="write")
    async def save() -> str:
        taken.append(run.state)
        return "saved"

    async with Agent(ScriptedModel(calls(("look", {}), ("save", {})), "done"), tools=[look, save]).stream("go") as run:
        await run.text()
    result = await Agent(ScriptedModel("done"), tools=[look, save]).resume(taken[0])
    assert outcomes(result.messages) == [Returned("seen"), Lost()]
    assert len(taken) == 1


async def test_an_approval_is_not_used_up_by_an_agent_without_the_tool(path: Path) -> None:
    store = SqliteRunStore(path)
    waiting = await Agent(ScriptedModel(calls(("refund", {}))), tools=[refund]).run("go", store=store)
    await store.decide(waiting.run_id, {"1.0": Approve()})
    with pytest.raises(StateError, match="'refund', which the agent 'agent' does not have; its tools are: look"):
        await Agent(ScriptedModel(), tools=[look]).resume(waiting.run_id, store=store)
    kept = state_from_json(await store.load(waiting.run_id))
    assert (kept.decided[0].is_approved, kept.outcomes, made) == (True, {}, [])
    result = await Agent(ScriptedModel("done"), tools=[refund]).resume(waiting.run_id, store=store)
    assert (outcomes(result.messages), made) == ([Returned("paid")], ["refund"])
