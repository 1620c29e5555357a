"""Sessions: conversations kept between runs, in memory or in a SQLite file.

    session = SqliteSession("chats.db", "customer-42")
    await agent.run("My name is Ada.", session=session)
    await agent.run("What is my name?", session=session)

One file holds many sessions by their id. What a run said is added in one transaction: all of it, or after a crash none.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import anyio.to_thread

from agentkit.errors import ConfigurationError, NewerVersionError, StateError
from agentkit.messages import VERSION, Message, messages_from_json, messages_to_json

__all__ = ["MemorySession", "SqliteSession"]

FILE_VERSION = 1
"""Version of the layout of the file; the messages in it have their own."""
BUSY_SECONDS = 10.0
"""How long to wait for another process that writes."""

T = TypeVar("T")

_LAYOUT = """
    CREATE TABLE agentkit_messages (
        session TEXT NOT NULL,
        position INTEGER NOT NULL,
        version INTEGER NOT NULL,
        message TEXT NOT NULL,
        PRIMARY KEY (session, position)
    )
"""


class MemorySession:
    """A conversation kept as long as this object lives."""

    def __init__(self, id: str = "memory", messages: Sequence[Message] = ()) -> None:
        self.id = id
        self._messages = list(messages)

    async def load(self) -> list[Message]:
        """The conversation so far."""
        return list(self._messages)

    async def append(self, messages: Sequence[Message]) -> None:
        """Add what a run said."""
        self._messages += messages

    async def clear(self) -> None:
        """Forget the conversation."""
        self._messages.clear()

    def __repr__(self) -> str:
        return f"MemorySession({self.id!r}, {len(self._messages)} messages)"


class SqliteSession:
    """A conversation kept in a SQLite file, which several sessions and processes may share.

    The file is made when it is first written. What cannot be read raises StateError and is left as it is.
    """

    def __init__(self, path: str | Path, id: str = "default") -> None:
        if str(path) == ":memory:":  # SQLite would make a new database for every call, and forget it
            raise ConfigurationError("SqliteSession keeps a file; for a conversation in memory use MemorySession()")
        self.path = Path(path)
        self.id = id

    async def load(self) -> list[Message]:
        """The conversation so far. Raises StateError, NewerVersionError."""
        return await self._in_thread(self._load)

    async def append(self, messages: Sequence[Message]) -> None:
        """Add what a run said: all of it, or nothing when that fails. Raises StateError, NewerVersionError."""
        if messages:
            texts = [json.dumps(message) for message in messages_to_json(messages)["messages"]]
            await self._in_thread(lambda: self._append(texts))

    async def clear(self) -> None:
        """Forget this conversation; others in the file stay. Raises StateError, NewerVersionError."""
        await self._in_thread(self._clear)

    def __repr__(self) -> str:
        return f"SqliteSession({str(self.path)!r}, {self.id!r})"

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """SQLite blocks; and what has begun is waited for, so that a cancel cannot leave it half known."""
        return await anyio.to_thread.run_sync(work)

    def _load(self) -> list[Message]:
        if not self.path.exists():
            return []
        with self._opened() as connection:
            rows: list[tuple[int, int, str]] = connection.execute(
                "SELECT position, version, message FROM agentkit_messages WHERE session = ? ORDER BY position",
                (self.id,),
            ).fetchall()
        found: list[Message] = []
        for position, version, text in rows:
            try:
                found += messages_from_json({"version": version, "messages": [json.loads(text)]})
            except NewerVersionError:
                raise
            except (StateError, ValueError) as error:
                raise StateError(
                    f"message {position} of session {self.id!r} in {str(self.path)!r} cannot be read: {error}; nothing "
                    "was changed: restore the file from a backup, or forget this conversation with session.clear()"
                ) from error
        return found

    def _append(self, texts: Sequence[str]) -> None:
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")  # the next position is known only while nobody else writes
            with connection:
                (last,) = connection.execute(
                    "SELECT coalesce(max(position), 0) FROM agentkit_messages WHERE session = ?", (self.id,)
                ).fetchone()
                connection.executemany(
                    "INSERT INTO agentkit_messages VALUES (?, ?, ?, ?)",
                    [(self.id, last + offset, VERSION, text) for offset, text in enumerate(texts, 1)],
                )

    def _clear(self) -> None:
        if self.path.exists():
            with self._opened() as connection, connection:
                connection.execute("DELETE FROM agentkit_messages WHERE session = ?", (self.id,))

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                self._prepare(connection)
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise StateError(
                f"the session file {str(self.path)!r} cannot be used: {error}; nothing was changed: restore it from a "
                "backup, or move it away to begin a new one"
            ) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > FILE_VERSION:
            raise NewerVersionError(f"session file ({str(self.path)!r})", found=version, known=FILE_VERSION)
        if version < FILE_VERSION:
            self._lay_out(connection)
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":  # kept in the file: readers need not wait for a writer
            with suppress(sqlite3.OperationalError):  # another one uses the file now, and does the same
                connection.execute("PRAGMA journal_mode = WAL")

    def _lay_out(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version:  # another one was faster
                return
            tables: list[Any] = connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
            if tables:
                raise StateError(
                    f"{str(self.path)!r} is a database of something else (it has a table {tables[0][0]!r}); "
                    "use a file of its own for sessions"
                )
            connection.execute(_LAYOUT)
            connection.execute(f"PRAGMA user_version = {FILE_VERSION}")
