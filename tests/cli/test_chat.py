from __future__ import annotations

import json
from pathlib import Path

from .conftest import Shell
from .terminal_session import TerminalSession

SLOW = '''
import anyio
from agentkit import tool


@tool
async def wait_long(seconds: int) -> str:
    """Wait some seconds."""
    await anyio.sleep(seconds)
    return "waited"


@tool(approve=True)
def delete_order(number: int) -> str:
    """Delete an order."""
    return f"order {number} is gone"
'''


def test_every_piped_line_is_a_prompt_of_one_conversation(shell: Shell) -> None:
    ended = shell("chat", "--tools", "my_tools.py", "--model", "offline:",
                  input="What is the weather in Paris?\n\nand in Rome?\n")  # fmt: skip
    assert (ended.code, ended.out) == (0, "21 c and sunny in Paris.\n21 c and sunny in Rome.\n")
    assert ended.err == (
        '  → get_weather(city="Paris")\n'
        "  ← get_weather: 21 c and sunny in Paris\n"
        '  → get_weather(city="Rome")\n'
        "  ← get_weather: 21 c and sunny in Rome\n"
    )


def test_json_gives_one_line_a_turn(shell: Shell) -> None:
    ended = shell("chat", "shop.py", "--json", input="Find order 17\nDelete order 18\n")
    first, second = map(json.loads, ended.out.splitlines())
    assert ended.err == ""
    assert first["output"] == "Number: 17, status: shipped."
    assert second["output"] == "delete_order was not allowed: nobody is there to approve it."


def test_yes_approves_every_call(shell: Shell) -> None:
    assert shell("chat", "shop.py", "--yes", input="Delete order 18\n").out == "order 18 is gone.\n"


def test_slash_commands_look_after_the_conversation(shell: Shell, folder: Path) -> None:
    ended = shell(
        "chat",
        "shop.py",
        input="Find order 17\n/save talk.json\n/clear\n/save none.json\n/load talk.json\n/model offline:\n/cost\n"
        "/tools\n/quit\nnever read\n",
    )
    told = ended.err.splitlines()[2:]
    assert (ended.code, ended.out) == (0, "Number: 17, status: shipped.\n")
    assert told[:5] == [
        "3 messages in talk.json",
        "the conversation is empty",
        "0 messages in none.json",
        "3 messages from talk.json",
        "model: offline:matcher",
    ]
    assert told[5].startswith("1 turns · ")
    assert told[6:] == [
        "tool          effect             arguments  what it does",
        "find_order    read               number     Find an order by its number.",
        "delete_order  destructive, asks  number     Delete an order.",
    ]


def test_mistakes_are_told_and_the_conversation_goes_on(shell: Shell) -> None:
    mistakes = ("/modle", "/xyz", "/save", "/load nothing", "/model fireworsk:x", "/model openai:gpt-6-luna")
    ended = shell("chat", "shop.py", input="\n".join((*mistakes, "Find order 1\n")))
    assert ended.err.splitlines()[:6] == [
        "error: no command /modle; did you mean /model?",
        "error: no command /xyz; /help lists them",
        "error: /save needs a file: /save FILE",
        "error: cannot read the session 'nothing': No such file or directory",
        "error: unknown provider 'fireworsk'; did you mean 'fireworks'?",
        "error: no API key for openai: set the environment variable OPENAI_API_KEY, or pass model(..., api_key=...); "
        "to go on without a key use the model 'offline:'",
    ]
    assert (ended.code, ended.out) == (0, "Number: 1, status: shipped.\n")


def test_a_session_goes_on_where_it_was(shell: Shell, folder: Path) -> None:
    shell("chat", "--tools", "my_tools.py", "--session", "talk.json", input="What is the weather in Paris?\n")
    ended = shell("chat", "--tools", "my_tools.py", "--session", "talk.json", input="and in Rome?\n")
    assert ended.out == "21 c and sunny in Rome.\n"
    assert len(json.loads((folder / "talk.json").read_text())["messages"]) == 6


def test_a_corrupt_session_is_told_and_left_alone(shell: Shell, folder: Path) -> None:
    for text, said in (
        ("nonsense", "the session 'talk.json' is not JSON: "),
        ("[]", "the session 'talk.json' should be a JSON object, but is list"),
        ('{"version": 99}', "this list of messages has version 99, this agentkit reads up to 1"),
        ('{"version": 1, "messages": [{"kind": "user"}]}', "these messages cannot be read: at 0."),
    ):
        (folder / "talk.json").write_text(text)
        ended = shell("chat", "shop.py", "--session", "talk.json", input="hello\n")
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith(f"error: {said}")
        assert (folder / "talk.json").read_text() == text


def test_a_turn_that_ends_by_an_error_keeps_what_was_done(shell: Shell) -> None:
    ended = shell("chat", "shop.py", "--max-steps", "1", "--session", "talk.json", input="Find order 17\n")
    assert "error: budget of 1 steps is spent" in ended.err
    assert '"status":"shipped"' in Path("talk.json").read_text()


def test_a_person_approves_edits_and_denies_in_the_terminal(folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW)
    with TerminalSession("chat", "--tools", "slow.py", "--model", "offline:", folder=folder) as terminal:
        terminal.until("agent on offline:matcher; /help for commands, Ctrl-D to leave\n\n› ")
        terminal.type("Delete order 17")
        terminal.until("arguments: ")
        terminal.type("maybe")
        assert terminal.until("arguments: ").endswith(
            "'maybe' is none of y, n, e\n  [y]es, [n]o, [e]dit the arguments: "
        )
        terminal.type("e")
        terminal.until("arguments as JSON: ")
        terminal.type('{"number": 18}')
        assert "\norder 18 is gone.\n2 steps · " in terminal.until("› ")
        terminal.type("Delete order 19")
        terminal.until("arguments: ")
        terminal.type("n")
        terminal.until("empty is fine) ")
        terminal.type("too late")
        assert "delete_order was not allowed: too late." in terminal.until("› ")
        terminal.press("D")
        assert terminal.end() == 0


def test_a_terminal_has_colours_unless_it_wants_none(folder: Path) -> None:
    for environment, is_coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        with TerminalSession("chat", "shop.py", folder=folder, environment=environment) as terminal:
            terminal.until("› ")
            terminal.type("Find order 17")
            terminal.until("cost $0")
            terminal.until("› ")
            terminal.press("D")
            terminal.end()
            assert terminal.is_coloured is is_coloured


def test_ctrl_c_stops_a_turn_and_keeps_the_conversation(folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW)
    arguments = ("chat", "--tools", "slow.py", "--model", "offline:", "--session", "talk.json")
    with TerminalSession(*arguments, folder=folder) as terminal:
        terminal.until("› ")
        terminal.type("Wait 600 seconds")
        terminal.until("→ wait_long(seconds=600)")
        terminal.press("C")
        assert "stopped; the conversation so far is kept\n1 step · " in terminal.until("› ")
        terminal.type("Delete order 17")
        terminal.until("arguments: ")
        terminal.press_until("C", "stopped; the conversation so far is kept")
        terminal.until("› ")
        terminal.type("/cost")
        assert "2 turns · " in terminal.until("› ")
        terminal.press_until("C", "Ctrl-C again or Ctrl-D to leave\n")
        terminal.until("› ")
        terminal.press_until("C", "interrupted\n")
        assert terminal.end() == 130
    messages = json.loads((folder / "talk.json").read_text())["messages"]
    outcomes = [part["outcome"]["kind"] for message in messages for part in message["parts"] if "outcome" in part]
    assert outcomes == ["lost", "cancelled"]
