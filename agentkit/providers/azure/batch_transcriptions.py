"""Azure AI Speech's batch transcription: a job for a recording at an address, of any length.

Facts: Azure's reference (version 2025-10-15): POST /speechtotext/transcriptions:submit, then the job itself until it
has Succeeded or Failed, then its list of files; a file lies at an address of Blob Storage that is signed, and wants no
key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.jobs import JobDone, JobFailed, JobReply, JobStep, id_in, parts_of
from agentkit.json_bytes import json_bytes
from agentkit.json_value import number_of
from agentkit.media import Remote
from agentkit.providers.azure.locales import locale_of
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.transcription import Segment, TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest, Word

__all__ = [
    "TRANSCRIPTIONS",
    "VERSION",
    "BatchTranscriptionCodec",
    "failure_of",
    "recording_failure",
    "submission",
    "transcript_of",
]

Json = dict[str, Any]

VERSION = "?api-version=2025-10-15"
"""The query of every request."""
TRANSCRIPTIONS = "/speechtotext/transcriptions"
"""Where jobs are."""
_HOURS = 48
"""How long Azure keeps the results: what it advises."""
_TICKS = 10_000_000
_MILLISECONDS = 1000


class BatchTranscriptionCodec:
    """The client half of batch transcription, named "batch"."""

    poll_seconds = 10.0

    def __init__(self, provider: str = "azure-speech") -> None:
        self.name = f"{provider}:batch_transcription"
        self._provider = provider

    def limits(self, model: str) -> TranscriptionLimits:
        """What it listens to at a time: the sound is not sent, and Azure measures it itself."""
        return TranscriptionLimits()

    def begin(self, asked: TranscriptionRequest) -> JobStep[TranscriptionAnswer]:
        """The request that starts a job. Raises UnsupportedError."""
        sent = submission(asked, provider=self._provider)
        wire = WireRequest(f"{TRANSCRIPTIONS}:submit{VERSION}", json_bytes({"displayName": "agentkit", **sent}))
        return JobStep("start", wire, partial(self._looked, asked))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 2xx."""
        return decode_error(status, headers, body, provider=self._provider)

    def _looked(self, asked: TranscriptionRequest, reply: JobReply) -> JobStep[TranscriptionAnswer] | JobFailed:
        """Go on looking, fetch the list of files, or give the error with which the job failed."""
        fields = self._fields(reply)
        address = str(fields.get("self") or reply.headers.get("location") or "").replace(":submit/", "/")
        id = id_in(address, f"{TRANSCRIPTIONS}/", provider=self._provider)
        match fields.get("status"):
            case "Succeeded":
                return self._get("fetch", f"{TRANSCRIPTIONS}/{id}/files{VERSION}", partial(self._listed, asked, id), id)
            case "Failed":
                error = object_of(object_of(fields.get("properties")).get("error"))
                return JobFailed(failure_of(error, id, provider=self._provider))
            case _:
                return self._get("look", f"{TRANSCRIPTIONS}/{id}{VERSION}", partial(self._looked, asked), id)

    def _listed(self, asked: TranscriptionRequest, id: str, reply: JobReply) -> JobStep[TranscriptionAnswer]:
        """Fetch the transcript; where there is none, the report that says why."""
        files = objects_of(self._fields(reply).get("values"))
        places = {
            str(file.get("kind")): str(object_of(file.get("links")).get("contentUrl") or "") for file in reversed(files)
        }
        if place := places.get("Transcription"):
            return self._elsewhere(place, partial(self._fetched, asked), id)
        if place := places.get("TranscriptionReport"):
            return self._elsewhere(place, partial(self._reported, id), id)
        raise ProtocolError(f"the job {id} has no files ('values' is empty)", provider=self._provider)

    def _fetched(self, asked: TranscriptionRequest, reply: JobReply) -> JobDone[TranscriptionAnswer]:
        transcript = transcript_of(self._fields(reply), words=asked.words, provider=self._provider)
        return JobDone(transcript if asked.segments else replace(transcript, segments=()))

    def _reported(self, id: str, reply: JobReply) -> JobFailed:
        """The error of the recording."""
        (details,) = objects_of(self._fields(reply).get("details"))[:1] or [{}]
        return JobFailed(recording_failure(details, id, provider=self._provider))

    def _get(self, kind: Any, path: str, read: Any, id: str) -> JobStep[TranscriptionAnswer]:
        return JobStep(kind, WireRequest(path, b"", "GET", headers=()), read, id)

    def _elsewhere(self, address: str, read: Any, id: str) -> JobStep[TranscriptionAnswer]:
        parts = parts_of(address, provider=self._provider)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return JobStep("fetch", WireRequest(path, b"", "GET", headers=()), read, id, address)

    def _fields(self, reply: JobReply) -> Json:
        """Raises the error that the reply tells in the place of what was asked for."""
        fields = object_of(reply_of(reply.body, provider=self._provider))
        if fields.get("error"):
            raise error_in_stream(fields, provider=self._provider)
        return fields


