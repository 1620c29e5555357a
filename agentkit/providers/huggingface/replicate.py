"""Replicate behind Hugging Face's router: a prediction is asked for, and waited for within the one request.

Facts: huggingface_hub's client and a reply recorded in 2025. `Prefer: wait` holds the request for up to a minute; what
is not done by then goes on at Replicate, where it costs, so it is not asked for a second time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from agentkit.classification import object_of as json_object
from agentkit.codec import WireRequest
from agentkit.error_bodies import one_line, without_keys
from agentkit.errors import (
    ContentFilteredError,
    DeadlineError,
    ExchangeError,
    ProtocolError,
    ServerError,
    UnsupportedError,
)
from agentkit.imaging import ImageAnswer, ImageLimits, ImageRequest
from agentkit.json_bytes import json_bytes
from agentkit.providers.huggingface.addresses import quoted
from agentkit.providers.huggingface.images import width_and_height
from agentkit.providers.huggingface.transcriptions import LIMITS, address_of
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.providers.openai.images import image_of
from agentkit.providers.openai.task_events import object_of
from agentkit.transcription import TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest

__all__ = ["ReplicateImagesCodec", "ReplicateSpeechCodec"]

_HEADERS = (("content-type", "application/json"), ("prefer", "wait"))
_FAILED = ("failed", "canceled", "aborted")
_REFUSED = re.compile(r"nsfw|sensitive|safety|flagged|moderation", re.IGNORECASE)


class ReplicateImagesCodec:
    """The client half of Replicate's pictures."""

    def __init__(self, provider: str = "huggingface") -> None:
        self.name = f"{provider}:replicate_images"
        self._provider = provider

    def limits(self, model: str) -> ImageLimits:
        """What this model makes at a time."""
        return ImageLimits(1)

    def encode(self, asked: ImageRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what the task does not know."""
        size = width_and_height(asked, f"{self._provider}:{asked.model}")
        more = (asked.settings.extra or {}).get(self._provider, {})
        return _prediction(asked.model, {"prompt": asked.prompt, **size, **more})

    def decode(self, body: bytes) -> ImageAnswer:
        """The pictures of a prediction; they are addresses, which end after an hour."""
        output = _output(body, self._provider)
        urls = cast("list[Any]", output) if isinstance(output, list) else [output]
        images = tuple(image_of({"url": url}, self._provider, {}) for url in urls)
        if not images:
            raise ProtocolError("the prediction holds no picture", provider=self._provider)
        return ImageAnswer(images)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


class ReplicateSpeechCodec:
    """The client half of Replicate's speech to text."""

    def __init__(self, provider: str = "huggingface") -> None:
        self.name = f"{provider}:replicate_speech"
        self._provider = provider

    def limits(self, model: str) -> TranscriptionLimits:
        """What this model listens to at a time."""
        return LIMITS

    def encode(self, asked: TranscriptionRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what the task does not know."""
        who = f"{self._provider}:{asked.model}"
        if asked.words or asked.segments:
            raise UnsupportedError(f"{who} writes text without times at replicate; leave words and segments out")
        if asked.language:
            extra = f"Settings(extra={{{self._provider!r}: {{...}}}})"
            raise UnsupportedError(f"{who} names the language in a field of its own at replicate: use {extra}")
        more = (asked.settings.extra or {}).get(self._provider, {})
        return _prediction(asked.model, {"audio": address_of(asked, who), **more})

    def decode(self, body: bytes) -> TranscriptionAnswer:
        """The transcript of a prediction, which is a text, or an object around one."""
        output = _output(body, self._provider)
        rows = cast("list[Any]", output) if isinstance(output, list) else [output]
        first = rows[0] if rows else None
        fields = json_object(first) or {"text": first}
        texts = [text for name in ("translation", "transcription", "text") if isinstance(text := fields.get(name), str)]
        if not texts:
            raise ProtocolError("the prediction holds no transcript", provider=self._provider)
        return TranscriptionAnswer(max(texts, key=bool), language=str(fields.get("detected_language") or ""))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


def _prediction(model: str, given: Mapping[str, Any]) -> WireRequest:
    """A model of Replicate is named, or one edition of it: owner/name:version."""
    _, _, version = model.partition(":")
    if version:
        return WireRequest("/v1/predictions", json_bytes({"input": given, "version": version}), headers=_HEADERS)
    return WireRequest(f"/v1/models/{quoted(model)}/predictions", json_bytes({"input": given}), headers=_HEADERS)


def _output(body: bytes, provider: str) -> Any:
    """What a prediction gave. Raises DeadlineError while it is not done, ServerError, ContentFilteredError, and the
    error that came with status 200."""
    reply = object_of(body, provider)
    output, status = reply.get("output"), reply.get("status")
    if status in _FAILED:
        said = one_line(without_keys(str(reply.get("error") or status)))
        kind = ContentFilteredError if _REFUSED.search(said) else ServerError
        raise kind(f"replicate's prediction failed: {said}", provider=provider)
    if not output and status not in (None, "succeeded"):  # an output may be there while the status is yet "processing"
        error = DeadlineError(
            f"replicate's prediction {reply.get('id')} is {status} after the minute for which it is waited; ask again "
            "when its model is warm",
            provider=provider,
        )
        error.is_retryable = False
        raise error
    if output is None and reply.get("error"):
        raise error_in_stream(reply, provider=provider)
    if output is None:
        raise ProtocolError("the reply holds no prediction ('output' is missing)", provider=provider)
    return output
