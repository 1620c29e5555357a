"""The requests of a batch sent at once, one by one: the same results, at the usual price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from agentkit.batching import BatchResult
from agentkit.errors import ExchangeError
from agentkit.exchange import Delta, Request, Response, RunAccount
from agentkit.models import Model, ModelIdentity, Sink, identity_of
from agentkit.settings import Settings
from agentkit.task_model import TaskReply
from agentkit.tasks.batch_drive import BatchProgress
from agentkit.tasks.perform import TaskAccount, about_tokens, perform, side_by_side
from agentkit.telemetry import names
from agentkit.usage import Usage

__all__ = ["AnsweredAtOnce", "answer_at_once", "expected_of"]

_OUTPUT_TOKENS = 1_000
"""Reserved for an answer where no maximum is set."""


@dataclass(frozen=True, slots=True)
class AnsweredAtOnce:
    """What became of requests, in their order."""

    results: list[BatchResult]
    notes: tuple[str, ...] = ()


async def answer_at_once(
    model: Model,
    asked: Sequence[Request],
    *,
    account: TaskAccount,
    concurrency: int,
    on_event: Callable[[BatchProgress | Delta], None] | None,
) -> AnsweredAtOnce:
    """Ask all of these, so many at a time. Raises BudgetExceededError; what fails otherwise is a result."""
    chat = _Chat(model, identity_of(model))
    results: list[BatchResult | None] = [None] * len(asked)
    notes: dict[str, None] = {}
    done = failed = 0

    async def ask(position: int) -> None:
        nonlocal done, failed
        request = asked[position]
        try:
            reply = await perform(
                chat,
                request,
                operation=names.CHAT,
                settings=request.settings,
                account=account,
                expected=expected_of(request),
                usage_of=_usage_of,
                model_of=_model_of,
                listener=on_event,
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


@dataclass(frozen=True, slots=True)
class _Chat:
    """A model that chats, as a task's."""

    model: Model
    identity: ModelIdentity

    async def perform(
        self, asked: Request, settings: Settings, *, sink: Sink | None = None, account: RunAccount | None = None
    ) -> TaskReply[Response]:
        request = asked if asked.model else replace(asked, model=self.identity.model)
        response = await self.model.respond(request, sink)
        return TaskReply(response, response.attempts, response.notes)


def _usage_of(response: Response) -> Usage:
    return response.usage


def _model_of(response: Response) -> str:
    return response.message.model


def expected_of(request: Request) -> Usage:
    """About what a request takes."""
    texts = [request.instructions, *(message.text for message in request.messages)]
    return Usage(sum(map(about_tokens, texts)), output=request.settings.max_output_tokens or _OUTPUT_TOKENS)
