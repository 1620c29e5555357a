"""Formats under AWS's roof as the simulator serves them: InvokeModel of each family, and endpoints of SageMaker.

Which family answers is told by the model's id. An endpoint of SageMaker whose name holds "tgi" speaks
text-generation-inference's own format, one with "bytes" takes and gives bare text, every other speaks Chat Completions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pydantic_core import to_json

from agentkit.codec import ServerCodec
from agentkit.messages import Thinking
from agentkit.providers.anthropic.messages_server import MessagesServer
from agentkit.providers.aws.converse_server import ConverseServer
from agentkit.providers.aws.event_stream import encode_frame
from agentkit.providers.aws.hosted_server import HostedServer, as_messages, as_nova, chunks_of, nova_chunks, parts_of
from agentkit.providers.aws.invoke_families import BY_ID, TEXT_FORMS
from agentkit.providers.aws.text_forms import TGI
from agentkit.providers.aws.text_server import BytesServer, TextServer
from agentkit.providers.openai.chat_server import ChatServer
from agentkit.simulator.anthropic_format import MessagesFormat
from agentkit.simulator.aws_format import ConverseFormat
from agentkit.simulator.formats import CallPlaces, Format, event_data, joined_payload
from agentkit.simulator.openai_formats import ChatFormat
from agentkit.simulator.reply import Reply

__all__ = ["HOSTED", "HostedFormat", "TextFormat"]

Json = dict[str, Any]

_ENDPOINT = r"(?P<path>/endpoints/{}/invocations(?:-response-stream)?)$"


class TextFormat(ConverseFormat):
    """One text in and one text out: there are no calls, and no event begins an answer."""

    def thinking(self, text: str, number: int) -> Thinking | None:
        return None

    def polished(self, reply: Reply, sent: Mapping[str, Any]) -> Reply:
        return reply

    def is_start(self, event: bytes) -> bool:
        return False

    def is_end(self, event: bytes) -> bool:
        return "amazon-bedrock-invocationMetrics" in (event_data(event) or {})

    def calls_in(self, document: Json) -> list[CallPlaces]:
        return []


class BytesFormat(TextFormat):
    """Bare bytes: no event says that an answer ends."""

    name = "sagemaker:bytes"
    client_header = ""

    def __init__(self) -> None:
        self.path = re.compile(_ENDPOINT.format("[^/]*bytes[^/]*"))
        self.server: ServerCodec = BytesServer()

    def polished(self, reply: Reply, sent: Mapping[str, Any]) -> Reply:
        return ConverseFormat.polished(self, reply, sent)

    def is_end(self, event: bytes) -> bool:
        return False


class HostedFormat(ConverseFormat):
    """Another format whose addresses, errors and frames are AWS's."""

    def __init__(
        self,
        name: str,
        path: str,
        inner: Format,
        server: ServerCodec,
        *,
        opened: Callable[[bytes], bytes] | None = None,
        inside: Callable[[Json], Json] | None = None,
    ) -> None:
        """`opened` gives what is in an event as the inner format sends it; `inside` the document that it would know."""
        self.name = name
        self.path = re.compile(path)
        self.client_header = ""
        self.server = server
        self._inner = inner
        self._opened = opened or joined_payload
        self._inside = inside or _same

    def response_id(self, number: int) -> str:
        return self._inner.response_id(number)

    def call_id(self, number: int, place: int) -> str:
        return self._inner.call_id(number, place)

    def thinking(self, text: str, number: int) -> Thinking | None:
        return self._inner.thinking(text, number)

    def polished(self, reply: Reply, sent: Mapping[str, Any]) -> Reply:
        if not reply.is_streamed:
            return reply
        polished = self._inner.polished(replace(reply, pieces=_whole(reply.events)), {**sent, **_WITH_USAGE})
        return super().polished(polished, sent)

    def is_start(self, event: bytes) -> bool:
        return self._inner.is_start(self._opened(event))

    def is_end(self, event: bytes) -> bool:
        return self._inner.is_end(self._opened(event))

    def calls_in(self, document: Json) -> list[CallPlaces]:
        return self._inner.calls_in(self._inside(document))

    def together(self, events: Sequence[bytes]) -> bytes:
        return self._inner.together(events)


_WITH_USAGE = {"stream_options": {"include_usage": True}}


def _same(document: Json) -> Json:
    return document


def _whole(events: Sequence[bytes]) -> tuple[bytes, ...]:
    """Frames that hold one server-sent event between them as one event."""
    pieces: list[bytes] = []
    kept = b""
    for event in events:
        kept += event
        payload = joined_payload(kept)
        if payload.startswith(b"{") or payload.endswith(b"\n\n"):
            pieces.append(kept)
            kept = b""
    return (*pieces, kept) if kept else tuple(pieces)


def _as_event(event: bytes) -> bytes:
    """A frame of Claude's as Anthropic's own stream has it."""
    data = event_data(event) or {}
    return b"event: %s\ndata: %s\n\n" % (str(data.get("type", "")).encode(), to_json(data))


def _as_data(event: bytes) -> bytes:
    return b"data: %s\n\n" % to_json(event_data(event) or {})


def _as_frame(event: bytes) -> bytes:
    """A frame of Nova's as Converse has it."""
    for name, body in (event_data(event) or {}).items():
        return encode_frame(((":event-type", name), (":message-type", "event")), to_json(body))
    return b""


def _nova_inside(document: Json) -> Json:
    """What Converse would send: streamed events have their name around them."""
    only: Any = next(iter(document.values()), None)
    is_event = len(document) == 1 and isinstance(only, dict) and "output" not in document
    return cast("Json", only) if is_event else document


def _invoked(name: str) -> str:
    patterns = "|".join(pattern.pattern for pattern, known in BY_ID if known == name)
    return rf"(?P<path>/model/(?:[^/]*(?:\.|%2[Ff]))?(?:{patterns})[^/]*/invoke(?:-with-response-stream)?)$"


def _of_family(name: str) -> HostedFormat:
    path = _invoked(name)
    match name:
        case "claude":
            server = HostedServer(MessagesServer("bedrock"), chunks_of, path="/v1/messages", seen=as_messages)
            return HostedFormat("bedrock:messages", path, MessagesFormat(), server, opened=_as_event)
        case "nova":
            nova = HostedServer(ConverseServer(), nova_chunks, path="/model/{model}/converse", seen=as_nova)
            return HostedFormat("bedrock:nova", path, ConverseFormat(), nova, opened=_as_frame, inside=_nova_inside)
        case "chat":
            chat = HostedServer(ChatServer("bedrock"), chunks_of, path="/chat/completions")
            return HostedFormat("bedrock:chat", path, ChatFormat(), chat, opened=_as_data)
        case _:
            text = HostedServer(TextServer(TEXT_FORMS[name], name=f"bedrock:{name}"), chunks_of, path="")
            return HostedFormat(f"bedrock:{name}", path, TextFormat(), text, opened=_as_data)


HOSTED: tuple[Format, ...] = (
    *(_of_family(name) for name in dict.fromkeys(known for _, known in BY_ID)),
    HostedFormat(
        "sagemaker:tgi",
        _ENDPOINT.format("[^/]*tgi[^/]*"),
        TextFormat(),
        HostedServer(TextServer(TGI, name="sagemaker:tgi"), parts_of, path=""),
    ),
    BytesFormat(),
    HostedFormat(
        "sagemaker:chat",
        _ENDPOINT.format("[^/]+"),
        ChatFormat(),
        HostedServer(ChatServer("sagemaker"), parts_of, path="/chat/completions"),
    ),
)
