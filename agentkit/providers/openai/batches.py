"""OpenAI's batches: POST /files, POST /batches, GET /batches/{id}, GET /files/{id}/content; Azure OpenAI has them too.

Facts: the API reference of OpenAI (a line is {"custom_id", "method", "url", "body"}; one endpoint and one model a file;
at most 50,000 lines and 200 MB, and 50,000 texts
to embed in all; results in any order, errors in a file of their own, which expired batches have too).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit.batching import AnswerDecoder, BatchJob, BatchLimits, BatchLine, BatchResult, BatchStatus, json_rows
from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.json_bytes import json_bytes
from agentkit.multipart import FilePart, FormField, multipart
from agentkit.providers.openai.errors import decode_error, error_in_stream

__all__ = ["BatchesCodec", "line_result", "replied", "result_rows"]

Json = dict[str, Any]

_STATUSES: Mapping[str, BatchStatus] = {
    "completed": "ended",
    "failed": "failed",
    "expired": "expired",
    "cancelled": "cancelled",
}
_EXPIRED, _CANCELLED = "batch_expired", "batch_cancelled"


class BatchesCodec:
    """The client half of OpenAI's batches, for one of its formats."""

    # Fewer than it takes: the results are read as one reply.
    limits = BatchLimits(20_000, 200_000_000, texts=50_000)
    price_factor = 0.5
    keeps_names = True
    uploads = True

    def __init__(self, inner: AnswerDecoder, *, provider: str = "openai", prefix: str = "/v1") -> None:
        """`prefix` stands before the paths in lines."""
        self.name = f"{provider}:batches"
        self._prefix = prefix
        self._inner = inner
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """One line of the file."""
        head = {"custom_id": line.id, "method": "POST", "url": self._url(line.wire)}
        return json_bytes(head)[:-1] + b',"body":' + line.wire.body + b"}\n"

    def upload(self, name: str, lines: Sequence[bytes]) -> WireRequest:
        """The file."""
        file = FilePart("file", f"{name}.jsonl", b"".join(lines), "application/jsonl")
        form = multipart([FormField("purpose", "batch"), file])
        return WireRequest("/files", form.data, headers=(("content-type", form.content_type),))

    def uploaded(self, body: bytes) -> str:
        """The file's id. Raises ProtocolError."""
        return self._id(self._object(body), "file")

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a batch of an uploaded file; its metadata hold its name, by which it is found again."""
        fields = {
            "input_file_id": file,
            "endpoint": self._url(wires[0]),
            "completion_window": "24h",
            "metadata": {"agentkit": name},
        }
        return WireRequest("/batches", json_bytes(fields))

    def look(self, job: str) -> WireRequest:
        """Asks where a batch stands."""
        return _get(f"/batches/{job}")

    def job(self, body: bytes) -> BatchJob:
        """Where it stands. Raises ProtocolError."""
        return self._job(self._object(body))

    def listing(self) -> WireRequest:
        """Asks for the latest batches."""
        return _get("/batches?limit=100")

    def jobs(self, body: bytes) -> list[BatchJob]:
        """The latest batches, newest first. Raises ProtocolError."""
        return [self._job(entry) for entry in objects_of(self._object(body).get("data"))]

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for those that are older than a list."""
        fields = self._object(body)
        return _get(f"/batches?limit=100&after={self.jobs(body)[-1].id}") if fields.get("has_more") is True else None

    def cancel(self, job: str) -> WireRequest:
        """Asks to end a batch."""
        return WireRequest(f"/batches/{job}/cancel", b"{}")

    def fetch(self, place: str) -> WireRequest:
        """Asks for a file of results."""
        return _get(f"/files/{place}/content")

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results of one file. Raises ProtocolError."""
        rows = result_rows(body, provider=self._provider)
        return [(str(row.get("custom_id")), line_result(row, self._inner, provider=self._provider)) for row in rows]

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _url(self, wire: WireRequest) -> str:
        return self._prefix + wire.path.partition("?")[0]

    def _job(self, fields: Json) -> BatchJob:
        raw = str(fields.get("status"))
        counts = object_of(fields.get("request_counts"))
        done, failed = _count(counts.get("completed")), _count(counts.get("failed"))
        problems = _problems(fields.get("errors"))
        places = (fields.get("output_file_id"), fields.get("error_file_id"))
        created = fields.get("created_at")
        return BatchJob(
            self._id(fields, "batch"),
            _STATUSES.get(raw, "running"),
            raw,
            _count(counts.get("total")),
            done + failed,
            failed,
            str(object_of(fields.get("metadata")).get("agentkit") or ""),
            float(created) if isinstance(created, int | float) else None,
            tuple(str(place) for place in places if place),
            "; ".join(text for _, text in problems[:3]),
            {line: text for line, text in problems if line},
        )

    def _object(self, body: bytes) -> Json:
        return replied(object_of(reply_of(body, provider=self._provider)), provider=self._provider)

    def _id(self, fields: Json, kind: str) -> str:
        id = fields.get("id")
        if not isinstance(id, str) or not id:
            raise ProtocolError(f"the reply names no {kind} ('id' is missing)", provider=self._provider)
        return id


def replied(fields: Json, *, provider: str) -> Json:
    """The reply, if it is no error: a batch has errors of its own beside an id. Raises the error that it reports."""
    if fields.get("error") and "id" not in fields and "data" not in fields:
        raise error_in_stream(fields, provider=provider)
    return fields


def result_rows(body: bytes, *, provider: str) -> list[Json]:
    """The lines of a file of results. Raises ProtocolError, and the error that came in place of a file."""
    rows = json_rows(body, provider=provider)
    if len(rows) == 1 and "custom_id" not in rows[0]:
        replied(rows[0], provider=provider)
    return rows


def line_result(row: Mapping[str, Any], inner: AnswerDecoder, *, provider: str) -> BatchResult:
    """The answer or the error in one line of results."""
    response, error = row.get("response"), object_of(row.get("error"))
    if isinstance(response, dict):
        reply = cast("Json", response)
        status, body = _count(reply.get("status_code")) or 200, json_bytes(reply.get("body"))
        if not 200 <= status < 300:
            return decode_error(status, {}, body, provider=provider)
        try:
            return inner.decode(body)
        except ExchangeError as failed:
            return failed
    if not error:
        return ProtocolError("a line of the results holds neither an answer nor an error", provider=provider)
    if error.get("code") == _CANCELLED:
        return ExchangeError("the batch was cancelled before this input was answered", code="cancelled")
    status = 408 if error.get("code") == _EXPIRED else 400
    found = decode_error(status, {}, json_bytes({"error": error}), provider=provider)
    found.status = None  # the line has none
    return found


def _get(path: str) -> WireRequest:
    return WireRequest(path, b"", "GET", headers=())


def _problems(errors: object) -> list[tuple[int, str]]:
    """(line or 0, what is wrong with it)."""
    found: list[tuple[int, str]] = []
    for entry in objects_of(object_of(errors).get("data")):
        said = str(entry.get("message") or entry.get("code") or "refused")
        found.append((_count(entry.get("line")), said))
    return found


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
