"""OpenAI's Responses API, client half: what is sent, and what comes back whole or streamed.

Stateless unless told otherwise: `store` is false, and reasoning goes back encrypted, in order, with the calls it led
to. The format has neither stop sequences nor a seed; they are left out.

`settings.extra["openai"]` wins over every field. Its `tools` are added to the agent's own, which is how tools that the
provider runs itself are asked for: {"openai": {"tools": [{"type": "web_search"}]}}. Its `text` and `reasoning` are
laid over ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic_core import from_json

from agentkit.codec import WireRequest
from agentkit.counting import count_in
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.exchange import Memo, OutputFormat, Request, Response, ToolDefinition
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.messages import Message
from agentkit.providers.openai.errors import decode_error
from agentkit.providers.openai.responses_input import InputWriter, ReasoningKept
from agentkit.providers.openai.responses_output import response_of
from agentkit.providers.openai.responses_stream import ResponsesDecoder
from agentkit.schema.dialects import compile_schema
from agentkit.schema.names import map_names
from agentkit.settings import Settings
from agentkit.switching import SEED_LEFT_OUT, STOP_LEFT_OUT, known_tier

__all__ = ["ENCRYPTED", "ResponsesCodec", "thinks"]

ENCRYPTED = "reasoning.encrypted_content"
"""What `include` has to name so that reasoning can be sent back without being stored."""

_LEAST_OUTPUT_TOKENS = 16
_MOST_KEPT = 64
_COUNTED = frozenset(
    {
        "conversation",
        "input",
        "instructions",
        "model",
        "parallel_tool_calls",
        "personality",
        "previous_response_id",
        "reasoning",
        "text",
        "tool_choice",
        "tools",
        "truncation",
    }
)
"""The only fields that the counting endpoint takes."""
_THINKS = re.compile(r"(?i)(?:^|[/.:_-])(?:o[1-9]|gpt-(?:[5-9]|\d\d)|codex|grok)(?!.*-chat)")
_NEVER_THINKS = re.compile(r"(?i)(?:^|[/.:_-])(?:chatgpt-4|gpt-4|gpt-3\.5)")
_MERGED = ("text", "reasoning")  # objects of several knobs: extra ones are laid over ours instead of replacing them


def thinks(model: str) -> bool:
    """Whether the model's name is one of a reasoning model; the others refuse to be asked for encrypted reasoning."""
    return _THINKS.search(model) is not None


@dataclass(frozen=True, slots=True)
class _Tools:
    """The tools of a request as they are sent."""

    entries: tuple[dict[str, Any], ...]
    body: bytes
    """The entries as JSON, without the brackets."""
    names: dict[str, str]
    """Our name -> the name on the wire."""
    back: dict[str, str]
    """The name on the wire -> ours, where they differ."""


@dataclass(frozen=True, slots=True)
class _Head:
    """Messages that were sent before, as bytes."""

    messages: tuple[Message, ...]
    names: dict[str, str]
    reasoning: ReasoningKept
    pieces: tuple[bytes, ...]
    """Their items, without the brackets: joined with the rest of the body, once."""
    taken: frozenset[str]
    notes: frozenset[str]
    """What could not be sent as it was."""

    def begins(self, messages: tuple[Message, ...], names: dict[str, str], *, reasoning: ReasoningKept) -> bool:
        """Whether these messages begin with the kept ones and would be written the same."""
        return (
            self.reasoning == reasoning
            and (self.names is names or self.names == names)
            and len(messages) >= len(self.messages)
            # Compared by identity first: 5 us for 1,000 messages that are the same objects.
            and messages[: len(self.messages)] == self.messages
        )


