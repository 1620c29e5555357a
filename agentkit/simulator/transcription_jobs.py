"""Jobs of Amazon Transcribe and their transcripts: what is heard is the name of the recording and where it lies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError
from agentkit.simulator.formats import Moment
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply

__all__ = ["TRANSCRIPTS", "TranscriptionJobs"]

Json = dict[str, Any]

TRANSCRIPTS = "/aws-transcribe-sim/000000000000/"
"""Where transcripts are that lie in no bucket of the client's."""

_NAME = re.compile(r"[0-9a-zA-Z._-]{1,200}")
_MEDIA = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>.+)")
_FORMATS = ("mp3", "mp4", "wav", "flac", "ogg", "amr", "webm", "m4a")
_LANGUAGE_FIELDS = ("LanguageCode", "IdentifyLanguage", "IdentifyMultipleLanguages")
_KEPT = ("Settings", "ModelSettings", "MediaFormat", "Media", "IdentifyLanguage")
_VALID_SECONDS = 900.0
_WORD_SECONDS = 0.4
_QUEUED = 0.1
"""This share of its time a job waits for its turn."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One job and how long it takes."""

    sent: Json
    created: float
    seconds: float
    number: int
    sentences: tuple[str, ...] = field(default=(), repr=False)
    problem: str = ""

    @property
    def path(self) -> str:
        """Where its transcript is served."""
        name, bucket = self.sent["TranscriptionJobName"], self.sent.get("OutputBucketName")
        if bucket:
            return f"/{bucket}/{self.sent.get('OutputKey') or f'{name}.json'}"
        return f"{TRANSCRIPTS}{name}/{self.number:08d}/asrOutput.json"

    def status(self, now: float) -> str:
        """Where it stands."""
        if now >= self.created + self.seconds:
            return "FAILED" if self.problem else "COMPLETED"
        return "QUEUED" if now < self.created + self.seconds * _QUEUED else "IN_PROGRESS"

    def told(self, status: str, host: str, *, now: float) -> Json:
        """What the service tells of it."""
        told: Json = {name: self.sent[name] for name in _KEPT if name in self.sent}
        told |= {
            "TranscriptionJobName": self.sent["TranscriptionJobName"],
            "TranscriptionJobStatus": status,
            "CreationTime": self.created,
            "StartTime": self.created,
        }
        if "LanguageCode" in self.sent or status == "COMPLETED":
            told["LanguageCode"] = self.sent.get("LanguageCode", "en-US")
        if status in ("COMPLETED", "FAILED"):
            told["CompletionTime"] = self.created + self.seconds
        if status == "FAILED":
            told["FailureReason"] = self.problem
        if status == "COMPLETED":
            signed = "" if "OutputBucketName" in self.sent else f"?{_signature(now)}"
            told["Transcript"] = {"TranscriptFileUri": f"http://{host}{self.path}{signed}"}
        return {"TranscriptionJob": told}

    def transcript(self) -> Json:
        """What it has heard."""
        by_speaker = bool(self.sent.get("Settings", {}).get("ShowSpeakerLabels"))
        items: list[Json] = []
        segments: list[Json] = []
        clock = 0.0
        for number, sentence in enumerate(self.sentences):
            speaker = {"speaker_label": f"spk_{number % 2}"} if by_speaker else {}
            begun, first = clock, len(items)
            for word in sentence.removesuffix(".").split():
                times = {"start_time": f"{clock:.2f}", "end_time": f"{clock + _WORD_SECONDS:.2f}"}
                items.append(_item(len(items), "pronunciation", word) | times | speaker)
                clock += _WORD_SECONDS
            items.append(_item(len(items), "punctuation", ".") | speaker)
            times = {"start_time": f"{begun:.2f}", "end_time": f"{clock:.2f}"}
            own = list(range(first, len(items)))
            segments.append({"id": number, "transcript": sentence, **times, "items": own} | speaker)
        results: Json = {"transcripts": [{"transcript": " ".join(self.sentences)}], "items": items}
        return {
            "jobName": self.sent["TranscriptionJobName"],
            "accountId": "000000000000",
            "status": "COMPLETED",
            "results": {**results, "audio_segments": segments},
        }


