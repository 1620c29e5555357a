"""Which requests suffer which faults: by count, by position, by rate; the same for the same seed, always."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from agentkit.errors import ConfigurationError
from agentkit.simulator.fault import Fault

__all__ = ["Plan", "Rule", "plan_of"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Faults and the requests that they fall upon: those for which everything said here holds.

    Several faults in one rule are a mix, of which each request draws one. For several at once write several rules.
    """

    faults: tuple[Fault, ...]
    first: int | None = None
    """Only the first so many requests."""
    at: tuple[int, ...] = ()
    """Only requests at these positions, counted from 1."""
    rate: float | None = None
    """Only this share of them, from 0 to 1."""

    def __post_init__(self) -> None:
        if not self.faults:
            raise ConfigurationError("a rule needs at least one fault, such as Rule((Status(429),), first=2)")
        if self.rate is not None and not 0 <= self.rate <= 1:
            raise ConfigurationError(f"rate is {self.rate:g}; it has to be a share from 0 to 1")
        if self.first is not None and self.first < 0:
            raise ConfigurationError(f"first is {self.first}; it has to be how many requests, such as 2")
        if any(position < 1 for position in self.at):
            raise ConfigurationError(f"at has {min(self.at)}; the first request is at 1")

    def fault_of(self, number: int, dice: random.Random) -> Fault | None:
        """The fault of this request, or None."""
        if self.first is not None and number > self.first:
            return None
        if self.at and number not in self.at:
            return None
        if self.rate is not None and dice.random() >= self.rate:
            return None
        return self.faults[0] if len(self.faults) == 1 else dice.choice(self.faults)


@dataclass(frozen=True, slots=True)
class Plan:
    """All rules of a simulator. The same number gets the same faults, however many clients come at once."""

    rules: tuple[Rule, ...] = ()
    seed: int = 0

    def faults_of(self, number: int) -> tuple[Fault, ...]:
        """The faults of this request, counted from 1, in the order of the rules."""
        found: list[Fault] = []
        for place, rule in enumerate(self.rules):
            dice = random.Random(f"{self.seed} {place} {number}")  # noqa: S311 -- has to be repeatable, not secret
            fault = rule.fault_of(number, dice)
            if fault is not None:
                found.append(fault)
        return tuple(found)


def plan_of(faults: Iterable[Fault | Rule], *, seed: int = 0) -> Plan:
    """A plan of rules and bare faults; a bare one falls upon every request."""
    return Plan(tuple(each if isinstance(each, Rule) else Rule((each,)) for each in faults), seed)
