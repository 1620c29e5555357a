"""A streamed answer in the Messages format: bytes in any split as deltas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentkit.assemble import take_apart
from agentkit.errors import ProtocolError
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
from agentkit.messages import Part, Text, Thinking, ToolCall
from agentkit.providers.anthropic.errors import error_in_stream
from agentkit.providers.anthropic.messages_output import (
    arguments_of,
    details_of,
    finish_of,
    objects,
    part_of,
    response_of,
    usage_of,
)
from agentkit.sse_decoder import SseDecoder

__all__ = ["MessagesDecoder"]

_MOST_STARTS = 10
_KIND_OF_DELTA = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "tool_use"}

Event = Mapping[str, Any]


class MessagesDecoder(SseDecoder):
    """Decodes one streamed reply; see StreamDecoder."""

    __slots__ = (
        "_blocks",
        "_handlers",
        "_has_calls",
        "_message",
        "_next_slot",
        "_origin",
        "_retold",
        "_retracted",
        "_started",
        "_starts",
        "_usage",
    )

    def __init__(self, origin: str, provider: str) -> None:
        super().__init__(provider, last="message_stop")
        self._origin = origin
        self._started: ResponseStarted | None = None
        self._starts = 0
        self._message: dict[str, Any] = {}  # fields of the message beside its content
        self._usage: dict[str, Any] = {}
        self._blocks: dict[object, _Block] = {}  # the provider's index -> the block that its deltas belong to
        self._next_slot = 0
        self._retold: dict[object, int] = {}  # the provider's index -> slot, of blocks that may come once more
        self._retracted: set[int] = set()  # slots told by a beginning that was given up
        self._has_calls = False
        self._handlers: dict[str, Callable[[Event], list[Delta]]] = {
            "message_start": self._on_message_start,
            "content_block_start": self._on_block_start,
            "content_block_delta": self._on_block_delta,
            "content_block_stop": self._on_block_stop,
            "message_delta": self._on_message_delta,
            "message_stop": self._on_message_stop,
            "error": self._on_error,
        }

    @property
    def _model(self) -> str:
        return self._started.model if self._started is not None else ""

    def _decode(self, data: bytes, deltas: list[Delta]) -> None:
        if data == b"[DONE]":  # of gateways that imitate the format
            return
        try:
            event = json_value(data)
            kind = event.get("type")
        except (ValueError, AttributeError) as error:
            raise self._nonsense(data) from error
        if kind == "ping":  # it keeps the connection, and must not keep a deadline away
            return
        self.events += 1
        try:
            # Nearly all events are pieces of text; they touch nothing else.
            if kind == "content_block_delta" and (delta := event["delta"])["type"] == "text_delta":
                block = self._blocks.get(event.get("index"))
                text = delta["text"]
                if block is not None and text.__class__ is str:
                    block.texts.append(text)
                    deltas.append(TextDelta(text, block.slot))
                    return
            if not self._is_done and (handler := self._handlers.get(kind or "")) is not None:
                deltas += handler(event)
            elif kind is None and event.get("error"):
                self._on_error(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._nonsense(data) from error

    def _whole(self, reply: dict[str, Any]) -> list[Delta]:
        self._is_done = True
        return list(take_apart(response_of(reply, self._origin, provider=self._provider)))

    def _on_message_start(self, event: Event) -> list[Delta]:
        message = dict(event.get("message") or {})
        self._starts += 1
        if self._starts > _MOST_STARTS:
            raise ProtocolError(f"the stream began {self._starts} times", provider=self._provider, model=self._model)
        started = ResponseStarted(message.get("id") or "", message.get("model") or "")
        # A second start takes back what came before it: gateways splice a new attempt into a stream (quirk 26).
        self._retold = {index: block.slot for index, block in self._blocks.items()}
        if self._started is not None and started.response_id != self._started.response_id:
            self._retracted = set(range(self._next_slot))
            self._blocks = {}
        deltas: list[Delta] = [started] if started != self._started else []
        self._started = started
        self._message, self._usage = message, {}
        self._note_usage(message.get("usage"))
        for position, block in enumerate(objects(message.pop("content", None))):
            deltas += self._begin(position, block)
            deltas += self._finish_block(self._blocks[position])
        return deltas

    def _on_block_start(self, event: Event) -> list[Delta]:
        return self._begin(event.get("index"), event.get("content_block") or {})

    def _begin(self, index: object, start: Mapping[str, Any]) -> list[Delta]:
        slot = self._retold.pop(index, None)
        is_again = slot is not None
        deltas: list[Delta] = []
        if slot is None:
            if index in self._blocks:  # servers that repeat an index begin another block with it
                deltas += self._finish_block(self._blocks.pop(index))
            slot = self._next_slot
            self._next_slot += 1
        self._retracted.discard(slot)
        block = self._blocks[index] = _Block(slot, start, is_again=is_again)
        match start.get("type"):
            case "text" if text := start.get("text"):
                deltas += block.told(text, TextDelta(text, slot))
            case "thinking" if text := start.get("thinking"):
                deltas += block.told(text, ThinkingDelta(text, slot))
            case "tool_use":
                deltas.append(ToolCallDelta("", slot, start.get("id") or "", start.get("name") or ""))
            case _:
                pass
        return deltas

    def _on_block_delta(self, event: Event) -> list[Delta]:
        index, delta = event.get("index"), event["delta"]
        kind = delta["type"]
        block = self._blocks.get(index)
        if block is None:
            if kind not in _KIND_OF_DELTA:
                return []
            self._begin(index, {"type": _KIND_OF_DELTA[kind]})
            block = self._blocks[index]
        match kind:
            case "input_json_delta":
                text = delta.get("partial_json") or ""
                is_call = block.kind == "tool_use"
                return block.told(text, ToolCallDelta(text, block.slot) if is_call and text else None)
            case "thinking_delta":
                text = delta.get("thinking") or ""
                return block.told(text, ThinkingDelta(text, block.slot) if text else None)
            case "text_delta":
                text = delta.get("text") or ""
                return block.told(text, TextDelta(text, block.slot) if text else None)
            case "signature_delta":
                block.signature.append(delta.get("signature") or "")
            case "citations_delta":
                block.more.setdefault("citations", []).append(delta["citation"])
            case "compaction_delta":
                block.more |= {key: value for key, value in delta.items() if key != "type"}
            case _:  # of a kind that is newer than this code
                pass
        return []

    def _on_block_stop(self, event: Event) -> list[Delta]:
        block = self._blocks.get(event.get("index"))
        return self._finish_block(block) if block is not None else []

    def _finish_block(self, block: _Block) -> list[Delta]:
        if block.is_finished:
            return []
        block.is_finished = True
        part = part_of(block.whole(), self._origin)
        self._has_calls = self._has_calls or isinstance(part, ToolCall)
        if part is None and block.is_again:
            part = Text("")
        if part is None or (part == block.part_told() and not block.is_again):
            return []
        return [PartFinished(part, block.slot)]

    def _on_message_delta(self, event: Event) -> list[Delta]:
        changed: Mapping[str, Any] = event.get("delta") or {}
        self._message |= {key: value for key, value in changed.items() if value is not None}
        self._message |= {key: event[key] for key in ("context_management", "container") if event.get(key)}
        self._note_usage(event.get("usage"))
        return []

    def _note_usage(self, usage: Mapping[str, Any] | None) -> None:
        # Running totals: the latest number stands.
        self._usage |= {key: value for key, value in (usage or {}).items() if value is not None}

    def _on_message_stop(self, event: Event) -> list[Delta]:
        deltas: list[Delta] = []
        for block in self._blocks.values():
            deltas += self._finish_block(block)
        # What was taken back cannot be untold; it is left as nothing.
        deltas += [PartFinished(Text(""), slot) for slot in sorted(self._retracted)]
        raw = self._message.get("stop_reason") or ""
        finish = finish_of(raw, has_calls=self._has_calls)
        details = details_of(self._message, self._usage)
        self._is_done = True
        return [*deltas, ResponseFinished(finish, raw, usage_of(self._usage), details)]

    def _on_error(self, event: Event) -> list[Delta]:
        raise error_in_stream(event, provider=self._provider, model=self._model)


class _Block:
    """One content block while it comes."""

    __slots__ = ("is_again", "is_finished", "kind", "more", "signature", "slot", "start", "texts")

    def __init__(self, slot: int, start: Mapping[str, Any], *, is_again: bool) -> None:
        self.slot = slot
        self.start = start
        self.kind = start.get("type")
        self.texts: list[str] = []
        self.signature: list[str] = []
        self.more: dict[str, Any] = {}
        self.is_again = is_again
        self.is_finished = False

    def told(self, text: str, delta: Delta | None) -> list[Delta]:
        """Remember the text; its delta, as far as there is one. Raises TypeError for what is no text."""
        if text.__class__ is not str:
            raise TypeError("a piece of text has to be a text")
        self.texts.append(text)
        return [delta] if delta is not None else []

    def part_told(self) -> Part | None:
        """What the deltas alone would be put together to."""
        text = "".join(self.texts)
        match self.kind:
            case "text":
                return Text(text)
            case "thinking":
                return Thinking(text)
            case "tool_use":
                return ToolCall(self.start.get("id") or "", self.start.get("name") or "", text)
            case _:
                return None

    def whole(self) -> dict[str, Any]:
        """The block as a whole reply has it."""
        text = "".join(self.texts)
        block = {**self.start, **self.more}
        if self.signature:
            block["signature"] = "".join(self.signature)
        citations = self.start.get("citations")
        if citations and "citations" in self.more:
            block["citations"] = [*citations, *self.more["citations"]]
        if self.kind in ("text", "thinking"):
            block[self.kind] = text
        elif text:  # an empty join means {}
            block["input"] = _input_of(text)
        if self.kind == "tool_use":
            block["input"] = arguments_of(block.get("input"))
        return block


def _input_of(text: str) -> Any:
    """The input that was streamed as JSON text; the text itself when the answer was cut within it."""
    try:
        return json_value(text.encode(errors="replace"))
    except ValueError:
        return text
