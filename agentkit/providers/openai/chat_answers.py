"""Answers of Chat Completions -> deltas. A whole reply is read as a stream of one event, so both give equal Responses.

Servers that imitate OpenAI differ most in here: where thinking stands, how calls are told apart, when usage comes, what
an end looks like. Everything seen so far is survived without being told which server it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from agentkit.assemble import Slots
from agentkit.errors import ProtocolError
from agentkit.exchange import (
    Delta,
    PartFinished,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
)
from agentkit.media import ProviderData
from agentkit.messages import Finish, Text, Thinking
from agentkit.providers.openai.chat_calls import CallReader
from agentkit.providers.openai.chat_tags import ThinkTags
from agentkit.providers.openai.errors import error_in_stream
from agentkit.usage import Usage, count_of

__all__ = ["CHOICE_DETAILS", "MESSAGE_DETAILS", "REPLY_DETAILS", "AnswerReader", "usage_of"]

_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
    "insufficient_system_resource": "error",
}

REPLY_DETAILS = ("service_tier", "provider", "citations", "search_results", "prompt_filter_results")
"""Keys of a reply that go into `Response.details`."""
CHOICE_DETAILS = ("native_finish_reason", "content_filter_results")
_AT_THE_END = CHOICE_DETAILS[:1]
"""Of these, what comes once; Azure says with every piece what its filter found."""
MESSAGE_DETAILS = ("annotations", "executed_tools")

_GROWING = ("text", "summary", "data")
"""Keys of a thinking detail whose texts come in pieces."""


class AnswerReader:
    """Reads the decoded events of one answer; `finish` gives the last deltas."""

    __slots__ = (
        "_audio_id",
        "_calls",
        "_details",
        "_finish",
        "_id",
        "_model",
        "_origin",
        "_refusal",
        "_slots",
        "_tags",
        "_tail",
        "_text",
        "_thinking",
        "_thoughts",
        "_usage",
        "has_ended",
        "is_whole",
    )  # fmt: skip

    def __init__(self, *, origin: str, tags: Literal["none", "tagged", "opened"]) -> None:
        self.is_whole = False
        """Whether the event is a whole reply."""
        self._origin = origin
        self._tags = None if tags == "none" else ThinkTags(is_opened=tags == "opened")
        self._id = ""
        self._model = ""
        self._slots = Slots()
        self._text = -1
        self._thinking = -1
        self._refusal = -1
        self._thoughts: dict[int, _Thought] = {}  # index of the part -> what has to go back with it
        self._calls = CallReader(self._slots)
        self._usage: dict[str, Any] | None = None
        self._details: dict[str, Any] = {}
        self._audio_id: str | None = None
        self._tail: dict[str, Any] = {}
        self._finish: str | None = None
        self.has_ended = False
        """Whether a reason for the end was given."""

    def read(self, event: dict[str, Any], deltas: list[Delta]) -> None:
        """Add the deltas of one event. Raises the typed error that it reports, ProtocolError for another shape."""
        try:
            self._read(event, deltas)
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise ProtocolError(
                f"an answer of an unexpected shape came: {error}", provider=self.provider, status=200, body=event
            ) from error

    @property
    def provider(self) -> str:
        """Who answers."""
        return self._origin.partition(":")[0]

    def _read(self, event: dict[str, Any], deltas: list[Delta]) -> None:
        if event.get("error"):
            raise error_in_stream(event, provider=self.provider, model=self._model)
        if not (self._id and self._model):
            self._start(event, deltas)
        if usage := event.get("usage"):
            self._usage = usage
        self._tail = event
        choices = event.get("choices")
        if not choices:
            self._keep(event, REPLY_DETAILS)  # Azure begins a stream with what it found in the prompt
            return
        for choice in choices:
            if choice.get("index"):
                continue  # a second candidate; one answer was asked for
            # Perplexity sends both: in a stream `message` holds all so far, in a whole reply `delta` is empty.
            if not self.is_whole and "delta" in choice:
                if delta := choice["delta"]:
                    self._read_piece(delta, deltas, is_whole=False)
            elif message := choice.get("message"):
                self._read_piece(message, deltas, is_whole=True)
            if found := choice.get("content_filter_results"):
                self._keep_filtered(found)
            if choice.get("finish_reason") is not None or choice.get("error"):
                self._end(choice, event)

    def _start(self, event: dict[str, Any], deltas: list[Delta]) -> None:
        id, model = self._id or _text(event.get("id")), self._model or _text(event.get("model"))
        if (id, model) != (self._id, self._model):
            self._id, self._model = id, model
            deltas.append(ResponseStarted(id, model))

    def _read_piece(self, piece: dict[str, Any], deltas: list[Delta], *, is_whole: bool) -> None:
        if len(piece) == 1 and self._tags is None:  # most pieces of a stream hold text alone, or calls alone
            content = piece.get("content")
            if content.__class__ is str:
                if content:
                    self._say(content, deltas)
                return
            if calls := piece.get("tool_calls"):
                for call in calls:
                    self._calls.read(call, deltas, is_whole=is_whole)
                return
        if reasoning := piece.get("reasoning_content") or piece.get("reasoning"):
            self._think(_text(reasoning), deltas)
            self._thoughts[self._thinking].is_plain = True
        if details := piece.get("reasoning_details"):
            self._keep_details(details, deltas)
        if content := piece.get("content"):
            if content.__class__ is not str:
                self._read_chunks(content, deltas)
            elif self._tags is None:
                self._say(content, deltas)
            else:
                self._say_tagged(self._tags.feed(content), deltas)
        if refusal := _text(piece.get("refusal")):
            if self._refusal < 0:
                self._refusal = self._slots.fresh()
            deltas.append(TextDelta(refusal, self._refusal, True))
        if calls := piece.get("tool_calls"):
            for call in calls:
                self._calls.read(call, deltas, is_whole=is_whole)
        if call := piece.get("function_call"):
            self._calls.read({"index": "function_call", "function": call}, deltas, is_whole=is_whole)
        if audio := piece.get("audio"):
            self._read_audio(audio, deltas)
        for name in MESSAGE_DETAILS:
            if found := piece.get(name):
                self._details[name] = found

    def _say(self, text: str, deltas: list[Delta]) -> None:
        if self._text < 0:
            self._text = self._slots.fresh()
        deltas.append(TextDelta(text, self._text))

    def _think(self, text: str, deltas: list[Delta]) -> None:
        if self._thinking < 0:
            self._thinking = self._slots.fresh()
            self._thoughts[self._thinking] = _Thought()
        if text:
            self._thoughts[self._thinking].texts.append(text)
            deltas.append(ThinkingDelta(text, self._thinking))

    def _say_tagged(self, pieces: list[tuple[bool, str]], deltas: list[Delta]) -> None:
        for is_thinking, text in pieces:
            (self._think if is_thinking else self._say)(text, deltas)

    def _read_chunks(self, chunks: list[Any], deltas: list[Delta]) -> None:
        """Mistral's typed parts inside `content`; thinking behind text begins a new part, as it does in the list."""
        for chunk in chunks:
            if isinstance(chunk, str):
                self._say(chunk, deltas)
            elif chunk.get("type") == "thinking":
                if self._text > self._thinking:
                    self._text = self._thinking = -1
                thinking = chunk.get("thinking") or ()
                self._think("".join(_text(piece.get("text")) for piece in thinking), deltas)
                kept = {key: value for key, value in chunk.items() if key == "signature" and value}
                self._thoughts[self._thinking].data.update(kept)
            elif text := _text(chunk.get("text")):
                self._say(text, deltas)

    def _keep_details(self, details: list[dict[str, Any]], deltas: list[Delta]) -> None:
        """OpenRouter's signed thinking, which goes back unchanged; streamed pieces of one detail share an index."""
        is_plain = self._thinking >= 0 and self._thoughts[self._thinking].is_plain  # its text stands in `reasoning` too
        self._think("" if is_plain else "".join(_text(detail.get("text")) for detail in details), deltas)
        kept: list[dict[str, Any]] = self._thoughts[self._thinking].data.setdefault("reasoning_details", [])
        pieces = self._thoughts[self._thinking].pieces
        for detail in details:
            last = kept[-1] if kept else {}
            is_next = (last.get("index"), last.get("type")) == (detail.get("index"), detail.get("type"))
            if not is_next or detail.get("index") is None:
                kept.append(dict(detail))
                pieces.append({key: [value] for key in _GROWING if isinstance(value := detail.get(key), str)})
                continue
            for key, value in detail.items():
                if key in _GROWING and isinstance(value, str):
                    pieces[-1].setdefault(key, []).append(value)
                elif value is not None:
                    last[key] = value

    def _read_audio(self, audio: dict[str, Any], deltas: list[Delta]) -> None:
        """A spoken answer: its transcript is the text; its id is what goes back."""
        self._audio_id = self._audio_id or audio.get("id")
        if transcript := _text(audio.get("transcript")):
            self._say(transcript, deltas)

    def _end(self, choice: dict[str, Any], event: dict[str, Any]) -> None:
        if choice.get("error"):  # OpenRouter reports a provider's failure inside the choice
            raise error_in_stream({"error": choice["error"]}, provider=self.provider, model=self._model)
        self._finish = _text(choice["finish_reason"])
        self.has_ended = True
        self._keep(choice, _AT_THE_END)
        self._keep(event, REPLY_DETAILS)
        usage = choice.get("usage") or _object(event.get("x_groq")).get("usage")  # Moonshot, Groq
        if usage and not self._usage:
            self._usage = usage

    def _keep_filtered(self, found: dict[str, Any]) -> None:
        """What Azure found in this piece of the answer; of each category the verdict that counts is kept."""
        known: dict[str, Any] = self._details.setdefault("content_filter_results", {})
        for category, verdict in found.items():
            if not _object(known.get(category)).get("filtered"):
                known[category] = verdict

    def _keep(self, source: dict[str, Any], names: tuple[str, ...]) -> None:
        for name in names:
            if found := source.get(name):
                self._details[name] = found

    def finish(self) -> list[Delta]:
        """The last deltas: parts that carry data of the provider, and the end."""
        deltas: list[Delta] = []
        if self._tags is not None:
            self._say_tagged(self._tags.finish(), deltas)
        for slot, thought in self._thoughts.items():
            if thought.data:
                thought.join_details()
                data = ProviderData(self._origin, thought.data)
                deltas.append(PartFinished(Thinking("".join(thought.texts), data), slot))
        deltas += self._calls.finish(self._origin)
        if self._audio_id:
            audio = ProviderData(self._origin, {"audio": {"id": self._audio_id}})
            deltas.append(PartFinished(Text("", provider_data=audio), self._slots.fresh()))
        self._keep(self._tail, REPLY_DETAILS)
        cost = _object(self._usage).get("cost")
        if isinstance(cost, int | float):
            self._details["cost_usd"] = cost
        finish: Finish = _FINISHES.get(self._finish or "", "other")
        if finish in ("stop", "other") and self._calls.is_any:
            finish = "tool_calls"  # many servers say "stop" all the same
        elif finish == "stop" and self._refusal >= 0:
            finish = "refusal"
        deltas.append(ResponseFinished(finish, self._finish or "", usage_of(self._usage), self._details))
        return deltas


