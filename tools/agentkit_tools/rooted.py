"""Paths that cannot leave one folder, whatever they say and whoever changes the disk meanwhile.

A path is walked name by name from an open folder (openat), and no link is ever followed: there is no moment between a
check and its use in which a link could be put in the way. Files are opened without waiting, so that a pipe or a device
is refused and never blocks. Hard links cannot be told from files; a write replaces the name and never their content.
"""

from __future__ import annotations

import difflib
import errno
import os
import secrets
import stat
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from agentkit import ToolError
from agentkit.errors import ConfigurationError

__all__ = ["Kind", "OpenFile", "Place", "Root", "kind_of", "spelled"]

Kind: TypeAlias = Literal["file", "folder", "link", "other"]
"""What a name stands for; "other" is a pipe, a socket or a device."""

MAX_PATH_CHARS = 4_096
_FOLDER_FLAGS = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

_REASONS = {
    errno.EACCES: "the operating system does not permit it",
    errno.EPERM: "the operating system does not permit it",
    errno.EROFS: "this disk is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.ENOTEMPTY: "the folder is not empty; deal with what is in it first",
    errno.EEXIST: "the name is taken; choose another one",
    errno.EISDIR: "it is a folder, not a file",
    errno.EINVAL: "the operating system refuses the name, or a folder would be moved into itself",
    errno.EXDEV: "it lies on another disk; write the file anew there instead",
    errno.ENXIO: "it is a pipe, a socket or a device, not a file",
}


def kind_of(mode: int) -> Kind:
    """The kind of a file by its `st_mode`."""
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def spelled(name: str) -> str:
    """The name as it is shown: composed characters, and bytes that are no UTF-8 as escapes."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True)
class Place:
    """A name in an open folder; the name may not exist yet."""

    folder: int
    name: str
    path: str
    """The path as it is shown."""

    def status(self) -> os.stat_result | None:
        """What stands there, links not followed; None when nothing does."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def existing(self) -> os.stat_result:
        """What stands there. Raises ToolError, with the names that are like it, when nothing does."""
        found = self.status()
        if found is None:
            raise ToolError(_missing(self.folder, self.name, self.path))
        return found

    def write(self, content: bytes, *, over: os.stat_result | None) -> None:
        """Put a file here at once or not at all; `over` is the file that may be replaced, as it was when looked at.

        Raises ToolError when another file stands here by now.
        """
        temporary = f".{secrets.token_hex(8)}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE_FLAGS
        handle = os.open(temporary, flags, 0o666, dir_fd=self.folder)
        try:
            with os.fdopen(handle, "wb") as stream:
                if over is not None:
                    os.fchmod(stream.fileno(), stat.S_IMODE(over.st_mode))
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            if over is None:
                _rename_to_new(self.folder, temporary, self)
            else:
                self._require_unchanged(over)
                os.rename(temporary, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=self.folder)

    def move_to(self, target: Place) -> None:
        """Give the file or folder another place, where nothing may stand yet."""
        if kind_of(self.existing().st_mode) == "file":
            _rename_to_new(self.folder, self.name, target)
            return
        if target.status() is not None:  # a rename would silently take the place of an empty folder
            raise ToolError(_taken(target.path))
        os.rename(self.name, target.name, src_dir_fd=self.folder, dst_dir_fd=target.folder)

    def _require_unchanged(self, seen: os.stat_result) -> None:
        now = self.status()
        marks = None if now is None else (now.st_ino, now.st_size, now.st_mtime_ns)
        if marks != (seen.st_ino, seen.st_size, seen.st_mtime_ns):
            raise ToolError(f"{self.path!r} was changed by somebody else meanwhile; read it again, then write.")


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file, open for reading."""

    stream: BinaryIO
    status: os.stat_result
    path: str


class Root:
    """A folder that paths cannot leave."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        if os.open not in os.supports_dir_fd or not _FOLDER_FLAGS:
            raise ConfigurationError(
                "this system cannot open files relative to a folder, without which links could lead out of the root; "
                "use Linux, macOS or WSL"
            )
        self.folder = Path(folder).expanduser().resolve()
        if not self.folder.is_dir():
            raise ConfigurationError(f"the root {str(folder)!r} is no folder; create it, or name another one")

    def names(self, path: str) -> list[str]:
        """The names along a path from the root. Raises ToolError for a path that is absolute, climbs, or is no path."""
        shown = _shown(path)
        if "\0" in path:
            raise ToolError(f"The path {shown} holds a NUL character; leave it out.")
        if len(path) > MAX_PATH_CHARS:
            raise ToolError(f"The path {shown} is too long; at most {MAX_PATH_CHARS} characters work.")
        try:
            os.fsencode(path)
        except UnicodeEncodeError:
            raise ToolError(f"The path {shown} holds half of a surrogate pair; leave it out.") from None
        if path.startswith("/"):
            raise ToolError(
                f"The path {shown} is absolute. Paths start at the root folder, such as "
                f"{_shown(path.strip('/')) if path.strip('/') else repr('.')}; list_files shows what is there."
            )
        names = [name for name in path.split("/") if name not in ("", ".")]
        if ".." in names:
            raise ToolError(f"The path {shown} contains '..'. Name the whole path from the root folder instead.")
        return names

    @contextmanager
    def open_folder(self, path: str) -> Generator[int]:
        """The folder at a path, open: a descriptor for the `dir_fd` of functions in `os`."""
        with _told(path):
            descriptor = self._descend(self.names(path))
            try:
                yield descriptor
            finally:
                os.close(descriptor)

    @contextmanager
    def place(self, path: str) -> Generator[Place]:
        """The place that a path names, with its folder open; nothing has to stand there."""
        with _told(path):
            names = self.names(path)
            if not names:
                raise ToolError("This is the root folder itself; name something in it.")
            descriptor = self._descend(names[:-1])
            try:
                name = _as_spelled_there(descriptor, names[-1])
                yield Place(descriptor, name, "/".join(map(spelled, (*names[:-1], name))))
            finally:
                os.close(descriptor)

    @contextmanager
    def open_file(self, path: str) -> Generator[OpenFile]:
        """The regular file at a path, open for reading. Raises ToolError for whatever else stands there."""
        with self.place(path) as place:
            _require_file(
                place.existing().st_mode, place.path
            )  # before it is opened: opening alone can act on a device
            descriptor = os.open(place.name, os.O_RDONLY | _FILE_FLAGS, dir_fd=place.folder)
            with os.fdopen(descriptor, "rb") as stream:
                status = os.fstat(descriptor)
                _require_file(status.st_mode, place.path)
                yield OpenFile(stream, status, place.path)

    def make_folder(self, path: str) -> bool:
        """Make the folder and those above it; False when it was there."""
        with _told(path):
            descriptor, made = self._descend([]), False
            try:
                for name in self.names(path):
                    name = _as_spelled_there(descriptor, name)
                    with suppress(FileExistsError):
                        os.mkdir(name, dir_fd=descriptor)
                        made = True
                    inner = _open_inner(descriptor, name)
                    os.close(descriptor)
                    descriptor = inner
            finally:
                os.close(descriptor)
            return made

    def _descend(self, names: list[str]) -> int:
        descriptor = os.open(self.folder, os.O_RDONLY | _FOLDER_FLAGS)
        for name in names:
            try:
                inner = _open_inner(descriptor, _as_spelled_there(descriptor, name))
            finally:
                os.close(descriptor)
            descriptor = inner
        return descriptor