class TranscriptionJobs:
    """The jobs of a simulator, each of which takes so many seconds."""

    def __init__(self, *, seconds: float = 0.0) -> None:
        self.operations: Mapping[str, Callable[[Json, Moment, str], Json]] = {
            "Transcribe.StartTranscriptionJob": self._start,
            "Transcribe.GetTranscriptionJob": self._look,
            "Transcribe.ListTranscriptionJobs": self._list,
            "Transcribe.DeleteTranscriptionJob": self._delete,
        }
        """Service and operation -> what is answered. Raises ExchangeError."""
        self._seconds = seconds
        self._jobs: dict[str, _Job] = {}
        self._number = 0

    def transcript(self, asked: HttpAsked, moment: Moment) -> Reply | None:
        """The transcript at this address; None where there is none."""
        if asked.method != "GET":
            return None
        job = next((job for job in self._jobs.values() if job.path == asked.path), None)
        if job is None or job.status(moment.now) != "COMPLETED":
            return None
        if "OutputBucketName" not in job.sent and not _is_valid(asked.target, moment.now):
            page = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
            return Reply.whole(HttpReply(403, page, (("content-type", "application/xml"),)))
        return Reply.whole(HttpReply(200, to_json(job.transcript())))

    def _start(self, sent: Json, moment: Moment, host: str) -> Json:
        name = sent.get("TranscriptionJobName")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise _refusal(f"Value {name!r} at 'transcriptionJobName' failed to satisfy the pattern [0-9a-zA-Z._-]+")
        media: Json = sent.get("Media") or {}
        place = _MEDIA.fullmatch(str(media.get("MediaFileUri")))
        if place is None:
            raise _refusal("The URI that you provided doesn't point to an S3 object that you can access.")
        if sum(bool(sent.get(each)) for each in _LANGUAGE_FIELDS) != 1:
            raise _refusal(f"You must specify exactly one of {', '.join(_LANGUAGE_FIELDS)}.")
        if sent.get("MediaFormat", "mp3") not in _FORMATS:
            raise _refusal(f"The media format has to be one of {', '.join(_FORMATS)}.")
        settings: Json = sent.get("Settings") or {}
        if settings.get("ShowSpeakerLabels") and not settings.get("MaxSpeakerLabels"):
            raise _refusal("ShowSpeakerLabels needs MaxSpeakerLabels.")
        if name in self._jobs:
            words = "The requested job name already exists. Use a different job name."
            raise BadRequestError(words, status=409, error_type="ConflictException")
        self._number += 1
        key = PurePosixPath(place["key"])
        is_other = key.suffix[1:] in _FORMATS and sent.get("MediaFormat") not in (None, key.suffix[1:])
        problem = "The media format provided does not match the detected media format." if is_other else ""
        sentences = (f"This recording is called {key.stem}.", f"It lies in {place['bucket']}.")
        self._jobs[name] = _Job(sent, moment.now, self._seconds, self._number, sentences, problem)
        return self._jobs[name].told("IN_PROGRESS", host, now=moment.now)

    def _look(self, sent: Json, moment: Moment, host: str) -> Json:
        job = self._found(sent)
        return job.told(job.status(moment.now), host, now=moment.now)

    def _list(self, sent: Json, moment: Moment, host: str) -> Json:
        rows = [
            job.told(job.status(moment.now), host, now=moment.now)["TranscriptionJob"]
            for job in reversed(self._jobs.values())
        ]
        kept = [row for row in rows if sent.get("Status") in (None, row["TranscriptionJobStatus"])]
        hidden = ("Transcript", "Media", "MediaFormat", "Settings")
        return {
            "TranscriptionJobSummaries": [
                {name: value for name, value in row.items() if name not in hidden} for row in kept
            ]
        }

    def _delete(self, sent: Json, moment: Moment, host: str) -> Json:
        self._jobs.pop(str(sent.get("TranscriptionJobName")), None)
        return {}

    def _found(self, sent: Json) -> _Job:
        job = self._jobs.get(str(sent.get("TranscriptionJobName")))
        if job is None:
            words = "The requested job couldn't be found. Check the job name and try your request again."
            raise BadRequestError(words, status=400, error_type="BadRequestException")
        return job


def _item(id: int, kind: str, text: str) -> Json:
    confidence = "0.99" if kind == "pronunciation" else "0.0"
    return {"id": id, "type": kind, "alternatives": [{"confidence": confidence, "content": text}]}


def _signature(now: float) -> str:
    return f"X-Amz-Expires={_VALID_SECONDS:.0f}&X-Amz-Date={now:.0f}&X-Amz-Signature=simulated"


def _is_valid(target: str, now: float) -> bool:
    found = re.search(r"X-Amz-Date=(\d+)&X-Amz-Signature=simulated$", target)
    return found is not None and now <= float(found[1]) + _VALID_SECONDS


def _refusal(words: str) -> BadRequestError:
    return BadRequestError(words, status=400, error_type="BadRequestException")
