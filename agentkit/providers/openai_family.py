"""Models of OpenAI, and of every server that speaks its formats, as the provider table makes them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from agentkit.codec import Codec
from agentkit.models import Capabilities, Model, ModelIdentity
from agentkit.providers.azure.access import COGNITIVE_SCOPE, azure_access
from agentkit.providers.azure.addresses import azure_url
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.providers.table import Options, Provider, base_url_of, host_and_port, key_of
from agentkit.remote import Endpoint, RemoteModel
from agentkit.transport.default import default_transport

__all__ = ["Place", "capabilities_of", "connect", "place_of"]

_ANY = Capabilities()
_NO_REASONING = ("gpt-4", "gpt-3.5", "chatgpt-4o", "ft:gpt-4", "ft:gpt-3.5")
_NO_SCHEMA = ("gpt-3.5", "gpt-4-", "o1-mini", "o1-preview", "chatgpt-4o")
_NO_TOOLS = ("o1-mini", "o1-preview", "chatgpt-4o", "gpt-3.5-turbo-instruct")
_NO_IMAGES = ("gpt-3.5", "o1-mini", "o1-preview", "o3-mini")


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of this provider. Raises MissingKeyError, ConfigurationError; sends nothing."""
    place = place_of(provider, options, model, api=provider.api)
    rules = provider.rules or ChatRules()
    codec: Codec = (
        ResponsesCodec(provider.vendor) if provider.api == "responses" else ChatCodec(provider.vendor, rules=rules)
    )
    capabilities = _openai_capabilities(model) if provider.vendor == "openai" else capabilities_of(rules)
    return RemoteModel(
        codec,
        place.endpoint,
        place.identity(provider, model, api=provider.api, capabilities=capabilities),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a provider is, and with what it is asked."""

    endpoint: Endpoint
    host: str
    port: int

    def identity(self, provider: Provider, model: str, *, api: str, capabilities: Capabilities = _ANY) -> ModelIdentity:
        return ModelIdentity(
            provider.vendor,
            model,
            otel_provider=provider.otel_name or provider.vendor,
            address=self.host,
            port=self.port,
            api=api,
            capabilities=capabilities,
        )


def place_of(provider: Provider, options: Options, model: str = "", *, api: str = "") -> Place:
    """Where the server is, and with what it is asked; on Azure the address may hold the model and depend on the API."""
    base_url = base_url_of(provider, options)
    host, port = host_and_port(base_url)
    if provider.vendor == "azure":
        access = azure_access(provider, options, scope=COGNITIVE_SCOPE)
        headers, signer = {**access.headers, **(options.headers or {})}, access.signer
        base_url = azure_url(base_url, api=api, deployment=model)
        endpoint = Endpoint(base_url, headers, signer.sign, signer.renew) if signer else Endpoint(base_url, headers)
        return Place(endpoint, host, port)
    headers = {**_key_headers(provider, key_of(provider, options)), **(options.headers or {})}
    return Place(Endpoint(base_url, headers), host, port)


def _key_headers(provider: Provider, key: str | None) -> dict[str, str]:
    headers: dict[str, str] = {}
    if key:
        headers["authorization"] = f"Bearer {key}"
    if provider.vendor == "openai":
        for variable, header in (("OPENAI_ORG_ID", "openai-organization"), ("OPENAI_PROJECT_ID", "openai-project")):
            if value := os.environ.get(variable, "").strip():
                headers[header] = value
    return headers


def capabilities_of(rules: ChatRules) -> Capabilities:
    """What a server can do that differs from OpenAI by these rules."""
    return Capabilities(
        structured_output=rules.structured_output in ("json_schema", "json_value"),
        forced_tools=rules.tool_choice != "auto",
        output_with_tools=rules.output_with_tools,
    )


def _openai_capabilities(model: str) -> Capabilities:
    is_text_only = model.startswith(_NO_IMAGES) or model in ("gpt-4", "gpt-4-0613", "gpt-4-0314")
    hears = "audio" in model
    media = frozenset[str]() if is_text_only else frozenset({"image", "document"})
    return Capabilities(
        tools=not model.startswith(_NO_TOOLS) and "search-preview" not in model,
        structured_output=not (model.startswith(_NO_SCHEMA) or model == "gpt-4"),
        reasoning=not model.startswith(_NO_REASONING) and "chat-latest" not in model,
        media=media | {"audio"} if hears else media,
    )
