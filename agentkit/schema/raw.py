"""JSON Schemas that came from elsewhere: checked when the tool is made, their arguments on every call, by jsonschema.

The only file that imports jsonschema, and only on first use: it takes 60 ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from agentkit.errors import SchemaError
from agentkit.schema.arguments import ArgumentsError, BoundArguments, Problem, parse_object, path_text, shown
from agentkit.schema.nodes import is_array, is_object, map_subschemas, resolve, subschemas
from agentkit.schema.nulls import without_filler_nulls
from agentkit.schema.sizes import most_choices

__all__ = ["RawSchema", "compile_raw"]

_MOST_CHOICES = 2_000

_DRAFT = re.compile(r"https?://json-schema\.org/draft[-/](?:0([467])|(2019-09|2020-12))/schema#?")


class RawSchema:
    """A JSON Schema for an object of arguments. Made by compile_raw."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.parameters: dict[str, Any] = dict(schema)
        """The JSON Schema as it was given. Not to be changed."""

    def validate_json(self, text: str, *, strict: bool) -> BoundArguments:
        """The arguments in a JSON text; "" and null mean none. Raises ArgumentsError in words for the model.

        JSON Schema knows no coercion, so `strict` changes nothing here.
        """
        return self._checked(parse_object(text))

    def validate_python(self, value: Mapping[str, Any], *, strict: bool) -> BoundArguments:
        """The same for arguments that are parsed already."""
        try:
            return self._checked(from_json(to_json(dict(value))))
        except PydanticSerializationError as error:
            raise ArgumentsError([Problem("", f"arguments must be JSON: {error}; got {shown(value)}")]) from None

    def problems(self, value: Any) -> list[Problem]:
        """What is wrong with a value, worded for a model; empty when nothing is."""
        try:
            found = [_problem(error) for error in self._validator.iter_errors(value)]
        except RecursionError:  # a union that has itself among its choices
            return [Problem("", "cannot be checked: the schema of this tool leads in a circle")]
        return sorted(dict.fromkeys(found), key=lambda problem: problem.path)

    def _checked(self, value: dict[str, Any]) -> BoundArguments:
        problems = self.problems(value)
        if not problems:
            return BoundArguments((), value)
        cleaned = without_filler_nulls(value, self.parameters)
        if cleaned is not value and not self.problems(cleaned):
            return BoundArguments((), cleaned)
        raise ArgumentsError(problems)

    @cached_property
    def _validator(self) -> Any:
        kind = _validator_class(_draft(self.parameters))
        return kind(
            _without_foreign_patterns(self.parameters, ""), registry=_registry(), format_checker=kind.FORMAT_CHECKER
        )


def compile_raw(schema: Mapping[str, Any], *, tool: str) -> RawSchema:
    """A JSON Schema (by its `$schema`, else draft 2020-12) as the parameters of a tool.

    Raises SchemaError for one that no arguments can be checked against: not valid by its draft, a root that is no
    object, a `$ref` that leads nowhere or to another document.
    """
    import jsonschema

    given: Any = schema
    if not is_object(given):
        given = dict(schema) if isinstance(given, Mapping) else given
    if not is_object(given):
        raise SchemaError(f"its schema is {shown(given)}, not a JSON object", tool=tool, advice="pass a dict")
    kind = _validator_class(_draft(given, tool=tool))
    try:
        kind.check_schema(given, format_checker=jsonschema.FormatChecker(formats=()))  # a pattern may be ECMA's
    except jsonschema.SchemaError as error:
        where = path_text(error.absolute_path) or "the root"
        said = _cut(error.message)
        if error.absolute_path and error.absolute_path[-1] == "type":
            said = (
                f"{shown(error.instance)} is no type; types are array, boolean, integer, null, number, object, string"
            )
        problem = f"its JSON Schema is not valid at {where}: {said}"
        raise SchemaError(problem, tool=tool, advice=f"correct it by {kind.META_SCHEMA['$schema']}") from None
    _check_references(given, tool)
    _check_root(given, tool)
    if (count := most_choices(given)) > _MOST_CHOICES:
        raise SchemaError(
            f"one value would have to be checked against {count} schemas, and {_MOST_CHOICES} are the most",
            tool=tool,
            advice="its anyOf, oneOf and allOf lead to definitions that are such themselves; name fewer choices",
        )
    return RawSchema(given)


def _draft(schema: Mapping[str, Any], *, tool: str = "") -> str:
    """The draft as jsonschema calls it: "7" or "202012"."""
    dialect = schema.get("$schema", "https://json-schema.org/draft/2020-12/schema")
    known = _DRAFT.fullmatch(dialect) if isinstance(dialect, str) else None
    if known is None:
        advice = "use http://json-schema.org/draft-07/schema# or https://json-schema.org/draft/2020-12/schema"
        raise SchemaError(f"its $schema is {shown(dialect)}, which is not known here", tool=tool, advice=advice)
    return (known[1] or known[2]).replace("-", "")


def _validator_class(draft: str) -> Any:
    import jsonschema

    return getattr(jsonschema, f"Draft{draft}Validator")


def _registry() -> Any:
    """The meta-schemas and nothing else: a reference is never fetched."""
    import jsonschema_specifications

    return jsonschema_specifications.REGISTRY


def _check_references(schema: dict[str, Any], tool: str) -> None:
    import referencing
    import referencing.exceptions
    import referencing.jsonschema

    specification = getattr(referencing.jsonschema, f"DRAFT{_draft(schema)}")
    resource = referencing.Resource(contents=schema, specification=specification)
    resolver = _registry().resolver_with_root(resource)
    for path, node in subschemas(schema):
        for word in ("$ref", "$dynamicRef"):
            reference = node.get(word)
            if not isinstance(reference, str):
                continue
            try:
                target = resolver.lookup(reference).contents
            except referencing.exceptions.Unresolvable:
                if _is_in_embedded_resource(schema):
                    continue
                raise _dangling(reference, path, tool) from None
            if not isinstance(target, (dict, bool)):
                problem = f"the $ref {reference!r} at {path or 'the root'} leads to {shown(target)}, which is no schema"
                raise SchemaError(problem, tool=tool, advice="point it at a definition under $defs")
    _check_loops(schema, tool)


