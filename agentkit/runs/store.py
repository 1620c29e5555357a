"""SqliteRunStore: runs kept in a file as they happen, so that a crash costs at most what was in flight.

    store = SqliteRunStore("runs.db")
    result = await agent.run("Refund order 17", store=store)
    result = await agent.resume(run_id, store=store)      # in another process, after this one was killed

Every record of a run's journal is a row, written before the run goes on. A row is written in the event loop: that takes
less time (about 30 us) than to hand it to a thread. What may take long is done in threads: opening, reading a run,
waiting for another process that writes, and moving the write-ahead log into the file.
"""

from __future__ import annotations

import os
import threading
import uuid
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from sqlite3 import Connection, IntegrityError
from time import time
from typing import Any, Literal, TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import current_token

from agentkit.approvals import Decisions, PendingCall, pending_calls
from agentkit.errors import ConfigurationError, RunBusyError, StateError
from agentkit.loop import VERSION, fold, record_to_json, state_to_json
from agentkit.records import Record
from agentkit.resuming import take_decisions
from agentkit.runs.file import BUSY_SECONDS, connect, is_busy, opened, transaction, unusable
from agentkit.runs.kept import KeptRecord, KeptRun, Row, read_journal, read_run, row_of, summary_of
from agentkit.runs.leases import Lease, is_held
from agentkit.runs.rows import Standing, claim, delete_runs, list_runs, prune_runs, status_of, unclaim
from agentkit.runtime import Runtime, StepKey

__all__ = ["SqliteRunStore"]

IMPATIENT_SECONDS = 0.02
"""How long the event loop waits for another process that writes; a thread waits from then on."""
CHECKPOINT_BYTES = 16_000_000
"""How much is written into the log before it is moved into the file."""

T = TypeVar("T")


