"""Batches: many requests at half the price, answered within a day.

    done = await batch("openai:gpt-6-luna", {"a": "What is 2 + 2?", "b": "Name a planet."}, state="planets.json")
    done["a"]          # a Response, or the ExchangeError of this one input
    done.errors        # {} when all went well

    done = await batch("openai:text-embedding-3-small", {"a": "a cat", "b": "a dog"}, kind=Embed())
    done["a"][0]       # a vector

The state is a file: stop the program whenever you like, run it again, and it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, overload

import anyio

from agentkit.buckets import BatchStorage
from agentkit.budget import Budget
from agentkit.errors import BudgetExceededError, ConfigurationError, StateError
from agentkit.exchange import Delta, Request, Response
from agentkit.messages import Prompt
from agentkit.models import Model
from agentkit.portal import synchronous
from agentkit.prices import PriceBook
from agentkit.settings import Settings
from agentkit.task_model import TaskModel
from agentkit.tasks import batch_file
from agentkit.tasks.batch_at_once import answer_at_once
from agentkit.tasks.batch_drive import BatchProgress
from agentkit.tasks.batch_in_hand import BatchInHand, begun, in_file, questions_of
from agentkit.tasks.batch_kinds import BatchKind, Chats, Classify, Embed, GenerateImage, Transcribe
from agentkit.tasks.batch_results import BatchResults, gathered
from agentkit.tasks.perform import TaskAccount
from agentkit.telemetry import TELEMETRY

__all__ = [
    "BatchEvent",
    "BatchInputs",
    "BatchKind",
    "BatchProgress",
    "BatchResults",
    "Classify",
    "Embed",
    "GenerateImage",
    "Transcribe",
    "batch",
    "batch_status",
    "batch_sync",
    "cancel_batch",
    "fetch_batch",
    "submit_batch",
]

_CONCURRENCY = 8
_POLL_SECONDS = 5.0

Answer = TypeVar("Answer")

BatchInputs: TypeAlias = "Mapping[str, Prompt | Request] | Sequence[Prompt | Request]"
"""What is asked: by ids of your own, or in order, whose ids are "0", "1", ..."""

AnyInputs: TypeAlias = Mapping[str, Any] | Sequence[Any]
AnyModel: TypeAlias = str | Model | TaskModel[Any, Any]

BatchEvent: TypeAlias = BatchProgress | Delta
"""What is told while a batch goes on: how far it has come, and failed attempts with their waits."""

Via: TypeAlias = Literal["batch", "requests"]


@overload
async def batch(
    model: str | Model,
    requests: BatchInputs,
    *,
    kind: None = None,
    instructions: str = "",
    settings: Settings | None = None,
    via: Via = "batch",
    state: str | Path | None = None,
    storage: str | BatchStorage | None = None,
    budget: Budget | None = None,
    prices: PriceBook | None = None,
    concurrency: int = _CONCURRENCY,
    poll_seconds: float = _POLL_SECONDS,
    on_event: Callable[[BatchEvent], None] | None = None,
) -> BatchResults[Response]: ...
@overload
async def batch(
    model: AnyModel,
    requests: AnyInputs,
    *,
    kind: BatchKind[Answer],
    settings: Settings | None = None,
    via: Via = "batch",
    state: str | Path | None = None,
    storage: str | BatchStorage | None = None,
    budget: Budget | None = None,
    prices: PriceBook | None = None,
    concurrency: int = _CONCURRENCY,
    poll_seconds: float = _POLL_SECONDS,
    on_event: Callable[[BatchEvent], None] | None = None,
) -> BatchResults[Answer]: ...
async def batch(
    model: AnyModel,
    requests: AnyInputs,
    *,
    kind: BatchKind[Any] | None = None,
    instructions: str = "",
    settings: Settings | None = None,
    via: Via = "batch",
    state: str | Path | None = None,
    storage: str | BatchStorage | None = None,
    budget: Budget | None = None,
    prices: PriceBook | None = None,
    concurrency: int = _CONCURRENCY,
    poll_seconds: float = _POLL_SECONDS,
    on_event: Callable[[BatchEvent], None] | None = None,
) -> BatchResults[Any]:
    """The answers to all of these, as a batch of the provider's: cheaper, and within a day instead of at once.

    Without a `kind` they are prompts for a model that chats, with the same `instructions`. A kind asks for something
    else of each input: Embed(), Classify(labels), GenerateImage() or Transcribe(), and gives for each what the function
    of that task would.

    Called again with the same requests and the same `state` file it goes on where it was, wherever the process had
    stopped; without a file nothing is kept. More than the provider takes in one batch is split. `storage` is the bucket
    in which some providers read and write batches, such as "s3://bucket/prefix". An input that fails has its error in
    its place; what is raised concerns the batch as a whole: ExchangeError, BudgetExceededError, UnsupportedError (this
    provider takes no batches of the kind), StateError (the file belongs to other requests, or another process drives
    it).

    via="requests" sends them at once instead, `concurrency` at a time (wrap the model in `limited` for more bounds);
    the results have the same form, and no file is kept.
    """
    chosen = _kind(kind, instructions)
    task = chosen.connect(model)
    asked = questions_of(requests, chosen, task, settings or Settings())
    account = TaskAccount.of(budget, prices)
    if via == "requests":
        done = await answer_at_once(
            task, list(asked.values()), kind=chosen, account=account, concurrency=concurrency, on_event=on_event
        )
        found = dict(zip(asked, done.results, strict=True))
        return gathered(chosen, task.identity, results=found, prices=account.prices, notes=done.notes)
    if via != "batch":  # pyright: ignore[reportUnnecessaryComparison]  # callers without type checkers
        raise ConfigurationError(f'via is {via!r}; use "batch" or "requests"')
    path = None if state is None else Path(state)
    with batch_file.held(path):
        held = begun(chosen, task, asked, settings=settings, storage=storage, path=path, listener=on_event)
        expected = held.reserve(account, list(asked.values()))
        told = chosen.in_spans()
        with TELEMETRY.task_span(told.operation, identity=task.identity, attributes=told.attributes) as span:
            with _in_time(budget) as scope:
                await held.drive.submit(held.carried)
                await held.drive.wait(poll_seconds)
                results = await held.fetched(account.prices)
                account.ledger.settle_step(results.usage, results.cost, tokens=expected.tokens, usd=expected.usd)
                span.answered(results.usage, cost=results.cost, attempts=1)
                return results
            assert scope.cancelled_caught
            seconds = budget.seconds if budget is not None and budget.seconds is not None else 0.0
            raise _late(seconds, state)


batch_sync = synchronous(batch)


async def submit_batch(
    model: AnyModel,
    requests: AnyInputs,
    *,
    state: str | Path,
    kind: BatchKind[Any] | None = None,
    instructions: str = "",
    settings: Settings | None = None,
    storage: str | BatchStorage | None = None,
    budget: Budget | None = None,
    prices: PriceBook | None = None,
    on_event: Callable[[BatchEvent], None] | None = None,
) -> BatchProgress:
    """Submit a batch and leave it to the provider; `batch_status` and `fetch_batch` go on by the file alone.

    Called again with the same requests it submits what is not there yet. Raises what `batch` raises.
    """
    chosen = _kind(kind, instructions)
    task = chosen.connect(model)
    asked = questions_of(requests, chosen, task, settings or Settings())
    path = Path(state)
    with batch_file.held(path):
        held = begun(chosen, task, asked, settings=settings, storage=storage, path=path, listener=on_event)
        held.reserve(TaskAccount.of(budget, prices), list(asked.values()))
        await held.drive.submit(held.carried)
        return held.drive.progress


async def batch_status(
    state: str | Path, *, model: AnyModel | None = None, on_event: Callable[[BatchEvent], None] | None = None
) -> BatchProgress:
    """How far the batch of a state file has come; nothing is written, so that it may be asked while another process
    waits for the batch. `model` where its name alone does not lead to it. Raises StateError, ExchangeError.
    """
    held = in_file(Path(state), model, listener=on_event, is_kept=False)
    await held.drive.look()
    return held.drive.progress


async def cancel_batch(
    state: str | Path, *, model: AnyModel | None = None, on_event: Callable[[BatchEvent], None] | None = None
) -> BatchProgress:
    """End the batch of a state file. What was answered by then can be fetched, once the provider has ended it; the
    other inputs have an ExchangeError with the code "cancelled".

    What was not submitted yet will not be. Raises StateError (while another process drives it), ExchangeError.
    """
    path = Path(state)
    with batch_file.held(path):
        held = in_file(path, model, listener=on_event)
        await held.drive.cancel()
        return held.drive.progress


async def fetch_batch(
    state: str | Path,
    *,
    model: AnyModel | None = None,
    prices: PriceBook | None = None,
    on_event: Callable[[BatchEvent], None] | None = None,
) -> BatchResults[Any]:
    """The results of the batch of a state file, as often as you like, as long as the provider keeps them.

    Raises StateError while it is not over or not wholly submitted, ExchangeError.
    """
    path = Path(state)
    with batch_file.held(path):
        held = in_file(path, model, listener=on_event)
        await held.drive.look()
        _refuse_unended(held, path)
        return await held.fetched(prices or PriceBook())


def _refuse_unended(held: BatchInHand, path: Path) -> None:
    told = held.drive.progress
    if told.is_over:
        return
    if "not submitted" in told.parts:
        raise StateError(f"{path}: not all parts are submitted; submit the same requests again")
    raise StateError(f"{path}: {told.done} of {told.total} are done; fetch the results when all are")


def _kind(kind: BatchKind[Any] | None, instructions: str) -> BatchKind[Any]:
    if kind is None:
        return Chats(instructions)
    if isinstance(kind, str | type):
        raise ConfigurationError(
            f"kind is {kind!r}; write kind=Embed(), Classify(labels), GenerateImage(), Transcribe()"
        )
    if instructions:
        raise ConfigurationError(f"instructions are for models that chat; leave them out of {kind}")
    return kind


def _in_time(budget: Budget | None) -> AbstractContextManager[anyio.CancelScope]:
    return anyio.move_on_after(None if budget is None else budget.seconds)


def _late(seconds: float, state: str | Path | None) -> BudgetExceededError:
    error = BudgetExceededError("seconds", allowed=seconds, used=seconds, wanted=1)
    how = f"call again with state={str(state)!r} to go on" if state else "give it a state file, to go on another time"
    error.args = (f"the {seconds:g} seconds of the budget are over, the batch is not; {how}",)
    return error
