"""One schema in every provider's dialect: accepted there, meaning the same, with a report of what was changed."""

import copy
import json
import sys
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from schema.schemas import LEGAL
from schema.zoo import CASES, Context
from shared import SHARED, needs_shared, oracle

from agentkit.errors import SchemaError
from agentkit.schema.dialects import Compiled, Dialect, compile_schema
from agentkit.schema.function import compile_function
from agentkit.schema.nodes import is_object
from agentkit.schema.nulls import without_filler_nulls
from agentkit.schema.report import Change

DIALECTS: tuple[Dialect, ...] = ("openai", "anthropic", "gemini", "bedrock")


def complaints(done: Compiled, dialect: Dialect) -> list[str]:
    """What the oracle has against it; a loose form is held to what every provider wants of an object."""
    is_subset = done.is_strict or dialect == "gemini"
    form = "bedrock" if not is_subset else "anthropic" if dialect == "bedrock" else dialect
    return oracle("oracle_schema").check(done.schema, form)


def neutral(fn: Any) -> dict[str, Any]:
    return compile_function(fn, name="probe", context_type=Context, strict=None).parameters


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("name", "fn", "arguments", "result"), CASES, ids=[case[0] for case in CASES])
def test_every_signature_is_accepted(name: str, fn: Any, arguments: Any, result: Any, dialect: Dialect):
    done = compile_schema(neutral(fn), dialect, strict=None)
    assert complaints(done, dialect) == []
    assert done.is_strict or dialect in ("gemini", "bedrock") or done.report.fallback


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", LEGAL)
def test_every_schema_from_elsewhere_is_accepted_and_still_takes_what_fits(name: str, dialect: Dialect):
    schema, fitting, _ = LEGAL[name]
    before = copy.deepcopy(schema)
    done = compile_schema(schema, dialect, strict=None)
    assert schema == before
    assert compile_schema(schema, dialect, strict=None) == done
    assert complaints(done, dialect) == []
    value = filled(fitting, done.schema, done.schema) if done.is_strict and dialect == "openai" else fitting
    if "patterns of another engine" not in name:
        jsonschema.Draft202012Validator(done.schema).validate(value)


@needs_shared
@pytest.mark.parametrize("dialect", DIALECTS)
def test_two_hundred_functions_are_accepted(dialect: Dialect):
    sys.path.insert(0, str(SHARED / "bench"))
    try:
        import toolfns
    finally:
        sys.path.pop(0)
    for fn in toolfns.make(200):
        assert complaints(compile_schema(neutral(fn), dialect, strict=None), dialect) == []


LIMITED = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "A name.", "minLength": 2, "maxLength": 20},
        "count": {"type": "integer", "exclusiveMinimum": 0, "maximum": 9, "default": 3},
        "place": {"$ref": "#/$defs/Place", "description": "Where."},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "maxItems": 4},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"Place": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}},
}


def test_openai_strict_requires_all_and_says_the_rest_in_words():
    done = compile_schema(LIMITED, "openai", strict=None)
    assert done.is_strict
    assert done.schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "A name. (at least 2 characters; at most 20 characters)"},
            "count": {
                "type": ["integer", "null"],
                "exclusiveMinimum": 0,
                "maximum": 9,
                "description": "(default: 3)",
            },
            "place": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}], "description": "Where."},
            "tags": {
                "anyOf": [{"type": "array", "maxItems": 4, "items": {"type": "string"}}, {"type": "null"}],
                "description": "(no duplicates)",
            },
        },
        "required": ["name", "count", "place", "tags"],
        "additionalProperties": False,
        "$defs": {
            "Place": {
                "type": "object",
                "properties": {"x": {"type": "number"}},
                "required": ["x"],
                "additionalProperties": False,
            }
        },
    }
    assert done.report.changes == (
        Change("name", "minLength", "enforced locally", "at least 2 characters"),
        Change("name", "maxLength", "enforced locally", "at most 20 characters"),
        Change("count", "exclusiveMinimum", "kept"),
        Change("count", "maximum", "kept"),
        Change("count", "default", "rewritten", "said in the description"),
        Change("count", "required", "rewritten", "optional: null stands for left out"),
        Change(
            "place", "$ref", "rewritten", "nothing may stand beside a reference, so it is the one choice of an anyOf"
        ),
        Change("place", "required", "rewritten", "optional: null stands for left out"),
        Change("tags", "uniqueItems", "enforced locally", "no duplicates"),
        Change("tags", "maxItems", "kept"),
        Change("tags", "required", "rewritten", "optional: null stands for left out"),
    )


