"""Where cached answers lie: a SQLite file that processes share, or the memory of this one.

It knows bytes by keys and nothing of models. Every call blocks for a moment: make it in a thread. What is in the file
is as private as the conversations it comes from, so only its owner may read it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from agentkit.errors import NewerVersionError, StateError

__all__ = ["AnswerStore"]

FILE_VERSION = 1
"""Version of the layout of the file."""
APPLICATION_ID = 0x616B6163
"""What marks a SQLite file as a cache of agentkit's."""
BUSY_SECONDS = 1.0
"""How long to wait for another process that writes, which takes well under a millisecond."""

_IN_MEMORY = ":memory:"
_ROW_BYTES = 120
"""What a row takes beside the answer, about."""
_TOUCHED_EVERY_SECONDS = 10.0
"""How exactly it is known when an answer was used last: a write for each use would cost more than the use."""
_KEPT_SHARE = 0.9
"""How much of the bound is kept when it is passed, so that not every new answer has to make room."""

_LAYOUT = """
    CREATE TABLE answers (
        key BLOB PRIMARY KEY, made REAL NOT NULL, expires REAL, used REAL NOT NULL, size INTEGER NOT NULL,
        answer BLOB NOT NULL
    );
    CREATE INDEX answers_by_use ON answers (used);
    CREATE INDEX answers_by_end ON answers (expires) WHERE expires IS NOT NULL;
    CREATE TABLE total (size INTEGER NOT NULL);
    INSERT INTO total VALUES (0);
    CREATE TRIGGER grown AFTER INSERT ON answers BEGIN UPDATE total SET size = size + NEW.size; END;
    CREATE TRIGGER shrunk AFTER DELETE ON answers BEGIN UPDATE total SET size = size - OLD.size; END;
"""


