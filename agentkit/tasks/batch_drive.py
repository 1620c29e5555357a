"""One batch driven: its parts submitted, watched and fetched, each step kept before the next one begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import anyio

from agentkit.batching import (
    BatchJob,
    BatchPart,
    BatchQuestion,
    BatchResult,
    BatchState,
    item_id,
    position_of,
    settled,
)
from agentkit.errors import ExchangeError, StateError
from agentkit.models import Sink
from agentkit.remote_batch import RemoteBatch
from agentkit.transport.layer import is_offline

__all__ = ["BatchProgress", "Drive"]

_SLOWEST_POLL_SECONDS = 60.0
_POLL_GROWTH = 1.5
_LOST_LOOKS = 10
"""So many looks in a row may fail: a day is long, and no outage of some minutes should end the wait."""
_REFUSED = (400, 403, 404)
"""A creation may be refused so since its file is there no longer: some providers keep files for two days. The next
call uploads it again."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch has come."""

    total: int
    """How many inputs it has."""
    done: int
    """How many of them have an answer or an error."""
    failed: int
    """How many of these have an error."""
    parts: tuple[str, ...] = ()
    """Where each part stands, in the provider's own word; "not submitted" before it is there."""
    is_over: bool = False
    """Whether there is nothing more to wait for: the results can be fetched."""


class Drive:
    """Drives one batch; `keep` is told every state before what follows it is done."""

    def __init__(
        self,
        remote: RemoteBatch,
        state: BatchState,
        *,
        keep: Callable[[BatchState], None],
        tell: Callable[[BatchProgress], None] | None = None,
        sink: Sink | None = None,
    ) -> None:
        self.state = state
        self._remote = remote
        self._keep = keep
        self._tell = tell
        self._sink = sink
        self._jobs: dict[int, BatchJob] = {}  # part -> as it was last seen

    @property
    def progress(self) -> BatchProgress:
        """How far it has come, as far as was seen."""
        done = failed = 0
        words: list[str] = []
        for position, part in enumerate(self.state.parts):
            job = self._jobs.get(position)
            if job is not None:
                done += part.count if job.status != "running" else min(job.done, part.count)
                failed += job.failed
            elif part.is_over:
                done += part.count
                failed += 0 if part.job else part.count
            words.append((job and job.raw) or (part.status if part.job or part.is_over else "not submitted"))
        is_over = all(part.is_over for part in self.state.parts)
        return BatchProgress(len(self.state.ids), done, failed, tuple(words), is_over)

    async def submit(self, requests: Sequence[BatchQuestion]) -> None:
        """Submit the parts that are not there yet. Raises ExchangeError, OSError."""
        for position, part in enumerate(self.state.parts):
            if not part.job and not part.is_over:
                await self._submit(position, requests)
        self._say()

    async def wait(self, poll_seconds: float) -> None:
        """Look until every part is over, ever more seldom. Raises ExchangeError."""
        wait, lost = poll_seconds, 0
        while True:
            try:
                await self.look()
            except ExchangeError as error:
                lost += 1
                if not error.is_retryable or lost == _LOST_LOOKS:
                    raise
            else:
                lost = 0
                if self.progress.is_over:
                    return
            await anyio.sleep(0.0 if is_offline() else wait)
            wait = max(poll_seconds, min(wait * _POLL_GROWTH, _SLOWEST_POLL_SECONDS))

    async def look(self) -> None:
        """See once where the parts stand that were not over. Raises ExchangeError."""
        for position, part in enumerate(self.state.parts):
            if part.job and self._is_open(position):
                job = await self._remote.look(part.job, sink=self._sink)
                self._jobs[position] = job
                if job.status != part.status:
                    self._put(position, replace(part, status=job.status))
        self._say()

    async def cancel(self) -> None:
        """End what is not over; what was not submitted will not be. Raises ExchangeError."""
        for position, part in enumerate(self.state.parts):
            if part.is_over:
                continue
            job = None if part.job else await self._lost(position)
            id = part.job or (job.id if job is not None else "")
            if not id:
                self._put(position, replace(part, status="cancelled"))
                continue
            job = await self._remote.cancel(id, sink=self._sink)
            self._jobs[position] = job
            self._put(position, replace(part, job=id, status=job.status))
        self._say()

    async def results(self) -> list[BatchResult]:
        """The results of all inputs in their order, once all parts are over. Raises ExchangeError, StateError."""
        found: list[BatchResult] = []
        for position, part in enumerate(self.state.parts):
            if not part.job:  # cancelled before it was submitted
                job = BatchJob("", part.status)
                found += settled((), self.state, part, job=job, provider=self._remote.identity.provider)
                continue
            job = self._jobs.get(position)
            if job is None:
                job = self._jobs[position] = await self._remote.look(part.job, sink=self._sink)
            rows = await self._remote.results(job, sink=self._sink)
            self._disown_foreign(position, [id for id, _ in rows])
            found += settled(rows, self.state, part, job=job, provider=self._remote.identity.provider)
        return found

    async def _submit(self, position: int, requests: Sequence[BatchQuestion]) -> None:
        remote, state = self._remote, self.state
        part, name = state.parts[position], state.part_name(position)
        items = [
            remote.line(item_id(state.name, place), requests[place])
            for place in range(part.first, part.first + part.count)
        ]
        lines = [remote.codec.line(item) for item in items]
        is_large = sum(map(len, lines)) > remote.codec.limits.inline
        if remote.codec.uploads and is_large and not part.file:
            part = self._put(position, replace(part, file=await remote.upload(name, lines, sink=self._sink)))
        job = await self._lost(position)
        if part.asked is None:
            part = self._put(position, replace(part, asked=remote.now()))
        if job is None:
            try:
                job = await remote.create(
                    name,
                    file=part.file,
                    lines=lines,
                    wires=[item.wire for item in items],
                    since=part.asked or 0.0,
                    known=self._known,
                    sink=self._sink,
                )
            except ExchangeError as error:
                if part.file and error.status in _REFUSED:
                    self._put(position, replace(part, file=""))
                raise
        part = self._put(position, replace(part, job=job.id))
        if job.status == "running":  # lists tell less of what is over: where its results are, say
            self._jobs[position] = job

    async def _lost(self, position: int) -> BatchJob | None:
        """The batch that was created while a process stopped between the question and its answer."""
        part = self.state.parts[position]
        if part.asked is None:
            return None
        name = self.state.part_name(position)
        return await self._remote.find(name, since=part.asked, count=part.count, known=self._known, sink=self._sink)

    @property
    def _known(self) -> list[str]:
        return [part.job for part in self.state.parts if part.job]

    def _is_open(self, position: int) -> bool:
        job = self._jobs.get(position)
        return job is None or job.status == "running"

    def _disown_foreign(self, position: int, ids: Sequence[str]) -> None:
        """Raises StateError when a batch that was taken for ours is somebody else's; the part is free again then.

        One that bears our name is ours whatever is in its results: to submit it again would cost it twice.
        """
        if self._remote.codec.keeps_names or not ids or any(position_of(id, self.state.name) is not None for id in ids):
            return
        part = self.state.parts[position]
        self._put(position, replace(part, job="", status="running"))
        raise StateError(
            f"the batch {part.job} is of another program, although it looked like part {position + 1} of this one, "
            "whose submission was cut off; call again with the same requests, and that part is found or submitted"
        )

    def _put(self, position: int, part: BatchPart) -> BatchPart:
        state = self.state.with_part(position, part)
        self._keep(state)
        self.state = state
        return part

    def _say(self) -> None:
        if self._tell is not None:
            self._tell(self.progress)
