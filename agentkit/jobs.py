"""Jobs as data: a question that a provider answers later is a chain of exchanges, each of which says what comes next.

started -> looked at until it is over -> its results fetched, from one place or from several
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

from agentkit.codec import WireRequest
from agentkit.errors import ExchangeError, ProtocolError

__all__ = ["JobCodec", "JobDone", "JobFailed", "JobReply", "JobStep", "id_in", "parts_of", "query_in"]

Asked = TypeVar("Asked", contravariant=True)
Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class JobReply:
    """A reply of status 2xx."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class JobDone(Generic[Told]):
    """The end of a chain."""

    answer: Told


@dataclass(frozen=True, slots=True)
class JobFailed:
    """The other end of a chain: the provider says that the job failed, which another look would not change."""

    error: ExchangeError


@dataclass(frozen=True, slots=True)
class JobStep(Generic[Told]):
    """One exchange of a chain."""

    kind: Literal["start", "put", "look", "fetch"]
    """A start makes something at the provider: it is not sent again where it may have been received. What is put is the
    same however often it is sent, so that a job which begins with it is taken up by the same question. Before a look
    that follows another one a while is waited."""
    wire: WireRequest
    read: Callable[[JobReply], JobStep[Told] | JobDone[Told] | JobFailed] = field(repr=False)
    """What follows. Raises ProtocolError, or the error that stands in the place of what was asked for: errors of the
    exchange, which is tried again where it may be."""
    job: str = ""
    """The provider's id of the job, once it is known."""
    address: str = field(default="", repr=False)
    """Where it is asked, when not at the provider's own address; no key is sent there."""
    status: str = ""
    """Where the job stands, in the provider's word, for those who wait."""
    refused: Callable[[ExchangeError], JobStep[Told] | None] | None = field(default=None, repr=False)
    """What follows an error all the same; None where it is the last word."""
    is_stored: bool = False
    """It is asked of the storage of whoever asks, or at `address` with that storage's signature."""


class JobCodec(Protocol[Asked, Told]):
    """The client half of an API that answers later: pure, as all codecs are."""

    name: str
    """Such as "azure-language:jobs"."""
    poll_seconds: float
    """The first wait between two looks."""

    def begin(self, asked: Asked, /) -> JobStep[Told]:
        """The exchange that starts the job. Raises UnsupportedError for what the API does not offer."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 2xx."""
        ...


def id_in(address: str, after: str, *, provider: str) -> str:
    """The id in an address that the provider gave: what stands behind `after` in its path. Raises ProtocolError.

    Only the id is taken, so that no address in a reply leads our key to another host.
    """
    _, found, rest = parts_of(address, provider=provider).path.partition(after)
    id = rest.partition("/")[0]
    if not found or id in ("", ".", ".."):
        raise ProtocolError(f"the reply does not say where the job is ({after}... is missing)", provider=provider)
    return id


def query_in(address: object, *, provider: str) -> str:
    """The query of an address that the provider gave, such as that of a next page; empty where there is none.

    Raises ProtocolError.
    """
    return parts_of(address, provider=provider).query if isinstance(address, str) else ""


def parts_of(address: str, *, provider: str) -> SplitResult:
    """An address that the provider gave, in parts. Raises ProtocolError for what is none."""
    try:
        parts = urlsplit(address)
        _ = parts.port, (parts.hostname or "").encode("idna")  # which are looked at no earlier
    except ValueError as error:
        raise ProtocolError(f"the reply holds an address that is none: {error}", provider=provider) from None
    if not address.isprintable() or not parts.netloc.isascii() or " " in parts.netloc:
        raise ProtocolError("the reply holds an address that is none: it has strange characters", provider=provider)
    return parts
