"""Nulls that a model sent for want of a better way to leave a value out.

A strict schema has no optional properties: each is required and may be null. So a null for a property that is optional
and does not accept null means "left out".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentkit.schema.nodes import accepts_null, is_array, is_object, resolve

__all__ = ["without_filler_nulls"]


def without_filler_nulls(value: Any, schema: Mapping[str, Any]) -> Any:
    """The value without nulls of optional properties that do not accept null; the same object when there are none."""
    return _cleaned(value, schema, root=schema)


def _cleaned(value: Any, schema: Any, *, root: Mapping[str, Any]) -> Any:
    if not is_object(schema) or not isinstance(value, (dict, list)):
        return value
    reference = schema.get("$ref")
    if isinstance(reference, str):
        value = _cleaned(value, resolve(reference, root), root=root)
    for part in schema.get("allOf", ()):
        value = _cleaned(value, part, root=root)
    for word in ("anyOf", "oneOf"):
        value = _cleaned(value, _fitting(value, schema.get(word, ()), root), root=root)
    if is_array(value):
        return _cleaned_array(value, schema, root)
    return _cleaned_object(value, schema, root) if is_object(value) else value


def _cleaned_array(value: list[Any], schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[Any]:
    heads = schema.get("prefixItems", ())
    rest = schema.get("items")
    cleaned = [
        _cleaned(item, heads[place] if place < len(heads) else rest, root=root) for place, item in enumerate(value)
    ]
    return value if all(new is old for new, old in zip(cleaned, value, strict=True)) else cleaned


def _cleaned_object(value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = schema.get("properties") or {}
    required = schema.get("required") or ()
    others = schema.get("additionalProperties")
    cleaned: dict[str, Any] = {}
    is_changed = False
    for name, item in value.items():
        if item is None and name in properties and name not in required and not accepts_null(properties[name], root):
            is_changed = True
            continue
        cleaned[name] = _cleaned(item, properties.get(name, others), root=root)
        is_changed = is_changed or cleaned[name] is not item
    return cleaned if is_changed else value


def _fitting(value: Any, branches: Any, root: Mapping[str, Any]) -> Any:
    """The branch of a union that the value was most likely meant for."""
    for branch in branches:
        node = resolve(branch["$ref"], root) if is_object(branch) and "$ref" in branch else branch
        if not is_object(node):
            continue
        if is_array(value) and node.get("type") == "array":
            return node
        if is_object(value) and "properties" in node and _may_hold(value, node):
            return node
    return None


def _may_hold(value: dict[str, Any], schema: Mapping[str, Any]) -> bool:
    properties: dict[str, Any] = schema["properties"]
    if any(name not in value for name in schema.get("required", ())):
        return False
    if any(name not in properties for name in value) and schema.get("additionalProperties") is False:
        return False
    return all(
        value.get(name, known["const"]) == known["const"]
        for name, known in properties.items()
        if is_object(known) and "const" in known
    )
