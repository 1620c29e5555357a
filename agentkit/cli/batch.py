"""`agentkit batch`: many prompts at the price of a batch, from a file of lines to a file of lines."""

from __future__ import annotations

import json as json_text
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from agentkit.buckets import BatchStorage
from agentkit.budget import Budget
from agentkit.cli.batch_kinds import WishedKind, asks_kind, entry_of, rows_of
from agentkit.cli.inputs import STDIN, chosen_model, tell_attempts, text_of
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.task_json import spent_to_json
from agentkit.cli.terminal import dim, notice, print_json
from agentkit.errors import AgentkitError, ConfigurationError
from agentkit.portal import call_in_portal
from agentkit.settings import Settings
from agentkit.tasks.batch import (
    BatchEvent,
    BatchKind,
    BatchProgress,
    BatchResults,
    batch,
    batch_status,
    cancel_batch,
    fetch_batch,
    submit_batch,
)

__all__ = ["command"]

Function = TypeVar("Function", bound=Callable[..., Any])

_BAR = 30
_NO_MODEL = "no --model and no AGENTKIT_MODEL; offline: takes no batches, but answers at once with run --via requests"


@click.group("batch")
def command() -> None:
    """Ask many things at the price of a batch: half of the usual one, answered within a day.

    INPUT has a prompt on each line: plain text, or JSON such as {"id": "a7", "prompt": "..."}. A model that embeds,
    draws, moderates or hears is asked for that; lines are then texts to embed or to judge, prompts, or paths of sound.
    What became of the batch is kept in a state file; `status`, `fetch` and `cancel` need nothing else.

    \b
    agentkit batch run    -m openai:gpt-6-luna questions.txt -o answers.jsonl
    agentkit batch submit -m openai:gpt-6-luna questions.txt
    agentkit batch status questions.txt.batch.json
    agentkit batch fetch  questions.txt.batch.json -o answers.jsonl
    agentkit batch cancel questions.txt.batch.json

    \b
    agentkit batch run    -m openai:text-embedding-3-small texts.txt -o vectors.jsonl
    agentkit batch run    -m anthropic:claude-haiku-5-5 -l refund -l other letters.txt
    """


def _asking(function: Function) -> Function:
    """The options with which a batch begins."""
    options = (
        click.argument("source", metavar="INPUT", type=click.Path(dir_okay=False, allow_dash=True)),
        click.option("-m", "--model", metavar="PROVIDER:MODEL", help="Such as openai:gpt-6-luna."),
        click.option("--state", metavar="FILE", help="Where the state is kept; INPUT.batch.json otherwise."),
        click.option("--storage", metavar="PLACE", help="The bucket, where one is needed: s3://... or gs://..."),
        click.option("--role", metavar="ARN", help="The role with which Bedrock reads and writes in the bucket."),
        click.option("--instructions", default="", metavar="TEXT", help="Said before each prompt."),
        click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="The longest answer."),
        click.option("--budget-usd", type=click.FloatRange(min=0), metavar="USD", help="Spend at most this."),
    )
    function = asks_kind(function)
    for option in reversed(options):
        function = option(function)
    return function


_OUTPUT = click.option("-o", "--output", metavar="FILE", help="Where the results go; standard output otherwise.")
_FOLDER = click.option("--folder", metavar="DIR", help="Where pictures are written; OUTPUT.images otherwise.")


@command.command("submit")
@_asking
@json_option("Print how far it is as one JSON document.")
@debug_option
def submit(
    source: str,
    model: str | None,
    state: str | None,
    storage: str | None,
    role: str | None,
    wished: WishedKind,
    instructions: str,
    max_tokens: int | None,
    budget_usd: float | None,
    json: bool,
) -> None:
    """Submit the inputs in INPUT and leave them to the provider. Again after a failure: nothing is submitted twice."""
    path = _state_of(source, state)
    name = chosen_model(model, offline=_NO_MODEL)
    kind = wished.of(name)
    asked = partial(
        submit_batch,
        name,
        _inputs(source, kind),
        kind=kind,
        state=path,
        storage=_storage(storage, role),
        instructions=instructions,
        settings=Settings(max_output_tokens=max_tokens),
        budget=_budget(budget_usd),
        on_event=_tell_attempts,
    )
    _show(_done(asked), json=json)
    notice(f"the state is in {path}; go on with: agentkit batch status {path}")


@command.command("status")
@click.argument("state", metavar="STATE", type=click.Path(dir_okay=False))
@json_option("Print one JSON document.")
@debug_option
def status(state: str, json: bool) -> None:
    """Say how far the batch of a state file is."""
    _show(_done(partial(batch_status, state, on_event=_tell_attempts)), json=json)


@command.command("fetch")
@click.argument("state", metavar="STATE", type=click.Path(dir_okay=False))
@_OUTPUT
@_FOLDER
@json_option("Print one JSON document, with what it cost, in place of a line for each input.")
@debug_option
def fetch(state: str, output: str | None, folder: str | None, json: bool) -> None:
    """Fetch the results of a batch that is over: a line of JSON for each input, in their order."""
    _refuse_homeless(output)
    _write(_done(partial(fetch_batch, state, on_event=_tell_attempts)), output, folder=folder, json=json)


@command.command("cancel")
@click.argument("state", metavar="STATE", type=click.Path(dir_okay=False))
@json_option("Print one JSON document.")
@debug_option
def cancel(state: str, json: bool) -> None:
    """End the batch of a state file. What was answered by then can be fetched when it is over."""
    _show(_done(partial(cancel_batch, state, on_event=_tell_attempts)), json=json)


