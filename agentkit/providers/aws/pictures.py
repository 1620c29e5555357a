"""Pictures of Bedrock: POST /model/ID/invoke with the JSON of the maker: Amazon Nova Canvas and Titan, Stability.

Facts: the inference parameters of each model in Bedrock's user guide. Masks are black and white there, not transparent,
so that ours cannot be sent as they are.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from agentkit.codec import WireRequest
from agentkit.errors import ContentFilteredError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.imaging import GeneratedImage, ImageAnswer, ImageLimits, ImageRequest, image_of_bytes
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.media import Image, Inline
from agentkit.providers.aws.errors import decode_error, sound

__all__ = ["InvokeImagesCodec"]

Json = dict[str, Any]

_MOST_AT_ONCE = 5


class InvokeImagesCodec:
    """The client half of Bedrock's pictures."""

    def __init__(self, provider: str = "bedrock") -> None:
        self.name = f"{provider}:images"
        self._provider = provider

    def limits(self, model: str) -> ImageLimits:
        """What this model makes at a time."""
        return ImageLimits(1 if "stability." in model else _MOST_AT_ONCE)

    def encode(self, asked: ImageRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what the model does not take, or is no model we know."""
        self._refuse_unknown(asked)
        if "nova-canvas" in asked.model or "titan-image" in asked.model:
            body = self._amazon(asked)
        elif "stability." in asked.model:
            body = self._stability(asked)
        else:
            raise UnsupportedError(
                f"how {self._provider}:{asked.model} is asked for pictures is not known; amazon.nova-canvas, "
                "amazon.titan-image-* and stability.* are"
            )
        for name, value in (asked.settings.extra or {}).get(self._provider, {}).items():
            mine = body.get(name)  # such as imageGenerationConfig, of which a seed is only a part
            is_part = isinstance(mine, dict) and isinstance(value, Mapping)
            body[name] = {**cast("Json", mine), **cast("Mapping[str, Any]", value)} if is_part else value
        headers = (("content-type", "application/json"), ("accept", "application/json"))
        return WireRequest(f"/model/{quote(asked.model, safe='')}/invoke", json_bytes(body), headers=headers)

    def decode(self, body: bytes) -> ImageAnswer:
        """The pictures. Raises ContentFilteredError when the model made none for their content."""
        try:
            value = json_value(body)
        except ValueError as error:
            raise ProtocolError(f"the reply is not JSON: {error}", provider=self._provider) from None
        reply = sound(value, provider=self._provider)
        encoded = [text for text in _list(reply.get("images")) if isinstance(text, str) and text]
        reasons = [reason for reason in (*_list(reply.get("finish_reasons")), reply.get("error")) if reason]
        if reasons and (not encoded or reply.get("finish_reasons")):
            raise ContentFilteredError(f"nothing was drawn: {reasons[0]}", provider=self._provider)
        if not encoded:
            raise ProtocolError("the reply holds no picture ('images' is missing or empty)", provider=self._provider)
        return ImageAnswer(tuple(GeneratedImage(self._image(text)) for text in encoded))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _refuse_unknown(self, asked: ImageRequest) -> None:
        who = f"{self._provider}:{asked.model}"
        if asked.mask is not None:
            raise UnsupportedError(
                f"{who} takes masks in black and white, not transparent ones; ask openai or azure, or write the "
                f"model's own fields: Settings(extra={{{self._provider!r}: {{'taskType': 'INPAINTING', ...}}}})"
            )
        if asked.partial_images:
            raise UnsupportedError(f"{who} shows no unfinished pictures; leave partial_images out, or ask openai")
        known = {"size", "output_format"} if "stability." in asked.model else {"size", "quality"}
        for name in sorted(asked.knobs.keys() - known):
            raise UnsupportedError(f"{who} has no {name} to choose; leave it out")

    def _amazon(self, asked: ImageRequest) -> Json:
        config: Json = {"numberOfImages": asked.count}
        if asked.size is not None:
            found = re.fullmatch(r"(\d+)x(\d+)", asked.size)
            if found is None:
                raise UnsupportedError(
                    f"{self._provider}:{asked.model} takes a size such as '1024x1024', width and height in pixels; "
                    f"got {asked.size!r}"
                )
            config |= {"width": int(found[1]), "height": int(found[2])}
        if asked.quality is not None:
            config["quality"] = asked.quality
        if not asked.images:
            task: Json = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": asked.prompt}}
        else:
            pictures = [self._base64(image) for image in asked.images]
            task = {"taskType": "IMAGE_VARIATION", "imageVariationParams": {"text": asked.prompt, "images": pictures}}
        return {**task, "imageGenerationConfig": config}

    def _stability(self, asked: ImageRequest) -> Json:
        if asked.images:
            raise UnsupportedError(
                f"{self._provider}:{asked.model} makes pictures from words only; amazon.nova-canvas varies pictures"
            )
        body: Json = {"prompt": asked.prompt}
        if asked.size is not None:
            if not re.fullmatch(r"\d+:\d+", asked.size):
                raise UnsupportedError(
                    f"{self._provider}:{asked.model} takes a proportion such as '16:9' as size; got {asked.size!r}"
                )
            body["aspect_ratio"] = asked.size
        if asked.output_format is not None:
            body["output_format"] = asked.output_format
        return body

    def _base64(self, image: Image) -> str:
        if isinstance(image.source, Inline):
            return image.source.base64
        raise UnsupportedError(f"{self._provider} takes a picture itself, not where it lies: Image.from_file")

    def _image(self, encoded: str) -> Image:
        try:
            data = b64decode(encoded, validate=True)
        except (Base64Error, ValueError) as error:
            raise ProtocolError(f"a picture is no base64: {error}", provider=self._provider) from None
        return image_of_bytes(data, provider=self._provider)


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
