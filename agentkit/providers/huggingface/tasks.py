"""The APIs beside chat of Hugging Face and its servers, as the provider table makes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from agentkit.embedding import EmbeddingLimits
from agentkit.providers.huggingface.classification import HuggingFaceClassificationCodec
from agentkit.providers.huggingface.embeddings import FeatureExtractionCodec
from agentkit.providers.huggingface.images import TextToImageCodec
from agentkit.providers.huggingface.partners import OWN, connect_partner, refuse_unoffered
from agentkit.providers.huggingface.provider import patient
from agentkit.providers.huggingface.transcriptions import SpeechRecognitionCodec
from agentkit.providers.openai.embeddings import EmbeddingRules, EmbeddingsCodec
from agentkit.providers.openai_family import place_of
from agentkit.providers.table import Options, Provider, TaskKind, value_of
from agentkit.remote import Endpoint
from agentkit.remote_task import (
    RemoteClassificationModel,
    RemoteEmbeddingModel,
    RemoteImageModel,
    RemoteTranscriptionModel,
)
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["connect_task"]

_TEI = EmbeddingRules(EmbeddingLimits(items=32), is_base64_offered=False)


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingKeyError, UnsupportedError for partners of the router
    that are not asked for the task; sends nothing."""
    _, _, partner = model.partition(":")
    if partner:
        refuse_unoffered(provider, kind, model)
    place = place_of(provider, options)
    said = options.base_url or value_of(provider.base_url_variables)
    path = urlsplit(said or "").path.rstrip("/")
    # Chat has its own version of the address, at the router as at dedicated endpoints; /embed may be a part of it.
    base = str.removesuffix(str.removesuffix(place.endpoint.base_url, "/v1"), "/embed" if kind == "embed" else "")
    endpoint = patient(Endpoint(base, place.endpoint.headers), place.host, options.settings)
    identity = place.identity(provider, model, api=kind)
    if partner not in ("", OWN):
        return connect_partner(provider, kind, identity, options, router=endpoint)
    # Who names a partner speaks with a router, be it at an address of their own.
    is_router = said is None or bool(partner)
    transport = options.transport or default_transport()
    if kind == "classify":
        is_predict = path.endswith("/predict")
        classifier = HuggingFaceClassificationCodec(provider.vendor, is_router=is_router, is_predict=is_predict)
        return RemoteClassificationModel(classifier, endpoint, identity, transport=transport, settings=options.settings)
    if kind == "generate_image":
        painter = TextToImageCodec(provider.vendor, is_router=is_router)
        return RemoteImageModel(painter, endpoint, identity, transport=transport, settings=options.settings)
    if kind == "transcribe":
        listener = SpeechRecognitionCodec(provider.vendor, is_router=is_router)
        return RemoteTranscriptionModel(listener, endpoint, identity, transport=transport, settings=options.settings)
    if path.endswith("/v1") and not is_router:  # where Text Embeddings Inference speaks OpenAI's format
        vectors = EmbeddingsCodec(provider.vendor, rules=_TEI)
        spoken = replace(endpoint, base_url=place.endpoint.base_url)
        return RemoteEmbeddingModel(vectors, spoken, identity, transport=transport, settings=options.settings)
    codec = FeatureExtractionCodec(provider.vendor, is_router=is_router)
    return RemoteEmbeddingModel(codec, endpoint, identity, transport=transport, settings=options.settings)
