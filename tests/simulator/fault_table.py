"""The table of faults: what has to come of each in every wire format, plain and streamed.

A cell says the outcome, how many requests went over the wire, and how many seconds it took at the least (what the
provider asks for is waited) and at the most. All of it is written by hand: the error from the status or the words of
the fault, the number of requests from what may be asked again (429, 5xx, silence and lost connections up to the
attempts allowed; nonsense once; never refusals, quota, and streams of which content was shown), the time from the
deadlines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    ContentFilteredError,
    DeadlineError,
    ExchangeError,
    ModelLoadingError,
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
from agentkit.simulator.filter_faults import ContentFilter
from agentkit.simulator.plan import Rule
from agentkit.simulator.status_faults import HtmlPage, Loading, Quota, Status
from agentkit.simulator.stream_faults import BadCompression, ErrorInside, Flood, MissingEnd, RepeatedStart
from agentkit.transport.protocol import NotSentError

__all__ = ["ANSWER", "CALLS", "CELLS", "FORMATS", "LONG", "TABLE", "Cell", "Row"]

FORMATS = ("chat", "responses", "messages", "gemini", "bedrock")
CELLS = tuple((format, is_streamed) for format in FORMATS for is_streamed in (False, True))

ANSWER = "answer"
"""The text of the answer, whole and once."""
CALLS = "calls"
"""Both calls of the answer, with their arguments."""
EMPTY = "calls without arguments"
HALF = "calls with half of their arguments"
ONE = "one call with the arguments of both"
TEXTS = "calls with text for arguments"
"""What stands in the place of the arguments is told as it came; the tool's check tells the model what is wrong."""

LONG = Deadlines(10, 30, 30, 60)
SHORT = Deadlines(5, 0.4, 0.4, 30)
SOON = 3.0
"""Seconds for what waits for nothing; mostly it takes a hundredth of that."""


@dataclass(frozen=True)
class Cell:
    """What has to come of a fault in one format, plain or streamed."""

    outcome: str | type[ExchangeError]
    requests: int
    least: float = 0.0
    most: float = SOON

    def fits(self, outcome: str | type[ExchangeError], requests: int, seconds: float) -> bool:
        """Whether this is what came."""
        return (outcome, requests) == (self.outcome, self.requests) and self.least <= seconds <= self.most

    def __str__(self) -> str:
        return f"{shown(self.outcome, self.requests)} in {self.least:g} to {self.most:g} s"


@dataclass(frozen=True)
class Row:
    """One fault, or several at once."""

    faults: tuple[Fault | Rule, ...]
    plain: Cell
    streamed: Cell
    but: Mapping[tuple[str, bool], Cell] = field(default_factory=dict[tuple[str, bool], Cell])
    """Cells that differ: (format, is_streamed) -> what has to come there."""
    attempts: int = 3
    deadlines: Deadlines = LONG
    exchanges: int = 1
    """So many exchanges are made one after the other; the last one counts, with the requests of all."""
    chance: float = 0.0
    """The dice of waits that nobody asks for: 0 waits for nothing."""
    is_large: bool = False
    """One cell after the other: each moves hundreds of megabytes."""

    @property
    def name(self) -> str:
        """The faults in few words."""
        return " + ".join(_words(fault) for fault in self.faults)

    @property
    def cells(self) -> dict[tuple[str, bool], Cell]:
        """What has to come, in every cell."""
        return {place: self.but.get(place) or (self.streamed if place[1] else self.plain) for place in CELLS}


def shown(outcome: str | type[ExchangeError], requests: int) -> str:
    """An outcome in few words."""
    return f"{outcome if isinstance(outcome, str) else outcome.__name__} {requests}"


def _words(fault: Fault | Rule) -> str:
    if isinstance(fault, Fault):
        return repr(fault).replace("wait_seconds=", "").replace("status=", "").replace(", wait_as='seconds'", "")
    where = f"first {fault.first}" if fault.first else f"at {', '.join(map(str, fault.at))}"
    return f"{' or '.join(map(_words, fault.faults))} {where}"


