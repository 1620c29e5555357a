"""Batches in each provider's own words: their ids, where they stand, and their results."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qs

__all__ = ["Answers", "BatchTold", "Shape", "paged", "shape_of"]

Json: TypeAlias = dict[str, Any]
Answers: TypeAlias = Sequence[tuple[str, int, Any]]
"""(id, status, body); status 0 for an input that was not answered, whose body is then why: "expired", "cancelled"."""

_DAY = 86_400
_PAGE = 100


@dataclass(frozen=True, slots=True)
class BatchTold:
    """Where a batch stands."""

    id: str
    status: str
    """running, ended, failed, expired or cancelled."""
    total: int
    done: int
    created: float
    sent: Json
    """What it was created with, inputs left out."""


class Shape(Protocol):
    """How one provider tells of batches."""

    def id(self, number: int) -> str:
        """Of a new batch."""
        ...

    def job(self, told: BatchTold, now: float) -> Json:
        """A batch, results left out."""
        ...

    def ended(self, shown: Json, answers: Answers, *, keep: Callable[[str, list[Json]], str], sent: Json) -> Json:
        """The batch with its results, or where they are; `keep` makes a file of rows."""
        ...

    def rows(self, answers: Answers) -> list[Json]:
        """The results line by line."""
        ...

    def listing(self, jobs: list[Json]) -> Json:
        """A list of batches."""
        ...


class _OpenAI:
    _STATUSES: Mapping[str, str] = {"running": "in_progress", "ended": "completed"}

    def id(self, number: int) -> str:
        return f"batch_sim{number:08d}"

    def job(self, told: BatchTold, now: float) -> Json:
        return {
            "id": told.id,
            "object": "batch",
            "endpoint": told.sent.get("endpoint"),
            "errors": None,
            "input_file_id": told.sent.get("input_file_id"),
            "completion_window": "24h",
            "status": self._STATUSES.get(told.status, told.status),
            "output_file_id": None,
            "error_file_id": None,
            "created_at": int(told.created),
            "expires_at": int(told.created) + _DAY,
            "request_counts": {"total": told.total, "completed": told.done, "failed": 0},
            "metadata": told.sent.get("metadata"),
        }

    def ended(self, shown: Json, answers: Answers, *, keep: Callable[[str, list[Json]], str], sent: Json) -> Json:
        good = [entry for entry in answers if entry[1] == 200]
        bad = [entry for entry in answers if entry[1] != 200]
        counts = {"total": len(answers), "completed": len(good), "failed": len(bad)}
        return shown | {
            "output_file_id": keep("output", self.rows(good)) if good else None,
            "error_file_id": keep("error", self.rows(bad)) if bad else None,
            "request_counts": counts,
        }

    def rows(self, answers: Answers) -> list[Json]:
        rows: list[Json] = []
        for number, (id, status, body) in enumerate(answers):
            response, error = None, None
            if status:
                response = {"status_code": status, "request_id": f"req_sim{number:08d}", "body": body}
            else:
                said = f"This request could not be executed before the batch was {body}."
                error = {"code": f"batch_{body}", "message": said}
            rows.append({"id": f"batch_req_sim{number:08d}", "custom_id": id, "response": response, "error": error})
        return rows

    def listing(self, jobs: list[Json]) -> Json:
        return {"object": "list", "data": jobs, "has_more": False}


class _Anthropic:
    def id(self, number: int) -> str:
        return f"msgbatch_sim{number:08d}"

    def job(self, told: BatchTold, now: float) -> Json:
        is_over = told.status != "running"
        ended = _moment(now) if is_over else None
        # Anthropic counts all inputs as in process until the whole batch has ended.
        counts = {"processing": 0 if is_over else told.total, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
        return {
            "id": told.id,
            "type": "message_batch",
            "processing_status": "ended" if is_over else "in_progress",
            "request_counts": counts | ({"succeeded": told.total} if is_over else {}),
            "ended_at": ended,
            "created_at": _moment(told.created),
            "expires_at": _moment(told.created + _DAY),
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": f"/v1/messages/batches/{told.id}/results" if is_over else None,
        }

    def ended(self, shown: Json, answers: Answers, *, keep: Callable[[str, list[Json]], str], sent: Json) -> Json:
        kinds = [row["result"]["type"] for row in self.rows(answers)]
        counts = {kind: kinds.count(kind) for kind in ("succeeded", "errored", "canceled", "expired")}
        return shown | {"request_counts": {"processing": 0, **counts}}

    def rows(self, answers: Answers) -> list[Json]:
        rows: list[Json] = []
        for id, status, body in answers:
            if status == 200:
                result: Json = {"type": "succeeded", "message": body}
            elif status:
                result = {"type": "errored", "error": body}
            else:
                result = {"type": "canceled" if body == "cancelled" else body}
            rows.append({"custom_id": id, "result": result})
        return rows

    def listing(self, jobs: list[Json]) -> Json:
        ends = (jobs[0]["id"], jobs[-1]["id"]) if jobs else (None, None)
        return {"data": jobs, "has_more": False, "first_id": ends[0], "last_id": ends[1]}


class _Google:
    _STATUSES: Mapping[str, str] = {"ended": "SUCCEEDED"}

    def id(self, number: int) -> str:
        return f"batches/sim{number:08d}"

    def job(self, told: BatchTold, now: float) -> Json:
        state = self._STATUSES.get(told.status, told.status.upper())
        stats = {"requestCount": str(told.total), "pendingRequestCount": str(told.total - told.done)}
        metadata = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": told.sent.get("model"),
            "displayName": told.sent.get("displayName"),
            "createTime": _moment(told.created),
            "updateTime": _moment(now),
            "batchStats": stats,
            "state": f"BATCH_STATE_{state}",
            "name": told.id,
        }
        return {"name": told.id, "metadata": metadata, **({"done": True} if told.status != "running" else {})}

    def ended(self, shown: Json, answers: Answers, *, keep: Callable[[str, list[Json]], str], sent: Json) -> Json:
        rows: Json = {"inlinedResponses": {"inlinedResponses": self.rows(answers)}}
        if sent.get("file"):
            keyed = [
                {"key": row["metadata"]["key"], **{name: row[name] for name in row if name != "metadata"}}
                for row in self.rows(answers)
            ]
            rows = {"responsesFile": keep("files/batch", keyed)}
        failed = sum(status not in (0, 200) for _, status, _ in answers)
        stats = {"requestCount": str(len(answers)), "failedRequestCount": str(failed)}
        return shown | {"response": rows, "metadata": shown["metadata"] | {"output": rows, "batchStats": stats}}

    def rows(self, answers: Answers) -> list[Json]:
        rows: list[Json] = []
        for id, status, body in answers:
            if status == 200:
                rows.append({"response": body, "metadata": {"key": id}})
            elif status:
                rows.append({"error": body.get("error", body), "metadata": {"key": id}})
        return rows

    def listing(self, jobs: list[Json]) -> Json:
        return {"operations": jobs} if jobs else {}


class _Mistral:
    _STATUSES: Mapping[str, str] = {
        "ended": "SUCCESS",
        "expired": "TIMEOUT_EXCEEDED",
        "cancelled": "CANCELLED",
        "failed": "FAILED",
    }

    def id(self, number: int) -> str:
        return f"{number:08d}-0000-4000-8000-000000000000"

    def job(self, told: BatchTold, now: float) -> Json:
        return {
            "id": told.id,
            "object": "batch",
            "input_files": [],
            "metadata": told.sent.get("metadata"),
            "endpoint": told.sent.get("endpoint"),
            "model": told.sent.get("model"),
            "output_file": None,
            "error_file": None,
            "errors": [],
            "outputs": None,
            "status": self._STATUSES.get(told.status, "RUNNING"),
            "created_at": int(told.created),
            "total_requests": told.total,
            "completed_requests": told.done,
            "succeeded_requests": told.done,
            "failed_requests": 0,
        }

    def ended(self, shown: Json, answers: Answers, *, keep: Callable[[str, list[Json]], str], sent: Json) -> Json:
        good = [entry for entry in answers if entry[1] == 200]
        bad = [entry for entry in answers if entry[1] not in (0, 200)]
        return shown | {
            "output_file": keep("output", self.rows(good)) if good else None,
            "error_file": keep("error", self.rows(bad)) if bad else None,
            "succeeded_requests": len(good),
            "failed_requests": len(bad),
        }

    def rows(self, answers: Answers) -> list[Json]:
        return [
            {"id": f"batch-{id}", "custom_id": id, "response": {"status_code": status, "body": body}, "error": None}
            for id, status, body in answers
        ]

    def listing(self, jobs: list[Json]) -> Json:
        return {"object": "list", "data": jobs, "total": len(jobs)}


_SHAPES: Mapping[str, Shape] = {
    "openai": _OpenAI(),
    "anthropic": _Anthropic(),
    "google": _Google(),
    "mistral": _Mistral(),
}


def paged(shape: Shape, jobs: list[Json], query: str) -> Json:
    """One page of a list of batches, as the query asks for it, in the words of the provider."""
    asked = {name: values[-1] for name, values in parse_qs(query).items()}
    sizes = (asked.get(name) for name in ("limit", "page_size", "pageSize"))
    size = min(int(next((said for said in sizes if said), _PAGE)), _PAGE)
    ids = [str(job.get("id")) for job in jobs]
    after = asked.get("after") or asked.get("after_id")
    first = ids.index(after) + 1 if after in ids else int(asked.get("pageToken") or int(asked.get("page") or 0) * size)
    told = shape.listing(jobs[first : first + size])
    is_last = first + size >= len(jobs)
    if "has_more" in told:
        return told | {"has_more": not is_last}
    if "total" in told:
        return told | {"total": len(jobs)}
    return told if is_last else told | {"nextPageToken": str(first + size)}


def shape_of(dialect: str) -> Shape:
    """How a provider tells of batches."""
    return _SHAPES[dialect]


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="microseconds")
