"""Many recordings as jobs of Azure AI Speech: POST /speechtotext/transcriptions:submit, up to 1,000 addresses each.

A job has one file of results for each recording, which tells by its name which address it belongs to: contenturl_7.json
to the eighth. A recording that failed stands in the report alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from agentkit.batching import BatchJob, BatchLimits, BatchLine, BatchResult, BatchStatus, item_id
from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ConfigurationError, ExchangeError, NotFoundError, ProtocolError
from agentkit.jobs import id_in, parts_of, query_in
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.models import Sink
from agentkit.providers.azure.batch_transcriptions import (
    TRANSCRIPTIONS,
    VERSION,
    failure_of,
    recording_failure,
    submission,
    transcript_of,
)
from agentkit.providers.azure.fast_transcription import FastTranscriptionCodec
from agentkit.providers.openai.errors import decode_error
from agentkit.remote import Endpoint
from agentkit.remote_batch import RemoteBatch
from agentkit.remote_job import elsewhere
from agentkit.transcription import TranscriptionRequest

__all__ = ["TranscriptionBatch", "TranscriptionBatchesCodec", "TranscriptionLineCodec"]

Json = dict[str, Any]

_ADDRESSES = 1_000
_BYTES = 4_000_000
_STATUSES: Mapping[str, BatchStatus] = {"Succeeded": "ended", "Failed": "failed"}
_FIRST = "agentkit"
"""The custom property of a job that says what the id of its first input is."""
_FILE = re.compile(r"contenturl_(\d{1,4})\.json")


class TranscriptionLineCodec(FastTranscriptionCodec):
    """What one recording of a batch is on the wire: a job of its own, which is laid together with others."""

    def encode_line(self, asked: TranscriptionRequest) -> WireRequest:
        """The question as JSON. Raises UnsupportedError for what jobs do not do."""
        sent = submission(asked, provider=self._provider)
        return WireRequest(f"{TRANSCRIPTIONS}:submit{VERSION}", json_bytes(sent))


class TranscriptionBatchesCodec:
    """The client half of such jobs."""

    limits = BatchLimits(_ADDRESSES, _BYTES)
    price_factor = 1.0
    keeps_names = True
    uploads = False

    def __init__(self, provider: str = "azure-speech") -> None:
        self.name = f"{provider}:batch_transcription"
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """The job of one recording, with the input's id."""
        return json_bytes({"id": line.id, **object_of(json_value(line.wire.body))})

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a job for all of these. Raises ConfigurationError where they ask for different things."""
        rows = [object_of(json_value(line)) for line in lines]
        urls = [url for row in rows for url in row["contentUrls"]]
        shared = {name: value for name, value in rows[0].items() if name not in ("id", "contentUrls")}
        for row in rows:
            if {name: row.get(name) for name in shared} != shared:
                raise ConfigurationError(
                    "the recordings of a batch are heard in one language and with one set of fields; make a batch of "
                    "each kind"
                )
        sent = {"displayName": name, "contentUrls": urls, "customProperties": {_FIRST: rows[0]["id"]}, **shared}
        return WireRequest(f"{TRANSCRIPTIONS}:submit{VERSION}", json_bytes(sent))

    def look(self, job: str) -> WireRequest:
        """Asks where a job stands."""
        return _get(f"/{job}{VERSION}")

    def job(self, body: bytes) -> BatchJob:
        """Where a job stands. Raises ProtocolError."""
        return self._job(object_of(reply_of(body, provider=self._provider)))

    def listing(self) -> WireRequest | None:
        """Asks for the latest jobs."""
        return _get(f"{VERSION}&top=100")

    def jobs(self, body: bytes) -> list[BatchJob]:
        """Those that were listed. Raises ProtocolError."""
        fields = object_of(reply_of(body, provider=self._provider))
        return [self._job(row) for row in objects_of(fields.get("values"))]

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for the next page."""
        fields = object_of(reply_of(body, provider=self._provider))
        query = query_in(fields.get("@nextLink"), provider=self._provider)
        return _get(f"?{query}") if query else None

    def cancel(self, job: str) -> WireRequest:
        """Asks to forget a job, which ends it: there is no other way."""
        return WireRequest(f"{TRANSCRIPTIONS}/{job}{VERSION}", b"", "DELETE", headers=())

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """None: a list of files holds no results."""
        return []

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 2xx."""
        return decode_error(status, headers, body, provider=self._provider)

    def _job(self, fields: Json) -> BatchJob:
        id = id_in(str(fields.get("self") or ""), f"{TRANSCRIPTIONS}/", provider=self._provider)
        raw, first = str(fields.get("status")), str(object_of(fields.get("customProperties")).get(_FIRST) or "")
        status = _STATUSES.get(raw, "running")
        error = object_of(object_of(fields.get("properties")).get("error"))
        return BatchJob(
            id,
            status,
            raw,
            name=str(fields.get("displayName") or ""),
            created=_moment(fields.get("createdDateTime")),
            results=(f"{id} {first}",) if status == "ended" else (),
            problem=failure_of(error, id, provider=self._provider).message if status == "failed" else "",
        )


class TranscriptionBatch(RemoteBatch):
    """The batches of Azure AI Speech: their results are files at addresses of their own."""

    async def look(self, job: str, *, sink: Sink | None = None) -> BatchJob:
        """Where a job stands; one that is there no longer was cancelled. Raises ExchangeError."""
        try:
            return await super().look(job, sink=sink)
        except NotFoundError:
            return BatchJob(job, "cancelled", "Deleted")

    async def results(self, job: BatchJob, *, sink: Sink | None = None) -> list[tuple[str, BatchResult]]:
        """All results of a job that is over. Raises ExchangeError."""
        rows: list[tuple[str, BatchResult]] = []
        for place in job.results:
            rows += await self._results(job.id, place, sink=sink)
        return rows

    async def _results(self, id: str, place: str, *, sink: Sink | None) -> list[tuple[str, BatchResult]]:
        provider = self.identity.provider
        owner, _, first = place.partition(" ")[2].rpartition("-")
        start = int(first) if first.isdecimal() else 0
        found: dict[int, BatchResult] = {}
        failed: list[Json] = []
        for file in await self._files(place, sink=sink):
            address = str(object_of(file.get("links")).get("contentUrl") or "")
            number = _FILE.fullmatch(str(file.get("name")))
            if file.get("kind") == "TranscriptionReport":
                report = await self._fetched(address, partial(reply_of, provider=provider), sink=sink)
                failed = [row for row in objects_of(object_of(report).get("details")) if row.get("status") == "Failed"]
            elif file.get("kind") == "Transcription" and number is not None:
                found[int(number[1])] = await self._fetched(address, self._transcript, sink=sink)
        # The report does not count: what has no file failed, in the order in which the report tells of it.
        count = len(found) + len(failed)
        lacking = [position for position in range(count) if position not in found]
        for position, row in zip(lacking, failed, strict=False):
            found[position] = recording_failure(row, id, provider=provider)
        return [(item_id(owner, start + position), result) for position, result in found.items()]

    async def _files(self, place: str, *, sink: Sink | None) -> list[Json]:
        """All files of a job."""
        files: list[Json] = []
        wire: WireRequest | None = _get(f"/{place.partition(' ')[0]}/files{VERSION}")
        while wire is not None:
            fields = object_of(
                await self._exchange(wire, partial(reply_of, provider=self.identity.provider), sink=sink)
            )
            page = objects_of(fields.get("values"))
            files += page
            query = query_in(fields.get("@nextLink"), provider=self.identity.provider)
            wire = _get(f"/{place.partition(' ')[0]}/files?{query}") if query and page else None
        return files

    async def _fetched(self, address: str, read: Any, *, sink: Sink | None) -> Any:
        """A file at an address of its own, which is asked without our key."""
        endpoint: Endpoint = elsewhere(address, than=self.model.endpoint, provider=self.identity.provider)
        parts = parts_of(address, provider=self.identity.provider)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return await self._exchange(WireRequest(path, b"", "GET", headers=()), read, sink=sink, endpoint=endpoint)

    def _transcript(self, body: bytes) -> BatchResult:
        provider = self.identity.provider
        try:
            return transcript_of(object_of(reply_of(body, provider=provider)), words=True, provider=provider)
        except ProtocolError as error:
            return error


def _get(path: str) -> WireRequest:
    return WireRequest(f"{TRANSCRIPTIONS}{path}", b"", "GET", headers=())


def _moment(value: object) -> float | None:
    """Seconds since 1970 of a date as Azure writes it."""
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None
