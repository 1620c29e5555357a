"""Anthropic's Message Batches: POST /v1/messages/batches, GET .../{id}, GET .../{id}/results.

Facts: the API reference of Anthropic (at most 100,000 requests or 256 MB; ids of letters, digits, "_" and "-"; bodies
are validated late, so that a bad one is an errored result; results in any order). A batch bears no name: one whose
creation was cut off is known by its size, its time, and in the end by the ids of its results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.batching import AnswerDecoder, BatchJob, BatchLimits, BatchLine, BatchResult, json_rows, moment_of
from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import DeadlineError, ExchangeError, ProtocolError
from agentkit.json_bytes import json_bytes
from agentkit.providers.anthropic.errors import decode_error, error_in_stream
from agentkit.providers.anthropic.messages import VERSION

__all__ = ["MessageBatchesCodec"]

Json = dict[str, Any]

_PATH = "/v1/messages/batches"


class MessageBatchesCodec:
    """The client half of Message Batches."""

    limits = BatchLimits(20_000, 250_000_000)  # fewer than it takes: the results are read as one reply
    price_factor = 0.5
    keeps_names = False
    uploads = False

    def __init__(self, inner: AnswerDecoder, *, provider: str = "anthropic") -> None:
        self.name = f"{provider}:batches"
        self._inner = inner
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """One entry of the list of requests."""
        return json_bytes({"custom_id": line.id})[:-1] + b',"params":' + line.wire.body + b"}"

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a batch; what single requests say in their headers, version and betas, is said for all."""
        return WireRequest(_PATH, b'{"requests":[' + b",".join(lines) + b"]}", headers=_headers(wires))

    def look(self, job: str) -> WireRequest:
        """Asks where a batch stands."""
        return self._get(f"{_PATH}/{job}")

    def job(self, body: bytes) -> BatchJob:
        """Where it stands. Raises ProtocolError."""
        return self._job(self._object(body))

    def listing(self) -> WireRequest:
        """Asks for the latest batches."""
        return self._get(f"{_PATH}?limit=100")

    def jobs(self, body: bytes) -> list[BatchJob]:
        """The latest batches, newest first. Raises ProtocolError."""
        return [self._job(entry) for entry in objects_of(self._object(body).get("data"))]

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for those that are older than a list."""
        fields = self._object(body)
        if fields.get("has_more") is not True:
            return None
        return self._get(f"{_PATH}?limit=100&after_id={fields.get('last_id') or self.jobs(body)[-1].id}")

    def cancel(self, job: str) -> WireRequest:
        """Asks to end a batch."""
        return WireRequest(f"{_PATH}/{job}/cancel", b"{}", headers=_headers(()))

    def fetch(self, place: str) -> WireRequest:
        """Asks for the results."""
        return self._get(f"{_PATH}/{place}/results")

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results. Raises ProtocolError."""
        return [
            (str(row.get("custom_id")), self._result(object_of(row.get("result"))))
            for row in map(self._replied, json_rows(body, provider=self._provider))
        ]

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _result(self, result: Json) -> BatchResult:
        match result.get("type"):
            case "succeeded":
                try:
                    return self._inner.decode(json_bytes(result.get("message")))
                except ExchangeError as error:
                    return error
            case "errored":
                return error_in_stream(object_of(result.get("error")), provider=self._provider)
            case "expired":
                return DeadlineError("the batch expired before this input was answered; submit it again")
            case "canceled":
                return ExchangeError("the batch was cancelled before this input was answered", code="cancelled")
            case kind:
                return ProtocolError(f"a result is of the unknown kind {kind!r}", provider=self._provider)

    def _job(self, fields: Json) -> BatchJob:
        id, raw = fields.get("id"), str(fields.get("processing_status"))
        if not isinstance(id, str) or not id:
            raise ProtocolError("the reply names no batch ('id' is missing)", provider=self._provider)
        found = object_of(fields.get("request_counts"))
        counts = {str(kind): count for kind, count in found.items() if isinstance(count, int)}
        total = sum(counts.values())
        is_over = raw == "ended"
        return BatchJob(
            id,
            "ended" if is_over else "running",
            raw,
            total,
            total - counts.get("processing", 0),
            sum(counts.get(kind, 0) for kind in ("errored", "canceled", "expired")),
            created=moment_of(fields.get("created_at")),
            results=(id,) if is_over else (),
        )

    def _get(self, path: str) -> WireRequest:
        return WireRequest(path, b"", "GET", headers=(("anthropic-version", VERSION),))

    def _object(self, body: bytes) -> Json:
        return self._replied(object_of(reply_of(body, provider=self._provider)))

    def _replied(self, fields: Json) -> Json:
        """The reply. Raises the error that it reports."""
        if fields.get("type") == "error":
            raise error_in_stream(fields, provider=self._provider)
        return fields


def _headers(wires: Sequence[WireRequest]) -> tuple[tuple[str, str], ...]:
    """One head for all: every beta that one of them needs, and the older version where one of them needs it."""
    version, betas = VERSION, dict[str, None]()
    for wire in wires:
        for name, value in wire.headers:
            if name == "anthropic-version":
                version = min(version, value)
            elif name == "anthropic-beta":
                betas.update(dict.fromkeys(value.split(",")))
    headers = (("content-type", "application/json"), ("anthropic-version", version))
    return (*headers, ("anthropic-beta", ",".join(betas))) if betas else headers
