"""Text files in pieces: sniffed, read by lines without being held whole, and written back as they were."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

from agentkit import ToolError
from agentkit_tools.encodings import BINARY, encoding_of
from agentkit_tools.rooted import OpenFile

__all__ = ["LineReader", "Piece", "Sniffed", "encode", "lines_of", "sniff", "whole_text"]

MAX_SKIPPED_CHARS = 500_000_000
MAX_EDIT_BYTES = 10_000_000
_HEAD_BYTES = 65_536
_CHUNK_CHARS = 65_536


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the first bytes of a file tell."""

    encoding: str
    """BINARY when it is no text."""
    head: bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a text."""

    text: str
    last_line: int
    next_line: int | None
    """The line to go on with; None at the end."""
    next_skip: int = 0
    """How many characters of that line were in this piece."""


def sniff(file: OpenFile) -> Sniffed:
    """The encoding of a file by its first bytes, which stay to be read."""
    head = os.pread(file.stream.fileno(), _HEAD_BYTES, 0)
    return Sniffed(encoding_of(head), head)


class LineReader:
    """Reads lines of an open text file; a line is never held whole unless it fits."""

    def __init__(self, file: OpenFile, encoding: str) -> None:
        self._file = file
        self._stream = io.TextIOWrapper(file.stream, encoding=encoding, errors="replace")
        self._line = 1
        self._skipped = 0

    def __enter__(self) -> LineReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def chunk(self) -> str:
        """The next line with its line break, or a part of it when it is very long; "" at the end."""
        return self._stream.readline(_CHUNK_CHARS)

    def skip_to(self, line: int, skip_characters: int = 0) -> None:
        """Go to a line, and past some characters of it. Raises ToolError when the file ends before."""
        passed = 0
        while self._line < line:
            chunk = self.chunk()
            passed += len(chunk)
            if not chunk:
                raise ToolError(f"{self._file.path!r} has only {self._line} lines; line {line} is behind its end.")
            if passed > MAX_SKIPPED_CHARS:
                raise ToolError(f"Line {line} is too far inside this huge file; use search_files to find text in it.")
            self._line += chunk.endswith("\n")
        while self._skipped < skip_characters:
            chunk = self._stream.readline(min(_CHUNK_CHARS, skip_characters - self._skipped))
            self._skipped += len(chunk)
            if not chunk or chunk.endswith("\n"):
                raise ToolError(f"Line {line} has fewer than {skip_characters} characters; use skip_characters=0.")

    def read(self, lines: int, max_bytes: int) -> Piece:
        """Whole lines, as many as fit; of a first line that is too long, as much as fits."""
        texts: list[str] = []
        first, room = self._line, max_bytes
        while self._line < first + lines:
            text = self._stream.readline(room + 1)
            if not text:
                if first == self._line > 1:
                    raise ToolError(f"{self._file.path!r} has only {first - 1} lines; line {first} is behind its end.")
                return Piece("".join(texts), self._line - 1, None)
            encoded = text.encode()
            if len(encoded) > room:
                if texts:
                    return Piece("".join(texts), self._line - 1, self._line)
                text = encoded[:room].decode(errors="ignore")
                return Piece(text, self._line, self._line, self._skipped + len(text))
            texts.append(text)
            room -= len(encoded)
            self._line += 1
        is_more = self._stream.readline(1) != ""
        return Piece("".join(texts), self._line - 1, self._line if is_more else None)


def whole_text(file: OpenFile) -> tuple[str, str]:
    """A text and its encoding, such that the one can be written back by the other without a loss."""
    encoding = sniff(file).encoding
    if encoding == BINARY:
        raise ToolError(f"{file.path!r} is no text; it cannot be edited.")
    content = file.stream.read(MAX_EDIT_BYTES + 1)
    if len(content) > MAX_EDIT_BYTES:
        raise ToolError(f"{file.path!r} has more than {MAX_EDIT_BYTES:,} bytes; it is too large to be edited.")
    if encoding in ("utf-16", "utf-32"):
        encoding += "-le" if content[:1] == b"\xff" else "-be"  # these keep the mark as a character of the text
    for candidate in (encoding, "latin-1"):
        try:
            return content.decode(candidate), candidate
        except UnicodeDecodeError:
            continue
    raise AssertionError("latin-1 decodes all bytes")


def encode(text: str, encoding: str) -> bytes:
    """The text as bytes. Raises ToolError for a character that the encoding has not."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise ToolError(
            f"The character {text[error.start]!r} cannot be written in this file's encoding ({encoding}); "
            "use another one, or write the whole file anew with write_file, which uses UTF-8."
        ) from None


def lines_of(text: str, piece: str) -> str:
    """The numbers of the lines in which a piece begins, the first few of them."""
    numbers: list[str] = []
    start = text.find(piece)
    while start >= 0 and len(numbers) < 5:
        numbers.append(str(text.count("\n", 0, start) + 1))
        start = text.find(piece, start + len(piece))
    return ", ".join(numbers) + (", ..." if start >= 0 else "")
