"""Texts and pictures that a command is given: as arguments, in files line by line, or on standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from agentkit.cli.terminal import is_interactive, notice
from agentkit.errors import ConfigurationError
from agentkit.exchange import AttemptFailed, Delta
from agentkit.media import Image

__all__ = ["STDIN", "chosen_model", "collected", "shown_input", "tell_attempts", "text_of"]

OFFLINE = "offline:"
STDIN = "-"


def collected(texts: Sequence[str], *, files: Sequence[str], images: Sequence[str]) -> list[str | Image]:
    """The inputs, in the order arguments, files, pictures; without any the lines of standard input.

    Raises UsageError without any input, ConfigurationError, MediaError.
    """
    if not texts and not files and not images:
        if is_interactive():
            raise click.UsageError("nothing to read; give texts, --file FILE, or lines on standard input")
        files = [STDIN]
    found: list[str | Image] = [*texts]
    for name in files:
        found += _lines_of(name)
    for place in images:
        is_address = place.startswith(("https://", "http://", "data:"))
        found.append(Image.from_url(place) if is_address else Image.from_file(place))
    if not found:
        raise click.UsageError("nothing to read: there is no line with text in what was given")
    return found


def chosen_model(said: str | None, *, offline: str) -> str:
    """The model's name: as said, else that of the environment, else the offline one, about which `offline` is told."""
    name = said or os.environ.get("AGENTKIT_MODEL", "").strip()
    if not name:
        notice(offline)
    return name or OFFLINE


def shown_input(entry: str | Image) -> str:
    """An input as it is shown beside what became of it."""
    return entry if isinstance(entry, str) else "(a picture)"


def tell_attempts(delta: Delta) -> None:
    """Say that a request failed and is sent again."""
    if isinstance(delta, AttemptFailed):
        notice(f"attempt {delta.attempt} failed ({delta.error}); once more in {delta.wait_seconds:.3g} s")


def _lines_of(name: str) -> list[str]:
    """The lines of a file, or of standard input, that are not blank."""
    return [line.strip() for line in text_of(name).splitlines() if line.strip()]


def text_of(name: str) -> str:
    """The text of a file, or of standard input. Raises ConfigurationError where it is none, OSError."""
    try:
        if name == STDIN:
            data = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:  # noqa: PTH123  # "-" is no path
                data = file.read()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{name!r} is not UTF-8 text (byte {error.start}); give a text of one input a line"
        ) from error
