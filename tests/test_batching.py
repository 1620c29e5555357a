"""Results mapped to inputs: exactly one each, whatever order, duplicates and gaps; and the state as a document."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from agentkit.batching import (
    BatchJob,
    BatchPart,
    BatchResult,
    BatchState,
    item_id,
    json_rows,
    position_of,
    read_state,
    settled,
    state_to_json,
)
from agentkit.errors import (
    BadRequestError,
    DeadlineError,
    ExchangeError,
    NewerVersionError,
    ProtocolError,
    StateError,
)
from agentkit.exchange import Response
from agentkit.messages import AssistantMessage, Text, ToolCall

STATE = BatchState(
    "ak-1",
    "openai:gpt-6-luna",
    "abc",
    ("a", "b", "c"),
    (BatchPart(0, 2, 12.5, "file-1", "batch-1", "ended"), BatchPart(2, 1)),
    {"wire": "own"},
    ("a note",),
)
ENDED = BatchJob("batch-1", "ended")


def answer(text: str) -> Response:
    return Response(AssistantMessage((Text(text),)))


def told(rows: list[tuple[str, BatchResult]], *, job: BatchJob = ENDED, part: int = 0) -> list[object]:
    found = settled(rows, STATE, STATE.parts[part], job=job, provider="openai")
    return [result.text if isinstance(result, Response) else type(result) for result in found]


def test_any_order_and_duplicates_give_one_result_each() -> None:
    rows: list[tuple[str, BatchResult]] = [
        ("ak-1-1", BadRequestError("no")),
        ("ak-1-0", answer("zero")),
        ("ak-1-0", answer("zero again")),
        ("ak-1-1", answer("one")),
        ("ak-1-2", answer("of another part")),
        ("ak-2-0", answer("of another batch")),
        ("None", answer("of nobody")),
    ]
    assert told(rows) == ["zero", "one"]


def test_thousands_in_any_order_find_their_places() -> None:
    state = replace(STATE, ids=tuple(map(str, range(5_000))), parts=(BatchPart(0, 5_000, job="x", status="ended"),))
    rows: list[tuple[str, BatchResult]] = [(item_id("ak-1", place), answer(str(place))) for place in range(5_000)]
    random.Random(7).shuffle(rows)
    found = settled(rows, state, state.parts[0], job=ENDED, provider="openai")
    assert [result.text for result in found if isinstance(result, Response)] == list(state.ids)


@pytest.mark.parametrize(
    ("job", "error"),
    [
        (ENDED, ProtocolError),
        (BatchJob("batch-1", "expired"), DeadlineError),
        (BatchJob("batch-1", "cancelled"), ExchangeError),
        (BatchJob("batch-1", "failed", problem="the file is empty"), ExchangeError),
    ],
)
def test_an_input_without_an_answer_has_an_error_that_says_why(job: BatchJob, error: type[ExchangeError]) -> None:
    assert told([("ak-1-1", answer("one"))], job=job) == [error, "one"]


def test_a_batch_that_was_refused_tells_each_line_its_reason() -> None:
    job = BatchJob("batch-1", "failed", problem="line 2 is bad", problems={2: "no body"})
    first, second = settled([], STATE, STATE.parts[0], job=job, provider="openai")
    assert "failed: line 2 is bad" in str(first)
    assert "failed: no body (openai:gpt-6-luna, batch_failed)" in str(second)


def test_tools_have_their_own_names_again() -> None:
    called = Response(AssistantMessage((ToolCall("1", "wire", "{}"), ToolCall("2", "other", "{}"))))
    (found,) = settled([("ak-1-2", called)], STATE, STATE.parts[1], job=ENDED, provider="openai")
    assert isinstance(found, Response)
    assert [call.name for call in found.calls] == ["own", "other"]


@pytest.mark.parametrize(
    ("id", "position"),
    [("ak-1-7", 7), ("ak-1-", None), ("ak-1-x", None), ("ak-10-7", None), ("ak-1-7 ", None), ("", None)],
)
def test_an_id_on_the_wire_tells_its_position(id: str, position: int | None) -> None:
    assert position_of(id, "ak-1") == position


def test_a_state_is_the_same_after_a_file() -> None:
    assert read_state(state_to_json(STATE)) == STATE


PARTS: list[dict[str, object]] = [
    {"count": "3"},
    {"count": None},
    {"count": 2},
    {"first": 1},
    {"status": "melted"},
    {"job": 5},
    {"file": None},
    {"asked": "12.5"},
    {"asked": []},
]
CHANGES: list[dict[str, object]] = [
    {"kind": "x"},
    {"version": "1"},
    {"parts": [{}]},
    {"parts": []},
    {"ids": None},
    {"names": []},
    {"name": None},
    *({"parts": [{"first": 0, "count": 3} | part]} for part in PARTS),
    {"parts": [{"first": 0, "count": 2}, {"first": 0, "count": 1}]},
    {"parts": [{"first": 0, "count": 4}, {"first": 4, "count": -1}]},
]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_a_document_that_is_no_state_is_refused(change: dict[str, object]) -> None:
    document = state_to_json(STATE) | change
    if change == {"name": None}:
        del document["name"]
    with pytest.raises(StateError):
        read_state(document)


def test_a_line_that_is_broken_costs_its_own_answer_alone() -> None:
    deep = b"[" * 300 + b"]" * 300
    body = b"\n".join((b'{"id": 1}', b'{"id":', b"7", deep, b"", b'{"id": 2}\r'))
    assert json_rows(body, provider="openai") == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"\n<html>\n</html>", "line 2 of the results is not JSON"), (b"[1]", "line 1 of the results is no object")],
)
def test_what_has_no_lines_of_results_is_said_to(body: bytes, said: str) -> None:
    with pytest.raises(ProtocolError, match=said):
        json_rows(body, provider="openai")


def test_a_newer_state_says_so() -> None:
    with pytest.raises(NewerVersionError):
        read_state(state_to_json(STATE) | {"version": 2})
