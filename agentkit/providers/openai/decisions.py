"""OpenAI's Decisions: POST /decisions, where a model gives the probability of each label.

Facts: openai 3.54 (only gpt-6-luna; 2 to 255 choices; up to 400 questions about one input; a question can be refused
while others are answered). One of several labels is a choice; where several may fit, each label is a question of its
own, whose name the answer repeats.
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
    objects_of,
    scores_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ContentFilteredError, ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.media import Inline, Remote
from agentkit.providers.openai.errors import decode_error, list_in
from agentkit.usage import Usage, count_of

__all__ = ["DecisionsCodec"]

Json = dict[str, Any]

_MODELS = ("gpt-6-luna",)
_QUESTION = "Which label fits the input?"


class DecisionsCodec:
    """The client half of /decisions."""

    def __init__(self, provider: str = "openai") -> None:
        self.name = f"{provider}:decisions"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model."""
        return ClassificationOffer(frozenset({"labels"}) if model.startswith(_MODELS) else frozenset())

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images that are uploaded files."""
        body: Json = {"model": asked.model, "input": self._input(asked), "questions": _questions(asked)}
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest("/decisions", json_bytes(body))

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What became of the one input."""
        fields = object_of(reply_of(body, provider=self._provider))
        found = self._classification(objects_of(list_in(fields, "answers", provider=self._provider)))
        return ClassificationAnswer((found,), _usage(fields.get("usage")), str(fields.get("model") or ""))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _classification(self, answers: list[Json]) -> Classification:
        kinds = {str(answer.get("type")) for answer in answers}
        if "refusal" in kinds or not answers:
            message = "the model declined to classify this input"
            return Classification(error=ContentFilteredError(message, provider=self._provider))
        if kinds == {"choice"}:
            scores = scores_of(
                {str(row.get("value")): row.get("probability") for row in objects_of(answers[0].get("probabilities"))}
            )
            choice = str(answers[0].get("choice"))
            others = sorted((label for label in scores if label != choice), key=lambda label: -scores[label])
            ordered = {label: scores[label] for label in (choice, *others) if label in scores}
            return Classification((choice,), ordered or None)
        if kinds == {"predicate"}:
            likely = scores_of({str(each.get("name")): each.get("probability") for each in answers})
            return chosen(likely, is_multiple=True)
        raise ProtocolError(f"answers of the kinds {sorted(kinds)} came", provider=self._provider)

    def _input(self, asked: ClassificationRequest) -> Any:
        (entry,) = asked.inputs
        if isinstance(entry, str):
            return entry
        match entry.source:
            case Inline():
                url = entry.source.data_url
            case Remote(url):
                pass
            case _:
                raise UnsupportedError(
                    f"{self._provider} reads images from bytes or addresses, not uploaded files here"
                )
        return [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}]


def _questions(asked: ClassificationRequest) -> list[Json]:
    if asked.is_multiple:
        return [
            {
                "type": "predicate",
                "name": label,
                "instructions": f"The label {label!r} fits the input." + (f" It means: {meaning}" if meaning else ""),
            }
            for label, meaning in asked.labels.items()
        ]
    choices = [
        {"value": label, "description": meaning} if meaning else {"value": label}
        for label, meaning in asked.labels.items()
    ]
    return [{"type": "choice", "instructions": _QUESTION, "choices": choices}]


def _usage(value: object) -> Usage:
    usage = object_of(value)
    said, thought = object_of(usage.get("input_tokens_details")), object_of(usage.get("output_tokens_details"))
    read, written = count_of(said.get("cached_tokens")), count_of(said.get("cache_write_tokens"))
    reasoning = count_of(thought.get("reasoning_tokens"))
    return Usage(
        max(0, count_of(usage.get("input_tokens")) - read - written),
        read,
        written,
        max(0, count_of(usage.get("output_tokens")) - reasoning),
        reasoning,
    )