class SqliteRunStore:
    """Runs in a SQLite file, which several processes may share; each run is driven by one of them at a time.

    What is kept is what was said: prompts, answers, arguments, results. Only the owner of the file may read it. Nothing
    of it is encrypted, and keys are not in it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: Literal["normal", "full"] = "normal",
        notes: Mapping[str, Any] | None = None,
    ) -> None:
        """Nothing is opened before the first use.

        synchronous: "normal" loses nothing when the process dies in whatever way, but perhaps the last records when the
            machine loses power; "full" waits for the disk at every record, and loses nothing then either.
        notes: JSON kept with every run that begins through this object, and shown by `list`.
        """
        if str(path) == ":memory:":
            raise ConfigurationError("SqliteRunStore keeps a file, so that runs outlive their process; give its path")
        if synchronous not in ("normal", "full"):
            raise ConfigurationError(f"synchronous={synchronous!r} is unknown; use 'normal' or 'full'")
        self.path = Path(path)
        self.notes = dict(notes or {})
        self._synchronous = synchronous
        self._left: list[object] = []  # a parent's connections, which a forked child must not close
        self._forget()

    @asynccontextmanager
    async def drive(self, run_id: str) -> AsyncGenerator[Runtime]:
        """Hold a run for this process while it is driven. Raises RunBusyError, StateError, NewerVersionError."""
        if self._pid != os.getpid():
            self._leave_to_parent()
        if self._connection is None:
            await anyio.to_thread.run_sync(self._open)
        runtime = _KeepingRuntime(self, run_id)
        self._hold(run_id)
        try:
            runtime.before = await self.work(partial(claim, run_id=run_id, owner=self._owner, is_held=self._is_held))
        except BaseException:
            self._release(run_id)
            raise
        error: BaseException | None = None
        try:
            yield runtime
        except BaseException as raised:
            error = raised
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await self._let_go(runtime, error)

    async def list(self, *, limit: int = 100) -> list[KeptRun]:
        """The runs, the last changed first. Raises StateError, NewerVersionError."""
        return await self._read([], partial(list_runs, limit=limit, is_held=self._is_held))

    async def load(self, run_id: str) -> dict[str, Any]:
        """The state of a run, as `result.state` is: to look at, or to `fork`. Raises StateError, NewerVersionError."""
        journal = await self._read([], lambda connection: read_journal(connection, run_id, run_id))
        if not journal:
            raise self._unknown(run_id)
        return state_to_json(fold(journal))

    async def history(self, run_id: str) -> Sequence[KeptRecord]:
        """What happened in a run and its sub-agents, and when. Raises StateError, NewerVersionError."""
        found = await self._read([], lambda connection: read_run(connection, run_id))
        if not found:
            raise self._unknown(run_id)
        return found

    async def find(self, prefix: str) -> KeptRun:
        """The run whose id begins so. Raises StateError when there is none, or more than one."""
        rows = await self._read([], partial(list_runs, limit=2, prefix=prefix, is_held=self._is_held))
        if len(rows) > 1:
            raise StateError(f"several runs begin with {prefix!r}, such as {rows[0].run_id} and {rows[1].run_id}")
        if not rows or not prefix:  # an id that was left out must not name the only run there is
            raise self._unknown(prefix)
        return rows[0]

    async def decide(self, run_id: str, approvals: Decisions) -> Sequence[PendingCall]:
        """Write a person's decisions down, for whoever resumes the run; the calls that still wait.

        Raises ConfigurationError for a call that does not wait, RunBusyError, StateError.
        """
        async with self.drive(run_id) as runtime:
            journal = await runtime.take_up(run_id, ())
            if not journal:
                raise self._unknown(run_id)
            state = fold(journal)
            await take_decisions(runtime, state, approvals)
            return pending_calls(state)

    async def delete(self, run_id: str) -> None:
        """Forget a run. Raises RunBusyError while it is driven, StateError when there is none."""
        if not await self._read(False, partial(delete_runs, run_ids=[run_id], is_driven=self._is_driven)):
            raise self._unknown(run_id)

    async def prune(self, *, older_than_days: float) -> int:
        """Forget the runs that were not changed for so long and are not driven; how many."""
        return await self._read(
            0, partial(prune_runs, before=time() - older_than_days * 86_400, is_driven=self._is_driven)
        )

    def __repr__(self) -> str:
        return f"SqliteRunStore({str(self.path)!r})"

    async def work(self, write: Callable[[Connection], T]) -> T:
        """Write something now, in a thread if it may take long. Raises StateError."""
        connection = self._connection
        assert connection is not None
        try:
            await self._moved()
            if self._synchronous == "normal":
                try:
                    with self._lock:
                        return write(connection)
                except unusable() as error:
                    if not is_busy(error):
                        raise
            # What was done has to be written, also while the run is cancelled.
            return await _uncancelled(lambda: self._in_own_connection(write))
        except IntegrityError:
            raise
        except unusable() as error:
            raise self._broken(error) from error

    async def wrote(self, size: int) -> None:
        """Take note of what was written; now and then the log is moved into the file."""
        self._log_bytes += size
        if self._log_bytes < CHECKPOINT_BYTES or self._moving is not None:
            return
        # All who write meanwhile wait. If they went on, the log would never be empty, and grow for ever.
        done = anyio.Event()
        self._log_bytes, self._moving = 0, (current_token(), done)
        try:
            with suppress(*unusable(), StateError):  # the next one will do it
                await _uncancelled(lambda: self._in_own_connection(_move_log))
        finally:
            self._moving = None
            done.set()

    async def _moved(self) -> None:
        """Wait once, so that nobody starves, while the log is moved. In another event loop SQLite does the waiting."""
        if self._moving is not None and self._moving[0] == current_token():
            with anyio.CancelScope(shield=True):
                await self._moving[1].wait()

    def begin_row(self, run_id: str, began: Record) -> Row:
        """The row of a run that begins here."""
        return row_of(run_id, began, owner=self._owner, notes=self.notes)

    def _open(self) -> None:
        with self._lock:
            if self._connection is None:
                try:
                    connection = connect(self.path, self._synchronous, wait_seconds=IMPATIENT_SECONDS)
                except unusable() as error:
                    raise self._broken(error) from error
                connection.execute("PRAGMA wal_autocheckpoint = 0")
                self._close = weakref.finalize(self, connection.close)
                self._connection = connection

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._close: weakref.finalize[[], SqliteRunStore] | None = None
        self._lease: Lease | None = None
        self._owner = ""
        self._driven: set[str] = set()
        self._log_bytes = 0
        self._moving: tuple[object, anyio.Event] | None = None

    def _leave_to_parent(self) -> None:
        """In a forked child: the connection and the lease are the parent's. Closing it here would harm the parent."""
        if self._close is not None:
            self._close.detach()
            self._left.append(self._connection)
        self._forget()

    async def _read(self, nothing: T, read: Callable[[Connection], T]) -> T:
        """Read, or do what may take long, in a thread; `nothing` where there is no file."""

        def work() -> T:
            return self._in_own_connection(read) if self.path.exists() else nothing

        try:
            return await anyio.to_thread.run_sync(work)
        except unusable() as error:
            raise self._broken(error) from error

    def _in_own_connection(self, work: Callable[[Connection], T]) -> T:
        with opened(self.path, self._synchronous, wait_seconds=BUSY_SECONDS) as connection:
            return work(connection)

    def _hold(self, run_id: str) -> None:
        with self._lock:
            if run_id in self._driven:
                raise RunBusyError(run_id)
            if self._lease is None:
                self._owner = uuid.uuid4().hex[:12]
                try:
                    self._lease = Lease(self._lease_path(self._owner))
                except OSError as error:
                    raise self._broken(error) from error
            self._driven.add(run_id)

    async def _let_go(self, runtime: _KeepingRuntime, error: BaseException | None) -> None:
        """Tell how the driving ended. Where that cannot be written it is seen from the journal."""
        try:
            standing, summary = runtime.before, None  # should it be one that could not be read
            if runtime.journal:
                state = fold(runtime.journal)
                status = status_of(state, error)
                said = f"{type(error).__name__}: {error}" if status == "failed" else ""
                standing, summary = (status, said, time()), summary_of(state)
            if standing is not None:
                told = {"owner": self._owner, "standing": standing, "summary": summary}
                await self.work(partial(unclaim, run_id=runtime.run_id, **told))
        except StateError:
            if error is None:
                return
        finally:
            self._release(runtime.run_id)

    def _release(self, run_id: str) -> None:
        with self._lock:
            self._driven.discard(run_id)
            if not self._driven and self._lease is not None:
                self._lease.release()
                self._lease = None

    def _lease_path(self, owner: str) -> Path:
        return self.path.with_name(f"{self.path.name}-{owner}.lock")

    def _is_held(self, owner: str) -> bool:
        return bool(owner) and is_held(self._lease_path(owner))

    def _is_driven(self, run_id: str, owner: str) -> bool:
        return run_id in self._driven or self._is_held(owner)

    def _unknown(self, run_id: str) -> StateError:
        if not self.path.exists():
            return StateError(f"there is no run {run_id!r}, since the store {str(self.path)!r} does not exist")
        return StateError(
            f"there is no run {run_id!r} in {str(self.path)!r}; `agentkit runs list` shows those that are"
        )

    def _broken(self, error: BaseException) -> StateError:
        advice = "what is in it was left as it is; restore it from a backup, or move it away to begin a new one"
        if isinstance(error, OSError):
            advice = "name a file that this process may read and write"
        return StateError(f"the store of runs {str(self.path)!r} cannot be used: {error}; {advice}")