def row(
    *faults: Fault | Rule,
    plain: Cell,
    streamed: Cell | None = None,
    but: Mapping[tuple[str, bool], Cell] | None = None,
    attempts: int = 3,
    deadlines: Deadlines = LONG,
    exchanges: int = 1,
    chance: float = 0.0,
    is_large: bool = False,
) -> Row:
    """A row; streamed is as plain where nothing else is said."""
    return Row(faults, plain, streamed or plain, but or {}, attempts, deadlines, exchanges, chance, is_large)


def format_cells(format: str, cell: Cell) -> dict[tuple[str, bool], Cell]:
    """The cells of one format."""
    return {(format, False): cell, (format, True): cell}


ANSWERED = Cell(ANSWER, 1)
CALLED = Cell(CALLS, 1)
LIMITED = Cell(RateLimitError, 3)
BUSY = Cell(OverloadedError, 3)
UNREADY = Cell(ModelLoadingError, 1)
BROKEN = Cell(ServerError, 3)
FILTERED = Cell(ContentFilteredError, 1)
REFUSED = Cell(BadRequestError, 1)
LOST = Cell(ConnectionFailedError, 3)
LOST_WITHIN = Cell(ConnectionFailedError, 1)  # some of the answer was shown
NONSENSE = Cell(ProtocolError, 2)
NONSENSE_WITHIN = Cell(ProtocolError, 1)

STATUSES = [
    row(Status(429), plain=LIMITED),
    # Two waits between three requests, each as long as was asked for.
    row(Status(429, 0.1), plain=Cell(RateLimitError, 3, 0.2, 1.0)),
    row(Status(429, 0.1, "milliseconds"), plain=Cell(RateLimitError, 3, 0.2, 1.0)),
    # An HTTP date has whole seconds; one wait.
    row(Status(429, 1, "date"), plain=Cell(RateLimitError, 2, 1.0, 1.8), attempts=2),
    # Anthropic has no such words, Google no such headers, and AWS neither: there nothing is asked for.
    row(
        Status(429, 0.1, "body"),
        plain=Cell(RateLimitError, 3, 0.2, 1.0),
        but=format_cells("messages", LIMITED) | format_cells("bedrock", LIMITED),
    ),
    row(
        Status(429, 0.1, "reset"),
        plain=Cell(RateLimitError, 3, 0.2, 1.0),
        but=format_cells("gemini", LIMITED) | format_cells("bedrock", LIMITED),
    ),
    # Longer than is waited for at all, and longer than the exchange may take: said at once.
    row(Status(429, 300), plain=Cell(RateLimitError, 1)),
    row(Status(429, 45), plain=Cell(RateLimitError, 1), deadlines=Deadlines(10, 30, 30, 40)),
    row(Status(500), plain=BROKEN),
    row(Status(500, 0.1), plain=Cell(ServerError, 3, 0.2, 1.0)),
    row(Status(502), plain=BROKEN),
    row(Status(503), plain=BUSY),
    row(Status(503, 0.1), plain=Cell(OverloadedError, 3, 0.2, 1.0)),
    row(Status(503, 0.1, "milliseconds"), plain=Cell(OverloadedError, 3, 0.2, 1.0)),
    row(Status(504), plain=Cell(DeadlineError, 3)),
    row(Status(529), plain=BUSY),
    row(Status(529, 0.1), plain=Cell(OverloadedError, 3, 0.2, 1.0)),
    row(Status(408), plain=Cell(DeadlineError, 3)),
    row(Status(400), plain=Cell(BadRequestError, 1)),
    row(Status(401), plain=Cell(AuthenticationError, 1)),
    row(Status(403), plain=Cell(PermissionDeniedError, 1)),
    row(Status(404), plain=Cell(NotFoundError, 1)),
    row(Status(413), plain=Cell(BadRequestError, 1)),
    row(Status(422), plain=Cell(BadRequestError, 1)),
    row(Quota(), plain=Cell(QuotaExceededError, 1)),
    # A cold start, in the words of Hugging Face: waited for within the deadlines, however many requests that takes.
    row(
        Rule((Loading(0.02),), first=3),
        plain=BUSY,
        but=format_cells("chat", Cell(ANSWER, 4, 0.06)) | format_cells("responses", Cell(ANSWER, 4, 0.06)),
    ),
    row(
        Loading(20),
        plain=BUSY,
        but=format_cells("chat", UNREADY) | format_cells("responses", UNREADY),
        deadlines=Deadlines(10, 30, 30, 15),
    ),
    # Azure's filter: Anthropic and AWS have no error of their own for a refused prompt, but the words of one.
    row(ContentFilter(), plain=FILTERED, but=format_cells("messages", REFUSED) | format_cells("bedrock", REFUSED)),
    row(
        ContentFilter("prompt", "jailbreak"),
        plain=FILTERED,
        but=format_cells("messages", REFUSED) | format_cells("bedrock", REFUSED),
    ),
    row(ContentFilter("nothing"), plain=ANSWERED),
    row(ContentFilter("nothing", late=True), plain=ANSWERED),
    row(HtmlPage(), plain=BROKEN),
    row(HtmlPage(503, "Maintenance"), plain=BUSY),
    row(HtmlPage(403, "Blocked"), plain=Cell(PermissionDeniedError, 1)),
    row(HtmlPage(200, "Sign in"), plain=NONSENSE),
]

