"""The server half of Chat Completions: reads what clients send, writes what OpenAI would answer.

Imports of other people's histories, the simulator and served endpoints stand on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic_core import to_json

from agentkit.codec import HttpReply, WireRequest, readable
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import (
    Delta,
    OutputFormat,
    PartFinished,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolDefinition,
)
from agentkit.json_value import json_value
from agentkit.messages import Finish, Part, Text, Thinking, ToolCall
from agentkit.providers.openai.chat_answers import CHOICE_DETAILS, MESSAGE_DETAILS, REPLY_DETAILS
from agentkit.providers.openai.chat_history import leading_instructions, messages_from_chat, refuse
from agentkit.settings import Settings
from agentkit.usage import Usage

__all__ = ["ChatServer", "ChatStreamWriter", "messages_from_chat"]

_FINISHES: dict[Finish, str] = {
    "stop": "stop",
    "refusal": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}
_TOOL_KEYS = ("description", "parameters", "strict")
_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})


class ChatServer:
    """Is a Chat Completions server: `provider` says whose extra fields and opaque parts it reads and writes."""

    def __init__(self, provider: str = "openai") -> None:
        self.provider = provider
        self.name = f"{provider}:chat"

    def read(self, request: WireRequest) -> Request:
        """The Request that a client sent. Raises BadRequestError for what is no Chat Completions request."""
        try:
            value = json_value(request.body)
        except ValueError as error:
            refuse(f"the body is not JSON: {error}", provider=self.provider)
        if not isinstance(value, dict):
            refuse("the body is no JSON object", provider=self.provider)
        try:
            return readable(self._read(cast("dict[str, Any]", value)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            refuse(f"the request has an unexpected shape: {error}", provider=self.provider)

    def _read(self, body: dict[str, Any]) -> Request:
        model, messages = body.pop("model", None), body.pop("messages", None)
        if not isinstance(model, str) or not model:
            refuse("you must provide a model parameter", provider=self.provider, param="model")
        if not isinstance(messages, list) or not messages:
            refuse("messages has to be a list of at least one message", provider=self.provider, param="messages")
        instructions, rest = leading_instructions(cast("list[Any]", messages))
        tools = self._tools(body)
        output = _output(body)
        is_streamed = bool(body.pop("stream", False))
        if (options := body.pop("stream_options", None)) not in (None, {"include_usage": True}):
            body["stream_options"] = options
        return Request(
            model=model,
            messages=tuple(messages_from_chat(rest, provider=self.provider)),
            instructions=instructions,
            tools=tools,
            output=output,
            settings=self._settings(body),
            is_streamed=is_streamed,
        )

    def write(self, response: Response) -> HttpReply:
        """A whole reply."""
        message = response.message
        reply: dict[str, Any] = {
            "id": message.response_id,
            "object": "chat.completion",
            "created": 0,
            "model": message.model,
            "choices": [
                {
                    "index": 0,
                    "message": self._message(message.parts, response.details),
                    "logprobs": None,
                    "finish_reason": _finish_of(message.finish, response.finish_raw),
                    **_kept(response.details, CHOICE_DETAILS),
                }
            ],
            "usage": _usage_of(message.usage, response.details),
            **_kept(response.details, REPLY_DETAILS),
        }
        return HttpReply(200, to_json(reply))

    def stream_writer(self) -> ChatStreamWriter:
        """A writer of one streamed reply."""
        return ChatStreamWriter(self.name)

    def write_error(self, error: ExchangeError) -> HttpReply:
        """An error as OpenAI would report it."""
        status, type, code = next(row for kind, row in _ERRORS if isinstance(error, kind))
        body = {
            "message": error.message,
            "type": error.error_type or type,
            "param": error.param,
            "code": error.code or code,
        }
        headers = [("content-type", "application/json")]
        if error.retry_after_seconds is not None:
            headers.append(("retry-after", f"{error.retry_after_seconds:g}"))
        if error.request_id:
            headers.append(("x-request-id", error.request_id))
        shown = error.status if error.status is not None and error.status >= 400 else status
        return HttpReply(shown, to_json({"error": body}), tuple(headers))

    def _tools(self, body: dict[str, Any]) -> tuple[ToolDefinition, ...]:
        tools: list[ToolDefinition] = []
        wire_tools: list[Any] = body.pop("tools", None) or []
        older: list[Any] = body.pop("functions", None) or []
        for position, tool in enumerate([*wire_tools, *({"function": function} for function in older)]):
            match tool:
                case {"function": {"name": str() as name, **function}}:
                    empty: dict[str, Any] = {"type": "object", "properties": {}}
                    description, parameters, strict = (function.get(key) for key in _TOOL_KEYS)
                    tools.append(
                        ToolDefinition(
                            name,
                            cast("str", description or ""),
                            cast("dict[str, Any]", parameters or empty),
                            cast("bool | None", strict),
                        )
                    )
                case {"type": str() as kind} if kind != "function":
                    body["tools"] = wire_tools  # run by the provider: all go on as they are, as an extra field
                case _:
                    where = f"tools[{position}]"
                    refuse(f"{where} is no function with a name", provider=self.provider, param=where)
        return tuple(tools)

    def _settings(self, body: dict[str, Any]) -> Settings:
        """The settings of the fields that we know; the others go into `extra` as they are."""
        body = {name: value for name, value in body.items() if value is not None}
        if body.get("n") == 1:
            del body["n"]
        stop = body.pop("stop", None)
        effort = body.pop("reasoning_effort", None)
        if effort not in _EFFORTS and effort is not None:
            body["reasoning_effort"], effort = effort, None
        reasoning = body.get("reasoning")
        if isinstance(reasoning, dict) and reasoning.keys() == {"effort"} and reasoning["effort"] in _EFFORTS:
            effort = body.pop("reasoning")["effort"]
        older_limit, other_seed = body.pop("max_tokens", None), body.pop("random_seed", None)
        return Settings(
            max_output_tokens=body.pop("max_completion_tokens", older_limit),
            temperature=body.pop("temperature", None),
            top_p=body.pop("top_p", None),
            stop=None if not stop else (stop,) if isinstance(stop, str) else tuple(stop),
            seed=body.pop("seed", other_seed),
            reasoning=effort,
            verbosity=body.pop("verbosity", None),
            tool_choice=_choice(body),
            parallel_tool_calls=body.pop("parallel_tool_calls", None),
            service_tier=body.pop("service_tier", None),
            extra={self.provider: body} if body else None,
        )

    def _message(self, parts: tuple[Part, ...], details: Mapping[str, Any]) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        texts = [part for part in parts if isinstance(part, Text) and not part.is_refusal]
        thoughts = [part for part in parts if isinstance(part, Thinking)]
        calls = [part for part in parts if isinstance(part, ToolCall)]
        if any("signature" in _own(thought, self.name) for thought in thoughts):
            message["content"] = [_chunk(part, self.name) for part in parts if isinstance(part, Text | Thinking)]
        else:
            if texts:
                message["content"] = "".join(part.text for part in texts)
            if thoughts:
                message["reasoning_content"] = "".join(part.text for part in thoughts)
        message["refusal"] = "".join(part.text for part in parts if isinstance(part, Text) and part.is_refusal) or None
        for part in (*texts, *thoughts):
            message.update({key: value for key, value in _own(part, self.name).items() if key != "signature"})
        if calls:
            message["tool_calls"] = [_call(call, number, self.name) for number, call in enumerate(calls)]
        return {**message, **_kept(details, MESSAGE_DETAILS)}


class ChatStreamWriter:
    """Writes one streamed reply, one event a delta."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._started = ResponseStarted()
        self._seen: set[int] = set()  # indexes of parts that were begun
        self._calls: dict[int, int] = {}  # index of a part -> number of the call

    def write(self, deltas: Iterable[Delta]) -> bytes:
        """The bytes of these deltas; the end of the stream follows a ResponseFinished."""
        return b"".join(piece for delta in deltas for piece in self._write(delta))

    def _write(self, delta: Delta) -> list[bytes]:
        match delta:
            case ResponseStarted():
                self._started = delta
                return [self._event({"role": "assistant", "content": ""})]
            case TextDelta(text, index, is_refusal):
                self._seen.add(index)
                return [self._event({"refusal" if is_refusal else "content": text})]
            case ThinkingDelta(text, index):
                self._seen.add(index)
                return [self._event({"reasoning_content": text})]
            case ToolCallDelta(arguments, index, id, name):
                return [self._event({"tool_calls": [self._piece(arguments, index, id, name)]})]
            case PartFinished(part, index):
                return [self._event(piece) for piece in self._finished(part, index)]
            case ResponseFinished():
                return self._end(delta)
            case _:
                return []

    def _piece(self, arguments: str, index: int, id: str, name: str) -> dict[str, Any]:
        is_new = index not in self._calls
        number = self._calls.setdefault(index, len(self._calls))
        function = {**({"name": name} if name or is_new else {}), "arguments": arguments}
        if is_new or id:
            return {"index": number, "id": id or f"call_{number}", "type": "function", "function": function}
        return {"index": number, "function": function}

    def _finished(self, part: Part, index: int) -> list[dict[str, Any]]:
        """What of a finished part was not told by its deltas: all of it, or the provider's own data."""
        pieces: list[dict[str, Any]] = []
        match part:
            case Text(text, is_refusal):
                if text and index not in self._seen:
                    pieces.append({"refusal" if is_refusal else "content": text})
                pieces.append(_own(part, self._origin))
            case Thinking(text):
                own = _own(part, self._origin)
                if "signature" in own:
                    shown = "" if index in self._seen else text
                    chunk = {"type": "thinking", "thinking": [{"type": "text", "text": shown}], **own}
                    pieces.append({"content": [chunk]})
                else:
                    pieces += [{"reasoning_content": text} if text and index not in self._seen else {}, own]
            case ToolCall(id, name, arguments):
                if index not in self._calls:
                    pieces.append({"tool_calls": [self._piece(arguments, index, id, name)]})
                if own := _own(part, self._origin):
                    pieces.append({"tool_calls": [{"index": self._calls[index], **own}]})
            case _:
                pass
        return [piece for piece in pieces if piece]

    def _end(self, delta: ResponseFinished) -> list[bytes]:
        details = delta.details
        finish = _finish_of(delta.finish, delta.finish_raw)
        last = self._chunk({**_kept(details, MESSAGE_DETAILS)}, finish, _kept(details, CHOICE_DETAILS))
        usage: dict[str, Any] = {**self._chunk({}, None, {}), "choices": [], "usage": _usage_of(delta.usage, details)}
        kept = _kept(details, REPLY_DETAILS)
        return [_line(last | kept), _line(usage | kept), b"data: [DONE]\n\n"]

    def _event(self, piece: dict[str, Any]) -> bytes:
        return _line(self._chunk(piece, None, {}))

    def _chunk(self, piece: dict[str, Any], finish: str | None, more: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": self._started.response_id,
            "object": "chat.completion.chunk",
            "created": 0,
            "model": self._started.model,
            "choices": [{"index": 0, "delta": piece, "logprobs": None, "finish_reason": finish, **more}],
        }


