"""Exchanges over real sockets: what a server sees of retries, deadlines and leaving."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import anyio
import pytest

from agentkit.errors import ConnectionFailedError, DeadlineError, OverloadedError, RateLimitError
from agentkit.exchange import Delta, Request, Response
from agentkit.messages import user_message
from agentkit.models import ModelIdentity
from agentkit.providers.openai.chat import ChatCodec
from agentkit.remote import Endpoint, RemoteModel
from agentkit.settings import Deadlines, Settings
from agentkit.transport.default import default_transport
from agentkit.transport.protocol import NotSentError, RedirectError

from .transport.raw_server import CHUNKED, LAST_CHUNK, RawServer, Visit, chunk, raw_server, reply

pytestmark = pytest.mark.anyio

Handler = Callable[[Visit], Awaitable[None]]


def event(content: str | None, *, finish: str | None = None) -> bytes:
    delta = {} if content is None else {"role": "assistant", "content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    data = {"id": "c1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
    return chunk(b"data: " + json.dumps(data).encode() + b"\n\n")


WHOLE = reply(
    json.dumps(
        {
            "id": "c1",
            "object": "chat.completion",
            "model": "m",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"},
            ],
        }
    ).encode()
)
KEEP_ALIVE = chunk(b": keep-alive\n\n")
DONE = chunk(b"data: [DONE]\n\n")
STREAM = (CHUNKED, event("Hel"), event("lo"), event(None, finish="stop"), DONE, LAST_CHUNK)
LIMITED = "429 Too Many Requests"
ERROR = b'{"error": {"message": "busy", "type": "server_error", "code": null}}'
QUICK_RETRY = {"retry-after-ms": "1"}


def answering(*answers: Sequence[bytes]) -> Handler:
    """Give these answers one after the other; an empty one closes the connection without a word."""
    left = list(answers)

    async def handler(visit: Visit) -> None:
        pieces = left.pop(0)
        for piece in pieces:
            await visit.stream.send(piece)
        if not pieces:
            await visit.stream.aclose()

    return handler


async def respond(
    server: RawServer, *, stream: bool = False, settings: Settings = Settings(), sink: Listener | None = None
) -> Response:
    model = RemoteModel(
        ChatCodec(),
        Endpoint(f"http://127.0.0.1:{server.port}/v1", {"authorization": "Bearer sk-secret"}),
        ModelIdentity("openai", "m"),
        transport=default_transport(),
        random=lambda: 0.0,
    )
    return await model.respond(Request("m", (user_message("Hi"),), settings=settings, is_streamed=stream), sink)


class Listener:
    """A sink that says when it was first told something."""

    def __init__(self) -> None:
        self.told = anyio.Event()

    def emit(self, deltas: Sequence[Delta]) -> bool:
        self.told.set()
        return False

    async def drain(self) -> None:
        return


async def test_a_whole_and_a_streamed_answer_share_a_connection() -> None:
    async with raw_server(answering([WHOLE], STREAM, [WHOLE])) as server:
        texts = [(await respond(server, stream=stream)).text for stream in (False, True, False)]

        assert (texts, server.opened) == (["Hello"] * 3, 1)
        assert server.visits[0].header("authorization") == "Bearer sk-secret"


async def test_retries_are_counted_on_the_wire() -> None:
    limited = [reply(ERROR, status=LIMITED, headers={**QUICK_RETRY, "x-request-id": "req-1"})]
    async with raw_server(answering(limited, limited, limited, limited)) as server:
        with pytest.raises(RateLimitError) as caught:
            await respond(server, stream=True)

        assert (len(server.visits), caught.value.attempts, caught.value.request_id) == (3, 3, "req-1")
        assert "sk-secret" not in repr(caught.value) + str(caught.value)


async def test_connections_that_close_without_a_word_are_tried_three_times() -> None:
    async with raw_server(answering([], [], [], [])) as server:
        with pytest.raises(ConnectionFailedError):
            await respond(server)

        assert len(server.visits) == 3


async def test_a_stream_that_follows_failures_is_the_answer() -> None:
    busy = [reply(ERROR, status="503 Service Unavailable", headers=QUICK_RETRY)]
    async with raw_server(answering(busy, [], STREAM)) as server:
        response = await respond(server, stream=True)

        assert (response.text, response.attempts, len(server.visits)) == ("Hello", 3, 3)


async def test_an_error_that_is_labelled_as_a_stream_is_an_error() -> None:
    labelled = reply(
        b'{"error": {"message": "busy", "type": "overloaded_error", "code": "overloaded"}}',
        headers={"content-type": "text/event-stream", **QUICK_RETRY},
    )
    async with raw_server(answering([labelled], STREAM)) as server:
        assert (await respond(server, stream=True)).attempts == 2


async def test_keep_alives_do_not_stop_the_clock_and_the_connection_is_closed() -> None:
    async def chatter(visit: Visit) -> None:
        await visit.stream.send(CHUNKED + event("Hel"))
        while True:
            await visit.stream.send(KEEP_ALIVE)
            await anyio.sleep(0.01)

    settings = Settings(deadlines=Deadlines(idle_seconds=0.1))
    async with raw_server(chatter) as server:
        with anyio.fail_after(10), pytest.raises(DeadlineError, match=r"no event came for 0\.1 s"):
            await respond(server, stream=True, settings=settings, sink=Listener())

        await server.wait_until_open(0)
        assert len(server.visits) == 1


async def test_a_cancel_closes_the_connection() -> None:
    async def silent(visit: Visit) -> None:
        await visit.stream.send(CHUNKED + event("Hel"))
        await visit.stream.receive()  # ends when the client leaves

    async with raw_server(silent) as server, anyio.create_task_group() as tasks:
        listener = Listener()

        async def ask() -> None:
            await respond(server, stream=True, sink=listener)

        tasks.start_soon(ask)
        await listener.told.wait()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await server.wait_until_open(0)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancel_of_the_task_itself_stays_a_cancel(anyio_backend: str) -> None:
    async def silent(visit: Visit) -> None:
        await visit.stream.send(CHUNKED + event("Hel"))
        await visit.stream.receive()  # ends when the client leaves

    async with raw_server(silent) as server:
        listener = Listener()
        task = asyncio.create_task(respond(server, stream=True, sink=listener))
        await listener.told.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.wait_until_open(0)


async def test_a_connection_that_breaks_after_the_last_event_does_not_spoil_the_answer() -> None:
    async def broken(visit: Visit) -> None:
        for piece in STREAM[:-1]:
            await visit.stream.send(piece)
        await visit.stream.aclose()

    async with raw_server(broken) as server:
        assert (await respond(server, stream=True)).text == "Hello"


async def test_a_connection_that_breaks_within_the_answer_is_an_error() -> None:
    async def broken(visit: Visit) -> None:
        await visit.stream.send(CHUNKED + event("Hel"))
        await visit.stream.aclose()

    async with raw_server(broken) as server:
        with pytest.raises((ConnectionFailedError, OverloadedError)):
            await respond(server, stream=True, sink=Listener())

        assert len(server.visits) == 1


async def test_a_redirect_is_refused_and_not_tried_again() -> None:
    elsewhere = reply(status="302 Found", headers={"location": "https://evil.test/"})
    async with raw_server(answering([elsewhere])) as server:
        with pytest.raises(RedirectError, match=r"evil\.test"):
            await respond(server)

        assert len(server.visits) == 1


async def test_a_server_that_is_not_there_is_named() -> None:
    async with raw_server(answering()) as server:
        port = server.port

    with pytest.raises(NotSentError, match=rf"127\.0\.0\.1:{port}.*3 attempts"):
        await respond(server)
