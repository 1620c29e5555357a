"""Anthropic's Messages as the simulator serves it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json, to_json

from agentkit.codec import ServerCodec
from agentkit.errors import ExchangeError
from agentkit.media import ProviderData
from agentkit.messages import Thinking
from agentkit.providers.anthropic.messages_server import MessagesServer
from agentkit.simulator.formats import CallPlaces, Moment, Place, event_data
from agentkit.simulator.reply import Reply

__all__ = ["MessagesFormat"]

Json = dict[str, Any]


class MessagesFormat:
    """Messages."""

    name = "anthropic:messages"
    path = re.compile(
        r"(?P<path>(?:/v1)?/messages|/publishers/anthropic/models/(?!count-tokens:)[^/:]+:(?:streamR|r)awPredict)$"
    )
    client_header = "anthropic-version"
    keep_alive = b'event: ping\ndata: {"type": "ping"}\n\n'

    def __init__(self) -> None:
        self.server: ServerCodec = MessagesServer()

    def response_id(self, number: int) -> str:
        return f"msg_sim{number:08d}"

    def call_id(self, number: int, place: int) -> str:
        return f"toolu_{number:08d}{place:02d}"

    def thinking(self, text: str, number: int) -> Thinking | None:
        return Thinking(text, ProviderData(self.name, {"signature": f"c2lt{number:08d}"}))

    def model_list(self, models: Sequence[str]) -> Json:
        entries = [self.model_entry(model) for model in models]
        return {"data": entries, "has_more": False, "first_id": models[0], "last_id": models[-1]}

    def model_entry(self, model: str) -> Json:
        return {"type": "model", "id": model, "display_name": model, "created_at": "2026-01-01T00:00:00Z"}

    def headers(self, moment: Moment) -> tuple[tuple[str, str], ...]:
        reset = _rfc3339(moment.now + 1)
        return (
            ("request-id", f"req_{moment.number:08d}"),
            ("anthropic-ratelimit-requests-limit", "4000"),
            ("anthropic-ratelimit-requests-remaining", str(max(0, 4_000 - moment.number))),
            ("anthropic-ratelimit-requests-reset", reset),
            ("anthropic-ratelimit-tokens-limit", "400000"),
            ("anthropic-ratelimit-tokens-remaining", "399000"),
            ("anthropic-ratelimit-tokens-reset", reset),
        )

    def limit_headers(self, seconds: float, moment: Moment) -> tuple[tuple[str, str], ...]:
        return (
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", _rfc3339(moment.now + seconds)),
        )

    def error_events(self, error: ExchangeError, *, place: int) -> tuple[bytes, ...]:
        return (b"event: error\ndata: " + self.server.write_error(error).body + b"\n\n",)

    def waiting_in_body(self, reply: Reply, seconds: float) -> Reply:
        body = from_json(reply.events[0])
        body["error"]["message"] += f" Please try again in {seconds:g}s."
        return replace(reply, pieces=(to_json(body),))

    def polished(self, reply: Reply, sent: Mapping[str, Any]) -> Reply:
        if not reply.is_streamed:
            return reply
        # The server half leaves calls open, in case more comes; the service ends each block before the next begins.
        documents = [event_data(event) or {} for event in reply.events]
        latest: dict[int, int] = {}  # index of a block -> where the last event before its stop stands
        stops: dict[int, bytes] = {}
        for place, (event, document) in enumerate(zip(reply.events, documents, strict=True)):
            if document.get("type") == "content_block_stop":
                stops[document["index"]] = event
            elif "index" in document:
                latest[document["index"]] = place
        ends = {place: stops[index] for index, place in latest.items() if index in stops}
        pieces: list[bytes] = []
        for place, (event, document) in enumerate(zip(reply.events, documents, strict=True)):
            if document.get("type") != "content_block_stop":
                pieces += [event, ends[place]] if place in ends else [event]
        return replace(reply, pieces=tuple(pieces))

    def is_start(self, event: bytes) -> bool:
        return event.startswith(b"event: message_start")

    def is_end(self, event: bytes) -> bool:
        return event.startswith((b"event: message_delta", b"event: message_stop"))

    def calls_in(self, document: Json) -> list[CallPlaces]:
        match document:
            case {"type": "content_block_start", "content_block": {"type": "tool_use"}}:
                return [CallPlaces(Place(document, "index"), Place(document["content_block"], "id"))]
            case {"type": "content_block_delta", "delta": {"type": "input_json_delta"}}:
                return [CallPlaces(Place(document, "index"), None, Place(document["delta"], "partial_json"))]
            case {"type": "message"}:
                blocks: list[Json] = document.get("content") or []
                return [
                    CallPlaces(None, Place(block, "id"), Place(block, "input"))
                    for block in blocks
                    if block.get("type") == "tool_use"
                ]
            case _:
                return []

    def together(self, events: Sequence[bytes]) -> bytes:
        return b"".join(events)


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
