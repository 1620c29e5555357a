"""Every recorded exchange of the Messages API decodes to what independent readers make of it, and every recorded
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
from agentkit.errors import ExchangeError
from agentkit.exchange import Response
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.usage import Usage

pytestmark = needs_shared


def codec_of(recorded: Recorded) -> MessagesCodec:
    return MessagesCodec(recorded.provider)


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
    return {
        "text": message.text,
        "reasoning": message.thinking,
        "calls": [(call.id, call.name, json.loads(call.arguments)) for call in message.calls],
        "stop": response.finish_raw,
        "stop_sequence": response.details.get("stop_sequence"),
        "usage": message.usage,
        "id": message.response_id,
        "model": message.model,
    }


def expected(expect: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": expect["text"],
        "reasoning": expect.get("reasoning_text", ""),
        "calls": [(call["id"], call["name"], call["arguments"]) for call in expect["tool_calls"]],
        "stop": expect["stop_reason_raw"] or "",
        "stop_sequence": expect.get("stop_sequence"),
        "usage": usage_of(expect.get("usage_raw") or {}),
        "id": expect.get("response_id") or "",
        "model": expect.get("model_raw") or "",
    }


def usage_of(raw: dict[str, Any]) -> Usage:
    details: dict[str, int] = raw.get("output_tokens_details") or {}
    thinking = details.get("thinking_tokens", 0)
    read, written = raw.get("cache_read_input_tokens") or 0, raw.get("cache_creation_input_tokens") or 0
    return Usage(raw.get("input_tokens", 0), read, written, raw.get("output_tokens", 0) - thinking, thinking)


def generations() -> list[Recorded]:
    return [recorded for recorded in exchanges("messages") if recorded.expect["kind"] == "generation"]


def test_every_reply_decodes_to_what_independent_readers_found() -> None:
    counts = Counter(recorded.provider for recorded in generations())
    answers = {recorded.id: (found(decoded(recorded)), expected(recorded.expect)) for recorded in generations()}
    wrong = {id: pair for id, pair in answers.items() if pair[0] != pair[1]}
    for provider, count in sorted(counts.items()):
        print(f"{provider}: {count - sum(id.startswith(f'{provider}/') for id in wrong)} of {count} replies")
    assert wrong == {}
    assert sum(counts.values()) >= 438


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
    failures = [recorded for recorded in exchanges("messages") if recorded.expect["kind"] == "error"]
    for recorded in failures:
        error = codec_of(recorded).decode_error(recorded.status, recorded.response["headers"], recorded.body)
        assert type(error) is not ExchangeError, recorded.id
        facts = {"message": error.message, "type": error.error_type, "request_id": error.request_id}
        assert facts == {name: recorded.expect.get(name) for name in facts}, recorded.id
    print(f"{len(failures)} of {len(failures)} error replies")
    assert len(failures) >= 7
