"""Every recorded exchange of generateContent decodes to what independent readers make of it, and every recorded
request is read by the server half, encoded again, and accepted by the oracle."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

from conformance.recordings import Recorded, exchanges
from shared import needs_shared

from agentkit.assemble import assemble
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    ModelNotFoundError,
    RateLimitError,
)
from agentkit.exchange import Response
from agentkit.media import Audio, Document, Image, Video
from agentkit.messages import Opaque
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.usage import Usage

pytestmark = needs_shared

NUMBERED = {1: "STOP"}
"""Reasons of replies that were asked for with numbers for enums."""


def codec_of(recorded: Recorded) -> GenerateContentCodec:
    return GenerateContentCodec(recorded.provider)


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
