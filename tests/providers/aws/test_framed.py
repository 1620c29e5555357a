"""Formats of others in AWS's frames: Claude by InvokeModel, containers of SageMaker."""

from __future__ import annotations

import base64
import json
import random
from itertools import pairwise
from typing import Any

import pytest
from conformance.formats import aws_oracle
from conformance.recordings import exchanges
from providers.aws.test_bedrock_provider import Answering
from shared import needs_shared

from agentkit.agent import Agent
from agentkit.assemble import assemble, take_apart
from agentkit.codec import Codec
from agentkit.errors import ContextLengthError, ProtocolError, RateLimitError, ServerError
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Text, ToolCall, user_message
from agentkit.providers import model
from agentkit.providers.anthropic.messages_server import MessagesServer
from agentkit.providers.aws.event_stream import encode_frame
from agentkit.providers.aws.invoke import InvokeClaudeCodec, invoke_interface
from agentkit.providers.aws.sagemaker import SageMakerCodec
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.openai.chat_server import ChatServer
from agentkit.settings import Settings
from agentkit.usage import Usage

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SAID = Response(
    AssistantMessage((Text("Hello"), ToolCall("c1", "look", '{"n":1}')), "m", "r1", "tool_calls", Usage(3, output=2))
)
KEYS = Credentials("AKIDCANARY", "canary-secret")


def chunk(event: bytes) -> bytes:
    payload = json.dumps({"bytes": base64.b64encode(event).decode(), "p": "abc"}).encode()
    return encode_frame(((":event-type", "chunk"), (":message-type", "event")), payload)


def part(data: bytes) -> bytes:
    return encode_frame(((":event-type", "PayloadPart"), (":message-type", "event")), data)


def exception(name: str, body: dict[str, Any]) -> bytes:
    return encode_frame(((":exception-type", name), (":message-type", "exception")), json.dumps(body).encode())


