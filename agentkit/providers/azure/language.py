"""Azure AI Language: sentiment and the language of a text at once, classifiers of one's own as jobs.

Facts: azure-ai-textanalytics and Azure's reference (version 2023-04-01): POST /language/:analyze-text takes 10
documents of 5,120 characters each, POST /language/analyze-text/jobs 25 of them. A document can fail inside a reply of
status 200 whose other documents have their answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationOffer,
    ClassificationRequest,
    object_of,
    objects_of,
    scores_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import BadRequestError, ConfigurationError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.jobs import JobDone, JobFailed, JobReply, JobStep, id_in, query_in
from agentkit.json_bytes import json_bytes
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.usage import Usage

__all__ = [
    "JOBS",
    "JOB_DOCUMENTS",
    "VERSION",
    "LanguageCodec",
    "LanguageJobsCodec",
    "classified",
    "is_job",
    "job_failure",
    "job_question",
    "job_results",
    "state_of",
]

Json = dict[str, Any]

VERSION = "?api-version=2023-04-01"
"""The query of every request."""
_PATH = f"/language/:analyze-text{VERSION}"
JOBS = "/language/analyze-text/jobs"
"""Where jobs are."""
_KINDS = {"sentiment": "SentimentAnalysis", "language": "LanguageDetection"}
_JOB_KINDS = {
    "sentiment": "SentimentAnalysis",
    "single-label": "CustomSingleLabelClassification",
    "multi-label": "CustomMultiLabelClassification",
}
_DOCUMENTS = 10
JOB_DOCUMENTS = 25
"""So many texts go into one job."""


class LanguageCodec:
    """The client half of two of Azure's analyses, named "sentiment" and "language"."""

    def __init__(self, provider: str = "azure-language") -> None:
        self.name = f"{provider}:analyze_text"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model: it has labels of its own. Raises ConfigurationError."""
        if model not in _KINDS:
            raise _unknown(model, self._provider)
        return ClassificationOffer(frozenset({"own"}), _DOCUMENTS)

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images."""
        documents, parameters = _asked(asked, self._provider)
        body: Json = {
            "kind": _KINDS.get(asked.model, asked.model),
            "parameters": {"modelVersion": "latest", **parameters},
            "analysisInput": {"documents": documents},
        }
        return WireRequest(_PATH, json_bytes(body))

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What became of the documents, in their order: some may have an error."""
        reply = reply_of(body, provider=self._provider)
        fields = object_of(reply)
        results = fields.get("results")
        if not isinstance(results, dict):
            if fields.get("error"):
                raise error_in_stream(fields, provider=self._provider)
            raise ProtocolError("the reply holds no results ('results' is missing)", provider=self._provider)
        return _answer([cast("Json", results)], provider=self._provider)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


def is_job(model: str) -> bool:
    """Whether this model is asked by a job."""
    return "/" in model


@dataclass(frozen=True, slots=True)
class _Job:
    """What the exchanges of one job have found so far."""

    id: str
    pages: tuple[Json, ...] = ()


class LanguageJobsCodec:
    """The client half of jobs, which run "single-label/PROJECT/DEPLOYMENT", "multi-label/..." and "job/sentiment"."""

    poll_seconds = 1.0

    def __init__(self, provider: str = "azure-language") -> None:
        self.name = f"{provider}:jobs"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What a job does with this model. Raises ConfigurationError for a name that is none."""
        _task(model, dict[str, Any](), provider=self._provider)
        return ClassificationOffer(frozenset({"own"}), JOB_DOCUMENTS)

    def begin(self, asked: ClassificationRequest) -> JobStep[ClassificationAnswer]:
        """The request that starts a job. Raises UnsupportedError for images."""
        documents, task = job_question(asked, provider=self._provider)
        body = {"displayName": "agentkit", "analysisInput": {"documents": documents}, "tasks": [task]}
        return JobStep("start", WireRequest(f"{JOBS}{VERSION}", json_bytes(body)), self._started)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 2xx."""
        return decode_error(status, headers, body, provider=self._provider)

    def _started(self, reply: JobReply) -> JobStep[ClassificationAnswer]:
        id = id_in(reply.headers.get("operation-location", ""), f"{JOBS}/", provider=self._provider)
        return self._look(_Job(id))

    def _look(self, job: _Job, query: str = VERSION) -> JobStep[ClassificationAnswer]:
        wire = WireRequest(f"{JOBS}/{job.id}{query}", b"", "GET", headers=())
        return JobStep("fetch" if job.pages else "look", wire, partial(self._looked, job), job.id)

    def _looked(
        self, job: _Job, reply: JobReply
    ) -> JobStep[ClassificationAnswer] | JobDone[ClassificationAnswer] | JobFailed:
        """Go on looking, fetch the next page of results, or answer."""
        fields = state_of(reply.body, provider=self._provider)
        status = str(fields.get("status"))
        results = job_results(fields)
        if status in ("notStarted", "running", "cancelling") and not job.pages:
            return self._look(job)
        if not results:
            return JobFailed(job_failure(fields, provider=self._provider))
        job = _Job(job.id, (*job.pages, results))
        following = query_in(fields.get("nextLink"), provider=self._provider)
        if following and len(job.pages) < JOB_DOCUMENTS:
            return self._look(job, f"?{following}")
        return JobDone(_answer(job.pages, provider=self._provider))


def job_question(asked: ClassificationRequest, *, provider: str) -> tuple[list[Json], Json]:
    """The documents and the task of a job. Raises UnsupportedError for images, ConfigurationError for other models."""
    documents, parameters = _asked(asked, provider)
    return documents, _task(asked.model, parameters, provider=provider)


def state_of(body: bytes, *, provider: str) -> Json:
    """The state of a job. Raises the error that the reply tells in its place, ProtocolError."""
    fields = object_of(reply_of(body, provider=provider))
    if fields.get("error"):
        raise error_in_stream(fields, provider=provider)
    return fields


def job_results(fields: Json) -> Json:
    """The results in the state of a job; an empty object while there are none."""
    items = objects_of(object_of(fields.get("tasks")).get("items"))
    return object_of(items[0].get("results")) if items else {}


def job_failure(fields: Json, *, provider: str) -> ExchangeError:
    """Why a job has no results, by its state."""
    id, status = fields.get("jobId"), str(fields.get("status"))
    items = objects_of(object_of(fields.get("tasks")).get("items"))
    reasons = [
        *objects_of(fields.get("errors")),
        *(object_of(item.get("error")) for item in items),
    ]
    if reason := next((reason for reason in reasons if reason), None):
        found = error_in_stream({"error": {"status": "400", **reason}}, provider=provider)
        found.status = None  # the reply that told of it was a good one
        return found
    if status in ("succeeded", "partiallyCompleted"):
        return ProtocolError(f"the job {id} has no results ('results' is missing)", provider=provider)
    return ExchangeError(f"the job {id} ended as {status!r}, and says no reason", provider=provider)


def classified(results: Json, *, provider: str) -> dict[str, Classification]:
    """What became of documents, by their ids."""
    found = {str(row.get("id")): _classification(row, provider) for row in objects_of(results.get("documents"))}
    return found | {str(row.get("id")): _failed(row, provider) for row in objects_of(results.get("errors"))}


def _asked(asked: ClassificationRequest, provider: str) -> tuple[list[Json], Json]:
    """The documents, and the parameters of one's own. Raises UnsupportedError for images."""
    if not all(isinstance(entry, str) for entry in asked.inputs):
        raise UnsupportedError(f"{provider}:{asked.model} reads texts only; an image was given")
    documents: list[Json] = [{"id": str(place), "text": entry} for place, entry in enumerate(asked.inputs)]
    more = dict((asked.settings.extra or {}).get(provider, {}))
    language = more.pop("language", None)
    if language is not None:
        documents = [{**document, "language": language} for document in documents]
    return documents, more


