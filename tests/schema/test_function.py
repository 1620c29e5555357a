"""A callable becomes a schema, and a model's JSON becomes a call of it."""

import functools
import json
import socket
from collections.abc import Callable
from typing import Annotated, Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from schema import zoo
from schema.zoo import CASES, Context
from typing_extensions import Doc

from agentkit.errors import SchemaError
from agentkit.schema.arguments import ArgumentsError, BoundArguments
from agentkit.schema.function import FunctionSchema, compile_function
from agentkit.schema.nodes import subschemas


def compiled(fn: Callable[..., Any]) -> FunctionSchema:
    return compile_function(fn, name="probe", context_type=Context, strict=None)


def complaint(schema: FunctionSchema, text: str, *, strict: bool = False) -> str:
    with pytest.raises(ArgumentsError) as caught:
        schema.validate_json(text, strict=strict)
    return str(caught.value)


@pytest.mark.parametrize(("name", "fn", "arguments", "result"), CASES, ids=[case[0] for case in CASES])
def test_every_kind_of_signature_is_compiled_and_called(name: str, fn: Any, arguments: dict[str, Any], result: Any):
    schema = compiled(fn)
    bound = schema.validate_json(json.dumps(arguments), strict=True)
    assert fn(*bound.args, **bound.kwargs) == result
    assert not bound.coerced


@pytest.mark.parametrize(("name", "fn", "arguments", "result"), CASES, ids=[case[0] for case in CASES])
def test_the_schema_of_every_kind_of_signature_is_valid_and_admits_its_arguments(
    name: str, fn: Any, arguments: dict[str, Any], result: Any
):
    parameters = compiled(fn).parameters
    jsonschema.Draft202012Validator.check_schema(parameters)
    jsonschema.Draft202012Validator(parameters).validate(arguments)
    assert compiled(fn).parameters == parameters
    assert not [path for path, node in subschemas(parameters) if isinstance(node.get("title"), str)]


def test_arguments_that_are_parsed_already_are_read_as_the_json_they_came_from():
    schema = compiled(zoo.times)
    arguments = {"a": "2026-02-03", "b": "2026-02-03T04:05:06", "c": "04:05:06", "d": "PT1H"}
    assert schema.validate_python(arguments, strict=True) == schema.validate_json(json.dumps(arguments), strict=True)


def test_an_argument_that_json_cannot_hold_is_refused():
    with pytest.raises(ArgumentsError, match="arguments must be JSON"):
        compiled(zoo.builtins).validate_python({"a": object()}, strict=False)


def test_the_schema_merges_docstring_field_and_default():
    def book(
        city: Annotated[str, Field(description="From the field")], nights: int = 2, note: str | None = None
    ) -> None:
        """Book a room.

        Args:
            city: From the docstring.
            nights: How many
                nights.
        """

    schema = compiled(book)
    assert schema.description == "Book a room."
    assert schema.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "From the field"},
            "nights": {"type": "integer", "description": "How many nights.", "default": 2},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_words_in_an_annotation_describe_the_parameter():
    def find(
        city: Annotated[str, "A city."],
        day: Annotated[str, Doc("A day.")],
        *more: Annotated[int, "Numbers."],
        hour: Annotated[int, Field(ge=0, description="An hour."), "Unused."] = 1,
    ) -> None: ...

    assert compiled(find).parameters["properties"] == {
        "city": {"type": "string", "description": "A city."},
        "day": {"type": "string", "description": "A day."},
        "more": {"type": "array", "items": {"type": "integer"}, "description": "Numbers."},
        "hour": {"type": "integer", "minimum": 0, "description": "An hour.", "default": 1},
    }


def test_a_single_model_parameter_keeps_its_name():
    assert compiled(zoo.models).parameters["properties"] == {"customer": {"$ref": "#/$defs/Customer"}}


def test_star_arguments_are_a_named_array_and_double_star_arguments_are_further_properties():
    schema = compiled(zoo.documented)
    assert schema.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": 'Name of the city, such as "Paris".'},
            "days": {"type": "integer", "description": "How many days.", "default": 3},
            "extra": {"type": "array", "items": {"type": "string"}, "description": "More cities."},
        },
        "required": ["city"],
        "additionalProperties": {"type": "integer"},
    }
    assert schema.description == "Forecast for a city.\n\nLooks a few days ahead."