def test_anthropic_strict_keeps_optional_properties():
    done = compile_schema(LIMITED, "anthropic", strict=None)
    assert done.is_strict
    assert done.schema["required"] == ["name"]
    assert done.schema["properties"]["count"] == {
        "type": "integer",
        "description": "(greater than 0; at most 9; default: 3)",
    }


def test_gemini_keeps_bounds_and_defaults():
    done = compile_schema(LIMITED, "gemini", strict=None)
    assert not done.is_strict
    assert done.schema["properties"]["count"] == {"type": "integer", "minimum": 1, "maximum": 9, "default": 3}
    assert done.schema["properties"]["name"]["description"] == "A name. (at least 2 characters; at most 20 characters)"


def test_bedrock_is_loose_unless_told():
    assert compile_schema(LIMITED, "bedrock", strict=None) == Compiled(
        LIMITED, is_strict=False, report=compile_schema(LIMITED, "bedrock", strict=False).report
    )
    strict = compile_schema(LIMITED, "bedrock", strict=True)
    assert strict.is_strict
    assert strict.schema == compile_schema(LIMITED, "anthropic", strict=True).schema


@pytest.mark.parametrize(
    ("schema", "dialect", "reason"),
    [
        ({"a": {"type": "object", "additionalProperties": {"type": "string"}}}, "openai", "a: it holds fields of any"),
        ({"a": {}}, "openai", "a: any value fits there, and every place needs a type"),
        ({"a": {"type": "object"}}, "anthropic", "a: it is an object without named fields"),
        ({"a": {"type": "array"}}, "openai", "a: its items are of any type"),
        ({"a": {"type": "array", "prefixItems": [{"type": "string"}]}}, "anthropic", "a: its items are told apart by"),
        ({"a": {"$ref": "#"}}, "anthropic", "the root: it is recursive"),
        ({f"a{i}": {"type": "string"} for i in range(30)}, "anthropic", "30 optional in all, at most 24 are allowed"),
        ({f"a{i}": {"type": "string"} for i in range(5001)}, "openai", "5001 properties in all, at most 5000"),
    ],
)
def test_what_a_strict_subset_cannot_hold_falls_back_visibly_and_raises_when_strict_was_asked_for(
    schema: dict[str, Any], dialect: Dialect, reason: str
):
    whole = {"type": "object", "properties": schema, "additionalProperties": False}
    done = compile_schema(whole, dialect, strict=None)
    assert not done.is_strict
    assert reason in done.report.fallback
    assert str(done.report).startswith("not strict: ")
    with pytest.raises(SchemaError, match="cannot take it as a strict schema"):
        compile_schema(whole, dialect, strict=True, tool="probe")


def test_strict_false_sends_the_schema_as_it_is():
    done = compile_schema(LIMITED, "openai", strict=False)
    assert (done.schema, done.is_strict, done.report.fallback) == (LIMITED, False, "")


def test_gemini_has_no_strict_mode_and_says_so():
    done = compile_schema(LIMITED, "gemini", strict=True)
    assert not done.is_strict
    assert done.report.changes[0] == Change("", "strict", "enforced locally", "Gemini has no strict mode")


def test_an_array_without_items_gets_them_for_openai_loose():
    done = compile_schema({"type": "object", "properties": {"a": {"type": "array"}}}, "openai", strict=False)
    assert done.schema["properties"]["a"] == {"type": "array", "items": {}}


def test_a_union_at_the_root_becomes_one_object_that_tells_the_union():
    done = compile_schema(LEGAL["union at the root"][0], "openai", strict=None)
    assert done.is_strict
    assert list(done.schema["properties"]) == ["a", "b"]
    assert done.schema["description"].startswith("(must fit one of [")
    assert done.report.changes[0].action == "enforced locally"


class Step(BaseModel):
    name: str
    size: int = 1
    then: "Step | None" = None


def run(step: Step, dry: bool = False): ...


def test_nulls_that_strict_schemas_ask_for_are_dropped_before_validation():
    schema = compile_function(run, name="run", context_type=Context, strict=None)
    assert compile_schema(schema.parameters, "openai", strict=True).is_strict
    text = '{"step": {"name": "a", "size": null, "then": {"name": "b", "size": 2, "then": null}}, "dry": null}'
    bound = schema.validate_json(text, strict=True)
    assert bound.kwargs == {"step": Step(name="a", then=Step(name="b", size=2))}


