"""An answer as Converse gives it: whole, or as the frames of a stream."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from agentkit.errors import ProtocolError
from agentkit.exchange import (
    AttemptFailed,
    Delta,
    ModelSwitched,
    PartFinished,
    PartialImage,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    Waiting,
)
from agentkit.json_bytes import json_bytes
from agentkit.media import Image, Inline
from agentkit.messages import Finish, Opaque, Part, Text, Thinking, ToolCall
from agentkit.providers.aws.converse_output import FINISHES, REPLY_DETAILS, input_of
from agentkit.providers.aws.event_stream import encode_frame
from agentkit.usage import Usage

__all__ = ["ConverseWriter", "reply_object"]

_REASONS: dict[Finish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "refusal": "content_filtered",
}

Block = dict[str, Any]


def reply_object(response: Response, origin: str) -> dict[str, Any]:
    """The body of a whole reply."""
    blocks = [block for part in response.message.parts if (block := _block(part, origin)) is not None]
    reason = _reason(response.finish, response.finish_raw)
    body = {"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": reason}
    ended = _metadata(response.usage, response.details)
    return {**body, **ended, **_fields(response.details)}


class ConverseWriter:
    """Writes one streamed reply, a frame for each event."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._is_begun = False
        self._kinds: dict[int, str] = {}  # our index of a part -> the kind of its block
        self._numbers: dict[int, int] = {}  # our index of a part -> the block's
        self._told: dict[int, list[str]] = {}  # our index of a part -> what its deltas said
        self._open: int | None = None  # the block that was begun last

    def write(self, deltas: Iterable[Delta]) -> bytes:
        """The bytes of these deltas; the end of the stream follows a ResponseFinished."""
        frames: list[bytes] = []
        for delta in deltas:
            if not self._is_begun and not isinstance(delta, AttemptFailed | Waiting):
                self._is_begun = True
                frames.append(_event("messageStart", {"role": "assistant"}))
            match delta:
                case TextDelta(text, index):
                    frames += self._piece(index, "text", text)
                case ThinkingDelta(text, index):
                    frames += self._piece(index, "reasoning", text)
                case ToolCallDelta(arguments, index, id, name):
                    frames += self._call(index, arguments, id=id, name=name)
                case PartFinished(part, index):
                    frames += self._whole(part, index)
                case ResponseFinished():
                    frames += self._end(delta)
                case ModelSwitched():
                    raise ProtocolError("an answer that began anew cannot be written as one stream")
                case ResponseStarted() | PartialImage() | AttemptFailed() | Waiting():
                    continue
        return b"".join(frames)

    def _piece(self, index: int, kind: str, text: str) -> list[bytes]:
        self._told.setdefault(index, []).append(text)
        delta = {"text": text} if kind == "text" else {"reasoningContent": {"text": text}}
        return self._delta(index, kind, delta) if text else []

    def _call(self, index: int, arguments: str, *, id: str = "", name: str = "") -> list[bytes]:
        self._told.setdefault(index, []).append(arguments)
        start = {"toolUse": {"toolUseId": id, "name": name}}
        frames = self._begin(index, "call", start)
        return [*frames, *(self._delta(index, "call", {"toolUse": {"input": arguments}}) if arguments else [])]

    def _whole(self, part: Part, index: int) -> list[bytes]:
        """What a finished part has beyond what its deltas told."""
        told = "".join(self._told.get(index, ()))
        match part:
            case Text(text, _, data):
                frames = [] if told else self._piece(index, "text", text)
                cited = data.value.get("citations", ()) if data is not None and data.origin == self._origin else ()
                for entry in cited:
                    frames += self._delta(index, "text", {"citation": entry})
                return frames
            case Thinking(text, data):
                frames = [] if told else self._piece(index, "reasoning", text)
                own = data.value if data is not None and data.origin == self._origin else {}
                if signature := own.get("signature"):
                    frames += self._delta(index, "reasoning", {"reasoningContent": {"signature": signature}})
                return frames
            case ToolCall(id, name, arguments):
                return [] if index in self._kinds else self._call(index, arguments, id=id, name=name)
            case _:
                block = _block(part, self._origin)
                return self._opaque(block, index) if block is not None else []

    def _opaque(self, block: Block, index: int) -> list[bytes]:
        kind = next(iter(block), "")
        value = block[kind]
        match kind:
            case "reasoningContent":
                return self._delta(index, kind, {kind: {"redactedContent": value["redactedContent"]}})
            case "toolUse":
                start = {key: entry for key, entry in value.items() if key != "input"}
                delta: Block = {"toolUse": {"input": json_bytes(value["input"]).decode()}}
            case "toolResult":
                start = {key: entry for key, entry in value.items() if key != "content"}
                delta = {"toolResult": value["content"]}
            case "image":
                start, delta = {"format": value["format"]}, {"image": {"source": value["source"]}}
            case _:
                return []  # streams have no place for it
        return [*self._begin(index, kind, {kind: start}), *self._delta(index, kind, delta)]

    def _begin(self, index: int, kind: str, start: Block | None = None) -> list[bytes]:
        """The frames that begin a block, if it is new: one is open at a time."""
        if index in self._kinds:
            return []
        self._kinds[index] = kind
        number = self._numbers[index] = len(self._numbers)
        frames, self._open = self._stop(), number
        if start is not None:  # blocks of words and of thinking begin with their first delta
            frames.append(_event("contentBlockStart", {"contentBlockIndex": number, "start": start}))
        return frames

    def _delta(self, index: int, kind: str, delta: Block) -> list[bytes]:
        frames = self._begin(index, kind)
        return [*frames, _event("contentBlockDelta", {"contentBlockIndex": self._numbers[index], "delta": delta})]

    def _stop(self) -> list[bytes]:
        if self._open is None:
            return []
        return [_event("contentBlockStop", {"contentBlockIndex": self._open})]

    def _end(self, finished: ResponseFinished) -> list[bytes]:
        stops = self._stop()
        details = finished.details
        stop: Block = {"stopReason": _reason(finished.finish, finished.finish_raw)}
        if more := details.get("additionalModelResponseFields"):
            stop["additionalModelResponseFields"] = more
        fields = {key: value for key, value in _fields(details).items() if key != "additionalModelResponseFields"}
        ended = {**_metadata(finished.usage, details), **fields}
        return [*stops, _event("messageStop", stop), _event("metadata", ended)]


