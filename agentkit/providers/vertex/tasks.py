"""The APIs beside chat of Vertex AI, as the provider table makes them."""

from __future__ import annotations

from typing import Any

from agentkit.providers.google.pictures import GeminiImageModel
from agentkit.providers.google.speech import GeminiTranscriptionModel
from agentkit.providers.table import Options, Provider, TaskKind
from agentkit.providers.vertex.provider import connect
from agentkit.task_model import TaskModel

__all__ = ["connect_task"]


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingExtraError, ConfigurationError; sends nothing."""
    chat = connect(provider, model, options)  # which knows address and credentials
    return GeminiImageModel(chat) if kind == "generate_image" else GeminiTranscriptionModel(chat)