class ResponsesCodec:
    """The client half of the Responses format, for OpenAI and for others that serve it."""

    def __init__(self, provider: str = "openai") -> None:
        self.name = f"{provider}:responses"
        self._provider = provider
        self._tools: dict[tuple[ToolDefinition, ...], _Tools] = {}
        self._formats: dict[int, tuple[OutputFormat, dict[str, Any]]] = {}  # id(format) -> format, as sent

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for media and stop sequences, SchemaError for impossible strict
        schemas."""
        extra = (request.settings.extra or {}).get(self._provider, {})
        tools = self._tools_of(request.tools)
        notes = {SEED_LEFT_OUT} if request.settings.seed is not None else set[str]()
        if request.settings.stop:
            if request.settings.on_unsupported != "omit":  # without them an answer goes on behind its end
                raise UnsupportedError(
                    f"the Responses format has no stop sequences, {len(request.settings.stop)} were given; use Chat "
                    f'Completions (such as "openai-chat:{request.model}"), or go on without: '
                    'Settings(on_unsupported="omit")'
                )
            notes.add(STOP_LEFT_OUT)
        fields = self._fields(request, extra, tools, notes=notes)
        pieces = [json_bytes(fields)[:-1]]
        if "input" not in extra:
            reasoning = _reasoning_kept(request.model, is_stored=fields["store"] is not False)
            head = self._input(request, memo or request.memo, tools, reasoning=reasoning)
            pieces += [b',"input":[', *head.pieces, b"]"]
            notes |= head.notes
        if "tools" in extra:
            pieces += [b',"tools":', json_bytes(_with_extra(tools.entries, extra["tools"]))]
        elif tools.entries:
            pieces += [b',"tools":[', tools.body, b"]"]
        return WireRequest("/responses", b"".join([*pieces, b"}"]), names=tools.back, notes=tuple(sorted(notes)))

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises the error that a failed response reports, or ProtocolError."""
        try:
            reply = json_value(body)
        except ValueError as error:
            raise self._nonsense(body, str(error)) from error
        if not isinstance(reply, dict):
            raise self._nonsense(body, "an object was expected")
        try:
            return response_of(cast("dict[str, Any]", reply), self.name, provider=self._provider)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._nonsense(body, "a field is of the wrong type") from error

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> ResponsesDecoder:
        """A decoder for one streamed reply."""
        return ResponsesDecoder(self.name, self._provider)

    def encode_count(self, request: Request) -> WireRequest:
        """What asks how many tokens the request's prompt has. Raises what `encode` does."""
        wire = self.encode(request)
        fields = {key: value for key, value in from_json(wire.body).items() if key in _COUNTED}
        return replace(wire, path="/responses/input_tokens", body=json_bytes(fields))

    def decode_count(self, body: bytes) -> int:
        """The count in a reply. Raises ProtocolError."""
        return count_in(body, "input_tokens", provider=self._provider)

    def _nonsense(self, body: bytes, problem: str) -> ProtocolError:
        shown = body[:200].decode("utf-8", "replace")
        return ProtocolError(f"the reply is no response object ({problem})", provider=self._provider, body=shown)

    def _fields(self, request: Request, extra: Mapping[str, Any], tools: _Tools, *, notes: set[str]) -> dict[str, Any]:
        """Everything but the input and the tools."""
        settings = request.settings
        is_stored = extra.get(
            "store", bool(extra.get("background"))
        )  # the service runs in background only what it stores
        fields: dict[str, Any] = {"model": request.model, "store": is_stored}
        if request.instructions:
            fields["instructions"] = request.instructions
        if request.is_streamed:
            fields["stream"] = True
        if not is_stored and _may_think(request):
            fields["include"] = [ENCRYPTED]
        fields |= _knobs(settings)
        if tier := known_tier(settings.service_tier, self._provider, notes=notes):
            fields["service_tier"] = tier
        text = self._text(request)
        if text:
            fields["text"] = text
        if tools.entries or extra.get("tools"):
            if settings.tool_choice is not None:
                fields["tool_choice"] = _tool_choice(settings.tool_choice, tools.names)
            if settings.parallel_tool_calls is not None:
                fields["parallel_tool_calls"] = settings.parallel_tool_calls
        for key, value in extra.items():
            if key in _MERGED and isinstance(value, Mapping):
                fields[key] = {**fields.get(key, {}), **value}
            elif key != "tools":
                fields[key] = value
        return fields

    def _input(self, request: Request, memo: Memo | None, tools: _Tools, *, reasoning: ReasoningKept) -> _Head:
        """The items of all messages; those that were sent before are taken from the memo."""
        messages = request.messages
        head = memo.kept.get(self.name) if memo is not None else None
        if not isinstance(head, _Head) or not head.begins(messages, tools.names, reasoning=reasoning):
            head = _Head((), tools.names, reasoning, (), frozenset(), frozenset())
        rest = messages[len(head.messages) :]
        if not rest:
            return head
        may_fail = request.settings.on_unsupported != "omit"
        writer = InputWriter(
            self.name, self._provider, names=tools.names, reasoning=reasoning, taken=head.taken, may_fail=may_fail
        )
        written = json_bytes(writer.items(rest))[1:-1]
        comma = b"," if head.pieces and written else b""
        pieces = (*head.pieces, comma + written) if written else head.pieces
        notes = head.notes | writer.notes
        head = _Head(messages, tools.names, reasoning, pieces, frozenset(writer.taken), notes)
        if memo is not None:
            memo.kept[self.name] = head
        return head

    def _tools_of(self, definitions: tuple[ToolDefinition, ...]) -> _Tools:
        known = self._tools.get(definitions)
        if known is None:
            known = _compiled(definitions)
            _make_room(self._tools)
            self._tools[definitions] = known
        return known

    def _text(self, request: Request) -> dict[str, Any]:
        text: dict[str, Any] = {}
        if request.output is not None:
            text["format"] = self._format(request.output)
        if request.settings.verbosity is not None:
            text["verbosity"] = request.settings.verbosity
        return text

    def _format(self, output: OutputFormat) -> dict[str, Any]:
        known = self._formats.get(id(output))
        if known is not None and known[0] is output:
            return known[1]
        compiled = compile_schema(output.schema, "openai", strict=output.strict)
        sent: dict[str, Any] = {
            "type": "json_schema",
            "name": map_names([output.name], "openai")[output.name],
            "schema": compiled.schema,
            "strict": compiled.is_strict,
        }
        if output.description:
            sent["description"] = output.description
        _make_room(self._formats)
        self._formats[id(output)] = (output, sent)
        return sent


