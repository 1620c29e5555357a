"""Batches: many requests at half the price, answered within a day.

    done = await batch("openai:gpt-6-luna", {"a": "What is 2 + 2?", "b": "Name a planet."}, state="planets.json")
    done["a"]          # a Response, or the ExchangeError of this one input
    done.errors        # {} when all went well

The state is a file: stop the program whenever you like, run it again, and it goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import anyio

from agentkit.batching import BatchResult, BatchState
from agentkit.buckets import BatchStorage
from agentkit.budget import Budget
from agentkit.errors import BudgetExceededError, ConfigurationError, ExchangeError, StateError, UnsupportedError
from agentkit.exchange import AttemptFailed, Delta, Request, Response
from agentkit.messages import Prompt, user_message
from agentkit.models import Model, identity_of
from agentkit.policies.limits import LimitedModel
from agentkit.portal import call_in_portal
from agentkit.prices import PriceBook
from agentkit.providers import resolve
from agentkit.providers.batches import connect_batch
from agentkit.remote_batch import RemoteBatch
from agentkit.settings import Settings
from agentkit.tasks import batch_file
from agentkit.tasks.batch_at_once import answer_at_once, expected_of
from agentkit.tasks.batch_drive import BatchProgress, Drive
from agentkit.tasks.batch_plan import planned
from agentkit.tasks.perform import TaskAccount
from agentkit.telemetry import TELEMETRY, names
from agentkit.usage import Cost, Usage

__all__ = [
    "BatchEvent",
    "BatchInputs",
    "BatchProgress",
    "BatchResults",
    "batch",
    "batch_status",
    "batch_sync",
    "fetch_batch",
    "submit_batch",
]

_CONCURRENCY = 8
_POLL_SECONDS = 5.0

BatchInputs: TypeAlias = "Mapping[str, Prompt | Request] | Sequence[Prompt | Request]"
"""What is asked: by ids of your own, or in order, whose ids are "0", "1", ..."""

BatchEvent: TypeAlias = BatchProgress | Delta
"""What is told while a batch goes on: how far it has come, and failed attempts with their waits."""

Via: TypeAlias = Literal["batch", "requests"]


@dataclass(frozen=True, slots=True)
class BatchResults(Mapping[str, BatchResult]):
    """What `batch` gives: exactly one Response or ExchangeError for each input, by its id, in the inputs' order."""

    results: Mapping[str, BatchResult] = field(repr=False)
    usage: Usage = Usage()
    cost: Cost = Cost.zero
    """At batch prices, where it was one."""
    model: str = ""
    notes: tuple[str, ...] = ()
    """What could not be sent as it was asked."""

    def __getitem__(self, id: str) -> BatchResult:
        return self.results[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def responses(self) -> dict[str, Response]:
        """The answers alone."""
        return {id: result for id, result in self.results.items() if isinstance(result, Response)}

    @property
    def errors(self) -> dict[str, ExchangeError]:
        """The errors alone."""
        return {id: result for id, result in self.results.items() if isinstance(result, ExchangeError)}


async def batch(
    model: str | Model,
    requests: BatchInputs,
    *,
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
) -> BatchResults:
    """The answers to all of these, as a batch of the provider's: cheaper, and within a day instead of at once.

    Called again with the same requests and the same `state` file it goes on where it was, wherever the process had
    stopped; without a file nothing is kept. More than the provider takes in one batch is split. `storage` is the bucket
    in which some providers read and write batches, such as "s3://bucket/prefix". An input that fails has its error in
    its place; what is raised concerns the batch as a whole: ExchangeError, BudgetExceededError, UnsupportedError (this
    provider takes no batches), StateError (the file belongs to other requests).

    via="requests" sends them at once instead, `concurrency` at a time (wrap the model in `limited` for more bounds);
    the results have the same form, and no file is kept.
    """
    ids, asked = _inputs(requests, instructions=instructions, settings=settings or Settings())
    account = TaskAccount.of(budget, prices)
    chosen = resolve(model)
    if via == "requests":
        done = await answer_at_once(chosen, asked, account=account, concurrency=concurrency, on_event=on_event)
        found = dict(zip(ids, done.results, strict=True))
        return BatchResults(found, account.usage, account.cost, str(identity_of(chosen)), done.notes)
    if via != "batch":  # pyright: ignore[reportUnnecessaryComparison]  # callers without type checkers
        raise ConfigurationError(f'via is {via!r}; use "batch" or "requests"')
    remote = _connected(chosen, settings, storage=storage)
    drive = _drive(remote, _begun(remote, ids, asked, state=_path(state)), path=_path(state), on_event=on_event)
    expected = _reserved(account, remote, asked, is_new=not all(part.job for part in drive.state.parts))
    with TELEMETRY.task_span(names.CHAT, identity=remote.identity, attributes={}) as span:
        with _in_time(budget) as scope:
            await drive.submit(asked)
            await drive.wait(poll_seconds)
            done = await _fetched(drive, remote, account.prices)
            account.ledger.settle_step(done.usage, done.cost, tokens=expected.tokens, usd=expected.usd)
            span.answered(done.usage, cost=done.cost, attempts=1)
            return done
        assert scope.cancelled_caught
        seconds = budget.seconds if budget is not None and budget.seconds is not None else 0.0
        raise _late(seconds, state)


def batch_sync(
    model: str | Model,
    requests: BatchInputs,
    *,
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
) -> BatchResults:
    """What `batch` gives, for callers without an event loop of their own."""
    return call_in_portal(
        partial(
            batch,
            model,
            requests,
            instructions=instructions,
            settings=settings,
            via=via,
            state=state,
            storage=storage,
            budget=budget,
            prices=prices,
            concurrency=concurrency,
            poll_seconds=poll_seconds,
            on_event=on_event,
        )
    )


async def submit_batch(
    model: str | Model,
    requests: BatchInputs,
    *,
    state: str | Path,
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
    ids, asked = _inputs(requests, instructions=instructions, settings=settings or Settings())
    remote = _connected(resolve(model), settings, storage=storage)
    path = Path(state)
    drive = _drive(remote, _begun(remote, ids, asked, state=path), path=path, on_event=on_event)
    is_new = not all(part.job for part in drive.state.parts)
    _reserved(TaskAccount.of(budget, prices), remote, asked, is_new=is_new)
    await drive.submit(asked)
    return drive.progress


async def batch_status(
    state: str | Path, *, model: str | Model | None = None, on_event: Callable[[BatchEvent], None] | None = None
) -> BatchProgress:
    """How far the batch of a state file has come. `model` where its name alone does not lead to it.

    Raises StateError, ExchangeError.
    """
    drive, _ = _of_file(state, model, on_event=on_event)
    await drive.look()
    return drive.progress


async def fetch_batch(
    state: str | Path,
    *,
    model: str | Model | None = None,
    prices: PriceBook | None = None,
    on_event: Callable[[BatchEvent], None] | None = None,
) -> BatchResults:
    """The results of the batch of a state file, as often as you like, as long as the provider keeps them.

    Raises StateError while it is not over or not wholly submitted, ExchangeError.
    """
    drive, remote = _of_file(state, model, on_event=on_event)
    await drive.look()
    if not drive.progress.is_over:
        told = drive.progress
        if "not submitted" in told.parts:
            raise StateError(f"{state}: not all parts are submitted; submit the same requests again")
        raise StateError(f"{state}: {told.done} of {told.total} are done; fetch the results when all are")
    return await _fetched(drive, remote, prices or PriceBook())


@dataclass(frozen=True, slots=True)
class _Expected:
    tokens: int = 0
    usd: float = 0.0


def _inputs(requests: BatchInputs, *, instructions: str, settings: Settings) -> tuple[list[str], list[Request]]:
    """The ids, and a request for each. Raises ConfigurationError."""
    if isinstance(requests, str):
        raise ConfigurationError("requests is one text; give a list of prompts, or prompts by their ids")
    pairs = (
        list(requests.items())
        if isinstance(requests, Mapping)
        else [(str(place), entry) for place, entry in enumerate(requests)]
    )
    if not pairs:
        raise ConfigurationError("there are no requests; give at least one")
    asked: list[Request] = []
    for _, entry in pairs:
        if isinstance(entry, Request):
            request = replace(
                entry, instructions=entry.instructions or instructions, settings=entry.settings.over(settings)
            )
        else:
            request = Request("", (user_message(entry),), instructions, settings=settings)
        asked.append(request)
    return [id for id, _ in pairs], asked


def _connected(model: Model, settings: Settings | None, *, storage: str | BatchStorage | None = None) -> RemoteBatch:
    """The batches of a model, limits around it left away: they bound requests, of which a batch is one."""
    while isinstance(model, LimitedModel):
        model = model.model
    remote = connect_batch(model, storage=storage)
    if settings is not None:
        remote.settings = settings.over(remote.settings)
    return remote


def _begun(remote: RemoteBatch, ids: Sequence[str], asked: Sequence[Request], *, state: Path | None) -> BatchState:
    """The batch in the file, when it is this one; a new one where there is no file. Raises StateError."""
    known = None if state is None else batch_file.load(state)
    made = planned(remote, asked, ids=ids, name=known.name if known else "")
    if known is None:
        if state is not None:
            batch_file.save(state, made)
        return made
    if known.model != made.model or known.digest != made.digest or known.ids != made.ids:
        raise StateError(
            f"{state} is the state of another batch ({len(known.ids)} inputs to {known.model}); name another file, or "
            "fetch that batch by its file alone (fetch_batch, `agentkit batch fetch`)"
        )
    return known


def _drive(
    remote: RemoteBatch, state: BatchState, *, path: Path | None, on_event: Callable[[BatchEvent], None] | None
) -> Drive:
    def keep(changed: BatchState) -> None:
        if path is not None:
            batch_file.save(path, changed)

    return Drive(remote, state, keep=keep, tell=on_event, sink=None if on_event is None else _ListenerSink(on_event))


def _of_file(
    state: str | Path, model: str | Model | None, *, on_event: Callable[[BatchEvent], None] | None
) -> tuple[Drive, RemoteBatch]:
    path = Path(state)
    known = batch_file.load(path)
    if known is None:
        raise StateError(f"{path}: there is no such file; it is written when a batch is submitted")
    remote = _connected(resolve(model or known.model), None)
    if str(remote.identity) != known.model:
        raise StateError(f"{path} is a batch of {known.model}, not of {remote.identity}")
    return _drive(remote, known, path=path, on_event=on_event), remote


async def _fetched(drive: Drive, remote: RemoteBatch, prices: PriceBook) -> BatchResults:
    results = await drive.results()
    usage, cost, state = Usage(), Cost.zero, drive.state
    identity, factor = remote.identity, remote.codec.price_factor
    for result in results:
        if isinstance(result, Response):
            each = prices.cost_of(identity.provider, identity.model, result.usage)
            usage += result.usage
            cost += Cost(each.usd * factor, each.is_known)
    return BatchResults(dict(zip(state.ids, results, strict=True)), usage, cost, str(identity), state.notes)


def _reserved(account: TaskAccount, remote: RemoteBatch, asked: Sequence[Request], *, is_new: bool) -> _Expected:
    """Book what the batch may take, before anything is sent. Raises BudgetExceededError, UnsupportedError."""
    ledger, identity = account.ledger, remote.identity
    if not is_new or not ledger.bounds_tokens:
        return _Expected()
    expected, usd = Usage(), 0.0
    for request in asked:
        each = expected_of(request)
        expected += each
        if ledger.bounds_money:
            price = account.prices.cost_of(identity.provider, identity.model, each)
            if not price.is_known:
                raise UnsupportedError(
                    f"the price of {identity} is not known, so a budget in usd cannot be kept; set a price "
                    "(PriceBook().with_price(...)) or bound tokens instead"
                )
            usd += price.usd * remote.codec.price_factor
    try:
        ledger.reserve_step(tokens=expected.total, usd=usd)
    except BudgetExceededError as error:
        error.args = (
            f"a budget of {error.allowed:g} {error.limit} does not last: the batch needs about {error.wanted:g}; allow "
            f"more with Budget({error.limit}=...), or set Settings(max_output_tokens=...)",
        )
        raise
    return _Expected(expected.total, usd)


def _in_time(budget: Budget | None) -> AbstractContextManager[anyio.CancelScope]:
    return anyio.move_on_after(None if budget is None else budget.seconds)


def _late(seconds: float, state: str | Path | None) -> BudgetExceededError:
    error = BudgetExceededError("seconds", allowed=seconds, used=seconds, wanted=1)
    how = f"call again with state={str(state)!r} to go on" if state else "give it a state file, to go on another time"
    error.args = (f"the {seconds:g} seconds of the budget are over, the batch is not; {how}",)
    return error


def _path(state: str | Path | None) -> Path | None:
    return None if state is None else Path(state)


class _ListenerSink:
    """Tells a function what becomes of attempts."""

    def __init__(self, listener: Callable[[BatchEvent], None]) -> None:
        self._listener = listener

    def emit(self, deltas: Sequence[Delta]) -> bool:
        for delta in deltas:
            if isinstance(delta, AttemptFailed):
                self._listener(delta)
        return False

    async def drain(self) -> None:
        """A function is never behind."""
