"""JSON from outside: its depth, and letters that are broken."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.json_bytes import json_bytes
from agentkit.json_value import MAX_DEPTH, json_value

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=200,
)


@given(values, st.booleans())
def test_reads_what_json_is(value: Any, is_ascii: bool) -> None:
    assert json_value(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'"a\\ud83d\\ude00b"', "a\U0001f600b"),
        (b'"a\\ud83db"', "a�b"),
        (b'"\\ude00\\ud83d"', "��"),
        (b'"\\\\ud83d"', "\\ud83d"),
        (b'"\xff\xfe"', "��"),
        (b"\xef\xbb\xbf[1]", [1]),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b'"\\u0000"', "\x00"),
    ],
)
def test_half_a_letter_is_no_reason_to_throw_an_answer_away(text: bytes, value: Any) -> None:
    assert json_value(text) == value


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, MAX_DEPTH + 2, 150, 100_000])
def test_the_depth_is_bounded(depth: int) -> None:
    text = b"[" * depth + b"]" * depth
    if depth <= MAX_DEPTH + 1:
        assert json.loads(json_bytes(json_value(text))) == json.loads(text)
    else:
        with pytest.raises(ValueError, match="recursion"):
            json_value(text)


@pytest.mark.parametrize("text", [b"", b"nul", b'{"a"', b"1" * 5_000, b"1],[1" + b" " + b'"' + b"[" * 200 + b'"'])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):  # pydantic's words are its own
        json_value(text)


def test_brackets_that_close_what_was_not_opened_are_refused() -> None:
    with pytest.raises(ValueError):
        json_value(b"1],[1, [" + b"[]," * 200 + b"1]")


def test_numbers_that_json_has_not_are_written_as_texts() -> None:
    assert json_bytes({"a": json_value(b"[1e999, NaN, -Infinity]")}) == b'{"a":["Infinity","NaN","-Infinity"]}'
