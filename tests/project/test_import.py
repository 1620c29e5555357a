"""What importing costs: few modules, and nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MEASURE = """
import json, sys
before = set(sys.modules)
import agentkit
agentkit.Agent
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_an_agent_loads_at_most_250_modules(loaded: list[str]) -> None:
    assert len(loaded) <= 250


@pytest.mark.parametrize(
    "heavy",
    ["httpx", "httpcore", "h11", "jsonschema", "docstring_parser", "opentelemetry.sdk", "click", "asyncio", "ssl"],
)
def test_an_agent_loads_nothing_that_only_some_runs_need(heavy: str, loaded: list[str]) -> None:
    assert heavy not in loaded
