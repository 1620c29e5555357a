"""Bedrock's Mantle, as the provider table makes its models: the formats of OpenAI at an address of AWS.

OpenAI's own models are asked by Responses, all others by Chat Completions. The newer ones of OpenAI are served below
/openai/v1 alone (recorded 2026-07), all others below /v1.
"""

from __future__ import annotations

import re

from agentkit.codec import Codec
from agentkit.errors import UnsupportedError
from agentkit.models import Model, ModelIdentity
from agentkit.providers.aws.families import abilities_by_id
from agentkit.providers.aws.provider import address_of, bedrock_key, signer
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.providers.table import Options, Provider, host_and_port
from agentkit.remote import Endpoint, RemoteModel
from agentkit.transport.default import default_transport

__all__ = ["connect"]

_SERVICE = "bedrock-mantle"
_CHATS = re.compile(r"(?!openai\.)[a-z0-9]+\.[a-z]|.*safeguard")
_OPENAI_ROUTE = re.compile(r"openai\.(?!gpt-oss)")
_OTHERS = ChatRules(strict_tools=False, refusal_field=False, omitted=frozenset({"service_tier"}))


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of this provider. Raises MissingKeyError, ConfigurationError, UnsupportedError; sends nothing."""
    if model.startswith("anthropic."):
        raise UnsupportedError(
            f"{provider.name} speaks OpenAI's formats; ask bedrock:{model}, or bedrock-invoke:{model}"
        )
    address, region = address_of(provider, model, options, host=_SERVICE, domain="api.aws")
    base_url = address if address.endswith("/v1") else f"{address}{_route(model)}"
    host, port = host_and_port(base_url)
    key = bedrock_key(options)
    headers = {**({"authorization": f"Bearer {key}"} if key else {}), **(options.headers or {})}
    auth, renew = (None, None) if key else signer(provider, options, region=region, service=_SERVICE, host=host)
    is_responses = _CHATS.match(model) is None
    codec: Codec = ResponsesCodec(provider.vendor) if is_responses else ChatCodec(provider.vendor, rules=_OTHERS)
    identity = ModelIdentity(
        provider.vendor,
        model,
        otel_provider=provider.otel_name,
        address=host,
        port=port,
        api="responses" if is_responses else "chat_completions",
        capabilities=abilities_by_id(model),
    )
    transport = options.transport or default_transport()
    return RemoteModel(
        codec, Endpoint(base_url, headers, auth, renew), identity, transport=transport, settings=options.settings
    )


def _route(model: str) -> str:
    return "/openai/v1" if _OPENAI_ROUTE.match(model) else "/v1"
