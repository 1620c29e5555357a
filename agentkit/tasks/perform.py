"""A task performed: each question reserved, watched by a span, told as events, settled; several side by side."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias, TypeVar

import anyio
from opentelemetry.util.types import AttributeValue

from agentkit.budget import Budget, Ledger
from agentkit.classification import ClassificationOffer
from agentkit.embedding import EmbeddingLimits
from agentkit.errors import AgentkitError, BudgetExceededError, ConfigurationError, UnsupportedError
from agentkit.exchange import Delta, ResponseFinished, ResponseStarted
from agentkit.imaging import ImageLimits
from agentkit.media import Image
from agentkit.policies.tasks import TaskPolicy
from agentkit.prices import PriceBook
from agentkit.providers import TaskKind, task_model
from agentkit.settings import Settings
from agentkit.task_model import TaskModel, TaskReply
from agentkit.telemetry import TELEMETRY
from agentkit.transcription import TranscriptionLimits
from agentkit.usage import Cost, Usage

__all__ = ["Listener", "TaskAccount", "about_tokens", "perform", "side_by_side", "task_of"]

Asked = TypeVar("Asked")
Told = TypeVar("Told")

_NO_BOUND = Budget(retries=None)
_BYTES_PER_TOKEN = 3
"""So few that the tokens of a request are rather over- than underestimated."""
_IMAGE_TOKENS = 1_000

_MARKS: Mapping[TaskKind, tuple[str, type, str]] = {
    "embed": ("limits", EmbeddingLimits, "openai:text-embedding-3-small"),
    "generate_image": ("limits", ImageLimits, "openai:gpt-image-2"),
    "transcribe": ("limits", TranscriptionLimits, "openai:gpt-transcribe"),
    "classify": ("offer", ClassificationOffer, "openai:gpt-6-luna"),
}
"""By what the models of a task are known, and the name of one."""

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
        return cls(Ledger(replace(budget or _NO_BOUND, steps=None)), prices or PriceBook())


def task_of(model: object, kind: TaskKind) -> Any:
    """Who does a task: the model of a name, or a model of that task as it is.

    Raises ConfigurationError for a model of something else, and what `task_model` raises.
    """
    if isinstance(model, str):
        return task_model(model, kind)
    mark, bounds, example = _MARKS[kind]
    if not isinstance(getattr(model, mark, None), bounds):
        raise ConfigurationError(
            f"{model!r} is no model for {kind}: give a name such as {example!r}, or what task_model({example!r}, "
            f"{kind!r}) makes, inside limited(...), cached(...) and fallback(...) too"
        )
    return model


def about_tokens(entry: str | Image) -> int:
    """About how many tokens an input has, rather more than less."""
    return len(entry.encode(errors="replace")) // _BYTES_PER_TOKEN + 1 if isinstance(entry, str) else _IMAGE_TOKENS


async def perform(
    model: TaskModel[Asked, Told],
    asked: Asked,
    *,
    operation: str,
    settings: Settings,
    account: TaskAccount,
    expected: Usage,
    usage_of: Callable[[Told], Usage],
    model_of: Callable[[Told], str] | None = None,
    cost_of: Callable[[Told], Cost | None] | None = None,
    listener: Listener | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
) -> TaskReply[Told]:
    """Ask, with what it may take reserved before and settled after. Raises ExchangeError, BudgetExceededError,
    UnsupportedError (money is bounded and the price is not known)."""
    tokens, usd = _reserve(model, account, expected)
    with TELEMETRY.task_span(operation, identity=model.identity, attributes=attributes or {}) as span:
        try:
            sink = None if listener is None else _ListenerSink(listener)
            if isinstance(model, TaskPolicy):
                reply = await model.perform(asked, settings, sink=sink, account=account.ledger, expected=expected)
            else:
                reply = await model.perform(asked, settings, sink=sink, account=account.ledger)
        except BaseException:
            account.ledger.release_step(tokens=tokens, usd=usd)
            raise
        who = reply.answered_by or model.identity
        usage, cost = Usage(), Cost.zero
        if not reply.is_from_cache:
            usage = usage_of(reply.answer)
            cost = account.prices.cost_of(who.provider, who.model, usage)
            if not cost.is_known and cost_of is not None:
                cost = cost_of(reply.answer) or cost  # what the provider says it costs
        if usage.total or cost.is_known:
            account.ledger.settle_step(usage, cost, tokens=tokens, usd=usd)
        else:  # the provider counts nothing: what was expected stays booked, or the budget would never fill
            account.ledger.settle_step(expected, Cost(usd), tokens=tokens, usd=usd)
        account.usage += usage
        account.cost += cost
        answered_by = "" if model_of is None else model_of(reply.answer)
        span.answered(usage, cost=cost, attempts=reply.attempts, model=answered_by)
        span.by_policy(who, failed_over=reply.failed_over, is_from_cache=reply.is_from_cache)
    return reply


async def side_by_side(
    jobs: Sequence[Callable[[], Awaitable[None]]], *, concurrency: int, account: TaskAccount
) -> None:
    """Do all of these, so many at a time. The first that fails ends the others; its error is raised as it is.

    Raises BudgetExceededError when the time of the account's budget is over.
    """
    if concurrency < 1:
        raise ConfigurationError(f"concurrency is {concurrency}; give 1 or more")
    seconds = account.ledger.budget.seconds
    try:
        with anyio.move_on_after(seconds) as scope:
            account.ledger.until = scope.deadline
            await _side_by_side(jobs, concurrency)
            return
        assert seconds is not None
        raise BudgetExceededError("seconds", allowed=seconds, used=seconds, wanted=1)
    except AgentkitError as error:
        error.usage = asdict(account.usage)
        if isinstance(error, BudgetExceededError):  # its own words are those of a run, which can be resumed
            error.args = (_of_a_task(error),)
        raise


def _of_a_task(error: BudgetExceededError) -> str:
    if error.limit == "seconds":
        return f"the {error.allowed:g} seconds of the budget are over; allow more with Budget(seconds=...)"
    done = f"is spent: {error.used:g} used, the next" if error.used else "does not last: the first"
    return (
        f"budget of {error.allowed:g} {error.limit} {done} request needs about {error.wanted:g}; allow more with "
        f"Budget({error.limit}=...)"
    )


async def _side_by_side(jobs: Sequence[Callable[[], Awaitable[None]]], concurrency: int) -> None:
    if len(jobs) == 1:
        await jobs[0]()
        return
    left = iter(jobs)
    failed: list[Exception] = []

    async def work(scope: anyio.CancelScope) -> None:
        for job in left:
            try:
                await job()
            except Exception as error:  # told to the caller as itself and not in a group
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