class _KeepingRuntime:
    """Performs the effects of one run and its sub-agents, and writes each record before the run goes on."""

    __slots__ = ("before", "counts", "has_row", "journal", "run_id", "store")

    def __init__(self, store: SqliteRunStore, run_id: str) -> None:
        self.store = store
        self.run_id = run_id
        self.before: Standing | None = None
        """How a run that is kept stood before it was driven."""
        self.journal: list[Record] = []
        """Of the run itself."""
        self.counts: dict[str, int] = {}  # run -> how many of its records are kept
        self.has_row = False

    async def step(self, key: StepKey, fn: Callable[[], Awaitable[Record]]) -> Record:
        """The record of `fn()`, when it is written."""
        record = await fn()
        await self._write(key.run_id, [record])
        return record

    async def take_up(self, run_id: str, journal: Sequence[Record]) -> Sequence[Record]:
        """What is kept of a run; what the caller knows beyond that is written."""
        store, root = self.store, self.run_id
        query = "SELECT count(*) FROM agentkit_records WHERE root = ? AND run = ?"
        (count,) = await store.work(lambda connection: connection.execute(query, (root, run_id)).fetchone())
        kept: Sequence[Record] = ()
        self.counts[run_id] = count
        if count:
            self.has_row = True
            kept = await store._read([], lambda connection: read_journal(connection, root, run_id))  # pyright: ignore[reportPrivateUsage]  # the two are one thing
        if run_id == root:
            self.journal = list(kept)
        if any(one != other for one, other in zip(kept, journal, strict=False)):
            raise StateError(
                f"the run {run_id} went another way in {str(store.path)!r} than in this state; go on by its id, as in "
                f"agent.resume({root!r}, store=...), or keep this way as a run of its own: fork(state, step=...)"
            )
        if len(kept) < len(journal):
            await self._write(run_id, journal[len(kept) :])
        return kept if len(kept) > len(journal) else journal

    async def _write(self, run_id: str, records: Sequence[Record]) -> None:
        documents = [record_to_json(record).decode() for record in records]
        first, now = self.counts.get(run_id, 0), time()
        rows = [
            (self.run_id, run_id, first + offset, now, VERSION, document) for offset, document in enumerate(documents)
        ]
        row = None if self.has_row else self.store.begin_row(self.run_id, records[0])
        try:
            await self.store.work(lambda connection: _insert(connection, row, rows))
        except IntegrityError as error:
            raise RunBusyError(self.run_id) from error
        self.has_row = True
        self.counts[run_id] = first + len(rows)
        if run_id == self.run_id:
            self.journal += records
        await self.store.wrote(sum(map(len, documents)) + 12_288 * len(rows))  # a row dirties three pages of 4 KB


