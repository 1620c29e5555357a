"""Which providers take batches, and by which codec; loaded when the first batch is made."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import cast

from agentkit.batching import BatchCodec
from agentkit.codec import Codec
from agentkit.errors import UnsupportedError
from agentkit.models import Model, identity_of
from agentkit.remote import RemoteModel
from agentkit.remote_batch import RemoteBatch

__all__ = ["BATCHES", "connect_batch"]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A provider that takes batches."""

    module: str
    """Where its codec is."""
    codec: str
    """The codec's class."""


BATCHES: Mapping[str, BatchRow] = {
    "openai": BatchRow("agentkit.providers.openai.batches", "BatchesCodec"),
    "azure": BatchRow("agentkit.providers.openai.batches", "BatchesCodec"),
    "anthropic": BatchRow("agentkit.providers.anthropic.batches", "MessageBatchesCodec"),
    "google": BatchRow("agentkit.providers.google.batches", "GeminiBatchesCodec"),
    "mistral": BatchRow("agentkit.providers.openai.mistral_batches", "MistralBatchesCodec"),
}
"""Provider, as spans name it -> its row."""

_ELSEWHERE: Mapping[str, str] = {
    "vertex": "Vertex AI reads and writes batches in buckets of Cloud Storage, which agentkit does not",
    "bedrock": "Bedrock reads and writes batches in buckets of S3, which agentkit does not",
}

_DEPLOYMENT = re.compile(r"/deployments/[^/?]+")


def connect_batch(model: Model) -> RemoteBatch:
    """The batches of a model. Raises UnsupportedError where its provider takes none; sends nothing."""
    identity = identity_of(model)
    row = BATCHES.get(identity.provider)
    if row is None or not isinstance(model, RemoteModel):
        reason = _ELSEWHERE.get(identity.provider, f"{identity} takes no batches")
        raise UnsupportedError(
            f'{reason}; ask at once with via="requests", or use a model of one of {", ".join(BATCHES)}'
        )
    make = cast("Callable[..., BatchCodec]", getattr(importlib.import_module(row.module), row.codec))
    codec: Codec = model.codec
    more: dict[str, str] = {}
    if identity.provider == "azure" and "/deployments/" in model.endpoint.base_url:
        # A dated version has the deployment in the path of a chat, and in the body of a line, whose path is bare.
        more["prefix"] = ""
        model = copy(model)
        model.endpoint = replace(model.endpoint, base_url=_DEPLOYMENT.sub("", model.endpoint.base_url))
    return RemoteBatch(model, make(codec, provider=identity.provider, **more))
