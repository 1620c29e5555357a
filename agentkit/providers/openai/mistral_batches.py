"""Mistral's batches: POST /batch/jobs with the inputs in it, GET /batch/jobs/{id}, its results there or in files.

Facts: the API reference of Mistral, and a recording of 2026 (the model stands beside the inputs and not in them; small
batches answer in `outputs`, others in files; lines are like OpenAI's).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit.batching import AnswerDecoder, BatchJob, BatchLimits, BatchLine, BatchResult, BatchStatus
from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.providers.openai.batches import line_result, replied, result_rows
from agentkit.providers.openai.errors import decode_error
from agentkit.usage import count_of

__all__ = ["MistralBatchesCodec"]

Json = dict[str, Any]

_STATUSES: Mapping[str, BatchStatus] = {
    "SUCCESS": "ended",
    "FAILED": "failed",
    "TIMEOUT_EXCEEDED": "expired",
    "CANCELLED": "cancelled",
}
_PATH = "/batch/jobs"
_PAGE = 100


class MistralBatchesCodec:
    """The client half of Mistral's batches."""

    limits = BatchLimits(10_000, 50_000_000)
    price_factor = 0.5
    keeps_names = True
    uploads = False

    def __init__(self, inner: AnswerDecoder, *, provider: str = "mistral") -> None:
        self.name = f"{provider}:batches"
        self._inner = inner
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """One entry of the list of requests."""
        body = object_of(json_value(line.wire.body))
        return json_bytes({"custom_id": line.id, "body": {name: body[name] for name in body if name != "model"}})

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a batch; its metadata hold its name, by which it is found again."""
        model = object_of(json_value(wires[0].body)).get("model")
        fields = {"endpoint": f"/v1{wires[0].path}", "model": model, "metadata": {"agentkit": name}}
        return WireRequest(_PATH, json_bytes(fields)[:-1] + b',"requests":[' + b",".join(lines) + b"]}")

    def look(self, job: str) -> WireRequest:
        """Asks where a batch stands."""
        return _get(f"{_PATH}/{job}")

    def job(self, body: bytes) -> BatchJob:
        """Where it stands. Raises ProtocolError."""
        return self._job(self._object(body))

    def listing(self) -> WireRequest:
        """Asks for the latest batches."""
        return _get(f"{_PATH}?page_size={_PAGE}")

    def jobs(self, body: bytes) -> list[BatchJob]:
        """The latest batches. Raises ProtocolError."""
        return [self._job(entry) for entry in objects_of(self._object(body).get("data"))]

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for those that come after a list: pages have numbers, from 0."""
        is_last = seen >= count_of(self._object(body).get("total"))
        return None if is_last else _get(f"{_PATH}?page_size={_PAGE}&page={seen // _PAGE}")

    def cancel(self, job: str) -> WireRequest:
        """Asks to end a batch."""
        return WireRequest(f"{_PATH}/{job}/cancel", b"{}")

    def fetch(self, place: str) -> WireRequest:
        """Asks for a file of results, or for the batch that holds them."""
        kind, _, id = place.partition(":")
        return self.look(id) if kind == "job" else _get(f"/files/{id}/content")

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results in a file or in a batch. Raises ProtocolError."""
        rows = result_rows(body, provider=self._provider)
        if len(rows) == 1 and rows[0].get("object") == "batch":
            rows = objects_of(rows[0].get("outputs"))
        return [(str(row.get("custom_id")), line_result(row, self._inner, provider=self._provider)) for row in rows]

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _job(self, fields: Json) -> BatchJob:
        id, raw = fields.get("id"), str(fields.get("status"))
        if not isinstance(id, str) or not id:
            raise ProtocolError("the reply names no batch ('id' is missing)", provider=self._provider)
        status = _STATUSES.get(raw, "running")
        files = [f"file:{name}" for name in (fields.get("output_file"), fields.get("error_file")) if name]
        inside = [f"job:{id}"] if isinstance(fields.get("outputs"), list) else []
        done, failed = count_of(fields.get("completed_requests")), count_of(fields.get("failed_requests"))
        found: Any = fields.get("errors")
        entries = cast("list[Any]", found) if isinstance(found, list) else []
        problems = [str(object_of(each).get("message") or each) for each in entries]
        return BatchJob(
            id,
            status,
            raw,
            count_of(fields.get("total_requests")),
            max(done, failed),
            failed,
            str(object_of(fields.get("metadata")).get("agentkit") or ""),
            float(count_of(fields.get("created_at"))) or None,
            tuple(inside or files) if status != "running" else (),
            "; ".join(problems[:3]),
        )

    def _object(self, body: bytes) -> Json:
        return replied(object_of(reply_of(body, provider=self._provider)), provider=self._provider)


def _get(path: str) -> WireRequest:
    return WireRequest(path, b"", "GET", headers=())
