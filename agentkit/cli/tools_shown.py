"""Tools as a person reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit.cli.terminal import Column, cut, printable, table
from agentkit.schema.nodes import resolve
from agentkit.tools import Tool

__all__ = ["described_type", "first_line", "tool_table"]

_DESCRIPTION_CHARS = 60
_NAMES = {"string": "text", "integer": "int", "number": "number", "boolean": "yes/no", "array": "list", "null": "none"}


def tool_table(tools: Sequence[Tool]) -> str:
    """One line a tool: name, effect, arguments, what it does."""
    if not tools:
        return "no tools"
    columns = (Column("tool"), Column("effect"), Column("arguments"), Column("what it does"))
    return printable(
        table(columns, [(tool.name, _effect(tool), _arguments(tool), first_line(tool.description)) for tool in tools])
    )


def first_line(description: str) -> str:
    """The first sentence or line of a description."""
    return cut(description.strip().split("\n\n")[0].split("\n")[0], _DESCRIPTION_CHARS)


def described_type(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """The type of a parameter in a word or two."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        target = resolve(reference, root)
        return described_type(cast("Mapping[str, Any]", target), root) if isinstance(target, Mapping) else "JSON"
    if "enum" in schema:
        return "|".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        return " or ".join(dict.fromkeys(described_type(branch, root) for branch in branches))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " or ".join(_NAMES.get(str(each), "JSON") for each in cast("list[Any]", kind))
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return f"list of {described_type(schema['items'], root)}"
    return _NAMES.get(str(kind), "JSON")


def _effect(tool: Tool) -> str:
    return (tool.effect or "-") + (", asks" if tool.approve else "")


def _arguments(tool: Tool) -> str:
    """Names of the parameters, those that may be left out in brackets."""
    properties = cast("Mapping[str, Any]", tool.parameters.get("properties") or {})
    required = cast("Sequence[str]", tool.parameters.get("required") or ())
    return cut(" ".join(name if name in required else f"[{name}]" for name in properties), _DESCRIPTION_CHARS)
