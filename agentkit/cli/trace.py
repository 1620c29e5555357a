"""`agentkit trace`: traces of earlier runs."""

from __future__ import annotations

from pathlib import Path

import click

from agentkit.cli.options import debug_option, json_option
from agentkit.cli.terminal import print_json
from agentkit.cli.watched import draw
from agentkit.tracing.record import SpanRecord, load_trace

__all__ = ["command"]


@click.group("trace")
def command() -> None:
    """Show traces of earlier runs, such as those that `agentkit run --trace-dir` wrote."""


@command.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@json_option("Print the spans as one JSON document.")
@debug_option
def show_command(file: Path, json: bool) -> None:
    """Draw the spans of a trace file as a tree; of a folder, those of its newest file."""
    spans = load_trace(_newest(file) if file.is_dir() else file)
    if json:
        print_json([_as_json(span) for span in spans])
        return
    click.echo(draw(spans))


def _newest(folder: Path) -> Path:
    files = sorted(folder.glob("*.jsonl"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    if not files:
        raise click.UsageError(f"no trace (*.jsonl) in the folder {str(folder)!r}")
    return files[-1]


def _as_json(span: SpanRecord) -> dict[str, object]:
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_id": span.parent_id,
        "name": span.name,
        "start_ns": span.start_ns,
        "duration_seconds": span.duration_seconds,
        "is_error": span.is_error,
        "status_message": span.status_message,
        "attributes": dict(span.attributes),
        "events": [
            {"name": event.name, "time_ns": event.time_ns, "attributes": dict(event.attributes)}
            for event in span.events
        ],
    }
