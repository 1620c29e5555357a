"""A batch API, performed: each of its exchanges by the one owner of retries, and no batch created twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar, cast

import anyio

from agentkit.batching import (
    BatchCodec,
    BatchJob,
    BatchLine,
    BatchQuestion,
    BatchResult,
    FetchingCodec,
    HeadedBatchCodec,
    LineEncoder,
    UploadingCodec,
    position_of,
)
from agentkit.codec import WireRequest
from agentkit.errors import ConfigurationError, ExchangeError, UnsupportedError
from agentkit.exchange import Request
from agentkit.models import ModelIdentity, Sink
from agentkit.remote import Endpoint, RemoteModel
from agentkit.remote_task import RemoteTask
from agentkit.retry import LONGEST_WAIT_SECONDS, backoff
from agentkit.settings import Settings
from agentkit.suitability import readable_by, refuse_unable
from agentkit.transport.layer import is_offline

__all__ = ["ErrorReader", "RemoteBatch"]

Told = TypeVar("Told")

_CREATIONS = 3
_CLOCKS_APART_SECONDS = 300.0


class ErrorReader(Protocol):
    """What any API has of a codec: its name, and its errors."""

    name: str

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        ...


class RemoteBatch:
    """The batches of one model at its provider."""

    def __init__(
        self,
        model: RemoteModel | RemoteTask[Any, Any],
        codec: BatchCodec,
        *,
        uploads: Endpoint | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`uploads` is where files of lines go, when that is another place than where batches are."""
        self.model = model
        self.codec = codec
        self.settings = model.settings or Settings()
        """Attempts, deadlines and headers of the exchanges about batches."""
        self._uploads = uploads
        self._wall_clock = wall_clock

    def __repr__(self) -> str:
        return f"RemoteBatch({self.identity}, {self.codec.name})"

    @property
    def identity(self) -> ModelIdentity:
        """Who answers."""
        return self.model.identity

    def now(self) -> float:
        """Seconds since 1970."""
        return self._wall_clock()

    def line(self, id: str, request: BatchQuestion) -> BatchLine:
        """One input as it goes over the wire. Raises UnsupportedError for what the model cannot do."""
        model, codec = self.model, self.model.codec
        if request.model not in ("", self.identity.model):
            raise ConfigurationError(
                f"the request {id} is for {request.model!r} and the batch for {self.identity}; "
                "make a batch for each model"
            )
        settings = request.settings.over(model.settings)
        if settings.retain is False:
            raise UnsupportedError(
                f"{self.identity} keeps the inputs and answers of a batch until they are fetched: leave out "
                'retain=False, or ask at once with via="requests"'
            )
        if settings.stream:
            settings = replace(settings, stream=None)
        asked = replace(request, model=self.identity.model, settings=settings)
        left_out: tuple[str, ...] = ()
        if isinstance(asked, Request):
            asked = replace(asked, is_streamed=False, memo=None)
            refuse_unable(asked, self.identity, model.known if isinstance(model, RemoteModel) else None)
            asked, left_out = readable_by(self.identity.capabilities, asked)
        if isinstance(codec, LineEncoder):
            wire = codec.encode_line(asked)
        else:
            encode = cast("Callable[[BatchQuestion], WireRequest]", codec.encode)  # chats for chats, tasks for tasks
            wire = encode(asked)
        return BatchLine(id, replace(wire, notes=(*left_out, *wire.notes)) if left_out else wire)

    async def upload(self, name: str, lines: Sequence[bytes], *, sink: Sink | None = None) -> str:
        """Upload lines as a file and give its id. Twice does no harm but a file too many. Raises ExchangeError."""
        codec = cast("UploadingCodec", self.codec)  # asked where `uploads` says so
        return await self._exchange(codec.upload(name, lines), codec.uploaded, sink=sink, endpoint=self._uploads)

    async def create(
        self,
        name: str,
        *,
        file: str,
        lines: Sequence[bytes],
        wires: Sequence[WireRequest],
        since: float,
        known: Sequence[str] = (),
        sink: Sink | None = None,
    ) -> BatchJob:
        """Start a batch. A reply that is lost is not answered by a second batch: the first one is looked for.

        Raises ExchangeError.
        """
        wire = self.codec.create(name, file=file, lines=lines, wires=wires)
        failures = 0
        while True:
            try:
                return await self._created(wire, sink=sink)
            except ExchangeError as error:
                failures += 1
                if not error.is_retryable or failures == _CREATIONS:
                    raise
                wait = error.retry_after_seconds
                if wait is None:
                    wait = backoff(failures, chance=self.model.random())
                elif wait > LONGEST_WAIT_SECONDS:
                    error.add_note(
                        f"the provider asks to wait {wait:.4g} s; {LONGEST_WAIT_SECONDS:g} s are the most we wait: ask "
                        "again then, with the same state"
                    )
                    raise
                await anyio.sleep(0.0 if is_offline() else wait)
            found = await self.find(name, since=since, count=len(lines), known=known, sink=sink)
            if found is not None:
                return found

    async def _created(self, wire: WireRequest, *, sink: Sink | None) -> BatchJob:
        """What one request to create a batch comes to."""
        codec, head = self.codec, dict[str, str]()
        if not isinstance(codec, HeadedBatchCodec):
            return await self._exchange(wire, codec.job, sink=sink, attempts=1)
        read = codec.created
        return await self._exchange(wire, lambda body: read(head, body), sink=sink, attempts=1, head=head)

    async def find(
        self, name: str, *, since: float, count: int, known: Sequence[str], sink: Sink | None = None
    ) -> BatchJob | None:
        """The batch of this name, when the provider has it. Raises ExchangeError.

        Where the provider keeps no names, a batch of the same size that was made since then and is not `known` is
        taken for it, unless it has results that tell by their ids that they are of another one.
        """
        wire: WireRequest | None = self.codec.listing()
        seen = 0
        while wire is not None:
            jobs, body = await self._exchange(wire, self._page, sink=sink)
            seen += len(jobs)
            wire = self.codec.more(body, seen=seen) if jobs else None
            named = next((job for job in jobs if job.name == name), None)
            if named is not None:
                return named
            for job in () if self.codec.keeps_names else jobs:
                is_new = job.created is not None and job.created >= since - _CLOCKS_APART_SECONDS
                if is_new and job.total == count and job.id not in known and await self._may_be(job, name, sink=sink):
                    return job
        return None

    def _page(self, body: bytes) -> tuple[list[BatchJob], bytes]:
        """A list read within its exchange, so that one that makes no sense is asked for again."""
        return self.codec.jobs(body), body

    async def _may_be(self, job: BatchJob, name: str, *, sink: Sink | None) -> bool:
        """Whether a batch without a name may be the one of this name: its results tell, once there are some."""
        if job.status == "running":
            return True
        owner = name.rpartition("-part-")[0]
        return any(position_of(id, owner) is not None for id, _ in await self.results(job, sink=sink))

    async def look(self, job: str, *, sink: Sink | None = None) -> BatchJob:
        """Where a batch stands. Raises ExchangeError."""
        return await self._exchange(self.codec.look(job), self.codec.job, sink=sink)

    async def cancel(self, job: str, *, sink: Sink | None = None) -> BatchJob:
        """End a batch, and say where it stands then. One that is over already stays as it is. Raises ExchangeError."""
        try:
            await self._exchange(self.codec.cancel(job), bytes, sink=sink)
        except ExchangeError:
            seen = await self.look(job, sink=sink)
            if seen.status == "running":
                raise
            return seen
        return await self.look(job, sink=sink)

    async def results(self, job: BatchJob, *, sink: Sink | None = None) -> list[tuple[str, BatchResult]]:
        """All results of a batch that is over. Raises ExchangeError."""
        rows: list[tuple[str, BatchResult]] = []
        codec = cast("FetchingCodec", self.codec)  # those whose results are elsewhere do this in their own way
        for place in job.results:
            rows += await self._exchange(codec.fetch(place), self.codec.results, sink=sink)
        return rows

    async def _exchange(
        self,
        wire: WireRequest,
        read: Callable[[bytes], Told],
        *,
        sink: Sink | None,
        attempts: int | None = None,
        by: ErrorReader | None = None,
        endpoint: Endpoint | None = None,
        head: dict[str, str] | None = None,
    ) -> Told:
        """One exchange with the batch API, or `by` another one at an `endpoint` of its own. Raises ExchangeError.

        The headers of the reply are put into `head`.
        """
        model = self.model
        own = self.settings
        is_elsewhere = endpoint is not None and endpoint is not self._uploads
        headers = None if is_elsewhere else own.headers  # the user's own are for the provider
        settings = Settings(attempts=attempts or own.attempts, deadlines=own.deadlines, headers=headers)
        step = _Step(by or self.codec, wire, read, {} if head is None else head)
        task = RemoteTask(step, endpoint or model.endpoint, self.identity, transport=model.transport)
        task.random, task.wall_clock = model.random, model.wall_clock
        return (await task.perform(None, settings, sink=sink)).answer


class _Step(Generic[Told]):
    """The codec of one exchange with a batch API."""

    def __init__(
        self, codec: ErrorReader, wire: WireRequest, read: Callable[[bytes], Told], head: dict[str, str]
    ) -> None:
        self.name = codec.name
        self._codec = codec
        self._wire = wire
        self._read = read
        self._head = head

    def read_head(self, headers: Mapping[str, str]) -> None:
        self._head.update(headers)

    def encode(self, asked: None) -> WireRequest:
        return self._wire

    def decode(self, body: bytes) -> Told:
        return self._read(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        return self._codec.decode_error(status, headers, body)
