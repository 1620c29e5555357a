"""Constraints as words in a description, for providers that refuse the keyword: "(at most 20 characters)"."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

__all__ = ["ANNOTATIONS", "CONSTRAINTS", "note"]

_WORDS: dict[str, str] = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "must match the pattern {}",
    "format": "format: {}",
    "contentEncoding": "encoded as {}",
    "contentMediaType": "media type: {}",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "greater than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "uniqueItems": "no duplicates",
    "minContains": "at least {} of the items it must contain",
    "maxContains": "at most {} of the items it must contain",
    "contains": "must contain an item that fits {}",
    "minProperties": "at least {} fields",
    "maxProperties": "at most {} fields",
    "propertyNames": "field names must fit {}",
    "patternProperties": "fields by name pattern: {}",
    "dependentRequired": "fields that need others: {}",
    "dependentSchemas": "fields that change the rest: {}",
    "additionalProperties": "further fields must fit {}",
    "enum": "one of {}",
    "const": "always {}",
    "type": "of type {}",
    "prefixItems": "the items in order: {}",
    "items": "each item must fit {}",
    "not": "must not fit {}",
    "if": "if it fits {}",
    "then": "then it must fit {}",
    "else": "otherwise it must fit {}",
    "anyOf": "must fit one of {}",
    "oneOf": "must fit exactly one of {}",
    "allOf": "must fit all of {}",
    "required": "these fields are needed: {}",
    "default": "default: {}",
    "examples": "for example {}",
    "example": "for example {}",
}

ANNOTATIONS = frozenset(
    {"title", "$schema", "$id", "$comment", "$anchor", "$vocabulary", "$dynamicAnchor", "deprecated", "readOnly"}
    | {"writeOnly", "discriminator", "xml", "externalDocs", "nullable"}
)
"""Keywords that say nothing about values; dropping one loses no meaning."""

CONSTRAINTS = frozenset(_WORDS) - {"type", "items", "anyOf", "default", "examples", "example", "additionalProperties"}
"""Keywords whose fate a report tells even when they are kept."""

_LONGEST = 200


def note(keyword: str, value: Any) -> str:
    """The words for one constraint; "" for a keyword that is no constraint or does not limit anything."""
    words = _WORDS.get(keyword)
    if words is None or value is None:
        return ""
    if keyword not in ("default", "const") and (value is False or value in ([], {})):
        return ""
    text = value if isinstance(value, str) else to_json(value).decode()
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 3]}..."
    return words.format(text)
