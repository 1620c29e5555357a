"""What no client would send is refused by the simulator in each chat format, and does not end it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from simulator.test_aws_odd_requests import oddly

from agentkit.simulator.server import simulate

pytestmark = pytest.mark.anyio

TOOL = {"name": "look", "description": "Look.", "parameters": {"type": "object"}}
SAID = {"role": "user", "content": "Hi"}
CHATS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "model": "m",
        "messages": [SAID],
        "tools": [{"type": "function", "function": TOOL}],
        "tool_choice": "auto",
        "max_completion_tokens": 5,
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
        "stop": ["x"],
        "temperature": 0.5,
        "stream": False,
    },
    "/v1/responses": {
        "model": "m",
        "input": [SAID],
        "tools": [{"type": "function", **TOOL}],
        "instructions": "Be brief.",
        "max_output_tokens": 16,
        "reasoning": {"effort": "low"},
        "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}},
        "stream": False,
    },
    "/v1/messages": {
        "model": "m",
        "messages": [SAID],
        "max_tokens": 5,
        "system": "Be brief.",
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "auto"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "stop_sequences": ["x"],
        "stream": False,
    },
    "/v1beta/models/m:generateContent": {
        "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
        "tools": [{"functionDeclarations": [TOOL]}],
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "generationConfig": {"maxOutputTokens": 5, "temperature": 0.5, "stopSequences": ["x"]},
    },
    "/model/amazon.nova-lite-v1:0/converse": {
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
        "system": [{"text": "Be brief."}],
        "inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "stopSequences": ["x"]},
        "toolConfig": {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}]},
    },
}


@pytest.mark.parametrize("path", CHATS)
async def test_odd_requests_have_a_reply_each(path: str) -> None:
    async with simulate() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        for odd in oddly(CHATS[path]):
            reply = await client.post(path, json=odd)
            assert (odd, reply.status_code < 500) == (odd, True)
        assert (await client.post(path, json=CHATS[path])).status_code == 200
