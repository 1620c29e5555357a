"""Prices: listed, overridden, unknown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from shared import needs_shared

from agentkit.prices import Price, PriceBook, cost_of
from agentkit.usage import Cost, Usage

ROOT = Path(__file__).parents[1]


def test_each_bucket_has_its_price() -> None:
    usage = Usage(input=1_000, cache_read=10_000, cache_write=100, output=200, reasoning=50)
    cost = cost_of("openai", "gpt-6-sol", usage)
    assert cost.is_known
    assert cost.usd == pytest.approx((1_000 * 2 + 10_000 * 0.2 + 100 * 2.5 + 250 * 10) / 1e6)


def test_a_larger_prompt_costs_more_for_all_of_its_tokens() -> None:
    at_bound = cost_of("openai", "gpt-6-luna", Usage(input=272_000))
    over = cost_of("openai", "gpt-6-luna", Usage(input=72_001, cache_read=200_000, output=10))
    assert at_bound.usd == pytest.approx(272_000 * 0.1 / 1e6)
    assert over.usd == pytest.approx((72_001 * 0.2 + 200_000 * 0.02 + 10 * 0.75) / 1e6)


@pytest.mark.parametrize(
    ("provider", "model", "usd"),
    [
        ("openai", "gpt-5.4-mini-2026-03-17", 0.75),
        ("openai", "gpt-5.4-2026-03-05", 2.5),
        ("openai", "gpt-4o-2024-05-13", 5.0),
        ("openai", "gpt-5.6", 4.0),
        ("openai", "gpt-4-0314", 30.0),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::abc", 0.3),
        ("openai-chat", "gpt-6-luna", 0.1),
        ("azure", "gpt-6-luna", 0.1),
        ("vertex", "gemini-2.5-flash", 0.3),
        ("vertex", "claude-sonnet-4-5@20250929", 3.0),
        ("groq", "openai/gpt-oss-120b", 0.15),
        ("fireworks", "accounts/fireworks/models/gpt-oss-120b", 0.15),
        ("anthropic", "claude-3-5-haiku-20241022", 0.8),
    ],
)
def test_dated_ids_and_aliases_find_their_price(provider: str, model: str, usd: float) -> None:
    assert cost_of(provider, model, Usage(input=100_000)) == Cost(pytest.approx(usd / 10))


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-6.2-astra"),
        ("openai", "gpt-6-solar"),
        ("openai", "gpt-6"),
        ("nobody", "x"),
        ("openrouter", "a/b"),
    ],
)
def test_a_price_that_is_not_known_is_unknown(provider: str, model: str) -> None:
    assert cost_of(provider, model, Usage(10, output=10)) == Cost.unknown


def test_an_exchange_without_usage_has_an_unknown_cost() -> None:
    assert cost_of("openai", "gpt-6-luna", Usage()) == Cost.unknown


def test_what_token_counts_do_not_show_makes_the_cost_a_lower_bound() -> None:
    assert cost_of("perplexity", "sonar", Usage(1_000_000)) == Cost(1.0, is_known=False)


def test_a_bucket_without_a_price_makes_the_cost_a_lower_bound() -> None:
    assert cost_of("openai", "text-embedding-3-small", Usage(1_000_000)) == Cost(pytest.approx(0.02))
    assert cost_of("openai", "text-embedding-3-small", Usage(1_000_000, output=1)) == Cost(pytest.approx(0.02), False)


@pytest.mark.parametrize("provider", ["offline", "ollama", "vllm", "llamacpp-server", "lmstudio"])
def test_local_providers_cost_nothing(provider: str) -> None:
    assert cost_of(provider, "anything", Usage(10, output=10)) == Cost.zero


def test_a_users_price_wins_and_leaves_the_old_book_alone() -> None:
    listed = PriceBook()
    book = listed.with_price("openai", "gpt-6-luna", Price(8, 8, over_input_tokens=100), Price(input=1, output=2))
    book = book.with_price("ollama", "*", Price(input=3, output=3))
    assert book.cost_of("openai", "gpt-6-luna", Usage(100, output=100)) == Cost(pytest.approx(300 / 1e6))
    assert book.cost_of("openai", "gpt-6-luna", Usage(101)) == Cost(pytest.approx(808 / 1e6))
    assert book.cost_of("ollama", "llama", Usage(1)) == Cost(pytest.approx(3 / 1e6))
    assert listed.cost_of("openai", "gpt-6-luna", Usage(100)) == Cost(pytest.approx(10 / 1e6))


def test_the_list_is_not_read_at_import() -> None:
    code = "import agentkit.prices, agentkit.catalog as c; assert not c._document.cache_info().currsize"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@needs_shared
def test_the_list_is_what_its_generator_makes() -> None:
    pytest.importorskip("openai")
    path = ROOT / "agentkit" / "data" / "models.json"
    before = path.read_bytes()
    date = json.loads(before)["date"]
    import build_prices

    expected = dict(json.loads(before))
    made = json.loads(build_prices.build(date))
    if made["source"] != expected["source"]:
        pytest.skip(f"the list is from {expected['source']}, installed is {made['source']}")
    assert made == expected
