"""Messages of the Messages format as ours: the way back of `messages_input`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from agentkit.errors import BadRequestError
from agentkit.media import Document, Image, Inline, ProviderData, Remote, Source, Uploaded
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
from agentkit.providers.anthropic.messages_output import objects, part_of
from agentkit.providers.anthropic.outcomes import content_of, outcome_of
from agentkit.waiting_calls import WaitingCalls

__all__ = ["HistoryReader", "refusal"]

_OWN_KEYS = {
    "text": frozenset({"type", "text", "cache_control"}),
    "image": frozenset({"type", "source", "cache_control"}),
    "document": frozenset({"type", "source", "title", "cache_control"}),
}
_SOURCES = frozenset({"base64", "url", "file", "text"})
_ROLES = ("user", "assistant", "system")

Json = Mapping[str, Any]


def refusal(message: str) -> BadRequestError:
    """What the service answers to a request that it cannot read."""
    return BadRequestError(message, status=400, error_type="invalid_request_error")


class HistoryReader:
    """Reads messages one after the other; neighbours of one role are one message, as the service takes them."""

    def __init__(self, provider: str, *, is_strict: bool) -> None:
        self._provider = provider
        self._origin = f"{provider}:messages"
        self._is_strict = is_strict  # refuse what the service refuses; else take somebody's history as it is
        self._turns: list[tuple[str, list[Part]]] = []  # role and parts
        self._open = WaitingCalls()
        self._last_role = ""

    def read(self, messages: Iterable[Json]) -> list[Message]:
        """These messages. Raises BadRequestError for what the service would refuse."""
        for position, message in enumerate(messages):
            where = f"messages.{position}"
            role = message.get("role") if isinstance(message, dict) else None  # pyright: ignore[reportUnnecessaryIsInstance] - it comes from outside
            if role not in _ROLES:
                raise refusal(f"{where}.role: Input should be 'user', 'assistant' or 'system'")
            blocks = _blocks(message.get("content"), where)
            if role == "assistant":
                self._take_answer(blocks, where)
            else:
                self._take_said(role, blocks, where)
            self._last_role = role
        self._close("messages")
        return [_message(role, parts) for role, parts in self._turns if parts]

    def _take_answer(self, blocks: Sequence[Json], where: str) -> None:
        if self._last_role != "assistant":
            self._close(where)
            self._turns.append(("assistant", []))
        parts = self._turns[-1][1]
        for block in blocks:
            if block.get("type") in ("image", "document") and not self._is_strict:
                part = self._said(block, where, {})
            else:
                part = part_of(block, self._origin)
            if part is None:
                continue
            parts.append(part)
            self._open.add(parts)

    def _take_said(self, role: str, blocks: Sequence[Json], where: str) -> None:
        if self._last_role != role or not self._turns or self._turns[-1][0] != role:
            self._turns.append((role, []))
        said = self._turns[-1][1]
        for number, block in enumerate(blocks):
            at = f"{where}.content.{number}"
            if block.get("type") == "tool_result":
                self._take_result(block, at)
            else:
                part = self._said(block, at, {"role": "system"} if role == "system" else {})
                said += [part] if part is not None else []
        if role == "user" and blocks:
            self._close(where)

    def _take_result(self, block: Json, where: str) -> None:
        id = block.get("tool_use_id") or ""
        if not self._open.settle(id, lambda call: self._answered(call, block, where)):
            raise refusal(
                f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must "
                "have a corresponding `tool_use` block in the previous message."
            )

    def _close(self, where: str) -> None:
        """Calls that nothing answered in the very next message."""
        if self._is_strict and self._open.ids:
            ids = ", ".join(self._open.ids)
            raise refusal(f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: {ids}.")
        self._open.lose()

    def _answered(self, call: ToolCall, block: Json, where: str) -> ToolCall:
        content, is_error = block.get("content"), bool(block.get("is_error"))
        if content is None or isinstance(content, str):
            return replace(call, outcome=outcome_of(content or "", is_error=is_error))
        pieces = objects(content)
        parts = [self._said(piece, where, {}) for piece in pieces]
        texts = [part.text for part in parts if isinstance(part, Text)]
        media = tuple(part for part in parts if isinstance(part, Media))
        outcome: Outcome
        if is_error or not media:
            outcome = outcome_of("\n".join(texts), is_error=is_error)
        else:
            outcome = Returned(content_of("\n".join(texts)) if texts else None, media)
        # How we write it: one plain text at the most, then media.
        is_plain = all(part.provider_data is None for part in parts if isinstance(part, Text))
        is_ours = len(texts) <= 1 and is_plain and tuple(parts[len(texts) :]) == media
        if is_ours or is_error:
            return replace(call, outcome=outcome)
        kept = [{key: value for key, value in piece.items() if key != "cache_control"} for piece in pieces]
        own = call.provider_data.value if call.provider_data is not None else {}
        return replace(call, outcome=outcome, provider_data=ProviderData(self._origin, {**own, "result": kept}))

    def _said(self, block: Json, where: str, shared: Json) -> Part | None:
        """The part of a block that no model made."""
        kind = block.get("type")
        extras = {key: value for key, value in block.items() if key not in _OWN_KEYS.get(str(kind), ()) and value}
        data = ProviderData(self._origin, {**shared, **extras}) if shared or extras else None
        source = block.get("source")
        has_source = isinstance(source, dict) and cast("Json", source).get("type") in _SOURCES
        match kind:
            case "text":
                text = block.get("text") or ""
                if not text and self._is_strict:
                    raise refusal(f"{where}: text content blocks must be non-empty")
                return Text(text, provider_data=data) if text else None
            case "image" if has_source:
                return Image(self._source(cast("Json", source), where), provider_data=data)
            case "document" if has_source:
                return Document(self._source(cast("Json", source), where), block.get("title") or None, data)
            case str():
                kept = {key: value for key, value in block.items() if key != "cache_control"}
                return Opaque(ProviderData(self._origin, {**shared, **kept}))
            case _:
                raise refusal(f"{where}.type: Field required")

    def _source(self, source: Json, where: str) -> Source:
        match source:
            case {"type": "url", "url": str() as url}:
                return Remote(url)
            case {"type": "file", "file_id": str() as file_id}:
                return Uploaded(file_id, self._provider)
            case {"type": "text", "data": str() as text}:
                return Inline(text.encode(), "text/plain")
            case {"type": "base64", "media_type": str() as media_type, "data": str() as data}:
                try:
                    return Inline(base64.b64decode(data + "=" * (-len(data) % 4)), media_type)
                except (binascii.Error, ValueError) as error:
                    raise refusal(f"{where}.source.base64.data: {error}") from error
            case _:
                raise refusal(f"{where}.source: Field required")


def _blocks(content: object, where: str) -> Sequence[Json]:
    match content:
        case str():
            return ({"type": "text", "text": content},)
        case list():
            return objects(cast("list[Any]", content))
        case _:
            raise refusal(f"{where}.content: Field required")


def _message(role: str, parts: list[Part]) -> Message:
    if role != "assistant":
        return UserMessage(tuple(parts))
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    return AssistantMessage(tuple(parts), finish="tool_calls" if has_calls else "stop")
