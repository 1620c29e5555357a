"""Replies about Azure's jobs of which any part was replaced give an answer, a next step or a typed error."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tasks.test_hostile_replies import changed

from agentkit.classification import Classification, ClassificationRequest
from agentkit.errors import AgentkitError, ProtocolError
from agentkit.jobs import JobDone, JobReply, JobStep
from agentkit.media import Audio
from agentkit.providers.azure.batch_transcriptions import BatchTranscriptionCodec
from agentkit.providers.azure.content_safety import ContentSafetyCodec
from agentkit.providers.azure.fast_transcription import FastTranscriptionCodec
from agentkit.providers.azure.language import LanguageCodec, LanguageJobsCodec
from agentkit.providers.azure.language_batches import LanguageBatchesCodec
from agentkit.providers.azure.transcription_batches import TranscriptionBatchesCodec
from agentkit.transcription import TranscriptionRequest

HEARD = TranscriptionRequest("batch", Audio.from_url("https://a.example/b.mp3"), language="en", words=True)
ANALYSED = {
    "jobId": "j",
    "status": "succeeded",
    "errors": [],
    "tasks": {
        "items": [
            {
                "results": {
                    "documents": [{"id": "0", "class": [{"category": "a", "confidenceScore": 0.9}]}],
                    "errors": [{"id": "1", "error": {"code": "c", "innererror": {"message": "m"}}}],
                    "deploymentName": "d",
                }
            }
        ]
    },
    "nextLink": "https://x.example/language/analyze-text/jobs/j?skip=1",
}
FAILED = {"jobId": "j", "status": "failed", "errors": [{"code": "c", "message": "m"}], "tasks": {"items": [{}]}}
JOB = {
    "self": "https://x.example/speechtotext/transcriptions/j?api-version=1",
    "displayName": "n",
    "status": "Succeeded",
    "createdDateTime": "2026-11-23T00:00:00Z",
    "customProperties": {"agentkit": "a-0"},
}
LOST = {**JOB, "status": "Failed", "properties": {"error": {"code": "InvalidUri", "message": "m"}}}
FILES = {
    "values": [
        {"kind": "Transcription", "name": "contenturl_0.json", "links": {"contentUrl": "https://f.example/a?s=1"}},
        {"kind": "TranscriptionReport", "name": "report.json", "links": {"contentUrl": "https://f.example/b?s=1"}},
    ]
}
TIMES = {"offsetInTicks": 0, "durationMilliseconds": 5}
HEARING = {
    "combinedRecognizedPhrases": [{"display": "Hi."}],
    "recognizedPhrases": [
        {**TIMES, "speaker": 1, "locale": "en", "nBest": [{"display": "Hi.", "words": [{"word": "hi", **TIMES}]}]}
    ],
    "durationInTicks": 5,
}
REPORT = {"details": [{"status": "Failed", "errorKind": "c", "errorMessage": "m", "sourceUrl": "u"}]}


def step(started: JobStep[Any] | JobDone[Any], *replies: Any) -> Callable[[bytes], object]:
    """What reads the reply after these."""
    for reply in replies:
        assert isinstance(started, JobStep)
        started = started.read(JobReply({}, json.dumps(reply).encode()))
    assert isinstance(started, JobStep)
    read = started.read
    return lambda body: read(JobReply({}, body))


def labelling() -> JobStep[Any] | JobDone[Any]:
    where = {"operation-location": "https://x.example/language/analyze-text/jobs/j?api-version=1"}
    return LanguageJobsCodec().begin(ClassificationRequest("single-label/p/d", ("a",))).read(JobReply(where, b""))


HEAR = BatchTranscriptionCodec().begin(HEARD)
REPORTED = {"values": FILES["values"][1:]}
READERS: dict[str, tuple[Callable[[bytes], object], Any]] = {
    "a job of labels": (step(labelling()), ANALYSED),
    "a job of labels that failed": (step(labelling()), FAILED),
    "a batch of labels": (LanguageBatchesCodec().job, ANALYSED),
    "a batch of labels that failed": (LanguageBatchesCodec().job, FAILED),
    "results of labels": (LanguageBatchesCodec().results, ANALYSED),
    "a job of speech": (step(HEAR), JOB),
    "a job of speech that failed": (step(HEAR), LOST),
    "files of speech": (step(HEAR, JOB), FILES),
    "a transcript": (step(HEAR, JOB, FILES), HEARING),
    "a report": (step(HEAR, JOB, REPORTED), REPORT),
    "a batch of speech": (TranscriptionBatchesCodec().job, JOB),
    "a batch of speech that failed": (TranscriptionBatchesCodec().job, LOST),
    "a list of batches of speech": (TranscriptionBatchesCodec().jobs, {"values": [JOB]}),
    "more batches of speech": (
        lambda body: TranscriptionBatchesCodec().more(body, seen=1),
        {"@nextLink": "https://x.example/speechtotext/transcriptions?skip=100"},
    ),
    "a fast transcription": (
        FastTranscriptionCodec().decode,
        {
            "durationMilliseconds": 5,
            "combinedPhrases": [{"text": "Hi."}],
            "phrases": [
                {"text": "Hi.", "offsetMilliseconds": 0, "durationMilliseconds": 5, "words": [{"text": "Hi."}]}
            ],
        },
    ),
}


def broken(reply: Any) -> list[Any]:
    """The reply with addresses that are none."""
    text = json.dumps(reply)
    return [json.loads(text.replace("https:", bad)) for bad in ("http://[", "")]


@pytest.mark.parametrize("name", READERS)
def test_a_strange_reply_gives_an_answer_or_a_typed_error(name: str) -> None:
    read, reply = READERS[name]
    for other in (reply, *changed(reply), *broken(reply)):
        body = json.dumps(other).replace("Infinity", "1e999").encode()
        try:
            read(body)
        except AgentkitError:
            continue
        except Exception as error:
            pytest.fail(f"{body!r} gave {error!r}")


@pytest.mark.parametrize("name", READERS)
def test_a_reply_cut_anywhere_gives_a_typed_error(name: str) -> None:
    read, reply = READERS[name]
    body = json.dumps(reply).encode()
    for cut in range(len(body)):
        with pytest.raises(AgentkitError):
            read(body[:cut])


@pytest.mark.parametrize(("told", "id"), [("a/../b", "a"), ("j?x=y", "j")])
def test_the_id_that_a_reply_names_leads_to_no_other_path(told: str, id: str) -> None:
    job = LanguageBatchesCodec().job(json.dumps({**ANALYSED, "jobId": told}).encode())
    assert (job.id, job.results) == (id, (id,))


def test_an_error_in_the_place_of_a_job_s_state_is_told() -> None:
    read = step(labelling())
    with pytest.raises(AgentkitError, match="too busy"):
        read(b'{"error": {"code": "503", "message": "too busy"}}')
    heard = step(HEAR)
    with pytest.raises(AgentkitError, match="too busy"):
        heard(b'{"error": {"code": "503", "message": "too busy"}}')


@pytest.mark.parametrize("rows", [[], ["x"], [{"category": "Hate"}], [{"category": "Hate", "severity": 0}, {}]])
def test_what_is_not_rated_is_not_harmless(rows: list[Any]) -> None:
    body = json.dumps({"categoriesAnalysis": rows}).encode()
    with pytest.raises(AgentkitError, match="does not say how harmful"):
        ContentSafetyCodec().decode(body)


def test_what_is_blocked_is_harmful_without_a_rating() -> None:
    answer = ContentSafetyCodec().decode(b'{"categoriesAnalysis": [], "blocklistsMatch": [{"blocklistName": "b"}]}')
    assert answer.classifications == (Classification((), {}, is_flagged=True),)


@pytest.mark.parametrize(
    ("row", "labels"),
    [
        ({"detectedLanguage": {"iso6391Name": "en"}}, ("en",)),
        ({"class": [{"category": "a"}, {"category": "b", "confidenceScore": 0.9}, {}]}, ("b", "a")),
        ({"class": []}, ()),
    ],
)
def test_labels_without_scores_are_labels(row: dict[str, Any], labels: tuple[str, ...]) -> None:
    body = json.dumps({"results": {"documents": [{"id": "0", **row}]}}).encode()
    (found,) = LanguageCodec().decode(body).classifications
    assert (found.labels, found.error) == (labels, None)


@pytest.mark.parametrize("row", [{}, {"sentiment": None}, {"detectedLanguage": {"confidenceScore": 1}}, {"class": "x"}])
def test_a_document_of_which_nothing_is_said_has_an_error(row: dict[str, Any]) -> None:
    body = json.dumps({"results": {"documents": [{"id": "0", **row}]}}).encode()
    (found,) = LanguageCodec().decode(body).classifications
    assert isinstance(found.error, ProtocolError)
