"""Traces of runs in this process: kept to be drawn when the run has ended, and written to a folder when asked for."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider

from agentkit.cli.terminal import can_draw, width_of
from agentkit.tracing.configure import configure
from agentkit.tracing.exporter import TraceExporter
from agentkit.tracing.record import SpanRecord
from agentkit.tracing.tree import render_tree

__all__ = ["KeptTrace", "draw", "watched"]


class KeptTrace(TraceExporter):
    """Keeps the spans of every run that ended."""

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[SpanRecord] = []

    def write(self, spans: Sequence[SpanRecord]) -> None:
        """Keep the spans of one trace."""
        self.spans += spans


@contextmanager
def watched(*, keeps: bool, folder: Path | None = None) -> Generator[KeptTrace]:
    """While this lasts runs are traced: into the KeptTrace and, when a folder is given, into files there.

    Without either, traces go where OpenTelemetry was told to send them, and the KeptTrace stays empty.
    """
    kept = KeptTrace()
    if not keeps and folder is None:
        yield kept
        return
    provider = TracerProvider(shutdown_on_exit=False)
    if keeps:
        provider.add_span_processor(kept)
    configure(tracer_provider=provider, folder=folder)
    try:
        yield kept
    finally:
        configure()
        provider.shutdown()


def draw(spans: Sequence[SpanRecord], *, to_stdout: bool = True) -> str:
    """The tree of the spans as this terminal can show it; click takes the colours away where there is none."""
    stream = sys.stdout if to_stdout else sys.stderr
    return render_tree(spans, has_colours=True, width=width_of(stream), is_ascii=not can_draw(stream))
