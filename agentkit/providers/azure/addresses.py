"""Where the deployments of an Azure resource are: the v1 API, or one of the dated versions before it.

The v1 API has the deployment in the body, a dated version has it in the path for all but Responses and files.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from agentkit.errors import ConfigurationError
from agentkit.providers.table import value_of

__all__ = ["VERSION_VARIABLES", "azure_url", "foundry_url"]

VERSION_VARIABLES = ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION")
"""Environment variables that may hold a dated version, where the address holds none."""

_DATED = re.compile(r"20\d\d-\d\d-\d\d(?:-preview)?")
_FIRST_WITH_RESPONSES = "2025-03-01"


def azure_url(base_url: str, *, api: str, deployment: str = "") -> str:
    """The address below which a deployment is asked, with its query, whatever address the user gave.

    Raises ConfigurationError for a dated version that does not have the format asked for, or is none.
    """
    base, _, query = base_url.partition("?")
    path = urlsplit(base).path.rstrip("/")
    asked = parse_qs(query).get("api-version", [""])[0]
    if path not in ("", "/openai"):
        version = asked or (_from_environment() if "/deployments/" in path else "")
        return _with_version(base, query, version)
    root = base.rstrip("/").removesuffix("/openai")
    version = asked or _from_environment()
    if not _DATED.fullmatch(version):
        if version not in ("", "v1", "latest", "preview"):
            raise ConfigurationError(
                f"the api-version of Azure is {version!r}; it has to be like 2024-10-21, or left out for the v1 API"
            )
        return _with_version(f"{root}/openai/v1", query, "" if version in ("v1", "latest") else version)
    if api == "responses":
        if version < _FIRST_WITH_RESPONSES:
            raise ConfigurationError(
                f"the api-version {version} of Azure has no Responses; use azure-chat:, or leave the version out"
            )
        return _with_version(f"{root}/openai", query, version)
    name = f"/deployments/{quote(deployment, safe='')}" if deployment else ""
    return _with_version(f"{root}/openai{name}", query, version)


def foundry_url(base_url: str, *, is_claude: bool) -> str:
    """The address of Azure AI Foundry below which a model is asked: Claude has one of its own."""
    base, _, query = base_url.partition("?")
    base = base.rstrip("/")
    path = urlsplit(base).path
    if is_claude:
        if path in ("", "/models", "/openai", "/openai/v1"):
            return base.removesuffix(path) + "/anthropic"
        return base.removesuffix("/v1")
    return f"{base}/openai/v1" if not path else _with_version(base, query, "")


def _from_environment() -> str:
    return value_of(VERSION_VARIABLES) or ""


def _with_version(base: str, query: str, version: str) -> str:
    """The address with its query, in which the version stands once."""
    pairs = [(name, value) for name, values in parse_qs(query).items() for value in values]
    if version:
        pairs = [*(pair for pair in pairs if pair[0] != "api-version"), ("api-version", version)]
    elif base.endswith("/openai/v1"):
        pairs = [pair for pair in pairs if pair != ("api-version", "v1") and pair != ("api-version", "latest")]
    return f"{base}?{urlencode(pairs)}" if pairs else base
