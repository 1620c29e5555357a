"""Google's generateContent as the simulator serves it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import from_json, to_json

from agentkit.codec import ServerCodec
from agentkit.errors import ExchangeError
from agentkit.messages import Thinking
from agentkit.providers.google.generate_content_server import GenerateContentServer
from agentkit.simulator.formats import CallPlaces, Moment, Place, event_data, with_event_data
from agentkit.simulator.reply import Reply

__all__ = ["GenerateContentFormat"]

Json = dict[str, Any]


class GenerateContentFormat:
    """generateContent and streamGenerateContent, the latter as server-sent events only."""

    name = "google:generate_content"
    path = re.compile(r"(?P<path>/(?:models|tunedModels|endpoints)/[^/:]+:(?:g|streamG)enerateContent)$")
    client_header = "x-goog-api-key"
    keep_alive = b": keep-alive\r\n\r\n"

    def __init__(self) -> None:
        self.server: ServerCodec = GenerateContentServer()

    def response_id(self, number: int) -> str:
        return f"sim{number:08d}"

    def call_id(self, number: int, place: int) -> str:
        return f"call{number:08d}{place:02d}"

    def thinking(self, text: str, number: int) -> Thinking | None:
        return Thinking(text)

    def model_list(self, models: Sequence[str]) -> Json:
        return {"models": [self.model_entry(model) for model in models]}

    def model_entry(self, model: str) -> Json:
        methods = ["generateContent", "streamGenerateContent"]
        return {
            "name": f"models/{model}",
            "version": "1",
            "displayName": model,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": methods,
        }

    def headers(self, moment: Moment) -> tuple[tuple[str, str], ...]:
        return ()

    def limit_headers(self, seconds: float, moment: Moment) -> tuple[tuple[str, str], ...]:
        return ()

    def error_events(self, error: ExchangeError, *, place: int) -> tuple[bytes, ...]:
        return (b"data: " + self.server.write_error(error).body + b"\r\n\r\n",)

    def waiting_in_body(self, reply: Reply, seconds: float) -> Reply:
        body = from_json(reply.events[0])
        delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds:g}s"}
        body["error"].setdefault("details", []).append(delay)
        return replace(reply, pieces=(to_json(body),))

    def polished(self, reply: Reply, sent: Mapping[str, Any]) -> Reply:
        return reply

    def is_start(self, event: bytes) -> bool:
        return False  # an answer begins with its first piece

    def is_end(self, event: bytes) -> bool:
        return any(candidate.get("finishReason") for candidate in _candidates(event_data(event) or {}))

    def calls_in(self, document: Json) -> list[CallPlaces]:
        return [
            CallPlaces(None, Place(part["functionCall"], "id"), Place(part["functionCall"], "args"))
            for candidate in _candidates(document)
            for part in _parts(candidate)
            if "functionCall" in part
        ]

    def together(self, events: Sequence[bytes]) -> bytes:
        documents = [document for event in events if (document := event_data(event)) is not None]
        first = _candidates(documents[0])[0]
        first["content"]["parts"] = [part for document in documents for part in _parts(_candidates(document)[0])]
        return with_event_data(events[0], documents[0])


def _candidates(document: Json) -> list[Json]:
    return document.get("candidates") or []


def _parts(candidate: Json) -> list[Json]:
    content: Json = candidate.get("content") or {}
    return content.get("parts") or []
