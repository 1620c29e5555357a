"""Google's generateContent, client half: what is sent, and what comes back whole or streamed.

The model stands in the path, and so does whether to stream. `settings.extra["google"]` is laid over the body, objects
within objects; its `tools` are added to the agent's own, which is how tools that Google runs itself are asked for:
{"google": {"tools": [{"googleSearch": {}}]}}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import quote

from pydantic_core import PydanticSerializationError, from_json, to_json

from agentkit.assemble import assemble
from agentkit.codec import WireRequest
from agentkit.counting import count_in
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Delta, Memo, OutputFormat, Request, Response, ToolDefinition
from agentkit.json_value import json_value
from agentkit.messages import AssistantMessage, Message, Opaque
from agentkit.providers.google.answers import CONTINUATION, AnswerReader, objects
from agentkit.providers.google.contents import ContentWriter
from agentkit.providers.google.errors import decode_error
from agentkit.providers.google.families import generation
from agentkit.providers.google.knobs import function_calling, generation_config, laid_over
from agentkit.providers.google.service_rules import ServiceRules
from agentkit.providers.google.streams import GenerateContentDecoder
from agentkit.schema.dialects import compile_schema
from agentkit.schema.names import map_names
from agentkit.switching import known_tier

__all__ = ["GenerateContentCodec"]

_MOST_KEPT = 64
_NOTHING_SAID = b'{"role":"user","parts":[{"text":"(no text)"}]}'
"""Stands where there are instructions alone: the API demands something that a user said."""
_CACHED = ("systemInstruction", "tools", "toolConfig")
"""What lies in a cachedContent, and may not be sent beside it."""
_COUNTED = ("contents", "systemInstruction", "tools", "generationConfig")
"""What a service counts that takes the fields of a request bare."""
_JSON = ("content-type", "application/json")


@dataclass(frozen=True, slots=True)
class _Tools:
    """The functions of a request as they are sent."""

    body: bytes
    """The declarations as JSON, without the brackets."""
    names: dict[str, str]
    """Our name -> the name on the wire."""
    back: dict[str, str]
    """The name on the wire -> ours, where they differ."""
    is_strict: bool


@dataclass(frozen=True, slots=True)
class _Head:
    """Messages that were sent before, as bytes."""

    messages: tuple[Message, ...]
    model: str
    names: dict[str, str]
    pieces: tuple[bytes, ...]
    """Their contents, without the brackets; the end of the last is missing where the next message may be joined."""
    open_role: str
    """Whose the last content is, when its parts are not closed; empty when they are."""
    notes: frozenset[str]

    def begins(self, request: Request, names: dict[str, str]) -> bool:
        """Whether the request begins with the kept messages, and they would be written the same."""
        messages = request.messages
        return (
            self.model == request.model
            and (self.names is names or self.names == names)
            and len(messages) >= len(self.messages)
            # Compared by identity first: 5 us for 1,000 messages that are the same objects.
            and messages[: len(self.messages)] == self.messages
        )

    @property
    def body(self) -> list[bytes]:
        """The contents, closed."""
        return [*self.pieces, b"]}"] if self.open_role else list(self.pieces)


class GenerateContentCodec:
    """The client half of generateContent, for the Gemini API and for others that serve it."""

    def __init__(self, provider: str = "google", *, rules: ServiceRules = ServiceRules()) -> None:  # noqa: B008 - immutable
        self.name = f"{provider}:generate_content"
        self._provider = provider
        self._rules = rules
        self._tools: dict[tuple[ToolDefinition, ...], _Tools] = {}
        self._formats: dict[int, tuple[OutputFormat, dict[str, Any]]] = {}  # id(format) -> format, its schema

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for files of other providers, ConfigurationError."""
        extra = (request.settings.extra or {}).get(self._provider, {})
        notes: list[str] = []
        tools = self._tools_of(request.tools)
        is_cached = bool(extra.get("cachedContent"))
        instructions, rest = self._rest(request, extra, tools, notes)
        pieces: list[bytes] = []
        if "systemInstruction" not in extra and instructions and not is_cached:
            pieces.append(b'"systemInstruction":' + _to_bytes({"parts": [{"text": instructions}]}))
        if not is_cached and (offered := _tool_entries(tools, extra.get("tools"))):
            pieces.append(b'"tools":[' + offered + b"]")
        if is_cached:
            notes.append("left out instructions and tools: they lie in the cachedContent")
        if "contents" not in extra:
            head = self._contents(request, memo or request.memo, tools.names)
            pieces.append(b'"contents":[' + (b"".join(head.body) or _NOTHING_SAID) + b"]")
            notes += sorted(head.notes)
        if rest:
            pieces.append(_to_bytes(rest)[1:-1])
        body = b"".join([b"{", b",".join(pieces), b"}"])
        function = "streamGenerateContent?alt=sse" if request.is_streamed else "generateContent"
        path, headers = self._path(request.model, function), (_JSON, *self._tier(request))
        return WireRequest(path, body, names=tools.back, headers=headers, notes=tuple(notes))

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises the error that the body reports, or ProtocolError."""
        try:
            value = json_value(body)
        except ValueError as error:
            if body.lstrip().startswith((b"data:", b":")):  # a stream, although none was asked for
                decoder = self.decoder()
                return assemble([*decoder.feed(body), *decoder.finish()])
            raise self._nonsense(body, "it is not JSON") from error
        reader = AnswerReader(self.name, self._provider)
        deltas: list[Delta] = []
        replies = cast("list[Any]", value) if isinstance(value, list) else [value]
        try:
            for reply in replies:
                reader.read(reply, deltas)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise self._nonsense(body, "a field is of the wrong type") from error
        if not reader.is_begun:
            raise self._nonsense(body, "it holds no candidates")
        return assemble([*deltas, *reader.finish()])

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> GenerateContentDecoder:
        """A decoder for one streamed reply."""
        return GenerateContentDecoder(self.name, self._provider)

    def encode_count(self, request: Request) -> WireRequest:
        """What asks how many tokens the request's prompt has. Raises what `encode` does."""
        wire = self.encode(request)
        path = self._path(request.model, "countTokens")
        if not self._rules.wraps_counts:
            fields = from_json(wire.body)
            return replace(wire, path=path, body=_to_bytes({name: fields[name] for name in _COUNTED if name in fields}))
        # The endpoint takes bare contents too, and then counts neither instructions nor tools.
        model = b'{"model":' + _to_bytes(self._named(request.model)) + b","
        return replace(wire, path=path, body=b'{"generateContentRequest":' + model + wire.body[1:] + b"}")

    def decode_count(self, body: bytes) -> int:
        """The count in a reply. Raises ProtocolError."""
        return count_in(body, "totalTokens", provider=self._provider)

    def _named(self, model: str) -> str:
        return model if "/" in model else self._rules.models + model

    def _path(self, model: str, function: str) -> str:
        return f"/{quote(self._named(model), safe='/-._~@')}:{function}"

    def _tier(self, request: Request) -> list[tuple[str, str]]:
        """The header that asks for a tier of service, where that is none of the body's fields."""
        tier = known_tier(request.settings.service_tier, self._provider, notes=set())
        if not self._rules.tier_header or not tier or tier == "standard":
            return []
        return [(self._rules.tier_header, tier)]

    def _nonsense(self, body: bytes, problem: str) -> ProtocolError:
        shown = body[:200].decode("utf-8", "replace")
        return ProtocolError(
            f"the reply is no answer of generateContent ({problem}); does base_url point to a server that speaks it?",
            provider=self._provider,
            status=200,
            body=shown,
        )

    def _rest(
        self, request: Request, extra: Mapping[str, Any], tools: _Tools, notes: list[str]
    ) -> tuple[str, dict[str, Any]]:
        """The instructions, and every field that stands behind the contents: these differ from step to step."""
        instructions = request.instructions
        config = generation_config(request, notes)
        if request.output is not None:
            if request.tools and generation(request.model) < (3, 0):
                # Older models refuse to be held to a schema while there are functions.
                asked = _ask_for(request.output)
                instructions = f"{instructions}\n\n{asked}" if instructions else asked
            else:
                config |= {
                    "responseMimeType": "application/json",
                    "responseJsonSchema": self._schema_of(request.output),
                }
        fields: dict[str, Any] = {}
        if tool_config := _tool_config(request, extra, tools, has_flag=self._rules.flags_server_tools):
            fields["toolConfig"] = tool_config
        if config:
            fields["generationConfig"] = config
        told = set[str]()
        tier = known_tier(request.settings.service_tier, self._provider, notes=told)
        if tier and not self._rules.tier_header:
            fields["serviceTier"] = tier
        notes += told
        if token := _continuation(request.messages, self.name):
            fields[CONTINUATION] = token
        fields = laid_over(fields, {key: value for key, value in extra.items() if key != "tools"})
        if extra.get("cachedContent"):
            fields = {key: value for key, value in fields.items() if key not in _CACHED}
        return instructions, fields

    def _contents(self, request: Request, memo: Memo | None, names: dict[str, str]) -> _Head:
        """The contents of all messages; those that were sent before are taken from the memo."""
        head = memo.kept.get(self.name) if memo is not None else None
        if not isinstance(head, _Head) or not head.begins(request, names):
            head = _Head((), request.model, names, (), "", frozenset())
        rest = request.messages[len(head.messages) :]
        if not rest:
            return head
        may_fail = request.settings.on_unsupported != "omit"
        writer = ContentWriter(self.name, model=request.model, names=names, may_fail=may_fail)
        contents = writer.contents(rest)
        if not contents:
            return head
        written = _to_bytes(contents)[1:-1]
        role = contents[0]["role"]
        if head.open_role == role:
            written = b"," + written.removeprefix(b'{"role":"' + role.encode() + b'","parts":[')
        elif head.pieces:
            written = (b"]}," if head.open_role else b",") + written
        elif role == "model" and any("functionCall" in part for part in contents[0]["parts"]):
            written = _NOTHING_SAID + b"," + written  # calls have to follow something that a user said
        if writer.open_role:
            written = written.removesuffix(b"]}")
        pieces = (*head.pieces, written)
        kept = _Head(request.messages, request.model, names, pieces, writer.open_role, head.notes | writer.notes)
        if memo is not None:
            memo.kept[self.name] = kept
        return kept

    def _tools_of(self, definitions: tuple[ToolDefinition, ...]) -> _Tools:
        known = self._tools.get(definitions)
        if known is None:
            known = _compiled(definitions)
            _make_room(self._tools)
            self._tools[definitions] = known
        return known

    def _schema_of(self, output: OutputFormat) -> dict[str, Any]:
        known = self._formats.get(id(output))
        if known is not None and known[0] is output:
            return known[1]
        schema = compile_schema(output.schema, "gemini", strict=None).schema
        if output.description and "description" not in schema:
            schema = {"description": output.description, **schema}
        _make_room(self._formats)
        self._formats[id(output)] = (output, schema)
        return schema


