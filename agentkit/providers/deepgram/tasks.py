"""Models of Deepgram, as the provider table makes them."""

from __future__ import annotations

from typing import Any

from agentkit.providers.deepgram.listen import ListenCodec
from agentkit.providers.openai_family import place_of
from agentkit.providers.table import Options, Provider, TaskKind, key_of
from agentkit.remote import Endpoint
from agentkit.remote_task import RemoteTranscriptionModel
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["connect_task"]


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model that writes down what is said. Raises MissingKeyError, ConfigurationError; sends nothing."""
    place = place_of(provider, options)
    key = key_of(provider, options)
    # Bearer is for its short-lived tokens; keys have a scheme of their own.
    headers = {"authorization": f"Token {key}", **(options.headers or {})} if key else options.headers or {}
    return RemoteTranscriptionModel(
        ListenCodec(provider.vendor),
        Endpoint(place.endpoint.base_url, headers),
        place.identity(provider, model, api=kind),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
