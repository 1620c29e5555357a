"""Older and looser JSON Schemas as plain draft 2020-12: what every dialect starts from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from agentkit.schema.nodes import is_array, is_object, map_subschemas, resolve, subschemas

__all__ = ["as_2020_12", "hoisted"]


def as_2020_12(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in terms of draft 2020-12: `$defs`, `prefixItems`, `dependentRequired`, no `$schema`."""
    copy = _modern(dict(schema), "")
    copy.pop("$schema", None)
    return copy


def _modern(node: Any, path: str) -> Any:
    if not is_object(node):
        return node
    copy = map_subschemas(node, _modern, path=path)
    if "definitions" in copy:
        copy["$defs"] = {**copy.pop("definitions"), **copy.get("$defs", {})}
    if isinstance(copy.get("$ref"), str):
        copy["$ref"] = copy["$ref"].replace("/definitions/", "/$defs/")
    if is_array(copy.get("items")):
        copy["prefixItems"] = copy.pop("items")
        if "additionalItems" in copy:
            copy["items"] = copy["additionalItems"]
    copy.pop("additionalItems", None)
    if "dependencies" in copy:
        _split_dependencies(copy)
    if copy.pop("nullable", False) is True and isinstance(copy.get("type"), str):  # OpenAPI 3.0
        copy["type"] = [copy["type"], "null"]
        if is_array(copy.get("enum")) and None not in copy["enum"]:
            copy["enum"] = [*copy["enum"], None]
    for word, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        is_exclusive = copy.pop(word) if isinstance(copy.get(word), bool) else False  # draft 4 and OpenAPI 3.0
        if is_exclusive and limit in copy:
            copy[word] = copy.pop(limit)
    return copy


def _split_dependencies(node: dict[str, Any]) -> None:
    dependencies: dict[str, Any] = node.pop("dependencies")
    required = {name: needs for name, needs in dependencies.items() if is_array(needs)}
    schemas = {name: needs for name, needs in dependencies.items() if not is_array(needs)}
    if required:
        node["dependentRequired"] = {**required, **node.get("dependentRequired", {})}
    if schemas:
        node["dependentSchemas"] = {**schemas, **node.get("dependentSchemas", {})}


def hoisted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every local reference in the form `#` or `#/$defs/name`, so that rewriting cannot break one."""
    definitions: dict[str, Any] = dict(schema.get("$defs") or {})
    anchors = {
        node[word]: node
        for _, node in subschemas(schema)
        for word in ("$anchor", "$dynamicAnchor")
        if isinstance(node.get(word), str)
    }
    own_id = schema.get("$id")
    names: dict[str, str] = {}  # reference -> name of the definition it now has

    def pointed(node: Any, path: str) -> Any:
        if not is_object(node):
            return node
        copy = map_subschemas(node, pointed, path=path)
        reference = copy.get("$ref", copy.pop("$dynamicRef", None))
        if not isinstance(reference, str):
            return copy
        local = reference.removeprefix(own_id.rstrip("#")) if isinstance(own_id, str) else reference
        local = "#" if local in ("", "#") else local
        copy["$ref"] = local if local == "#" or _is_definition(local, definitions) else defined(local)
        return copy

    def defined(reference: str) -> str:
        if reference not in names:
            target = anchors.get(reference[1:]) or resolve(reference, schema)
            if target is None:
                return reference
            name = re.sub(r"[^a-zA-Z0-9_]+", "_", reference).strip("_") or "definition"
            while name in definitions:
                name += "_"
            names[reference] = name
            definitions[name] = {}  # known before its inside is looked at: it may refer to itself
            definitions[name] = pointed(target, "")
        return f"#/$defs/{names[reference]}"

    own = dict(definitions)
    root = pointed({key: value for key, value in schema.items() if key != "$defs"}, "")
    for name, node in own.items():
        definitions[name] = pointed(node, f".$defs.{name}")
    return {**root, "$defs": definitions} if definitions else root


def _is_definition(reference: str, definitions: Mapping[str, Any]) -> bool:
    return reference.startswith("#/$defs/") and reference.removeprefix("#/$defs/") in definitions
