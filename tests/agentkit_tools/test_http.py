"""The HTTP tools: what they bring back, and what they refuse to reach. Servers run on this machine only."""

from __future__ import annotations

import gzip
import json
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit import Agent, Approve, ToolError
from agentkit.errors import ConfigurationError
from agentkit.messages import Failed, Returned
from agentkit.testing import ScriptedModel, calls
from agentkit_tools.addresses import why_refused
from agentkit_tools.http import Http, HttpResult

pytestmark = pytest.mark.anyio

CERTIFICATE = str(Path(__file__).resolve().parents[1] / "transport" / "localhost.pem")
KEY = "sk-very-secret-7f3a"


@dataclass
class Server:
    """A server on this machine; `pages` holds what it does by path."""

    url: str
    port: int
    pages: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    """Method, path, headers and body of each request."""
    released: threading.Event = field(default_factory=threading.Event)
    """Handlers that hang wait for it."""


def reply(
    body: bytes | str = b"", *, status: int = 200, type: str = "text/plain", headers: dict[str, str] | None = None
) -> Callable[[BaseHTTPRequestHandler], None]:
    content = body.encode() if isinstance(body, str) else body

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        if type:
            request.send_header("content-type", type)
        request.send_header("content-length", str(len(content)))
        for name, value in (headers or {}).items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(content)

    return handle


def redirect(to: str, status: int = 302) -> Callable[[BaseHTTPRequestHandler], None]:
    return reply(status=status, headers={"location": to})


