"""OpenAI's images: POST /images/generations and /images/edits, which some compatible servers offer too.

Facts: the API reference of OpenAI, and replies recorded in 2024 to 2026. GPT image models always send base64 and refuse
to be asked for it; other servers send addresses, which expire, unless they are asked for bytes.
"""

from __future__ import annotations

import mimetypes
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.exchange import Delta, PartialImage, ResponseFinished
from agentkit.imaging import GeneratedImage, ImageAnswer, ImageLimits, ImageRequest, image_of_bytes
from agentkit.json_bytes import json_bytes
from agentkit.json_value import number_of
from agentkit.media import Image, Inline, Remote, Uploaded
from agentkit.multipart import FilePart, FormField, multipart
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.providers.openai.task_events import TaskEvents, object_of
from agentkit.usage import Cost, Usage, count_of

__all__ = ["ImageRules", "ImagesCodec", "ImagesDecoder", "image_of"]

_TICKS_PER_USD = 1e10  # xAI counts money in these, seen in a recording of 2026
_MOST_IMAGES = 16


@dataclass(frozen=True, slots=True)
class ImageRules:
    """How the images of a server differ from OpenAI's."""

    path: str = "/images/generations"
    edits: bool = True
    """Whether pictures can be edited."""
    streams: bool = True
    """Whether unfinished pictures can be seen."""
    knobs: frozenset[str] = frozenset({"size", "quality", "background", "output_format"})
    """What else can be asked for."""
    splits_size: bool = False
    """Whether the size stands in the two fields width and height."""
    bytes_word: str = ""
    """What response_format has to be for bytes to come; empty where they come anyway."""
    count: int = 10
    """Pictures that are made at a time."""


class ImagesCodec:
    """The client half of OpenAI's images."""

    def __init__(self, provider: str = "openai", *, rules: ImageRules | None = None) -> None:
        self.name = f"{provider}:images"
        self._provider = provider
        self._rules = rules or ImageRules()

    def limits(self, model: str) -> ImageLimits:
        """What this model makes at a time."""
        return ImageLimits(1 if model.startswith("dall-e-3") else self._rules.count)

    def is_streamed(self, asked: ImageRequest) -> bool:
        """Whether a stream is asked for, or unfinished pictures, which need one."""
        return asked.partial_images > 0 or (self._rules.streams and bool(asked.settings.stream))

    def encode(self, asked: ImageRequest) -> WireRequest:
        """The request's bytes: JSON, or a form where files are sent. Raises UnsupportedError, BadRequestError."""
        fields = self._fields(asked)
        given = (*asked.images, asked.mask) if asked.mask is not None else asked.images
        if asked.images and all(isinstance(image.source, Inline) for image in given):
            body = multipart([*_form(fields), *_files(asked)])
            return WireRequest("/images/edits", body.data, headers=(("content-type", body.content_type),))
        return self._as_json(fields, asked)

    def encode_line(self, asked: ImageRequest) -> WireRequest:
        """The request as it stands in a batch: JSON, files included. Raises UnsupportedError."""
        if asked.partial_images:
            raise UnsupportedError("a batch shows no unfinished pictures; leave partial_images out")
        return self._as_json(self._fields(asked), asked)

    def decode(self, body: bytes) -> ImageAnswer:
        """The pictures of a whole reply."""
        reply = object_of(body, self._provider)
        rows = reply.get("data", reply.get("images"))
        if not isinstance(rows, list) or not rows:
            if reply.get("error"):
                raise error_in_stream(reply, provider=self._provider)
            raise ProtocolError("the reply holds no picture ('data' is missing or empty)", provider=self._provider)
        images = tuple(image_of(row, self._provider, reply) for row in cast("list[Any]", rows))
        return ImageAnswer(images, _usage(reply.get("usage")), str(reply.get("model") or ""), _told_cost(reply))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self, asked: ImageRequest) -> ImagesDecoder:
        """A decoder for one streamed reply."""
        return ImagesDecoder(self._provider, count=asked.count)

    def _as_json(self, fields: dict[str, Any], asked: ImageRequest) -> WireRequest:
        if not asked.images:
            return WireRequest(self._rules.path, json_bytes(fields))
        fields["images"] = [_reference(image) for image in asked.images]
        if asked.mask is not None:
            fields["mask"] = _reference(asked.mask)
        return WireRequest("/images/edits", json_bytes(fields))

    def _fields(self, asked: ImageRequest) -> dict[str, Any]:
        self._refuse_unknown(asked)
        fields: dict[str, Any] = {"model": asked.model, "prompt": asked.prompt}
        if asked.count > 1:
            fields["n"] = asked.count
        fields |= self._sized(asked.knobs)
        if self.is_streamed(asked):
            fields |= {"stream": True, "partial_images": asked.partial_images}
        word = self._rules.bytes_word or ("b64_json" if asked.model.startswith("dall-e") else "")
        if word:
            fields["response_format"] = word
        fields |= (asked.settings.extra or {}).get(self._provider, {})
        return fields

    def _refuse_unknown(self, asked: ImageRequest) -> None:
        rules, who = self._rules, f"{self._provider}:{asked.model}"
        if asked.images and not rules.edits:
            raise UnsupportedError(
                f"{who} makes pictures from words only, and {len(asked.images)} to edit came with them; "
                "openai, azure and google edit pictures"
            )
        if len(asked.images) > _MOST_IMAGES:
            raise UnsupportedError(f"{who} takes {_MOST_IMAGES} pictures at most; {len(asked.images)} were given")
        if asked.partial_images and not rules.streams:
            raise UnsupportedError(f"{who} shows no unfinished pictures; leave partial_images out, or ask openai")
        for name in sorted(asked.knobs.keys() - rules.knobs):
            extra = f"Settings(extra={{{self._provider!r}: {{...}}}})"
            raise UnsupportedError(f"{who} has no {name} to choose; leave it out. Fields of its own go into {extra}")

    def _sized(self, knobs: dict[str, str]) -> dict[str, Any]:
        if not self._rules.splits_size or "size" not in knobs:
            return dict(knobs)
        found = re.fullmatch(r"(\d+)x(\d+)", knobs["size"])
        if found is None:
            raise UnsupportedError(
                f"{self._provider} takes a size such as '1024x768', width and height in pixels; got {knobs['size']!r}"
            )
        rest = {name: value for name, value in knobs.items() if name != "size"}
        return {**rest, "width": int(found[1]), "height": int(found[2])}


