"""Moderation of OpenAI and of Mistral: POST /moderations; and Mistral's /classifications by models of one's own.

Facts: the API references of both. Categories have names such as "hate/threatening". OpenAI says for each input whether
it is harmful; Mistral leaves that to the categories. An image is sent in a request of its own: a list of parts is one
input there.
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
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.media import Image, Inline, Remote
from agentkit.providers.openai.errors import decode_error, list_in
from agentkit.usage import Usage, count_of

__all__ = ["ModerationsCodec"]

_ITEMS = 32


class ModerationsCodec:
    """The client half of /moderations and /classifications."""

    def __init__(self, provider: str = "openai") -> None:
        self.name = f"{provider}:moderations"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model."""
        if "moderation" in model:
            return ClassificationOffer(frozenset({"moderation"}), _ITEMS)
        if self._provider == "mistral" and "classifier" in model:
            return ClassificationOffer(frozenset({"own"}), _ITEMS)
        return ClassificationOffer()

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images that lie at a provider."""
        body: dict[str, Any] = {"model": asked.model, "input": self._input(asked)}
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest("/moderations" if asked.way == "moderation" else "/classifications", json_bytes(body))

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What became of the inputs, in their order."""
        fields = object_of(reply_of(body, provider=self._provider))
        results = list_in(fields, "results", provider=self._provider)
        found = tuple(_classification(each, self._provider) for each in results)
        tokens = count_of(object_of(fields.get("usage")).get("prompt_tokens"))
        return ClassificationAnswer(found, Usage(tokens), str(fields.get("model") or ""))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _input(self, asked: ClassificationRequest) -> Any:
        if not any(isinstance(entry, Image) for entry in asked.inputs):
            return asked.inputs
        if self._provider != "openai":
            raise UnsupportedError(f"{self._provider}:{asked.model} reads texts only; an image was given")
        return [self._part(entry) for entry in asked.inputs]

    def _part(self, entry: str | Image) -> dict[str, Any]:
        if isinstance(entry, str):
            return {"type": "text", "text": entry}
        match entry.source:
            case Inline():
                url = entry.source.data_url
            case Remote(url):
                pass
            case _:
                raise UnsupportedError(
                    f"{self._provider} reads images from bytes or addresses, not uploaded files here"
                )
        return {"type": "image_url", "image_url": {"url": url}}


def _classification(result: object, provider: str) -> Classification:
    """What became of one input. Raises ProtocolError for a result that says nothing: it is not harmless by that."""
    fields = object_of(result)
    if "categories" not in fields:
        return _of_a_classifier(fields, provider)
    scores = scores_of(fields.get("category_scores"))
    said = object_of(fields.get("categories"))
    harms = sorted((name for name, is_found in said.items() if is_found is True), key=lambda name: -scores.get(name, 0))
    flagged = fields.get("flagged")
    if not said and not isinstance(flagged, bool):
        raise ProtocolError("a result of the reply says nothing of harm ('categories' is empty)", provider=provider)
    return Classification(tuple(harms), scores or None, flagged if isinstance(flagged, bool) else bool(harms))


def _of_a_classifier(targets: Mapping[str, object], provider: str) -> Classification:
    """What a classifier of one's own says: {"intent": {"scores": {"refund": 0.9, ...}}, ...}."""
    scores = {name: scores_of(object_of(target).get("scores")) for name, target in targets.items()}
    if not any(scores.values()):
        raise ProtocolError("a result of the reply holds neither categories nor scores", provider=provider)
    if len(scores) == 1:
        return chosen(next(iter(scores.values())), is_multiple=False)
    best = [f"{name}/{max(each, key=lambda label: each[label])}" for name, each in scores.items() if each]
    named = {f"{name}/{label}": score for name, each in scores.items() for label, score in each.items()}
    return Classification(tuple(best), named or None)
