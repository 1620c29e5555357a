"""What reads bytes from outside, each as a function of bytes: it gives a value or a typed error, or there is a bug."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, get_args

from conformance.formats import FORMATS, Format
from pydantic_core import from_json, to_json

from agentkit.assemble import assemble, assemble_cut, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import AgentkitError, ExchangeError, OverloadedError, RateLimitError
from agentkit.exchange import Delta, Request, Response
from agentkit.loop import RunState, advance, next_need, record_from_json, record_to_json, state_from_json, state_to_json
from agentkit.media import Image
from agentkit.messages import (
    AssistantMessage,
    Failed,
    Message,
    Outcome,
    Returned,
    Text,
    Thinking,
    ToolCall,
    messages_from_json,
    messages_to_json,
    user_message,
)
from agentkit.records import Answered, RunBegan
from agentkit.repair import repair_json
from agentkit.retry import asked_wait, seconds_until
from agentkit.schema.dialects import Dialect, compile_schema
from agentkit.tools import Tool, tool
from agentkit.transport.redact import Redactor, redacted_headers, redacted_url
from agentkit.transport.sse import SseSplitter
from agentkit.usage import Usage

__all__ = ["SEEDS", "TARGETS"]

_USAGE = Usage(30, 7, 0, 9, 4)
_ANSWERS = (
    Response(AssistantMessage((Text("Hällo \U0001f600"),), "m", "r1", "stop", _USAGE), "stop"),
    Response(
        AssistantMessage(
            (
                Thinking("Hm."),
                Text("Both."),
                ToolCall("a", "search", '{"query":"x","limit":3}'),
                ToolCall("b", "search", "{}"),
            ),
            "m",
            "r2",
            "tool_calls",
            _USAGE,
        ),
    ),
    Response(AssistantMessage((Text("I will not.", is_refusal=True),), "m", "r3", "refusal")),
)
_HISTORY: tuple[Message, ...] = (
    user_message("Hello"),
    AssistantMessage(
        (
            Text("Well"),
            ToolCall("a", "search", '{"query":"x"}', Returned({"found": [1, 2.5, None, "x"]})),
            ToolCall("b", "search", "", Failed("no")),
        )
    ),
    user_message("And?"),
)


@tool
def search(query: str, limit: int = 10, tags: list[str] | None = None, where: dict[str, float] | None = None) -> str:
    """Search."""
    return query


_RAW = Tool.from_schema(
    "raw",
    "A tool from elsewhere.",
    {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "number"}}, "b": {"format": "date"}}},
    lambda **arguments: None,
)


def _journal(message: AssistantMessage) -> RunState:
    state = RunState()
    advance(state, RunBegan("r", _HISTORY, "a"))
    advance(state, Answered(1, message))
    return state


def _stays_usable(response: Response) -> None:
    """An answer that was read can be stored, read again, and sent to any provider."""
    state = _journal(response.message)
    next_need(state)
    document = state_to_json(state)
    assert state_to_json(state_from_json(json.loads(json.dumps(document, allow_nan=False)))) == document
    outcomes: dict[int, Outcome] = {number: Returned(number) for number in range(len(response.calls))}
    history = (user_message("Hi"), response.message.with_outcomes(outcomes), user_message("Go on"))
    for format in FORMATS:
        body = format.make_codec().encode(Request(format.model, history)).body
        from_json(body, allow_inf_nan=False)


def _stream(format: Format, data: bytes) -> None:
    """The stream whole, and in small pieces: both give the same."""
    results: list[tuple[Response | None, type[AgentkitError] | None]] = []
    for size in (len(data) or 1, 7):
        decoder = format.make_codec().decoder()
        deltas: list[Delta] = []
        failed = None
        try:
            for start in range(0, len(data), size):
                deltas += decoder.feed(data[start : start + size])
            deltas += decoder.finish()
        except AgentkitError as error:
            _shown(error)
            failed = type(error)
        assemble_cut(deltas)
        results.append((None if failed else assemble(deltas), failed))
    # A stream of which all is wrong may be wrong in two ways, seen whole or in pieces.
    assert results[0] == results[1] or all(failed for _, failed in results), results
    response, _ = results[0]
    if response is not None:
        _stays_usable(response)


def _shown(error: AgentkitError) -> None:
    assert len(str(error)) < 5_000, "a message without a bound"
    str(error).encode()


def _decode(format: Format, data: bytes) -> None:
    _stays_usable(format.make_codec().decode(data))


def _decode_error(format: Format, data: bytes) -> None:
    status = 300 + 100 * (len(data) % 3)
    error = format.make_codec().decode_error(status, {"retry-after": data[:20].decode("latin-1")}, data)
    _shown(error)
    asked_wait(error, {"retry-after": data[:20].decode("latin-1")}, now=0.0)


def _read_request(format: Format, data: bytes) -> None:
    wire = format.make_codec().encode(Request(format.model, _HISTORY))
    request = format.make_server().read(WireRequest(wire.path, data, headers=wire.headers))
    for target in FORMATS:
        body = target.make_codec().encode(Request(target.model, request.messages, request.instructions)).body
        from_json(body, allow_inf_nan=False)


def _split(data: bytes) -> None:
    whole, pieces = SseSplitter(), SseSplitter()
    expected = whole.feed(data) + whole.finish()
    assert [found for byte in data for found in pieces.feed(bytes([byte]))] + pieces.finish() == expected
    SseSplitter().feed_events(data)


def _json(read: Callable[[Any], Any]) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            return
        read(document)

    return target


def _state(document: Any) -> None:
    next_need(state_from_json(document))


def _record(data: bytes) -> None:
    record_to_json(record_from_json(data))


def _arguments(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    repaired = repair_json(text)
    if repaired is not None:
        assert isinstance(json.loads(repaired.text), dict)
    for made in (search.tool, _RAW):
        with suppress(AgentkitError):
            made.parse(text)


def _schema(document: Any) -> None:
    made = Tool.from_schema("t", "", document, lambda **arguments: None)
    for dialect in get_args(Dialect):
        for strict in (None, True):
            with suppress(AgentkitError):
                compile_schema(made.parameters, dialect, strict=strict, tool="t")
    with suppress(AgentkitError):
        made.parse('{"a": 1, "b": [null, "x"]}')


def _texts(data: bytes) -> None:
    text = data.decode("latin-1")
    redacted_url(text)
    redacted_headers([(text[:9], text)])
    Redactor().text(text)
    seconds_until(text, now=1e9)
    asked_wait(RateLimitError("x"), {"retry-after": text, "x-ratelimit-reset-tokens": text, "date": text}, now=0.0)
    with suppress(AgentkitError):
        Image.from_url(text)


def _by_format(name: str, read: Callable[[Format, bytes], None]) -> dict[str, Callable[[bytes], None]]:
    def bound(format: Format) -> Callable[[bytes], None]:
        return lambda data: read(format, data)

    return {f"{name} {format.name}": bound(format) for format in FORMATS}


TARGETS: dict[str, Callable[[bytes], None]] = {
    **_by_format("stream", _stream),
    **_by_format("decode", _decode),
    **_by_format("decode_error", _decode_error),
    **_by_format("read", _read_request),
    "split": _split,
    "state": _json(_state),
    "record": _record,
    "messages": _json(messages_from_json),
    "arguments": _arguments,
    "schema": _json(_schema),
    "texts": _texts,
}
"""Each may raise an AgentkitError, and nothing else."""


def _seeds() -> Iterable[tuple[str, bytes]]:
    for format in FORMATS:
        server = format.make_server()
        for answer in _ANSWERS:
            yield f"stream {format.name}", format.make_server().stream_writer().write(list(take_apart(answer)))
            yield f"decode {format.name}", server.write(answer).body
        error: ExchangeError
        for error in (OverloadedError("busy", status=503), RateLimitError("slow down", status=429)):
            yield f"decode_error {format.name}", server.write_error(error).body
        codec = format.make_codec()
        yield f"read {format.name}", codec.encode(Request(format.model, _HISTORY, "Be brief.")).body
        yield (
            f"read {format.name}",
            codec.encode(Request(format.model, _HISTORY[:1], tools=(search.tool.definition,))).body,
        )
    state = _journal(_ANSWERS[1].message)
    yield "state", to_json(state_to_json(state))
    for record in state.journal:
        yield "record", record_to_json(record)
    yield "messages", to_json(messages_to_json(_HISTORY))
    yield "split", b"event: a\r\ndata: 1\r\n\r\n: x\n\ndata: 2\ndata: 3\n\n"
    for arguments in ('```json\n{"query": "x",}\n```', "{'query': 'x', 'limit': None}", '"{\\"query\\": \\"x\\"}"'):
        yield "arguments", arguments.encode()
    yield "schema", to_json(search.tool.parameters)
    itself = {"$ref": "#/$defs/n"}
    circle = {"$defs": {"n": {"anyOf": [itself, {"type": "null"}]}}, "properties": {"a": itself}}
    yield "schema", to_json({"type": "object", **circle})
    yield "texts", b"https://user:pass@host/path?key=abc&x=1#frag"
    yield "texts", b"Mon, 23 Nov 2026 01:00:00 GMT"
    yield "texts", b"6m0.5s"


SEEDS: list[tuple[str, bytes]] = list(_seeds())
"""Targets and what they should read."""
