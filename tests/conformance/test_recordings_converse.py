"""Every recorded exchange of Converse decodes to what independent readers make of it, and every recorded request is
read by the server half, encoded again, and accepted by the oracle."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import pytest
from conformance.formats import aws_oracle
from conformance.recordings import Recorded, exchanges
from shared import needs_shared

from agentkit.assemble import assemble, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import AgentkitError, BadRequestError, ExchangeError, ModelNotFoundError
from agentkit.exchange import Response
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.aws.converse_server import ConverseServer
from agentkit.usage import Usage

pytestmark = needs_shared

HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"

NOT_ACCEPTED = {
    "pai-models-test_bedrock-test_bedrock_model_with_code_execution_tool.json#1": (
        "a call that the provider ran itself waits for no result, which the oracle does not know"
    ),
}
"""Requests that the oracle refuses for what the recorded client wrote; all were answered with 200."""

NOT_THE_SAME = {
    "pai-models-test_multimodal_tool_returns-test_multimodal_tool_return_matrix-direct-uploaded_file-vide-5f833a2d"
    ".json#1": "Claude takes no video: it is named in its place, and was refused when it was sent",
    "rubyllm-chat_pdf_models_bedrock_claude-sonnet-4-5_handles_multiple_pdfs.json#0": "an underscore in a name",
    "rubyllm-chat_pdf_models_bedrock_claude-sonnet-4-5_handles_multiple_pdfs.json#1": "an underscore in a name",
}
"""Requests that we do not write as they were read."""

NO_ORACLE = ("test_guardrail_converse.json", "test_guardrail_converse_stream.json")
"""Answers whose trace lacks a field that botocore takes for required; the service left it out."""


def short(id: str) -> str:
    return id.removeprefix("bedrock/")


def decoded(recorded: Recorded, cuts: list[int] | None = None) -> Response:
    """The Response of a recorded reply, its stream cut at these places."""
    codec, body = ConverseCodec(recorded.provider), recorded.body
    if not recorded.is_streamed:
        return codec.decode(body)
    decoder = codec.decoder()
    edges = [0, *(cuts or []), len(body)]
    deltas = [delta for start, end in pairwise(edges) for delta in decoder.feed(body[start:end])]
    return assemble([*deltas, *decoder.finish()])


def found(response: Response) -> dict[str, Any]:
    """A Response in the words of `expect`."""
    message = response.message
    return {
        "text": message.text,
        "reasoning": message.thinking,
        "calls": [(call.id, call.name, json.loads(call.arguments)) for call in message.calls],
        "stop": response.finish_raw,
        "usage": message.usage,
    }


def expected(expect: dict[str, Any]) -> dict[str, Any]:
    usage = expect.get("usage_raw") or {}
    counts = ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "outputTokens")
    return {
        "text": expect["text"],
        "reasoning": expect.get("reasoning_text", ""),
        "calls": [(call["id"], call["name"], call["arguments"]) for call in expect["tool_calls"]],
        "stop": expect["stop_reason_raw"] or "",
        "usage": Usage(*(usage.get(name) or 0 for name in counts)),
    }


def generations() -> list[Recorded]:
    return [recorded for recorded in exchanges("converse") if recorded.expect["kind"] == "generation"]


def test_every_reply_decodes_to_what_independent_readers_found() -> None:
    answers = {recorded.id: (found(decoded(recorded)), expected(recorded.expect)) for recorded in generations()}
    wrong = {id: pair for id, pair in answers.items() if pair[0] != pair[1]}
    print(f"bedrock: {len(answers) - len(wrong)} of {len(answers)} replies")
    assert wrong == {}
    assert len(answers) >= 199


def test_what_the_service_ran_or_redacted_and_what_it_cites_is_kept() -> None:
    for recorded in generations():
        response, expect = decoded(recorded), recorded.expect
        kept = [part.provider_data.value for part in response.message.parts if part.provider_data is not None]
        ran = [next(iter(value)) for value in kept if "toolUse" in value or "toolResult" in value]
        assert ran == [name.partition(":")[0] for name in expect.get("builtin_tool_calls", ())], recorded.id
        redacted = sum("redactedContent" in value.get("reasoningContent", {}) for value in kept)
        assert redacted == expect.get("redacted_thinking_blocks", 0), recorded.id
        assert sum(len(value.get("citations", ())) for value in kept) == expect.get("citations", 0), recorded.id


def test_streams_decode_to_the_same_however_they_are_split() -> None:
    rng = random.Random(7)
    streams = [recorded for recorded in generations() if recorded.is_streamed]
    for recorded in streams:
        whole = decoded(recorded)
        for _ in range(5):
            cuts = sorted(rng.sample(range(len(recorded.body) + 1), 20))
            assert decoded(recorded, cuts) == whole, recorded.id
    print(f"{len(streams)} streams at {5 * len(streams)} random splits")
    assert len(streams) >= 41


def test_short_streams_decode_to_the_same_split_at_every_byte() -> None:
    streams = sorted((recorded for recorded in generations() if recorded.is_streamed), key=lambda r: len(r.body))[:6]
    for recorded in streams:
        whole = decoded(recorded)
        assert decoded(recorded, list(range(1, len(recorded.body)))) == whole, recorded.id


def test_every_error_is_read() -> None:
    failures = [recorded for recorded in exchanges("converse") if recorded.expect["kind"] == "error"]
    for recorded in failures:
        codec = ConverseCodec(recorded.provider)
        error = codec.decode_error(recorded.status, recorded.response["headers"], recorded.body)
        assert type(error) is not ExchangeError, recorded.id
        facts = {"message": error.message, "type": error.error_type, "status": error.status}
        assert facts == {name: recorded.expect.get(name) for name in facts}, recorded.id
    print(f"{len(failures)} of {len(failures)} error replies")
    assert len(failures) >= 8


def test_every_recorded_answer_is_served_again() -> None:
    check = aws_oracle().check_converse_stream
    codec, server = ConverseCodec(), ConverseServer()
    for recorded in generations():
        response = decoded(recorded)
        assert codec.decode(server.write(response).body) == response, recorded.id
        stream = server.stream_writer().write(take_apart(response))
        decoder = codec.decoder()
        assert assemble([*decoder.feed(stream), *decoder.finish()]) == response, recorded.id
        assert check(stream) == [] or recorded.path.endswith(NO_ORACLE), recorded.id


def test_every_recorded_request_is_read_and_encoded_again() -> None:
    check = aws_oracle().check_wire
    sent = [recorded for recorded in exchanges("converse") if recorded.sent is not None]
    problems: dict[str, list[str]] = {}
    for recorded in sent:
        complaints = check(encoded_again(recorded))
        if complaints:
            problems[recorded.id] = complaints
    print(f"bedrock: {len(sent) - len(problems)} of {len(sent)} requests accepted")
    assert sorted(map(short, problems)) == sorted(NOT_ACCEPTED), problems
    assert len(sent) >= 192


def encoded_again(recorded: Recorded) -> dict[str, Any]:
    """What our client half makes of a recorded request; what it holds reads back as the same."""
    codec, server = ConverseCodec(), ConverseServer()
    try:
        request = server.read(WireRequest(recorded.request["path"], json.dumps(recorded.sent).encode()))
        wire = codec.encode(request)
        again = server.read(wire)
    except AgentkitError as error:
        pytest.fail(f"{recorded.id}: {error}")
    is_same = again.messages == request.messages and again.settings == request.settings
    assert is_same == (short(recorded.id) not in NOT_THE_SAME), recorded.id
    headers = {**dict(wire.headers), "authorization": "Bearer key"}
    return {"method": "POST", "url": HOST + wire.path, "headers": headers, "json": json.loads(wire.body)}


def test_a_recorded_count_of_tokens_is_asked_for_and_read() -> None:
    counted = next(recorded for recorded in exchanges("token_count") if "inference_profile" in recorded.path)
    codec, server = ConverseCodec(), ConverseServer()
    body = json.dumps(counted.sent["input"]["converse"]).encode() if counted.sent else b""
    request = server.read(WireRequest("/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/converse", body))
    wire = codec.encode_count(request)
    assert wire.path == counted.request["path"]
    assert json.loads(wire.body)["input"]["converse"]["messages"] == [
        {"role": "user", "content": [{"text": "Hello, world!"}]}
    ]
    assert codec.decode_count(counted.body) == counted.expect["tokens"]
    refused = [recorded for recorded in exchanges("token_count") if recorded.provider == "bedrock"]
    errors = [codec.decode_error(one.status, one.response["headers"], one.body) for one in refused if one.status != 200]
    assert {type(error) for error in errors} <= {BadRequestError, ModelNotFoundError} and len(errors) == 2
