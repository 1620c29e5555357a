"""InvokeModel of Bedrock: every model in its own format, whose streams lie in frames.

For what Converse does not reach: tools that Anthropic defines, betas and fields that are new; models of one's own that
were imported. Models are asked through Converse otherwise. The format is told by the model's id, or by `format=`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote

from pydantic_core import from_json

from agentkit.classification import object_of
from agentkit.codec import WireRequest
from agentkit.counting import count_in
from agentkit.errors import ConfigurationError, ExchangeError
from agentkit.exchange import Memo, Request, Response
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.providers.anthropic.hosting import Hosting
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.aws.errors import decode_error
from agentkit.providers.aws.event_stream import encode_frame
from agentkit.providers.aws.families import abilities_by_id, native_id
from agentkit.providers.aws.framed import FramedDecoder, Interface, RoutedCodec
from agentkit.providers.aws.invoke_families import TEXT_FORMS, spoken_by
from agentkit.providers.aws.text_codec import TextCodec, abilities_of
from agentkit.providers.aws.text_forms import BytesForm, JsonForm
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_rules import ChatRules

__all__ = ["BEDROCK", "InvokeClaudeCodec", "InvokeNovaCodec", "format_of", "invoke_interface"]

BEDROCK = Hosting(
    path="/model/{model}/invoke",
    stream_path="/model/{model}/invoke-with-response-stream",
    count_path="/model/{model}/count-tokens",
    version="bedrock-2023-05-31",
    has_stream=False,
    has_beta_header=False,
)
"""Its version is the only one there is; whether to stream stands in the path, betas in the body."""

_CHAT = ChatRules(
    max_tokens_field="max_tokens",
    strict_tools=False,
    refusal_field=False,
    omitted=frozenset({"model", "service_tier", "stream", "stream_options"}),
)
"""The model stands in the path, and so does whether to stream."""
_FORMATS = ("claude", "nova", "chat", *TEXT_FORMS)
_IMPORTED = ":imported-model/"
_TIER_HEADER = "x-amzn-bedrock-service-tier"


def format_of(model: str, format: object | None) -> str | JsonForm | BytesForm:
    """What the model speaks: what was said, else what its id says; Messages where a profile's id says nothing.

    Raises ConfigurationError for an imported model, and for one whose own format is not known here.
    """
    if isinstance(format, JsonForm | BytesForm):
        return format
    if format is not None and format not in _FORMATS:
        raise ConfigurationError(
            f"format is {format!r}; a model behind InvokeModel speaks one of {', '.join(_FORMATS)}, or a form of your "
            "own (agentkit.providers.aws.text_forms.JsonForm)"
        )
    spoken = str(format) if format is not None else spoken_by(model)
    if spoken is None and _IMPORTED in model:
        raise ConfigurationError(
            f"the name {model!r} does not say which model it is; say what it speaks: model('bedrock-invoke:...', "
            f"format='llama-3'), one of {', '.join(_FORMATS)}"
        )
    if spoken is None and native_id(model):
        raise ConfigurationError(
            f"the format that {model} speaks by InvokeModel is not known here; ask it through Converse "
            f"(bedrock:{model}), or say its format: model('bedrock-invoke:...', format=...), one of "
            f"{', '.join(_FORMATS)}"
        )
    return spoken or "claude"


def invoke_interface(provider: str, model: str, format: object | None = None) -> Interface:
    """How this model is asked by InvokeModel. Raises what `format_of` does."""
    spoken = format_of(model, format)
    match spoken:
        case "claude":
            return Interface(InvokeClaudeCodec(provider), "messages", abilities_by_id(model))
        case "nova":
            return Interface(InvokeNovaCodec(provider, model=model), "converse", abilities_by_id(model))
        case "chat":
            chat = RoutedCodec(ChatCodec(provider, rules=_CHAT), _path, _chat_event_in, provider=provider)
            return Interface(chat, "chat_completions", abilities_by_id(model))
        case _:
            form = TEXT_FORMS[spoken] if isinstance(spoken, str) else spoken
            text = RoutedCodec(TextCodec(provider, form, model=model), _path, _line_in, provider=provider)
            return Interface(text, "text", abilities_of(form))


class InvokeClaudeCodec:
    """The client half of InvokeModel for models of Anthropic."""

    def __init__(self, provider: str = "bedrock") -> None:
        self._messages = MessagesCodec(provider, hosting=BEDROCK)
        self._provider = provider
        self.name = self._messages.name

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises what MessagesCodec does."""
        return self._messages.encode(request, memo)

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises ProtocolError."""
        return self._messages.decode(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> FramedDecoder:
        """A decoder for one streamed reply."""
        return FramedDecoder(self._messages.decoder(), _event_in, provider=self._provider)

    def encode_count(self, request: Request) -> WireRequest:
        """What asks how many tokens the request's prompt has; of the model itself, since profiles are refused there."""
        wire = self._messages.encode(replace(request, is_streamed=False))
        asked = {"input": {"invokeModel": {"body": base64.b64encode(wire.body).decode()}}}
        path = BEDROCK.count_path.replace("{model}", native_id(request.model).replace(":", "%3A"))
        return replace(wire, path=path, body=json_bytes(asked))

    def decode_count(self, body: bytes) -> int:
        """The count in a reply. Raises ProtocolError."""
        return count_in(body, "inputTokens", provider=self._provider)


