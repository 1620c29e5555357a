"""Amazon Bedrock's Converse, client half: what is sent, and what comes back whole or streamed.

The model stands in the path, and so does whether to stream. Cache points are set by default where the model has them:
at the ends of tools, instructions and the conversation so far. `settings.extra["bedrock"]` is laid over the body,
objects within objects: guardrailConfig, performanceConfig, requestMetadata, additionalModelRequestFields and others go
that way; `tools` and `cache` in it are explained at converse_knobs.RESERVED.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote

from pydantic_core import from_json

from agentkit.codec import WireRequest
from agentkit.counting import count_in
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Memo, OutputFormat, Request, Response, ToolDefinition
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.messages import AssistantMessage, Message
from agentkit.providers.aws.converse_head import Head, head_of
from agentkit.providers.aws.converse_knobs import (
    RESERVED,
    Knobs,
    cache_mark,
    keeps_for_an_hour,
    laid_over,
    settings_fields,
    tool_choice,
)
from agentkit.providers.aws.converse_output import response_of
from agentkit.providers.aws.converse_stream import ConverseDecoder
from agentkit.providers.aws.converse_tools import (
    DECLARED_AGAIN,
    Output,
    Tools,
    compiled_output,
    compiled_tools,
    former_tools,
)
from agentkit.providers.aws.errors import decode_error
from agentkit.providers.aws.families import family_of, native_id

__all__ = ["ConverseCodec", "is_conversation"]

_MOST_KEPT = 64
_COUNTED = ("messages", "system", "toolConfig", "additionalModelRequestFields")
"""Fields that a count of tokens takes."""


def is_conversation(messages: Sequence[Message], *, has_tools: bool) -> bool:
    """Whether the messages are likely to be sent again with more behind them, so that caching them pays."""
    return has_tools or any(isinstance(message, AssistantMessage) for message in messages)


class ConverseCodec:
    """The client half of Converse.

    `model` is said of answers, since a reply does not name the model that gave it.
    """

    def __init__(self, provider: str = "bedrock", *, model: str = "") -> None:
        self.name = f"{provider}:converse"
        self._provider = provider
        self._model = model
        self._tools: dict[tuple[tuple[ToolDefinition, ...], bool], Tools] = {}
        self._outputs: dict[int, tuple[OutputFormat, Output]] = {}  # id(format) -> format, as sent

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for media, SchemaError, ConfigurationError for tool choices."""
        extra = (request.settings.extra or {}).get(self._provider, {})
        mark = cache_mark(extra, request.model)
        knobs = settings_fields(request, origin=self.name, provider=self._provider)
        tools = self._tools_of(request)
        knobs.notes += tools.notes
        if mark and extra.get("cache") == "1h" and not keeps_for_an_hour(request.model):
            knobs.notes.append(f"the cache is kept for 5 minutes: {request.model} keeps none for an hour")
        head = None
        if "messages" not in extra:
            head = self._head(request, memo or request.memo, tools.names)
            knobs.notes += sorted(head.notes)
        fields: dict[str, Any] = {}
        if config := _tool_config(
            request, knobs, tools, extra, has_calls=head is not None and head.has_calls, mark=mark
        ):
            fields["toolConfig"] = config
        if system := self._system(request, knobs, mark):
            fields["system"] = system
        fields |= knobs.fields
        fields = laid_over(fields, {key: value for key, value in extra.items() if key not in RESERVED})
        pieces = [json_bytes(fields)[:-1]]
        if head is not None:
            has_tools = bool(request.tools or extra.get("tools"))
            point = mark if mark and is_conversation(request.messages, has_tools=has_tools) else None
            before = b',"messages":[' if fields else b'"messages":['
            pieces += [before, *head.written(json_bytes(point) if point else b""), b"]"]
        body = b"".join([*pieces, b"}"])
        function = "converse-stream" if request.is_streamed else "converse"
        return WireRequest(_path(request.model, function), body, names=tools.back, notes=tuple(knobs.notes))

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises ProtocolError."""
        try:
            reply = json_value(body)
        except ValueError as error:
            raise self._nonsense(body, "it is not JSON") from error
        if not isinstance(reply, dict):
            raise self._nonsense(body, "an object was expected")
        try:
            return response_of(cast("dict[str, Any]", reply), self.name, provider=self._provider, model=self._model)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._nonsense(body, "a field is of the wrong type") from error

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> ConverseDecoder:
        """A decoder for one streamed reply."""
        return ConverseDecoder(self.name, self._provider, self._model)

    def encode_count(self, request: Request) -> WireRequest:
        """What asks how many tokens the request's prompt has. Raises what `encode` does.

        Ids of profiles are refused there: the model itself is asked.
        """
        wire = self.encode(request)
        body = from_json(wire.body)
        asked = {"input": {"converse": {key: body[key] for key in _COUNTED if key in body}}}
        model = native_id(request.model) or request.model
        return replace(wire, path=_path(model, "count-tokens"), body=json_bytes(asked))

    def decode_count(self, body: bytes) -> int:
        """The count in a reply. Raises ProtocolError."""
        return count_in(body, "inputTokens", provider=self._provider)

    def _nonsense(self, body: bytes, problem: str) -> ProtocolError:
        shown = body[:200].decode("utf-8", "replace")
        return ProtocolError(f"the reply is no answer of Converse ({problem})", provider=self._provider, body=shown)

    def _head(self, request: Request, memo: Memo | None, names: dict[str, str]) -> Head:
        """All messages as bytes; those that were sent before are taken from the memo."""
        kept = memo.kept.get(self.name) if memo is not None else None
        head = head_of(request, kept, names=names, origin=self.name)
        if memo is not None and not head.is_prefill:
            memo.kept[self.name] = head
        return head

    def _system(self, request: Request, knobs: Knobs, mark: dict[str, Any] | None) -> list[dict[str, Any]]:
        """The instructions, and behind their cache point what has to be said in words for want of a field."""
        blocks: list[dict[str, Any]] = []
        if request.instructions.strip():
            blocks.append({"text": request.instructions})
            if mark:
                blocks.append(mark)
        if request.output is not None and (asked := self._held_to(request.output, request.model, knobs)):
            blocks.append({"text": asked})
        if knobs.words:
            blocks.append({"text": knobs.words})
        return blocks

    def _held_to(self, output: OutputFormat, model: str, knobs: Knobs) -> str:
        """Hold the answer to a schema; where that cannot be, the words that ask for it."""
        compiled = self._output(output)
        schema = compiled.schema.decode("utf-8", "replace")
        reason = compiled.reason if family_of(model).is_held_to_schemas else f"{model} cannot be held to one"
        if reason:
            knobs.notes.append(f"the output schema is told in words: {reason}")
            return f"Answer with JSON alone that is valid against this schema: {schema}"
        described = {"description": output.description} if output.description else {}
        structure = {"jsonSchema": {"schema": schema, "name": output.name, **described}}
        held = {"textFormat": {"type": "json_schema", "structure": structure}}
        knobs.fields["outputConfig"] = {**held, **knobs.fields.get("outputConfig", {})}
        return ""

    def _tools_of(self, request: Request) -> Tools:
        is_strict = family_of(request.model).has_strict_tools
        key = (request.tools, is_strict)
        known = self._tools.get(key)
        if known is None:
            known = compiled_tools(request.tools, is_strict=is_strict, model=request.model)
            _make_room(self._tools)
            self._tools[key] = known
        return known

    def _output(self, output: OutputFormat) -> Output:
        known = self._outputs.get(id(output))
        if known is not None and known[0] is output:
            return known[1]
        compiled = compiled_output(output)
        _make_room(self._outputs)
        self._outputs[id(output)] = (output, compiled)
        return compiled


def _path(model: str, function: str) -> str:
    return f"/model/{quote(model, safe='')}/{function}"


def _tool_config(
    request: Request,
    knobs: Knobs,
    tools: Tools,
    extra: Mapping[str, Any],
    *,
    has_calls: bool,
    mark: dict[str, Any] | None,
) -> dict[str, Any]:
    """The toolConfig: it has to be there as soon as calls stand in the conversation."""
    family = family_of(request.model)
    choice = request.settings.tool_choice
    entries = [*tools.entries, *extra.get("tools", ())]
    if choice == "none" and not has_calls:
        return {}
    if not entries and has_calls:
        entries = former_tools(request.messages, tools.names)
        knobs.notes.append(DECLARED_AGAIN)
        choice = None
    if not entries:
        return {}
    if mark and "tools" in family.caches:
        entries.append(mark)
    config: dict[str, Any] = {"tools": entries}
    chosen = tool_choice(choice, knobs, tools.names, family=family, model=request.model)
    return {**config, "toolChoice": chosen} if chosen else config


def _make_room(kept: dict[Any, Any]) -> None:
    while len(kept) >= _MOST_KEPT:
        kept.pop(next(iter(kept)), None)
