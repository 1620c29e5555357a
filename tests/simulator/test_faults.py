"""Every fault, in every format, plain and streamed: an answer or a typed error, and so many requests on the wire."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from simulator.talking import LONG, SPOKEN, outcome, question, remote

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

TEXT = "It rains in Paris, and a little – 🌧 – in Oslo; bring a good coat."
SHORT = Deadlines(5, 0.15, 0.15, 20)
CELLS = [(format, is_streamed) for format in SPOKEN for is_streamed in (False, True)]

ANSWER = "answer"
Expected = tuple[str | type[ExchangeError], int]
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
    (Silence(), both(DeadlineError, 3)),
    (Silence("headers"), both(DeadlineError, 3)),
    (Silence("bytes", 10), both(DeadlineError, 3)),
    (Silence("events", 5), (ANSWERED, (DeadlineError, 1))),
    (SlowHeaders(0.1), both(DeadlineError, 3)),
    (Flood(64, "spaces"), both(DeadlineError, 3)),
]


async def table(fault: Fault, *, deadlines: Deadlines = LONG, text: str = TEXT) -> dict[tuple[str, bool], Expected]:
    """What comes of a fault in all formats, plain and streamed."""
    found: dict[tuple[str, bool], Expected] = {}

    async def cell(format: str, is_streamed: bool) -> None:
        source = ScriptedModel(*[text] * 3)
        async with simulate(source, faults=[fault], wall_clock=lambda: 1_700_000_000.0) as simulator:
            request = question(format, is_streamed=is_streamed)
            came = await outcome(remote(simulator, format, deadlines=deadlines), request)
            said: Any = type(came) if isinstance(came, ExchangeError) else ANSWER if came.text == text else came.text
            found[format, is_streamed] = (said, simulator.count)

    async with anyio.create_task_group() as tasks:
        for format, is_streamed in CELLS:
            tasks.start_soon(cell, format, is_streamed)
    return found


def in_all_formats(plain: Expected, streamed: Expected) -> dict[tuple[str, bool], Expected]:
    return {(format, is_streamed): streamed if is_streamed else plain for format, is_streamed in CELLS}


@pytest.mark.parametrize(("fault", "expected"), WHOLE_FAULTS, ids=lambda value: repr(value)[:60])
async def test_a_fault_that_stays_ends_in_an_answer_or_a_typed_error(fault: Fault, expected) -> None:
    assert await table(fault) == in_all_formats(*expected)


@pytest.mark.parametrize(("fault", "expected"), DEADLINES, ids=lambda value: repr(value)[:60])
async def test_what_is_slow_for_ever_ends_by_its_deadline(fault: Fault, expected) -> None:
    assert await table(fault, deadlines=SHORT) == in_all_formats(*expected)


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


@pytest.mark.parametrize(("fault", "first"), TRANSIENT, ids=lambda value: repr(value)[:60])
@pytest.mark.parametrize(("format", "is_streamed"), CELLS)
async def test_a_fault_that_passes_costs_one_more_request_for_each_time(
    fault: Fault, first: int, format: str, is_streamed: bool
) -> None:
    async with simulate(ScriptedModel(*[TEXT] * 3), faults=[Rule((fault,), first=first)]) as simulator:
        answer = await remote(simulator, format).respond(question(format, is_streamed=is_streamed))
        assert (answer.text, answer.attempts, simulator.count) == (TEXT, first + 1, first + 1)
