"""The APIs beside chat of AWS, as the provider table makes them: Bedrock, Comprehend, Rekognition, Transcribe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from agentkit.classification import ClassificationCodec
from agentkit.models import ModelIdentity
from agentkit.providers.aws.batches import s3_endpoint
from agentkit.providers.aws.comprehend import ComprehendCodec
from agentkit.providers.aws.embeddings import InvokeEmbeddingsCodec
from agentkit.providers.aws.guardrails import GuardrailCodec
from agentkit.providers.aws.pictures import InvokeImagesCodec
from agentkit.providers.aws.provider import address_of, connect, signer
from agentkit.providers.aws.rekognition import RekognitionCodec
from agentkit.providers.aws.transcribe import TranscribeCodec
from agentkit.providers.chat_speech import ChatTranscriptionModel
from agentkit.providers.table import Options, Provider, TaskKind, host_and_port
from agentkit.remote import Endpoint, RemoteModel
from agentkit.remote_job import TranscriptionJob
from agentkit.remote_task import RemoteClassificationModel, RemoteEmbeddingModel, RemoteImageModel
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["connect_task"]


class _MakeCodec(Protocol):
    """A codec's class."""

    def __call__(self, provider: str) -> ClassificationCodec: ...


_CLASSIFIERS: Mapping[str, _MakeCodec] = {"comprehend": ComprehendCodec, "rekognition": RekognitionCodec}


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingKeyError, ConfigurationError; sends nothing."""
    if make := _CLASSIFIERS.get(provider.name):
        return _connect_classifier(make, provider, model, options)
    if provider.name == "aws-transcribe":
        return _connect_transcribe(provider, model, options)
    chat = connect(provider, model, options)  # which knows address, key and how requests are signed
    assert isinstance(chat, RemoteModel)
    if kind == "transcribe":
        return ChatTranscriptionModel(chat)
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


def _connect_classifier(
    make: _MakeCodec, provider: Provider, model: str, options: Options
) -> RemoteClassificationModel:
    endpoint, identity = _service(provider, model, options, service=provider.name)
    return RemoteClassificationModel(
        make(provider.vendor),
        endpoint,
        identity,
        transport=options.transport or default_transport(),
        settings=options.settings,
    )


def _connect_transcribe(provider: Provider, model: str, options: Options) -> TranscriptionJob:
    endpoint, identity = _service(provider, model, options, service="transcribe")
    return TranscriptionJob(
        TranscribeCodec(provider.vendor),
        endpoint,
        identity,
        transport=options.transport or default_transport(),
        settings=options.settings,
        storage=s3_endpoint(endpoint, model=model),
    )


def _service(provider: Provider, model: str, options: Options, *, service: str) -> tuple[Endpoint, ModelIdentity]:
    """Where a service beside Bedrock is, and who answers there."""
    base_url, region = address_of(provider, model, options, host=service)
    host, port = host_and_port(base_url)
    auth, renew = signer(provider, options, region=region, service=service, host=host)
    identity = ModelIdentity(
        provider.vendor,
        model,
        otel_provider=provider.otel_name or provider.vendor,
        address=host,
        port=port,
        api=service,
    )
    return Endpoint(base_url, dict(options.headers or {}), auth, renew), identity
