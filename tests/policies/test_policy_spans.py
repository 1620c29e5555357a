"""What spans and metrics tell of fallbacks and caches is accepted by the checker of the conventions, and no content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tracing.watched import MARKER, Watched, check

from agentkit.agent import Agent
from agentkit.errors import OverloadedError, RateLimitError, ServerError
from agentkit.policies.cache import cached
from agentkit.policies.fallback import fallback
from agentkit.policies.limits import limited
from agentkit.providers import task_model
from agentkit.settings import Settings
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks.embed import embed
from agentkit.testing.scripted import ScriptedModel, ScriptedTurn, calls
from agentkit.tools import tool
from agentkit.tracing.configure import configure

pytestmark = pytest.mark.anyio

CALL = calls(("look", {"at": "MARKER"}))


@tool(effect="read")
def look(at: str) -> str:
    """Look."""
    return "seen MARKER"


def luna(*turns: ScriptedTurn) -> ScriptedModel:
    return ScriptedModel(*turns, provider="openai", model="gpt-6-luna")


def claude(*turns: ScriptedTurn) -> ScriptedModel:
    return ScriptedModel(*turns, provider="anthropic", model="claude-sonnet-5")


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    configure(tracer_provider=watched.provider, meter_provider=watched.meters, content=False)
    yield watched
    configure()


def check_run(folder: Path, watched: Watched) -> None:
    assert MARKER not in watched.exported()
    check(folder, watched, "--expect-no-content", "--forbid", MARKER)


async def test_a_step_that_another_provider_took_over(watched: Watched, tmp_path: Path) -> None:
    both = fallback(claude(CALL, OverloadedError("full MARKER")), luna("done MARKER"))
    await Agent(both, tools=[look], name="weather").run("MARKER")
    assert [span.name for span in watched.finished] == [
        "chat claude-sonnet-5",
        "execute_tool look",
        "chat gpt-6-luna",
        "invoke_agent weather",
    ]
    attributes = dict(watched.span("chat gpt-6-luna").attributes or {})
    assert attributes["gen_ai.provider.name"] == "openai"
    assert attributes["agentkit.failed_over"] == ("anthropic:claude-sonnet-5 OverloadedError",)
    models = {
        (point["attributes"]["gen_ai.provider.name"], point["attributes"]["gen_ai.request.model"])
        for point in watched.points("gen_ai.client.inference.duration")
    }
    assert models == {("anthropic", "claude-sonnet-5"), ("openai", "gpt-6-luna")}
    check_run(tmp_path, watched)


async def test_a_run_that_all_models_failed(watched: Watched, tmp_path: Path) -> None:
    both = fallback(claude(RateLimitError("MARKER")), luna(ServerError("MARKER", status=500)))
    with pytest.raises(ServerError):
        await Agent(both, name="weather").run("MARKER")
    assert dict(watched.span("chat claude-sonnet-5").attributes or {})["error.type"] == "500"
    check_run(tmp_path, watched)


async def test_a_run_from_the_cache(watched: Watched, tmp_path: Path) -> None:
    agent = Agent(cached(luna(CALL, "done MARKER"), tmp_path / "a.db"), tools=[look], name="weather")
    await agent.run("MARKER")
    await agent.run("MARKER")
    hits = [dict(span.attributes or {}).get("agentkit.cache.hit") for span in watched.finished if "chat" in span.name]
    assert hits == [None, None, True, True]
    check_run(tmp_path, watched)


async def test_tasks_that_another_model_took_over_and_that_a_cache_answered(watched: Watched, tmp_path: Path) -> None:
    async with simulate(faults=[Status(503)]) as down, simulate() as up:
        first, second = [
            task_model(name, "embed", base_url=server.base_url, api_key="k", settings=Settings(attempts=1))
            for name, server in (("mistral:mistral-embed", down), ("openai:text-embedding-3-small", up))
        ]
        await embed(limited(fallback(first, second), concurrency=1), "MARKER")
        kept = cached(second)
        for _ in range(2):
            await embed(kept, "MARKER")
    assert [span.name for span in watched.finished] == ["embeddings text-embedding-3-small"] * 3
    told = [dict(span.attributes or {}) for span in watched.finished]
    assert [each.get("gen_ai.provider.name") for each in told] == ["openai"] * 3
    assert [each.get("agentkit.cache.hit") for each in told] == [None, None, True]
    assert [each.get("gen_ai.usage.input_tokens") for each in told] == [2, 2, None]
    check_run(tmp_path, watched)
