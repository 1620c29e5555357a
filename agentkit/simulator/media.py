"""Pictures and transcripts without a model: a tiny picture whose colour comes from the prompt, and how long a sound is.

They are what OpenAI's clients expect at /images/generations, /images/edits and /audio/transcriptions.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError
from agentkit.simulator.formats import json_object
from agentkit.simulator.forms import Form, SentFile, form_of
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply
from agentkit.transcription import wav_seconds

__all__ = ["about_media", "heard_in", "tiny_png"]

Json = dict[str, Any]

_EDGE = 8
_MOST_IMAGES = 10
_BYTES_PER_SECOND = 16_000
"""Of sound whose file does not tell how long it is."""
_STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
_SOUNDS = (".flac", ".mp3", ".mp4", ".mpeg", ".mpga", ".m4a", ".ogg", ".oga", ".wav", ".webm")


def about_media(asked: HttpAsked) -> Reply | None:
    """The reply to a request for pictures or for a transcript; None for any other. Raises BadRequestError."""
    if asked.method != "POST":
        return None
    if asked.path.endswith(("/images/generations", "/images")):
        return _images(json_object(asked.body) or {}, "image_generation")
    if asked.path.endswith("/images/edits"):
        return _images(_edit(asked), "image_edit")
    if asked.path.endswith("/audio/transcriptions"):
        is_json = asked.header("content-type").startswith("application/json")  # as lines of batches are
        return _transcript(_form(asked) if is_json else form_of(asked.body, asked.header("content-type")))
    return None


def tiny_png(words: str) -> bytes:
    """A picture of 8 by 8 dots in the colour of these words."""
    colour = hashlib.sha256(words.encode()).digest()[:3]
    rows = (b"\0" + colour * _EDGE) * _EDGE
    head = struct.pack(">IIBBBBB", _EDGE, _EDGE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def heard_in(sound: bytes) -> tuple[str, float]:
    """What is said in a recording, and how many seconds it lasts."""
    seconds = wav_seconds(sound) or len(sound) / _BYTES_PER_SECOND
    return f"This recording lasts {seconds:.1f} seconds.", seconds


def _edit(asked: HttpAsked) -> Json:
    """The fields of an edit, whether it came as a form or as JSON."""
    if asked.header("content-type").startswith("application/json"):
        sent = json_object(asked.body) or {}
        if not sent.get("images"):
            raise BadRequestError("Missing required parameter: 'images'.")
        return sent
    form = form_of(asked.body, asked.header("content-type"))
    if not form.files.get("image"):
        raise BadRequestError("Missing required parameter: 'image'.")
    sent = {name: values[0] for name, values in form.fields.items()}
    numbers = {name: int(sent[name]) for name in ("n", "partial_images") if sent.get(name, "").isdecimal()}
    return {**sent, **numbers, "stream": sent.get("stream") == "true"}


def _images(sent: Mapping[str, Any], kind: str) -> Reply:
    prompt, count = sent.get("prompt"), sent.get("n", 1)
    if not isinstance(prompt, str) or not prompt:
        raise BadRequestError("Missing required parameter: 'prompt'.")
    if not isinstance(count, int) or not 1 <= count <= _MOST_IMAGES:
        raise BadRequestError(f"Invalid 'n': {count!r}; it has to be from 1 to {_MOST_IMAGES}.")
    rows = [{"b64_json": _encoded(f"{prompt} {number}")} for number in range(count)]
    words = len(prompt.split())
    usage = {
        "input_tokens": words,
        "output_tokens": 16 * count,
        "total_tokens": words + 16 * count,
        "input_tokens_details": {"text_tokens": words, "image_tokens": 0},
    }
    if not sent.get("stream"):
        return _whole({"created": 0, "data": rows, "output_format": "png", "usage": usage})
    frame = {"created_at": 0, "size": "1024x1024", "quality": "low", "background": "opaque", "output_format": "png"}
    looks = [
        {
            "type": f"{kind}.partial_image",
            "b64_json": _encoded(f"{prompt} look {look}"),
            "partial_image_index": look,
            **frame,
        }
        for look in range(int(sent.get("partial_images") or 0))
    ]
    return _stream((*looks, *({"type": f"{kind}.completed", **row, **frame, "usage": usage} for row in rows)))


def _encoded(words: str) -> str:
    return b64encode(tiny_png(words)).decode()


def _form(asked: HttpAsked) -> Form:
    """JSON with the address of a sound as the form that it stands for; nobody fetches the sound."""
    sent = json_object(asked.body) or {}
    address = str(sent.get("url") or sent.get("file_url") or "")
    fields = {
        name: [str(entry) for entry in cast("list[Any]", value)] if isinstance(value, list) else [str(value)]
        for name, value in sent.items()
    }
    return Form(fields, {"file": [SentFile(address, bytes(_BYTES_PER_SECOND))]} if address else {})


def _transcript(form: Form) -> Reply:
    files, model = form.files.get("file", []), form.field("model")
    if not files:
        raise BadRequestError("Missing required parameter: 'file'.")
    if not model:
        raise BadRequestError("Missing required parameter: 'model'.")
    file = files[0]
    if not file.filename.lower().endswith(_SOUNDS):
        raise BadRequestError(f"Unrecognized file format. Supported formats: {', '.join(_SOUNDS)}")
    text, seconds = heard_in(file.data)
    pieces = text.split(" ")
    usage = {"type": "duration", "seconds": round(seconds)}
    if form.field("stream") == "true" and not model.startswith("whisper"):
        deltas = [
            {"type": "transcript.text.delta", "delta": piece if place == 0 else f" {piece}"}
            for place, piece in enumerate(pieces)
        ]
        return _stream((*deltas, {"type": "transcript.text.done", "text": text, "usage": usage}))
    reply: Json = {"text": text, "usage": usage}
    if form.field("response_format") == "verbose_json":
        reply |= {"task": "transcribe", "language": form.field("language") or "english", "duration": seconds}
        grains = form.fields.get("timestamp_granularities", ["segment"])
        if "segment" in grains:
            reply["segments"] = [{"id": 0, "start": 0.0, "end": seconds, "text": text}]
        if "word" in grains:
            step = seconds / len(pieces)
            reply["words"] = [
                {"word": piece, "start": place * step, "end": (place + 1) * step} for place, piece in enumerate(pieces)
            ]
    return _whole(reply)


def _whole(reply: Json) -> Reply:
    return Reply.whole(HttpReply(200, to_json(reply)))


def _stream(events: Iterable[Json]) -> Reply:
    pieces = tuple(b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), to_json(event)) for event in events)
    return Reply(200, _STREAM_HEADERS, pieces, is_streamed=True)
