from __future__ import annotations

import pytest

from agentkit.catalog import find_model, listed_on

from .conftest import Shell


def test_a_provider_and_a_search_list_models(shell: Shell) -> None:
    ended = shell("models", "openai", "--search", "gpt-4o-mini-2024")
    head, *lines = ended.out.splitlines()
    assert head.split() == ["model", "context", "$", "in", "$", "out", "retires", "note"]
    assert [line.split()[:4] for line in lines] == [["openai:gpt-4o-mini", "128k", "0.15", "0.60"]]
    assert ended.err == f"\n1 models; prices as of {listed_on()}; they may have changed since\n"


def test_json_holds_the_facts_of_a_model(shell: Shell) -> None:
    (found,) = shell("models", "--provider", "openai", "--search", "gpt-4.1-nano", "--all", "--json").document
    row = find_model("openai", "gpt-4.1-nano")
    assert row is not None
    price = row.prices[0]
    assert found["name"] == "openai:gpt-4.1-nano"
    assert (found["context"], found["retires"]) == (row.context, row.retires and row.retires.isoformat())
    assert found["prices"][0] == {
        "over_input_tokens": 0,
        "input": price.input,
        "output": price.output,
        "cache_read": price.cache_read,
        "cache_write": price.cache_write,
    }


def test_a_price_bounds_the_list(shell: Shell) -> None:
    document = shell("models", "--max-price", "0.5", "--json").document
    assert document
    assert all(row["prices"][0]["output"] <= 0.5 for row in document)


def test_without_a_filter_the_providers_are_listed_and_no_key_is_shown(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "gsk-secret-12345")
    ended = shell("models")
    keys = {line.split()[0]: line for line in ended.out.splitlines() if line}
    assert "set OPENAI_API_KEY" in keys["openai"]
    assert " set " in keys["groq"]
    assert "none needed" in keys["offline"]
    assert "secret" not in ended.out + ended.err


def test_a_wrong_provider_gets_the_nearest(shell: Shell) -> None:
    assert shell("models", "fireworsk").err == "error: unknown provider 'fireworsk'; did you mean 'fireworks'?\n"


def test_an_empty_list_says_why(shell: Shell) -> None:
    ended = shell("models", "openai", "--search", "zzz")
    assert (ended.code, ended.err) == (1, "error: no model fits; loosen the filters, or add --all\n")
    assert shell("models", "offline").out == "offline has one model, named offline:\n"
    assert shell("models", "ollama").out == (
        "the models of Ollama are not listed here; name any that it has: ollama:model-id\n"
    )


@pytest.mark.parametrize(
    ("name", "meant"), [("gemini", "'google' or 'gemini-openai'"), ("claude", "'anthropic'"), ("gorq", "'groq'")]
)
def test_a_provider_is_found_by_the_name_of_its_models(shell: Shell, name: str, meant: str) -> None:
    assert shell("models", name).err == f"error: unknown provider '{name}'; did you mean {meant}?\n"


def test_a_provider_lists_only_what_it_serves(shell: Shell) -> None:
    found = shell("models", "google", "--json").document
    assert {row["id"].split("-")[0] for row in found} == {"gemini", "gemma"}
    assert {row["id"].split("-")[0] for row in shell("models", "anthropic", "--json").document} == {"claude"}


def test_filters_look_through_all_providers(shell: Shell) -> None:
    found = shell("models", "--search", "Claude-Sonnet-5", "--max-price", "20", "--json").document
    assert {"anthropic:claude-sonnet-5"} <= {row["name"] for row in found}
    assert all("claude-sonnet-5" in row["id"] and row["prices"][0]["output"] <= 20 for row in found)


def test_a_model_file_is_named_by_its_path(shell: Shell) -> None:
    assert shell("models", "llamacpp").out.endswith("name any that it has: llamacpp:path/to/model.gguf\n")
