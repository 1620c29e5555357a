"""The code in a Markdown page: its blocks, what each of them is for, and what the page says that they print.

A fence's first words say what becomes of its block:

    ```python               run; all of a page's python blocks share one namespace, in order, in one temporary folder
    ```python file=x.py     written to that file instead
    ```python sketch        compiled only: a shape to fill in
    ```console run          each line that starts with "$ " is run in a shell, in the same folder
    ```text output          what the block before printed; "..." stands for any text, alone on a line for any lines
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>```+)(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)(?P=ticks) *$", re.M | re.S
)
_TIME = re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|µs|s|min)\b")
_TOKENS = re.compile(r"\b(in|out) +[\d,]+\b|\b[\d,]+ (tokens in|out)\b")
_LONG_ID = re.compile(r"\b[0-9a-f]{8,32}\b")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    line: int
    """Of its first line of code, from 1."""
    kind: str
    words: tuple[str, ...]
    text: str

    @property
    def file(self) -> str | None:
        """The file to write it to."""
        return next((word.removeprefix("file=") for word in self.words if word.startswith("file=")), None)


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in _FENCE.finditer(text):
        kind, *words = match["info"].split() or [""]
        line = text.count("\n", 0, match.start("text")) + 1
        found.append(Block(line, kind, tuple(words), textwrap.dedent(match["text"])))
    return found


def commands_of(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a console block, each with what the page says that it prints."""
    command, printed = "", ""
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, printed
            command, printed = line[2:], ""
        else:
            printed += line + "\n"
    if command:
        yield command, printed


def matches(said: str, printed: str) -> bool:
    """Whether a text is what the page says; times, token estimates, random ids and widths of columns may differ."""
    pattern = ""
    for line in _plain(said):
        pieces = [re.escape(piece) for piece in line.split("...")]
        pattern += r"(?:[^\n]*\n)*?" if line == "..." else r"[^\n]*".join(pieces) + "\n"
    return re.fullmatch(pattern, "".join(line + "\n" for line in _plain(printed))) is not None


def _plain(text: str) -> list[str]:
    timeless = _TOKENS.sub("TOKENS", _LONG_ID.sub("ID", _TIME.sub("TIME", text.strip())))
    return [" ".join(line.split()) for line in timeless.splitlines() if line.strip()]
