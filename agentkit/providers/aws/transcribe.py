"""Amazon Transcribe: a job is started for a recording in S3, looked at until it is over, and its transcript fetched.

Facts: botocore's model of the service (2017-10-26), and its guide for what a transcript holds. There is no upload, and
streaming goes over HTTP/2 or WebSocket alone. The name of a job is unique in an account, and ours follows from what is
asked: a start whose reply was lost cannot start a second job, and who asks the same again finds the job that is there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from agentkit.buckets import Place, place_of
from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import BadRequestError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.jobs import JobDone, JobReply, JobStep, parts_of
from agentkit.json_bytes import json_bytes
from agentkit.media import Audio, Inline, Remote
from agentkit.providers.aws.json_protocol import operation
from agentkit.providers.aws.s3 import S3Codec
from agentkit.transcription import Segment, TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest, Word

__all__ = ["StartedJob", "TranscribeCodec"]

Json = dict[str, Any]

_SERVICE = "Transcribe"
_STANDARD = "standard"
_FORMATS = frozenset({"mp3", "mp4", "wav", "flac", "ogg", "amr", "webm", "m4a"})
_ENDINGS = {
    "audio/mpeg": "mp3", "audio/wav": "wav", "audio/flac": "flac", "audio/ogg": "ogg", "audio/mp4": "m4a",
    "audio/webm": "webm", "video/webm": "webm", "video/mp4": "mp4",
}  # fmt: skip
_UPLOADS = "UploadTo"
"""A field of ours: where recordings are put that are given themselves."""
_LANGUAGE_FIELDS = frozenset({"LanguageCode", "IdentifyLanguage", "IdentifyMultipleLanguages"})
"""Of which a job has exactly one."""
_REGIONS = (
    "af-ZA am-ET ar-SA az-AZ be-BY bg-BG bn-IN bs-BA ca-ES cs-CZ cy-GB da-DK de-DE el-GR en-US es-ES et-EE eu-ES fa-IR "
    "fi-FI fr-FR ga-IE gd-GB gl-ES gu-IN ha-NG he-IL hi-IN hr-HR hu-HU hy-AM id-ID is-IS it-IT ja-JP ka-GE kk-KZ kn-IN "
    "ko-KR ky-KG lg-IN lt-LT lv-LV mi-NZ mk-MK ml-IN mn-MN mr-IN ms-MY mt-MT nl-NL no-NO or-IN pa-IN pl-PL ps-AF pt-BR "
    "ro-RO ru-RU rw-RW si-LK sk-SK sl-SI so-SO sq-AL sr-RS su-ID sv-SE sw-KE ta-IN te-IN th-TH tl-PH tr-TR tt-RU ug-CN "
    "uk-UA uz-UZ vi-VN wo-SN zh-CN zu-ZA"
)
_LANGUAGES = {code.partition("-")[0]: code for code in _REGIONS.split()}
"""ISO 639-1 -> the code that is taken for it where no region is said."""
_MOST_FAILED_JOBS = 20
"""So many jobs of one name may have failed before another one is not tried."""
_S3 = re.compile(r"(?:.+\.)?s3[.-](?:.+\.)?amazonaws\.com(?:\.cn)?")
_SENTENCE_ENDS = (".", "?", "!", "。", "？", "！")


@dataclass(frozen=True, slots=True)
class StartedJob:
    """A job as the service tells of it."""

    name: str
    status: str
    """QUEUED, IN_PROGRESS, COMPLETED or FAILED."""
    transcript: str = field(default="", repr=False)
    """The address of the transcript, once there is one. It may hold a signature: it is not to be shown."""
    language: str = ""
    problem: str = ""
    """Why it failed."""


class TranscribeCodec:
    """The client half of transcription jobs. A model is "standard", or the name of a language model of one's own."""

    refuses_streams = True
    """It says itself how the service streams."""

    poll_seconds = 2.0

    def __init__(self, provider: str = "aws-transcribe") -> None:
        self.name = f"{provider}:jobs"
        self._provider = provider
        self._store = S3Codec(provider)

    def limits(self, model: str) -> TranscriptionLimits:
        """What it listens to at a time: the sound lies in S3, and the service measures it itself."""
        return TranscriptionLimits()

    def begin(self, asked: TranscriptionRequest) -> JobStep[TranscriptionAnswer]:
        """Puts the recording into S3 where it is given itself, and starts the job. Raises what `question` does."""
        source, place = asked.audio.source, self.upload(asked)
        if place is None or not isinstance(source, Inline):
            return self._started(asked, self.question(asked), 1)
        question = self.question(replace(asked, audio=Audio(Remote(str(place)))))
        wire = replace(self._store.put(place, source.data), headers=(("content-type", source.media_type),))
        return JobStep("put", wire, lambda reply: self._started(asked, question, 1), is_stored=True)

    def question(self, asked: TranscriptionRequest) -> Json:
        """What a job is started with, its name included. Raises UnsupportedError for what the service does not do."""
        who = f"{self._provider}:{asked.model}"
        if asked.settings.stream or asked.model == "streaming":
            raise UnsupportedError(
                f"{self._provider} streams over HTTP/2 or WebSocket alone, and agentkit speaks HTTP/1.1: leave "
                "stream=True out and use aws-transcribe:standard, or ask mistral, google or openai:gpt-4o-transcribe"
            )
        if asked.prompt:
            raise UnsupportedError(
                f"{who} takes no prompt, but a vocabulary that you made there: "
                f'Settings(extra={{{self._provider!r}: {{"Settings": {{"VocabularyName": "..."}}}}}})'
            )
        more = dict((asked.settings.extra or {}).get(self._provider, {}))
        own_name = more.pop("TranscriptionJobName", None)
        more.pop(_UPLOADS, None)
        address = self._address(asked)
        body: Json = {"Media": {"MediaFileUri": address}}
        ending = PurePosixPath(urlsplit(address).path).suffix[1:].lower()
        if ending in _FORMATS:
            body["MediaFormat"] = ending
        if asked.model != _STANDARD:
            body["ModelSettings"] = {"LanguageModelName": asked.model}
        if asked.language:
            body["LanguageCode"] = self._language(asked.language)
        elif not _LANGUAGE_FIELDS & more.keys():
            body["IdentifyLanguage"] = True
        body |= more
        digest = hashlib.sha256(json_bytes(body)).hexdigest()[:32]
        return {"TranscriptionJobName": str(own_name or f"agentkit-{digest}"), **body}

    def upload(self, asked: TranscriptionRequest) -> Place | None:
        """Where a recording goes that is given itself; None where it lies in S3, or no bucket is named for it.

        The same sound is the same object. Raises UnsupportedError for sound of another kind, ConfigurationError.
        """
        prefix = (asked.settings.extra or {}).get(self._provider, {}).get(_UPLOADS)
        source = asked.audio.source
        if prefix is None or not isinstance(source, Inline):
            return None
        if (ending := _ENDINGS.get(source.media_type)) is None:
            raise UnsupportedError(f"{self._provider} reads {', '.join(sorted(_FORMATS))}; got {source.media_type}")
        return place_of(f"{str(prefix).rstrip('/')}/{hashlib.sha256(source.data).hexdigest()[:32]}.{ending}")

    def job(self, body: bytes) -> StartedJob:
        """The job that was started or looked at. Raises ProtocolError."""
        job = object_of(object_of(reply_of(body, provider=self._provider)).get("TranscriptionJob"))
        name, status = job.get("TranscriptionJobName"), job.get("TranscriptionJobStatus")
        if not isinstance(name, str) or not isinstance(status, str):
            raise ProtocolError("the reply tells of no job ('TranscriptionJob' is missing)", provider=self._provider)
        written = object_of(job.get("Transcript"))
        # Where words were to be masked, there may be no other transcript than the masked one.
        address = written.get("TranscriptFileUri") or written.get("RedactedTranscriptFileUri")
        return StartedJob(
            name, status, str(address or ""), str(job.get("LanguageCode") or ""), str(job.get("FailureReason") or "")
        )

    def transcript(self, body: bytes, asked: TranscriptionRequest, *, language: str = "") -> TranscriptionAnswer:
        """What a transcript says, with times where they were asked for. Raises ProtocolError."""
        results = object_of(object_of(reply_of(body, provider=self._provider)).get("results"))
        texts = [row["transcript"] for row in objects_of(results.get("transcripts")) if "transcript" in row]
        if not texts:
            raise ProtocolError("the transcript holds no text ('results' is missing)", provider=self._provider)
        words = _words(results)
        return TranscriptionAnswer(
            "\n".join(map(str, texts)),
            tuple(_segments(results, words)) if asked.segments else (),
            tuple(words) if asked.words else (),
            language or str(results.get("language_code") or ""),
        )

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200, of the service or of S3."""
        return self._store.decode_error(status, headers, body)

    def _started(self, asked: TranscriptionRequest, question: Json, number: int) -> JobStep[TranscriptionAnswer]:
        """Starts a job. A name that is taken is that of the same question, asked before: it is looked at."""
        base = str(question["TranscriptionJobName"])
        name = base if number == 1 else f"{base}-{number}"

        def look(status: str, *, is_ours: bool) -> JobStep[TranscriptionAnswer]:
            wire = operation(_SERVICE, "GetTranscriptionJob", {"TranscriptionJobName": name})
            return JobStep("look", wire, partial(looked, is_ours=is_ours), name, status=status)

        def looked(reply: JobReply, *, is_ours: bool) -> JobStep[TranscriptionAnswer]:
            job = self.job(reply.body)
            if job.status == "COMPLETED":
                return self._fetched(asked, job)
            if job.status != "FAILED":
                return look(job.status, is_ours=is_ours)
            if is_ours or number == _MOST_FAILED_JOBS:
                reason = job.problem or "no reason was given"
                raise BadRequestError(f"the transcription job {name} failed: {reason}", code=job.status)
            # What a job lacked that failed before may be there now, so it does not stand in the way.
            return self._started(asked, question, number + 1)

        def refused(error: ExchangeError) -> JobStep[TranscriptionAnswer] | None:
            return look("", is_ours=False) if error.error_type == "ConflictException" else None

        wire = operation(_SERVICE, "StartTranscriptionJob", {**question, "TranscriptionJobName": name})
        return JobStep("put", wire, lambda reply: look(self.job(reply.body).status, is_ours=True), refused=refused)

    def _fetched(self, asked: TranscriptionRequest, job: StartedJob) -> JobStep[TranscriptionAnswer]:
        """Fetches a transcript: with a signature of ours where it lies in a bucket of one's own."""
        parts = parts_of(job.transcript, provider=self._provider)
        if not job.transcript:
            raise ProtocolError(
                f"the transcription job {job.name} has no transcript ('TranscriptFileUri' is missing)",
                provider=self._provider,
            )
        is_ours = _S3.fullmatch(parts.hostname or "") is not None and "signature=" not in parts.query.lower()
        return JobStep(
            "fetch",
            WireRequest(f"{parts.path}?{parts.query}" if parts.query else parts.path, b"", "GET", headers=()),
            lambda reply: JobDone(self.transcript(reply.body, asked, language=job.language)),
            job.name,
            address=job.transcript,
            is_stored=is_ours,
        )

    def _address(self, asked: TranscriptionRequest) -> str:
        source = asked.audio.source
        if isinstance(source, Remote) and source.url.startswith(("s3://", "https://s3")):
            return source.url
        raise UnsupportedError(
            f"{self._provider} reads recordings that lie in S3: upload it (aws s3 cp talk.mp3 s3://my-bucket/talk.mp3) "
            'and pass Audio.from_url("s3://my-bucket/talk.mp3"), or name a bucket into which it is put: '
            f'Settings(extra={{{self._provider!r}: {{{_UPLOADS!r}: "s3://my-bucket/calls"}}}}); openai, deepgram and '
            "others take the sound itself"
        )

    def _language(self, code: str) -> str:
        if "-" in code:
            return code
        if (found := _LANGUAGES.get(code.lower())) is None:
            raise UnsupportedError(
                f"{self._provider} knows no language {code!r}; give a code with a region such as de-CH, or leave it out"
            )
        return found


