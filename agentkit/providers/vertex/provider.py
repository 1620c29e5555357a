"""Models of Vertex AI, as the provider table makes them.

Gemini speaks generateContent there, Claude Messages, and models of others ("meta/llama-4-...-maas") Chat Completions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from agentkit.attempt import Auth
from agentkit.codec import Codec
from agentkit.errors import ConfigurationError
from agentkit.models import Capabilities, Model, ModelIdentity
from agentkit.providers.anthropic.hosting import VERTEX as CLAUDE
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.anthropic.messages_knobs import can_be_forced, can_hold_schema, can_think
from agentkit.providers.google.families import generation
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.google.service_rules import VERTEX as GEMINI
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.chat_rules import ChatRules
from agentkit.providers.table import Options, Provider, host_and_port, value_of
from agentkit.providers.tokens import TokenSigner, token_fetcher
from agentkit.providers.vertex.credentials import GoogleTokens, is_google_credential
from agentkit.remote import Endpoint, RemoteModel
from agentkit.transport.default import default_transport
from agentkit.transport.layer import is_offline
from agentkit.transport.protocol import HttpRequest
from agentkit.transport.redact import Secret

__all__ = ["PROJECT_VARIABLES", "REGION_VARIABLES", "VertexPlace", "connect", "place_of"]

PROJECT_VARIABLES = ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "ANTHROPIC_VERTEX_PROJECT_ID")
REGION_VARIABLES = ("GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION", "CLOUD_ML_REGION")

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_UNKNOWN_PROJECT = "{project}"
"""Stands in addresses until the credentials have named their project, which may take a question to the network."""
_WHOLE_NAME = re.compile(r"projects/(?P<project>[^/]+)/locations/(?P<region>[^/]+)/(?P<model>.+)")
_VERSIONED = re.compile(r"/v\d+\w*(?:/|$)")
_OPEN_MODELS = ChatRules(
    max_tokens_field="max_tokens", strict_tools=False, refusal_field=False, omitted=frozenset({"service_tier"})
)


@dataclass(frozen=True, slots=True)
class VertexPlace:
    """Where the models of a project are, and with what they are asked."""

    endpoint: Endpoint
    """Its address ends with the region, or with the version where a key says the project."""
    host: str
    port: int
    model: str
    """The model's id without project and region."""


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of Vertex AI. Raises MissingExtraError, ConfigurationError; sends nothing."""
    is_claude = _is_claude(model)
    place = place_of(options, model, version="v1" if is_claude else "v1beta1")
    endpoint, codec = place.endpoint, _codec_of(provider, model)
    if (is_claude or _is_open(model)) and options.base_url is None and "/projects/" not in endpoint.base_url:
        raise ConfigurationError(
            f"a key alone is for Gemini; vertex:{model} needs the project that is charged: pass model(..., project=...)"
        )
    if _is_open(model):
        endpoint = replace(endpoint, base_url=endpoint.url("/endpoints/openapi"))
        api, capabilities = "chat_completions", Capabilities()
    elif is_claude:
        api, capabilities = "messages", _claude_capabilities(place.model)
    else:
        api, capabilities = provider.api, _gemini_capabilities(place.model)
    identity = ModelIdentity(
        provider.vendor,
        place.model,
        otel_provider=provider.otel_name,
        address=place.host,
        port=place.port,
        api=api,
        capabilities=capabilities,
    )
    transport = options.transport or default_transport()
    return RemoteModel(codec, endpoint, identity, transport=transport, settings=options.settings)


def _codec_of(provider: Provider, model: str) -> Codec:
    if _is_open(model):
        return ChatCodec(provider.vendor, rules=_OPEN_MODELS)
    if _is_claude(model):
        return MessagesCodec(provider.vendor, hosting=CLAUDE)
    return GenerateContentCodec(provider.vendor, rules=GEMINI)


def place_of(options: Options, model: str, *, version: str) -> VertexPlace:
    """Where a model is: by what was said, else by the environment. Raises MissingExtraError, ConfigurationError."""
    whole = _WHOLE_NAME.fullmatch(model)
    region = options.region or (whole["region"] if whole else value_of(REGION_VARIABLES)) or "global"
    project = options.project or (whole["project"] if whole else None)
    base_url = (options.base_url or value_of(("GOOGLE_VERTEX_BASE_URL",)) or _home(region)).rstrip("/")
    host, port = host_and_port(base_url)
    if not _VERSIONED.search(urlsplit(base_url).path):
        base_url = f"{base_url}/{version}"
    model = whole["model"] if whole else model
    if project is None and options.credentials is None and (options.api_key or options.base_url):
        # A key knows its project, and so does a server of the user's own.
        headers = {**_key_headers(options), **(options.headers or {})}
        return VertexPlace(Endpoint(base_url, headers), host, port, model)
    access = _access_of(options)
    project = project or value_of(PROJECT_VARIABLES)
    if project is None and access.source is None and not is_offline():
        raise ConfigurationError(
            "vertex needs the project that is charged: pass model(..., project=...) or set GOOGLE_CLOUD_PROJECT"
        )
    named = _UNKNOWN_PROJECT if project is None else quote(project, safe=":.-")
    endpoint = Endpoint(
        f"{base_url}/projects/{named}/locations/{region}",
        {**access.headers, **(options.headers or {})},
        access.auth(is_project_known=project is not None),
        access.signer.renew if access.signer else None,
    )
    return VertexPlace(endpoint, host, port, model)


@dataclass(frozen=True, slots=True)
class _Access:
    """With what Vertex is asked: headers that stay, or something that signs."""

    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    signer: TokenSigner | None = None
    source: GoogleTokens | None = None

    def auth(self, *, is_project_known: bool) -> Auth | None:
        """What signs a request, and names the project where only the credentials know it."""
        if self.signer is None or self.source is None or is_project_known:
            return self.signer.sign if self.signer else None
        signer, source = self.signer, self.source

        async def sign(request: HttpRequest) -> HttpRequest:
            signed = signer.sign(request)
            signed = signed if isinstance(signed, HttpRequest) else await signed
            if not source.project:
                raise ConfigurationError(
                    "vertex needs the project that is charged, and the credentials name none: pass "
                    "model(..., project=...) or set GOOGLE_CLOUD_PROJECT"
                )
            return replace(signed, url=signed.url.replace(_UNKNOWN_PROJECT, quote(source.project, safe=":.-"), 1))

        return sign


def _access_of(options: Options) -> _Access:
    credentials = options.credentials
    if credentials is None and options.api_key:
        return _Access(_key_headers(options))
    if isinstance(credentials, str):
        return _Access({"authorization": Secret(f"Bearer {credentials.strip()}")})
    if credentials is None and is_offline():
        return _Access()
    if credentials is None or isinstance(credentials, Path) or is_google_credential(credentials):
        source = GoogleTokens(credentials)
        return _Access(signer=TokenSigner(source), source=source)
    return _Access(signer=TokenSigner(token_fetcher(credentials, provider="vertex", scope=_SCOPE)))


def _key_headers(options: Options) -> dict[str, str]:
    return {"x-goog-api-key": Secret(options.api_key.strip())} if options.api_key else {}


def _home(region: str) -> str:
    """Google's address for a region; "us" and "eu" are several regions together."""
    match region:
        case "global":
            return "https://aiplatform.googleapis.com"
        case "us" | "eu":
            return f"https://aiplatform.{region}.rep.googleapis.com"
        case _:
            return f"https://{region}-aiplatform.googleapis.com"


def _is_claude(model: str) -> bool:
    return model.rpartition("/")[2].startswith("claude-") and not _is_open(model)


def _is_open(model: str) -> bool:
    """Whether it is a model of another publisher, named with it: "meta/llama-3.3-70b-instruct-maas"."""
    publisher, slash, _ = model.partition("/")
    return bool(slash) and publisher not in ("projects", "endpoints", "publishers", "models", "tunedModels")


def _gemini_capabilities(model: str) -> Capabilities:
    born = generation(model)
    if born == (0, 0):  # a tuned model, of which the name says nothing
        return Capabilities()
    return Capabilities(output_with_tools=born >= (3, 0), reasoning=born >= (2, 5))


def _claude_capabilities(model: str) -> Capabilities:
    return Capabilities(
        structured_output=can_hold_schema(model),
        forced_tools=can_be_forced(model),
        reasoning=can_think(model),
        media=frozenset({"image", "document"}),
    )
