"""What servers send that they should not, in all four formats alike: it is read, or it is an error with a type."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from conformance.formats import FORMATS, Format

from agentkit.assemble import assemble, take_apart
from agentkit.codec import Codec
from agentkit.errors import ExchangeError, OverloadedError, ProtocolError, ServerError
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Returned, Text, ToolCall, user_message
from agentkit.usage import Usage

SAID = Response(AssistantMessage((Text("Hello"),), "m", "r1", "stop", Usage(3, output=2)))
CALLED = Response(
    AssistantMessage((Text("Both."), ToolCall("a", "f", '{"x":1}'), ToolCall("b", "f", "{}")), "m", "r1", "tool_calls")
)
PAGE = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

formats = pytest.mark.parametrize("format", FORMATS, ids=str)


def stream_of(format: Format, response: Response) -> bytes:
    return format.make_server().stream_writer().write(list(take_apart(response)))


def read(codec: Codec, stream: bytes) -> Response:
    decoder = codec.decoder()
    return assemble([*decoder.feed(stream), *decoder.finish()])


def events(stream: bytes) -> list[Any]:
    found = [line.removeprefix(b"data: ") for line in stream.splitlines() if line.startswith(b"data: ")]
    return [json.loads(data) for data in found if data != b"[DONE]"]


def written(*values: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def crlf(stream: bytes) -> bytes:
    return stream.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def commented(stream: bytes) -> bytes:
    return b": hello\n\n" + stream.replace(b"data: ", b": keep-alive\nretry: 10\ndata: ")


def unspaced(stream: bytes) -> bytes:
    return stream.replace(b"data: ", b"data:").replace(b"event: ", b"event:")


def marked(stream: bytes) -> bytes:
    return b"\xef\xbb\xbf" + stream


def nameless(stream: bytes) -> bytes:
    return b"".join(line for line in stream.splitlines(keepends=True) if not line.startswith(b"event:"))


def unended(stream: bytes) -> bytes:
    return stream.rstrip()


@formats
@pytest.mark.parametrize("change", [crlf, commented, unspaced, marked, nameless, unended])
def test_other_forms_of_an_event_stream_are_read(format: Format, change: Callable[[bytes], bytes]) -> None:
    for response in (SAID, CALLED):
        stream = stream_of(format, response)
        assert read(format.make_codec(), change(stream)) == read(format.make_codec(), stream)


@formats
def test_an_error_labelled_as_a_stream_is_raised(format: Format) -> None:
    body = format.make_server().write_error(OverloadedError("busy", status=503)).body
    for spaced in (body, json.dumps(json.loads(body), indent=2).encode(), b"\r\n" + body):
        with pytest.raises(ExchangeError, match="busy") as caught:
            read(format.make_codec(), spaced)
        assert caught.value.is_retryable


@formats
def test_an_error_inside_a_stream_of_status_200_is_raised_after_what_was_said(format: Format) -> None:
    error = json.loads(format.make_server().write_error(OverloadedError("busy", status=503)).body)
    decoder = format.make_codec().decoder()
    head = [event for event in map(without_end, events(stream_of(format, SAID))) if event]
    told = decoder.feed(written(*head))
    assert assemble(told).text == "Hello"
    with pytest.raises(ExchangeError, match="busy") as caught:
        [*decoder.feed(written(error)), *decoder.finish()]
    assert caught.value.is_retryable


def without_end(event: dict[str, Any]) -> dict[str, Any] | None:
    """The event without what ends an answer; None when it does nothing else."""
    if event.get("type") in ("message_delta", "message_stop", "response.completed"):
        return None
    choices = [{**choice, "finish_reason": None} for choice in event.get("choices", ())]
    candidates = [{**candidate, "finishReason": None} for candidate in event.get("candidates", ())]
    return {**event, **({"choices": choices} if choices else {}), **({"candidates": candidates} if candidates else {})}


@formats
@pytest.mark.parametrize("usage", ["none", "every"])
def test_usage_in_every_event_counts_once_and_none_is_none(format: Format, usage: str) -> None:
    found = events(stream_of(format, SAID))
    kept = next(value for event in reversed(found) for value in [usage_in(event)] if value)
    for event in found:
        for holder in (event, event.get("response"), event.get("message")):
            if isinstance(holder, dict) and (holder is event or "usage" in holder):
                put_usage(holder, kept if usage == "every" else None, format=format)
    expected = SAID.usage if usage == "every" else Usage()
    assert read(format.make_codec(), written(*found)).usage == expected


def usage_in(event: dict[str, Any]) -> Any:
    return event.get("usage") or event.get("usageMetadata") or (event.get("response") or {}).get("usage")


def put_usage(holder: dict[str, Any], usage: Any, *, format: Format) -> None:
    name = "usageMetadata" if format.name == "generate_content" else "usage"
    holder.pop(name, None)
    if usage is not None:
        holder[name] = usage


@formats
def test_a_web_page_is_an_error_with_a_type_wherever_it_comes(format: Format) -> None:
    codec = format.make_codec()
    error = codec.decode_error(502, {"content-type": "text/html"}, PAGE)
    assert (type(error), error.status, error.message) == (
        ServerError,
        502,
        "a web page came instead of JSON: 502 Bad Gateway",
    )
    with pytest.raises(ProtocolError):
        codec.decode(PAGE)
    with pytest.raises(ProtocolError):
        read(codec, PAGE)


@formats
@pytest.mark.parametrize("ids", [("", ""), ("a", "a"), ("call_0", ""), ("no good id!", "no good id!")])
@pytest.mark.parametrize("arguments", ["", "null", "{}", '{"x":'])
def test_calls_with_odd_ids_and_arguments_can_go_back(format: Format, ids: tuple[str, str], arguments: str) -> None:
    calls = tuple(ToolCall(id, "f", arguments, Returned(number)) for number, id in enumerate(ids))
    history = (user_message("Hi"), AssistantMessage(calls), user_message("Go on"), AssistantMessage(calls))
    wire = format.make_codec().encode(Request(format.model, (*history, user_message("And?"))))
    assert format.complaints(wire) == []


@formats
@pytest.mark.parametrize("odd", [b"null", b"[]", b"7", b'"x"', b"{}", b"", b"\x00\xff", b'{"choices":', b"[[[["])
def test_a_reply_of_another_shape_is_an_error_with_a_type(format: Format, odd: bytes) -> None:
    codec = format.make_codec()
    with pytest.raises(ExchangeError):
        codec.decode(odd)
    for stream in (odd, b"data: " + odd + b"\n\n"):
        with pytest.raises(ExchangeError):
            read(codec, stream)
    assert isinstance(codec.decode_error(500, {}, odd), ServerError)
