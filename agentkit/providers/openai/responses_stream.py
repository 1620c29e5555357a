"""A streamed answer in the Responses format: bytes in any split as deltas."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from agentkit.exchange import (
    Delta,
    PartFinished,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.json_value import json_value
from agentkit.messages import Part
from agentkit.providers.openai.errors import error_in_stream
from agentkit.providers.openai.responses_output import arguments_of, objects, parts_of, response_of
from agentkit.sse_decoder import SseDecoder

__all__ = ["ResponsesDecoder"]

_SLOTS_PER_ITEM = 1000
"""Part indexes of one output item: a message item has a part for each piece of its content."""


Event = Mapping[str, Any]


class ResponsesDecoder(SseDecoder):
    """Decodes one streamed reply; see StreamDecoder."""

    __slots__ = (
        "_announced",
        "_contents",
        "_finished",
        "_firsts",
        "_handlers",
        "_items",
        "_last_place",
        "_origin",
        "_shifted",
        "_started",
    )

    def __init__(self, origin: str, provider: str) -> None:
        super().__init__(provider, last="response.completed, response.incomplete or response.failed")
        self._origin = origin
        self._started = ResponseStarted()
        self._announced: dict[int, str] = {}  # index of the first part -> id of the item announced there
        self._last_place = 0  # the highest of these
        self._shifted: dict[str, int] = {}  # item id -> index of the first part, where it is not the told one
        self._items: dict[int, Mapping[str, Any]] = {}  # index of the first part -> item that is done
        self._finished: dict[int, Part] = {}  # index -> part as told
        self._firsts: dict[str, deque[int]] = {}  # item id -> index of the first part, for each item of that id
        self._contents: dict[int, list[int]] = {}  # index of an item's first part -> indexes of its announced parts
        self._handlers: dict[str, Callable[[Event], list[Delta]]] = {
            "response.created": self._on_start,
            "response.queued": self._on_start,
            "response.in_progress": self._on_start,
            "response.output_item.added": self._on_item_added,
            "response.output_item.done": self._on_item_done,
            "response.content_part.added": self._on_content_added,
            "response.refusal.delta": self._on_refusal,
            "response.reasoning_summary_text.delta": self._on_thinking,
            "response.reasoning_text.delta": self._on_thinking,
            "response.completed": self._on_end,
            "response.incomplete": self._on_end,
            "response.failed": self._on_end,
            "response.cancelled": self._on_end,
            "error": self._on_error,
        }

    @property
    def _model(self) -> str:
        return self._started.model

    def _decode(self, data: bytes, deltas: list[Delta]) -> None:
        if data == b"[DONE]":
            return
        try:
            event = json_value(data)
            kind = event.get("type")
        except (ValueError, AttributeError) as error:
            raise self._nonsense(data) from error
        self.events += 1
        try:
            self._tell(event, kind, deltas)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._nonsense(data) from error

    def _tell(self, event: Event, kind: str | None, deltas: list[Delta]) -> None:
        # The two kinds that nearly all events are of come first, and touch nothing else.
        if kind == "response.output_text.delta":
            deltas.append(TextDelta(_piece_of(event), self._place(event) + event.get("content_index", 0)))
        elif kind == "response.function_call_arguments.delta":
            deltas.append(ToolCallDelta(_piece_of(event), self._place(event)))
        elif (handler := self._handlers.get(kind or "")) is not None:
            deltas += handler(event)
        elif event.get("error") and kind is None:
            raise error_in_stream(event, provider=self._provider, model=self._started.model)

    def _whole(self, reply: dict[str, Any]) -> list[Delta]:
        return self._on_end({"response": reply})

    def _on_start(self, event: Event) -> list[Delta]:
        return self._start(event.get("response") or {})

    def _start(self, response: Mapping[str, Any]) -> list[Delta]:
        started = ResponseStarted(
            response.get("id") or self._started.response_id, response.get("model") or self._started.model
        )
        if started == self._started:
            return []
        self._started = started
        return [started]

    def _on_item_added(self, event: Event) -> list[Delta]:
        item = event["item"]
        place = self._announce(item.get("id") or "", _told_place(event))
        if item.get("type") != "function_call":
            return []
        name, id = item.get("name") or "", item.get("call_id") or ""
        return [ToolCallDelta(arguments_of(item.get("arguments")), place, id, name)]

    def _announce(self, id: str, told: int) -> int:
        """The place of an item that begins. Servers that count every item as the first one are followed by its id."""
        known = self._announced.get(told)
        if not known or not id or known == id:
            self._announced[told] = id
            self._last_place = max(self._last_place, told)
            return told
        if id not in self._shifted:
            self._last_place += _SLOTS_PER_ITEM
            self._shifted[id] = self._last_place
            self._announced[self._last_place] = id
        return self._shifted[id]

    def _place(self, event: Event) -> int:
        """The index of the first part of the item that an event speaks of."""
        if self._shifted:
            place = self._shifted.get(event.get("item_id") or "")
            if place is not None:
                return place
        return _told_place(event)

    def _on_refusal(self, event: Event) -> list[Delta]:
        return [TextDelta(_piece_of(event), self._place(event) + event.get("content_index", 0), True)]

    def _on_thinking(self, event: Event) -> list[Delta]:
        return [ThinkingDelta(_piece_of(event), self._place(event))]

    def _on_content_added(self, event: Event) -> list[Delta]:
        # Some servers count an item's content from 1 (bedrock-mantle, seen 2026-06).
        first = self._place(event)
        self._contents.setdefault(first, []).append(first + event.get("content_index", 0))
        return []

    def _on_item_done(self, event: Event) -> list[Delta]:
        item = event["item"]
        first = self._shifted.get(item.get("id") or "", _told_place(event))
        self._items[first] = item
        if id := item.get("id"):
            self._firsts.setdefault(id, deque()).append(first)
        return self._finish_parts(item, first)

    def _finish_parts(self, item: Mapping[str, Any], first: int) -> list[Delta]:
        told: list[Delta] = []
        parts = parts_of(item, self._origin)
        announced = self._contents.get(first, ())
        indexes = announced if len(announced) == len(parts) else range(first, first + len(parts))
        for index, part in zip(indexes, parts, strict=True):
            if self._finished.get(index) != part:
                self._finished[index] = part
                told.append(PartFinished(part, index))
        return told

    def _on_end(self, event: Event) -> list[Delta]:
        if self._is_done:
            return []
        response: dict[str, Any] = dict(event.get("response") or {})
        if not response.get("output") and self._items:
            # Some servers leave the output out of the last event: what was streamed stands.
            response["output"] = [self._items[first] for first in sorted(self._items)]
        whole = response_of(response, self._origin, provider=self._provider)
        deltas = self._start(response)
        for position, item in enumerate(objects(response["output"])):
            # Positions in the last event close the gaps that dropped items left in the stream's own numbers.
            known = self._firsts.get(item.get("id") or "")
            deltas += self._finish_parts(item, known.popleft() if known else position * _SLOTS_PER_ITEM)
        self._is_done = True
        message = whole.message
        deltas.append(ResponseFinished(message.finish, whole.finish_raw, message.usage, whole.details))
        return deltas

    def _on_error(self, event: Event) -> list[Delta]:
        raise error_in_stream(event, provider=self._provider, model=self._started.model)


def _told_place(event: Event) -> int:
    return 0 + event.get("output_index", 0) * _SLOTS_PER_ITEM  # the sum refuses a text, which the product would repeat


def _piece_of(event: Event) -> str:
    piece = event["delta"]
    if piece.__class__ is not str:
        raise TypeError("a delta has to be a text")
    return piece
