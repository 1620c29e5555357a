# ruff: noqa: E501 - recordings have long names
"""A conversation recorded in one of OpenAI's formats goes on in the other: every recorded request is read by the server
half of its format, encoded by the client half of the other, and accepted by that format's oracle."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from conformance.recordings import Recorded, exchanges
from shared import needs_shared, oracle

from agentkit.codec import Codec, ServerCodec, WireRequest
from agentkit.errors import AgentkitError
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_server import ChatServer
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.providers.openai.responses_server import ResponsesServer

pytestmark = needs_shared

NO_CHAT = "it held no messages, and the service refused it as well"
NO_URL = "Chat Completions takes documents as bytes only; we say so"
NO_INPUT = "it only goes on from an earlier response at the provider; there are no messages to take along"

CHAT_ELSEWHERE = {
    "huggingface/hfhub-TestInferenceClient.test_chat_completion_unprocessable_entity-cfd96fca.json#0": NO_CHAT,
    "huggingface/hfhub-TestInferenceClient.test_chat_completion_unprocessable_entity.json#0": NO_CHAT,
    "openrouter/pai-models-test_openrouter-test_openrouter_binary_content_video_public_api.json#0": (
        "the Responses API takes no video; we say so"
    ),
}
"""Recorded chat requests that cannot become Responses requests, and why."""

RESPONSES_ELSEWHERE = {
    "openai/pai-models-test_multimodal_tool_returns-test_multimodal_tool_return_matrix-tool_return_content-url-a-51340efe.json#1": (
        NO_URL
    ),
    "openai/pai-models-test_openai-test_document_url_input_response_api.json#0": NO_URL,
    "openai/pai-models-test_openai_responses-test_openai_previous_response_id_seed_auto_chains_through_retries.json#2": (
        NO_INPUT
    ),
    "openai/pai-models-test_openai_responses-test_openai_previous_response_id_seed_auto_chains_through_retries.json#3": (
        NO_INPUT
    ),
}
"""Recorded Responses requests that cannot become chat requests, and why."""


def complaints(recorded: Recorded, server: ServerCodec, codec: Codec, endpoint: str) -> list[str]:
    """What the oracle, or one of our halves, has against the request in the other format."""
    try:
        request = server.read(WireRequest("/", json.dumps(recorded.sent).encode()))
        # Extra fields are those of the format they were recorded in.
        request = replace(request, settings=replace(request.settings, extra=None))
        body: dict[str, Any] = json.loads(codec.encode(request).body)
    except AgentkitError as error:
        return [str(error)]
    return oracle("oracle_openai").check(body, endpoint)


@pytest.mark.parametrize(
    ("api", "known", "least"),
    [("chat_completions", CHAT_ELSEWHERE, 645), ("responses", RESPONSES_ELSEWHERE, 494)],
)
def test_requests_of_one_format_are_accepted_in_the_other(api: str, known: dict[str, str], least: int) -> None:
    accepted: Counter[str] = Counter()
    refused: dict[str, list[str]] = {}
    for recorded in exchanges(api):
        if recorded.sent is None:
            continue
        if api == "responses":
            found = complaints(recorded, ResponsesServer(recorded.provider), ChatCodec("openai"), "chat/completions")
        else:
            found = complaints(recorded, ChatServer(recorded.provider), ResponsesCodec("openai"), "responses")
        if found:
            refused[recorded.id] = found
        else:
            accepted[recorded.provider] += 1
    for provider, count in sorted(accepted.items()):
        print(f"{api} of {provider}: {count} accepted elsewhere")
    print(f"{api}: {accepted.total()} of {accepted.total() + len(refused)} accepted elsewhere")
    assert sorted(refused) == sorted(known), refused
    assert accepted.total() >= least
