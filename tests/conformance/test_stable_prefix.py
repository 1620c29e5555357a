"""Over a run of many steps the bytes of what was sent before stay, in every format, so that prompt caches hit.

A provider caches the longest beginning that two requests share, in the order in which it reads them: tools and
instructions, then the conversation. Asserted of each request of a run and the one after it: the fields that say nothing
of the conversation are the same bytes in the same places; the earlier conversation, as bytes, begins the later one.
Left aside: the cache marks of Anthropic and Bedrock, which their formats want at the last thing to be cached and which
no cache minds; they are counted instead. The history that a stored run goes on with is written once more, and is the
same bytes again.
"""

from __future__ import annotations

import json
from functools import partial
from itertools import pairwise

import anyio
import pytest
from conformance.formats import TARGETS, Format
from conformance.wires import InTurn

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.exchange import Response
from agentkit.media import ProviderData
from agentkit.messages import AssistantMessage, Text, Thinking, ToolCall, messages_from_json, messages_to_json
from agentkit.models import ModelIdentity
from agentkit.remote import Endpoint, RemoteModel
from agentkit.settings import Settings
from agentkit.tools import Tool
from agentkit.transport.protocol import HttpRequest
from agentkit.usage import Usage

STEPS = 20
EMPTY = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "g"}
OWN = {
    "messages": Thinking("hm", ProviderData("anthropic:messages", {"signature": "c2ln"})),
    "converse": Thinking("hm", ProviderData("bedrock:converse", {"signature": "c2ln"})),
    "responses": Thinking("", ProviderData("openai:responses", REASONING)),
}


def replies(format: Format) -> list[bytes]:
    """Two calls in each step, sometimes with words and a thought before them; then an answer."""
    server, bodies = format.make_server(), list[bytes]()
    for step in range(1, STEPS):
        parts: list[Text | Thinking | ToolCall] = [OWN[format.name]] if format.name in OWN else []
        if step % 3 == 0:
            parts.append(Text(f"Step {step}."))
        parts += [ToolCall(f"call_{step}_{n}", "look", f'{{"n":{step}}}') for n in range(2)]
        message = AssistantMessage(tuple(parts), format.model, f"resp_{step}", "tool_calls", Usage(5, output=3))
        bodies.append(server.write(Response(message)).body)
    done = AssistantMessage((Text("Done."),), format.model, "resp_last", "stop", Usage(5, output=3))
    return [*bodies, server.write(Response(done)).body]


def agent_of(format: Format, transport: InTurn) -> Agent:
    def look(n: int) -> object:
        """Look."""
        if n == 7:
            raise ValueError("nothing there")
        return {"n": n, "seen": "x" * n}

    model = RemoteModel(
        format.make_codec(),
        Endpoint("https://example.com"),
        ModelIdentity(format.name, format.model),
        transport=transport,
    )
    return Agent(
        model,
        tools=[Tool.from_schema("look", "Look.", EMPTY, look)],
        instructions="Be brief.",
        budget=Budget(steps=100),
        settings=Settings(max_output_tokens=500),
    )


def around(format: Format, body: bytes) -> tuple[str, str, str]:
    """A body as what stands before its conversation, the conversation without its bracket, and what stands behind."""
    text = format.unmarked(body).decode()
    start = text.index(f'"{format.messages_key}":[') + len(format.messages_key) + 3
    _, end = json.JSONDecoder().raw_decode(text, start)
    return text[:start], text[start : end - 1], text[end:]


def marks(request: HttpRequest) -> int:
    return request.body.count(b'"cache_control"') + request.body.count(b'"cachePoint"')


@pytest.mark.parametrize("format", TARGETS, ids=str)
def test_what_was_sent_before_stays_byte_for_byte(format: Format) -> None:
    transport = InTurn(replies(format))
    result = anyio.run(agent_of(format, transport).run, "Look twenty times.")
    assert (result.output, len(transport.sent)) == ("Done.", STEPS)
    sent = [around(format, request.body) for request in transport.sent]
    for (before, said, behind), (later_before, later_said, later_behind) in pairwise(sent):
        assert (later_before, later_behind) == (before, behind)
        assert later_said.startswith(said) and len(later_said) > len(said)
    kept = len(sent[-2][1]) / len(transport.sent[-1].body)
    print(f"{format}: {STEPS} requests, {kept:.0%} of the last one was sent before")
    is_marked = format.name in ("messages", "converse")
    assert all(1 <= marks(request) <= 4 for request in transport.sent) or not is_marked
    assert not any(map(marks, transport.sent)) or is_marked


@pytest.mark.parametrize("format", TARGETS, ids=str)
def test_a_stored_conversation_goes_on_with_the_same_bytes(format: Format) -> None:
    first, later = InTurn(replies(format)), InTurn(replies(format)[-1:])
    result = anyio.run(agent_of(format, first).run, "Look twenty times.")
    stored = messages_from_json(json.loads(json.dumps(messages_to_json(result.messages))))
    anyio.run(partial(agent_of(format, later).run, "And now?", messages=stored))
    before, said, behind = around(format, first.sent[-1].body)
    later_before, later_said, later_behind = around(format, later.sent[0].body)
    assert (later_before, later_behind) == (before, behind)
    assert later_said.startswith(said)
