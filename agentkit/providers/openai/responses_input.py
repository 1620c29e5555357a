"""Messages as input items of the Responses format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, assert_never

from pydantic_core import from_json

from agentkit.errors import UnsupportedError
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded, Video
from agentkit.messages import Media, Message, Opaque, Outcome, Part, Returned, Text, Thinking, ToolCall, UserMessage
from agentkit.providers.openai.chat_messages import outcome_text
from agentkit.schema.names import map_names
from agentkit.switching import left_out, not_shown, refusal_of, stand_in, system_role, unique_id, was_answered

__all__ = [
    "AUDIO_FORMATS",
    "InputWriter",
    "ReasoningKept",
    "call_item",
    "default_filename",
    "message_item",
    "own_value",
]

AUDIO_FORMATS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
"""Sound that the format carries: MIME type -> its name on the wire."""


Item = dict[str, Any]

ReasoningKept: TypeAlias = Literal["all", "encrypted", "none"]
"""Which reasoning goes back: what is stored needs no copy, the rest an encrypted one; some models refuse it all."""


def own_value(data: ProviderData | None, origin: str) -> Mapping[str, Any]:
    """What this format attached to a part itself; empty for what others attached."""
    return data.value if data is not None and data.origin == origin else {}


def default_filename(media_type: str) -> str:
    """The name sent for a document that has none: the service wants one."""
    return f"document.{media_type.rpartition('/')[2].partition('+')[0] or 'bin'}"


def message_item(texts: Sequence[Text], origin: str) -> Item:
    """An assistant's message item, of parts that share its id."""
    shared = {key: value for key, value in own_value(texts[0].provider_data, origin).items() if key != "part"}
    content: list[Item] = []
    for text in texts:
        extras = own_value(text.provider_data, origin).get("part", {})
        if text.is_refusal:
            content.append({"type": "refusal", "refusal": text.text, **extras})
        else:
            content.append({"type": "output_text", "text": text.text, "annotations": [], **extras})
    return {"type": "message", "role": "assistant", "status": "completed", **shared, "content": content}


def call_item(call: ToolCall, origin: str, *, call_id: str, name: str) -> Item:
    """The item of a call: a function's, or a custom tool's when it came as one."""
    value = own_value(call.provider_data, origin)
    if value.get("type") == "custom_tool_call":
        return {**value, "call_id": call_id, "name": name, "input": _custom_input(call.arguments)}
    return {"type": "function_call", **value, "call_id": call_id, "name": name, "arguments": call.arguments or "{}"}


