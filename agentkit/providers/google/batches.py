"""Batches of the Gemini API: POST models/M:batchGenerateContent or :asyncBatchEmbedContent, GET batches/{id}.

Facts: the API reference of the Gemini API, and google-genai 3.4 (inputs inside the request are 20 MB at the most, and
their answers come within the batch; each has metadata that come back with its answer. More is uploaded as a file of
lines, whose answers come as a file, with the lines' keys. Errors are google.rpc.Status, whose codes are those of gRPC).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from agentkit.batching import (
    AnswerDecoder,
    BatchJob,
    BatchLimits,
    BatchLine,
    BatchResult,
    BatchStatus,
    json_rows,
    moment_of,
)
from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.providers.google.errors import decode_error, error_in_reply
from agentkit.usage import count_of

__all__ = ["GeminiBatchesCodec", "status_of"]

Json = dict[str, Any]

_STATUSES: Mapping[str, BatchStatus] = {
    "SUCCEEDED": "ended",
    "PARTIALLY_SUCCEEDED": "ended",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}
_HTTP: Mapping[int, int] = {3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 13: 500, 14: 503, 16: 401}
"""gRPC's code -> the HTTP status that stands for it."""
_FUNCTIONS: Mapping[str, str] = {
    "generateContent": "batchGenerateContent",
    "embedContent": "asyncBatchEmbedContent",
}
"""What asks for one answer -> what asks for a batch of them."""
_REQUEST = b',"request":'
_BOUNDARY = "agentkit-batch-lines"
"""It cannot stand in a line: there, a line break is written as two characters."""


