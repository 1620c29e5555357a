"""Models of Anthropic, as the provider table makes them."""

from __future__ import annotations

from agentkit.models import Capabilities, Model, ModelIdentity
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.anthropic.messages_knobs import can_be_forced, can_hold_schema, can_think
from agentkit.providers.table import Options, Provider, base_url_of, host_and_port, key_of
from agentkit.remote import Endpoint, RemoteModel
from agentkit.transport.default import default_transport

__all__ = ["connect"]

_NO_TOOLS = ("claude-2", "claude-v1", "claude-instant")


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of this provider. Raises MissingKeyError, ConfigurationError; sends nothing."""
    # The vendor's own clients take the address without the version, users' variables hold it either way.
    base_url = base_url_of(provider, options).removesuffix("/v1")
    key = key_of(provider, options)
    host, port = host_and_port(base_url)
    identity = ModelIdentity(
        provider.vendor,
        model,
        otel_provider=provider.otel_name or provider.vendor,
        address=host,
        port=port,
        api=provider.api,
        capabilities=Capabilities(
            tools=not model.startswith(_NO_TOOLS),
            structured_output=can_hold_schema(model),
            forced_tools=can_be_forced(model),
            reasoning=can_think(model),
            media=frozenset({"document"} if model.startswith(_NO_TOOLS) else {"image", "document"}),
        ),
    )
    headers = {**({"x-api-key": key} if key else {}), **(options.headers or {})}
    return RemoteModel(
        MessagesCodec(provider.vendor),
        Endpoint(base_url, headers),
        identity,
        transport=options.transport or default_transport(),
        settings=options.settings,
    )
