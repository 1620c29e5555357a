"""JSON Schema as data: what a node is, what a reference points to, which nodes lie inside another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeGuard

__all__ = ["accepts_null", "is_array", "is_object", "map_subschemas", "resolve", "subschemas"]

_ONE = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames", "additionalItems")
_ONE_UNEVALUATED = ("unevaluatedItems", "unevaluatedProperties", "contentSchema")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether the value is a JSON object."""
    return isinstance(value, dict)


def is_array(value: object) -> TypeGuard[list[Any]]:
    """Whether the value is a JSON array."""
    return isinstance(value, list)


def resolve(reference: str, root: Mapping[str, Any]) -> Any:
    """What a `#/...` reference points to; None when it points nowhere."""
    if reference == "#":
        return root
    if not reference.startswith("#/"):
        return None
    here: Any = root
    for step in reference[2:].split("/"):
        step = step.replace("~1", "/").replace("~0", "~")
        if is_array(here) and step.isdigit() and int(step) < len(here):
            here = here[int(step)]
        elif is_object(here) and step in here:
            here = here[step]
        else:
            return None
    return here


def map_subschemas(node: Mapping[str, Any], change: Callable[[Any, str], Any], *, path: str = "") -> dict[str, Any]:
    """A copy of the node in which every direct subschema is `change(subschema, its path)`."""
    copy: dict[str, Any] = {}
    for key, value in node.items():
        if key in _NAMED and is_object(value):
            inside = path if key == "properties" else _joined(path, key)
            copy[key] = {name: change(child, _joined(inside, name)) for name, child in value.items()}
        elif key in _MANY and is_array(value):
            copy[key] = [change(child, f"{_joined(path, key)}[{place}]") for place, child in enumerate(value)]
        elif (key in _ONE or key in _ONE_UNEVALUATED) and isinstance(value, (dict, bool)):
            copy[key] = change(value, f"{path}[]" if key == "items" else _joined(path, key))
        else:
            copy[key] = value
    return copy


def subschemas(schema: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema object in the schema with its path, itself first; data in defaults and enums is none."""
    pending: list[tuple[str, Any]] = [("", schema)]
    while pending:
        path, node = pending.pop()
        if not is_object(node):
            continue
        yield path, node
        children: list[tuple[str, Any]] = []

        def note(child: Any, child_path: str, into: list[tuple[str, Any]] = children) -> Any:
            into.append((child_path, child))
            return child

        map_subschemas(node, note, path=path)
        pending.extend(reversed(children))


def accepts_null(schema: Any, root: Mapping[str, Any]) -> bool:
    """Whether null fits the schema, as far as types, enums, constants and unions say."""
    return _accepts_null(schema, root, {})


def _accepts_null(schema: Any, root: Mapping[str, Any], known: dict[str, bool]) -> bool:
    if not is_object(schema):
        return schema is not False
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if reference not in known:
            known[reference] = False  # while it is looked at: a definition that is only itself takes nothing
            known[reference] = _accepts_null(resolve(reference, root), root, known)
        return known[reference]
    if "enum" in schema and None not in schema["enum"]:
        return False
    if "const" in schema and schema["const"] is not None:
        return False
    kinds = schema.get("type")
    if kinds is not None and kinds != "null" and not (is_array(kinds) and "null" in kinds):
        return False
    for word in ("anyOf", "oneOf"):
        if word in schema and not any(_accepts_null(branch, root, known) for branch in schema[word]):
            return False
    return all(_accepts_null(part, root, known) for part in schema.get("allOf", ()))


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
