"""What was consumed (Usage, in tokens) and what that costs (Cost, in US dollars).

Buckets are disjoint, so that sums add up whatever the provider counts: adapters convert (OpenAI and Gemini count cached
tokens inside their input, Anthropic outside; reasoning tokens stand inside the output at OpenAI, outside at Gemini).
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from agentkit.frozen import frozen

__all__ = ["Cost", "Usage", "count_of"]

_MOST_TOKENS = 10**12


def count_of(value: Any) -> int:
    """A number of tokens as a provider gave it, as text or as a number; 0 for what can be no such number."""
    if not value:
        return 0
    if value.__class__ is int:  # nearly always
        return value if 0 < value < _MOST_TOKENS else 0
    if isinstance(value, str):
        value = int(value) if len(value) <= 15 and value.isdecimal() else 0
    return int(value) if isinstance(value, int | float) and 0 < value < _MOST_TOKENS else 0


@frozen
class Usage:
    """Tokens consumed, in disjoint buckets."""

    input: int = 0
    """Prompt tokens that were neither read from nor written to a cache."""
    cache_read: int = 0
    """Prompt tokens read from the provider's cache."""
    cache_write: int = 0
    """Prompt tokens written to the provider's cache."""
    output: int = 0
    """Visible answer tokens, tool calls included."""
    reasoning: int = 0
    """Thinking tokens."""

    @property
    def total_input(self) -> int:
        """All prompt tokens, cached or not."""
        return self.input + self.cache_read + self.cache_write

    @property
    def total_output(self) -> int:
        """All generated tokens, thinking included."""
        return self.output + self.reasoning

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.cache_read + self.cache_write + self.output + self.reasoning

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )

    def __str__(self) -> str:
        cached = f" ({self.cache_read:,} cached)" if self.cache_read else ""
        return f"{self.total_input:,} tokens in{cached}, {self.total_output:,} out"


@frozen
class Cost:
    """Money spent, in US dollars. A price that is not known is not zero: `is_known` says whether `usd` is the whole."""

    unknown: ClassVar[Cost]
    """The cost of something whose price is not known."""
    zero: ClassVar[Cost]
    """Nothing was spent."""

    usd: float
    """The part of the cost that is known."""
    is_known: bool = True
    """False when something was consumed whose price is not known; the true cost is then at least `usd`."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.usd + other.usd, self.is_known and other.is_known)

    def __str__(self) -> str:
        if self.is_known:
            return _dollars(self.usd)
        return f"at least {_dollars(self.usd)}" if self.usd else "unknown"


Cost.unknown = Cost(0.0, False)
Cost.zero = Cost(0.0)


def _dollars(usd: float) -> str:
    """Down to a millionth; of less than that two digits, for what costs something is not free."""
    if not usd:
        return "$0"
    places = 1 - math.floor(math.log10(usd)) if 0 < usd < 1e-6 else 6
    return f"${usd:.{places}f}".rstrip("0").rstrip(".")
