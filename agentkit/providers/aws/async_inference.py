"""Batches of SageMaker: inputs and answers are objects in S3, each asked for by POST /endpoints/NAME/async-invocations.

Facts: the service model of botocore 1.44 (the input's place in a header, the places of answer and failure in headers of
the reply; a request waits 6 hours at the most and is worked on for 15 minutes at the most) and SageMaker's guide. There
is no job, so what was asked is written down in the bucket: a process that is killed asks again for those few inputs
alone that were on their way, and the answer to either is the same object.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import anyio

from agentkit.batching import AnswerDecoder, BatchCodec, BatchJob, BatchLimits, BatchLine, BatchResult
from agentkit.bucket_batch import Bucket, BucketBatch
from agentkit.buckets import BatchStorage, Place, place_of, storage_of
from agentkit.codec import StreamDecoder, WireRequest
from agentkit.errors import AgentkitError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.exchange import Memo, ReplySeen, Request, Response
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.messages import AssistantMessage
from agentkit.models import Sink
from agentkit.providers.aws.batches import s3_endpoint
from agentkit.providers.aws.errors import decode_error
from agentkit.providers.aws.s3 import S3Codec
from agentkit.providers.aws.transform_jobs import PREFIX, connect_transform
from agentkit.remote import RemoteModel
from agentkit.settings import Settings

__all__ = ["AsyncInference", "AsyncInferenceCodec", "connect_batch"]

_AT_ONCE = 8
_LONGEST_SECONDS = 6 * 3600.0 + 900.0
"""Waiting and working together: what has no answer by then gets none."""
_STATUS = re.compile(r"\((\d{3})\)")


@dataclass(frozen=True, slots=True)
class _Invocation:
    """One input that was asked, and where what becomes of it will be."""

    id: str
    output: str
    failure: str
    asked: float


class AsyncInferenceCodec:
    """What is pure about it: lines, requests and results."""

    limits = BatchLimits(2_000, 200_000_000)
    price_factor = 1.0
    keeps_names = True
    uploads = True

    def __init__(self, inner: AnswerDecoder, *, provider: str = "sagemaker") -> None:
        self.name = f"{provider}:async"
        self._inner = inner
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """An input with its id above it: a container may want something else than JSON."""
        return json_bytes(line.id) + b"\n" + line.wire.body

    def invoke(self, id: str, wire: WireRequest, *, place: Place, name: str) -> WireRequest:
        """Asks for the answer to one input that lies in the bucket; `name` is the folder of its answer."""
        said = dict(wire.headers)
        kind = said.pop("content-type", "application/json")
        own = {
            "content-type": kind,
            "accept": said.pop("accept", kind),
            "inputlocation": str(place),
            "inference-id": id,
            "s3outputpathextension": name,
            "filename": f"{id}.out",
        }
        headers = (*said.items(), *((f"x-amzn-sagemaker-{header}", value) for header, value in own.items()))
        return WireRequest(f"{wire.path.rpartition('/')[0]}/async-invocations", b"", headers=headers)

    def answer(self, body: bytes) -> BatchResult:
        """What a container answered."""
        try:
            return cast("BatchResult", self._inner.decode(body))
        except ExchangeError as error:
            return error

    def failure(self, body: bytes) -> BatchResult:
        """Why it did not: words, in which the status of the container stands."""
        said = body.decode(errors="replace")
        found = _STATUS.search(said)
        status = int(found[1]) if found else 500
        return decode_error(status, {}, json_bytes({"message": said}), provider=self._provider)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


class AsyncInference(BucketBatch):
    """The batches of one endpoint."""

    def __init__(
        self,
        model: RemoteModel,
        codec: AsyncInferenceCodec,
        bucket: Bucket,
        *,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        # All that would ask for the rest of a batch API is done here in another way.
        super().__init__(model, cast("BatchCodec", codec), bucket, wall_clock=wall_clock)
        self._model = model
        self._lines = codec
        self._known: dict[str, list[_Invocation]] = {}  # folder -> what was asked

    async def upload(self, name: str, lines: Sequence[bytes], *, sink: Sink | None = None) -> str:
        """Write each input into a folder of the batch and give its address. Raises ExchangeError."""
        folder = place_of(f"{self._named().address}/{name}")

        async def put(line: bytes) -> None:
            id, body = _apart(line)
            await self._put(_below(folder, f"input/{id}"), body, sink=sink)

        await _side_by_side(partial(put, line) for line in lines)
        return str(folder)

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
        """Ask for all that was not asked before, and write down what was. Raises ExchangeError."""
        folder = place_of(file)
        asked: dict[str, _Invocation] = {}

        async def remember(place: Place) -> None:
            asked.update((found.id, found) for found in await self._get(place, self._invocations, sink=sink))

        async def ask(line: bytes, wire: WireRequest) -> None:
            id, _ = _apart(line)
            if id not in asked:
                told = asked[id] = await self._invoke(id, wire, folder=folder, name=name, sink=sink)
                await self._write(_below(folder, f"asked/{id}"), [told], sink=sink)

        before = await self._objects(_below(folder, "asked/"), sink=sink)
        await _side_by_side(partial(remember, place) for place in before)
        await _side_by_side(partial(ask, line, wire) for line, wire in zip(lines, wires, strict=True))
        self._known[file] = [asked[_apart(line)[0]] for line in lines]
        await self._write(_below(folder, "asked.jsonl"), self._known[file], sink=sink)
        return BatchJob(file, "running", "InProgress", len(lines))

    async def find(
        self, name: str, *, since: float, count: int, known: Sequence[str], sink: Sink | None = None
    ) -> BatchJob | None:
        """Nothing: `create` knows what was asked before."""
        return None

    async def look(self, job: str, *, sink: Sink | None = None) -> BatchJob:
        """How many answers and failures are there. Raises ExchangeError."""
        asked = await self._asked(job, sink=sink)
        there = await self._there(asked, sink=sink)
        failed = sum(each.failure in there for each in asked if each.output not in there)
        done = failed + sum(each.output in there for each in asked)
        is_late = self.now() > max(each.asked for each in asked) + _LONGEST_SECONDS
        status = "ended" if done == len(asked) else "expired" if is_late else "running"
        raw = {"ended": "Completed", "expired": "Expired", "running": "InProgress"}[status]
        return BatchJob(job, status, raw, len(asked), done, failed)

    async def cancel(self, job: str, *, sink: Sink | None = None) -> BatchJob:
        """Raises UnsupportedError: what a container was asked, it answers."""
        raise UnsupportedError(f"{self.identity} ends nothing that it was asked asynchronously; leave its results")

    async def results(self, job: BatchJob, *, sink: Sink | None = None) -> list[tuple[str, BatchResult]]:
        """What became of all inputs. Raises ExchangeError."""
        asked = await self._asked(job.id, sink=sink)
        there = await self._there(asked, sink=sink)
        rows: list[tuple[str, BatchResult]] = []

        async def get(each: _Invocation) -> None:
            for address, read in ((each.output, self._lines.answer), (each.failure, self._lines.failure)):
                if address in there:
                    rows.append((each.id, await self._get(self._told(address), read, sink=sink)))
                    return

        await _side_by_side(partial(get, each) for each in asked)
        return rows

    async def _invoke(self, id: str, wire: WireRequest, *, folder: Place, name: str, sink: Sink | None) -> _Invocation:
        """Ask for one answer; the places of it and of its failure stand in the headers of the reply."""
        asked = self._lines.invoke(id, wire, place=_below(folder, f"input/{id}"), name=name)
        seen: list[ReplySeen] = []
        model = copy(self._model)
        model.codec = _Asking(self._lines, asked)
        settings = Settings(attempts=self.settings.attempts, deadlines=self.settings.deadlines)
        request = Request(self.identity.model, (), settings=settings, observe=seen.append)
        await model.respond(request, sink)
        headers = seen[-1].headers
        output = headers.get("x-amzn-sagemaker-outputlocation")
        if not output:
            raise ProtocolError("the reply does not say where the answer will be", provider=self.identity.provider)
        return _Invocation(id, output, headers.get("x-amzn-sagemaker-failurelocation", ""), self.now())

    async def _asked(self, folder: str, *, sink: Sink | None) -> list[_Invocation]:
        """What was asked for a batch, as it was written down."""
        if folder not in self._known:
            place = _below(place_of(folder), "asked.jsonl")
            self._known[folder] = await self._get(place, self._invocations, sink=sink)
        return self._known[folder]

    async def _there(self, asked: Sequence[_Invocation], *, sink: Sink | None) -> set[str]:
        """The addresses of answers and failures that have come, and maybe others."""
        addresses = [address for each in asked for address in (each.output, each.failure) if address]
        folders = sorted({address.rpartition("/")[0] + "/" for address in addresses})
        return {str(place) for folder in folders for place in await self._objects(self._told(folder), sink=sink)}

    async def _write(self, place: Place, rows: Sequence[_Invocation], *, sink: Sink | None) -> None:
        lines = [
            json_bytes({"id": row.id, "output": row.output, "failure": row.failure, "asked": row.asked}) for row in rows
        ]
        await self._put(place, b"\n".join(lines), sink=sink)

    def _invocations(self, body: bytes) -> list[_Invocation]:
        """Rows as they were written. Raises ProtocolError."""
        try:
            rows = [cast("dict[str, Any]", json_value(line)) for line in body.splitlines()]
            found = [
                _Invocation(str(row["id"]), str(row["output"]), str(row["failure"]), float(row["asked"]))
                for row in rows
            ]
        except (ValueError, TypeError, LookupError) as error:
            raise self._unreadable(str(error)) from None
        if not found:
            raise self._unreadable("there is nothing")
        return found

    def _unreadable(self, said: str) -> ProtocolError:
        words = f"what was asked is not in the bucket as it was written: {said}"
        return ProtocolError(words, provider=self.identity.provider)


class _Asking:
    """The codec of one invocation, of whose reply only the headers matter."""

    def __init__(self, lines: AsyncInferenceCodec, wire: WireRequest) -> None:
        self.name = lines.name
        self._lines = lines
        self._wire = wire

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        return self._wire

    def decode(self, body: bytes) -> Response:
        return Response(AssistantMessage(()))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        return self._lines.decode_error(status, headers, body)

    def decoder(self) -> StreamDecoder:
        raise ProtocolError("the server streamed the reply to an invocation, which was not asked for")


def connect_batch(model: RemoteModel, storage: str | BatchStorage | None) -> BucketBatch:
    """The batches of an endpoint of SageMaker, or of a model without one. Raises ConfigurationError; sends nothing."""
    provider = model.identity.provider
    if model.identity.model.startswith(PREFIX):
        return connect_transform(model, storage)
    s3 = s3_endpoint(model.endpoint, model=model.identity.model)
    bucket = Bucket(S3Codec(provider), s3, storage_of(storage, scheme="s3", provider=provider))
    return AsyncInference(model, AsyncInferenceCodec(model.codec, provider=provider), bucket)


async def _side_by_side(jobs: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Do all of these, some at a time. The first that fails ends the others; its error is raised as it is."""
    left = iter(jobs)
    failed: list[AgentkitError] = []

    async def work(scope: anyio.CancelScope) -> None:
        for job in left:
            try:
                await job()
            except AgentkitError as error:  # such as ConfigurationError for a bucket in another region
                failed.append(error)
                scope.cancel()
                return

    async with anyio.create_task_group() as tasks:
        for _ in range(_AT_ONCE):
            tasks.start_soon(work, tasks.cancel_scope)
    if failed:
        raise failed[0]


def _apart(line: bytes) -> tuple[str, bytes]:
    id, _, body = line.partition(b"\n")
    return str(json_value(id)), body


def _below(folder: Place, name: str) -> Place:
    return Place(folder.scheme, folder.bucket, f"{folder.key}/{name}")
