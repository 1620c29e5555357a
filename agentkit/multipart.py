"""Bodies of multipart/form-data: fields and files of one request as bytes, the same for the same parts (RFC 7578)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["FilePart", "FormField", "MultipartBody", "multipart"]

_LINE = b"\r\n"


@dataclass(frozen=True, slots=True)
class FormField:
    """A named text."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FilePart:
    """A named file."""

    name: str
    filename: str
    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class MultipartBody:
    """What is sent."""

    content_type: str
    """With the boundary."""
    data: bytes = field(repr=False)


def multipart(parts: Sequence[FormField | FilePart]) -> MultipartBody:
    """The parts as one body, in their order.

    The boundary comes from a hash of the parts, so that the same request has the same bytes: it can be recorded,
    replayed and found in a cache. Nobody can write parts that hold it.
    """
    heads = [_head(part) for part in parts]
    contents = [part.data if isinstance(part, FilePart) else part.value.encode() for part in parts]
    digest = hashlib.sha256()
    for piece in (*heads, *contents):
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    boundary = "agentkit-" + digest.hexdigest()[:32]
    line = b"--" + boundary.encode()
    pieces = [
        piece for head, content in zip(heads, contents, strict=True) for piece in (line, _LINE, head, content, _LINE)
    ]
    return MultipartBody(f"multipart/form-data; boundary={boundary}", b"".join((*pieces, line, b"--", _LINE)))


def _head(part: FormField | FilePart) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(part.name)}"'
    if isinstance(part, FilePart):
        head += f'; filename="{_quoted(part.filename)}"\r\nContent-Type: {part.media_type}'
    return head.encode() + _LINE + _LINE


def _quoted(name: str) -> str:
    """As browsers write names: what would end the quotes or the line stands as a percent code, all else as UTF-8."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
