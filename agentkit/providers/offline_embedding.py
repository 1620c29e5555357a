"""Embeddings of the offline model ("offline:"): no key, no network, and no language model.

A text's vector is made of its words and of their parts: texts that share words have vectors that are near each other,
and what words mean plays no role. The same text has the same vector, always.
"""

from __future__ import annotations

import re
from array import array
from hashlib import blake2b
from math import sqrt
from typing import Any

import anyio.lowlevel

from agentkit.embedding import EmbeddingAnswer, EmbeddingLimits, EmbeddingRequest
from agentkit.errors import UnknownModelError, UnsupportedError
from agentkit.exchange import RunAccount
from agentkit.models import ModelIdentity, Sink
from agentkit.providers.offline import MODEL, estimate_tokens
from agentkit.providers.table import Options, Provider, TaskKind
from agentkit.settings import Settings
from agentkit.task_model import TaskModel, TaskReply
from agentkit.usage import Usage

__all__ = ["OfflineEmbeddingModel", "connect_task", "vector"]

_DIMENSIONS = 256
_PART_CHARS = 3
_LONG_WORD = 8


class OfflineEmbeddingModel:
    """An EmbeddingModel that looks at words; see the module."""

    def __init__(self) -> None:
        self.identity = ModelIdentity("offline", MODEL, api="offline", is_remote=False)
        self.limits = EmbeddingLimits(items=256)

    def __repr__(self) -> str:
        return "OfflineEmbeddingModel()"

    async def perform(
        self,
        asked: EmbeddingRequest,
        settings: Settings,
        *,
        sink: Sink | None = None,
        account: RunAccount | None = None,
    ) -> TaskReply[EmbeddingAnswer]:
        """The vectors. Raises UnsupportedError for images."""
        await anyio.lowlevel.checkpoint()
        texts = [entry for entry in asked.inputs if isinstance(entry, str)]
        if len(texts) < len(asked.inputs):
            raise UnsupportedError("the offline model embeds texts only; an image was given")
        vectors = tuple(vector(text, dimensions=asked.dimensions) for text in texts)
        return TaskReply(EmbeddingAnswer(vectors, Usage(sum(map(estimate_tokens, texts))), MODEL))


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """The offline model of embeddings. Raises UnknownModelError: there is one only."""
    if model != MODEL:
        raise UnknownModelError(provider.name, model, [MODEL])
    return OfflineEmbeddingModel()


def vector(text: str, *, dimensions: int | None = None) -> array[float]:
    """The vector of a text, of length 1: a pure function of it."""
    numbers = [0.0] * (dimensions or _DIMENSIONS)
    for word in re.findall(r"\w+", text.casefold()):
        _add(numbers, word, min(len(word), _LONG_WORD))  # short words are in every text
        framed = f"<{word}>"
        for start in range(len(framed) - _PART_CHARS + 1):
            _add(numbers, framed[start : start + _PART_CHARS], 1.0)
    length = sqrt(sum(number * number for number in numbers)) or 1.0
    return array("f", [number / length for number in numbers])


def _add(numbers: list[float], feature: str, weight: float) -> None:
    digest = int.from_bytes(
        blake2b(feature.encode(errors="replace"), digest_size=8, person=b"agentkit").digest(), "big"
    )
    sign = 1.0 if digest & 1 else -1.0
    numbers[(digest >> 1) % len(numbers)] += sign * weight
