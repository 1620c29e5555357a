"""Hugging Face's text-to-image: words in, the bytes of one picture out; partners answer in ways of their own.

Facts: huggingface_hub's client, and replies recorded in 2023 to 2025.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, UnsupportedError
from agentkit.imaging import GeneratedImage, ImageAnswer, ImageLimits, ImageRequest, image_of_bytes
from agentkit.json_bytes import json_bytes
from agentkit.providers.huggingface.addresses import own_path
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.providers.openai.task_events import object_of

__all__ = ["TextToImageCodec", "width_and_height"]

_KNOBS = frozenset({"size"})


class TextToImageCodec:
    """The client half of text-to-image."""

    def __init__(self, provider: str = "huggingface", *, is_router: bool = True) -> None:
        """`is_router` is False for an endpoint of one model, whose address is the whole path."""
        self.name = f"{provider}:text_to_image"
        self._provider = provider
        self._is_router = is_router

    def limits(self, model: str) -> ImageLimits:
        """What this model makes at a time."""
        return ImageLimits(1)

    def encode(self, asked: ImageRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what the task does not know."""
        who = f"{self._provider}:{asked.model}"
        size = width_and_height(asked, who, knobs=_KNOBS | {"output_format"})
        parameters = {**size, **(asked.settings.extra or {}).get(self._provider, {})}
        body: dict[str, Any] = {"inputs": asked.prompt}
        if parameters:
            body["parameters"] = parameters
        headers = (("content-type", "application/json"), ("accept", f"image/{asked.output_format or 'png'}"))
        return WireRequest(own_path(asked.model) if self._is_router else "/", json_bytes(body), headers=headers)

    def decode(self, body: bytes) -> ImageAnswer:
        """The picture that the reply is. Raises ProtocolError, or the error that it reports with status 200."""
        if body[:1] == b"{":
            raise error_in_stream(object_of(body, self._provider), provider=self._provider)
        return ImageAnswer((GeneratedImage(image_of_bytes(body, provider=self._provider)),))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)


def width_and_height(asked: ImageRequest, who: str, *, knobs: frozenset[str] = _KNOBS) -> dict[str, int]:
    """The size that is asked for. Raises UnsupportedError for what text-to-image does not know."""
    if asked.images:
        raise UnsupportedError(f"{who} makes pictures from words only; openai, azure and google edit pictures")
    if asked.partial_images:
        raise UnsupportedError(f"{who} shows no unfinished pictures; leave partial_images out, or ask openai")
    for name in sorted(asked.knobs.keys() - knobs):
        raise UnsupportedError(f"{who} has no {name} to choose; leave it out")
    if asked.size is None:
        return {}
    found = re.fullmatch(r"(\d+)x(\d+)", asked.size)
    if found is None:
        raise UnsupportedError(f"{who} takes a size such as '1024x768', width and height in pixels; got {asked.size!r}")
    return {"width": int(found[1]), "height": int(found[2])}
