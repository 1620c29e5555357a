"""The APIs beside chat of the Gemini API, as the provider table makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentkit.providers.google.decisions import GeminiDecisionsCodec
from agentkit.providers.google.embeddings import EmbedContentsCodec
from agentkit.providers.google.pictures import GeminiImageModel
from agentkit.providers.google.provider import connect
from agentkit.providers.google.transcripts import GeminiTranscriptionModel
from agentkit.providers.table import Options, Provider, TaskKind
from agentkit.remote import RemoteModel
from agentkit.remote_task import RemoteClassificationModel, RemoteEmbeddingModel
from agentkit.task_model import TaskModel

__all__ = ["connect_task"]


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingKeyError, ConfigurationError; sends nothing."""
    chat = connect(provider, model, options)  # which knows address and key
    assert isinstance(chat, RemoteModel)
    if kind == "generate_image":
        return GeminiImageModel(chat)
    if kind == "transcribe":
        return GeminiTranscriptionModel(chat)
    identity = replace(chat.identity, api=kind)
    if kind == "classify":
        return RemoteClassificationModel(
            GeminiDecisionsCodec(provider.vendor),
            chat.endpoint,
            identity,
            transport=chat.transport,
            settings=options.settings,
        )
    return RemoteEmbeddingModel(
        EmbedContentsCodec(provider.vendor),
        chat.endpoint,
        identity,
        transport=chat.transport,
        settings=options.settings,
    )
