"""`agentkit run`: one prompt, one answer."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from pydantic_core import from_json, to_json, to_jsonable_python

from agentkit.agent import Agent
from agentkit.approvals import Approve, Decision, PendingCall
from agentkit.cli.asking import ask_about, call_text, load_readline
from agentkit.cli.attachments import with_attachments
from agentkit.cli.background import run_in_background
from agentkit.cli.chosen import Chosen, agent_options, choice_to_json, choose_agent, said_again
from agentkit.cli.documents import read_document, write_document
from agentkit.cli.live import LiveRun, summary
from agentkit.cli.loading import is_agent_name
from agentkit.cli.options import debug_option, json_option, resume_words, store_option
from agentkit.cli.result_json import result_to_json
from agentkit.cli.terminal import is_interactive, notice, print_json, printable
from agentkit.cli.watched import KeptTrace, draw, watched
from agentkit.errors import AgentkitError, StateError
from agentkit.events import RunStarted
from agentkit.messages import Prompt
from agentkit.models import Deny
from agentkit.result import Result
from agentkit.runs.store import SqliteRunStore

__all__ = [
    "WAITS",
    "Answers",
    "Kept",
    "command",
    "keep_what_was_earned",
    "run_to_the_end",
    "say_what_waits",
    "show_ended",
]

WAITS = 3
"""Exit code when a call waits for a person and nobody can be asked."""

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@dataclass(frozen=True, slots=True)
class _Words:
    """The arguments taken apart: an agent's name, a prompt, both or neither."""

    agent: str | None
    prompt: str | None


@dataclass(slots=True)
class Kept:
    """Where a run is kept, and how far it came."""

    path: Path | None
    state: Mapping[str, Any] | str | None = None
    """The state; with a store the id of the run there."""
    is_changed: bool = False
    """Whether anything happened since the state was read."""
    store: SqliteRunStore | None = None
    """Keeps the run while it goes on, in place of the file."""

    def save(self, *, needs_file: bool = False) -> Path | None:
        """Write the state, if it is new, to its file; one of our own naming where a file is needed."""
        if self.state is None or isinstance(self.state, str) or not self.is_changed:
            return None
        if self.path is None and needs_file:
            self.path = Path(f"agentkit-{self.state['journal'][0]['run_id'][:8]}.json")
        if self.path is not None:
            write_document(self.path, self.state)
        return self.path


@dataclass(frozen=True, slots=True)
class Answers:
    """Decisions that were said on the command line."""

    approves_all: bool = False
    by_id: Mapping[str, Decision] = field(default_factory=dict[str, Decision])

    def on(self, pending: list[PendingCall]) -> dict[str, Decision]:
        """The decisions on these calls; empty when nobody said anything and nobody can be asked."""
        if self.approves_all:
            return {call.id: Approve() for call in pending}
        said = {call.id: self.by_id[call.id] for call in pending if call.id in self.by_id}
        if said or not is_interactive():
            return said
        load_readline()
        return ask_about(pending)