def test_an_unpacked_typed_dict_gives_named_properties():
    parameters = compiled(zoo.unpacked).parameters
    assert list(parameters["properties"]) == ["a", "name", "movies"]
    assert parameters["required"] == ["a", "name"]
    assert parameters["additionalProperties"] is False


def test_a_default_that_json_cannot_hold_is_left_out_and_still_applies():
    properties = compiled(zoo.odd_default).parameters["properties"]
    assert [name for name, known in properties.items() if "default" in known] == ["c"]


def test_arguments_bound_by_partial_are_not_shown_to_the_model():
    assert "secret" not in json.dumps(compiled(CASES[-3][1]).parameters)
    assert list(compiled(CASES[-3][1]).parameters["properties"]) == ["a", "b", "c"]


def test_a_partial_is_described_by_its_function():
    schema = compiled(CASES[-3][1])
    assert schema.description == "Join things."
    assert schema.parameters["properties"]["a"] == {"type": "integer", "description": "First."}


@pytest.mark.parametrize(
    ("fn", "name", "shown"),
    [
        (zoo.with_context, "context", ["a"]),
        (zoo.context_only, "ctx", []),
        (zoo.optional_context, "ctx", ["a"]),
        (zoo.nothing, None, []),
    ],
)
def test_the_context_parameter_is_found_and_not_shown(fn: Any, name: str | None, shown: list[str]):
    schema = compiled(fn)
    assert schema.context_parameter == name
    assert list(schema.parameters["properties"]) == shown


def test_self_and_cls_are_skipped_in_functions_of_a_class_body():
    assert list(compiled(zoo.Desk.__dict__["method"]).parameters["properties"]) == ["a"]
    assert list(compiled(zoo.Desk.__dict__["of_class"]).parameters["properties"]) == ["a"]
    assert list(compiled(zoo.Desk.__dict__["static"]).parameters["properties"]) == ["a"]


def test_a_callable_object_is_described_by_its_call():
    assert compiled(zoo.Desk()).description == "Call the desk."


def test_an_async_function_is_compiled_like_any_other():
    assert compiled(zoo.asynchronous).validate_json('{"a": 1}', strict=False) == BoundArguments((), {"a": 1})


@pytest.mark.parametrize("text", ["", "  ", "null", "{}"])
def test_nothing_and_null_mean_no_arguments(text: str):
    assert compiled(zoo.wrong_default).validate_json(text, strict=True) == BoundArguments((), {})


def test_lax_validation_is_noted_and_strict_forbids_it():
    schema = compiled(zoo.keyword_only)
    text = '{"a": "5", "b": "x"}'
    assert schema.validate_json(text, strict=False) == BoundArguments((), {"a": 5, "b": "x"}, coerced=True)
    assert complaint(schema, text, strict=True) == 'a: should be a valid integer; got "5"'


def test_null_for_an_optional_argument_that_does_not_accept_it_means_left_out():
    schema = compiled(zoo.keyword_only)
    bound = schema.validate_json('{"a": 1, "b": "x", "c": null}', strict=True)
    assert bound == BoundArguments((), {"a": 1, "b": "x"})
    lax = schema.validate_json('{"a": "1", "b": "x", "c": null}', strict=False)
    assert lax == BoundArguments((), {"a": 1, "b": "x"}, coerced=True)


class Item(BaseModel):
    price: float
    model_config = {"extra": "forbid"}


def order(items: list[Item], count: int, unit: int | str | None = None) -> None:
    """Order.

    Args:
        items: What.
        count: How many.
    """


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "items: required, but missing (array: What.)\ncount: required, but missing (integer: How many.)"),
        (
            '{"items": [{"price": 1}, {"price": "x"}], "count": 1}',
            'items[1].price: should be a valid number, unable to parse string as a number; got "x"',
        ),
        ('{"items": [{}], "count": 1}', "items[0].price: required, but missing (number)"),
        ('{"items": [], "count": 1, "zz": 2}', "zz: no such argument; the arguments are: items, count, unit"),
        (
            '{"items": [{"price": 1, "name": 2}], "count": 1}',
            "items[0].name: no such field; the fields are: price",
        ),
        (
            '{"items": [], "count": 1, "unit": [1]}',
            "unit: should be a valid integer or a valid string; got [1]",
        ),
        (
            json.dumps({"items": "x" * 200, "count": 1}),
            f'items: should be a valid array; got "{"x" * 76}...',
        ),
        ("[]", "should be one JSON object with the arguments by name; got []"),
        ('"text"', 'should be one JSON object with the arguments by name; got "text"'),
    ],
)
def test_wrong_arguments_are_told_with_path_value_and_what_is_expected(text: str, told: str):
    assert complaint(compiled(order), text) == told