def _words(results: Json) -> list[Word]:
    """The words, each with the punctuation behind it."""
    words: list[Word] = []
    for row in objects_of(results.get("items")):
        text = next((str(each.get("content") or "") for each in objects_of(row.get("alternatives"))), "")
        if row.get("type") != "punctuation":
            words.append(Word(text, _seconds(row, "start_time"), _seconds(row, "end_time"), _speaker(row)))
        elif words:
            last = words.pop()
            words.append(Word(last.text + text, last.start, last.end, last.speaker))
    return words


def _segments(results: Json, words: list[Word]) -> list[Segment]:
    """As the service cuts them, or else sentence by sentence and speaker by speaker."""
    if rows := objects_of(results.get("audio_segments")):
        return [
            Segment(
                str(row.get("transcript") or ""), _seconds(row, "start_time"), _seconds(row, "end_time"), _speaker(row)
            )
            for row in rows
        ]
    segments: list[Segment] = []
    is_open = False
    for word in words:
        if is_open and segments[-1].speaker == word.speaker:
            last = segments.pop()
            segments.append(Segment(f"{last.text} {word.text}", last.start, word.end, word.speaker))
        else:
            segments.append(Segment(word.text, word.start, word.end, word.speaker))
        is_open = not word.text.endswith(_SENTENCE_ENDS)
    return segments


def _seconds(row: Json, name: str) -> float:
    """Times are numbers in quotes."""
    try:
        seconds = float(row.get(name) or 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return seconds if 0.0 <= seconds < 1e9 else 0.0


def _speaker(row: Json) -> str:
    return str(row.get("speaker_label") or "")
