"""For tests: the simulator of providers as a pytest fixture, on a thread of its own.

    pytest_plugins = ["agentkit.testing.simulator"]  # in conftest.py

    def test_my_program_waits_its_turn(simulator):
        server = simulator("It rains.", faults=[Rule((Status(429, wait_seconds=0.01),), first=2)])
        assert ask(base_url=server.base_url) == "It rains."
        assert server.count == 3

It works with any client, sync or async, of any vendor; agentkit need not be used by what is tested.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, Protocol

import anyio.from_thread

from agentkit.models import Model
from agentkit.simulator.fault import Fault
from agentkit.simulator.plan import Rule, plan_of
from agentkit.simulator.recording import Recording
from agentkit.simulator.seen import Seen
from agentkit.simulator.server import Simulator, Source, simulate
from agentkit.testing.scripted import ScriptedModel, ScriptedTurn

__all__ = ["SimulatorOnThread", "StartSimulator", "simulator", "source_of", "start_simulator"]


class SimulatorOnThread:
    """A simulator that runs on a thread of its own; see Simulator."""

    def __init__(self, served: Simulator, portal: anyio.from_thread.BlockingPortal) -> None:
        self._served = served
        self._portal = portal

    def __repr__(self) -> str:
        return repr(self._served)

    @property
    def url(self) -> str:
        """Address of the server, such as "http://127.0.0.1:8000"."""
        return self._served.url

    @property
    def base_url(self) -> str:
        """What OpenAI's clients want as base_url."""
        return self._served.base_url

    @property
    def count(self) -> int:
        """How many requests have come."""
        return self._served.count

    @property
    def connections(self) -> int:
        """How many connections were made."""
        return self._served.connections

    @property
    def requests(self) -> list[Seen]:
        """The requests that came, in order."""
        return self._portal.call(lambda: self._served.requests)

    def suffer(self, *faults: Fault | Rule, seed: int = 0) -> None:
        """Other faults from now on; without any, none."""
        self._portal.call(partial(setattr, self._served, "plan", plan_of(faults, seed=seed)))

    @property
    def objects(self) -> dict[str, bytes]:
        """What lies in its buckets, by addresses such as "s3://bucket/key"; put in what you like."""
        return self._served.objects

    def advance(self, seconds: float) -> None:
        """Put the clock forward: batches come to their end, and may expire."""
        self._portal.call(partial(self._served.advance, seconds))

    def forget(self) -> None:
        """Forget all requests; the next one is number 1, also for the faults."""
        self._portal.call(self._served.forget)


def source_of(*turns: ScriptedTurn | Source) -> Source | None:
    """The source of answers that these make: turns of a script, or one Model or Recording; the matcher for none."""
    match turns:
        case ():
            return None
        case (Model() | Recording() as source,):
            return source
        case _:
            return ScriptedModel(*turns)  # pyright: ignore[reportArgumentType] -- the case above took the others


@contextmanager
def start_simulator(
    *turns: ScriptedTurn | Source,
    faults: Iterable[Fault | Rule] = (),
    seed: int = 0,
    models: Sequence[str] = (),
    port: int = 0,
    today: datetime.date | None = None,
    batch_seconds: float = 0.0,
) -> Generator[SimulatorOnThread]:
    """A simulator on a thread of its own, until the block is left."""
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            simulate(
                source_of(*turns),
                faults=faults,
                seed=seed,
                models=models,
                port=port,
                today=today,
                batch_seconds=batch_seconds,
            )
        ) as served,
    ):
        yield SimulatorOnThread(served, portal)


class StartSimulator(Protocol):
    """What the fixture gives: starts a simulator that ends with the test; see `start_simulator`."""

    def __call__(
        self,
        *turns: ScriptedTurn | Source,
        faults: Iterable[Fault | Rule] = (),
        seed: int = 0,
        models: Sequence[str] = (),
        port: int = 0,
        today: datetime.date | None = None,
        batch_seconds: float = 0.0,
    ) -> SimulatorOnThread: ...


def _fixture(function: Callable[[], Iterator[StartSimulator]]) -> Any:
    """A fixture of pytest, where that is installed; `start_simulator` does without."""
    try:
        import pytest  # in no dependency of ours: who tests with it has it
    except ModuleNotFoundError:
        return function
    return pytest.fixture(function)


@_fixture
def simulator() -> Iterator[StartSimulator]:
    """Starts simulators, as many as a test wants; they end with the test."""
    with ExitStack() as stack:

        def start(
            *turns: ScriptedTurn | Source,
            faults: Iterable[Fault | Rule] = (),
            seed: int = 0,
            models: Sequence[str] = (),
            port: int = 0,
            today: datetime.date | None = None,
            batch_seconds: float = 0.0,
        ) -> SimulatorOnThread:
            started = start_simulator(
                *turns, faults=faults, seed=seed, models=models, port=port, today=today, batch_seconds=batch_seconds
            )
            return stack.enter_context(started)

        yield start
