"""Reading what was encoded gives the request back; decoding what was written gives the answer back, streamed or not."""

from __future__ import annotations

import json

import pytest
from conformance.formats import aws_oracle
from hypothesis import HealthCheck, given, settings
from providers.aws.converse_strategies import CLAUDE, requests, responses

from agentkit.assemble import assemble, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import BadRequestError, ExchangeError, OverloadedError, RateLimitError
from agentkit.exchange import Memo, Request, Response
from agentkit.messages import Lost, Text, ToolCall, UserMessage
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.aws.converse_server import ConverseServer, messages_from_converse

CODEC, SERVER = ConverseCodec(), ConverseServer()
PATH = f"/model/{CLAUDE}/converse"
QUESTION = {"role": "user", "content": [{"text": "Hi"}]}
CALL = {"toolUse": {"toolUseId": "a", "name": "look", "input": {"n": 1}}}


def said(request: Request) -> tuple[object, ...]:
    """All of a request that can be compared: definitions of tools are compared by identity."""
    tools = [(tool.name, tool.description, dict(tool.parameters), tool.strict) for tool in request.tools]
    output = request.output and (request.output.name, dict(request.output.schema), request.output.description)
    return request.model, request.messages, request.instructions, tools, output, request.settings, request.is_streamed


@given(request=requests())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_request_reads_back_as_it_was(request: Request) -> None:
    wire = CODEC.encode(request)
    assert said(SERVER.read(wire)) == said(request)
    assert CODEC.encode(SERVER.read(wire)).body == wire.body


@given(request=requests())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_oracle_accepts_every_request(request: Request) -> None:
    wire = CODEC.encode(request)
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com{wire.path}"
    headers = {"authorization": "Bearer key"}
    sent = {"method": "POST", "url": url, "headers": headers, "json": json.loads(wire.body)}
    if "topK" in json.dumps(sent["json"].get("inferenceConfig", {})):
        del sent["json"]["inferenceConfig"]["topK"]  # what users add is theirs
    assert aws_oracle().check(sent) == []


@given(request=requests())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_conversation_that_grows_is_written_as_a_whole_one(request: Request) -> None:
    memo = Memo()
    for count in range(1, len(request.messages) + 1):
        shorter = Request(request.model, request.messages[:count], tools=request.tools)
        grown = SERVER.read(CODEC.encode(shorter, memo))
        assert grown.messages == SERVER.read(CODEC.encode(shorter)).messages


@given(response=responses())
@settings(max_examples=300, deadline=None)
def test_an_answer_decodes_as_it_was_written(response: Response) -> None:
    assert CODEC.decode(SERVER.write(response).body) == response
    decoder = CODEC.decoder()
    stream = SERVER.stream_writer().write(take_apart(response))
    assert assemble([*decoder.feed(stream), *decoder.finish()]) == response


@given(response=responses())
@settings(max_examples=50, deadline=None)
def test_a_stream_is_as_the_service_frames_it(response: Response) -> None:
    assert aws_oracle().check_converse_stream(SERVER.stream_writer().write(take_apart(response))) == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        (b"[]", "has to be an object"),
        (b"{", "no valid JSON"),
        (b"{}", "at least one message is required"),
        ({"messages": [{"role": "tool", "content": []}]}, "failed to satisfy enum value set"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "is empty. Add a ContentBlock"),
        ({"messages": [{"role": "user", "content": [{"text": ""}]}]}, "is blank"),
        ({"messages": [{"role": "user", "content": [{"text": 5}]}]}, "unexpected shape"),
        ({"messages": [QUESTION, {"role": "assistant", "content": [CALL]}, QUESTION]}, "Expected toolResult blocks"),
        (
            {"messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "x", "content": []}}]}]},
            "toolUseId x, which is not found",
        ),
        (
            {
                "messages": [
                    QUESTION,
                    {"role": "assistant", "content": [CALL]},
                    {"role": "user", "content": [{"toolResult": {"toolUseId": "a", "content": [{"text": "ok"}]}}]},
                ]
            },
            "toolConfig field must be defined",
        ),
        ({"messages": [{"role": "user", "content": [{"image": {"source": {"bytes": "*"}}}]}]}, "no base64"),
    ],
)
def test_what_the_service_refuses_is_refused(body: object, complaint: str) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(BadRequestError, match=complaint):
        SERVER.read(WireRequest(PATH, sent))


def test_a_path_that_names_no_model_is_refused() -> None:
    with pytest.raises(BadRequestError, match="names no model"):
        SERVER.read(WireRequest("/model/converse", b"{}"))


def test_a_history_of_somebody_is_taken_as_it_is() -> None:
    messages = messages_from_converse([QUESTION, {"role": "assistant", "content": [CALL]}])
    assert messages[0] == UserMessage((Text("Hi"),))
    assert messages[1].calls == (ToolCall("a", "look", '{"n":1}', Lost()),)


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (RateLimitError("slow down"), 429, "ThrottlingException"),
        (OverloadedError("busy", status=529), 529, "ServiceUnavailableException"),
        (ExchangeError("odd", error_type="ModelErrorException", status=424), 424, "ModelErrorException"),
    ],
)
def test_errors_are_written_as_the_service_does(error: ExchangeError, status: int, name: str) -> None:
    reply = SERVER.write_error(error)
    assert (reply.status, dict(reply.headers)["x-amzn-errortype"]) == (status, name)
    read = CODEC.decode_error(reply.status, dict(reply.headers), reply.body)
    assert (read.message, read.error_type) == (error.message, name)