def _compiled(definitions: Sequence[ToolDefinition]) -> _Tools:
    names = map_names([definition.name for definition in definitions], "gemini")
    entries: list[dict[str, Any]] = []
    for definition in definitions:
        compiled = compile_schema(definition.parameters, "gemini", strict=None, tool=definition.name)
        entry: dict[str, Any] = {"name": names[definition.name]}
        if definition.description:
            entry["description"] = definition.description
        entries.append({**entry, "parametersJsonSchema": compiled.schema})
    back = {sent: name for name, sent in names.items() if sent != name}
    is_strict = any(definition.strict for definition in definitions)
    return _Tools(_to_bytes(entries)[1:-1], names, back, is_strict)


def _tool_entries(tools: _Tools, extra: Any) -> bytes:
    entries: list[bytes] = []
    if tools.names:
        entries.append(b'{"functionDeclarations":[' + tools.body + b"]}")
    if extra:
        entries.append(_to_bytes(list(extra))[1:-1])
    return b",".join(entries)


def _tool_config(request: Request, extra: Mapping[str, Any], tools: _Tools, *, has_flag: bool) -> dict[str, Any]:
    if not tools.names:
        return {}
    config: dict[str, Any] = {}
    calling = function_calling(request.settings.tool_choice, tools.names, is_strict=tools.is_strict)
    if calling:
        config["functionCallingConfig"] = calling
    if has_flag and objects(extra.get("tools")) and generation(request.model) >= (3, 0):
        # Functions beside tools that Google runs itself are refused without it.
        config["includeServerSideToolInvocations"] = True
    return config


def _continuation(messages: Sequence[Message], origin: str) -> str | None:
    """The token of an answer that was paused, when that is what the conversation ends with."""
    last = messages[-1] if messages else None
    if not isinstance(last, AssistantMessage):
        return None
    own = (part.provider_data for part in last.parts if isinstance(part, Opaque))
    tokens = (data.value[CONTINUATION] for data in own if data.origin == origin and CONTINUATION in data.value)
    return next(tokens, None)


def _ask_for(output: OutputFormat) -> str:
    about = f" ({output.description})" if output.description else ""
    schema = to_json(output.schema).decode()
    return f"Answer with one JSON object and nothing else{about}. It has to fit this JSON Schema:\n{schema}"


def _make_room(kept: dict[Any, Any]) -> None:
    while len(kept) >= _MOST_KEPT:
        kept.pop(next(iter(kept)), None)


def _to_bytes(value: object) -> bytes:
    try:
        return to_json(value, inf_nan_mode="strings")
    except PydanticSerializationError:
        # Half of a surrogate pair cannot be sent as UTF-8; a tool's odd text must not end a run.
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
