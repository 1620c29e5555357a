"""Amazon Bedrock's Converse, server half: what a client sent, and the answers it is given."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import unquote

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
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.messages import Message
from agentkit.providers.anthropic.messages_knobs import BUDGETS
from agentkit.providers.aws.converse import is_conversation
from agentkit.providers.aws.converse_head import can_be_marked
from agentkit.providers.aws.converse_history import HistoryReader, refusal
from agentkit.providers.aws.converse_knobs import Knobs, thinking_fields
from agentkit.providers.aws.converse_output import object_of, objects
from agentkit.providers.aws.converse_reply import ConverseWriter, reply_object
from agentkit.providers.aws.converse_tools import NOT_OFFERED
from agentkit.providers.aws.families import family_of
from agentkit.settings import Settings

__all__ = ["ConverseServer", "messages_from_converse"]

_PATH = re.compile(r"(?:.*/)?model/(?P<model>[^/]+)/(?P<function>converse|converse-stream)")
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}

Json = Mapping[str, Any]


def messages_from_converse(messages: Iterable[Json], *, provider: str = "bedrock") -> list[Message]:
    """The messages of a list as clients of Converse keep it: each call together with its result.

    boto3 has bytes where the wire has base64. A call without a result is Lost. Raises BadRequestError for a result
    whose call is not there.
    """
    return HistoryReader(provider, is_strict=False).read(map(_on_the_wire, messages))


class ConverseServer:
    """The server half of Converse."""

    def __init__(self, provider: str = "bedrock") -> None:
        self.name = f"{provider}:converse"
        self._provider = provider

    def read(self, request: WireRequest) -> Request:
        """The Request that a client sent. Raises BadRequestError for what the service would refuse."""
        found = _PATH.fullmatch(request.path.partition("?")[0])
        if found is None:
            raise refusal(f"{request.path!r} names no model and function of it")
        try:
            body = json_value(request.body)
        except ValueError as error:
            raise refusal(f"The request body is no valid JSON: {error}") from error
        if not isinstance(body, dict):
            raise refusal("The request body has to be an object")
        try:
            is_streamed = found["function"] == "converse-stream"
            return readable(self._read(cast("Json", body), unquote(found["model"]), is_streamed=is_streamed))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise refusal(f"The request has an unexpected shape: {error}") from error

    def write(self, response: Response) -> HttpReply:
        """A whole reply."""
        return HttpReply(200, json_bytes(reply_object(response, self.name)))

    def stream_writer(self) -> ConverseWriter:
        """A writer of one streamed reply."""
        return ConverseWriter(self.name)

    def write_error(self, error: ExchangeError) -> HttpReply:
        """An error as the service would report it."""
        status, name = next(row for kind, row in _ERRORS if isinstance(error, kind))
        shown = error.status if error.status is not None and error.status >= 400 else status
        name = error.error_type or name
        headers = [("content-type", "application/json"), ("x-amzn-errortype", name)]
        if error.request_id:
            headers.append(("x-amzn-requestid", error.request_id))
        return HttpReply(shown, json_bytes({"__type": name, "message": error.message}), tuple(headers))

    def _read(self, body: Json, model: str, *, is_streamed: bool) -> Request:
        if not objects(body.get("messages")):
            raise refusal("messages: at least one message is required")
        messages = HistoryReader(self._provider, is_strict=True).read(body["messages"])
        rest: dict[str, Any] = {key: value for key, value in body.items() if value is not None}
        del rest["messages"]
        config = object_of(rest.pop("toolConfig", None))
        tools, more_tools = _tools(objects(config.get("tools")))
        instructions, more_system = _instructions(objects(rest.pop("system", None)))
        if not config and any(message.calls for message in messages):
            raise refusal("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        output = _output(rest)
        settings = _settings(rest, model)
        choice, more_choice = _choice(config.get("toolChoice"))
        extra = {key: value for key, value in rest.items() if value not in ({}, [])}
        if more_tools:
            extra["tools"] = more_tools
        if more_system:
            extra["system"] = body["system"]
        if more_choice:
            extra["toolConfig"] = {"toolChoice": more_choice}
        has_tools, caches = bool(tools or more_tools), family_of(model).caches
        if caches:
            is_marked = bool(instructions) or (has_tools and "tools" in caches)
            is_marked = is_marked or (is_conversation(messages, has_tools=has_tools) and _may_be_marked(body))
            extra |= _caching(body, is_marked=is_marked)
        settings = replace(settings, tool_choice=choice, extra={self._provider: extra} if extra else None)
        return Request(model, tuple(messages), instructions, tools, output, settings, is_streamed)


def _on_the_wire(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _on_the_wire(entry) for key, entry in cast("dict[str, Any]", value).items()}
    return [_on_the_wire(entry) for entry in cast("list[Any]", value)] if isinstance(value, list) else value


def _settings(rest: dict[str, Any], model: str) -> Settings:
    """The settings, whose fields are taken out of the rest of the body."""
    config = object_of(rest.pop("inferenceConfig", None))
    stop = config.get("stopSequences")
    settings = Settings(
        max_output_tokens=config.get("maxTokens"),
        temperature=config.get("temperature"),
        top_p=config.get("topP"),
        stop=tuple(stop) if stop else None,
        service_tier=object_of(rest.pop("serviceTier", None)).get("type"),
    )
    if unknown := {key: value for key, value in config.items() if key not in _CONFIG}:
        rest["inferenceConfig"] = unknown
    more, config = object_of(rest.get("additionalModelRequestFields")), object_of(rest.get("outputConfig"))
    asked = {name: more[name] for name in ("thinking", "reasoningConfig", "reasoning_effort") if name in more}
    efforts = (None, *(("none", "max", *reversed(BUDGETS)) if asked or config.get("effort") else ()))
    for effort in efforts:
        for summary in (None, "auto"):
            candidate = replace(settings, reasoning=effort, reasoning_summary=summary)
            sent = thinking_fields(candidate, model, Knobs())
            said = sent.get("additionalModelRequestFields", {}), sent.get("outputConfig", {}).get("effort")
            if (asked or config.get("effort")) and said == (asked, config.get("effort")):
                _without(rest, "additionalModelRequestFields", asked)
                _without(rest, "outputConfig", ("effort",))
                return candidate
    return settings


_CONFIG = frozenset({"maxTokens", "temperature", "topP", "stopSequences"})


def _without(rest: dict[str, Any], name: str, keys: Iterable[str]) -> None:
    taken = set(keys)
    if kept := {key: value for key, value in object_of(rest.pop(name, None)).items() if key not in taken}:
        rest[name] = kept


def _output(rest: dict[str, Any]) -> OutputFormat | None:
    """The schema of the answer, taken out of the rest of the body."""
    held = object_of(object_of(rest.get("outputConfig")).get("textFormat"))
    found = object_of(object_of(held.get("structure")).get("jsonSchema"))
    if "schema" not in found:
        return None
    schema = json_value(found["schema"].encode())
    if not isinstance(schema, dict):
        raise refusal("outputConfig.textFormat.structure.jsonSchema.schema: it has to be the JSON text of an object")
    _without(rest, "outputConfig", ("textFormat",))
    name, description = found.get("name") or "answer", found.get("description") or ""
    return OutputFormat(name, cast("dict[str, Any]", schema), description=description)


def _tools(entries: list[dict[str, Any]]) -> tuple[tuple[ToolDefinition, ...], list[dict[str, Any]]]:
    """Tools as definitions, and the entries of other kinds as they came."""
    definitions: list[ToolDefinition] = []
    others: list[dict[str, Any]] = []
    for entry in entries:
        spec = object_of(entry.get("toolSpec"))
        if not spec:
            others += [entry] if "cachePoint" not in entry else []
            continue
        description = spec.get("description") or ""
        if description == NOT_OFFERED:
            continue
        parameters = object_of(object_of(spec.get("inputSchema")).get("json")) or _NO_PARAMETERS
        definitions.append(ToolDefinition(spec["name"], description, parameters, spec.get("strict") or None))
    return tuple(definitions), others


def _instructions(blocks: list[dict[str, Any]]) -> tuple[str, bool]:
    """The texts, and whether there are blocks of other kinds."""
    texts = [block["text"] for block in blocks if isinstance(block.get("text"), str)]
    others = [block for block in blocks if "text" not in block and "cachePoint" not in block]
    return "\n\n".join(texts), bool(others)


def _choice(value: object) -> tuple[str | None, dict[str, Any]]:
    """Settings.tool_choice, and a choice that is none of them."""
    choice = object_of(value)
    if "auto" in choice or "any" in choice:
        return "auto" if "auto" in choice else "required", {}
    name = object_of(choice.get("tool")).get("name")
    return (name, {}) if isinstance(name, str) else (None, choice)


def _may_be_marked(body: Json) -> bool:
    """Whether a cache point may stand at the end of the conversation."""
    last = objects(body["messages"])[-1]
    return last.get("role") == "user" and can_be_marked(objects(last.get("content"))[-1:])


def _caching(body: Json, *, is_marked: bool) -> dict[str, Any]:
    """What the cache points of a body say, as far as it differs from what we send by ourselves."""
    blocks = [*objects(object_of(body.get("toolConfig")).get("tools")), *objects(body.get("system"))]
    for message in objects(body.get("messages")):
        blocks += objects(message.get("content"))
    points = [object_of(block["cachePoint"]) for block in blocks if "cachePoint" in block]
    if not points:
        return {"cache": False} if is_marked else {}
    return {"cache": "1h"} if points[0].get("ttl") == "1h" else {}


_ERRORS: tuple[tuple[type[ExchangeError], tuple[int, str]], ...] = (
    (AuthenticationError, (403, "UnrecognizedClientException")),
    (PermissionDeniedError, (403, "AccessDeniedException")),
    (NotFoundError, (404, "ResourceNotFoundException")),
    (BadRequestError, (400, "ValidationException")),
    (ContentFilteredError, (400, "ValidationException")),
    (RateLimitError, (429, "ThrottlingException")),
    (QuotaExceededError, (400, "ServiceQuotaExceededException")),
    (OverloadedError, (503, "ServiceUnavailableException")),
    (DeadlineError, (408, "ModelTimeoutException")),
    (ServerError, (500, "InternalServerException")),
    (ExchangeError, (500, "InternalServerException")),
)
"""Status and name of each error, most special first."""
