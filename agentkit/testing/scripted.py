"""ScriptedModel: a model that answers from a script.

    model = ScriptedModel(calls(("get_weather", {"city": "Paris"})), "It rains in Paris.")
    result = await Agent(model, tools=[get_weather]).run("What is the weather in Paris?")
    assert model.requests[1].messages[-1].calls[0].outcome == Returned("rain")

A turn of the script is one of:

- text, which is the answer;
- `calls((tool, arguments), ...)`: tool calls; arguments are a mapping, or the raw text that the model "wrote";
- a list of deltas, told as they are; among them may stand `Delay`s and exceptions;
- an exception, which is raised;
- `Delay(seconds, then=turn)`: wait, then this turn;
- a Response;
- `Turn(turn, usage=..., finish=...)`: a turn with its usage or finish said;
- a function of the Request that gives one of these.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel

from agentkit.assemble import assemble, take_apart
from agentkit.errors import ConfigurationError
from agentkit.exchange import (
    Delta,
    Request,
    Response,
    ResponseFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.messages import AssistantMessage, Finish, Message, Returned, Text, ToolCall
from agentkit.models import Capabilities, ModelIdentity, Sink
from agentkit.usage import Usage

__all__ = ["Calls", "Delay", "ScriptedModel", "ScriptedTurn", "Turn", "calls"]

_PIECE_CHARS = 12


@dataclass(frozen=True, slots=True)
class Calls:
    """A scripted turn that makes tool calls; `calls(...)` makes one."""

    calls: tuple[ToolCall, ...]
    text: str = ""
    """What the model says before the calls."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then go on: before a whole turn (`then`), or between the deltas of one."""

    seconds: float
    then: ScriptedTurn = ""
    """The turn that follows; not read where the delay stands among deltas."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn with its usage or finish said."""

    turn: ScriptedTurn
    usage: Usage | None = None
    """None: a small estimate by length, the same on every run."""
    finish: Finish | None = None
    """None: "tool_calls" where there are calls, else "stop"."""


ScriptedItem: TypeAlias = Delta | Delay | BaseException
"""One item of a turn that is scripted delta by delta."""

ScriptedItems: TypeAlias = Sequence[ScriptedItem]

ScriptedFunction: TypeAlias = "Callable[[Request], ScriptedTurn]"

ScriptedTurn: TypeAlias = "str | Calls | Delay | Turn | Response | BaseException | ScriptedItems | ScriptedFunction"
"""One turn of a script."""


def calls(
    *made: tuple[str, str | Mapping[str, Any]] | tuple[str, str | Mapping[str, Any], str], text: str = ""
) -> Calls:
    """A scripted turn that makes these calls: (tool, arguments) or (tool, arguments, call id).

    Arguments given as text are passed on as they are, broken JSON included; a mapping is written as JSON. Ids that are
    not given are filled in by the model: "call_1", "call_2" and so on, counted through the whole script.
    """
    parts: list[ToolCall] = []
    for name, arguments, *rest in made:
        written = arguments if isinstance(arguments, str) else json.dumps(arguments)
        parts.append(ToolCall(str(rest[0]) if rest else "", name, written))
    return Calls(tuple(parts), text)


