"""A callable as a schema: compiled when it is decorated, described on first use, validated on each call."""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from inspect import Parameter as Declared
from typing import Annotated, Any, NamedTuple, cast

from pydantic import GetCoreSchemaHandler, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, SchemaError, core_schema, to_json, to_jsonable_python

from agentkit.schema.arguments import (
    ArgumentsError,
    BoundArguments,
    Problem,
    from_validation_error,
    parse_object,
    shown,
)
from agentkit.schema.docstrings import Docstring, parse_docstring
from agentkit.schema.namespace import names_around
from agentkit.schema.neutral import is_plainly_schemable, json_schema_of
from agentkit.schema.nodes import accepts_null
from agentkit.schema.nulls import without_filler_nulls
from agentkit.schema.signature import Parameter, Signature, read_signature, unpacked
from agentkit.schema.typed_dicts import with_readable_typed_dicts

__all__ = ["FunctionSchema", "compile_function"]


class FunctionSchema:
    """What a model is told of a function, and the way from its JSON to the call. Made by compile_function."""

    def __init__(self, signature: Signature, adapter: TypeAdapter[Any], *, strict: bool | None) -> None:
        self._signature = signature
        self._core_schema = adapter.core_schema
        self._validate = adapter.validator.validate_json
        self._binding = _Binding.of(signature)
        self.context_parameter = signature.context_parameter
        """The parameter that receives the run's context; it is not in the schema."""
        self.strict = strict
        """Whether providers are asked to hold to the schema: yes, no, or as far as they can."""
        self.location = signature.location
        """file:line of the definition, where known."""

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The neutral JSON Schema (draft 2020-12) of the arguments: one object. Not to be changed."""
        schema = json_schema_of(self._core_schema)
        properties: dict[str, Any] = schema.get("properties", {})
        for parameter in self._signature.parameters:
            known = properties.get(parameter.wire_name)
            if known is not None:
                _describe(known, parameter, self._docstring, schema)
        for name, text in self._docstring.parameters.items():  # the fields of an unpacked TypedDict
            if name in properties:
                properties[name].setdefault("description", text)
        ordered = {"type": "object", "properties": properties}
        if required := schema.get("required"):
            ordered["required"] = required
        ordered["additionalProperties"] = schema.get("additionalProperties", False)
        if "$defs" in schema:
            ordered["$defs"] = schema["$defs"]
        return ordered

    @cached_property
    def description(self) -> str:
        """The docstring without its sections; "" when there is none."""
        return self._docstring.description

    def validate_json(self, text: str, *, strict: bool) -> BoundArguments:
        """The arguments in a JSON text; "" and null mean none. Raises ArgumentsError in words for the model."""
        try:
            values = self._validate(text, strict=True)
        except ValidationError:
            return self._validate_again(text, strict=strict)
        return self._binding.bind(values, coerced=False)

    def validate_python(self, value: Mapping[str, Any], *, strict: bool) -> BoundArguments:
        """The same for arguments that are parsed already: they are read as the JSON they came from."""
        try:
            text = to_json(value)
        except PydanticSerializationError as error:
            raise ArgumentsError([Problem("", f"arguments must be JSON: {error}; got {shown(value)}")]) from None
        return self.validate_json(text.decode(), strict=strict)

    @cached_property
    def _docstring(self) -> Docstring:
        return parse_docstring(self._signature.docstring)

    def _validate_again(self, text: str, *, strict: bool) -> BoundArguments:
        """What is not right at first sight: nothing sent, nulls for values left out, "5" for an int."""
        data = parse_object(text)
        cleaned = without_filler_nulls(data, self.parameters)
        attempts = [(data, False)] if not text.strip() or text.strip() == "null" else []
        attempts += [(cleaned, False)] if cleaned is not data else []
        attempts += [] if strict else [(data, True), (cleaned, True)]
        failure: ValidationError | None = None
        for candidate, is_lax in attempts or [(data, False)]:
            try:
                values = self._validate(to_json(candidate), strict=not is_lax)
            except ValidationError as error:
                failure = error
            else:
                return self._binding.bind(values, coerced=is_lax)
        assert failure is not None
        raise from_validation_error(failure, cleaned, schema=self.parameters) from None


def compile_function(fn: Callable[..., Any], *, name: str, context_type: type, strict: bool | None) -> FunctionSchema:
    """The schema of any callable: function, method, coroutine function, partial, callable object.

    The parameter annotated with `context_type` is left to the run. Raises SchemaError, with the parameter, its place
    and what to do, for whatever cannot be described to a model; the description itself is made on first use.
    """
    signature = read_signature(fn, tool=name, context_type=context_type)
    try:
        return FunctionSchema(signature, _checked_adapter(signature), strict=strict)
    except NameError as error:
        advice = "import or define it above the function, outside `if TYPE_CHECKING`"
        problem = f"its type mentions {error.name!r}, which is not defined"
        raise signature.refused(problem, parameter=_blamed(signature), advice=advice) from error
    except _REFUSALS as error:
        raise _refusal(signature, _blamed(signature), error) from error


# What pydantic raises at types, constraints and defaults that it cannot use.
_REFUSALS = (PydanticUserError, SchemaError, TypeError, ValueError, AttributeError, RecursionError)


def _checked_adapter(signature: Signature) -> TypeAdapter[Any]:
    adapter = _adapter(signature)
    if not adapter.pydantic_complete:
        adapter.rebuild(raise_errors=True, _types_namespace=names_around(signature.target))
    if not is_plainly_schemable(adapter.core_schema):
        json_schema_of(adapter.core_schema)
    return adapter


def _blamed(signature: Signature) -> str | None:
    """The parameter that cannot be compiled even by itself."""
    for parameter in signature.parameters:
        try:
            _checked_adapter(dataclasses.replace(signature, parameters=(parameter,)))
        except (NameError, *_REFUSALS):
            return parameter.name
    return None


def _adapter(signature: Signature) -> TypeAdapter[Any]:
    arguments = Annotated[dict[str, Any], _Fields(signature)]
    if all(parameter.wire_name == parameter.name for parameter in signature.parameters):
        return TypeAdapter[Any](arguments)
    with warnings.catch_warnings():  # pydantic sees an alias where it does not expect one; it is applied by _Fields
        warnings.simplefilter("ignore")
        return TypeAdapter[Any](arguments)


class _Fields:
    """Tells pydantic the arguments as one typed dict. Optional ones stay absent: the function has its own defaults."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        fields: dict[str, core_schema.TypedDictField] = {}
        others: core_schema.CoreSchema | None = None
        for parameter in self._signature.parameters:
            if parameter.kind is Declared.VAR_KEYWORD:
                typed_dict = unpacked(parameter.annotation)
                if typed_dict is None:
                    others = self._schema_of(parameter, handler)
                else:
                    fields |= self._typed_dict_fields(typed_dict, handler)
            elif parameter.wire_name in fields:
                raise TypeError(f"two parameters are called {parameter.wire_name!r}")
            else:
                fields[parameter.name] = self._field(parameter, handler)
        if others is None:
            return core_schema.typed_dict_schema(fields, extra_behavior="forbid")
        return core_schema.typed_dict_schema(fields, extras_schema=others, extra_behavior="allow")

    def _schema_of(self, parameter: Parameter, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        schema = handler.generate_schema(self._readable(parameter.annotation))
        if schema["type"] == "generator":  # Iterable[T]: pydantic would look at the items only while the tool runs
            schema = core_schema.list_schema(schema.get("items_schema"))
        if parameter.kind is Declared.VAR_POSITIONAL:
            return core_schema.list_schema(schema)
        field = parameter.field
        if parameter.default is Declared.empty and field is not None and not field.is_required():
            if schema["type"] == "default":  # pydantic has seen it
                return schema
            if field.default_factory is not None:
                return core_schema.with_default_schema(schema, default_factory=cast("Any", field.default_factory))
            return core_schema.with_default_schema(schema, default=field.default)
        return schema["schema"] if schema["type"] == "default" else schema

    def _field(self, parameter: Parameter, handler: GetCoreSchemaHandler) -> core_schema.TypedDictField:
        alias = parameter.wire_name
        return core_schema.typed_dict_field(
            self._schema_of(parameter, handler),
            required=parameter.is_required,
            validation_alias=alias if alias != parameter.name else None,
        )

    def _typed_dict_fields(
        self, typed_dict: Any, handler: GetCoreSchemaHandler
    ) -> dict[str, core_schema.TypedDictField]:
        schema = handler.resolve_ref_schema(handler.generate_schema(self._readable(typed_dict)))
        if schema["type"] != "typed-dict":
            raise TypeError(f"Unpack needs a TypedDict, not {typed_dict!r}")
        return schema["fields"]

    def _readable(self, annotation: Any) -> Any:
        return with_readable_typed_dicts(annotation, lambda: names_around(self._signature.target))


def _refusal(signature: Signature, parameter: str | None, error: Exception) -> Exception:
    annotation = next((known.annotation for known in signature.parameters if known.name == parameter), None)
    reason = " ".join(str(error).split()).partition(". ")[0].partition(" For further information")[0]
    return signature.refused(
        f"{annotation!r} cannot be described to a model ({reason})",
        parameter=parameter,
        advice="use a type that JSON can hold (str, int, list, a pydantic model), "
        "or take the object from Context instead of an argument",
    )


def _describe(schema: dict[str, Any], parameter: Parameter, docstring: Docstring, root: Mapping[str, Any]) -> None:
    text = parameter.remark or docstring.parameters.get(parameter.name)
    if text and "description" not in schema:
        schema["description"] = text
    default = parameter.default
    if default is Declared.empty or "default" in schema or (default is None and not accepts_null(schema, root)):
        return
    if isinstance(default, float) and not math.isfinite(default):
        return
    try:
        schema["default"] = to_jsonable_python(default)
    except (PydanticSerializationError, ValueError, RecursionError):
        return  # JSON cannot hold it; it still applies when the argument is left out


class _Binding(NamedTuple):
    """How validated values reach the function: by keyword, except where only a position will do."""

    leading: tuple[Parameter, ...]
    """Parameters that go by position when they have to: positional-only ones, and all before `*args`."""
    star: str | None
    """The name of `*args`."""
    reserved: frozenset[str]
    """Names that a model must not fill by way of `**kwargs`."""

    @classmethod
    def of(cls, signature: Signature) -> _Binding:
        parameters = signature.parameters
        star = next((known.name for known in parameters if known.kind is Declared.VAR_POSITIONAL), None)
        kinds = (Declared.POSITIONAL_ONLY, Declared.POSITIONAL_OR_KEYWORD) if star else (Declared.POSITIONAL_ONLY,)
        is_open = any(known.kind is Declared.VAR_KEYWORD for known in parameters)
        reserved = signature.reserved if is_open else frozenset[str]()
        return cls(tuple(known for known in parameters if known.kind in kinds), star, reserved)

    def bind(self, values: dict[str, Any], *, coerced: bool) -> BoundArguments:
        if self.reserved and (taken := sorted(self.reserved.intersection(values))):
            raise ArgumentsError([Problem(name, "this name cannot be used; choose another") for name in taken])
        if not self.leading and self.star is None:
            return BoundArguments((), values, coerced)
        rest = values.pop(self.star, ()) if self.star else ()
        args: list[Any] = []
        # A left-out one in the middle is filled with its default; at the end they are simply not passed.
        last = max((place for place, known in enumerate(self.leading) if rest or known.name in values), default=-1)
        for known in self.leading[: last + 1]:
            if not rest and known.kind is Declared.POSITIONAL_OR_KEYWORD:
                break  # by keyword, as usual
            args.append(values.pop(known.name, known.default))
        return BoundArguments((*args, *rest), values, coerced)
