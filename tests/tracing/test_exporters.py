from __future__ import annotations

import io
import logging
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from tracing.watched import ANSWER, run_weather

from agentkit.errors import ConfigurationError
from agentkit.telemetry import TELEMETRY, Telemetry, TelemetryConfig
from agentkit.tracing.configure import configure
from agentkit.tracing.console import ConsoleExporter
from agentkit.tracing.exporter import TraceExporter
from agentkit.tracing.file import FileExporter
from agentkit.tracing.record import SpanRecord, load_trace
from agentkit.tracing.tree import render_tree

NAMES = ["chat gpt-6-luna", "execute_tool get_weather", "chat gpt-6-luna", "invoke_agent weather"]


class Kept(TraceExporter):
    """Keeps the names of what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.traces: list[list[str]] = []

    def write(self, spans: Sequence[SpanRecord]) -> None:
        self.traces.append([span.name for span in spans])


class FullDisk(TraceExporter):
    def write(self, spans: Sequence[SpanRecord]) -> None:
        raise OSError("no space left on device")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class OldTerminal(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="ascii", write_through=True)


def watched_by(*exporters: TraceExporter) -> tuple[TracerProvider, Telemetry]:
    provider = TracerProvider()
    for exporter in exporters:
        provider.add_span_processor(exporter)
    return provider, Telemetry(TelemetryConfig(tracer_provider=provider))


def test_a_trace_arrives_whole_when_its_last_span_has_ended() -> None:
    kept = Kept()
    provider, telemetry = watched_by(kept)
    with provider.get_tracer("web").start_as_current_span("GET /weather"):
        run_weather(telemetry)
        assert kept.traces == []
    assert kept.traces == [[*NAMES, "GET /weather"]]


def test_a_run_below_a_span_of_elsewhere_arrives_too() -> None:
    kept = Kept()
    _, telemetry = watched_by(kept)
    remote = NonRecordingSpan(SpanContext(7, 8, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
    with trace.use_span(remote):
        run_weather(telemetry)
    assert kept.traces == [NAMES]


def test_a_flush_gives_what_has_ended_and_a_shutdown_ends_it() -> None:
    kept = Kept()
    provider, telemetry = watched_by(kept)
    with telemetry.agent_span(name="a"):
        with telemetry.tool_span(tool_name="first"):
            pass
        provider.force_flush()
        assert kept.traces == [["execute_tool first"]]
        with telemetry.tool_span(tool_name="second"):
            pass
        kept.shutdown()
    assert kept.traces == [["execute_tool first"], ["execute_tool second"]]


def test_an_exporter_that_joins_late_takes_what_ends_from_then_on() -> None:
    kept = Kept()
    provider, telemetry = watched_by()
    with telemetry.agent_span(name="a"):
        provider.add_span_processor(kept)
    assert kept.traces == [["invoke_agent a"]]


def test_a_trace_that_cannot_be_written_does_not_end_the_run(caplog: pytest.LogCaptureFixture) -> None:
    _, telemetry = watched_by(FullDisk())
    with caplog.at_level(logging.WARNING):
        run_weather(telemetry)
    assert [record.getMessage() for record in caplog.records] == [
        "a trace could not be written: no space left on device"
    ]


def test_every_run_has_a_file_of_its_own_that_reads_back(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "traces"
    _, telemetry = watched_by(FileExporter(folder))
    run_weather(telemetry)
    run_weather(telemetry)
    paths = sorted(folder.iterdir())
    assert len(paths) == 2
    for path in paths:
        spans = load_trace(path)
        assert [span.name for span in spans] == NAMES
        assert path.name.endswith(f"Z-{spans[0].trace_id}.jsonl")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_late_spans_join_the_file_of_their_trace(tmp_path: Path) -> None:
    provider, telemetry = watched_by(FileExporter(tmp_path))
    with telemetry.agent_span(name="a"):
        with telemetry.tool_span(tool_name="first"):
            pass
        provider.force_flush()
    (path,) = tmp_path.iterdir()
    assert [span.name for span in load_trace(path)] == ["execute_tool first", "invoke_agent a"]


def test_the_console_shows_the_tree_of_a_run_without_colours_in_a_file(tmp_path: Path) -> None:
    stream = io.StringIO()
    _, telemetry = watched_by(ConsoleExporter(stream), FileExporter(tmp_path))
    run_weather(telemetry)
    (path,) = tmp_path.iterdir()
    assert stream.getvalue() == render_tree(load_trace(path)) + "\n"


def test_the_console_is_coloured_on_a_terminal_unless_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Terminal(), Terminal()
    run_weather(watched_by(ConsoleExporter(coloured))[1])
    monkeypatch.setenv("NO_COLOR", "1")
    run_weather(watched_by(ConsoleExporter(plain))[1])
    assert "\x1b[" in coloured.getvalue()
    assert "\x1b[" not in plain.getvalue()


def test_a_terminal_without_box_drawing_gets_plain_letters() -> None:
    stream = OldTerminal()
    run_weather(watched_by(ConsoleExporter(stream))[1])
    assert b"|- execute_tool get_weather" in stream.buffer.getvalue()  # type: ignore[attr-defined]


def test_a_closed_stream_is_left_alone() -> None:
    stream = io.StringIO()
    stream.close()
    run_weather(watched_by(ConsoleExporter(stream))[1])


def test_configure_sends_every_run_to_the_console_and_a_folder_until_called_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    provider = TracerProvider()
    try:
        configure(tracer_provider=provider, content=True, console=True, folder=tmp_path)
        run_weather(TELEMETRY)
        configure(tracer_provider=provider, folder=tmp_path / "later")
        run_weather(TELEMETRY)
    finally:
        configure()
    assert capsys.readouterr().err.count("invoke_agent weather") == 1
    (first,) = tmp_path.glob("*.jsonl")
    (second,) = (tmp_path / "later").iterdir()
    assert ANSWER in first.read_text()
    assert ANSWER not in second.read_text()


def test_configure_refuses_a_provider_that_takes_no_exporters() -> None:
    with pytest.raises(ConfigurationError, match="NoOpTracerProvider takes no exporters"):
        configure(tracer_provider=trace.NoOpTracerProvider(), console=True)
