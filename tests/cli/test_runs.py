"""`agentkit run --store` and `agentkit runs`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentkit.agent import Agent
from agentkit.runs import SqliteRunStore
from agentkit.testing import ScriptedModel

from .conftest import Shell

SLOW = '''
import anyio
from agentkit import Agent, tool
from agentkit.testing import ScriptedModel, calls
from pathlib import Path

@tool(effect="read")
async def wait() -> str:
    """Wait."""
    if Path("waited").exists():
        return "at last"
    Path("waited").touch()
    await anyio.sleep_forever()

slow = Agent(ScriptedModel(calls(("wait", {}))), tools=[wait], name="slow")
again = Agent(ScriptedModel("it is done"), tools=[wait], name="slow")
'''


@pytest.fixture(autouse=True)
def no_store_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTKIT_RUNS", raising=False)


def _began(shell: Shell, *arguments: str) -> str:
    """The id of a run that waits for a person, in runs.db."""
    ended = shell("run", "--store", "runs.db", *(arguments or ("shop.py:support", "Delete order 17")))
    assert ended.code == 3, ended.err
    return _runs(shell)[0]["run_id"]


def _runs(shell: Shell) -> list[dict[str, Any]]:
    return shell("runs", "list", "--store", "runs.db", "--json").document


def _without_times(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d|\d\d:\d\d:\d\d|\d+\.\d\d s", "<time>", text)


def test_a_run_that_is_kept_says_its_id_at_once_and_how_to_go_on(shell: Shell) -> None:
    ended = shell("run", "--store", "runs.db", "shop.py:support", "Delete order 17")
    id = _runs(shell)[0]["run_id"][:12]
    assert (ended.code, ended.out, ended.err) == (
        3,
        "",
        f"run {id}, kept in runs.db\n"
        "1 call waits for a person:\n"
        "  1.0  delete_order(number=17)\n"
        "to go on:\n"
        f"  agentkit runs approve {id} 1.0 --store runs.db   or deny\n"
        f"  agentkit runs resume {id} --store runs.db\n",
    )


def test_runs_are_listed_with_how_they_stand(shell: Shell) -> None:
    id = _began(shell)[:12]
    ended = shell("runs", "list", "--store", "runs.db")
    assert (ended.code, _without_times(ended.out)) == (
        0,
        "run           status  changed           agent    steps  cost  prompt\n"
        f"{id}  paused  <time>  support      1    $0  Delete order 17\n",
    )


def test_the_journal_of_a_run_is_shown_for_people_and_as_json(shell: Shell) -> None:
    id = _began(shell)
    assert _without_times(shell("runs", "show", id[:5], "--store", "runs.db").out) == (
        f"run {id}\n"
        "paused · support · 1 step · 81 tokens in, 4 out · cost $0 · began <time>\n"
        "\n"
        "<time>                begins: Delete order 17\n"
        "<time>  step 1        calls delete_order(number=17)\n"
        "<time>  1.0           delete_order waits\n"
        "\n"
        "waiting for a person:\n"
        "  1.0  delete_order(number=17)\n"
    )
    document = shell("runs", "show", id, "--store", "runs.db", "--json").document
    assert [record["kind"] for record in document["records"]] == ["run_began", "answered", "call_paused"]
    assert (document["status"], [call["id"] for call in document["pending"]]) == ("paused", ["1.0"])


def test_an_approved_call_is_made_when_the_run_is_resumed_by_the_agent_that_began_it(
    shell: Shell, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = _began(shell)
    monkeypatch.setenv("AGENTKIT_RUNS", str(folder / "runs.db"))
    ended = shell("runs", "approve", id, "1.0", "--arguments", '{"number": 18}')
    assert (ended.code, ended.err) == (0, f"written down; to go on: agentkit runs resume {id[:12]}\n")
    assert _runs(shell)[0]["status"] == "ready"
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    assert shell("runs", "resume", id[:8]).out == "order 18 is gone.\n"
    shown = shell("runs", "show", id).out
    assert 'delete_order is approved, with {"number":18}' in shown
    assert "delete_order: order 18 is gone" in shown


def test_a_denied_call_is_not_made_and_the_model_is_told_why(shell: Shell) -> None:
    id = _began(shell)
    shell("runs", "deny", id, "1.0", "--because", "ask first", "--store", "runs.db")
    ended = shell("runs", "resume", id, "--store", "runs.db")
    assert (ended.code, ended.out) == (0, "delete_order was not allowed: ask first.\n")
    assert "delete_order is denied: ask first" in shell("runs", "show", id, "--store", "runs.db").out


def test_a_resumed_run_that_still_waits_says_so(shell: Shell) -> None:
    id = _began(shell)
    ended = shell("runs", "resume", id, "--store", "runs.db")
    assert ended.code == 3
    assert "1 call waits for a person:" in ended.err


def test_tools_and_the_model_of_a_run_are_those_that_began_it_unless_others_are_said(shell: Shell) -> None:
    shell("run", "--store", "runs.db", "--tools", "shop.py", "--model", "offline:", "Delete order 17")
    id = _runs(shell)[0]["run_id"]
    cli = _runs(shell)[0]["notes"]["cli"]
    assert (cli["model"], cli["tools"], cli["agent"]) == ("offline:", [str(Path("shop.py").resolve())], None)
    shell("runs", "approve", id, "1.0", "--store", "runs.db")
    assert shell("runs", "resume", id, "--store", "runs.db", "--agent", "shop.py:support").out == "order 17 is gone.\n"


def test_a_run_from_elsewhere_needs_its_agent_named(shell: Shell, folder: Path) -> None:
    store = SqliteRunStore(folder / "runs.db")
    id = Agent(ScriptedModel("done")).run_sync("Find order 17", store=store).run_id
    ended = shell("runs", "resume", id, "And order 18?", "--store", "runs.db")
    assert (ended.code, ended.err) == (
        1,
        f"error: run {id[:12]} was not begun by `agentkit run`; say which agent: --agent module:agent, or --tools and "
        "--model\n",
    )
    ended = shell("runs", "resume", id, "Find order 18", "--store", "runs.db", "--agent", "shop:support")
    assert ended.out == "Number: 18, status: shipped.\n"


def test_json_of_a_resumed_run_is_that_of_run(shell: Shell) -> None:
    id = _began(shell)
    shell("runs", "approve", id, "1.0", "--store", "runs.db")
    document = shell("runs", "resume", id, "--store", "runs.db", "--json").document
    assert (document["output"], document["run_id"]) == ("order 17 is gone.", id)


def test_runs_are_forgotten(shell: Shell) -> None:
    id = _began(shell)
    assert shell("runs", "prune", "--older-than-days", "1", "--store", "runs.db").out == "forgot 0 runs\n"
    assert shell("runs", "delete", id[:6], "--store", "runs.db").out == f"forgot {id[:12]}\n"
    assert shell("runs", "list", "--store", "runs.db").out == "no runs in runs.db\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("runs", "list"), 2, "which store? say --store runs.db, or set AGENTKIT_RUNS"),
        (("runs", "show", "abc", "--store", "runs.db"), 1, "no run 'abc', since the store 'runs.db' does not exist"),
        (("runs", "approve", "a", "1.0", "1.1", "--arguments", "{}", "--store", "runs.db"), 2, "are for one call"),
        (("run", "--store", "a.db", "--state", "b.json", "shop.py", "hi"), 2, "with --store or with --state"),
    ],
)
def test_misuse_is_told(shell: Shell, arguments: tuple[str, ...], code: int, said: str) -> None:
    ended = shell(*arguments)
    assert ended.code == code
    assert said in ended.err


def test_a_run_that_is_not_there_is_told(shell: Shell) -> None:
    _began(shell)
    for id in ("abc", ""):
        ended = shell("runs", "show", id, "--store", "runs.db")
        assert (ended.code, ended.err) == (
            1, f"error: there is no run {id!r} in 'runs.db'; `agentkit runs list` shows those that are\n"
        )  # fmt: skip


def test_a_list_says_when_it_is_not_all_and_when_there_is_no_store(shell: Shell) -> None:
    ended = shell("runs", "list", "--store", "nowhere.db")
    assert (ended.code, ended.out) == (0, "no runs in nowhere.db: there is no such file\n")
    for _ in range(2):
        _began(shell)
    assert shell("runs", "list", "--store", "runs.db", "--limit", "2").err == ""
    ended = shell("runs", "list", "--store", "runs.db", "--limit", "1")
    assert (len(ended.out.splitlines()), ended.err) == (2, "there are more; --limit 5 shows more of them\n")


def test_another_agent_than_the_one_that_began_is_named(shell: Shell, folder: Path) -> None:
    (folder / "other.py").write_text("from agentkit import Agent\nother = Agent('offline:', name='other')\n")
    id = _began(shell)
    ended = shell("runs", "resume", id, "--store", "runs.db", "--agent", "other.py:other")
    said = "agent 'support' began this run, 'other' goes on; calls of tools that it has not fail\n"
    assert ended.err.startswith(said)


def test_an_approval_is_not_used_up_by_an_agent_without_the_tool(shell: Shell, folder: Path) -> None:
    (folder / "other.py").write_text("from agentkit import Agent\nother = Agent('offline:', name='other')\n")
    id = _began(shell)
    shell("runs", "approve", id, "1.0", "--store", "runs.db")
    ended = shell("runs", "resume", id, "--store", "runs.db", "--agent", "other.py:other")
    assert ended.code == 1
    assert "call 1.0 of this run is one of 'delete_order', which the agent 'other' does not have" in ended.err
    assert shell("runs", "resume", id, "--store", "runs.db").out == "order 17 is gone.\n"


def test_a_decision_that_comes_too_late_is_told_and_changes_nothing(shell: Shell) -> None:
    id = _began(shell)
    shell("runs", "approve", id, "1.0", "--store", "runs.db")
    shell("runs", "resume", id, "--store", "runs.db")
    ended = shell("runs", "deny", id, "1.0", "--store", "runs.db")
    assert (ended.code, ended.err) == (1, "error: no call '1.0' waits for a decision; none does in this run\n")
    assert [(run["status"], run["error"]) for run in _runs(shell)] == [("finished", "")]


def test_a_decision_on_no_waiting_call_is_told(shell: Shell) -> None:
    id = _began(shell)
    ended = shell("runs", "approve", id, "2.0", "--store", "runs.db")
    assert (ended.code, ended.err) == (
        1, "error: no call '2.0' waits for a decision; these do: 1.0 (delete_order)\n"
    )  # fmt: skip


@pytest.mark.parametrize("command", ["approve", "deny"])
def test_a_decision_that_names_no_call_shows_what_waits_and_changes_nothing(shell: Shell, command: str) -> None:
    id = _began(shell)
    ended = shell("runs", command, id, "--store", "runs.db")
    assert (ended.code, ended.out, ended.err) == (
        2,
        "",
        "which call? these wait for a person:\n"
        "  1.0  delete_order(number=17)\n"
        f"such as: agentkit runs {command} {id[:12]} 1.0 --store runs.db\n",
    )
    assert _runs(shell)[0]["status"] == "paused"
    shell("runs", "deny", id, "1.0", "--store", "runs.db")
    ended = shell("runs", command, id, "--store", "runs.db")
    assert ended.code == 2
    assert f"no call of run {id[:12]} waits for a person" in ended.err


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_a_command_that_was_killed_goes_on(shell: Shell, folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW)
    command = [sys.executable, "-m", "agentkit", "run", "--store", "runs.db", "slow.py:slow", "go"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stderr is not None
        id = process.stderr.readline().split()[1].rstrip(",")
        while not (folder / "waited").exists():
            os.sched_yield()
        busy = shell("runs", "resume", id, "--store", "runs.db")
        process.send_signal(signal.SIGKILL)
    assert busy.code == 1
    assert "is being driven by a living process" in busy.err
    assert _runs(shell)[0]["status"] == "interrupted"
    assert shell("runs", "resume", id, "--store", "runs.db", "--agent", "slow.py:again").out == "it is done\n"
