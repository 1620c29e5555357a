"""Questions for the size of a prompt: each provider but Chat Completions has a path for them."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import ExchangeError
from agentkit.exchange import Request
from agentkit.providers.aws.converse_output import object_of
from agentkit.providers.offline import prompt_tokens
from agentkit.simulator.formats import Format, json_object
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply

__all__ = ["about_size"]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Count:
    """How one provider is asked, and answers."""

    path: re.Pattern[str]
    answered_at: str
    """Where the same prompt would be answered, with the group of `path`."""
    body: Callable[[Json], Mapping[str, Any]]
    """What would be sent there."""
    reply: Callable[[int], Mapping[str, Any]]


_COUNTS = (
    _Count(
        re.compile(r"(.*/responses)/input_tokens$"),
        r"\1",
        lambda sent: sent,
        lambda count: {"object": "response.input_tokens", "input_tokens": count},
    ),
    _Count(
        re.compile(r"(.*/messages)/count_tokens$"),
        r"\1",
        lambda sent: {**sent, "max_tokens": 1},  # an answer needs it, and a count refuses it
        lambda count: {"input_tokens": count},
    ),
    _Count(  # Claude on Vertex AI
        re.compile(r".*/publishers/anthropic/models/count-tokens:rawPredict$"),
        "/v1/messages",
        lambda sent: {**{name: value for name, value in sent.items() if name != "anthropic_version"}, "max_tokens": 1},
        lambda count: {"input_tokens": count},
    ),
    _Count(
        re.compile(r"(.*/models/[^/:]+):countTokens$"),
        r"\1:generateContent",
        lambda sent: _without_model(sent.get("generateContentRequest") or sent),
        lambda count: {"totalTokens": count, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": count}]},
    ),
    _Count(
        re.compile(r"(.*/model/[^/]+)/count-tokens$"),
        r"\1/converse",
        lambda sent: object_of(object_of(sent.get("input")).get("converse")),
        lambda count: {"inputTokens": count},
    ),
    _Count(
        re.compile(r"(.*/model/[^/]+)/count-tokens$"),
        r"\1/invoke",
        lambda sent: _packed(object_of(object_of(sent.get("input")).get("invokeModel")).get("body")),
        lambda count: {"inputTokens": count},
    ),
)


def about_size(
    asked: HttpAsked,
    *,
    format_of: Callable[[HttpAsked], Format | None],
    read: Callable[[HttpAsked, Format], Request],
) -> Reply | None:
    """The reply to a question for the size of a prompt; None for any other request."""
    for known in _COUNTS:
        if asked.method != "POST" or not known.path.fullmatch(asked.path):
            continue
        sent = json_object(asked.body) or {}
        if known.answered_at.endswith("/converse") and "invokeModel" in object_of(sent.get("input")):
            continue
        body = to_json(known.body(sent))
        as_if = replace(asked, target=known.path.sub(known.answered_at, asked.path), body=body)
        format = format_of(as_if)
        if format is None:
            return None
        try:
            count = prompt_tokens(read(as_if, format))
        except ExchangeError as error:
            return Reply.whole(format.server.write_error(error))
        return Reply.whole(HttpReply(200, to_json(known.reply(count))))
    return None


def _packed(body: object) -> Mapping[str, Any]:
    """The body of an InvokeModel within a count, which lies there in base64."""
    try:
        return json_object(base64.b64decode(body, validate=True)) or {} if isinstance(body, str) else {}
    except ValueError:
        return {}


def _without_model(sent: object) -> Mapping[str, Any]:
    fields = cast("Json", sent) if isinstance(sent, dict) else {}
    return {name: value for name, value in fields.items() if name != "model"}