class InputWriter:
    """Writes the messages of one request, in order; it remembers the call ids it has given out."""

    __slots__ = ("_former", "_may_fail", "_messages", "_names", "_origin", "_provider", "_reasoning", "notes", "taken")

    def __init__(
        self,
        origin: str,
        provider: str,
        *,
        names: Mapping[str, str],
        reasoning: ReasoningKept,
        taken: Iterable[str] = (),
        may_fail: bool = True,
    ) -> None:
        self._origin = origin
        self._provider = provider
        self._former: dict[str, str] = {}  # the same for tools that are not offered any more
        self._may_fail = may_fail  # media in the turn at hand are refused, instead of named
        self._messages: Sequence[Message] = ()  # those being written
        self._names = names  # our name of a tool -> its name on the wire
        self._reasoning = reasoning
        self.taken = set(taken)
        """The call ids given out so far."""
        self.notes: set[str] = set()
        """What could not be sent as it was."""

    def items(self, messages: Sequence[Message]) -> list[Item]:
        """The input items of these messages."""
        items: list[Item] = []
        self._messages = messages
        for message in messages:
            items += self._user(message) if isinstance(message, UserMessage) else self._assistant(message.parts)
        return items

    def _user(self, message: UserMessage) -> list[Item]:
        parts = message.parts
        if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].provider_data is None:
            return [{"role": "user", "content": parts[0].text}]
        items: list[Item] = []
        content: list[Item] = []
        role = "user"
        for part in parts:
            match part:
                case Text(text, _, data):
                    role = system_role(part) or role
                    content.append({"type": "input_text", "text": text, **self._extras(data)})
                case Image() | Audio() | Document() | Video():
                    content.append(self._shown(part, message))
                case Opaque(data) if data.origin == self._origin:
                    items.append(dict(data.value))
                case Opaque():
                    self.notes.add(left_out(part))
                case Thinking() | ToolCall():
                    continue
                case _:
                    assert_never(part)
        return [*items, {"role": role, "content": content}] if content else items

    def _assistant(self, parts: Sequence[Part]) -> list[Item]:
        if len(parts) == 1 and isinstance(parts[0], Text) and parts[0].text and parts[0].provider_data is None:
            return [{"role": "assistant", "content": parts[0].text}]
        thoughts, keeps_ids = self._thoughts(parts)
        items: list[Item] = []
        outputs: list[Item] = []
        shown: list[Item] = []  # media that the model made: the wire takes them from users only
        texts: list[Text] = []
        for at, part in enumerate(parts):
            if texts and not self._belongs(part, texts[0]):
                items.append(message_item(texts, self._origin))
                texts = []
            match part:
                case Text(text, _, data):
                    value = own_value(data, self._origin)
                    if value.get("id") and keeps_ids:
                        texts.append(part)
                    elif text:
                        phase = {"phase": value["phase"]} if "phase" in value else {}
                        items.append({"role": "assistant", "content": text, **phase})
                case Thinking():
                    if at in thoughts:
                        items.append(thoughts[at])
                    elif not own_value(part.provider_data, self._origin):
                        self.notes.add(left_out(part))
                case ToolCall():
                    call, output = self._call(part, keeps_ids=keeps_ids)
                    items.append(call)
                    outputs.append(output)
                case Opaque(data):
                    if data.origin == self._origin:
                        items.append(dict(data.value))
                    else:
                        self.notes.add(left_out(part))
                case Image() | Audio() | Document() | Video():
                    shown.append(self._shown(part))
                case _:
                    assert_never(part)
        if texts:
            items.append(message_item(texts, self._origin))
        return [*items, *outputs, *([{"role": "user", "content": shown}] if shown else [])]

    def _thoughts(self, parts: Sequence[Part]) -> tuple[dict[int, Item], bool]:
        """The reasoning items that can be sent, by position, and whether the items beside them may keep their ids.

        The service refuses an item with an id whose reasoning is missing, and reasoning that leads to no item.
        """
        own = [
            (at, part.provider_data.value)
            for at, part in enumerate(parts)
            if isinstance(part, Thinking) and part.provider_data and part.provider_data.origin == self._origin
        ]
        if not own:
            return {}, True
        last_item = max((at for at, part in enumerate(parts) if self._is_followable(part)), default=-1)
        sent = {at: dict(item) for at, item in own if at < last_item and self._is_readable(item)}
        return sent, len(sent) == len(own)

    def _is_followable(self, part: Part) -> bool:
        """Whether the part becomes an item that reasoning may lead to."""
        if isinstance(part, Opaque):
            return part.provider_data.origin == self._origin
        return isinstance(part, ToolCall) or (isinstance(part, Text) and bool(part.text or part.provider_data))

    def _belongs(self, part: Part, first: Text) -> bool:
        """Whether the part is a piece of the same message item."""
        if not isinstance(part, Text):
            return False
        ids = [own_value(text.provider_data, self._origin).get("id") for text in (part, first)]
        return ids[0] == ids[1]

    def _is_readable(self, item: Mapping[str, Any]) -> bool:
        return self._reasoning == "all" or (self._reasoning == "encrypted" and bool(item.get("encrypted_content")))

    def _call(self, call: ToolCall, *, keeps_ids: bool) -> tuple[Item, Item]:
        id = unique_id(call.id, self.taken, word="call", notes=self.notes)
        item = call_item(call, self._origin, call_id=id, name=self._name(call.name))
        if not keeps_ids:
            item.pop("id", None)
        output = {"type": f"{item['type']}_output", "call_id": id, "output": self._output(call.outcome)}
        if "caller" in item:  # a program that runs at the provider made the call
            output["caller"] = item["caller"]
        return item, output

    def _name(self, name: str) -> str:
        """The name on the wire; calls of tools that are no longer offered have to be legal too."""
        known = self._names.get(name) or self._former.get(name)
        if known is None:
            known = self._former[name] = map_names([name], "openai")[name]
        return known

    def _output(self, outcome: Outcome) -> str | list[Item]:
        if not isinstance(outcome, Returned) or not outcome.media:
            return outcome_text(outcome)
        pieces: list[Item] = []
        if outcome.content is not None:
            pieces.append({"type": "input_text", "text": outcome_text(outcome)})
        return [*pieces, *(self._shown(medium, is_returned=True) for medium in outcome.media)]

    def _shown(self, part: Media, message: UserMessage | None = None, *, is_returned: bool = False) -> Item:
        """The item of a medium, or words in its place, but for the turn at hand.

        A run must not end because a tool returned a sound.
        """
        try:
            if not (is_returned and isinstance(part, Audio)):  # results carry pictures and files only
                return self._medium(part)
        except UnsupportedError as error:
            if message is not None and self._may_fail and not was_answered(message, self._messages):
                raise refusal_of(error) from error
        self.notes.add(not_shown(part))
        return {"type": "input_text", "text": stand_in(part, is_returned=is_returned)}

    def _medium(self, part: Media) -> Item:
        match part:
            case Image(source, detail, data):
                where = {"file_id": self._file_id(source)} if isinstance(source, Uploaded) else _image_url(source)
                return {"type": "input_image", **where, "detail": detail or "auto", **self._extras(data)}
            case Document(source, filename, data):
                return {"type": "input_file", **self._file(source, filename), **self._extras(data)}
            case Audio(source, data):
                return {"type": "input_audio", "input_audio": _sound(source), **self._extras(data)}
            case Video():
                raise UnsupportedError("OpenAI's Responses API takes no video; send single frames as images")
            case _:
                assert_never(part)

    def _file(self, source: Inline | Remote | Uploaded, filename: str | None) -> Item:
        match source:
            case Inline(_, media_type):
                return {"filename": filename or default_filename(media_type), "file_data": source.data_url}
            case Remote(url):
                return {"file_url": url}
            case Uploaded():
                return {"file_id": self._file_id(source)}
            case _:
                assert_never(source)

    def _file_id(self, source: Uploaded) -> str:
        if source.provider != self._provider:
            raise UnsupportedError(
                f"the file {source.file_id!r} lies at {source.provider!r}, {self._provider!r} cannot read it; "
                "send the bytes (from_file, from_bytes) or upload it there too"
            )
        return source.file_id

    def _extras(self, data: ProviderData | None) -> Mapping[str, Any]:
        return own_value(data, self._origin).get("part", {})


def _image_url(source: Inline | Remote) -> Item:
    return {"image_url": source.data_url if isinstance(source, Inline) else source.url}


def _sound(source: Inline | Remote | Uploaded) -> Item:
    if not isinstance(source, Inline) or source.media_type not in AUDIO_FORMATS:
        found = source.media_type if isinstance(source, Inline) else type(source).__name__.lower()
        raise UnsupportedError(f"OpenAI's Responses API takes sound as bytes of WAV or MP3, not {found}; convert it")
    return {"data": source.base64, "format": AUDIO_FORMATS[source.media_type]}


def _custom_input(arguments: str) -> str:
    """The free text of a custom tool's call, which we keep as the argument `input`."""
    try:
        value = from_json(arguments)
    except ValueError:
        return arguments
    match value:
        case {"input": str() as text}:
            return text
        case _:
            return arguments
