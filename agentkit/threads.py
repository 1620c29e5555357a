"""Sync tools off the event loop, in threads that a program does not wait for.

A thread that is abandoned on a timeout or cancel goes on until its function returns, which may be never. The threads of
asyncio and anyio keep a program from ending then; these are daemons. They are kept and used again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

import anyio
import anyio.from_thread
from anyio.lowlevel import EventLoopToken, RunVar, current_token

__all__ = ["THREAD_NAME", "run_in_thread"]

THREAD_NAME = "agentkit tool"
MAX_THREADS = 256
"""How many sync tools may run at once in one event loop; abandoned ones count until they end."""
MAX_IDLE = 16

_limiter: RunVar[anyio.CapacityLimiter] = RunVar("agentkit_tool_threads")


async def run_in_thread(function: Callable[..., Any], /, *args: Any) -> Any:
    """What `function(*args)` returns or raises; context variables are those of the caller. A cancel abandons it."""
    limiter = _limiter.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(MAX_THREADS)
        _limiter.set(limiter)
    job = _Job(function, args, copy_context(), current_token(), limiter)
    await limiter.acquire_on_behalf_of(job)
    _workers.take().give(job)
    await job.done.wait()
    if job.error is not None:
        error, job.error = job.error, None  # else the error and its traceback would hold each other
        raise error
    return job.value


class _Job:
    """One call on its way through a thread."""

    __slots__ = ("args", "context", "done", "error", "function", "limiter", "token", "value")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        context: Context,
        token: EventLoopToken,
        limiter: anyio.CapacityLimiter,
    ) -> None:
        self.function = function
        self.args = args
        self.context = context
        self.token = token
        self.limiter = limiter
        self.done = anyio.Event()
        self.value: Any = None
        self.error: BaseException | None = None

    def perform(self) -> None:
        """In the thread: call, and tell the event loop."""
        try:
            self.value = self.context.run(self.function, *self.args)
        except BaseException as error:  # raised again where the call was awaited
            self.error = error
        try:
            anyio.from_thread.run_sync(self._tell, token=self.token)
        except RuntimeError:
            self.error = None  # the event loop has ended: nobody waits any more

    def _tell(self) -> None:
        self.limiter.release_on_behalf_of(self)
        self.done.set()


class _Worker(threading.Thread):
    """A thread that performs jobs until there are idle ones enough."""

    def __init__(self, workers: _Workers) -> None:
        super().__init__(name=THREAD_NAME, daemon=True)
        self._workers = workers
        self._job: _Job | None = None
        self._given = threading.Semaphore(0)

    def give(self, job: _Job) -> None:
        """Hand over a job; the thread is idle."""
        self._job = job
        self._given.release()

    def run(self) -> None:
        while True:
            self._given.acquire()
            job, self._job = self._job, None
            if job is not None:
                job.perform()
            del job
            if not self._workers.put_back(self):
                return


class _Workers:
    """The idle threads of this process, last used first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []

    def take(self) -> _Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        worker = _Worker(self)
        worker.start()
        return worker

    def put_back(self, worker: _Worker) -> bool:
        """Keep an idle thread; False when there are enough of them."""
        with self._lock:
            if len(self._idle) >= MAX_IDLE:
                return False
            self._idle.append(worker)
            return True

    def forget(self) -> None:
        """In a forked child: the threads did not come along."""
        self.__init__()


_workers = _Workers()
os.register_at_fork(after_in_child=_workers.forget)
