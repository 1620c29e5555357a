"""`allOf`, and unions beside other keywords at the root, as one plain schema: few providers read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentkit.schema.nodes import is_array, is_object, resolve

__all__ = ["merged_all_of", "root_as_one_object"]

_DEEPEST = 32
_LARGER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
_SMALLER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})


def merged_all_of(node: Mapping[str, Any], root: Mapping[str, Any], *, depth: int = 0) -> dict[str, Any] | None:
    """The node with its `allOf` folded into it; None when the parts cannot be said as one plain schema."""
    merged = {key: value for key, value in node.items() if key != "allOf"}
    for part in node["allOf"]:
        plain = _plain(part, root, depth=depth)
        if plain is None:
            return None
        for key, value in plain.items():
            if key not in merged:
                merged[key] = value
            elif not _combine(merged, key, value):
                return None
    return merged


def root_as_one_object(node: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """A root with anyOf, oneOf or allOf as one object: the properties of all branches, required where all require them.

    It accepts more than the original; which combination is right is said in the description and checked on return.
    """
    flat = {key: value for key, value in node.items() if key not in ("anyOf", "oneOf", "allOf", "$ref")}
    properties: dict[str, Any] = dict(flat.get("properties") or {})
    required: list[str] = list(flat.get("required") or [])
    branches: list[dict[str, Any]] = []
    reference = node.get("$ref")
    for part in [*node.get("allOf", ()), *([{"$ref": reference}] if isinstance(reference, str) else [])]:
        plain = _plain(part, root, depth=0) or {}
        _add(properties, plain)
        required += [name for name in _required(plain) if name not in required]
        for key in ("description", "additionalProperties"):
            if key in plain:
                flat.setdefault(key, plain[key])
    for word in ("anyOf", "oneOf"):
        branches += [_plain(part, root, depth=0) or {} for part in node.get(word, ())]
    for branch in branches:
        _add(properties, branch)
    if branches:
        shared = [name for name in _required(branches[0]) if name not in required]
        required += [name for name in shared if all(name in _required(branch) for branch in branches)]
        if all(branch.get("additionalProperties") is False for branch in branches):
            flat.setdefault("additionalProperties", False)
    flat |= {"type": "object", "properties": properties}
    if required:
        flat["required"] = required
    return flat


def _required(node: Mapping[str, Any]) -> list[str]:
    return node.get("required") or []


def _plain(part: Any, root: Mapping[str, Any], *, depth: int) -> dict[str, Any] | None:
    """A part with its reference and its own allOf resolved; None for recursion and for what is no object."""
    if depth > _DEEPEST or not is_object(part):
        return {} if part is True else None
    if isinstance(part.get("$ref"), str):
        beside = {key: value for key, value in part.items() if key != "$ref"}
        target = resolve(part["$ref"], root)
        return _plain({"allOf": [target], **beside} if beside else target, root, depth=depth + 1)
    return merged_all_of(part, root, depth=depth + 1) if "allOf" in part else part


def _combine(merged: dict[str, Any], key: str, value: Any) -> bool:
    """Puts a second value of a keyword into the node; says whether one value can say both."""
    own = merged[key]
    if own == value or key in ("description", "title", "default", "examples", "$id", "$comment"):
        return True
    if key == "properties":
        merged[key] = {**value, **own}
        both = [name for name in value if name in own and own[name] != value[name]]
        for name in both:
            merged[key][name] = {"allOf": [own[name], value[name]]}
    elif key == "required":
        merged[key] = [*own, *(name for name in value if name not in own)]
    elif key == "$defs":
        merged[key] = {**value, **own}
    elif key in _LARGER:
        merged[key] = max(own, value)
    elif key in _SMALLER:
        merged[key] = min(own, value)
    elif key == "enum" and is_array(own) and is_array(value):
        merged[key] = [item for item in own if item in value]
    elif key == "type":
        kinds = [
            kind for kind in _kinds(own) if kind in _kinds(value) or (kind == "integer" and "number" in _kinds(value))
        ]
        if not kinds:
            return False
        merged[key] = kinds[0] if len(kinds) == 1 else kinds
    elif key == "additionalProperties":
        merged[key] = value if own is True else own
        return own is True or value is True
    else:
        return False
    return True


def _kinds(value: Any) -> list[str]:
    return value if is_array(value) else [value]


def _add(properties: dict[str, Any], branch: Mapping[str, Any]) -> None:
    more: dict[str, Any] = branch.get("properties") or {}
    for name, schema in more.items():
        known = properties.setdefault(name, schema)
        if known != schema and schema is not True and known is not True:
            choices = known["anyOf"] if is_object(known) and set(known) == {"anyOf"} else [known]
            if schema not in choices:
                properties[name] = {"anyOf": [*choices, schema]}
