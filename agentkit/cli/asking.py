"""Asking a person: lines of text, and whether pending calls may be made."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from collections.abc import Sequence

import click

from agentkit.approvals import Approve, Decision, PendingCall
from agentkit.cli.documents import parse_object
from agentkit.cli.live import shown_arguments
from agentkit.cli.terminal import dim, printable
from agentkit.errors import ConfigurationError
from agentkit.models import Deny

__all__ = ["ask_about", "ask_line", "call_text", "load_readline"]

CHOICES = "[y]es, [n]o, [e]dit the arguments"


def load_readline() -> None:
    """Give input lines a history and editing keys, where the platform has them."""
    with contextlib.suppress(ImportError):
        importlib.import_module("readline")


def ask_line(prompt: str) -> str:
    """One line from the terminal. Raises EOFError, KeyboardInterrupt."""
    sys.stderr.flush()
    if sys.stdout.isatty() or not sys.stderr.isatty():
        return input(prompt)
    click.echo(prompt, nl=False, err=True)  # the answer is piped away: questions must not go along
    return input()


def ask_about(pending: Sequence[PendingCall]) -> dict[str, Decision]:
    """What the person says to each call. At the end of input the rest is denied."""
    decisions: dict[str, Decision] = {}
    for call in pending:
        who = f"{call.agent} wants" if call.agent not in ("", "agent") else "The model wants"
        click.echo(f"\n{who} to call {click.style(call_text(call), bold=True)}", err=True)
        if call.reason:
            click.echo(dim(f"  {printable(call.reason)}"), err=True)
        try:
            decisions[call.id] = _ask(call)
        except EOFError:
            click.echo(err=True)
            decisions[call.id] = Deny("nobody answered")
    return decisions


def call_text(call: PendingCall) -> str:
    """The call as Python would write it."""
    return printable(f"{call.tool}({shown_arguments(call.arguments)})")


def _ask(call: PendingCall) -> Decision:
    while True:
        answer = ask_line(f"  {CHOICES}: ").strip().lower()
        match answer:
            case "y" | "yes":
                return Approve()
            case "n" | "no":
                reason = ask_line("  why not? (the model is told; empty is fine) ").strip()
                return Deny(reason)
            case "e" | "edit":
                edited = _edit(call)
                if edited is not None:
                    return edited
            case _:
                click.echo(f"  {answer!r} is none of y, n, e" if answer else "  please say y, n or e", err=True)


def _edit(call: PendingCall) -> Approve | None:
    """The call with other arguments; None when they were no JSON object."""
    written = json.dumps(call.arguments, ensure_ascii=False)
    click.echo(dim(f"  now: {written}"), err=True)
    text = ask_line("  arguments as JSON: ").strip()
    try:
        return Approve(arguments=parse_object(text, "what you wrote")) if text else None
    except ConfigurationError as error:
        click.echo(f"  {error}", err=True)
        return None
