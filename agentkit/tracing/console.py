"""Traces into the terminal: the tree of a run when it has ended. Needs the OpenTelemetry SDK."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

from agentkit.tracing.exporter import TraceExporter
from agentkit.tracing.record import SpanRecord
from agentkit.tracing.tree import render_tree

__all__ = ["ConsoleExporter"]


class ConsoleExporter(TraceExporter):
    """Prints every trace as a tree with times, tokens, costs and errors; to standard error unless told otherwise.

    Colours appear only on a terminal, and not when NO_COLOR is set.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream

    def write(self, spans: Sequence[SpanRecord]) -> None:
        """Print the tree of one trace."""
        stream = self._stream or sys.stderr  # looked up late: it may be replaced, by a test runner for instance
        if stream.closed:
            return
        is_terminal = stream.isatty()
        text = render_tree(
            spans,
            has_colours=is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
            width=shutil.get_terminal_size().columns if is_terminal else None,
            is_ascii=not _can_draw(stream),
        )
        stream.write(text + "\n")
        stream.flush()


def _can_draw(stream: TextIO) -> bool:
    try:
        "├─└│·✗…".encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