def _reasoning_kept(model: str, *, is_stored: bool) -> ReasoningKept:
    if _NEVER_THINKS.search(model):
        return "none"
    return "all" if is_stored else "encrypted"


def _may_think(request: Request) -> bool:
    effort = request.settings.reasoning
    return thinks(request.model) if effort is None else effort != "none"


def _knobs(settings: Settings) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if settings.max_output_tokens is not None:
        fields["max_output_tokens"] = max(settings.max_output_tokens, _LEAST_OUTPUT_TOKENS)
    if settings.temperature is not None:
        fields["temperature"] = settings.temperature
    if settings.top_p is not None:
        fields["top_p"] = settings.top_p
    reasoning = {"effort": settings.reasoning, "summary": settings.reasoning_summary}
    if reasoning := {key: value for key, value in reasoning.items() if value is not None}:
        fields["reasoning"] = reasoning
    return fields


def _tool_choice(choice: str, names: Mapping[str, str]) -> str | dict[str, str]:
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "name": names.get(choice, choice)}


def _compiled(definitions: Sequence[ToolDefinition]) -> _Tools:
    names = map_names([definition.name for definition in definitions], "openai")
    entries: list[dict[str, Any]] = []
    for definition in definitions:
        compiled = compile_schema(definition.parameters, "openai", strict=definition.strict, tool=definition.name)
        entry: dict[str, Any] = {"type": "function", "name": names[definition.name]}
        if definition.description:
            entry["description"] = definition.description
        # Without an explicit boolean the service makes schemas strict by itself.
        entries.append({**entry, "parameters": compiled.schema, "strict": compiled.is_strict})
    back = {sent: name for name, sent in names.items() if sent != name}
    return _Tools(tuple(entries), json_bytes(entries)[1:-1], names, back)


def _with_extra(entries: Sequence[Mapping[str, Any]], extra: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Our tools and the extra ones; an extra one takes the place of ours with the same name."""
    named = {tool["name"]: tool for tool in extra if tool.get("type") == "function"}
    own = {entry["name"] for entry in entries}
    kept = [named.get(entry["name"], entry) for entry in entries]
    return [*kept, *(tool for tool in extra if tool.get("type") != "function" or tool["name"] not in own)]


def _make_room(kept: dict[Any, Any]) -> None:
    while len(kept) >= _MOST_KEPT:
        kept.pop(next(iter(kept)), None)