class GeminiBatchesCodec:
    """The client half of the Gemini API's batches."""

    # Fewer than it takes: the results are read as one reply.
    limits = BatchLimits(20_000, 200_000_000, inline=18_000_000)
    price_factor = 0.5
    keeps_names = True
    uploads = True

    def __init__(self, inner: AnswerDecoder, *, provider: str = "google") -> None:
        self.name = f"{provider}:batches"
        self._inner = inner
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """One line of a file."""
        return b'{"key":' + json_bytes(line.id) + _REQUEST + line.wire.body + b"}"

    def upload(self, name: str, lines: Sequence[bytes]) -> WireRequest:
        """The file, below the address of uploads."""
        head = json_bytes({"file": {"displayName": name, "mimeType": "application/jsonl"}})
        parts = ((b"application/json; charset=utf-8", head), (b"application/jsonl", b"\n".join(lines) + b"\n"))
        mark = b"--" + _BOUNDARY.encode()
        body = b"".join(mark + b"\r\ncontent-type: " + kind + b"\r\n\r\n" + data + b"\r\n" for kind, data in parts)
        headers = (
            ("content-type", f"multipart/related; boundary={_BOUNDARY}"),
            ("x-goog-upload-protocol", "multipart"),
        )
        return WireRequest("/files", body + mark + b"--\r\n", headers=headers)

    def uploaded(self, body: bytes) -> str:
        """The file's name. Raises ProtocolError."""
        name = object_of(self._object(body).get("file")).get("name")
        if not isinstance(name, str) or not name:
            raise ProtocolError("the reply names no file ('file.name' is missing)", provider=self._provider)
        return name

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a batch; its display name is ours."""
        path, _, function = wires[0].path.rpartition(":")
        head = json_bytes({"displayName": name})[:-1]
        if file:
            inputs = json_bytes({"inputConfig": {"fileName": file}})[1:-1]
        else:
            inputs = b'"inputConfig":{"requests":{"requests":[' + b",".join(map(_inline, lines)) + b"]}}"
        return WireRequest(f"{path}:{_FUNCTIONS[function]}", b'{"batch":' + head + b"," + inputs + b"}}")

    def look(self, job: str) -> WireRequest:
        """Asks where a batch stands."""
        return _get(f"/{job}")

    def job(self, body: bytes) -> BatchJob:
        """Where it stands. Raises ProtocolError."""
        return self._job(self._object(body))

    def listing(self) -> WireRequest:
        """Asks for the latest batches."""
        return _get("/batches?pageSize=100")

    def jobs(self, body: bytes) -> list[BatchJob]:
        """The latest batches. Raises ProtocolError."""
        return [self._job(entry) for entry in objects_of(self._object(body).get("operations"))]

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for those that come after a list."""
        token = str(self._object(body).get("nextPageToken") or "")
        return _get(f"/batches?pageSize=100&pageToken={quote(token, safe='')}") if token else None

    def cancel(self, job: str) -> WireRequest:
        """Asks to end a batch."""
        return WireRequest(f"/{job}:cancel", b"{}")

    def fetch(self, place: str) -> WireRequest:
        """Asks for the batch, which holds its results, or for the file of them."""
        if place.startswith("files/"):
            return _get(f"/{place}:download?alt=media")
        return self.look(place)

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results in a batch or in a file. Raises ProtocolError."""
        try:
            fields = object_of(json_value(body))
        except ValueError:  # lines, each of which is an object
            fields = {}
        if "key" not in fields:
            self._replied(fields)
        if "metadata" not in fields or "key" in fields:
            return [(str(row.get("key")), self._result(row)) for row in json_rows(body, provider=self._provider)]
        output = object_of(fields.get("response")) or object_of(object_of(fields.get("metadata")).get("output"))
        rows = output.get("inlinedResponses") or output.get("inlinedEmbedContentResponses")
        told: list[tuple[str, BatchResult]] = []
        for row in objects_of(object_of(rows).get("inlinedResponses")):
            metadata = object_of(row.get("metadata"))
            told.append((str(metadata.get("key", metadata.get("custom_id"))), self._result(row)))
        return told

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _result(self, row: Json) -> BatchResult:
        if "response" in row and not row.get("error"):
            try:
                return self._inner.decode(json_bytes(_with_usage(object_of(row["response"]))))
            except ExchangeError as error:
                return error
        error = object_of(row.get("error"))
        code = count_of(error.get("code"))
        status = _HTTP.get(code, code if code >= 400 else 500)
        return decode_error(status, {}, json_bytes({"error": error | {"code": status}}), provider=self._provider)

    def _job(self, fields: Json) -> BatchJob:
        told = object_of(fields.get("metadata"))
        id = fields.get("name") or told.get("name")
        if not isinstance(id, str) or not id:
            raise ProtocolError("the reply names no batch ('name' is missing)", provider=self._provider)
        raw = str(told.get("state"))
        status = status_of(raw)
        stats = object_of(told.get("batchStats"))
        total, waiting = count_of(stats.get("requestCount")), count_of(stats.get("pendingRequestCount"))
        failed = count_of(stats.get("failedRequestCount"))
        problem = str(object_of(fields.get("error")).get("message") or "")
        if fields.get("done") is True and status == "running":  # over, in a state that is not known here
            status = "failed" if fields.get("error") else "ended"
        output = object_of(fields.get("response")) or object_of(told.get("output"))
        place = str(output.get("responsesFile") or id)
        return BatchJob(
            id,
            status,
            raw,
            total,
            max(0, total - waiting),
            failed,
            str(told.get("displayName") or ""),
            moment_of(told.get("createTime")),
            (place,) if status != "running" else (),
            problem,
        )

    def _object(self, body: bytes) -> Json:
        return self._replied(object_of(reply_of(body, provider=self._provider)))

    def _replied(self, fields: Json) -> Json:
        """The reply. Raises the error that it reports; a batch that failed has a name beside its own."""
        if fields.get("error") and "name" not in fields:
            raise error_in_reply(fields, provider=self._provider)
        return fields


def status_of(raw: str) -> BatchStatus:
    """Where a batch stands whose state is such as BATCH_STATE_RUNNING."""
    return _STATUSES.get(raw.partition("_STATE_")[2], "running")


def _inline(line: bytes) -> bytes:
    """A line of a file as an entry of a list of requests."""
    key, _, request = line.partition(_REQUEST)
    return b'{"request":' + request[:-1] + b',"metadata":' + key + b"}}"


def _get(path: str) -> WireRequest:
    return WireRequest(path, b"", "GET", headers=())


def _with_usage(answer: Json) -> Json:
    """An embedding with its tokens where single replies have them."""
    if "tokenCount" not in answer:
        return answer
    return answer | {"usageMetadata": {"promptTokenCount": answer["tokenCount"]}}
