"""fallback: a Model that asks the next of several models where one fails.

    agent = Agent(fallback("anthropic:claude-sonnet-5", "openai:gpt-6-luna"))

Retries stay with `remote`: a model has failed when it has given up. What a listener was told of an answer that broke
off is declared void (ModelSwitched) before the next model begins, so that no text is ever told twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, TypeAlias, TypeVar, overload

import anyio

from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    UnsupportedError,
)
from agentkit.exchange import (
    AttemptFailed,
    Delta,
    Memo,
    ModelSwitched,
    ReplySeen,
    Request,
    Response,
    ResponseStarted,
    Waiting,
)
from agentkit.identity import Capabilities, ModelIdentity
from agentkit.models import CountingModel, Model, Sink, identity_of
from agentkit.policies.breaker import Breaker
from agentkit.policies.tasks import TaskPolicy, policy_of_tasks
from agentkit.providers import resolve
from agentkit.settings import Settings
from agentkit.task_model import TaskModel
from agentkit.transport.redact import is_secret_header

__all__ = ["FallbackModel", "SwitchOn", "another_may_answer", "fallback"]

Asked = TypeVar("Asked")
Told = TypeVar("Told")

SwitchOn: TypeAlias = "type[Exception] | Sequence[type[Exception]] | Callable[[Exception], bool]"
"""On which errors the next model is asked: error types, or a function of the error."""

_OTHERS_MAY = (
    AuthenticationError,
    ConnectionFailedError,
    ContextLengthError,
    DeadlineError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    UnsupportedError,
)
_NO_CONTENT = (AttemptFailed, ModelSwitched, ResponseStarted, Waiting)


@overload
def fallback(
    first: str | Model,
    second: str | Model,
    *more: str | Model,
    on: SwitchOn | None = None,
    cool_down_seconds: float = 30.0,
    longest_wait_seconds: float = 2.0,
    restarts: bool = True,
) -> FallbackModel: ...
@overload
def fallback(
    first: TaskModel[Asked, Told],
    second: TaskModel[Asked, Told],
    *more: TaskModel[Asked, Told],
    on: SwitchOn | None = None,
    cool_down_seconds: float = 30.0,
    longest_wait_seconds: float = 2.0,
    restarts: bool = True,
) -> TaskPolicy[Asked, Told]: ...
def fallback(
    first: str | Model | TaskModel[Any, Any],
    second: str | Model | TaskModel[Any, Any],
    *more: str | Model | TaskModel[Any, Any],
    on: SwitchOn | None = None,
    cool_down_seconds: float = 30.0,
    longest_wait_seconds: float = 2.0,
    restarts: bool = True,
) -> FallbackModel | TaskPolicy[Any, Any]:
    """A model that asks `first`, and where it fails the next ones in turn. They may be of any providers.

    on: the errors that move on to the next model; `another_may_answer` when nothing is said.
    cool_down_seconds: for how long a model that failed is passed over, unless it asked for another wait.
    longest_wait_seconds: a model that would wait longer before it tries again is left for the next one at once.
    restarts: whether to move on also when a listener was told a part of the answer; `ModelSwitched` says then that it
        is void. False raises instead.

    All chat, or all are models of one other API (`task_model`). Raises what `model(...)` raises, and ConfigurationError
    for models of different tasks. When all fail, the last error that waiting may cure is raised, else the last one;
    its text names every model, its notes tell why each failed.
    """
    make = partial(
        FallbackModel,
        on=on,
        cool_down_seconds=cool_down_seconds,
        longest_wait_seconds=longest_wait_seconds,
        restarts=restarts,
    )
    given = (first, second, *more)
    chats = [resolve(each) for each in given if isinstance(each, str | Model)]
    tasks = [each for each in given if not isinstance(each, str | Model)]
    if not tasks:
        return make(chats)
    if chats:
        raise ConfigurationError(
            f"{tasks[0]!r} does not chat, and others do: give fallback models that chat, or models of one task, made "
            "with task_model('openai:...', 'embed')"
        )
    return policy_of_tasks(tasks, make)


def another_may_answer(error: Exception) -> bool:
    """Whether another model may answer the request that failed so; what `fallback` goes by unless told otherwise.

    Yes for whatever is wrong with the provider, the connection, the account or the key, and for what this model cannot
    do: a conversation too long for it, a medium or a setting that it does not take. No for a request that is wrong
    itself, for what was refused for its content, and for mistakes of the program.
    """
    if isinstance(error, BadRequestError) and not isinstance(error, ContextLengthError):
        return (error.code or error.error_type or "").startswith("unsupported")
    return isinstance(error, _OTHERS_MAY)


class FallbackModel:
    """Several models, asked in turn until one answers; see `fallback`."""

    def __init__(
        self,
        models: Sequence[Model],
        *,
        on: SwitchOn | None = None,
        cool_down_seconds: float = 30.0,
        longest_wait_seconds: float = 2.0,
        restarts: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.models = tuple(models)
        """In the order in which they are asked."""
        self._members = [
            _Member(place, each, Breaker(cool_down_seconds, clock=clock)) for place, each in enumerate(models)
        ]
        if len(models) < 2:
            raise ConfigurationError(f"fallback needs two models or more, got {len(models)}")
        self._capabilities = reduce(_common, (member.identity.capabilities for member in self._members))
        self.longest_wait_seconds = longest_wait_seconds
        self.restarts = restarts
        self.may_switch = _predicate(on)

    def __repr__(self) -> str:
        return f"fallback({', '.join(str(member.identity) for member in self._members)})"

    @property
    def identity(self) -> ModelIdentity:
        """The first model's, with the abilities that all have."""
        return replace(self._members[0].identity, capabilities=self._capabilities)

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """The answer of the first model that gives one. Raises ExchangeError, and what `on` does not name."""
        order = self._in_order()
        return await _Call(self, request, sink).perform(order, passed_over=self._members[: order[0].place])

    async def count_tokens(self, request: Request) -> int | None:
        """The tokens of the prompt as the first model counts them; None where it cannot."""
        first = self.models[0]
        return await first.count_tokens(request) if isinstance(first, CountingModel) else None

    def _in_order(self) -> list[_Member]:
        """Those that are due, in their order; then, for the case that all of these fail, those that will be soonest."""
        waits = [member.breaker.seconds_left for member in self._members]
        if not any(waits):
            return self._members
        return sorted(self._members, key=lambda member: (waits[member.place], member.place))


