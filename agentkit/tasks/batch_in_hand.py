"""A batch in the hands of this process: who is asked, what is in its state file, what is reserved for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentkit.batching import BatchQuestion, BatchResult, BatchState
from agentkit.buckets import BatchStorage
from agentkit.errors import BudgetExceededError, ConfigurationError, ExchangeError, StateError, UnsupportedError
from agentkit.exchange import AttemptFailed, Delta, Response
from agentkit.models import Model
from agentkit.policies.limits import LimitedModel
from agentkit.policies.tasks import TaskAsModel, TaskPolicy
from agentkit.prices import PriceBook
from agentkit.providers.batches import connect_batch
from agentkit.remote_batch import RemoteBatch
from agentkit.settings import Settings
from agentkit.task_model import ChatTask, TaskModel
from agentkit.tasks import batch_file
from agentkit.tasks.batch_drive import BatchProgress, Drive
from agentkit.tasks.batch_kinds import BatchKind, kind_of_state
from agentkit.tasks.batch_plan import planned
from agentkit.tasks.batch_results import BatchResults, gathered
from agentkit.tasks.perform import TaskAccount
from agentkit.usage import Usage

__all__ = ["BatchInHand", "Expected", "begun", "in_file", "questions_of"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What is reserved of a budget."""

    tokens: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchInHand:
    """One batch: its kind, who answers, and what drives it."""

    kind: BatchKind[Any]
    task: TaskModel[Any, Any]
    remote: RemoteBatch
    drive: Drive
    carried: Sequence[BatchQuestion] = ()
    """Its inputs as they travel; none of one that is known by its file alone."""

    @property
    def is_submitted(self) -> bool:
        """Whether nothing of it has to be submitted any more."""
        return all(part.job or part.is_over for part in self.drive.state.parts)

    async def fetched(self, prices: PriceBook) -> BatchResults[Any]:
        """The results of a batch that is over. Raises ExchangeError, StateError."""
        state, identity = self.drive.state, self.remote.identity
        results = [self._read(result) for result in await self.drive.results()]
        found = dict(zip(state.ids, results, strict=True))
        factor = self.remote.codec.price_factor
        return gathered(self.kind, identity, results=found, prices=prices, factor=factor, notes=state.notes)

    def reserve(self, account: TaskAccount, asked: Sequence[Any]) -> Expected:
        """Book what it may take, before anything is sent. Raises BudgetExceededError, UnsupportedError."""
        ledger, identity = account.ledger, self.remote.identity
        if self.is_submitted or not ledger.bounds_tokens:
            return Expected()
        expected, usd = Usage(), 0.0
        for request in asked:
            each = self.kind.expected(request)
            expected += each
            if ledger.bounds_money:
                price = account.prices.cost_of(identity.provider, identity.model, each)
                if not price.is_known:
                    raise UnsupportedError(
                        f"the price of {identity} is not known, so a budget in usd cannot be kept; set a price "
                        "(PriceBook().with_price(...)) or bound tokens instead"
                    )
                usd += price.usd * self.remote.codec.price_factor
        try:
            ledger.reserve_step(tokens=expected.total, usd=usd)
        except BudgetExceededError as error:
            error.args = (
                f"a budget of {error.allowed:g} {error.limit} does not last: the batch needs about {error.wanted:g}; "
                f"allow more with Budget({error.limit}=...), or set Settings(max_output_tokens=...)",
            )
            raise
        return Expected(expected.total, usd)

    def _read(self, result: BatchResult) -> BatchResult:
        """A result as the task gives it, which may have travelled as a chat."""
        if not isinstance(self.task, ChatTask) or not isinstance(result, Response):
            return result
        try:
            return self.task.answer(result, self.kind.shared())
        except ExchangeError as error:
            error.provider, error.model = self.remote.identity.provider, self.remote.identity.model
            return error


def questions_of(
    requests: Mapping[str, Any] | Sequence[Any], kind: BatchKind[Any], task: TaskModel[Any, Any], settings: Settings
) -> dict[str, Any]:
    """The inputs as requests of the task, by their ids. Raises ConfigurationError."""
    if isinstance(requests, str):
        raise ConfigurationError("requests is one text; give a list of inputs, or inputs by their ids")
    pairs = requests.items() if isinstance(requests, Mapping) else ((str(n), each) for n, each in enumerate(requests))
    asked: dict[str, Any] = {}
    for id, entry in pairs:
        question = kind.question(entry, settings)
        asked[id] = question if question.model else replace(question, model=task.identity.model)
    if not asked:
        raise ConfigurationError("there are no requests; give at least one")
    return asked


