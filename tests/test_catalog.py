"""The models that agentkit has heard of."""

from __future__ import annotations

import datetime

import pytest

from agentkit.catalog import (
    ModelRow,
    Price,
    editions,
    find_model,
    is_pinned,
    listed_on,
    model_ids,
    models,
    source,
)


def test_a_row_says_what_is_known_of_a_model() -> None:
    assert find_model("openai", "gpt-5.4-mini") == ModelRow(
        "openai",
        "gpt-5.4-mini",
        dated=("gpt-5.4-mini-2026-03-17",),
        context=400_000,
        prices=(Price(0.75, 4.5, 0.075),),
    )


def test_a_dated_edition_has_its_own_shutdown_date() -> None:
    june = find_model("openai", "gpt-4o-2024-05-13")
    assert june is not None
    assert (june.id, june.retires, june.context) == ("gpt-4o-2024-05-13", datetime.date(2026, 10, 23), 128_000)


def test_editions_are_listed_under_their_model() -> None:
    listed = {row.id: row for row in models("openai")}
    assert "gpt-4o-2024-05-13" not in listed
    assert "gpt-4-0314" not in listed
    assert "gpt-4o-2024-05-13" in listed["gpt-4o"].dated
    assert "gpt-4o-2024-05-13" in model_ids("openai")


def test_kinds_tell_chat_models_from_others() -> None:
    kinds = {row.id: row.kind for row in models("openai")}
    assert (kinds["gpt-6-luna"], kinds["gpt-image-2"], kinds["whisper-1"]) == ("chat", "image", "transcription")
    assert (kinds["text-embedding-3-small"], kinds["davinci"]) == ("embedding", "other")


def test_shutdown_dates_are_those_of_the_provider() -> None:
    ends = {row.id: row.retires for row in models("openai")}
    assert ends["gpt-5"] == datetime.date(2026, 12, 11)
    assert ends["gpt-4.1"] == datetime.date(2027, 1, 14)
    assert ends["gpt-5.1"] == datetime.date(2027, 4, 1)
    assert ends["dall-e-3"] == datetime.date(2026, 5, 12)
    assert ends["gpt-6-luna"] is None


def test_a_provider_without_a_list_has_no_models() -> None:
    assert models("ollama") == []
    assert find_model("ollama", "llama3.3:70b") is None


def test_the_facts_have_a_date_and_a_source() -> None:
    assert listed_on() >= datetime.date(2026, 11, 22)
    assert source().startswith("genai-prices")


@pytest.mark.parametrize(
    ("provider", "id", "expected"),
    [
        ("openai", "gpt-4o-2024-08-06", True),
        ("openai", "gpt-4-0613", True),
        ("openai", "gpt-4o", False),
        ("openai", "gpt-6-luna", True),  # there are no dated ones: the id is the edition
        ("openai", "gpt-5-chat-latest", False),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::x", True),
        ("anthropic", "claude-sonnet-4-5", False),
        ("anthropic", "claude-sonnet-4-5-20250929", True),
        ("anthropic", "claude-opus-4-6", True),
        ("anthropic", "claude-sonnet-5", True),
        ("anthropic", "claude-3-5-haiku-latest", False),
        ("google", "gemini-3.5-flash", True),
        ("google", "gemini-2.5-flash-preview-09-2025", True),
        ("google", "gemini-3-pro-preview", False),
        ("google", "gemini-flash-latest", False),
        ("bedrock", "amazon.nova-lite-v1:0", True),
        ("mistral", "mistral-large-2411", True),
        ("mistral", "mistral-large-latest", False),
        ("groq", "llama-3.3-70b-versatile", False),
    ],
)
def test_a_pinned_name_stays_what_it_is(provider: str, id: str, expected: bool) -> None:
    assert is_pinned(provider, id) is expected


def test_editions_of_a_name_are_found_also_where_others_list_them() -> None:
    assert editions("openai", "gpt-4o") == ["gpt-4o-2024-05-13", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20"]
    assert editions("anthropic", "claude-sonnet-4-5") == ["claude-sonnet-4-5-20250929"]
    assert editions("groq", "llama-3.3-70b-versatile") == []


def test_a_prompt_that_has_a_price_is_not_too_large() -> None:
    sonnet, mini = find_model("anthropic", "claude-sonnet-4-5"), find_model("openai", "gpt-4o-mini")
    assert sonnet is not None
    assert mini is not None
    assert (sonnet.context, sonnet.largest_prompt, mini.largest_prompt) == (200_000, None, 128_000)
