"""What the fast transport does in its own way: bounds, strange servers, and what it leaves to httpx."""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

import anyio
import pytest

from agentkit.errors import ConfigurationError, ConnectionFailedError, ProtocolError
from agentkit.transport import fast_transport
from agentkit.transport.default import default_transport
from agentkit.transport.fast_connection import MAX_HEAD_BYTES
from agentkit.transport.fast_transport import FastTransport
from agentkit.transport.httpx_transport import HttpxTransport, StreamedReply
from agentkit.transport.protocol import HttpRequest, Reply

from .raw_server import CHUNKED, LAST_CHUNK, RawServer, Visit, chunk, raw_server, reply

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # under trio it is httpx that sends


async def send(url: str, *, method: str = "POST", body: bytes = b"{}", **headers: str) -> Reply:
    request = HttpRequest(method, url, tuple(headers.items()), body)
    return await FastTransport().send(request, connect_seconds=5)


def always(*pieces: bytes) -> Callable[[Visit], Awaitable[None]]:
    async def handler(visit: Visit) -> None:
        for piece in pieces:
            await visit.stream.send(piece)

    return handler


async def refused(server: RawServer) -> BaseException:
    with pytest.raises((ProtocolError, ConnectionFailedError)) as caught:
        await (await send(server.url)).read()
    await server.wait_until_open(0)
    return caught.value


async def test_reads_the_reply_behind_interim_ones() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    async with raw_server(always(early + reply(b"1"))) as server:
        for _ in range(2):
            got = await send(server.url)
            assert (got.status, dict(got.headers), await got.read()) == (
                200,
                {"content-type": "application/json", "content-length": "1"},
                b"1",
            )
        assert server.opened == 1


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async def until_closed(visit: Visit) -> None:
        await visit.stream.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nhello")
        await visit.stream.aclose()

    async with raw_server(until_closed) as server:
        assert await (await send(server.url)).read() == b"hello"
        assert await (await send(server.url)).read() == b"hello"
        assert server.opened == 2


async def test_a_reply_without_a_body_leaves_its_connection_usable() -> None:
    async with raw_server(always(b"HTTP/1.1 204 No Content\r\n\r\n")) as server:
        for _ in range(3):
            assert await (await send(server.url)).read() == b""
        assert server.opened == 1


async def test_a_trailer_is_no_header() -> None:
    stream = CHUNKED + chunk(b"data: 1\n\n") + b"0\r\nx-late: 1\r\n\r\n"
    async with raw_server(always(stream)) as server:
        for _ in range(2):
            got = await send(server.url)
            assert await got.read() == b"data: 1\n\n"
            assert "x-late" not in got.headers
        assert server.opened == 1


@pytest.mark.parametrize("form", ["one header", "many headers", "reason", "trailer"])
async def test_an_endless_head_is_given_up(form: str) -> None:
    starts = {
        "one header": b"HTTP/1.1 200 OK\r\nx: ",
        "many headers": b"HTTP/1.1 200 OK\r\n",
        "reason": b"HTTP/1.1 200 ",
        "trailer": CHUNKED + chunk(b"1") + b"0\r\nx: ",
    }
    more = b"x-header: yes\r\n" * 1_000 if form == "many headers" else b"x" * 15_000

    async def endless(visit: Visit) -> None:
        await visit.stream.send(starts[form])
        while True:
            await visit.stream.send(more)

    async with raw_server(endless) as server:
        error = await refused(server)
        assert f"more than {MAX_HEAD_BYTES // 1024} KiB of headers" in str(error)


