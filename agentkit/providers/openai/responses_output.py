"""What a model answered in the Responses format: output items as parts, a response object as a Response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import to_json

from agentkit.assemble import checked
from agentkit.errors import ExchangeError, ProtocolError
from agentkit.exchange import Response
from agentkit.media import ProviderData
from agentkit.messages import AssistantMessage, Finish, Opaque, Part, Text, Thinking, ToolCall
from agentkit.providers.openai.errors import error_in_stream
from agentkit.usage import Usage, count_of

__all__ = ["REPLY_DETAILS", "arguments_of", "error_of", "objects", "parts_of", "response_of", "usage_of"]

REPLY_DETAILS = ("service_tier", "content_filters")
"""Keys of a reply that go into `Response.details`; the second is Azure's."""

_MESSAGE_KEYS = frozenset({"type", "role", "content"})
_CALL_KEYS = frozenset({"type", "call_id", "name", "arguments"})
# The type stays: it tells a custom call from a function call. The status may not be sent back.
_CUSTOM_KEYS = frozenset({"call_id", "name", "input", "status"})
_TEXT_KEYS = frozenset({"type", "text", "refusal"})

_INCOMPLETE: dict[str, Finish] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_UNFINISHED: dict[str, Finish] = {"cancelled": "cancelled", "queued": "other", "in_progress": "other"}


def parts_of(item: Mapping[str, Any], origin: str) -> list[Part]:
    """The parts of one output item. Items that the provider ran itself are kept as they came."""
    match item.get("type"):
        case "message":
            return _texts(item, origin)
        case "function_call":
            arguments = arguments_of(item.get("arguments"))
            return [_call(item, arguments, _data(item, _CALL_KEYS, origin))]
        case "custom_tool_call":
            arguments = to_json({"input": _text(item.get("input"))}).decode()
            return [_call(item, arguments, _data(item, _CUSTOM_KEYS, origin))]
        case "reasoning":
            return [Thinking(_thinking(item), ProviderData(origin, dict(item)))]
        case _:
            return [Opaque(ProviderData(origin, dict(item)))]


def response_of(body: Mapping[str, Any], origin: str, *, provider: str) -> Response:
    """The Response of a response object. Raises the error that it reports, or ProtocolError."""
    error = error_of(body, provider=provider)
    if error is not None:
        raise error
    output = body.get("output")
    if not isinstance(output, list):
        found = body.get("object") or ", ".join(sorted(body)[:8]) or "an empty object"
        raise ProtocolError(
            f"the reply is no response object: it has no list 'output' (found: {found}); does the server speak the "
            "Responses API at this address?",
            provider=provider,
        )
    parts = tuple(part for item in objects(cast("list[Any]", output)) for part in parts_of(item, origin))
    finish, raw = _finish(body, parts)
    message = AssistantMessage(
        parts, _text(body.get("model")), _text(body.get("id")), finish, usage_of(body.get("usage") or {})
    )
    return checked(Response(message, raw, {name: body[name] for name in REPLY_DETAILS if body.get(name)}))


def error_of(body: Mapping[str, Any], *, provider: str) -> ExchangeError | None:
    """The typed error that a response object reports with status 200, if it does."""
    error = body.get("error")
    if body.get("status") != "failed" and not (error and "output" not in body):
        return None
    payload = {"error": error} if error else {"error": {"message": "the response failed without a reason"}}
    return error_in_stream(payload, provider=provider, model=body.get("model") or "")


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Usage in disjoint buckets: this format counts cached and reasoning tokens inside its totals."""
    read = _count(usage.get("input_tokens_details"), "cached_tokens")
    written = _count(usage.get("input_tokens_details"), "cache_write_tokens")
    reasoning = _count(usage.get("output_tokens_details"), "reasoning_tokens")
    return Usage(
        max(_count(usage, "input_tokens") - read - written, 0),
        read,
        written,
        max(_count(usage, "output_tokens") - reasoning, 0),
        reasoning,
    )


def objects(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list; nothing where there is no list."""
    found = cast("list[Any]", value) if isinstance(value, list) else []
    return [entry for entry in found if isinstance(entry, dict)]


def arguments_of(arguments: object) -> str:
    """Arguments as text; some servers send an object instead."""
    if isinstance(arguments, str):
        return arguments
    return to_json(arguments, inf_nan_mode="strings").decode() if arguments else ""


def _texts(item: Mapping[str, Any], origin: str) -> list[Part]:
    content = item.get("content")
    if isinstance(content, str):
        content = [{"type": "output_text", "text": content}]
    shared = {key: value for key, value in item.items() if key not in _MESSAGE_KEYS and value is not None}
    if not shared.get("id"):  # it goes back as plain words, which carry nothing but their phase
        shared = {"phase": shared["phase"]} if "phase" in shared else {}
    texts: list[Part] = []
    for piece in objects(content):
        is_refusal = piece.get("type") == "refusal"
        text = piece.get("refusal" if is_refusal else "text")
        if not isinstance(text, str):
            continue
        extras = {key: value for key, value in piece.items() if key not in _TEXT_KEYS and value}
        value = {**shared, "part": extras} if extras and shared.get("id") else shared
        texts.append(Text(text, is_refusal, ProviderData(origin, value) if value else None))
    return texts


def _call(item: Mapping[str, Any], arguments: str, data: ProviderData | None) -> ToolCall:
    return ToolCall(_text(item.get("call_id")), _text(item.get("name")), arguments, provider_data=data)


def _data(item: Mapping[str, Any], left_out: frozenset[str], origin: str) -> ProviderData | None:
    value = {key: value for key, value in item.items() if key not in left_out and value is not None}
    return ProviderData(origin, value) if value else None


def _thinking(item: Mapping[str, Any]) -> str:
    pieces = objects(item.get("content")) or objects(item.get("summary"))
    return "".join(piece.get("text") or "" for piece in pieces)


def _finish(body: Mapping[str, Any], parts: tuple[Part, ...]) -> tuple[Finish, str]:
    status = body.get("status") or ""
    if status == "incomplete":
        details: Mapping[str, Any] = body.get("incomplete_details") or {}
        reason = details.get("reason") or status
        return _INCOMPLETE.get(reason, "other"), reason
    if status in _UNFINISHED:
        return _UNFINISHED[status], status
    if any(isinstance(part, ToolCall) for part in parts):
        return "tool_calls", status
    if any(isinstance(part, Text) and part.is_refusal for part in parts):
        return "refusal", status
    return "stop", status


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(usage: object, name: str) -> int:
    if not isinstance(usage, dict):
        return 0
    return count_of(cast("dict[str, Any]", usage).get(name))
