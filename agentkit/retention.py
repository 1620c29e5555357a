"""Settings(retain=False): the provider keeps nothing of an exchange, as far as it can be told so with the request.

What each provider is told, as of November 2026. One that is not here has no such switch, or only a contract; to send
all the same would break what was promised to the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agentkit.errors import ConfigurationError, UnsupportedError
from agentkit.identity import ModelIdentity
from agentkit.settings import Settings

__all__ = ["honours_retention", "unretained"]

_STORE: Mapping[str, Any] = {"store": False}
_NOTHING: Mapping[str, Any] = {}
_ROUTED: Mapping[str, Any] = {"provider": {"data_collection": "deny", "zdr": True}}

_TOLD: Mapping[
    str, Mapping[str, Mapping[str, Any]]
] = {  # provider -> format -> what it is told; "*" is any other format
    # Beside answers OpenAI keeps nothing of these APIs that could be looked up later.
    "openai": {"responses": _STORE, "chat_completions": _STORE, "*": _NOTHING},
    "azure": {"responses": _STORE, "chat_completions": _STORE, "*": _NOTHING},
    "azure-language": {"classify": {"loggingOptOut": True}},
    "google": {"generate_content": _STORE},
    "openrouter": {"chat_completions": _ROUTED},
    "bedrock": {"responses": _STORE, "*": _NOTHING},  # keeps no prompts and no answers, but what Mantle is to store
    "sagemaker": {"*": _NOTHING},  # the container is the user's own; what it captures lies in their bucket
    "ollama": {"*": _NOTHING},
    "vllm": {"*": _NOTHING},
    "llamacpp-server": {"*": _NOTHING},
    "llamacpp": {"*": _NOTHING},
    "lmstudio": {"*": _NOTHING},
    "offline": {"*": _NOTHING},
}

_AWS_SERVICES = "AWS's AI services are opted out of keeping content by a policy of the whole organization"

_REASONS: Mapping[str, str] = {
    "anthropic": "Anthropic has zero retention by contract for a whole organization",
    "vertex": "Vertex AI switches its caching and its watch for abuse off for a whole project",
    "azure-language": "its jobs keep texts and results for a day",
    "huggingface": "Hugging Face's router passes requests on to partners, each with rules of its own",
    "comprehend": _AWS_SERVICES,
    "rekognition": _AWS_SERVICES,
    "aws-transcribe": _AWS_SERVICES,
    "openai-compatible": "nobody here knows what this server keeps",
}

_NEEDS_STORE = ("background", "previous_response_id", "conversation")


def unretained(settings: Settings, identity: ModelIdentity, *, told: Mapping[str, Any] | None = None) -> Settings:
    """These settings with what the provider is told so that it keeps nothing; `told` where a model knows that itself.

    Raises UnsupportedError where it cannot be told, ConfigurationError where `settings.extra` asks for the contrary.
    """
    fields = _told(identity) if told is None else told
    if fields is None:
        reason = _REASONS.get(identity.provider, "it has no switch for that in its requests")
        raise UnsupportedError(
            f"{identity} cannot be told to keep nothing of a request ({reason}): leave out retain=False if your "
            f"contract says it, or ask one of {', '.join(name for name in _TOLD if name != 'offline')}"
        )
    if not fields:
        return settings
    extra = dict(settings.extra or {})
    own = dict(extra.get(identity.provider, {}))
    for name in _NEEDS_STORE:
        if fields is _STORE and own.get(name):
            raise ConfigurationError(
                f"retain=False, but extra asks {identity.provider} for {name!r}, which it stores for"
            )
    extra[identity.provider] = _laid_over(own, fields, identity.provider)
    return Settings(extra=extra).over(settings)


def honours_retention(identity: ModelIdentity) -> bool:
    """Whether the provider can be told, or keeps nothing anyway."""
    return _told(identity) is not None


def _told(identity: ModelIdentity) -> Mapping[str, Any] | None:
    if identity.provider == "ollama" and identity.model.endswith(("-cloud", ":cloud")):
        return None  # passed on by the local server
    formats = _TOLD.get(identity.provider, _NOTHING)
    return formats.get(identity.api, formats.get("*"))


def _laid_over(own: Mapping[str, Any], fields: Mapping[str, Any], where: str) -> dict[str, Any]:
    laid = dict(own)
    for name, value in fields.items():
        mine = own.get(name)
        if isinstance(value, Mapping) and isinstance(mine, Mapping):
            laid[name] = _laid_over(
                cast("Mapping[str, Any]", mine), cast("Mapping[str, Any]", value), f"{where}.{name}"
            )
        elif mine is None or mine == value:
            laid[name] = value
        else:
            raise ConfigurationError(f"retain=False, but extra has {where}.{name} = {mine!r}; leave one of them out")
    return laid
