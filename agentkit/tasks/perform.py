"""One question of a task performed: reserved, watched by a span, told as events, settled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import anyio
from opentelemetry.util.types import AttributeValue

from agentkit.budget import Budget, Ledger
from agentkit.errors import ConfigurationError, UnsupportedError
from agentkit.exchange import Delta, ResponseFinished, ResponseStarted
from agentkit.prices import PriceBook
from agentkit.settings import Settings
from agentkit.task_model import TaskModel, TaskReply
from agentkit.telemetry import TELEMETRY
from agentkit.usage import Cost, Usage

__all__ = ["Listener", "TaskAccount", "perform", "side_by_side"]

Asked = TypeVar("Asked")
Told = TypeVar("Told")

Listener: TypeAlias = Callable[[Delta], None]
"""Told what happens while a task runs: failed attempts and their waits, partial results where they are streamed."""


@dataclass(slots=True)
class TaskAccount:
    """What a task has used so far, and what it may use."""

    ledger: Ledger
    prices: PriceBook
    usage: Usage = Usage()
    cost: Cost = Cost.zero

    @classmethod
    def of(cls, budget: Budget | None, prices: PriceBook | None) -> TaskAccount:
        """An account for a budget, without bound where none is given; a task has no steps to bound."""
        return cls(Ledger(budget or Budget(steps=None)), prices or PriceBook())


async def perform(
    model: TaskModel[Asked, Told],
    asked: Asked,
    *,
    operation: str,
    settings: Settings,
    account: TaskAccount,
    expected: Usage,
    usage_of: Callable[[Told], Usage],
    listener: Listener | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> TaskReply[Told]:
    """Ask, with what it may take reserved before and settled after. Raises ExchangeError, BudgetExceededError,
    UnsupportedError (money is bounded and the price is not known)."""
    tokens, usd = _reserve(model, account, expected)
    with TELEMETRY.task_span(operation, identity=model.identity, attributes=attributes or {}) as span:
        try:
            reply = await model.perform(asked, settings, None if listener is None else _ListenerSink(listener))
        except BaseException:
            account.ledger.release_step(tokens=tokens, usd=usd)
            raise
        usage = usage_of(reply.answer)
        cost = account.prices.cost_of(model.identity.provider, model.identity.model, usage)
        account.ledger.settle_step(usage, cost, tokens=tokens, usd=usd)
        account.usage += usage
        account.cost += cost
        span.answered(usage, cost=cost, attempts=reply.attempts)
    return reply


async def side_by_side(jobs: Sequence[Callable[[], Awaitable[None]]], *, concurrency: int) -> None:
    """Do all of these, so many at a time. The first that fails ends the others; its error is raised as it is."""
    if concurrency < 1:
        raise ConfigurationError(f"concurrency is {concurrency}; give 1 or more")
    if len(jobs) == 1:
        await jobs[0]()
        return
    left = iter(jobs)
    failed: list[Exception] = []

    async def work(scope: anyio.CancelScope) -> None:
        for job in left:
            try:
                await job()
            except Exception as error:
                failed.append(error)
                scope.cancel()
                return

    async with anyio.create_task_group() as group:
        for _ in range(min(concurrency, len(jobs))):
            group.start_soon(work, group.cancel_scope)
    if failed:
        raise failed[0]


def _reserve(model: TaskModel[Asked, Told], account: TaskAccount, expected: Usage) -> tuple[int, float]:
    ledger, identity = account.ledger, model.identity
    usd = 0.0
    if ledger.bounds_money:
        price = account.prices.cost_of(identity.provider, identity.model, expected)
        if not price.is_known:
            raise UnsupportedError(
                f"the price of {identity.provider}:{identity.model} is not known, so a budget in usd cannot be kept; "
                "set a price (PriceBook().with_price(...)) or bound tokens instead"
            )
        usd = price.usd
    ledger.reserve_step(tokens=expected.total, usd=usd)
    return expected.total, usd


class _ListenerSink:
    """Tells a function."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def emit(self, deltas: Sequence[Delta]) -> bool:
        for delta in deltas:
            if not isinstance(delta, ResponseStarted | ResponseFinished):  # the answer itself says both
                self._listener(delta)
        return False

    async def drain(self) -> None:
        """A function is never behind."""
