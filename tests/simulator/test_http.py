"""HTTP as clients other than ours speak it."""

from __future__ import annotations

import json

import anyio
import pytest
from anyio.abc import SocketStream

from agentkit.simulator.reply import split_stream
from agentkit.simulator.server import simulate

pytestmark = pytest.mark.anyio

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Hello"}]}).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: simulator\r\n"
LENGTH = b"content-length: %d\r\n" % len(BODY)


async def receive_until(stream: SocketStream, end: bytes) -> bytes:
    received = b""
    with anyio.fail_after(10):
        while end not in received:
            received += await stream.receive()
    return received


async def is_closed(stream: SocketStream) -> bool:
    with anyio.fail_after(10):
        try:
            await stream.receive()
        except anyio.EndOfStream:
            return True
    return False


async def test_a_body_in_chunks_and_an_expected_permission_are_understood() -> None:
    async with simulate() as simulator, await anyio.connect_tcp("127.0.0.1", simulator.port) as stream:
        await stream.send(HEAD + b"transfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n")
        assert (await receive_until(stream, b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        await stream.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY))
        assert (await receive_until(stream, b"}}")).startswith(b"HTTP/1.1 200 ")
        assert simulator.requests[0].asked.body == BODY


async def test_requests_sent_without_waiting_are_answered_in_their_order() -> None:
    async with simulate() as simulator, await anyio.connect_tcp("127.0.0.1", simulator.port) as stream:
        await stream.send((HEAD + LENGTH + b"\r\n" + BODY) * 2)
        received = await receive_until(stream, b"req_00000002")
        assert received.index(b"req_00000001") < received.index(b"req_00000002")


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"connection: close\r\n",
        b"POST /v1/chat/completions HTTP/1.0\r\n",
    ],
)
async def test_a_connection_is_closed_when_the_client_wants_it(head: bytes) -> None:
    async with simulate() as simulator, await anyio.connect_tcp("127.0.0.1", simulator.port) as stream:
        await stream.send(head + LENGTH + b"\r\n" + BODY)
        assert b"\r\nconnection: close\r\n" in await receive_until(stream, b"}}")
        assert await is_closed(stream)


async def test_a_request_that_is_cut_is_no_request() -> None:
    async with simulate() as simulator:
        async with await anyio.connect_tcp("127.0.0.1", simulator.port) as stream:
            await stream.send(HEAD + LENGTH + b"\r\n" + BODY[:5])
        with anyio.fail_after(10):
            while simulator.open_connections or not simulator.connections:
                await anyio.lowlevel.checkpoint()
        assert simulator.count == 0


async def test_it_listens_on_the_other_protocol_too() -> None:
    try:
        async with simulate(host="::1") as simulator:
            assert simulator.url == f"http://[::1]:{simulator.port}"
            async with await anyio.connect_tcp("::1", simulator.port) as stream:
                await stream.send(b"GET /v1/models HTTP/1.1\r\nhost: simulator\r\n\r\n")
                assert (await receive_until(stream, b"}]}")).startswith(b"HTTP/1.1 200 OK")
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b"", ()),
        (b"data: 1\n\ndata: 2\n\n", (b"data: 1\n\n", b"data: 2\n\n")),
        (b"data: 1\r\n\r\n: x", (b"data: 1\r\n\r\n", b": x")),
        (b"a\r\rb\r\r", (b"a\r\r", b"b\r\r")),
        (b"no end", (b"no end",)),
    ],
)
def test_a_stream_is_split_into_events_and_stays_the_same(body: bytes, events: tuple[bytes, ...]) -> None:
    assert split_stream(body) == events
