"""A batch API whose inputs and results are objects in a bucket of the user's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from agentkit.batching import BatchCodec, BatchJob, BatchLine, BatchQuestion, BatchResult
from agentkit.buckets import PIECE_BYTES, BatchStorage, BucketCodec, Place, place_of
from agentkit.codec import WireRequest
from agentkit.errors import ConfigurationError, ExchangeError, ProtocolError
from agentkit.models import Sink
from agentkit.remote import Endpoint, RemoteModel
from agentkit.remote_batch import RemoteBatch
from agentkit.remote_task import RemoteTask
from agentkit.transport.protocol import RedirectError

__all__ = ["Bucket", "BucketBatch"]

Told = TypeVar("Told")

_INPUT = "input.jsonl"
_NO_SUCH_RANGE = 416


@dataclass(frozen=True, slots=True)
class Bucket:
    """An object store, how it is reached, and where in it batches are written."""

    codec: BucketCodec
    endpoint: Endpoint
    storage: BatchStorage | None
    """None where nothing has to be written: results say themselves where they are."""


class BucketBatch(RemoteBatch):
    """The batches of one model whose provider reads and writes them in a bucket."""

    def __init__(
        self,
        model: RemoteModel | RemoteTask[Any, Any],
        codec: BatchCodec,
        bucket: Bucket,
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(model, codec, wall_clock=wall_clock)
        self.bucket = bucket
        self.piece_bytes = PIECE_BYTES
        """How much of an object is asked for at a time."""
        if bucket.storage is not None and bucket.storage.least is not None:
            codec.limits = replace(codec.limits, least=bucket.storage.least)

    def line(self, id: str, request: BatchQuestion) -> BatchLine:
        """One input as it goes over the wire. Raises ConfigurationError where no bucket is named."""
        self._named()
        return super().line(id, request)

    async def upload(self, name: str, lines: Sequence[bytes], *, sink: Sink | None = None) -> str:
        """Write lines into the bucket and give their address. Twice is the same object. Raises ExchangeError."""
        place = place_of(f"{self._named().address}/{name}/{_INPUT}")
        await self._put(place, b"".join(lines), sink=sink)
        return str(place)

    async def results(self, job: BatchJob, *, sink: Sink | None = None) -> list[tuple[str, BatchResult]]:
        """All results of a batch that is over: whatever it wrote below its places. Raises ExchangeError."""
        rows: list[tuple[str, BatchResult]] = []
        for address in job.results:
            for place in await self._objects(self._told(address), sink=sink):
                if place.key.endswith((".jsonl", ".jsonl.out")):
                    rows += await self._get(place, self.codec.results, sink=sink)
        return rows

    def _told(self, address: str) -> Place:
        """Where the provider says that something is. Raises ProtocolError."""
        try:
            return place_of(address)
        except ConfigurationError:
            said = f"the provider says that results are at {address.partition('?')[0]!r}, which is no place in a bucket"
            raise ProtocolError(said, provider=self.identity.provider) from None

    async def _put(self, place: Place, data: bytes, *, sink: Sink | None) -> None:
        """Write an object, in place of one that may be there."""
        await self._of_bucket(self.bucket.codec.put(place, data), bytes, sink=sink)

    async def _get(self, place: Place, read: Callable[[bytes], Told], *, sink: Sink | None) -> Told:
        """What `read` makes of an object."""
        pieces: list[bytes] = []
        while True:
            wire = self.bucket.codec.get(place, first=sum(map(len, pieces)), size=self.piece_bytes)
            try:
                pieces.append(await self._of_bucket(wire, bytes, sink=sink))
            except ExchangeError as error:
                if error.status != _NO_SUCH_RANGE:
                    raise
                break  # it ended with the piece before, or is empty
            if len(pieces[-1]) != self.piece_bytes:
                break
        return read(b"".join(pieces))

    async def _objects(self, prefix: Place, *, sink: Sink | None) -> list[Place]:
        """All objects that begin so."""
        found: list[Place] = []
        after = ""
        while True:
            wire = self.bucket.codec.listing(prefix, after=after)
            page = await self._of_bucket(wire, self.bucket.codec.page, sink=sink)
            found += [replace(prefix, key=key) for key in page.keys]
            if not page.after:
                return found
            after = page.after

    async def _of_bucket(self, wire: WireRequest, read: Callable[[bytes], Told], *, sink: Sink | None) -> Told:
        endpoint = self.bucket.endpoint
        try:
            return await self._exchange(wire, read, sink=sink, by=self.bucket.codec, endpoint=endpoint)
        except RedirectError as error:
            raise ConfigurationError(
                f"the bucket is not at {endpoint.host}, mostly since it is in another region than {self.identity}: "
                "use a bucket of the model's region, or the model in the bucket's"
            ) from error

    def _named(self) -> BatchStorage:
        storage, codec = self.bucket.storage, self.bucket.codec
        if storage is None:
            raise ConfigurationError(
                f"{self.identity.provider} reads and writes batches in a bucket of yours: pass "
                f'batch(..., storage="{codec.scheme}://bucket/prefix"), or --storage in a shell'
            )
        return storage
