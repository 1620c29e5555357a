"""With what Azure is asked: a key, a token of Entra ID, or something that gives tokens."""

from __future__ import annotations

from dataclasses import dataclass, field

from agentkit.providers.table import Options, Provider, key_of
from agentkit.providers.tokens import TokenSigner, token_fetcher
from agentkit.transport.redact import Secret

__all__ = ["AI_SCOPE", "COGNITIVE_SCOPE", "AzureAccess", "azure_access"]

COGNITIVE_SCOPE = "https://cognitiveservices.azure.com/.default"
"""What a token has to be for: Azure OpenAI and the models beside it."""
AI_SCOPE = "https://ai.azure.com/.default"
"""The same for Claude in Foundry."""


@dataclass(frozen=True, slots=True)
class AzureAccess:
    """A key or token as a header, or what signs each request."""

    headers: dict[str, str] = field(default_factory=dict[str, str], repr=False)
    signer: TokenSigner | None = None


def azure_access(provider: Provider, options: Options, *, scope: str, key_header: str = "api-key") -> AzureAccess:
    """What was said, else the key of the environment. Raises MissingKeyError, ConfigurationError."""
    credentials = options.credentials
    if credentials is None:
        key = key_of(provider, options)
        return AzureAccess({key_header: key} if key else {})
    if isinstance(credentials, str):
        return AzureAccess({"authorization": Secret(f"Bearer {credentials.strip()}")})
    return AzureAccess(signer=TokenSigner(token_fetcher(credentials, provider=provider.name, scope=scope)))
