"""Speech to text by Gemini: asked in words, or, where times and speakers are wanted, by its own transcription.

Facts: google-genai 3.4 (`audioTranscriptionConfig` of a request, parts of the answer that are an `audioTranscription`).
Not every model has it; one that has not says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from agentkit.classification import object_of, objects_of
from agentkit.exchange import Request, Response
from agentkit.messages import Opaque, UserMessage
from agentkit.providers.chat_speech import ChatTranscriptionModel
from agentkit.settings import Settings
from agentkit.transcription import Segment, TranscriptionAnswer, TranscriptionRequest, Word

__all__ = ["GeminiTranscriptionModel"]

Json = dict[str, Any]

_CONFIG = "audioTranscriptionConfig"


class GeminiTranscriptionModel(ChatTranscriptionModel):
    """A TranscriptionModel made of a Gemini model that hears; see TranscriptionModel."""

    def question(self, asked: TranscriptionRequest, settings: Settings) -> Request:
        """What is asked of the model."""
        vendor = self.identity.provider
        own: Mapping[str, Any] = (settings.extra or {}).get(vendor, {})
        config: Mapping[str, Any] = own.get("generationConfig", {})
        if not (asked.words or asked.segments or _CONFIG in config):
            return super().question(asked, settings)
        told = {**config, _CONFIG: {**_wanted(asked), **config.get(_CONFIG, {})}}
        extra = {**(settings.extra or {}), vendor: {**own, "generationConfig": told}}
        message = UserMessage((asked.audio,))
        settings = replace(settings, extra=extra)
        return Request(asked.model, (message,), settings=settings, is_streamed=asked.is_streamed)

    def answer(self, response: Response, asked: TranscriptionRequest) -> TranscriptionAnswer:
        """The transcript. Raises ContentFilteredError."""
        rows = list(_transcriptions(response))
        if not rows:
            return super().answer(response, asked)
        words = [word for row in rows for word in _words(row)]
        return TranscriptionAnswer(
            " ".join(text for row in rows if (text := str(row.get("text") or "").strip())),
            tuple(_segment(row) for row in rows) if asked.segments else (),
            tuple(words) if asked.words else (),
            next((str(row["languageCode"]) for row in rows if row.get("languageCode")), asked.language or ""),
            usage=response.usage,
            model=response.message.model,
        )


def _wanted(asked: TranscriptionRequest) -> Json:
    """What is asked for, in Gemini's words."""
    config: Json = {}
    if asked.language:
        config["languageCodes"] = [asked.language]
    if asked.prompt:
        config["customVocabulary"] = [phrase.strip() for phrase in asked.prompt.split(",")]
    if asked.words:
        config["wordTimestamp"] = True
    if asked.segments:
        config["diarization"] = True
    return config


def _transcriptions(response: Response) -> Iterator[Json]:
    for part in response.message.parts:
        if isinstance(part, Opaque) and (found := object_of(part.provider_data.value.get("audioTranscription"))):
            yield found


def _segment(row: Json) -> Segment:
    text, speaker = str(row.get("text") or "").strip(), str(row.get("speakerLabel") or "")
    return Segment(text, _seconds(row.get("startOffset")), _seconds(row.get("endOffset")), speaker)


def _words(row: Json) -> Iterator[Word]:
    speaker = str(row.get("speakerLabel") or "")
    for word in objects_of(row.get("words")):
        start, end = _seconds(word.get("startOffset")), _seconds(word.get("endOffset"))
        yield Word(str(word.get("word") or ""), start, end, speaker)


def _seconds(offset: object) -> float:
    """Of a duration such as "1.200s"."""
    try:
        return float(str(offset).removesuffix("s"))
    except ValueError:
        return 0.0
