"""Messages of Converse as ours: the way back of `converse_input`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from agentkit.errors import BadRequestError
from agentkit.media import ProviderData
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
from agentkit.providers.aws.converse_input import NOTHING_SAID
from agentkit.providers.aws.converse_media import medium_of
from agentkit.providers.aws.converse_outcomes import content_in, outcome_in
from agentkit.providers.aws.converse_output import object_of, objects, part_of
from agentkit.waiting_calls import WaitingCalls

__all__ = ["HistoryReader", "refusal"]

_ROLES = ("user", "assistant", "system")

Json = Mapping[str, Any]


def refusal(message: str) -> BadRequestError:
    """What the service answers to a request that it cannot read."""
    return BadRequestError(message, status=400, error_type="ValidationException")


class HistoryReader:
    """Reads messages one after the other; neighbours of one role are one message, and an answer may stand first.

    Both is documented to be refused, and was answered by every model that traffic is recorded of.
    """

    def __init__(self, provider: str, *, is_strict: bool) -> None:
        self._origin = f"{provider}:converse"
        self._is_strict = is_strict  # refuse what the service refuses; else take somebody's history as it is
        self._turns: list[tuple[str, list[Part]]] = []  # role and parts
        self._open = WaitingCalls()

    def read(self, messages: Iterable[Json]) -> list[Message]:
        """These messages. Raises BadRequestError for what the service would refuse."""
        for position, message in enumerate(messages):
            where = f"messages.{position}"
            role = message.get("role") if isinstance(message, dict) else None  # pyright: ignore[reportUnnecessaryIsInstance] - it comes from outside
            if role not in _ROLES:
                raise refusal(f"Value at '{where}.role' failed to satisfy enum value set: [user, assistant, system]")
            content = message.get("content")
            if not isinstance(content, list) or (self._is_strict and not content):
                raise refusal(f"The content field in the Message object at {where} is empty. Add a ContentBlock "
                              "object to the content field and try again.")  # fmt: skip
            blocks = objects(cast("list[Any]", content))
            if role == "assistant":
                self._take_answer(blocks, where)
            else:
                self._take_said(role, blocks, where)
        self._close("messages")
        return [_message(role, parts) for role, parts in self._turns if parts]

    def _take_answer(self, blocks: Sequence[Json], where: str) -> None:
        if not self._turns or self._turns[-1][0] != "assistant":
            self._close(where)
            self._turns.append(("assistant", []))
        parts = self._turns[-1][1]
        for block in blocks:
            if "cachePoint" in block:
                continue
            part = part_of(block, self._origin)
            if part is None:
                continue
            parts.append(part)
            self._open.add(parts)

    def _take_said(self, role: str, blocks: Sequence[Json], where: str) -> None:
        if not self._turns or self._turns[-1][0] != role:
            self._turns.append((role, []))
        said = self._turns[-1][1]
        for number, block in enumerate(blocks):
            at = f"{where}.content.{number}"
            if "toolResult" in block:
                self._take_result(object_of(block["toolResult"]), at)
            elif "cachePoint" not in block and (part := self._said(block, at, role)) is not None:
                said.append(part)
        self._close(where)

    def _take_result(self, result: Json, where: str) -> None:
        id = result.get("toolUseId") or ""
        if not self._open.settle(id, lambda call: self._answered(call, result, where)):
            raise refusal(
                f"The toolResult block at {where} has the toolUseId {id}, which is not found in the toolUse blocks of "
                "the previous turn."
            )

    def _close(self, where: str) -> None:
        """Calls that nothing answered in the very next message."""
        if self._is_strict and self._open.ids:
            ids = ", ".join(self._open.ids)
            raise refusal(f"Expected toolResult blocks at {where} for the following Ids: {ids}")
        self._open.lose()

    def _answered(self, call: ToolCall, result: Json, where: str) -> ToolCall:
        pieces = objects(result.get("content"))
        media = tuple(medium for piece in pieces if (medium := self._medium(piece, where)) is not None)
        texts = [content_in(piece) for piece in pieces if "json" in piece or "text" in piece]
        said = "\n".join(text for piece in pieces if isinstance(text := piece.get("text"), str))
        if result.get("status") == "error":
            return replace(call, outcome=outcome_in(said))
        outcome: Outcome = Returned(texts[0] if len(texts) == 1 else said if texts else None, media)
        if not pieces:
            outcome = Returned("")
        # How we write it: one block at the most, then media.
        is_plain = len(texts) <= 1 and all("json" in piece or "text" in piece for piece in pieces[: len(texts)])
        if pieces and is_plain and len(texts) + len(media) == len(pieces):
            return replace(call, outcome=outcome)
        data = ProviderData(self._origin, {"result": pieces})
        return replace(call, outcome=outcome, provider_data=data)

    def _said(self, block: Json, where: str, role: str) -> Part | None:
        """The part of a block that no model made."""
        match block:
            case {"text": str() as text}:
                if not text and self._is_strict:
                    raise refusal(f"The text field in the ContentBlock object at {where} is blank. Add text to the "
                                  "text field, and try again.")  # fmt: skip
                data = ProviderData(self._origin, {"role": "system"}) if role == "system" else None
                return Text(text, provider_data=data) if text.strip() and text != NOTHING_SAID else None
            case {"text": _}:
                raise TypeError("a text is none")
            case _ if not block:
                raise refusal(f"The ContentBlock object at {where} is empty.")
            case _:
                return self._medium(block, where) or Opaque(ProviderData(self._origin, dict(block)))

    def _medium(self, block: Json, where: str) -> Media | None:
        try:
            return medium_of(block, self._origin)
        except ValueError as error:
            raise refusal(f"{where}: {error}") from error


def _message(role: str, parts: list[Part]) -> Message:
    if role != "assistant":
        return UserMessage(tuple(parts))
    has_calls = any(isinstance(part, ToolCall) for part in parts)
    return AssistantMessage(tuple(parts), finish="tool_calls" if has_calls else "stop")