def _task(model: str, parameters: Json, *, provider: str) -> Json:
    """What a job is to do. Raises ConfigurationError."""
    match model.split("/"):
        case ["sentiment"] | ["job", "sentiment"]:
            return {"kind": _JOB_KINDS["sentiment"], "parameters": {"modelVersion": "latest", **parameters}}
        case ["single-label" | "multi-label" as kind, str(project), str(deployment)] if project and deployment:
            own = {"projectName": project, "deploymentName": deployment}
            return {"kind": _JOB_KINDS[kind], "parameters": {**own, **parameters}}
        case _:
            raise _unknown(model, provider)


def _unknown(model: str, provider: str) -> ConfigurationError:
    return ConfigurationError(
        f"{provider} has no {model!r}; it has {', '.join(_KINDS)}, job/sentiment, and of your own "
        "single-label/PROJECT/DEPLOYMENT and multi-label/PROJECT/DEPLOYMENT"
    )


def _answer(pages: Sequence[Json], *, provider: str) -> ClassificationAnswer:
    """What became of the documents of all pages, in their order."""
    found: dict[str, Classification] = {}
    for page in pages:
        found |= classified(page, provider=provider)
    ordered = sorted(found, key=lambda id: (len(id), id))
    model = str(pages[0].get("modelVersion") or pages[0].get("deploymentName") or "")
    return ClassificationAnswer(tuple(found[id] for id in ordered), Usage(), model)


def _failed(row: Json, provider: str) -> Classification:
    details = object_of(row.get("error"))
    deepest = object_of(details.get("innererror")) or details
    message = str(deepest.get("message") or details.get("message") or "the document was not analysed")
    return Classification(error=BadRequestError(message, provider=provider, code=str(deepest.get("code") or "")))


def _classification(row: Json, provider: str) -> Classification:
    """What was found in a document; an error where that is not said."""
    if language := object_of(row.get("detectedLanguage")):
        label = str(language.get("iso6391Name") or "")
        scores = scores_of({label: language.get("confidenceScore")})
        return Classification((label,), scores) if label else _silent("detectedLanguage", provider)
    if isinstance(row.get("class"), (dict, list)):  # Azure has chosen already: one class, or all that fit
        named = {str(each["category"]): each.get("confidenceScore") for each in _classes(row) if each.get("category")}
        scores = scores_of(named)
        return Classification(tuple(sorted(named, key=lambda label: -scores.get(label, 0.0))), scores)
    label = str(row.get("sentiment") or "")
    if not label:
        return _silent("sentiment", provider)
    return Classification((label,), scores_of(row.get("confidenceScores")))  # "mixed" is a label without a score


def _silent(name: str, provider: str) -> Classification:
    what = f"the reply does not say what was found in the document ({name!r} is missing)"
    return Classification(error=ProtocolError(what, provider=provider))


def _classes(row: Json) -> list[Json]:
    """Of a document: a list, and in earlier versions one object."""
    one = object_of(row.get("class"))
    return [one] if one else objects_of(row.get("class"))
