"""The `messages` of Chat Completions -> our messages: histories that were kept in OpenAI's form, by whomever.

A call and the tool message that answers it become one record; a call that nobody answered is Lost.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, cast

from pydantic_core import to_json

from agentkit.errors import BadRequestError, MediaError
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Finish,
    Lost,
    Media,
    Message,
    Opaque,
    Outcome,
    Part,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)
from agentkit.providers.openai.chat_messages import CANCELLED_BEFORE, CANCELLED_WITHIN, DENIED, FAILED, LOST

__all__ = ["leading_instructions", "messages_from_chat", "read_text", "refuse"]

_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_PART_KEYS = frozenset(
    {"type", "text", "image_url", "input_audio", "file", "document_url", "video_url", "refusal", "thinking", "closed"}
)


def messages_from_chat(messages: Iterable[object], *, provider: str = "openai") -> list[Message]:
    """An existing conversation in OpenAI's form as our messages. Raises BadRequestError for what is no conversation.

    Messages may be mappings or objects of the official client. System messages stay where they are.
    """
    reader = _HistoryReader(provider)
    for position, message in enumerate(messages):
        reader.read(_plain(message), position)
    return reader.finish()


def leading_instructions(messages: list[Any]) -> tuple[str, list[Any]]:
    """The system messages at the start as instructions, and the other messages."""
    count = 0
    while count < len(messages) and _role(messages[count]) in ("system", "developer"):
        count += 1
    return "\n\n".join(read_text(message.get("content")) for message in messages[:count]), messages[count:]


def read_text(content: Any) -> str:
    """The text of a `content`: a text itself, or a list with text parts."""
    if isinstance(content, str):
        return content
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    return "".join(_string(part.get("text")) for part in _dicts(parts))


def refuse(message: str, *, provider: str = "openai", param: str | None = None) -> NoReturn:
    """Refuse a request as the provider would."""
    raise BadRequestError(
        message,
        provider=provider,
        status=400,
        error_type="invalid_request_error",
        param=param,
        code="invalid_value",
    )


class _HistoryReader:
    """Reads one conversation in order."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._origin = f"{provider}:chat"
        self._messages: list[Message] = []
        self._answer = -1  # position of the latest assistant message
        self._ids: list[str] = []  # the ids of its calls, in order
        self._outcomes: dict[int, Outcome] = {}

    def read(self, message: Any, position: int) -> None:
        where = f"messages[{position}]"
        role = _role(message)
        match role:
            case "user":
                self._messages.append(UserMessage(tuple(self._parts(message.get("content"), where))))
            case "system" | "developer":
                data = ProviderData(self._origin, {"role": role})
                self._messages.append(UserMessage((Text(read_text(message.get("content")), provider_data=data),)))
            case "assistant":
                self._close()
                self._read_assistant(message, where)
            case "tool" | "function":
                self._read_result(message, where)
            case _:
                refuse(
                    f"{where} has the role {role!r}; roles are system, developer, user, assistant and tool",
                    provider=self._provider,
                    param=f"{where}.role",
                )

    def finish(self) -> list[Message]:
        self._close()
        return self._messages

    def _close(self) -> None:
        """Settle the calls of the latest assistant message."""
        if self._answer < 0:
            return
        message = self._messages[self._answer]
        if isinstance(message, AssistantMessage) and self._ids:
            outcomes = {number: self._outcomes.get(number, Lost()) for number in range(len(self._ids))}
            self._messages[self._answer] = message.with_outcomes(outcomes)
        self._answer, self._ids, self._outcomes = -1, [], {}

    def _read_assistant(self, message: dict[str, Any], where: str) -> None:
        parts: list[Part] = []
        self._read_thinking(message, parts)
        self._read_said(message.get("content"), parts)
        if refusal := message.get("refusal"):
            parts.append(Text(_string(refusal), True))
        if id := _dict(message.get("audio")).get("id"):
            parts.append(Text("", provider_data=ProviderData(self._origin, {"audio": {"id": id}})))
        wire_calls = _dicts(message.get("tool_calls"))
        if function := message.get("function_call"):
            wire_calls.append({"function": function})
        calls = [self._call(call, where) for call in wire_calls]
        finish: Finish = "tool_calls" if calls else "refusal" if refusal else "stop"
        self._answer = len(self._messages)
        self._ids = [call.id for call in calls]
        self._messages.append(AssistantMessage((*parts, *calls), finish=finish))

    def _read_thinking(self, message: dict[str, Any], parts: list[Part]) -> None:
        text = _string(message.get("reasoning_content") or message.get("reasoning"))
        details = message.get("reasoning_details")
        if details:
            said = text or "".join(_string(detail.get("text")) for detail in _dicts(details))
            parts.append(Thinking(said, ProviderData(self._origin, {"reasoning_details": details})))
        elif text:
            parts.append(Thinking(text))

    def _read_said(self, content: Any, parts: list[Part]) -> None:
        if isinstance(content, str):
            if content:
                parts.append(Text(content))
            return
        for chunk in _dicts(content):
            match chunk.get("type"):
                case "thinking":
                    kept = {"signature": chunk["signature"]} if chunk.get("signature") else None
                    text = read_text(chunk.get("thinking"))
                    parts.append(Thinking(text, ProviderData(self._origin, kept) if kept else None))
                case "refusal":
                    parts.append(Text(_string(chunk.get("refusal")), True))
                case _:
                    if text := _string(chunk.get("text")):
                        parts.append(Text(text))

    def _call(self, call: dict[str, Any], where: str) -> ToolCall:
        function = _dict(call.get("function"))
        name, arguments = function.get("name"), function.get("arguments")
        if not isinstance(name, str) or not name:
            refuse(f"{where} has a tool call without a function name", provider=self._provider, param=where)
        text = arguments if isinstance(arguments, str) else "" if arguments is None else to_json(arguments).decode()
        kept = {key: value for key, value in call.items() if key not in ("id", "type", "function", "index") and value}
        data = ProviderData(self._origin, kept) if kept else None
        return ToolCall(_string(call.get("id")), name, text, Lost(), data)

    def _read_result(self, message: dict[str, Any], where: str) -> None:
        id = _string(message.get("tool_call_id"))
        answer = self._messages[self._answer] if self._answer >= 0 else None
        calls = answer.calls if isinstance(answer, AssistantMessage) else ()
        name = message.get("name")
        open_calls = ((number, call) for number, call in enumerate(calls) if number not in self._outcomes)
        if id:
            found = (number for number, call in open_calls if call.id == id)
        else:  # the older "function" role, and servers that know no ids
            found = (number for number, call in open_calls if name in (None, call.name))
        number = next(found, None)
        if number is None:
            refuse(
                f"{where} answers the call {id!r}, which the assistant message before it did not make",
                provider=self._provider,
                param=f"{where}.tool_call_id",
            )
        self._outcomes[number] = self._outcome(message.get("content"), where)

    def _outcome(self, content: Any, where: str) -> Outcome:
        if isinstance(content, list):
            parts = self._parts(content, where)
            media = tuple(part for part in parts if isinstance(part, Media))
            return Returned("".join(part.text for part in parts if isinstance(part, Text)), media)
        text = read_text(content)
        if text == LOST:
            return Lost()
        if text in (CANCELLED_BEFORE, CANCELLED_WITHIN):
            return Cancelled(started=text == CANCELLED_WITHIN)
        if text.startswith(DENIED.rstrip()):
            return Denied(text[len(DENIED) :])
        return Failed(text[len(FAILED) :]) if text.startswith(FAILED) else Returned(text)

    def _parts(self, content: Any, where: str) -> list[Part]:
        if isinstance(content, str):
            return [Text(content)]
        if not isinstance(content, list):
            refuse(f"{where} needs a content: text, or a list of parts", provider=self._provider, param=where)
        try:
            return [self._part(part) for part in _dicts(cast("list[Any]", content))]
        except (MediaError, binascii.Error) as error:
            refuse(f"{where} cannot be read: {error}", provider=self._provider, param=where)

    def _part(self, part: dict[str, Any]) -> Part:
        kept = {key: value for key, value in part.items() if key not in _PART_KEYS and value is not None}
        data = ProviderData(self._origin, kept) if kept else None
        match part.get("type"):
            case "text":
                return Text(_string(part.get("text")), provider_data=data)
            case "image_url":
                image = part.get("image_url")
                detail = _dict(image).get("detail")
                return Image(Image.from_url(_url(image)).source, detail, data)
            case "input_audio":
                audio = _dict(part.get("input_audio"))
                media_type = _AUDIO_TYPES.get(_string(audio.get("format")), "audio/wav")
                sound = base64.b64decode(_string(audio.get("data")), validate=True)
                return Audio(Inline(sound, media_type), data)
            case "file" if _dict(part.get("file")):
                return self._document(_dict(part["file"]), data)
            case "document_url":
                return Document(Document.from_url(_url(part.get("document_url"))).source, provider_data=data)
            case "video_url":
                return Video(Video.from_url(_url(part.get("video_url"))).source, data)
            case _:
                return Opaque(ProviderData(self._origin, part))

    def _document(self, file: dict[str, Any], data: ProviderData | None) -> Document:
        filename = file.get("filename")
        if id := file.get("file_id"):
            return Document(Uploaded(_string(id), self._provider), filename, data)
        url = _string(file.get("file_data"))
        if not url.startswith(("data:", "http:", "https:")):
            url = f"data:application/pdf;base64,{url}"
        return Document(Document.from_url(url).source, filename, data)


def _plain(message: Any) -> Any:
    """A message as a dict: people keep `completion.choices[0].message` in their histories, which is an object."""
    if isinstance(message, Mapping):
        return dict(cast("Mapping[str, Any]", message))
    dump = getattr(message, "model_dump", None)
    return dump(exclude_none=True) if callable(dump) else message


def _role(message: Any) -> Any:
    return _dict(message).get("role")


def _url(value: Any) -> str:
    """An address, bare (Mistral) or in an object."""
    return value if isinstance(value, str) else _string(_dict(value).get("url"))


def _dicts(value: Any) -> list[dict[str, Any]]:
    items = cast("list[Any]", value) if isinstance(value, list) else []
    return [{"type": "text", "text": item} if isinstance(item, str) else _dict(item) for item in items]


def _dict(value: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
