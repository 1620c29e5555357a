"""Traces into a folder: one file a run, OTLP JSON lines. Needs the OpenTelemetry SDK.

`agentkit trace show FILE` draws one; any OTLP collector reads them too (its otlpjsonfile receiver).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from agentkit.tracing.exporter import TraceExporter
from agentkit.tracing.record import SpanRecord, to_otlp

__all__ = ["FileExporter"]

_REMEMBERED_FILES = 1_000


class FileExporter(TraceExporter):
    """Writes every trace to a file of its own in `folder`, named by start time (UTC) and trace id.

    Files are for their owner's eyes alone (mode 0600), since they may hold content. Nothing is ever deleted.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.folder = Path(folder)
        self._paths: dict[str, Path] = {}  # trace id -> file, so that late spans find theirs

    def write(self, spans: Sequence[SpanRecord]) -> None:
        """Append the spans as one line to the trace's file."""
        self.folder.mkdir(parents=True, exist_ok=True)
        line = json.dumps(to_otlp(spans), separators=(",", ":")) + "\n"
        # One write of one line: a crash leaves whole lines and at most one cut at the end.
        descriptor = os.open(self._path_of(spans), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            file.write(line.encode("ascii"))

    def _path_of(self, spans: Sequence[SpanRecord]) -> Path:
        trace_id = spans[0].trace_id
        known = self._paths.get(trace_id)
        if known is not None:
            return known
        began = datetime.fromtimestamp(min(span.start_ns for span in spans) / 1e9, UTC)
        path = self.folder / f"{began:%Y%m%dT%H%M%S}Z-{trace_id}.jsonl"
        if len(self._paths) >= _REMEMBERED_FILES:
            del self._paths[next(iter(self._paths))]
        self._paths[trace_id] = path
        return path
