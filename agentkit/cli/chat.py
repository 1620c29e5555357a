"""`agentkit chat`: a conversation with an agent."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from agentkit.cli.asking import ask_line, load_readline
from agentkit.cli.chosen import Chosen, agent_options, choose_agent
from agentkit.cli.conversation import Conversation, Turn
from agentkit.cli.documents import read_document, write_document
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.result_json import result_to_json
from agentkit.cli.terminal import can_draw, error_line, notice, print_json
from agentkit.cli.tools_shown import tool_table
from agentkit.cli.watched import watched
from agentkit.errors import AgentkitError, nearest
from agentkit.messages import messages_from_json, messages_to_json

__all__ = ["command"]


@dataclass(frozen=True, slots=True)
class _Slash:
    """A command inside the conversation."""

    act: Callable[[Conversation, str], None]
    argument: str
    summary: str


class _Quit(Exception):
    """The person wants to leave."""


@click.command("chat")
@click.argument("agent", required=False, metavar="[AGENT]")
@agent_options
@click.option("--session", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Keep the conversation here; go on with it if it exists.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Approve every call that asks for it.")
@click.option("--trace-dir", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Write the trace of every turn to a file there.")  # fmt: skip
@json_option("One JSON document a turn, one line each.")
@debug_option
def command(
    agent: str | None,
    tools: tuple[str, ...],
    model: str | None,
    unlisted: bool,
    instructions: str | None,
    budget_usd: float | None,
    max_steps: int | None,
    session: Path | None,
    yes: bool,
    trace_dir: Path | None,
    json: bool,
) -> None:
    """Talk with an agent.

    AGENT is module:agent or path.py:agent; without one, --tools and --model make it. Ctrl-C stops an answer and keeps
    the conversation; /help lists what else there is. When input is piped, every line is a prompt.
    """
    chosen = choose_agent(agent, Chosen(tools, model, unlisted, instructions, None, budget_usd, max_steps))
    messages = messages_from_json(read_document(session, "session")) if session and session.exists() else []
    is_person = sys.stdin.isatty()
    with (
        watched(keeps=False, folder=trace_dir),
        Conversation(chosen, messages, approves_all=yes, is_quiet=json) as talk,
    ):
        if is_person and not json:
            _greet(talk, session)
        for line in _lines(is_person=is_person):
            try:
                _take(talk, line, is_json=json)
            except _Quit:
                break
            if session is not None:
                write_document(session, messages_to_json(talk.messages))


def _greet(talk: Conversation, session: Path | None) -> None:
    earlier = f", {len(talk.messages)} messages from {session}" if talk.messages else ""
    notice(f"{talk.agent.name} on {talk.model_name}{earlier}; /help for commands, Ctrl-D to leave")


def _lines(*, is_person: bool) -> Iterator[str]:
    """What the person says, line by line, until the end of input."""
    if not is_person:
        for line in sys.stdin:
            yield line.strip()
        return
    load_readline()
    was_interrupted = False
    while True:
        try:
            yield ask_line("\n› " if can_draw(sys.stdout) else "\n> ").strip()
            was_interrupted = False
        except EOFError:
            click.echo(err=True)
            return
        except KeyboardInterrupt:
            click.echo(err=True)
            if was_interrupted:
                raise
            was_interrupted = True
            notice("Ctrl-C again or Ctrl-D to leave")


def _take(talk: Conversation, line: str, *, is_json: bool) -> None:
    """One line: a command, a prompt, or nothing."""
    if not line:
        return
    if line.startswith("/"):
        _command(talk, line)
        return
    try:
        turn = talk.say(line)
    except AgentkitError as error:
        if is_json:
            print_json({"error": {"type": type(error).__name__, "message": str(error)}}, is_one_line=True)
        error_line(str(error))
        return
    if is_json and turn.result is not None:
        print_json(result_to_json(turn.result), is_one_line=True)
    elif not is_json:
        _tell(talk, turn)


def _tell(talk: Conversation, turn: Turn) -> None:
    if turn.result is None:
        notice("stopped; the conversation so far is kept")
    if sys.stderr.isatty():
        notice(turn.summary + (f" ({talk.cost} in all)" if talk.turns > 1 else ""))


def _command(talk: Conversation, line: str) -> None:
    name, _, argument = line[1:].partition(" ")
    slash = COMMANDS.get(name)
    if slash is None:
        close = nearest(name, COMMANDS, count=1)
        error_line(f"no command /{name}; " + (f"did you mean /{close[0]}?" if close else "/help lists them"))
        return
    if slash.argument and not slash.argument.startswith("[") and not argument.strip():
        error_line(f"/{name} needs a {slash.argument.lower()}: /{name} {slash.argument}")
        return
    try:
        slash.act(talk, argument.strip())
    except (AgentkitError, OSError) as error:
        error_line(str(error))


def _help(talk: Conversation, argument: str) -> None:
    names = {f"/{name} {slash.argument}".strip(): slash.summary for name, slash in COMMANDS.items()}
    width = max(map(len, names))
    for name, text in names.items():
        click.echo(f"  {name.ljust(width)}  {text}", err=True)


def _model(talk: Conversation, argument: str) -> None:
    if argument:
        talk.change_model(argument)
    notice(f"model: {talk.model_name}")


def _tools(talk: Conversation, argument: str) -> None:
    click.echo(tool_table(talk.list_tools()), err=True)


def _clear(talk: Conversation, argument: str) -> None:
    talk.messages = []
    notice("the conversation is empty")


def _save(talk: Conversation, argument: str) -> None:
    write_document(Path(argument), messages_to_json(talk.messages))
    notice(f"{len(talk.messages)} messages in {argument}")


def _load(talk: Conversation, argument: str) -> None:
    talk.messages = messages_from_json(read_document(Path(argument), "session"))
    notice(f"{len(talk.messages)} messages from {argument}")


def _cost(talk: Conversation, argument: str) -> None:
    notice(f"{talk.turns} turns · {talk.usage} · cost {talk.cost}")


def _quit(talk: Conversation, argument: str) -> None:
    raise _Quit


COMMANDS: Mapping[str, _Slash] = {
    "help": _Slash(_help, "", "this list"),
    "model": _Slash(_model, "[NAME]", "go on with another model; without a name: which one it is"),
    "tools": _Slash(_tools, "", "the tools that the model may call"),
    "clear": _Slash(_clear, "", "forget the conversation"),
    "save": _Slash(_save, "FILE", "keep the conversation in a file"),
    "load": _Slash(_load, "FILE", "go on with a kept conversation"),
    "cost": _Slash(_cost, "", "tokens and money so far"),
    "quit": _Slash(_quit, "", "leave; Ctrl-D does the same"),
}