def begun(
    kind: BatchKind[Any],
    task: TaskModel[Any, Any],
    asked: Mapping[str, Any],
    *,
    settings: Settings | None,
    storage: str | BatchStorage | None,
    path: Path | None,
    listener: Callable[[BatchProgress | Delta], None] | None,
) -> BatchInHand:
    """The batch in the file, when it is this one; a new one where there is no file.

    Raises StateError, UnsupportedError where the provider takes no batches of the kind.
    """
    task = _unlimited(task)
    remote = _connected(task, kind, storage)
    if settings is not None:
        remote.settings = settings.over(remote.settings)
    carried: list[BatchQuestion] = (
        [task.question(each, each.settings) for each in asked.values()]
        if isinstance(task, ChatTask)
        else list(asked.values())
    )
    known = None if path is None else batch_file.load(path)
    name = known.name if known else ""
    made = planned(remote, carried, ids=list(asked), name=name, task=kind.to_json())
    if known is None:
        if path is not None:
            batch_file.save(path, made)
    elif _differ(known, made):
        raise StateError(
            f"{path} is the state of another batch ({len(known.ids)} inputs to {known.model}); name another file, or "
            "fetch that batch by its file alone (fetch_batch, `agentkit batch fetch`)"
        )
    return BatchInHand(kind, task, remote, _drive(remote, known or made, path, listener), carried)


def in_file(
    path: Path,
    model: object,
    *,
    listener: Callable[[BatchProgress | Delta], None] | None,
    is_kept: bool = True,
) -> BatchInHand:
    """The batch of a state file, in which nothing is written unless it `is_kept`. Raises StateError."""
    known = batch_file.load(path)
    if known is None:
        raise StateError(f"{path}: there is no such file; it is written when a batch is submitted")
    kind = kind_of_state(known.task)
    task = _unlimited(kind.connect(known.model if model is None else model))
    remote = _connected(task, kind, None)
    if str(remote.identity) != known.model:
        raise StateError(f"{path} is a batch of {known.model}, not of {remote.identity}")
    return BatchInHand(kind, task, remote, _drive(remote, known, path if is_kept else None, listener))


def _unlimited(task: TaskModel[Any, Any]) -> TaskModel[Any, Any]:
    """The task without limits around it: they bound requests, of which a batch is one."""
    inner = _unbound(task.model) if isinstance(task, TaskPolicy) else None
    return _unlimited(inner.task) if isinstance(inner, TaskAsModel) else task


def _unbound(model: Model) -> Model:
    while isinstance(model, LimitedModel):
        model = model.model
    return model


def _connected(task: TaskModel[Any, Any], kind: BatchKind[Any], storage: str | BatchStorage | None) -> RemoteBatch:
    """The batches of who answers, or of the model that chats which is asked."""
    carrier = _unbound(task.chat) if isinstance(task, ChatTask) else task
    return connect_batch(carrier, storage=storage, task=kind.task)


def _differ(known: BatchState, made: BatchState) -> bool:
    return any(getattr(known, name) != getattr(made, name) for name in ("model", "digest", "ids", "task"))


def _drive(
    remote: RemoteBatch,
    state: BatchState,
    path: Path | None,
    listener: Callable[[BatchProgress | Delta], None] | None,
) -> Drive:
    def keep(changed: BatchState) -> None:
        if path is not None:
            batch_file.save(path, changed)

    return Drive(remote, state, keep=keep, tell=listener, sink=None if listener is None else _ListenerSink(listener))


class _ListenerSink:
    """Tells a function what becomes of attempts."""

    def __init__(self, listener: Callable[[BatchProgress | Delta], None]) -> None:
        self._listener = listener

    def emit(self, deltas: Sequence[Delta]) -> bool:
        for delta in deltas:
            if isinstance(delta, AttemptFailed):
                self._listener(delta)
        return False

    async def drain(self) -> None:
        """A function is never behind."""