_ERRORS: tuple[tuple[type[ExchangeError], tuple[int, str, str | None]], ...] = (
    (AuthenticationError, (401, "invalid_request_error", "invalid_api_key")),
    (PermissionDeniedError, (403, "invalid_request_error", None)),
    (ModelNotFoundError, (404, "invalid_request_error", "model_not_found")),
    (NotFoundError, (404, "invalid_request_error", None)),
    (ContextLengthError, (400, "invalid_request_error", "context_length_exceeded")),
    (BadRequestError, (400, "invalid_request_error", None)),
    (ContentFilteredError, (400, "invalid_request_error", "content_policy_violation")),
    (RateLimitError, (429, "requests", "rate_limit_exceeded")),
    (QuotaExceededError, (429, "insufficient_quota", "insufficient_quota")),
    (OverloadedError, (503, "server_error", None)),
    (DeadlineError, (504, "server_error", None)),
    (ServerError, (500, "server_error", None)),
    (ProtocolError, (400, "invalid_request_error", "tool_use_failed")),
    (ExchangeError, (500, "server_error", None)),
)
"""Status, type and code of each error, most special first."""


def _choice(body: dict[str, Any]) -> str | None:
    choice = body.pop("tool_choice", None) or body.pop("function_call", None)
    match choice:
        case None | "auto" | "none" | "required":
            return choice
        case "any":  # Mistral's word
            return "required"
        case {"type": "function", "function": {"name": str() as name}} | {"name": str() as name}:
            return name
        case _:
            body["tool_choice"] = choice
            return None


