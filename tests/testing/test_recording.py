"""Whole agents, recorded against a simulator and replayed without it."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpcore  # noqa: F401 -- loaded now, so that no deadline of a test pays for it
import httpx  # noqa: F401
import pytest
from canaries import KEY

from agentkit.agent import Agent
from agentkit.errors import (
    AgentkitError,
    ConfigurationError,
    ConnectionFailedError,
    MissingKeyError,
    NotRecordedError,
    RateLimitError,
)
from agentkit.events import Event
from agentkit.exchange import AttemptFailed, TextDelta
from agentkit.providers import model
from agentkit.simulator.connection_faults import Reset, SlowEvents
from agentkit.simulator.plan import Rule
from agentkit.simulator.recording import Recording
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status
from agentkit.testing import ScriptedModel, calls
from agentkit.testing.recording import recording
from agentkit.tools import tool

pytestmark = pytest.mark.anyio

NAMES = {
    "openai:gpt-6-luna": "/v1",
    "openai-chat:gpt-6-luna": "/v1",
    "anthropic:claude-sonnet-5": "",
    "google:gemini-3-flash-preview": "/v1beta",
}


@tool
def get_weather(city: str) -> str:
    """Current weather for a city."""
    return f"rain in {city}"


def agent_of(name: str, url: str, **options: Any) -> Agent[Any, str]:
    return Agent(model(name, base_url=url + NAMES[name], api_key=KEY, is_listed=False), tools=[get_weather], **options)


def script() -> ScriptedModel:
    return ScriptedModel(calls(("get_weather", {"city": "Paris"})), "It rains in Paris, again and again.")


async def run(agent: Agent[Any, str], *, is_streamed: bool) -> tuple[str, list[Event], list[Any]]:
    if not is_streamed:
        result = await agent.run("What is the weather in Paris?")
        return result.output, [], result.messages
    async with agent.stream("What is the weather in Paris?") as watched:
        events = [event async for event in watched]
    return watched.result.output, events, watched.result.messages


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("name", NAMES)
async def test_a_recorded_run_replays_without_the_provider(name: str, is_streamed: bool, tmp_path: Path) -> None:
    file = tmp_path / "weather.json"
    async with simulate(script()) as simulator:
        agent = agent_of(name, simulator.url)
        with recording(file, mode="all"):
            made = await run(agent, is_streamed=is_streamed)
    with recording(file) as recorder:
        played = await run(agent, is_streamed=is_streamed)
    assert played[0] == made[0] == "It rains in Paris, again and again."
    assert played[2] == made[2]
    texts = [[event for event in events if isinstance(event, TextDelta)] for _, events, _ in (played, made)]
    assert texts[0] == texts[1]
    assert len(texts[0]) > 3 or not is_streamed
    assert recorder.remaining == 0
    assert KEY not in file.read_text()


async def test_a_run_in_parallel_with_others_finds_its_own_replies(tmp_path: Path) -> None:
    def echo(request: Any) -> str:
        return f"you said {request.messages[-1].text}"

    async def ask_all(agent: Agent[Any, str], order: list[int]) -> dict[int, str]:
        answers: dict[int, str] = {}

        async def ask(number: int) -> None:
            answers[number] = (await agent.run(f"number {number}")).output

        async with anyio.create_task_group() as tasks:
            for number in order:
                tasks.start_soon(ask, number)
        return answers

    async with simulate(ScriptedModel(*[echo] * 8)) as simulator:
        agent = agent_of("openai:gpt-6-luna", simulator.url)
        with recording(tmp_path / "many.json", mode="all"):
            await ask_all(agent, list(range(8)))
    with recording(tmp_path / "many.json"):
        answers = await ask_all(agent, [5, 3, 7, 1, 0, 2, 6, 4])
    assert answers == {number: f"you said number {number}" for number in range(8)}


async def test_the_same_request_twice_gets_its_two_replies_in_order_and_no_third(tmp_path: Path) -> None:
    file = tmp_path / "twice.json"
    async with simulate(ScriptedModel("heads", "tails")) as simulator:
        agent = agent_of("anthropic:claude-sonnet-5", simulator.url)
        with recording(file, mode="all"):
            assert [(await agent.run("Toss.")).output for _ in range(2)] == ["heads", "tails"]
    with (
        pytest.raises(NotRecordedError, match=r"sent once more than it is in .*, where it is 2 times"),
        recording(file),
    ):
        assert [(await agent.run("Toss.")).output for _ in range(2)] == ["heads", "tails"]
        await agent.run("Toss.")


async def test_a_retry_is_recorded_and_replayed_without_its_wait(tmp_path: Path) -> None:
    file = tmp_path / "retried.json"
    async with simulate(ScriptedModel("fine"), faults=[Rule((Status(429, wait_seconds=0.01),), first=1)]) as simulator:
        agent = agent_of("openai-chat:gpt-6-luna", simulator.url)
        with recording(file, mode="all"):
            await run(agent, is_streamed=True)
    text = file.read_text()
    assert '"retry-after": "0.01"' in text
    file.write_text(text.replace('"retry-after": "0.01"', '"retry-after": "50"'))
    with anyio.fail_after(10), recording(file):
        _, events, _ = await run(agent, is_streamed=True)
    (failed,) = [event for event in events if isinstance(event, AttemptFailed)]
    assert (failed.attempt, failed.wait_seconds) == (1, 50)
    assert failed.error.startswith("RateLimitError")


async def test_an_error_is_replayed_as_the_same_error(tmp_path: Path) -> None:
    async with simulate(ScriptedModel("never"), faults=[Status(429, wait_seconds=0.01)]) as simulator:
        agent = agent_of("google:gemini-3-flash-preview", simulator.url)
        with recording(tmp_path / "refused.json", mode="all"), pytest.raises(RateLimitError) as made:
            await agent.run("Hello")
    with recording(tmp_path / "refused.json") as recorder, pytest.raises(RateLimitError) as played:
        await agent.run("Hello")
    assert (played.value.message, played.value.status, played.value.body) == (
        made.value.message,
        made.value.status,
        made.value.body,
    )
    assert (played.value.attempts, recorder.remaining) == (3, 0)


async def test_a_stream_that_was_cut_is_cut_in_the_replay(tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    async with simulate(ScriptedModel("one two three four five"), faults=[Reset("events", 4)]) as simulator:
        agent = agent_of("anthropic:claude-sonnet-5", simulator.url)
        with recording(file, mode="all"), pytest.raises(ConnectionFailedError):
            await run(agent, is_streamed=True)
    assert json.loads(file.read_text())["exchanges"][0]["response"]["end"] == "lost"
    with recording(file), pytest.raises(ConnectionFailedError, match="was lost here when"):
        await run(agent, is_streamed=True)


async def test_leaving_a_stream_records_what_was_read(tmp_path: Path) -> None:
    file = tmp_path / "left.json"

    async def read_two(agent: Agent[Any, str]) -> list[str]:
        texts: list[str] = []
        async with agent.stream("Hello") as watched:
            async for event in watched:
                texts += [event.text] if isinstance(event, TextDelta) else []
                if len(texts) == 2:
                    break
        return texts

    async with simulate(ScriptedModel("one two three four five"), faults=[SlowEvents(0.05)]) as simulator:
        agent = agent_of("openai-chat:gpt-6-luna", simulator.url)
        with recording(file, mode="all"):
            made = await read_two(agent)
    assert json.loads(file.read_text())["exchanges"][0]["response"]["end"] == "left"
    with recording(file):
        assert await read_two(agent) == made
    with recording(file), pytest.raises(ConnectionFailedError, match="its reader left when it was recorded"):
        async with agent.stream("Hello") as watched:
            await watched.text()


async def test_shows_what_changed_and_how_to_record_anew(tmp_path: Path) -> None:
    file = tmp_path / "changed.json"
    async with simulate(script()) as simulator:
        with recording(file, mode="all"):
            await run(agent_of("openai:gpt-6-luna", simulator.url, instructions="Be brief."), is_streamed=False)
        agent = agent_of("openai:gpt-6-luna", simulator.url, instructions="Be long.")
        with pytest.raises(NotRecordedError) as caught, recording(file, how_to_record="make recordings"):
            await run(agent, is_streamed=False)
        assert simulator.count == 2
    message = str(caught.value)
    assert message.startswith(f"this request is not in the recording {file}; the nearest one there is exchange 1 of 2:")
    assert message.endswith("if the change is meant, record anew: make recordings")
    assert caught.value.difference.splitlines()[:2] == ["--- recorded (exchange 1)", "+++ sent now"]
    changed = [line for line in caught.value.difference.splitlines()[2:] if line[0] in "+-"]
    assert changed == ['-  "instructions": "Be brief.",', '+  "instructions": "Be long.",']
    assert KEY not in message


async def test_a_program_that_hides_the_error_fails_its_test_all_the_same(tmp_path: Path) -> None:
    agent = agent_of("openai:gpt-6-luna", "http://127.0.0.1:1")
    missing = pytest.raises(NotRecordedError, match=r"none.json does not exist; to record it: .*AGENTKIT_RECORD=all")
    with missing, recording(tmp_path / "none.json"), contextlib.suppress(AgentkitError):
        await agent.run("Hello")


async def test_no_key_is_needed_for_a_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    file = tmp_path / "keyless.json"
    async with simulate(script()) as simulator:
        monkeypatch.setenv("OPENAI_BASE_URL", simulator.url + "/v1")
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        with recording(file, mode="all"):
            await run(Agent("openai:gpt-6-luna", tools=[get_weather]), is_streamed=False)
    monkeypatch.delenv("OPENAI_API_KEY")
    with recording(file):
        output, _, _ = await run(Agent("openai:gpt-6-luna", tools=[get_weather]), is_streamed=False)
    assert output == "It rains in Paris, again and again."
    with pytest.raises(MissingKeyError):
        await Agent("openai:gpt-6-luna").run("Hello")


async def test_what_is_missing_is_added(tmp_path: Path) -> None:
    file = tmp_path / "grows.json"
    async with simulate(ScriptedModel("one", "two")) as simulator:
        agent = agent_of("openai:gpt-6-luna", simulator.url)
        with recording(file, mode="missing"):
            await agent.run("first")
        before = json.loads(file.read_text())["exchanges"]
        with recording(file, mode="missing") as recorder:
            assert (await agent.run("first")).output == "one"
            assert (await agent.run("second")).output == "two"
        assert (simulator.count, len(recorder.recorded)) == (2, 1)
    after = json.loads(file.read_text())["exchanges"]
    assert (len(after), after[:1]) == (2, before)


async def test_the_environment_says_the_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTKIT_RECORD", "all")
    async with simulate(ScriptedModel("hello")) as simulator:
        with recording(tmp_path / "made.json") as recorder:
            await agent_of("openai:gpt-6-luna", simulator.url).run("Hello")
    assert recorder.mode == "all"
    assert (tmp_path / "made.json").exists()
    monkeypatch.setenv("AGENTKIT_RECORD", "sometimes")
    refused = pytest.raises(ConfigurationError, match="AGENTKIT_RECORD is 'sometimes'; it has to be one of replay, mis")
    with refused, recording(tmp_path / "made.json"):
        pass


async def test_a_thread_of_the_program_is_replayed_too(tmp_path: Path) -> None:
    file = tmp_path / "thread.json"
    async with simulate(ScriptedModel("from the thread")) as simulator:
        agent = agent_of("openai:gpt-6-luna", simulator.url)
        with recording(file, mode="all"):
            await agent.run("Hello")
    answers: list[str] = []
    with recording(file):
        thread = threading.Thread(target=lambda: answers.append(agent.run_sync("Hello").output))
        thread.start()
        await anyio.to_thread.run_sync(thread.join)
    assert answers == ["from the thread"]


async def test_what_is_hidden_is_neither_written_nor_compared(tmp_path: Path) -> None:
    file = tmp_path / "hidden.json"
    hide = [r"customer \d+", re.compile("PASSPORT [a-z]+", re.IGNORECASE)]
    async with simulate(ScriptedModel("Hello, customer 4711, passport abcdef.")) as simulator:
        agent = agent_of("anthropic:claude-sonnet-5", simulator.url)
        with recording(file, mode="all", hide=hide):
            async with agent.stream("I am customer 4711.") as watched:
                await watched.text()
    assert re.findall("4711|abcdef", file.read_text()) == []
    with recording(file, hide=hide):
        async with agent.stream("I am customer 12.") as watched:
            assert await watched.text() == "Hello, REDACTED, REDACTED."


async def test_the_simulator_replays_the_file(tmp_path: Path) -> None:
    file = tmp_path / "served.json"
    async with simulate(script()) as simulator:
        with recording(file, mode="all"):
            made = await run(agent_of("openai:gpt-6-luna", simulator.url), is_streamed=True)
    async with simulate(Recording.from_file(file)) as simulator:
        served = await run(agent_of("openai:gpt-6-luna", simulator.url), is_streamed=True)
    assert served[0] == made[0]
    assert served[2] == made[2]
