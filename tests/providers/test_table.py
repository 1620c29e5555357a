"""The provider table: from a name to a model."""

from __future__ import annotations

import datetime
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from canaries import KEY

from agentkit.catalog import ModelRow, find_model
from agentkit.errors import (
    ConfigurationError,
    MissingKeyError,
    UnknownModelError,
    UnknownProviderError,
    UnsupportedError,
)
from agentkit.models import Capabilities, ModelIdentity, identity_of
from agentkit.prices import FREE_PROVIDERS
from agentkit.providers import PROVIDERS, RetirementWarning, model, resolve, task_model
from agentkit.providers.offline import OfflineModel
from agentkit.providers.table import retirement
from agentkit.remote import RemoteModel
from agentkit.settings import Settings

ROOT = Path(__file__).parents[2]
CHATTING = [row for row in PROVIDERS.values() if row.module]
OURS = ("offline", "llamacpp")  # they are no servers that somebody else has started


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        for name in (*provider.key_variables, *provider.base_url_variables):
            monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)


def remote(name: str, **options: object) -> RemoteModel:
    made = model(name, **options)  # type: ignore[arg-type]  # options are those of `model`
    assert isinstance(made, RemoteModel)
    return made


def test_openai_speaks_responses_with_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " sk-secret\n")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    made = remote("openai:gpt-6-luna", settings=Settings(seed=1), headers={"x-team": "a"})
    assert made.identity == ModelIdentity(
        "openai",
        "gpt-6-luna",
        otel_provider="openai",
        address="api.openai.com",
        port=443,
        api="responses",
        capabilities=Capabilities(media=frozenset({"image", "document"})),
    )
    assert made.endpoint.base_url == "https://api.openai.com/v1"
    assert made.endpoint.headers == {
        "authorization": "Bearer sk-secret",
        "openai-organization": "org-1",
        "openai-project": "proj-1",
        "x-team": "a",
    }
    assert made.codec.name == "openai:responses"
    assert made.settings == Settings(seed=1)


def test_openai_chat_is_the_same_vendor_in_another_format() -> None:
    made = remote("openai-chat:gpt-6-luna", api_key=KEY)
    assert (made.codec.name, made.identity.provider, made.identity.api) == ("openai:chat", "openai", "chat_completions")


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "environment")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://environment.example/v1")
    made = remote("openai:gpt-6-luna", api_key="argument", base_url="https://argument.example:8443/v1/")
    assert made.endpoint.base_url == "https://argument.example:8443/v1"
    assert made.endpoint.headers == {"authorization": "Bearer argument"}
    assert (made.identity.address, made.identity.port) == ("argument.example", 8443)


def test_keys_are_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "sk-secret" not in repr(remote("openai:gpt-6-luna"))
    assert "sk-secret" not in repr(remote("openai:gpt-6-luna", api_key="sk-secret", headers={"a": "sk-secret"}))


@pytest.mark.parametrize("name", [row.name for row in CHATTING if row.needs_key and row.base_url])
def test_a_missing_key_names_the_variable_and_the_way_on(name: str) -> None:
    with pytest.raises(MissingKeyError, match=rf"{PROVIDERS[name].key_variables[0]}.*'offline:'"):
        model(f"{name}:gpt-6-luna", is_listed=False)


def test_a_mistyped_provider_gets_the_nearest_names() -> None:
    with pytest.raises(UnknownProviderError, match=r"unknown provider 'opnai'; did you mean 'openai'"):
        model("opnai:gpt-6-luna")


def test_a_mistyped_model_gets_the_nearest_real_names() -> None:
    with pytest.raises(UnknownModelError, match=r"openai has no model 'gpt-6-sool'; did you mean 'openai:gpt-6-sol'"):
        model("openai:gpt-6-sool", api_key=KEY)
    with pytest.raises(UnknownModelError, match=r"did you mean 'openai-chat:gpt-6-luna'"):
        model("openai-chat:gpt6-luna", api_key=KEY)


def test_a_model_id_alone_is_told_how_to_be_written() -> None:
    with pytest.raises(ConfigurationError, match=r"'gpt-6-luna' names no provider; .*'openai:gpt-6-luna'"):
        resolve("gpt-6-luna")
    with pytest.raises(ConfigurationError, match=r"'openai' names no model; write openai:model-id"):
        resolve("openai")


def test_a_newer_model_can_be_named_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert remote("openai:gpt-9", api_key=KEY, is_listed=False).identity.model == "gpt-9"
    assert remote("openai:gpt-9", base_url="http://localhost:8000/v1").identity.model == "gpt-9"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    assert remote("openai:gpt-9", api_key=KEY).identity.model == "gpt-9"


