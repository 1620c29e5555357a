"""Pictures by Gemini: models that draw answer generateContent with pictures among the parts."""

from __future__ import annotations

from dataclasses import replace
from math import gcd
from typing import TypeGuard

from agentkit.errors import ContentFilteredError, ProtocolError, UnsupportedError
from agentkit.exchange import Memo, Request, Response, RunAccount
from agentkit.imaging import GeneratedImage, ImageAnswer, ImageLimits, ImageRequest
from agentkit.media import Image
from agentkit.messages import Part, Text, UserMessage
from agentkit.models import Model, ModelIdentity, Sink, identity_of
from agentkit.settings import Settings
from agentkit.task_model import TaskReply

__all__ = ["GeminiImageModel"]

_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_SIZES = ("1K", "2K", "4K")
_FORMATS = {"png": "image/png", "jpeg": "image/jpeg"}


class GeminiImageModel:
    """An ImageModel made of a Gemini model that draws; see ImageModel."""

    limits = ImageLimits(1)
    """A request has one picture."""

    def __init__(self, model: Model) -> None:
        self.chat = model
        """Who draws."""

    @property
    def identity(self) -> ModelIdentity:
        """Who answers."""
        return identity_of(self.chat)

    async def perform(
        self, asked: ImageRequest, settings: Settings, *, sink: Sink | None = None, account: RunAccount | None = None
    ) -> TaskReply[ImageAnswer]:
        """Draw. Raises ExchangeError (ContentFilteredError for what it refuses to draw), UnsupportedError."""
        request = replace(self.question(asked, settings), memo=Memo(account))
        response = await self.chat.respond(request, sink)
        return TaskReply(self.answer(response, asked), response.attempts, response.notes)

    def question(self, asked: ImageRequest, settings: Settings) -> Request:
        """What is asked of the model. Raises UnsupportedError for what it cannot be told."""
        vendor = self.identity.provider
        _refuse_unknown(asked, f"{vendor}:{asked.model}")
        own = (settings.extra or {}).get(vendor, {})
        config = {"responseModalities": ["TEXT", "IMAGE"], **_image_config(asked, vendor)}
        config |= own.get("generationConfig", {})
        extra = {**(settings.extra or {}), vendor: {**own, "generationConfig": config}}
        message = UserMessage((*asked.images, Text(asked.prompt)))
        told = replace(settings, extra=extra)
        return Request(asked.model, (message,), settings=told, is_streamed=bool(settings.stream))

    def answer(self, response: Response, asked: ImageRequest) -> ImageAnswer:
        """The pictures in an answer. Raises ContentFilteredError, ProtocolError where there is none."""
        images = tuple(GeneratedImage(part) for part in response.message.parts if _is_final(part))
        if not images:
            raise _nothing_drawn(response, self.identity.provider)
        return ImageAnswer(images, response.usage, response.message.model)


def _is_final(part: Part) -> TypeGuard[Image]:
    """Models that think draw sketches meanwhile, which are marked as thoughts."""
    if not isinstance(part, Image):
        return False
    return part.provider_data is None or not part.provider_data.value.get("thought")


def _refuse_unknown(asked: ImageRequest, who: str) -> None:
    if asked.mask is not None:
        raise UnsupportedError(f"{who} takes no mask; say in the prompt what shall change, or ask openai or azure")
    if asked.partial_images:
        raise UnsupportedError(f"{who} shows no unfinished pictures; leave partial_images out, or ask openai")
    for name in ("quality", "background"):
        if getattr(asked, name) is not None:
            raise UnsupportedError(f"{who} has no {name} to choose; leave it out, or say it in the prompt")


def _image_config(asked: ImageRequest, vendor: str) -> dict[str, dict[str, object]]:
    config: dict[str, object] = {}
    if asked.size in _SIZES:
        config["imageSize"] = asked.size
    elif asked.size is not None:
        config["aspectRatio"] = _ratio(asked.size, vendor)
    if asked.output_format is not None:
        if vendor != "vertex" or asked.output_format not in _FORMATS:
            raise UnsupportedError(f"{vendor} does not draw {asked.output_format!r} on request; leave it out")
        config["imageOutputOptions"] = {"mimeType": _FORMATS[asked.output_format]}
    return {"imageConfig": config} if config else {}


def _ratio(size: str, vendor: str) -> str:
    """The proportion of a size such as "1024x768" or "4:3". Raises UnsupportedError for others than are known."""
    width, _, height = size.replace(":", "x").partition("x")
    if width.isdecimal() and height.isdecimal() and int(width) and int(height):
        shared = gcd(int(width), int(height))
        ratio = f"{int(width) // shared}:{int(height) // shared}"
        if ratio in _RATIOS:
            return ratio
    raise UnsupportedError(
        f"{vendor} draws in the proportions {', '.join(_RATIOS)}, or in the sizes {', '.join(_SIZES)}; got {size!r}"
    )


def _nothing_drawn(response: Response, vendor: str) -> ContentFilteredError | ProtocolError:
    reason, said = response.finish_raw, response.text
    words = f"; it says: {said[:300]}" if said else ""
    if response.finish == "content_filter" or "SAFETY" in reason or "PROHIBITED" in reason or "RECITATION" in reason:
        return ContentFilteredError(f"nothing was drawn ({reason}){words}; ask for something else", provider=vendor)
    return ProtocolError(f"the answer holds no picture (it ended with {reason or 'no reason'}){words}", provider=vendor)
