"""Schemas that came from elsewhere are checked when the tool is made, and arguments on every call."""

import json
from typing import Any

import pytest
from schema.schemas import LEGAL, UNUSABLE

from agentkit.errors import SchemaError
from agentkit.schema.arguments import ArgumentsError, BoundArguments
from agentkit.schema.raw import compile_raw


@pytest.mark.parametrize("name", LEGAL)
def test_a_legal_schema_takes_what_fits_and_nothing_else(name: str):
    schema, fitting, wrong = LEGAL[name]
    raw = compile_raw(schema, tool="probe")
    assert raw.parameters == schema
    assert raw.validate_python(fitting, strict=True) == BoundArguments((), fitting)
    assert raw.validate_json(json.dumps(fitting), strict=False) == BoundArguments((), fitting)
    if wrong is not None:
        with pytest.raises(ArgumentsError):
            raw.validate_python(wrong, strict=False)


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_schema_raises_when_the_tool_is_made(name: str):
    schema, problem = UNUSABLE[name]
    with pytest.raises(SchemaError) as caught:
        compile_raw(schema, tool="probe")
    assert caught.value.tool == "probe"
    assert problem in str(caught.value)


ORDER = {
    "type": "object",
    "properties": {
        "a": {"type": "integer", "description": "An a."},
        "b": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"z": {"type": "integer"}}}]},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"price": {"type": "number", "minimum": 0}}},
        },
        "kind": {"enum": ["x", "y"]},
        "name": {"type": "string", "maxLength": 2},
    },
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "a: required, but missing (integer: An a.)"),
        ('{"a": 1, "q": 2}', "no such argument: 'q'; the arguments are: a, b, items, kind, name"),
        ('{"a": "x"}', 'a: should be integer; got "x"'),
        ('{"a": 1, "items": [{"price": 1}, {"price": -1}]}', "items[1].price: should be at least 0; got -1"),
        ('{"a": 1, "kind": "z"}', 'kind: should be one of ["x","y"]; got "z"'),
        ('{"a": 1, "name": "abc"}', 'name: should be at most 2 characters long; got "abc"'),
        ('{"a": 1, "b": 5}', "b: fits none of the choices: should be string; should be object; got 5"),
        ("[1]", "should be one JSON object with the arguments by name; got [1]"),
    ],
)
def test_wrong_arguments_are_told_with_path_value_and_what_is_expected(text: str, told: str):
    with pytest.raises(ArgumentsError) as caught:
        compile_raw(ORDER, tool="probe").validate_json(text, strict=False)
    assert str(caught.value) == told


def test_null_for_an_optional_property_that_does_not_accept_it_means_left_out():
    raw = compile_raw(ORDER, tool="probe")
    text = '{"a": 1, "name": null, "items": [{"price": null}]}'
    assert raw.validate_json(text, strict=True) == BoundArguments((), {"a": 1, "items": [{}]})


def test_nothing_and_null_mean_no_arguments():
    raw = compile_raw({"type": "object"}, tool="probe")
    assert [raw.validate_json(text, strict=True) for text in ("", "null", "{}")] == [BoundArguments((), {})] * 3


def test_text_that_is_no_json_is_told_as_such():
    with pytest.raises(ArgumentsError) as caught:
        compile_raw(ORDER, tool="probe").validate_json('{"a":', strict=False)
    assert caught.value.is_malformed


def test_a_value_that_json_cannot_hold_is_refused():
    with pytest.raises(ArgumentsError, match="arguments must be JSON"):
        compile_raw(ORDER, tool="probe").validate_python({"a": object()}, strict=False)


def test_a_mapping_that_is_no_dict_is_taken():
    from types import MappingProxyType

    schema: Any = MappingProxyType({"type": "object"})
    assert compile_raw(schema, tool="probe").parameters == {"type": "object"}


def choices(word: str, depth: int) -> dict[str, Any]:
    """Definitions of which each is twice the next one."""
    named = {f"a{n}": {word: [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(depth)}
    return {
        "type": "object",
        "$defs": {**named, f"a{depth}": {"type": "string"}},
        "properties": {"a": {"$ref": "#/$defs/a0"}},
    }


@pytest.mark.parametrize("word", ["anyOf", "oneOf", "allOf"])
def test_a_schema_whose_choices_multiply_is_refused(word: str) -> None:
    with pytest.raises(SchemaError, match=r"one value would have to be checked against .* schemas"):
        compile_raw(choices(word, 30), tool="t")
    compile_raw(choices(word, 5), tool="t")


@pytest.mark.timeout(20)
def test_a_union_that_holds_itself_complains_of_the_schema() -> None:
    itself = {"$ref": "#/$defs/n"}
    circle = {"$defs": {"n": {"anyOf": [itself, {"type": "null"}]}}, "type": "object", "properties": {"a": itself}}
    with pytest.raises(ArgumentsError, match="the schema of this tool leads in a circle"):
        compile_raw(circle, tool="t").validate_json('{"a": 1}', strict=False)
