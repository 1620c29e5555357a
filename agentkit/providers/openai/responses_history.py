"""Input items of the Responses format as messages: the way back of `responses_input`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from agentkit.errors import BadRequestError
from agentkit.media import (
    Audio,
    Document,
    Image,
    Inline,
    ProviderData,
    Remote,
    Source,
    Uploaded,
    media_type_of,
)
from agentkit.messages import (
    AssistantMessage,
    Media,
    Message,
    Opaque,
    Outcome,
    Part,
    Returned,
    Text,
    ToolCall,
    UserMessage,
)
from agentkit.providers.openai.responses_input import AUDIO_FORMATS, default_filename
from agentkit.providers.openai.responses_output import objects, parts_of
from agentkit.providers.openai.responses_words import content_of, outcome_of
from agentkit.waiting_calls import WaitingCalls

__all__ = ["HistoryReader"]

_OUTPUTS = ("function_call_output", "custom_tool_call_output")
_ROLES = ("user", "system", "developer", "assistant")
_TEXTS = ("input_text", "output_text", "text", "summary_text")
_MEDIA_TYPES = {name: media_type for media_type, name in reversed(AUDIO_FORMATS.items())}

Json = Mapping[str, Any]


class HistoryReader:
    """Reads items one after the other; calls wait for their outputs, wherever those stand."""

    def __init__(self, provider: str, *, is_continued: bool = False) -> None:
        self._provider = provider
        self._origin = f"{provider}:responses"
        self._is_continued = is_continued  # earlier items lie at the provider
        self._turns: list[UserMessage | list[Part]] = []  # what a user said | the parts of an answer
        self._open = WaitingCalls()
        self._is_answered = False  # an output came: the next item of the model begins a new answer
        self.instructions = ""
        """The leading system messages, once `messages_after_instructions` has parted them from the rest."""

    def read(self, items: Iterable[Json]) -> None:
        """Take these items. Raises BadRequestError for what the service would refuse."""
        for position, item in enumerate(items):
            where = f"input[{position}]"
            if not isinstance(item, dict):  # pyright: ignore[reportUnnecessaryIsInstance] - it comes from outside
                raise _refusal(f"Invalid type for '{where}': expected an object.", where)
            kind = item.get("type") or "message"
            if kind in _OUTPUTS:
                self._take_output(item, where)
            elif kind != "message":
                self._take_parts(parts_of(item, self._origin))
            elif item.get("role") == "assistant":
                parts = parts_of({"type": "message", **item}, self._origin)
                # Clients replay empty answers beside calls; nothing was said.
                self._take_parts([part for part in parts if part != Text("")])
            elif item.get("role") in _ROLES:
                self._turns.append(UserMessage(self._user_parts(item, where)))
            else:
                found = item.get("role")
                raise _refusal(
                    f"Invalid value: {found!r}. Supported values are: {', '.join(map(repr, _ROLES))}.", where
                )

    def messages(self) -> list[Message]:
        """All messages. A call that no output came for is Lost."""
        self._open.lose()
        return [turn if isinstance(turn, UserMessage) else _answer(turn) for turn in self._turns]

    def messages_after_instructions(self) -> list[Message]:
        """The messages without the leading system messages of plain text, which are then the instructions."""
        messages = self.messages()
        leading: list[str] = []
        while len(messages) > 1 and (text := self._plain_system(messages[0])):
            leading.append(text)
            messages.pop(0)
        self.instructions = "\n\n".join(leading)
        return messages

    def _plain_system(self, message: Message) -> str:
        """The text of a system message that is nothing but text; else empty."""
        texts = [part for part in message.parts if isinstance(part, Text) and part.provider_data is not None]
        if not isinstance(message, UserMessage) or len(texts) != len(message.parts):
            return ""
        is_plain = all(text.provider_data and set(text.provider_data.value) == {"role"} for text in texts)
        return "\n\n".join(text.text for text in texts) if is_plain else ""

    def _take_parts(self, parts: Sequence[Part]) -> None:
        if not parts:
            return
        last = self._turns[-1] if self._turns else None
        if not isinstance(last, list) or self._is_answered:
            last = list[Part]()
            self._turns.append(last)
            self._is_answered = False
        for part in parts:
            last.append(part)
            self._open.add(last)

    def _take_output(self, item: Json, where: str) -> None:
        id = item.get("call_id") or ""
        if self._open.settle(id, lambda call: replace(call, outcome=self._outcome(item.get("output"), where))):
            self._is_answered = True
            return
        if not self._is_continued:
            raise _refusal(f"No tool call found for function call output with call_id {id}.", where)
        self._turns.append(UserMessage((Opaque(ProviderData(self._origin, dict(item))),)))

    def _outcome(self, output: object, where: str) -> Outcome:
        if isinstance(output, str):
            return outcome_of(output)
        if not isinstance(output, list):
            return Returned(output)
        parts = [self._part(piece, where) for piece in objects(cast("list[Any]", output))]
        texts = [part.text for part in parts if isinstance(part, Text)]
        media = tuple(part for part in parts if isinstance(part, Media))
        if not media and len(texts) == 1:
            return outcome_of(texts[0])
        return Returned(content_of("\n".join(texts)) if texts else None, media)

    def _user_parts(self, item: Json, where: str) -> tuple[Part, ...]:
        content, role = item.get("content"), item["role"]
        value = {} if role == "user" else {"role": role}
        if isinstance(content, str):
            return (Text(content, provider_data=ProviderData(self._origin, value) if value else None),)
        if not isinstance(content, list):
            raise _refusal(f"Missing required parameter: '{where}.content'.", where)
        return tuple(self._part(piece, where, value) for piece in objects(cast("list[Any]", content)))

    def _part(self, piece: Json, where: str, value: Mapping[str, Any] | None = None) -> Text | Image | Audio | Document:
        kind = piece.get("type")
        extras = {key: entry for key, entry in piece.items() if key not in _OWN_KEYS.get(str(kind), _TEXT_KEYS)}
        extras = {key: entry for key, entry in extras.items() if entry}
        if kind in _TEXTS:
            value = {**(value or {}), **({"part": extras} if extras else {})}
            data = ProviderData(self._origin, value) if value else None
            return Text(str(piece.get("text") or ""), provider_data=data)
        data = ProviderData(self._origin, {"part": extras}) if extras else None
        match piece:
            case {"type": "input_image"}:
                detail = piece.get("detail")
                source = self._source(piece, where, "image_url", name="")
                return Image(source, detail if detail in ("low", "high", "original") else None, data)
            case {"type": "input_file"}:
                name = piece.get("filename")
                source = self._source(piece, where, "file_data", name=name or "")
                is_default = isinstance(source, Inline) and name == default_filename(source.media_type)
                return Document(source, None if is_default or not isinstance(source, Inline) else name, data)
            case {"type": "input_audio", "input_audio": {"data": str() as encoded, "format": str() as form}}:
                return Audio(_inline(encoded, _MEDIA_TYPES.get(form, f"audio/{form}"), where), data)
            case _:
                known = "'input_text', 'input_image', 'input_file', 'input_audio'"
                raise _refusal(f"Invalid value: {kind!r}. Supported values are: {known}.", f"{where}.content")

    def _source(self, piece: Json, where: str, field: str, *, name: str) -> Source:
        if file_id := piece.get("file_id"):
            return Uploaded(file_id, self._provider)
        if url := piece.get("file_url"):
            return Remote(url)
        value = piece.get(field)
        if not isinstance(value, str) or not value:
            raise _refusal(f"Missing required parameter: '{where}.content.{field}'.", f"{where}.content")
        if not value.startswith("data:"):
            if field == "image_url":
                return Remote(value)
            plain = _inline(value, "", where)
            return Inline(plain.data, media_type_of(plain.data, name) or "application/pdf")
        head, _, encoded = value[5:].partition(",")
        if not head.endswith(";base64"):
            return Remote(value)
        return _inline(encoded, head.partition(";")[0] or "application/octet-stream", where)


_TEXT_KEYS = frozenset({"type", "text", "annotations", "logprobs"})
_OWN_KEYS: dict[str, frozenset[str]] = {
    "input_image": frozenset({"type", "image_url", "file_id", "detail"}),
    "input_file": frozenset({"type", "file_data", "file_id", "file_url", "filename"}),
    "input_audio": frozenset({"type", "input_audio"}),
}


def _answer(parts: list[Part]) -> AssistantMessage:
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    return AssistantMessage(tuple(parts), finish="tool_calls" if has_calls else "stop")


def _inline(encoded: str, media_type: str, where: str) -> Inline:
    try:
        return Inline(base64.b64decode(encoded + "=" * (-len(encoded) % 4)), media_type)
    except (binascii.Error, ValueError) as error:
        raise _refusal(f"Invalid base64 in '{where}.content': {error}.", f"{where}.content") from error


def _refusal(message: str, param: str) -> BadRequestError:
    return BadRequestError(message, status=400, error_type="invalid_request_error", param=param)
