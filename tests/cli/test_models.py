from __future__ import annotations

from pathlib import Path

import pytest

from agentkit.catalog import find_model, listed_on

from .conftest import Shell
from .terminal_session import TerminalSession


def test_a_provider_and_a_search_list_models(shell: Shell) -> None:
    ended = shell("models", "openai", "--search", "gpt-4o-mini-2024")
    head, *lines = ended.out.splitlines()
    assert head.split() == ["model", "tokens", "$", "in", "$", "out", "can", "dated", "retires"]
    assert [line.split() for line in lines] == [
        ["openai:gpt-4o-mini", "128k", "0.15", "0.60", "tv-s-", "-2024-07-18", "2027-01-14"]
    ]
    assert ended.err.startswith(f"\n1 model; prices as of {listed_on()}; they may have changed since\ncan: tools, ")


def test_json_tells_abilities_and_what_a_name_is_pinned_by(shell: Shell) -> None:
    found = {row["id"]: row for row in shell("models", "openai", "--search", "gpt-5.4", "--json").document}
    mini, large = found["gpt-5.4-mini"], found["gpt-5.4"]
    assert mini["abilities"] == {
        "tools": True,
        "vision": True,
        "audio": False,
        "structured_output": True,
        "reasoning": True,
    }
    assert (mini["is_pinned"], mini["dated"]) == (False, ["gpt-5.4-mini-2026-03-17"])
    assert (large["is_pinned"], large["dated"]) == (True, [])


def test_filters_hold_together(shell: Shell) -> None:
    found = shell("models", "--can", "audio", "--can", "reasoning", "--min-context", "1M", "--max-price", "2", "--json")
    assert {row["provider"] for row in found.document} == {"google"}
    assert all(row["abilities"]["audio"] and row["context"] >= 1_000_000 for row in found.document)


def test_what_is_not_known_of_a_model_is_not_claimed(shell: Shell) -> None:
    assert {row["abilities"] is None for row in shell("models", "groq", "--json").document} == {True}
    assert shell("models", "groq", "--can", "tools", "--json").document == []


def test_kinds_and_shutdowns_are_filters(shell: Shell) -> None:
    found = shell("models", "--kind", "transcription", "--json").document
    assert {row["kind"] for row in found} == {"transcription"}
    assert shell("models", "openai", "--kind", "embedding").out.splitlines()[0].split()[-1] == "kind"
    ending = shell("models", "openai", "--retiring-before", "2027-01-15", "--all", "--json").document
    assert {"gpt-4o", "dall-e-3"} <= {row["id"] for row in ending}
    assert all(row["retires"] < "2027-01-15" for row in ending)


def test_a_wrong_size_is_told(shell: Shell) -> None:
    ended = shell("models", "--min-context", "lots")
    assert ended.code == 2
    assert "'lots' is no number of tokens; write it as 200000, 200k or 1M" in ended.err


def test_a_narrow_terminal_goes_without_the_dated_ids(tmp_path: Path) -> None:
    with TerminalSession("models", "openai", folder=tmp_path, environment={"COLUMNS": "80"}) as session:
        shown = session.until("they may have changed since")
    lines = [line for line in shown.splitlines() if line.startswith(("model ", "openai:"))]
    assert lines[0].split() == ["model", "tokens", "$", "in", "$", "out", "can", "retires"]
    assert max(map(len, lines)) <= 80


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
    assert shell("models", name).err.startswith(f"error: unknown provider '{name}'; did you mean {meant}")


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


def test_two_providers_are_one_too_many(shell: Shell) -> None:
    ended = shell("models", "openai", "--provider", "google")
    assert (ended.code, "'openai' is not 'google'; give one" in ended.err) == (2, True)


def test_a_service_says_what_its_bare_name_means(shell: Shell) -> None:
    assert shell("models", "comprehend").out == (
        "comprehend: is comprehend:sentiment, for classification; the docs tell what else it has\n"
    )
