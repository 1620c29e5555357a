"""Media as parts of generateContent: bytes as `inlineData`, addresses and uploaded files as `fileData`."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, TypeAlias, assert_never
from urllib.parse import urlsplit

from agentkit.errors import UnsupportedError
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Source, Uploaded, Video, media_type_of

__all__ = ["Medium", "data_of", "medium_of", "source_part"]

Medium: TypeAlias = Image | Audio | Document | Video

_FILES = "https://generativelanguage.googleapis.com/v1beta/files/"
_FILE = re.compile(r"https://generativelanguage\.googleapis\.com/v\w+/files/")
_VIDEO_SITES = ("youtube.com", "youtu.be")


def source_part(source: Source, *, provider: str) -> dict[str, Any]:
    """The data field of a part. Raises UnsupportedError for a file that lies at another provider."""
    match source:
        case Inline(_, media_type):
            return {"inlineData": {"mimeType": media_type, "data": source.base64}}
        case Remote(url, media_type):
            return {"fileData": _file(url, media_type or _guessed(url))}
        case Uploaded(file_id, holder, media_type):
            if holder != provider:
                raise UnsupportedError(
                    f"the file {file_id!r} lies at {holder!r}, {provider!r} cannot read it; "
                    "send the bytes (from_file, from_bytes) or upload it there too"
                )
            uri = _FILES + file_id.removeprefix("files/") if file_id.startswith("files/") else file_id
            return {"fileData": _file(uri, media_type)}
        case _:
            assert_never(source)


def medium_of(data: Mapping[str, Any], *, provider: str, provider_data: ProviderData | None = None) -> Medium:
    """The medium of an `inlineData` or `fileData`. Raises ValueError when its bytes are no base64."""
    media_type = data.get("mimeType")
    if "fileUri" in data:
        uri = data["fileUri"]
        source = Uploaded(uri, provider, media_type) if _FILE.match(uri) else Remote(uri, media_type)
    else:
        media_type = media_type or "application/octet-stream"
        source = Inline(data_of(data.get("data") or ""), media_type)
    family = (media_type or "").partition("/")[0]
    match family:
        case "image":
            return Image(source, provider_data=provider_data)
        case "audio":
            return Audio(source, provider_data=provider_data)
        case "video":
            return Video(source, provider_data=provider_data)
        case _:
            return Document(source, provider_data=provider_data)


def data_of(text: str) -> bytes:
    """The bytes of a base64 text, in the standard or the URL-safe alphabet, padded or not."""
    standard = text.replace("-", "+").replace("_", "/").rstrip("=")
    return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)


def _file(uri: str, media_type: str | None) -> dict[str, str]:
    return {"mimeType": media_type, "fileUri": uri} if media_type else {"fileUri": uri}


def _guessed(url: str) -> str | None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _VIDEO_SITES or host.endswith(tuple(f".{site}" for site in _VIDEO_SITES)):
        return "video/mp4"
    return media_type_of(b"", parts.path)
