"""Pictures by Imagen on Vertex AI: models:predict, with pictures as base64 (google-genai's client of 2026)."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any, cast

from agentkit.codec import WireRequest
from agentkit.errors import ContentFilteredError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.imaging import GeneratedImage, ImageAnswer, ImageLimits, ImageRequest, image_of_bytes
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.providers.google.errors import decode_error

__all__ = ["ImagenCodec"]

Json = dict[str, Any]

_RATIOS = ("1:1", "3:4", "4:3", "9:16", "16:9")
_SIZES = ("1K", "2K")
_MOST_AT_ONCE = 4


class ImagenCodec:
    """The client half of Imagen's predict."""

    def __init__(self, provider: str = "vertex") -> None:
        self.name = f"{provider}:imagen"
        self._provider = provider

    def limits(self, model: str) -> ImageLimits:
        """What this model makes at a time."""
        return ImageLimits(_MOST_AT_ONCE)

    def encode(self, asked: ImageRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for what the model does not take."""
        who = f"{self._provider}:{asked.model}"
        if asked.images or asked.partial_images:
            what = "makes pictures from words only" if asked.images else "shows no unfinished pictures"
            raise UnsupportedError(f"{who} {what}; a Gemini model that draws, or openai, may do it")
        for name in sorted(asked.knobs.keys() - {"size", "output_format"}):
            raise UnsupportedError(f"{who} has no {name} to choose; leave it out")
        # The reason of a picture that was left out has to be asked for.
        parameters: Json = {"sampleCount": asked.count, "includeRaiReason": True}
        if asked.size in _SIZES:
            parameters["sampleImageSize"] = asked.size
        elif asked.size in _RATIOS:
            parameters["aspectRatio"] = asked.size
        elif asked.size is not None:
            raise UnsupportedError(f"{who} takes {', '.join((*_RATIOS, *_SIZES))} as size; got {asked.size!r}")
        if asked.output_format is not None:
            parameters["outputOptions"] = {"mimeType": f"image/{asked.output_format}"}
        parameters |= (asked.settings.extra or {}).get(self._provider, {})
        body = {"instances": [{"prompt": asked.prompt}], "parameters": parameters}
        return WireRequest(f"/publishers/google/models/{asked.model}:predict", json_bytes(body))

    def decode(self, body: bytes) -> ImageAnswer:
        """The pictures. Raises ContentFilteredError when all were left out for their content: that is no error here."""
        try:
            value = json_value(body)
        except ValueError as error:
            raise ProtocolError(f"the reply is not JSON: {error}", provider=self._provider) from None
        reply = cast("Json", value) if isinstance(value, dict) else {}
        found: Any = reply.get("predictions")
        listed = cast("list[Any]", found) if isinstance(found, list) else []
        rows = [cast("Json", row) for row in listed if isinstance(row, dict)]
        images = [self._image(row) for row in rows if row.get("bytesBase64Encoded")]
        if images:
            return ImageAnswer(tuple(images))
        reasons = [str(row["raiFilteredReason"]) for row in rows if row.get("raiFilteredReason")]
        words = reasons[0] if reasons else "the provider left all pictures out and says no reason"
        raise ContentFilteredError(f"nothing was drawn: {words}", provider=self._provider)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _image(self, row: Json) -> GeneratedImage:
        try:
            data = b64decode(str(row["bytesBase64Encoded"]), validate=True)
        except (Base64Error, ValueError) as error:
            raise ProtocolError(f"a picture is no base64: {error}", provider=self._provider) from None
        told = str(row.get("mimeType") or "")
        return GeneratedImage(image_of_bytes(data, provider=self._provider, told=told), str(row.get("prompt") or ""))
