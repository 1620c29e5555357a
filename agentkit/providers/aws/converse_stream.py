"""A streamed answer of Converse: frames of the binary event stream, in any split, as deltas."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, cast

from agentkit.errors import ExchangeError, ProtocolError
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
from agentkit.providers.aws.converse_output import (
    arguments_of,
    details_of,
    finish_of,
    model_of,
    object_of,
    objects,
    part_of,
    usage_of,
)
from agentkit.providers.aws.event_stream import EventStreamParser, Frame
from agentkit.providers.aws.framed import error_of_frame

__all__ = ["ConverseDecoder"]

Event = Mapping[str, Any]


class ConverseDecoder:
    """Decodes one streamed reply; see StreamDecoder."""

    __slots__ = (
        "_blocks",
        "_end",
        "_error",
        "_handlers",
        "_has_calls",
        "_is_done",
        "_model",
        "_next_slot",
        "_origin",
        "_parser",
        "_provider",
        "_stop",
        "events",
    )

    def __init__(self, origin: str, provider: str, model: str = "") -> None:
        self.events = 0
        self._error: ExchangeError | None = None  # told after the deltas that came before it in the same bytes
        self._origin = origin
        self._provider = provider
        self._model = model
        self._parser = EventStreamParser()
        self._blocks: dict[object, _Block] = {}  # the provider's index -> the block that its deltas belong to
        self._next_slot = 0
        self._has_calls = False
        self._stop: dict[str, Any] | None = None  # the messageStop, once it came
        self._end: dict[str, Any] = {}  # the metadata behind it
        self._is_done = False
        self._handlers: dict[str, Callable[[Event], list[Delta]]] = {
            "messageStart": self._on_message_start,
            "contentBlockStart": self._on_block_start,
            "contentBlockDelta": self._on_block_delta,
            "contentBlockStop": self._on_block_stop,
            "messageStop": self._on_message_stop,
            "metadata": self._on_metadata,
        }

    def feed(self, chunk: bytes) -> list[Delta]:
        """The deltas of some more bytes. Raises the error of an exception frame, ProtocolError for corrupted bytes.

        Deltas that came before an error are given first; it is raised the next time, by `finish` too.
        """
        if self._error is not None:
            raise self._error
        deltas: list[Delta] = []
        try:
            for frame in self._parser.feed(chunk):
                self._decode(frame, deltas)
        except ExchangeError as error:
            if not deltas:
                raise
            self._error = error
        return deltas

    def finish(self) -> list[Delta]:
        """The last deltas. Raises ProtocolError when no messageStop came, or a frame is cut."""
        if self._error is not None:
            raise self._error
        if self._is_done:
            return []
        if self._stop is None or self._parser.is_inside:
            where = "inside a frame" if self._parser.is_inside else "without messageStop"
            raise ProtocolError(
                f"the stream was cut: it ended after {self.events} events {where}",
                provider=self._provider,
                model=self._model,
            )
        return self._ended()  # the counts of tokens are missing, the answer is not

    def _decode(self, frame: Frame, deltas: list[Delta]) -> None:
        error = error_of_frame(frame, provider=self._provider, model=self._model)
        if error is not None:
            raise error
        name = frame.headers.get(":event-type", "")
        handler = self._handlers.get(name)
        if handler is None:  # of a kind that is newer than this code
            return
        self.events += 1
        if self._is_done:
            return
        try:
            event = json_value(frame.payload)
            # Nearly all events are pieces of text; they touch nothing else.
            if name == "contentBlockDelta":
                block = self._blocks.get(event.get("contentBlockIndex"))
                text = event["delta"].get("text")
                if block is not None and block.kind == "text" and text.__class__ is str:
                    if text:
                        block.texts.append(text)
                        deltas.append(TextDelta(text, block.slot))
                    return
            deltas += handler(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            shown = frame.payload[:200].decode("utf-8", "replace")
            problem = f"the event {name} makes no sense: it is no JSON of the expected shape"
            raise ProtocolError(problem, provider=self._provider, model=self._model, body=shown) from error

    def _on_message_start(self, event: Event) -> list[Delta]:
        return [ResponseStarted("", self._model)]

    def _on_block_start(self, event: Event) -> list[Delta]:
        index, start = event.get("contentBlockIndex"), object_of(event.get("start"))
        if not start:  # recorded in front of words; what the block holds is told by its first delta
            return []
        deltas = self._finish_block(self._blocks.pop(index, None))  # an index that is repeated begins another block
        kind = next(iter(start))
        block = self._begin(index, kind, object_of(start[kind]))
        if block.is_call:
            deltas.append(ToolCallDelta("", block.slot, block.id, block.name))
        return deltas

    def _begin(self, index: object, kind: str, start: Mapping[str, Any]) -> _Block:
        block = self._blocks[index] = _Block(self._next_slot, kind, start)
        self._next_slot += 1
        return block

    def _on_block_delta(self, event: Event) -> list[Delta]:
        index, delta = event.get("contentBlockIndex"), cast("dict[str, Any]", event["delta"])
        if not delta:
            return []
        kind = next(iter(delta))
        kind = "text" if kind == "citation" else kind
        block = self._blocks.get(index)
        deltas: list[Delta] = []
        if block is None or (block.kind != kind and block.kind in ("text", "reasoningContent")):
            # Blocks of words and of thinking begin with their first delta.
            deltas += self._finish_block(block)
            block = self._begin(index, kind, {})
        block.is_finished = False
        match delta:
            case {"text": str() as text}:
                return [*deltas, *block.told(text, TextDelta(text, block.slot))]
            case {"citation": dict()}:
                block.entries.append(delta["citation"])
            case {"toolUse": {"input": str() as text}}:
                return [*deltas, *block.told(text, ToolCallDelta(text, block.slot) if block.is_call else None)]
            case {"toolUse": {"input": None}}:
                return deltas
            case {"reasoningContent": {"text": str() as text}}:
                return [*deltas, *block.told(text, ThinkingDelta(text, block.slot))]
            case {"reasoningContent": {"signature": str() as text}}:
                block.signature.append(text)
            case {"reasoningContent": {"redactedContent": str() as text}}:
                block.redacted.append(text)
            case {"toolResult": entries}:
                block.entries += objects(entries)
            case {"image": dict()}:
                block.more |= delta["image"]
            case {"text": _} | {"toolUse": _} | {"reasoningContent": {"text": _}}:
                raise TypeError("a piece of text has to be a text")
            case _:  # of a kind that is newer than this code
                pass
        return deltas

    def _on_block_stop(self, event: Event) -> list[Delta]:
        return self._finish_block(self._blocks.get(event.get("contentBlockIndex")))

    def _finish_block(self, block: _Block | None) -> list[Delta]:
        if block is None or block.is_finished:
            return []
        block.is_finished = True
        part = part_of(block.whole(), self._origin)
        self._has_calls = self._has_calls or isinstance(part, ToolCall)
        return [PartFinished(part, block.slot)] if part is not None and part != block.part_told() else []

    def _on_message_stop(self, event: Event) -> list[Delta]:
        deltas: list[Delta] = []
        for block in self._blocks.values():
            deltas += self._finish_block(block)
        self._stop = {key: value for key, value in event.items() if key != "p"}
        return [*deltas, *self._ended()] if self._end else deltas

    def _on_metadata(self, event: Event) -> list[Delta]:
        self._end = dict(event)
        return self._ended() if self._stop is not None else []

    def _ended(self) -> list[Delta]:
        body = {**self._end, **(self._stop or {})}
        raw, usage = body.get("stopReason") or "", object_of(body.get("usage"))
        finish = finish_of(raw, has_calls=self._has_calls, provider=self._provider)
        started: list[Delta] = [ResponseStarted("", model)] if (model := model_of(body)) else []
        self._is_done = True
        return [*started, ResponseFinished(finish, raw, usage_of(usage), details_of(body, usage))]


class _Block:
    """One content block while it comes."""

    __slots__ = (
        "entries",
        "id",
        "is_call",
        "is_finished",
        "kind",
        "more",
        "name",
        "redacted",
        "signature",
        "slot",
        "start",
        "texts",
    )

    def __init__(self, slot: int, kind: str, start: Mapping[str, Any]) -> None:
        self.slot = slot
        self.kind = kind
        """The key of the block's deltas, such as "text"."""
        self.start = start
        self.is_call = kind == "toolUse" and start.get("type") != "server_tool_use"
        self.id: str = start.get("toolUseId") or ""
        self.name: str = start.get("name") or ""
        self.texts: list[str] = []
        self.signature: list[str] = []
        self.redacted: list[str] = []
        self.entries: list[Any] = []  # citations, or what a tool of the provider returned
        self.more: dict[str, Any] = {}
        self.is_finished = False

    def told(self, text: str, delta: Delta | None) -> list[Delta]:
        """Remember the text; its delta, as far as there is one."""
        self.texts.append(text)
        return [delta] if delta is not None and text else []

    def part_told(self) -> Part | None:
        """What the deltas alone would be put together to."""
        text = "".join(self.texts)
        match self.kind:
            case "text" if text:
                return Text(text)
            case "reasoningContent" if text:
                return Thinking(text)
            case "toolUse" if self.is_call:
                return ToolCall(self.id, self.name, text)
            case _:
                return None

    def whole(self) -> dict[str, Any]:
        """The block as a whole reply has it."""
        text = "".join(self.texts)
        match self.kind:
            case "text" if self.entries:
                return {"citationsContent": {"content": [{"text": text}], "citations": self.entries}}
            case "text":
                return {"text": text}
            case "reasoningContent" if self.redacted and not text:
                return {"reasoningContent": {"redactedContent": _joined(self.redacted)}}
            case "reasoningContent":
                signed = {"signature": "".join(self.signature)} if self.signature else {}
                return {"reasoningContent": {"reasoningText": {"text": text, **signed}}}
            case "toolUse" if self.is_call:
                return {"toolUse": {**self.start, "input": arguments_of(_input_of(text))}}
            case "toolUse":
                return {"toolUse": {**self.start, "input": _input_of(text)}}
            case "toolResult":
                return {"toolResult": {**self.start, "content": self.entries}}
            case _:
                return {self.kind: {**self.start, **self.more}}


def _joined(pieces: list[str]) -> str:
    """One base64 text of several, each of which has an end of its own."""
    return pieces[0] if len(pieces) == 1 else base64.b64encode(b"".join(map(base64.b64decode, pieces))).decode()


def _input_of(text: str) -> Any:
    """The input that was streamed as JSON text, nothing as {}; the text itself when the answer was cut within it."""
    if not text:
        return {}
    try:
        return json_value(text.encode(errors="replace"))
    except ValueError:
        return text
