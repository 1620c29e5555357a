"""limited: a Model that is asked no faster than it may be, by however many agents and runs.

    writer = limited("openai:gpt-6-luna", requests_per_minute=500, tokens_per_minute=200_000, concurrency=50)
    agent = Agent(writer, ...)

One object is one limit: give it to all agents that share an account.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any, TypeVar, overload

from agentkit.errors import ConfigurationError, DeadlineError
from agentkit.exchange import ReplySeen, Request, Response
from agentkit.identity import ModelIdentity
from agentkit.models import CountingModel, Model, Sink, identity_of
from agentkit.policies.allowances import AtOnce, Window
from agentkit.policies.gate import Gate
from agentkit.policies.tasks import TaskPolicy, TaskRequest, policy_of_tasks
from agentkit.policies.waiting_line import Turn, WaitingLine
from agentkit.prompt_size import estimated_tokens
from agentkit.providers import resolve
from agentkit.settings import Deadlines, Settings
from agentkit.task_model import TaskModel

__all__ = ["LimitedModel", "limited"]

Asked = TypeVar("Asked")
Told = TypeVar("Told")

_LEAST_OUTPUT_TOKENS = 200
"""Reserved for an answer before any has come, where no maximum is set."""
_DEADLINES = Deadlines()
_LIMITS = ("requests_per_minute", "tokens_per_minute", "concurrency")


@overload
def limited(
    model: str | Model,
    *,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    concurrency: int | None = None,
) -> LimitedModel: ...
@overload
def limited(
    model: TaskModel[Asked, Told],
    *,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    concurrency: int | None = None,
) -> TaskPolicy[Asked, Told]: ...
def limited(
    model: str | Model | TaskModel[Any, Any],
    *,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    concurrency: int | None = None,
) -> LimitedModel | TaskPolicy[Any, Any]:
    """A model that keeps to these limits, and to those that the provider tells of; requests wait for their turn.

    requests_per_minute: requests in any sixty seconds, those that are sent again included.
    tokens_per_minute: tokens in any sixty seconds, prompts and answers; estimated before, corrected after.
    concurrency: requests under way at the same time, at the most.

    A model of another API than chat (`task_model`) keeps to them as well.

    Runs take turns, so that none starves. A wait is told as the event `Waiting`. It is bounded by
    Deadlines(exchange_seconds=...) and ends in a DeadlineError then. Raises ConfigurationError.
    """
    make = partial(
        LimitedModel,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        concurrency=concurrency,
    )
    if isinstance(model, str | Model):
        return make(resolve(model))
    return policy_of_tasks([model], lambda models: make(models[0]))


class LimitedModel:
    """What `limited` gives. It stands for the model that it wraps: same name, same abilities, same price."""

    def __init__(
        self,
        model: Model,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        concurrency: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.model = model
        self.requests_per_minute = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self.concurrency = concurrency
        for name in _LIMITS:
            _check(name, getattr(self, name))
        self.identity: ModelIdentity = identity_of(model)
        self._answers = 0
        self._output = 0
        line = WaitingLine(
            requests=None if requests_per_minute is None else Window(requests_per_minute),
            tokens=None if tokens_per_minute is None else Window(tokens_per_minute),
            at_once=AtOnce(concurrency),
        )
        self._gate = Gate(line, clock=clock, wall_clock=wall_clock)

    def __repr__(self) -> str:
        given = [f"{name}={limit!r}" for name in _LIMITS if (limit := getattr(self, name)) is not None]
        return f"limited({', '.join([repr(self.model), *given])})"

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """Wait for a turn, then answer as the wrapped model does. Raises ExchangeError."""
        turn = await self._turn(request, sink)
        try:
            response = await self.model.respond(self._observed(request, turn), sink)
        except BaseException as error:
            self._gate.failed(turn, error)
            raise
        was_sent = response.saved is None
        if was_sent:
            self._answers += 1
            self._output += response.usage.total_output
        self._gate.answered(turn, tokens=response.usage.total if was_sent else 0, was_sent=was_sent)
        return response

    async def count_tokens(self, request: Request) -> int | None:
        """What the wrapped model counts. That is no answer, and takes no turn."""
        return await self.model.count_tokens(request) if isinstance(self.model, CountingModel) else None

    async def _turn(self, request: Request, sink: Sink | None) -> Turn:
        memo = request.memo
        run = memo.account.root if memo is not None and memo.account is not None else None
        own: object = getattr(self.model, "settings", None)
        settings = request.settings.over(own if isinstance(own, Settings) else None)
        seconds = (settings.deadlines or _DEADLINES).exchange_seconds
        try:
            return await self._gate.enter(run, self._tokens(request, settings), sink=sink, limit_seconds=seconds)
        except DeadlineError as error:
            error.deadline, error.attempts = "exchange_seconds", 0
            error.provider, error.model = self.identity.provider, request.model or self.identity.model
            raise

    def _tokens(self, request: Request, settings: Settings) -> float:
        """What the request may take: its prompt, and the longest answer allowed or the mean of those so far."""
        if self.tokens_per_minute is None:
            return 0.0
        if isinstance(request, TaskRequest):
            return float(request.expected.total)
        output = settings.max_output_tokens
        if output is None:
            output = self._output // self._answers if self._answers else _LEAST_OUTPUT_TOKENS
        return estimated_tokens(request.messages, request.instructions) + output

    def _observed(self, request: Request, turn: Turn) -> Request:
        """The request, telling the gate of every reply."""
        gate, outer = self._gate, request.observe

        def observe(seen: ReplySeen) -> None:
            gate.saw(turn, seen)
            if outer is not None:
                outer(seen)

        # Not dataclasses.replace, which would look through all messages for pending calls once more.
        observed = copy(request)
        object.__setattr__(observed, "observe", observe)
        return observed


def _check(name: str, limit: float | None) -> None:
    if limit is not None and not (isinstance(limit, int | float) and math.isfinite(limit) and limit >= 1):  # pyright: ignore[reportUnnecessaryIsInstance]  # text is tried
        raise ConfigurationError(f"limited({name}={limit!r}) is no limit; give a number of 1 or more, or leave it out")
