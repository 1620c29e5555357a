"""OpenAI's formats as the simulator serves them: Chat Completions and Responses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import from_json, to_json

from agentkit.codec import ServerCodec
from agentkit.errors import ExchangeError
from agentkit.media import ProviderData
from agentkit.messages import Thinking
from agentkit.providers.openai.chat_server import ChatServer
from agentkit.providers.openai.responses_server import ResponsesServer
from agentkit.simulator.formats import CallPlaces, Moment, Place, event_data, json_object, with_event_data
from agentkit.simulator.reply import Reply

__all__ = ["ChatFormat", "ResponsesFormat"]

Json = dict[str, Any]


class _OpenAI:
    """What both formats share."""

    client_header = ""
    keep_alive = b": keep-alive\n\n"

    def call_id(self, number: int, place: int) -> str:
        return f"call_{number:08d}{place:02d}"

    def model_list(self, models: Sequence[str]) -> Json:
        return {"object": "list", "data": [self.model_entry(model) for model in models]}

    def model_entry(self, model: str) -> Json:
        return {"id": model, "object": "model", "created": 0, "owned_by": "simulator"}

    def headers(self, moment: Moment) -> tuple[tuple[str, str], ...]:
        return (
            ("x-request-id", f"req_{moment.number:08d}"),
            ("openai-processing-ms", "1"),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", str(max(0, 10_000 - moment.number))),
            ("x-ratelimit-reset-requests", "6ms"),
            ("x-ratelimit-limit-tokens", "2000000"),
            ("x-ratelimit-remaining-tokens", "1999000"),
            ("x-ratelimit-reset-tokens", "30ms"),
        )

    def limit_headers(self, seconds: float, moment: Moment) -> tuple[tuple[str, str], ...]:
        return (
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:g}s"),
        )

    def waiting_in_body(self, reply: Reply, seconds: float) -> Reply:
        body = from_json(reply.events[0])
        wait = f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:g}s"
        body["error"]["message"] += f" Please try again in {wait}."
        return replace(reply, pieces=(to_json(body),))


class ChatFormat(_OpenAI):
    """Chat Completions."""

    name = "openai:chat"
    path = re.compile(r"(?P<path>/chat/completions)$")

    def __init__(self) -> None:
        self.server: ServerCodec = ChatServer()

    def response_id(self, number: int) -> str:
        return f"chatcmpl-sim{number:08d}"

    def thinking(self, text: str, number: int) -> Thinking | None:
        return None  # Chat Completions counts thoughts and shows none

    def error_events(self, error: ExchangeError, *, place: int) -> tuple[bytes, ...]:
        return (b"data: " + self.server.write_error(error).body + b"\n\n",)

    def polished(self, reply: Reply, sent: Mapping[str, Any]) -> Reply:
        options: Json = sent.get("stream_options") or {}
        if not reply.is_streamed or options.get("include_usage"):
            return reply
        # Nobody who did not ask for usage expects an event without a choice.
        kept = tuple(event for event in reply.events if (event_data(event) or {}).get("choices") != [])
        return replace(reply, pieces=kept)

    def is_start(self, event: bytes) -> bool:
        return any("role" in choice["delta"] for choice in _choices(event))

    def is_end(self, event: bytes) -> bool:
        kind = (event_data(event) or {}).get("type")
        if kind is not None:  # of a picture or a transcript, which this family streams as well
            return str(kind).endswith((".completed", ".done"))
        choices = _choices(event)
        return not choices or any(choice.get("finish_reason") for choice in choices)

    def calls_in(self, document: Json) -> list[CallPlaces]:
        found: list[CallPlaces] = []
        choices: list[Json] = document.get("choices") or []
        for choice in choices:
            inner: Json = choice.get("delta") or choice.get("message") or {}
            calls: list[Json] = inner.get("tool_calls") or []
            for call in calls:
                function: Json = call.get("function") or {}
                found.append(
                    CallPlaces(
                        Place(call, "index") if "index" in call else None,
                        Place(call, "id") if "id" in call else None,
                        Place(function, "arguments") if "arguments" in function else None,
                    )
                )
        return found

    def together(self, events: Sequence[bytes]) -> bytes:
        documents = [document for event in events if (document := event_data(event)) is not None]
        calls: dict[int, Json] = {}  # index -> the whole call
        for piece in (call for document in documents for call in document["choices"][0]["delta"]["tool_calls"]):
            whole = calls.setdefault(piece["index"], {"function": {"arguments": ""}})
            function, more = whole["function"], piece["function"]
            arguments = function["arguments"] + more.get("arguments", "")
            whole.update({key: value for key, value in piece.items() if key != "function"})
            function.update(more | {"arguments": arguments})
        documents[0]["choices"][0]["delta"]["tool_calls"] = list(calls.values())
        return with_event_data(events[0], documents[0])


class ResponsesFormat(_OpenAI):
    """Responses."""

    name = "openai:responses"
    path = re.compile(r"(?P<path>/responses)$")

    def __init__(self) -> None:
        self.server: ServerCodec = ResponsesServer()

    def response_id(self, number: int) -> str:
        return f"resp_sim{number:08d}"

    def thinking(self, text: str, number: int) -> Thinking | None:
        summary = [{"type": "summary_text", "text": text}]
        item = {"type": "reasoning", "id": f"rs_sim{number:08d}", "summary": summary, "encrypted_content": "c2lt"}
        return Thinking(text, ProviderData(self.name, item))

    def error_events(self, error: ExchangeError, *, place: int) -> tuple[bytes, ...]:
        told = from_json(self.server.write_error(error).body)["error"]
        data = {"type": "error", "sequence_number": place, "code": told["code"] or told["type"],
                "message": told["message"], "param": told["param"]}  # fmt: skip
        return (b"event: error\ndata: " + to_json(data) + b"\n\n",)

    def polished(self, reply: Reply, sent: Mapping[str, Any]) -> Reply:
        if not reply.is_streamed:
            document = json_object(reply.events[0])
            if document is None or reply.status != 200:
                return reply
            _identify(document, document["id"])
            return replace(reply, pieces=(to_json(document),))
        pieces: list[bytes] = []
        response_id = ""
        for event in reply.events:
            document = event_data(event) or {}
            response_id = response_id or document.get("response", {}).get("id", "")
            _identify(document, response_id)
            pieces.append(with_event_data(event, document))
        return replace(reply, pieces=tuple(pieces))

    def is_start(self, event: bytes) -> bool:
        return event.startswith((b"event: response.created", b"event: response.in_progress"))

    def is_end(self, event: bytes) -> bool:
        return event.startswith((b"event: response.completed", b"event: response.incomplete"))

    def calls_in(self, document: Json) -> list[CallPlaces]:
        kind = document.get("type", "")
        if kind.startswith("response.function_call_arguments."):
            text = "delta" if "delta" in document else "arguments"
            return [CallPlaces(Place(document, "output_index"), Place(document, "item_id"), Place(document, text))]
        if kind.startswith("response.output_item."):
            return [
                CallPlaces(Place(document, "output_index"), places.id, places.arguments)
                for places in _items((document["item"],))
            ]
        response = document.get("response", document)
        return _items(response.get("output") or ())

    def together(self, events: Sequence[bytes]) -> bytes:
        return b"".join(events)


def _choices(event: bytes) -> list[Json]:
    return (event_data(event) or {}).get("choices") or []


def _identify(document: Json, response_id: str) -> None:
    """Give every item an id that no other answer has: the server half counts them anew in each, or leaves them out."""
    response: Json = document.get("response", document)
    output: list[Json] = response.get("output") or []
    for position, item in enumerate(output):
        item["id"] = _item_id(item.get("id", ""), item["type"], position, response_id)
    if "output_index" not in document:
        return
    position: int = document["output_index"]
    if "item" in document:
        item: Json = document["item"]
        item["id"] = _item_id(item.get("id", ""), item["type"], position, response_id)
    if "item_id" in document:
        document["item_id"] = _item_id(document["item_id"], "", position, response_id)


def _item_id(id: str, kind: str, position: int, response_id: str) -> str:
    prefix = id.partition("_")[0] or _PREFIXES.get(kind, "item")
    is_counted = not id or id.partition("_")[2].isdecimal()
    return f"{prefix}_{response_id.rpartition('_')[2]}{position:02d}" if is_counted else id


_PREFIXES = {"function_call": "fc", "message": "msg", "reasoning": "rs"}


def _items(items: Sequence[Json]) -> list[CallPlaces]:
    return [
        CallPlaces(None, Place(item, "call_id"), Place(item, "arguments"))
        for item in items
        if item.get("type") == "function_call"
    ]