class AnswerStore:
    """Bytes by key, with an age and a size that they do not pass. Threads and processes may share it."""

    def __init__(
        self,
        path: str | Path | None,
        *,
        ttl_seconds: float | None,
        max_bytes: int,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`path` None keeps everything in memory. Nothing is opened yet."""
        self.path = Path(path) if path is not None and str(path) != _IN_MEMORY else None
        self.ttl_seconds = ttl_seconds
        self.max_bytes = max_bytes
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0  # the process that opened the connection: one must not be carried through a fork
        self._closer: weakref.finalize[..., AnswerStore] | None = None

    def load(self, key: bytes) -> bytes | None:
        """The answer of this key; None where there is none, or it is too old."""
        now = self._wall_clock()
        with self._open() as connection:
            row: tuple[bytes, float, float | None, float] | None = connection.execute(
                "SELECT answer, made, expires, used FROM answers WHERE key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            answer, made, expires, used = row
            ends = [] if expires is None else [expires]
            if self.ttl_seconds is not None:  # it may have been shortened since
                ends.append(made + self.ttl_seconds)
            if ends and min(ends) <= now:
                return None
            if now - used > _TOUCHED_EVERY_SECONDS:
                with suppress(sqlite3.OperationalError):  # somebody else writes; the next use tells it
                    connection.execute("UPDATE answers SET used = ? WHERE key = ?", (now, key))
        return answer

    def save(self, key: bytes, answer: bytes) -> None:
        """Keep an answer, and make room for it. One that is larger than everything may be is not kept."""
        size = len(answer) + _ROW_BYTES
        if size > self.max_bytes:
            return
        now = self._wall_clock()
        expires = None if self.ttl_seconds is None else now + self.ttl_seconds
        with self._open() as connection, _writing(connection):
            connection.execute("DELETE FROM answers WHERE key = ? OR expires <= ?", (key, now))
            connection.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", (key, now, expires, now, size, answer))
            (total,) = connection.execute("SELECT size FROM total").fetchone()
            if total > self.max_bytes:
                _make_room(connection, total - int(self.max_bytes * _KEPT_SHARE))

    def clear(self) -> None:
        """Forget all answers; the file gets small."""
        with self._open() as connection:
            with _writing(connection):
                connection.execute("DELETE FROM answers")
            with suppress(sqlite3.OperationalError):  # another one reads: the room is used again all the same
                connection.execute("VACUUM")

    def close(self) -> None:
        """Close the file. The next call opens it again."""
        with self._lock:
            if self._closer is not None:
                self._closer()
            self._connection = self._closer = None

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        """The connection, for one thread at a time."""
        with self._lock:
            if self._connection is None or self._owner != os.getpid():
                self._connection = self._connected()
                self._owner = os.getpid()
                self._closer = weakref.finalize(self, _close, self._connection, self._owner)
            yield self._connection

    def _connected(self) -> sqlite3.Connection:
        """A connection to a cache of ours; no other file is changed. Raises StateError, NewerVersionError."""
        connection: sqlite3.Connection | None = None
        try:
            if self.path is not None and not self.path.exists():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            connection = sqlite3.connect(
                self.path or _IN_MEMORY, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._prepare(connection)
        except (sqlite3.Error, OSError) as error:
            _close(connection, os.getpid())
            if _is_busy(error):
                raise
            raise StateError(
                f"the cache {str(self.path)!r} cannot be used: {error}; "
                + (
                    "name a file that this process may read and write"
                    if isinstance(error, OSError)
                    else "nothing was changed: it holds nothing that cannot be asked for again, so delete it, or name "
                    "another file"
                )
            ) from error
        except StateError:
            _close(connection, os.getpid())
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        mark, version = _marks(connection)
        if mark == APPLICATION_ID and version > FILE_VERSION:
            raise NewerVersionError(f"cache ({str(self.path)!r})", found=version, known=FILE_VERSION)
        if mark != APPLICATION_ID:
            with _writing(connection):
                self._lay_out(connection)
        (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
        if mode not in ("wal", "memory"):
            with suppress(sqlite3.OperationalError):  # another one opens the file now, and does the same
                connection.execute("PRAGMA journal_mode = WAL")
        # A crash of the machine may lose the last answers, and never harms the file.
        connection.execute("PRAGMA synchronous = NORMAL")

    def _lay_out(self, connection: sqlite3.Connection) -> None:
        mark, version = _marks(connection)
        if mark == APPLICATION_ID:  # another one was faster
            return
        found = connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
        if mark or version or found:
            what = f"it has a table {found[0][0]!r}" if found else f"its mark is {mark:#x}"
            raise StateError(
                f"{str(self.path)!r} is a database of something else ({what}); nothing was changed: use a file of its "
                "own for the cache"
            )
        for statement in _statements(_LAYOUT):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FILE_VERSION}")


@contextmanager
def _writing(connection: sqlite3.Connection) -> Generator[None]:
    """A transaction that has the right to write from its start, so that it cannot fail half way for the want of it."""
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield


def _make_room(connection: sqlite3.Connection, wanted: int) -> None:
    """Forget the answers that were not used for longest."""
    victims: list[tuple[bytes]] = []
    for key, size in connection.execute("SELECT key, size FROM answers ORDER BY used, rowid"):
        victims.append((key,))
        wanted -= size
        if wanted <= 0:
            break
    connection.executemany("DELETE FROM answers WHERE key = ?", victims)


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return mark, version


def _statements(script: str) -> Generator[str]:
    """The statements of a script: executescript would end the transaction it runs in."""
    statement = ""
    for line in script.strip().splitlines():
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _is_busy(error: Exception) -> bool:
    """Whether another process only has the file for itself at this moment."""
    code = error.sqlite_errorcode & 0xFF if isinstance(error, sqlite3.Error) and error.sqlite_errorcode else 0
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _close(connection: sqlite3.Connection | None, owner: int) -> None:
    if connection is not None and owner == os.getpid():
        connection.close()
