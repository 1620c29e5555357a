"""Anthropic's Messages API, client half: what is sent, and what comes back whole or streamed.

Cache marks are set by default at the ends of the stable prefixes: the tools, the instructions, and, by the mark of the
whole request, the conversation so far; the service passes over marks on prefixes that are too short. That last mark
stands outside the messages, so that their bytes do not change; only a turn longer than the service looks back gets one
before it. `settings.extra["anthropic"]` wins over every field; its
`tools` are added to the agent's own, which is how tools that the provider runs itself are asked for; `cache`, `betas`
and `version` in it are explained at messages_knobs.RESERVED.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pydantic_core import from_json, to_json

from agentkit.codec import WireRequest
from agentkit.counting import count_in
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.exchange import Memo, OutputFormat, Request, Response, ToolDefinition
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.messages import AssistantMessage, Message, Opaque, Thinking
from agentkit.providers.anthropic.errors import decode_error
from agentkit.providers.anthropic.hosting import Hosting
from agentkit.providers.anthropic.messages_head import Head, Piece, head_of
from agentkit.providers.anthropic.messages_input import own_value, thought_block
from agentkit.providers.anthropic.messages_knobs import Knobs, cache_mark, can_hold_schema, knobs_of, tool_choice
from agentkit.providers.anthropic.messages_output import response_of
from agentkit.providers.anthropic.messages_stream import MessagesDecoder
from agentkit.providers.anthropic.messages_tools import Tools, compile_output, compile_tools, sizes_of, with_extra
from agentkit.schema.dialects import Compiled

__all__ = ["DEFAULT_MAX_TOKENS", "FILES_BETA", "OLDER_VERSION", "VERSION", "MessagesCodec", "is_conversation"]

VERSION = "2026-10-21"
OLDER_VERSION = "2023-06-01"
"""Sent with temperature, top_p and top_k: newer versions know them no more, older models still obey them."""

DEFAULT_MAX_TOKENS = 16_384
"""The bound of an answer where none is given: the API demands one."""

FILES_BETA = "files-api-2025-04-14"
_MOST_KEPT = 64
_NOT_COUNTED = frozenset(
    {
        "container",
        "diagnostics",
        "inference_geo",
        "max_tokens",
        "metadata",
        "service_tier",
        "stop_sequences",
        "stream",
        "temperature",
        "top_k",
        "top_p",
    }
)
"""Fields that count_tokens refuses; none of them changes a prompt."""


def is_conversation(messages: Sequence[Message], *, has_tools: bool) -> bool:
    """Whether the messages are likely to be sent again with more behind them, so that caching them pays."""
    return has_tools or any(isinstance(message, AssistantMessage) for message in messages)


class MessagesCodec:
    """The client half of the Messages format."""

    def __init__(
        self,
        provider: str = "anthropic",
        *,
        default_max_tokens: int = DEFAULT_MAX_TOKENS,
        version: str = VERSION,
        betas: Sequence[str] = (),
        hosting: Hosting | None = None,
    ) -> None:
        self.name = f"{provider}:messages"
        self._provider = provider
        self._default_max_tokens = default_max_tokens
        self._version = version
        self._betas = tuple(betas)
        self._hosting = hosting
        self._tools: dict[tuple[tuple[ToolDefinition, ...], tuple[int, ...], bool], Tools] = {}
        self._formats: dict[int, tuple[OutputFormat, Compiled]] = {}  # id(format) -> format, as sent

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for media, SchemaError for impossible strict schemas."""
        extra = (request.settings.extra or {}).get(self._provider, {})
        mark = cache_mark(extra)
        output = self._format(request.output) if request.output is not None else None
        told = None  # a schema that the model cannot be held to
        if output is not None and not (output.is_strict and can_hold_schema(request.model)):
            told, output = output, None
        tools = self._tools_of(request, output)
        knobs = knobs_of(request.settings, extra, model=request.model, default_max_tokens=self._default_max_tokens)
        knobs.notes += tools.notes
        _keep_loop_going(knobs, request, self.name)
        fields = _fields(request, knobs, tools, has_tools=bool(tools.entries or extra.get("tools")), mark=mark)
        if output is not None:
            held = {"format": {"type": "json_schema", "schema": output.schema}}
            fields["output_config"] = {**held, **fields.get("output_config", {})}
        if "system" not in extra and (system := _system(request, knobs, told, mark)):
            fields["system"] = system
        head, said = None, list[Piece]()
        if "messages" not in extra:
            head = self._head(request, memo or request.memo, tools.names)
            knobs.notes += sorted(head.notes)
            said = [b',"messages":[', *head.written(to_json(mark) if mark else b""), b"]"]
        path, headers = "/v1/messages", self._headers(knobs, extra, needs_files=head is not None and head.needs_files)
        if self._hosting is not None:
            path = self._hosting.path_of(request.model, is_streamed=request.is_streamed)
            fields, headers = _as_hosted(self._hosting, fields, headers, version=extra.get("version"))
        body = b"".join([json_bytes(fields)[:-1], *_tool_pieces(tools, extra, mark), *said, b"}"])
        return WireRequest(path, body, names=tools.back, headers=headers, notes=tuple(knobs.notes))

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises the error that the body reports, or ProtocolError."""
        try:
            reply = json_value(body)
        except ValueError as error:
            raise self._nonsense(body, str(error)) from error
        if not isinstance(reply, dict):
            raise self._nonsense(body, "an object was expected")
        try:
            return response_of(cast("dict[str, Any]", reply), self.name, provider=self._provider)
        except (KeyError, TypeError, AttributeError) as error:
            raise self._nonsense(body, "a field is of the wrong type") from error

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> MessagesDecoder:
        """A decoder for one streamed reply."""
        return MessagesDecoder(self.name, self._provider)

    def encode_count(self, request: Request) -> WireRequest:
        """What asks how many tokens the request's prompt has. Raises what `encode` does."""
        wire = self.encode(request)
        fields = {key: value for key, value in from_json(wire.body).items() if key not in _NOT_COUNTED}
        path = "/v1/messages/count_tokens"
        if self._hosting is not None:
            if not self._hosting.count_path:
                raise UnsupportedError(f"{self._provider} does not count the tokens of a prompt")
            path, fields = self._hosting.count_path, {"model": request.model, **fields}
        return replace(wire, path=path, body=json_bytes(fields))

    def decode_count(self, body: bytes) -> int:
        """The count in a reply. Raises ProtocolError."""
        return count_in(body, "input_tokens", provider=self._provider)

    def _nonsense(self, body: bytes, problem: str) -> ProtocolError:
        shown = body[:200].decode("utf-8", "replace")
        return ProtocolError(f"the reply is no message ({problem})", provider=self._provider, body=shown)

    def _headers(self, knobs: Knobs, extra: Mapping[str, Any], *, needs_files: bool) -> tuple[tuple[str, str], ...]:
        version = extra.get("version") or (OLDER_VERSION if knobs.is_sampling else self._version)
        betas = [*self._betas, *extra.get("betas", ()), *([FILES_BETA] if needs_files else [])]
        headers = (("content-type", "application/json"), ("anthropic-version", version))
        return (*headers, ("anthropic-beta", ",".join(dict.fromkeys(betas)))) if betas else headers

    def _head(self, request: Request, memo: Memo | None, names: dict[str, str]) -> Head:
        """All messages as bytes; those that were sent before are taken from the memo."""
        kept = memo.kept.get(self.name) if memo is not None else None
        head = head_of(request, kept, names=names, origin=self.name, provider=self._provider)
        if memo is not None and not head.is_prefill:
            memo.kept[self.name] = head
        return head

    def _tools_of(self, request: Request, output: Compiled | None) -> Tools:
        taken = sizes_of(output.schema) if output is not None else (0, 0)
        is_loose = not can_hold_schema(request.model)
        key = (request.tools, taken, is_loose)
        known = self._tools.get(key)
        if known is None:
            known = compile_tools(request.tools, taken=taken, is_loose=is_loose)
            _make_room(self._tools)
            self._tools[key] = known
        return known

    def _format(self, output: OutputFormat) -> Compiled:
        known = self._formats.get(id(output))
        if known is not None and known[0] is output:
            return known[1]
        compiled = compile_output(output)
        _make_room(self._formats)
        self._formats[id(output)] = (output, compiled)
        return compiled


