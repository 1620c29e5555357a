"""Request bodies in one spelling. The services read proto JSON: keys in camelCase, or as the proto files spell them."""

from __future__ import annotations

import re
from typing import Any, cast

__all__ = ["in_camel_case", "json_schema_of"]

_FREE = frozenset(
    {"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "partMetadata", "default", "example"}
)
"""Keys whose values are the user's own, and stay as they are."""

_LETTER = re.compile(r"_([a-z0-9])")
_TYPES = {1: "string", 2: "number", 3: "integer", 4: "boolean", 5: "array", 6: "object", 7: "null"}
_NUMBERS = frozenset({"minItems", "maxItems", "minProperties", "maxProperties", "minLength", "maxLength"})


def in_camel_case(value: Any) -> Any:
    """The value with all keys of the format in camelCase."""
    if isinstance(value, list):
        return [in_camel_case(item) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    spelled: dict[str, Any] = {}
    for key, item in cast("dict[str, Any]", value).items():
        name = _LETTER.sub(lambda found: found[1].upper(), key)
        if name == "properties" and isinstance(item, dict):  # its keys are names of the user's own
            item = {own: in_camel_case(schema) for own, schema in cast("dict[str, Any]", item).items()}
        elif name not in _FREE:
            item = in_camel_case(item)
        spelled[name] = item
    return spelled


def json_schema_of(schema: Any) -> Any:
    """A schema of the older kind, which follows OpenAPI 3.0, as JSON Schema."""
    if not isinstance(schema, dict):
        return schema
    found = cast("dict[str, Any]", schema)
    result: dict[str, Any] = {}
    for key, value in found.items():
        match key:
            case "type":
                name = _TYPES.get(value) if isinstance(value, int) else str(value).lower()
                if name in _TYPES.values():
                    result["type"] = name
            case "nullable" | "propertyOrdering":
                continue
            case "example":
                result["examples"] = [value]
            case "properties" if isinstance(value, dict):
                result[key] = {name: json_schema_of(own) for name, own in cast("dict[str, Any]", value).items()}
            case "items" | "additionalProperties":
                result[key] = json_schema_of(value)
            case "anyOf" if isinstance(value, list):
                result[key] = [json_schema_of(branch) for branch in cast("list[Any]", value)]
            case _ if key in _NUMBERS and isinstance(value, str):  # int64 values may come as texts
                result[key] = int(value)
            case _:
                result[key] = value
    return _nullable(result) if found.get("nullable") else result


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" not in schema or "enum" in schema:
        about = {"description": schema.pop("description")} if "description" in schema else {}
        return {**about, "anyOf": [schema, {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}
