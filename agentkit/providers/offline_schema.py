"""Schemas of the offline model: references and variants resolved, and a smallest valid value for anything."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit.providers.offline_facts import Fact
from agentkit.providers.offline_pattern import sample

__all__ = ["Bounds", "conforming", "resolve"]

_FORMAT_EXAMPLES: Mapping[str, str] = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T09:00:00Z",
    "time": "09:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "hostname": "example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "byte": "",
    "regex": ".*",
    "json-pointer": "",
}


def resolve(schema: Mapping[str, Any], root: Mapping[str, Any], *, depth: int = 0) -> Mapping[str, Any]:
    """The schema with its reference followed, its parts merged, and one of its variants chosen."""
    if depth > 12:
        return {}
    reference = schema.get("$ref")
    if isinstance(reference, str):
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return resolve({**_follow(reference, root), **rest}, root, depth=depth + 1)
    if "allOf" in schema:
        merged: dict[str, Any] = {name: value for name, value in schema.items() if name != "allOf"}
        for part in cast("Sequence[Mapping[str, Any]]", schema["allOf"]):
            merged = _merged(merged, resolve(part, root, depth=depth + 1))
        schema = merged
    for key in ("anyOf", "oneOf"):
        variants = [
            resolve(variant, root, depth=depth + 1)
            for variant in cast("Sequence[Mapping[str, Any]]", schema.get(key, ()))
        ]
        if variants:
            chosen = next((variant for variant in variants if variant.get("type") != "null"), variants[0])
            rest = {name: value for name, value in schema.items() if name != key}
            return resolve(_merged(rest, chosen), root, depth=depth + 1)
    kinds = schema.get("type")
    if isinstance(kinds, Sequence) and not isinstance(kinds, str):
        chosen_kind = next((kind for kind in cast("Sequence[str]", kinds) if kind != "null"), "null")
        return {**schema, "type": chosen_kind}
    if kinds is None and "enum" not in schema and "const" not in schema:
        guess = (
            "object" if "properties" in schema else "array" if "items" in schema or "prefixItems" in schema else None
        )
        return {**schema, "type": guess} if guess else schema
    return schema


def conforming(fact: Fact, schema: Mapping[str, Any]) -> Any:
    """The fact's value in the form that a scalar schema takes; None when it takes none."""
    bounds = Bounds(schema)
    value = fact.value
    if "enum" in schema:
        for option in schema["enum"]:
            if str(option).lower() == str(value).lower() or str(option).lower().replace("_", " ") == str(value).lower():
                return option
        return None
    match schema.get("type"):
        case "integer" | "number":
            if isinstance(value, int | float) and bounds.accepts(value):
                return value
            return None
        case "string" | None:
            form = schema.get("format")
            text = fact.text if fact.kind == "number" else str(value)
            if form == "date" and fact.kind == "datetime":
                text = text[:10]
            if form == "date-time" and fact.kind == "date":
                text = f"{text}T00:00:00Z"
            elif form == "date-time" and fact.kind == "datetime":
                text = _zoned(text.replace(" ", "T"))
            elif form == "time" and fact.kind == "time":
                text += "Z"
            return text if bounds.accepts(text) else None
        case _:
            return None


def _zoned(text: str) -> str:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo else f"{moment.isoformat()}Z"


