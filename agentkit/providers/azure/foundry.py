"""Models of Azure AI Foundry, as the provider table makes them: Claude speaks Messages, all others Chat Completions."""

from __future__ import annotations

import re

from agentkit.codec import Codec
from agentkit.models import Capabilities, Model, ModelIdentity
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.anthropic.messages_knobs import can_be_forced, can_hold_schema, can_think
from agentkit.providers.azure.access import AI_SCOPE, COGNITIVE_SCOPE, azure_access
from agentkit.providers.azure.addresses import foundry_url
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.providers.table import Options, Provider, base_url_of, host_and_port
from agentkit.remote import Endpoint, RemoteModel
from agentkit.transport.default import default_transport

__all__ = ["connect"]

_OPENAI_S = re.compile(r"gpt-\d|o\d")
_OTHERS = ChatRules(
    max_tokens_field="max_tokens", strict_tools=False, refusal_field=False, omitted=frozenset({"service_tier"})
)


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of Foundry. Raises MissingKeyError, ConfigurationError; sends nothing."""
    is_claude = model.startswith("claude-")
    base_url = foundry_url(base_url_of(provider, options), is_claude=is_claude)
    host, port = host_and_port(base_url)
    codec: Codec
    if is_claude:
        codec, api, capabilities = MessagesCodec(provider.vendor), "messages", _claude_capabilities(model)
        access = azure_access(provider, options, scope=AI_SCOPE, key_header="x-api-key")
    else:
        rules = ChatRules() if _OPENAI_S.match(model) else _OTHERS
        codec, api, capabilities = ChatCodec(provider.vendor, rules=rules), provider.api, Capabilities()
        access = azure_access(provider, options, scope=COGNITIVE_SCOPE)
    identity = ModelIdentity(
        provider.vendor,
        model,
        otel_provider=provider.otel_name,
        address=host,
        port=port,
        api=api,
        capabilities=capabilities,
    )
    signer = access.signer
    endpoint = Endpoint(
        base_url,
        {**access.headers, **(options.headers or {})},
        signer.sign if signer else None,
        signer.renew if signer else None,
    )
    transport = options.transport or default_transport()
    return RemoteModel(codec, endpoint, identity, transport=transport, settings=options.settings)


def _claude_capabilities(model: str) -> Capabilities:
    return Capabilities(
        structured_output=can_hold_schema(model),
        forced_tools=can_be_forced(model),
        reasoning=can_think(model),
        media=frozenset({"image", "document"}),
    )