CONNECTIONS = [
    row(Refused(), plain=Cell(NotSentError, 0)),  # they never arrive, so nobody can count them
    row(Reset(), plain=LOST),
    row(Reset(is_reset=False), plain=LOST),
    row(Reset("headers"), plain=LOST),
    row(Reset("headers", is_reset=False), plain=LOST),
    row(Reset("bytes", 10), plain=LOST),
    row(Reset("bytes", 10, is_reset=False), plain=LOST),
    row(Reset("events", 0), plain=LOST),
    # A whole answer has no fifth event. Of a streamed one some was shown by then: it must not be told twice.
    row(Reset("events", 5), plain=ANSWERED, streamed=LOST_WITHIN),
    row(Reset("events", 5, is_reset=False), plain=ANSWERED, streamed=LOST_WITHIN),
    # Kept alive and closed before the second exchange: seen, and replaced by another connection.
    row(Rule((Stale(),), at=(2,)), plain=Cell(ANSWER, 3), exchanges=2),
    row(Split(1), plain=ANSWERED),
    row(Split(None), plain=ANSWERED),
    row(Split(None, seed=1), plain=ANSWERED),
]

SLOW = [
    row(SlowEvents(0.001), plain=ANSWERED),
    row(SlowHeaders(0.001), plain=ANSWERED),
    row(KeepAlives(0.001, times=20), plain=ANSWERED),
    row(KeepAlives(0.001, times=20, after_events=3), plain=ANSWERED),
    # Each attempt ends by the deadline of 0.4 s; that it is met to a tenth has a test of its own.
    row(Silence(), plain=Cell(DeadlineError, 2, 0.8, 1.5), attempts=2, deadlines=SHORT),
    row(Silence("headers"), plain=Cell(DeadlineError, 2, 0.8, 1.5), attempts=2, deadlines=SHORT),
    row(Silence("bytes", 10), plain=Cell(DeadlineError, 2, 0.8, 1.5), attempts=2, deadlines=SHORT),
    row(
        Silence("events", 5),
        plain=ANSWERED,
        streamed=Cell(DeadlineError, 1, 0.4, 0.9),
        attempts=2,
        deadlines=SHORT,
    ),
    row(KeepAlives(0.02), plain=Cell(DeadlineError, 2, 0.8, 1.5), attempts=2, deadlines=SHORT),
    row(
        KeepAlives(0.02, after_events=5),
        plain=Cell(DeadlineError, 2, 0.8, 1.5),
        streamed=Cell(DeadlineError, 1, 0.4, 0.9),
        attempts=2,
        deadlines=SHORT,
    ),
    row(SlowHeaders(0.1), plain=Cell(DeadlineError, 2, 0.8, 1.5), attempts=2, deadlines=SHORT),
    row(Flood(64, "spaces"), plain=Cell(DeadlineError, 1, 0.4, 0.9), attempts=1, deadlines=SHORT),
    # An event every 50 ms is not silence; the exchange as a whole has its own deadline.
    row(
        SlowEvents(0.05),
        plain=ANSWERED,
        streamed=Cell(DeadlineError, 1, 0.3, 0.7),
        deadlines=Deadlines(5, 0.4, 0.4, 0.3),
    ),
]

