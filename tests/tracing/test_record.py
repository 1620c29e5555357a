from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentkit.errors import StateError
from agentkit.tracing.record import SpanEvent, SpanRecord, load_trace, to_otlp

SPAN = SpanRecord(
    trace_id="0af7651916cd43dd8448eb211c80319c",
    span_id="b7ad6b7169203331",
    parent_id="00f067aa0ba902b7",
    name="chat m",
    kind=3,
    start_ns=1_700_000_000_000_000_000,
    end_ns=1_700_000_000_610_000_000,
    attributes={
        "text": "é",
        "count": 2**53 + 1,
        "share": 0.5,
        "flag": True,
        "list": ["a", "b"],
        "raw": b"\x00",
        "map": {"a": 1},
    },
    events=(SpanEvent("exception", 1_700_000_000_500_000_000, {"exception.type": "ValueError"}),),
    is_error=True,
    status_message="ValueError",
    resource={"service.name": "shop"},
    scope=("agentkit", "", "https://example.com/schema"),
)


def test_spans_come_back_as_they_went(tmp_path: Path) -> None:
    other = SpanRecord("0af7651916cd43dd8448eb211c80319c", "00f067aa0ba902b7", "", "root", 1, 0, 1, is_ok=True)
    path = tmp_path / "trace.jsonl"
    path.write_text(json.dumps(to_otlp([SPAN])) + "\n\n" + json.dumps(to_otlp([other])) + "\n")
    assert load_trace(path) == [SPAN, other]
    assert SPAN.duration_seconds == pytest.approx(0.61)


def test_one_document_over_many_lines_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(to_otlp([SPAN]), indent=2))
    assert load_trace(str(path)) == [SPAN]


@pytest.mark.parametrize(
    "line", ['{"resourceSpans": [', "[]", "null", '{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "x"}]}]}]}']
)
def test_a_corrupt_line_is_named_with_what_to_do(tmp_path: Path, line: str) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(json.dumps(to_otlp([SPAN])) + "\n" + line + "\n")
    with pytest.raises(StateError) as caught:
        load_trace(path)
    assert str(caught.value) == (
        f"line 2 of the trace file {str(path)!r} is not OTLP JSON; it was cut or edited. "
        "Delete line 2 to read the rest, or run again to get a new trace"
    )


def test_a_missing_an_empty_and_a_binary_file_are_told_apart(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty.jsonl", tmp_path / "binary.jsonl"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(StateError, match="No such file"):
        load_trace(tmp_path / "missing.jsonl")
    with pytest.raises(StateError, match="holds no span"):
        load_trace(empty)
    with pytest.raises(StateError, match="byte 0 is not UTF-8"):
        load_trace(binary)
