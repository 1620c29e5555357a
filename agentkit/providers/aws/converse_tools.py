"""Tools and output schemas as Converse takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentkit.exchange import OutputFormat, ToolDefinition
from agentkit.json_bytes import json_bytes
from agentkit.messages import Message
from agentkit.providers.anthropic.messages_tools import compile_output
from agentkit.schema.dialects import compile_schema
from agentkit.schema.names import map_names

__all__ = ["DECLARED_AGAIN", "NOT_OFFERED", "Output", "Tools", "compiled_output", "compiled_tools", "former_tools"]

NOT_OFFERED = "Not offered any more: do not call it."
"""The description of a tool that is declared only because earlier calls of it stand in the conversation."""


DECLARED_AGAIN = "tools of earlier calls are declared again: this format demands it"


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of a request as they are sent."""

    entries: tuple[dict[str, Any], ...]
    names: dict[str, str]
    """Our name -> the name on the wire."""
    back: dict[str, str]
    """The name on the wire -> ours, where they differ."""
    notes: tuple[str, ...]
    """Which tools were to be strict and are not."""


@dataclass(frozen=True, slots=True)
class Output:
    """A declared output as it is sent."""

    schema: bytes
    """As JSON text."""
    reason: str
    """Why no model can be held to it; empty where one can."""


def compiled_tools(definitions: Sequence[ToolDefinition], *, is_strict: bool, model: str) -> Tools:
    """The tools; strict where that was asked for and the model knows it. Raises SchemaError where it cannot be."""
    names = map_names([definition.name for definition in definitions], "bedrock")
    entries: list[dict[str, Any]] = []
    notes: list[str] = []
    for definition in definitions:
        strict = definition.strict is True
        if strict and not is_strict:
            notes.append(f"tool {definition.name!r} is sent loose: {model} knows no strict tools")
        found = compile_schema(definition.parameters, "bedrock", strict=strict and is_strict, tool=definition.name)
        spec: dict[str, Any] = {"name": names[definition.name]}
        if definition.description:
            spec["description"] = definition.description
        spec["inputSchema"] = {"json": found.schema}
        if found.is_strict:
            spec["strict"] = True
        entries.append({"toolSpec": spec})
    back = {sent: name for name, sent in names.items() if sent != name}
    return Tools(tuple(entries), names, back, tuple(notes))


def former_tools(messages: Iterable[Message], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Declarations of tools that calls in these messages name, for a request that offers none."""
    called = dict.fromkeys(call.name for message in messages for call in message.calls)
    sent = dict.fromkeys(names.get(name) or map_names([name], "bedrock")[name] for name in called)
    schema = {"json": {"type": "object", "properties": dict[str, Any]()}}
    return [{"toolSpec": {"name": name, "description": NOT_OFFERED, "inputSchema": schema}} for name in sent]


def compiled_output(output: OutputFormat) -> Output:
    """The schema of the answer. Raises SchemaError where strict was demanded and cannot be."""
    compiled = compile_output(output)
    reason = "" if compiled.is_strict else compiled.report.fallback or "it is no strict schema"
    return Output(json_bytes(compiled.schema), reason)
