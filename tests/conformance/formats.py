"""The wire formats that tests go through side by side: both halves of each, and how its oracle is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from shared import oracle

from agentkit.codec import Codec, ServerCodec, WireRequest
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.anthropic.messages_server import MessagesServer
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.aws.converse_server import ConverseServer
from agentkit.providers.compatible import COMPATIBLE
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.google.generate_content_server import GenerateContentServer
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_server import ChatServer
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.providers.openai.responses_server import ResponsesServer

__all__ = ["CONVERSE", "FORMATS", "TARGETS", "Format", "aws_oracle"]

_MARK = re.compile(rb',"cache_control":\{[^{}]*\}|,\{"cachePoint":\{[^{}]*\}\}')


@dataclass(frozen=True, slots=True)
class Format:
    """One wire format, as one provider speaks it."""

    name: str
    """The category of its recordings, or the provider's name where it has none of its own."""
    model: str
    make_codec: Callable[..., Codec]
    make_server: Callable[..., ServerCodec]
    messages_key: str
    """Where the conversation stands in a request's body."""
    complaints: Callable[[WireRequest], list[str]]
    """What the format's oracle has against a request."""

    def unmarked(self, body: bytes) -> bytes:
        """A body without cache marks: Anthropic's and Bedrock's move on, which no cache minds."""
        return _MARK.sub(b"", body) if self.name in ("messages", "converse") else body

    def conversation(self, body: bytes) -> list[Any]:
        """The messages of a body, without cache marks and without the lists that only these make of a text."""
        said = json.loads(self.unmarked(body)).get(self.messages_key, [])
        for message in said if self.name == "messages" else ():
            match message["content"]:
                case [{"type": "text", "text": words, **more}] if not more:
                    message["content"] = words
                case _:
                    pass
        return said if isinstance(said, list) else [said]

    def __str__(self) -> str:
        return self.name


def _openai(endpoint: str) -> Callable[[WireRequest], list[str]]:
    return lambda wire: oracle("oracle_openai").check(json.loads(wire.body), endpoint)


def _anthropic(wire: WireRequest) -> list[str]:
    sent = {"url": f"https://api.anthropic.com{wire.path}", "json": json.loads(wire.body)}
    return oracle("oracle_anthropic").check({**sent, "headers": {**dict(wire.headers), "x-api-key": "key"}})


def _google(wire: WireRequest) -> list[str]:
    sent = {"url": f"https://generativelanguage.googleapis.com/v1beta{wire.path}", "json": json.loads(wire.body)}
    check = oracle("oracle_google").check
    return check({**sent, "headers": {"x-goog-api-key": "key"}}, strict_signatures="yes")


@cache
def aws_oracle() -> Any:
    """The oracle of AWS, which would read botocore's model of the service anew for each request."""
    module = oracle("oracle_aws")
    module._model = cache(module._model)
    return module


def _aws(wire: WireRequest) -> list[str]:
    url = f"https://bedrock-runtime.us-east-1.amazonaws.com{wire.path}"
    headers = {**dict(wire.headers), "authorization": "Bearer key"}
    return aws_oracle().check({"method": "POST", "url": url, "headers": headers, "json": json.loads(wire.body)})


def _compatible(name: str) -> Callable[..., Codec]:
    row = next(row for row in COMPATIBLE if row.name == name)
    assert row.rules is not None
    rules = row.rules
    return lambda provider=name: ChatCodec(provider, rules=rules)


def _calls(wire: WireRequest) -> list[list[dict[str, Any]]]:
    """The calls of each answer in a chat request."""
    return [message["tool_calls"] for message in json.loads(wire.body)["messages"] if message.get("tool_calls")]


def _mistral(wire: WireRequest) -> list[str]:
    """Mistral's ids have nine characters; its other fields are too different from OpenAI's for that oracle."""
    body = json.loads(wire.body)
    ids = [call["id"] for calls in _calls(wire) for call in calls]
    ids += [message["tool_call_id"] for message in body["messages"] if message["role"] == "tool"]
    found = [f"id {id!r} is not nine letters and digits" for id in ids if not (len(id) == 9 and id.isalnum())]
    if "random_seed" in body:
        body["seed"] = body.pop("random_seed")
    for message in body["messages"]:
        if message["role"] == "assistant" and isinstance(message.get("content"), list):
            texts = [chunk for chunk in message["content"] if chunk["type"] == "text"]
            message["content"] = texts or None if message.get("tool_calls") else texts or ""
        if message["role"] == "user" and isinstance(message["content"], list):
            kept = [part for part in message["content"] if part["type"] != "document_url"]
            message["content"] = kept or "a document"
    return found + oracle("oracle_openai").check(body, "chat/completions")


def _gemini_openai(wire: WireRequest) -> list[str]:
    """Gemini wants the first call of an answer signed, which OpenAI's oracle does not know."""
    body = json.loads(wire.body)
    found: list[str] = []
    for message in body["messages"]:
        calls = message.get("tool_calls") or []
        signatures = [call.pop("extra_content", {}).get("google", {}).get("thought_signature") for call in calls]
        if calls and not signatures[0]:
            found.append("the first call of an answer has no signature")
    return found + oracle("oracle_openai").check(body, "chat/completions")


FORMATS = (
    Format("chat_completions", "gpt-5.2", ChatCodec, ChatServer, "messages", _openai("chat/completions")),
    Format("responses", "gpt-5.2", ResponsesCodec, ResponsesServer, "input", _openai("responses")),
    Format("messages", "claude-sonnet-5", MessagesCodec, MessagesServer, "messages", _anthropic),
    Format("generate_content", "gemini-3.5-flash", GenerateContentCodec, GenerateContentServer, "contents", _google),
)
"""Every format, as the vendor who made it speaks it; their streams are server-sent events."""

CONVERSE = Format(
    "converse", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", ConverseCodec, ConverseServer, "messages", _aws
)
"""The format whose streams are frames."""

TARGETS = (
    *FORMATS,
    CONVERSE,
    Format("mistral", "mistral-large-4", _compatible("mistral"), ChatServer, "messages", _mistral),
    Format("gemini-openai", "gemini-3.5-flash", _compatible("gemini-openai"), ChatServer, "messages", _gemini_openai),
)
"""What a conversation may be switched to."""
