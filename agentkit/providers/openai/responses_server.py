"""OpenAI's Responses API, server half: what a client sent, and the answers it is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast, get_args

from pydantic_core import to_json

from agentkit.codec import HttpReply, WireRequest, readable
from agentkit.errors import BadRequestError, ExchangeError
from agentkit.exchange import OutputFormat, Request, Response, ToolDefinition
from agentkit.json_value import json_value
from agentkit.messages import Message
from agentkit.providers.openai.chat_server import ChatServer
from agentkit.providers.openai.responses import ENCRYPTED
from agentkit.providers.openai.responses_history import HistoryReader
from agentkit.providers.openai.responses_reply import ResponsesWriter, response_object
from agentkit.settings import ReasoningEffort, Settings

__all__ = ["ResponsesServer", "messages_from_responses"]

_READ = frozenset({
    "model", "input", "instructions", "tools", "tool_choice", "text", "reasoning", "max_output_tokens", "temperature",
    "top_p", "service_tier", "parallel_tool_calls", "stream", "store", "include",
})  # fmt: skip
_FUNCTION_KEYS = frozenset({"type", "name", "description", "parameters", "strict"})
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}

Json = Mapping[str, Any]


def messages_from_responses(items: Iterable[Json], *, provider: str = "openai") -> list[Message]:
    """The messages of input and output items, as somebody kept them: each call together with its output.

    A call without an output is Lost. System and developer messages stay in place. Raises BadRequestError for an output
    whose call is not there, and for items that are none.
    """
    reader = HistoryReader(provider)
    reader.read(items)
    return reader.messages()


class ResponsesServer:
    """The server half of the Responses format."""

    def __init__(self, provider: str = "openai") -> None:
        self.name = f"{provider}:responses"
        self._provider = provider

    def read(self, request: WireRequest) -> Request:
        """The Request that a client sent. Raises BadRequestError.

        Fields without a place of their own, such as previous_response_id and tools that the provider runs, are kept in
        `settings.extra`. So is `store`, which is true here when nothing is said and false when we write.
        """
        body = _body(request.body)
        try:
            return readable(self._read(body))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _refusal(f"The request has an unexpected shape: {error}", None) from error

    def _read(self, body: dict[str, Any]) -> Request:
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise _refusal("Missing required parameter: 'model'.", "model")
        extra = {key: value for key, value in body.items() if key not in _READ and value is not None}
        extra |= _storage(body)
        reader = HistoryReader(
            self._provider, is_continued=bool(body.get("previous_response_id") or body.get("conversation"))
        )
        reader.read(_items(body.get("input")))
        tools, more_tools = _tools(body.get("tools") or [])
        if more_tools:
            extra["tools"] = more_tools
        output, knobs = self._knobs(body, extra)
        return Request(
            model,
            tuple(reader.messages_after_instructions()),
            "\n\n".join(text for text in (body.get("instructions"), reader.instructions) if text),
            tools,
            output,
            Settings(**knobs, extra={self._provider: extra} if extra else None),
            bool(body.get("stream")),
        )

    def write(self, response: Response) -> HttpReply:
        """A whole reply."""
        return HttpReply(200, to_json(response_object(response, self.name)))

    def stream_writer(self) -> ResponsesWriter:
        """A writer of one streamed reply."""
        return ResponsesWriter(self.name)

    def write_error(self, error: ExchangeError) -> HttpReply:
        """An error as OpenAI reports it: the same for all its formats."""
        return ChatServer(self._provider).write_error(error)

    def _knobs(self, body: Json, extra: dict[str, Any]) -> tuple[OutputFormat | None, dict[str, Any]]:
        """The output format and the settings; what of their objects has no place goes to `extra`."""
        knobs: dict[str, Any] = {
            name: body[name]
            for name in ("max_output_tokens", "temperature", "top_p", "service_tier", "parallel_tool_calls")
            if body.get(name) is not None
        }
        if knobs.get("max_output_tokens", 16) < 16:
            found = knobs["max_output_tokens"]
            raise _refusal(
                f"Invalid 'max_output_tokens': expected a value >= 16, but got {found}.", "max_output_tokens"
            )
        text = _without_nulls(body.get("text"))
        output = _output_format(text.get("format"))
        if output is not None or text.get("format") == {"type": "text"}:
            del text["format"]
        if "verbosity" in text:
            knobs["verbosity"] = text.pop("verbosity")
        reasoning = _without_nulls(body.get("reasoning"))
        if reasoning.get("effort") in get_args(ReasoningEffort):
            knobs["reasoning"] = reasoning.pop("effort")
        if reasoning.get("summary") in ("auto", "concise", "detailed"):
            knobs["reasoning_summary"] = reasoning.pop("summary")
        extra |= {name: rest for name, rest in (("text", text), ("reasoning", reasoning)) if rest}
        match body.get("tool_choice"):
            case None:
                pass
            case str() as mode:
                knobs["tool_choice"] = mode
            case {"type": "function", "name": str() as name}:
                knobs["tool_choice"] = name
            case choice:
                extra["tool_choice"] = choice
        return output, knobs


def _body(data: bytes) -> dict[str, Any]:
    try:
        body = json_value(data)
    except ValueError as error:
        raise _refusal(f"We could not parse the JSON body of your request: {error}", None) from error
    if not isinstance(body, dict):
        raise _refusal("The body of a request has to be a JSON object.", None)
    return cast("dict[str, Any]", body)


def _items(value: object) -> Sequence[Json]:
    match value:
        case None:
            return ()
        case str():
            return ({"role": "user", "content": value},)
        case list():
            return cast("list[Json]", value)
        case _:
            raise _refusal("Invalid type for 'input': expected a string or an array of items.", "input")


def _storage(body: Json) -> dict[str, Any]:
    """What the body says of storing, as far as it differs from what we send by ourselves."""
    is_stored = body.get("store") is not False
    include = body.get("include")
    kept: dict[str, Any] = {"store": True} if is_stored else {}
    if include is not None and (is_stored or include != [ENCRYPTED]):
        kept["include"] = include
    return kept


def _tools(entries: Sequence[Json]) -> tuple[tuple[ToolDefinition, ...], list[Json]]:
    """Functions as definitions; the other tools, and functions with more fields than ours, as they came."""
    definitions: list[ToolDefinition] = []
    others: list[Json] = []
    for entry in entries:
        if entry.get("type") != "function":
            others.append(entry)
            continue
        name = entry.get("name")
        if not isinstance(name, str) or not name:
            raise _refusal("Missing required parameter: 'tools[].name'.", "tools")
        definitions.append(
            ToolDefinition(
                name, entry.get("description") or "", entry.get("parameters") or _NO_PARAMETERS, entry.get("strict")
            )
        )
        if any(value is not None for key, value in entry.items() if key not in _FUNCTION_KEYS):
            others.append(entry)
    return tuple(definitions), others


def _output_format(value: object) -> OutputFormat | None:
    found = _without_nulls(value)
    if found.get("type") != "json_schema" or not isinstance(found.get("schema"), dict):
        return None
    return OutputFormat(
        found.get("name") or "answer", found["schema"], found.get("strict"), found.get("description") or ""
    )


def _without_nulls(value: object) -> dict[str, Any]:
    found = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return {key: entry for key, entry in found.items() if entry is not None}


def _refusal(message: str, param: str | None) -> BadRequestError:
    return BadRequestError(message, status=400, error_type="invalid_request_error", param=param)
