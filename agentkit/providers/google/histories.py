"""Contents of generateContent as messages: the way back of `contents`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from agentkit.errors import BadRequestError
from agentkit.media import Image
from agentkit.messages import AssistantMessage, Lost, Media, Message, Part, Thinking, ToolCall, UserMessage
from agentkit.providers.google.answers import objects, part_of
from agentkit.providers.google.contents import DETAILS, SKIPPED_SIGNATURE
from agentkit.providers.google.media import medium_of
from agentkit.providers.google.outcomes import outcome_of

__all__ = ["HistoryReader", "refuse"]

_WORDS = {level: word for word, level in DETAILS.items()}
_SKIPPED = (SKIPPED_SIGNATURE, "skip_thought_signature_validator")

Json = Mapping[str, Any]


def refuse(message: str, *, provider: str) -> NoReturn:
    """Refuse a request as Google does."""
    raise BadRequestError(message, provider=provider, status=400, error_type="INVALID_ARGUMENT")


class HistoryReader:
    """Reads contents one after the other; calls wait for their answers."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._origin = f"{provider}:generate_content"
        self._turns: list[UserMessage | list[Part]] = []  # what a user said | the parts of an answer
        self._open: list[tuple[list[Part], int]] = []  # an answer's parts, and where in them a call waits

    def read(self, contents: Iterable[Json]) -> None:
        """Read some more contents. Raises BadRequestError for what the service would refuse."""
        for content in contents:
            parts = objects(content.get("parts"))
            match content.get("role"):
                case None | "user" | "function":
                    self._user(parts)
                case "model":
                    self._model(parts)
                case _:
                    refuse("Please use a valid role: user, model.", provider=self._provider)

    def messages(self) -> list[Message]:
        """All that was read. A call that was never answered is Lost."""
        return [turn if isinstance(turn, UserMessage) else _answer(turn) for turn in self._turns]

    def _user(self, parts: list[Json]) -> None:
        said: list[Part] = []
        for part in parts:
            if (answer := part.get("functionResponse")) is not None:
                self._settle(answer)
                continue
            found = self._part(part)
            if isinstance(found, ToolCall):
                refuse("Please ensure that function calls come from the model.", provider=self._provider)
            if isinstance(found, Thinking):
                found = None
            if found is not None:
                said.append(found)
        if said:
            self._turns.append(UserMessage(tuple(said)))

    def _model(self, parts: list[Json]) -> None:
        answer: list[Part] = []
        for part in parts:
            found = self._part(part)
            if found is None:
                continue
            if isinstance(found, ToolCall):
                self._open.append((answer, len(answer)))
            answer.append(found)
        if answer:
            self._turns.append(answer)

    def _part(self, part: Json) -> Part | None:
        if part.get("thoughtSignature") in _SKIPPED:
            part = {key: value for key, value in part.items() if key != "thoughtSignature"}
        level = _level(part)
        if level is not None:
            part = {key: value for key, value in part.items() if key != "mediaResolution"}
        found = part_of(part, self._origin)
        if level is None or found is None:
            return found
        if isinstance(found, Image):
            return replace(found, detail=_WORDS[level])
        return part_of({**part, "mediaResolution": {"level": level}}, self._origin)

    def _settle(self, answer: Json) -> None:
        """Give a call its outcome: by its id, else by its name, in the order of the calls."""
        parts, place = self._open.pop(self._waiting(answer))
        media = tuple(self._medium(part) for part in objects(answer.get("parts")))
        response: Json = answer.get("response") or {}
        call = parts[place]
        assert isinstance(call, ToolCall)
        parts[place] = replace(call, outcome=outcome_of(response, media))

    def _waiting(self, answer: Json) -> int:
        id, name = answer.get("id"), answer.get("name")
        waiting = [part for parts, place in self._open if isinstance(part := parts[place], ToolCall)]
        if id:
            for number, call in enumerate(waiting):
                if call.id == id:
                    return number
        for number, call in enumerate(waiting):
            if call.name == name:
                return number
        refuse(
            "Please ensure that the number of function response parts is equal to the number of function call parts "
            f"of the function call turn: {name!r} answers no call.",
            provider=self._provider,
        )

    def _medium(self, part: Json) -> Media:
        data: Json = part.get("inlineData") or part.get("fileData") or {}
        medium = medium_of(data, provider=self._provider)
        level = _level(part)
        return replace(medium, detail=_WORDS[level]) if level and isinstance(medium, Image) else medium


def _level(part: Json) -> str | None:
    """How closely to look, where that is all that `mediaResolution` says."""
    match part.get("mediaResolution"):
        case {"level": str() as level, **rest} if level in _WORDS and not rest:
            return level
        case _:
            return None


def _answer(parts: list[Part]) -> AssistantMessage:
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    settled = [
        replace(part, outcome=Lost()) if isinstance(part, ToolCall) and part.outcome.kind == "pending" else part
        for part in parts
    ]
    return AssistantMessage(tuple(settled), finish="tool_calls" if has_calls else "stop")
