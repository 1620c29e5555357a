"""Batches of Azure's services beside its models: texts as jobs of Language, recordings as jobs of Speech."""

from __future__ import annotations

from typing import Any

from agentkit.buckets import BatchStorage
from agentkit.errors import ConfigurationError
from agentkit.providers.azure.language_batches import LanguageBatchesCodec, LanguageLineCodec
from agentkit.providers.azure.transcription_batches import (
    TranscriptionBatch,
    TranscriptionBatchesCodec,
    TranscriptionLineCodec,
)
from agentkit.remote_batch import RemoteBatch
from agentkit.remote_job import RemoteJob
from agentkit.remote_task import RemoteTask

__all__ = ["connect_batch"]


def connect_batch(
    model: RemoteTask[Any, Any] | RemoteJob[Any, Any], storage: str | BatchStorage | None = None
) -> RemoteBatch:
    """The batches of a model. Raises ConfigurationError; sends nothing."""
    identity = model.identity
    if storage is not None:
        raise ConfigurationError(f"{identity.provider} keeps results itself, in no bucket of yours; leave out storage=")
    if identity.provider == "azure-speech":
        heard = TranscriptionLineCodec(identity.provider)
        lines = RemoteTask(heard, model.endpoint, identity, transport=model.transport, settings=model.settings)
        return TranscriptionBatch(lines, TranscriptionBatchesCodec(identity.provider))
    read = LanguageLineCodec(identity.provider)
    texts = RemoteTask(read, model.endpoint, identity, transport=model.transport, settings=model.settings)
    return RemoteBatch(texts, LanguageBatchesCodec(identity.provider))
