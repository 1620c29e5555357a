"""A schema written anew within a provider's subset, remembering what became of every constraint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.schema.merging import merged_all_of
from agentkit.schema.nodes import accepts_null, is_array, is_object, resolve
from agentkit.schema.notes import ANNOTATIONS, CONSTRAINTS, note
from agentkit.schema.report import Action, Change
from agentkit.schema.sizes import SIZES, is_recursive, named_references
from agentkit.schema.subset import Subset

__all__ = ["Rewritten", "rewrite"]

_STRUCTURE = frozenset({"properties", "required", "additionalProperties", "items", "prefixItems", "anyOf", "oneOf"})
_MOST_BRANCHES = 8


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A schema within a subset."""

    schema: dict[str, Any]
    changes: tuple[Change, ...]
    refusal: str
    """The first thing that the subset cannot hold without losing meaning; "" when it holds all."""


def rewrite(schema: Mapping[str, Any], subset: Subset) -> Rewritten:
    """The schema within the subset. Its references must be `#` or `#/$defs/...`."""
    writer = _Writer(schema, subset)
    written = writer.root()
    return Rewritten(written, tuple(writer.changes), writer.refusal)


class _Writer:
    def __init__(self, root: Mapping[str, Any], subset: Subset) -> None:
        self._root = root
        self._subset = subset
        self.changes: list[Change] = []
        self.refusal = ""

    def root(self) -> dict[str, Any]:
        inside = {key: value for key, value in self._root.items() if key != "$defs"}
        if self._subset.is_closed and inside.get("type") == "object" and not inside.get("properties"):
            inside.setdefault("additionalProperties", False)  # a tool without parameters, not one with any
        written = self._write(inside, "")
        if self._subset.is_closed and written.get("type") != "object":
            self._refuse("", "the root is not an object")
        definitions = self._definitions(written)
        if definitions:
            written["$defs"] = definitions
        if not self._subset.has_recursion and is_recursive(written):
            self._refuse("", "it is recursive")
        self._check_limits(written)
        return written

    def _definitions(self, written: dict[str, Any]) -> dict[str, Any]:
        """The definitions that are still referred to, from the root or from one another."""
        source: dict[str, Any] = self._root.get("$defs") or {}
        done: dict[str, Any] = {}
        pending = list(named_references(written))
        while pending:
            name = pending.pop()
            if name in source and name not in done:
                done[name] = self._write(source[name], f"$defs.{name}")
                pending.extend(named_references(done[name]))
        return {name: done[name] for name in source if name in done}

    def _write(self, node: Any, path: str) -> dict[str, Any]:
        if not is_object(node):
            if node is not True:
                self._refuse(path, "nothing fits there")
            elif self._subset.is_closed:
                self._refuse(path, "any value fits there, and every place needs a type")
            return {}
        told: list[str] = []
        if "allOf" in node:
            node = self._merged(node, path, told)
        if isinstance(node.get("$ref"), str):
            return self._reference(node, path, told)
        if "anyOf" in node or "oneOf" in node:
            union = self._union(node, path, told)
            if union is not None:
                return union
            node = {key: value for key, value in node.items() if key not in ("anyOf", "oneOf")}
        return self._plain(node, path, told)

    def _merged(self, node: dict[str, Any], path: str, told: list[str]) -> dict[str, Any]:
        merged = merged_all_of(node, self._root)
        if merged is not None:
            self._note(path, "allOf", "rewritten", "its parts are folded into one")
            return merged
        self._leave(path, "allOf", node["allOf"], told)
        return {key: value for key, value in node.items() if key != "allOf"}

    def _reference(self, node: dict[str, Any], path: str, told: list[str]) -> dict[str, Any]:
        reference = {"$ref": node["$ref"]}
        if resolve(node["$ref"], self._root) is None:
            self._refuse(path, f"the reference {node['$ref']!r} leads out of the schema")
            reference = {}
        beside = {key: value for key, value in node.items() if key != "$ref"}
        written = self._keywords(beside, path, told)
        self._describe(written, told)
        if not written:
            return reference
        self._note(
            path, "$ref", "rewritten", "nothing may stand beside a reference, so it is the one choice of an anyOf"
        )
        return {"anyOf": [reference], **written}

    def _union(self, node: dict[str, Any], path: str, told: list[str]) -> dict[str, Any] | None:
        """The node as an anyOf; None when its branches only add to what the node itself says and cannot be spread."""
        word = "anyOf" if "anyOf" in node else "oneOf"
        branches: list[Any] = node[word]
        beside = {key: value for key, value in node.items() if key not in ("anyOf", "oneOf")}
        if "oneOf" in node and word == "anyOf":
            self._leave(path, "oneOf", node["oneOf"], told)
        shared = {key: value for key, value in beside.items() if key not in ("description", "default", "examples")}
        shared = {key: value for key, value in shared.items() if key not in ANNOTATIONS and key in _TYPED_BY}
        if "type" in beside:
            shared["type"] = beside["type"]
        if shared:
            spread = [merged_all_of({"allOf": [branch, shared]}, self._root) for branch in branches]
            if len(branches) > _MOST_BRANCHES or any(branch is None for branch in spread):
                self._leave(path, word, branches, told)
                return None
            branches = spread
            beside = {key: value for key, value in beside.items() if key not in shared}
        if word == "oneOf":
            self._note(path, "oneOf", "rewritten", "sent as anyOf; that only one fits is checked here")
        written = self._keywords(beside, path, told)
        self._describe(written, told)
        choices = [
            self._write(branch, f"{path}|{place}" if path else f"|{place}") for place, branch in enumerate(branches)
        ]
        return {"anyOf": choices, **written}

    def _plain(self, node: dict[str, Any], path: str, told: list[str]) -> dict[str, Any]:
        kinds = _kinds(node)
        if "type" not in node and kinds:
            node = {"type": kinds[0], **node}
        if self._subset.is_closed and not kinds and "enum" not in node and "const" not in node:
            self._refuse(path, "any value fits there, and every place needs a type")
        written = self._keywords({key: value for key, value in node.items() if key not in _STRUCTURE}, path, told)
        if "object" in kinds:
            written |= self._object(node, path, told)
        if "array" in kinds:
            written |= self._array(node, path, told)
        for key in ("properties", "required", "additionalProperties", "items", "prefixItems"):
            if key in node and not kinds:
                self._leave(path, key, node[key], told)
        self._describe(written, told)
        return _with_null_choice(written) if self._subset.has_scalar_enums_only else written

    def _object(self, node: Mapping[str, Any], path: str, told: list[str]) -> dict[str, Any]:
        properties: dict[str, Any] = node.get("properties") or {}
        wanted: list[str] = node.get("required") or []
        required = [name for name in wanted if name in properties]
        if missing := [name for name in wanted if name not in properties]:
            self._leave(path, "required", missing, told)
        written: dict[str, Any] = {}
        for name, child in properties.items():
            inside = f"{path}.{name}" if path else name
            written[name] = self._write(child, inside)
            if not self._subset.has_optional and name not in required:
                if not accepts_null(child, self._root):
                    written[name] = _nullable(written[name])
                self._note(inside, "required", "rewritten", "optional: null stands for left out")
        if not self._subset.has_optional:
            required = list(properties)
        done: dict[str, Any] = {"properties": written} if properties or self._subset.is_closed or not path else {}
        if required or not self._subset.has_optional:
            done["required"] = required
        return done | self._others(node, path, has_properties=bool(properties))

    def _others(self, node: Mapping[str, Any], path: str, *, has_properties: bool) -> dict[str, Any]:
        """What is said of further properties."""
        others = node.get("additionalProperties")
        if self._subset.is_closed:
            if "patternProperties" in node or others is True or is_object(others):
                self._refuse(path, "it holds fields of any name, and a strict object names them all")
            elif others is None and not has_properties:
                self._refuse(path, "it is an object without named fields, and a strict object names them all")
            return {"additionalProperties": False}
        if is_object(others):
            return {"additionalProperties": self._write(others, f"{path}.*" if path else "*")}
        return {} if others is None else {"additionalProperties": others}

    def _array(self, node: Mapping[str, Any], path: str, told: list[str]) -> dict[str, Any]:
        items, heads = node.get("items"), node.get("prefixItems")
        done: dict[str, Any] = {}
        if heads:
            if not self._subset.has_tuples:
                self._refuse(path, "its items are told apart by position")
            done["prefixItems"] = [self._write(head, f"{path}[{place}]") for place, head in enumerate(heads)]
            if items is False and "maxItems" in self._subset.keywords:
                done["maxItems"] = min(len(heads), node.get("maxItems", len(heads)))
        if is_object(items) and (items or not heads):
            done["items"] = self._write(items, f"{path}[]")
        elif not heads:
            if self._subset.is_closed:
                self._refuse(path, "its items are of any type, and every place needs a type")
            done["items"] = {}
        return done

    def _keywords(self, node: Mapping[str, Any], path: str, told: list[str]) -> dict[str, Any]:
        """The keywords of the node that limit or describe a value by themselves, as far as the subset has them."""
        written: dict[str, Any] = {}
        for key, value in node.items():
            if key in ANNOTATIONS or key == "$defs":
                continue
            if key not in self._subset.keywords or not self._takes(key, value):
                self._put_otherwise(written, key, value, node=node, path=path, told=told)
            else:
                written[key] = value
                if key in CONSTRAINTS:
                    self._note(path, key, "kept")
        return written

    def _takes(self, key: str, value: Any) -> bool:
        subset = self._subset
        if key == "format":
            return subset.formats is None or value in subset.formats
        if key == "pattern":
            return not any(piece in value for piece in subset.pattern_refuses)
        if key == "minItems":
            return subset.largest_min_items is None or value <= subset.largest_min_items
        if key == "enum" and subset.has_scalar_enums_only:
            return all(
                item is None or (isinstance(item, (str, int, float)) and not isinstance(item, bool)) for item in value
            )
        return True

    def _put_otherwise(
        self, written: dict[str, Any], key: str, value: Any, *, node: Mapping[str, Any], path: str, told: list[str]
    ) -> None:
        """A keyword that the subset refuses: said with one that it has, else in the description."""
        bound = {"exclusiveMinimum": ("minimum", 1), "exclusiveMaximum": ("maximum", -1)}.get(key)
        if bound and bound[0] in self._subset.keywords:
            is_whole = node.get("type") == "integer" and isinstance(value, int)
            limit = value + bound[1] if is_whole else value
            known = node.get(bound[0], limit)
            written[bound[0]] = max(limit, known) if bound[1] > 0 else min(limit, known)
            self._note(path, key, "rewritten", f"{bound[0]} {written[bound[0]]}")
            if is_whole:
                return
        if key in ("default", "examples", "example"):
            words = note(key, value)
            told += [words] if words else []
            self._note(path, key, "rewritten", "said in the description" if words else "null says it")
            return
        self._leave(path, key, value, told)

    def _leave(self, path: str, key: str, value: Any, told: list[str]) -> None:
        """A constraint that only we check: the model reads of it in the description."""
        words = note(key, value)
        if words:
            told.append(words)
            self._note(path, key, "enforced locally", words)
        else:
            self._note(path, key, "dropped", "it limits nothing")

    def _describe(self, written: dict[str, Any], told: list[str]) -> None:
        if told:
            written["description"] = f"{written.get('description', '')} ({'; '.join(told)})".strip()

    def _note(self, path: str, key: str, action: Action, detail: str = "") -> None:
        self.changes.append(Change(path, key, action, detail))

    def _refuse(self, path: str, reason: str) -> None:
        self.refusal = self.refusal or f"{path or 'the root'}: {reason}"

    def _check_limits(self, written: dict[str, Any]) -> None:
        for name, most in self._subset.limits.items():
            size = SIZES[name](written)
            if size > most:
                self._refuse("", f"{size} {name.replace('_', ' ')} in all, at most {most} are allowed")