def filled(value: Any, schema: Any, root: Any) -> Any:
    """The value with null for every property that it leaves out, as a strict schema asks."""
    if not is_object(schema):
        return value
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return filled(value, root if name == "#" else root["$defs"][name], root)
    if "anyOf" in schema:
        validator = jsonschema.Draft202012Validator({"$defs": root.get("$defs", {})})
        for branch in schema["anyOf"]:
            attempt = filled(value, branch, root)
            if validator.evolve(schema={**branch, "$defs": root.get("$defs", {})}).is_valid(attempt):
                return attempt
        return value
    if isinstance(value, list):
        heads = schema.get("prefixItems", [])
        return [
            filled(item, heads[place] if place < len(heads) else schema.get("items"), root)
            for place, item in enumerate(value)
        ]
    if is_object(value) and "properties" in schema:
        return {
            name: filled(value[name], child, root) if name in value else None
            for name, child in schema["properties"].items()
        }
    return value


SCALARS: list[tuple[dict[str, Any], st.SearchStrategy[Any]]] = [
    ({"type": "string"}, st.text()),
    ({"type": "string", "minLength": 1, "maxLength": 3}, st.text(min_size=1, max_size=3)),
    ({"type": "string", "format": "uri-ish"}, st.text()),
    ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9}, st.integers(1, 8)),
    ({"type": "number", "exclusiveMinimum": 0}, st.floats(0.1, 10)),
    ({"type": ["string", "null"]}, st.none() | st.text()),
    ({"enum": ["a", "b", 3]}, st.sampled_from(["a", "b", 3])),
    ({"type": ["string", "null"], "enum": ["a", None]}, st.sampled_from(["a", None])),
    ({"const": "fixed"}, st.just("fixed")),
    ({"type": "boolean", "default": False}, st.booleans()),
    ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, st.integers() | st.text()),
    ({"allOf": [{"type": "integer"}, {"minimum": 2}, {"minimum": 3}]}, st.integers(3)),
    ({"$ref": "#/$defs/S", "description": "a reference"}, st.text(min_size=2)),
]


@st.composite
def schema_and_value(draw: st.DrawFn, depth: int = 3) -> tuple[dict[str, Any], Any]:
    kind = draw(st.sampled_from(["scalar", "object", "array", "tuple"] if depth else ["scalar"]))
    if kind == "scalar":
        schema, values = draw(st.sampled_from(SCALARS))
        return schema, draw(values)
    if kind == "array":
        schema, value = draw(schema_and_value(depth - 1))
        return {"type": "array", "items": schema, "minItems": 1, "maxItems": 3}, [value] * draw(st.integers(1, 3))
    if kind == "tuple":
        parts = draw(st.lists(schema_and_value(depth - 1), min_size=1, max_size=3))
        fixed = {"minItems": len(parts), "items": False}
        return {"type": "array", "prefixItems": [part[0] for part in parts], **fixed}, [part[1] for part in parts]
    return draw(object_and_value(depth))


@st.composite
def object_and_value(draw: st.DrawFn, depth: int = 3) -> tuple[dict[str, Any], Any]:
    fields = draw(st.dictionaries(st.text("abcde$.", min_size=1, max_size=3), schema_and_value(depth - 1), max_size=4))
    required = [name for name in fields if draw(st.booleans())]
    left_out = {name for name in fields if name not in required and draw(st.booleans())}
    schema = {"type": "object", "properties": {name: part[0] for name, part in fields.items()}}
    return {**schema, "required": required, "additionalProperties": False}, {
        name: part[1] for name, part in fields.items() if name not in left_out
    }


@settings(deadline=None)
@given(object_and_value())
def test_what_fits_the_neutral_schema_fits_every_dialect_and_comes_back_the_same(pair: tuple[dict[str, Any], Any]):
    schema, value = pair
    schema = {**schema, "$defs": {"S": {"type": "string", "minLength": 2}}}
    jsonschema.Draft202012Validator(schema).validate(value)
    for dialect in DIALECTS:
        done = compile_schema(schema, dialect, strict=None)
        sent = filled(value, done.schema, done.schema) if dialect == "openai" and done.is_strict else value
        jsonschema.Draft202012Validator(done.schema).validate(sent)
        assert complaints(done, dialect) == []
        back = without_filler_nulls(sent, schema)
        assert jsonschema.Draft202012Validator(schema).is_valid(back)
        nothing_nullable = '"null"' not in json.dumps(schema)
        assert back == value or not nothing_nullable


def test_a_report_reads_as_lines():
    done = compile_schema(
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 2, "pattern": "x"}}},
        "openai",
        strict=True,
    )
    assert str(done.report) == (
        "a minLength: enforced locally (at least 2 characters)\n"
        "a pattern: kept\n"
        "a required: rewritten (optional: null stands for left out)"
    )
