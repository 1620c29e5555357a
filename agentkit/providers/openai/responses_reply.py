"""Answers in the Responses format, as a server writes them: whole and streamed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json

from agentkit.errors import ExchangeError
from agentkit.exchange import (
    Delta,
    PartFinished,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.messages import Finish, Opaque, Part, Text, Thinking, ToolCall
from agentkit.providers.openai.responses_input import call_item, message_item, own_value
from agentkit.providers.openai.responses_output import REPLY_DETAILS
from agentkit.usage import Usage

__all__ = ["ResponsesWriter", "response_object"]

_REASONS: dict[Finish, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
_STATUSES = frozenset({"completed", "cancelled", "queued", "in_progress"})

Item = dict[str, Any]


def response_object(response: Response, origin: str) -> dict[str, Any]:
    """The response object of a whole answer."""
    message = response.message
    ended = ResponseFinished(message.finish, response.finish_raw, message.usage, response.details)
    return _ended(message.response_id, message.model, _output(message.parts, origin), ended)


class ResponsesWriter:
    """Writes one streamed reply; see StreamWriter. Every part is an output item of its own."""

    __slots__ = ("_items", "_open", "_origin", "_places", "_sequence", "_started")

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._sequence = 0
        self._started: ResponseStarted | None = None
        self._items: list[Item] = []  # as they were told, by output index
        self._places: dict[int, int] = {}  # part index -> output index
        self._open: dict[int, _OpenPart] = {}  # part index -> what is being streamed

    def write(self, deltas: Iterable[Delta]) -> bytes:
        """The bytes of these deltas; the end of the stream follows a ResponseFinished."""
        deltas = list(deltas)
        finished = {delta.index: delta.part for delta in deltas if isinstance(delta, PartFinished)}
        return b"".join([event for delta in deltas for event in self._events(delta, finished)])

    def fail(self, error: ExchangeError) -> bytes:
        """The last bytes of a stream that cannot go on."""
        return self._event("error", code=error.code, message=error.message, param=error.param)

    def _events(self, delta: Delta, finished: Mapping[int, Part]) -> list[bytes]:
        """One delta's events. `finished` are parts that are known to end soon, so that their ids are told early."""
        match delta:
            case ResponseStarted():
                return self._start(delta)
            case TextDelta(text, index) | ThinkingDelta(text, index) | ToolCallDelta(text, index):
                final = finished.get(index)
                if isinstance(final, ToolCall) and self._is_custom(final):
                    return []  # told as a whole
                events = self._started_with() + self._begin(delta, final)
                part = self._open.get(index)
                if part is None:  # it has ended already
                    return events
                part.texts.append(text)
                return [*events, self._event(part.delta, **part.place, delta=text, **part.noise)] if text else events
            case PartFinished(part, index):
                return self._started_with() + self._finish(part, index)
            case ResponseFinished():
                return self._started_with() + self._end(delta)
            case _:
                return []

    def _start(self, started: ResponseStarted) -> list[bytes]:
        is_first = self._started is None
        self._started = started
        if not is_first:
            return []
        response = _object(started.response_id, started.model, "in_progress", [])
        return [self._event(kind, response=response) for kind in ("response.created", "response.in_progress")]

    def _started_with(self) -> list[bytes]:
        return [] if self._started is not None else self._start(ResponseStarted())

    def _begin(self, delta: TextDelta | ThinkingDelta | ToolCallDelta, final: Part | None) -> list[bytes]:
        if delta.index in self._places:
            return []
        output_index = self._place(delta.index)
        id = _item_id(final, self._origin)
        match delta:
            case TextDelta(_, _, is_refusal):
                part = _OpenPart(Text("", is_refusal), output_index, id or f"msg_{output_index}")
            case ThinkingDelta():
                part = _OpenPart(Thinking(""), output_index, id or f"rs_{output_index}")
            case ToolCallDelta(_, _, call_id, name):
                part = _OpenPart(ToolCall(call_id, name, ""), output_index, id or f"fc_{output_index}")
        self._open[delta.index] = part
        events = [self._event("response.output_item.added", output_index=output_index, item=part.item())]
        if part.added:
            events.append(self._event(part.added, **part.place, part=part.piece("")))
        return events

    def _finish(self, part: Part, index: int) -> list[bytes]:
        items = _output((part,), self._origin, number=self._places.get(index, len(self._items)))
        if not items:  # another provider's item, or media: the format has no place for them
            return []
        item = items[0]
        if index in self._places and index not in self._open:  # told before: the last event has the better version
            self._items[self._places[index]] = item
            return []
        events: list[bytes] = []
        match part:
            case Text(_, is_refusal):
                events = self._begin(TextDelta("", index, is_refusal), part)
            case Thinking():
                events = self._begin(ThinkingDelta("", index), part)
            case ToolCall(id, name) if not self._is_custom(part):
                events = self._begin(ToolCallDelta("", index, id, name), part)
            case _:
                self._items[self._place(index)] = item
                added = {"output_index": self._places[index], "item": item}
                return [self._event(f"response.output_item.{step}", **added) for step in ("added", "done")]
        return events + self._close(index, item, text=part.arguments if isinstance(part, ToolCall) else part.text)

    def _close(self, index: int, item: Item, *, text: str) -> list[bytes]:
        part = self._open.pop(index)
        self._items[part.output_index] = item
        events = [self._event(part.done, **part.place, **part.whole(text))]
        if part.added:
            events.append(self._event(part.added.replace(".added", ".done"), **part.place, part=part.piece(text)))
        return [*events, self._event("response.output_item.done", output_index=part.output_index, item=item)]

    def _end(self, ended: ResponseFinished) -> list[bytes]:
        events: list[bytes] = []
        for index, part in list(self._open.items()):
            text = "".join(part.texts)
            items = _output((part.final(text),), self._origin, number=part.output_index)
            events += self._close(index, items[0], text=text)
        started = self._started or ResponseStarted()
        response = _ended(started.response_id, started.model, self._items, ended)
        kind = "response.incomplete" if response["status"] == "incomplete" else "response.completed"
        return [*events, self._event(kind, response=response)]

    def _is_custom(self, call: ToolCall) -> bool:
        return own_value(call.provider_data, self._origin).get("type") == "custom_tool_call"

    def _place(self, index: int) -> int:
        self._places[index] = len(self._items)
        self._items.append({})
        return self._places[index]

    def _event(self, kind: str, **fields: Any) -> bytes:
        data = to_json({"type": kind, "sequence_number": self._sequence, **fields})
        self._sequence += 1
        return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


