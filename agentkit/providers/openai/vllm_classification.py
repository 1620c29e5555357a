"""vLLM's classification: POST /classify, beside its other paths and not below /v1.

Facts: vLLM's documents. A reply names the best label alone: of the others it gives probabilities without names, which
are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agentkit.classification import (
    Classification,
    ClassificationAnswer,
    ClassificationOffer,
    ClassificationRequest,
    object_of,
    objects_of,
)
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import number_of
from agentkit.providers.openai.errors import decode_error, list_in
from agentkit.usage import Usage, count_of

__all__ = ["VllmClassificationCodec"]

_ITEMS = 256


class VllmClassificationCodec:
    """The client half of vLLM's /classify."""

    def __init__(self, provider: str = "vllm") -> None:
        self.name = f"{provider}:classification"
        self._provider = provider

    def offer(self, model: str) -> ClassificationOffer:
        """What the endpoint does with this model."""
        return ClassificationOffer(frozenset({"own"}), _ITEMS)

    def encode(self, asked: ClassificationRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images."""
        if not all(isinstance(entry, str) for entry in asked.inputs):
            raise UnsupportedError(f"{self._provider}:{asked.model} reads texts only; an image was given")
        body: dict[str, Any] = {"model": asked.model, "input": asked.inputs}
        body |= (asked.settings.extra or {}).get(self._provider, {})
        return WireRequest("/classify", json_bytes(body))

    def decode(self, body: bytes) -> ClassificationAnswer:
        """What became of the inputs, in their order."""
        fields = object_of(reply_of(body, provider=self._provider))
        rows = objects_of(list_in(fields, "data", provider=self._provider))
        found = tuple(self._classification(row) for row in sorted(rows, key=_index))
        tokens = count_of(object_of(fields.get("usage")).get("prompt_tokens"))
        return ClassificationAnswer(found, Usage(tokens), str(fields.get("model") or ""))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _classification(self, row: Mapping[str, Any]) -> Classification:
        label, probs = row.get("label"), row.get("probs")
        rows = cast("list[Any]", probs) if isinstance(probs, list) else []
        numbers = [number for each in rows if (number := number_of(each)) is not None]
        if label is None and numbers:  # a model whose labels have no names
            return Classification()
        if not isinstance(label, str):
            raise ProtocolError("a row of the reply holds neither a label nor 'probs'", provider=self._provider)
        return Classification((label,), {label: max(numbers)} if numbers else None)


def _index(row: Mapping[str, Any]) -> int:
    index = row.get("index")
    return index if isinstance(index, int) else 0
