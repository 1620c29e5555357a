"""Conversations between runs: kept whole, apart from each other, and never damaged."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from engine import outcomes

from agentkit.agent import Agent
from agentkit.approvals import Approve
from agentkit.errors import ConfigurationError, NewerVersionError, RateLimitError, StateError
from agentkit.exchange import TextDelta
from agentkit.media import Image
from agentkit.messages import AssistantMessage, Returned, Text, ToolCall, UserMessage, user_message
from agentkit.models import Deny
from agentkit.sessions import MemorySession, SqliteSession
from agentkit.testing import Delay, ScriptedModel, calls
from agentkit.tools import tool

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 8

TALK = [
    UserMessage((Text("look"), Image.from_bytes(PNG))),
    AssistantMessage((Text("Ä\x00 \U0001f600"), ToolCall("1", "look", "{}", Returned({"a": [1, None]}))), "m"),
]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Any]:
    if request.param == "memory":
        return MemorySession
    return lambda id="default": SqliteSession(tmp_path / "chats.db", id)


async def test_a_new_session_is_empty(make: Callable[..., Any]) -> None:
    session = make("a")
    assert session.id == "a"
    assert await session.load() == []
    await session.append([])
    await session.clear()
    assert await session.load() == []


async def test_messages_are_kept_in_order_and_whole(make: Callable[..., Any]) -> None:
    session = make()
    await session.append(TALK)
    await session.append(TALK[:1])
    assert await session.load() == [*TALK, TALK[0]]
    await session.clear()
    assert await session.load() == []


async def test_a_run_remembers_what_was_said_before(make: Callable[..., Any]) -> None:
    session = make()
    await Agent(ScriptedModel("Hello Ada.")).run("My name is Ada.", session=session)
    model = ScriptedModel("Ada.")
    result = await Agent(model).run("What is my name?", session=session)
    assert [message.text for message in model.requests[0].messages] == [
        "My name is Ada.", "Hello Ada.", "What is my name?"
    ]  # fmt: skip
    assert [message.text for message in result.new_messages] == ["What is my name?", "Ada."]
    assert await session.load() == result.messages


@tool(approve=True)
def delete() -> str:
    return "deleted"


@pytest.mark.parametrize("decision", [Approve(), Deny("no")])
async def test_an_answer_is_kept_when_its_calls_are_decided(make: Callable[..., Any], decision: Any) -> None:
    session = make()
    waiting = await Agent(ScriptedModel(calls(("delete", {}))), tools=[delete]).run("go", session=session)
    assert await session.load() == [user_message("go")]
    result = await Agent(ScriptedModel("done"), tools=[delete]).resume(
        waiting.state, approvals={"1.0": decision}, session=session
    )
    assert await session.load() == result.messages
    assert len(outcomes(result.messages)) == 1


async def test_a_prompt_of_a_resumed_run_is_kept(make: Callable[..., Any]) -> None:
    session = make()
    first = await Agent(ScriptedModel("one")).run("a", session=session)
    await Agent(ScriptedModel("two")).run("b", state=first.state, session=session)
    assert [message.text for message in await session.load()] == ["a", "one", "b", "two"]


async def test_a_prompt_that_came_as_a_message_is_kept(make: Callable[..., Any]) -> None:
    session = make()
    result = await Agent(ScriptedModel("one")).run(messages=[user_message("a")], session=session)
    assert await session.load() == result.messages == result.new_messages
    assert [message.text for message in result.messages] == ["a", "one"]


async def test_a_run_that_cannot_be_kept_is_in_the_error() -> None:
    class Full(MemorySession):
        async def append(self, messages: Any) -> None:
            raise StateError("the disk is full")

    with pytest.raises(StateError, match="the disk is full") as caught:
        await Agent(ScriptedModel("one")).run("a", session=Full())
    result = await Agent(ScriptedModel()).resume(caught.value.state or {})
    assert result.output == "one"


async def test_what_was_earned_before_an_error_is_kept(make: Callable[..., Any]) -> None:
    @tool
    def look() -> str:
        return "seen"

    session = make()
    with pytest.raises(RateLimitError):
        await Agent(ScriptedModel(calls(("look", {})), RateLimitError("no")), tools=[look]).run("go", session=session)
    assert outcomes(await session.load()) == [Returned("seen")]


async def test_what_was_said_before_a_cancel_is_kept(make: Callable[..., Any]) -> None:
    session = make()
    agent = Agent(ScriptedModel([TextDelta("half an"), Delay(60)]))
    async with agent.stream("go", session=session) as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                stream.cancel()
    assert [message.text for message in await session.load()] == ["go", "half an"]


async def test_sessions_in_one_file_are_apart(tmp_path: Path) -> None:
    one, two = SqliteSession(tmp_path / "chats.db", "one"), SqliteSession(tmp_path / "chats.db", "two")
    await one.append(TALK[:1])
    await two.append(TALK)
    await one.clear()
    assert await one.load() == []
    assert await SqliteSession(str(tmp_path / "chats.db"), "two").load() == TALK


async def test_the_file_is_in_wal_mode_and_its_folder_is_made(tmp_path: Path) -> None:
    session = SqliteSession(tmp_path / "new" / "chats.db")
    await session.append(TALK)
    connection = sqlite3.connect(session.path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_file_that_is_none_is_refused_since_it_would_forget_everything() -> None:
    with pytest.raises(ConfigurationError, match=r"use MemorySession\(\)"):
        SqliteSession(":memory:")


async def test_a_run_is_in_the_error_when_the_folder_of_its_session_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    session = SqliteSession(tmp_path / "file" / "chats.db")
    with pytest.raises(StateError, match=r"the session file .* cannot be used") as caught:
        await Agent(ScriptedModel("one")).run("a", session=session)
    assert (await Agent(ScriptedModel()).resume(caught.value.state or {})).output == "one"


async def test_writers_side_by_side_lose_nothing(tmp_path: Path) -> None:
    async def write(name: str) -> None:
        for number in range(5):
            await SqliteSession(tmp_path / "chats.db").append([user_message(f"{name}{number}"), user_message(name)])

    async with anyio.create_task_group() as group:
        for name in "abcd":
            group.start_soon(write, name)
    texts = [message.text for message in await SqliteSession(tmp_path / "chats.db").load()]
    assert len(texts) == 40
    for first, second in zip(texts[::2], texts[1::2], strict=True):
        assert first[0] == second


@pytest.mark.parametrize(
    "content", [b"this is no database at all, only text " * 40, b"SQLite format 3\x00" + b"\xff" * 2_000]
)
async def test_a_corrupt_file_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chats.db"
    path.write_bytes(content)
    session = SqliteSession(path)
    for attempt in (session.load, lambda: session.append(TALK), session.clear):
        with pytest.raises(StateError) as caught:
            await attempt()
        assert str(path) in str(caught.value)
        assert "move it away to begin a new one" in str(caught.value)
    assert path.read_bytes() == content


async def test_a_corrupt_message_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    session = SqliteSession(tmp_path / "chats.db", "mine")
    await session.append(TALK)
    _change(session.path, 'UPDATE agentkit_messages SET message = \'{"kind": "user"\' WHERE position = 2')
    with pytest.raises(StateError, match=r"message 2 of session 'mine' in .*chats\.db' cannot be read: .*clear\(\)"):
        await session.load()
    await session.clear()
    assert await session.load() == []


async def test_a_newer_message_is_refused(tmp_path: Path) -> None:
    session = SqliteSession(tmp_path / "chats.db")
    await session.append(TALK)
    _change(session.path, "UPDATE agentkit_messages SET version = 99 WHERE position = 2")
    with pytest.raises(NewerVersionError, match="has version 99, this agentkit reads up to 1"):
        await session.load()


async def test_a_newer_file_is_refused_undamaged(tmp_path: Path) -> None:
    session = SqliteSession(tmp_path / "chats.db")
    await session.append(TALK)
    _change(session.path, "PRAGMA user_version = 7")
    before = session.path.read_bytes()
    for attempt in (session.load, lambda: session.append(TALK), session.clear):
        with pytest.raises(NewerVersionError, match="has version 7, this agentkit reads up to 1"):
            await attempt()
    assert session.path.read_bytes() == before


async def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    _change(tmp_path / "shop.db", "CREATE TABLE orders (id)")
    with pytest.raises(StateError, match="is a database of something else"):
        await SqliteSession(tmp_path / "shop.db").append(TALK)


def _change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


CRASHING = """
import os, signal, sqlite3, sys
import anyio
from agentkit.messages import user_message
from agentkit.sessions import SqliteSession

async def main():
    session = SqliteSession(sys.argv[1])
    await session.append([user_message("kept")])
    real = sqlite3.connect
    def connect(*args, **options):
        connection = real(*args, **options)
        def trace(statement):
            if statement.startswith("INSERT") and "second" in statement:
                os.kill(os.getpid(), signal.SIGKILL)
        connection.set_trace_callback(trace)
        return connection
    sqlite3.connect = connect
    await session.append([user_message("first"), user_message("second")])

anyio.run(main)
"""


def test_a_crash_in_mid_append_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    program = tmp_path / "crashing.py"
    program.write_text(textwrap.dedent(CRASHING))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "chats.db")], env=environment, capture_output=True, timeout=60
    )
    assert process.returncode == -signal.SIGKILL, process.stderr

    async def go_on() -> None:
        session = SqliteSession(tmp_path / "chats.db")
        assert await session.load() == [user_message("kept")]
        await session.append([user_message("next")])
        assert await session.load() == [user_message("kept"), user_message("next")]

    anyio.run(go_on)
