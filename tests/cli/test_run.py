from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Shell
from .terminal_session import TerminalSession

NOTICE = (
    "using the model offline: (it matches words, it is no language model); "
    "for another one: --model openai:gpt-6-luna, or AGENTKIT_MODEL\n"
)

SLOW = '''
import time

import anyio


async def wait_long(seconds: int) -> str:
    """Wait some seconds."""
    await anyio.sleep(seconds)
    return "waited"


def block_long(seconds: int) -> str:
    """Block for some seconds."""
    time.sleep(seconds)
    return "blocked"
'''


def test_a_newcomers_functions_are_run_offline_with_a_notice(shell: Shell) -> None:
    ended = shell("run", "--tools", "my_tools.py", "What is the weather in Paris?")
    assert (ended.code, ended.out, ended.err) == (0, "21 c and sunny in Paris.\n", NOTICE)


def test_an_agent_is_run_as_it_is(shell: Shell) -> None:
    ended = shell("run", "shop.py:support", "Find order 17")
    assert (ended.code, ended.out, ended.err) == (0, "Number: 17, status: shipped.\n", "")


def test_a_dash_reads_the_prompt_from_standard_input(shell: Shell) -> None:
    assert shell("run", "shop:support", "-", input="Find order 12\n").out == "Number: 12, status: shipped.\n"


def test_json_is_one_document(shell: Shell) -> None:
    document = shell("run", "--json", "shop.py", "Find order 17").document
    assert " ".join(document) == ("output pending finish steps usage cost run_id trace_id messages state state_file")
    assert (document["output"], document["steps"], document["finish"]) == ("Number: 17, status: shipped.", 2, "stop")


def test_an_output_schema_gives_json(shell: Shell, folder: Path) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    }
    (folder / "trip.json").write_text(json.dumps(schema))
    ended = shell("run", "--model", "offline:", "--output-schema", "trip.json", 'A trip to "Paris" for 3 days')
    assert json.loads(ended.out)["days"] == 3


def test_the_trace_is_drawn_and_written(shell: Shell, folder: Path) -> None:
    ended = shell("run", "shop.py", "Find order 17", "--trace", "--trace-dir", "traces")
    assert [line.split("  ")[0] for line in ended.err.splitlines()] == [
        "invoke_agent support", "├─ chat matcher", "├─ execute_tool find_order", "└─ chat matcher",
    ]  # fmt: skip
    (file,) = (folder / "traces").iterdir()
    assert shell("trace", "show", str(file)).out == ended.err


def test_a_call_that_waits_ends_with_code_3_and_can_be_approved_later(shell: Shell, folder: Path) -> None:
    ended = shell("run", "shop.py:support", "Delete order 17")
    (state,) = folder.glob("agentkit-*.json")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == (
        "1 call waits for a person:\n"
        "  1.0  delete_order(number=17)\n"
        "to go on:\n"
        f"  agentkit run shop.py:support --state {state.name} --yes\n"
        f"  agentkit run shop.py:support --state {state.name} --deny 1.0=why\n"
    )
    assert state.stat().st_mode & 0o077 == 0
    again = shell("run", "shop.py:support", "--state", state.name, "--yes")
    assert (again.code, again.out) == (0, "order 17 is gone.\n")


def test_single_calls_are_approved_and_denied_by_their_id(shell: Shell) -> None:
    waits = shell("run", "shop.py", "Delete order 17", "--state", "run.json", "--json")
    assert (waits.code, waits.document["output"], waits.document["state_file"]) == (3, None, "run.json")
    assert waits.document["pending"] == [
        {"id": "1.0", "tool": "delete_order", "arguments": {"number": 17}, "reason": "", "agent": "support"}
    ]
    wrong = shell("run", "shop.py", "--state", "run.json", "--deny", "9.9")
    assert (wrong.code, wrong.err) == (
        1, "error: no call '9.9' waits for a decision; these do: 1.0 (delete_order)\n",
    )  # fmt: skip
    denied = shell("run", "shop.py", "--state", "run.json", "--deny", "1.0=too late")
    assert (denied.code, denied.out) == (0, "delete_order was not allowed: too late.\n")


def test_a_kept_run_goes_on_with_the_next_prompt(shell: Shell) -> None:
    shell("run", "shop.py", "Find order 17", "--state", "run.json")
    document = shell("run", "shop.py", "Find order 18", "--state", "run.json", "--json").document
    assert document["output"] == "Number: 18, status: shipped."
    assert [message["kind"] for message in document["messages"]["messages"]] == [
        "user", "assistant", "assistant", "user", "assistant", "assistant",
    ]  # fmt: skip


