"""Anthropic's Messages API, server half: what a client sent, and the answers it is given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote

from pydantic_core import to_json

from agentkit.codec import HttpReply, WireRequest, readable
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilteredError,
    DeadlineError,
    ExchangeError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import OutputFormat, Request, Response, ToolDefinition
from agentkit.json_value import json_value
from agentkit.messages import Message
from agentkit.providers.anthropic.messages import (
    DEFAULT_MAX_TOKENS,
    FILES_BETA,
    OLDER_VERSION,
    VERSION,
    is_conversation,
)
from agentkit.providers.anthropic.messages_history import HistoryReader, refusal
from agentkit.providers.anthropic.messages_knobs import BUDGETS, SAMPLING, knobs_of
from agentkit.providers.anthropic.messages_output import objects
from agentkit.providers.anthropic.messages_reply import MessagesWriter, error_body, message_object
from agentkit.settings import ReasoningEffort, Settings

__all__ = ["MessagesServer", "messages_from_anthropic"]

_READ = frozenset({
    "model", "max_tokens", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "output_format",
    "stop_sequences", "stream", "temperature", "top_p", "service_tier", "cache_control",
})  # fmt: skip
_HOSTED = re.compile(r"/models/(?P<model>[^/:]+):(?:stream)?rawpredict", re.IGNORECASE)
"""Where the path names the model, as on Vertex AI."""
_TOOL_KEYS = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}

Json = Mapping[str, Any]


def messages_from_anthropic(messages: Iterable[Json], *, provider: str = "anthropic") -> list[Message]:
    """The messages of a list as clients of the Messages API keep it: each call together with its result.

    A call without a result is Lost. System messages stay in place. Raises BadRequestError for a result whose call is
    not there, and for messages that are none.
    """
    return HistoryReader(provider, is_strict=False).read(messages)


class MessagesServer:
    """The server half of the Messages format.

    `default_max_tokens` is the bound that the client half sends where nothing was said: it is read as nothing said.
    """

    def __init__(self, provider: str = "anthropic", *, default_max_tokens: int = DEFAULT_MAX_TOKENS) -> None:
        self.name = f"{provider}:messages"
        self._provider = provider
        self._default_max_tokens = default_max_tokens

    def read(self, request: WireRequest) -> Request:
        """The Request that a client sent. Raises BadRequestError for what the service would refuse."""
        body = _body(request.body)
        try:
            return readable(self._read(request, body))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise refusal(f"The request has an unexpected shape: {error}") from error

    def _read(self, request: WireRequest, body: dict[str, Any]) -> Request:
        hosted = _HOSTED.search(request.path)
        model, limit = unquote(hosted["model"]) if hosted else body.get("model"), body.get("max_tokens")
        if not isinstance(model, str) or not model:
            raise refusal("model: Field required")
        if not isinstance(limit, int):
            raise refusal("max_tokens: Field required")
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            raise refusal("messages: at least one message is required")
        messages = HistoryReader(self._provider, is_strict=True).read(body["messages"])
        tools, more_tools = _tools(body.get("tools") or [])
        extra = {key: value for key, value in body.items() if key not in _READ and value is not None}
        if hosted:
            extra.pop("anthropic_version", None)
        if more_tools:
            extra["tools"] = more_tools
        instructions = _instructions(body.get("system"))
        output = _output(body)
        settings = self._settings(body, extra, model)
        has_tools = bool(tools or more_tools)
        extra |= _caching(body, is_stable=is_conversation(messages, has_tools=has_tools), has_prefix=bool(instructions))
        extra |= _versions(request, body)
        if extra:
            settings = replace(settings, extra={self._provider: extra})
        return Request(model, tuple(messages), instructions, tools, output, settings, bool(body.get("stream")))

    def write(self, response: Response) -> HttpReply:
        """A whole reply."""
        return HttpReply(200, to_json(message_object(response, self.name)))

    def stream_writer(self) -> MessagesWriter:
        """A writer of one streamed reply."""
        return MessagesWriter(self.name)

    def write_error(self, error: ExchangeError) -> HttpReply:
        """An error as the service would report it."""
        status, error_type = next(row for kind, row in _ERRORS if isinstance(error, kind))
        headers = [("content-type", "application/json")]
        if error.retry_after_seconds is not None:
            headers.append(("retry-after", f"{error.retry_after_seconds:g}"))
        if error.request_id:
            headers.append(("request-id", error.request_id))
        shown = error.status if error.status is not None and error.status >= 400 else status
        return HttpReply(shown, to_json(error_body(error, error_type)), tuple(headers))

    def _settings(self, body: Json, extra: dict[str, Any], model: str) -> Settings:
        """The settings; what has no place among them goes to `extra`."""
        stop = body.get("stop_sequences")
        choice, is_serial = _choice(body.get("tool_choice"))
        settings = Settings(
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
            stop=tuple(stop) if stop else None,
            tool_choice=choice,
            parallel_tool_calls=False if is_serial else None,
            service_tier=body.get("service_tier"),
        )
        config = {key: value for key, value in _object(body.get("output_config")).items() if value is not None}
        config.pop("format", None)
        asked = {"thinking": body.get("thinking"), "effort": config.get("effort"), "max_tokens": body["max_tokens"]}
        for candidate in _thoughts(settings, body, config):
            sent = knobs_of(candidate, {}, model=model, default_max_tokens=self._default_max_tokens).fields
            effort = _object(sent.get("output_config")).get("effort")
            if asked == {"thinking": sent.get("thinking"), "effort": effort, "max_tokens": sent["max_tokens"]}:
                config.pop("effort", None)
                break
        else:
            candidate = replace(settings, max_output_tokens=body["max_tokens"])
            if asked["thinking"] is not None:
                extra["thinking"] = asked["thinking"]
        if config:
            extra["output_config"] = config
        return candidate


def _thoughts(settings: Settings, body: Json, config: Json) -> Iterable[Settings]:
    """The settings that might have been written as this body: one of them is, or the body is not of our making."""
    thinking = _object(body.get("thinking"))
    efforts: list[ReasoningEffort | None] = [None]
    if thinking.get("type") == "disabled":
        efforts = ["none"]
    elif "budget_tokens" in thinking:
        efforts = [cast("ReasoningEffort", effort) for effort in BUDGETS]
    elif effort := config.get("effort"):
        efforts = [effort]
    summary = "auto" if thinking.get("display") == "summarized" else None
    for limit in (None, body["max_tokens"]):
        for effort in efforts:
            yield replace(settings, max_output_tokens=limit, reasoning=effort, reasoning_summary=summary)


def _body(data: bytes) -> dict[str, Any]:
    try:
        body = json_value(data)
    except ValueError as error:
        raise refusal(f"The request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise refusal("The request body is not a JSON object.")
    return cast("dict[str, Any]", body)


def _instructions(system: object) -> str:
    if isinstance(system, str):
        return system
    return "\n\n".join(str(block.get("text") or "") for block in objects(system) if block.get("text"))


def _tools(entries: Sequence[Json]) -> tuple[tuple[ToolDefinition, ...], list[Json]]:
    """Functions as definitions; the other tools, and functions with more fields than ours, as they came."""
    definitions: list[ToolDefinition] = []
    widened: list[Json] = []
    others: list[Json] = []
    for position, entry in enumerate(entries):
        kept = {key: value for key, value in entry.items() if key != "cache_control" and value is not None}
        if "input_schema" not in entry or entry.get("type", "custom") not in (None, "custom"):
            if "type" not in entry:
                raise refusal(f"tools.{position}.input_schema: Field required")
            others.append(kept)
            continue
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            raise refusal(f"tools.{position}.name: Field required")
        schema = entry["input_schema"] or _NO_PARAMETERS
        definitions.append(ToolDefinition(name, entry.get("description") or "", schema, bool(entry.get("strict"))))
        if kept.keys() - _TOOL_KEYS:
            widened.append(kept)
    return tuple(definitions), [*widened, *others]


def _choice(value: object) -> tuple[str | None, bool]:
    """Settings.tool_choice, and whether calls are to be made one at a time."""
    is_serial = bool(_object(value).get("disable_parallel_tool_use"))
    match value:
        case {"type": "auto"}:
            return None if is_serial else "auto", is_serial
        case {"type": "any"}:
            return "required", is_serial
        case {"type": "tool", "name": str() as name}:
            return name, is_serial
        case {"type": "none"}:
            return "none", False
        case _:
            return None, False


def _output(body: Json) -> OutputFormat | None:
    """The schema of the answer; `output_format` is what betas of 2025 called it."""
    found = _object(_object(body.get("output_config")).get("format")) or _object(body.get("output_format"))
    schema = found.get("schema")
    return OutputFormat("answer", cast("Json", schema)) if isinstance(schema, dict) else None


def _caching(body: Json, *, is_stable: bool, has_prefix: bool) -> dict[str, Any]:
    """What the cache marks of a body say, as far as it differs from what we send by ourselves."""
    holders: list[Json] = [body, *objects(body.get("tools")), *objects(body.get("system"))]
    for message in objects(body.get("messages")):
        holders += objects(message.get("content"))
    marks = [_object(holder["cache_control"]) for holder in holders if holder.get("cache_control")]
    if not marks:
        return {"cache": False} if is_stable or has_prefix else {}
    said: dict[str, Any] = {"cache": "1h"} if marks[0].get("ttl") == "1h" else {}
    if body.get("cache_control") and not is_stable:
        said["cache_control"] = body["cache_control"]
    return said


def _versions(request: WireRequest, body: Json) -> dict[str, Any]:
    """What the headers say of versions, as far as it differs from what we send by ourselves."""
    headers = {name.lower(): value for name, value in request.headers}
    usual = OLDER_VERSION if any(body.get(name) is not None for name in SAMPLING) else VERSION
    version = headers.get("anthropic-version", usual)
    betas = [name.strip() for name in headers.get("anthropic-beta", "").split(",")]
    said: dict[str, Any] = {"version": version} if version != usual else {}
    # Ours is sent again by itself wherever a file is named.
    if betas := [name for name in betas if name and name != FILES_BETA]:
        said["betas"] = betas
    return said


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


_ERRORS: tuple[tuple[type[ExchangeError], tuple[int, str]], ...] = (
    (AuthenticationError, (401, "authentication_error")),
    (PermissionDeniedError, (403, "permission_error")),
    (NotFoundError, (404, "not_found_error")),
    (BadRequestError, (400, "invalid_request_error")),
    (ContentFilteredError, (400, "invalid_request_error")),
    (RateLimitError, (429, "rate_limit_error")),
    (QuotaExceededError, (402, "billing_error")),
    (OverloadedError, (529, "overloaded_error")),
    (DeadlineError, (504, "timeout_error")),
    (ServerError, (500, "api_error")),
    (ExchangeError, (500, "api_error")),
)
"""Status and type of each error, most special first."""