@pytest.mark.parametrize("id", ["gpt-5.6", "gpt-5.4-2026-03-05", "gpt-5.4-mini-2026-03-17", "ft:gpt-4o-mini:acme::x"])
def test_aliases_dated_ids_and_fine_tuned_models_are_known(id: str) -> None:
    assert remote(f"openai:{id}", api_key=KEY).identity.model == id


def test_a_model_that_does_not_chat_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"text-embedding-3-small is a model for embedding"):
        model("openai:text-embedding-3-small", api_key=KEY)


def test_warns_of_a_model_that_was_shut_down() -> None:
    with pytest.warns(RetirementWarning, match=r"openai:o1 was shut down on 2026-10-23"):
        model("openai:o1", api_key=KEY)


def test_a_retirement_is_told_from_sixty_days_before() -> None:
    row = ModelRow("openai", "m", retires=datetime.date(2027, 3, 1))
    assert retirement(row, datetime.date(2026, 12, 30)) is None
    assert retirement(row, datetime.date(2026, 12, 31)) == (
        "openai:m is shut down on 2027-03-01; move to another model (`agentkit models openai`)"
    )
    assert retirement(row, datetime.date(2027, 3, 1)) == (
        "openai:m was shut down on 2027-03-01; choose another model (`agentkit models openai`)"
    )
    assert retirement(ModelRow("openai", "m"), datetime.date(2027, 3, 1)) is None


def test_a_compatible_server_needs_only_its_address() -> None:
    made = remote("openai-compatible:my/model:7b", base_url="http://localhost:9000/v1")
    assert made.endpoint.headers == {}
    assert (made.codec.name, made.identity.model, made.identity.port) == (
        "openai-compatible:chat",
        "my/model:7b",
        9000,
    )
    with pytest.raises(ConfigurationError, match=r"openai-compatible needs the address of your server.*base_url"):
        model("openai-compatible:m")


@pytest.mark.parametrize("base_url", ["localhost:8000/v1", "http://", "not an address", "http://host:port"])
def test_an_address_that_is_none_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url is"):
        model("openai-compatible:m", base_url=base_url)


@pytest.mark.parametrize("name", [row.name for row in PROVIDERS.values() if row.is_local and row.name not in OURS])
def test_local_servers_need_no_key_and_cost_nothing(name: str) -> None:
    made = remote(f"{name}:llama3.3:70b")
    assert made.endpoint.headers == {}
    assert made.identity.address == "localhost"
    assert made.identity.provider in FREE_PROVIDERS


def test_azure_takes_the_address_of_a_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    made = remote("azure:my-deployment")
    assert made.endpoint.base_url == "https://mine.openai.azure.com/openai/v1"
    assert made.endpoint.headers == {"api-key": "k"}
    assert (made.codec.name, made.identity.otel_provider) == ("azure:responses", "azure.ai.openai")
    assert remote("azure-chat:d", base_url="https://x/openai/v1").endpoint.base_url == "https://x/openai/v1"


@pytest.mark.parametrize("name", [row.name for row in CHATTING if row.name != "llamacpp"])  # its models are files
def test_every_row_makes_a_model(name: str) -> None:
    provider = PROVIDERS[name]
    id = provider.default_model or "gpt-6-luna"
    url = provider.base_url or "https://mine.example/v1"
    key = None if provider.vendor == "sagemaker" else KEY  # which has none: its requests are signed
    made = model(f"{provider.name}:{id}", api_key=key, base_url=url, is_listed=False)
    identity = identity_of(made)
    assert (identity.provider, identity.model, identity.api) == (provider.vendor, id, provider.api)
    assert (identity.provider in FREE_PROVIDERS) == provider.is_local


def test_what_a_server_cannot_do_is_in_its_capabilities() -> None:
    assert not remote("deepseek:deepseek-v4-pro", api_key=KEY).identity.capabilities.structured_output
    assert not remote("groq:openai/gpt-oss-120b", api_key=KEY).identity.capabilities.output_with_tools
    old = remote("openai:gpt-4o-mini", api_key=KEY, base_url="https://mine.example/v1").identity.capabilities
    assert (old.reasoning, old.structured_output) == (False, True)


def test_the_offline_model_has_one_name() -> None:
    for name in ("offline:", "offline", "offline:matcher"):
        assert isinstance(resolve(name), OfflineModel)
    with pytest.raises(UnknownModelError, match=r"offline has no model 'matchr'; did you mean 'offline:matcher'"):
        model("offline:matchr")


def test_a_model_stays_what_it_is() -> None:
    mine = OfflineModel()
    assert resolve(mine) is mine


def test_models_that_are_in_use_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model("openai:gpt-6-luna", api_key=KEY)
    row = find_model("openai", "gpt-6-luna")
    assert row is not None
    assert row.retires is None


