"""What bytes are: text in which encoding, or binary of which kind."""

from __future__ import annotations

import codecs
import mimetypes

__all__ = ["BINARY", "describe_bytes", "encoding_of", "media_type_of"]

BINARY = "binary"
"""What `encoding_of` answers for bytes that are no text."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"\x7fELF", "application/x-executable"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
)

_CONTROL = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")


def encoding_of(head: bytes) -> str:
    """The encoding of a text by its first bytes; BINARY when they are no text.

    Without a byte order mark it is UTF-8, or else Windows-1252, whose texts have hardly any control characters.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" in head or head.startswith(b"%PDF-"):
        return BINARY
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        controls = len(head) - len(head.translate(None, _CONTROL))
        return BINARY if controls * 50 > len(head) or _signature(head) else "cp1252"
    return "utf-8"


def media_type_of(name: str, head: bytes) -> str:
    """The media type, by the first bytes or else by the name."""
    return _signature(head) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def describe_bytes(name: str, head: bytes) -> str:
    """A few words on binary content."""
    return f"{media_type_of(name, head)}, begins with {head[:16].hex(' ')}" if head else "empty"


def _signature(head: bytes) -> str | None:
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"WAVE"):
        return "image/webp" if head[8:12] == b"WEBP" else "audio/wav"
    return next((media_type for signature, media_type in _SIGNATURES if head.startswith(signature)), None)
