"""Buckets of object stores as data: places in them, and what an API of one offers.

Some providers read a batch from a bucket of the user's own and write its results there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from agentkit.codec import WireRequest
from agentkit.errors import ConfigurationError, ExchangeError

__all__ = ["PIECE_BYTES", "BatchStorage", "BucketCodec", "BucketPage", "Place", "piece_of", "place_of", "storage_of"]

PIECE_BYTES = 64 * 2**20
"""Objects are read in pieces: a reply has bounds, and results with pictures in them are larger."""

_PLACE = re.compile(r"(?P<scheme>s3|gs)://(?P<bucket>[a-z0-9][-._a-z0-9]{1,220}[a-z0-9])(?:/(?P<key>.*))?", re.DOTALL)
_PREFIX = re.compile(r"[-_.a-zA-Z0-9]+(?:/[-_.a-zA-Z0-9]+)*")


@dataclass(frozen=True, slots=True)
class BatchStorage:
    """Where a provider reads and writes batches, for those that need a bucket. A text is the address alone."""

    address: str
    """Such as "s3://bucket/prefix" or "gs://bucket/prefix". Each batch gets a folder there; none is ever deleted."""
    role: str = ""
    """At Bedrock: the ARN of the role with which it reads and writes there."""
    least: int | None = None
    """How many requests a batch has to have, where the provider has allowed you another number than the usual."""


@dataclass(frozen=True, slots=True)
class Place:
    """An object in a bucket, or a prefix of objects."""

    scheme: str
    """s3 or gs."""
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True)
class BucketPage:
    """Some of the objects in a bucket."""

    keys: tuple[str, ...]
    after: str = ""
    """What asks for those that follow; empty where none do."""


class BucketCodec(Protocol):
    """The client half of an object store: pure, as all codecs are."""

    name: str
    scheme: str
    """What its addresses begin with, such as "s3"."""

    def put(self, place: Place, data: bytes) -> WireRequest:
        """Writes an object, in place of one that may be there."""
        ...

    def get(self, place: Place, *, first: int = 0, size: int = PIECE_BYTES) -> WireRequest:
        """Asks for so many bytes of an object, from the byte `first` on; they are the whole reply."""
        ...

    def listing(self, prefix: Place, *, after: str = "") -> WireRequest:
        """Asks which objects begin so; `after` as the page before it said."""
        ...

    def page(self, body: bytes) -> BucketPage:
        """Those that were listed. Raises ProtocolError."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        ...


def piece_of(first: int, size: int) -> tuple[tuple[str, str], ...]:
    """The header that asks for a piece."""
    return (("range", f"bytes={first}-{first + size - 1}"),)


def place_of(address: str) -> Place:
    """The place of an address such as "s3://bucket/key". Raises ConfigurationError."""
    found = _PLACE.fullmatch(address)
    if found is None:
        raise ConfigurationError(
            f"{address!r} is no place in a bucket; write s3://bucket/prefix or gs://bucket/prefix, "
            "where a bucket has a name of 3 letters or more"
        )
    return Place(found["scheme"], found["bucket"], found["key"] or "")


def storage_of(given: str | BatchStorage | None, *, scheme: str, provider: str) -> BatchStorage | None:
    """The storage that somebody named, its address without a slash at its end. Raises ConfigurationError."""
    if given is None:
        return None
    storage = given if isinstance(given, BatchStorage) else BatchStorage(given)
    place = place_of(storage.address.rstrip("/"))
    if place.scheme != scheme:
        raise ConfigurationError(
            f"the storage is {storage.address!r}, and {provider} reads its batches from {scheme}://bucket/prefix"
        )
    if place.key and not _PREFIX.fullmatch(place.key):
        raise ConfigurationError(
            f"the storage is {storage.address!r}; the part after the bucket may have letters, digits, '-', '_', '.' "
            "and single slashes"
        )
    return BatchStorage(str(place).rstrip("/"), storage.role, storage.least)
