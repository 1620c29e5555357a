"""Any type as a JSON Schema and a validator of what a model answers; for structured output."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, SchemaError, from_json, to_json
from typing_extensions import TypedDict

from agentkit.errors import SchemaError as UnusableSchemaError
from agentkit.schema.arguments import ArgumentsError, Problem, from_validation_error, shown
from agentkit.schema.namespace import names_of_caller
from agentkit.schema.neutral import json_schema_of
from agentkit.schema.nodes import is_object, resolve
from agentkit.schema.nulls import without_filler_nulls
from agentkit.schema.typed_dicts import with_readable_typed_dicts

__all__ = ["TypeSchema", "compile_type"]

T = TypeVar("T")

_WRAPPED = "value"


class TypeSchema(Generic[T]):
    """What a model is told of a type, and the way from its JSON to a value of the type. Made by compile_type."""

    def __init__(self, type_: Any, adapter: TypeAdapter[Any], schema: dict[str, Any], *, is_wrapped: bool) -> None:
        self._adapter = adapter
        self.is_wrapped = is_wrapped
        """Whether the model is asked for `{"value": ...}`; reading takes the value out again."""
        self.schema = schema
        """The JSON Schema (draft 2020-12). Not to be changed."""
        self.name = _name(type_)
        """A name that every provider accepts."""

    @cached_property
    def is_object(self) -> bool:
        """Whether every value is a JSON object; providers with native structured output want one."""
        reference = self.schema.get("$ref")  # a type that holds itself
        node = resolve(reference, self.schema) if isinstance(reference, str) else self.schema
        return is_object(node) and node.get("type") == "object"

    def validate_json(self, text: str) -> T:
        """The value in a JSON text. Raises ArgumentsError in words for the model."""
        try:
            return self._unwrapped(self._adapter.validate_json(text))
        except ValidationError as error:
            try:
                data = from_json(text)
            except ValueError:
                raise from_validation_error(error, text, schema=self.schema) from None
            return self._without_nulls(data, error)

    def validate_python(self, value: Any) -> T:
        """The value that was parsed already from JSON. Raises ArgumentsError in words for the model."""
        try:
            text = to_json(value)
        except PydanticSerializationError as error:
            raise ArgumentsError([Problem("", f"must be JSON: {error}; got {shown(value)}")]) from None
        return self.validate_json(text.decode())

    def validate_partial_json(self, text: str) -> T:
        """The value as far as it has been streamed: the unfinished end of the text is left out where the type allows.

        Raises ArgumentsError while what is there makes no value yet, such as an object without its required fields.
        """
        try:
            value = self._adapter.validate_json(text, experimental_allow_partial="trailing-strings")
        except ValidationError as error:
            raise from_validation_error(error, None, schema=self.schema) from None
        if self.is_wrapped and _WRAPPED not in value:
            raise ArgumentsError([Problem(_WRAPPED, "not there yet")])
        return self._unwrapped(value)

    def _unwrapped(self, value: Any) -> T:
        return value[_WRAPPED] if self.is_wrapped else value

    def _without_nulls(self, data: Any, error: ValidationError) -> T:
        cleaned = without_filler_nulls(data, self.schema)
        if cleaned is not data:
            try:
                return self._unwrapped(self._adapter.validate_json(to_json(cleaned)))
            except ValidationError as second:
                error = second
        raise from_validation_error(error, cleaned, schema=self.schema) from None


def compile_type(type_: type[T] | Any, *, as_object: bool = False) -> TypeSchema[T]:
    """The schema of any type: model, dataclass, TypedDict, union, list. Raises SchemaError where there is none.

    With `as_object` a type whose values are no JSON objects is asked for as `{"value": ...}`: native structured output
    and tools want an object.
    """
    plain = _compiled(type_, type_, is_wrapped=False)
    if not as_object or plain.is_object:
        return plain
    wrapped: Any = TypedDict(plain.name, {_WRAPPED: with_readable_typed_dicts(type_, names_of_caller)})  # pyright: ignore[reportArgumentType, reportGeneralTypeIssues] - made from data
    wrapped.__pydantic_config__ = ConfigDict(extra="forbid")
    return _compiled(type_, wrapped, is_wrapped=True)


def _compiled(type_: Any, asked: Any, *, is_wrapped: bool) -> TypeSchema[Any]:
    name = _name(type_)
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(with_readable_typed_dicts(asked, names_of_caller))
        if not adapter.pydantic_complete:
            adapter.rebuild(raise_errors=True, _types_namespace=names_of_caller())
        return TypeSchema(type_, adapter, json_schema_of(adapter.core_schema), is_wrapped=is_wrapped)
    except (PydanticUserError, SchemaError, NameError, TypeError, ValueError, AttributeError) as error:
        raise UnusableSchemaError(
            f"the output type {type_!r} cannot be described to a model ({str(error).splitlines()[0]})",
            tool=name,
            advice="use a type that JSON can hold: a pydantic model, dataclass, TypedDict, or a list or union of these",
        ) from error


def _name(type_: Any) -> str:
    text = _spoken(type_)
    return re.sub(r"[^a-zA-Z0-9_-]+", "_", text).strip("_")[:64] or "output"


def _spoken(type_: Any) -> str:
    arguments = [argument for argument in get_args(type_) if argument is not type(None)]
    origin = get_origin(type_)
    if origin is Annotated:
        return _spoken(arguments[0])
    if origin is None or not arguments:
        return getattr(type_, "__name__", None) or str(type_)
    joined = "_or_".join(_spoken(argument) for argument in arguments)
    own = getattr(origin, "__name__", "")
    return joined if own in ("Union", "UnionType", "Optional", "Literal", "") else f"{own}_{joined}"
