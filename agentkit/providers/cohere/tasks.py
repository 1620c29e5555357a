"""Cohere's own embeddings and speech to text, as the provider table makes them."""

from __future__ import annotations

from typing import Any

from agentkit.providers.cohere.embeddings import EmbedCodec
from agentkit.providers.openai.transcriptions import TranscriptionsCodec
from agentkit.providers.openai_family import place_of
from agentkit.providers.openai_media import TRANSCRIPTION_RULES
from agentkit.providers.table import Options, Provider, TaskKind
from agentkit.remote import Endpoint
from agentkit.remote_task import RemoteEmbeddingModel, RemoteTranscriptionModel
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["connect_task"]

_IMITATION = "/compatibility/v1"
"""Where Cohere speaks Chat Completions; its own formats lie beside it."""


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model that embeds or writes down what is said. Raises MissingKeyError, ConfigurationError; sends nothing."""
    place = place_of(provider, options)
    endpoint = Endpoint(str.removesuffix(place.endpoint.base_url, _IMITATION), place.endpoint.headers)
    if kind == "transcribe":
        return RemoteTranscriptionModel(
            TranscriptionsCodec(provider.vendor, rules=TRANSCRIPTION_RULES["cohere"]),
            endpoint,
            place.identity(provider, model, api=kind),
            transport=options.transport or default_transport(),
            settings=options.settings,
        )
    return RemoteEmbeddingModel(
        EmbedCodec(provider.vendor),
        endpoint,
        place.identity(provider, model, api=kind),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
