"""The APIs beside chat of Amazon Bedrock, as the provider table makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentkit.providers.aws.embeddings import InvokeEmbeddingsCodec
from agentkit.providers.aws.pictures import InvokeImagesCodec
from agentkit.providers.aws.provider import connect
from agentkit.providers.table import Options, Provider, TaskKind
from agentkit.remote import RemoteModel
from agentkit.remote_task import RemoteEmbeddingModel, RemoteImageModel
from agentkit.task_model import TaskModel

__all__ = ["connect_task"]


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingKeyError, ConfigurationError; sends nothing."""
    chat = connect(provider, model, options)  # which knows address, key and how requests are signed
    assert isinstance(chat, RemoteModel)
    identity = replace(chat.identity, api=kind)
    if kind == "generate_image":
        painter = InvokeImagesCodec(provider.vendor)
        return RemoteImageModel(painter, chat.endpoint, identity, transport=chat.transport, settings=options.settings)
    codec = InvokeEmbeddingsCodec(provider.vendor)
    return RemoteEmbeddingModel(codec, chat.endpoint, identity, transport=chat.transport, settings=options.settings)
