"""Tools and output schemas as the Messages format takes them, within what one request may hold of strict ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from agentkit.exchange import OutputFormat, ToolDefinition
from agentkit.schema.dialects import Compiled, compile_schema
from agentkit.schema.names import map_names
from agentkit.schema.sizes import SIZES

__all__ = ["Tools", "compile_output", "compile_tools", "sizes_of", "with_extra"]

_STRICT_TOOLS = 20
_LIMITS = {"optional": 24, "unions": 16}
"""How much all strict schemas of one request may hold together."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a request as they are sent."""

    entries: tuple[dict[str, Any], ...]
    body: bytes
    """The entries as JSON, without the brackets."""
    names: dict[str, str]
    """Our name -> the name on the wire."""
    back: dict[str, str]
    """The name on the wire -> ours, where they differ."""
    notes: tuple[str, ...]
    """Which tools were to be strict and are not."""

    def marked(self, mark: bytes) -> bytes:
        """The entries as JSON with a cache mark on the last one, behind which the prefix of tools ends."""
        return self.body[:-1] + b',"cache_control":' + mark + b"}" if self.body and mark else self.body


def compile_output(output: OutputFormat) -> Compiled:
    """The schema of the answer: strict, since the service knows no other, or not to be sent at all.

    Raises SchemaError where strict was demanded and cannot be.
    """
    return compile_schema(output.schema, "anthropic", strict=output.strict or None, tool=output.name)


def sizes_of(schema: Mapping[str, Any]) -> tuple[int, ...]:
    """What a strict schema takes of the limits of a request."""
    return tuple(SIZES[name](schema) for name in _LIMITS)


def compile_tools(
    definitions: Sequence[ToolDefinition], *, taken: tuple[int, ...] = (0, 0), is_loose: bool = False
) -> Tools:
    """The tools; those that do not fit into what a request may hold of strict schemas are sent loose.

    Tools that demand to be strict come first. `taken` is what the output schema holds already; `is_loose` says that the
    model knows no strict tools. Raises SchemaError for a tool that demands to be strict and cannot be.
    """
    names = map_names([definition.name for definition in definitions], "anthropic")
    room = [limit - used for limit, used in zip(_LIMITS.values(), taken, strict=True)]
    count, notes = (_STRICT_TOOLS if is_loose else 0), list[str]()
    compiled: dict[int, Compiled] = {}  # position -> as sent
    for position, definition in sorted(enumerate(definitions), key=lambda entry: entry[1].strict is not True):
        schema, strict, name = definition.parameters, definition.strict, definition.name
        found = compile_schema(schema, "anthropic", strict=strict, tool=name)
        if found.is_strict:
            needs = sizes_of(found.schema)
            if count < _STRICT_TOOLS and all(need <= left for need, left in zip(needs, room, strict=True)):
                count += 1
                room = [left - need for need, left in zip(needs, room, strict=True)]
            else:
                found = compile_schema(schema, "anthropic", strict=False, tool=name)
                if strict:
                    reason = "the model knows no strict tools" if is_loose else "too many strict schemas in one request"
                    notes.append(f"tool {name!r} is sent loose: {reason}")
        compiled[position] = found
    entries: list[dict[str, Any]] = []
    for position, definition in enumerate(definitions):
        entry: dict[str, Any] = {"name": names[definition.name]}
        if definition.description:
            entry["description"] = definition.description
        entry["input_schema"] = compiled[position].schema
        if compiled[position].is_strict:
            entry["strict"] = True
        entries.append(entry)
    back = {sent: name for name, sent in names.items() if sent != name}
    return Tools(tuple(entries), to_json(entries)[1:-1], names, back, tuple(notes))


def with_extra(entries: Sequence[Mapping[str, Any]], extra: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Our tools and the extra ones; an extra one takes the place of ours with the same name."""
    named = {tool["name"]: tool for tool in extra if "name" in tool}
    own = {entry["name"] for entry in entries}
    kept = [named.get(entry["name"], entry) for entry in entries]
    return [*kept, *(tool for tool in extra if tool.get("name") not in own)]
