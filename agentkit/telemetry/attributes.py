"""The attributes of a model call: who is asked, what for, and what it used."""

from __future__ import annotations

from opentelemetry.util.types import AttributeValue

from agentkit.exchange import Request
from agentkit.models import ModelIdentity
from agentkit.telemetry import names
from agentkit.usage import Usage

__all__ = ["Attributes", "add_request", "add_usage", "server_attributes"]

Attributes = dict[str, AttributeValue]

_OPENAI_API_TYPES = {"chat": "chat_completions", "chat_completions": "chat_completions", "responses": "responses"}
_DEFAULT_SETTINGS = Request.__dataclass_fields__["settings"].default


def server_attributes(identity: ModelIdentity, model: str) -> Attributes:
    """What spans and metrics of a model call share."""
    provider = identity.otel_provider or identity.provider
    attributes: Attributes = {
        names.OPERATION_NAME: names.GENERATE_CONTENT if _is_gemini(identity) else names.CHAT,
        names.PROVIDER_NAME: provider,
        names.REQUEST_MODEL: model,
    }
    if identity.address and identity.is_remote:
        attributes[names.SERVER_ADDRESS] = identity.address
        attributes[names.SERVER_PORT] = identity.port or 443
    return attributes


def add_request(attributes: Attributes, identity: ModelIdentity, request: Request) -> None:
    """Add what is asked for: everything that the request says and a provider would notice."""
    if request.is_streamed:
        attributes[names.REQUEST_STREAM] = True
    if request.output is not None:
        attributes[names.OUTPUT_TYPE] = "json"
    if attributes[names.PROVIDER_NAME] == "openai" and (api := _OPENAI_API_TYPES.get(identity.api)):
        attributes[names.OPENAI_API_TYPE] = api
    settings = request.settings
    if settings is _DEFAULT_SETTINGS:
        return
    if settings.max_output_tokens is not None:
        attributes[names.REQUEST_MAX_TOKENS] = settings.max_output_tokens
    if settings.temperature is not None:
        attributes[names.REQUEST_TEMPERATURE] = float(settings.temperature)  # 0 would be written as an integer
    if settings.top_p is not None:
        attributes[names.REQUEST_TOP_P] = float(settings.top_p)
    if settings.stop:
        attributes[names.REQUEST_STOP_SEQUENCES] = settings.stop
    if settings.seed is not None:
        attributes[names.REQUEST_SEED] = settings.seed
    if settings.reasoning is not None:
        attributes[names.REQUEST_REASONING_LEVEL] = settings.reasoning
    if settings.service_tier is not None and names.OPENAI_API_TYPE in attributes:
        attributes[names.OPENAI_REQUEST_SERVICE_TIER] = settings.service_tier


def add_usage(attributes: Attributes, usage: Usage) -> None:
    """Add the tokens; the conventions count parts inside the totals."""
    attributes[names.USAGE_INPUT] = usage.total_input
    attributes[names.USAGE_OUTPUT] = usage.total_output
    if usage.cache_read:
        attributes[names.USAGE_CACHE_READ] = usage.cache_read
    if usage.cache_write:
        attributes[names.USAGE_CACHE_WRITE] = usage.cache_write
        attributes[names.USAGE_CACHE_CREATION] = usage.cache_write
    if usage.reasoning:
        attributes[names.USAGE_REASONING] = usage.reasoning


def _is_gemini(identity: ModelIdentity) -> bool:
    """Whether it is Google's own format: Google serves other formats too, which count as chats."""
    if identity.api:
        return identity.api == names.GENERATE_CONTENT
    return identity.provider == "google" or identity.otel_provider.startswith("gcp.")
