"""What an exchange costs.

    cost = PriceBook().cost_of("openai", "gpt-6-luna", usage)
    book = PriceBook().with_price("openai-compatible", "my-model", Price(input=0.5, output=1.5))
    Agent(model, prices=book)

A price that is not known is unknown, never zero. The listed prices have a date (`agentkit.catalog.listed_on`) and may
have changed since; say your own with `with_price`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agentkit.catalog import Price, find_model
from agentkit.usage import Cost, Usage

__all__ = ["FREE_PROVIDERS", "Price", "PriceBook", "cost_of"]

FREE_PROVIDERS = frozenset({"offline", "scripted", "ollama", "vllm", "llamacpp", "llamacpp-server", "lmstudio"})
"""Providers whose answers cost no money: they run inside this process or on machines of the user's own."""

_FREE_KINDS = {("openai", "moderation")}  # OpenAI moderates for nothing
_FALLBACKS = {
    "azure": ("openai",),
    "azure-foundry": ("azure", "openai", "anthropic"),
    "openai-chat": ("openai",),
    "vertex": ("google", "anthropic"),
}
"""Provider -> whose prices hold where it has none of its own."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices: the listed ones, and over them those of its user."""

    own: Mapping[tuple[str, str], tuple[Price, ...]] = field(default_factory=dict[tuple[str, str], tuple[Price, ...]])
    """(provider, model) -> its prices; by the user."""

    def with_price(self, provider: str, model: str, *prices: Price) -> PriceBook:
        """A book in which this model costs that. Several prices: by size of the prompt (`Price.over_input_tokens`).

        The model "*" stands for every model of the provider that has no price of its own in this book.
        """
        ordered = tuple(sorted(prices, key=lambda price: price.over_input_tokens))
        return PriceBook({**self.own, (provider, model): ordered})

    def cost_of(self, provider: str, model: str, usage: Usage) -> Cost:
        """What one exchange cost. Cost.unknown for a model without a known price, or where no usage was told.

        The price depends on the size of the exchange's prompt: add the costs of exchanges, do not price their sum.
        Dated ids cost what the undated model costs, unless they have a price of their own.
        """
        own = self.own.get((provider, model)) or self.own.get((provider, "*"))
        if own is not None:
            return _priced(own, usage)
        if provider in FREE_PROVIDERS:
            return Cost.zero
        row = find_model(provider, model)
        for vendor in _FALLBACKS.get(provider, ()):
            if row is None or not row.prices:
                row = find_model(vendor, model)
        if row is not None and (row.provider, row.kind) in _FREE_KINDS:
            return Cost.zero
        if row is None or not row.prices or not usage.total:
            return Cost.unknown
        cost = _priced(row.prices, usage)
        return Cost(cost.usd, False) if row.has_fees else cost


def cost_of(provider: str, model: str, usage: Usage) -> Cost:
    """What one exchange cost at the listed prices; see PriceBook.cost_of."""
    return _LISTED.cost_of(provider, model, usage)


_LISTED = PriceBook()


def _priced(prices: Sequence[Price], usage: Usage) -> Cost:
    size = usage.total_input
    price = prices[0] if prices else Price()
    for larger in prices[1:]:
        if size > larger.over_input_tokens:
            price = larger
    cache_read = price.input if price.cache_read is None else price.cache_read
    cache_write = price.input if price.cache_write is None else price.cache_write
    buckets = (
        (usage.input, price.input),
        (usage.cache_read, cache_read),
        (usage.cache_write, cache_write),
        (usage.total_output, price.output),
    )
    usd = sum(tokens * each for tokens, each in buckets if each is not None) / _MILLION
    return Cost(usd, all(each is not None for tokens, each in buckets if tokens))