class Bounds:
    """What a scalar schema demands of a value."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema

    @property
    def is_fixed(self) -> bool:
        """Whether there is only one value, or none to speak of."""
        return "const" in self._schema or self._schema.get("type") == "null" or len(self._schema.get("enum", "ab")) == 1

    @property
    def is_free_text(self) -> bool:
        """Whether any words will do."""
        return self._schema.get("type") == "string" and not self._schema.keys() & {"enum", "const", "format", "pattern"}

    def accepts(self, value: Any) -> bool:
        """Whether a scalar is valid."""
        schema = self._schema
        if "enum" in schema and value not in schema["enum"]:
            return False
        if "const" in schema and value != schema["const"]:
            return False
        if isinstance(value, str):
            return self._accepts_text(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._accepts_number(value)
        return True

    def accepts_json(self, value: Any, root: Mapping[str, Any]) -> bool:
        """Whether a value is valid; what is inside of lists and objects is asked of jsonschema."""
        kind = self._schema.get("type")
        matches = {
            "string": isinstance(value, str),
            "integer": isinstance(value, int) and not isinstance(value, bool),
            "number": isinstance(value, int | float) and not isinstance(value, bool),
            "boolean": isinstance(value, bool),
            "null": value is None,
            "array": isinstance(value, list),
            "object": isinstance(value, dict),
        }
        if isinstance(kind, str) and not matches.get(kind, True):
            return False
        if isinstance(value, list | dict):
            return _is_valid(value, self._schema, root)
        return self.accepts(value)

    def smallest(self) -> Any:
        """A valid value, as plain as can be."""
        schema = self._schema
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        match schema.get("type"):
            case "integer" | "number":
                return self._smallest_number()
            case "boolean":
                return False
            case "array":
                return []
            case "object":
                return {}
            case "null":
                return None
            case _:
                return self._smallest_text()

    def another(self, value: Any, taken: Sequence[Any]) -> Any:
        """A valid value that is not among some others; `value` itself when there is none to be found."""
        if "enum" in self._schema:
            return next((option for option in self._schema["enum"] if option not in taken), value)
        for count in range(1, 1000):
            candidate = value + count if isinstance(value, int | float) else f"{value}{count}"
            if candidate not in taken and self.accepts(candidate):
                return candidate
        return value

    def _accepts_text(self, value: str) -> bool:
        schema = self._schema
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf):
            return False
        pattern = schema.get("pattern")
        if isinstance(pattern, str):
            try:
                if not re.search(pattern, value):
                    return False
            except re.error:
                return False
        check = _FORMAT_CHECKS.get(str(schema.get("format")))
        return check is None or bool(check.fullmatch(value))

    def _accepts_number(self, value: float) -> bool:
        schema = self._schema
        if schema.get("type") == "integer" and value != int(value):
            return False
        step = schema.get("multipleOf")
        if step and abs(value / step - round(value / step)) > 1e-9:
            return False
        return schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf) and schema.get(
            "exclusiveMinimum", -math.inf
        ) < value < schema.get("exclusiveMaximum", math.inf)

    def _smallest_number(self) -> float:
        schema = self._schema
        step = schema.get("multipleOf", 1 if schema.get("type") == "integer" else 0.5)
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        candidates: list[float] = [1, 0, step]
        if low is not None:
            first = math.ceil(low / step) * step
            candidates += [low, first, first + step, first + 2 * step]
        if high is not None:
            last = math.floor(high / step) * step
            candidates += [high, last, last - step]
        if low is not None and high is not None:
            candidates.append((low + high) / 2)
        for candidate in candidates:
            whole = int(candidate) if candidate == int(candidate) else candidate
            if self._accepts_number(whole):
                return whole
        return 0

    def _smallest_text(self) -> str:
        schema = self._schema
        candidate = _FORMAT_EXAMPLES.get(str(schema.get("format")), "example")
        if self._accepts_text(candidate):
            return candidate
        sampled = sample(str(schema["pattern"])) if "pattern" in schema else None
        if sampled is not None:
            padded = sampled + sampled[-1:] * (schema.get("minLength", 0) - len(sampled))
            return padded if self._accepts_text(padded) else sampled
        least = schema.get("minLength", 0)
        most = schema.get("maxLength", max(least, len(candidate)))
        return (candidate * (1 + least // max(1, len(candidate))))[: max(least, min(most, len(candidate)))]


_FORMAT_CHECKS = {
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "date-time": re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?"),
    "time": re.compile(r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?"),
    "duration": re.compile(r"P(?=.)(\d+[YMWD])*(T(\d+(\.\d+)?[HMS])+)?"),
    "ipv4": re.compile(r"\d{1,3}(\.\d{1,3}){3}"),
    "ipv6": re.compile(r"[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"),
    "hostname": re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"),
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
    "uri": re.compile(r"[a-zA-Z][\w+.-]*:\S*"),
    "uuid": re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"),
}


def _follow(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    node: Any = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            name = step.replace("~1", "/").replace("~0", "~")
            node = cast("Mapping[str, Any]", node).get(name, {}) if isinstance(node, Mapping) else {}
    return cast("Mapping[str, Any]", node) if isinstance(node, Mapping) else {}


def _merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Both schemas at once; the first wins where they disagree, objects get the properties of both."""
    merged = {**second, **first}
    for key in ("properties", "$defs"):
        if key in first and key in second:
            merged[key] = {**second[key], **first[key]}
    if "required" in first and "required" in second:
        merged["required"] = list(dict.fromkeys([*first["required"], *second["required"]]))
    return merged


def _is_valid(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    from jsonschema import Draft202012Validator  # dear to import, and rarely needed here

    definitions = {key: root[key] for key in ("$defs", "definitions") if key in root}
    validator: Any = Draft202012Validator({**definitions, **schema})
    return bool(validator.is_valid(value))
