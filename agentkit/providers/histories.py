"""Conversations kept in a provider's form, as our messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit.errors import ConfigurationError
from agentkit.messages import AssistantMessage, Message, UserMessage
from agentkit.providers.openai.chat_history import messages_from_chat
from agentkit.providers.openai.responses_server import messages_from_responses

__all__ = ["read_history"]

_CHAT_ONLY = ("tool_calls", "tool_call_id", "function_call")
_ITEMS = ("function_call", "function_call_output", "reasoning", "item_reference", "custom_tool_call")


def read_history(items: Sequence[Any]) -> list[Message]:
    """Our own messages as they are; in OpenAI's forms (mappings, or the official client's objects), converted.

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
    if any(item.get("type") in _ITEMS for item in plain) and not any(set(_CHAT_ONLY) & item.keys() for item in plain):
        return messages_from_responses(plain)
    return messages_from_chat(plain)


def _plain(item: Any) -> dict[str, Any]:
    if isinstance(item, Mapping):
        return dict(cast("Mapping[str, Any]", item))
    dump = getattr(item, "model_dump", None)  # an object of the official client
    if callable(dump):
        return cast("dict[str, Any]", dump(exclude_none=True))
    raise ConfigurationError(f"messages= holds a {type(item).__name__}, which is no message: {item!r:.80}")
