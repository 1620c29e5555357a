"""Models of Hugging Face, as the provider table makes them: its router, and endpoints that serve one model."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from agentkit.models import Model
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.providers.openai_family import capabilities_of, place_of
from agentkit.providers.table import Options, Provider
from agentkit.remote import Endpoint, RemoteModel
from agentkit.settings import Deadlines, Settings
from agentkit.transport.default import default_transport

__all__ = ["connect", "patient"]

_LONGEST_SECONDS = 600.0
_ROUTER = "router.huggingface.co"
_ENDPOINTS = ".endpoints.huggingface.cloud"
_HOLD = "x-scale-up-timeout"
"""For how many seconds an endpoint that was scaled to zero holds a request while it wakes; else it answers with 503."""
_OWN = ":hf-inference"
"""The partner that is Hugging Face itself: behind it is TGI, as behind endpoints of the user's own."""


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of the router, or of the server at `base_url`. Raises MissingKeyError, ConfigurationError."""
    place = place_of(provider, options)
    rules = provider.rules or ChatRules()
    endpoint = place.endpoint
    if place.host != _ROUTER:
        rules = _as_tgi(rules)
        if not urlsplit(endpoint.base_url).path:  # as the page of an endpoint shows it
            endpoint = replace(endpoint, base_url=endpoint.url("/v1"))
        endpoint = patient(endpoint, place.host, options.settings)
    elif model.endswith(_OWN):
        rules = _as_tgi(rules)
    return RemoteModel(
        ChatCodec(provider.vendor, rules=rules),
        endpoint,
        place.identity(provider, model, api=provider.api, capabilities=capabilities_of(rules)),
        transport=options.transport or default_transport(),
        settings=options.settings,
    )


def patient(endpoint: Endpoint, host: str, settings: Settings | None) -> Endpoint:
    """The endpoint, held on to while it wakes where it is one of Hugging Face's that may have been scaled to zero."""
    if not host.endswith(_ENDPOINTS):
        return endpoint
    return replace(endpoint, headers={_HOLD: _patience(settings), **endpoint.headers})


def _patience(settings: Settings | None) -> str:
    """As long as we wait for the first event, less some time for the answer."""
    deadlines = (settings.deadlines if settings else None) or Deadlines()
    limits = (deadlines.first_event_seconds, deadlines.exchange_seconds)
    seconds = min((limit for limit in limits if limit is not None), default=_LONGEST_SECONDS)
    return str(max(1, int(min(seconds, _LONGEST_SECONDS) * 0.9)))


def _as_tgi(rules: ChatRules) -> ChatRules:
    """Text Generation Inference takes a schema in a form of its own, and not beside tools."""
    return replace(rules, structured_output="json_value", output_with_tools=False)