def test_text_that_is_no_json_is_told_apart_from_wrong_arguments():
    with pytest.raises(ArgumentsError) as caught:
        compiled(order).validate_json('{"items": [', strict=False)
    assert caught.value.is_malformed
    with pytest.raises(ArgumentsError) as caught:
        compiled(order).validate_json("{}", strict=False)
    assert not caught.value.is_malformed


def unannotated(a: int, x): ...  # pyright: ignore
def unschemable(a: int, x: socket.socket): ...
def unschemable_in_union(a: int, x: int | socket.socket): ...
def function_argument(a: int, x: Callable[[int], int]): ...
def class_argument(a: int, x: type[int]): ...
def undefined(a: int, x: "Missing"): ...  # noqa: F821  # pyright: ignore
def bad_pattern(a: int, x: Annotated[str, Field(pattern="(")], b: int): ...
def two_contexts(a: Context[int], x: Context[int]): ...
def context_before_star(x: Context[int], *more: int): ...
def context_by_position(x: Context[int], /, a: int): ...
def same_name_twice(b: int, x: Annotated[int, Field(alias="b")]): ...


class Holder(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    connection: socket.socket


def opaque_inside(a: int, x: Holder): ...


@pytest.mark.parametrize(
    ("fn", "problem"),
    [
        (unannotated, "it has no annotation; annotate it, as in `x: str`"),
        (unschemable, "<class 'socket.socket'> cannot be described to a model"),
        (unschemable_in_union, "int | socket.socket cannot be described to a model"),
        (function_argument, "cannot be described to a model"),
        (class_argument, "type[int] cannot be described to a model"),
        (opaque_inside, "Holder'> cannot be described to a model"),
        (undefined, "name 'Missing' is not defined"),
        (bad_pattern, "regex parse error"),
        (two_contexts, "a second parameter asks for the context"),
        (context_before_star, "make it keyword-only, as in `*, x: Context`"),
        (context_by_position, "make it keyword-only, as in `*, x: Context`"),
    ],
)
def test_what_cannot_be_compiled_raises_with_tool_parameter_place_and_advice(fn: Any, problem: str):
    with pytest.raises(SchemaError) as caught:
        compiled(fn)
    error = caught.value
    assert (error.tool, error.parameter) == ("probe", "x")
    assert error.location == f"{__file__}:{fn.__code__.co_firstlineno}"
    assert problem in str(error)


def test_two_parameters_of_one_name_on_the_wire_are_refused():
    with pytest.raises(SchemaError, match="two parameters are called 'b'"):
        compiled(same_name_twice)


def test_a_callable_without_a_signature_is_refused():
    with pytest.raises(SchemaError, match="wrap it in a function"):
        compiled(dict)


def open_to_all(context: Context[str], key: str = "k", **more: Any):
    return context, key, more


def test_further_arguments_cannot_replace_the_context_or_what_a_partial_has_filled():
    assert complaint(compiled(open_to_all), '{"context": 1}') == "context: this name cannot be used; choose another"
    schema = compiled(functools.partial(open_to_all, key="secret"))
    assert complaint(schema, '{"key": "mine"}') == "key: this name cannot be used; choose another"


@given(
    a=st.integers(-(2**63), 2**63 - 1),
    b=st.floats(allow_nan=False),
    c=st.text(),
    d=st.booleans(),
)
def test_any_values_of_the_right_types_arrive_as_they_were_sent(a: int, b: float, c: str, d: bool):
    schema = compiled(zoo.builtins)
    bound = schema.validate_python({"a": a, "b": b, "c": c, "d": d}, strict=True)
    assert bound == BoundArguments((), {"a": a, "b": b, "c": c, "d": d})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_is_either_bound_or_told_in_words(value: Any):
    schema = compiled(order)
    try:
        schema.validate_json(json.dumps(value), strict=False)
    except ArgumentsError as error:
        assert error.problems
        assert all(len(str(problem)) < 400 for problem in error.problems)
