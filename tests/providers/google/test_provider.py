from __future__ import annotations

import pytest
from canaries import KEY

from agentkit.errors import ConfigurationError, MissingKeyError
from agentkit.models import Capabilities, ModelIdentity, identity_of
from agentkit.providers.google.provider import connect
from agentkit.providers.table import Options, Provider
from agentkit.remote import RemoteModel

ROW = Provider(
    "google",
    "Google Gemini",
    "agentkit.providers.google.provider",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    base_url_variables=("GOOGLE_GEMINI_BASE_URL",),
    key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    api="generate_content",
    otel_name="gcp.gemini",
    is_listed=True,
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ROW.key_variables, *ROW.base_url_variables):
        monkeypatch.delenv(name, raising=False)


def remote(model: str = "gemini-3.8-flash", options: Options = Options()) -> RemoteModel:  # noqa: B008 - immutable
    made = connect(ROW, model, options)
    assert isinstance(made, RemoteModel)
    return made


def test_the_key_of_the_environment_goes_into_google_s_own_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", " secret\n")
    made = remote()
    assert made.endpoint.headers == {"x-goog-api-key": "secret"}
    assert made.endpoint.base_url == "https://generativelanguage.googleapis.com/v1beta"
    assert identity_of(made) == ModelIdentity(
        "google",
        "gemini-3.8-flash",
        otel_provider="gcp.gemini",
        address="generativelanguage.googleapis.com",
        port=443,
        api="generate_content",
        capabilities=Capabilities(),
    )
    assert "secret" not in repr(made.endpoint)


def test_asks_for_a_key() -> None:
    with pytest.raises(MissingKeyError, match="GEMINI_API_KEY or GOOGLE_API_KEY"):
        remote()


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1beta"),
        ("http://localhost:8000/v1", "http://localhost:8000/v1"),
        ("http://gateway/gemini/", "http://gateway/gemini/v1beta"),
        ("https://aiplatform.googleapis.com/v1beta1/publishers/google", None),
    ],
)
def test_takes_addresses_with_and_without_a_version(given: str, used: str | None) -> None:
    assert remote(options=Options(base_url=given)).endpoint.base_url == (used or given)


def test_refuses_an_address_that_is_none() -> None:
    with pytest.raises(ConfigurationError, match="has to be an address"):
        remote(options=Options(base_url="nowhere"))


@pytest.mark.parametrize(
    ("model", "capabilities"),
    [
        ("gemini-4-argon", Capabilities()),
        ("gemini-flash-latest", Capabilities()),
        ("gemini-2.5-pro", Capabilities(output_with_tools=False)),
        ("gemini-2.0-flash", Capabilities(output_with_tools=False, reasoning=False)),
        ("gemma-4", Capabilities(output_with_tools=False, reasoning=False)),
    ],
)
def test_knows_what_a_generation_can_do(model: str, capabilities: Capabilities) -> None:
    made = remote(model, Options(api_key=KEY))
    assert made.identity.capabilities == capabilities
