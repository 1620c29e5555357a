"""A GGUF file looked at before it is served: is it one, can it chat, does it fit into memory?

llama.cpp gives no error for a model without a chat template: it would take another model's template, and the answers
would be bad without a word. The head of the file says whether there is one.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from agentkit.errors import ConfigurationError

__all__ = ["ModelFileError", "ModelHead", "check_file", "read_head", "size_of"]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_TEMPLATE = "tokenizer.chat_template"
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_LONGEST_STRING = 2**26
_MOST_ENTRIES = 2**16
_PART = re.compile(r"(?P<stem>.*)-00001-of-(?P<count>\d{5})\.gguf")
_LFS = b"version https://git-lfs"


class ModelFileError(ConfigurationError):
    """A model file that cannot be served."""

    def __init__(self, problem: str, *, path: Path) -> None:
        super().__init__(problem)
        self.path = path


@dataclass(frozen=True, slots=True)
class ModelHead:
    """What the head of a model file says, as far as it matters here."""

    architecture: str
    has_chat_template: bool
    cache_bytes_per_token: int | None
    """Memory of the context per token, 16 bits each number; None where the file does not tell it plainly."""


def check_file(path: Path) -> None:
    """See that this is a GGUF file that can be read. Raises ModelFileError."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_LFS))
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}; {_like(path)}", path=path) from None
    except IsADirectoryError:
        raise ModelFileError(_folder(path), path=path) from None
    except OSError as error:
        if path.is_dir():  # Windows says that a folder may not be opened
            raise ModelFileError(_folder(path), path=path) from None
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}", path=path) from error
    if start == _LFS:
        raise ModelFileError(
            f"{path} is only the pointer to a file of Git LFS; fetch the file itself with: git lfs pull", path=path
        )
    if start[:4] != _MAGIC:
        raise ModelFileError(
            f"{path} is no GGUF file (it begins with {start[:4]!r}, not {_MAGIC!r}); llama.cpp reads only these: "
            "take the GGUF edition of the model, or convert it with llama.cpp's convert_hf_to_gguf.py",
            path=path,
        )


def read_head(path: Path) -> ModelHead | None:
    """The head of a GGUF file; None for a version that is not known here. Raises ModelFileError for a damaged one."""
    try:
        with path.open("rb") as file:
            file.seek(len(_MAGIC))
            version, _, count = struct.unpack("<IQQ", file.read(20))
            if version not in _VERSIONS:
                return None
            if count > _MOST_ENTRIES:
                raise ValueError(f"{count} entries")
            entries = dict(_read_entry(file) for _ in range(count))
    except (struct.error, ValueError, EOFError, OverflowError, OSError) as error:
        raise ModelFileError(
            f"{path} is damaged: its head ends early or makes no sense ({error}); fetch the file again", path=path
        ) from error
    architecture = str(entries.get("general.architecture", ""))
    return ModelHead(architecture, bool(entries.get(_TEMPLATE)), _cache_bytes(entries, architecture))


def size_of(path: Path) -> int:
    """The bytes of a model file, all parts of a split one together."""
    match = _PART.fullmatch(path.name)
    if match is None:
        return path.stat().st_size
    names = (f"{match['stem']}-{part:05}-of-{match['count']}.gguf" for part in range(1, int(match["count"]) + 1))
    return sum(part.stat().st_size for name in names if (part := path.with_name(name)).exists())


def _read_entry(file: BinaryIO) -> tuple[str, Any]:
    key = _read_string(file).decode(errors="replace")
    (kind,) = struct.unpack("<I", file.read(4))
    return key, _read_value(file, kind)


def _read_value(file: BinaryIO, kind: int) -> Any:
    """A number or text; of an array nothing: it is passed over, for vocabularies are long."""
    if kind in _NUMBERS:
        layout = _NUMBERS[kind]
        return struct.unpack(layout, _read(file, struct.calcsize(layout)))[0]
    if kind == _STRING:
        return _read_string(file).decode(errors="replace")
    if kind != _ARRAY:
        raise ValueError(f"a value of the unknown kind {kind}")
    element, count = struct.unpack("<IQ", _read(file, 12))
    if element in _NUMBERS:
        file.seek(struct.calcsize(_NUMBERS[element]) * count, 1)
        return None
    if element == _ARRAY:
        raise ValueError("an array of arrays")
    for _ in range(count):
        _read_value(file, element)
    return None


def _read_string(file: BinaryIO) -> bytes:
    (length,) = struct.unpack("<Q", _read(file, 8))
    if length > _LONGEST_STRING:
        raise ValueError(f"a text of {length} bytes")
    return _read(file, length)


def _read(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError("the end of the file")
    return data


def _cache_bytes(entries: dict[str, Any], architecture: str) -> int | None:
    def number(name: str) -> int | None:
        value = entries.get(f"{architecture}.{name}")
        return value if isinstance(value, int) else None

    layers, width, heads = number("block_count"), number("embedding_length"), number("attention.head_count")
    if not layers or not width or not heads:
        return None
    shared_heads = number("attention.head_count_kv")
    if shared_heads is None:
        return None
    keys = number("attention.key_length") or width // heads
    values = number("attention.value_length") or width // heads
    return layers * shared_heads * (keys + values) * 2


def _like(path: Path) -> str:
    """What else might be meant."""
    folder = path.parent
    if not folder.is_dir():
        return f"nor a folder {folder}"
    found = sorted(entry.name for entry in folder.glob("*.gguf"))
    return f"{folder} has {', '.join(found[:5])}" if found else f"{folder} has no .gguf file"


def _folder(path: Path) -> str:
    found = sorted(entry.name for entry in path.glob("*.gguf"))
    hint = f"name a file in it, such as {found[0]}" if found else "name the .gguf file"
    return f"{path} is a folder; {hint}"