REPLIES = [
    row(ErrorInside(429, 0), plain=LIMITED),
    row(ErrorInside(500, 0), plain=BROKEN),
    row(ErrorInside(503, 0), plain=BUSY),
    row(ErrorInside(529, 0), plain=BUSY),
    row(ErrorInside(400, 0), plain=Cell(BadRequestError, 1)),
    row(ErrorInside(402, 0), plain=Cell(QuotaExceededError, 1)),
    row(ErrorInside(500, 5), plain=BROKEN, streamed=Cell(ServerError, 1)),
    row(ErrorInside(503, 5), plain=BUSY, streamed=Cell(OverloadedError, 1)),
    row(RepeatedStart(), plain=ANSWERED),
    row(MissingEnd(), plain=NONSENSE, streamed=NONSENSE_WITHIN),
    row(BadCompression(), plain=NONSENSE),
    row(BadCompression("deflate"), plain=NONSENSE),
    # Refused as soon as too much has come, long before the end; a second try would move as much again.
    row(Flood(1), plain=Cell(ProtocolError, 1, 0, 20), attempts=1, is_large=True),
]

TOOL_CALLS = [
    row(CallIndexes("zero"), plain=CALLED),
    row(CallIndexes("missing"), plain=CALLED),
    row(CallIndexes("shifted"), plain=CALLED),
    row(CallIds("same"), plain=CALLED),
    row(CallIds("empty"), plain=CALLED),
    row(CallIds("missing"), plain=CALLED),
    row(CallsTogether(), plain=CALLED),
    row(CallsTogether(), Split(None), plain=CALLED),
    row(RepeatedStart(), Split(3), plain=CALLED),
    # In pieces of one id and one index nothing tells two calls apart; the tool's check tells the model what is wrong.
    row(CallIds("same"), CallIndexes("zero"), plain=CALLED, but={("chat", True): Cell(ONE, 1)}),
    row(Arguments("empty"), plain=Cell(EMPTY, 1)),
    row(Arguments("null"), plain=Cell(EMPTY, 1)),
    # Half a JSON text is told as it came.
    row(Arguments("truncated"), plain=Cell(HALF, 1)),
    # Three formats stream arguments as pieces of text alone; Google has an object where the others have text.
    row(
        Arguments("object"),
        plain=CALLED,
        but={
            ("responses", True): NONSENSE_WITHIN,
            ("messages", True): NONSENSE_WITHIN,
            ("bedrock", True): NONSENSE_WITHIN,
            ("gemini", False): Cell(TEXTS, 1),
            ("gemini", True): Cell(TEXTS, 1),
        },
    ),
]

PASSING = [  # what passes costs one more request for each time
    row(Rule((Status(429, 0.1),), first=2), plain=Cell(ANSWER, 3, 0.2, 1.0)),
    row(Rule((Status(503),), first=2), plain=Cell(ANSWER, 3)),
    row(Rule((HtmlPage(),), first=2), plain=Cell(ANSWER, 3)),
    row(Rule((Reset(),), first=2), plain=Cell(ANSWER, 3)),
    row(Rule((Reset("headers"),), first=2), plain=Cell(ANSWER, 3)),
    row(Rule((Reset("bytes", 10),), first=2), plain=Cell(ANSWER, 3)),
    row(Rule((ErrorInside(503, 0),), first=2), plain=Cell(ANSWER, 3)),
    row(Rule((BadCompression(),), first=1), plain=Cell(ANSWER, 2)),
    row(Rule((HtmlPage(200, "Sign in"),), first=2), plain=NONSENSE),  # nonsense is asked for once more only
    row(Rule((Refused(0.05),), at=(1,)), plain=Cell(ANSWER, 1), chance=0.5),
    row(Rule((Silence(),), first=1), plain=Cell(ANSWER, 2, 0.4, 0.9), deadlines=SHORT),
    row(Rule((KeepAlives(0.02),), first=1), plain=Cell(ANSWER, 2, 0.4, 0.9), deadlines=SHORT),
    row(
        Rule((Status(429),), at=(1,)),
        Rule((Reset(),), at=(2,)),
        Rule((ErrorInside(529, 0),), at=(3,)),
        plain=Cell(ANSWER, 4),
        attempts=4,
    ),
]

TABLE: tuple[Row, ...] = (*STATUSES, *CONNECTIONS, *SLOW, *REPLIES, *TOOL_CALLS, *PASSING)
