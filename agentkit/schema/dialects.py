"""One neutral schema as each provider accepts it, with a report of what was kept, rewritten or left to us.

OpenAI, Anthropic and Bedrock take two forms of a tool: a strict one in a subset of JSON Schema, to which the model
is held while it writes, and a loose one. Gemini takes one form, `parametersJsonSchema` (its older `parameters` message
knows no references, constants or free objects). A constraint that a form refuses moves to the description, and
arguments are validated against the neutral schema anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agentkit.errors import SchemaError
from agentkit.schema.draft import as_2020_12, hoisted
from agentkit.schema.merging import root_as_one_object
from agentkit.schema.nodes import is_object, map_subschemas, resolve
from agentkit.schema.notes import note
from agentkit.schema.report import Change, Report
from agentkit.schema.rewriting import rewrite
from agentkit.schema.subset import ANTHROPIC, GEMINI, OPENAI, Subset

__all__ = ["Compiled", "Dialect", "compile_schema"]

Dialect = Literal["openai", "anthropic", "gemini", "bedrock"]

# Converse carries many models: it takes `strict` for those of Anthropic, with their subset.
_STRICT: dict[Dialect, Subset] = {"openai": OPENAI, "anthropic": ANTHROPIC, "bedrock": ANTHROPIC}


@dataclass(frozen=True, slots=True)
class Compiled:
    """What goes on one provider's wire."""

    schema: dict[str, Any]
    is_strict: bool
    """Whether to ask the provider to hold the model to it."""
    report: Report


def compile_schema(schema: Mapping[str, Any], dialect: Dialect, *, strict: bool | None, tool: str = "") -> Compiled:
    """The schema in a provider's dialect.

    `strict=None` asks for strict where the provider's subset can hold the schema, and falls back visibly: the report
    says why. `strict=True` raises SchemaError instead. Bedrock is strict only when told to: most of its models are not.
    """
    modern = _with_object_root(hoisted(as_2020_12(schema)))
    if dialect == "gemini":
        done = rewrite(modern.schema, GEMINI)
        remark = Change("", "strict", "enforced locally", "Gemini has no strict mode") if strict else None
        return Compiled(done.schema, is_strict=False, report=Report(_joined(remark, modern.changes, done.changes)))
    reason = ""
    if strict or (strict is None and dialect != "bedrock"):
        done = rewrite(modern.schema, _STRICT[dialect])
        if not done.refusal:
            return Compiled(done.schema, is_strict=True, report=Report(_joined(None, modern.changes, done.changes)))
        reason = done.refusal
    if strict:
        advice = "change the annotation, or leave strict=None to send it loosely and have it checked here"
        raise SchemaError(f"{dialect} cannot take it as a strict schema: {reason}", tool=tool, advice=advice)
    loose = _loose(modern.schema, "")
    return Compiled(loose, is_strict=False, report=Report(modern.changes, fallback=reason))


@dataclass(frozen=True, slots=True)
class _Rooted:
    schema: dict[str, Any]
    changes: tuple[Change, ...] = ()


def _with_object_root(schema: dict[str, Any]) -> _Rooted:
    """The root as a plain object where it can be one: every provider wants `type: object` without a union there."""
    changes: list[Change] = []
    target = resolve(schema["$ref"], schema) if isinstance(schema.get("$ref"), str) else None
    if is_object(target) and target is not schema:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **beside}
        changes.append(Change("", "$ref", "rewritten", "the definition stands at the root"))
    unions = [word for word in ("anyOf", "oneOf", "allOf") if word in schema]
    if unions and _is_about_objects(schema, schema):
        changes += [Change("", word, "enforced locally", note(word, schema[word])) for word in unions]
        told = [note(word, schema[word]) for word in unions if word != "allOf"]
        schema = root_as_one_object(schema, schema)
        if told:
            schema["description"] = f"{schema.get('description', '')} ({'; '.join(told)})".strip()
    if "type" not in schema and ("properties" in schema or not set(schema) - {"$defs", "description", "$id", "title"}):
        schema = {"type": "object", **schema}
    if schema.get("type") == "object" and "properties" not in schema:
        schema = {"additionalProperties": True, **schema, "properties": {}}  # no names given: any fields at all
    return _Rooted(schema, tuple(changes))


def _is_about_objects(node: Any, root: Mapping[str, Any], *, depth: int = 0) -> bool:
    if not is_object(node) or depth > 20:
        return False
    if "type" in node or "properties" in node:
        return node.get("type", "object") == "object"
    if isinstance(node.get("$ref"), str):
        return _is_about_objects(resolve(node["$ref"], root), root, depth=depth + 1)
    for word in ("allOf", "anyOf", "oneOf"):
        if word in node:
            checks = [_is_about_objects(branch, root, depth=depth + 1) for branch in node[word]]
            return any(checks) if word == "allOf" else all(checks)
    return "required" in node


def _loose(node: Any, path: str) -> Any:
    """The schema as it is, with items where there are none: OpenAI refuses an array without them, strict or not."""
    if not is_object(node):
        return node
    copy = map_subschemas(node, _loose, path=path)
    if copy.get("type") == "array" and "items" not in copy and "prefixItems" not in copy:
        copy["items"] = {}
    return copy


def _joined(first: Change | None, *rest: tuple[Change, ...]) -> tuple[Change, ...]:
    return (*([first] if first else []), *(change for changes in rest for change in changes))
