"""What a model answered in generateContent: content parts as parts, an answer object as a Response.

Whole and streamed answers are put together by the same `AnswerReader`, so that both give the same Response.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import to_json

from agentkit.errors import BadRequestError, ContentFilteredError, ExchangeError, ProtocolError
from agentkit.exchange import (
    Delta,
    PartFinished,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.media import ProviderData
from agentkit.messages import Finish, Opaque, Part, Text, Thinking, ToolCall
from agentkit.providers.google.errors import error_in_reply
from agentkit.providers.google.media import medium_of
from agentkit.providers.google.partial_arguments import PartialArguments
from agentkit.usage import Usage, count_of

__all__ = [
    "CANDIDATE_DETAILS", "CONTINUATION", "FINISHES", "MALFORMED", "REPLY_DETAILS", "USAGE_DETAILS", "AnswerReader",
    "objects", "part_of", "usage_of",
]  # fmt: skip

MALFORMED = "malformed_arguments"
"""Key under which arguments that are no JSON object are sent back: `args` has to be one."""

CONTINUATION = "continuationToken"
"""What an answer that was paused gives along, and what the next request has to hold."""

FINISHES: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "paused",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
"""Why an answer ended; any other reason is "other". There is none for tool calls."""

# With `enum-encoding=int` reasons come as numbers; above these the two services count differently.
_NUMBERED = {1: "STOP", 2: "MAX_TOKENS", 3: "SAFETY", 4: "RECITATION"}

_BROKEN: dict[str, type[ExchangeError]] = {
    "MALFORMED_FUNCTION_CALL": ProtocolError,
    "MALFORMED_RESPONSE": ProtocolError,
    "UNEXPECTED_TOOL_CALL": ProtocolError,
    "MISSING_THOUGHT_SIGNATURE": BadRequestError,
}
"""Reasons that mean there is no answer."""

CANDIDATE_DETAILS = (
    "finishMessage", "groundingMetadata", "urlContextMetadata", "citationMetadata", "safetyRatings", "logprobsResult",
    "avgLogprobs",
)  # fmt: skip
"""Fields of a candidate that are kept as `Response.details`."""
REPLY_DETAILS = ("promptFeedback", "modelStatus")
"""Fields of the reply that are kept there."""
USAGE_DETAILS = {"serviceTier": "service_tier", "trafficType": "trafficType"}
"""Fields of its usage that are kept there, and under which name."""


_PIECE = frozenset({"content", "index"})
"""What a candidate holds that has more to come."""


def part_of(part: Mapping[str, Any], origin: str) -> Part | None:
    """Our part; None for an empty one. What stands beside the data, above all a signature, is kept with it."""
    if (call := part.get("functionCall")) is not None:
        data = _data(part, ("functionCall",), origin)
        return ToolCall(call.get("id") or "", call.get("name") or "", _arguments(call.get("args")), provider_data=data)
    if (text := part.get("text")) is not None:
        if part.get("thought"):
            data = _data(part, ("text", "thought"), origin)
            return Thinking(text, data) if text or data else None
        data = _data(part, ("text", "thought"), origin)
        return Text(text, provider_data=data) if text or data else None
    for name in ("inlineData", "fileData"):
        if name in part:
            provider = origin.partition(":")[0]
            return medium_of(part[name], provider=provider, provider_data=_data(part, (name,), origin))
    return Opaque(ProviderData(origin, dict(part))) if any(part.values()) else None


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Usage in disjoint buckets: this format counts cached tokens inside the prompt, thoughts outside the answer."""
    read = count_of(usage.get("cachedContentTokenCount"))
    prompt = count_of(usage.get("promptTokenCount")) + count_of(usage.get("toolUsePromptTokenCount"))
    return Usage(
        max(prompt - read, 0),
        read,
        0,
        count_of(usage.get("candidatesTokenCount")),
        count_of(usage.get("thoughtsTokenCount")),
    )


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; nothing where there is no list."""
    found = cast("list[Any]", value) if isinstance(value, list) else []
    return [entry for entry in found if isinstance(entry, dict)]


class AnswerReader:
    """Reads the answer objects of one reply: the only one of a whole reply, or each of a stream."""

    __slots__ = (
        "_details",
        "_has_calls",
        "_is_begun",
        "_next",
        "_open",
        "_open_index",
        "_origin",
        "_partial",
        "_raw",
        "_started",
        "_usage",
        "provider",
    )

    def __init__(self, origin: str, provider: str) -> None:
        self.provider = provider
        self._origin = origin
        self._started = ResponseStarted()
        self._is_begun = False
        self._next = 0
        self._open: type[TextDelta | ThinkingDelta] | None = None  # what plain pieces of text are added to
        self._open_index = 0
        self._partial: PartialArguments | None = None  # a call whose arguments still come
        self._has_calls = False
        self._raw = ""
        self._usage: Mapping[str, Any] = {}
        self._details: dict[str, Any] = {}

    @property
    def model(self) -> str:
        """The model that answers, as far as is known."""
        return self._started.model

    @property
    def is_complete(self) -> bool:
        """Whether the answer said why it ended."""
        return bool(self._raw)

    @property
    def is_begun(self) -> bool:
        """Whether a candidate came."""
        return self._is_begun

    def read(self, reply: Mapping[str, Any], deltas: list[Delta]) -> None:
        """Add the deltas of one answer object. Raises the error that it reports."""
        if (error := reply.get("error")) is not None:
            raise error_in_reply({"error": error}, provider=self.provider, model=self.model)
        self._start(reply, deltas)
        if isinstance(usage := reply.get("usageMetadata"), dict):
            self._usage = cast("dict[str, Any]", usage)
        for name in REPLY_DETAILS:
            if value := reply.get(name):
                self._details[name] = value
        feedback = reply.get("promptFeedback")
        if feedback and feedback.get("blockReason") and not reply.get("candidates"):
            raise self._blocked(feedback)
        for candidate in reply.get("candidates") or ():
            if not candidate.get("index"):  # others are other answers to the same question
                self._candidate(candidate, deltas)

    def finish(self) -> list[Delta]:
        """The last deltas. Raises what a reason means that is no answer."""
        deltas: list[Delta] = []
        self._end_call(deltas)
        if (failure := _BROKEN.get(self._raw)) is not None:
            said = self._details.get("finishMessage") or "the provider gave no message"
            raise failure(
                f"the model's answer is unusable: {said}", provider=self.provider, model=self.model, status=200,
                code=self._raw, body=dict(self._details),
            )  # fmt: skip
        for name, kept in USAGE_DETAILS.items():
            if value := self._usage.get(name):
                self._details[kept] = value
        finish = FINISHES.get(self._raw, "other")
        if self._has_calls and finish in ("stop", "other"):
            finish = "tool_calls"
        deltas.append(ResponseFinished(finish, self._raw, usage_of(self._usage), self._details))
        return deltas

    def _start(self, reply: Mapping[str, Any], deltas: list[Delta]) -> None:
        id, model = reply.get("responseId"), reply.get("modelVersion")
        if id == self._started.response_id and model == self._started.model:
            return
        started = ResponseStarted(id or self._started.response_id, model or self._started.model)
        if started != self._started:
            self._started = started
            deltas.append(started)

    def _blocked(self, feedback: Mapping[str, Any]) -> ContentFilteredError:
        reason = str(feedback["blockReason"])
        said = feedback.get("blockReasonMessage") or "the provider refused to answer the prompt"
        return ContentFilteredError(
            f"{said} (blockReason {reason})", provider=self.provider, model=self.model, status=200, code=reason,
            body={"promptFeedback": dict(feedback)},
        )  # fmt: skip

    def _candidate(self, candidate: Mapping[str, Any], deltas: list[Delta]) -> None:
        self._is_begun = True
        content = candidate.get("content")
        if content:
            for part in content.get("parts") or ():
                self._part(part, deltas)
        if content is not None and candidate.keys() <= _PIECE:
            return
        if (raw := candidate.get("finishReason")) is not None:
            self._raw = _NUMBERED.get(raw, str(raw)) if isinstance(raw, int) else str(raw)
        for name in CANDIDATE_DETAILS:
            if value := candidate.get(name):
                self._details[name] = value
        if token := candidate.get(CONTINUATION):
            self._add(Opaque(ProviderData(self._origin, {CONTINUATION: token})), deltas)

    def _part(self, part: Mapping[str, Any], deltas: list[Delta]) -> None:
        # Nearly every part of a stream is a plain piece of text.
        if len(part) == 1 and "text" in part and self._partial is None:
            if part["text"]:
                self._piece(part["text"], TextDelta, deltas)
            return
        call = part.get("functionCall")
        if call is not None and self._takes(call):
            self._continue_call(part, call, deltas)
            return
        found = part_of(part, self._origin)
        if found is None:
            return
        self._end_call(deltas)
        match found:
            case Text(text, _, None):
                self._piece(text, TextDelta, deltas)
            case Thinking(text, None):
                self._piece(text, ThinkingDelta, deltas)
            case _:
                self._add(found, deltas)

    def _piece(self, text: str, kind: type[TextDelta | ThinkingDelta], deltas: list[Delta]) -> None:
        if text.__class__ is not str:
            raise TypeError("a piece of text has to be a text")
        if self._open is not kind:
            self._open = kind
            self._open_index = self._fresh()
        deltas.append(kind(text, self._open_index))

    def _add(self, part: Part, deltas: list[Delta]) -> None:
        """A part that came whole, and is never joined with another."""
        self._open = None
        index = self._fresh()
        match part:
            case Text(text) if text:
                deltas.append(TextDelta(text, index))
            case Thinking(text) if text:
                deltas.append(ThinkingDelta(text, index))
            case ToolCall(id, name, arguments, _, data):
                self._has_calls = True
                deltas.append(ToolCallDelta(arguments, index, id, name))
                if data is None:
                    return
            case _:
                pass
        deltas.append(PartFinished(part, index))

    def _fresh(self) -> int:
        self._next += 1
        return self._next - 1

    def _takes(self, call: Mapping[str, Any]) -> bool:
        """Whether the call begins or goes on in pieces."""
        if call.get("willContinue") or call.get("partialArgs"):
            return True
        return self._partial is not None and not call.get("name")

    def _continue_call(self, part: Mapping[str, Any], call: Mapping[str, Any], deltas: list[Delta]) -> None:
        if call.get("name") or self._partial is None:
            self._end_call(deltas)
            self._open = None
            self._has_calls = True
            index = self._fresh()
            id, name = call.get("id") or "", call.get("name") or ""
            data = _data(part, ("functionCall",), self._origin)
            self._partial = PartialArguments(index, ToolCall(id, name, "", provider_data=data), call.get("args"))
            deltas.append(ToolCallDelta("", index, id, name))
        for piece in call.get("partialArgs") or ():
            self._partial.add(piece)
        if not call.get("willContinue"):
            self._end_call(deltas)

    def _end_call(self, deltas: list[Delta]) -> None:
        if self._partial is not None:
            deltas.append(PartFinished(self._partial.call(), self._partial.index))
            self._partial = None


def _arguments(args: object) -> str:
    """The arguments of a call as text: compact JSON, what was no JSON as it was written, nothing as {}."""
    match args:
        case {"malformed_arguments": str() as text} if len(cast("dict[str, Any]", args)) == 1:
            return text
        case None | "":
            return "{}"
        case _:
            return to_json(args, inf_nan_mode="strings").decode()


def _data(part: Mapping[str, Any], left_out: tuple[str, ...], origin: str) -> ProviderData | None:
    if len(part) == 1:
        return None
    value = {key: value for key, value in part.items() if key not in left_out and value}
    return ProviderData(origin, value) if value else None
