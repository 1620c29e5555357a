"""The APIs beside chat of OpenAI and of the servers that speak its formats, as the provider table makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agentkit.embedding import EmbeddingLimits
from agentkit.providers.openai.decisions import DecisionsCodec
from agentkit.providers.openai.embeddings import EmbeddingRules, EmbeddingsCodec
from agentkit.providers.openai.moderations import ModerationsCodec
from agentkit.providers.openai.vllm_classification import VllmClassificationCodec
from agentkit.providers.openai_family import place_of
from agentkit.providers.openai_media import connect_images, connect_transcription
from agentkit.providers.table import Options, Provider, TaskKind
from agentkit.remote_task import RemoteClassificationModel, RemoteEmbeddingModel
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["EMBEDDING_RULES", "connect_task"]

_LOCAL_LIMITS = EmbeddingLimits(items=256)
"""Local servers have no bound of their own; a request of theirs should not outlast its deadline."""
_HOSTED_LIMITS = EmbeddingLimits(items=512, tokens=300_000)

EMBEDDING_RULES: Mapping[str, EmbeddingRules] = {
    "mistral": EmbeddingRules(EmbeddingLimits(items=512, tokens=16_384), dimensions_field="output_dimension"),
    "together": EmbeddingRules(_HOSTED_LIMITS, is_base64_offered=False),
    "fireworks": EmbeddingRules(_HOSTED_LIMITS, is_base64_offered=False),
    "openrouter": EmbeddingRules(_HOSTED_LIMITS),
    "gemini-openai": EmbeddingRules(EmbeddingLimits(items=100), is_base64_offered=False),
    "voyageai": EmbeddingRules(
        EmbeddingLimits(items=1000, tokens=120_000),
        dimensions_field="output_dimension",
        purpose_field="input_type",
        purposes={"query": "query", "document": "document"},
    ),
    "vllm": EmbeddingRules(_LOCAL_LIMITS),
    "llamacpp-server": EmbeddingRules(_LOCAL_LIMITS),
    "ollama": EmbeddingRules(_LOCAL_LIMITS, is_base64_offered=False),
    "lmstudio": EmbeddingRules(_LOCAL_LIMITS, is_base64_offered=False),
    "openai-compatible": EmbeddingRules(_LOCAL_LIMITS, is_base64_offered=False),
}
"""Provider -> how its embeddings differ from OpenAI's."""


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingKeyError, ConfigurationError; sends nothing."""
    match kind:
        case "embed":
            return _connect_embeddings(provider, model, options)
        case "classify":
            return _connect_classification(provider, model, options)
        case "generate_image":
            return connect_images(provider, model, options)
        case "transcribe":
            return connect_transcription(provider, model, options)


def _connect_embeddings(provider: Provider, model: str, options: Options) -> RemoteEmbeddingModel:
    place = place_of(provider, options, model)
    return RemoteEmbeddingModel(
        EmbeddingsCodec(provider.vendor, rules=EMBEDDING_RULES.get(provider.vendor)),
        place.endpoint,
        place.identity(provider, model, api="embeddings"),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )


def _connect_classification(provider: Provider, model: str, options: Options) -> RemoteClassificationModel:
    place = place_of(provider, options, model)
    if provider.vendor == "vllm":
        return RemoteClassificationModel(
            VllmClassificationCodec(provider.vendor),
            replace(place.endpoint, base_url=place.endpoint.base_url.removesuffix("/v1")),
            place.identity(provider, model, api="classify"),
            transport=options.transport or default_transport(),
            settings=options.settings,
        )
    has_decisions = provider.vendor == "openai" and "moderation" not in model
    return RemoteClassificationModel(
        DecisionsCodec(provider.vendor) if has_decisions else ModerationsCodec(provider.vendor),
        place.endpoint,
        place.identity(provider, model, api="decisions" if has_decisions else "moderations"),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
