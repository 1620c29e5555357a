"""The server half of a format of one text in and one text out, as its JsonForm describes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast
from urllib.parse import unquote

from pydantic_core import to_json

from agentkit.codec import HttpReply, WireRequest
from agentkit.errors import ExchangeError
from agentkit.exchange import Delta, PartFinished, Request, Response, ResponseFinished, TextDelta
from agentkit.json_value import json_value
from agentkit.messages import Text, user_message
from agentkit.providers.aws.converse_history import refusal
from agentkit.providers.aws.converse_server import ConverseServer
from agentkit.providers.aws.event_stream import part
from agentkit.providers.aws.text_forms import JsonForm, Knob, Places, value_at
from agentkit.settings import Settings
from agentkit.usage import Usage

__all__ = ["BytesServer", "BytesWriter", "TextServer", "TextWriter"]

Json = dict[str, Any]

_PROMPT = "message"
"""Where the question stands in forms that take a conversation apart."""
_PART_BYTES = 5
_METRICS = "amazon-bedrock-invocationMetrics"


class TextServer:
    """Reads what TextCodec writes, and writes what it reads. The model stands in the body, put there by the host."""

    def __init__(self, form: JsonForm, *, name: str) -> None:
        self.name = name
        self._form = form

    def read(self, request: WireRequest) -> Request:
        """The Request that a client sent. Raises BadRequestError for what the model would refuse."""
        try:
            value = json_value(request.body)
        except ValueError as error:
            raise refusal(f"The request body is no valid JSON: {error}") from error
        body = cast("Json", value) if isinstance(value, dict) else {}
        field = self._form.prompt if isinstance(self._form.prompt, str) else _PROMPT
        prompt = body.get(field)
        if not isinstance(prompt, str):
            raise refusal(f"Malformed input request: required key [{field}] not found, please reformat your input.")
        knobs = body.get(self._form.within) if self._form.within else body
        given = cast("Json", knobs) if isinstance(knobs, dict) else {}
        asked: Json = {
            knob: _checked(name, given[name], knob)
            for knob, name in self._form.knobs.items()
            if given.get(name) is not None
        }
        return Request(
            str(body.get("model", "")),
            (user_message(prompt),),
            settings=Settings(**asked),
            is_streamed=bool(body.get("stream")),
        )

    def write(self, response: Response) -> HttpReply:
        """A whole reply."""
        said = (response.text, _word(response.finish_raw, response.finish), response.usage)
        return HttpReply(200, to_json(_reply(self._form.reply, *said)))

    def stream_writer(self) -> TextWriter:
        """A writer of one streamed reply."""
        return TextWriter(self._form.piece or self._form.reply)

    def write_error(self, error: ExchangeError) -> HttpReply:
        """An error as the service would report it."""
        return ConverseServer().write_error(error)


def _checked(name: str, value: Any, knob: Knob) -> Any:
    """A setting of a request. Raises BadRequestError for one of another type."""
    match knob, value:
        case "stop", list() if all(isinstance(each, str) for each in cast("list[Any]", value)):
            return tuple(cast("list[str]", value))
        case ("temperature" | "top_p", int() | float()) | ("max_output_tokens" | "seed", int()) if value is not True:
            return value
        case _:
            raise refusal(f"Malformed input request: {name}: expected another type than {type(value).__name__}")


class TextWriter:
    """Writes one streamed reply as server-sent events; see StreamWriter."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._text: list[str] = []

    def write(self, deltas: Iterable[Delta]) -> bytes:
        """The bytes of these deltas; the end of the stream follows a ResponseFinished."""
        events: list[Json] = []
        for delta in deltas:
            match delta:
                case TextDelta(text, _, False):
                    self._text.append(text)
                    events.append(_piece(self._places, text))
                case PartFinished(Text(text)) if not self._text:
                    self._text.append(text)
                    events.append(_piece(self._places, text))
                case ResponseFinished(finish, raw, usage):
                    events.append(self._last(_word(raw, finish), usage))
                case _:
                    continue
        return b"".join(b"data: " + to_json(event) + b"\n\n" for event in events)

    def _last(self, word: str, usage: Usage) -> Json:
        event = _reply(self._places, "", word, usage)
        if self._places.ends and self._places.ends != self._places.output:
            _put(event, self._places.ends, "".join(self._text))
        counted = {"inputTokenCount": usage.input, "outputTokenCount": usage.output}
        return {**event, _METRICS: {**counted, "invocationLatency": 1, "firstByteLatency": 1}}


class BytesServer:
    """Text in and text out as bare bytes, as a container of one's own may speak: what BytesForm writes and reads."""

    name = "sagemaker:bytes"

    def read(self, request: WireRequest) -> Request:
        """The Request that a client sent. Raises BadRequestError for what is no text."""
        _, endpoint, function = request.path.partition("?")[0].rsplit("/", 2)
        try:
            prompt = request.body.decode()
        except UnicodeDecodeError as error:
            raise refusal("The request body is no text") from error
        if not prompt:
            raise refusal("The request body is empty")
        return Request(unquote(endpoint), (user_message(prompt),), is_streamed=function.endswith("response-stream"))

    def write(self, response: Response) -> HttpReply:
        """A whole reply."""
        return HttpReply(200, response.text.encode(), (("content-type", "text/plain; charset=utf-8"),))

    def stream_writer(self) -> BytesWriter:
        """A writer of one streamed reply."""
        return BytesWriter()

    def write_error(self, error: ExchangeError) -> HttpReply:
        """An error as the service would report it."""
        return ConverseServer().write_error(error)


class BytesWriter:
    """Writes one streamed reply as parts that are cut within letters; see StreamWriter."""

    def __init__(self) -> None:
        self._is_told = False

    def write(self, deltas: Iterable[Delta]) -> bytes:
        """The bytes of these deltas."""
        frames: list[bytes] = []
        for delta in deltas:
            match delta:
                case TextDelta(text, _, False):
                    self._is_told = True
                    data = text.encode()
                    frames += [part(data[at : at + _PART_BYTES]) for at in range(0, len(data), _PART_BYTES)]
                case PartFinished(Text(text)) if not self._is_told:
                    self._is_told = True
                    frames.append(part(text.encode()))
                case _:
                    continue
        return b"".join(frames)


def _piece(places: Places, text: str) -> Json:
    event = Json()
    _put(event, places.text, text)
    for place in (places.finish, places.ends):
        if len(place) == 1:
            _put(event, place, None)
    return event


def _reply(places: Places, text: str, word: str, usage: Usage) -> Any:
    reply: Any = [] if places.text[0] == 0 else {}
    told: Mapping[tuple[str | int, ...], Any] = {
        places.text: text,
        places.finish: word,
        places.input: usage.input + usage.cache_read + usage.cache_write,
        places.output: usage.total_output,
    }
    for place, value in told.items():
        if place:
            _put(reply, place, value)
    return reply


def _put(holder: Any, place: tuple[str | int, ...], value: Any) -> None:
    """Write a value to a place; what leads there is made on the way, lists with one entry."""
    for number, step in enumerate(place):
        is_last = number == len(place) - 1
        found: Any = None if is_last else value_at(holder, (step,))
        if found is None:
            found = value if is_last else list[Any]() if isinstance(place[number + 1], int) else Json()
            if isinstance(step, int):
                holder.append(found)
            else:
                holder[step] = found
        holder = found


def _word(raw: str, finish: str) -> str:
    return raw or {"length": "length", "content_filter": "content_filtered"}.get(finish, "stop")
