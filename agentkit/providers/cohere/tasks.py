"""Cohere's own embeddings, as the provider table makes them."""

from __future__ import annotations

from typing import Any

from agentkit.providers.cohere.embeddings import EmbedCodec
from agentkit.providers.openai_family import place_of
from agentkit.providers.table import Options, Provider, TaskKind
from agentkit.remote import Endpoint
from agentkit.remote_task import RemoteEmbeddingModel
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["connect_task"]

_IMITATION = "/compatibility/v1"
"""Where Cohere speaks Chat Completions; its own formats lie beside it."""


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model that embeds. Raises MissingKeyError, ConfigurationError; sends nothing."""
    place = place_of(provider, options)
    endpoint = Endpoint(str.removesuffix(place.endpoint.base_url, _IMITATION), place.endpoint.headers)
    return RemoteEmbeddingModel(
        EmbedCodec(provider.vendor),
        endpoint,
        place.identity(provider, model, api=kind),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
