"""Models of Amazon Bedrock, and endpoints of SageMaker, as the provider table makes them.

An API key of Bedrock wins over credentials, as with AWS's own tools; with credentials every request is signed, and
signed anew when it is sent again. They are looked for when the first request is sent, in a thread: files are read, and
botocore, where it is installed, may ask the network.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread

from agentkit.attempt import Auth
from agentkit.errors import ConfigurationError
from agentkit.models import Model, ModelIdentity
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.aws.credentials import KEY_VARIABLE, CredentialSource, find_region
from agentkit.providers.aws.families import abilities_by_id
from agentkit.providers.aws.framed import Interface
from agentkit.providers.aws.invoke import invoke_interface
from agentkit.providers.aws.sagemaker import sagemaker_interface
from agentkit.providers.aws.signing import Credentials, sign
from agentkit.providers.table import Options, Provider, host_and_port, value_of
from agentkit.remote import Endpoint, RemoteModel
from agentkit.transport.default import default_transport
from agentkit.transport.layer import is_offline
from agentkit.transport.protocol import HttpRequest
from agentkit.transport.redact import Secret

__all__ = ["RequestSigner", "address_of", "bedrock_key", "connect", "home_of", "region_of", "signer"]

_REGION_IN_HOST = re.compile(
    r"(?:^|\.)(?:bedrock|sagemaker|runtime|api|comprehend|rekognition|transcribe)[\w-]*\.([a-z]{2}(?:-[a-z]+)+-\d+)\."
)
_REGION_IN_ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:([a-z]{2}(?:-[a-z]+)+-\d+):")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d+")
_ANYWHERE = "us-east-1"
"""What is signed for at an address of the user's own that says no region: servers there do not look."""


def connect(provider: Provider, model: str, options: Options) -> Model:
    """A model of this provider. Raises MissingKeyError, ConfigurationError; sends nothing."""
    is_bedrock = provider.vendor == "bedrock"
    base_url, region = address_of(
        provider, model, options, host="bedrock-runtime" if is_bedrock else "runtime.sagemaker"
    )
    host, port = host_and_port(base_url)
    spoken = _interface(provider, model, options)
    identity = ModelIdentity(
        provider.vendor,
        model,
        otel_provider=provider.otel_name or provider.vendor,
        address=host,
        port=port,
        api=spoken.api,
        capabilities=spoken.capabilities,
    )
    key = bedrock_key(options) if is_bedrock else None
    headers = {**({"authorization": f"Bearer {key}"} if key else {}), **(options.headers or {})}
    auth, renew = (None, None) if key else signer(provider, options, region=region, service=provider.vendor, host=host)
    return RemoteModel(
        spoken.codec,
        Endpoint(base_url, headers, auth, renew),
        identity,
        transport=options.transport or default_transport(),
        settings=options.settings,
    )


def _interface(provider: Provider, model: str, options: Options) -> Interface:
    """How the model is asked, and what it can do."""
    if provider.vendor == "sagemaker":
        format = options.format or ("tgi" if provider.name == "sagemaker-tgi" else None)
        return sagemaker_interface(provider.vendor, model, format)
    if provider.api == "messages":
        return invoke_interface(provider.vendor, model, options.format)
    return Interface(ConverseCodec(provider.vendor, model=model), provider.api, abilities_by_id(model))


def address_of(
    provider: Provider, model: str, options: Options, *, host: str, domain: str | None = None
) -> tuple[str, str]:
    """The address, and the region to sign for. Raises ConfigurationError where no region is known."""
    said = options.base_url or (value_of(provider.base_url_variables) if options.region is None else None)
    if said:
        return said.rstrip("/"), options.region or region_of(said, model) or find_region() or _ANYWHERE
    region = options.region or region_of("", model) or find_region()
    if region is None and is_offline():
        region = _ANYWHERE
    if region is None:
        raise ConfigurationError(
            f"{provider.name} needs a region: set AWS_REGION, or 'region' in ~/.aws/config, or pass it: "
            f"{_made(provider)}, region='us-east-1')"
        )
    if _REGION.fullmatch(region) is None:
        raise ConfigurationError(f"the region is {region!r}; it has to be one such as us-east-1")
    return home_of(host, region, domain=domain), region


