"""Earlier calls as llama.cpp can read them: it parses their arguments, and refuses the whole conversation for a number
that is larger than its floating point holds (status 500, seen in November 2026)."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from agentkit.messages import AssistantMessage, Message, ToolCall

__all__ = ["readable"]

_SUSPECT = re.compile(r"[eE]\+?\d{3}|\d{309}")
_STRING_OR_NUMBER = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')
_LARGEST = "1.7976931348623157e308"


def readable(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages, with the largest number there is in place of larger ones; the same object when there are none."""
    if not any(isinstance(message, AssistantMessage) and _is_suspect(message) for message in messages):
        return messages
    return tuple(_bounded(message) if isinstance(message, AssistantMessage) else message for message in messages)


def _is_suspect(message: AssistantMessage) -> bool:
    return any(_SUSPECT.search(call.arguments) for call in message.calls)


def _bounded(message: AssistantMessage) -> AssistantMessage:
    if not _is_suspect(message):
        return message
    parts = tuple(
        replace(part, arguments=_STRING_OR_NUMBER.sub(_bound, part.arguments)) if isinstance(part, ToolCall) else part
        for part in message.parts
    )
    return replace(message, parts=parts)


def _bound(match: re.Match[str]) -> str:
    text = match[0]
    if text.startswith('"') or math.isfinite(float(text)):
        return text
    return f"-{_LARGEST}" if text.startswith("-") else _LARGEST
