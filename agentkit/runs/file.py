"""The SQLite file in which runs are kept: how it is laid out, opened and written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from agentkit.errors import NewerVersionError, StateError

__all__ = ["BUSY_SECONDS", "connect", "is_busy", "opened", "transaction", "unusable"]

FILE_VERSION = 1
"""Version of the layout of the file; the records in it have their own."""
BUSY_SECONDS = 10.0
"""How long to wait for another process that writes."""

_LAYOUT = (
    """
    CREATE TABLE agentkit_runs (
        run TEXT PRIMARY KEY,
        agent TEXT NOT NULL,
        prompt TEXT NOT NULL,
        began REAL NOT NULL,
        changed REAL NOT NULL,
        status TEXT NOT NULL,
        error TEXT NOT NULL,
        owner TEXT NOT NULL,
        notes TEXT NOT NULL,
        summary TEXT NOT NULL
    )
    """,
    "CREATE INDEX agentkit_runs_changed ON agentkit_runs (changed)",
    # The id tells the order among a run and its sub-agents. A position is there once: two writers cannot both go on.
    """
    CREATE TABLE agentkit_records (
        id INTEGER PRIMARY KEY,
        root TEXT NOT NULL,
        run TEXT NOT NULL,
        position INTEGER NOT NULL,
        at REAL NOT NULL,
        version INTEGER NOT NULL,
        record TEXT NOT NULL,
        UNIQUE (root, run, position)
    )
    """,
)


def unusable() -> tuple[type[BaseException], ...]:
    """What is raised when the file cannot be used."""
    return (sqlite3.Error, OSError)


def is_busy(error: BaseException) -> bool:
    """Whether another process writes now."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def connect(path: Path, synchronous: str, *, wait_seconds: float) -> sqlite3.Connection:
    """Open the file, made if it is missing. Raises StateError, NewerVersionError, and what `unusable` lists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its log the same mode
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection, path)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA busy_timeout = {round(wait_seconds * 1_000)}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def opened(path: Path, synchronous: str, *, wait_seconds: float) -> Generator[sqlite3.Connection]:
    """A connection for one use."""
    with closing(connect(path, synchronous, wait_seconds=wait_seconds)) as connection:
        yield connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """All of what is written inside, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > FILE_VERSION:
        raise NewerVersionError(f"store of runs ({str(path)!r})", found=version, known=FILE_VERSION)
    if version < FILE_VERSION:
        _lay_out(connection, path)
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    if mode != "wal":  # kept in the file: readers need not wait for a writer
        with suppress(sqlite3.OperationalError):  # another one uses the file now, and does the same
            connection.execute("PRAGMA journal_mode = WAL")


def _lay_out(connection: sqlite3.Connection, path: Path) -> None:
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version:  # another one was faster
            return
        tables: list[Any] = connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
        if tables:
            raise StateError(
                f"{str(path)!r} is a database of something else (it has a table {tables[0][0]!r}); "
                "use a file of its own for runs"
            )
        for statement in _LAYOUT:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FILE_VERSION}")
