"""How models and containers that take one text and give one are spoken to, as data.

A JsonForm says which fields of a JSON object hold the prompt and the settings, and where in the reply the text stands;
a BytesForm turns bytes into bytes with two functions. The forms of models behind Bedrock are in invoke_families.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, TypeAlias, cast

from agentkit.exchange import Request
from agentkit.frozen import frozen
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.providers.aws.chat_templates import PLAIN, ChatTemplate, Conversation
from agentkit.providers.aws.converse_knobs import laid_over
from agentkit.settings import Settings
from agentkit.switching import SEED_LEFT_OUT, STOP_LEFT_OUT
from agentkit.transport.sse import MAX_EVENT_BYTES
from agentkit.usage import count_of

__all__ = ["PIPELINE", "TGI", "BytesForm", "JsonForm", "Places", "Said", "TextForm", "value_at"]

Json = dict[str, Any]
Step: TypeAlias = "str | int"
Place: TypeAlias = tuple[Step, ...]
"""Where something stands: names of fields and numbers in lists, such as ("results", 0, "outputText")."""

Knob: TypeAlias = Literal["max_output_tokens", "temperature", "top_p", "stop", "seed"]

_METRICS = "amazon-bedrock-invocationMetrics"
_DETAILS: Mapping[str, str] = {"amazon-bedrock-guardrailAction": "guardrailAction", "amazon-bedrock-trace": "trace"}
_LEFT_OUT: Mapping[Knob, str] = {"seed": SEED_LEFT_OUT, "stop": STOP_LEFT_OUT}


@frozen
class Said:
    """What a reply, or a piece of a streamed one, says."""

    text: str = ""
    finish: str = ""
    """Why it ended, in the model's own word."""
    input: int | None = None
    """Tokens of the prompt; None where this piece does not say."""
    output: int | None = None
    is_last: bool = False
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: Mapping[str, Any] | None = None
    """An error reported in the place of an answer."""


@frozen
class Places:
    """Where things stand in a reply."""

    text: Place
    finish: Place = ()
    input: Place = ()
    output: Place = ()
    ends: Place = ()
    """What is null, or not there, in all pieces of a stream but the last. Without this and `finish` the end of the
    bytes is the end of the answer: nothing tells that it was cut."""
    hidden: Place = ()
    """What is true of a piece whose text is none of the answer's, such as a token that ends it."""


@frozen
class JsonForm:
    """JSON in, JSON out; a stream is one JSON object a line, with or without "data:" before it."""

    reply: Places
    prompt: str | Callable[[Conversation], Json] = "prompt"
    """The field that holds the conversation as one text; or what makes several fields of the conversation."""
    within: str = ""
    """The field whose object holds the settings; empty where they stand beside the prompt."""
    knobs: Mapping[Knob, str] = field(default_factory=dict[Knob, str])
    """Settings -> their fields; a setting that is not there is left out, and noted."""
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields that every request has."""
    streamed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Fields that a request for a stream has besides."""
    piece: Places | None = None
    """Where things stand in a piece of a stream; None: as in a whole reply."""
    template: ChatTemplate = PLAIN
    takes_schema: bool = False
    """Whether `grammar` holds the answer to a schema, as with TGI."""
    content_type: str = "application/json"

    def write(
        self, request: Request, conversation: Conversation, *, extra: Mapping[str, Any], notes: set[str]
    ) -> bytes:
        """The body of a request."""
        stop = self.template.stops_of(conversation) if isinstance(self.prompt, str) and "stop" in self.knobs else ()
        settings = self._settings(request, stop, notes)
        if callable(self.prompt):
            body = self.prompt(conversation)
        else:
            body = {self.prompt: self.template.written(conversation)}
        body = laid_over(body, self.fixed)
        if settings:
            body = laid_over(body, {self.within: settings} if self.within else settings)
        if request.is_streamed:
            body |= self.streamed
        return json_bytes(laid_over(body, extra))

    def read(self, body: bytes) -> Said:
        """What a whole reply says. Raises ValueError, KeyError, TypeError for what makes no sense."""
        reply: Any = json_value(body)
        if isinstance(reply, list) and self.reply.text[:1] != (0,):  # several containers wrap their answer
            reply = cast("list[Any]", reply)[0]
        elif isinstance(reply, dict) and self.reply.text[:1] == (0,):
            reply = [cast("Json", reply)]
        return _said(reply, self.reply, is_whole=True)

    def pieces(self) -> LineReader:
        """A reader of one streamed reply."""
        return LineReader(self.piece or self.reply)

    def _settings(self, request: Request, stop: Sequence[str], notes: set[str]) -> Json:
        settings, found = request.settings, Json()
        asked: Mapping[Knob, Any] = {
            "max_output_tokens": settings.max_output_tokens,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "stop": [*(settings.stop or ()), *stop] or None,
            "seed": settings.seed,
        }
        for knob, value in asked.items():
            if value is None:
                continue
            if name := self.knobs.get(knob):
                found[name] = value
            else:
                notes.add(_LEFT_OUT.get(knob) or f"left out {knob}: this format has none")
        if request.output is not None and self.takes_schema:
            found["grammar"] = {"type": "json", "value": dict(request.output.schema)}
        return found


