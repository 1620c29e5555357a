"""Conversations kept in a provider's form, as our messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit.errors import ConfigurationError
from agentkit.messages import AssistantMessage, Message, UserMessage
from agentkit.providers.anthropic.messages_server import messages_from_anthropic
from agentkit.providers.aws.converse_server import messages_from_converse
from agentkit.providers.google.generate_content_server import messages_from_contents
from agentkit.providers.openai.chat_history import messages_from_chat
from agentkit.providers.openai.responses_server import messages_from_responses

__all__ = ["read_history"]

_CHAT_ONLY = ("tool_calls", "tool_call_id", "function_call")
_CLAUDE_ONLY = ("tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use")
_BEDROCK_BLOCKS = ("text", "toolUse", "toolResult", "reasoningContent", "image", "document", "video", "cachePoint")
_ITEMS = ("function_call", "function_call_output", "reasoning", "item_reference", "custom_tool_call")


def read_history(items: Sequence[Any]) -> list[Message]:
    """Our own messages as they are; in the form of OpenAI, Anthropic or Google, converted.

    Those forms are mappings, or objects of the official clients. A form is known by what only it has; words alone look
    the same in most of them.

    Raises BadRequestError for a conversation that the provider would refuse, ConfigurationError for a mixture.
    """
    if all(isinstance(item, (UserMessage, AssistantMessage)) for item in items):
        return list(items)
    if any(isinstance(item, (UserMessage, AssistantMessage)) for item in items):
        raise ConfigurationError(
            "messages= mixes agentkit messages with messages in a provider's form; convert the latter first, "
            "in a list of their own"
        )
    plain = [_plain(item) for item in items]
    if any("parts" in item for item in plain):
        return messages_from_contents(plain)
    if any(_is_converse(item) for item in plain):
        return messages_from_converse(plain)
    if any(_is_claude(item) for item in plain):
        return messages_from_anthropic(plain)
    if any(item.get("type") in _ITEMS for item in plain) and not any(set(_CHAT_ONLY) & item.keys() for item in plain):
        return messages_from_responses(plain)
    return messages_from_chat(plain)


def _is_converse(item: Mapping[str, Any]) -> bool:
    """Whether blocks stand in it whose one key is their kind."""
    content = item.get("content")
    if not isinstance(content, list):
        return False
    blocks = (cast("Mapping[str, Any]", block) for block in cast("list[Any]", content) if isinstance(block, Mapping))
    return any(len(block) == 1 and next(iter(block)) in _BEDROCK_BLOCKS for block in blocks)


def _is_claude(item: Mapping[str, Any]) -> bool:
    content = item.get("content")
    if not isinstance(content, list):
        return False
    blocks = (cast("Mapping[str, Any]", block) for block in cast("list[Any]", content) if isinstance(block, Mapping))
    return any("source" in block or block.get("type") in _CLAUDE_ONLY for block in blocks)


def _plain(item: Any) -> dict[str, Any]:
    if isinstance(item, Mapping):
        return {key: _value(entry) for key, entry in cast("Mapping[str, Any]", item).items()}
    dumped = _dumped(item)
    if dumped is not None:
        return dumped
    raise ConfigurationError(f"messages= holds a {type(item).__name__}, which is no message: {item!r:.80}")


def _value(value: Any) -> Any:
    """A value in which objects of an official client may lie, as their users put answers into the next request."""
    if isinstance(value, list):
        return [_value(entry) for entry in cast("list[Any]", value)]
    dumped = _dumped(value)
    return value if dumped is None else dumped


def _dumped(item: Any) -> dict[str, Any] | None:
    """An object of an official client as JSON."""
    dump = getattr(item, "model_dump", None)
    return cast("dict[str, Any]", dump(mode="json", exclude_none=True)) if callable(dump) else None
