"""Connections live as long as their event loop, and go where the environment says."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import ssl
import subprocess
import sys
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from anyio.from_thread import start_blocking_portal
from anyio.streams.tls import TLSListener, TLSStream

from agentkit.errors import ConfigurationError
from agentkit.transport.connections import Connections, httpcore_source
from agentkit.transport.default import default_transport
from agentkit.transport.fast_transport import FastTransport
from agentkit.transport.httpx_transport import HttpxTransport
from agentkit.transport.protocol import HttpRequest, NotSentError
from agentkit.transport.target import target_of

from .raw_server import CHUNKED, RawServer, Visit, chunk, raw_server, reply

_CERTIFICATE = Path(__file__).with_name("localhost.pem")  # for localhost, made for these tests, valid until 2126

_TRANSPORTS = {"httpx": HttpxTransport, "fast": FastTransport}


@pytest.fixture(params=_TRANSPORTS, autouse=True)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which transport is the default one; child processes inherit it."""
    monkeypatch.setenv("AGENTKIT_TRANSPORT", request.param)
    return request.param


async def answer(visit: Visit) -> None:
    await visit.stream.send(reply())


async def post(url: str) -> bytes:
    got = await default_transport().send(HttpRequest("POST", url, (), b"{}"), connect_seconds=5)
    return await got.read()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_connections_are_kept_within_a_loop_and_closed_at_its_end(backend: str) -> None:
    async def three_at_once(server: RawServer) -> None:
        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(post, server.url)

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(raw_server(answer)) as server:
        for opened in (3, 6):
            anyio.run(three_at_once, server, backend=backend)
            portal.call(server.wait_until_open, 0)
            assert (server.opened, len(server.visits)) == (opened, opened * 2)
    gc.collect()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_reply_that_nobody_closed_is_closed_at_the_end_of_its_loop(backend: str) -> None:
    async def endless(visit: Visit) -> None:
        await visit.stream.send(CHUNKED + chunk(b"data: 1\n\n"))

    async def forget(server: RawServer) -> None:
        await default_transport().send(HttpRequest("POST", server.url, (), b"{}"), connect_seconds=5)

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(raw_server(endless)) as server:
        anyio.run(forget, server, backend=backend)
        portal.call(server.wait_until_open, 0)
    gc.collect()


def test_a_loop_that_ended_is_not_held_in_memory() -> None:
    loops: list[weakref.ref[Any]] = []

    async def once(server: RawServer) -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await post(server.url)

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(raw_server(answer)) as server:
        asyncio.run(once(server))
    gc.collect()
    assert loops[0]() is None


@dataclass(eq=False)
class StubConnection:
    """A connection in a state that a test gives it."""

    expired: bool = False
    closed: bool = False

    async def handle_async_request(self, request: Any) -> Any:
        raise AssertionError("these tests send nothing")

    async def aclose(self) -> None:
        self.closed = True

    def is_idle(self) -> bool:
        return not self.closed

    def has_expired(self) -> bool:
        return self.expired


@pytest.mark.anyio
async def test_gives_the_connection_that_was_used_last() -> None:
    connections, target = Connections(source=httpcore_source), target_of("http://127.0.0.1:1/")
    await connections.take(target)
    older, newer = StubConnection(), StubConnection()
    await connections.give_back(older, target)
    await connections.give_back(newer, target)
    assert [await connections.take(target), await connections.take(target)] == [newer, older]


@pytest.mark.anyio
async def test_closes_an_expired_connection_instead_of_giving_it() -> None:
    connections, target = Connections(source=httpcore_source), target_of("http://127.0.0.1:1/")
    await connections.take(target)
    expired = StubConnection(expired=True)
    await connections.give_back(expired, target)
    assert await connections.take(target) is not expired
    assert expired.closed


