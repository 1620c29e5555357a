"""RunStream: a run that is watched while it goes.

async with agent.stream("...") as run:
    async for event in run:
        ...
run.result
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

import anyio
from anyio.abc import TaskGroup

from agentkit.errors import ConfigurationError
from agentkit.events import Answer, Event, EventSink, OutputRejected, StepStarted
from agentkit.exchange import ModelSwitched, TextDelta, ToolCallDelta
from agentkit.loop import RunState, state_to_json
from agentkit.result import Result

__all__ = ["RunStream"]

Out = TypeVar("Out")

MANY_UNREAD = 1_000
"""How many unread events make the driver wait for the reader."""


class _Channel:
    """Events on their way from the driver to the reader; both live in one event loop."""

    __slots__ = ("caught_up", "is_closed", "news", "queue")

    def __init__(self) -> None:
        self.queue: deque[Event] = deque()
        self.news: anyio.Event | None = None  # set when something comes while the reader waits
        self.caught_up: anyio.Event | None = None  # set when the reader has read enough while the driver waits
        self.is_closed = False

    def push(self, event: Event) -> None:
        self.queue.append(event)
        if self.news is not None:
            self.news.set()
            self.news = None

    def is_behind(self) -> bool:
        return len(self.queue) >= MANY_UNREAD

    async def drain(self) -> None:
        while self.is_behind() and not self.is_closed:
            if self.caught_up is None:  # sub-agents that run side by side wait for the same reader
                self.caught_up = anyio.Event()
            await self.caught_up.wait()

    def close(self) -> None:
        self.is_closed = True
        if self.news is not None:
            self.news.set()
            self.news = None

    async def pull(self) -> Event | None:
        """The next event; None when there are no more."""
        while not self.queue:
            if self.is_closed:
                return None
            self.news = anyio.Event()
            await self.news.wait()
        event = self.queue.popleft()
        if self.caught_up is not None and len(self.queue) < MANY_UNREAD // 2:
            self.caught_up.set()
            self.caught_up = None
        return event


class RunStream(Generic[Out]):
    """A run as a task owned by its `async with` block: leaving the block ends the run."""

    def __init__(
        self, start: Callable[[EventSink], Awaitable[Result[Out]]], state: Callable[[], RunState | None],
        read_partial: Callable[[str, Iterable[tuple[str, str]]], Any],
    ) -> None:  # fmt: skip
        self._start = start
        self._state = state
        self._read_partial = read_partial
        self._channel = _Channel()
        self._group: TaskGroup | None = None
        self._scope = anyio.CancelScope()  # of the driver alone: the reader goes on after a cancel
        self._result: Result[Out] | None = None
        self._error: BaseException | None = None
        self._text: list[str] = []
        self._calls: dict[int, tuple[str, list[str]]] = {}  # index -> name and pieces of the arguments

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise ConfigurationError("a stream can be entered once; call agent.stream(...) again for another run")
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._drive)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> bool:
        assert self._group is not None
        self._scope.cancel()
        await self._group.__aexit__(None, None, None)  # without the error: it is raised as itself, not in a group
        if error is None and self._error is not None:
            raise self._error
        return False

    async def _drive(self) -> None:
        try:
            with self._scope:
                self._result = await self._start(self._channel)
        except Exception as error:  # told to whoever reads, as itself and not in a group
            self._error = error
        finally:
            self._channel.close()

    def __aiter__(self) -> Self:
        if self._group is None:  # nothing runs, so no event would ever come
            raise ConfigurationError(
                "the run has not begun: enter the stream first, as in `async with agent.stream(...) as run:`"
            )
        return self

    async def __anext__(self) -> Event:
        channel = self._channel
        # Read without a wait where something lies ready: this is done for every delta.
        event = channel.queue.popleft() if channel.queue and not channel.caught_up else await channel.pull()
        if event is None:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            raise StopAsyncIteration
        if isinstance(event, TextDelta):
            if not event.is_refusal:
                self._text.append(event.text)
        elif isinstance(event, ToolCallDelta):
            self._calls.setdefault(event.index, (event.name, []))[1].append(event.arguments)
        elif isinstance(event, Answer):  # all of it, also when the provider was not asked to stream
            self._text = [event.response.text]
        elif isinstance(event, (StepStarted, OutputRejected, ModelSwitched)):
            self._text.clear()
            self._calls.clear()
        return event

    async def text(self) -> str:
        """Read to the end; the text of the last answer."""
        async for _ in self:
            pass
        return "".join(self._text)

    @property
    def result(self) -> Result[Out]:
        """How the run ended. Raises ConfigurationError while it goes on, or when it was cancelled."""
        if self._result is None:
            raise ConfigurationError(
                "the run has no result: the stream was not read to its end; read it, or go on with "
                "agent.resume(run.state)"
            )
        return self._result

    @property
    def state(self) -> dict[str, Any]:
        """The run as JSON, at any moment; after a cancel it is valid and can be resumed."""
        state = self._state()
        if state is None:
            raise ConfigurationError("the run has not begun: enter the stream with `async with` first")
        return state_to_json(state)

    @property
    def partial_output(self) -> Out | None:
        """As much of the output as the text so far holds; None when that is nothing. Parsed when asked for."""
        calls = [(name, "".join(pieces)) for name, pieces in self._calls.values()]
        return cast("Out | None", self._read_partial("".join(self._text), calls))

    def cancel(self) -> None:
        """Stop the run; the events so far can still be read, and `state` stays valid."""
        self._scope.cancel()