def test_importing_the_table_loads_no_codec_and_no_client() -> None:
    code = (
        "import sys, types, pathlib\n"
        "package = types.ModuleType('agentkit'); package.__path__ = [str(pathlib.Path('agentkit').resolve())]\n"
        "sys.modules['agentkit'] = package\n"
        "import agentkit.providers\n"
        "heavy = {'httpx', 'httpcore', 'jsonschema', 'pydantic', 'agentkit.remote', 'agentkit.providers.openai.chat',"
        " 'agentkit.providers.offline', 'importlib.metadata'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_openai_is_asked_in_a_region() -> None:
    made = remote("openai:gpt-6-luna", api_key=KEY, region="eu")
    assert made.endpoint.base_url == "https://eu.api.openai.com/v1"
    with pytest.raises(UnknownModelError):
        model("openai:gpt-6-sool", api_key=KEY, region="eu")
    with pytest.raises(ConfigurationError, match="base_url or region, not both"):
        model("openai:gpt-6-luna", api_key=KEY, region="eu", base_url="https://mine.example/v1")


@pytest.mark.parametrize("region", ["", "EU", "eu.evil.example/", "eu/../.."])
def test_a_region_is_a_name(region: str) -> None:
    with pytest.raises(ConfigurationError, match="region is"):
        model("openai:gpt-6-luna", api_key=KEY, region=region)


@pytest.mark.parametrize("option", ["region", "project", "credentials"])
def test_what_a_provider_cannot_be_told_is_refused_with_those_that_can(option: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"groq has no .*: leave out {option}=, or use one that takes it \("):
        remote("groq:openai/gpt-oss-120b", api_key=KEY, **{option: "eu"})


def test_a_provider_that_does_not_chat_says_what_it_does() -> None:
    with pytest.raises(UnsupportedError) as raised:
        model("voyage:voyage-4", api_key=KEY)
    assert str(raised.value) == (
        "Voyage AI does not chat; it offers embeddings; these chat: openai:gpt-6-luna, anthropic:claude-sonnet-5 or "
        "google:gemini-3.8-flash"
    )


def test_a_moving_name_is_refused_where_names_are_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = (
        r"openai:gpt-5.4-mini may come to mean another edition of the model, and pin=True is asked for: use "
        r"openai:gpt-5.4-mini-2026-03-17, or leave the check out for this model: model\(\.\.\., pin=False\)"
    )
    model("openai:gpt-5.4-mini-2026-03-17", api_key="k", pin=True)
    with pytest.raises(ConfigurationError, match=refused):
        model("openai:gpt-5.4-mini", api_key="k", pin=True)
    monkeypatch.setenv("AGENTKIT_PIN", "1")
    with pytest.raises(ConfigurationError, match=refused):
        model("openai:gpt-5.4-mini", api_key="k")
    model("openai:gpt-5.4-mini", api_key="k", pin=False)
    model("offline:")
    with pytest.raises(ConfigurationError, match="no dated id of it is known; ask Groq for one"):
        model("groq:llama-3.3-70b-versatile", api_key="k")


def test_a_moving_name_of_another_api_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = (
        r"mistral:mistral-moderation-latest may come to mean another edition of the model, .* or leave the check out "
        r"for this model: task_model\(\.\.\., pin=False\)"
    )
    task_model("openai:text-embedding-3-small", "embed", api_key="k", pin=True)
    task_model("mistral:mistral-moderation-latest", "classify", api_key="k")
    with pytest.raises(ConfigurationError, match=refusal):
        task_model("mistral:mistral-moderation-latest", "classify", api_key="k", pin=True)
    monkeypatch.setenv("AGENTKIT_PIN", "1")
    with pytest.raises(ConfigurationError, match=refusal):
        task_model("mistral:mistral-moderation-latest", "classify", api_key="k")
    task_model("mistral:mistral-moderation-latest", "classify", api_key="k", pin=False)
    task_model("offline:", "embed")


def test_a_shutdown_is_told_once() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(3):
            model("openai:gpt-5-nano", api_key="k")
            model("openai:gpt-5-mini", api_key="k")
    assert [str(warning.message).split()[0] for warning in told] == ["openai:gpt-5-nano", "openai:gpt-5-mini"]
    assert told[0].filename == __file__


@pytest.mark.parametrize("name", [row.name for row in PROVIDERS.values() if row.name not in ("llamacpp", "offline")])
def test_every_provider_on_a_server_can_be_asked_at_another_address(name: str) -> None:
    assert PROVIDERS[name].base_url_variables


def test_the_address_of_a_variable_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MISTRAL_BASE_URL", "http://localhost:8080/v1")
    monkeypatch.setenv("MISTRAL_API_KEY", "none")
    assert "Endpoint(http://localhost:8080/v1," in repr(task_model("mistral:mistral-embed", "embed"))
