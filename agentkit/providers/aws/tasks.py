"""The APIs beside chat of Amazon Bedrock, as the provider table makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agentkit.models import ModelIdentity
from agentkit.providers.aws.comprehend import ComprehendCodec
from agentkit.providers.aws.embeddings import InvokeEmbeddingsCodec
from agentkit.providers.aws.guardrails import GuardrailCodec
from agentkit.providers.aws.pictures import InvokeImagesCodec
from agentkit.providers.aws.provider import address_of, connect, signer
from agentkit.providers.table import Options, Provider, TaskKind, host_and_port
from agentkit.remote import Endpoint, RemoteModel
from agentkit.remote_task import RemoteClassificationModel, RemoteEmbeddingModel, RemoteImageModel
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["connect_task"]


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingKeyError, ConfigurationError; sends nothing."""
    if provider.name == "comprehend":
        return _connect_comprehend(provider, model, options)
    chat = connect(provider, model, options)  # which knows address, key and how requests are signed
    assert isinstance(chat, RemoteModel)
    identity = replace(chat.identity, api=kind)
    if kind == "classify":
        guard = GuardrailCodec(provider.vendor)
        return RemoteClassificationModel(
            guard, chat.endpoint, identity, transport=chat.transport, settings=options.settings
        )
    if kind == "generate_image":
        painter = InvokeImagesCodec(provider.vendor)
        return RemoteImageModel(painter, chat.endpoint, identity, transport=chat.transport, settings=options.settings)
    codec = InvokeEmbeddingsCodec(provider.vendor)
    return RemoteEmbeddingModel(codec, chat.endpoint, identity, transport=chat.transport, settings=options.settings)


def _connect_comprehend(provider: Provider, model: str, options: Options) -> RemoteClassificationModel:
    base_url, region = address_of(provider, model, options, host="comprehend")
    host, port = host_and_port(base_url)
    auth, renew = signer(provider, options, region=region, service="comprehend", host=host)
    otel_provider = provider.otel_name or provider.vendor
    return RemoteClassificationModel(
        ComprehendCodec(provider.vendor),
        Endpoint(base_url, dict(options.headers or {}), auth, renew),
        ModelIdentity(provider.vendor, model, otel_provider=otel_provider, address=host, port=port, api="comprehend"),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
