"""Objects in Cloud Storage, by its JSON API: upload, download, list.

Facts: the API reference of Cloud Storage (an upload of one piece is POST
/upload/storage/v1/b/BUCKET/o?uploadType=media; names of objects stand in paths with their slashes encoded).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode

from agentkit.buckets import PIECE_BYTES, BucketPage, Place, piece_of
from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.json_value import json_value
from agentkit.providers.google.errors import decode_error

__all__ = ["CloudStorageCodec"]


class CloudStorageCodec:
    """The client half of Cloud Storage, as far as batches need it."""

    scheme = "gs"

    def __init__(self, provider: str = "vertex") -> None:
        self.name = f"{provider}:storage"
        self._provider = provider

    def put(self, place: Place, data: bytes) -> WireRequest:
        """Writes an object."""
        query = urlencode({"uploadType": "media", "name": place.key})
        path = f"/upload/storage/v1/b/{place.bucket}/o?{query}"
        return WireRequest(path, data, headers=(("content-type", "application/jsonl"),))

    def get(self, place: Place, *, first: int = 0, size: int = PIECE_BYTES) -> WireRequest:
        """Asks for a piece of what is in an object."""
        path = f"/storage/v1/b/{place.bucket}/o/{quote(place.key, safe='')}?alt=media"
        return WireRequest(path, b"", "GET", headers=piece_of(first, size))

    def listing(self, prefix: Place, *, after: str = "") -> WireRequest:
        """Asks which objects begin so."""
        query = {"prefix": prefix.key, **({"pageToken": after} if after else {})}
        return WireRequest(f"/storage/v1/b/{prefix.bucket}/o?{urlencode(query)}", b"", "GET", headers=())

    def page(self, body: bytes) -> BucketPage:
        """The objects that were listed. Raises ProtocolError."""
        try:
            value: Any = json_value(body)
        except ValueError as error:
            raise ProtocolError(f"the reply is not JSON: {error}", provider=self._provider) from None
        fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        found: Any = fields.get("items")
        items = cast("list[Any]", found) if isinstance(found, list) else []
        named = [cast("dict[str, Any]", item) for item in items if isinstance(item, dict)]
        return BucketPage(tuple(str(item.get("name")) for item in named), str(fields.get("nextPageToken") or ""))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)
