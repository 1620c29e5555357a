"""Hugging Face's embeddings: the task feature-extraction at the router, /embed of Text Embeddings Inference elsewhere.

Facts: huggingface_hub's client and the documents of both (32 texts a request; parameters stand beside the inputs, not
below `parameters`). The reply counts no tokens. A model without pooling gives a vector for each token: which of them
to take, or how to average, is no client's guess, so that is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agentkit.codec import WireRequest
from agentkit.embedding import EmbeddingAnswer, EmbeddingLimits, EmbeddingRequest, reply_of, vector_of
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.providers.huggingface.addresses import own_path
from agentkit.providers.openai.errors import decode_error, error_in_stream

__all__ = ["FeatureExtractionCodec"]


class FeatureExtractionCodec:
    """The client half of feature-extraction."""

    def __init__(self, provider: str = "huggingface", *, is_router: bool = True) -> None:
        """`is_router` is False for a server of one model (Text Embeddings Inference), which has another path."""
        self.name = f"{provider}:feature_extraction"
        self._provider = provider
        self._is_router = is_router

    def limits(self, model: str) -> EmbeddingLimits:
        """What this model takes in one request."""
        return EmbeddingLimits(items=32)

    def encode(self, asked: EmbeddingRequest) -> WireRequest:
        """The request's bytes. Raises UnsupportedError for images, and for a size of the vectors."""
        if not all(isinstance(entry, str) for entry in asked.inputs):
            raise UnsupportedError(f"{self._provider}:{asked.model} embeds texts only; an image was given")
        if asked.dimensions is not None:
            raise UnsupportedError(
                f"{self._provider} cannot shorten vectors to {asked.dimensions} numbers; leave dimensions out, "
                "or take another model"
            )
        body: dict[str, Any] = {"inputs": asked.inputs}
        body |= (asked.settings.extra or {}).get(self._provider, {})
        notes = ()
        if asked.purpose is not None:
            notes = (
                f"the purpose {asked.purpose!r} was left out: models name their own, say it with "
                f'Settings(extra={{"{self._provider}": {{"prompt_name": ...}}}})',
            )
        path = f"{own_path(asked.model)}/pipeline/feature-extraction" if self._is_router else "/embed"
        return WireRequest(path, json_bytes(body), notes=notes)

    def decode(self, body: bytes) -> EmbeddingAnswer:
        """The vectors, in the order of the inputs. Raises UnsupportedError for a model that gives one a token."""
        reply = reply_of(body, provider=self._provider)
        if isinstance(reply, dict):
            raise error_in_stream(cast("dict[str, Any]", reply), provider=self._provider)
        if not isinstance(reply, list):
            raise ProtocolError(f"the reply is a JSON {type(reply).__name__}, not a list", provider=self._provider)
        rows = cast("list[Any]", reply)
        match rows:
            case [[[*_], *_] as tokens, *_]:
                raise UnsupportedError(
                    f"this model of {self._provider} gives a vector for each token ({len(tokens)} for the first "
                    "input), not one for the text; take one that pools, such as sentence-transformers/all-MiniLM-L6-v2"
                )
            case [int() | float(), *_]:  # a single text, sent as such
                rows = [rows]
            case _:
                pass
        return EmbeddingAnswer(tuple(vector_of(row, provider=self._provider) for row in rows))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)
