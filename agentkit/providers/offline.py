"""The offline model ("offline:"): no key, no network, and no language model.

It matches the words of the prompt with names, descriptions, parameters and enums of the given tools, fills arguments
with the values that the prompt names, makes the calls, and says in plain words what they returned. It runs the same
loop, streams the same deltas and leaves the same trace as a real model, so that programs can be tried without one.
The same request on the same day gets the same answer, always.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import anyio.lowlevel

from agentkit.assemble import assemble, take_apart
from agentkit.errors import UnknownModelError
from agentkit.exchange import Delta, OutputFormat, Request, Response, TextDelta, ToolCallDelta, ToolDefinition
from agentkit.messages import AssistantMessage, Finish, Message, Part, Returned, Text, ToolCall, UserMessage
from agentkit.models import Capabilities, Model, ModelIdentity, Sink
from agentkit.providers.offline_answer import WHAT_IT_IS, answer_from, cannot
from agentkit.providers.offline_facts import facts_of
from agentkit.providers.offline_fill import Filler, Material
from agentkit.providers.offline_plan import OUTPUT_TOOL, Job, known_values, next_calls, plan
from agentkit.providers.offline_words import Matcher
from agentkit.providers.table import Options, Provider
from agentkit.settings import Settings
from agentkit.usage import Usage

__all__ = ["OfflineModel", "answer", "connect", "estimate_tokens", "prompt_tokens"]

MODEL = "matcher"
_FOLLOW_UP = re.compile(r"(?i)^\s*(?:and|what about|how about|now|same for|also)\b")
_WHO = re.compile(r"(?i)\b(?:who|what) are you\b|\bare you (?:a|an|real|chatgpt|gpt|claude)\b")
_ARGUMENT_CHARS = 12
_MOST_PROMPT = 4_000
"""Only so many characters of a prompt are read."""


class OfflineModel:
    """A model that matches words; see the module."""

    def __init__(self, *, today: datetime.date | None = None, settings: Settings | None = None) -> None:
        """`today` is what "tomorrow" counts from; the calendar's day when it is not given."""
        self.identity = ModelIdentity(
            "offline",
            MODEL,
            api="offline",
            is_remote=False,
            capabilities=Capabilities(reasoning=False, media=frozenset()),
        )
        self._today = today
        self._settings = settings

    def __repr__(self) -> str:
        return "OfflineModel()"

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """Answer; word by word where somebody watches."""
        await anyio.lowlevel.checkpoint()
        if self._settings is not None:
            request = replace(request, settings=request.settings.over(self._settings))
        response = answer(request, self._today or datetime.date.today())
        if sink is None:
            return response
        told: list[Delta] = []
        for delta in _in_pieces(response):
            told.append(delta)
            if sink.emit((delta,)):
                await sink.drain()
            await anyio.lowlevel.checkpoint()
        return assemble(told)


def connect(provider: Provider, model: str, options: Options) -> Model:
    """The offline model, as the provider table makes it. Raises UnknownModelError: it has one model only."""
    if model != MODEL:
        raise UnknownModelError(provider.name, model, [MODEL])
    return OfflineModel(settings=options.settings)


