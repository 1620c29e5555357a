"""A script file as the source of answers: what is answered to the first request, to the second and so on.

    {"turns": [
        {"calls": [{"name": "get_weather", "arguments": {"city": "Paris"}}]},
        {"text": "It rains in Paris.", "usage": {"input": 20, "output": 5}},
        {"error": {"status": 503, "message": "down for a moment"}}
    ]}

JSON, or YAML where pyyaml is installed. A turn that is text alone may be written as that text, and a script that is
turns alone as their list. Docs: docs/how-to/simulator.md.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agentkit.errors import ConfigurationError
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Finish, Part, Text, Thinking, ToolCall
from agentkit.models import Capabilities, ModelIdentity, Sink
from agentkit.providers.offline import estimate_tokens
from agentkit.simulator.formats import error_of
from agentkit.usage import Usage

__all__ = ["Script"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Call(_Strict):
    name: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)
    id: str = ""


class _Usage(_Strict):
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0


class _Error(_Strict):
    status: int
    message: str = ""
    code: str | None = None
    retry_after_seconds: float | None = None


class _Turn(_Strict):
    text: str = ""
    thinking: str = ""
    refusal: str = ""
    calls: tuple[_Call, ...] = ()
    finish: Finish | None = None
    usage: _Usage | None = None
    error: _Error | None = None
    wait_seconds: float = 0.0


class _Document(_Strict):
    turns: tuple[_Turn | str, ...] = Field(min_length=1)
    is_repeated: bool = False


class Script:
    """A Model that answers from a script, one turn for each request; after the last it refuses, or begins anew."""

    def __init__(self, value: Any, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep) -> None:
        """`value` is what the file holds. Raises ConfigurationError with the place that is wrong."""
        try:
            document = _Document.model_validate({"turns": value} if isinstance(value, list) else value)
        except ValidationError as error:
            raise ConfigurationError(f"the script does not fit: {_complaints(error)}") from error
        self.identity = ModelIdentity("script", "script", api="script", is_remote=False, capabilities=Capabilities())
        self._turns = [_Turn(text=turn) if isinstance(turn, str) else turn for turn in document.turns]
        self._is_repeated = document.is_repeated
        self._sleep = sleep
        self._used = 0

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Script:
        """Read a file. Raises ConfigurationError for one that is no script."""
        return cls(_value_of(Path(path)))

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """The next turn. Raises the error that it says, and ConfigurationError when there is none."""
        if self._used >= len(self._turns) and not self._is_repeated:
            raise ConfigurationError(f"the script has {len(self._turns)} turns, and this is request {self._used + 1}")
        turn = self._turns[self._used % len(self._turns)]
        self._used += 1
        await self._sleep(turn.wait_seconds)
        if turn.error is not None:
            error = error_of(turn.error.status)
            if turn.error.message:
                error.message = turn.error.message
            error.code, error.retry_after_seconds = turn.error.code, turn.error.retry_after_seconds
            raise error
        return _response(turn, request, number=self._used)


def _response(turn: _Turn, request: Request, *, number: int) -> Response:
    parts: list[Part] = []
    if turn.thinking:
        parts.append(Thinking(turn.thinking))
    parts += [Text(text, is_refusal) for text, is_refusal in ((turn.text, False), (turn.refusal, True)) if text]
    for place, call in enumerate(turn.calls):
        arguments = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
        parts.append(ToolCall(call.id or f"call_{number}_{place}", call.name, arguments))
    finish = turn.finish or ("tool_calls" if turn.calls else "refusal" if turn.refusal else "stop")
    told = "".join(part.arguments if isinstance(part, ToolCall) else getattr(part, "text", "") for part in parts)
    asked = request.instructions + "".join(message.text for message in request.messages)
    usage = Usage(estimate_tokens(asked), output=estimate_tokens(told))
    if turn.usage is not None:
        usage = Usage(**turn.usage.model_dump())
    return Response(AssistantMessage(tuple(parts), request.model, f"script_{number}", finish, usage))


def _complaints(error: ValidationError) -> str:
    """What is wrong, and where. Of a turn that is an object nobody wants to hear that it is no text."""
    found = error.errors()
    found = [complaint for complaint in found if _Turn.__name__ in complaint["loc"]] or found
    return "; ".join(
        f"{'.'.join(str(step) for step in complaint['loc'] if step != _Turn.__name__)}: {complaint['msg']}"
        for complaint in found[:5]
    )


def _value_of(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".yaml", ".yml"):
        try:
            yaml = importlib.import_module("yaml")
        except ImportError as error:
            raise ConfigurationError(
                f"{path} is YAML, which needs pyyaml: pip install 'pyagentkit[yaml]', or write the script as JSON"
            ) from error
        return yaml.safe_load(text)
    try:
        return json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{path} is no JSON: {error}") from error
