"""The simulator: a provider's wire formats served on a local port, faults included.

async with simulate(faults=[Rule((Status(429, wait_seconds=0.02),), first=2)]) as simulator:
    ...  # any client, with base_url=simulator.base_url
    assert simulator.count == 3
"""

from __future__ import annotations

import datetime
import socket
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from typing import TypeAlias

import anyio
import anyio.abc

from agentkit.codec import HttpReply
from agentkit.errors import ExchangeError
from agentkit.models import Model
from agentkit.simulator.answering import Answering
from agentkit.simulator.batches import Batches
from agentkit.simulator.connection_faults import Refused, Stale
from agentkit.simulator.control import control, is_control
from agentkit.simulator.counts import about_size
from agentkit.simulator.fault import Fault
from agentkit.simulator.formats import Format, Moment
from agentkit.simulator.http import BadHttpError, HttpAsked, read_request
from agentkit.simulator.plan import Plan, Rule, plan_of
from agentkit.simulator.recording import Recording
from agentkit.simulator.reply import Piece, Reply, frame
from agentkit.simulator.seen import Seen
from agentkit.simulator.sockets import BACKLOG, ClientLeft, Connection, accept, bound
from agentkit.simulator.table import family_of, format_of

__all__ = ["Simulator", "Source", "simulate"]

Source: TypeAlias = Model | Recording
"""Where answers come from: any Model (the offline matcher, a script, your own), or a recording."""


@asynccontextmanager
async def simulate(
    source: Source | None = None,
    *,
    faults: Iterable[Fault | Rule] = (),
    seed: int = 0,
    models: Sequence[str] = (),
    host: str = "127.0.0.1",
    port: int = 0,
    keep: int = 10_000,
    today: datetime.date | None = None,
    batch_seconds: float = 0.0,
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    wall_clock: Callable[[], float] = time.time,
) -> AsyncGenerator[Simulator]:
    """Serve until the block is left; then every connection is closed and the port is free.

    Without a source the offline matcher answers, on `today`. Without `models` every model id is answered. The latest
    `keep` requests are kept. A batch, or another job, takes `batch_seconds`. `sleep` and `wall_clock` are for tests:
    pauses of faults, and dates in headers.
    Raises OSError when the port is taken.
    """
    simulator = Simulator(
        Answering(source, models=models, today=today, job_seconds=batch_seconds),
        plan_of(faults, seed=seed),
        listener=bound(host, port),
        keep=keep,
        batch_seconds=batch_seconds,
        sleep=sleep,
        wall_clock=wall_clock,
    )
    failure: BaseException | None = None
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(simulator.serve)
            try:
                yield simulator
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:  # raised again below: within the group it would come out as a group
                failure = error
            tasks.cancel_scope.cancel()
    finally:
        simulator.close()
    if failure is not None:
        raise failure


