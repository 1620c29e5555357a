"""`agentkit runs`: runs that are kept in a store, to be looked at, decided on and resumed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click
from pydantic_core import to_jsonable_python

from agentkit.agent import Agent
from agentkit.approvals import Approve, Decision, PendingCall, pending_calls
from agentkit.cli.asking import call_text
from agentkit.cli.background import run_in_background
from agentkit.cli.chosen import Chosen, agent_options, choice_from_json, choose_agent
from agentkit.cli.documents import parse_object
from agentkit.cli.journal import journal_lines
from agentkit.cli.live import LiveRun, summary
from agentkit.cli.options import debug_option, json_option, resume_words, store_option
from agentkit.cli.result_json import pending_to_json
from agentkit.cli.run import WAITS, Answers, Kept, keep_what_was_earned, run_to_the_end, say_what_waits, show_ended
from agentkit.cli.terminal import Column, cut, notice, print_json, printable, table
from agentkit.errors import AgentkitError, ConfigurationError
from agentkit.loop import state_from_json
from agentkit.models import Deny
from agentkit.runs.kept import KeptRun
from agentkit.runs.store import SqliteRunStore

__all__ = ["command"]

PROMPT_CHARS = 40
SHOWN_ID_CHARS = 12

_store = store_option("The store; without it AGENTKIT_RUNS.")


@click.group("runs")
def command() -> None:
    """Runs that are kept in a store, such as those of `agentkit run --store runs.db`.

    RUN is the id of a run, or enough of its beginning. The store is said by --store, or once by AGENTKIT_RUNS.
    """


@command.command("list")
@_store
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@json_option("Print one JSON document.")
@debug_option
def list_command(store_path: Path | None, limit: int, json: bool) -> None:
    """List the runs, the last changed first."""
    store = _opened(store_path)
    found = run_in_background(lambda: store.list(limit=limit + 1))
    runs = found[:limit]
    if json:
        print_json([_as_json(run) for run in runs])
        return
    if not runs:
        click.echo(f"no runs in {store.path}" + ("" if store.path.exists() else ": there is no such file"))
        return
    columns = (
        Column("run"), Column("status"), Column("changed"), Column("agent"), Column("steps", "right"),
        Column("cost", "right"), Column("prompt"),
    )  # fmt: skip
    click.echo(printable(table(columns, [_line(run) for run in runs])))
    if len(found) > limit:
        notice(f"there are more; --limit {limit * 5} shows more of them")


@command.command("show")
@click.argument("run", metavar="RUN")
@_store
@json_option("Print one JSON document: the run, what waits, every record.")
@debug_option
def show_command(run: str, store_path: Path | None, json: bool) -> None:
    """Show what happened in a run, and what it waits for."""
    store = _opened(store_path)
    found = run_in_background(store.find, run)
    history = run_in_background(store.history, found.run_id)
    state = state_from_json(run_in_background(store.load, found.run_id))
    # As of now: the row of a run that is driven tells of its last stop.
    found = replace(found, steps=state.step, usage=state.usage_so_far, cost=state.cost_so_far)
    pending = pending_calls(state)
    if json:
        records = [{"run_id": kept.run_id, "at": kept.at.isoformat(), **_plain(kept.record)} for kept in history]
        waiting = [pending_to_json(call) for call in pending]
        print_json({**_as_json(found), "pending": waiting, "records": records})
        return
    click.echo(f"run {found.run_id}")
    spent = summary(found.steps, found.usage, found.cost)
    click.echo(printable(f"{found.status} · {found.agent} · {spent} · began {_moment(found.began)}"))
    if found.error:
        click.echo(printable(found.error))
    click.echo("")
    for line in journal_lines(history):
        click.echo(printable(line))
    if pending:
        click.echo("\nwaiting for a person:")
        for line in _waiting_lines(pending):
            click.echo(line)


@command.command("approve")
@click.argument("run", metavar="RUN")
@click.argument("calls", nargs=-1, metavar="CALL...")
@click.option("--arguments", metavar="JSON", help="Make the call with these arguments instead.")
@_store
@debug_option
def approve_command(run: str, calls: tuple[str, ...], arguments: str | None, store_path: Path | None) -> None:
    """Approve waiting calls, such as 1.0; resume the run to have them made. Without CALL: show what waits."""
    edited = parse_object(arguments, "--arguments") if arguments is not None else None
    if edited is not None and len(calls) > 1:
        raise click.UsageError("--arguments are for one call; approve the others with a command of their own")
    _decide("approve", store_path, run, {call: Approve(arguments=edited) for call in calls})


@command.command("deny")
@click.argument("run", metavar="RUN")
@click.argument("calls", nargs=-1, metavar="CALL...")
@click.option("--because", default="", metavar="WHY", help="What the model is told.")
@_store
@debug_option
def deny_command(run: str, calls: tuple[str, ...], because: str, store_path: Path | None) -> None:
    """Deny waiting calls, such as 1.0; resume the run to have the model told. Without CALL: show what waits."""
    _decide("deny", store_path, run, {call: Deny(because) for call in calls})


@command.command("resume")
@click.argument("run", metavar="RUN")
@click.argument("prompt", required=False)
@click.option("--agent", "name", metavar="MODULE:AGENT", help="The agent, in place of the one that began the run.")
@agent_options
@_store
@json_option("Print one JSON document, as `agentkit run --json` does.")
@debug_option
@click.pass_context
def resume_command(
    ctx: click.Context,
    run: str,
    prompt: str | None,
    name: str | None,
    tools: tuple[str, ...],
    model: str | None,
    unlisted: bool,
    instructions: str | None,
    budget_usd: float | None,
    max_steps: int | None,
    store_path: Path | None,
    json: bool,
) -> None:
    """Go on with a run: after a crash, an error, a decision. PROMPT says more to one that has ended.

    What was done is not done again. The agent is the one that the run was begun with; the options change it.
    """
    store = _opened(store_path)
    found = run_in_background(store.find, run)
    said = Chosen(tools, model, unlisted, instructions, None, budget_usd, max_steps)
    agent = _agent_of(found, name, said)
    if agent.name != found.agent:
        notice(f"agent {found.agent!r} began this run, {agent.name!r} goes on; calls of tools that it has not fail")
    live = LiveRun(shows_text=not json and sys.stdout.isatty(), shows_calls=not json and sys.stderr.isatty())
    kept = Kept(None, found.run_id, store=store)
    began = time.perf_counter()
    try:
        result = run_to_the_end(agent, prompt, kept, live, Answers())
    except (AgentkitError, KeyboardInterrupt) as error:
        keep_what_was_earned(error, kept)
        raise
    show_ended(result, kept, live, is_json=json, seconds=time.perf_counter() - began)
    if result.pending:
        say_what_waits(result, kept)
        ctx.exit(WAITS)


@command.command("delete")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@_store
@debug_option
def delete_command(runs: tuple[str, ...], store_path: Path | None) -> None:
    """Forget runs, and what was said in them."""
    store = _opened(store_path)
    for run in runs:
        found = run_in_background(store.find, run)
        run_in_background(store.delete, found.run_id)
        click.echo(f"forgot {found.run_id[:SHOWN_ID_CHARS]}")


@command.command("prune")
@click.option(
    "--older-than-days", type=click.FloatRange(min=0), required=True, metavar="N", help="Not changed so long."
)
@_store
@debug_option
def prune_command(older_than_days: float, store_path: Path | None) -> None:
    """Forget all runs that were not changed for some days."""
    store = _opened(store_path)
    count = run_in_background(lambda: store.prune(older_than_days=older_than_days))
    click.echo(f"forgot {count} run{'s' * (count != 1)}")


def _opened(path: Path | None) -> SqliteRunStore:
    if path is None:
        raise click.UsageError("which store? say --store runs.db, or set AGENTKIT_RUNS")
    return SqliteRunStore(path)


def _decide(command: str, path: Path | None, run: str, decisions: Mapping[str, Decision]) -> None:
    store = _opened(path)
    found = run_in_background(store.find, run)
    if not decisions:
        _ask_which(command, store, found.run_id)
    left = run_in_background(store.decide, found.run_id, decisions)
    for call in left:
        click.echo(f"{call.id} still waits: {call_text(call)}", err=True)
    click.echo(f"written down; to go on: {resume_words('resume', found.run_id, store.path)}", err=True)


def _ask_which(command: str, store: SqliteRunStore, run_id: str) -> NoReturn:
    """Show what waits, and end with exit code 2: nothing was decided."""
    pending = pending_calls(state_from_json(run_in_background(store.load, run_id)))
    if not pending:
        raise click.UsageError(f"no call of run {run_id[:SHOWN_ID_CHARS]} waits for a person")
    click.echo("which call? these wait for a person:", err=True)
    for line in _waiting_lines(pending):
        click.echo(line, err=True)
    click.echo(f"such as: {resume_words(command, run_id, store.path, pending[0].id)}", err=True)
    raise click.exceptions.Exit(2)


def _waiting_lines(pending: Sequence[PendingCall]) -> Iterator[str]:
    for call in pending:
        yield f"  {call.id}  {call_text(call)}" + (f"   ({printable(call.reason)})" if call.reason else "")


def _agent_of(found: KeptRun, name: str | None, said: Chosen) -> Agent[Any, Any]:
    """The agent of a run: the one that it was begun with, as far as nothing else is said."""
    known: Mapping[str, Any] | None = found.notes.get("cli")
    if name is not None:
        return choose_agent(name, said)
    if known is None and not said.tools:
        raise ConfigurationError(
            f"run {found.run_id[:SHOWN_ID_CHARS]} was not begun by `agentkit run`; say which agent: "
            "--agent module:agent, or --tools and --model"
        )
    before = choice_from_json(known or {})
    chosen = Chosen(
        said.tools or before.tools,
        said.model or before.model,
        said.is_unlisted or before.is_unlisted,
        said.instructions or before.instructions,
        before.output_schema,
        before.budget_usd if said.budget_usd is None else said.budget_usd,
        before.max_steps if said.max_steps is None else said.max_steps,
    )
    return choose_agent(None if said.tools or known is None else known.get("agent"), chosen)


def _line(run: KeptRun) -> list[str]:
    shown = cut(run.prompt, PROMPT_CHARS)
    changed = _moment(run.changed)
    return [run.run_id[:SHOWN_ID_CHARS], run.status, changed, run.agent, str(run.steps), str(run.cost), shown]


def _moment(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def _as_json(run: KeptRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "agent": run.agent,
        "status": run.status,
        "prompt": run.prompt,
        "began": run.began.isoformat(),
        "changed": run.changed.isoformat(),
        "steps": run.steps,
        "usage": _plain(run.usage),
        "cost": {"usd": run.cost.usd, "is_known": run.cost.is_known},
        "error": run.error,
        "notes": dict(run.notes),
    }


def _plain(value: Any) -> dict[str, Any]:
    return to_jsonable_python(value, fallback=str)
