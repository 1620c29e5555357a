"""Where traces go: to an OpenTelemetry pipeline of yours, to the terminal, to files; and reading those files again.

    tracing.configure(console=True, folder="traces")

This loads the OpenTelemetry SDK, which a run alone does not.
"""

from __future__ import annotations

from agentkit.content import default_mask
from agentkit.tracing.configure import configure
from agentkit.tracing.console import ConsoleExporter
from agentkit.tracing.exporter import TraceExporter
from agentkit.tracing.file import FileExporter
from agentkit.tracing.record import SpanEvent, SpanRecord, load_trace
from agentkit.tracing.tree import render_tree

__all__ = [
    "ConsoleExporter",
    "FileExporter",
    "SpanEvent",
    "SpanRecord",
    "TraceExporter",
    "configure",
    "default_mask",
    "load_trace",
    "render_tree",
]
