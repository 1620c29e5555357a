"""Streams that a hostile or broken server may send, of any length, in all four formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

__all__ = ["STREAMS", "HostileStream"]

_CHUNK_BYTES = 65_536

_CHAT_COMPLETIONS_END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
_RESPONSES_END = b'data: {"type":"response.completed","response":{"id":"r","output":[]}}\n\n'
_MESSAGES_END = b'data: {"type":"message_stop"}\n\n'
_GENERATE_CONTENT_END = b'data: {"candidates":[{"finishReason":"STOP"}]}\n\n'

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HostileStream:
    """A kind of stream in one format."""

    format: str
    name: str
    events: Callable[[], Iterator[bytes]]
    """Without end; the first ones may be a beginning."""
    is_packed: bool = True
    """Whether many events come in a chunk, or each is one."""
    scale: int = 1
    """How many times shorter it is than others, where a byte costs more."""
    ending: bytes = b""
    """What ends the answer."""

    def chunks(self, size: int) -> Iterator[bytes]:
        """At least this many bytes."""
        size //= self.scale
        held: list[bytes] = []
        held_bytes = 0
        for event in self.events():
            size -= len(event)
            if not self.is_packed:
                yield event
            else:
                held.append(event)
                held_bytes += len(event)
                if held_bytes >= _CHUNK_BYTES:
                    yield b"".join(held)
                    held, held_bytes = [], 0
            if size <= 0:
                break
        yield b"".join([*held, self.ending])

    def __str__(self) -> str:
        return f"{self.format}: {self.name}"


def _event(value: Event) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _forever(*beginning: Event, then: Callable[[int], Event]) -> Callable[[], Iterator[bytes]]:
    def events() -> Iterator[bytes]:
        yield from map(_event, beginning)
        for number in count():
            yield _event(then(number))

    return events


def _same_forever(*beginning: Event, then: Event) -> Callable[[], Iterator[bytes]]:
    def events() -> Iterator[bytes]:
        yield from map(_event, beginning)
        last = _event(then)
        while True:
            yield last

    return events


def _bytes_forever(beginning: bytes, then: bytes) -> Callable[[], Iterator[bytes]]:
    def events() -> Iterator[bytes]:
        yield beginning
        while True:
            yield then

    return events


def _chat(**delta: Any) -> Event:
    return {"choices": [{"index": 0, "delta": delta}]}


def _chat_call(**call: Any) -> Event:
    return _chat(tool_calls=[call])


def _response(kind: str, **fields: Any) -> Event:
    return {"type": f"response.{kind}", **fields}


def _gemini(*parts: Event) -> Event:
    return {"candidates": [{"content": {"parts": list(parts)}}]}


def _message_start(id: str) -> Event:
    return {"type": "message_start", "message": {"id": id, "model": "m", "content": []}}


def _block(number: int, **block: Any) -> Event:
    return {"type": "content_block_start", "index": number, "content_block": block}


def _block_delta(kind: str, **delta: Any) -> Event:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **delta}}


def _of_any_format(format: str) -> list[HostileStream]:
    word = b"x" * 60_000
    return [
        HostileStream(format, "one event without end", _bytes_forever(b'data: {"', word)),
        HostileStream(format, "one line without end", _bytes_forever(b"x", word)),
        HostileStream(format, "one event in bytes", _bytes_forever(b'data: {"', b"x"), is_packed=False, scale=8),
        HostileStream(format, "one event in short lines", _bytes_forever(b"data: [\n", b"data: 1,\n")),
        HostileStream(format, "comments alone", _bytes_forever(b"", b": keep-alive\n\n"), is_packed=False, scale=2),
        HostileStream(format, "line ends alone", _bytes_forever(b"", b"\r\n"), is_packed=False, scale=8),
        HostileStream(format, "JSON without events", _bytes_forever(b'{"x": [', b"1,"), is_packed=False, scale=8),
        HostileStream(format, "an array in bytes", _bytes_forever(b'[{"', b"x"), is_packed=False, scale=8),
        HostileStream(format, "blanks", _bytes_forever(b"", b" "), is_packed=False, scale=8),
    ]


def _of_chat() -> list[HostileStream]:
    def kind(name: str, events: Callable[[], Iterator[bytes]], **how: Any) -> HostileStream:
        return HostileStream("chat_completions", name, events, ending=_CHAT_COMPLETIONS_END, **how)

    first_call = _chat_call(index=0, id="a", function={"name": "f", "arguments": ""})
    return [
        *_of_any_format("chat_completions"),
        kind("tiny texts", _same_forever(then=_chat(content="x"))),
        kind("nothing said", _same_forever(then=_chat())),
        kind(
            "arguments in characters",
            _same_forever(first_call, then=_chat_call(index=0, function={"arguments": "x"})),
            is_packed=False,
        ),
        kind("deep arguments", _same_forever(first_call, then=_chat_call(index=0, function={"arguments": '[{"a":'}))),
        kind("a name with each piece", _same_forever(then=_chat_call(function={"name": "f", "arguments": "}"}))),
        kind(
            "a name with each piece of an index",
            _same_forever(then=_chat_call(index=0, function={"name": "f", "arguments": '{"a":"}'})),
        ),
        kind(
            "arguments that look repeated",
            _same_forever(first_call, then=_chat_call(index=0, id="a", function={"arguments": "{}"})),
        ),
        kind(
            "calls of one index",
            _forever(then=lambda n: _chat_call(index=0, id=f"c{n}", function={"name": "f", "arguments": "{}"})),
        ),
        kind(
            "calls of many indexes",
            _forever(then=lambda n: _chat_call(index=n, id=f"c{n}", function={"name": "f", "arguments": "{}"})),
        ),
        kind(
            "calls with ids alone",
            _forever(then=lambda n: _chat_call(id=f"c{n}", function={"name": "f", "arguments": "{}"})),
        ),
        kind(
            "calls with names alone", _forever(then=lambda n: _chat_call(function={"name": f"f{n}", "arguments": "{}"}))
        ),
        kind("calls that stay empty", _forever(then=lambda n: _chat_call(index=n, function={}))),
        kind(
            "pieces of thinking details",
            _same_forever(then=_chat(reasoning_details=[{"type": "reasoning.text", "index": 0, "text": "xxxxxxxx"}])),
        ),
        kind(
            "many thinking details",
            _forever(then=lambda n: _chat(reasoning_details=[{"type": "reasoning.text", "index": n, "text": "x"}])),
        ),
        kind(
            "typed parts",
            _same_forever(
                then=_chat(
                    content=[
                        {"type": "text", "text": "x"},
                        {"type": "thinking", "thinking": [{"type": "text", "text": "x"}]},
                    ]
                )
            ),
        ),
        kind("tags", _same_forever(then=_chat(content="<think"))),
    ]


def _of_responses() -> list[HostileStream]:
    def kind(name: str, events: Callable[[], Iterator[bytes]], **how: Any) -> HostileStream:
        return HostileStream("responses", name, events, ending=_RESPONSES_END, **how)

    call = {"type": "function_call", "name": "f", "call_id": "c", "id": "i", "arguments": ""}
    added = _response("output_item.added", output_index=0, item=call)

    def done(number: int) -> Event:
        return _response("output_item.done", output_index=number, item={**call, "id": f"i{number}", "arguments": "{}"})

    def repeated(number: int) -> Event:
        item = {"type": "message", "id": "i", "content": [{"type": "output_text", "text": "x"}]}
        return _response("output_item.done", output_index=number, item=item)

    return [
        *_of_any_format("responses"),
        kind("tiny texts", _same_forever(then=_response("output_text.delta", output_index=0, delta="x"))),
        kind("nothing said", _same_forever(then=_response("output_text.delta", output_index=0, delta=""))),
        kind(
            "arguments in characters",
            _same_forever(added, then=_response("function_call_arguments.delta", output_index=0, delta="x")),
            is_packed=False,
        ),
        kind(
            "deep arguments",
            _same_forever(added, then=_response("function_call_arguments.delta", output_index=0, delta='[{"a":')),
        ),
        kind(
            "calls of one index",
            _forever(then=lambda n: _response("output_item.added", output_index=0, item={**call, "id": f"i{n}"})),
        ),
        kind(
            "calls of many indexes",
            _forever(then=lambda n: _response("output_item.added", output_index=n, item={**call, "id": f"i{n}"})),
        ),
        kind("items of one id", _forever(then=repeated)),
        kind("items", _forever(then=done)),
        kind("ends", _forever(then=lambda n: done(n) if n % 2 else _response("completed", response={"id": "r"}))),
        kind("one item again and again", _same_forever(then=repeated(0))),
        kind(
            "announced pieces",
            _forever(then=lambda n: _response("content_part.added", output_index=0, content_index=n)),
        ),
        kind(
            "announced pieces and their item",
            _alternating(_response("content_part.added", output_index=0, content_index=0), repeated(0)),
        ),
        kind("beginnings", _forever(then=lambda n: _response("created", response={"id": f"r{n}", "model": "m"}))),
    ]


def _alternating(*events: Event) -> Callable[[], Iterator[bytes]]:
    return _forever(then=lambda number: events[number % len(events)])


def _of_messages() -> list[HostileStream]:
    def kind(name: str, events: Callable[[], Iterator[bytes]], **how: Any) -> HostileStream:
        return HostileStream("messages", name, events, ending=_MESSAGES_END, **how)

    start = _message_start("m")
    call = _block(0, type="tool_use", id="c", name="f", input={})
    return [
        *_of_any_format("messages"),
        kind(
            "tiny texts",
            _same_forever(start, _block(0, type="text", text=""), then=_block_delta("text_delta", text="x")),
        ),
        kind("nothing said", _same_forever(start, then=_block_delta("text_delta", text=""))),
        kind(
            "arguments in characters",
            _same_forever(start, call, then=_block_delta("input_json_delta", partial_json="x")),
            is_packed=False,
        ),
        kind(
            "deep arguments", _same_forever(start, call, then=_block_delta("input_json_delta", partial_json='[{"a":'))
        ),
        kind("calls of one index", _same_forever(start, then=call)),
        kind(
            "calls of many indexes",
            _forever(start, then=lambda n: _block(n, type="tool_use", id=f"c{n}", name="f", input={})),
        ),
        kind("blocks of text", _forever(start, then=lambda n: _block(n, type="text", text="x"))),
        kind(
            "pieces of a signature",
            _same_forever(
                start,
                _block(0, type="thinking", thinking=""),
                then=_block_delta("signature_delta", signature="xxxxxxxx"),
            ),
        ),
        kind(
            "ends of a message",
            _forever(start, then=lambda n: _block(n, type="text", text="x") if n % 2 else {"type": "message_stop"}),
        ),
        kind(
            "citations",
            _same_forever(
                start, _block(0, type="text", text=""), then=_block_delta("citations_delta", citation={"a": 1})
            ),
        ),
        kind("pings", _same_forever(start, then={"type": "ping"})),
        kind("beginnings again", _forever(start, then=lambda n: _block(n, type="text", text="x") if n % 2 else start)),
        kind(
            "other beginnings",
            _forever(start, then=lambda n: _block(n, type="text", text="x") if n % 2 else _message_start(f"m{n}")),
        ),
        kind(
            "ends of a block",
            _same_forever(start, _block(0, type="text", text="x"), then={"type": "content_block_stop", "index": 0}),
        ),
    ]


def _of_google() -> list[HostileStream]:
    def kind(name: str, events: Callable[[], Iterator[bytes]], **how: Any) -> HostileStream:
        return HostileStream("generate_content", name, events, ending=_GENERATE_CONTENT_END, **how)

    def call(**fields: Any) -> Event:
        return _gemini({"functionCall": fields})

    def piece(path: str, **value: Any) -> Event:
        return call(partialArgs=[{"jsonPath": path, **value}], willContinue=True)

    begun = call(name="f", willContinue=True)
    return [
        *_of_any_format("generate_content"),
        kind("tiny texts", _same_forever(then=_gemini({"text": "x"}))),
        kind("nothing said", _same_forever(then=_gemini({"text": ""}))),
        kind("texts and thoughts", _same_forever(then=_gemini({"text": "x"}, {"text": "y", "thought": True}))),
        kind(
            "arguments in characters",
            _same_forever(begun, then=piece("$.a", stringValue="xxxxxxxx", willContinue=True)),
            is_packed=False,
        ),
        kind("arguments in places", _forever(begun, then=lambda n: piece(f"$.a{n}", numberValue=n))),
        kind("deep arguments", _same_forever(begun, then=piece("$" + ".a" * 100, numberValue=1))),
        kind("arguments in a list", _forever(begun, then=lambda n: piece(f"$.a[{n}]", stringValue="x"))),
        kind("calls", _same_forever(then=call(name="f", args={"a": 1}))),
        kind("calls in pieces", _same_forever(then=call(name="f", willContinue=True))),
        kind("signed texts", _same_forever(then=_gemini({"text": "x", "thoughtSignature": "abc"}))),
        kind("an array of answers", _array(_gemini({"text": "x"}))),
        kind("braces", _bytes_forever(b"[", b"{")),
        kind("quotes", _bytes_forever(b'[{"', b'\\"')),
    ]


def _array(value: Event) -> Callable[[], Iterator[bytes]]:
    return _bytes_forever(b"[", json.dumps(value).encode() + b",")


STREAMS = (*_of_chat(), *_of_responses(), *_of_messages(), *_of_google())
