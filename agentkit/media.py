"""Media that a message may carry: images, audio, documents, video; and where their bytes are.

Image.from_file("plan.png")         the bytes travel with the message
Image.from_url("https://...")       the provider fetches them
Document.from_bytes(data, "application/pdf", filename="report.pdf")
Image(Uploaded("file-123", "openai"))   already at the provider
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TypeAlias

from agentkit.errors import MediaError

__all__ = [
    "Audio",
    "Document",
    "Image",
    "Inline",
    "ProviderData",
    "Remote",
    "Source",
    "Uploaded",
    "Video",
    "media_type_of",
    "type_of_file",
]

_JSON_CONFIG: Any = {"ser_json_bytes": "base64", "val_json_bytes": "base64"}


@dataclass(frozen=True, slots=True)
class ProviderData:
    """What a provider attached to a part and wants back as it came; sent only to the origin that made it."""

    origin: str
    """Who made it: provider and wire format, such as "openai:responses"."""
    value: dict[str, Any] = field(repr=False)
    """The JSON value, kept exactly."""


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes that travel with the message."""

    __pydantic_config__: ClassVar[Any] = _JSON_CONFIG

    data: bytes = field(repr=False)
    media_type: str
    """MIME type, such as "image/png"."""
    kind: Literal["inline"] = field(default="inline", repr=False, kw_only=True)

    @property
    def base64(self) -> str:
        """The bytes in base64 (standard alphabet, padded)."""
        return base64.b64encode(self.data).decode("ascii")

    @property
    def data_url(self) -> str:
        """The bytes as a data: URL."""
        return f"data:{self.media_type};base64,{self.base64}"

    def __repr__(self) -> str:
        return f"Inline({len(self.data)} bytes, {self.media_type!r})"


