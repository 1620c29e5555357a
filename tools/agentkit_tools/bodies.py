"""Bodies of HTTP responses: bounded in bytes and time, unpacked without bombs, decoded, and without secrets."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, cast
from urllib.parse import quote

import anyio
import httpx
from pydantic_core import from_json

from agentkit_tools.encodings import BINARY, encoding_of, media_type_of
from agentkit_tools.pinned import NETWORK_ERRORS

__all__ = ["Body", "Secrets", "read_body"]

HIDDEN = "[secret]"
_MIN_SECRET_CHARS = 4
_PACKINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
_HARMLESS = frozenset({"accept", "accept-language", "accept-encoding", "content-type", "user-agent"})
_CHARSET = re.compile(
    r"(?i)utf-?(8|16|32)([-_]?[bl]e)?|us-ascii|ascii|latin-?1|iso-8859-\d+|windows-\d+|cp\d+|koi8-[ru]|shift[-_]jis|euc-(jp|kr)"
    r"|iso-2022-jp|gb2312|gbk|gb18030|big5"
)
"""Encodings of text that take linear time; Python knows stranger ones."""


class Secrets:
    """The values of headers that no result may show, in the forms in which a server may send them back."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        values = [value for name, value in headers.items() if name.lower() not in _HARMLESS]
        self._forms = sorted({form for value in values for form in _forms(value)}, key=len, reverse=True)

    def __repr__(self) -> str:
        return "Secrets()"

    def hide(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def hide_cut(self, text: str) -> str:
        """A text that was cut, without them and without the beginning of one at its end."""
        longest = max((len(form) for form in self._forms), default=0)
        for length in range(min(longest, len(text)), 0, -1):
            if any(form.startswith(text[-length:]) for form in self._forms):
                text = text[:-length]
                break
        return self.hide(text)

    def hide_in(self, value: Any) -> Any:
        """The JSON value without them: parsing has undone the escapes by which a text may still have hidden them."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, list):
            return [self.hide_in(item) for item in cast("list[Any]", value)]
        if isinstance(value, dict):
            return {self.hide(key): self.hide_in(item) for key, item in cast("dict[str, Any]", value).items()}
        return value


class Body:
    """What was read of a response's body."""

    def __init__(self, response: httpx.Response) -> None:
        self._type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._charset = _CHARSET.fullmatch(response.charset_encoding or "")
        self._packing = response.headers.get("content-encoding", "").strip().lower()
        self.content = b""
        self.note: str | None = None
        """Why it is not whole."""

    def decoded(self, secrets: Secrets) -> Any:
        """JSON as a value, text as text, and of anything else a description."""
        if not self.content:
            return None
        if self._packing not in _PACKINGS:
            return f"(packed as {self._packing[:40]}, which was not asked for and cannot be read here)"
        encoding = self._charset.group().lower() if self._charset else encoding_of(self.content[:65_536])
        is_medium = self._type.startswith(("image/", "audio/", "video/", "font/")) and "xml" not in self._type
        if encoding == BINARY or is_medium:
            return f"(binary: {self._type or media_type_of('', self.content)}, {len(self.content)} bytes were read)"
        try:
            text = codecs.getincrementaldecoder(encoding)("replace").decode(self.content, self.note is None)
        except (LookupError, UnicodeError):  # a number that no encoding has, such as iso-8859-99
            text = self.content.decode("utf-8", "replace")
        if self.note is not None:
            return secrets.hide_cut(text)
        if "json" in self._type or not self._type:
            with suppress(ValueError):  # what is said to be JSON and is not, is shown as text
                return secrets.hide_in(from_json(text))
        return secrets.hide(text)


async def read_body(response: httpx.Response, *, max_bytes: int, deadline: float) -> Body:
    """Read until the end, the limit or the deadline, whichever comes first."""
    body = Body(response)
    unpacker = _Unpacker(response.headers.get("content-encoding", ""))
    content, packed_size = bytearray(), 0
    with anyio.CancelScope(deadline=deadline) as scope:
        try:
            async for chunk in response.aiter_raw():
                packed_size += len(chunk)
                try:
                    for piece in unpacker.feed(chunk, max_bytes + 1 - len(content)):
                        content += piece
                except zlib.error:
                    body.note = "the packed data is damaged; only what could be read is shown"
                if packed_size > max_bytes * 2 + 65_536 and len(content) <= max_bytes:
                    body.note = "the packed data unpacks to nothing, without end"
                if len(content) > max_bytes or body.note is not None:
                    scope.cancel()  # not `break`: it would leave the generators under this one open, which trio resents
        except NETWORK_ERRORS:
            body.note = "the connection was lost before the end"
    if scope.cancelled_caught and body.note is None:
        body.note = "the time was up before the end"
    if len(content) > max_bytes:
        total = response.headers.get("content-length", "") if not unpacker.is_packing else ""
        body.note = f"only the first {max_bytes} bytes are shown" + (f" of {total}" if total.isdigit() else "")
    body.content = bytes(content[:max_bytes])
    return body


class _Unpacker:
    """Undoes gzip and deflate, at most so many bytes at a time."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        self._inflater = None if self._encoding not in _PACKINGS - {"", "identity"} else zlib.decompressobj(47)
        self._is_begun = False

    @property
    def is_packing(self) -> bool:
        """Whether the bytes are packed; unknown packings are handed on as they are, binary."""
        return self._inflater is not None

    def feed(self, chunk: bytes, room: int) -> Iterable[bytes]:
        """The unpacked bytes of a chunk, at most `room` in all. Raises zlib.error."""
        if self._inflater is None:
            yield chunk[:room]
            return
        while chunk and room > 0:
            piece = self._inflate(chunk, room)
            room -= len(piece)
            yield piece
            if not self._inflater.eof:
                return
            chunk = self._inflater.unused_data  # gzip files may follow each other
            if chunk:
                self._inflater = zlib.decompressobj(47)

    def _inflate(self, chunk: bytes, room: int) -> bytes:
        assert self._inflater is not None
        try:
            return self._inflater.decompress(chunk, room)
        except zlib.error:
            if self._encoding != "deflate" or self._is_begun:
                raise
            self._inflater = zlib.decompressobj(-15)  # some servers send deflate without its header
            return self._inflater.decompress(chunk, room)
        finally:
            self._is_begun = True


def _forms(value: str) -> set[str]:
    """A secret, its part behind a word such as Bearer, what Basic encodes, and their usual escapes."""
    plain = {value, value.rpartition(" ")[2]}
    if value.lower().startswith("basic "):
        try:
            pair = base64.b64decode(value[6:], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        plain |= {pair, pair.partition(":")[2]}
    escaped = {form for text in plain for form in (text, quote(text, safe=""), html.escape(text))}
    return {form for form in escaped if len(form) >= _MIN_SECRET_CHARS}
