"""fal-ai behind Hugging Face's router: pictures and speech to text at the path of the model itself.

Facts: huggingface_hub's client and a reply recorded in 2025. Pictures come as addresses, which end some day, or in the
reply itself where `sync_mode` asks for that (fal's documents of 2026). Its clients found in 2026 that it takes sounds
inside the request under few names of their type, and that some models write the transcript into `output`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from agentkit.codec import WireRequest
from agentkit.errors import ContentFilteredError, ExchangeError, UnsupportedError
from agentkit.imaging import ImageAnswer, ImageLimits, ImageRequest
from agentkit.json_bytes import json_bytes
from agentkit.media import Audio, Inline
from agentkit.providers.huggingface.addresses import quoted
from agentkit.providers.huggingface.images import width_and_height
from agentkit.providers.huggingface.transcriptions import LIMITS, address_of, refuse_both_times, transcript_of
from agentkit.providers.openai.errors import decode_error
from agentkit.providers.openai.images import ImagesCodec
from agentkit.providers.openai.task_events import object_of
from agentkit.transcription import TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest

__all__ = ["FalImagesCodec", "FalSpeechCodec"]

_SOUND_TYPES: Mapping[str, str] = {
    "audio/mpeg": "audio/mpeg",
    "audio/mp3": "audio/mpeg",
    "audio/wav": "audio/x-wav",
    "audio/wave": "audio/x-wav",
    "audio/x-wav": "audio/x-wav",
    "audio/webm": "video/webm",
    "video/webm": "video/webm",
}
"""A sound's type -> its name in fal's data URLs, which refuse all other names."""


class FalImagesCodec:
    """The client half of fal-ai's pictures."""

    def __init__(self, provider: str = "huggingface") -> None:
        self.name = f"{provider}:fal_images"
        self._provider = provider

    def limits(self, model: str) -> ImageLimits:
        """What this model makes at a time."""
        return ImageLimits(1)

    def encode(self, asked: ImageRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what the task does not know."""
        size = width_and_height(asked, f"{self._provider}:{asked.model}")
        body: dict[str, Any] = {"prompt": asked.prompt, "sync_mode": True}
        if size:
            body["image_size"] = size
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest(f"/{quoted(asked.model)}", json_bytes(body))

    def decode(self, body: bytes) -> ImageAnswer:
        """The pictures of a reply: {"images": [{"url": ...}]}. Raises ContentFilteredError where all were blackened."""
        flags = object_of(body, self._provider).get("has_nsfw_concepts")
        if isinstance(flags, list) and flags and all(cast("list[Any]", flags)):
            raise ContentFilteredError(
                "fal's safety checker blackened the picture (has_nsfw_concepts); say it in other words",
                provider=self._provider,
            )
        return ImagesCodec(self._provider).decode(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


class FalSpeechCodec:
    """The client half of fal-ai's speech to text."""

    def __init__(self, provider: str = "huggingface") -> None:
        self.name = f"{provider}:fal_speech"
        self._provider = provider

    def limits(self, model: str) -> TranscriptionLimits:
        """What this model listens to at a time."""
        return LIMITS

    def encode(self, asked: TranscriptionRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what the task does not know."""
        who = f"{self._provider}:{asked.model}"
        refuse_both_times(asked, who)
        body: dict[str, Any] = {"audio_url": address_of(_named_as_taken(asked, who), who)}
        if asked.language:
            body["language"] = asked.language
        if asked.words:
            body["chunk_level"] = "word"  # it tells segments unasked
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest(f"/{quoted(asked.model)}", json_bytes(body))

    def decode(self, body: bytes) -> TranscriptionAnswer:
        """The transcript of a reply."""
        reply = object_of(body, self._provider)
        if "text" not in reply and isinstance(reply.get("output"), str):
            body = json_bytes({**reply, "text": reply["output"]})
        return transcript_of(body, self._provider)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


def _named_as_taken(asked: TranscriptionRequest, who: str) -> TranscriptionRequest:
    """The question with the type of its sound in fal's words. Raises UnsupportedError for what fal takes by no name."""
    source = asked.audio.source
    if not isinstance(source, Inline):
        return asked
    name = _SOUND_TYPES.get(source.media_type.partition(";")[0].lower())
    if name is None:
        raise UnsupportedError(
            f"{who} takes MP3, WAV and WebM inside a request, not {source.media_type}: save the sound as one of these, "
            'or pass where it lies, Audio.from_url("https://...")'
        )
    return replace(asked, audio=Audio(Inline(source.data, name)))
