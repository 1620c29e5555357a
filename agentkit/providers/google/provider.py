"""Models of the Gemini API, as the provider table makes them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from agentkit.models import Capabilities, Model, ModelIdentity
from agentkit.providers.google.families import generation
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.table import Options, Provider, base_url_of, host_and_port, key_of
from agentkit.remote import Endpoint, RemoteModel
from agentkit.transport.default import default_transport

__all__ = ["connect"]

_VERSIONED = re.compile(r"/v\d+\w*(?:/|$)")


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of this provider. Raises MissingKeyError, ConfigurationError; sends nothing."""
    base_url = base_url_of(provider, options)
    key = key_of(provider, options)
    host, port = host_and_port(base_url)
    # Google's own client takes the address without the version, users' variables hold it either way.
    if not _VERSIONED.search(urlsplit(base_url).path):
        base_url = f"{base_url.rstrip('/')}/v1beta"
    identity = ModelIdentity(
        provider.vendor,
        model,
        otel_provider=provider.otel_name or provider.vendor,
        address=host,
        port=port,
        api=provider.api,
        capabilities=_capabilities(model),
    )
    headers = {**({"x-goog-api-key": key} if key else {}), **(options.headers or {})}
    return RemoteModel(
        GenerateContentCodec(provider.vendor),
        Endpoint(base_url, headers),
        identity,
        transport=options.transport or default_transport(),
        settings=options.settings,
    )


def _capabilities(model: str) -> Capabilities:
    born = generation(model)
    if born == (0, 0):  # Gemma and the like
        return Capabilities(output_with_tools=False, reasoning=False)
    return Capabilities(output_with_tools=born >= (3, 0), reasoning=born >= (2, 5))
