"""Budget: what a run may consume; and the ledger that keeps to it.

Everything is reserved before it is spent and settled after, on a ledger that sub-agents share, so the overshoot is at
most one response.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from agentkit.errors import BudgetExceededError, ConfigurationError
from agentkit.usage import Cost, Usage

__all__ = ["Budget", "Ledger"]

LEAST_OUTPUT_TOKENS = 1_000
"""The output reserved where no maximum is set and the run's answers so far were shorter."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be consumed; None is without bound. Sub-agents spend from the same budget."""

    steps: int | None = 50
    """Model calls."""
    tool_calls: int | None = None
    tokens: int | None = None
    """Input and output together."""
    usd: float | None = None
    """Money; a model whose price is not known is refused when this is set."""
    seconds: float | None = None
    """Time from the start of the run (or of its resumption)."""
    retries: int | None = 50
    """Requests sent again after a failure, in all exchanges together, from the start of the run (or of its
    resumption). With none left, a failure that would have been tried again is raised as it is."""
    counts_exactly: bool = False
    """Ask the provider how many tokens the prompt has before each step, where tokens or money are bounded and it can
    tell. One more request a step; without it the prompt is estimated."""

    def __post_init__(self) -> None:
        """Refuse what is no bound. Raises ConfigurationError."""
        for name in ("steps", "tool_calls", "tokens", "usd", "seconds", "retries"):
            bound = getattr(self, name)
            if bound is not None and (not isinstance(bound, (int, float)) or bound < 0):
                raise ConfigurationError(f"Budget({name}={bound!r}) is no bound; give a number, or None for no bound")

    @property
    def bounds_tokens(self) -> bool:
        """Whether the size of prompts matters."""
        return self.tokens is not None or self.usd is not None


class Ledger:
    """What one run and its sub-agents have spent and reserved of a budget."""

    __slots__ = (
        "answers", "budget", "is_usd_known", "output", "parent", "retries", "steps", "tokens", "tool_calls", "until",
        "usd",
    )  # fmt: skip

    def __init__(self, budget: Budget, parent: Ledger | None = None) -> None:
        self.budget = budget
        self.parent = parent
        """The ledger of the agent that called this one; everything is booked there too."""
        self.steps = 0
        self.tool_calls = 0
        self.tokens = 0
        """Spent and reserved."""
        self.usd = 0.0
        """Spent and reserved."""
        self.is_usd_known = True
        """False when something was consumed whose price is not known, by another model that stepped in, say."""
        self.retries = 0
        self.answers = 0
        self.output = 0
        self.until = math.inf
        """When its seconds are over, by the clock of the event loop."""

    @property
    def bounds_tokens(self) -> bool:
        """Whether this ledger or one above it bounds tokens or money."""
        return self.budget.bounds_tokens or (self.parent is not None and self.parent.bounds_tokens)

    @property
    def bounds_money(self) -> bool:
        """Whether this ledger or one above it bounds money."""
        return self.budget.usd is not None or (self.parent is not None and self.parent.bounds_money)

    @property
    def keeps_money(self) -> bool:
        """Whether all that was spent under a bound of money, of this ledger or of one above it, is known."""
        is_kept = self.budget.usd is None or self.is_usd_known
        return is_kept and (self.parent is None or self.parent.keeps_money)

    @property
    def counts_exactly(self) -> bool:
        """Whether this ledger or one above it wants prompts counted instead of estimated."""
        return self.budget.counts_exactly or (self.parent is not None and self.parent.counts_exactly)

    @property
    def root(self) -> Ledger:
        """The ledger of the run at the top."""
        ledger = self
        while ledger.parent is not None:
            ledger = ledger.parent
        return ledger

    @property
    def ends_at(self) -> float:
        """When the seconds of this ledger or of one above it are over, by the clock of the event loop."""
        return self.until if self.parent is None else min(self.until, self.parent.ends_at)

    def expected_output(self, maximum: int | None) -> int:
        """Output tokens to reserve: the maximum, else the mean answer so far, at least 1,000."""
        if maximum is not None:
            return maximum
        return max(LEAST_OUTPUT_TOKENS, self.output // self.answers if self.answers else 0)

    def reserve_step(self, *, tokens: int = 0, usd: float = 0.0) -> None:
        """Book one model call. Raises BudgetExceededError, and then books nothing."""
        ledger: Ledger | None = self
        while ledger is not None:
            budget = ledger.budget
            _check(ledger, "steps", budget.steps, ledger.steps, 1)
            if budget.bounds_tokens:
                _check(ledger, "tokens", budget.tokens, ledger.tokens, tokens)
                _check(ledger, "usd", budget.usd, ledger.usd, usd)
            ledger = ledger.parent
        ledger = self
        while ledger is not None:
            ledger.steps += 1
            ledger.tokens += tokens
            ledger.usd += usd
            ledger = ledger.parent

    def settle_step(self, usage: Usage, cost: Cost, *, tokens: int = 0, usd: float = 0.0) -> None:
        """Replace what was reserved for a model call by what it took."""
        ledger: Ledger | None = self
        while ledger is not None:
            ledger.tokens += usage.total - tokens
            ledger.usd += cost.usd - usd
            ledger.is_usd_known = ledger.is_usd_known and cost.is_known
            ledger.answers += 1
            ledger.output += usage.total_output
            ledger = ledger.parent

    def release_step(self, *, tokens: int = 0, usd: float = 0.0) -> None:
        """Give back what was reserved for a model call that failed; the step itself stays counted."""
        ledger: Ledger | None = self
        while ledger is not None:
            ledger.tokens -= tokens
            ledger.usd -= usd
            ledger = ledger.parent

    def reserve_calls(self, count: int) -> None:
        """Book tool calls. Raises BudgetExceededError, and then books nothing."""
        ledger: Ledger | None = self
        while ledger is not None:
            _check(ledger, "tool_calls", ledger.budget.tool_calls, ledger.tool_calls, count)
            ledger = ledger.parent
        ledger = self
        while ledger is not None:
            ledger.tool_calls += count
            ledger = ledger.parent

    def reserve_retry(self) -> bool:
        """Book one request that is sent again; False, and nothing booked, when none is left."""
        ledger: Ledger | None = self
        while ledger is not None:
            if ledger.budget.retries is not None and ledger.retries >= ledger.budget.retries:
                return False
            ledger = ledger.parent
        ledger = self
        while ledger is not None:
            ledger.retries += 1
            ledger = ledger.parent
        return True

    def restore(self, *, steps: int, tool_calls: int, usage: Usage, cost: Cost) -> None:
        """Take up what a resumed run had spent before; agents above take it up too."""
        ledger: Ledger | None = self
        while ledger is not None:
            ledger.steps += steps
            ledger.tool_calls += tool_calls
            ledger.tokens += usage.total
            ledger.usd += cost.usd
            ledger.is_usd_known = ledger.is_usd_known and cost.is_known
            ledger.answers += steps
            ledger.output += usage.total_output
            ledger = ledger.parent


def _check(ledger: Ledger, limit: str, allowed: float | None, used: float, wanted: float) -> None:
    if allowed is None or used + wanted <= allowed:
        return
    error = BudgetExceededError(limit, allowed=allowed, used=used, wanted=wanted)
    error.owner = ledger
    raise error
