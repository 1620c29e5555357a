"""What the terminal shows: results on standard output, everything said about them on standard error."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TextIO

import click

__all__ = [
    "Column",
    "can_draw",
    "cut",
    "dim",
    "error_line",
    "is_interactive",
    "notice",
    "print_json",
    "printable",
    "table",
    "warning_line",
    "width_of",
]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    title: str
    align: Literal["left", "right"] = "left"


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> str:
    """Rows under a header, aligned by spaces."""
    lines = [[column.title for column in columns], *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column.align == "right" else cell.ljust(width)
            for column, cell, width in zip(columns, line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def print_json(value: object, *, is_one_line: bool = False) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=None if is_one_line else 2, ensure_ascii=False, default=str))


def error_line(text: str) -> None:
    """`error: ...` in red on standard error, on one line."""
    click.secho("error: " + " ".join(printable(text).split()), fg="red", err=True)


def warning_line(text: str) -> None:
    """`warning: ...` in yellow on standard error."""
    click.secho("warning: " + " ".join(printable(text).split()), fg="yellow", err=True)


def notice(text: str) -> None:
    """A remark on standard error that steps back behind the results."""
    click.secho(text, dim=True, err=True)


def dim(text: str) -> str:
    """The text in the colour of remarks."""
    return click.style(text, dim=True)


def printable(text: str) -> str:
    """Text from models, tools and servers without what steers a terminal; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else "" if char == "\r" else "?" for char in text)


def cut(text: str, width: int) -> str:
    """The text on one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: max(0, width - 3)] + "..."


def is_interactive() -> bool:
    """Whether a person can be asked: input and messages are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def width_of(stream: TextIO) -> int | None:
    """How many characters a line has; None where it is no terminal."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def can_draw(stream: TextIO) -> bool:
    """Whether the stream's encoding has lines and arrows."""
    drawn: Any = "├─└│·✗…→←"
    try:
        drawn.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