class ImagesDecoder:
    """Decodes one streamed reply; see TaskStreamDecoder."""

    __slots__ = ("_count", "_events", "_images", "_provider", "_usage")

    def __init__(self, provider: str, *, count: int = 1) -> None:
        self._count = count
        self._provider = provider
        self._events = TaskEvents(provider)
        self._images: list[GeneratedImage] = []
        self._usage = Usage()

    @property
    def events(self) -> int:
        """How many events were decoded so far."""
        return self._events.count

    @property
    def answer(self) -> ImageAnswer:
        """The pictures that are complete."""
        return ImageAnswer(tuple(self._images), self._usage)

    def feed(self, chunk: bytes) -> list[Delta]:
        """The looks at unfinished pictures in some more bytes."""
        return self._events.feed(chunk, self._told_by)

    def finish(self) -> list[Delta]:
        """What is left when the bytes have ended. Raises ProtocolError while a picture is missing."""
        deltas = self._events.finish(self._told_by)
        if len(self._images) < self._count:
            raise ProtocolError(
                f"the stream ended with {len(self._images)} of {self._count} pictures", provider=self._provider
            )
        return deltas

    def _told_by(self, event: dict[str, Any]) -> list[Delta]:
        kind = str(event.get("type", ""))
        if kind.endswith(".partial_image"):
            look = event.get("partial_image_index")
            image = image_of(event, self._provider, event).image
            return [PartialImage(image, look if isinstance(look, int) else 0)]
        if kind.endswith(".completed"):
            self._images.append(image_of(event, self._provider, event))
            self._usage += _usage(event.get("usage"))
            if len(self._images) == self._count:
                return [ResponseFinished("stop", usage=self._usage)]
        return []


def _form(fields: Mapping[str, Any]) -> list[FormField]:
    """The fields of a form, in which all values are words."""
    parts: list[FormField] = []
    for name, value in fields.items():
        if isinstance(value, bool):
            parts.append(FormField(name, "true" if value else "false"))
        elif isinstance(value, list):
            parts += [FormField(f"{name}[]", str(entry)) for entry in cast("list[Any]", value)]
        else:
            parts.append(FormField(name, str(value)))
    return parts


def _files(asked: ImageRequest) -> list[FilePart]:
    name = "image" if len(asked.images) == 1 else "image[]"
    files = [_file(name, f"image-{position}", image) for position, image in enumerate(asked.images)]
    return [*files, _file("mask", "mask", asked.mask)] if asked.mask is not None else files


def _file(name: str, stem: str, image: Image) -> FilePart:
    source = cast("Inline", image.source)  # the only source that is written into a form
    ending = mimetypes.guess_extension(source.media_type) or ""
    return FilePart(name, stem + ending, source.data, source.media_type)


def _reference(image: Image) -> dict[str, str]:
    match image.source:
        case Remote(url):
            return {"image_url": url}
        case Uploaded(file_id):
            return {"file_id": file_id}
        case Inline() as inline:
            return {"image_url": inline.data_url}


def image_of(row: Any, provider: str, reply: Mapping[str, Any]) -> GeneratedImage:
    """The picture of one row of a reply: its bytes, or its address. Raises ProtocolError for what is neither."""
    entry = cast("dict[str, Any]", row) if isinstance(row, dict) else {}
    revised = str(entry.get("revised_prompt") or "")
    encoded = entry.get("b64_json") or entry.get("image")
    if isinstance(encoded, str) and encoded:
        told = str(entry.get("media_type") or f"image/{reply.get('output_format') or 'png'}")
        return GeneratedImage(_inline(encoded, told, provider), revised)
    url = entry.get("url")
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        return GeneratedImage(Image(Remote(url, str(entry.get("mime_type") or "") or None)), revised)
    if isinstance(url, str) and url.startswith("data:"):
        head, _, data = url[5:].partition(",")
        return GeneratedImage(_inline(data, head.partition(";")[0], provider), revised)
    raise ProtocolError("a picture of the reply has neither bytes nor an address", provider=provider)


def _inline(encoded: str, told: str, provider: str) -> Image:
    try:
        data = b64decode(encoded, validate=True)
    except (Base64Error, ValueError) as error:
        raise ProtocolError(f"a picture is no base64: {error}", provider=provider) from None
    return image_of_bytes(data, provider=provider, told=told)


def _usage(value: Any) -> Usage:
    usage = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return Usage(
        count_of(usage.get("input_tokens", usage.get("prompt_tokens"))),
        output=count_of(usage.get("output_tokens", usage.get("completion_tokens"))),
    )


def _told_cost(reply: Mapping[str, Any]) -> Cost | None:
    usage: Any = reply.get("usage")
    told = cast("dict[str, Any]", usage) if isinstance(usage, dict) else {}
    ticks, usd = number_of(told.get("cost_in_usd_ticks")), number_of(told.get("cost"))
    if ticks is not None:
        return Cost(ticks / _TICKS_PER_USD)
    return None if usd is None else Cost(usd)
