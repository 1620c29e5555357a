"""Amazon Bedrock's Converse as the simulator serves it: streams are frames of the binary event stream."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.codec import ServerCodec
from agentkit.errors import ExchangeError
from agentkit.media import ProviderData
from agentkit.messages import Thinking
from agentkit.providers.aws.converse_server import ConverseServer
from agentkit.providers.aws.event_stream import EventStreamParser, encode_frame
from agentkit.simulator.formats import CallPlaces, Moment, Place
from agentkit.simulator.reply import Reply

__all__ = ["ConverseFormat"]

Json = dict[str, Any]


class ConverseFormat:
    """Converse and ConverseStream."""

    name = "bedrock:converse"
    path = re.compile(r"(?P<path>/model/[^/]+/converse(?:-stream)?)$")
    client_header = "amz-sdk-invocation-id"
    # There is none; an event that nobody knows is the nearest.
    keep_alive = encode_frame(((":event-type", "keepAlive"), (":message-type", "event")), b"{}")

    def __init__(self) -> None:
        self.server: ServerCodec = ConverseServer()

    def response_id(self, number: int) -> str:
        return ""

    def call_id(self, number: int, place: int) -> str:
        return f"tooluse_{number:08d}{place:02d}"

    def thinking(self, text: str, number: int) -> Thinking | None:
        return Thinking(text, ProviderData(self.name, {"signature": f"c2lt{number:08d}"}))

    def model_list(self, models: Sequence[str]) -> Json:
        return {"modelSummaries": [self.model_entry(model) for model in models]}

    def model_entry(self, model: str) -> Json:
        return {"modelId": model, "modelName": model, "responseStreamingSupported": True}

    def headers(self, moment: Moment) -> tuple[tuple[str, str], ...]:
        return (("x-amzn-requestid", f"00000000-0000-4000-8000-{moment.number:012d}"),)

    def limit_headers(self, seconds: float, moment: Moment) -> tuple[tuple[str, str], ...]:
        return ()

    def error_events(self, error: ExchangeError, *, place: int) -> tuple[bytes, ...]:
        reply = self.server.write_error(error)
        name = dict(reply.headers)["x-amzn-errortype"]
        headers = (
            (":exception-type", name[:1].lower() + name[1:]),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        )
        return (encode_frame(headers, reply.body),)

    def waiting_in_body(self, reply: Reply, seconds: float) -> Reply:
        return reply

    def polished(self, reply: Reply, sent: Mapping[str, Any]) -> Reply:
        if not reply.is_streamed:
            return reply
        return reply.with_headers(("content-type", "application/vnd.amazon.eventstream"))

    def is_start(self, event: bytes) -> bool:
        return _kind(event) == "messageStart"

    def is_end(self, event: bytes) -> bool:
        return _kind(event) in ("messageStop", "metadata")

    def calls_in(self, document: Json) -> list[CallPlaces]:
        match document:
            case {"start": {"toolUse": dict()}}:
                return [
                    CallPlaces(Place(document, "contentBlockIndex"), Place(document["start"]["toolUse"], "toolUseId"))
                ]
            case {"delta": {"toolUse": dict()}}:
                place = Place(document["delta"]["toolUse"], "input")
                return [CallPlaces(Place(document, "contentBlockIndex"), None, place)]
            case {"output": {"message": {"content": list()}}}:
                blocks: list[Json] = document["output"]["message"]["content"]
                uses: list[Json] = [block["toolUse"] for block in blocks if "toolUse" in block]
                return [CallPlaces(None, Place(use, "toolUseId"), Place(use, "input")) for use in uses]
            case _:
                return []

    def together(self, events: Sequence[bytes]) -> bytes:
        return b"".join(events)


def _kind(event: bytes) -> str:
    frames = EventStreamParser().feed(event)
    return frames[0].headers.get(":event-type", "") if frames else ""
