"""Two object stores, S3 and Cloud Storage, as far as batches need them: put, get, list, delete.

Whoever shows credentials may do anything; signatures are not verified. Buckets need not be made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply

__all__ = ["Buckets"]

_S3_HASH = "x-amz-content-sha256"
"""A header that all requests to S3 have, and no others."""
_GCS = re.compile(r"(?P<upload>/upload)?/storage/v1/b/(?P<bucket>[^/]+)/o(?:/(?P<key>.+))?$")
_PAGE = 1000


class Buckets:
    """The objects of a simulator, by addresses such as "s3://bucket/key" and "gs://bucket/key"."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def knows(self, asked: HttpAsked) -> bool:
        """Whether this request is for an object store."""
        return bool(asked.header(_S3_HASH)) or _GCS.search(asked.path) is not None

    def about(self, asked: HttpAsked) -> Reply | None:
        """The reply to a request for an object store; None for any other request."""
        query = {name: values[-1] for name, values in parse_qs(asked.target.partition("?")[2]).items()}
        found = _GCS.search(asked.path)
        try:
            if found is not None:
                return self._gcs(asked, found, query)
            return self._s3(asked, query) if asked.header(_S3_HASH) else None
        except ValueError:  # a token of a page, or a body in chunks, that is none
            said = "A parameter or the body of the request cannot be read."
            return _s3_error(400, "InvalidArgument", said) if found is None else _gcs_error(400, said)

    def below(self, prefix: str) -> list[str]:
        """The addresses that begin so, in order."""
        return sorted(address for address in self.objects if address.startswith(prefix))

    def _s3(self, asked: HttpAsked, query: Mapping[str, str]) -> Reply:
        if not asked.header("authorization"):
            return _s3_error(403, "AccessDenied", "Access Denied")
        bucket, _, key = unquote(asked.path.lstrip("/")).partition("/")
        address = f"s3://{bucket}/{key}"
        if asked.method == "PUT":
            self.objects[address] = _unchunked(asked)
            return Reply.whole(HttpReply(200, b"", (("etag", '"sim"'),)))
        if asked.method == "DELETE":
            self.objects.pop(address, None)
            return Reply.whole(HttpReply(204, b"", ()))
        if not key:
            return _xml(200, self._s3_list(bucket, query))
        data = self.objects.get(address)
        if data is None:
            return _s3_error(404, "NoSuchKey", "The specified key does not exist.", key)
        piece = _piece(asked, data)
        return piece or _s3_error(416, "InvalidRange", "The requested range is not satisfiable", key)

    def _s3_list(self, bucket: str, query: Mapping[str, str]) -> str:
        prefix = query.get("prefix", "")
        keys, after = self._page(f"s3://{bucket}/", prefix, query.get("continuation-token", ""))
        is_encoded = query.get("encoding-type") == "url"
        written = partial(quote, safe="/") if is_encoded else escape
        rows = "".join(f"<Contents><Key>{written(key)}</Key><Size>1</Size></Contents>" for key in keys)
        kind = "<EncodingType>url</EncodingType>" if is_encoded else ""
        more = f"<NextContinuationToken>{after}</NextContinuationToken>" if after else ""
        return (
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{bucket}</Name>{kind}<Prefix>{written(prefix)}</Prefix><KeyCount>{len(keys)}</KeyCount>"
            f"<IsTruncated>{'true' if after else 'false'}</IsTruncated>{more}{rows}</ListBucketResult>"
        )

    def _gcs(self, asked: HttpAsked, found: re.Match[str], query: Mapping[str, str]) -> Reply:
        if not asked.header("authorization"):
            return _gcs_error(401, "Anonymous caller does not have storage.objects access to the bucket.")
        bucket = found["bucket"]
        if found["upload"]:
            name = query.get("name", "")
            self.objects[f"gs://{bucket}/{name}"] = asked.body
            return _json(200, {"kind": "storage#object", "name": name, "bucket": bucket, "size": str(len(asked.body))})
        if found["key"] is None:
            keys, after = self._page(f"gs://{bucket}/", query.get("prefix", ""), query.get("pageToken", ""))
            items = {"items": [{"name": key, "bucket": bucket} for key in keys]} if keys else {}
            return _json(200, {"kind": "storage#objects", **items, **({"nextPageToken": after} if after else {})})
        key = unquote(found["key"])
        data = self.objects.get(f"gs://{bucket}/{key}")
        if data is None:
            return _gcs_error(404, f"No such object: {bucket}/{key}")
        if asked.method == "DELETE":
            del self.objects[f"gs://{bucket}/{key}"]
            return Reply.whole(HttpReply(204, b"", ()))
        if query.get("alt") != "media":
            return _json(200, {"kind": "storage#object", "name": key, "bucket": bucket, "size": str(len(data))})
        return _piece(asked, data) or _gcs_error(416, "Request range not satisfiable")

    def _page(self, bucket: str, prefix: str, after: str) -> tuple[list[str], str]:
        """Keys, and what asks for the next ones."""
        keys = [address.removeprefix(bucket) for address in self.below(bucket + prefix)]
        first = int(after or 0)
        is_more = first + _PAGE < len(keys)
        return keys[first : first + _PAGE], str(first + _PAGE) if is_more else ""


def _piece(asked: HttpAsked, data: bytes) -> Reply | None:
    """An object, or the piece of it that is asked for; None when it has none there."""
    headers = (("content-type", "application/octet-stream"), ("etag", '"sim"'))
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.header("range"))
    if found is None:
        return Reply.whole(HttpReply(200, data, headers))
    first, last = int(found[1]), min(int(found[2] or len(data)), len(data) - 1)
    if first > last:
        return None
    where = (("content-range", f"bytes {first}-{last}/{len(data)}"),)
    return Reply.whole(HttpReply(206, data[first : last + 1], headers + where))


def _unchunked(asked: HttpAsked) -> bytes:
    """The object in a body, which some clients send in chunks that name their sizes, with a checksum behind them."""
    if "aws-chunked" not in asked.header("content-encoding"):
        return asked.body
    data, rest = b"", asked.body
    while True:
        head, _, rest = rest.partition(b"\r\n")
        size = int(head.partition(b";")[0], 16)
        if not size:
            return data
        data, rest = data + rest[:size], rest[size + 2 :]


def _s3_error(status: int, code: str, said: str, key: str = "") -> Reply:
    more = f"<Key>{escape(key)}</Key>" if key else ""
    return _xml(status, f"<Error><Code>{code}</Code><Message>{said}</Message>{more}<RequestId>SIM</RequestId></Error>")


def _xml(status: int, text: str) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()
    return Reply.whole(HttpReply(status, body, (("content-type", "application/xml"),)))


def _gcs_error(status: int, said: str) -> Reply:
    return _json(status, {"error": {"code": status, "message": said, "errors": [{"message": said}]}})


def _json(status: int, value: Mapping[str, Any]) -> Reply:
    return Reply.whole(HttpReply(status, to_json(value)))