def serve(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            server.seen.append(
                (self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length))
            )
            page = server.pages.get(self.path.partition("?")[0], reply("no such page", status=404))
            try:
                page(self)
            except OSError:
                self.close_connection = True  # the client has had enough

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

        def log_message(self, format: str, *args: Any) -> None: ...

    class Quiet(ThreadingHTTPServer):
        daemon_threads = False  # joined when it closes
        block_on_close = True

        def handle_error(self, request: Any, client_address: Any) -> None: ...

    with Quiet(("127.0.0.1", 0), Handler) as listening:
        if context is not None:
            listening.socket = context.wrap_socket(listening.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "http" if context is None else "https"
        server = Server(f"{scheme}://127.0.0.1:{listening.server_port}", listening.server_port)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            listening.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    yield from serve()


@pytest.fixture
def other() -> Iterator[Server]:
    yield from serve()


def leads_to(*addresses: str) -> Callable[[str, int], Any]:
    """A resolver that answers every name with these addresses."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return list(addresses)

    return resolve


async def names(http: Http) -> list[str]:
    return [made.name for made in await http.list_tools()]


async def test_offers_what_its_methods_allow() -> None:
    assert await names(Http("https://api.test")) == ["http_get"]
    assert await names(Http("https://api.test", methods=["GET", "POST"])) == ["http_get", "http_request"]
    assert await names(Http("https://api.test", methods=["POST"])) == ["http_request"]
    effects = {}
    for methods in (["HEAD"], ["HEAD", "PUT"], ["GET", "POST", "DELETE"]):
        made = (await Http("https://api.test", methods=methods).list_tools())[-1]
        effects[tuple(made.parameters["properties"]["method"]["enum"])] = (
            made.effect,
            bool(made.approve),
            made.untrusted,
        )
    assert effects == {
        ("HEAD",): ("read", False, True),
        ("HEAD", "PUT"): ("write", False, True),
        ("POST", "DELETE"): ("destructive", True, True),
    }


async def test_tells_the_model_what_it_may_reach() -> None:
    (made,) = await Http(allow=["docs.test", "https://api.test/v1/"]).list_tools()
    assert made.description.endswith("Allowed: docs.test, https://api.test/v1/")
    (made,) = await Http("https://api.test/v1/").list_tools()
    assert made.description.endswith("Base URL: https://api.test/v1")
    assert (made.effect, made.untrusted) == ("read", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"base_url": "https://a.test", "allow": ["b.test"]},
        {"allow": []},
        {"allow": "a.test"},
        {"allow": ["ftp://a.test"]},
        {"allow": ["https://user:word@a.test/"]},
        {"allow": ["a b"]},
        {"allow": ["https://a.test/%2e%2e/b"]},
        {"base_url": "a.test"},
        {"base_url": "https://a.test", "methods": ["STEAL"]},
        {"base_url": "https://a.test", "methods": []},
        {"base_url": "https://a.test", "max_bytes": 0},
        {"base_url": "https://a.test", "headers": {"x-key": "a\r\nb: c"}},
        {"base_url": "https://a.test", "headers": {"host": "b.test"}},
        {"allow": ["*"], "headers": {"authorization": f"Bearer {KEY}"}},
        {"allow": ["*.a.test"], "headers": {"authorization": f"Bearer {KEY}"}},
    ],
)
async def test_refuses_settings_that_contradict(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Http(**wrong)
    assert "word" not in str(caught.value).replace("password", "")
    assert KEY not in str(caught.value)


async def test_gets_json_from_a_path_of_the_base_url(server: Server) -> None:
    server.pages["/v1/orders"] = reply(
        '{"orders": [1, 2]}', type="application/json; charset=utf-8", headers={"etag": '"a"'}
    )
    http = Http(f"{server.url}/v1", allow_private=True, headers={"X-Key": KEY})
    result = await http.http_get("/orders", query={"page": 2, "open": True}, headers={"Accept": "application/json"})
    assert result == HttpResult(
        f"{server.url}/v1/orders?page=2&open=true",
        200,
        "application/json; charset=utf-8",
        {"orders": [1, 2]},
        {"etag": '"a"'},
    )
    method, path, headers, body = server.seen[0]
    assert (method, path, headers["x-key"], headers["accept"], body) == (
        "GET",
        "/v1/orders?page=2&open=true",
        KEY,
        "application/json",
        b"",
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("orders", "/v1/orders"),
        ("/orders?x=1#top", "/v1/orders?x=1"),
        ("", "/v1"),
        ("/", "/v1"),
        ("?x=1", "/v1?x=1"),
        ("http:orders", "/v1/http:orders"),
        ("{base}/v1/orders", "/v1/orders"),
    ],
)
async def test_paths_go_behind_the_base_url(server: Server, text: str, path: str) -> None:
    await Http(f"{server.url}/v1/", allow_private=True).http_get(text.replace("{base}", server.url))
    assert [seen[1] for seen in server.seen] == [path]


@pytest.mark.parametrize("text", ["../admin", "//127.0.0.1/", "/..%2fadmin", "{base}/admin", "{base}.evil.test/v1"])
async def test_no_path_leaves_the_base_url(server: Server, text: str) -> None:
    with pytest.raises(ToolError):
        await Http(f"{server.url}/v1", allow_private=True).http_get(text.replace("{base}", server.url))
    assert server.seen == []


async def test_a_status_that_is_an_error_is_a_result_like_any_other(server: Server) -> None:
    result = await Http(server.url, allow_private=True).http_get("missing")
    assert (result.status, result.body) == (404, "no such page")


async def test_sends_json_and_text(server: Server) -> None:
    server.pages["/in"] = reply(status=204, type="")
    http = Http(server.url, methods=["POST", "PUT"], allow_private=True)
    assert (await http.http_request("POST", "in", json={"a": 1})).body is None
    await http.http_request("PUT", "in", text="grün", headers={"content-type": "text/csv"})
    assert [(method, headers["content-type"], body) for method, _, headers, body in server.seen] == [
        ("POST", "application/json", b'{"a":1}'),
        ("PUT", "text/csv", "grün".encode()),
    ]
    with pytest.raises(ToolError, match="json or text, not both"):
        await http.http_request("POST", "in", json={}, text="x")
    with pytest.raises(ToolError, match="The method DELETE is not allowed; these are: POST, PUT"):
        await http.http_request("DELETE", "in")


async def test_headers_of_the_model_cannot_replace_ours_or_break_the_request(server: Server) -> None:
    http = Http(server.url, allow_private=True, headers={"Authorization": f"Bearer {KEY}"})
    for name in (
        "authorization",
        "HOST",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Proxy-X",
        "X-HTTP-Method-Override",
    ):
        with pytest.raises(ToolError, match="is set already"):
            await http.http_get("/", headers={name: "x"})
    for name, value in (("x", "a\r\nb: c"), ("x", "a\0"), ("x y", "a"), ("x", "ü"), ("", "a")):
        with pytest.raises(ToolError, match="a character that headers cannot have"):
            await http.http_get("/", headers={name: value})
    assert server.seen == []


@pytest.mark.parametrize(
    ("content", "type", "body"),
    [
        ("grün".encode("latin-1"), "text/plain; charset=iso-8859-1", "grün"),
        ("grün".encode(), "text/plain", "grün"),
        ("grün".encode("cp1252"), "text/html", "grün"),
        (b"abc", "text/plain; charset=idna", "abc"),
        (b"abc", "text/plain; charset=iso-8859-99", "abc"),
        (b"{broken", "application/json", "{broken"),
        (b"[" * 5000, "application/json", "[" * 5000),
        (b'{"a": 1}', "application/problem+json", {"a": 1}),
        (b"\x89PNG\r\n\x1a\n\0\0", "image/png", "(binary: image/png, 10 bytes were read)"),
        (b"%PDF-1.7 ...", "", "(binary: application/pdf, 12 bytes were read)"),
        (b"", "text/plain", None),
    ],
)
async def test_decodes_what_comes(server: Server, content: bytes, type: str, body: Any) -> None:
    server.pages["/page"] = reply(content, type=type)
    assert (await Http(server.url, allow_private=True).http_get("page")).body == body


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("gzip", gzip.compress(b"packed text", mtime=0)),
        ("gzip", gzip.compress(b"packed ", mtime=0) + gzip.compress(b"text", mtime=0)),
        ("deflate", zlib.compress(b"packed text")),
        ("deflate", zlib.compress(b"packed text")[2:-4]),
    ],
)
async def test_unpacks(server: Server, encoding: str, content: bytes) -> None:
    server.pages["/page"] = reply(content, headers={"content-encoding": encoding})
    result = await Http(server.url, allow_private=True).http_get("page")
    assert (result.body, result.note) == ("packed text", None)


async def test_a_packing_that_was_not_asked_for_is_described(server: Server) -> None:
    server.pages["/page"] = reply("not really", headers={"content-encoding": "br"})
    result = await Http(server.url, allow_private=True).http_get("page")
    assert result.body == "(packed as br, which was not asked for and cannot be read here)"


async def test_a_long_answer_is_cut(server: Server) -> None:
    server.pages["/long"] = reply("ü" * 5_000_000)
    server.pages["/exact"] = reply("x" * 1001)
    http = Http(server.url, allow_private=True, max_bytes=1001)
    result = await http.http_get("long")
    assert (result.body, result.note) == ("ü" * 500, "only the first 1001 bytes are shown of 10000000")
    assert (await http.http_get("exact")).note is None


async def test_a_packed_bomb_is_cut(server: Server) -> None:
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packed.compress(bytes(1_000_000)) for _ in range(200)) + packed.flush()  # 200 MB in 200 kB
    server.pages["/bomb"] = reply(bomb, headers={"content-encoding": "gzip"})
    server.pages["/empty"] = reply(gzip.compress(b"") * 50_000, headers={"content-encoding": "gzip"})
    server.pages["/broken"] = reply(gzip.compress(b"x" * 99)[:-20] + b"!" * 40, headers={"content-encoding": "gzip"})
    http = Http(server.url, allow_private=True, max_bytes=1000)
    assert (await http.http_get("bomb")).note == "only the first 1000 bytes are shown"
    assert (await http.http_get("empty")).note == "the packed data unpacks to nothing, without end"
    assert (await http.http_get("broken")).note == "the packed data is damaged; only what could be read is shown"


async def test_a_server_that_is_silent_is_given_up(server: Server) -> None:
    server.pages["/silent"] = lambda request: server.released.wait() and None
    http = Http(server.url, allow_private=True, timeout_seconds=0.2)
    with pytest.raises(ToolError, match=r"/silent did not answer within 0\.2 seconds") as caught:
        await http.http_get("silent")
    assert caught.value.is_retryable


async def test_what_came_in_time_is_kept(server: Server) -> None:
    def begin(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-length", "100")
        request.end_headers()
        request.wfile.write(b"the beginning")
        request.wfile.flush()
        server.released.wait()

    def cut(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-length", "100")
        request.end_headers()
        request.wfile.write(b"the beginning")
        request.close_connection = True

    server.pages.update({"/slow": begin, "/cut": cut})
    http = Http(server.url, allow_private=True, timeout_seconds=0.3)
    result = await http.http_get("cut")
    assert (result.body, result.note) == ("the beginning", "the connection was lost before the end")
    result = await http.http_get("slow")
    assert (result.body, result.note) == ("the beginning", "the time was up before the end")


async def test_a_server_that_is_not_there_is_told(server: Server) -> None:
    with pytest.raises(ToolError, match="could not be reached: no connection") as caught:
        await Http("http://127.0.0.1:1", allow_private=True).http_get("/")
    assert caught.value.is_retryable

    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    with pytest.raises(ToolError, match=r"The host 'nowhere\.test' is not known"):
        await Http(allow=["nowhere.test"], resolve=unknown).http_get("https://nowhere.test/")


REFUSED = {
    "127.0.0.1": "a loopback address",
    "127.8.9.1": "a loopback address",
    "10.1.2.3": "a private address",
    "172.31.0.1": "a private address",
    "192.168.1.1": "a private address",
    "169.254.1.1": "a link-local address",
    "169.254.169.254": "the metadata service of a cloud",
    "168.63.129.16": "the metadata service of a cloud",
    "100.100.100.200": "the metadata service of a cloud",
    "100.64.0.1": "an address inside a provider's network (CGNAT)",
    "0.0.0.0": "an unspecified address",
    "0.1.2.3": "an unspecified address",
    "224.0.0.1": "a multicast address",
    "255.255.255.255": "a multicast address",
    "240.0.0.1": "not a public address",
    "192.0.2.1": "not a public address",
    "198.18.0.1": "not a public address",
    "192.88.99.1": "not a public address",
    "::1": "a loopback address",
    "::": "an unspecified address",
    "fe80::1": "a link-local address",
    "fd00::1": "a private address",
    "fd00:ec2::254": "the metadata service of a cloud",
    "fec0::1": "not a public address",
    "ff02::1": "a multicast address",
    "2001:db8::1": "not a public address",
    "::ffff:127.0.0.1": "an IPv4 address inside an IPv6 address",
    "::ffff:8.8.8.8": "an IPv4 address inside an IPv6 address",
    "::ffff:169.254.169.254": "the metadata service of a cloud",
    "::127.0.0.1": "an IPv4 address inside an IPv6 address",
    "64:ff9b::7f00:1": "an IPv4 address inside an IPv6 address",
    "64:ff9b:1::a00:1": "an IPv4 address inside an IPv6 address",
    "2002:7f00:1::": "an IPv4 address inside an IPv6 address",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2": "an IPv4 address inside an IPv6 address",
    "2400:cb00::5efe:7f00:1": "an IPv4 address inside an IPv6 address",
}


@pytest.mark.parametrize("address", REFUSED)
async def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    http = Http(allow=["*"], resolve=leads_to("93.184.215.14", address))
    with pytest.raises(ToolError) as caught:
        await http.http_get("https://innocent.test/")
    assert caught.value.message == (
        f"The host 'innocent.test' leads to {REFUSED[address]}, which must not be reached from here."
    )


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"])
async def test_public_addresses_are_not_refused(address: str) -> None:
    assert why_refused(ip_address(address), allow_private=False) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "::ffff:10.0.0.1", "169.254.1.1"])
async def test_private_addresses_are_reached_only_when_allowed(address: str) -> None:
    assert why_refused(ip_address(address), allow_private=True) is None
    assert why_refused(ip_address(address), allow_private=False) is not None


@given(st.ip_addresses(v=4))
@settings(deadline=None)
def test_what_python_holds_for_private_is_always_refused(address: Any) -> None:
    if not address.is_global:
        assert why_refused(address, allow_private=False) is not None
        assert why_refused(ip_address(f"::ffff:{address}"), allow_private=False) is not None


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("http://2130706433/", "a number in an unusual form"),
        ("http://0x7f000001/", "a number in an unusual form"),
        ("http://0x7f.1/", "a number in an unusual form"),
        ("http://0177.0.0.1/", "not valid|a number in an unusual form"),
        ("http://127.1/", "a number in an unusual form"),
        ("http://127.0.0.1./", "a number in an unusual form"),
        ("http://127.0.0.1/", "leads to a loopback address"),
        ("http://[::1]/", "leads to a loopback address"),
        ("http://[::ffff:127.0.0.1]/", "an IPv4 address inside an IPv6 address"),
        ("http://[fe80::1%25eth0]/", "link-local|a number in an unusual form|not valid"),
        ("http://\uff11\uff12\uff17.0.0.1/", "not valid|a number in an unusual form|loopback"),
        ("http://169.254.169.254/latest/meta-data/", "the metadata service of a cloud"),
        ("file:///etc/passwd", "Only http and https work here, not 'file'"),
        ("gopher://example.test/", "Only http and https"),
        ("example.test/page", "has no scheme"),
        ("//example.test/page", "has no scheme"),
        ("http:///page", "has no host"),
        ("http://user:pw@example.test/", "user name or password"),
        ("http://good.test\\@evil.test/", "a space, a backslash or a control"),
        ("http://good.test/ x", "a space, a backslash or a control"),
        ("http://good.test/\r\nhost:x", "a space, a backslash or a control"),
        ("http://example.test:22/", "is not allowed"),
        ("http://example.test:99999/", "not valid|is not allowed"),
        ("http://[::1/", "not valid"),
        ("https://example.test/%2e%2e/x", "contains '..'"),
    ],
)
async def test_an_address_in_disguise_is_refused(url: str, complaint: str) -> None:
    with pytest.raises(ToolError, match=complaint):
        await Http(allow=["*"], resolve=leads_to("127.0.0.1")).http_get(url)


@pytest.mark.parametrize(
    ("entry", "url", "is_allowed"),
    [
        ("a.test", "https://a.test/x", True),
        ("a.test", "http://a.test:443/x", True),
        ("a.test", "https://A.TEST./x", True),
        ("a.test", "https://b.a.test/", False),
        ("a.test", "https://a.test.evil.test/", False),
        ("a.test", "https://a.test:8080/", False),
        ("a.test:8080", "http://a.test:8080/", True),
        ("a.test:8080", "http://a.test/", False),
        ("*.a.test", "https://b.a.test/", True),
        ("*.a.test", "https://a.test/", False),
        ("*.a.test", "https://evila.test/", False),
        ("https://a.test/docs", "https://a.test/docs", True),
        ("https://a.test/docs", "https://a.test/docs/x?y=1", True),
        ("https://a.test/docs/", "https://a.test/docs/x", True),
        ("https://a.test/docs", "https://a.test/docs2", False),
        ("https://a.test/docs", "https://a.test/docs/../admin", False),
        ("https://a.test/docs", "https://a.test/docs/%2e%2e/admin", False),
        ("https://a.test/docs", "https://a.test/docs/%252e%252e%252fadmin", False),
        ("https://a.test/docs", "http://a.test/docs", False),
        ("https://a.test/docs", "https://a.test:8443/docs", False),
    ],
)
async def test_only_what_is_allowed_is_asked_for(entry: str, url: str, is_allowed: bool) -> None:
    http = Http(allow=[entry], resolve=leads_to("127.0.0.1"))
    with pytest.raises(ToolError) as caught:
        await http.http_get(url)
    assert ("leads to a loopback address" in caught.value.message) == is_allowed


async def test_connects_to_the_address_that_was_checked_under_the_name_that_was_asked_for(server: Server) -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.99"]

    server.pages["/"] = reply("here")
    http = Http(allow=[f"name.test:{server.port}"], allow_private=True, resolve=rebinding)
    assert (await http.http_get(f"http://name.test:{server.port}/")).body == "here"
    assert asked == ["name.test"]
    assert server.seen[0][2]["host"] == f"name.test:{server.port}"


async def test_goes_on_to_the_next_address_when_one_does_not_answer(server: Server) -> None:
    server.pages["/"] = reply("here")
    http = Http(allow=[f"a.test:{server.port}"], allow_private=True, resolve=leads_to("127.0.0.77", "127.0.0.1"))
    assert (await http.http_get(f"http://a.test:{server.port}/")).body == "here"


async def test_names_are_resolved_by_the_system_unless_told_otherwise(server: Server) -> None:
    server.pages["/"] = reply("here")
    result = await Http(f"http://localhost:{server.port}", allow_private=True).http_get("/")
    assert result.body == "here"
    with pytest.raises(ToolError, match="'localhost' leads to a loopback address"):
        await Http(f"http://localhost:{server.port}").http_get("/")


async def test_a_name_without_an_address_is_told() -> None:
    with pytest.raises(ToolError, match=r"'empty\.test' has no address"):
        await Http("http://empty.test", resolve=leads_to()).http_get("/")


async def test_certificates_are_checked_by_the_name() -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(CERTIFICATE)
    ours = ssl.create_default_context(cafile=CERTIFICATE)
    for server in serve(theirs):
        server.pages["/"] = reply("secure")
        allow = [f"localhost:{server.port}", f"other.test:{server.port}"]
        http = Http(allow=allow, allow_private=True, resolve=leads_to("127.0.0.1"), ssl_context=ours)
        assert (await http.http_get(f"https://localhost:{server.port}/")).body == "secure"
        with pytest.raises(ToolError, match="its certificate is not valid"):
            await http.http_get(f"https://other.test:{server.port}/")


async def test_follows_redirects_within_reach(server: Server) -> None:
    server.pages["/a"] = redirect("/b?x=1")
    server.pages["/b"] = reply("here")
    result = await Http(server.url, allow_private=True).http_get("a")
    assert (result.url, result.body) == (f"{server.url}/b?x=1", "here")


async def test_every_redirect_is_checked(server: Server, other: Server) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] if host == "public.test" else ["169.254.169.254"]

    server.pages["/out"] = redirect(f"{other.url}/secret")
    server.pages["/inside"] = redirect(f"http://inside.test:{server.port}/")
    server.pages["/file"] = redirect("file:///etc/passwd")
    server.pages["/round"] = redirect("/round")
    here = f"http://public.test:{server.port}"
    http = Http(allow=[f"public.test:{server.port}", f"inside.test:{server.port}"], allow_private=True, resolve=resolve)
    for path, complaint in {
        "/out": f"{other.url}/secret is not allowed",
        "/inside": "leads to the metadata service of a cloud",
        "/file": "Only http and https work here, not 'file'",
        "/round": "More than 5 redirects",
    }.items():
        with pytest.raises(ToolError) as caught:
            await http.http_get(here + path)
        assert complaint in caught.value.message
    assert other.seen == []
    assert len([path for _, path, _, _ in server.seen if path == "/round"]) == 6


async def test_credentials_do_not_cross_origins(server: Server, other: Server) -> None:
    server.pages["/out"] = redirect(f"{other.url}/in")
    other.pages["/in"] = reply("here")
    http = Http(allow=[server.url, other.url], allow_private=True, headers={"X-Api-Key": KEY})
    result = await http.http_get(f"{server.url}/out", headers={"cookie": "a=1", "x-token": "t", "accept": "text/plain"})
    assert result.body == "here"
    sent = other.seen[0][2]
    assert {name: sent.get(name) for name in ("x-api-key", "cookie", "x-token", "accept")} == {
        "x-api-key": None,
        "cookie": None,
        "x-token": None,
        "accept": "text/plain",
    }
    assert server.seen[0][2]["x-api-key"] == KEY


async def test_a_body_is_not_sent_to_another_server(server: Server, other: Server) -> None:
    server.pages["/keep"] = redirect(f"{other.url}/in", 307)
    server.pages["/see"] = redirect("/done", 303)
    server.pages["/done"] = reply("done")
    http = Http(allow=[server.url, other.url], methods=["POST"], allow_private=True)
    with pytest.raises(ToolError, match="redirects the POST to another server"):
        await http.http_request("POST", f"{server.url}/keep", text="mine")
    assert other.seen == []
    assert (await http.http_request("POST", f"{server.url}/see", text="mine")).body == "done"
    assert [(method, body) for method, path, _, body in server.seen if path == "/done"] == [("GET", b"")]


async def test_nothing_is_remembered_between_calls(server: Server) -> None:
    server.pages["/"] = reply("x", headers={"set-cookie": "session=1; path=/"})
    http = Http(server.url, allow_private=True)
    await http.open()
    await http.http_get("/")
    await http.http_get("/")
    await http.close()
    assert "cookie" not in server.seen[1][2]


@pytest.mark.shows_keys  # of what httpx logs by itself; what is ours is asserted below
async def test_secrets_are_never_shown(server: Server) -> None:
    token = f"Bearer {KEY}"

    def echo(request: BaseHTTPRequestHandler) -> None:
        reply(json.dumps(dict(request.headers)), type="application/json")(request)

    server.pages["/echo"] = echo
    server.pages["/text"] = reply(f"key={KEY}, again {token}", headers={"location": f"/x?key={KEY}"})
    escaped = "".join(f"\\u{ord(char):04x}" for char in KEY)
    server.pages["/escaped"] = reply(f'{{"{KEY}": "{escaped}"}}', type="application/json")
    server.pages["/moved"] = redirect(f"/echo?key={KEY}")
    server.pages["/gone"] = redirect(f"http://evil.test/{KEY}")
    http = Http(server.url, allow_private=True, headers={"Authorization": token})
    shown = [str(await http.http_get(path)) for path in ("echo", "text", "escaped", "moved")]
    with pytest.raises(ToolError) as caught:
        await http.http_get("gone")
    shown += [
        str(caught.value),
        repr(caught.value),
        repr(http),
        str(await http.list_tools()),
        repr(vars(http)["_secrets"]),
    ]
    assert [text for text in shown if KEY in text] == []
    assert (await http.http_get("text")).body == "key=[secret], again [secret]"
    assert (await http.http_get("escaped")).body == {"[secret]": "[secret]"}
    assert server.seen[0][2]["authorization"] == token


@pytest.mark.shows_keys  # the same
async def test_a_secret_at_the_cut_is_not_shown_in_part(server: Server) -> None:
    server.pages["/page"] = reply("x" * 95 + KEY + "y" * 95)
    result = await Http(server.url, allow_private=True, headers={"x-key": KEY}, max_bytes=103).http_get("page")
    assert (result.body, result.note) == ("x" * 95, f"only the first 103 bytes are shown of {190 + len(KEY)}")


async def test_one_client_serves_all_runs_of_an_event_loop(server: Server) -> None:
    server.pages["/"] = reply("here")
    http = Http(server.url, allow_private=True)
    await http.open()
    await http.open()
    first = await http.http_get("/")
    await http.close()
    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(http.http_get, "/")
    await http.close()
    await http.close()
    assert await http.http_get("/") == first
    assert vars(http)["_shared"] == {}


async def test_an_agent_gets_pages_and_is_told_what_went_wrong(server: Server) -> None:
    server.pages["/weather"] = reply('{"sky": "clear"}', type="application/json")
    model = ScriptedModel(
        calls(("http_get", {"url": "/weather"}), ("http_get", {"url": "http://169.254.169.254/"})), "It is clear."
    )
    result = await Agent(model, tools=[Http(server.url, allow_private=True)]).run("What is the weather?")
    assert result.output == "It is clear."
    assert [call.outcome for call in model.requests[1].messages[-1].calls] == [
        Returned(
            {
                "url": f"{server.url}/weather",
                "status": 200,
                "content_type": "application/json",
                "body": {"sky": "clear"},
                "headers": {},
                "note": None,
            }
        ),
        Failed(f"http://169.254.169.254/ is not allowed. Allowed: {server.url}."),
    ]


async def test_a_deletion_waits_for_a_person_and_other_methods_do_not(server: Server) -> None:
    server.pages["/order"] = reply("ok")
    model = ScriptedModel(
        calls(("http_request", {"method": "POST", "url": "order", "json": {"a": 1}})),
        calls(("http_request", {"method": "DELETE", "url": "order"})),
        "done",
    )
    agent = Agent(model, tools=[Http(server.url, methods=["POST", "DELETE"], allow_private=True)])
    result = await agent.run("Replace the order.")
    assert [call.tool for call in result.pending] == ["http_request"]
    assert [seen[0] for seen in server.seen] == ["POST"]
    result = await agent.resume(result.state, approvals={call: Approve() for call in result.pending})
    assert result.output == "done"
    assert [seen[0] for seen in server.seen] == ["POST", "DELETE"]


async def test_the_offline_model_gets_a_page(server: Server) -> None:
    server.pages["/page"] = reply("a sunny page")
    agent = Agent("offline:", tools=[Http(allow=[server.url], allow_private=True)])
    result = await agent.run(f"Get the URL {server.url}/page")
    assert "a sunny page" in result.output
