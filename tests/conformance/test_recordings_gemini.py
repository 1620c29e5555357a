"""Every recorded exchange of generateContent decodes to what independent readers make of it, and every recorded
request is read by the server half, encoded again, and accepted by the oracle."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

from conformance.recordings import Recorded, exchanges
from shared import needs_shared, oracle

from agentkit.assemble import assemble, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import (
    AgentkitError,
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    ModelNotFoundError,
    RateLimitError,
)
from agentkit.exchange import Request, Response
from agentkit.media import Audio, Document, Image, Video
from agentkit.messages import Message, Opaque, Returned, Text, UserMessage
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.google.generate_content_server import GenerateContentServer
from agentkit.providers.google.service_rules import VERTEX, ServiceRules
from agentkit.usage import Usage

pytestmark = needs_shared

QUESTION = UserMessage((Text("hi"),))

NOT_ACCEPTED = {
    "google_vertex/otelcontrib-vertexai-test_generate_content_invalid_role.json#0": (
        "its client sent the role 'invalid_role', and the service refused it as our server half does"
    )
}
"""Requests that cannot be encoded again for what the recorded client wrote."""

NUMBERED = {1: "STOP"}
"""Reasons of replies that were asked for with numbers for enums."""


def codec_of(recorded: Recorded) -> GenerateContentCodec:
    rules = VERTEX if recorded.provider == "google_vertex" else ServiceRules()
    return GenerateContentCodec(recorded.provider, rules=rules)


def decoded(recorded: Recorded, cuts: list[int] | None = None) -> Response:
    """The Response of a recorded reply, its stream cut at these places."""
    codec, body = codec_of(recorded), recorded.body
    if not recorded.is_streamed:
        return codec.decode(body)
    decoder = codec.decoder()
    edges = [0, *(cuts or []), len(body)]
    deltas = [delta for start, end in pairwise(edges) for delta in decoder.feed(body[start:end])]
    return assemble([*deltas, *decoder.finish()])


def found(response: Response) -> dict[str, Any]:
    """A Response in the words of `expect`."""
    message = response.message
    own = [part.provider_data.value for part in message.parts if part.provider_data]
    opaque = [part.provider_data.value for part in message.parts if isinstance(part, Opaque)]
    provider_run = [next(key for key in value if key != "thoughtSignature") for value in opaque]
    return {
        "text": message.text,
        "reasoning": message.thinking,
        "calls": [(call.id or None, call.name, json.loads(call.arguments)) for call in message.calls],
        "provider_run": provider_run,
        "media": sum(isinstance(part, Image | Audio | Video | Document) for part in message.parts),
        "signatures": sum("thoughtSignature" in value for value in own),
        "stop": response.finish_raw,
        "usage": message.usage,
        "id": message.response_id,
        "model": message.model,
    }


def expected(expect: dict[str, Any]) -> dict[str, Any]:
    stop = expect["stop_reason_raw"] or ""
    return {
        "text": expect["text"],
        "reasoning": expect.get("reasoning_text", ""),
        "calls": [(call["id"], call["name"], call["arguments"]) for call in expect["tool_calls"]],
        "provider_run": [kind for kind in expect.get("builtin_tool_calls", ()) if kind != "grounding"],
        "media": expect.get("images", 0),  # of any kind
        "signatures": expect.get("thought_signatures", 0),
        "stop": NUMBERED[stop] if isinstance(stop, int) else stop,
        "usage": usage_of(expect.get("usage_raw") or {}),
        "id": expect.get("response_id") or "",
        "model": expect.get("model_raw") or "",
    }


def usage_of(raw: dict[str, Any]) -> Usage:
    cached = raw.get("cachedContentTokenCount", 0)
    prompt = raw.get("promptTokenCount", 0) + raw.get("toolUsePromptTokenCount", 0)
    return Usage(prompt - cached, cached, 0, raw.get("candidatesTokenCount", 0), raw.get("thoughtsTokenCount", 0))


def generations() -> list[Recorded]:
    return [recorded for recorded in exchanges("generate_content") if recorded.expect["kind"] == "generation"]


def test_every_reply_decodes_to_what_independent_readers_found() -> None:
    counts = Counter((recorded.provider, recorded.is_streamed) for recorded in generations())
    answers = {recorded.id: (found(decoded(recorded)), expected(recorded.expect)) for recorded in generations()}
    wrong = {id: pair for id, pair in answers.items() if pair[0] != pair[1]}
    by_id = {recorded.id: (recorded.provider, recorded.is_streamed) for recorded in generations()}
    for (provider, is_streamed), count in sorted(counts.items()):
        right = count - sum(by_id[id] == (provider, is_streamed) for id in wrong)
        print(f"{provider}, {'streamed' if is_streamed else 'plain'}: {right} of {count} replies")
    assert wrong == {}
    assert sum(counts.values()) >= 397


def test_streams_decode_to_the_same_however_they_are_split() -> None:
    rng = random.Random(7)
    streams = [recorded for recorded in generations() if recorded.is_streamed]
    for recorded in streams:
        whole = decoded(recorded)
        for _ in range(3):
            cuts = sorted(rng.sample(range(len(recorded.body) + 1), 20))
            assert decoded(recorded, cuts) == whole, recorded.id
    print(f"{len(streams)} streams at {3 * len(streams)} random splits")


def test_short_streams_decode_to_the_same_split_at_every_byte() -> None:
    streams = sorted((recorded for recorded in generations() if recorded.is_streamed), key=lambda r: len(r.body))[:6]
    for recorded in streams:
        whole = decoded(recorded)
        assert decoded(recorded, list(range(1, len(recorded.body)))) == whole, recorded.id
        for cut in range(1, len(recorded.body)):
            assert decoded(recorded, [cut]) == whole, (recorded.id, cut)


def test_every_error_is_read() -> None:
    kinds = {
        "NOT_FOUND": ModelNotFoundError,
        "INVALID_ARGUMENT": BadRequestError,
        "API_KEY_INVALID": AuthenticationError,
        "RESOURCE_EXHAUSTED": RateLimitError,
    }
    failures = [recorded for recorded in exchanges("generate_content") if recorded.expect["kind"] == "error"]
    for recorded in failures:
        error = codec_of(recorded).decode_error(recorded.status, recorded.response["headers"], recorded.body)
        expect = recorded.expect
        kind = kinds[expect.get("reason") or expect["status_name"]]
        assert type(error) is (ContextLengthError if "maximum number of tokens" in expect["message"] else kind)
        wait = expect.get("retry_delay")
        assert (error.message, error.error_type, error.retry_after_seconds) == (
            " ".join(expect["message"].split()),
            expect["status_name"],
            float(wait.rstrip("s")) if wait else None,
        ), recorded.id
    print(f"{len(failures)} of {len(failures)} error replies")
    assert len(failures) >= 11


def test_every_recorded_answer_can_be_sent_back() -> None:
    check = oracle("oracle_google").check
    accepted: Counter[str] = Counter()
    for recorded in generations():
        answer = decoded(recorded).message
        answer = answer.with_outcomes({position: Returned("done") for position in range(len(answer.calls))})
        request = Request(answer.model or "gemini-3-flash-preview", (QUESTION, answer, QUESTION))
        wire = codec_of(recorded).encode(request)
        body = json.loads(wire.body)
        assert check(body, backend=backend_of(recorded), camel_only="yes") == [], recorded.id
        accepted[recorded.provider] += 1
    print(", ".join(f"{provider}: {count} answers sent back" for provider, count in sorted(accepted.items())))


def test_every_recorded_answer_is_written_as_it_was_read() -> None:
    for recorded in generations():
        codec, server, response = codec_of(recorded), GenerateContentServer(recorded.provider), decoded(recorded)
        assert codec.decode(server.write(response).body) == response, recorded.id
        decoder = codec.decoder()
        deltas = decoder.feed(server.stream_writer().write(take_apart(response)))
        assert assemble([*deltas, *decoder.finish()]) == response, recorded.id


def test_every_recorded_request_is_read_and_encoded_again() -> None:
    check = oracle("oracle_google").check
    counts: Counter[str] = Counter()
    problems: dict[str, list[str]] = {}
    for recorded in exchanges("generate_content"):
        if recorded.sent is None:
            continue
        counts[recorded.provider] += 1
        try:
            body = encoded_again(recorded)
        except AgentkitError as error:
            problems[recorded.id] = [str(error)]
            continue
        if complaints := check(body, backend=backend_of(recorded), camel_only="yes"):
            problems[recorded.id] = complaints
    for provider, count in sorted(counts.items()):
        refused = sum(id.startswith(f"{provider}/") for id in problems)
        print(f"{provider}: {count - refused} of {count} requests accepted")
    assert sorted(problems) == sorted(NOT_ACCEPTED), problems


def encoded_again(recorded: Recorded) -> dict[str, Any]:
    """The body that our client half makes of a recorded request; what it holds reads back as the same."""
    codec, server = codec_of(recorded), GenerateContentServer(recorded.provider)
    path = f"{recorded.request['path']}?{recorded.request['query'] or ''}"
    request = server.read(WireRequest(path, json.dumps(recorded.sent).encode()))
    wire = codec.encode(request)
    if b"returned beside its result" not in wire.body:  # media that this model takes only as parts of their own
        assert joined(server.read(wire).messages) == joined(request.messages), recorded.id
    return json.loads(wire.body)


def joined(messages: tuple[Message, ...]) -> list[Message]:
    """The messages with a user's neighbouring ones as one."""
    result: list[Message] = []
    for message in messages:
        if result and isinstance(message, UserMessage) and isinstance(result[-1], UserMessage):
            message = UserMessage((*result.pop().parts, *message.parts))
        result.append(message)
    return result


def backend_of(recorded: Recorded) -> str:
    return "vertex" if recorded.provider == "google_vertex" else "gemini"