def _fields(
    request: Request, knobs: Knobs, tools: Tools, *, has_tools: bool, mark: dict[str, str] | None
) -> dict[str, Any]:
    """Everything but the output schema, the system prompt, the tools and the messages."""
    fields: dict[str, Any] = {"model": request.model, **knobs.fields}
    if request.is_streamed:
        fields["stream"] = True
    if has_tools and "tool_choice" not in fields:
        choice = tool_choice(request.settings, knobs, tools.names, model=request.model)
        if choice is not None:
            fields["tool_choice"] = choice
    if mark and is_conversation(request.messages, has_tools=has_tools):
        fields.setdefault("cache_control", mark)
    return fields


def _as_hosted(
    hosting: Hosting, fields: dict[str, Any], headers: tuple[tuple[str, str], ...], *, version: str | None
) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """The fields and headers where the path names the model and the body the version."""
    left_out = {"model"} if hosting.has_stream else {"model", "stream"}
    fields = {"anthropic_version": version or hosting.version} | {
        name: value for name, value in fields.items() if name not in left_out
    }
    betas = dict(headers).get("anthropic-beta")
    if betas and not hosting.has_beta_header:
        fields["anthropic_beta"] = betas.split(",")
    hidden = {"anthropic-version"} if hosting.has_beta_header else {"anthropic-version", "anthropic-beta"}
    return fields, tuple(header for header in headers if header[0] not in hidden)


