"""The models that agentkit has heard of."""

from __future__ import annotations

import datetime

from agentkit.catalog import ModelRow, Price, find_model, listed_on, model_ids, models, source


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
