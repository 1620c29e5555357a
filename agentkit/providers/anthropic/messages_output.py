"""What a model answered in the Messages format: content blocks as parts, a message object as a Response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import to_json

from agentkit.assemble import checked
from agentkit.errors import ProtocolError
from agentkit.exchange import Response
from agentkit.media import ProviderData
from agentkit.messages import AssistantMessage, Finish, Opaque, Part, Text, Thinking, ToolCall
from agentkit.providers.anthropic.errors import error_in_stream
from agentkit.usage import Usage, count_of

__all__ = [
    "FINISHES",
    "MALFORMED",
    "REPLY_DETAILS",
    "USAGE_DETAILS",
    "arguments_of",
    "details_of",
    "finish_of",
    "objects",
    "part_of",
    "response_of",
    "usage_of",
]

MALFORMED = "malformed_arguments"
"""Key under which arguments that are no JSON object are sent back: `input` has to be one."""

FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "paused",
    "compaction": "paused",  # asked for a pause after compaction: the same conversation goes on
}

REPLY_DETAILS = ("stop_sequence", "stop_details", "container", "context_management", "diagnostics")
"""Fields of a message that are kept as `Response.details`."""
USAGE_DETAILS = ("service_tier", "speed", "inference_geo", "server_tool_use", "cache_creation", "iterations")
"""Fields of its usage that are kept there: `iterations` holds what compaction and advisors consumed besides."""

# Cache marks are set anew with every request, so none is kept.
_TEXT_KEYS = frozenset({"type", "text", "cache_control"})
_THINKING_KEYS = frozenset({"type", "thinking", "cache_control"})
_CALL_KEYS = frozenset({"type", "id", "name", "input", "cache_control"})
_OPAQUE_KEYS = frozenset({"cache_control"})


def part_of(block: Mapping[str, Any], origin: str) -> Part | None:
    """The part of one content block; None for an empty one. Blocks that the provider ran are kept as they came."""
    match block.get("type"):
        case "text":
            text, data = _text(block, "text"), _data(block, _TEXT_KEYS, origin)
            return Text(text, provider_data=data) if text or data else None
        case "thinking":
            text, data = _text(block, "thinking"), _data(block, _THINKING_KEYS, origin)
            return Thinking(text, data) if text or data else None
        case "tool_use":
            data = _data(block, _CALL_KEYS, origin)
            return ToolCall(
                block.get("id") or "", block.get("name") or "", arguments_of(block.get("input")), provider_data=data
            )
        case _:
            return Opaque(ProviderData(origin, {key: value for key, value in block.items() if key not in _OPAQUE_KEYS}))


def response_of(body: Mapping[str, Any], origin: str, *, provider: str) -> Response:
    """The Response of a message object. Raises the error that it reports, or ProtocolError."""
    if body.get("type") == "error" or ("error" in body and "content" not in body):
        raise error_in_stream(body, provider=provider)
    content = body.get("content")
    if not isinstance(content, list):
        found = body.get("type") or body.get("object") or ", ".join(sorted(body)[:8]) or "an empty object"
        raise ProtocolError(
            f"the reply is no message: it has no list 'content' (found: {found}); does the server speak the Messages "
            "API at this address?",
            provider=provider,
        )
    found = [part_of(block, origin) for block in objects(cast("list[Any]", content))]
    parts = tuple(part for part in found if part is not None)
    raw = body.get("stop_reason") or ""
    usage: Mapping[str, Any] = body.get("usage") or {}
    message = AssistantMessage(
        parts,
        body.get("model") or "",
        body.get("id") or "",
        finish_of(raw, has_calls=any(isinstance(part, ToolCall) for part in parts)),
        usage_of(usage),
    )
    return checked(Response(message, raw, details_of(body, usage)))


def finish_of(raw: str, *, has_calls: bool) -> Finish:
    """Why an answer ended. Servers that imitate the format say `end_turn` although there are calls."""
    finish = FINISHES.get(raw, "other")
    return "tool_calls" if has_calls and finish in ("stop", "other") else finish


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Usage in disjoint buckets: this format counts cached tokens outside its input, thinking inside its output."""
    thinking = _count(usage.get("output_tokens_details"), "thinking_tokens")
    return Usage(
        _count(usage, "input_tokens"),
        _count(usage, "cache_read_input_tokens"),
        _count(usage, "cache_creation_input_tokens"),
        max(_count(usage, "output_tokens") - thinking, 0),
        thinking,
    )


def details_of(body: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
    """What else of a message is worth knowing; what is nothing or zero is left out."""
    details = {name: body[name] for name in REPLY_DETAILS if body.get(name)}
    for name in USAGE_DETAILS:
        if (value := usage.get(name)) and not (isinstance(value, dict) and not any(cast("Any", value).values())):
            details[name] = value
    return details


def arguments_of(value: object) -> str:
    """The arguments of a call as text: compact JSON, what was no JSON as it was written, nothing as {}."""
    match value:
        case {"malformed_arguments": str() as text} if len(cast("dict[str, Any]", value)) == 1:
            return text
        case str() if value:
            return value
        case None | "":
            return "{}"
        case _:
            return to_json(value, inf_nan_mode="strings").decode()


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; nothing where there is no list."""
    found = cast("list[Any]", value) if isinstance(value, list) else []
    return [entry for entry in found if isinstance(entry, dict)]


def _text(block: Mapping[str, Any], name: str) -> str:
    text = block.get(name) or ""
    if not isinstance(text, str):
        raise TypeError(f"{name} is no text")
    return text


def _data(block: Mapping[str, Any], left_out: frozenset[str], origin: str) -> ProviderData | None:
    value = {key: value for key, value in block.items() if key not in left_out and value}
    return ProviderData(origin, value) if value else None


def _count(usage: object, name: str) -> int:
    if not isinstance(usage, dict):
        return 0
    return count_of(cast("dict[str, Any]", usage).get(name))
