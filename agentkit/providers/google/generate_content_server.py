"""Google's generateContent, server half: what a client sent, and the answers it is given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

from pydantic_core import to_json

from agentkit.codec import HttpReply, WireRequest, readable
from agentkit.errors import ExchangeError
from agentkit.exchange import OutputFormat, Request, Response, ToolDefinition
from agentkit.json_value import json_value
from agentkit.messages import Message
from agentkit.providers.google.answers import objects
from agentkit.providers.google.histories import HistoryReader, refuse
from agentkit.providers.google.knobs import effort_of
from agentkit.providers.google.replies import GenerateContentWriter, reply_object, write_error
from agentkit.providers.google.spelling import in_camel_case, json_schema_of
from agentkit.settings import Settings

__all__ = ["GenerateContentServer", "messages_from_contents"]

_PATH = re.compile(
    r"(?:.*/)?(?:models/(?P<model>[^/:]+)|(?P<tuned>(?:tunedModels|endpoints)/[^/:]+)):(?P<function>\w+)"
)
_FUNCTIONS = {"generateContent": False, "streamGenerateContent": True}
_READ = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier", "model"})
_NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}}

Json = Mapping[str, Any]


def messages_from_contents(contents: Iterable[Json], *, provider: str = "google") -> list[Message]:
    """The messages of contents, as somebody kept them: each call together with its answer.

    A call without an answer is Lost. Raises BadRequestError for an answer whose call is not there.
    """
    reader = HistoryReader(provider)
    reader.read(in_camel_case(list(contents)))
    return reader.messages()


class GenerateContentServer:
    """The server half of generateContent."""

    def __init__(self, provider: str = "google") -> None:
        self.name = f"{provider}:generate_content"
        self._provider = provider

    def read(self, request: WireRequest) -> Request:
        """The Request that a client sent. Raises BadRequestError.

        Fields without a place of their own, such as safetySettings and tools that Google runs, are kept in
        `settings.extra`.
        """
        model, is_streamed = self._address(request.path)
        try:
            body = json_value(request.body)
        except ValueError as error:
            refuse(f"Invalid JSON payload received. {error}", provider=self._provider)
        if not isinstance(body, dict):
            refuse("Invalid JSON payload received. Expected an object.", provider=self._provider)
        try:
            return readable(self._read(in_camel_case(body), model, is_streamed=is_streamed))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            refuse(f"Invalid value in the request: {error}", provider=self._provider)

    def write(self, response: Response) -> HttpReply:
        """A whole reply."""
        return HttpReply(200, to_json(reply_object(response, self.name)))

    def stream_writer(self) -> GenerateContentWriter:
        """A writer of one streamed reply, as server-sent events."""
        return GenerateContentWriter(self.name)

    def write_error(self, error: ExchangeError) -> HttpReply:
        """An error as Google would report it."""
        return write_error(error)

    def _address(self, path: str) -> tuple[str, bool]:
        found = _PATH.fullmatch(unquote(path.partition("?")[0]))
        if found is None or found["function"] not in _FUNCTIONS:
            refuse(f"{path!r} names no model and function of it", provider=self._provider)
        return found["model"] or found["tuned"], _FUNCTIONS[found["function"]]

    def _read(self, body: dict[str, Any], model: str, *, is_streamed: bool) -> Request:
        contents = objects(body.get("contents")) or objects([body.get("contents")])
        if not contents:
            refuse("contents is not specified", provider=self._provider)
        extra = {key: value for key, value in body.items() if key not in _READ and value is not None}
        calling = _calling(_object(body.get("toolConfig")))
        tools, more_tools = _tools(objects(body.get("tools")))
        config = _config(_object(body.get("generationConfig")), model)
        knobs = config.knobs
        extra |= {
            name: rest
            for name, rest in (("tools", more_tools), ("toolConfig", calling.rest), ("generationConfig", config.rest))
            if rest
        }
        if calling.choice is not None:
            knobs["tool_choice"] = calling.choice
        if body.get("serviceTier"):
            knobs["service_tier"] = body["serviceTier"]
        reader = HistoryReader(self._provider)
        reader.read(contents)
        return Request(
            model,
            tuple(reader.messages()),
            _instructions(body.get("systemInstruction")),
            tools,
            config.output,
            Settings(**knobs, extra={self._provider: extra} if extra else None),
            is_streamed,
        )


def _instructions(value: Any) -> str:
    if isinstance(value, str):
        return value
    parts = objects(_object(value).get("parts"))
    return "\n\n".join(text for part in parts if isinstance(text := part.get("text"), str) and text)


def _tools(entries: Sequence[Json]) -> tuple[tuple[ToolDefinition, ...], list[Json]]:
    """Functions as definitions, and the tools that Google runs itself as they came."""
    definitions: list[ToolDefinition] = []
    others: list[Json] = []
    for entry in entries:
        for declared in objects(entry.get("functionDeclarations")):
            parameters = declared.get("parametersJsonSchema") or json_schema_of(declared.get("parameters"))
            description = declared.get("description") or ""
            definitions.append(ToolDefinition(declared["name"], description, parameters or _NO_PARAMETERS))
        if rest := {key: value for key, value in entry.items() if key != "functionDeclarations"}:
            others.append(rest)
    return tuple(definitions), others


@dataclass(frozen=True, slots=True)
class _Calling:
    """What a toolConfig says."""

    choice: str | None
    rest: dict[str, Any]


def _calling(config: dict[str, Any]) -> _Calling:
    calling = _object(config.pop("functionCallingConfig", None))
    mode = str(calling.pop("mode", "")).upper()
    allowed: list[str] = calling.pop("allowedFunctionNames", None) or []
    choice = {"AUTO": "auto", "NONE": "none", "ANY": "required"}.get(mode)
    if mode == "ANY" and len(allowed) == 1:
        choice, allowed = allowed[0], []
    if mode and choice is None:  # VALIDATED holds calls to their schemas, but loosely: no tool was meant to be strict
        calling["mode"] = mode
    if allowed:
        calling["allowedFunctionNames"] = allowed
    if calling:
        config["functionCallingConfig"] = calling
    return _Calling(choice, config)


@dataclass(frozen=True, slots=True)
class _Config:
    """What a generationConfig says."""

    knobs: dict[str, Any]
    """Settings by name."""
    output: OutputFormat | None
    rest: dict[str, Any]


def _config(config: dict[str, Any], model: str) -> _Config:
    names = {"maxOutputTokens": "max_output_tokens", "temperature": "temperature", "topP": "top_p", "seed": "seed"}
    knobs: dict[str, Any] = {own: config.pop(name) for name, own in names.items() if config.get(name) is not None}
    if stop := config.pop("stopSequences", None):
        knobs["stop"] = tuple(stop)
    thinking = _object(config.pop("thinkingConfig", None))
    effort = effort_of(thinking, model)
    if effort is not None:
        knobs["reasoning"] = effort
        thinking = {key: value for key, value in thinking.items() if key == "includeThoughts"}
    if thinking.get("includeThoughts") is True and effort_of({"thinkingBudget": 1_024, "thinkingLevel": "LOW"}, model):
        knobs["reasoning_summary"] = "auto"
        del thinking["includeThoughts"]
    if thinking:
        config["thinkingConfig"] = thinking
    return _Config(knobs, _output(config), config)


def _output(config: dict[str, Any]) -> OutputFormat | None:
    """The output format, taken out of the config; a choice among words is no JSON and stays there."""
    if config.get("responseMimeType") != "application/json":
        return None
    schema = config.get("responseJsonSchema") or json_schema_of(config.get("responseSchema"))
    if not isinstance(schema, dict):
        return None
    for name in ("responseMimeType", "responseJsonSchema", "responseSchema"):
        config.pop(name, None)
    return OutputFormat("answer", cast("dict[str, Any]", schema))


def _object(value: Any) -> dict[str, Any]:
    return dict(cast("dict[str, Any]", value)) if isinstance(value, dict) else {}
