"""The pytest fixture, as users have it."""

from __future__ import annotations

import httpx
import pytest

from agentkit.simulator.plan import Rule
from agentkit.simulator.recording import Recording
from agentkit.simulator.status_faults import Status
from agentkit.testing.scripted import ScriptedModel, calls
from agentkit.testing.simulator import simulator, source_of

__all__ = ["simulator"]  # the fixture

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


def ask(base_url: str) -> httpx.Response:
    return httpx.post(f"{base_url}/chat/completions", json=ASKED, verify=False)


def test_a_program_without_agentkit_is_tested_with_it(simulator) -> None:
    server = simulator("It rains.", faults=[Rule((Status(429, wait_seconds=0.01),), first=1)])
    assert ask(server.base_url).headers["retry-after"] == "0.01"
    assert ask(server.base_url).json()["choices"][0]["message"]["content"] == "It rains."
    assert (server.count, server.connections, [seen.number for seen in server.requests]) == (2, 2, [1, 2])


def test_faults_are_changed_while_it_serves(simulator) -> None:
    server = simulator()
    server.suffer(Status(503))
    assert ask(server.url).status_code == 503
    server.suffer()
    assert ask(server.url).status_code == 200
    server.forget()
    assert (server.count, server.requests) == (0, [])


def test_several_serve_side_by_side(simulator) -> None:
    one, two = simulator("one"), simulator("two")
    assert [ask(server.url).json()["choices"][0]["message"]["content"] for server in (two, one)] == ["two", "one"]


@pytest.mark.anyio
async def test_it_serves_async_programs_too(simulator) -> None:
    server = simulator(calls(("look", {})))
    async with httpx.AsyncClient(verify=False) as client:
        reply = await client.post(f"{server.url}/v1/chat/completions", json=ASKED)
    assert reply.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "look"


def test_turns_a_model_or_a_recording_are_sources() -> None:
    model, recording = ScriptedModel("a"), Recording([])
    assert source_of(model) is model
    assert source_of(recording) is recording
    assert source_of() is None
    assert isinstance(source_of("a", "b"), ScriptedModel)