@dataclass(frozen=True, slots=True)
class _Member:
    """One of the models."""

    place: int
    model: Model
    breaker: Breaker

    @property
    def identity(self) -> ModelIdentity:
        """Who this is now: a model may learn its address on the way."""
        return identity_of(self.model)

    def memo(self, memo: Memo | None, owner: object) -> Memo | None:
        """A memo of this model's own: models of one wire format would overwrite, or worse take, each other's bytes."""
        if memo is None or self.place == 0:
            return memo
        key = f"fallback {id(owner)} {self.place}"
        own = memo.kept.get(key)
        if own is None:
            own = memo.kept[key] = Memo(memo.account)
        return own


class _Call:
    """One request on its way through the models."""

    def __init__(self, owner: FallbackModel, request: Request, sink: Sink | None) -> None:
        self._owner = owner
        self._request = request
        self._sink = sink
        self._failures: list[tuple[_Member, Exception]] = []
        self._failed_over: list[str] = []

    async def perform(self, order: Sequence[_Member], *, passed_over: Sequence[_Member]) -> Response:
        for member in passed_over:
            await self._pass_over(member, order[0])
        for member, following in zip(order, (*order[1:], None), strict=True):
            watch = _Watch(self._owner, self._sink, self._request.observe)
            try:
                response = await self._ask(member, watch, is_last=following is None)
            except Exception as error:  # a model may be of anybody's making, and `on` may name errors of any kind
                self._note(member, error, watch)
                if following is None or not self._may_go_on(error, watch):
                    last_word = self._last_word(error)
                    if last_word is error:
                        raise
                    raise last_word from error
                text = f"{type(error).__name__}: {error}"
                await self._tell(ModelSwitched(str(member.identity), text, str(following.identity), watch.is_shown))
            else:
                member.breaker.answered(was_trial=watch.is_trial)
                return self._answered(member, response)
        raise AssertionError("the last model answers or raises")

    async def _pass_over(self, member: _Member, taker: _Member) -> None:
        breaker = member.breaker
        why = f"{breaker.seconds_left:.3g} s of its cool-down are left, after {breaker.error_name}"
        self._failed_over.append(f"{member.identity} passed over after {breaker.error_name}")
        await self._tell(ModelSwitched(str(member.identity), f"passed over: {why}", str(taker.identity)))

    async def _ask(self, member: _Member, watch: _Watch, *, is_last: bool) -> Response:
        watch.is_trial = member.breaker.is_on_trial
        if watch.is_trial:
            member.breaker.begin_trial()
        asked = self._request_for(member, is_trial=watch.is_trial)
        if is_last:  # nobody is left to go to: its waits are waited for
            watch.may_leave = False
            return await member.model.respond(asked, None if self._sink is None else watch)
        object.__setattr__(asked, "observe", watch.observe)
        with watch.scope:
            return await member.model.respond(asked, watch)
        assert watch.error is not None  # it alone leaves the scope
        raise watch.error

    def _request_for(self, member: _Member, *, is_trial: bool) -> Request:
        """The request as this model is asked. A trial is one attempt."""
        request, owner = self._request, self._owner
        settings = request.settings
        if is_trial:
            settings = Settings(attempts=1).over(settings)
        if settings.headers and member.identity.provider != owner.identity.provider:
            # A key that was meant for the first provider is no other one's business.
            kept = {name: value for name, value in settings.headers.items() if not is_secret_header(name)}
            settings = replace(settings, headers=kept)
        asked = copy(request)  # not dataclasses.replace, which would look through all messages for pending calls
        if member.place:
            object.__setattr__(asked, "model", member.identity.model)
        object.__setattr__(asked, "settings", settings)
        object.__setattr__(asked, "memo", member.memo(request.memo, owner))
        return asked

    def _note(self, member: _Member, error: Exception, watch: _Watch) -> None:
        self._failures.append((member, error))
        self._failed_over.append(f"{member.identity} {type(error).__name__}")
        if isinstance(error, (BadRequestError, ContentFilteredError)):  # it is there, and read the request
            member.breaker.answered(was_trial=watch.is_trial)
        elif self._owner.may_switch(error) and _tells_of_the_model(error):
            member.breaker.failed(error, was_trial=watch.is_trial, had_begun=watch.is_shown)

    def _may_go_on(self, error: Exception, watch: _Watch) -> bool:
        return self._owner.may_switch(error) and (self._owner.restarts or not watch.is_shown)

    def _last_word(self, error: Exception) -> Exception:
        """What to raise: the error or, where all failed, the last one that waiting may cure. It tells of all."""
        if len(self._failures) == 1:
            return error
        if self._owner.may_switch(error):
            curable = [each for _, each in self._failures if isinstance(each, ExchangeError) and each.is_retryable]
            error = curable[-1] if curable else error
        notes = [f"{member.identity}: {type(each).__name__}: {each}" for member, each in self._failures]
        if isinstance(error, ExchangeError):
            named = ", ".join(f"{member.identity} ({type(each).__name__})" for member, each in self._failures)
            error.attempts = self._attempts()
            error.waited_seconds = sum(
                each.waited_seconds for _, each in self._failures if isinstance(each, ExchangeError)
            )
            error.message = (
                f"{error.message.removesuffix('.')}; {len(self._failures)} models were asked and failed: {named}"
            )
            error.args = (error.message,)
        for note in notes:
            error.add_note(note)
        return error

    def _attempts(self) -> int:
        return sum(error.attempts for _, error in self._failures if isinstance(error, ExchangeError))

    def _answered(self, member: _Member, response: Response) -> Response:
        who = response.answered_by
        if who is None:
            asked = self._request.model if member.place == 0 else ""
            who = member.identity if asked in ("", member.identity.model) else replace(member.identity, model=asked)
        message = response.message
        return replace(
            response,
            message=message if message.model else replace(message, model=who.model),
            answered_by=who,
            failed_over=(*self._failed_over, *response.failed_over),
            attempts=response.attempts + self._attempts(),
        )

    async def _tell(self, switched: ModelSwitched) -> None:
        if self._sink is not None and self._sink.emit((switched,)):
            await self._sink.drain()


