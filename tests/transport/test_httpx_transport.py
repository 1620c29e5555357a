"""Requests over real sockets: what arrives, what fails and how, and what is left behind."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import httpx2
import pytest

from agentkit.errors import ConfigurationError, ConnectionFailedError, DeadlineError, ProtocolError
from agentkit.transport.fast_transport import FastTransport
from agentkit.transport.httpx_transport import HttpxTransport
from agentkit.transport.protocol import (
    ConnectDeadlineError,
    HttpRequest,
    NotSentError,
    RedirectError,
    Reply,
    StaleConnectionError,
    Transport,
)

from .raw_server import CHUNKED, LAST_CHUNK, RawServer, Visit, chunk, raw_server, reply

pytestmark = pytest.mark.anyio


def request(url: str, body: bytes = b'{"n":1}', **headers: str) -> HttpRequest:
    given = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return HttpRequest("POST", url, tuple(given.items()), body)


async def send(server: RawServer, transport: Transport, **headers: str) -> Reply:
    return await transport.send(request(server.url, **headers), connect_seconds=5)


def always(*pieces: bytes) -> Callable[[Visit], Awaitable[None]]:
    async def handler(visit: Visit) -> None:
        for piece in pieces:
            await visit.stream.send(piece)

    return handler


OWN = {"shared": HttpxTransport, "fast": FastTransport}


@pytest.fixture(params=OWN)
def own(request: pytest.FixtureRequest) -> Transport:
    """A transport over connections of our own."""
    return OWN[request.param]()


@pytest.fixture(params=[*OWN, "httpx", "httpx2"])
async def transport(request: pytest.FixtureRequest, anyio_backend: str) -> Any:
    if request.param in OWN:
        yield OWN[request.param]()
        return
    package: Any = {"httpx": httpx, "httpx2": httpx2}[request.param]
    async with package.AsyncClient(trust_env=False) as client:
        yield HttpxTransport(client=client)
        assert not client.is_closed


async def test_sends_method_path_headers_and_body(transport: Transport) -> None:
    async with raw_server(always(reply())) as server:
        sent = request(server.url + "?alt=sse", authorization="Bearer k")
        got = await transport.send(sent, connect_seconds=5)
        assert await got.read() == b"{}"
        visit = server.visits[0]
        assert visit.head.split(b"\r\n")[0] == b"POST /v1/chat?alt=sse HTTP/1.1"
        assert visit.body == b'{"n":1}'
        assert visit.header("host") == f"127.0.0.1:{server.port}"
        assert visit.header("authorization") == "Bearer k"
        assert visit.header("content-type") == "application/json"
        assert "gzip" in (visit.header("accept-encoding") or "")


@pytest.mark.parametrize("status", [200, 400, 429, 503])
async def test_gives_status_headers_and_body(transport: Transport, status: int) -> None:
    bytes_back = reply(
        b'{"e":1}', status=f"{status} Whatever", headers={"Retry-After": "3", "X-One": "1", "x-one": "2"}
    )
    async with raw_server(always(bytes_back)) as server:
        got = await send(server, transport)
        assert got.status == status
        assert got.headers["retry-after"] == "3"
        assert got.headers["x-one"] == "1, 2"
        assert await got.read() == b'{"e":1}'


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_decodes_a_compressed_body(transport: Transport, encoding: str) -> None:
    body = b"hello " * 1000
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    async with raw_server(always(reply(packed, headers={"content-encoding": encoding}))) as server:
        assert await (await send(server, transport)).read() == body


async def test_a_broken_compressed_body_is_a_protocol_error(own: Transport) -> None:
    async with raw_server(always(reply(b"not gzip", headers={"content-encoding": "gzip"}))) as server:
        got = await send(server, own)
        with pytest.raises(ProtocolError):
            await got.read()
        await server.wait_until_open(0)


async def test_gives_chunks_as_they_arrive(transport: Transport) -> None:
    seen = anyio.Event()

    async def handler(visit: Visit) -> None:
        await visit.stream.send(CHUNKED + chunk(b"data: 1\n\n"))
        await seen.wait()
        await visit.stream.send(chunk(b"data: 2\n\n") + LAST_CHUNK)

    async with raw_server(handler) as server:
        got = await send(server, transport)
        chunks = []
        async for part in got.chunks():
            chunks.append(part)
            seen.set()
        assert chunks == [b"data: 1\n\n", b"data: 2\n\n"]


async def test_decodes_a_compressed_stream_as_it_arrives(transport: Transport) -> None:
    seen = anyio.Event()
    packer = zlib.compressobj(wbits=31)

    async def handler(visit: Visit) -> None:
        first = packer.compress(b"data: 1\n\n") + packer.flush(zlib.Z_SYNC_FLUSH)
        await visit.stream.send(CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n") + chunk(first))
        await seen.wait()
        await visit.stream.send(chunk(packer.compress(b"data: 2\n\n") + packer.flush()) + LAST_CHUNK)

    async with raw_server(handler) as server:
        got = await send(server, transport)
        found = b""
        async for part in got.chunks():
            found += part
            seen.set()
        assert found == b"data: 1\n\ndata: 2\n\n"


async def test_reads_a_reply_written_byte_by_byte(transport: Transport) -> None:
    whole = CHUNKED + chunk(b"data: 1\n\n") + chunk(b"data: 2\n\n") + LAST_CHUNK
    pieces = [whole[position : position + 1] for position in range(len(whole))]
    async with raw_server(always(*pieces)) as server:
        got = await send(server, transport)
        assert b"".join([part async for part in got.chunks()]) == b"data: 1\n\ndata: 2\n\n"


async def test_sends_a_large_body(transport: Transport) -> None:
    body = b"x" * 3_000_000
    async with raw_server(always(reply())) as server:
        got = await transport.send(request(server.url, body), connect_seconds=5)
        assert await got.read() == b"{}"
        assert server.visits[0].body == body


async def test_an_early_answer_to_a_large_body_is_read(transport: Transport) -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)

        async def refuse(stream: anyio.abc.SocketStream) -> None:
            async with stream:
                await stream.receive()
                await stream.send(reply(b"too large", status="413 Too Large", headers={"connection": "close"}))
                async for _ in stream:
                    pass

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, refuse)
            got = await transport.send(request(f"http://127.0.0.1:{port}/", b"x" * 500_000), connect_seconds=5)
            assert (got.status, await got.read()) == (413, b"too large")
            tasks.cancel_scope.cancel()


async def test_keeps_a_connection_for_the_next_request(transport: Transport) -> None:
    async with raw_server(always(reply())) as server:
        for _ in range(5):
            await (await send(server, transport)).read()
        assert (server.opened, len(server.visits)) == (1, 5)


async def test_bytes_behind_a_reply_are_never_the_reply_to_the_next_request(own: Transport) -> None:
    async with raw_server(always(reply(b"{}") + reply(b'"of another"'))) as server:
        for _ in range(4):
            with suppress(StaleConnectionError):  # the request did not go out
                assert await (await send(server, own)).read() == b"{}"
    assert 2 <= len(server.visits) <= 4


@pytest.mark.parametrize("anyio_backend", ["asyncio"])  # trio has no cancel that passes a shield
@pytest.mark.parametrize("kind", OWN)
async def test_cancels_of_asyncio_leave_no_connection_and_lose_no_place(kind: str) -> None:
    transport = (FastTransport if kind == "fast" else HttpxTransport)(max_connections=1)
    begun = anyio.Event()

    async def read(server: RawServer) -> None:
        got = await send(server, transport)
        try:
            async for _ in got.chunks():
                begun.set()
        finally:
            await got.aclose()

    async with raw_server(always(CHUNKED + chunk(b"{}"))) as server:
        task = asyncio.get_running_loop().create_task(read(server))
        await begun.wait()
        for _ in range(4):
            task.cancel()
            await anyio.lowlevel.checkpoint()
        with pytest.raises(asyncio.CancelledError):
            await task
        with anyio.fail_after(5):
            await (await send(server, transport)).aclose()


async def test_leaving_a_stream_early_closes_its_connection(transport: Transport) -> None:
    endless = [CHUNKED, *[chunk(b"data: %d\n\n" % number) for number in range(50)]]
    async with raw_server(always(*endless)) as server:
        got = await send(server, transport)
        async for _ in got.chunks():
            break
        await got.aclose()
        await got.aclose()
        await server.wait_until_open(0)
        assert [part async for part in got.chunks()] == []


async def test_leaving_a_compressed_stream_early_closes_its_connection(transport: Transport) -> None:
    packer = zlib.compressobj(wbits=31)
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n")
    pieces = [chunk(packer.compress(b"x" * 100) + packer.flush(zlib.Z_SYNC_FLUSH)) for _ in range(20)]
    async with raw_server(always(head, *pieces)) as server:
        got = await send(server, transport)
        async for _ in got.chunks():
            break
        await got.aclose()
        await server.wait_until_open(0)


async def test_closing_an_unread_reply_closes_its_connection(transport: Transport) -> None:
    async with raw_server(always(CHUNKED + chunk(b"data: 1\n\n"))) as server:
        got = await send(server, transport)
        await got.aclose()
        await server.wait_until_open(0)


async def test_a_cancel_while_waiting_for_the_head_closes_the_connection(transport: Transport) -> None:
    arrived = anyio.Event()

    async def silent(visit: Visit) -> None:
        arrived.set()
        await anyio.sleep_forever()

    async with raw_server(silent) as server, anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:

            async def cancel() -> None:
                await arrived.wait()
                scope.cancel()

            tasks.start_soon(cancel)
            await send(server, transport)
        assert scope.cancelled_caught
        server_side = server.visits[0].stream
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await server_side.receive()


async def test_a_cancel_within_the_body_closes_the_connection(transport: Transport) -> None:
    async def silent(visit: Visit) -> None:
        await visit.stream.send(CHUNKED + chunk(b"data: 1\n\n"))

    async with raw_server(silent) as server:
        got = await send(server, transport)
        with anyio.CancelScope() as scope:
            async for _ in got.chunks():
                scope.cancel()
        assert scope.cancelled_caught
        await got.aclose()
        await server.wait_until_open(0)


async def test_a_reply_left_under_a_cancelled_scope_is_closed(transport: Transport) -> None:
    async with raw_server(always(CHUNKED + chunk(b"data: 1\n\n"))) as server:
        got = await send(server, transport)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await got.aclose()
        await server.wait_until_open(0)


async def test_a_refused_connection_was_not_sent(transport: Transport) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(NotSentError, match=f"no connection to 127.0.0.1:{port}: .*; is the server running") as caught:
        await transport.send(request(f"http://127.0.0.1:{port}/"), connect_seconds=5)
    assert caught.value.__cause__ is not None
    assert not isinstance(caught.value, ConnectDeadlineError)


async def test_a_name_that_does_not_exist_was_not_sent(transport: Transport) -> None:
    with pytest.raises(NotSentError, match=r"no connection to nowhere\.invalid:80"):
        await transport.send(request("http://nowhere.invalid/"), connect_seconds=20)


async def test_a_connection_that_is_not_taken_up_ends_at_the_deadline(transport: Transport) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with pytest.raises(ConnectDeadlineError) as caught:
            await transport.send(request(f"http://127.0.0.1:{port}/"), connect_seconds=0.05)
        for one in waiting:
            one.close()
    assert isinstance(caught.value, TimeoutError | NotSentError)


async def test_a_server_that_speaks_no_tls_was_not_sent(transport: Transport) -> None:
    async def talk(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, talk)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        with pytest.raises(NotSentError):
            await transport.send(request(f"https://127.0.0.1:{port}/"), connect_seconds=5)
        tasks.cancel_scope.cancel()


# A cancel within a handshake or a write makes httpx itself leave sockets and generators behind, so no `transport` here.
@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_a_tls_handshake_that_never_answers_leaves_no_connection(own: Transport, is_cancelled: bool) -> None:
    hello = anyio.Event()
    closed = anyio.Event()

    async def silent(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            hello.set()
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await stream.receive()
            closed.set()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, silent)
        sent = request(f"https://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/")
        with anyio.CancelScope() as scope:

            async def cancel() -> None:
                await hello.wait()
                scope.cancel()

            if is_cancelled:
                tasks.start_soon(cancel)
                await own.send(sent, connect_seconds=30)
            else:
                with pytest.raises(ConnectDeadlineError):
                    await own.send(sent, connect_seconds=0.3)
        assert scope.cancelled_caught == is_cancelled
        with anyio.fail_after(5):
            await closed.wait()
        tasks.cancel_scope.cancel()


async def test_a_reply_closed_by_another_task_ends_the_reading(own: Transport) -> None:
    async with raw_server(always(CHUNKED + chunk(b"data: 1\n\n"))) as server, anyio.create_task_group() as tasks:
        got = await send(server, own)
        reading = anyio.Event()

        async def read() -> None:
            with pytest.raises(ConnectionFailedError):
                async for _ in got.chunks():
                    reading.set()

        tasks.start_soon(read)
        await reading.wait()
        await anyio.wait_all_tasks_blocked()
        await got.aclose()
        await server.wait_until_open(0)


async def test_cancels_at_any_moment_leave_only_usable_connections(own: Transport) -> None:
    pieces = [CHUNKED, *[chunk(b"data: %d\n\n" % number) for number in range(5)], LAST_CHUNK]

    async def slow(visit: Visit) -> None:
        for piece in pieces:
            await anyio.lowlevel.checkpoint()
            await visit.stream.send(piece)

    async def one(server: RawServer, steps: int) -> None:
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as watch:

                async def cancel() -> None:
                    for _ in range(steps):
                        await anyio.lowlevel.checkpoint()
                    scope.cancel()

                watch.start_soon(cancel)
                got = await send(server, own)
                try:
                    async for _ in got.chunks():
                        pass
                finally:
                    await got.aclose()
                watch.cancel_scope.cancel()

    async with raw_server(slow) as server:
        for steps in range(60):
            await one(server, steps)
        got = await send(server, own)
        assert await got.read() == b"".join(b"data: %d\n\n" % number for number in range(5))
        await server.wait_until_open(1)


def _reset(visit: Visit) -> None:
    """Make the close of the connection a reset."""
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    raw_socket: Any = visit.stream.extra(anyio.abc.SocketAttribute.raw_socket)
    raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_first_connection_closed_without_reply_may_have_been_sent(transport: Transport, is_reset: bool) -> None:
    async def close(visit: Visit) -> None:
        if is_reset:
            _reset(visit)
        await visit.stream.aclose()

    async with raw_server(close) as server:
        with pytest.raises(ConnectionFailedError) as caught:
            await send(server, transport)
        assert not isinstance(caught.value, NotSentError)
        assert caught.value.is_retryable


@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_body_cut_short_is_a_lost_connection(transport: Transport, is_reset: bool) -> None:
    seen = anyio.Event()

    async def cut(visit: Visit) -> None:
        await visit.stream.send(CHUNKED + chunk(b"data: 1\n\n"))
        await seen.wait()
        if is_reset:
            _reset(visit)
        await visit.stream.aclose()

    async with raw_server(cut) as server:
        got = await send(server, transport)
        found = []
        with pytest.raises(ConnectionFailedError) as caught:
            async for part in got.chunks():
                found.append(part)
                seen.set()
        assert found == [b"data: 1\n\n"]
        assert not isinstance(caught.value, NotSentError)


async def test_a_reply_that_is_not_http_is_a_protocol_error(transport: Transport) -> None:
    async with raw_server(always(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")) as server:
        with pytest.raises(ProtocolError):
            await send(server, transport)
        await server.wait_until_open(0)


async def test_an_idle_connection_that_the_server_closed_is_not_used_again(own: Transport) -> None:
    async def close_after(visit: Visit) -> None:
        await visit.stream.send(reply())
        await visit.stream.aclose()

    async with raw_server(close_after) as server:
        for _ in range(3):
            assert await (await send(server, own)).read() == b"{}"
            await server.wait_until_open(0)
        assert server.opened == 3


@pytest.mark.parametrize("is_reset", [False, True])
async def test_a_kept_connection_closed_as_the_request_arrives_is_stale(own: Transport, is_reset: bool) -> None:
    async def once(visit: Visit) -> None:
        if visit.number == 0:
            await visit.stream.send(reply())
            return
        if is_reset:
            _reset(visit)
        await visit.stream.aclose()

    async with raw_server(once) as server:
        await (await send(server, own)).read()
        with pytest.raises(StaleConnectionError):
            await send(server, own)
        assert await (await send(server, own)).read() == b"{}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_refuses_a_redirect_and_names_its_host_alone(transport: Transport, status: int) -> None:
    location = "https://evil.example:8443/steal?key=secret"
    async with raw_server(always(reply(b"", status=f"{status} Moved", headers={"location": location}))) as server:
        with pytest.raises(RedirectError) as caught:
            await send(server, transport)
        assert (caught.value.status, caught.value.host) == (status, "evil.example:8443")
        assert not caught.value.is_retryable
        assert "secret" not in str(caught.value)
        assert len(server.visits) == 1


@pytest.mark.parametrize(("location", "host"), [("/v2/chat", "127.0.0.1"), ("//other/x", "other"), ("", "")])
async def test_names_the_host_of_any_form_of_redirect(own: Transport, location: str, host: str) -> None:
    async with raw_server(always(reply(b"", status="307 Moved", headers={"location": location}))) as server:
        with pytest.raises(RedirectError) as caught:
            await send(server, own)
        assert caught.value.host == host


@pytest.mark.parametrize("value", ["Bearer sk-secret\n", " Bearer sk-secret", "Bearer sk-secretß", "a\r\nb: sk-secret"])
async def test_a_header_that_http_forbids_is_refused_without_showing_it(transport: Transport, value: str) -> None:
    with pytest.raises(ConfigurationError, match="'authorization'") as caught:
        await transport.send(request("http://127.0.0.1:1/", authorization=value), connect_seconds=5)
    assert "sk-secret" not in str(caught.value)
    assert caught.value.__context__ is None


async def test_a_header_name_that_http_forbids_is_refused(transport: Transport) -> None:
    sent = HttpRequest("POST", "http://127.0.0.1:1/", (("x key", "1"),), b"")
    with pytest.raises(ConfigurationError, match="'x key' is no name for a header"):
        await transport.send(sent, connect_seconds=5)


@pytest.mark.parametrize("url", ["ftp://h/", "api.example.com/v1", "http://", "http://h:99999/?key=sk-secret"])
async def test_a_url_that_http_cannot_reach_is_refused(own: Transport, url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await own.send(request(url), connect_seconds=5)
    assert "sk-secret" not in str(caught.value)


async def test_a_user_and_password_in_the_url_become_basic_authorization(transport: Transport) -> None:
    async with raw_server(always(reply())) as server:
        url = f"http://me:p%40ss@127.0.0.1:{server.port}/"
        await (await transport.send(request(url), connect_seconds=5)).read()
        assert server.visits[0].header("authorization") == "Basic bWU6cEBzcw=="
        assert server.visits[0].header("host") == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("package", [httpx, httpx2])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ConnectTimeout", ConnectDeadlineError),
        ("PoolTimeout", ConnectDeadlineError),
        ("ReadTimeout", DeadlineError),
        ("ConnectError", NotSentError),
        ("ProxyError", NotSentError),
        ("ReadError", ConnectionFailedError),
        ("WriteError", ConnectionFailedError),
        ("RemoteProtocolError", ProtocolError),
    ],
)
async def test_failures_of_a_clients_own_transport_become_ours(package: Any, name: str, expected: type) -> None:
    def fail(_: Any) -> Any:
        raise getattr(package, name)("it broke")

    async with package.AsyncClient(transport=package.MockTransport(fail)) as client:
        with pytest.raises(expected) as caught:
            await HttpxTransport(client=client).send(request("http://127.0.0.1:1/"), connect_seconds=5)
    assert type(caught.value) is expected
    assert type(caught.value.__cause__) is getattr(package, name)


async def test_refuses_a_client_of_another_kind() -> None:
    with pytest.raises(ConfigurationError, match=r"httpx.AsyncClient or httpx2.AsyncClient, not object"):
        await HttpxTransport(client=object()).send(request("http://127.0.0.1:1/"), connect_seconds=5)  # type: ignore


async def test_many_requests_at_once_share_connections_with_the_next_wave(own: Transport) -> None:
    release = anyio.Event()
    everyone = anyio.Condition()
    waiting = 0

    async def together(visit: Visit) -> None:
        nonlocal waiting
        async with everyone:
            waiting += 1
            if waiting % 200 == 0:
                release.set()
            everyone.notify_all()
        await release.wait()
        await visit.stream.send(reply())

    async def one(server: RawServer) -> None:
        await (await send(server, own)).read()

    async with raw_server(together) as server:
        for _ in range(3):
            release = anyio.Event()
            async with anyio.create_task_group() as tasks:
                for _ in range(200):
                    tasks.start_soon(one, server)
        assert (server.opened, len(server.visits)) == (200, 600)
