"""The APIs beside chat of Vertex AI, as the provider table makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentkit.providers.google.embeddings import VertexEmbeddingsCodec
from agentkit.providers.google.imagen import ImagenCodec
from agentkit.providers.google.pictures import GeminiImageModel
from agentkit.providers.google.transcripts import GeminiTranscriptionModel
from agentkit.providers.table import Options, Provider, TaskKind
from agentkit.providers.vertex.provider import connect
from agentkit.remote import RemoteModel
from agentkit.remote_task import RemoteEmbeddingModel, RemoteImageModel
from agentkit.task_model import TaskModel

__all__ = ["connect_task"]


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingExtraError, ConfigurationError; sends nothing."""
    chat = connect(provider, model, options)  # which knows address and credentials
    assert isinstance(chat, RemoteModel)
    identity, transport = replace(chat.identity, api=kind), chat.transport
    if kind == "transcribe":
        return GeminiTranscriptionModel(chat)
    if kind == "embed":
        endpoint = replace(chat.endpoint, base_url=chat.endpoint.url("/publishers/google"))
        vectors = VertexEmbeddingsCodec(provider.vendor)
        return RemoteEmbeddingModel(vectors, endpoint, identity, transport=transport, settings=options.settings)
    if "imagen" in identity.model:
        painter = ImagenCodec(provider.vendor)
        return RemoteImageModel(painter, chat.endpoint, identity, transport=transport, settings=options.settings)
    return GeminiImageModel(chat)
