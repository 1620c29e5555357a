"""The APIs beside chat of OpenAI and of the servers that speak its formats, as the provider table makes them."""

from __future__ import annotations

from typing import Any

from agentkit.providers.openai.embeddings import EmbeddingsCodec
from agentkit.providers.openai_family import place_of
from agentkit.providers.table import Options, Provider, TaskKind
from agentkit.remote_task import RemoteEmbeddingModel
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["connect_task"]


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingKeyError, ConfigurationError; sends nothing."""
    place = place_of(provider, options)
    return RemoteEmbeddingModel(
        EmbeddingsCodec(provider.vendor),
        place.endpoint,
        place.identity(provider, model, api=kind),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
