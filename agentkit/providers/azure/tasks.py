"""Azure's services beside its models: Language, Content Safety and Speech, as the provider table makes them."""

from __future__ import annotations

from typing import Any

from agentkit.errors import ConfigurationError
from agentkit.models import ModelIdentity
from agentkit.providers.azure.access import COGNITIVE_SCOPE, azure_access
from agentkit.providers.azure.batch_transcriptions import BatchTranscriptionCodec
from agentkit.providers.azure.content_safety import ContentSafetyCodec
from agentkit.providers.azure.fast_transcription import FastTranscriptionCodec
from agentkit.providers.azure.language import LanguageCodec, LanguageJobsCodec, is_job
from agentkit.providers.table import Options, Provider, TaskKind, base_url_of, host_and_port
from agentkit.remote import Endpoint
from agentkit.remote_job import ClassificationJob, TranscriptionJob
from agentkit.remote_task import RemoteClassificationModel, RemoteTranscriptionModel
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["connect_task"]

_KEY_HEADER = "ocp-apim-subscription-key"


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model that classifies or transcribes. Raises MissingKeyError, ConfigurationError; sends nothing."""
    match provider.name:
        case "azure-speech":
            return _speech(provider, model, options)
        case "azure-language" if is_job(model):
            return _made(ClassificationJob, LanguageJobsCodec(provider.vendor), provider, model, options, api="jobs")
        case "azure-language":
            codec = LanguageCodec(provider.vendor)
        case _:
            codec = ContentSafetyCodec(provider.vendor)
    return _made(RemoteClassificationModel, codec, provider, model, options, api=kind)


def _speech(provider: Provider, model: str, options: Options) -> TaskModel[Any, Any]:
    if model == "fast":
        codec = FastTranscriptionCodec(provider.vendor)
        return _made(RemoteTranscriptionModel, codec, provider, model, options, api="fast_transcription")
    if model == "batch":
        codec = BatchTranscriptionCodec(provider.vendor)
        return _made(TranscriptionJob, codec, provider, model, options, api="batch_transcription")
    raise ConfigurationError(f"{provider.name} has no {model!r}; it has fast, and batch for recordings at an address")


def _made(make: Any, codec: object, provider: Provider, model: str, options: Options, *, api: str) -> Any:
    """A model of one of these classes, which are made of the same."""
    base_url = base_url_of(provider, options)
    host, port = host_and_port(base_url)
    access = azure_access(provider, options, scope=COGNITIVE_SCOPE, key_header=_KEY_HEADER)
    signer = access.signer
    return make(
        codec,
        Endpoint(
            base_url,
            {**access.headers, **(options.headers or {})},
            signer.sign if signer else None,
            signer.renew if signer else None,
        ),
        ModelIdentity(
            provider.vendor,
            model,
            otel_provider=provider.otel_name or provider.vendor,
            address=host,
            port=port,
            api=api,
        ),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