class _OpenPart:
    """A part that is being streamed: what its events are called and what they carry."""

    __slots__ = ("_part", "added", "delta", "done", "noise", "output_index", "place", "texts")

    def __init__(self, part: Text | Thinking | ToolCall, output_index: int, id: str) -> None:
        self._part = part
        self.output_index = output_index
        self.texts: list[str] = []
        self.place: dict[str, Any] = {"item_id": id, "output_index": output_index}
        self.noise: dict[str, Any] = {}  # fields that clients expect and nobody reads
        self.added = "response.content_part.added"
        match part:
            case Text(_, is_refusal):
                stem = "refusal" if is_refusal else "output_text"
                self.place["content_index"] = 0
                self.noise = {} if is_refusal else {"logprobs": []}
            case Thinking():
                stem = "reasoning_summary_text"
                self.place["summary_index"] = 0
                self.added = "response.reasoning_summary_part.added"
            case ToolCall():
                stem = "function_call_arguments"
                self.added = ""
        self.delta, self.done = f"response.{stem}.delta", f"response.{stem}.done"

    def item(self) -> Item:
        """The item as it is when nothing of it has been said."""
        id = self.place["item_id"]
        match self._part:
            case Text():
                return {"type": "message", "id": id, "role": "assistant", "status": "in_progress", "content": []}
            case Thinking():
                return {"type": "reasoning", "id": id, "summary": []}
            case ToolCall(call_id, name):
                return {"type": "function_call", "call_id": call_id, "name": name, "arguments": ""}

    def piece(self, text: str) -> Item:
        """The content part with this text."""
        match self._part:
            case Text(_, True):
                return {"type": "refusal", "refusal": text}
            case Text():
                return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
            case _:
                return {"type": "summary_text", "text": text}

    def whole(self, text: str) -> dict[str, Any]:
        """What the event says that ends the deltas."""
        match self._part:
            case Text(_, True):
                return {"refusal": text}
            case ToolCall(_, name):
                return {"arguments": text, "name": name}
            case _:
                return {"text": text, **self.noise}

    def final(self, text: str) -> Text | Thinking | ToolCall:
        """The part that its deltas make."""
        match self._part:
            case Text(_, is_refusal):
                return Text(text, is_refusal)
            case Thinking():
                return Thinking(text)
            case ToolCall(id, name):
                return ToolCall(id, name, text)


def _output(parts: Iterable[Part], origin: str, *, number: int = 0) -> list[Item]:
    """The output items of these parts; texts of one id are one item. Other providers' items and media are left out."""
    items: list[Item] = []
    texts: list[Text] = []
    for part in parts:
        if texts and _item_id(part, origin) != _item_id(texts[0], origin):
            items.append(message_item(texts, origin))
            texts = []
        match part:
            case Text() if _item_id(part, origin):
                texts.append(part)
            case Text():
                items.append({**message_item((part,), origin), "id": f"msg_{number + len(items)}"})
            case Thinking(text, data):
                summary = [{"type": "summary_text", "text": text}] if text else []
                made = {"type": "reasoning", "id": f"rs_{number + len(items)}", "summary": summary}
                items.append(dict(own_value(data, origin)) or made)
            case ToolCall():
                items.append(call_item(part, origin, call_id=part.id, name=part.name))
            case Opaque(data):
                items += [dict(data.value)] if data.origin == origin else []
            case _:
                continue
    return [*items, message_item(texts, origin)] if texts else items


def _item_id(part: Part | None, origin: str) -> str:
    if part is None:
        return ""
    return str(own_value(part.provider_data, origin).get("id") or "")


def _ended(id: str, model: str, output: list[Item], ended: ResponseFinished) -> dict[str, Any]:
    reason = _REASONS.get(ended.finish)
    if ended.finish == "cancelled":
        status = "cancelled"
    elif reason is not None:
        status = "incomplete"
    else:
        status = ended.finish_raw if ended.finish_raw in _STATUSES else "completed"
    response = _object(id, model, status, output)
    response["incomplete_details"] = {"reason": reason} if reason else None
    response["usage"] = _usage(ended.usage)
    response |= {name: ended.details[name] for name in REPLY_DETAILS if ended.details.get(name)}
    return response


def _object(id: str, model: str, status: str, output: list[Item]) -> dict[str, Any]:
    # Clients' types want every one of these. There is no clock here: nobody needs the time.
    return {
        "id": id, "object": "response", "created_at": 0, "status": status, "error": None, "incomplete_details": None,
        "instructions": None, "max_output_tokens": None, "metadata": {}, "model": model, "output": output,
        "parallel_tool_calls": True, "previous_response_id": None, "reasoning": {"effort": None, "summary": None},
        "temperature": None, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [],
        "top_p": None, "truncation": "disabled",
    }  # fmt: skip


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.total_input,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.total_output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total,
    }