def _block(part: Part, origin: str) -> Block | None:
    """The content block of a part; None for what the format has no block for."""
    match part:
        case Text(text, _, data):
            if data is not None and data.origin == origin and data.value.get("citations"):
                return {"citationsContent": {"content": [{"text": text}], "citations": data.value["citations"]}}
            return {"text": text} if text else None
        case Thinking(text, data):
            own = data.value if data is not None and data.origin == origin else {}
            return {"reasoningContent": {"reasoningText": {"text": text, **own}}}
        case ToolCall(id, name, arguments):
            return {"toolUse": {"toolUseId": id, "name": name, "input": input_of(arguments)}}
        case Opaque(data):
            return dict(data.value) if data.origin == origin else None
        case Image(Inline(data, media_type)):
            source = {"bytes": base64.b64encode(data).decode()}
            return {"image": {"format": media_type.partition("/")[2], "source": source}}
        case _:
            return None


def _reason(finish: Finish, raw: str) -> str:
    return raw if raw in FINISHES or finish == "other" else _REASONS.get(finish, "end_turn")


def _metadata(usage: Usage, details: Any) -> Block:
    counts: Block = {"inputTokens": usage.input, "outputTokens": usage.total_output, "totalTokens": usage.total}
    if usage.cache_read or usage.cache_write:
        counts |= {"cacheReadInputTokens": usage.cache_read, "cacheWriteInputTokens": usage.cache_write}
    counts |= {name: details[name] for name in ("cacheDetails", "serverToolUsage") if details.get(name)}
    return {"usage": counts, "metrics": {"latencyMs": 1}}


def _fields(details: Any) -> Block:
    fields = {name: details[name] for name in REPLY_DETAILS if details.get(name)}
    tier = details.get("service_tier")
    return {**fields, "serviceTier": {"type": tier}} if tier else fields


def _event(name: str, body: Block) -> bytes:
    headers = ((":event-type", name), (":content-type", "application/json"), (":message-type", "event"))
    return encode_frame(headers, json_bytes(body))
