"""Answers in the Messages format, as a server writes them: whole and streamed."""

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
from agentkit.providers.anthropic.messages_input import input_of, own_value
from agentkit.providers.anthropic.messages_output import FINISHES, REPLY_DETAILS, USAGE_DETAILS
from agentkit.usage import Usage

__all__ = ["MessagesWriter", "error_body", "message_object"]

_STOP_REASONS: dict[Finish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "paused": "pause_turn",
}

Block = dict[str, Any]


def message_object(response: Response, origin: str) -> dict[str, Any]:
    """The message object of a whole answer."""
    message = response.message
    blocks = [_block(part, origin, number) for number, part in enumerate(message.parts)]
    return {
        **_message(message.response_id, message.model),
        "content": [block for block in blocks if block is not None],
        **_ending(message.finish, response.finish_raw, response.details),
        "usage": _usage(message.usage, response.details),
    }


def error_body(error: ExchangeError, error_type: str) -> dict[str, Any]:
    """An error as the service reports it, in a reply or in a stream."""
    details = {"details": {"error_code": error.code}} if error.code else {}
    return {
        "type": "error",
        "error": {"type": error.error_type or error_type, "message": error.message, **details},
        "request_id": error.request_id,
    }


class MessagesWriter:
    """Writes one streamed reply; see StreamWriter.

    Blocks of text end when another block begins; calls end with the message, or when they are told to be finished,
    since pieces of several calls may come by turns.
    """

    __slots__ = ("_count", "_has_started", "_open", "_origin", "_told")

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._has_started = False
        self._count = 0  # blocks begun
        self._open: dict[int, tuple[int, str]] = {}  # part index -> index on the wire, and its kind
        self._told: set[int] = set()  # part indexes that were begun

    def write(self, deltas: Iterable[Delta]) -> bytes:
        """The bytes of these deltas; the end of the stream follows a ResponseFinished."""
        deltas = list(deltas)
        finished = {delta.index: delta.part for delta in deltas if isinstance(delta, PartFinished)}
        return b"".join([event for delta in deltas for event in self._events(delta, finished)])

    def fail(self, error: ExchangeError, error_type: str = "api_error") -> bytes:
        """The last bytes of a stream that cannot go on."""
        return _event("error", error_body(error, error_type))

    def _events(self, delta: Delta, finished: Mapping[int, Part]) -> list[bytes]:
        """One delta's events. `finished` are parts that are known to end soon: a call's own fields are told first."""
        match delta:
            case ResponseStarted():
                return self._start(delta)
            case TextDelta(text, index):
                start = {"type": "text", "text": ""}
                return [*self._begin(index, start), *self._piece(index, {"type": "text_delta", "text": text})]
            case ThinkingDelta(text, index):
                start = {"type": "thinking", "thinking": "", "signature": ""}
                return [*self._begin(index, start), *self._piece(index, {"type": "thinking_delta", "thinking": text})]
            case ToolCallDelta(arguments, index, id, name):
                if isinstance(call := finished.get(index), ToolCall):
                    return self._begin(index, self._call_start(call, index))  # its arguments are told as a whole
                start = self._call_start(ToolCall(id, name, ""), index)
                piece = {"type": "input_json_delta", "partial_json": arguments}
                return [*self._begin(index, start), *(self._piece(index, piece) if arguments else [])]
            case PartFinished(part, index):
                return self._finish(part, index)
            case ResponseFinished():
                return self._end(delta)
            case _:
                return []

    def _start(self, started: ResponseStarted) -> list[bytes]:
        if self._has_started:
            return []
        self._has_started = True
        message: dict[str, Any] = {
            **_message(started.response_id, started.model),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return [_event("message_start", {"type": "message_start", "message": message})]

    def _begin(self, index: int, start: Block) -> list[bytes]:
        if index in self._told:
            return []
        self._told.add(index)
        events = [] if self._has_started else self._start(ResponseStarted())
        for other, (_, kind) in list(self._open.items()):
            if kind != "tool_use":
                events += self._stop(other)
        self._open[index] = (self._count, start["type"])
        data = {"type": "content_block_start", "index": self._count, "content_block": start}
        self._count += 1
        return [*events, _event("content_block_start", data)]

    def _piece(self, index: int, delta: Block) -> list[bytes]:
        if index not in self._open:  # it has ended already
            return []
        data = {"type": "content_block_delta", "index": self._open[index][0], "delta": delta}
        return [_event("content_block_delta", data)]

    def _stop(self, index: int) -> list[bytes]:
        wire, _ = self._open.pop(index)
        return [_event("content_block_stop", {"type": "content_block_stop", "index": wire})]

    def _call_start(self, call: ToolCall, index: int) -> Block:
        own = {key: value for key, value in own_value(call.provider_data, self._origin).items() if key != "result"}
        return {"type": "tool_use", "id": call.id or f"toolu_{index}", "name": call.name, "input": {}, **own}

    def _finish(self, part: Part, index: int) -> list[bytes]:
        block = _block(part, self._origin, index)
        if block is None:
            return []
        is_new = index not in self._told
        match part:
            case Text(text):
                own = own_value(part.provider_data, self._origin)
                start = {"type": "text", "text": "", **{key: own[key] for key in own if key != "citations"}}
                pieces: list[Block] = [{"type": "text_delta", "text": text}] if is_new and text else []
                pieces += [{"type": "citations_delta", "citation": cited} for cited in own.get("citations", ())]
            case Thinking(text):
                own = own_value(part.provider_data, self._origin)
                start = {"type": "thinking", "thinking": "", **own, "signature": ""}
                pieces = [{"type": "thinking_delta", "thinking": text}] if is_new and text else []
                pieces += [{"type": "signature_delta", "signature": own["signature"]}] if "signature" in own else []
            case ToolCall():
                start = self._call_start(part, index)
                pieces = [{"type": "input_json_delta", "partial_json": to_json(block["input"]).decode()}]
            case _:
                start, pieces = block, []
        events = self._begin(index, start)
        events += [event for piece in pieces for event in self._piece(index, piece)]
        return [*events, *(self._stop(index) if index in self._open else [])]

    def _end(self, ended: ResponseFinished) -> list[bytes]:
        events = [] if self._has_started else self._start(ResponseStarted())
        for index in list(self._open):
            events += self._stop(index)
        ending = _ending(ended.finish, ended.finish_raw, ended.details)
        beside = {name: ending.pop(name) for name in ("context_management",) if name in ending}
        data = {"type": "message_delta", "delta": ending, "usage": _usage(ended.usage, ended.details), **beside}
        return [*events, _event("message_delta", data), _event("message_stop", {"type": "message_stop"})]


def _message(id: str, model: str) -> dict[str, Any]:
    return {"id": id, "type": "message", "role": "assistant", "model": model}


def _block(part: Part, origin: str, number: int) -> Block | None:
    """The content block of a part; None for what the format has no place for."""
    match part:
        case Text(text, _, data):
            return {"type": "text", "text": text, **own_value(data, origin)}
        case Thinking(text, data):
            return {"type": "thinking", "thinking": text, "signature": "", **own_value(data, origin)}
        case ToolCall(id, name, arguments, _, data):
            own = {key: value for key, value in own_value(data, origin).items() if key != "result"}
            start = {"type": "tool_use", "id": id or f"toolu_{number}", "name": name}
            return {**start, "input": input_of(arguments), **own}
        case Opaque(data):
            return dict(data.value) if data.origin == origin else None
        case _:  # media that a model made
            return None


def _ending(finish: Finish, raw: str, details: Mapping[str, Any]) -> dict[str, Any]:
    is_told = raw in FINISHES and (FINISHES[raw] == finish or finish == "tool_calls")
    reason = raw if is_told else _STOP_REASONS.get(finish, "end_turn")
    return {
        "stop_reason": reason,
        "stop_sequence": None,
        **{name: details[name] for name in REPLY_DETAILS if name in details},
    }


def _usage(usage: Usage, details: Mapping[str, Any]) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.total_output,
    }
    if usage.reasoning:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return counts | {name: details[name] for name in USAGE_DETAILS if name in details}


def _event(name: str, data: Mapping[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + to_json(data) + b"\n\n"