@click.command("run")
@click.argument("words", nargs=-1, metavar="[AGENT] [PROMPT]")
@agent_options
@click.option("--image", "images", multiple=True, metavar="PATH|URL", help="A picture to go along; may be repeated.")
@click.option("--file", "files", multiple=True, metavar="PATH", help="A document, sound or film; may be repeated.")
@click.option("--output-schema", type=FILE, metavar="FILE.json", help="Answer as JSON of this JSON Schema.")
@click.option("--yes", is_flag=True, help="Approve every call that asks for it.")
@click.option("--approve", "approved", multiple=True, metavar="CALL", help="Approve a waiting call, such as 1.0.")
@click.option("--deny", "denied", multiple=True, metavar="CALL[=WHY]", help="Deny a waiting call.")
@click.option("--state", "state_path", type=FILE, metavar="FILE", help="Keep the run here; go on with it if it exists.")
@store_option("Keep the run in this store while it goes on, so that a crash loses nothing.")
@click.option("--trace", is_flag=True, help="Print the trace as a tree at the end.")
@click.option("--trace-dir", type=FOLDER, metavar="FOLDER", help="Write the trace to a file there.")
@json_option("Print one JSON document: output, pending, usage, cost, messages, state.")
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    words: tuple[str, ...],
    tools: tuple[str, ...],
    model: str | None,
    unlisted: bool,
    instructions: str | None,
    budget_usd: float | None,
    max_steps: int | None,
    images: tuple[str, ...],
    files: tuple[str, ...],
    output_schema: Path | None,
    yes: bool,
    approved: tuple[str, ...],
    denied: tuple[str, ...],
    state_path: Path | None,
    store_path: Path | None,
    trace: bool,
    trace_dir: Path | None,
    json: bool,
) -> None:
    """Run an agent on one prompt.

    AGENT is module:agent or path.py:agent. Without one, --tools and --model make it: the tools of a file are its
    decorated functions and toolsets, else its public functions. PROMPT "-" reads standard input.

    \b
      agentkit run --tools my_tools.py "What is the weather in Paris?"
      agentkit run shop.py:support "Where is order 17?" --trace
      agentkit run --model openai:gpt-6-luna "Describe this" --image plan.png
    """
    said = _taken_apart(words)
    kept = Kept(state_path, _read_state(state_path))
    if store_path is not None and state_path is not None and not _is_from_environment(ctx, "store_path"):
        raise click.UsageError("keep the run with --store or with --state, not with both")
    prompt = _prompt(said, kept, images, files)
    schema = read_document(output_schema, "output schema") if output_schema else None
    chosen = Chosen(tools, model, unlisted, instructions, schema, budget_usd, max_steps)
    agent = choose_agent(said.agent, chosen)
    if store_path is not None and state_path is None:
        kept.store = SqliteRunStore(store_path, notes={"cli": choice_to_json(said.agent, chosen)})
    live = LiveRun(shows_text=not json and sys.stdout.isatty(), shows_calls=not json and sys.stderr.isatty())
    answers = Answers(yes, _decisions(approved, denied))
    began = time.perf_counter()
    with watched(keeps=trace, folder=trace_dir) as traced:
        try:
            result = run_to_the_end(agent, prompt, kept, live, answers)
        except (AgentkitError, KeyboardInterrupt) as error:
            keep_what_was_earned(error, kept)
            _show_trace(traced)
            raise
    kept.save(needs_file=bool(result.pending))
    show_ended(result, kept, live, is_json=json, seconds=time.perf_counter() - began)
    _show_trace(traced)
    if result.pending:
        again = ["agentkit", "run", *said_again(said.agent, chosen, ["--state", str(kept.path)])]
        say_what_waits(result, kept, shlex.join(again))
        ctx.exit(WAITS)


def show_ended(result: Result[Any], kept: Kept, live: LiveRun, *, is_json: bool, seconds: float) -> None:
    """Print how a run ended: its output, or all of it as JSON."""
    if is_json:
        print_json({**result_to_json(result), "state_file": str(kept.path) if kept.path else None})
    elif not result.pending:
        _print_output(result, live)
        if sys.stderr.isatty():
            notice(summary(result.steps, result.usage, result.cost, seconds))


def run_to_the_end(
    agent: Agent[Any, Any], prompt: Prompt | None, kept: Kept, live: LiveRun, answers: Answers
) -> Result[Any]:
    """Run until there is an output, or until calls wait on which nobody decides now."""
    decisions = answers.by_id
    while True:
        result: Result[Any] = run_in_background(_run, agent, prompt, kept, live, decisions)
        decisions = answers.on(result.pending)
        if not result.pending or not decisions:
            return result
        prompt = None


async def _run(
    agent: Agent[Any, Any], prompt: Prompt | None, kept: Kept, live: LiveRun, decisions: Mapping[str, Decision]
) -> Result[Any]:
    run = agent.stream(prompt, state=kept.state, approvals=decisions or None, store=kept.store)
    has_begun = False
    try:
        async with run:
            async for event in run:
                has_begun = True
                if isinstance(event, RunStarted) and kept.store is not None and kept.state is None:
                    kept.state = event.run_id  # told now: afterwards may be too late
                    notice(f"run {event.run_id[:12]}, kept in {kept.store.path}")
                live.show(event)
    finally:
        live.end_line()
        if has_begun and kept.store is None:
            kept.state, kept.is_changed = run.state, True
    return run.result