def _is_in_embedded_resource(schema: dict[str, Any]) -> bool:
    """Whether parts of the schema have an `$id` of their own, from which their references count."""
    return any("$id" in node for path, node in subschemas(schema) if path)


def _dangling(reference: str, path: str, tool: str) -> SchemaError:
    where = path or "the root"
    if reference.startswith("#"):
        return SchemaError(
            f"the $ref {reference!r} at {where} leads nowhere",
            tool=tool,
            advice="add the definition under $defs, or correct the reference",
        )
    return SchemaError(
        f"the $ref {reference!r} at {where} leads to another document, and none is fetched",
        tool=tool,
        advice="copy that definition under $defs and refer to it by '#/$defs/...'",
    )


def _check_loops(schema: dict[str, Any], tool: str) -> None:
    """Refuses references that lead to themselves without going through a property or an item: they never end."""
    for path, node in subschemas(schema):
        seen: set[str] = set()
        here: Any = node
        while is_object(here) and isinstance(reference := here.get("$ref"), str):
            if reference in seen:
                problem = f"the $ref {reference!r} at {path or 'the root'} leads back to itself"
                raise SchemaError(problem, tool=tool, advice="let it go through a property or an item")
            seen.add(reference)
            here = resolve(reference, schema)


def _check_root(schema: dict[str, Any], tool: str) -> None:
    if not _may_be_object(schema, schema, depth=0):
        kind = shown(schema["type"]) if "type" in schema else "something else"
        raise SchemaError(
            f"arguments are one JSON object, and its schema wants {kind}",
            tool=tool,
            advice='wrap it: {"type": "object", "properties": {"value": ...}, "required": ["value"]}',
        )


def _may_be_object(node: Any, root: dict[str, Any], *, depth: int) -> bool:
    if not is_object(node) or depth > 20:
        return node is True
    kinds = node.get("type")
    if kinds is not None:
        return kinds == "object"
    if isinstance(node.get("$ref"), str):
        return _may_be_object(resolve(node["$ref"], root), root, depth=depth + 1)
    for word, needed in (("allOf", any), ("anyOf", all), ("oneOf", all)):
        if word in node and needed(_may_be_object(branch, root, depth=depth + 1) for branch in node[word]):
            return True
    return "properties" in node or not node


def _without_foreign_patterns(node: Any, path: str) -> Any:
    """The schema without patterns that Python's `re` cannot read (ECMA has more): else each call would raise."""
    if not is_object(node):
        return node
    copy = map_subschemas(node, _without_foreign_patterns, path=path)
    if isinstance(pattern := copy.get("pattern"), str) and not _is_readable(pattern):
        del copy["pattern"]
    if is_object(patterns := copy.get("patternProperties")):
        copy["patternProperties"] = {name: child for name, child in patterns.items() if _is_readable(name)}
    return copy


def _is_readable(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _problem(error: Any) -> Problem:
    path = path_text(error.absolute_path)
    value, wanted = error.instance, error.validator_value
    match error.validator:
        case "required":
            missing = next((name for name in wanted if name not in value), "")
            return Problem(
                f"{path}.{missing}" if path else str(missing), "required, but missing" + _told(error, missing)
            )
        case "additionalProperties" if is_object(value):
            names = list(error.schema.get("properties", {}))
            extra = [name for name in value if name not in names]
            said = ", ".join(map(repr, extra[:5]))
            return Problem(path, f"no such argument: {said}; the arguments are: {', '.join(names) or 'none'}")
        case "type":
            kinds = wanted if is_array(wanted) else [wanted]
            return Problem(path, f"should be {' or '.join(map(str, kinds))}; got {shown(value)}")
        case "enum":
            return Problem(path, f"should be one of {shown(wanted)}; got {shown(value)}")
        case "const":
            return Problem(path, f"should be {shown(wanted)}; got {shown(value)}")
        case "anyOf" | "oneOf" if error.context:
            return Problem(path, f"{_branches(error)}; got {shown(value)}")
        case word if word in _SAID:
            return Problem(path, f"should be {_SAID[word].format(wanted)}; got {shown(value)}")
        case word:
            return Problem(path, f"does not fit {word}: {shown(wanted)}; got {shown(value)}")


_SAID = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "greater than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters long",
    "maxLength": "at most {} characters long",
    "minItems": "a list of at least {} items",
    "maxItems": "a list of at most {} items",
    "pattern": "a string that matches {}",
    "format": "a string of the format {}",
    "minProperties": "an object of at least {} fields",
    "maxProperties": "an object of at most {} fields",
}


def _branches(error: Any) -> str:
    """What the branches of a union wanted, each by its first complaint."""
    first: dict[Any, str] = {}
    for inner in error.context:
        said = _problem(inner).message.partition("; got ")[0]
        inside = path_text(inner.relative_path)
        first.setdefault(inner.schema_path[0] if inner.schema_path else "", f"{inside}: {said}" if inside else said)
    return "fits none of the choices: " + "; ".join(dict.fromkeys(first.values()))


def _told(error: Any, name: str) -> str:
    known = error.schema.get("properties", {}).get(name)
    if not is_object(known):
        return ""
    said = ": ".join(str(word) for word in (known.get("type"), known.get("description")) if word)
    return f" ({said})" if said else ""


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:197]}..."
