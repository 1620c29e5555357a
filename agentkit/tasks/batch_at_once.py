"""The requests of a batch sent at once, one by one: the same results, at the usual price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from agentkit.batching import BatchAnswer, BatchResult
from agentkit.errors import ExchangeError
from agentkit.exchange import Delta, Response
from agentkit.task_model import TaskModel
from agentkit.tasks.batch_drive import BatchProgress
from agentkit.tasks.batch_kinds import BatchKind
from agentkit.tasks.perform import TaskAccount, perform, side_by_side
from agentkit.usage import Usage

__all__ = ["AnsweredAtOnce", "answer_at_once"]


@dataclass(frozen=True, slots=True)
class AnsweredAtOnce:
    """What became of requests, in their order."""

    results: list[BatchResult]
    notes: tuple[str, ...] = ()


async def answer_at_once(
    task: TaskModel[Any, Any],
    asked: Sequence[Any],
    *,
    kind: BatchKind[Any],
    account: TaskAccount,
    concurrency: int,
    on_event: Callable[[BatchProgress | Delta], None] | None,
) -> AnsweredAtOnce:
    """Ask all of these, so many at a time. Raises BudgetExceededError; what fails otherwise is a result."""
    results: list[BatchResult | None] = [None] * len(asked)
    notes: dict[str, None] = {}
    done = failed = 0
    told = kind.in_spans()

    async def ask(position: int) -> None:
        nonlocal done, failed
        request = asked[position]
        try:
            reply = await perform(
                task,
                request,
                operation=told.operation,
                settings=request.settings,
                account=account,
                expected=kind.expected(request),
                usage_of=_usage_of,
                model_of=_model_of,
                listener=on_event,
                attributes=told.attributes,
            )
        except ExchangeError as error:
            results[position] = error
            failed += 1
        else:
            results[position] = reply.answer
            notes.update(dict.fromkeys(reply.notes))
        done += 1
        if on_event is not None:
            on_event(BatchProgress(len(asked), done, failed, (), done == len(asked)))

    jobs = [partial(ask, position) for position in range(len(asked))]
    await side_by_side(jobs, concurrency=concurrency, account=account)
    return AnsweredAtOnce([result for result in results if result is not None], tuple(notes))


def _usage_of(answer: BatchAnswer) -> Usage:
    return answer.usage


def _model_of(answer: BatchAnswer) -> str:
    return answer.message.model if isinstance(answer, Response) else answer.model
