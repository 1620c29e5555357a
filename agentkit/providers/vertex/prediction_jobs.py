"""Batches of Vertex AI: POST batchPredictionJobs, with inputs and results in a bucket of Cloud Storage.

Facts: google-genai 3.4 (fields and states of a job) and Google's guides to batches of Gemini and of Claude (a line is
{"request"}, a result has "response" and "status" beside it, in any order; Claude's lines have a "custom_id", which
comes back; with Gemini the request comes back as it was sent, so its id is one of its labels).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from agentkit.batching import (
    AnswerDecoder,
    BatchJob,
    BatchLimits,
    BatchLine,
    BatchResult,
    json_rows,
    moment_of,
)
from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.providers.google.batches import status_of
from agentkit.providers.google.errors import decode_error
from agentkit.usage import count_of

__all__ = ["BatchPredictionJobsCodec"]

Json = dict[str, Any]

_PATH = "/batchPredictionJobs"
_LABEL = "agentkit"
_PHRASES: Mapping[str, int] = {status.phrase.lower(): status.value for status in HTTPStatus if status >= 400}


class BatchPredictionJobsCodec:
    """The client half of Vertex AI's batches, for Gemini and Claude."""

    limits = BatchLimits(20_000, 500_000_000)  # less than it takes: all of it is held in memory
    price_factor = 0.5
    keeps_names = True
    uploads = True

    def __init__(self, inner: AnswerDecoder, *, provider: str = "vertex") -> None:
        self.name = f"{provider}:batches"
        self._inner = inner
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """One line of the file, with its id where it comes back."""
        if line.wire.path.endswith(":rawPredict"):
            return b'{"custom_id":' + json_bytes(line.id) + b',"request":' + line.wire.body + b"}\n"
        return b'{"request":' + _labelled(line.wire.body, line.id) + b"}\n"

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a job of the file, which lies in a folder of its own; its display name is ours."""
        folder = file.rpartition("/")[0]
        fields = {
            "displayName": name,
            "model": wires[0].path.lstrip("/").rpartition(":")[0],
            "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [file]}},
            "outputConfig": {
                "predictionsFormat": "jsonl",
                "gcsDestination": {"outputUriPrefix": f"{folder}/output"},
            },
        }
        return WireRequest(_PATH, json_bytes(fields))

    def look(self, job: str) -> WireRequest:
        """Asks where a job stands."""
        return _get(f"{_PATH}/{job}")

    def job(self, body: bytes) -> BatchJob:
        """Where it stands. Raises ProtocolError."""
        return self._job(self._object(body))

    def listing(self) -> WireRequest:
        """Asks for the latest jobs."""
        return _get(f"{_PATH}?pageSize=100")

    def jobs(self, body: bytes) -> list[BatchJob]:
        """The latest jobs, newest first. Raises ProtocolError."""
        return [self._job(entry) for entry in objects_of(self._object(body).get("batchPredictionJobs"))]

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for those that are older than a list."""
        token = str(self._object(body).get("nextPageToken") or "")
        return _get(f"{_PATH}?pageSize=100&pageToken={quote(token, safe='')}") if token else None

    def cancel(self, job: str) -> WireRequest:
        """Asks to end a job."""
        return WireRequest(f"{_PATH}/{job}:cancel", b"{}")

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results in one object. Raises ProtocolError."""
        return [(_id_of(row), self._result(row)) for row in json_rows(body, provider=self._provider)]

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _result(self, row: Json) -> BatchResult:
        answer = self._answer_in(row)
        if answer:
            try:
                return self._inner.decode(json_bytes(answer))
            except ExchangeError as error:
                return error
        said = row.get("error") or row.get("status")
        if not said:
            return ProtocolError("a line of the results holds neither an answer nor an error", provider=self._provider)
        told = object_of(said) or _object_in(str(said))
        error = object_of(told.get("error")) or told or {"message": str(said)}
        words = str(said).partition(":")[0].strip().lower()  # such as "Bad Request: {...}"
        status = count_of(error.get("code")) or _PHRASES.get(words, 500)
        return decode_error(status, {}, json_bytes({"error": error | {"code": status}}), provider=self._provider)

    def _answer_in(self, row: Json) -> Json | None:
        """What the provider would have answered alone."""
        return object_of(row.get("response")) or None

    def _job(self, fields: Json) -> BatchJob:
        name = fields.get("name")
        if not isinstance(name, str) or not name:
            raise ProtocolError("the reply names no batch ('name' is missing)", provider=self._provider)
        raw = str(fields.get("state") or "JOB_STATE_PENDING")
        status = status_of(raw)
        stats = object_of(fields.get("completionStats"))
        counts = [count_of(stats.get(f"{kind}Count")) for kind in ("successful", "failed", "incomplete")]
        folder = object_of(fields.get("outputInfo")).get("gcsOutputDirectory")
        if not folder:
            folder = object_of(object_of(fields.get("outputConfig")).get("gcsDestination")).get("outputUriPrefix")
        return BatchJob(
            name.rpartition("/")[2],
            status,
            raw,
            sum(counts),
            counts[0] + counts[1],
            counts[1],
            str(fields.get("displayName") or ""),
            moment_of(fields.get("createTime")),
            (f"{str(folder).rstrip('/')}/",) if folder and status != "running" else (),
            str(object_of(fields.get("error")).get("message") or ""),
        )

    def _object(self, body: bytes) -> Json:
        return object_of(reply_of(body, provider=self._provider))


def _labelled(body: bytes, id: str) -> bytes:
    """A request with its id among its labels, of which it may have some already."""
    if b'"labels"' not in body:
        return body[:-1] + b',"labels":' + json_bytes({_LABEL: id}) + b"}"
    fields = object_of(json_value(body))
    return json_bytes(fields | {"labels": object_of(fields.get("labels")) | {_LABEL: id}})


def _id_of(row: Json) -> str:
    labels = object_of(object_of(row.get("request")).get("labels"))
    return str(row.get("custom_id") or labels.get(_LABEL))


def _object_in(text: str) -> Json:
    """The JSON object in a sentence."""
    found = re.search(r"\{.*\}", text, re.DOTALL)
    try:
        return object_of(json_value(found[0].encode())) if found else {}
    except ValueError:
        return {}


def _get(path: str) -> WireRequest:
    return WireRequest(path, b"", "GET", headers=())
