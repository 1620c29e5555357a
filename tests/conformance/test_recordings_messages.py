"""Every recorded exchange of the Messages API decodes to what independent readers make of it, and every recorded
request is read by the server half, encoded again, and accepted by the oracle."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from conformance.recordings import Recorded, exchanges
from shared import needs_shared, oracle

from agentkit.assemble import assemble, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import AgentkitError, ExchangeError
from agentkit.exchange import Response
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.anthropic.messages_server import MessagesServer
from agentkit.usage import Usage

pytestmark = needs_shared

_ADVISOR = "the advisor is run by the provider and newer than the oracle's types"
_ADDED = "`tool_addition` in a system message is newer than the oracle's types"
_BETA = "a beta's field, whose header the recording does not hold"
_PAUSE = "a paused turn is sent back as the last message, which the oracle takes for a prefill"
_FORCED = "it forces a tool while thinking is on, which the wire facts call refused"

NOT_ACCEPTED = {
    "anthropic-test_unpaired_native_tool_calls-test_in_flight_mcp_call_history_is_accepted.json#0": _BETA,
    "advisor_tool.json#0": _ADVISOR,
    "advisor_tool_message_replay.json#0": _ADVISOR,
    "advisor_tool_message_replay.json#1": _ADVISOR,
    "advisor_tool_redacted.json#0": _ADVISOR,
    "advisor_tool_stream.json#0": _ADVISOR,
    "compaction_usage_with_cache.json#0": _BETA,
    "compaction_usage_with_cache_streaming.json#0": _BETA,
    "fable_5_lazy_advertisement_live.json#1": _ADDED,
    "fable_5_lazy_advertisement_live.json#2": _ADDED,
    "lazy_advertisement_live.json#1": _ADDED,
    "lazy_advertisement_live.json#2": _ADDED,
    "test_anthropic-test_pause_turn_web_search_streaming_vcr.json#1": _PAUSE,
    "test_anthropic-test_pause_turn_web_search_vcr.json#1": _PAUSE,
    "test_tool_availability_portability-test_anthropic_live_delta_preserves_the_warmed_cache_prefix.json#1": _ADDED,
    "test_tool_availability_portability-test_tool_availability_portability_matrix-R4-T1-tool-addition.json#0": _ADDED,
    "test_tool_search-test_live_fallback_failover_capability_load_and_recovery.json#1": _ADDED,
    "test_tool_search-test_live_fallback_failover_capability_load_and_recovery.json#2": _ADDED,
}
"""Requests that the oracle refuses for what the recorded client wrote; all were answered with 200."""

NOT_THE_SAME = {
    "model_empty_message_on_history.json#0": "its history begins with an answer: a user message is put before it",
    "opus_46_adaptive_thinking_accepts_tool_output-provider_specific.json#0": _FORCED,
    "opus_46_adaptive_thinking_accepts_tool_output-unified.json#0": _FORCED,
}
"""Requests that we do not write as they were read."""


def short(id: str) -> str:
    """An exchange's id without what most of them begin with."""
    for prefix in ("anthropic/", "pai-", "models-", "test_anthropic-test_anthropic_"):
        id = id.removeprefix(prefix)
    return id


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


def test_every_recorded_answer_is_served_again() -> None:
    for recorded in generations():
        response, codec, server = decoded(recorded), codec_of(recorded), MessagesServer(recorded.provider)
        assert codec.decode(server.write(response).body) == response, recorded.id
        decoder = codec.decoder()
        deltas = decoder.feed(server.stream_writer().write(take_apart(response)))
        assert assemble([*deltas, *decoder.finish()]) == response, recorded.id


def test_every_recorded_request_is_read_and_encoded_again() -> None:
    check = oracle("oracle_anthropic").check
    counts: Counter[str] = Counter()
    problems: dict[str, list[str]] = {}
    for recorded in exchanges("messages"):
        if recorded.sent is None:
            continue
        counts[recorded.provider] += 1
        complaints = check(encoded_again(recorded))
        if complaints:
            problems[recorded.id] = complaints
    for provider, count in sorted(counts.items()):
        refused = sum(id.startswith(f"{provider}/") for id in problems)
        print(f"{provider}: {count - refused} of {count} requests accepted")
    assert sorted(map(short, problems)) == sorted(NOT_ACCEPTED), problems


def encoded_again(recorded: Recorded) -> dict[str, Any]:
    """What our client half makes of a recorded request, with its headers; what it holds reads back as the same."""
    codec, server = codec_of(recorded), MessagesServer(recorded.provider)
    recorded_headers: dict[str, str] = recorded.request.get("headers") or {}
    betas = tuple((name, value) for name, value in recorded_headers.items() if name == "anthropic-beta")
    try:
        request = server.read(WireRequest("/v1/messages", json.dumps(recorded.sent).encode(), headers=betas))
        wire = codec.encode(request)
    except AgentkitError as error:
        pytest.fail(f"{recorded.id}: {error}")
    again = server.read(wire)
    is_same = again.messages == request.messages and again.settings == request.settings
    assert is_same == (short(recorded.id) not in NOT_THE_SAME), recorded.id
    headers = {**dict(wire.headers), "x-api-key": "key"}
    return {"url": "https://api.anthropic.com/v1/messages", "headers": headers, "json": json.loads(wire.body)}
