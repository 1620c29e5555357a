"""What Azure's services beside its models classify, as the provider table makes them."""

from __future__ import annotations

from typing import Any

from agentkit.models import ModelIdentity
from agentkit.providers.azure.content_safety import ContentSafetyCodec
from agentkit.providers.azure.language import LanguageCodec
from agentkit.providers.table import Options, Provider, TaskKind, base_url_of, host_and_port, key_of
from agentkit.remote import Endpoint
from agentkit.remote_task import RemoteClassificationModel
from agentkit.task_model import TaskModel
from agentkit.transport.default import default_transport

__all__ = ["connect_task"]


def connect_task(provider: Provider, kind: TaskKind, model: str, options: Options) -> TaskModel[Any, Any]:
    """A model that classifies. Raises MissingKeyError, ConfigurationError; sends nothing."""
    base_url = base_url_of(provider, options)
    host, port = host_and_port(base_url)
    key = key_of(provider, options)
    headers = {**({"ocp-apim-subscription-key": key} if key else {}), **(options.headers or {})}
    codec = LanguageCodec(provider.vendor) if provider.name == "azure-language" else ContentSafetyCodec(provider.vendor)
    return RemoteClassificationModel(
        codec,
        Endpoint(base_url, headers),
        ModelIdentity(
            provider.vendor,
            model,
            otel_provider=provider.otel_name or provider.vendor,
            address=host,
            port=port,
            api=kind,
        ),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