@command.command("run")
@_asking
@_OUTPUT
@_FOLDER
@click.option("--via", type=click.Choice(["batch", "requests"]), default="batch", show_default=True,
              help="As a batch, or at once and at the usual price.")  # fmt: skip
@click.option("--poll-seconds", type=click.FloatRange(min=0.1), default=5.0, show_default=True, metavar="S",
              help="How long to wait before the second look; later ones wait longer, up to a minute.")  # fmt: skip
@json_option("Print one JSON document, with what it cost, in place of a line for each input.")
@debug_option
def run(
    source: str,
    model: str | None,
    state: str | None,
    storage: str | None,
    role: str | None,
    wished: WishedKind,
    instructions: str,
    max_tokens: int | None,
    budget_usd: float | None,
    output: str | None,
    folder: str | None,
    via: Any,
    poll_seconds: float,
    json: bool,
) -> None:
    """Submit, wait and fetch. Stop it whenever you like: the same command goes on where it was."""
    _refuse_homeless(output)
    path = _state_of(source, state) if via == "batch" else None
    name = chosen_model(model, offline=_NO_MODEL)
    kind = wished.of(name)
    asked = partial(
        cast("Callable[..., Awaitable[Any]]", batch),  # of one kind or another
        name,
        _inputs(source, kind),
        kind=kind,
        instructions=instructions,
        settings=Settings(max_output_tokens=max_tokens),
        via=via,
        storage=_storage(storage, role),
        state=path,
        budget=_budget(budget_usd),
        poll_seconds=poll_seconds,
        on_event=_Bar(),
    )
    _write(_waited(asked, path), output, folder=folder, json=json)


def _done(asked: Callable[[], Awaitable[Any]]) -> Any:
    return call_in_portal(asked)


def _waited(asked: Callable[[], Awaitable[Any]], path: Path | None) -> Any:
    """What a batch ends with; who does not wait for that is told how to go on."""
    try:
        return _done(asked)
    except KeyboardInterrupt:
        if path is not None and path.exists():
            notice(f"the batch goes on at the provider; the same command goes on waiting, its state is in {path}")
        raise


def _budget(usd: float | None) -> Budget | None:
    return None if usd is None else Budget(usd=usd)


def _storage(place: str | None, role: str | None) -> BatchStorage | None:
    if place is None and role is not None:
        raise click.UsageError("--role is for the bucket that --storage names; give both")
    return None if place is None else BatchStorage(place, role or "")


def _state_of(source: str, state: str | None) -> Path:
    if state is None and source == STDIN:
        raise click.UsageError("prompts from standard input need --state FILE, by which the batch is found again")
    _refuse_homeless(state)
    return Path(state or f"{source}.batch.json")


def _refuse_homeless(output: str | None) -> None:
    """Before anything is asked, and not when the answers are there."""
    if output is not None and not (folder := Path(output).parent).is_dir():
        raise ConfigurationError(f"there is no folder {str(folder)!r} to write {output!r} to")


def _inputs(source: str, kind: BatchKind[Any] | None) -> dict[str, Any]:
    """The inputs by their ids; a line without one has its number, from 1. Raises ConfigurationError, OSError."""
    text = text_of(source)
    place = "standard input" if source == STDIN else source
    found: dict[str, Any] = {}
    for number, line in enumerate(re.split(r"\r\n?|\n", text), 1):  # JSON may hold what else `splitlines` breaks at
        if not line.strip():
            continue
        try:
            id, entry = entry_of(line.strip(), number, kind)
        except AgentkitError as error:
            raise ConfigurationError(f"line {number} of {place}: {error}") from error
        if id in found:
            raise ConfigurationError(f"line {number} of {place} has the id {id!r}, which an earlier line has too")
        found[id] = entry
    if not found:
        raise ConfigurationError(f"there is no prompt in {place}; put one on each line")
    return found


def _write(done: BatchResults[Any], output: str | None, *, folder: str | None, json: bool) -> None:
    rows = rows_of(done, Path(folder or f"{output or 'batch'}.images"))
    failed = sum("error" in row for row in rows)
    spent = spent_to_json(done.usage, done.cost)
    if output is not None:
        lines = "".join(json_text.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        Path(output).write_text(lines, encoding="utf-8")
    if json:
        shown = {} if output is not None else {"results": rows}
        print_json({**shown, "count": len(rows), "errors": failed, "model": done.model, **spent})
    elif output is None:
        for row in rows:
            print_json(row, is_one_line=True)
    for note in done.notes:
        notice(note)
    notice(f"{done.model}: {len(rows) - failed} answers, {failed} errors; {done.usage}, cost {done.cost}")
    if failed:
        click.get_current_context().exit(1)


def _show(progress: BatchProgress, *, json: bool) -> None:
    if json:
        print_json(asdict(progress))
    else:
        click.echo(_words(progress))


def _words(progress: BatchProgress) -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    words = f"{progress.done} of {progress.total} done{failed}"
    parts = ", ".join(progress.parts)
    return f"{words} ({parts})" if parts else words


def _tell_attempts(event: BatchEvent) -> None:
    if not isinstance(event, BatchProgress):
        tell_attempts(event)


class _Bar:
    """Shows progress: a bar on a terminal, else a line whenever something has changed."""

    def __init__(self) -> None:
        self._said = ""

    def __call__(self, event: BatchEvent) -> None:
        if not isinstance(event, BatchProgress):
            tell_attempts(event)
            return
        words = _words(event)
        if words == self._said:
            return
        self._said = words
        if not sys.stderr.isatty():
            notice(words)
            return
        full = _BAR * event.done // max(1, event.total)
        line = f"\r\x1b[K[{'#' * full}{'.' * (_BAR - full)}] {words}"
        click.echo(dim(line) + ("\n" if event.is_over else ""), nl=False, err=True)