def answer(request: Request, today: datetime.date) -> Response:
    """The answer to a request: a pure function of it and the day."""
    turn = _turn(request.messages)
    made = turn.calls
    choice = request.settings.tool_choice or "auto"
    jobs = _jobs(turn, request.tools, choice, today=today)
    wanted = [] if choice == "none" else next_calls(jobs, made, turn.text, today=today)
    if not wanted and choice != "none":
        wanted = _forced(turn, request, choice, today)
    if request.settings.parallel_tool_calls is False:
        wanted = wanted[:1]
    if wanted:
        parts: list[Part] = [
            ToolCall(f"call_{len(made) + place}", name, json.dumps(arguments, ensure_ascii=False))
            for place, (name, arguments) in enumerate(wanted, 1)
        ]
        return _response(request, parts, "tool_calls")
    if request.output is not None:
        return _response(request, [Text(_structured(turn, request.output, today))], "stop")
    helpers = {job.tool.name for job in jobs if job.is_helper}
    return _response(request, [Text(_words(turn, request, helpers))], "stop")


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has: one for each four characters."""
    return -(-len(text) // 4)


@dataclass(frozen=True, slots=True)
class _Turn:
    """What the user wants now, and what was done for it so far."""

    text: str
    calls: tuple[ToolCall, ...]
    before: str = ""
    """What the user wanted before."""


def _turn(messages: Sequence[Message]) -> _Turn:
    said = [place for place, message in enumerate(messages) if isinstance(message, UserMessage) and _is_said(message)]
    if not said:
        return _Turn("", ())
    last = said[-1]
    calls = [call for message in messages[last:] if isinstance(message, AssistantMessage) for call in message.calls]
    text = _text(messages[last])[:_MOST_PROMPT]
    before = _text(messages[said[-2]])[:_MOST_PROMPT] if len(said) > 1 else ""
    return _Turn(text, tuple(calls), before)


def _is_said(message: UserMessage) -> bool:
    """Whether a user said it: not a system message kept in place, not a picture alone."""
    return any(isinstance(part, Text) and part.text.strip() and part.provider_data is None for part in message.parts)


def _text(message: Message) -> str:
    return " ".join(part.text for part in message.parts if isinstance(part, Text) and part.provider_data is None)


def _jobs(turn: _Turn, tools: Sequence[ToolDefinition], choice: str, *, today: datetime.date) -> list[Job]:
    named = next((tool for tool in tools if tool.name == choice), None)
    if named is not None:
        return [Job(named, turn.text)]
    jobs = plan(turn.text, tools, today=today)
    if jobs or not turn.before or not _FOLLOW_UP.search(turn.text):
        return jobs
    return [
        replace(job, text=turn.text.rstrip("?.! "), base=job.text) for job in plan(turn.before, tools, today=today)[-1:]
    ]


def _forced(turn: _Turn, request: Request, choice: str, today: datetime.date) -> list[tuple[str, dict[str, Any]]]:
    """The call that is made although nothing asks for it: the output tool, or the likeliest where one is demanded."""
    offered = list(request.tools)
    outputs = [tool for tool in offered if tool.name.startswith(OUTPUT_TOOL)]
    if not outputs and choice != "required" and all(tool.name != choice for tool in offered):
        return []
    called = {call.name for call in turn.calls}
    named = [tool for tool in offered if tool.name == choice]
    candidates = named or outputs or [tool for tool in offered if tool.name not in called] or offered
    if not candidates or (named and choice in called):
        return []
    scores = Matcher(candidates).scores(turn.text)
    tool = candidates[scores.index(max(scores))]
    return [(tool.name, _filled(tool.parameters, turn, today, keys=tool in outputs))]


def _structured(turn: _Turn, output: OutputFormat, today: datetime.date) -> str:
    return json.dumps(_filled(output.schema, turn, today, keys=True), ensure_ascii=False)


def _filled(schema: Mapping[str, Any], turn: _Turn, today: datetime.date, *, keys: bool) -> dict[str, Any]:
    known = known_values(turn.calls) if keys else {}
    text = turn.text
    for call in turn.calls if keys else ():
        if isinstance(call.outcome, Returned) and isinstance(call.outcome.content, str):
            text += f"\n{call.outcome.content[:4000]}"
    filler = Filler(schema, Material(text, facts_of(text, today), known=known))
    return cast("dict[str, Any]", filler.fill())


def _words(turn: _Turn, request: Request, helpers: set[str]) -> str:
    if turn.calls:
        asked_for = [call for call in turn.calls if call.name not in helpers]
        return answer_from(turn.text, asked_for or turn.calls)
    if _WHO.search(turn.text):
        return f"{WHAT_IT_IS} {cannot([tool.name for tool in request.tools]).removeprefix(WHAT_IT_IS).strip()}"
    return cannot([tool.name for tool in request.tools])


def _response(request: Request, parts: Sequence[Part], finish: Finish) -> Response:
    most = request.settings.max_output_tokens
    kept: list[Part] = []
    spent = 0
    for part in parts:
        text = part.text if isinstance(part, Text) else part.arguments if isinstance(part, ToolCall) else ""
        left = None if most is None else most - spent
        if left is not None and estimate_tokens(text) > left:
            cut = text[: max(0, left) * 4]
            kept.append(Text(cut) if isinstance(part, Text) else replace(cast("ToolCall", part), arguments=cut))
            spent += estimate_tokens(cut)
            finish = "length"
            break
        kept.append(part)
        spent += estimate_tokens(text)
    usage = Usage(prompt_tokens(request), output=spent)
    message = AssistantMessage(tuple(kept), MODEL, f"offline_{len(request.messages)}", finish, usage)
    return Response(message, finish)


def prompt_tokens(request: Request) -> int:
    """About how many tokens the prompt of a request has."""
    size = estimate_tokens(request.instructions)
    for tool in request.tools:
        size += estimate_tokens(tool.name + tool.description + str(tool.parameters))
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Text):
                size += estimate_tokens(part.text)
            elif isinstance(part, ToolCall):
                outcome = part.outcome
                size += estimate_tokens(part.arguments)
                size += estimate_tokens(str(outcome.content) if isinstance(outcome, Returned) else str(outcome))
    return size


def _in_pieces(response: Response) -> Iterator[Delta]:
    for delta in take_apart(response):
        match delta:
            case TextDelta(text):
                for piece in re.findall(r"\s*\S+|\s+$", text):
                    yield replace(delta, text=piece)
            case ToolCallDelta(arguments, index, id, name):
                yield ToolCallDelta("", index, id, name)
                for start in range(0, len(arguments), _ARGUMENT_CHARS):
                    yield ToolCallDelta(arguments[start : start + _ARGUMENT_CHARS], index)
            case _:
                yield delta