@dataclass(frozen=True, slots=True)
class Remote:
    """An address that the provider fetches."""

    url: str
    media_type: str | None = None
    kind: Literal["remote"] = field(default="remote", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that lies at the provider already."""

    file_id: str
    provider: str
    """The provider that holds it, such as "openai"."""
    media_type: str | None = None
    kind: Literal["uploaded"] = field(default="uploaded", repr=False, kw_only=True)


Source: TypeAlias = Inline | Remote | Uploaded


@dataclass(frozen=True, slots=True)
class _Medium:
    """What the four media share."""

    family: ClassVar[str] = ""
    accepted: ClassVar[tuple[str, ...]] = ()
    max_bytes: ClassVar[int] = 0

    source: Source

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None) -> Self:
        """From bytes in memory; the type is read from the first bytes when it is not given. Raises MediaError."""
        return cls(_checked(cls, data, media_type, "the given bytes"))

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """From a file; the type is read from its first bytes, else its name. Raises MediaError."""
        return cls(_read(cls, Path(path)))

    @classmethod
    def from_url(cls, url: str) -> Self:
        """From an address that the provider fetches, or a data: URL. Raises MediaError."""
        return cls(_from_url(cls, url))


@dataclass(frozen=True, slots=True)
class Image(_Medium):
    """A picture: PNG, JPEG, GIF or WebP, at most 20 MB."""

    family: ClassVar[str] = "image"
    accepted: ClassVar[tuple[str, ...]] = ("image/png", "image/jpeg", "image/gif", "image/webp")
    max_bytes: ClassVar[int] = 20_000_000

    detail: Literal["low", "high", "auto", "original"] | None = None
    """How closely to look, where the provider has this knob."""
    provider_data: ProviderData | None = None
    kind: Literal["image"] = field(default="image", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Audio(_Medium):
    """Sound: WAV, MP3, FLAC, OGG, AAC, M4A or WebM, at most 25 MB."""

    family: ClassVar[str] = "audio"
    accepted: ClassVar[tuple[str, ...]] = (
        "audio/wav", "audio/mpeg", "audio/flac", "audio/ogg", "audio/aac", "audio/mp4", "audio/webm", "audio/aiff",
    )  # fmt: skip
    max_bytes: ClassVar[int] = 25_000_000

    provider_data: ProviderData | None = None
    kind: Literal["audio"] = field(default="audio", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Video(_Medium):
    """Moving pictures: MP4, WebM, MOV or MPEG, at most 100 MB."""

    family: ClassVar[str] = "video"
    accepted: ClassVar[tuple[str, ...]] = ("video/mp4", "video/webm", "video/quicktime", "video/mpeg")
    max_bytes: ClassVar[int] = 100_000_000

    provider_data: ProviderData | None = None
    kind: Literal["video"] = field(default="video", repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Document(_Medium):
    """A document: PDF, plain text, Markdown, CSV, HTML, JSON or an office file, at most 50 MB."""

    family: ClassVar[str] = "document"
    accepted: ClassVar[tuple[str, ...]] = ()  # whatever the provider takes; it says so itself
    max_bytes: ClassVar[int] = 50_000_000

    filename: str | None = None
    provider_data: ProviderData | None = None
    kind: Literal["document"] = field(default="document", repr=False, kw_only=True)

    @classmethod
    def from_file(cls, path: str | Path) -> Self:
        """From a file; the type is read from its first bytes, else its name. Raises MediaError."""
        return cls(_read(cls, Path(path)), filename=Path(path).name)


_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AIFF", "audio/aiff"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"\xff\xf1", "audio/aac"),
    (0, b"%PDF-", "application/pdf"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
)

_SUFFIXES = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
    ".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".ogg": "audio/ogg", ".m4a": "audio/mp4",
    ".aac": "audio/aac", ".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime", ".mpeg": "video/mpeg",
    ".pdf": "application/pdf", ".txt": "text/plain", ".md": "text/markdown", ".csv": "text/csv", ".html": "text/html",
    ".htm": "text/html", ".json": "application/json", ".xml": "application/xml",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}  # fmt: skip


_SURE = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "audio/wav", "audio/flac", "audio/ogg"})
"""Types of which every file has its signature."""


def media_type_of(data: bytes, name: str = "") -> str | None:
    """The MIME type by the first bytes, else by the file name's ending; None when neither tells."""
    for offset, signature, media_type in _SIGNATURES:
        if data.startswith(signature, offset):
            return media_type
    return _SUFFIXES.get(Path(name).suffix.lower())


def type_of_file(data: bytes, name: str) -> str | None:
    """The same of a file of the user's own. Raises MediaError for one that begins otherwise than all of its name do."""
    found = media_type_of(data, name)
    if data and found in _SURE and media_type_of(data) is None:
        raise MediaError(f"{name!r} is named like {found}, but does not begin like one: is it another file?")
    return found


def _checked(cls: type[_Medium], data: bytes, media_type: str | None, what: str, name: str = "") -> Inline:
    found = media_type or type_of_file(data, name)
    if not data:
        raise MediaError(f"{what} is empty; an {cls.family} needs at least one byte")
    if found is None:
        raise MediaError(f"the type of {what} is unknown; pass media_type=, such as {cls.family}/...")
    if cls.accepted and found not in cls.accepted:
        raise MediaError(f"{what} is {found}, which models do not take as {cls.family}; use {', '.join(cls.accepted)}")
    if len(data) > cls.max_bytes:
        raise MediaError(
            f"{what} has {len(data):,} bytes; at most {cls.max_bytes:,} can be sent as {cls.family}: make it smaller, "
            f"or upload it and pass {cls.__name__}(Uploaded(file_id, provider))"
        )
    return Inline(data, found)


def _read(cls: type[_Medium], path: Path) -> Inline:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"cannot read {cls.family} {str(path)!r}: {error.strerror or error}") from error
    return _checked(cls, data, None, repr(str(path)), path.name)


def _from_url(cls: type[_Medium], url: str) -> Source:
    if url.startswith("data:"):
        head, _, body = url[5:].partition(",")
        try:
            data = base64.b64decode(body, validate=True)
        except ValueError as error:
            raise MediaError(f"the data: URL {url[:40]!r}... does not hold base64: {error}") from error
        return _checked(cls, data, head.removesuffix(";base64") or None, "the data: URL")
    if not url.startswith(("https://", "http://", "gs://", "s3://")):
        raise MediaError(
            f"{url!r} is no address that a provider can fetch; use https://..., or {cls.__name__}.from_file"
        )
    return Remote(url)
