"""Which providers take batches, and by which codec; loaded when the first batch is made."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Protocol, cast

from agentkit.batching import BatchCodec
from agentkit.buckets import BatchStorage
from agentkit.codec import Codec
from agentkit.errors import ConfigurationError, UnsupportedError
from agentkit.models import Model, identity_of
from agentkit.remote import RemoteModel
from agentkit.remote_batch import RemoteBatch

__all__ = ["BATCHES", "IN_BUCKETS", "connect_batch"]


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

IN_BUCKETS: Mapping[str, str] = {
    "bedrock": "agentkit.providers.aws.batches",
    "vertex": "agentkit.providers.vertex.batches",
}
"""Provider that reads and writes batches in a bucket -> where its `connect_batch` is."""


class BucketModule(Protocol):
    """What the module of a provider offers that keeps batches in buckets."""

    def connect_batch(self, model: RemoteModel, storage: str | BatchStorage | None) -> RemoteBatch:
        """The batches of a model. Raises UnsupportedError, ConfigurationError; sends nothing."""
        ...


_DEPLOYMENT = re.compile(r"/deployments/[^/?]+")


def connect_batch(model: Model, *, storage: str | BatchStorage | None = None) -> RemoteBatch:
    """The batches of a model; `storage` is the bucket for those that need one. Sends nothing.

    Raises UnsupportedError where its provider takes none, ConfigurationError for a storage that does not fit.
    """
    identity = identity_of(model)
    if identity.provider in IN_BUCKETS and isinstance(model, RemoteModel):
        loaded = cast("BucketModule", importlib.import_module(IN_BUCKETS[identity.provider]))
        return loaded.connect_batch(model, storage)
    row = BATCHES.get(identity.provider)
    if row is None or not isinstance(model, RemoteModel):
        raise UnsupportedError(
            f'{identity} takes no batches; ask at once with via="requests", or use a model of one of '
            f"{', '.join((*BATCHES, *IN_BUCKETS))}"
        )
    if storage is not None:
        raise ConfigurationError(f"{identity.provider} keeps batches itself, in no bucket of yours; leave out storage=")
    make = cast("Callable[..., BatchCodec]", getattr(importlib.import_module(row.module), row.codec))
    codec: Codec = model.codec
    more: dict[str, str] = {}
    if identity.provider == "azure" and "/deployments/" in model.endpoint.base_url:
        # A dated version has the deployment in the path of a chat, and in the body of a line, whose path is bare.
        more["prefix"] = ""
        model = copy(model)
        model.endpoint = replace(model.endpoint, base_url=_DEPLOYMENT.sub("", model.endpoint.base_url))
    return RemoteBatch(model, make(codec, provider=identity.provider, **more))
