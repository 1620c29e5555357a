"""What spans say of models that a cloud serves: its name in the conventions, and the model that answered."""

from __future__ import annotations

from pathlib import Path

import pytest
from canaries import KEY
from shared import needs_shared
from tracing.watched import Watched, check

from agentkit.agent import Agent
from agentkit.providers import model
from agentkit.testing import calls
from agentkit.testing.simulator import start_simulator
from agentkit.tools import tool
from agentkit.tracing import configure

pytestmark = needs_shared


@tool
def add(a: int, b: int) -> int:
    """Add."""
    return a + b


@pytest.mark.parametrize(
    ("name", "otel_name"),
    [
        ("vertex:gemini-3.5-flash", "gcp.vertex_ai"),
        ("vertex:claude-sonnet-4-5@20250929", "gcp.vertex_ai"),
        ("azure:my-gpt", "azure.ai.openai"),
        ("azure-chat:my-gpt", "azure.ai.openai"),
        ("azure-foundry:grok-4", "azure.ai.inference"),
        ("azure-foundry:claude-sonnet-4-5", "azure.ai.inference"),
    ],
)
def test_the_checker_accepts_what_a_run_says(name: str, otel_name: str, tmp_path: Path) -> None:
    watched = Watched()
    configure(tracer_provider=watched.provider, meter_provider=watched.meters)
    try:
        with start_simulator(calls(("add", {"a": 1, "b": 2})), "3") as server:
            agent = Agent(model(name, base_url=server.url, api_key=KEY), tools=[add])
            assert agent.run_sync("1 + 2?").output == "3"
    finally:
        configure()
    check(tmp_path, watched)
    chats = [span for span in watched.finished if span.attributes and "gen_ai.response.model" in span.attributes]
    assert {span.attributes["gen_ai.provider.name"] for span in chats if span.attributes} == {otel_name}
    assert len(chats) >= 2