def claude_stream() -> bytes:
    lines = MessagesServer("bedrock").stream_writer().write(take_apart(SAID)).splitlines()
    return b"".join(chunk(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: "))


def sagemaker_stream(bytes_at_once: int) -> bytes:
    stream = ChatServer("sagemaker").stream_writer().write(take_apart(SAID))
    return b"".join(part(stream[at : at + bytes_at_once]) for at in range(0, len(stream), bytes_at_once))


def read(codec: Codec, stream: bytes, cuts: list[int] | None = None) -> Response:
    decoder = codec.decoder()
    edges = [0, *(cuts or []), len(stream)]
    deltas = [delta for start, end in pairwise(edges) for delta in decoder.feed(stream[start:end])]
    return assemble([*deltas, *decoder.finish()])


@pytest.mark.parametrize("bytes_at_once", [1, 7, 100_000])
def test_a_stream_is_read_however_its_parts_are_cut(bytes_at_once: int) -> None:
    stream = sagemaker_stream(bytes_at_once)
    rng = random.Random(7)
    for _ in range(10):
        cuts = sorted(rng.sample(range(len(stream)), 10))
        found = read(SageMakerCodec(), stream, cuts)
        assert (found.text, found.calls, found.usage) == (SAID.text, SAID.calls, SAID.usage)
    found = read(InvokeClaudeCodec(), claude_stream())
    assert (found.text, found.calls, found.usage) == (SAID.text, SAID.calls, SAID.usage)


@pytest.mark.parametrize("codec", [InvokeClaudeCodec(), SageMakerCodec()])
def test_cut_and_corrupted_streams_are_errors(codec: Codec) -> None:
    stream = claude_stream() if isinstance(codec, InvokeClaudeCodec) else sagemaker_stream(50)
    for cut in (1, len(stream) // 2):
        with pytest.raises(ProtocolError, match="cut"):
            read(codec, stream[:cut])
    changed = bytearray(stream)
    changed[len(stream) // 2] ^= 1
    with pytest.raises(ProtocolError):
        read(codec, bytes(changed))
    with pytest.raises(ProtocolError):
        read(InvokeClaudeCodec(), encode_frame(((":event-type", "chunk"),), b'{"bytes": 5}'))


def test_exceptions_inside_a_stream_have_their_type() -> None:
    with pytest.raises(RateLimitError, match="slow"):
        read(InvokeClaudeCodec(), exception("throttlingException", {"message": "slow"}))
    decoder = SageMakerCodec().decoder()
    decoder.feed(part(b'data: {"choices":[{"delta":{"content":"H"}}]}\n\n'))
    with pytest.raises(ServerError, match="died"):
        decoder.feed(exception("ModelStreamError", {"Message": "the container died", "ErrorCode": "ModelStreamError"}))


def test_a_container_s_own_error_is_named() -> None:
    body = {
        "ErrorCode": "CLIENT_ERROR",
        "OriginalStatusCode": 400,
        "OriginalMessage": "prompt is too long",
        "Message": "",
    }
    headers = {"x-amzn-errortype": "ModelError:http://internal.amazon.com/"}
    error = SageMakerCodec().decode_error(424, headers, json.dumps(body).encode())
    assert (type(error), error.message, error.error_type) == (ServerError, "prompt is too long", "ModelError")
    error = InvokeClaudeCodec().decode_error(400, {}, b'{"message":"Input is too long for requested model."}')
    assert type(error) is ContextLengthError


def test_what_claude_is_sent_names_neither_model_nor_stream() -> None:
    settings = Settings(max_output_tokens=9, extra={"bedrock": {"betas": ["some-beta"]}})
    wire = InvokeClaudeCodec().encode(Request(CLAUDE, (user_message("Hi"),), settings=settings, is_streamed=True))
    assert wire.path == "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke-with-response-stream"
    assert json.loads(wire.body) == {
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": ["some-beta"],
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
    }
    assert dict(wire.headers) == {"content-type": "application/json"}


def test_tokens_are_counted_by_the_model_itself() -> None:
    codec = InvokeClaudeCodec()
    wire = codec.encode_count(Request(CLAUDE, (user_message("Hi"),)))
    assert wire.path == "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/count-tokens"
    asked = json.loads(base64.b64decode(json.loads(wire.body)["input"]["invokeModel"]["body"]))
    assert asked["messages"] == [{"role": "user", "content": "Hi"}]
    assert codec.decode_count(b'{"inputTokens":11}') == 11


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "host", "path"),
    [
        (f"bedrock-invoke:{CLAUDE}", "bedrock-runtime", "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke"),
        ("sagemaker:my-endpoint", "runtime.sagemaker", "/endpoints/my-endpoint/invocations"),
    ],
)
async def test_a_run_is_signed_and_accepted(name: str, host: str, path: str) -> None:
    server = MessagesServer("bedrock") if "invoke" in name else ChatServer("sagemaker")
    answer = Response(AssistantMessage((Text("Hello"),), "m", "r1", "stop", Usage(3, output=2)))
    transport = Answering([(200, json.loads(server.write(answer).body))])
    asked = model(name, region="us-east-1", credentials=KEYS, transport=transport)
    assert (await Agent(asked).run("Hi")).output == "Hello"
    sent = transport.sent[0]
    assert sent.url == f"https://{host}.us-east-1.amazonaws.com{path}"
    wire = {"method": "POST", "url": sent.url, "headers": dict(sent.headers), "json": json.loads(sent.body)}
    body = {**wire, "body": sent.body.decode()}
    assert aws_oracle().check_wire(body) == []
    assert aws_oracle().check_sigv4(body, "AKIDCANARY", "canary-secret") == []


@needs_shared
def test_every_recorded_answer_of_claude_by_invoke_model_decodes() -> None:
    found = [
        recorded
        for recorded in exchanges("invoke_model")
        if recorded.expect["kind"] == "generation" and "messages" in (recorded.sent or {})
        and "claude" in recorded.request["path"]
    ]  # fmt: skip
    for recorded in found:
        codec = InvokeClaudeCodec()
        response = read(codec, recorded.body) if recorded.is_streamed else codec.decode(recorded.body)
        assert response.text == recorded.expect["text"], recorded.id
        calls = [(call.id, call.name, json.loads(call.arguments)) for call in response.calls]
        assert calls == [(call["id"], call["name"], call["arguments"]) for call in recorded.expect["tool_calls"]]
        assert response.finish_raw == recorded.expect["stop_reason_raw"], recorded.id
    print(f"bedrock, Claude by InvokeModel: {len(found)} of {len(found)} replies")
    assert len(found) >= 13


@pytest.mark.parametrize("format", ["claude", "nova", "chat", "titan", "mistral"])
@pytest.mark.parametrize("event", [b"[]", b"{}", b"null", b'"x"', b"1", b"true", b"{", b""])
def test_events_of_another_shape_than_the_format_has_are_typed(format: str, event: bytes) -> None:
    decoder = invoke_interface("bedrock", "m", format).codec.decoder()
    with pytest.raises(ProtocolError):
        decoder.feed(chunk(event))
        decoder.finish()


def test_metrics_that_make_no_sense_count_nothing() -> None:
    decoder = invoke_interface("bedrock", "m", "chat").codec.decoder()
    event = {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}], "amazon-bedrock-invocationMetrics": 7}
    deltas = [*decoder.feed(chunk(json.dumps(event).encode())), *decoder.finish()]
    assert assemble(deltas).message.usage == Usage()
