"""Azure AI Speech's fast transcription: a form with the sound and a JSON text that says what is wanted.

Facts: azure-ai-transcription 1.0.0 and Azure's reference (version 2025-10-15; at most 2 hours and 300 MB).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import number_of
from agentkit.media import Inline, Remote
from agentkit.multipart import FilePart, FormField, multipart
from agentkit.providers.azure.locales import locale_of
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.providers.openai.task_events import object_of
from agentkit.transcription import Segment, TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest, Word

__all__ = ["FastTranscriptionCodec"]

Json = dict[str, Any]

_PATH = "/speechtotext/transcriptions:transcribe?api-version=2025-10-15"
_LIMITS = TranscriptionLimits(bytes=300_000_000, seconds=7200)
_MILLISECONDS = 1000


class FastTranscriptionCodec:
    """The client half of fast transcription."""

    def __init__(self, provider: str = "azure-speech") -> None:
        self.name = f"{provider}:fast_transcription"
        self._provider = provider

    def limits(self, model: str) -> TranscriptionLimits:
        """What this model listens to at a time."""
        return _LIMITS

    def encode(self, asked: TranscriptionRequest) -> WireRequest:
        """The request's bytes, a form. Raises UnsupportedError for uploaded files. Words and segments always come."""
        definition: Json = {}
        if asked.language:
            definition["locales"] = [locale_of(asked.language, who=f"{self._provider}:{asked.model}")]
        if asked.prompt:
            phrases = [phrase.strip() for phrase in asked.prompt.split(",")]
            definition["phraseList"] = {"phrases": phrases}
        definition |= (asked.settings.extra or {}).get(self._provider, {})
        parts: list[FormField | FilePart] = []
        match asked.audio.source:
            case Inline(data, media_type):
                parts.append(FilePart("audio", asked.filename, data, media_type))
            case Remote(url):
                definition["audioUrl"] = url
            case _:
                raise UnsupportedError(f"{self._provider} keeps no files; pass a path, bytes or an address")
        body = multipart([*parts, FormField("definition", json_bytes(definition).decode())])
        return WireRequest(_PATH, body.data, headers=(("content-type", body.content_type),))

    def decode(self, body: bytes) -> TranscriptionAnswer:
        """The transcript, all channels one after the other."""
        reply = object_of(body, self._provider)
        texts, phrases = _rows(reply.get("combinedPhrases")), _rows(reply.get("phrases"))
        if "combinedPhrases" not in reply:
            if reply.get("error") or reply.get("code"):
                raise error_in_stream(reply, provider=self._provider)
            raise ProtocolError("the reply holds no transcript ('combinedPhrases' is missing)", provider=self._provider)
        duration = number_of(reply.get("durationMilliseconds"))
        words = [_word(row, _speaker(phrase)) for phrase in phrases for row in _rows(phrase.get("words"))]
        return TranscriptionAnswer(
            "\n".join(str(row.get("text") or "") for row in texts),
            tuple(_segment(row) for row in phrases),
            tuple(words),
            next((str(row["locale"]) for row in phrases if row.get("locale")), ""),
            None if duration is None else duration / _MILLISECONDS,
        )

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


def _rows(value: Any) -> list[Json]:
    rows = cast("list[Any]", value) if isinstance(value, list) else []
    return [cast("Json", row) for row in rows if isinstance(row, dict)]


def _segment(row: Json) -> Segment:
    start, end = _times(row)
    return Segment(str(row.get("text") or ""), start, end, _speaker(row))


def _word(row: Json, speaker: str) -> Word:
    start, end = _times(row)
    return Word(str(row.get("text") or ""), start, end, speaker)


def _times(row: Json) -> tuple[float, float]:
    start = (number_of(row.get("offsetMilliseconds")) or 0.0) / _MILLISECONDS
    return start, start + (number_of(row.get("durationMilliseconds")) or 0.0) / _MILLISECONDS


def _speaker(row: Json) -> str:
    speaker = row.get("speaker")
    return "" if speaker is None else str(speaker)
