"""Batches of Vertex AI: who makes them, with which credentials, and in which bucket."""

from __future__ import annotations

import os
from copy import copy
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from agentkit.bucket_batch import Bucket, BucketBatch
from agentkit.buckets import BatchStorage, storage_of
from agentkit.errors import ConfigurationError, UnsupportedError
from agentkit.providers.vertex.embedding_batches import EmbeddingBatch, EmbeddingJobsCodec
from agentkit.providers.vertex.prediction_jobs import BatchPredictionJobsCodec
from agentkit.providers.vertex.storage import CloudStorageCodec
from agentkit.remote import Endpoint, RemoteModel
from agentkit.remote_task import RemoteTask

__all__ = ["connect_batch"]


def connect_batch(model: RemoteModel | RemoteTask[Any, Any], storage: str | BatchStorage | None) -> BucketBatch:
    """The batches of a model of Vertex AI. Raises UnsupportedError, ConfigurationError; sends nothing."""
    identity, endpoint = model.identity, model.endpoint
    if identity.api not in ("generate_content", "messages", "embed"):
        raise UnsupportedError(
            f"{identity.provider} takes batches of Gemini, of Claude and of vectors, not of {identity}; ask at once "
            'with via="requests"'
        )
    named = storage_of(storage, scheme="gs", provider=identity.provider)
    if "/projects/" not in endpoint.base_url or "x-goog-api-key" in endpoint.headers:
        raise ConfigurationError(
            "a batch of vertex needs a project, and credentials that open its bucket, which a key does not: pass "
            "model(..., project=..., credentials=...), or run `gcloud auth application-default login`"
        )
    headers = {name: value for name, value in endpoint.headers.items() if name == "authorization"}
    reached = Endpoint(_storage_address(endpoint), headers, endpoint.auth, endpoint.renew)
    bucket = Bucket(CloudStorageCodec(identity.provider), reached, named)
    if identity.api != "embed":
        return BucketBatch(model, BatchPredictionJobsCodec(model.codec, provider=identity.provider), bucket)
    asked = copy(model)  # jobs are made above the models that embed
    asked.endpoint = replace(endpoint, base_url=endpoint.base_url.removesuffix("/publishers/google"))
    return EmbeddingBatch(asked, EmbeddingJobsCodec(model.codec, provider=identity.provider), bucket)


def _storage_address(endpoint: Endpoint) -> str:
    """Where Cloud Storage is; with an address of the user's own for Vertex, buckets are asked there too."""
    said = os.environ.get("STORAGE_EMULATOR_HOST", "").strip()
    if said:
        return said if "://" in said else f"http://{said}"
    parts = urlsplit(endpoint.base_url)
    if (parts.hostname or "").endswith(".googleapis.com"):
        return "https://storage.googleapis.com"
    return f"{parts.scheme}://{parts.netloc}"