def _insert(connection: Connection, row: Row | None, rows: Sequence[tuple[Any, ...]]) -> None:
    insert = "INSERT INTO agentkit_records (root, run, position, at, version, record) VALUES (?, ?, ?, ?, ?, ?)"
    if row is None and len(rows) == 1:
        connection.execute(insert, rows[0])  # alone it is a transaction
        return
    with transaction(connection):
        if row is not None:
            connection.execute("INSERT INTO agentkit_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.executemany(insert, rows)


async def _uncancelled(work: Callable[[], T]) -> T:
    """What `work` gives, from a thread that is waited for to its end: what was written without our knowledge would be
    taken for another writer's.

    asyncio's own cancel (`wait_for`, `timeout`, `Task.cancel`) passes anyio's shields: it is told again afterwards.
    """
    import asyncio  # not loaded at import, which would double its cost

    try:
        task = asyncio.current_task()
    except RuntimeError:  # trio
        task = None
    with anyio.CancelScope(shield=True):
        if task is None:
            return await anyio.to_thread.run_sync(work)
        is_cancelled = False
        written = asyncio.get_running_loop().run_in_executor(None, work)
        while not written.done():
            try:
                await asyncio.wait([written])
            except asyncio.CancelledError:
                is_cancelled = True
        if is_cancelled:
            task.uncancel()  # so that it counts as one: `asyncio.timeout` looks at that
            task.cancel()
        return written.result()
    raise AssertionError("nobody cancels this scope")


def _move_log(connection: Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
