"""The ladder of repairs: well-known slips are mended, nothing is guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.repair import repair_json


@pytest.mark.parametrize(
    ("text", "value", "repairs"),
    [
        ('```json\n{"a": 1}\n```', {"a": 1}, ("code fence",)),
        ('Here you are:\n```\n{"a": 1}\n```\nEnjoy!', {"a": 1}, ("code fence",)),
        ('The arguments: {"a": {"b": 1}}.', {"a": {"b": 1}}, ("code fence",)),
        ('"{\\"a\\": 1}"', {"a": 1}, ("double encoding",)),
        ('{"a": "one\ntwo\tthree"}', {"a": "one\ntwo\tthree"}, ("raw controls",)),
        ('{"a": [1, 2, ], }', {"a": [1, 2]}, ("trailing comma",)),
        ('{"a": ",}", "b": "x,]",}', {"a": ",}", "b": "x,]"}, ("trailing comma",)),
        ("{'a': True, 'b': None, 'c': 'it\\'s'}", {"a": True, "b": None, "c": "it's"}, ("Python literal",)),
        ('```json\n{"a": "x\ny",}\n```', {"a": "x\ny"}, ("code fence", "raw controls", "trailing comma")),
    ],
)
def test_well_known_slips_are_mended(text: str, value: Any, repairs: tuple[str, ...]) -> None:
    repaired = repair_json(text)
    assert repaired is not None
    assert json.loads(repaired.text) == value
    assert repaired.repairs == repairs


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "words", "[1, 2]", "```\n[1]\n```", "3", '"words"',
        '{"a": 1', '{"a": "cut', '{"a": [1, 2', '{"a": {"b": 1}', '{"a": 1}}', "{'a': 1", "{a: 1}", "{'a': {1, 2}}",
        '[{"a": 1}, {"a"', '{"code": "```{}```", "more": ', 'text {"a": {"b": 1}', "(" * 1_000,
        "[" * 100_000, '{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_would_be_a_guess_is_left_alone(text: str) -> None:
    assert repair_json(text) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), values, min_size=1, max_size=3), st.data())
def test_text_that_was_cut_is_never_completed(value: Any, data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = data.draw(st.integers(0, len(text) - 1))
    assert repair_json(text[:cut]) is None


@given(st.dictionaries(st.text(), values))
def test_python_literals_mean_what_they_say(value: Any) -> None:
    repaired = repair_json(repr(value))
    if repaired is not None:  # else it is JSON already
        assert json.loads(repaired.text) == value