def _system(
    request: Request, knobs: Knobs, output: Compiled | None, mark: dict[str, str] | None
) -> list[dict[str, Any]]:
    """The instructions, and behind their cache mark what has to be said in words for want of a field.

    `output` is a schema that the model cannot be held to.
    """
    blocks: list[dict[str, Any]] = []
    if request.instructions.strip():
        block = {"type": "text", "text": request.instructions}
        blocks.append({**block, "cache_control": mark} if mark else block)
    if output is not None:
        reason = output.report.fallback or f"{request.model} cannot be held to one"
        knobs.notes.append(f"the output schema is told in words: {reason}")
        schema = json_bytes(output.schema).decode("utf-8", "replace")
        blocks.append({"type": "text", "text": f"Answer with JSON alone that is valid against this schema: {schema}"})
    if choice := knobs.choice_in_words:
        called = "one of the tools" if choice == "required" else f"the tool {choice}"
        blocks.append({"type": "text", "text": f"Call {called} in this answer."})
    return blocks


def _tool_pieces(tools: Tools, extra: Mapping[str, Any], mark: dict[str, str] | None) -> list[bytes]:
    if "tools" in extra:
        return [b',"tools":', json_bytes(with_extra(tools.entries, extra["tools"]))]
    return [b',"tools":[', tools.marked(to_json(mark) if mark else b""), b"]"] if tools.entries else []


def _keep_loop_going(knobs: Knobs, request: Request, origin: str) -> None:
    """Turn a budget of thinking off while a turn goes on whose calls were made without thinking.

    With a budget, the turn that tool results answer has to begin with a thought; another provider's has none to show.
    """
    match knobs.fields.get("thinking"):
        case {"type": "enabled"}:
            pass
        case _:
            return
    answers = (message for message in reversed(request.messages) if isinstance(message, AssistantMessage))
    last = next(answers, None)
    if last is None or not last.calls:
        return
    first = last.parts[0]
    is_thought = (isinstance(first, Thinking) and thought_block(first, origin) is not None) or (
        isinstance(first, Opaque) and own_value(first.provider_data, origin).get("type") == "redacted_thinking"
    )
    if not is_thought:
        knobs.fields["thinking"] = {"type": "disabled"}
        knobs.notes.append("thinking is off for this step: it goes on a turn that was begun without")


def _make_room(kept: dict[Any, Any]) -> None:
    while len(kept) >= _MOST_KEPT:
        kept.pop(next(iter(kept)), None)
