"""Cohere's embeddings, version 2: POST /v2/embed.

Facts: Cohere's API reference (at most 96 inputs a request; what the vectors are for has to be said).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agentkit.codec import WireRequest
from agentkit.embedding import (
    EmbeddingAnswer,
    EmbeddingInput,
    EmbeddingLimits,
    EmbeddingRequest,
    Purpose,
    reply_of,
    vector_of,
)
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.media import Inline
from agentkit.providers.openai.errors import decode_error, error_in_stream
from agentkit.usage import Usage, count_of

__all__ = ["EmbedCodec"]

_INPUT_TYPES: Mapping[Purpose, str] = {
    "document": "search_document",
    "query": "search_query",
    "classification": "classification",
    "clustering": "clustering",
}


class EmbedCodec:
    """The client half of /v2/embed."""

    def __init__(self, provider: str = "cohere") -> None:
        self.name = f"{provider}:embed"
        self._provider = provider

    def limits(self, model: str) -> EmbeddingLimits:
        """What this model takes in one request."""
        return EmbeddingLimits(items=96)

    def encode(self, asked: EmbeddingRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images that are addresses or uploaded files."""
        purpose = asked.purpose or "document"
        body: dict[str, Any] = {
            "model": asked.model,
            "input_type": _INPUT_TYPES.get(purpose, "search_document"),
            "embedding_types": ["float"],
        }
        if all(isinstance(entry, str) for entry in asked.inputs):
            body["texts"] = asked.inputs
        else:
            body["inputs"] = [{"content": [self._part(entry)]} for entry in asked.inputs]
        if asked.dimensions is not None:
            body["output_dimension"] = asked.dimensions
        body |= (asked.settings.extra or {}).get(self._provider, {})
        notes = ()
        if purpose not in _INPUT_TYPES:
            notes = (f"{self._provider} has no word for the purpose {purpose!r}; 'search_document' was sent",)
        return WireRequest("/v2/embed", json_bytes(body), notes=notes)

    def decode(self, body: bytes) -> EmbeddingAnswer:
        """The vectors, in the order of the inputs."""
        reply = reply_of(body, provider=self._provider)
        fields = cast("dict[str, Any]", reply) if isinstance(reply, dict) else {}
        found = fields.get("embeddings")
        rows = cast("dict[str, Any]", found).get("float") if isinstance(found, dict) else found
        if not isinstance(rows, list):
            if fields.get("error"):
                raise error_in_stream(fields, provider=self._provider)
            raise ProtocolError(
                "the reply holds no embeddings ('embeddings.float' is missing)", provider=self._provider
            )
        vectors = tuple(vector_of(row, provider=self._provider) for row in cast("list[Any]", rows))
        return EmbeddingAnswer(vectors, _usage(fields.get("meta")))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _part(self, entry: EmbeddingInput) -> dict[str, Any]:
        if isinstance(entry, str):
            return {"type": "text", "text": entry}
        if not isinstance(entry.source, Inline):
            raise UnsupportedError(
                f"{self._provider} embeds images whose bytes are sent along; use Image.from_file or Image.from_bytes"
            )
        return {"type": "image_url", "image_url": {"url": entry.source.data_url}}


def _usage(meta: Any) -> Usage:
    billed = cast("dict[str, Any]", meta).get("billed_units") if isinstance(meta, dict) else None
    units = cast("dict[str, Any]", billed) if isinstance(billed, dict) else {}
    return Usage(count_of(units.get("input_tokens")) + count_of(units.get("image_tokens")))
