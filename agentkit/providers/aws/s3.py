"""Objects in S3: PutObject, GetObject and ListObjectsV2. Requests are signed by signing.py as the service "s3".

Facts: the API reference of S3. Buckets are named in the path, so that one address does for all, those with dots in
their names too. Replies and errors are XML, of which a few elements are read.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from urllib.parse import quote, unquote_plus, urlencode

from agentkit.buckets import PIECE_BYTES, BucketPage, Place, piece_of
from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.json_bytes import json_bytes
from agentkit.providers.aws.errors import decode_error

__all__ = ["S3Codec"]

_PLAIN = "-_.~/"


class S3Codec:
    """The client half of S3, as far as batches need it."""

    scheme = "s3"

    def __init__(self, provider: str = "bedrock") -> None:
        self.name = f"{provider}:s3"
        self._provider = provider

    def put(self, place: Place, data: bytes) -> WireRequest:
        """PutObject."""
        return WireRequest(_path(place), data, "PUT", headers=(("content-type", "application/jsonl"),))

    def get(self, place: Place, *, first: int = 0, size: int = PIECE_BYTES) -> WireRequest:
        """GetObject, a piece of it."""
        return WireRequest(_path(place), b"", "GET", headers=piece_of(first, size))

    def listing(self, prefix: Place, *, after: str = "") -> WireRequest:
        """ListObjectsV2; keys come percent-encoded, since XML has no place for some characters."""
        asked = {"encoding-type": "url", "list-type": "2", "prefix": prefix.key}
        if after:
            asked["continuation-token"] = after
        return WireRequest(f"/{prefix.bucket}?{urlencode(asked, quote_via=quote, safe='')}", b"", "GET", headers=())

    def page(self, body: bytes) -> BucketPage:
        """The objects that were listed. Raises ProtocolError."""
        text = body.decode(errors="replace")
        if "<ListBucketResult" not in text:
            raise ProtocolError("the reply is no list of objects of S3", provider=self._provider)
        is_encoded = _element(text, "EncodingType") == "url"
        keys = tuple(unquote_plus(key) if is_encoded else key for key in _elements(text, "Key"))
        after = _element(text, "NextContinuationToken") if _element(text, "IsTruncated") == "true" else ""
        if not after and "<IsTruncated>true" in text:
            raise ProtocolError("a list of objects of S3 goes on, and does not say where", provider=self._provider)
        return BucketPage(keys, after)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        text = body.decode(errors="replace")
        if "<Error>" in text:
            said, name = _element(text, "Message"), _element(text, "Code")
            where = _element(text, "BucketName") or _element(text, "Key")
            told = f"S3: {said or name}" + (f" ({where})" if where else "")
            body = json_bytes({"__type": name, "message": told})
        return decode_error(status, headers, body, provider=self._provider)


def _path(place: Place) -> str:
    return f"/{place.bucket}/{quote(place.key, safe=_PLAIN)}"


def _element(text: str, name: str) -> str:
    return next(iter(_elements(text, name)), "")


def _elements(text: str, name: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(rf"<{name}>([^<]*)</{name}>", text)]