def submission(asked: TranscriptionRequest, *, provider: str) -> Json:
    """What a job for a recording is started with, its name left out. Raises UnsupportedError."""
    who = f"{provider}:{asked.model}"
    if not isinstance(asked.audio.source, Remote):
        raise UnsupportedError(
            f"{who} fetches recordings from an address: pass Audio.from_url('https://...'), signed where it has to "
            f"be; {provider}:fast takes the sound itself"
        )
    if asked.prompt:
        raise UnsupportedError(f"{who} takes no prompt; {provider}:fast takes phrases in it")
    more = dict((asked.settings.extra or {}).get(provider, {}))
    locale = more.pop("locale", None) or (asked.language and locale_of(asked.language, who=who))
    if not locale:
        raise UnsupportedError(f"{who} has to be told the language: language='en-US'; {provider}:fast finds it out")
    words = {"wordLevelTimestampsEnabled": True, "displayFormWordLevelTimestampsEnabled": True}
    properties: Json = {"timeToLiveHours": _HOURS, **(words if asked.words else {})}
    properties |= object_of(more.pop("properties", None))
    return {"locale": locale, "contentUrls": [asked.audio.source.url], "properties": properties, **more}


def failure_of(error: Json, id: str, *, provider: str) -> ExchangeError:
    """Why a job failed, or the transcription of one of its recordings."""
    message = str(error.get("message") or "no reason was given")
    known = error_in_stream({"error": {"status": "400", **error, "message": message}}, provider=provider)
    known.message = f"the job {id} failed: {message}"
    known.args = (known.message,)
    known.status = None  # the reply that told of it was a good one
    return known


def recording_failure(details: Json, id: str, *, provider: str) -> ExchangeError:
    """Why the transcription of a recording failed, by the report of its job."""
    return failure_of({"code": details.get("errorKind"), "message": details.get("errorMessage")}, id, provider=provider)


def transcript_of(fields: Json, *, words: bool, provider: str) -> TranscriptionAnswer:
    """What a file of results says. Raises ProtocolError."""
    if "combinedRecognizedPhrases" not in fields:
        raise ProtocolError("the file holds no transcript ('combinedRecognizedPhrases' is missing)", provider=provider)
    phrases = objects_of(fields.get("recognizedPhrases"))
    phrases.sort(key=lambda row: _times(row)[0])  # channel after channel otherwise
    heard = [word for row in phrases for word in _words(row)] if words else []
    return TranscriptionAnswer(
        "\n".join(str(row.get("display") or "") for row in objects_of(fields.get("combinedRecognizedPhrases"))),
        tuple(_segment(row) for row in phrases),
        tuple(heard),
        next((str(row["locale"]) for row in phrases if row.get("locale")), ""),
        _seconds(fields, "duration"),
    )


def _segment(row: Json) -> Segment:
    start, end = _times(row)
    return Segment(str(_best(row).get("display") or ""), start, end, _speaker(row))


def _words(row: Json) -> list[Word]:
    """The words as they are shown, where Azure tells their times, else as they are spoken."""
    best, found = _best(row), list[Word]()
    for word in objects_of(best.get("displayWords")) or objects_of(best.get("words")):
        found.append(Word(str(word.get("displayText") or word.get("word") or ""), *_times(word), _speaker(row)))
    return found


def _best(row: Json) -> Json:
    return next(iter(objects_of(row.get("nBest"))), dict[str, Any]())


def _times(row: Json) -> tuple[float, float]:
    start = _seconds(row, "offset") or 0.0
    return start, start + (_seconds(row, "duration") or 0.0)


def _seconds(row: Json, name: str) -> float | None:
    """A time, which stands there in milliseconds or in ticks of 100 ns."""
    if (milliseconds := number_of(row.get(f"{name}Milliseconds"))) is not None:
        return milliseconds / _MILLISECONDS
    ticks = number_of(row.get(f"{name}InTicks"))
    return None if ticks is None else ticks / _TICKS


def _speaker(row: Json) -> str:
    speaker = row.get("speaker")
    return "" if speaker is None else str(speaker)