def test_what_a_run_did_before_its_budget_was_spent_is_kept(shell: Shell, folder: Path) -> None:
    ended = shell("run", "shop.py", "Find order 17", "--max-steps", "1")
    (state,) = folder.glob("agentkit-*.json")
    assert ended.code == 1
    kept, error = ended.err.splitlines()
    assert kept == f"what the run did so far is kept; go on with --state {state.name}"
    assert error.startswith("error: budget of 1 steps is spent: 1 used")
    assert shell("run", "shop.py", "--state", state.name).out == "Number: 17, status: shipped.\n"


def test_the_trace_of_a_run_that_failed_is_drawn_too(shell: Shell) -> None:
    ended = shell("run", "shop.py", "Find order 17", "--max-steps", "1", "--trace")
    first = ended.err.splitlines()[1]
    assert first.startswith("invoke_agent support")
    assert "✗ agentkit.BudgetExceededError" in first


def test_a_broken_state_file_is_told_and_left_alone(shell: Shell, folder: Path) -> None:
    (folder / "run.json").write_text("{")
    ended = shell("run", "shop.py", "hi", "--state", "run.json")
    assert ended.err.startswith("error: the state file 'run.json' is not JSON: ")
    assert (folder / "run.json").read_text() == "{"
    (folder / "run.json").write_text('{"version": 99}')
    assert "has version 99, this agentkit reads up to 2" in shell("run", "shop.py", "--state", "run.json").err


def test_wrong_usage_says_what_to_write(shell: Shell) -> None:
    for arguments, said in (
        (["shop.py"], 'a prompt is missing: agentkit run shop.py "..."'),
        ([], 'a prompt is missing: agentkit run --tools my_tools.py "..."'),
        (["shop.py", " "], "the prompt is empty"),
        (["shop.py", "--state", "lost.json", "--yes"],
         "there is no state file 'lost.json' to go on with; give a prompt to begin a run"),
        (["hello", "there"], "put the prompt in quotes: agentkit run 'hello there'"),
        (["shop.py", "hello", "you"], "put the prompt in quotes: agentkit run shop.py 'hello you'"),
        (["shop.py", "x", "--tools", "my_tools.py"],
         "--tools are for an agent made here; shop.py has its own tools"),
    ):  # fmt: skip
        ended = shell("run", *arguments)
        assert (ended.code, ended.err.splitlines()[-1]) == (2, f"Error: {said}")


def test_an_attachment_that_cannot_be_sent_is_told(shell: Shell, folder: Path) -> None:
    (folder / "odd.xyz").write_bytes(b"??")
    assert shell("run", "shop.py", "look", "--image", "none.png").err == (
        "error: cannot read image 'none.png': No such file or directory\n"
    )
    assert "type of 'odd.xyz' is unknown" in shell("run", "shop.py", "look", "--file", "odd.xyz").err


def test_attachments_go_along(shell: Shell, folder: Path) -> None:
    (folder / "plan.png").write_bytes(b"\x89PNG\r\n\x1a\n0000")
    (folder / "notes.txt").write_text("hello")
    document = shell("run", "shop.py", "Find order 17", "--image", "plan.png", "--file", "notes.txt", "--json").document
    parts = document["messages"]["messages"][0]["parts"]
    assert [part["kind"] for part in parts] == ["text", "image", "document"]


def test_a_terminal_sees_the_calls_and_is_asked_for_approval(folder: Path) -> None:
    with TerminalSession("run", "shop.py:support", "Delete order 17", folder=folder) as terminal:
        terminal.until("support wants to call delete_order(number=17)\n")
        terminal.until("  [y]es, [n]o, [e]dit the arguments: ")
        terminal.type("y")
        assert terminal.end() == 0
        assert "  → delete_order(number=17)\n  ← delete_order: order 17 is gone\n" in terminal.shown
        assert "\norder 17 is gone.\n2 steps · " in terminal.shown


@pytest.mark.parametrize(("prompt", "call"), [("Wait 600 seconds", "wait_long"), ("Block 600 seconds", "block_long")])
def test_ctrl_c_ends_a_run_with_code_130_and_its_state_is_kept(folder: Path, prompt: str, call: str) -> None:
    (folder / "slow.py").write_text(SLOW)
    arguments = ("run", "--tools", "slow.py", "--model", "offline:", prompt, "--state", "run.json")
    with TerminalSession(*arguments, folder=folder) as terminal:
        terminal.until(f"→ {call}(seconds=600)")
        terminal.press("C")
        assert terminal.end() == 130
        assert terminal.shown.endswith("what the run did so far is kept; go on with --state run.json\ninterrupted\n")
    assert json.loads((folder / "run.json").read_text())["journal"][-1]["kind"] in ("interrupted", "call_ended")
