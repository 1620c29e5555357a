"""Any type as a schema, and a model's answer as a value of it."""

import dataclasses
import datetime as dt
import socket
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field
from schema import zoo

from agentkit.errors import SchemaError
from agentkit.schema.arguments import ArgumentsError
from agentkit.schema.output import compile_type


class Order(BaseModel):
    name: str
    count: int = 1
    items: list[str] = []


@pytest.mark.parametrize(
    ("type_", "name", "is_object", "text", "value"),
    [
        (Order, "Order", True, '{"name": "x"}', Order(name="x")),
        (zoo.Box, "Box", True, '{"width": 1}', zoo.Box(1.0)),
        (zoo.Movie, "Movie", True, '{"title": "x"}', {"title": "x"}),
        (zoo.Shelf, "Shelf", True, '{"movies": [{"title": "t"}]}', zoo.Shelf([{"title": "t"}])),
        (zoo.Page[int], "Page_int", True, '{"items": [1], "total": 1}', zoo.Page[int](items=[1], total=1)),
        (list[int], "list_int", False, "[1]", [1]),
        (list[Order], "list_Order", False, '[{"name": "x"}]', [Order(name="x")]),
        (Order | zoo.Box, "Order_or_Box", False, '{"width": 1}', zoo.Box(1.0)),
        (Order | None, "Order", False, "null", None),
        (zoo.Pet, "Cat_or_Dog", False, '{"kind": "cat"}', zoo.Cat(kind="cat")),
        (Literal["a", "b"], "a_or_b", False, '"a"', "a"),
        (dt.date, "date", False, '"2026-01-02"', dt.date(2026, 1, 2)),
        (zoo.Recursive, "Recursive", False, "[1, [2]]", [1, [2]]),
        (dict[str, int], "dict_str_or_int", True, '{"a": 1}', {"a": 1}),
        (Annotated[int, Field(ge=1)], "int", False, "2", 2),
        (zoo.Node, "Node", True, '{"value": 1}', zoo.Node(value=1)),
    ],
)
def test_any_type_is_described_named_and_read(type_: Any, name: str, is_object: bool, text: str, value: Any):
    schema = compile_type(type_)
    assert schema.name == name
    assert schema.is_object is is_object
    jsonschema.Draft202012Validator.check_schema(schema.schema)
    assert schema.validate_json(text) == value


def test_a_type_of_no_objects_can_be_asked_for_inside_one():
    schema = compile_type(list[int], as_object=True)
    assert schema.schema == {
        "type": "object",
        "properties": {"value": {"type": "array", "items": {"type": "integer"}}},
        "required": ["value"],
        "additionalProperties": False,
    }
    assert (schema.name, schema.is_object, schema.is_wrapped) == ("list_int", True, True)
    assert schema.validate_json('{"value": [1]}') == [1]
    assert schema.validate_python({"value": [1]}) == [1]
    assert schema.validate_partial_json('{"value": [1, 2') == [1, 2]
    for partial in ("{", '{"va'):
        with pytest.raises(ArgumentsError):
            schema.validate_partial_json(partial)
    with pytest.raises(ArgumentsError, match="value: required, but missing"):
        schema.validate_json("{}")


def test_a_union_of_typed_dicts_can_be_asked_for_inside_an_object():
    schema = compile_type(zoo.Movie | zoo.Node, as_object=True)
    jsonschema.Draft202012Validator.check_schema(schema.schema)
    assert schema.validate_json('{"value": {"title": "x"}}') == {"title": "x"}


def test_a_type_of_objects_is_asked_for_as_it_is():
    assert compile_type(Order, as_object=True).schema == compile_type(Order).schema


def test_values_that_are_parsed_already_are_read_as_json():
    assert compile_type(dt.date).validate_python("2026-01-02") == dt.date(2026, 1, 2)
    with pytest.raises(ArgumentsError, match="must be JSON"):
        compile_type(dt.date).validate_python(object())


def test_a_wrong_answer_is_told_with_path_and_value():
    with pytest.raises(ArgumentsError) as caught:
        compile_type(Order).validate_json('{"count": "x"}')
    assert str(caught.value) == (
        "name: required, but missing (string)\n"
        'count: should be a valid integer, unable to parse string as an integer; got "x"'
    )


def test_text_that_is_no_json_is_told_as_such():
    with pytest.raises(ArgumentsError) as caught:
        compile_type(Order).validate_json('{"name": ')
    assert caught.value.is_malformed
    assert str(caught.value).startswith("not valid JSON: EOF while parsing")


def test_null_for_an_optional_field_that_does_not_accept_it_means_left_out():
    assert compile_type(Order).validate_json('{"name": "x", "count": null}') == Order(name="x")


@dataclasses.dataclass
class Report:
    title: str = ""
    points: list[str] = dataclasses.field(default_factory=list)


def test_partial_json_gives_what_is_there_so_far():
    texts = compile_type(list[str])
    assert texts.validate_partial_json('["a", "b') == ["a", "b"]
    movies = compile_type(list[zoo.Movie])
    assert movies.validate_partial_json('[{"title": "x"}, {"tit') == [{"title": "x"}]


def test_partial_json_without_a_required_field_raises():
    with pytest.raises(ArgumentsError):
        compile_type(Order).validate_partial_json('{"count": 1')


@pytest.mark.parametrize("type_", [socket.socket, type[int], list[socket.socket]])
def test_a_type_that_json_cannot_hold_is_refused(type_: Any):
    with pytest.raises(SchemaError, match="cannot be described to a model"):
        compile_type(type_)