def _made(provider: Provider) -> str:
    """How a model of this provider is made, as far as its options."""
    if provider.module:
        return f"model('{provider.name}:...'"
    return f"task_model('{provider.name}:...', {min(provider.tasks)!r}"


def home_of(service: str, region: str, *, domain: str | None = None) -> str:
    """AWS's address of a service in a region; newer services have another domain than amazonaws.com."""
    ending = domain or ("amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com")
    return f"https://{service}.{region}.{ending}"


def region_of(base_url: str, model: str) -> str | None:
    """The region that stands in an address, or in the ARN of a model."""
    found = _REGION_IN_HOST.search(urlsplit(base_url).hostname or "") or _REGION_IN_ARN.search(model)
    return found[1] if found is not None else None


class RequestSigner:
    """Signs requests to one service of a region: the `auth` of an Endpoint, and its `renew`."""

    def __init__(self, source: CredentialSource, *, region: str, service: str) -> None:
        self.region = region
        self._source = source
        self._service = service

    def __repr__(self) -> str:
        return f"RequestSigner({self._service}, {self.region})"

    async def __call__(self, request: HttpRequest) -> HttpRequest:
        """The request, signed now."""
        found = self._source.cached or await anyio.to_thread.run_sync(self._source.current)
        return sign(request, found, region=self.region, service=self._service, now=time.time())

    async def renew(self) -> None:
        """Find other credentials for the next request."""
        self._source.forget()

    def to(self, service: str) -> RequestSigner:
        """What signs requests to another service with the same credentials."""
        return RequestSigner(self._source, region=self.region, service=service)


def signer(
    provider: Provider, options: Options, *, region: str, service: str, host: str
) -> tuple[Auth | None, Callable[[], Awaitable[None]] | None]:
    """What signs a request, and what finds other credentials when those were refused.

    Neither where requests go to a server of the user's own and there are no credentials: it may need none.
    Raises MissingKeyError where credentials cannot be found, ConfigurationError for a profile that is incomplete, and
    for an API key where there are none.
    """
    if KEY_VARIABLE not in provider.key_variables and (options.api_key or isinstance(options.credentials, str)):
        raise ConfigurationError(
            f"{provider.name} has no API keys, its requests are signed: leave out api_key=, and set AWS_ACCESS_KEY_ID "
            "and AWS_SECRET_ACCESS_KEY or pass credentials=Credentials(...) (agentkit.providers.aws.signing); a server "
            "of your own can be told headers="
        )
    source = CredentialSource(
        explicit=_explicit(options.credentials), provider=provider.name, variables=provider.key_variables
    )
    if not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws")) and not source.are_at_hand:
        return None, None
    if is_offline():  # nothing is sent, and nothing looked for
        return None, None
    if not source.may_be_found:
        raise source.missing()
    found = RequestSigner(source, region=region, service=service)
    return found, None if isinstance(options.credentials, Credentials) else found.renew


def bedrock_key(options: Options) -> str | None:
    """The API key of Bedrock, as said or in the environment; None where requests are to be signed."""
    said = options.credentials if isinstance(options.credentials, str) else options.api_key
    if not said and options.credentials is None:
        said = value_of((KEY_VARIABLE,))
    return Secret(said.strip()) if said else None


def _explicit(given: Any) -> Credentials | Callable[[], Any] | None:
    """Credentials as somebody passed them, or what gives them. Raises ConfigurationError for what cannot."""
    if given is None or isinstance(given, (Credentials, str)):
        return None if isinstance(given, str) else given
    if hasattr(given, "get_frozen_credentials"):
        return lambda: given
    give: object = getattr(given, "get_credentials", given)  # a session of boto3 or botocore
    if not callable(give):
        raise ConfigurationError(
            f"credentials is a {type(given).__name__}; pass agentkit.providers.aws.signing.Credentials(...), a session "
            "of boto3, or a function that gives either's credentials"
        )
    return give