@pytest.mark.parametrize(
    "whole",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n1",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"ffffffffffffffffff\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"\x00\x01\x02\x03",
        b"HTTP/1.1 abc\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_a_protocol_error(whole: bytes) -> None:
    async with raw_server(always(whole)) as server:
        assert type(await refused(server)) is ProtocolError


async def test_any_bytes_give_a_reply_or_a_typed_error() -> None:
    random = Random(7)
    whole = CHUNKED + chunk(b"data: 1\n\n") * 3 + LAST_CHUNK

    async def garbled(visit: Visit) -> None:
        data = bytearray(random.choice([whole, reply(b"{}"), b"HTTP/1.0 200\r\n\r\nx"]))
        for _ in range(random.randrange(4)):
            data[random.randrange(len(data))] = random.randrange(256)
        await visit.stream.send(bytes(data[: random.randrange(1, 2 * len(data))]))
        await visit.stream.aclose()

    ended: Counter[str] = Counter()
    async with raw_server(garbled) as server:
        for _ in range(400):
            try:
                got = await send(server.url)
                await got.read()
                ended["read"] += 1
            except (ProtocolError, ConnectionFailedError) as error:
                ended[type(error).__name__] += 1
        await server.wait_until_open(0)
    assert min(ended["read"], ended["ProtocolError"], ended["ConnectionFailedError"]) > 10, ended


async def test_bytes_behind_a_reply_cost_the_connection_and_not_the_reply() -> None:
    async with raw_server(always(reply(b"1") + b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        for _ in range(2):
            assert await (await send(server.url)).read() == b"1"
        await server.wait_until_open(0)
        assert server.opened == 2


async def test_bytes_on_an_idle_connection_close_it() -> None:
    sent = anyio.Event()

    async def talkative(visit: Visit) -> None:
        await visit.stream.send(reply(b"1"))
        await sent.wait()
        await visit.stream.send(reply(b"unasked"))

    async with raw_server(talkative) as server:
        assert await (await send(server.url)).read() == b"1"
        sent.set()
        await server.wait_until_open(0)
        assert await (await send(server.url)).read() == b"1"


async def test_a_reply_that_nobody_reads_stops_at_a_bound() -> None:
    blocks = 0

    async def flood(visit: Visit) -> None:
        nonlocal blocks
        await visit.stream.send(CHUNKED)
        for _ in range(400):
            await visit.stream.send(chunk(b"x" * 65_536))
            blocks += 1
        await visit.stream.send(LAST_CHUNK)

    async with raw_server(flood) as server:
        got = await send(server.url)
        await anyio.wait_all_tasks_blocked()
        seen = -1
        while blocks != seen:  # until the server cannot send on
            seen = blocks
            await anyio.wait_all_tasks_blocked()
        assert blocks < 400
        assert len(await got.read()) == 400 * 65_536


async def test_a_compressed_bomb_is_unpacked_piece_by_piece() -> None:
    bomb = gzip.compress(bytes(200 * 2**20))
    async with raw_server(always(reply(bomb, headers={"content-encoding": "gzip"}))) as server:
        got = await send(server.url)
        tracemalloc.start()
        async for piece in got.chunks():
            assert len(piece) < 32 * 2**20
            break
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        await got.aclose()
        assert peak < 64 * 2**20


async def test_says_the_length_of_the_body_itself() -> None:
    async with raw_server(always(reply())) as server:
        got = await send(server.url, body=b"abc", **{"content-length": "7", "transfer-encoding": "chunked"})
        await got.read()
        assert server.visits[0].head.count(b"\r\ncontent-length: 3") == 1
        assert b"chunked" not in server.visits[0].head


async def test_requests_that_differ_in_a_header_alone_are_told_apart() -> None:
    transport = FastTransport()
    async with raw_server(always(reply())) as server:
        for key in ("one", "one", "two"):
            request = HttpRequest("POST", server.url, (("authorization", key),), b"{}")
            await (await transport.send(request, connect_seconds=5)).read()
        assert [visit.header("authorization") for visit in server.visits] == ["one", "one", "two"]


async def test_a_head_request_is_left_to_httpx() -> None:
    async with raw_server(always(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")) as server:
        got = await send(server.url, method="HEAD", body=b"")
        assert isinstance(got, StreamedReply)
        assert await got.read() == b""


async def test_events_show_while_more_are_still_on_their_way() -> None:
    many = b"".join(chunk(b"data: %06d\n\n" % number) for number in range(20_000))
    async with raw_server(always(CHUNKED + many + LAST_CHUNK)) as server:
        sizes = [len(part) async for part in (await send(server.url)).chunks()]
    assert sum(sizes) == 20_000 * 14
    assert sizes[0] <= 16_384


def test_a_transport_serves_one_loop_after_another() -> None:
    transport = FastTransport()

    async def ask() -> bytes:
        async with raw_server(always(reply())) as server:
            got = await transport.send(HttpRequest("POST", server.url, (), b"{}"), connect_seconds=5)
            return await got.read()

    assert [asyncio.run(ask()), anyio.run(ask, backend="trio"), asyncio.run(ask())] == [b"{}"] * 3


@pytest.mark.parametrize(("value", "kind"), [("fast", FastTransport), ("httpx", HttpxTransport), (None, FastTransport)])
def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch, value: str | None, kind: type[Any]) -> None:
    monkeypatch.delenv("AGENTKIT_TRANSPORT", raising=False)
    if value is not None:
        monkeypatch.setenv("AGENTKIT_TRANSPORT", value)
    assert type(default_transport()) is kind


def test_the_environment_may_not_name_another_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTKIT_TRANSPORT", "aiohttp")
    with pytest.raises(ConfigurationError, match="AGENTKIT_TRANSPORT is 'aiohttp'; it can be 'fast' or 'httpx'"):
        default_transport()


def test_without_its_package_it_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTKIT_TRANSPORT", raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    fast_transport.is_installed.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=r"pip install 'pyagentkit\[fast\]'"):
            FastTransport()
        assert type(default_transport()) is HttpxTransport
    finally:
        fast_transport.is_installed.cache_clear()
