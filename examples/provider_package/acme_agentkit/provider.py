"""Acme's models, as the provider table makes them; loaded when the first one is asked for."""

from __future__ import annotations

from urllib.parse import urlsplit

from acme_agentkit.codec import AcmeCodec
from agentkit.models import Capabilities, Model, ModelIdentity
from agentkit.providers.table import Options, Provider, base_url_of, key_of
from agentkit.remote import Endpoint, RemoteModel
from agentkit.transport.default import default_transport

__all__ = ["connect"]

_CAPABILITIES = Capabilities(structured_output=False, forced_tools=False, reasoning=False, media=frozenset())
"""What agentkit refuses or asks for in words instead, before anything is sent."""


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of Acme. Raises MissingKeyError, ConfigurationError; sends nothing."""
    base_url = base_url_of(provider, options)
    key = key_of(provider, options)
    parts = urlsplit(base_url)
    headers = {**({"authorization": f"Bearer {key}"} if key else {}), **(options.headers or {})}
    made = RemoteModel(
        AcmeCodec(),
        Endpoint(base_url, headers),
        ModelIdentity(
            provider.vendor,
            model,
            address=parts.hostname or "",
            port=parts.port or (443 if parts.scheme == "https" else 80),
            api=provider.api,
            capabilities=_CAPABILITIES,
        ),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
    made.unretained = {"keep": False}  # what Settings(retain=False) says to Acme
    return made