_TYPED_BY: dict[str, str] = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "patternProperties", "propertyNames"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"), "array"),
    **dict.fromkeys(("pattern", "minLength", "maxLength", "format"), "string"),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), "number"),
}


def _kinds(node: Mapping[str, Any]) -> list[str]:
    """The types a node allows: as written, else as its keywords suggest."""
    kinds = node.get("type")
    if isinstance(kinds, str):
        return [kinds]
    if is_array(kinds):
        return kinds
    if "enum" in node or "const" in node:
        return []
    return list(dict.fromkeys(kind for key, kind in _TYPED_BY.items() if key in node))[:1]


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    if not node:
        return node
    if "anyOf" in node:
        return {**node, "anyOf": [*node["anyOf"], {"type": "null"}]}
    kinds = node.get("type")
    is_simple = "enum" not in node and "const" not in node
    if is_simple and isinstance(kinds, str) and kinds not in ("object", "array"):
        return {**node, "type": [kinds, "null"]}
    if is_simple and is_array(kinds):
        return {**node, "type": [*kinds, "null"]}
    outside = {"description": node["description"]} if "description" in node else {}
    inside = {key: value for key, value in node.items() if key != "description"}
    return {"anyOf": [inside, {"type": "null"}], **outside}


def _with_null_choice(node: dict[str, Any]) -> dict[str, Any]:
    """An enum with null in it as a union: such enums hold strings and numbers only."""
    values = node.get("enum")
    if not is_array(values) or None not in values:
        return node
    rest = [value for value in values if value is not None]
    kinds = node.get("type")
    plain = {key: value for key, value in node.items() if key not in ("description", "type", "default")}
    if is_array(kinds):
        kinds = [kind for kind in kinds if kind != "null"]
        kinds = kinds[0] if len(kinds) == 1 else kinds
    choices = [{**({"type": kinds} if kinds else {}), **plain, "enum": rest}] if rest else []
    outside = {key: node[key] for key in ("description", "default") if key in node}
    return {"anyOf": [*choices, {"type": "null"}], **outside}
