"""fal-ai behind Hugging Face's router: pictures and speech to text at the path of the model itself.

Facts: huggingface_hub's client and a reply recorded in 2025. Pictures come as addresses, which end some day, or in the
reply itself where `sync_mode` asks for that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError
from agentkit.imaging import ImageAnswer, ImageLimits, ImageRequest
from agentkit.json_bytes import json_bytes
from agentkit.providers.huggingface.images import width_and_height
from agentkit.providers.huggingface.transcriptions import LIMITS, address_of, transcript_of
from agentkit.providers.openai.errors import decode_error
from agentkit.providers.openai.images import ImagesCodec
from agentkit.transcription import TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest

__all__ = ["FalImagesCodec", "FalSpeechCodec"]


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
        return WireRequest(f"/{asked.model}", json_bytes(body))

    def decode(self, body: bytes) -> ImageAnswer:
        """The pictures of a reply: {"images": [{"url": ...}]}."""
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
        body: dict[str, Any] = {"audio_url": address_of(asked, f"{self._provider}:{asked.model}")}
        if asked.language:
            body["language"] = asked.language
        if asked.words:
            body["chunk_level"] = "word"  # it tells segments unasked
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest(f"/{asked.model}", json_bytes(body))

    def decode(self, body: bytes) -> TranscriptionAnswer:
        """The transcript of a reply."""
        return transcript_of(body, self._provider)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)
