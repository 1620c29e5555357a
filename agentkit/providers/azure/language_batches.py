"""Many texts as jobs of Azure AI Language: POST /language/analyze-text/jobs, 25 of them each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.batching import BatchJob, BatchLimits, BatchLine, BatchResult, BatchStatus
from agentkit.classification import Classification, ClassificationAnswer, ClassificationRequest, object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.jobs import id_in
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.providers.azure.language import (
    JOB_DOCUMENTS,
    JOBS,
    VERSION,
    LanguageCodec,
    classified,
    job_failure,
    job_question,
    job_results,
    state_of,
)
from agentkit.providers.openai.errors import decode_error

__all__ = ["LanguageBatchesCodec", "LanguageLineCodec"]

Json = dict[str, Any]

_CHARACTERS = 125_000
_STATUSES: Mapping[str, BatchStatus] = {
    "succeeded": "ended",
    "partiallyCompleted": "ended",
    "failed": "failed",
    "cancelled": "cancelled",
}


class LanguageLineCodec(LanguageCodec):
    """What one text of a batch is on the wire: its document beside the task of its job."""

    def encode_line(self, asked: ClassificationRequest) -> WireRequest:
        """The question as JSON. Raises UnsupportedError for what jobs do not do."""
        if asked.model == "language":
            raise UnsupportedError("Azure's jobs do not find out languages; ask at once: classify(...)")
        documents, task = job_question(asked, provider=self._provider)
        if len(documents) != 1:
            raise UnsupportedError(f"an input of a batch is one text; {len(documents)} were given in one")
        return WireRequest(f"{JOBS}{VERSION}", json_bytes({"task": task, "document": documents[0]}))


class LanguageBatchesCodec:
    """The client half of many such jobs."""

    limits = BatchLimits(JOB_DOCUMENTS, _CHARACTERS)
    price_factor = 1.0
    keeps_names = False
    uploads = False

    def __init__(self, provider: str = "azure-language") -> None:
        self.name = f"{provider}:jobs"
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """One document."""
        return json_bytes({**object_of(json_value(line.wire.body))["document"], "id": line.id})

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a job."""
        task = object_of(json_value(wires[0].body))["task"]
        documents = [json_value(line) for line in lines]
        body = {"displayName": name, "analysisInput": {"documents": documents}, "tasks": [task]}
        return WireRequest(f"{JOBS}{VERSION}", json_bytes(body))

    def created(self, headers: Mapping[str, str], body: bytes) -> BatchJob:
        """The job that was started: its id stands in the head alone. Raises ProtocolError."""
        return BatchJob(id_in(headers.get("operation-location", ""), f"{JOBS}/", provider=self._provider), "running")

    def look(self, job: str) -> WireRequest:
        """Asks where a job stands, and for all of its results."""
        return WireRequest(f"{JOBS}/{job}{VERSION}&top={JOB_DOCUMENTS}", b"", "GET", headers=())

    def job(self, body: bytes) -> BatchJob:
        """Where a job stands. Raises ProtocolError."""
        fields = self._fields(body)
        id, raw = fields.get("jobId"), str(fields.get("status"))
        if not isinstance(id, str) or not id:
            raise ProtocolError("the reply names no job ('jobId' is missing)", provider=self._provider)
        id = id_in(f"{JOBS}/{id}", f"{JOBS}/", provider=self._provider)  # it goes into the paths of requests
        status, results = _STATUSES.get(raw, "running"), job_results(fields)
        failed, good = len(objects_of(results.get("errors"))), len(objects_of(results.get("documents")))
        if status == "running" or results:
            places = () if status == "running" else (id,)
            return BatchJob(id, status, raw, good + failed, good + failed, failed, results=places)
        status = "cancelled" if status == "cancelled" else "failed"
        return BatchJob(id, status, raw, problem=job_failure(fields, provider=self._provider).message)

    def listing(self) -> WireRequest | None:
        """Azure lists no jobs: one whose creation was cut off is submitted again."""
        return None

    def jobs(self, body: bytes) -> list[BatchJob]:
        """None: they are not listed."""
        return []

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """None: they are not listed."""
        return None

    def cancel(self, job: str) -> WireRequest:
        """Asks to end a job."""
        return WireRequest(f"{JOBS}/{job}:cancel{VERSION}", b"")

    def fetch(self, place: str) -> WireRequest:
        """Asks for the results, which stand in the state of the job."""
        return self.look(place)

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """What became of the texts. Raises ProtocolError."""
        results = job_results(self._fields(body))
        model = str(results.get("modelVersion") or results.get("deploymentName") or "")
        found = classified(results, provider=self._provider)
        return [(id, _result(each, model)) for id, each in found.items()]

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 2xx."""
        return decode_error(status, headers, body, provider=self._provider)

    def _fields(self, body: bytes) -> Json:
        return state_of(body, provider=self._provider)


def _result(each: Classification, model: str) -> BatchResult:
    if isinstance(each.error, ExchangeError):
        return each.error
    return ClassificationAnswer((each,), model=model)
