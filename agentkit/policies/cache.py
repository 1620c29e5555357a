"""cached: a Model that remembers answers, and gives one again where the same is asked.

    agent = Agent(cached("openai:gpt-6-luna", "answers.db"))

An answer from the cache took nothing: its usage is zero, it costs nothing, `Response.saved` tells what it took when it
was first given. Only whole answers are kept: what failed, was cut, refused, filtered or cancelled is asked for again.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, overload

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar
from pydantic_core import from_json

from agentkit.assemble import take_apart
from agentkit.errors import AgentkitError, ConfigurationError, ExchangeError, StateError
from agentkit.exchange import Delta, Request, Response
from agentkit.identity import ModelIdentity
from agentkit.json_bytes import json_bytes
from agentkit.messages import AssistantMessage, messages_from_json, messages_to_json
from agentkit.models import CountingModel, Model, Sink, identity_of
from agentkit.policies.cache_key import fingerprint, key_of
from agentkit.policies.cache_store import AnswerStore
from agentkit.policies.task_answers import task_response_of, task_response_to_bytes
from agentkit.policies.tasks import TaskPolicy, TaskResponse, policy_of_tasks
from agentkit.providers import resolve
from agentkit.settings import Deadlines, Settings
from agentkit.task_model import TaskModel
from agentkit.usage import Usage

__all__ = ["CacheWarning", "CachedModel", "cached"]

WEEK_SECONDS = 7 * 24 * 3600.0

T = TypeVar("T")
Asked = TypeVar("Asked")
Told = TypeVar("Told")

_WHOLE = ("stop", "tool_calls")
_SLOW_READER_SECONDS = 1.0
"""A stream whose reader takes longer than this at a time is not waited for by others who ask the same."""


class CacheWarning(UserWarning):
    """An answer could not be looked up or kept. The model was asked; nothing but the saving is lost."""


@overload
def cached(
    model: str | Model,
    store: str | Path | None = None,
    *,
    ttl_seconds: float | None = WEEK_SECONDS,
    max_bytes: int = 256 * 2**20,
    namespace: str = "",
) -> CachedModel: ...
@overload
def cached(
    model: TaskModel[Asked, Told],
    store: str | Path | None = None,
    *,
    ttl_seconds: float | None = WEEK_SECONDS,
    max_bytes: int = 256 * 2**20,
    namespace: str = "",
) -> TaskPolicy[Asked, Told]: ...
def cached(
    model: str | Model | TaskModel[Any, Any],
    store: str | Path | None = None,
    *,
    ttl_seconds: float | None = WEEK_SECONDS,
    max_bytes: int = 256 * 2**20,
    namespace: str = "",
) -> CachedModel | TaskPolicy[Any, Any]:
    """A model that answers from `store` where the same was asked before.

    store: a SQLite file, which processes may share; only its owner may read it. None keeps answers in memory.
    ttl_seconds: for how long an answer holds; None for ever.
    max_bytes: how much is kept; what was not used for longest goes first.
    namespace: part of what answers are found by; another one finds none of the old. For models of your own that
        differ in something which their identity does not say.

    Answers of another API than chat (`task_model`) are kept as well.

    The same question asked twice at a time is asked once. Raises what `model(...)` raises; the first answer raises
    StateError for a file that is no cache, NewerVersionError for one of a newer agentkit.
    """
    make = partial(CachedModel, store=store, ttl_seconds=ttl_seconds, max_bytes=max_bytes, namespace=namespace)
    if isinstance(model, str | Model):
        return make(resolve(model))
    return policy_of_tasks([model], lambda models: make(models[0]))


class _Flight:
    """A question that is being asked, for others who ask the same meanwhile."""

    __slots__ = ("_asker", "ended", "error", "response")

    def __init__(self, asker: CachedModel, settings: Settings) -> None:
        self._asker = (asker, settings.attempts, settings.headers)
        self.ended = anyio.Event()
        self.response: Response | None = None
        self.error: ExchangeError | None = None

    def would_fail_as(self, asker: CachedModel, settings: Settings) -> bool:
        """Whether who waits would have failed too: another key, or more attempts, may do better."""
        return self._asker == (asker, settings.attempts, settings.headers)


_Asked: TypeAlias = tuple[str, bytes, Deadlines | None]
"""Store and key of what is being asked, and how long that may take: nobody waits for who has more time."""

_FLIGHTS: RunVar[dict[_Asked, _Flight]] = RunVar("agentkit-flights")
"""What is being asked in an event loop. Caches of one file share it."""


class CachedModel:
    """What `cached` gives. It stands for the model that it wraps: same name, same abilities, same price."""

    def __init__(
        self,
        model: Model,
        store: str | Path | AnswerStore | None = None,
        *,
        ttl_seconds: float | None = WEEK_SECONDS,
        max_bytes: int = 256 * 2**20,
        namespace: str = "",
    ) -> None:
        self.model = model
        self.namespace = namespace
        self._store = (
            store
            if isinstance(store, AnswerStore)
            else AnswerStore(store, ttl_seconds=ttl_seconds, max_bytes=max_bytes)
        )
        if max_bytes <= 0 or (ttl_seconds is not None and ttl_seconds <= 0):
            raise ConfigurationError(
                f"a cache of {max_bytes} bytes whose answers hold for {ttl_seconds} s keeps nothing; give more than 0"
            )
        self._of_model = json_bytes([namespace, fingerprint(model)])
        self._memo_key = f"cache {id(self)}"
        self._place = str(self._store.path or id(self._store))

    def __repr__(self) -> str:
        return f"cached({self.model!r}, {str(self._store.path) if self._store.path else 'in memory'})"

    @property
    def identity(self) -> ModelIdentity:
        """That of the wrapped model."""
        return identity_of(self.model)

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """The answer, kept or new. Raises what the wrapped model raises, StateError, NewerVersionError."""
        key = key_of(
            request, model=request.model or self.identity.model, of_model=self._of_model, memo_key=self._memo_key
        )
        flights, settings = _flights_here(), request.settings
        asked = (self._place, key, settings.deadlines)
        while (flight := flights.get(asked)) is not None:
            await flight.ended.wait()
            if flight.response is not None:
                return await _told_again(flight.response, sink)
            if flight.error is not None and flight.would_fail_as(self, settings):
                raise _same_error(flight.error)
            # Whoever asked was cancelled, has a slow reader or another key: the next of those who wait asks.
        flight = flights[asked] = _Flight(self, settings)
        end = partial(_end, asked, flight)
        try:
            kept = await self._kept(key)
            if kept is not None:
                flight.response = kept
                return await _told_again(kept, sink)
            watched = None if sink is None else _Patient(sink, end)
            flight.response = response = await self.model.respond(request, watched)
            if _is_worth_keeping(response):
                await self._try(partial(self._store.save, key, _to_bytes(response)))
            return response
        except ExchangeError as error:
            flight.error = error
            raise
        finally:
            end()

    async def count_tokens(self, request: Request) -> int | None:
        """What the wrapped model counts."""
        return await self.model.count_tokens(request) if isinstance(self.model, CountingModel) else None

    async def clear(self) -> None:
        """Forget all answers in the store, those of other models too. Raises StateError, NewerVersionError."""
        try:
            await anyio.to_thread.run_sync(self._store.clear)
        except (OSError, sqlite3.Error) as error:
            raise StateError(
                f"the cache {str(self._store.path)!r} could not be cleared: {error}; try again when no other process "
                "uses it, or delete the file then"
            ) from error

    def close(self) -> None:
        """Close the file now instead of when this object goes; it is opened again when it is needed."""
        self._store.close()

    async def _kept(self, key: bytes) -> Response | None:
        found = await self._try(partial(self._store.load, key))
        return None if found is None else _from_bytes(found)

    async def _try(self, work: Callable[[], T]) -> T | None:
        """What the store gives, asked in a thread since it may wait for a disk; nothing when it cannot now.

        A store that is not ours to use is refused: those errors are raised. What else goes wrong (a full disk, another
        process that writes for long) must not end a run that could go on.
        """
        try:
            return await anyio.to_thread.run_sync(work)
        except (OSError, sqlite3.Error) as error:
            damaged = not isinstance(error, sqlite3.OperationalError) and isinstance(error, sqlite3.DatabaseError)
            advice = "; it is damaged: delete it, or name another file" if damaged else ""
            warnings.warn(
                f"the cache {str(self._store.path)!r} was passed by: {error}{advice}", CacheWarning, stacklevel=2
            )
            return None


def _flights_here() -> dict[_Asked, _Flight]:
    """Those of the running event loop."""
    try:
        return _FLIGHTS.get()
    except LookupError:
        flights: dict[_Asked, _Flight] = {}
        _FLIGHTS.set(flights)
        return flights


def _end(asked: _Asked, flight: _Flight) -> None:
    """Let those who wait go on."""
    flights = _flights_here()
    if flights.get(asked) is flight:
        del flights[asked]
    flight.ended.set()


class _Patient:
    """Passes deltas on. When their reader is slow, nobody else waits for this answer any longer."""

    __slots__ = ("_give_up", "_sink")

    def __init__(self, sink: Sink, give_up: Callable[[], None]) -> None:
        self._sink = sink
        self._give_up = give_up

    def emit(self, deltas: Sequence[Delta]) -> bool:
        return self._sink.emit(deltas)

    async def drain(self) -> None:
        with anyio.move_on_after(_SLOW_READER_SECONDS):
            await self._sink.drain()
            return
        self._give_up()
        await self._sink.drain()


def _is_worth_keeping(response: Response) -> bool:
    """Whole answers of the model itself: not what stood in for it, nor what comes from another cache."""
    message = response.message
    if isinstance(response, TaskResponse):
        return response.is_whole and not response.failed_over and response.saved is None
    is_whole = message.finish in _WHOLE and bool(message.parts) and not message.refusal
    return is_whole and not response.failed_over and response.saved is None


async def _told_again(response: Response, sink: Sink | None) -> Response:
    """An answer that was given before, told to the sink as a stream."""
    message = response.message
    saved = message.usage if response.saved is None else response.saved
    again = replace(response, message=replace(message, usage=Usage()), attempts=0, request_id="", saved=saved)
    if sink is not None and sink.emit(list(take_apart(again))):
        await sink.drain()
    return again


def _same_error(error: ExchangeError) -> ExchangeError:
    """The error once more: each run puts its own state and notes into its own."""
    again = type(error).__new__(type(error), *error.args)  # constructors may want what nobody knows any more
    again.args = error.args  # which those that are an OSError leave to their constructor
    again.__dict__.update(vars(error))
    again.__notes__ = list(getattr(error, "__notes__", ()))
    again.state = again.usage = None
    return again


def _to_bytes(response: Response) -> bytes:
    """What is kept of an answer. Never the request."""
    if isinstance(response, TaskResponse):
        return task_response_to_bytes(response)
    kept = {"finish_raw": response.finish_raw, "details": response.details, "notes": response.notes}
    return json_bytes({**messages_to_json([response.message]), **kept})


def _from_bytes(kept: bytes) -> Response | None:
    """The answer; None for one that cannot be read, which is asked for again and then written anew."""
    try:
        document: dict[str, Any] = from_json(kept)
        if "task" in document:
            return task_response_of(document)
        (message,) = messages_from_json(document)
        if not isinstance(message, AssistantMessage):
            return None
        return Response(message, document["finish_raw"], document["details"], notes=tuple(document["notes"]))
    except (ValueError, KeyError, TypeError, AgentkitError):
        return None
