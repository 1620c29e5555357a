"""One search through the lines of many files, bounded in what it reads and what it finds."""

from __future__ import annotations

from dataclasses import dataclass

from agentkit import ToolError
from agentkit_tools.encodings import BINARY
from agentkit_tools.patterns import lines_matching
from agentkit_tools.rooted import OpenFile
from agentkit_tools.texts import LineReader, sniff

__all__ = ["Match", "Search"]

MAX_MATCHES = 50
MAX_SCANNED_CHARS = 200_000_000
_BATCH_CHARS = 4_000_000
_SHOWN_CHARS = 240


@dataclass(frozen=True, slots=True)
class Match:
    """A line in which the text was found."""

    path: str
    line: int
    text: str


class Search:
    """Looks for a text in file after file; `finish` gives what it found.

    Plain text is looked for at once; a regular expression in batches, since each batch costs a process.
    """

    def __init__(self, text: str, *, is_regex: bool, is_case_ignored: bool) -> None:
        if not text:
            raise ToolError("There is no text to look for; use list_files to see files.")
        if "\n" in text:
            raise ToolError("The text has several lines, and lines are searched one by one; look for one of them.")
        self._text = text.casefold() if is_case_ignored and not is_regex else text
        self._is_regex = is_regex
        self._is_case_ignored = is_case_ignored
        self._matches: list[Match] = []
        self._batch: list[Match] = []  # lines still to be matched, whole
        self._batch_chars = 0
        self._scanned = 0
        self.files = 0
        """How many files were looked into."""

    @property
    def is_over(self) -> bool:
        """Whether going on would find more than is shown, or read more than is sensible."""
        return len(self._matches) > MAX_MATCHES or self._scanned > MAX_SCANNED_CHARS

    @property
    def note(self) -> str | None:
        """What was left out, and how to see it."""
        if len(self._matches) > MAX_MATCHES:
            return f"only the first {MAX_MATCHES} are shown; use a longer text, a pattern, or an inner folder"
        if self._scanned > MAX_SCANNED_CHARS:
            return "not all files were searched, they are too large; use a pattern or an inner folder"
        return None

    def look_into(self, file: OpenFile) -> None:
        """Search one file; those that are no text are passed over."""
        encoding = sniff(file).encoding
        if encoding == BINARY:
            return
        self.files += 1
        line = 1
        with LineReader(file, encoding) as reader:
            while (chunk := reader.chunk()) and not self.is_over:
                self._scanned += len(chunk)
                self._look_at(Match(file.path, line, chunk.rstrip("\n")))
                line += chunk.endswith("\n")

    def finish(self) -> list[Match]:
        """What was found, in the order of files and lines."""
        self._match_batch()
        return self._matches[:MAX_MATCHES]

    def _look_at(self, line: Match) -> None:
        if self._is_regex:
            self._batch.append(line)
            self._batch_chars += len(line.text)
            if self._batch_chars + 100 * len(self._batch) > _BATCH_CHARS:
                self._match_batch()
            return
        where = (line.text.casefold() if self._is_case_ignored else line.text).find(self._text)
        if where >= 0:
            self._matches.append(_shortened(line, where))

    def _match_batch(self) -> None:
        lines, self._batch, self._batch_chars = self._batch, [], 0
        if lines:
            texts = [line.text for line in lines]
            found = lines_matching(self._text, texts, is_case_ignored=self._is_case_ignored)
            self._matches += [_shortened(lines[index], where) for index, where in found]


def _shortened(line: Match, where: int) -> Match:
    """The match with the part of its line around the place."""
    start = max(0, where - _SHOWN_CHARS // 3) if len(line.text) > _SHOWN_CHARS else 0
    text = line.text[start : start + _SHOWN_CHARS]
    before, after = "..." if start else "", "..." if start + _SHOWN_CHARS < len(line.text) else ""
    return Match(line.path, line.line, f"{before}{text.strip()}{after}")
