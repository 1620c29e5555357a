"""Options that many commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["debug_option", "json_option"]

Function = TypeVar("Function", bound=Callable[..., Any])


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
