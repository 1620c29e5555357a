"""What a wire format is made of: the client half that talks to a provider, the server half that is one.

Codecs are pure: no I/O, no clock, no globals. `remote` performs exchanges with the client half; imports of foreign
histories, the simulator and served endpoints stand on the server half.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Protocol, TypeVar, runtime_checkable

from agentkit.errors import ExchangeError
from agentkit.exchange import Delta, Memo, Request, Response
from agentkit.frozen import frozen
from agentkit.messages import misfit

__all__ = [
    "Codec",
    "HeadReader",
    "HttpReply",
    "ServerCodec",
    "StreamDecoder",
    "StreamWriter",
    "StreamedTaskCodec",
    "TaskCodec",
    "TaskStreamDecoder",
    "TokenCounter",
    "WireRequest",
    "readable",
]

Asked = TypeVar("Asked", contravariant=True)
Told = TypeVar("Told", covariant=True)


@frozen
class WireRequest:
    """A request as a codec writes it: address and authentication come later, in `remote`."""

    path: str
    """Below the base URL, such as "/chat/completions"."""
    body: bytes = field(repr=False)
    method: str = "POST"
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tool names on the wire -> our own, where the provider's rules made them differ; `remote` maps replies back."""
    headers: tuple[tuple[str, str], ...] = field(default=(("content-type", "application/json"),), repr=False)
    notes: tuple[str, ...] = ()
    """What could not be sent as it was asked, for people: items of other providers, settings that had to give way.
    Never content."""


@frozen
class HttpReply:
    """A reply as the server half writes it."""

    status: int
    body: bytes = field(repr=False)
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)


class StreamDecoder(Protocol):
    """Turns the bytes of one streamed reply into deltas."""

    events: int
    """How many wire events were decoded so far; comments and keep-alives do not count."""

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas of some more bytes, split anywhere. Raises the typed ExchangeError of an error in the stream."""
        ...

    def finish(self) -> list[Delta]:
        """The last deltas, when the bytes have ended. Raises ProtocolError when the stream was cut."""
        ...


class Codec(Protocol):
    """The client half of a wire format."""

    name: str
    """Such as "openai:responses"; the origin of its provider data."""

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes; an unchanged head of messages and tools is taken from the memo."""
        ...

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply of status 200. Raises ProtocolError, or the error that the body reports."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200. Never raises by itself, whatever the body holds."""
        ...

    def decoder(self) -> StreamDecoder:
        """A decoder for one streamed reply."""
        ...


@runtime_checkable
class TokenCounter(Protocol):
    """What a client half can do besides, where the provider counts tokens."""

    def encode_count(self, request: Request) -> WireRequest:
        """What asks how many tokens the request's prompt has: instructions, tools and media included."""
        ...

    def decode_count(self, body: bytes) -> int:
        """The count in a reply of status 200. Raises ProtocolError."""
        ...


class TaskCodec(Protocol[Asked, Told]):
    """The client half of an API other than chat, such as embeddings: one question, one answer."""

    name: str
    """Such as "openai:embeddings"."""

    def encode(self, asked: Asked, /) -> WireRequest:
        """The question's bytes. Raises UnsupportedError for what the API does not offer."""
        ...

    def decode(self, body: bytes, /) -> Told:
        """The answer in a reply of status 200. Raises ProtocolError, or the error that the body reports."""
        ...

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200. Never raises by itself, whatever the body holds."""
        ...


@runtime_checkable
class HeadReader(Protocol):
    """What the client half of one exchange can do besides, where the head of a reply says what its body does not."""

    def read_head(self, headers: Mapping[str, str]) -> None:
        """The headers of a reply of status 2xx, or those of a failed attempt; the body is decoded next."""
        ...


class TaskStreamDecoder(StreamDecoder, Protocol[Told]):
    """Turns the bytes of one streamed reply into deltas, and into the answer."""

    @property
    def answer(self) -> Told:
        """The whole answer, once a ResponseFinished was told."""
        ...


@runtime_checkable
class StreamedTaskCodec(TaskCodec[Asked, Told], Protocol[Asked, Told]):
    """What the client half of a task can do besides, where the API streams its answers."""

    def is_streamed(self, asked: Asked, /) -> bool:
        """Whether this question asks for a stream."""
        ...

    def decoder(self, asked: Asked, /) -> TaskStreamDecoder[Told]:
        """A decoder for one streamed reply to this question."""
        ...


class StreamWriter(Protocol):
    """Writes one streamed reply."""

    def write(self, deltas: Iterable[Delta]) -> bytes:
        """The bytes of these deltas; the end of the stream follows a ResponseFinished."""
        ...


class ServerCodec(Protocol):
    """The server half of a wire format."""

    name: str

    def read(self, request: WireRequest) -> Request:
        """The Request that a client sent. Raises BadRequestError for what the provider would refuse."""
        ...

    def write(self, response: Response) -> HttpReply:
        """A whole reply."""
        ...

    def stream_writer(self) -> StreamWriter:
        """A writer of one streamed reply."""
        ...

    def write_error(self, error: ExchangeError) -> HttpReply:
        """An error as the provider would report it."""
        ...


def readable(request: Request) -> Request:
    """The request of a client, if all its texts are texts. Raises TypeError, before that would surprise somebody."""
    for message in request.messages:
        if wrong := misfit(message):
            raise TypeError(f"{wrong} is no text")
    if not isinstance(request.instructions, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # read from JSON
        raise TypeError("the instructions are no text")
    for tool in request.tools:
        told: object = (tool.name, tool.description, tool.parameters)
        match told:
            case str(), str(), dict():
                continue
            case _:
                raise TypeError("a tool's name or description is no text, or its parameters are no object")
    return request
