"""Batches of the Gemini API: POST models/M:batchGenerateContent, GET batches/{id}; the answers come within the batch.

Facts: the API reference of the Gemini API (inputs inside the request are 20 MB at the most; each has metadata that come
back with its answer; errors are google.rpc.Status, whose codes are those of gRPC).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from agentkit.batching import BatchJob, BatchLimits, BatchLine, BatchResult, BatchStatus
from agentkit.codec import Codec, WireRequest
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.providers.google.errors import decode_error, error_in_reply
from agentkit.usage import count_of

__all__ = ["GeminiBatchesCodec"]

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


class GeminiBatchesCodec:
    """The client half of the Gemini API's batches."""

    limits = BatchLimits(50_000, 18_000_000)
    price_factor = 0.5
    keeps_names = True
    uploads = False

    def __init__(self, inner: Codec, *, provider: str = "google") -> None:
        self.name = f"{provider}:batches"
        self._inner = inner
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """One entry of the list of requests."""
        return b'{"request":' + line.wire.body + b',"metadata":' + json_bytes({"key": line.id}) + b"}"

    def upload(self, name: str, lines: Sequence[bytes]) -> WireRequest:
        """The lines travel with the creation."""
        raise AssertionError("lines are not uploaded here")

    def uploaded(self, body: bytes) -> str:
        """The lines travel with the creation."""
        raise AssertionError("lines are not uploaded here")

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a batch; its display name is ours."""
        path = wires[0].path.removesuffix(":generateContent") + ":batchGenerateContent"
        head = json_bytes({"displayName": name})[:-1]
        inputs = b'"inputConfig":{"requests":{"requests":[' + b",".join(lines) + b"]}}"
        return WireRequest(path, b'{"batch":' + head + b"," + inputs + b"}}")

    def look(self, job: str) -> WireRequest:
        """Asks where a batch stands."""
        return WireRequest(f"/{job}", b"", "GET", headers=())

    def job(self, body: bytes) -> BatchJob:
        """Where it stands. Raises ProtocolError."""
        return self._job(self._object(body))

    def listing(self) -> WireRequest:
        """Asks for the latest batches."""
        return WireRequest("/batches?pageSize=100", b"", "GET", headers=())

    def jobs(self, body: bytes) -> list[BatchJob]:
        """The latest batches. Raises ProtocolError."""
        found: Any = self._object(body).get("operations")
        entries = cast("list[Any]", found) if isinstance(found, list) else []
        return [self._job(cast("Json", entry)) for entry in entries if isinstance(entry, dict)]

    def fetch(self, place: str) -> WireRequest:
        """Asks for the batch, which holds its results."""
        return self.look(place)

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results. Raises ProtocolError."""
        fields = self._object(body)
        output = _object(fields.get("response")) or _object(_object(fields.get("metadata")).get("output"))
        rows: Any = _object(output.get("inlinedResponses")).get("inlinedResponses")
        entries = cast("list[Any]", rows) if isinstance(rows, list) else []
        found: list[tuple[str, BatchResult]] = []
        for row in map(_object, entries):
            metadata = _object(row.get("metadata"))
            found.append((str(metadata.get("key", metadata.get("custom_id"))), self._result(row)))
        return found

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _result(self, row: Json) -> BatchResult:
        if "response" in row:
            try:
                return self._inner.decode(json_bytes(row["response"]))
            except ExchangeError as error:
                return error
        error = _object(row.get("error"))
        code = count_of(error.get("code"))
        status = _HTTP.get(code, code if code >= 400 else 500)
        return decode_error(status, {}, json_bytes({"error": error | {"code": status}}), provider=self._provider)

    def _job(self, fields: Json) -> BatchJob:
        told = _object(fields.get("metadata"))
        id = fields.get("name") or told.get("name")
        if not isinstance(id, str) or not id:
            raise ProtocolError("the reply names no batch ('name' is missing)", provider=self._provider)
        raw = str(told.get("state"))
        status = _STATUSES.get(raw.partition("_STATE_")[2], "running")
        stats = _object(told.get("batchStats"))
        total, waiting = count_of(stats.get("requestCount")), count_of(stats.get("pendingRequestCount"))
        failed = count_of(stats.get("failedRequestCount"))
        problem = str(_object(fields.get("error")).get("message") or "")
        return BatchJob(
            id,
            status,
            raw,
            total,
            max(0, total - waiting),
            failed,
            str(told.get("displayName") or ""),
            _seconds(told.get("createTime")),
            (id,) if status != "running" else (),
            problem,
        )

    def _object(self, body: bytes) -> Json:
        try:
            fields = _object(json_value(body))
        except ValueError as error:
            raise ProtocolError(f"the reply is not JSON: {error}", provider=self._provider) from None
        if fields.get("error") and "name" not in fields:  # a batch that failed has a name beside its error
            raise error_in_reply(fields, provider=self._provider)
        return fields


def _object(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _seconds(value: object) -> float | None:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        return None