def _open_inner(folder: int, name: str) -> int:
    try:
        return os.open(name, os.O_RDONLY | _FOLDER_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        raise ToolError(_missing(folder, name, spelled(name))) from None
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        if kind_of(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode) == "link":
            raise ToolError(f"{spelled(name)!r} is a link; links are not followed here.") from None
        raise ToolError(f"{spelled(name)!r} is a file, not a folder.") from None


def _as_spelled_there(folder: int, name: str) -> str:
    """The name as the folder spells it: accents may be stored composed or not, and models write them composed."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        alike = [other for other in os.listdir(folder) if spelled(other) == spelled(name)]
        return alike[0] if len(alike) == 1 else name
    return name


def _rename_to_new(folder: int, name: str, target: Place) -> None:
    """Rename a file to a name that must be free; a hard link is the one step that fails when it is not."""
    try:
        os.link(name, target.name, src_dir_fd=folder, dst_dir_fd=target.folder, follow_symlinks=False)
    except FileExistsError:
        raise ToolError(_taken(target.path)) from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise
        if target.status() is not None:  # a disk without hard links, such as FAT: look first
            raise ToolError(_taken(target.path)) from None
        os.rename(name, target.name, src_dir_fd=folder, dst_dir_fd=target.folder)
        return
    os.unlink(name, dir_fd=folder)


def _require_file(mode: int, path: str) -> None:
    match kind_of(mode):
        case "file":
            return
        case "folder":
            raise ToolError(f"{path!r} is a folder; use list_files to see what is in it.")
        case "link":
            raise ToolError(f"{path!r} is a link; links are not followed here.")
        case "other":
            raise ToolError(f"{path!r} is a pipe, a socket or a device, not a file; it cannot be read.")


@contextmanager
def _told(path: str) -> Generator[None]:
    """Errors of the operating system in words that a model can act on, without the root's own path."""
    try:
        yield
    except OSError as error:
        shown = _shown(path)
        if error.errno == errno.ENAMETOOLONG:
            raise ToolError(f"The path {shown} has a name that is too long; 255 bytes are the limit.") from error
        if error.errno == errno.ELOOP:
            raise ToolError(f"{shown} is a link; links are not followed here.") from error
        if error.errno == errno.ENOENT:
            raise ToolError(f"There is no {shown}; list_files shows what is there.") from error
        reason = _REASONS.get(error.errno or 0) or os.strerror(error.errno or 0)
        raise ToolError(f"{shown} could not be used: {reason}.") from error


def _missing(folder: int, name: str, path: str) -> str:
    known = sorted(map(spelled, os.listdir(folder)))
    folded = {other.casefold(): other for other in known}
    like = [folded[close] for close in difflib.get_close_matches(spelled(name).casefold(), folded, n=3, cutoff=0.6)]
    hint = f"Did you mean {' or '.join(map(repr, like))}?" if like else "list_files shows what is there."
    return f"There is no {_shown(path)}. {hint}"


def _taken(path: str) -> str:
    return f"{path!r} exists already. Choose another name, or change what is there: read it first."


def _shown(path: str) -> str:
    text = path if len(path) <= 100 else f"{path[:60]}...{path[-30:]}"
    return repr(text.encode("utf-8", "backslashreplace").decode())
