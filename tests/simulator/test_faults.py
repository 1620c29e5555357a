"""Every fault, in every format, plain and streamed: an answer or a typed error, and so many requests on the wire."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from simulator.fault_cells import NOW, found_in, wrong_in
from simulator.fault_table import ANSWER, CELLS, FORMATS, TABLE, Cell, Row, row
from simulator.talking import SPOKEN, Listener, outcome, question, remote, transports

from agentkit.agent import Agent
from agentkit.errors import DeadlineError, ProtocolError, RateLimitError
from agentkit.providers import model
from agentkit.settings import Deadlines
from agentkit.simulator.connection_faults import KeepAlives, Refused, Stale
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status
from agentkit.simulator.stream_faults import Flood
from agentkit.testing.scripted import ScriptedModel
from agentkit.transport.protocol import NotSentError, Transport

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("fault", TABLE, ids=lambda row: row.name)
async def test_a_fault_ends_as_the_table_says(fault: Row, transport: Callable[[], Transport]) -> None:
    assert wrong_in(fault, await found_in(fault, transport)) == {}


def test_the_table_has_at_least_two_hundred_cells_and_no_row_twice() -> None:
    names = [row.name for row in TABLE]
    assert len(names) == len(set(names))
    assert len(names) * len(CELLS) >= 200


async def test_a_cell_that_came_otherwise_is_told() -> None:
    wrong = row(Status(503), plain=Cell(ANSWER, 1))
    told = wrong_in(wrong, await found_in(wrong, transports("asyncio")["httpx"]))
    assert set(told) == set(CELLS)
    assert told["chat", False].startswith("OverloadedError 3 in 0.")
    assert told["chat", False].endswith(" s, not answer 1 in 0 to 3 s")


class Clocked(Listener):
    """Knows when it heard something last."""

    heard = 0.0

    def emit(self, deltas) -> bool:
        self.heard = anyio.current_time()
        return super().emit(deltas)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("events", [0, 4])
async def test_keep_alives_alone_end_within_a_tenth_of_the_idle_deadline(format: str, events: int, transport) -> None:
    fault = KeepAlives(0.02, after_events=events)
    for _ in range(5):
        async with simulate(ScriptedModel("one two three four five"), faults=[fault]) as simulator:
            model = remote(simulator, format, deadlines=Deadlines(5, 0.5, 0.5, 30), attempts=1, transport=transport())
            listener = Clocked()
            begun = anyio.current_time()
            with pytest.raises(DeadlineError):
                await model.respond(question(format, is_streamed=True), listener)
            silent = anyio.current_time() - (listener.heard or begun)
        assert silent >= 0.5
        if silent <= 0.55:  # else this machine may have been busy with others: it is tried again
            return
    raise AssertionError(f"the last try ended {silent:.3f} s after the last event")


@pytest.mark.parametrize(
    ("form", "waits"),
    [
        ("seconds", [0.02, 0.02, 0.02, 0.02, 0.02]),
        ("milliseconds", [0.02, 0.02, 0.02, 0.02, 0.02]),
        ("date", [1.0, 1.0, 1.0, 1.0, 1.0]),
        ("body", [0.02, 0.02, None, 0.02, None]),  # Anthropic and AWS have no such words
        ("reset", [0.02, 0.02, 0.02, None, None]),  # Google and AWS have no such headers
    ],
)
async def test_every_form_of_asking_to_wait_is_understood(form, waits: list[float | None]) -> None:
    found: list[float | None] = []
    for format in SPOKEN:
        async with simulate(faults=[Status(429, 0.02, form)], wall_clock=lambda: NOW) as simulator:
            model = remote(simulator, format, attempts=1)
            model.wall_clock = lambda: NOW
            error = await outcome(model, question(format, is_streamed=False))
            assert isinstance(error, RateLimitError)
            found.append(error.retry_after_seconds)
    assert found == [pytest.approx(wait) if wait is not None else None for wait in waits]


@pytest.mark.parametrize(
    ("name", "path"),
    [("openai-chat", "/v1"), ("openai", "/v1"), ("anthropic", ""), ("google", "/v1beta"), ("bedrock", "")],
)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_limit_that_stays_costs_three_requests_and_the_error_says_the_wait_and_what_to_do(
    name: str, path: str, is_streamed: bool
) -> None:
    async with simulate(faults=[Status(429, 0.02)]) as simulator:
        agent = Agent(model(f"{name}:m", base_url=simulator.url + path, api_key="sk-canary"))
        with pytest.raises(RateLimitError) as caught:
            if is_streamed:
                async with agent.stream("Hello") as run:
                    async for _ in run:
                        pass
            else:
                await agent.run("Hello")
        assert (simulator.count, caught.value.attempts, caught.value.retry_after_seconds) == (3, 3, 0.02)
    assert "waited 0.04 s in all" in str(caught.value)
    assert "limited(model, requests_per_minute=...)" in str(caught.value)
    assert [note.rpartition("; ")[2] for note in caught.value.__notes__] == ["waited 0.02 s"] * 2


async def test_a_connection_closed_before_its_reuse_is_replaced() -> None:
    async with simulate(ScriptedModel("one", "two"), faults=[Rule((Stale(),), at=(2,))]) as simulator:
        model = remote(simulator, "chat")
        first = await model.respond(question("chat", is_streamed=False))
        second = await model.respond(question("chat", is_streamed=True))
        assert (first.text, second.text, second.attempts) == ("one", "two", 2)
        assert [seen.connection for seen in simulator.requests] == [1, 1, 2]


async def test_a_port_that_refuses_for_a_while_is_tried_again() -> None:
    async with simulate(ScriptedModel("here again"), faults=[Rule((Refused(0.05),), at=(1,))]) as simulator:
        answer = await remote(simulator, "chat", chance=lambda: 0.5).respond(question("chat", is_streamed=False))
        assert (answer.text, simulator.count) == ("here again", 1)


async def test_a_port_that_begins_to_refuse_closes_idle_connections() -> None:
    async with simulate(ScriptedModel("one"), faults=[Rule((Refused(),), at=(2,))]) as simulator:
        model = remote(simulator, "chat")
        await model.respond(question("chat", is_streamed=False))
        error = await outcome(model, question("chat", is_streamed=False))
        assert isinstance(error, NotSentError)
        assert simulator.count == 1


@pytest.mark.parametrize(
    ("is_streamed", "complaint"),
    [(False, "the reply is larger than 256 MiB"), (True, "one event of the stream is longer than 67108864 bytes")],
)
async def test_gigabytes_are_refused_before_they_are_read(is_streamed: bool, complaint: str) -> None:
    async with simulate(faults=[Flood(1)]) as simulator:
        error = await outcome(remote(simulator, "chat", attempts=1), question("chat", is_streamed=is_streamed))
    assert isinstance(error, ProtocolError)
    assert error.message.startswith(complaint)