class Simulator:
    """A simulator that runs; `simulate` makes it."""

    def __init__(
        self,
        answering: Answering,
        plan: Plan,
        *,
        listener: socket.socket,
        keep: int,
        batch_seconds: float,
        sleep: Callable[[float], Awaitable[None]],
        wall_clock: Callable[[], float],
    ) -> None:
        self.host, self.port = listener.getsockname()[:2]
        self.count: int = 0
        """How many requests have come."""
        self.connections = 0
        """How many connections were made."""
        self.open_connections = 0
        """How many are open now."""
        self._answering = answering
        self._plan = plan
        self._listener = listener
        self._seen: deque[Seen] = deque(maxlen=keep)
        self._sleep = sleep
        self._wall_clock = wall_clock
        self._ahead = 0.0  # seconds by which the clock was put forward
        self._batches = Batches(answering, seconds=batch_seconds)
        self._position = 0  # of the latest request in the plan
        self._is_refusing = False
        self._listening = anyio.CancelScope()
        self._idle: set[anyio.CancelScope] = set()  # of connections that wait for a request

    def __repr__(self) -> str:
        return f"Simulator({self.url}, {self.count} requests)"

    @property
    def url(self) -> str:
        """Address of the server, such as "http://127.0.0.1:8000"."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What OpenAI's clients want as base_url. Paths are known by their ends: `url` alone will do as well."""
        return f"{self.url}/v1"

    @property
    def requests(self) -> list[Seen]:
        """The latest requests, in the order in which they came."""
        return list(self._seen)

    @property
    def plan(self) -> Plan:
        """The faults to come. Another plan may be set at any time, from the simulator's own event loop."""
        return self._plan

    @plan.setter
    def plan(self, plan: Plan) -> None:
        self._plan = plan
        self._wake()

    def forget(self) -> None:
        """Forget all requests; the next one is number 1, also in the plan."""
        self._seen.clear()
        self.count = self._position = 0
        self._wake()

    @property
    def objects(self) -> dict[str, bytes]:
        """What lies in its buckets, by addresses such as "s3://bucket/key"; put in what you like."""
        return self._batches.buckets.objects

    def advance(self, seconds: float) -> None:
        """Put the clock forward: batches come to their end, and may expire."""
        self._ahead += seconds

    def close(self) -> None:
        """Free the port."""
        self._listener.close()

    async def serve(self, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        """Accept connections until cancelled; while a Refused is next in the plan, nobody listens."""
        async with anyio.create_task_group() as tasks:
            while True:
                refused = self._refused_next()
                self._is_refusing = refused is not None
                if refused is None:
                    self._listener.listen(BACKLOG)
                    task_status.started()
                    await self._accept(tasks)
                    # There is no portable way to stop listening but to close; the port is bound again at once.
                    self._listener.close()
                    self._listener = bound(self.host, self.port)
                else:
                    task_status.started()
                    await self._refuse(refused)
                task_status = anyio.TASK_STATUS_IGNORED

    async def _accept(self, tasks: anyio.abc.TaskGroup) -> None:
        with anyio.CancelScope() as self._listening:
            while True:
                client = await accept(self._listener)
                self.connections += 1
                tasks.start_soon(self._serve_connection, Connection(client, self.connections, sleep=self._sleep))

    async def _refuse(self, refused: Refused) -> None:
        with anyio.CancelScope() as self._listening:
            if refused.seconds is None:
                await anyio.sleep_forever()
            else:
                await self._sleep(refused.seconds)
                self._position += 1

    async def _serve_connection(self, connection: Connection) -> None:
        self.open_connections += 1
        try:
            with suppress(ClientLeft):
                while await self._serve_request(connection):
                    connection.is_reused = True
        finally:
            self.open_connections -= 1
            connection.close()

    async def _serve_request(self, connection: Connection) -> bool:
        """Serve one request; whether the connection is kept. Raises ClientLeft."""
        try:
            asked = await self._next_request(connection)
        except BadHttpError as error:
            headers = (("content-type", "text/plain"), ("connection", "close"))
            await _perform(connection, frame(Reply.whole(HttpReply(error.status, str(error).encode(), headers))))
            return False
        if asked is None:
            return False
        if is_control(asked):
            reply, faults, moment = control(asked, self), (), Moment(self.count, self._wall_clock() + self._ahead)
        else:
            moment = self._numbered()
            faults = self._plan.faults_of(self._position)
            reply = await self._reply(asked, connection, moment=moment, faults=faults)
        is_last = asked.is_last or self._is_refusing
        reply = reply.with_headers(("date", formatdate(moment.now, usegmt=True)))
        if is_last:
            reply = reply.with_headers(("connection", "close"))
        pieces: Sequence[Piece] = frame(reply)
        for fault in faults:
            pieces = fault.change_pieces(pieces, moment)
        await _perform(connection, pieces)
        return not is_last

    async def _next_request(self, connection: Connection) -> HttpAsked | None:
        """The next request; None when the port begins to refuse meanwhile. Raises ClientLeft, BadHttpError."""
        if self._is_refusing:  # since the bytes of the last reply left: the connection did not count as idle then
            return None
        with anyio.CancelScope() as scope:
            self._idle.add(scope)
            try:
                return await read_request(connection)
            finally:
                self._idle.discard(scope)
        return None

    async def _reply(
        self, asked: HttpAsked, connection: Connection, *, moment: Moment, faults: tuple[Fault, ...]
    ) -> Reply:
        format = format_of(asked) if asked.method == "POST" else None
        family = format or family_of(asked)
        request, refusal = None, None
        if format is not None and not isinstance(self._answering.source, Recording):
            try:
                request = self._answering.read(asked, format)
            except ExchangeError as error:
                refusal = error
        told = "" if refusal is None else refusal.message
        name = "" if format is None else format.name
        self._seen.append(Seen(moment.number, connection.number, name, asked, faults, request, told))
        self._wake()
        if connection.is_reused and any(isinstance(fault, Stale) for fault in faults):
            connection.close()
            raise ClientLeft
        if refusal is not None and all(fault.instead(family, moment) is None for fault in faults):
            return self._answering.refused(family, refusal)
        if format is None and (found := self._answering.about_models(asked, family)) is not None:
            return found.with_headers(*family.headers(moment))
        if format is None and not isinstance(self._answering.source, Recording):
            size = about_size(asked, format_of=format_of, read=self._answering.read)
            if size is not None:
                return size
            media = self._answering.media(asked, family, moment=moment, faults=faults)
            if media is not None:
                return media.with_headers(*_more(family.headers(moment), media))
            batches = await self._about_batches(asked, family, moment=moment, faults=faults)
            if batches is not None:
                return batches.with_headers(*_more(family.headers(moment), batches))
            return self._answering.nothing_here(asked, family)
        reply = await self._answering.answer(asked, request, format=family, moment=moment, faults=faults)
        is_recorded = isinstance(self._answering.source, Recording)
        return reply if is_recorded else reply.with_headers(*_more(family.headers(moment), reply))

    async def _about_batches(
        self, asked: HttpAsked, family: Format, *, moment: Moment, faults: tuple[Fault, ...]
    ) -> Reply | None:
        """The reply to a request for files or batches, faults applied; None for any other request."""
        reply = next((found for fault in faults if (found := fault.instead(family, moment)) is not None), None)
        if reply is None or not self._batches.knows(asked):
            reply = await self._batches.about(asked, moment=moment, family=family)
        if reply is None:
            return None
        for fault in faults:
            reply = fault.change_reply(reply, family)
        return reply

    def _numbered(self) -> Moment:
        self.count += 1
        self._position += 1
        return Moment(self.count, self._wall_clock() + self._ahead)

    def _refused_next(self) -> Refused | None:
        if not any(isinstance(fault, Refused) for rule in self._plan.rules for fault in rule.faults):
            return None
        faults = self._plan.faults_of(self._position + 1)
        return next((fault for fault in faults if isinstance(fault, Refused)), None)

    def _wake(self) -> None:
        """See whether the port begins or ends to refuse now."""
        is_refused = self._refused_next() is not None
        if not is_refused and not self._is_refusing:
            return
        self._is_refusing = is_refused
        self._listening.cancel()
        if is_refused:
            for scope in self._idle:
                scope.cancel()


def _more(headers: Iterable[tuple[str, str]], reply: Reply) -> Iterable[tuple[str, str]]:
    """Those of the headers that the reply does not say itself."""
    return ((name, value) for name, value in headers if not reply.header(name))


async def _perform(connection: Connection, pieces: Sequence[Piece]) -> None:
    for piece in pieces:
        await connection.perform(piece)
