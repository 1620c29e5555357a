"""The examples run as they are, without a key and without a network, and print what they promise."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from project.documents import ROOT
from project.environment import clean_environment

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

PROMISES = {  # program -> lines or pieces of lines that it has to print, in this order
    "approvals.py": ["refund({'order': 1002, 'amount': 79.9}) waits for a person", "paid back 79.90 for order 1002"],
    "extract_orders.py": ['"customer": "Grace Hopper"', '"wish": "refund"', '"order": 1002', '"refund": 79.9'],
    "fallback_and_cache.py": [
        "not anthropic:claude-sonnet-5: OverloadedError",
        "step 2 was answered by openai:gpt-6-luna",
        "not anthropic:claude-sonnet-5: passed over",
        "step 2 was answered by the cache",
    ],
    "files_assistant.py": ["notes.md", "I ask for a refund of order 1002", "A refund above 50 needs a second look."],
    "fork_and_replay.py": ["lookups: ['order 1002']", "forked: ", "lookups: ['order 1002']", "same answer: True"],
    "guardrail.py": ["sent to ada@shop.example: Card [card]", "mail to a partner", "mail to elsewhere.example is not"],
    "http_api.py": ["status: 200", "state: paid", "https://elsewhere.example/ is not allowed"],
    "session_chat.py": ["order 1001: sent on Monday", "order 1002: paid, not sent yet", "6 messages are kept, 3"],
    "sort_mail.py": [
        "delivery: Where is",
        "on Wednesday",
        "refund: I want",
        "other: One",
        "on Sundays from nine to noon",
    ],
    "stream_terminal.py": ["count_words", "chapter 3 of 3", "5000", "tokens in"],
    "sub_agents.py": [
        "rain in Oslo",
        "22.00 USD",
        "stopped: budget of 3 steps is spent",
        "went on with what was earned",
    ],
    "test_weather_agent.py": ["broken_arguments_do_not_end_the_run: ok"],
    "trace_to_files.py": ["execute_tool find_customer", "execute_tool broken_scale", "the scale does not answer"],
    "weather.py": ["sun", "74.3", "umbrella is packed", "2 steps"],
}


def names(file: Path) -> str:
    return file.name


def test_every_example_promises_something() -> None:
    assert sorted(PROMISES) == [file.name for file in EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES, ids=names)
def test_an_example_runs_and_prints_what_it_promises(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(example)],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    rest = done.stdout
    for promised in PROMISES[example.name]:
        assert promised in rest, done.stdout
        rest = rest.partition(promised)[2]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=names)
def test_an_example_says_how_to_run_it_with_and_without_a_model(example: Path) -> None:
    said = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8"))) or ""
    assert f"python examples/{example.name}" in said
    assert "AGENTKIT_MODEL=" in said or "ScriptedModel" in said


def test_the_index_lists_every_example() -> None:
    index = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [file.name for file in EXAMPLES if f"({file.name})" not in index] == []


def test_the_tests_among_the_examples_pass_under_pytest() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_weather_agent.py"],
        cwd=ROOT / "examples",
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "3 passed" in done.stdout, done.stdout + done.stderr