class InvokeNovaCodec:
    """The client half of InvokeModel for Nova, whose own format is Converse's but for its edges."""

    def __init__(self, provider: str = "bedrock", *, model: str = "") -> None:
        self._converse = ConverseCodec(provider, model=model)
        self._provider = provider
        self.name = self._converse.name

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """The request's bytes. Raises what ConverseCodec does."""
        wire = self._converse.encode(request, memo)
        body: dict[str, Any] = from_json(wire.body)
        # Converse hands these to the model as fields of its own.
        own: dict[str, Any] = body.pop("additionalModelRequestFields", {})
        tier = body.pop("serviceTier", {}).get("type")
        headers = (*wire.headers, (_TIER_HEADER, tier)) if tier else wire.headers
        body = {"schemaVersion": "messages-v1", **body, **own}
        return replace(wire, path=_path(request), body=json_bytes(body), headers=headers)

    def decode(self, body: bytes) -> Response:
        """The answer in a whole reply. Raises ProtocolError."""
        return self._converse.decode(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def decoder(self) -> FramedDecoder:
        """A decoder for one streamed reply."""
        return FramedDecoder(self._converse.decoder(), _nova_events(), provider=self._provider)


def _path(request: Request) -> str:
    function = "invoke-with-response-stream" if request.is_streamed else "invoke"
    return f"/model/{quote(request.model, safe='')}/{function}"


def _nova_events() -> Callable[[bytes], bytes]:
    """What makes frames of Converse of Nova's own events.

    Every piece of text comes as a block of its own there (seen 2025-02): neighbours become one block again.
    """
    latest: object = None  # the number of the block that the pieces of text belong to

    def reframed(payload: bytes) -> bytes:
        nonlocal latest
        event = _native_object(payload)
        name = next(iter(event), "")
        body: dict[str, Any] = event[name]
        match name, body:
            case "contentBlockStop", _ if latest is not None:
                return b""  # closed by what follows
            case "contentBlockDelta", {"contentBlockIndex": number, "delta": {"text": _}}:
                latest = number if latest is None else latest
                body = {**body, "contentBlockIndex": latest}
            case _:
                latest = None
        return encode_frame(((":event-type", name), (":message-type", "event")), json_bytes(body))

    return reframed


def _native(payload: bytes) -> bytes:
    """The model's own JSON in a frame."""
    return base64.b64decode(json_value(payload)["bytes"], validate=True)


def _native_object(payload: bytes) -> dict[str, Any]:
    """The model's own JSON object in a frame. Raises ValueError for other JSON."""
    event: object = json_value(_native(payload))
    if not isinstance(event, dict):
        raise ValueError("an event is no object")
    return cast("dict[str, Any]", event)


def _line_in(payload: bytes) -> bytes:
    """The piece of a stream in a frame, on a line of its own."""
    return _native(payload).replace(b"\n", b" ") + b"\n"


def _chat_event_in(payload: bytes) -> bytes:
    """The event in a frame as Chat Completions sends it; the service counts the tokens, and ends with that."""
    event = _native_object(payload)
    metrics = event.pop("amazon-bedrock-invocationMetrics", None)
    if metrics is None:
        return b"data: " + json_bytes(event) + b"\n\n"
    told = object_of(metrics)
    counted = {"prompt_tokens": told.get("inputTokenCount"), "completion_tokens": told.get("outputTokenCount")}
    event["usage"] = event.get("usage") or counted
    return b"data: " + json_bytes(event) + b"\n\ndata: [DONE]\n\n"


def _event_in(payload: bytes) -> bytes:
    """The event in a frame, as it stands in a stream of Anthropic's own."""
    return b"data: " + _native(payload) + b"\n\n"
