"""Gemini's Decisions: POST /decisions, where a model gives the probability of each label.

Facts: google-genai 3.4 (questions stand in a map by names of the caller's; 2 to 255 options). One of several labels is
a choice; where several may fit, each label is a question of its own, which the API calls a noul.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationOffer,
    ClassificationRequest,
    chosen,
    object_of,
    scores_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ContentFilteredError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.media import Inline, Remote
from agentkit.providers.google.errors import decode_error, error_in_reply
from agentkit.usage import Usage, count_of

__all__ = ["GeminiDecisionsCodec"]

Json = dict[str, Any]

_CHOICE = "label"


class GeminiDecisionsCodec:
    """The client half of Gemini's /decisions."""

    def __init__(self, provider: str = "google") -> None:
        self.name = f"{provider}:decisions"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model: those made for it have it in their names."""
        return ClassificationOffer(frozenset({"labels"}) if "decisions" in model else frozenset())

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images that are uploaded files."""
        body: Json = {"model": f"models/{asked.model}", "input": self._input(asked), "questions": _questions(asked)}
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest("/decisions", json_bytes(body))

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What became of the one input."""
        reply = reply_of(body, provider=self._provider)
        fields = object_of(reply)
        if fields.get("error"):
            raise error_in_reply(fields, provider=self._provider)
        return ClassificationAnswer((self._classification(fields),), _usage(fields.get("usage")))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _classification(self, fields: Json) -> Classification:
        found = {name: object_of(each) for name, each in object_of(fields.get("answers")).items()}
        if not found and fields.get("prompt_feedback"):
            message = "the input was blocked by the provider's filters"
            return Classification(error=ContentFilteredError(message, provider=self._provider))
        if not found:
            raise ProtocolError("the reply holds no answers ('answers' is missing)", provider=self._provider)
        first = found.get(_CHOICE, {})
        if first.get("type") == "choice":
            scores, choice = scores_of(first.get("probabilities")), str(first.get("choice"))
            others = sorted((label for label in scores if label != choice), key=lambda label: -scores[label])
            ordered = {label: scores[label] for label in (choice, *others) if label in scores}
            return Classification((choice,), ordered or None)
        return chosen(scores_of({name: each.get("noul") for name, each in found.items()}), is_multiple=True)

    def _input(self, asked: ClassificationRequest) -> Any:
        (entry,) = asked.inputs
        if isinstance(entry, str):
            return entry
        match entry.source:
            case Inline(_, media_type):
                return [{"type": "image", "data": entry.source.base64, "mime_type": media_type}]
            case Remote(url):
                return [{"type": "image", "uri": url}]
            case _:
                raise UnsupportedError(
                    f"{self._provider} reads images from bytes or addresses, not uploaded files here"
                )


def _questions(asked: ClassificationRequest) -> Json:
    if asked.is_multiple:
        return {
            label: {
                "type": "noul",
                "instructions": f"Does the label {label!r} fit the input?" + (f" It means: {means}" if means else ""),
            }
            for label, means in asked.labels.items()
        }
    return {_CHOICE: {"type": "choice", "instructions": "Which label fits the input?", "criteria": dict(asked.labels)}}


def _usage(value: object) -> Usage:
    usage = object_of(value)
    read = count_of(usage.get("total_cached_tokens"))
    return Usage(
        max(0, count_of(usage.get("total_input_tokens")) - read),
        read,
        0,
        count_of(usage.get("total_output_tokens")),
        count_of(usage.get("total_thought_tokens")),
    )
