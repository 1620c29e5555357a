"""The neutral JSON Schema (draft 2020-12) that pydantic's core schemas are turned into."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaWarningKind
from pydantic_core import core_schema

from agentkit.schema.nodes import is_array, is_object

__all__ = ["is_plainly_schemable", "json_schema_of"]

# What pydantic validates in Python but may have no JSON Schema for. "invalid" is a type it could not read at all.
_DOUBTFUL = frozenset({"is-instance", "is-subclass", "callable", "function-plain", "invalid", "custom-error", "any-of"})
_OPAQUE_KEYS = frozenset({"metadata", "serialization", "config", "cls", "default", "expected", "members", "function"})


def json_schema_of(schema: core_schema.CoreSchema) -> dict[str, Any]:
    """The JSON Schema of a core schema, without titles. Raises PydanticInvalidForJsonSchema where there is none."""
    return _without_titles(_Generator(ref_template="#/$defs/{model}").generate(schema))


def is_plainly_schemable(schema: Any) -> bool:
    """Whether nothing in the core schema makes one doubt that it has a JSON Schema; costs a tenth of generating it."""
    pending = [schema]
    while pending:
        node = pending.pop()
        if is_object(node):
            if node.get("type") in _DOUBTFUL:
                return False
            pending.extend(child for key, child in node.items() if key not in _OPAQUE_KEYS)
        elif is_array(node):
            pending.extend(node)
    return True


class _Generator(GenerateJsonSchema):
    """Pydantic's generator without titles, sorting and warnings, and with a decimal pattern that all engines read."""

    mode: JsonSchemaMode = "validation"  # pyright: ignore[reportIncompatibleMethodOverride] - a property there, and hot

    def build_schema_type_to_method(self) -> dict[Any, Callable[[Any], dict[str, Any]]]:
        return _Methods(self)

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def sort(self, value: dict[str, Any], parent_key: str | None = None) -> dict[str, Any]:
        return value  # the order of the signature is deterministic and reads better

    def emit_warning(self, kind: JsonSchemaWarningKind, detail: str) -> None:
        return  # a default that JSON cannot hold is left out and still works

    def is_subclass_schema(self, schema: core_schema.IsSubclassSchema) -> dict[str, Any]:
        return self.handle_invalid_for_json_schema(schema, "type[...]: JSON holds no classes")

    def get_decimal_pattern(self, schema: core_schema.DecimalSchema) -> str | None:
        return r"^[+-]?\d+(\.\d+)?$"  # pydantic's has a look-ahead, which strict dialects refuse


class _Methods(dict[Any, Any]):
    """The generator's method for each core schema type, looked up when met: there are 60 and a schema uses few."""

    def __init__(self, generator: _Generator) -> None:
        super().__init__()
        self._generator = generator

    def __missing__(self, kind: str) -> Any:
        method = self[kind] = getattr(self._generator, f"{kind.replace('-', '_')}_schema")
        return method


def _without_titles(schema: Any) -> Any:
    if is_array(schema):
        return [_without_titles(item) for item in schema]
    if not is_object(schema):
        return schema
    clean: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs", "patternProperties"):
            clean[key] = {name: _without_titles(child) for name, child in value.items()}
        elif key in ("default", "const", "enum", "examples"):
            clean[key] = value
        elif key != "title":
            clean[key] = _without_titles(value) if isinstance(value, (dict, list)) else value
    return clean