def _output(body: dict[str, Any]) -> OutputFormat | None:
    match body.get("response_format"):
        case {"type": "json_schema", "json_schema": {"name": str() as name, "schema": schema, **rest}}:
            del body["response_format"]
            description = str(rest.get("description") or "")
            return OutputFormat(
                name, cast("dict[str, Any]", schema), cast("bool | None", rest.get("strict")), description
            )
        case None | {"type": "text"}:
            body.pop("response_format", None)
        case _:
            pass  # json_object and newer kinds go into `extra`
    return None


def _finish_of(finish: Finish, raw: str) -> str:
    return raw or _FINISHES.get(finish, "stop")


def _usage_of(usage: Usage, details: Mapping[str, Any]) -> dict[str, Any]:
    cost = {"cost": details["cost_usd"]} if "cost_usd" in details else {}
    return {
        "prompt_tokens": usage.total_input,
        "completion_tokens": usage.total_output,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
        **cost,
    }


def _own(part: Text | Thinking | ToolCall, origin: str) -> dict[str, Any]:
    data = part.provider_data
    return data.value if data is not None and data.origin == origin else {}


def _chunk(part: Text | Thinking, origin: str) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "thinking", "thinking": [{"type": "text", "text": part.text}], **_own(part, origin)}


def _call(call: ToolCall, number: int, origin: str) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id or f"call_{number}", "type": "function", "function": function, **_own(call, origin)}


def _kept(details: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: details[name] for name in names if name in details}


def _line(event: Mapping[str, Any]) -> bytes:
    return b"data: " + to_json(event) + b"\n\n"