class _Thought:
    """What has to go back with one part of thinking."""

    __slots__ = ("data", "is_plain", "pieces", "texts")

    def __init__(self) -> None:
        self.is_plain = False
        self.texts: list[str] = []
        self.data: dict[str, Any] = {}
        self.pieces: list[dict[str, list[str]]] = []  # of each of its details: the texts that came in pieces

    def join_details(self) -> None:
        """Put the texts of details together, which is done once: they may be long."""
        for detail, texts in zip(self.data.get("reasoning_details", ()), self.pieces, strict=True):
            detail.update({key: "".join(pieces) for key, pieces in texts.items()})


def usage_of(raw: object) -> Usage:
    """Usage in disjoint buckets: cached and thinking tokens stand inside the totals, except thinking at xAI."""
    usage = _object(raw)
    if not usage:
        return Usage()
    prompt_details = _object(usage.get("prompt_tokens_details"))
    prompt, completion = count_of(usage.get("prompt_tokens")), count_of(usage.get("completion_tokens"))
    asked = prompt
    cached = count_of(
        prompt_details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or usage.get("num_cached_tokens")
    )  # OpenAI; DeepSeek; Mistral
    written = count_of(prompt_details.get("cache_write_tokens"))
    if cached + written <= prompt:
        prompt -= cached + written  # else they cannot stand inside: Grok at Azure counts them apart (seen 2026)
    details = _object(usage.get("completion_tokens_details"))
    reasoning = count_of(details.get("reasoning_tokens") or usage.get("reasoning_tokens"))
    if reasoning > 0 and count_of(usage.get("total_tokens")) != asked + completion + reasoning:
        reasoning = min(reasoning, completion)
        completion -= reasoning
    return Usage(prompt, cached, written, completion, reasoning)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
