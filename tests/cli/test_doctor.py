from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from agentkit.providers import PROVIDERS

from .conftest import Shell

ROOT = Path(__file__).parents[2]


def test_a_sound_installation_is_healthy(shell: Shell) -> None:
    document = shell("doctor", "--json").document
    levels = {finding["subject"]: finding["level"] for finding in document["findings"]}
    assert document["is_healthy"] is True
    assert {subject: levels[subject] for subject in ("Python", "packages", "offline model", "TLS", "keys")} == {
        "Python": "ok", "packages": "ok", "offline model": "ok", "TLS": "ok", "keys": "note",
    }  # fmt: skip


def test_the_report_is_aligned_and_ends_with_what_to_do(shell: Shell) -> None:
    ended = shell("doctor")
    *lines, blank, last = ended.out.splitlines()
    assert (ended.code, blank, last) == (0, "", "agentkit works here; `agentkit demo` shows it")
    assert all(re.match(r"(ok    |note  )  \S.{12}  \S| {23}\S", line) for line in lines)


def test_a_long_list_is_wrapped_under_itself(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = shell("doctor").out.splitlines()
    (first,) = [number for number, line in enumerate(lines) if "keys not set" in line]
    assert lines[first + 1].startswith(" " * 23)
    assert all(len(line) <= 100 for line in lines[first : first + 5])


def test_keys_are_told_to_be_set_and_never_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "'sk-secret-12345'")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy:1")
    ended = shell("doctor")
    assert re.search(r"ok +keys +set for openai, openai-chat\n", ended.out)
    assert re.search(r"note +OPENAI_API_KEY +has spaces or quotes around its value\n", ended.out)
    assert "secret" not in ended.out + ended.err
    assert "12345" not in ended.out + ended.err


def details(shell: Shell) -> dict[str, str]:
    return {finding["subject"]: finding["detail"] for finding in shell("doctor", "--json").document["findings"]}


def test_every_provider_and_its_variable_is_named(shell: Shell) -> None:
    named = details(shell)["keys not set"]
    wanting = [row for row in PROVIDERS.values() if row.needs_key and row.key_variables]
    assert {"anthropic", "google"} <= {row.name for row in wanting}
    for row in wanting:
        assert re.search(rf"\b{row.key_variables[0]} \([^)]*\b{row.name}\b", named)
    assert "ANTHROPIC_API_KEY (anthropic), GEMINI_API_KEY (google, gemini-openai)" in named


@pytest.mark.parametrize("variable", ["GEMINI_API_KEY", "GOOGLE_API_KEY"])
def test_either_of_two_variables_is_a_key(shell: Shell, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "AIza-secret")
    found = details(shell)
    assert found["keys"] == "set for google, gemini-openai"
    assert "GEMINI_API_KEY" not in found["keys not set"]


def test_an_address_of_the_users_own_is_told_and_not_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://user:secret@proxy.example")
    monkeypatch.setenv("OLLAMA_BASE_URL", "'http://gpu:11434/v1'")
    found = details(shell)
    assert found["addresses"] == "ANTHROPIC_BASE_URL (anthropic), OLLAMA_BASE_URL (ollama): requests go there"
    assert found["OLLAMA_BASE_URL"] == "has spaces or quotes around its value"
    assert "secret" not in str(found)


def test_a_key_without_the_address_that_it_needs_is_noted(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key")
    missing = "has a key and no address; set AZURE_OPENAI_BASE_URL or AZURE_OPENAI_ENDPOINT"
    assert details(shell)["azure"] == missing
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    assert "azure" not in details(shell)


def test_a_key_for_aws_without_a_region_is_noted(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "key")
    assert details(shell)["bedrock"] == "has a key and no region; set AWS_REGION"
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    assert "bedrock" not in details(shell)


def test_every_extra_is_looked_for(shell: Shell) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    told = {subject.removeprefix("extra ") for subject in details(shell) if subject.startswith("extra ")}
    assert told == extras.keys() - {"dev"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("httpx", ("ok", "httpx (AGENTKIT_TRANSPORT is set)")),
        ("fast", ("ok", "fast under asyncio, httpx under trio and through proxies (AGENTKIT_TRANSPORT is set)")),
        ("aiohttp", ("broken", "AGENTKIT_TRANSPORT is 'aiohttp'; it can be 'fast' or 'httpx'")),
    ],
)
def test_says_which_http_client_sends(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, value: str, told: tuple[str, str]
) -> None:
    monkeypatch.setenv("AGENTKIT_TRANSPORT", value)
    findings = shell("doctor", "--json").document["findings"]
    assert [(one["level"], one["detail"]) for one in findings if one["subject"] == "HTTP client"] == [told]
