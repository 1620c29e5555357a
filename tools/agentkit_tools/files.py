"""Files of one folder, for a model to list, read and search; to change them too when it is allowed to.

    from agentkit_tools.files import Files

    Agent("openai:gpt-5.1", tools=[Files("notes")])
    Agent("openai:gpt-5.1", tools=[Files("notes", writable=True)])

Read-only unless asked: the tools that write are not even offered. No path leaves the folder: see
agentkit_tools.rooted. Deleting needs a person's approval.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from agentkit import Tool, ToolError, Toolset, tool
from agentkit.errors import ConfigurationError
from agentkit_tools.encodings import BINARY, describe_bytes, media_type_of
from agentkit_tools.file_search import Match, Search
from agentkit_tools.patterns import fits
from agentkit_tools.rooted import Kind, OpenFile, Root, kind_of, spelled
from agentkit_tools.texts import LineReader, Piece, encode, lines_of, sniff, whole_text

__all__ = ["BinaryFile", "Deleted", "Entry", "FileInfo", "FileText", "Files", "Listing", "Match", "Matches", "Written"]

MAX_BYTES = 30_000
MAX_ENTRIES = 200
MAX_VISITED = 50_000
_NOT_ENTERED = frozenset({"node_modules", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder."""

    path: str
    kind: Kind
    size_bytes: int | None = None
    """Of files only."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder holds."""

    folder: str
    entries: list[Entry]
    note: str | None = None
    """What was left out, and how to see it."""


@dataclass(frozen=True, slots=True)
class FileText:
    """Some lines of a text file."""

    path: str
    text: str
    first_line: int
    last_line: int
    encoding: str
    read_on: str | None = None
    """How to read what comes next; None at the end of the file."""


@dataclass(frozen=True, slots=True)
class BinaryFile:
    """A file that is no text."""

    path: str
    size_bytes: int
    binary: str
    """What it seems to be."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Where a text was found."""

    matches: list[Match]
    files_searched: int
    note: str | None = None
    """What was left out, and how to see it."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What is known of a file or folder without reading it."""

    path: str
    kind: Kind
    modified: str
    """When it was last changed: ISO 8601, UTC."""
    size_bytes: int | None = None
    media_type: str | None = None
    encoding: str | None = None
    entries: int | None = None
    """How many names a folder holds."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a change left behind."""

    path: str
    done: str
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """What is gone."""

    path: str
    kind: Kind


