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
from dataclasses import replace
from threading import Lock, get_ident
from typing import Any

import anyio
from anyio.lowlevel import current_token

from agentkit.deadlines import advice
from agentkit.errors import ConfigurationError, DeadlineError, ExchangeError
from agentkit.exchange import ReplySeen, Request, Response, Waiting
from agentkit.models import CountingModel, Model, ModelIdentity, Sink, identity_of
from agentkit.policies.allowances import AtOnce, Window
from agentkit.policies.waiting_line import Obstacle, Turn, WaitingLine
from agentkit.prompt_size import estimated_tokens
from agentkit.providers import resolve
from agentkit.settings import Deadlines
from agentkit.telemetry.attempts import tell_limit_wait

__all__ = ["LimitedModel", "limited"]

_LEAST_OUTPUT_TOKENS = 200
"""Reserved for an answer before any has come, where no maximum is set."""
_DEADLINES = Deadlines()


def limited(
    model: str | Model,
    *,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    concurrency: int | None = None,
) -> LimitedModel:
    """A model that keeps to these limits, and to those that the provider tells of; requests wait for their turn.

    requests_per_minute: requests in any sixty seconds, those that are sent again included.
    tokens_per_minute: tokens in any sixty seconds, prompts and answers; estimated before, corrected after.
    concurrency: requests under way at the same time, at the most.

    Runs take turns, so that none starves. A wait is told as the event `Waiting`, is bounded by
    Deadlines(exchange_seconds=...), and ends in a DeadlineError then. Raises ConfigurationError.
    """
    return LimitedModel(
        resolve(model) if isinstance(model, str) else model,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
        concurrency=concurrency,
    )


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
        limits = {
            "requests_per_minute": requests_per_minute,
            "tokens_per_minute": tokens_per_minute,
            "concurrency": concurrency,
        }
        self._shown = ", ".join(f"{name}={limit:,g}" for name, limit in limits.items() if limit is not None)
        for name, limit in limits.items():
            _check(name, limit)
        self.model = model
        self.identity: ModelIdentity = identity_of(model)
        self._bounds_tokens = tokens_per_minute is not None
        self._line = WaitingLine(
            requests=None if requests_per_minute is None else Window(requests_per_minute),
            tokens=None if tokens_per_minute is None else Window(tokens_per_minute),
            at_once=AtOnce(concurrency),
        )
        self._lock = Lock()  # agents run in several threads: run_sync has its own
        self._clock = clock
        self._wall_clock = wall_clock
        self._answers = 0
        self._output = 0

    def __repr__(self) -> str:
        return f"limited({self.model!r}{', ' if self._shown else ''}{self._shown})"

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """Wait for a turn, then answer as the wrapped model does. Raises ExchangeError."""
        turn, request = await self._turn(request, sink)
        try:
            response = await self.model.respond(self._observed(request, turn), sink)
        except BaseException as error:
            with self._lock:
                self._line.failed(turn, error, now=self._clock())
            raise
        usage = response.usage
        was_sent = response.saved is None
        with self._lock:
            if was_sent:
                self._answers += 1
                self._output += usage.total_output
            self._line.answered(turn, tokens=usage.total if was_sent else 0, was_sent=was_sent, now=self._clock())
        return response

    async def count_tokens(self, request: Request) -> int | None:
        """What the wrapped model counts; that is no answer, and takes no turn."""
        return await self.model.count_tokens(request) if isinstance(self.model, CountingModel) else None

    async def _turn(self, request: Request, sink: Sink | None) -> tuple[Turn, Request]:
        """A turn that was granted, and the request with what is left of its deadline."""
        waker = _Waker()
        memo = request.memo
        run = memo.account.root if memo is not None and memo.account is not None else waker
        turn = Turn(run, self._estimate(request) if self._bounds_tokens else 0.0, waker)
        with self._lock:
            begun = self._clock()
            self._line.ask(turn, begun)
        if turn.is_granted:
            return turn, request
        deadlines = request.settings.deadlines
        limit = (deadlines or _DEADLINES).exchange_seconds
        wait = _Wait(self, turn, waker, begun, math.inf if limit is None else limit)
        await wait.over(sink)
        if deadlines is None or limit is None:
            return turn, request
        left = replace(deadlines, exchange_seconds=max(0.0, begun + limit - self._clock()))
        return turn, replace(request, settings=replace(request.settings, deadlines=left))

    def _estimate(self, request: Request) -> float:
        output = request.settings.max_output_tokens
        if output is None:
            output = self._output // self._answers if self._answers else _LEAST_OUTPUT_TOKENS
        prompt = estimated_tokens(request.messages, request.instructions)
        return prompt + output

    def _observed(self, request: Request, turn: Turn) -> Request:
        """The request, which tells of every reply now."""
        outer = request.observe

        def observe(seen: ReplySeen) -> None:
            with self._lock:
                self._line.saw(turn, seen.headers, seen.error, now=self._clock(), wall_clock=self._wall_clock())
            if outer is not None:
                outer(seen)

        # Not dataclasses.replace, which would look through all messages for pending calls once more.
        observed = copy(request)
        object.__setattr__(observed, "observe", observe)
        return observed


class _Wait:
    """One request while it waits for its turn."""

    __slots__ = ("_begun", "_limit", "_model", "_obstacle", "_turn", "_waker")

    def __init__(self, model: LimitedModel, turn: Turn, waker: _Waker, begun: float, limit: float) -> None:
        self._model = model
        self._turn = turn
        self._waker = waker
        self._begun = begun
        self._limit = limit
        self._obstacle = Obstacle("", None)

    async def over(self, sink: Sink | None) -> None:
        """Wait until the turn is granted. Raises DeadlineError; whatever is raised, the turn is given back."""
        line, lock, clock = self._model._line, self._model._lock, self._model._clock  # pyright: ignore[reportPrivateUsage]  # the two are one thing
        try:
            if sink is not None:
                with lock:
                    event = self._event()
                if sink.emit((event,)):
                    await sink.drain()
            while True:
                with lock:
                    line.admit(clock())
                    if self._turn.is_granted:
                        break
                    self._waker.rearm()
                    seconds = self._seconds()
                with anyio.move_on_after(seconds):
                    await self._waker.event.wait()
        except BaseException:
            with lock:
                line.give_up(self._turn, clock())
            raise
        finally:
            tell_limit_wait(self._obstacle.limit, seconds=clock() - self._begun)

    def _event(self) -> Waiting:
        line = self._model._line  # pyright: ignore[reportPrivateUsage]
        self._obstacle = obstacle = line.obstacle or self._obstacle
        return Waiting(obstacle.limit, obstacle.seconds, line.ahead_of(self._turn))
