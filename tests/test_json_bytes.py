"""JSON as bytes: text that UTF-8 cannot hold ends nothing."""

from __future__ import annotations

import json

import pytest
from engine import elsewhere

from agentkit.agent import Agent
from agentkit.exchange import Request
from agentkit.json_bytes import json_bytes
from agentkit.messages import messages_from_json, messages_to_json, user_message
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.testing import ScriptedModel

HALF = "caf\udce9.txt"  # a file name in Latin-1, as Python gives it


def test_half_of_a_surrogate_pair_becomes_a_question_mark() -> None:
    assert json_bytes({"path": HALF, "é": [1, None]}) == b'{"path":"caf?.txt","\xc3\xa9":[1,null]}'


@pytest.mark.parametrize("codec", [ChatCodec("openai"), ResponsesCodec()])
def test_a_prompt_and_instructions_with_half_of_a_pair_are_sent(codec: ChatCodec | ResponsesCodec) -> None:
    body = codec.encode(Request("m", (user_message(f"read {HALF}"),), f"in {HALF}")).body
    assert "read caf?.txt" in json.dumps(json.loads(body))
    assert "in caf?.txt" in json.dumps(json.loads(body))


def test_messages_with_half_of_a_pair_are_read_again() -> None:
    document = json.loads(json.dumps(messages_to_json([user_message(HALF)])))
    assert messages_from_json(document) == [user_message("caf?.txt")]


@pytest.mark.anyio
async def test_a_run_whose_prompt_has_half_of_a_pair_goes_on() -> None:
    first = await Agent(ScriptedModel("one")).run(HALF)
    second = await Agent(ScriptedModel("two")).resume(elsewhere(first.state), prompt="more")
    assert [message.text for message in second.messages] == ["caf?.txt", "one", "more", "two"]
