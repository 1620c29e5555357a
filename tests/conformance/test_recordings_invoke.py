"""Recorded traffic of InvokeModel, of SageMaker and of text-generation-inference: every reply decodes to what
independent readers make of it, and what the recorded clients sent is what we send."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from conformance.formats import aws_oracle
from conformance.recordings import Recorded, exchanges
from shared import needs_shared

from agentkit.assemble import assemble
from agentkit.codec import Codec, WireRequest
from agentkit.errors import BadRequestError, ModelNotFoundError
from agentkit.exchange import Request, Response
from agentkit.messages import user_message
from agentkit.providers.anthropic.messages_server import MessagesServer
from agentkit.providers.aws.chat_templates import PLAIN
from agentkit.providers.aws.converse_server import ConverseServer
from agentkit.providers.aws.event_stream import encode_frame
from agentkit.providers.aws.hosted_server import HostedServer, as_messages, as_nova, chunks_of, nova_chunks
from agentkit.providers.aws.invoke import invoke_interface
from agentkit.providers.aws.invoke_families import TEXT_FORMS, spoken_by
from agentkit.providers.aws.sagemaker import sagemaker_interface
from agentkit.providers.aws.text_codec import TextCodec
from agentkit.providers.aws.text_forms import PIPELINE, TGI, JsonForm
from agentkit.providers.aws.text_server import TextServer
from agentkit.usage import Usage

pytestmark = needs_shared

HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"


def model_of(recorded: Recorded) -> str:
    return recorded.request["path"].split("/")[2].replace("%3A", ":")


def format_of(recorded: Recorded) -> str | None:
    """The recorded clients wrote completions for Claude 2, which speaks Messages as well."""
    return "claude-text" if "max_tokens_to_sample" in (recorded.sent or {}) else spoken_by(model_of(recorded))


def codec_of(recorded: Recorded) -> Codec:
    return invoke_interface("bedrock", model_of(recorded), format_of(recorded) or "claude").codec


def read(codec: Codec, body: bytes, *, is_streamed: bool, cuts: list[int] | None = None) -> Response:
    if not is_streamed:
        return codec.decode(body)
    decoder = codec.decoder()
    edges = [0, *(cuts or []), len(body)]
    deltas = [delta for start, end in pairwise(edges) for delta in decoder.feed(body[start:end])]
    return assemble([*deltas, *decoder.finish()])


def found(response: Response) -> dict[str, Any]:
    return {
        "text": response.text,
        "calls": [(call.id, call.name, json.loads(call.arguments)) for call in response.calls],
        "stop": response.finish_raw,
    }


def expected(expect: dict[str, Any]) -> dict[str, Any]:
    calls = [(call["id"], call["name"], call["arguments"]) for call in expect["tool_calls"]]
    return {"text": expect["text"], "calls": calls, "stop": expect["stop_reason_raw"] or ""}


def usage_in(recorded: Recorded) -> Usage | None:
    """What the reply says of tokens; None where it says nothing."""
    raw = recorded.expect.get("usage_raw") or {}
    if not raw:
        return None
    numbers = [next((int(raw[name]) for name in names if raw.get(name)), 0) for names in _COUNTS]
    return Usage(numbers[0], numbers[1], numbers[2], numbers[3])


_COUNTS = (
    ("inputTokens", "input_tokens", "prompt_token_count", "inputTextTokenCount"),
    ("cacheReadInputTokenCount", "cache_read_input_tokens"),
    ("cacheWriteInputTokenCount", "cache_creation_input_tokens"),
    ("outputTokens", "output_tokens", "generation_token_count", "tokenCount"),
)


def generations() -> list[Recorded]:
    return [recorded for recorded in exchanges("invoke_model") if recorded.expect["kind"] == "generation"]


def test_every_reply_of_invoke_model_decodes_to_what_independent_readers_found() -> None:
    answers = {
        recorded.id: read(codec_of(recorded), recorded.body, is_streamed=recorded.is_streamed)
        for recorded in generations()
    }
    wrong = {
        recorded.id: (found(answers[recorded.id]), expected(recorded.expect), answers[recorded.id].usage)
        for recorded in generations()
        if found(answers[recorded.id]) != expected(recorded.expect)
        or answers[recorded.id].usage != (usage_in(recorded) or answers[recorded.id].usage)
    }
    counts = Counter(str(format_of(recorded)) for recorded in generations())
    shown = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
    print(f"bedrock, InvokeModel: {len(answers) - len(wrong)} of {len(answers)} replies ({shown})")
    assert wrong == {}
    assert len(answers) >= 50


def test_streams_decode_to_the_same_however_they_are_split() -> None:
    rng = random.Random(7)
    streams = [recorded for recorded in generations() if recorded.is_streamed]
    for recorded in streams:
        whole = read(codec_of(recorded), recorded.body, is_streamed=True)
        assert len(whole.message.parts) == len(recorded.expect["tool_calls"]) + bool(recorded.expect["text"])
        for _ in range(5):
            cuts = sorted(rng.sample(range(len(recorded.body) + 1), 20))
            assert read(codec_of(recorded), recorded.body, is_streamed=True, cuts=cuts) == whole, recorded.id
    assert len(streams) >= 17


def test_what_a_guardrail_did_is_told() -> None:
    held = [recorded for recorded in generations() if "guardrail_invoke_stream" in recorded.path]
    (response,) = (read(codec_of(recorded), recorded.body, is_streamed=True) for recorded in held)
    assert (response.text, response.finish, response.usage) == ("Input blocked", "content_filter", Usage(6, output=3))
    assert response.details["guardrailAction"] == "INTERVENED" and "guardrail" in response.details["trace"]


def test_an_unknown_model_is_named_so() -> None:
    (failure,) = (recorded for recorded in exchanges("invoke_model") if recorded.expect["kind"] == "error")
    codec = invoke_interface("bedrock", "meta.llama3-8b-instruct-v1:0").codec
    error = codec.decode_error(failure.status, failure.response["headers"], failure.body)
    assert (type(error), error.message) == (ModelNotFoundError, failure.expect["message"])


def as_sent(form: JsonForm, recorded: Recorded) -> dict[str, Any]:
    """What we send for a recorded request: its prompt is taken as it is."""
    bare = replace(form, template=PLAIN)
    body = json.dumps(recorded.sent).encode()
    request = TextServer(bare, name="x").read(WireRequest(recorded.request["path"], body))
    return json.loads(TextCodec("bedrock", bare).encode(request).body)


def test_every_recorded_request_of_text_alone_is_written_again() -> None:
    sent = [recorded for recorded in generations() if recorded.sent and format_of(recorded) in TEXT_FORMS]
    wrong = {
        recorded.id: (recorded.sent, again)
        for recorded in sent
        if (again := as_sent(TEXT_FORMS[str(format_of(recorded))], recorded)) != recorded.sent
    }
    print(f"bedrock, InvokeModel: {len(sent) - len(wrong)} of {len(sent)} requests of text alone")
    assert wrong == {}
    assert len(sent) >= 17


def test_every_recorded_conversation_is_read_and_written_again() -> None:
    nova = HostedServer(ConverseServer(), nova_chunks, path="/model/{model}/converse", seen=as_nova)
    claude = HostedServer(MessagesServer("bedrock"), chunks_of, path="/v1/messages", seen=as_messages)
    servers = {"nova": nova, "claude": claude}
    sent = [recorded for recorded in generations() if recorded.sent and format_of(recorded) in servers]
    refused: dict[str, list[str]] = {}
    for recorded in sent:
        server = servers[str(format_of(recorded))]
        request = server.read(WireRequest(recorded.request["path"], json.dumps(recorded.sent).encode()))
        wire = codec_of(recorded).encode(request)
        again = server.read(wire)
        assert (again.messages, again.model) == (request.messages, request.model), recorded.id
        assert (again.instructions, again.is_streamed) == (request.instructions, recorded.is_streamed), recorded.id
        headers = {**dict(wire.headers), "authorization": "Bearer key"}
        asked = {"method": "POST", "url": HOST + wire.path, "headers": headers, "json": json.loads(wire.body)}
        if problems := aws_oracle().check_wire(asked):
            refused[recorded.id] = problems
    print(f"bedrock, InvokeModel: {len(sent) - len(refused)} of {len(sent)} conversations")
    assert refused == {}
    assert len(sent) >= 31


@pytest.mark.parametrize(
    "model",
    [
        "amazon.nova-lite-v1:0",
        "amazon.titan-text-express-v1",
        "cohere.command-r-v1:0",
        "meta.llama3-70b-instruct-v1:0",
        "openai.gpt-oss-20b-1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_what_we_send_is_accepted(model: str) -> None:
    asked = Request(model, (user_message("Hi"),), "Be brief.", is_streamed=True)
    wire = invoke_interface("bedrock", model).codec.encode(asked)
    headers = {**dict(wire.headers), "authorization": "Bearer key"}
    sent = {"method": "POST", "url": HOST + wire.path, "headers": headers, "json": json.loads(wire.body)}
    assert aws_oracle().check_wire(sent) == []


# Text-generation-inference, and pipelines of transformers


NATIVE = TextCodec("sagemaker", TGI)
TEXTS = [r for api in ("text_generation", "inference") for r in exchanges(api) if r.expect["kind"] == "text"]
REFUSED = [r for r in exchanges("text_generation") if r.expect["kind"] == "error"]


def test_every_native_text_is_read() -> None:
    for recorded in TEXTS:
        response = read(NATIVE, recorded.body, is_streamed=recorded.is_streamed)
        assert response.text == recorded.expect["text"], recorded.id
        if details := recorded.expect.get("details_raw"):
            assert (response.finish_raw, response.finish) == (details["finish_reason"], "length")
            assert response.usage == Usage(details["input_length"], output=details["generated_tokens"])
    print(f"text-generation-inference: {len(TEXTS)} of {len(TEXTS)} replies")
    assert len(TEXTS) >= 12


def test_streams_in_frames_are_read_however_they_are_cut() -> None:
    codec = sagemaker_interface("sagemaker", "my-endpoint", "tgi").codec
    headers = ((":event-type", "PayloadPart"), (":message-type", "event"))
    for recorded in TEXTS:
        if not recorded.is_streamed:
            continue
        body = recorded.body
        for size in (1, 7, len(body)):
            framed = b"".join(encode_frame(headers, body[at : at + size]) for at in range(0, len(body), size))
            assert read(codec, framed, is_streamed=True).text == recorded.expect["text"]


def test_every_native_refusal_is_typed() -> None:
    for recorded in REFUSED:
        error = NATIVE.decode_error(recorded.status, {}, recorded.body)
        assert (type(error), error.message) == (BadRequestError, recorded.expect["message"]), recorded.id
    print(f"text-generation-inference: {len(REFUSED)} of {len(REFUSED)} error replies")
    assert len(REFUSED) >= 4


def test_the_recorded_endpoint_of_sagemaker_is_read() -> None:
    (recorded,) = exchanges("invoke_endpoint")
    codec = sagemaker_interface("sagemaker", "my-llama2-endpoint", "pipeline").codec
    (said,) = json.loads(recorded.body)
    assert codec.decode(recorded.body).text == said["generated_text"]
    sent = recorded.sent or {}
    wire = codec.encode(Request("my-llama2-endpoint", (user_message(sent["inputs"]),)))
    assert wire.path == recorded.request["path"]
    assert json.loads(wire.body)["inputs"] == sent["inputs"]
    assert PIPELINE.within in sent