class _Watch:
    """Listens to one model: whether content was told, and whether it is about to wait too long."""

    __slots__ = ("_observe", "_owner", "_sink", "error", "is_shown", "is_trial", "may_leave", "scope")

    def __init__(self, owner: FallbackModel, sink: Sink | None, observe: Callable[[ReplySeen], None] | None) -> None:
        self._owner = owner
        self._sink = sink
        self._observe = observe
        self.scope = anyio.CancelScope()
        self.error: ExchangeError | None = None
        """Of the last request on the wire."""
        self.is_shown = False
        self.is_trial = False
        """Whether the call decides if the model is asked by others again."""
        self.may_leave = True
        """Whether another model is there to go to instead of waiting."""

    def observe(self, seen: ReplySeen) -> None:
        self.error = seen.error
        if self._observe is not None:
            self._observe(seen)

    def emit(self, deltas: Sequence[Delta]) -> bool:
        if not self.is_shown:
            for delta in deltas:
                if isinstance(delta, AttemptFailed) and self._is_too_long(delta.wait_seconds):
                    self.scope.cancel()  # the model is about to sleep
                    return False
            self.is_shown = self._sink is not None and not all(isinstance(delta, _NO_CONTENT) for delta in deltas)
        return self._sink is not None and self._sink.emit(deltas)

    def _is_too_long(self, seconds: float) -> bool:
        owner = self._owner
        if not self.may_leave or self.error is None or seconds <= owner.longest_wait_seconds:
            return False
        return owner.may_switch(self.error)

    async def drain(self) -> None:
        if self._sink is not None:
            await self._sink.drain()