class ScriptedModel:
    """A model that gives one turn of its script for each request, and records the requests.

    Streams to a sink word by word, so that a run can be cancelled at every delta. A request after the last turn raises
    ConfigurationError.
    """

    def __init__(
        self,
        *turns: ScriptedTurn,
        provider: str = "scripted",
        model: str = "scripted",
        capabilities: Capabilities | None = None,
    ) -> None:
        self.requests: list[Request] = []
        """Every request that came, in order."""
        self.identity = ModelIdentity(
            provider, model, api="scripted", is_remote=False, capabilities=capabilities or Capabilities()
        )
        self._turns = turns
        self._made = 0  # calls that got an id so far

    def __repr__(self) -> str:
        return f"ScriptedModel({len(self.requests)} of {len(self._turns)} turns used)"

    @property
    def remaining(self) -> int:
        """How many turns have not been used yet."""
        return max(0, len(self._turns) - len(self.requests))

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """The next turn. Raises what the script says, and ConfigurationError when it has ended."""
        self.requests.append(request)
        position = len(self.requests)
        if position > len(self._turns):
            raise ConfigurationError(
                f"the script of this ScriptedModel has {len(self._turns)} turns, and this is request {position}; "
                f"script one more turn, or see why the run goes on (the last message: {_shown(request)})"
            )
        turn = Turn(self._turns[position - 1])
        while True:
            match turn.turn:
                case Turn(inner, usage, finish):
                    turn = Turn(inner, usage or turn.usage, finish or turn.finish)
                case Delay(seconds, then):
                    await anyio.sleep(seconds)
                    turn = replace(turn, turn=then)
                case BaseException() as error:
                    await anyio.lowlevel.checkpoint()
                    raise error
                case str() | Calls() | Response() | Sequence():
                    break
                case answer:
                    turn = replace(turn, turn=answer(request))
        return await _tell(self._script(turn, request), sink)

    def _script(self, turn: Turn, request: Request) -> list[ScriptedItem]:
        """The deltas of a turn, with its end."""
        match turn.turn:
            case str(text):
                told = self._answer(text, (), turn, request)
            case Calls(made, text):
                told = self._answer(text, made, turn, request)
            case Response() as response:
                told = response
            case Sequence() as deltas:
                return _finished(deltas, turn, request)
            case _:
                raise AssertionError("respond resolves every other kind of turn")
        return list(_in_pieces(take_apart(told)))

    def _answer(self, text: str, made: Iterable[ToolCall], turn: Turn, request: Request) -> Response:
        named: list[ToolCall] = []
        for call in made:
            self._made += 1
            named.append(call if call.id else replace(call, id=f"call_{self._made}"))
        parts = ((Text(text),) if text else ()) + tuple(named)
        usage = turn.usage or Usage(_size(request), output=_tokens(text, *(call.arguments for call in named)))
        finish = turn.finish or ("tool_calls" if named else "stop")
        message = AssistantMessage(parts, request.model, f"scripted_{len(self.requests)}", finish, usage)
        return Response(message, finish)


async def _tell(script: Iterable[ScriptedItem], sink: Sink | None) -> Response:
    told: list[Delta] = []
    for item in script:
        await anyio.lowlevel.checkpoint()
        if isinstance(item, Delay):
            await anyio.sleep(item.seconds)
        elif isinstance(item, BaseException):
            raise item
        else:
            told.append(item)
            if sink is not None and sink.emit((item,)):
                await sink.drain()
    return assemble(told)


def _finished(script: Sequence[ScriptedItem], turn: Turn, request: Request) -> list[ScriptedItem]:
    """A script of deltas with its end, where it has none."""
    if any(isinstance(item, ResponseFinished | BaseException) for item in script):
        return list(script)
    texts = [item.text for item in script if isinstance(item, TextDelta | ThinkingDelta)]
    arguments = [item.arguments for item in script if isinstance(item, ToolCallDelta)]
    finish = turn.finish or ("tool_calls" if arguments else "stop")
    usage = turn.usage or Usage(_size(request), output=_tokens(*texts, *arguments))
    return [*script, ResponseFinished(finish, finish, usage)]


def _in_pieces(deltas: Iterable[Delta]) -> Iterator[Delta]:
    """The same deltas in the small pieces in which they come over a wire."""
    for delta in deltas:
        match delta:
            case TextDelta(text) | ThinkingDelta(text):
                for piece in re.findall(r"\s*\S+\s*?|\s+$", text):
                    yield replace(delta, text=piece)
            case ToolCallDelta(arguments, index, id, name):
                yield ToolCallDelta("", index, id, name)
                for start in range(0, len(arguments), _PIECE_CHARS):
                    yield ToolCallDelta(arguments[start : start + _PIECE_CHARS], index)
            case _:
                yield delta


def _tokens(*texts: str) -> int:
    return sum(-(-len(text) // 4) for text in texts)


def _size(request: Request) -> int:
    texts = [request.instructions]
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, ToolCall):
                texts.append(part.arguments)
                texts.append(str(part.outcome.content) if isinstance(part.outcome, Returned) else part.outcome.kind)
    texts.extend(tool.name + tool.description for tool in request.tools)
    return _tokens(*texts)


def _shown(request: Request) -> str:
    last: Message | None = request.messages[-1] if request.messages else None
    if last is None:
        return "none"
    said = ", ".join(f"{call.name} {call.outcome.kind}" for call in last.parts if isinstance(call, ToolCall))
    return f"{last.kind}: {said or last.text[:80]!r}"