class Files(Toolset):
    """The files of one folder as tools; those that write only with `writable=True`.

    max_bytes: how much text one answer holds at most; what is longer is read in pieces.

    Raises ConfigurationError when `root` is no folder, or the system cannot keep paths inside it (Windows).
    """

    def __init__(self, root: str | os.PathLike[str], *, writable: bool = False, max_bytes: int = MAX_BYTES) -> None:
        if max_bytes < 100:
            raise ConfigurationError(f"max_bytes={max_bytes} is too small to read by; use 100 or more")
        self._root = Root(root)
        self._max_bytes = max_bytes
        self._writable = writable
        offered = [made for made in self.own_tools() if writable or made.effect == "read"]
        # JSON writes a line break as two characters and a control character as six: leave room, or texts are cut twice.
        self._tools = [made.copy(max_output_chars=max(made.max_output_chars, max_bytes * 2)) for made in offered]

    def __repr__(self) -> str:
        return f"Files({str(self._root.folder)!r}, writable={self._writable})"

    async def list_tools(self) -> Sequence[Tool]:
        """The tools that read, and those that write when the folder is writable."""
        return self._tools

    @tool(effect="read")
    def list_files(self, folder: str = ".", pattern: str = "*", recursive: bool = False) -> Listing:
        """List the files and folders of a folder.

        Args:
            folder: Path from the root folder, such as "src"; "." is the root itself.
            pattern: Only names like this, such as "*.py" or "src/**/*.py".
            recursive: Also look into inner folders, except hidden ones.
        """
        entries: list[Entry] = []
        for entry in self._walk(folder, is_deep=recursive or "/" in pattern):
            if not fits(entry.path, _composed(pattern)):
                continue
            if len(entries) == MAX_ENTRIES:
                note = f"only the first {MAX_ENTRIES} are shown; use a narrower pattern or an inner folder"
                return Listing(folder, entries, note)
            entries.append(entry)
        return Listing(folder, entries)

    @tool(effect="read", untrusted=True)
    def read_file(
        self,
        path: str,
        first_line: Annotated[int, Field(ge=1)] = 1,
        lines: Annotated[int, Field(ge=1)] = 500,
        skip_characters: Annotated[int, Field(ge=0)] = 0,
    ) -> FileText | BinaryFile:
        """Read a text file: show its content. Long files come in pieces: `read_on` says how to get the next one.

        Args:
            path: Path from the root folder, such as "src/main.py".
            first_line: The line to begin with, from 1.
            lines: How many lines at most.
            skip_characters: Characters to skip in the first line, when one line is too long for one answer.
        """
        with self._root.open_file(path) as file:
            found = sniff(file)
            if found.encoding == BINARY:
                return BinaryFile(file.path, file.status.st_size, describe_bytes(file.path, found.head))
            with LineReader(file, found.encoding) as reader:
                reader.skip_to(first_line, skip_characters)
                piece = reader.read(lines, self._max_bytes)
        return FileText(file.path, piece.text, first_line, piece.last_line, found.encoding, _read_on(piece))

    @tool(effect="read", untrusted=True)
    def search_files(
        self, text: str, folder: str = ".", pattern: str = "*", regex: bool = False, ignore_case: bool = False
    ) -> Matches:
        """Search files for a text: find the lines that contain or mention it, in a folder and its inner folders.

        Args:
            text: What to look for.
            folder: Path from the root folder; "." is the root itself. One file works too.
            pattern: Only files with names like this, such as "*.py" or "src/**/*.py".
            regex: Take the text as a Python regular expression.
            ignore_case: Take upper and lower case as equal.
        """
        search = Search(text, is_regex=regex, is_case_ignored=ignore_case)
        found = self._walk(folder, is_deep=True)
        paths = (entry.path for entry in found if entry.kind == "file" and fits(entry.path, _composed(pattern)))
        for file in self._open_each(paths):
            search.look_into(file)
            if search.is_over:
                break
        matches = search.finish()
        return Matches(matches, search.files, search.note)

    @tool(effect="read")
    def file_info(self, path: str) -> FileInfo:
        """Tell how big and how old a file or folder is (size, time), and its type, without reading it.

        Args:
            path: Path from the root folder; "." is the root itself.
        """
        if not self._root.names(path):
            with self._root.open_folder(path) as folder:
                return FileInfo(".", "folder", _time(os.fstat(folder)), entries=len(self._entries(".")))
        with self._root.place(path) as place:
            status = place.existing()
            kind, modified = kind_of(status.st_mode), _time(status)
        if kind == "folder":
            return FileInfo(place.path, kind, modified, entries=len(self._entries(path)))
        if kind != "file":
            return FileInfo(place.path, kind, modified)
        with self._root.open_file(path) as file:
            found, size = sniff(file), file.status.st_size
            media_type = media_type_of(file.path, found.head)
        if found.encoding != BINARY and media_type == "application/octet-stream":
            media_type = "text/plain"
        return FileInfo(file.path, kind, modified, size, media_type, found.encoding)

    @tool(effect="write")
    def write_file(self, path: str, text: str, replace_existing: bool = False) -> Written:
        """Write a text file, whole. To change parts of a file use edit_file.

        Args:
            path: Path from the root folder; its folder has to exist (make_folder).
            text: The whole new content.
            replace_existing: Allow a file that exists to be replaced.
        """
        content = encode(text, "utf-8")
        with self._root.place(path) as place:
            found = place.status()
            if found is not None and kind_of(found.st_mode) != "file":
                raise ToolError(f"{place.path!r} is a {kind_of(found.st_mode)}, not a file; choose another name.")
            if found is not None and not replace_existing:
                raise ToolError(
                    f"{place.path!r} exists already. Use edit_file to change it, or replace_existing=true to put this "
                    "in its place."
                )
            place.write(content, over=found)
            return Written(place.path, "created" if found is None else "replaced", len(content))

    @tool(effect="write")
    def edit_file(self, path: str, old: str, new: str, replace_all: bool = False) -> Written:
        """Replace a piece of text in a file. The old text has to be exactly as in the file, and there only once.

        Args:
            path: Path from the root folder.
            old: The text to replace, with enough lines around it to be unique.
            new: What comes in its place.
            replace_all: Replace it wherever it is.
        """
        if not old:
            raise ToolError("The old text is empty; give the text to replace, or use write_file.")
        with self._root.open_file(path) as file:
            text, encoding = whole_text(file)
        if "\r\n" in text and "\r\n" not in old:  # read_file shows plain line breaks
            old, new = old.replace("\n", "\r\n"), new.replace("\r\n", "\n").replace("\n", "\r\n")
        count = text.count(old)
        if count == 0:
            raise ToolError(f"The old text is not in {file.path!r}. Read the file, and copy the text exactly.")
        if count > 1 and not replace_all:
            raise ToolError(
                f"The old text is {count} times in {file.path!r} (lines {lines_of(text, old)}). "
                "Give more of the text around it, or use replace_all=true."
            )
        content = encode(text.replace(old, new), encoding)
        with self._root.place(path) as place:
            place.write(content, over=file.status)
        return Written(place.path, f"replaced {count} place{'s' if count > 1 else ''}", len(content))

    @tool(effect="write")
    def make_folder(self, path: str) -> Written:
        """Make a folder, and the folders above it that are missing.

        Args:
            path: Path from the root folder.
        """
        made = self._root.make_folder(path)
        return Written("/".join(map(spelled, self._root.names(path))) or ".", "created" if made else "existed already")

    @tool(effect="write")
    def move_file(self, path: str, new_path: str) -> Written:
        """Move or rename a file or folder. Nothing is ever replaced.

        Args:
            path: Path from the root folder.
            new_path: The whole new path from the root folder, with the file's name.
        """
        with self._root.place(path) as place, self._root.place(new_path) as target:
            place.move_to(target)
            return Written(target.path, f"moved from {place.path}")

    @tool(effect="destructive", approve=True)
    def delete_file(self, path: str) -> Deleted:
        """Delete a file or an empty folder. A person has to agree.

        Args:
            path: Path from the root folder.
        """
        with self._root.place(path) as place:
            kind = kind_of(place.existing().st_mode)
            if kind == "folder":
                os.rmdir(place.name, dir_fd=place.folder)
            else:
                os.unlink(place.name, dir_fd=place.folder)
            return Deleted(place.path, kind)

    def _walk(self, folder: str, *, is_deep: bool) -> Iterator[Entry]:
        """What lies in a folder, sorted, or the one file that was named instead.

        Each folder is opened anew from the root, so that no link is ever followed.
        """
        start = "/".join(self._root.names(folder))
        if start:
            with self._root.place(start) as place:
                status = place.existing()
            if kind_of(status.st_mode) == "file":
                yield Entry(place.path, "file", status.st_size)
                return
        waiting, visited = [start], 0
        while waiting:
            here = waiting.pop()
            try:
                found = self._entries(here or ".")
            except ToolError:
                if here == start:
                    raise
                continue  # gone, or not ours to read, since it was listed
            visited += len(found)
            if visited > MAX_VISITED:
                raise ToolError(f"More than {MAX_VISITED} files lie in there; name an inner folder.")
            yield from found
            if is_deep:
                waiting += [entry.path for entry in reversed(found) if _is_entered(entry)]

    def _open_each(self, paths: Iterable[str]) -> Iterator[OpenFile]:
        for path in paths:
            with ExitStack() as stack:
                try:
                    file = stack.enter_context(self._root.open_file(path))
                except ToolError:
                    continue  # gone, or not ours to read, since it was listed
                yield file

    def _entries(self, path: str) -> list[Entry]:
        prefix = "" if path == "." else f"{path}/"
        with self._root.open_folder(path) as folder, os.scandir(folder) as found:
            entries: list[Entry] = []
            for item in found:
                try:
                    status = item.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                kind = kind_of(status.st_mode)
                size = status.st_size if kind == "file" else None
                entries.append(Entry(prefix + spelled(item.name), kind, size))
        return sorted(entries, key=lambda entry: entry.path)


def _is_entered(entry: Entry) -> bool:
    name = entry.path.rpartition("/")[2]
    return entry.kind == "folder" and not name.startswith(".") and name not in _NOT_ENTERED


def _composed(pattern: str) -> str:
    """The pattern with composed characters, as names are shown."""
    return unicodedata.normalize("NFC", pattern)


def _read_on(piece: Piece) -> str | None:
    if piece.next_line is None:
        return None
    skip = f", skip_characters={piece.next_skip}" if piece.next_skip else ""
    return f"read_file with first_line={piece.next_line}{skip}"


def _time(status: os.stat_result) -> str:
    return datetime.fromtimestamp(int(status.st_mtime), UTC).isoformat().replace("+00:00", "Z")