def _tells_of_the_model(error: Exception) -> bool:
    """Whether other requests have to fear the same: not where this one cannot be sent, or got no turn in time."""
    if isinstance(error, ExchangeError):
        return error.attempts > 0
    return not isinstance(error, ConfigurationError)


def _predicate(on: SwitchOn | None) -> Callable[[Exception], bool]:
    if on is None:
        return another_may_answer
    if isinstance(on, type):
        return lambda error: isinstance(error, on)
    if callable(on):
        return on
    types = tuple(on)
    for each in types:
        if not (isinstance(each, type) and issubclass(each, Exception)):  # pyright: ignore[reportUnnecessaryIsInstance]  # a name is tried
            raise ConfigurationError(f"on= holds {each!r}; give error types such as RateLimitError, or a function")
    return lambda error: isinstance(error, types)


def _common(one: Capabilities, other: Capabilities) -> Capabilities:
    """What both can do, so that what is asked holds whoever answers."""
    if one == other:
        return one
    return Capabilities(
        structured_output=one.structured_output and other.structured_output,
        tools=one.tools and other.tools,
        forced_tools=one.forced_tools and other.forced_tools,
        output_with_tools=one.output_with_tools and other.output_with_tools,
        parallel_tools=one.parallel_tools and other.parallel_tools,
        reasoning=one.reasoning and other.reasoning,
        media=one.media & other.media,
    )