def _taken_apart(words: tuple[str, ...]) -> _Words:
    match words:
        case ():
            return _Words(None, None)
        case (word,):
            return _Words(word, None) if is_agent_name(word) else _Words(None, word)
        case (agent, prompt) if is_agent_name(agent):
            return _Words(agent, prompt)
        case (first, *_) if is_agent_name(first):
            raise click.UsageError(f"put the prompt in quotes: agentkit run {first} {shlex.quote(' '.join(words[1:]))}")
        case _:
            raise click.UsageError(f"put the prompt in quotes: agentkit run {shlex.quote(' '.join(words))}")


def _prompt(said: _Words, kept: Kept, images: tuple[str, ...], files: tuple[str, ...]) -> Prompt | None:
    text = said.prompt
    if text == "-":
        text = sys.stdin.read()
    if text is None and (images or files):
        text = "Look at this."
    if text is None and kept.state is None and kept.path is not None:
        raise click.UsageError(f"there is no state file '{kept.path}' to go on with; give a prompt to begin a run")
    if text is None and kept.state is None:
        what = f'agentkit run {said.agent} "..."' if said.agent else 'agentkit run --tools my_tools.py "..."'
        raise click.UsageError(f"a prompt is missing: {what}")
    if text is not None and not text.strip():
        raise click.UsageError("the prompt is empty")
    return None if text is None else with_attachments(text, images=images, files=files)


def _decisions(approved: tuple[str, ...], denied: tuple[str, ...]) -> dict[str, Decision]:
    decisions: dict[str, Decision] = {call: Approve() for call in approved}
    for said in denied:
        call, _, why = said.partition("=")
        decisions[call] = Deny(why)
    return decisions


def _read_state(path: Path | None) -> dict[str, Any] | None:
    return read_document(path, "state file") if path is not None and path.exists() else None


def keep_what_was_earned(error: AgentkitError | KeyboardInterrupt, kept: Kept) -> None:
    """What a run did before it ended is kept where --state says; what was paid for is kept in any case."""
    if kept.store is not None:
        if isinstance(kept.state, str) and not isinstance(error, StateError):  # of another process, or not there
            notice(f"what the run did so far is kept; go on with {resume_words('resume', kept.state, kept.store.path)}")
        return
    has_spent = isinstance(error, AgentkitError) and any((error.usage or {}).values())
    path = kept.save(needs_file=has_spent)
    if path is not None:
        notice(f"what the run did so far is kept; go on with --state {path}")


def _show_trace(traced: KeptTrace) -> None:
    if traced.spans:
        click.echo(draw(traced.spans, to_stdout=False), err=True)


def _is_from_environment(ctx: click.Context, parameter: str) -> bool:
    return ctx.get_parameter_source(parameter) is ParameterSource.ENVIRONMENT


def say_what_waits(result: Result[Any], kept: Kept, again: str = "") -> None:
    """Say which calls wait for a person, and how to go on: by `again`, where there is no store."""
    pending = result.pending
    count = len(pending)
    click.echo(f"{count} call{'s wait' if count > 1 else ' waits'} for a person:", err=True)
    for call in pending:
        reason = f"   ({printable(call.reason)})" if call.reason else ""
        click.echo(f"  {call.id}  {call_text(call)}{reason}", err=True)
    first = pending[0].id
    click.echo("to go on:", err=True)
    if kept.store is not None:
        id, path = result.run_id, kept.store.path
        click.echo(f"  {resume_words('approve', id, path, first)}   or deny", err=True)
        click.echo(f"  {resume_words('resume', id, path)}", err=True)
        return
    click.echo(f"  {again} --yes" + "   or --approve CALL, --deny CALL for each" * (count > 1), err=True)
    click.echo(f"  {again} --deny {first}" + "=why" * (count == 1), err=True)


def _print_output(result: Result[Any], live: LiveRun) -> None:
    """The output, unless the person has just read it."""
    output = result.output
    if live.has_shown_text and (isinstance(output, str) or _is_same(live.text, output)):
        return
    if isinstance(output, str):
        click.echo(printable(output) if sys.stdout.isatty() else output)
    else:
        click.echo(to_json(output, indent=2, fallback=str).decode())


def _is_same(text: str, output: Any) -> bool:
    """Whether the text that was shown is the output, as JSON."""
    try:
        return from_json(text) == to_jsonable_python(output, fallback=str)
    except ValueError:
        return False
