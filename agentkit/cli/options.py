"""Options that many commands have."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["debug_option", "json_option", "resume_words", "store_option"]

Function = TypeVar("Function", bound=Callable[..., Any])

STORE_VARIABLE = "AGENTKIT_RUNS"


def _remember(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    """Where errors are turned into words, it has to be known how they are wanted."""
    if value and parameter.name:
        ctx.ensure_object(dict)[parameter.name] = True
    return value


def debug_option(function: Function) -> Function:
    """`--debug` after the command, as it can be said before it."""
    option = click.option(
        "--debug", is_flag=True, expose_value=False, is_eager=True, callback=_remember, help="Show tracebacks."
    )
    return option(function)


def json_option(help: str) -> Callable[[Function], Function]:
    """`--json`, passed as `json`; errors become JSON too."""
    return click.option("--json", "json", is_flag=True, is_eager=True, callback=_remember, help=help)


def store_option(help: str) -> Callable[[Function], Function]:
    """`--store FILE`, passed as `store_path`; AGENTKIT_RUNS says the same for all commands."""
    kind = click.Path(path_type=Path, dir_okay=False)
    return click.option("--store", "store_path", type=kind, envvar=STORE_VARIABLE, metavar="FILE", help=help)


def resume_words(command: str, run_id: str, store: Path, *arguments: str) -> str:
    """The command that does something with a run in a store."""
    words = ["agentkit", "runs", command, run_id[:12], *arguments]
    if os.environ.get(STORE_VARIABLE) != str(store):
        words += ["--store", str(store)]
    return shlex.join(words)
