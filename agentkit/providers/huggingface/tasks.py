"""The APIs beside chat of Hugging Face and its servers, as the provider table makes them."""

from __future__ import annotations

from typing import Any

from agentkit.errors import UnsupportedError
from agentkit.providers.huggingface.classification import HuggingFaceClassificationCodec
from agentkit.providers.huggingface.embeddings import FeatureExtractionCodec
from agentkit.providers.huggingface.images import TextToImageCodec
from agentkit.providers.huggingface.transcriptions import SpeechRecognitionCodec
from agentkit.providers.openai_family import place_of
from agentkit.providers.table import Options, Provider, TaskKind
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


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model for one of the tasks of the row. Raises MissingKeyError, UnsupportedError for partners of the router
    other than Hugging Face itself; sends nothing."""
    name, colon, partner = model.partition(":")
    if colon and partner != "hf-inference":
        raise UnsupportedError(
            f"{provider.name}:{model} names the partner {partner!r}, whose tasks beside chat have paths of its own; "
            f"use {provider.name}:{name}, which Hugging Face serves itself"
        )
    place = place_of(provider, options)
    # Chat has its own version of the address, at the router as at dedicated endpoints.
    endpoint = Endpoint(str.removesuffix(place.endpoint.base_url, "/v1"), place.endpoint.headers)
    is_router = options.base_url is None
    identity = place.identity(provider, model, api=kind)
    transport = options.transport or default_transport()
    if kind == "classify":
        classifier = HuggingFaceClassificationCodec(provider.vendor, is_router=is_router)
        return RemoteClassificationModel(classifier, endpoint, identity, transport=transport, settings=options.settings)
    if kind == "generate_image":
        painter = TextToImageCodec(provider.vendor, is_router=is_router)
        return RemoteImageModel(painter, endpoint, identity, transport=transport, settings=options.settings)
    if kind == "transcribe":
        listener = SpeechRecognitionCodec(provider.vendor, is_router=is_router)
        return RemoteTranscriptionModel(listener, endpoint, identity, transport=transport, settings=options.settings)
    codec = FeatureExtractionCodec(provider.vendor, is_router=is_router)
    return RemoteEmbeddingModel(codec, endpoint, identity, transport=transport, settings=options.settings)
