from __future__ import annotations

import pytest
from canaries import KEY

from agentkit.errors import ConfigurationError, MissingKeyError
from agentkit.models import Capabilities, ModelIdentity
from agentkit.providers.anthropic.provider import connect
from agentkit.providers.table import Options, Provider
from agentkit.remote import RemoteModel

ROW = Provider(
    "anthropic",
    "Anthropic",
    "agentkit.providers.anthropic.provider",
    base_url="https://api.anthropic.com",
    base_url_variables=("ANTHROPIC_BASE_URL",),
    key_variables=("ANTHROPIC_API_KEY",),
    api="messages",
    is_listed=True,
)


def connected(model: str = "claude-sonnet-5-5", **options: str) -> RemoteModel:
    made = connect(ROW, model, Options(**options))  # pyright: ignore[reportArgumentType] - only text options are given
    assert isinstance(made, RemoteModel)
    return made


def test_connects_to_the_service_with_a_key() -> None:
    made = connected(api_key="sk-ant-secret")
    assert made.identity == ModelIdentity(
        "anthropic",
        "claude-sonnet-5-5",
        otel_provider="anthropic",
        address="api.anthropic.com",
        port=443,
        api="messages",
        capabilities=Capabilities(media=frozenset({"image", "document"})),
    )
    assert made.endpoint.headers == {"x-api-key": "sk-ant-secret"}
    assert made.endpoint.url("/v1/messages") == "https://api.anthropic.com/v1/messages"
    assert "secret" not in repr(made)


def test_takes_an_address_with_or_without_its_version() -> None:
    for address in ("http://localhost:8000", "http://localhost:8000/v1", "http://localhost:8000/v1/"):
        made = connected(base_url=address)
        assert made.endpoint.url("/v1/messages") == "http://localhost:8000/v1/messages"


@pytest.mark.parametrize(
    ("model", "capabilities"),
    [
        ("claude-3-5-haiku-20241022", (False, True, False)),
        ("claude-sonnet-4-20250514", (False, True, True)),
        ("claude-opus-4-1-20250805", (True, True, True)),
        ("claude-fable-5-1", (True, False, True)),
    ],
)
def test_knows_what_older_and_newer_models_cannot_do(model: str, capabilities: tuple[bool, bool, bool]) -> None:
    found = connected(model, api_key=KEY).identity.capabilities
    assert (found.structured_output, found.forced_tools, found.reasoning) == capabilities


def test_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(MissingKeyError, match="ANTHROPIC_API_KEY"):
        connected()
    for address in ("nowhere", "http://", "http://host:port"):
        with pytest.raises(ConfigurationError, match="such as http://localhost:8000"):
            connected(base_url=address)