@frozen
class BytesForm:
    """Bytes in, bytes out, by functions of your own; without them the prompt and the answer are UTF-8 text."""

    write_prompt: Callable[[str, Settings], bytes] | None = None
    """The body of a request, of the prompt and the settings."""
    read_answer: Callable[[bytes], str] | None = None
    """The answer in the body of a reply; a streamed one is read when it is whole. ValueError says it makes no sense."""
    content_type: str = "text/plain; charset=utf-8"
    template: ChatTemplate = PLAIN
    takes_schema = False

    def write(
        self, request: Request, conversation: Conversation, *, extra: Mapping[str, Any], notes: set[str]
    ) -> bytes:
        """The body of a request."""
        prompt = self.template.written(conversation)
        return self.write_prompt(prompt, request.settings) if self.write_prompt is not None else prompt.encode()

    def read(self, body: bytes) -> Said:
        """What a whole reply says."""
        text = self.read_answer(body) if self.read_answer is not None else body.decode()
        return Said(text, is_last=True)

    def pieces(self) -> BytesReader:
        """A reader of one streamed reply."""
        return BytesReader(self)


TextForm: TypeAlias = JsonForm | BytesForm


class LineReader:
    """Reads a stream that is one JSON object a line, or server-sent events, in any split."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._kept = bytearray()  # the beginning of a line whose end has not come

    def feed(self, chunk: bytes) -> Iterator[Said]:
        """What the lines say that are complete now. Raises ValueError, KeyError, TypeError."""
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = bytes(self._kept) + lines[0]
            self._kept.clear()
        _keep(self._kept, rest)
        return (said for line in lines if (said := self._line(line)) is not None)

    def finish(self) -> Iterator[Said]:
        """What a last line says that has no end."""
        said = self._line(bytes(self._kept))
        if said is not None:
            yield said
        if not self._places.finish and not self._places.ends:
            yield Said(is_last=True)

    def _line(self, line: bytes) -> Said | None:
        line = line.strip()
        if line.startswith((b"event:", b"id:", b"retry:", b":")):
            return None
        line = line.removeprefix(b"data:").strip()
        if not line or line == b"[DONE]":
            return None
        return _said(json_value(line), self._places, is_whole=False)


class BytesReader:
    """Reads a stream of bytes: text as it comes, anything else when it is whole."""

    def __init__(self, form: BytesForm) -> None:
        self._form = form
        self._kept = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Said]:
        """The letters that are complete now."""
        _keep(self._kept, chunk)
        if self._form.read_answer is not None:
            return
        end = _whole_letters(self._kept)
        text = self._kept[:end].decode()
        del self._kept[:end]
        if text:
            yield Said(text)

    def finish(self) -> Iterator[Said]:
        """What is left."""
        yield self._form.read(bytes(self._kept))


def _keep(kept: bytearray, more: bytes) -> None:
    """Raises ValueError for more than an event of a stream may have."""
    kept += more
    if len(kept) > MAX_EVENT_BYTES:
        raise ValueError(f"a piece is larger than {MAX_EVENT_BYTES} bytes")


def value_at(value: Any, place: Sequence[Step]) -> Any:
    """What stands there; None where nothing does."""
    for step in place:
        match value, step:
            case dict(), str():
                value = cast("Json", value).get(step)
            case list(), int() if step < len(cast("list[Any]", value)):
                value = cast("list[Any]", value)[step]
            case _:
                return None
    return value


def _said(reply: Any, places: Places, *, is_whole: bool) -> Said:
    """What a reply says. Raises TypeError where its text is none."""
    text, finish = value_at(reply, places.text), _found(reply, places.finish)
    head = _object_in(reply)
    metrics, error = head.get(_METRICS), head.get("error")
    if text is None and error:
        return Said(error={"message": error if isinstance(error, str) else value_at(error, ("message",)) or str(error)})
    if not isinstance(text, str) and (text is not None or is_whole):
        where = ".".join(str(step) for step in places.text)
        raise TypeError(f"there is no text at {where}")
    if places.hidden and value_at(reply, places.hidden) is True:
        text = ""
    counted = (_found(reply, places.input), _found(reply, places.output))
    if isinstance(metrics, dict):
        told = cast("Json", metrics)
        counted = (told.get("inputTokenCount", counted[0]), told.get("outputTokenCount", counted[1]))
    ends = bool(finish) or metrics is not None or _found(reply, places.ends) is not None
    return Said(
        text or "",
        finish if isinstance(finish, str) else "",
        None if counted[0] is None else count_of(counted[0]),
        None if counted[1] is None else count_of(counted[1]),
        is_whole or ends,
        {name: head[field] for field, name in _DETAILS.items() if head.get(field)},
    )


def _found(reply: Any, place: Place) -> Any:
    """What stands there, if there is such a place."""
    return value_at(reply, place) if place else None


def _object_in(reply: Any) -> Json:
    if isinstance(reply, list) and reply:
        reply = cast("list[Any]", reply)[0]
    return cast("Json", reply) if isinstance(reply, dict) else {}


def _whole_letters(data: bytearray) -> int:
    """How many bytes are whole letters of UTF-8; what is broken counts, so that it is found out."""
    for back in range(1, min(4, len(data)) + 1):
        first = data[-back]
        if first & 0xC0 == 0x80:
            continue
        wanted = 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2 if first >= 0xC0 else 1
        return len(data) - back if wanted > back else len(data)
    return len(data)


_TGI_KNOBS: Mapping[Knob, str] = {
    "max_output_tokens": "max_new_tokens", "temperature": "temperature", "top_p": "top_p", "stop": "stop",
    "seed": "seed",
}  # fmt: skip
TGI = JsonForm(
    Places((0, "generated_text"), (0, "details", "finish_reason"), (0, "details", "input_length"),
           (0, "details", "generated_tokens")),
    prompt="inputs",
    within="parameters",
    knobs=_TGI_KNOBS,
    fixed={"parameters": {"return_full_text": False, "details": True}},
    streamed={"stream": True},
    piece=Places(("token", "text"), ("details", "finish_reason"), ("details", "input_length"),
                 ("details", "generated_tokens"), ends=("generated_text",), hidden=("token", "special")),
    takes_schema=True,
)  # fmt: skip
"""Text-generation-inference's own format."""
PIPELINE = JsonForm(
    Places((0, "generated_text")),
    prompt="inputs",
    within="parameters",
    knobs={knob: name for knob, name in _TGI_KNOBS.items() if knob not in ("stop", "seed")},
    fixed={"parameters": {"return_full_text": False}},
)
"""A pipeline of transformers, which refuses what only text-generation-inference knows."""
