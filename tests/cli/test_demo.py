from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from .conftest import Shell

CALLS = [
    "  → list_files()",
    '  → read_file(path="notes.md")',
    '  → add_up_column(path="orders.csv", column="amount")',
    '  → add_up_column(path="refunds.csv", column="amount")',
]

TREE = """\
invoke_agent demo
├─ chat matcher
├─ execute_tool list_files
├─ execute_tool read_file
├─ execute_tool add_up_column
├─ execute_tool add_up_column
└─ chat matcher
"""

NEXT = """\
Next:
  export OPENAI_API_KEY=...                then: agentkit demo --model openai:gpt-6-luna
  agentkit run --tools my_tools.py "..."   your own functions as tools, still offline
  agentkit chat --tools my_tools.py        the same, as a conversation
"""


def test_the_demo_calls_real_tools_and_shows_the_trace(shell: Shell) -> None:
    ended = shell("demo")
    assert (ended.code, ended.err) == (0, "")
    assert _calls(ended.out) == CALLS
    assert "- add_up_column (orders.csv, amount): 471.5.\n- add_up_column (refunds.csv, amount): 89.9.\n" in ended.out
    assert TREE in "".join(re.sub(r"\s{2,}.*", "", line) + "\n" for line in ended.out.splitlines())
    assert re.search(r"\n2 steps · [\d,]+ tokens in, [\d,]+ out · cost \$0 · [\d.]+ s\n", ended.out)
    assert ended.out.endswith(NEXT)


def test_the_demo_as_json_is_one_document(shell: Shell) -> None:
    document = shell("demo", "--json").document
    assert document["steps"] == 2
    assert document["cost"] == {"usd": 0.0, "is_known": True}
    calls = [part for message in document["messages"]["messages"] for part in message["parts"] if "outcome" in part]
    assert [call["name"] for call in calls] == ["list_files", "read_file", "add_up_column", "add_up_column"]
    assert [call["outcome"]["content"] for call in calls[2:]] == [471.5, 89.9]


def test_the_demo_leaves_nothing_behind(shell: Shell, folder: Path) -> None:
    before = sorted(folder.iterdir())
    shown = shell("demo").out
    made = re.search(r"in (\S+agentkit-demo-\w+)", shown)
    assert made is not None
    assert not Path(made[1]).exists()
    assert sorted(folder.iterdir()) == before


def test_a_missing_key_is_told_before_anything_is_shown(shell: Shell) -> None:
    ended = shell("demo", "--model", "openai:gpt-6-luna")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "error: no API key for openai: set the environment variable OPENAI_API_KEY, or pass model(..., api_key=...); "
        "to go on without a key use the model 'offline:'\n"
    )


def test_the_demo_starts_from_the_shell_in_little_time(folder: Path) -> None:
    program = "from agentkit.cli.main import main; main()"
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-c", program, "demo"], capture_output=True, text=True, timeout=30, check=False, cwd=folder
    )
    after = os.times()
    assert (done.returncode, done.stderr) == (0, "")
    assert _calls(done.stdout) == CALLS
    assert after.children_user - before.children_user < 1.5


def _calls(shown: str) -> list[str]:
    """The lines that say what is called; results come between them as they are ready."""
    return [line for line in shown.splitlines() if line.startswith("  →")]
