"""Hugging Face's automatic-speech-recognition: the bytes of the sound in, text out, with times where asked for.

Facts: huggingface_hub's client and a reply recorded in 2025. The bytes go as they are where nothing else is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.media import Inline, Remote
from agentkit.providers.huggingface.addresses import own_path
from agentkit.providers.openai.errors import decode_error
from agentkit.providers.openai.transcriptions import TranscriptionsCodec
from agentkit.transcription import TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest, Word

__all__ = ["LIMITS", "SpeechRecognitionCodec", "address_of", "refuse_both_times", "transcript_of"]

LIMITS = TranscriptionLimits(bytes=25 * 2**20)
"""What is listened to at a time."""


class SpeechRecognitionCodec:
    """The client half of automatic-speech-recognition."""

    def __init__(self, provider: str = "huggingface", *, is_router: bool = True) -> None:
        """`is_router` is False for an endpoint of one model, whose address is the whole path."""
        self.name = f"{provider}:speech_recognition"
        self._provider = provider
        self._is_router = is_router

    def limits(self, model: str) -> TranscriptionLimits:
        """What this model listens to at a time."""
        return LIMITS

    def encode(self, asked: TranscriptionRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what the task does not know."""
        who = f"{self._provider}:{asked.model}"
        source = asked.audio.source
        if not isinstance(source, Inline):
            raise UnsupportedError(f"{who} takes the sound itself, not where it lies: pass a path or bytes")
        if asked.prompt:
            raise UnsupportedError(f"{who} takes no prompt beside the sound; leave it out")
        refuse_both_times(asked, who)
        path = own_path(asked.model) if self._is_router else "/"
        parameters: dict[str, Any] = {}
        if asked.words or asked.segments:
            parameters["return_timestamps"] = "word" if asked.words else True
        if asked.language:
            parameters["generation_parameters"] = {"language": asked.language}
        parameters |= (asked.settings.extra or {}).get(self._provider, {})
        if not parameters:
            return WireRequest(path, source.data, headers=(("content-type", source.media_type),))
        return WireRequest(path, json_bytes({"inputs": source.base64, "parameters": parameters}))

    def decode(self, body: bytes) -> TranscriptionAnswer:
        """The transcript of a reply."""
        return transcript_of(body, self._provider)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


def transcript_of(body: bytes, provider: str) -> TranscriptionAnswer:
    """The transcript; the reply does not say whether its pieces are words or segments: words have no blanks."""
    answer = TranscriptionsCodec(provider).decode(body)
    if len(answer.segments) > 1 and all(" " not in piece.text.strip() for piece in answer.segments):
        words = tuple(Word(piece.text.strip(), piece.start, piece.end) for piece in answer.segments)
        return replace(answer, segments=(), words=words)
    return answer


def refuse_both_times(asked: TranscriptionRequest, who: str) -> None:
    """Raises UnsupportedError where words and segments are asked for at once."""
    if asked.words and asked.segments:
        raise UnsupportedError(f"{who} tells the times of words or of segments, not of both; ask for one")


def address_of(asked: TranscriptionRequest, who: str) -> str:
    """The sound as partners take it: where it lies, or all of it as an address. Raises UnsupportedError."""
    if asked.prompt:  # whisper does there, in a field of its own; others would pass it by
        raise UnsupportedError(
            f"{who} takes no prompt in a field that all models of its partner know; leave it out, or give that of this "
            'model: Settings(extra={"huggingface": {"prompt": "..."}})'
        )
    match asked.audio.source:
        case Inline() as inline:
            return inline.data_url
        case Remote(url):
            return url
        case _:
            raise UnsupportedError(f"{who} takes the sound, or an address of it, not a file at a provider")
