"""What a model answered through Converse: content blocks as parts, a reply as a Response."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import from_json, to_json

from agentkit.assemble import checked
from agentkit.errors import ProtocolError
from agentkit.exchange import Response
from agentkit.media import Image, Inline, ProviderData
from agentkit.messages import AssistantMessage, Finish, Opaque, Part, Text, Thinking, ToolCall
from agentkit.providers.aws.errors import error_in_body
from agentkit.usage import Usage, count_of

__all__ = [
    "FINISHES",
    "MALFORMED",
    "REPLY_DETAILS",
    "arguments_of",
    "details_of",
    "finish_of",
    "input_of",
    "model_of",
    "object_of",
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
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_NO_ANSWER = frozenset({"malformed_model_output", "malformed_tool_use"})
"""Reasons that mean that what the model wrote could not be read."""

REPLY_DETAILS = ("additionalModelResponseFields", "trace", "performanceConfig")
"""Fields of a reply that are kept as `Response.details`."""

_SERVED = "server_tool_use"


def part_of(block: Mapping[str, Any], origin: str) -> Part | None:
    """The part of one content block; None for an empty one. What the provider ran itself is kept as it came."""
    match block:
        case {"text": str() as text}:
            return Text(text) if text else None
        case {"toolUse": found}:
            use = object_of(found)
            if use.get("type") == _SERVED:
                return Opaque(ProviderData(origin, dict(block)))
            return ToolCall(use.get("toolUseId") or "", use.get("name") or "", arguments_of(use.get("input")))
        case {"reasoningContent": {"reasoningText": found}}:
            thought = object_of(found)
            text = thought.get("text") or ""
            more = {key: value for key, value in thought.items() if key != "text" and value}
            return Thinking(text, ProviderData(origin, more) if more else None) if text or more else None
        case {"citationsContent": found}:
            return _cited(object_of(found), origin)
        case {"image": {"format": str() as format, "source": {"bytes": str() as data}}}:
            return Image(Inline(_bytes_of(data), f"image/{format}"))
        case {"text": _}:
            raise TypeError("a text is none")
        case _:
            return Opaque(ProviderData(origin, dict(block))) if block else None


def response_of(body: Mapping[str, Any], origin: str, *, provider: str, model: str) -> Response:
    """The Response of a reply. Raises ProtocolError."""
    if "__type" in body and "output" not in body:
        raise error_in_body(body, provider=provider, model=model)
    message = object_of(object_of(body.get("output")).get("message"))
    content = message.get("content")
    if not isinstance(content, list):
        # Recorded: an empty message, of a guardrail that let nothing through.
        if "stopReason" not in body:
            found = ", ".join(sorted(body)[:8]) or "an empty object"
            raise ProtocolError(
                f"the reply is no answer of Converse: it has no list output.message.content (found: {found}); does the "
                "server speak Converse at this address?",
                provider=provider,
            )
        content = []
    found = [part_of(block, origin) for block in objects(cast("list[Any]", content))]
    parts = tuple(part for part in found if part is not None)
    raw = body.get("stopReason") or ""
    usage = object_of(body.get("usage"))
    finish = finish_of(raw, has_calls=any(isinstance(part, ToolCall) for part in parts), provider=provider)
    answer = AssistantMessage(parts, model_of(body) or model, "", finish, usage_of(usage))
    return checked(Response(answer, raw, details_of(body, usage)))


def finish_of(raw: str, *, has_calls: bool, provider: str) -> Finish:
    """Why an answer ended. Raises ProtocolError where the model wrote something that could not be read."""
    if raw in _NO_ANSWER:
        what = "a call" if raw == "malformed_tool_use" else "an answer"
        raise ProtocolError(f"the model wrote {what} that cannot be read ({raw})", provider=provider, error_type=raw)
    finish = FINISHES.get(raw, "other")
    return "tool_calls" if has_calls and finish in ("stop", "other") else finish


def usage_of(usage: Mapping[str, Any]) -> Usage:
    """Usage in disjoint buckets: cached tokens stand outside the input, thinking inside the output and not apart."""
    return Usage(
        count_of(usage.get("inputTokens")),
        # By InvokeModel, Nova has names of its own.
        count_of(usage.get("cacheReadInputTokens") or usage.get("cacheReadInputTokenCount")),
        count_of(usage.get("cacheWriteInputTokens") or usage.get("cacheWriteInputTokenCount")),
        count_of(usage.get("outputTokens")),
    )


def details_of(body: Mapping[str, Any], usage: Mapping[str, Any]) -> dict[str, Any]:
    """What else of a reply is worth knowing; what is nothing is left out."""
    details = {name: body[name] for name in REPLY_DETAILS if body.get(name)}
    if tier := object_of(body.get("serviceTier")).get("type"):
        details["service_tier"] = tier
    for name in ("cacheDetails", "serverToolUsage"):
        if usage.get(name):
            details[name] = usage[name]
    return details


def model_of(body: Mapping[str, Any]) -> str:
    """The model that a prompt router chose; "" where none did."""
    router = object_of(object_of(body.get("trace")).get("promptRouter"))
    model = router.get("invokedModelId")
    return model if isinstance(model, str) else ""


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


def input_of(arguments: str) -> dict[str, Any]:
    """Arguments as the object that they have to be; "" and null mean {}."""
    if not arguments.strip():
        return {}
    try:
        value = from_json(arguments, allow_inf_nan=False)
    except ValueError:
        return {MALFORMED: arguments}
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    return {} if value is None else {MALFORMED: arguments}


def object_of(value: object) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list; nothing where there is no list."""
    found = cast("list[Any]", value) if isinstance(value, list) else []
    return [entry for entry in found if isinstance(entry, dict)]


def _cited(content: Mapping[str, Any], origin: str) -> Part | None:
    texts = [piece.get("text") for piece in objects(content.get("content"))]
    text = "".join([piece for piece in texts if isinstance(piece, str)])
    citations = content.get("citations")
    data = ProviderData(origin, {"citations": citations}) if citations else None
    return Text(text, provider_data=data) if text or data else None


def _bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ProtocolError("the bytes of an image are no base64") from error
