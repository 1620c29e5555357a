"""About how many tokens a prompt has, without asking anybody: good enough to reserve by."""

from __future__ import annotations

from collections.abc import Sequence

from agentkit.messages import AssistantMessage, Message, UserMessage

__all__ = ["estimated_tokens"]

CHARS_PER_TOKEN = 4
"""A rough measure for reserving; what was really used is settled after."""


def estimated_tokens(messages: Sequence[Message], instructions: str) -> int:
    """What the last answer says it took, and the length of what came after."""
    chars, known = len(instructions), 0
    for message in reversed(messages):
        if isinstance(message, AssistantMessage) and message.usage.total:
            known = message.usage.total
            chars = sum(len(str(call.outcome)) for call in message.calls) + (chars - len(instructions))
            break
        chars += _length(message)
    return known + chars // CHARS_PER_TOKEN + 1


def _length(message: Message) -> int:
    if isinstance(message, UserMessage):
        return len(message.text)
    return len(message.text) + sum(len(call.arguments) + len(str(call.outcome)) for call in message.calls)
