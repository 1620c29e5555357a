"""How large a schema is and whether it is recursive: what providers limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agentkit.schema.nodes import is_array, is_object, resolve, subschemas

__all__ = ["SIZES", "is_recursive", "most_choices", "named_references"]

_LONG_ENUM = 250
"""Only enums of more values than this have a limit of characters."""


def named_references(schema: Mapping[str, Any]) -> list[str]:
    """The names of the definitions that the schema refers to."""
    references = [node["$ref"] for _, node in subschemas(schema) if isinstance(node.get("$ref"), str)]
    return [reference.removeprefix("#/$defs/") for reference in references if reference.startswith("#/$defs/")]


def is_recursive(schema: Mapping[str, Any]) -> bool:
    """Whether a value of the schema may hold another of the same definition."""
    definitions: dict[str, Any] = schema.get("$defs") or {}
    inside = {key: value for key, value in schema.items() if key != "$defs"}
    if any(node.get("$ref") == "#" for _, node in subschemas(schema)):
        return True
    reaches = {name: set(named_references(node)) for name, node in definitions.items()}
    for start in named_references(inside):
        pending, seen = [start], set[str]()
        while pending:
            name = pending.pop()
            fresh = reaches.get(name, set()) - seen
            if start in reaches.get(name, set()) or name in reaches.get(name, set()):
                return True
            seen |= fresh
            pending.extend(fresh)
    return False


def most_choices(schema: Mapping[str, Any]) -> int:
    """How many schemas one value may have to be checked against: choices of definitions that are choices multiply."""
    known: dict[str, int] = {}  # reference -> its number; 0 while it is counted, so that a circle ends
    return max((_choices(node, schema, known) for _, node in subschemas(schema)), default=0)


def _choices(node: Any, root: Mapping[str, Any], known: dict[str, int]) -> int:
    if not is_object(node):
        return 1
    count = 1
    reference = node.get("$ref")
    if isinstance(reference, str):
        if reference not in known:
            known[reference] = 0
            known[reference] = _choices(resolve(reference, root), root, known)
        count += known[reference]
    for word in ("anyOf", "oneOf", "allOf"):
        branches = node.get(word)
        count += sum(_choices(branch, root, known) for branch in branches) if is_array(branches) else 0
    return count + sum(_choices(node[word], root, known) for word in ("not", "if", "then", "else") if word in node)


def _count_properties(schema: Mapping[str, Any]) -> int:
    return sum(len(node.get("properties", {})) for _, node in subschemas(schema))


def _count_characters(schema: Mapping[str, Any]) -> int:
    total = 0
    for _, node in subschemas(schema):
        names: list[str] = [*node.get("properties", {}), *node.get("$defs", {})]
        values: list[Any] = [*node.get("enum", ()), *([node["const"]] if "const" in node else [])]
        total += sum(len(str(text)) for text in (*names, *values))
    return total


def _count_enum_values(schema: Mapping[str, Any]) -> int:
    return sum(len(node.get("enum", ())) for _, node in subschemas(schema))


def _characters_of_largest_long_enum(schema: Mapping[str, Any]) -> int:
    enums: list[list[Any]] = [node["enum"] for _, node in subschemas(schema) if is_array(node.get("enum"))]
    return max((sum(len(str(value)) for value in enum) for enum in enums if len(enum) > _LONG_ENUM), default=0)


def _count_optional(schema: Mapping[str, Any]) -> int:
    return sum(len(set(node.get("properties", {})) - set(node.get("required", ()))) for _, node in subschemas(schema))


def _count_unions(schema: Mapping[str, Any]) -> int:
    return sum("anyOf" in node or is_array(node.get("type")) for _, node in subschemas(schema))


def _depth(node: Any) -> int:
    """Levels of properties and items below the root; a reference counts as none, as the provider counts."""
    if not is_object(node):
        return 0
    deeper: list[Any] = [*(node.get("properties", {})).values(), node.get("items")]
    same: list[Any] = [
        *(node.get("anyOf", ())),
        *(node.get("prefixItems", ())),
        *node.get("$defs", {}).values(),
    ]
    below = [1 + _depth(child) for child in deeper if is_object(child)]
    return max([*below, *(_depth(child) for child in same)], default=0)


SIZES: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "properties": _count_properties,
    "depth": _depth,
    "characters": _count_characters,
    "enum_values": _count_enum_values,
    "characters_in_an_enum": _characters_of_largest_long_enum,
    "optional": _count_optional,
    "unions": _count_unions,
}
"""The sizes that `Subset.limits` names."""
