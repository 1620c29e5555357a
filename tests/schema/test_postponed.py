"""Annotations that are strings: resolved from the module, from enclosing functions and classes, and from closures."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Literal

import pytest
from pydantic import BaseModel
from schema.zoo import Context

from agentkit.errors import SchemaError
from agentkit.schema.function import FunctionSchema, compile_function
from agentkit.schema.output import compile_type


class Later(BaseModel):
    inner: Undefined  # noqa: F821  # pyright: ignore


class Part(typing.TypedDict):
    name: str
    parts: typing.NotRequired[list[Part]]


def compiled(fn: Any) -> FunctionSchema:
    return compile_function(fn, name="probe", context_type=Context, strict=None)


def of_module(a: int, part: Part, *, context: Context[str] | None = None) -> Missing:  # noqa: F821  # pyright: ignore
    return part


def test_names_of_the_module_are_resolved_and_the_return_annotation_does_not_matter():
    schema = compiled(of_module)
    assert schema.context_parameter == "context"
    value = {"a": 1, "part": {"name": "x", "parts": [{"name": "y"}]}}
    assert schema.validate_python(value, strict=True).kwargs == value


def test_local_classes_are_resolved_also_inside_dataclasses_and_typed_dicts():
    class Local(BaseModel):
        value: int

    @dataclasses.dataclass
    class Pair:
        first: Local
        rest: list[Local]

    class Row(typing.TypedDict, total=False):
        cell: typing.Required[Local]
        kind: Literal["a"]

    def fn(local: Local, pair: Pair, row: Row) -> Local:
        return local

    bound = compiled(fn).validate_json(
        '{"local": {"value": 1}, "pair": {"first": {"value": 2}, "rest": []}, "row": {"cell": {"value": 3}}}',
        strict=True,
    )
    assert bound.kwargs == {"local": Local(value=1), "pair": Pair(Local(value=2), []), "row": {"cell": Local(value=3)}}


def test_a_class_beside_a_method_is_resolved_while_the_class_body_runs():
    class Desk:
        class Form(BaseModel):
            value: int

        def method(self, form: Form) -> None: ...

        schema = compiled(method)

    assert list(Desk.schema.parameters["$defs"]) == ["Form"]


def test_a_name_that_is_only_closed_over_is_resolved():
    def maker() -> Any:
        class Hidden(BaseModel):
            value: int

        def fn(hidden: Hidden) -> Any:
            return Hidden

        return fn

    assert list(compiled(maker()).parameters["properties"]) == ["hidden"]


def test_a_model_that_mentions_an_undefined_name_is_refused_with_the_name():
    def fn(a: int, later: Later) -> None: ...

    with pytest.raises(SchemaError, match="'Undefined', which is not defined") as caught:
        compiled(fn)
    assert caught.value.parameter == "later"


def test_an_output_type_of_local_classes_is_compiled():
    class Local(BaseModel):
        value: int

    @dataclasses.dataclass
    class Pair:
        first: Local

    assert compile_type(Pair).validate_json('{"first": {"value": 1}}') == Pair(Local(value=1))
