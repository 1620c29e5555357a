"""Azure AI Language, Content Safety and Speech without a model: words decide, and jobs take as long as they are told.

What their clients expect at /language/:analyze-text and /language/analyze-text/jobs, /contentsafety/text:analyze and
image:analyze, /speechtotext/transcriptions:transcribe and transcriptions:submit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qs, urlsplit

from pydantic_core import to_json

from agentkit.classification import object_of, objects_of
from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError, ExchangeError, NotFoundError
from agentkit.simulator.azure_analyses import ANALYSES, HARMS, analyzed
from agentkit.simulator.formats import Moment, json_object
from agentkit.simulator.forms import form_of
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply
from agentkit.transcription import wav_seconds

__all__ = ["AzureServices"]

Json: TypeAlias = dict[str, Any]

_MOST_DOCUMENTS = 10
_MOST_JOB_DOCUMENTS = 25
_PAGE = 20
_BYTES_PER_SECOND = 16_000
_DIGITS = 10
"""A number of more is none that a client asks for."""


@dataclass(slots=True)
class _Job:
    """One job and when it was made."""

    sent: Json
    created: float
    is_cancelled: bool = False


class AzureServices:
    """The services and their jobs, each of which takes `seconds`."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._jobs: dict[str, _Job] = {}
        self._made = 0
        self._routes: Sequence[tuple[str, re.Pattern[str], Callable[[HttpAsked, re.Match[str], Moment], Reply]]] = (
            ("POST", re.compile(r"/language/:analyze-text$"), self._analyze),
            ("POST", re.compile(r"/language/analyze-text/jobs$"), self._submit_analysis),
            ("GET", re.compile(r"/language/analyze-text/jobs/(?P<id>[^/:]+)$"), self._look_analysis),
            ("POST", re.compile(r"/language/analyze-text/jobs/(?P<id>[^/:]+):cancel$"), self._cancel_analysis),
            ("POST", re.compile(r"/contentsafety/text:analyze$"), self._harm),
            ("POST", re.compile(r"/contentsafety/image:analyze$"), self._image),
            ("POST", re.compile(r"/speechtotext/transcriptions:transcribe$"), self._transcribe),
            ("POST", re.compile(r"/speechtotext/transcriptions:submit$"), self._submit_transcription),
            ("GET", re.compile(r"/speechtotext/transcriptions$"), self._list_transcriptions),
            ("GET", re.compile(r"/speechtotext/transcriptions/(?P<id>[^/]+)$"), self._look_transcription),
            ("DELETE", re.compile(r"/speechtotext/transcriptions/(?P<id>[^/]+)$"), self._delete_transcription),
            ("GET", re.compile(r"/speechtotext/transcriptions/(?P<id>[^/]+)/files$"), self._files),
            ("GET", re.compile(r"/speechresults/(?P<id>[^/]+)/(?P<name>[^/]+)$"), self._file),
        )

    def about(self, asked: HttpAsked, moment: Moment) -> Reply | None:
        """The reply to a request for one of these services; None for any other request."""
        for method, path, answer in self._routes:
            found = path.search(asked.path)
            if found is None or method != asked.method:
                continue
            try:
                return answer(asked, found, moment)
            except ExchangeError as error:
                status = error.status or (404 if isinstance(error, NotFoundError) else 400)
                return _json({"error": {"code": error.code or "InvalidRequest", "message": error.message}}, status)
        return None

    def _analyze(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        sent = _sent(asked)
        kind = str(sent.get("kind"))
        if kind not in ("SentimentAnalysis", "LanguageDetection"):
            raise BadRequestError(f"Invalid Task Kind: {kind}", code="InvalidArgument")
        results = analyzed(kind, _documents(sent, _MOST_DOCUMENTS))
        return _json({"kind": f"{kind}Results", "results": {**results, "modelVersion": "2025-01-01"}})

    def _submit_analysis(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        sent = _sent(asked)
        _documents(sent, _MOST_JOB_DOCUMENTS)
        tasks = objects_of(sent.get("tasks"))
        if not tasks:
            raise BadRequestError("At least one task is required", code="InvalidRequest")
        for task in tasks:
            parameters = object_of(task.get("parameters"))
            is_custom = str(task.get("kind")).startswith("Custom")
            if is_custom and not (parameters.get("projectName") and parameters.get("deploymentName")):
                raise BadRequestError("projectName and deploymentName are required", code="InvalidArgument")
        id = self._begun(sent, moment)
        place = f"{_home(asked)}/language/analyze-text/jobs/{id}?api-version=2023-04-01"
        return Reply(202, (("operation-location", place), ("content-length", "0")), ())

    def _look_analysis(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        id, job = found["id"], self._found(found["id"], "tasks")
        tasks = objects_of(job.sent["tasks"])
        told: Json = {
            "jobId": id,
            "displayName": job.sent.get("displayName"),
            "createdDateTime": _time(job.created),
            "lastUpdatedDateTime": _time(moment.now),
            "expirationDateTime": _time(job.created + 86_400),
            "errors": [],
        }
        count = len(tasks)
        if job.is_cancelled:
            return _json({**told, "status": "cancelled", "tasks": {"completed": 0, "total": count}})
        if not self._is_over(job, moment):
            return _json(
                {
                    **told,
                    "status": "running",
                    "tasks": {"completed": 0, "failed": 0, "inProgress": count, "total": count},
                }
            )
        query = parse_qs(asked.target.partition("?")[2])
        skip, top = _count(query.get("skip"), 0), _count(query.get("top"), _PAGE)
        documents = _documents(job.sent, _MOST_JOB_DOCUMENTS)
        items = [_task_result(task, documents[skip : skip + top], moment) for task in tasks]
        told |= {"status": "succeeded"}
        told["tasks"] = {"completed": count, "failed": 0, "inProgress": 0, "total": count, "items": items}
        if skip + top < len(documents):
            page = f"api-version=2023-04-01&top={top}&skip={skip + top}"
            told["nextLink"] = f"{_home(asked)}/language/analyze-text/jobs/{id}?{page}"
        return _json(told)

    def _cancel_analysis(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        job = self._found(found["id"], "tasks")
        job.is_cancelled = not self._is_over(job, moment)
        return Reply(202, (("operation-location", f"{_home(asked)}{asked.path}"), ("content-length", "0")), ())

    def _harm(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        text = _sent(asked).get("text")
        if not isinstance(text, str) or not text or len(text) > 10_000:
            raise BadRequestError("The text has to have from 1 to 10000 characters.", code="InvalidRequestBody")
        rows = [{"category": name, "severity": 4 if harm.search(text) else 0} for name, harm in HARMS.items()]
        return _json({"blocklistsMatch": [], "categoriesAnalysis": rows})

    def _image(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        image = object_of(_sent(asked).get("image"))
        if not (image.get("content") or image.get("blobUrl")):
            raise BadRequestError("Either content or blobUrl has to be set.", code="InvalidRequestBody")
        return _json({"categoriesAnalysis": [{"category": name, "severity": 0} for name in HARMS]})

    def _transcribe(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        form = form_of(asked.body, asked.header("content-type"))
        definition = json_object(form.field("definition").encode()) or {}
        files = form.files.get("audio", [])
        if not files and not definition.get("audioUrl"):
            raise BadRequestError("Either 'audio' or 'audioUrl' is required.", code="InvalidArgument")
        seconds = (wav_seconds(files[0].data) or len(files[0].data) / _BYTES_PER_SECOND) if files else 1.0
        text, length = f"This recording lasts {seconds:.1f} seconds.", round(seconds * 1000)
        locales = definition.get("locales") or ["en-US"]
        if not isinstance(locales, list):
            raise BadRequestError("'locales' has to be a list.", code="InvalidArgument")
        locale = cast("list[Any]", locales)[0]
        words = [
            {"text": word, "offsetMilliseconds": start, "durationMilliseconds": end - start}
            for word, start, end in _timed(text, length)
        ]
        phrase = {"offsetMilliseconds": 0, "durationMilliseconds": length, "text": text, "words": words}
        phrase |= {"locale": locale, "confidence": 0.9}
        return _json({"durationMilliseconds": length, "combinedPhrases": [{"text": text}], "phrases": [phrase]})

    def _submit_transcription(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        sent = _sent(asked)
        for name in ("displayName", "locale", "properties"):
            if not sent.get(name):
                raise BadRequestError(f"The required property '{name}' is missing.", code="InvalidPayload")
        urls = sent.get("contentUrls")
        if not isinstance(urls, list) or not all(map(_is_address, cast("list[Any]", urls or [None]))):
            raise BadRequestError("contentUrls has to be a list of addresses.", code="InvalidPayload")
        id = self._begun(sent, moment)
        return _json(self._transcription(id, asked, moment), 201)

    def _list_transcriptions(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        ids = [id for id, job in self._jobs.items() if "contentUrls" in job.sent]
        return _json({"values": [self._transcription(id, asked, moment) for id in reversed(ids)]})

    def _look_transcription(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        self._found(found["id"], "contentUrls")
        return _json(self._transcription(found["id"], asked, moment))

    def _delete_transcription(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        self._found(found["id"], "contentUrls")
        del self._jobs[found["id"]]
        return Reply(204, (), ())

    def _files(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        id, job = found["id"], self._found(found["id"], "contentUrls")
        if not self._is_over(job, moment):
            return _json({"values": []})
        names = [f"contenturl_{place}.json" for place, url in enumerate(job.sent["contentUrls"]) if _is_there(url)]
        rows = [("TranscriptionReport", "report.json"), *(("Transcription", name) for name in names)]
        home = f"{_home(asked)}/speechresults/{id}"
        return _json(
            {
                "values": [
                    {"name": name, "kind": kind, "links": {"contentUrl": f"{home}/{name}?sig=simulated"}}
                    for kind, name in rows
                ]
            }
        )

    def _file(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        urls = [str(url) for url in self._found(found["id"], "contentUrls").sent["contentUrls"]]
        if found["name"] == "report.json":
            return _json(_report(urls))
        number = re.fullmatch(r"contenturl_(\d{1,4})\.json", found["name"])
        if number is None or int(number[1]) >= len(urls):
            raise NotFoundError("The specified blob does not exist.", code="BlobNotFound")
        return _json(_result(urls[int(number[1])], self._found(found["id"], "contentUrls").sent))

    def _transcription(self, id: str, asked: HttpAsked, moment: Moment) -> Json:
        job = self._jobs[id]
        place = f"{_home(asked)}/speechtotext/transcriptions/{id}"
        version = "?api-version=2025-10-15"
        return {
            "self": place + version,
            "links": {"files": f"{place}/files{version}"},
            "displayName": job.sent["displayName"],
            "locale": job.sent["locale"],
            "properties": job.sent["properties"],
            "customProperties": job.sent.get("customProperties") or {},
            "createdDateTime": _time(job.created),
            "lastActionDateTime": _time(min(moment.now, job.created + self._seconds)),
            "status": "Succeeded" if self._is_over(job, moment) else "Running",
        }

    def _begun(self, sent: Json, moment: Moment) -> str:
        self._made += 1
        id = f"00000000-0000-0000-0000-{self._made:012d}"
        self._jobs[id] = _Job(sent, moment.now)
        return id

    def _found(self, id: str, kind: str) -> _Job:
        """The job of this id. Raises NotFoundError where there is none, or one of another service."""
        job = self._jobs.get(id)
        if job is None or kind not in job.sent:
            raise NotFoundError(f"The job {id} was not found.", code="NotFound")
        return job

    def _is_over(self, job: _Job, moment: Moment) -> bool:
        return moment.now >= job.created + self._seconds


def _task_result(task: Json, documents: Sequence[Json], moment: Moment) -> Json:
    kind = str(task.get("kind"))
    told: Json = {
        "kind": f"{kind}LROResults",
        "taskName": task.get("taskName"),
        "lastUpdateDateTime": _time(moment.now),
    }
    if kind not in ANALYSES or kind == "LanguageDetection":
        return {**told, "status": "failed", "error": {"code": "InvalidArgument", "message": f"No task of kind {kind}."}}
    parameters = object_of(task.get("parameters"))
    own = {name: parameters[name] for name in ("projectName", "deploymentName") if name in parameters}
    own = own or {"modelVersion": "2025-01-01"}
    return {**told, "status": "succeeded", "results": {**analyzed(kind, documents), **own}}


def _is_address(url: object) -> bool:
    try:
        return isinstance(url, str) and bool(urlsplit(url).path)
    except ValueError:
        return False


def _is_there(url: object) -> bool:
    """The simulator fetches nothing: an address whose path says "missing" is one at which nothing is."""
    return "missing" not in urlsplit(str(url)).path


def _report(urls: Sequence[str]) -> Json:
    rows: list[Json] = []
    for url in urls:
        row: Json = {"sourceUrl": url, "status": "Succeeded" if _is_there(url) else "Failed"}
        if not _is_there(url):
            row |= {"errorKind": "InvalidUri", "errorMessage": "The recording could not be downloaded."}
        rows.append(row)
    good = sum(map(_is_there, urls))
    return {"successfulTranscriptionsCount": good, "failedTranscriptionsCount": len(urls) - good, "details": rows}


def _result(url: str, sent: Json) -> Json:
    """A file of results: what is heard is the name of the recording."""
    name = urlsplit(url).path.rpartition("/")[2]
    text, seconds = f"This is the recording {name}.", 2
    best: Json = {"confidence": 0.9, "lexical": text.lower().rstrip("."), "display": text}
    properties = object_of(sent.get("properties"))
    if properties.get("displayFormWordLevelTimestampsEnabled"):
        best["displayWords"] = [
            {"displayText": word, "offsetInTicks": start * 10_000, "durationInTicks": (end - start) * 10_000}
            for word, start, end in _timed(text, seconds * 1000)
        ]
    times = {"offsetInTicks": 0, "durationInTicks": seconds * 10_000_000}
    phrase = {"recognitionStatus": "Success", "channel": 0, **times, "locale": sent["locale"], "nBest": [best]}
    return {
        "source": url,
        "durationInTicks": seconds * 10_000_000,
        "combinedRecognizedPhrases": [{"channel": 0, "display": text}],
        "recognizedPhrases": [phrase],
    }


def _timed(text: str, milliseconds: int) -> list[tuple[str, int, int]]:
    """The words of a text, each as long as any other: (word, start, end)."""
    words = text.split(" ")
    step = milliseconds // len(words)
    return [(word, place * step, (place + 1) * step) for place, word in enumerate(words)]


def _documents(sent: Json, most: int) -> list[Json]:
    documents = objects_of(object_of(sent.get("analysisInput")).get("documents"))
    if not documents:
        raise BadRequestError("At least one document has to be given.", code="MissingInputDocuments")
    if len(documents) > most:
        raise BadRequestError(
            f"Batch request contains too many records. Max {most} records are permitted.", code="InvalidDocumentBatch"
        )
    if len({str(document.get("id")) for document in documents}) != len(documents):
        raise BadRequestError("Request contains duplicated Ids.", code="InvalidDocument")
    return documents


def _sent(asked: HttpAsked) -> Json:
    sent = json_object(asked.body)
    if sent is None:
        raise BadRequestError("The request body is no valid JSON.", code="InvalidRequestBody")
    return sent


def _count(values: Sequence[str] | None, default: int) -> int:
    return int(values[0]) if values and values[0].isdecimal() and len(values[0]) < _DIGITS else default


def _home(asked: HttpAsked) -> str:
    return f"http://{asked.header('host')}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: Mapping[str, Any], status: int = 200) -> Reply:
    return Reply.whole(HttpReply(status, to_json(value)))
