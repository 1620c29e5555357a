"""OpenAI's embeddings: POST /embeddings, which many other providers offer too, with small differences.

Facts: the API reference of OpenAI (at most 2,048 inputs and 300,000 tokens in a request; base64 is little-endian
float32). Vectors are asked for as base64 where the server is known to offer it: a quarter of the bytes. Whatever was
asked for, numbers and base64 are both read: Cohere's models at Azure answer with numbers.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agentkit.codec import WireRequest
from agentkit.embedding import (
    EmbeddingAnswer,
    EmbeddingLimits,
    EmbeddingRequest,
    Purpose,
    reply_of,
    vector_of,
    vector_of_base64,
)
from agentkit.errors import ExchangeError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.providers.openai.errors import decode_error, list_in
from agentkit.usage import Usage, count_of

__all__ = ["EmbeddingRules", "EmbeddingsCodec"]

_LIMITS = EmbeddingLimits(items=2048, tokens=300_000)


@dataclass(frozen=True, slots=True)
class EmbeddingRules:
    """How a server's embeddings differ from OpenAI's."""

    limits: EmbeddingLimits = _LIMITS
    is_base64_offered: bool = True
    dimensions_field: str = "dimensions"
    purpose_field: str = ""
    """Empty where there is none."""
    purposes: Mapping[Purpose, str] = field(default_factory=dict["Purpose", str])
    """What the purposes are called that it knows; the others are left out."""


class EmbeddingsCodec:
    """The client half of OpenAI's embeddings."""

    def __init__(self, provider: str = "openai", *, rules: EmbeddingRules | None = None) -> None:
        self.name = f"{provider}:embeddings"
        self._provider = provider
        self._rules = rules or EmbeddingRules()

    def limits(self, model: str) -> EmbeddingLimits:
        """What this model takes in one request."""
        return self._rules.limits

    def encode(self, asked: EmbeddingRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images."""
        if not all(isinstance(entry, str) for entry in asked.inputs):
            raise UnsupportedError(
                f"{self._provider}:{asked.model} embeds texts only; an image was given. Models of google, vertex, "
                "bedrock and cohere embed images"
            )
        rules = self._rules
        body: dict[str, Any] = {"model": asked.model, "input": asked.inputs}
        if rules.is_base64_offered:
            body["encoding_format"] = "base64"
        if asked.dimensions is not None:
            body[rules.dimensions_field] = asked.dimensions
        notes: tuple[str, ...] = ()
        if asked.purpose is None:
            pass
        elif (word := rules.purposes.get(asked.purpose)) is not None:
            body[rules.purpose_field] = word
        elif self._provider != "openai":  # whose vectors are good for every purpose
            notes = (f"the purpose {asked.purpose!r} was left out: {self._provider} has no word for it",)
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest("/embeddings", json_bytes(body), notes=notes)

    def decode(self, body: bytes) -> EmbeddingAnswer:
        """The vectors in the order of the inputs, whatever the order of the reply."""
        reply = reply_of(body, provider=self._provider)
        fields = cast("dict[str, Any]", reply) if isinstance(reply, dict) else {}
        data = list_in(fields, "data", provider=self._provider)
        rows = [cast("dict[str, Any]", row) for row in data if isinstance(row, dict)]
        vectors = tuple(self._vector(row.get("embedding")) for row in sorted(rows, key=_index))
        return EmbeddingAnswer(vectors, _usage(fields.get("usage")), str(fields.get("model") or ""))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _vector(self, value: Any) -> array[float]:
        if isinstance(value, str):
            return vector_of_base64(value, provider=self._provider)
        return vector_of(value, provider=self._provider)


def _index(row: dict[str, Any]) -> int:
    index = row.get("index")
    return index if isinstance(index, int) else 0


def _usage(value: Any) -> Usage:
    usage = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return Usage(count_of(usage.get("prompt_tokens", usage.get("total_tokens"))))
