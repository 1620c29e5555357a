"""What a reply may hold at most, and that what was read can be kept: in all four formats."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conformance.formats import FORMATS, Format

from agentkit.assemble import MAX_CALLS, MAX_PARTS, assemble, take_apart
from agentkit.errors import ProtocolError
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Part, Returned, Text, ToolCall, user_message
from agentkit.usage import count_of

formats = pytest.mark.parametrize("format", FORMATS, ids=str)


def answer(parts: list[Part]) -> Response:
    return Response(AssistantMessage(tuple(parts), "m", "r", "tool_calls"))


def calls(count: int) -> Response:
    return answer([ToolCall(f"c{number}", "f", "{}") for number in range(count)])


def streamed(format: Format, response: Response) -> Response:
    decoder = format.make_codec().decoder()
    stream = format.make_server().stream_writer().write(list(take_apart(response)))
    return assemble([*decoder.feed(stream), *decoder.finish()])


@formats
def test_more_calls_than_a_step_may_make_are_an_error(format: Format) -> None:
    codec, server = format.make_codec(), format.make_server()
    assert len(codec.decode(server.write(calls(MAX_CALLS)).body).calls) == MAX_CALLS
    assert len(streamed(format, calls(MAX_CALLS)).calls) == MAX_CALLS
    with pytest.raises(ProtocolError, match=f"makes {MAX_CALLS + 1} calls; {MAX_CALLS} are the most"):
        codec.decode(server.write(calls(MAX_CALLS + 1)).body)
    with pytest.raises(ProtocolError, match=f"makes {MAX_CALLS + 1} calls; {MAX_CALLS} are the most"):
        streamed(format, calls(MAX_CALLS + 1))


def test_parts_without_end_are_an_error() -> None:
    with pytest.raises(ProtocolError, match=f"has {MAX_PARTS + 1} parts; {MAX_PARTS} are the most"):
        assemble(take_apart(answer([Text("x")] * (MAX_PARTS + 1))))


@formats
def test_arguments_with_numbers_that_json_has_not_do_not_spoil_what_is_sent_next(format: Format) -> None:
    response = answer([ToolCall("a", "f", '{"x":[1e999,-1e999]}')])
    body = format.make_server().write(response).body
    spoilt = body.replace(b"Infinity", b"1e999")
    call = format.make_codec().decode(spoilt).calls[0]
    history = (user_message("Hi"), AssistantMessage((call,)).with_outcomes({0: Returned(1)}), user_message("?"))
    for target in FORMATS:
        written = target.make_codec().encode(Request(target.model, history)).body
        json.loads(written, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("told", "count"),
    [
        (3, 3),
        (3.0, 3),
        ("3", 3),
        (-3, 0),
        (10**30, 0),
        ("9" * 5_000, 0),
        (float("nan"), 0),
        (float("inf"), 0),
        (None, 0),
    ],
)
def test_token_counts_are_numbers_that_can_be_counted(told: Any, count: int) -> None:
    assert count_of(told) == count
