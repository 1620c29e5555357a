"""Media as blocks of Converse, and back. A block holds the bytes, or says where in S3 they lie."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, assert_never

from agentkit.errors import UnsupportedError
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Source, Uploaded, Video, media_type_of
from agentkit.messages import Media
from agentkit.providers.aws.converse_output import object_of

__all__ = ["MediaWriter", "medium_of"]

_WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FORMATS: dict[str, dict[str, str]] = {
    "image": {"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp"},
    "document": {
        "application/pdf": "pdf", "text/csv": "csv", "application/msword": "doc", _WORD: "docx",
        "application/vnd.ms-excel": "xls", _SHEET: "xlsx", "text/html": "html", "text/plain": "txt",
        "text/markdown": "md",
    },
    "video": {
        "video/mp4": "mp4", "video/webm": "webm", "video/quicktime": "mov", "video/mpeg": "mpeg",
        "video/x-matroska": "mkv", "video/x-flv": "flv", "video/x-ms-wmv": "wmv", "video/3gpp": "three_gp",
    },
    "audio": {
        "audio/wav": "wav", "audio/mpeg": "mp3", "audio/flac": "flac", "audio/ogg": "ogg", "audio/aac": "aac",
        "audio/mp4": "m4a", "audio/webm": "webm",
    },
}  # fmt: skip
"""Family of media -> MIME type -> its name in this format."""
_TYPES = {family: {format: kind for kind, format in known.items()} for family, known in _FORMATS.items()}
_ILLEGAL_IN_NAME = re.compile(r"[^A-Za-z0-9 \-()\[\]]+")
_SPACES = re.compile(r"\s+")
_LONGEST_NAME = 150
_UNNAMED = re.compile(r"Document \d+")
_OWN_KEYS = {"format", "source", "name"}

Block = dict[str, Any]


class MediaWriter:
    """Writes the media of one request; documents have to be told apart by their names."""

    __slots__ = ("_media", "_model", "_origin", "names")

    def __init__(self, origin: str, *, model: str, media: frozenset[str], names: set[str]) -> None:
        self._origin = origin
        self._model = model
        self._media = media  # families that the model takes
        self.names = names
        """The names of documents given out so far."""

    def write(self, medium: Media) -> Block:
        """The block of a medium. Raises UnsupportedError for what the model or the format does not take."""
        if medium.family not in self._media:
            takes = ", ".join(sorted(self._media)) or "text alone"
            raise UnsupportedError(f"{self._model} takes no {medium.family} through Converse (it takes {takes})")
        data = medium.provider_data
        own = data.value if data is not None and data.origin == self._origin else {}
        format, source = self._source(medium)
        block: Block = {"format": format}
        if isinstance(medium, Document):
            block["name"] = self._name(medium.filename, format)
        return {medium.family: {**block, "source": source, **own}}

    def _source(self, medium: Media) -> tuple[str, Block]:
        """Format and source."""
        source, family = medium.source, medium.family
        match source:
            case Inline(data, media_type):
                format = _FORMATS[family].get(media_type)
                if format is None and family == "document" and _is_text(data):
                    format = "txt"
                if format is None:
                    raise UnsupportedError(
                        f"Converse takes no {family} of the type {media_type}; convert it to one of "
                        f"{', '.join(_FORMATS[family].values())}"
                    )
                return format, {"bytes": source.base64}
            case Remote(url, media_type):
                return self._in_s3(url, media_type, family)
            case Uploaded(file_id, provider, media_type):
                if provider not in (self._origin.partition(":")[0], "aws"):
                    raise UnsupportedError(
                        f"the file {file_id!r} lies at {provider!r}, Bedrock cannot read it; send the bytes "
                        "(from_file, from_bytes), or put it into S3 and pass its s3:// address"
                    )
                return self._in_s3(file_id, media_type, family)
            case _:
                assert_never(source)

    def _in_s3(self, url: str, media_type: str | None, family: str) -> tuple[str, Block]:
        if not url.startswith("s3://"):
            raise UnsupportedError(
                f"Bedrock fetches no addresses but those of S3, and this is {url.partition('?')[0][:100]!r}; send the "
                "bytes (from_file, from_bytes), or pass an s3:// address"
            )
        ending = url.rpartition(".")[2].lower()
        known = _FORMATS[family].get(media_type or media_type_of(b"", url) or "")
        format = known or (ending if ending in _TYPES[family] else None)
        if format is None:
            raise UnsupportedError(f"the type of {url!r} is unknown; say it: Remote({url!r}, media_type=...)")
        return format, {"s3Location": {"uri": url}}

    def _name(self, filename: str | None, format: str) -> str:
        """A legal name that no other document of the request has: the service refuses two of one name."""
        wanted = _SPACES.sub(" ", _ILLEGAL_IN_NAME.sub(" ", (filename or "").removesuffix(f".{format}"))).strip()
        wanted = wanted[:_LONGEST_NAME].strip()
        count = 1 if wanted else len(self.names) + 1
        name = wanted or f"Document {count}"
        while name in self.names:
            count += 1
            name = f"{wanted} {count}" if wanted else f"Document {count}"
        self.names.add(name)
        return name


def medium_of(block: Mapping[str, Any], origin: str) -> Media | None:
    """The medium of a block; None for a block that is none, or has a source of another kind.

    Raises ValueError for bytes that are no base64.
    """
    family = next(iter(block), "")
    value = object_of(block.get(family))
    if family not in _FORMATS or not value:
        return None
    format = value.get("format") or ""
    source = _source_of(value.get("source"), _TYPES[family].get(format) or f"{family}/{format}")
    if source is None:
        return None
    more = {key: entry for key, entry in value.items() if key not in _OWN_KEYS and entry}
    data = ProviderData(origin, more) if more else None
    match family:
        case "image":
            return Image(source, provider_data=data)
        case "audio":
            return Audio(source, data)
        case "video":
            return Video(source, data)
        case _:
            return Document(source, _filename(value.get("name"), format), data)


def _source_of(source: object, media_type: str) -> Source | None:
    location = object_of(object_of(source).get("s3Location"))
    if location.keys() == {"uri"}:
        return Remote(str(location["uri"]), media_type)
    match source:
        case {"bytes": str() as data}:
            try:
                return Inline(base64.b64decode(data, validate=True), media_type)
            except binascii.Error as error:
                raise ValueError(f"bytes that are no base64: {error}") from error
        case {"text": str() as text}:
            return Inline(text.encode("utf-8", "replace"), "text/plain")
        case _:
            return None


def _filename(name: object, format: str) -> str | None:
    if not isinstance(name, str) or not name or _UNNAMED.fullmatch(name):
        return None
    return f"{name}.{format}" if format else name


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
