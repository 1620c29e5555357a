"""The server half of another format under AWS's roof: the model in the path, streams in frames."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable
from typing import Any, cast
from urllib.parse import unquote

from pydantic_core import from_json, to_json

from agentkit.codec import HttpReply, ServerCodec, StreamWriter, WireRequest
from agentkit.errors import ExchangeError
from agentkit.exchange import Delta, Request, Response
from agentkit.json_value import json_value
from agentkit.providers.aws.converse_history import refusal
from agentkit.providers.aws.converse_server import ConverseServer
from agentkit.providers.aws.event_stream import EventStreamParser, encode_frame, part

__all__ = ["HostedServer", "as_messages", "as_nova", "chunk", "chunks_of", "nova_chunks", "parts_of"]

Json = dict[str, Any]

_PATH = re.compile(r"/(?:model|endpoints)/(?P<model>[^/]+)/(?P<function>[\w-]+)$")


class HostedServer:
    """A server half that reads and writes as another does, but for addresses, errors and frames."""

    def __init__(
        self,
        inner: ServerCodec,
        framed: Callable[[bytes], bytes],
        *,
        path: str,
        seen: Callable[[Json], Json] = dict,
    ) -> None:
        """`framed` puts a stream of the inner format into frames. The inner one reads its requests at `path`, where
        "{model}" is the model's; `seen` is the body as the inner one knows it."""
        self.name = inner.name
        self._inner = inner
        self._framed = framed
        self._path = path
        self._seen = seen

    def read(self, request: WireRequest) -> Request:
        """The Request that a client sent. Raises BadRequestError for what the service would refuse."""
        found = _PATH.search(request.path.partition("?")[0])
        if found is None:
            raise refusal(f"{request.path!r} names no model and function of it")
        try:
            body = json_value(request.body)
        except ValueError as error:
            raise refusal(f"The request body is no valid JSON: {error}") from error
        if not isinstance(body, dict):
            raise refusal("The request body has to be an object")
        asked = self._seen(cast("Json", body))
        is_streamed = found["function"].endswith("response-stream")
        if not self._path.startswith("/model/"):
            asked |= {"model": unquote(found["model"]), "stream": is_streamed}
        path = self._path.replace("{model}", found["model"]) + ("-stream" if is_streamed and "{" in self._path else "")
        return self._inner.read(WireRequest(path, to_json(asked), headers=request.headers))

    def write(self, response: Response) -> HttpReply:
        """A whole reply."""
        return self._inner.write(response)

    def stream_writer(self) -> FramingWriter:
        """A writer of one streamed reply."""
        return FramingWriter(self._inner.stream_writer(), self._framed)

    def write_error(self, error: ExchangeError) -> HttpReply:
        """An error as the service would report it."""
        return ConverseServer().write_error(error)


class FramingWriter:
    """Writes one streamed reply of another format into frames; see StreamWriter."""

    def __init__(self, inner: StreamWriter, framed: Callable[[bytes], bytes]) -> None:
        self._inner = inner
        self._framed = framed

    def write(self, deltas: Iterable[Delta]) -> bytes:
        """The bytes of these deltas; the end of the stream follows a ResponseFinished."""
        return self._framed(self._inner.write(deltas))


def as_messages(body: Json) -> Json:
    """A body of InvokeModel as Anthropic's own service is sent it. Raises BadRequestError without its version."""
    if body.get("anthropic_version") != "bedrock-2023-05-31":
        raise refusal("anthropic_version: Field required")
    return {name: value for name, value in body.items() if name not in ("anthropic_version", "anthropic_beta")}


def as_nova(body: Json) -> Json:
    """A body of Nova's own as Converse is sent it."""
    if not isinstance(body.get("inferenceConfig") or {}, dict):
        raise refusal("inferenceConfig has to be an object")
    config: Json = body.get("inferenceConfig") or {}
    names = {"max_new_tokens": "maxTokens", "top_p": "topP"}
    renamed = {names.get(name, name): value for name, value in config.items() if name != "topK"}
    asked = {name: value for name, value in body.items() if name != "schemaVersion"}
    return {**asked, "inferenceConfig": renamed} if renamed else asked


def chunk(event: bytes) -> bytes:
    """The frame of one event of a model's own."""
    headers = ((":event-type", "chunk"), (":content-type", "application/json"), (":message-type", "event"))
    return encode_frame(headers, to_json({"bytes": base64.b64encode(event).decode(), "p": "abcdefg"}))


def chunks_of(stream: bytes) -> bytes:
    """Server-sent events as InvokeModel sends them: the data of each in a frame."""
    lines = (line[5:].strip() for line in stream.splitlines() if line.startswith(b"data:"))
    return b"".join(chunk(line) for line in lines if line != b"[DONE]")


def nova_chunks(stream: bytes) -> bytes:
    """Frames of Converse as InvokeModel sends those of Nova."""
    frames = EventStreamParser().feed(stream)
    return b"".join(chunk(to_json({frame.headers[":event-type"]: from_json(frame.payload)})) for frame in frames)


def parts_of(stream: bytes) -> bytes:
    """Server-sent events as an endpoint of SageMaker sends them: each in two frames, cut within its line."""
    frames: list[bytes] = []
    for event in stream.split(b"\n\n"):
        if not event:
            continue
        event, middle = event + b"\n\n", len(event) // 2
        frames += [part(event[:middle]), part(event[middle:])]
    return b"".join(frames)