@pytest.mark.anyio
async def test_closes_expired_connections_of_origins_that_nobody_asks_for_again() -> None:
    now = 0.0
    connections = Connections(source=httpcore_source, clock=lambda: now)
    deserted, busy = target_of("http://127.0.0.1:1/"), target_of("http://127.0.0.1:2/")
    for target in (deserted, busy):
        await connections.take(target)
    expired, living, last = StubConnection(expired=True), StubConnection(), StubConnection()
    await connections.give_back(expired, deserted)
    await connections.give_back(living, deserted)
    await connections.give_back(last, busy)
    assert not expired.closed
    now = 31.0
    await connections.give_back(await connections.take(busy), busy)
    assert (expired.closed, living.closed, last.closed) == (True, False, False)


@pytest.mark.anyio
async def test_keeps_no_connection_once_closed() -> None:
    connections, target = Connections(source=httpcore_source), target_of("http://127.0.0.1:1/")
    await connections.take(target)
    late = StubConnection()
    await connections.aclose()
    await connections.give_back(late, target)
    assert late.closed


@pytest.mark.anyio
async def test_who_finds_no_place_waits_in_line_and_one_who_leaves_the_line_holds_up_nobody() -> None:
    connections, target = Connections(source=httpcore_source), target_of("http://127.0.0.1:1/")
    first = await connections.take(target, most=1)
    came: list[str] = []

    async def take(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            connection = await connections.take(target, most=1)
            came.append(name)
            await connections.give_back(connection, target)

    async with anyio.create_task_group() as tasks:
        scopes = {name: anyio.CancelScope() for name in ("early", "gone before", "late")}
        for name, scope in scopes.items():
            tasks.start_soon(take, name, scope)
            await anyio.wait_all_tasks_blocked()
        scopes["gone before"].cancel()
        await anyio.wait_all_tasks_blocked()
        assert came == []
        await connections.drop(first)
        await anyio.wait_all_tasks_blocked()
    assert came == ["early", "late"]
    assert await connections.take(target, most=1) is not first


@pytest.mark.anyio
async def test_a_place_given_to_one_who_is_cancelled_goes_to_the_next() -> None:
    connections, target = Connections(source=httpcore_source), target_of("http://127.0.0.1:1/")
    first = await connections.take(target, most=1)
    scope = anyio.CancelScope()

    async def cancelled() -> None:
        with scope:
            await connections.take(target, most=1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(cancelled)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        await connections.give_back(first, target)
    with anyio.fail_after(1):
        await connections.take(target, most=1)


@pytest.mark.anyio
async def test_a_host_gets_no_more_connections_than_are_allowed(kind: str) -> None:
    async with raw_server(answer) as server:
        transport = _TRANSPORTS[kind](max_connections=3)
        bodies: list[bytes] = []

        async def ask() -> None:
            got = await transport.send(HttpRequest("POST", server.url, (), b"{}"), connect_seconds=5)
            bodies.append(await got.read())

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(ask)
        assert (bodies, server.opened) == ([b"{}"] * 20, 3)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.anyio
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_goes_through_the_proxy_of_the_environment(clean_environment: pytest.MonkeyPatch, variable: str) -> None:
    async with raw_server(answer) as proxy:
        clean_environment.setenv(variable, f"http://me:secret@127.0.0.1:{proxy.port}")
        for _ in range(2):
            assert await post("http://nowhere.invalid/v1") == b"{}"
        assert (proxy.opened, len(proxy.visits)) == (1, 2)
        assert proxy.visits[0].head.startswith(b"POST http://nowhere.invalid/v1 HTTP/1.1\r\n")
        assert proxy.visits[0].header("host") == "nowhere.invalid"
        assert proxy.visits[0].header("proxy-authorization") == "Basic bWU6c2VjcmV0"


@pytest.mark.anyio
@pytest.mark.parametrize("excluded", ["127.0.0.1", "*", "other,127.0.0.1:{port}"])
async def test_no_proxy_names_hosts_that_are_reached_directly(
    clean_environment: pytest.MonkeyPatch, excluded: str
) -> None:
    async with raw_server(answer) as server:
        clean_environment.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        clean_environment.setenv("NO_PROXY", excluded.format(port=server.port))
        assert await post(server.url) == b"{}"


@pytest.mark.anyio
async def test_a_refused_connection_says_what_to_look_at(
    clean_environment: pytest.MonkeyPatch, free_tcp_port: int
) -> None:
    said = rf"no connection to 127\.0\.0\.1:{free_tcp_port}: .*; is the server running, and is the address right\?"
    with pytest.raises(NotSentError, match=said):
        await post(f"http://127.0.0.1:{free_tcp_port}/")


@pytest.mark.anyio
async def test_a_proxy_that_refuses_the_tunnel_means_not_sent(clean_environment: pytest.MonkeyPatch) -> None:
    async def refuse(visit: Visit) -> None:
        await visit.stream.send(reply(b"", status="403 Forbidden"))

    async with raw_server(refuse) as proxy:
        clean_environment.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        with pytest.raises(NotSentError, match=r"no connection to nowhere\.invalid:443: 403"):
            await post("https://nowhere.invalid/v1")
        assert proxy.visits[0].head.startswith(b"CONNECT nowhere.invalid:443 HTTP/1.1\r\n")
        await proxy.wait_until_open(0)


@pytest.mark.anyio
async def test_a_proxy_address_of_an_unknown_kind_is_refused(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("HTTP_PROXY", "gopher://me:secret@127.0.0.1:1")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="the proxy for http in the environment") as caught:
            await post("http://nowhere.invalid/v1")
        assert "secret" not in str(caught.value)


@pytest.mark.anyio
@pytest.mark.skipif(importlib.util.find_spec("socksio") is not None, reason="socksio is installed, nothing is missing")
async def test_a_socks_proxy_without_its_package_names_what_to_install(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=r"pip install 'httpx\[socks\]'"):
        await post("http://nowhere.invalid/v1")


_TLS_CLIENT = """
import sys, anyio
from agentkit.transport.default import default_transport
from agentkit.transport.protocol import HttpRequest

async def main(backend):
    for _ in range(2):
        reply = await default_transport().send(HttpRequest("POST", sys.argv[1], (), b"{}"), connect_seconds=5)
        print(backend, (await reply.read()).decode())

for backend in ("asyncio", "trio"):
    anyio.run(main, backend, backend=backend)
"""


def run_tls_client(url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", _TLS_CLIENT, url],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        env={**inherited, **environment, "NO_PROXY": "*"},
        check=False,
    )


async def serve_tls(stream: SocketStream | TLSStream) -> None:
    async with stream:
        while True:
            try:
                data = await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError, ssl.SSLError):
                return
            if data:
                await stream.send(reply(b"secret"))


class TlsServer:
    """Answers each request over TLS, with a certificate that only its own file vouches for."""

    async def __aenter__(self) -> int:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(_CERTIFICATE)
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        self._tasks = await anyio.create_task_group().__aenter__()
        self._listener = TLSListener(listener, context, standard_compatible=False)
        self._tasks.start_soon(self._listener.serve, serve_tls)
        return listener.extra(SocketAttribute.local_port)

    async def __aexit__(self, *error: Any) -> None:
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self._listener.aclose()


def test_trusts_the_certificates_of_the_environment() -> None:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(TlsServer()) as port:
        done = run_tls_client(f"https://localhost:{port}/", SSL_CERT_FILE=str(_CERTIFICATE))
    assert (done.stdout, done.stderr) == ("asyncio secret\nasyncio secret\ntrio secret\ntrio secret\n", "")


def test_refuses_a_certificate_that_nobody_vouches_for() -> None:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(TlsServer()) as port:
        done = run_tls_client(f"https://localhost:{port}/")
    assert done.returncode == 1
    assert f"NotSentError: no TLS connection to localhost:{port}" in done.stderr
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr


_LOADED = "[name for name in ('httpx', 'httpcore', 'h11', 'httptools') if name in sys.modules]"


def test_importing_the_transport_loads_no_http_client() -> None:
    code = f"import sys, agentkit.transport.default; print({_LOADED})"
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=root, check=True
    )
    assert done.stdout == "[]\n"
