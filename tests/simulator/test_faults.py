"""Every fault, in every format, plain and streamed: an answer or a typed error, and so many requests on the wire."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import anyio
import pytest
from simulator.talking import LONG, SPOKEN, outcome, question, remote, undisturbed

from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    DeadlineError,
    ExchangeError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.settings import Deadlines
from agentkit.simulator.call_faults import Arguments, CallIds, CallIndexes, CallsTogether
from agentkit.simulator.connection_faults import (
    KeepAlives,
    Refused,
    Reset,
    Silence,
    SlowEvents,
    SlowHeaders,
    Split,
    Stale,
)
from agentkit.simulator.fault import Fault
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import HtmlPage, Quota, Status
from agentkit.simulator.stream_faults import BadCompression, ErrorInside, Flood, MissingEnd, RepeatedStart
from agentkit.testing.scripted import ScriptedModel
from agentkit.transport.protocol import NotSentError

pytestmark = pytest.mark.anyio

NOW = 1_700_000_000.0
TEXT = "It rains in Paris, and a little – 🌧 – in Oslo; bring a good coat."
SHORT = Deadlines(5, 0.25, 0.25, 20)
CELLS = [(format, is_streamed) for format in SPOKEN for is_streamed in (False, True)]

ANSWER = "answer"
Expected = tuple[str | type[ExchangeError], int]
Table = dict[tuple[str, bool], Expected]
ANSWERED: Expected = (ANSWER, 1)


def both(kind: type[ExchangeError], count: int) -> tuple[Expected, Expected]:
    return (kind, count), (kind, count)


WHOLE_FAULTS: list[tuple[Fault, tuple[Expected, Expected]]] = [
    # What comes of a fault that does not pass: plain, streamed; and how many requests it took.
    (Status(429), both(RateLimitError, 3)),
    (Status(429, 0.01), both(RateLimitError, 3)),
    (Status(429, 0.01, "milliseconds"), both(RateLimitError, 3)),
    (Status(429, 0, "date"), both(RateLimitError, 3)),
    (Status(429, 0.01, "body"), both(RateLimitError, 3)),
    (Status(429, 0.01, "reset"), both(RateLimitError, 3)),
    (Status(429, 300), both(RateLimitError, 1)),
    (Status(500), both(ServerError, 3)),
    (Status(502), both(ServerError, 3)),
    (Status(503, 0.01), both(OverloadedError, 3)),
    (Status(504), both(DeadlineError, 3)),
    (Status(529), both(OverloadedError, 3)),
    (Status(400), both(BadRequestError, 1)),
    (Status(401), both(AuthenticationError, 1)),
    (Status(403), both(PermissionDeniedError, 1)),
    (Status(404), both(NotFoundError, 1)),
    (Quota(), both(QuotaExceededError, 1)),
    (HtmlPage(), both(ServerError, 3)),
    (HtmlPage(200, "Sign in"), both(ProtocolError, 2)),
    (Refused(), both(NotSentError, 0)),
    (Stale(), (ANSWERED, ANSWERED)),
    (Reset(), both(ConnectionFailedError, 3)),
    (Reset(is_reset=False), both(ConnectionFailedError, 3)),
    (Reset("headers"), both(ConnectionFailedError, 3)),
    (Reset("headers", is_reset=False), both(ConnectionFailedError, 3)),
    (Reset("bytes", 10), both(ConnectionFailedError, 3)),
    (Reset("bytes", 10, is_reset=False), both(ConnectionFailedError, 3)),
    (Reset("events", 5), (ANSWERED, (ConnectionFailedError, 1))),
    (Reset("events", 5, is_reset=False), (ANSWERED, (ConnectionFailedError, 1))),
    (Reset("events", 0), both(ConnectionFailedError, 3)),
    (SlowEvents(0.001), (ANSWERED, ANSWERED)),
    (SlowHeaders(0.001), (ANSWERED, ANSWERED)),
    (Split(1), (ANSWERED, ANSWERED)),
    (Split(None), (ANSWERED, ANSWERED)),
    (KeepAlives(0.001, times=20), (ANSWERED, ANSWERED)),
    (KeepAlives(0.001, times=20, after_events=3), (ANSWERED, ANSWERED)),
    (ErrorInside(503, 0), both(OverloadedError, 3)),
    (ErrorInside(429, 0), both(RateLimitError, 3)),
    (ErrorInside(500, 5), ((ServerError, 3), (ServerError, 1))),
    (RepeatedStart(), (ANSWERED, ANSWERED)),
    (MissingEnd(), ((ProtocolError, 2), (ProtocolError, 1))),
    (BadCompression(), both(ProtocolError, 2)),
    (BadCompression("deflate"), both(ProtocolError, 2)),
]

DEADLINES: list[tuple[Fault, tuple[Expected, Expected]]] = [
    (Silence(), both(DeadlineError, 2)),
    (Silence("headers"), both(DeadlineError, 2)),
    (Silence("bytes", 10), both(DeadlineError, 2)),
    (Silence("events", 5), (ANSWERED, (DeadlineError, 1))),
    (SlowHeaders(0.1), both(DeadlineError, 2)),
    (Flood(64, "spaces"), both(DeadlineError, 2)),
]


async def table(fault: Fault | Rule, *, deadlines: Deadlines = LONG, attempts: int = 3) -> Table:
    """What comes of a fault in all formats, plain and streamed."""
    found: Table = {}

    async def cell(format: str, is_streamed: bool) -> None:
        source = ScriptedModel(*[TEXT] * 3)
        async with simulate(source, faults=[fault], wall_clock=lambda: NOW) as simulator:
            request = question(format, is_streamed=is_streamed)
            came = await outcome(remote(simulator, format, deadlines=deadlines, attempts=attempts), request)
            said: Any = type(came) if isinstance(came, ExchangeError) else ANSWER if came.text == TEXT else came.text
            found[format, is_streamed] = (said, simulator.count)

    async with anyio.create_task_group() as tasks:
        for format, is_streamed in CELLS:
            tasks.start_soon(cell, format, is_streamed)
    return found


def in_all_formats(plain: Expected, streamed: Expected) -> Table:
    return {(format, is_streamed): streamed if is_streamed else plain for format, is_streamed in CELLS}


@pytest.mark.parametrize(("fault", "expected"), WHOLE_FAULTS, ids=lambda value: repr(value)[:60])
async def test_a_fault_that_stays_ends_in_an_answer_or_a_typed_error(fault: Fault, expected) -> None:
    assert await table(fault) == in_all_formats(*expected)


@pytest.mark.parametrize(("fault", "expected"), DEADLINES, ids=lambda value: repr(value)[:60])
async def test_what_is_slow_for_ever_ends_by_its_deadline(fault: Fault, expected) -> None:
    found = await undisturbed(partial(table, fault, deadlines=SHORT, attempts=2))
    assert found == in_all_formats(*expected)


TRANSIENT: list[tuple[Fault, int]] = [
    (Status(429, 0.01), 2),
    (Status(503), 2),
    (HtmlPage(), 2),
    (Reset(), 2),
    (Reset("headers"), 2),
    (Reset("bytes", 10), 2),
    (ErrorInside(503, 0), 2),
    (BadCompression(), 1),
]


@pytest.mark.parametrize(("fault", "first"), TRANSIENT, ids=repr)
async def test_a_fault_that_passes_costs_one_more_request_for_each_time(fault: Fault, first: int) -> None:
    found = await table(Rule((fault,), first=first))
    assert found == in_all_formats((ANSWER, first + 1), (ANSWER, first + 1))


async def test_only_keep_alives_end_by_the_idle_deadline() -> None:
    found = await undisturbed(partial(table, KeepAlives(0.02), deadlines=SHORT, attempts=2))
    assert found == in_all_formats((DeadlineError, 2), (DeadlineError, 2))


async def test_only_keep_alives_after_some_of_the_answer_end_it() -> None:
    found = await undisturbed(partial(table, KeepAlives(0.02, after_events=5), deadlines=SHORT, attempts=2))
    assert found == in_all_formats((DeadlineError, 2), (DeadlineError, 1))


@pytest.mark.parametrize(
    ("form", "waits"),
    [
        ("seconds", [0.02, 0.02, 0.02, 0.02]),
        ("milliseconds", [0.02, 0.02, 0.02, 0.02]),
        ("date", [1.0, 1.0, 1.0, 1.0]),
        ("body", [0.02, 0.02, None, 0.02]),  # Anthropic has no such words
        ("reset", [0.02, 0.02, 0.02, None]),  # Google has no such headers
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
    async with simulate(faults=[Flood(4)]) as simulator:
        error = await outcome(remote(simulator, "chat", attempts=1), question("chat", is_streamed=is_streamed))
    assert isinstance(error, ProtocolError)
    assert error.message.startswith(complaint)


CALLS = [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Oslo"})]

CALL_FAULTS: list[Fault] = [
    CallIndexes("shifted"),
    CallIds("same"),
    CallIds("empty"),
    CallIds("missing"),
    CallsTogether(),
    RepeatedStart(),
    Split(None),
]


@pytest.mark.parametrize("fault", CALL_FAULTS, ids=repr)
async def test_calls_are_read_however_they_are_numbered(fault: Fault) -> None:
    assert await made_calls(fault) == dict.fromkeys(CELLS, CALLS)


@pytest.mark.parametrize("are", ["zero", "missing"])
async def test_calls_of_one_index_are_told_apart(are) -> None:
    assert await made_calls(CallIndexes(are)) == dict.fromkeys(CELLS, CALLS)


@pytest.mark.parametrize("are", ["empty", "null"])
async def test_calls_without_arguments_are_read(are) -> None:
    assert await made_calls(Arguments(are)) == {cell: [("get_weather", {})] * 2 for cell in CELLS}


async def test_half_of_the_arguments_are_told_as_they_came() -> None:
    assert await made_calls(Arguments("truncated")) == {cell: [("get_weather", '{"city":')] * 2 for cell in CELLS}


async def test_arguments_of_the_wrong_kind_are_read_or_refused() -> None:
    found = await made_calls(Arguments("object"))
    as_text = [(name, json.dumps(arguments)) for name, arguments in CALLS]
    assert found == {
        ("chat", False): CALLS,
        ("chat", True): CALLS,
        ("responses", False): CALLS,
        ("responses", True): ProtocolError,
        ("messages", False): CALLS,
        ("messages", True): ProtocolError,
        ("gemini", False): as_text,
        ("gemini", True): as_text,
    }


async def made_calls(fault: Fault) -> dict[tuple[str, bool], Any]:
    """The calls that a model makes under a fault: names and arguments, which stay text where they are no JSON."""
    found: dict[tuple[str, bool], Any] = {}
    for format, is_streamed in CELLS:
        async with simulate(faults=[fault]) as simulator:
            came = await outcome(remote(simulator, format), question(format, is_streamed=is_streamed))
            assert simulator.count == 1
        found[format, is_streamed] = (
            type(came)
            if isinstance(came, ExchangeError)
            else [(call.name, read(call.arguments)) for call in came.calls]
        )
    return found


def read(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments
