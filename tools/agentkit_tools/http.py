"""HTTP requests for a model: to one base URL, or to the hosts of an allow-list.

    from agentkit_tools.http import Http

    Http(base_url="https://api.example.com/v1", headers={"Authorization": f"Bearer {key}"})
    Http(allow=["docs.python.org", "https://example.com/help/", "*.wikipedia.org"])

Names are resolved first and every address is checked, on redirects too: nothing inside the network can be reached
unless `allow_private=True`; see agentkit_tools.addresses and agentkit_tools.pinned. What comes back is bounded in bytes
and time, and marked as untrusted.
"""

from __future__ import annotations

import copy
import re
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal, TypeAlias, get_args

import anyio
import anyio.to_thread
import httpx
from anyio.lowlevel import EventLoopToken, current_token
from pydantic_core import to_json

from agentkit import Tool, ToolError, Toolset, tool
from agentkit.errors import ConfigurationError
from agentkit_tools.addresses import Resolve, resolve_by_system
from agentkit_tools.bodies import Secrets, read_body
from agentkit_tools.pinned import NETWORK_ERRORS, PinnedTransport
from agentkit_tools.reach import Reach, origin_of, parse_url

__all__ = ["Http", "HttpResult", "Method"]

Method: TypeAlias = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]

MAX_BYTES = 50_000
TIMEOUT_SECONDS = 30.0
MAX_REDIRECTS = 5
_READING: frozenset[str] = frozenset({"GET", "HEAD", "OPTIONS"})
_SHOWN_HEADERS = ("link", "retry-after", "etag", "last-modified", "allow", "location")
_OWN_HEADERS = re.compile(
    r"(?i)host|content-length|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|accept-encoding|proxy-.*"
    r"|x-(http-)?method(-override)?"  # would turn a POST into a DELETE that nobody approved
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?|")
_KEPT_ACROSS_ORIGINS = frozenset({"accept", "accept-language", "content-type"})


@dataclass(frozen=True, slots=True)
class HttpResult:
    """What a server answered."""

    url: str
    """Where the answer came from, after redirects."""
    status: int
    content_type: str
    body: Any
    """JSON parsed, text as text, anything else described."""
    headers: dict[str, str]
    """A few that tell how to go on."""
    note: str | None = None
    """Why the body is not whole."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, before it is sent."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str] = field(repr=False)  # secrets among them
    content: bytes | None = None


@dataclass(slots=True)
class _Shared:
    """The client of one event loop, and how many have opened it."""

    client: httpx.AsyncClient
    users: int = 0


class Http(Toolset):
    """Requests to one `base_url`, or to what `allow` names, as tools.

    allow: hosts ("api.example.com", "*.example.com", "localhost:8080"), URL prefixes ("https://example.com/docs/"), or
        "*" for all public hosts.
    headers: sent with every request and never shown: not in results, errors or reprs. Dropped, with all that could be a
        credential, when a redirect leads to another origin.
    methods: GET gives the tool http_get, any other http_request. DELETE needs a person's approval.
    max_bytes, timeout_seconds: of one answer, redirects included; longer ones are cut, with a note.
    ports: that a URL may name when its entry names none.
    allow_private: permit loopback, private and link-local addresses; metadata services of clouds stay closed.
    resolve: finds the addresses of a host, in place of the operating system.

    Environment proxies are not used: a proxy would resolve names by itself.

    Raises ConfigurationError for settings that contradict each other.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        allow: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        methods: Sequence[Method] = ("GET",),
        max_bytes: int = MAX_BYTES,
        timeout_seconds: float = TIMEOUT_SECONDS,
        ports: Sequence[int] = (80, 443),
        allow_private: bool = False,
        resolve: Resolve = resolve_by_system,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if (base_url is None) == (allow is None) or isinstance(allow, str):
            raise ConfigurationError("give Http either base_url='https://...' or allow=['host', 'https://host/path/']")
        self._reach = Reach(allow if allow is not None else [(base_url or "").rstrip("/")], ports=ports)
        self._base_url = None if base_url is None else _base(base_url)
        self._headers = {name.lower(): value for name, value in (headers or {}).items()}
        self._check_settings(methods, max_bytes, timeout_seconds)
        self._secrets = Secrets(self._headers)
        self._methods = list(dict.fromkeys(methods))
        self._max_bytes = max_bytes
        self._timeout_seconds = timeout_seconds
        self._allow_private = allow_private
        self._resolve = resolve
        self._ssl_context = ssl_context
        self._shared: dict[EventLoopToken, _Shared] = {}
        self._tools = self._make_tools()

    def __repr__(self) -> str:
        return f"Http(allow={self._reach.entries}, methods={self._methods})"

    async def open(self) -> None:
        """Make the client of this event loop; each `open` wants a `close`."""
        token = current_token()
        if self._ssl_context is None and not self._reach.is_plain:
            self._ssl_context = await anyio.to_thread.run_sync(httpx.create_ssl_context)  # reads certificates from disk
        shared = self._shared.get(token)
        if shared is None:
            transport = PinnedTransport(
                resolve=self._resolve, allow_private=self._allow_private, ssl_context=self._ssl_context
            )
            # One deadline spans a call, so httpx has none of its own; and nothing is remembered between calls.
            cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
            client = httpx.AsyncClient(transport=transport, timeout=None, trust_env=False, cookies=cookies)  # noqa: S113
            shared = self._shared[token] = _Shared(client)
        shared.users += 1

    async def close(self) -> None:
        """Close the connections when nobody else in this event loop uses them."""
        token = current_token()
        shared = self._shared.get(token)
        if shared is None:
            return
        shared.users -= 1
        if shared.users == 0:
            del self._shared[token]
            await shared.client.aclose()

    async def list_tools(self) -> Sequence[Tool]:
        """http_get when GET is among the methods, http_request when any other is."""
        return self._tools

    @tool(effect="read", untrusted=True)
    async def http_get(
        self,
        url: str,
        query: dict[str, str | int | float | bool] | None = None,
        headers: dict[str, str] | None = None,
    ) -> HttpResult:
        """Get a URL: a web page, a file or data. JSON comes parsed, long answers are cut.

        Args:
            url: The whole URL, or a path when there is a base URL.
            query: Query parameters, added to the URL.
            headers: Further request headers, seldom needed.
        """
        return await self._answer("GET", url, query, headers, None)

    @tool(effect="write", untrusted=True)
    async def http_request(
        self,
        method: Method,
        url: str,
        query: dict[str, str | int | float | bool] | None = None,
        headers: dict[str, str] | None = None,
        json: Any = None,
        text: str | None = None,
    ) -> HttpResult:
        """Send an HTTP request that may change something.

        Args:
            method: The HTTP method.
            url: The whole URL, or a path when there is a base URL.
            query: Query parameters, added to the URL.
            headers: Further request headers, seldom needed.
            json: The body as JSON.
            text: The body as text, instead of JSON.
        """
        if method not in self._methods:
            raise ToolError(f"The method {method} is not allowed; these are: {', '.join(self._methods)}.")
        if json is not None and text is not None:
            raise ToolError("Give json or text, not both.")
        headers = dict(headers or {})
        content = None if text is None else text.encode(errors="replace")
        if json is not None:
            content = to_json(json)
        if content is not None and "content-type" not in map(str.lower, headers):
            headers["content-type"] = "text/plain; charset=utf-8" if json is None else "application/json"
        return await self._answer(method, url, query, headers, content)

    def _check_settings(self, methods: Sequence[str], max_bytes: int, timeout_seconds: float) -> None:
        unknown = [method for method in methods if method not in get_args(Method)]
        if unknown or not methods or isinstance(methods, str):
            raise ConfigurationError(
                f"methods={methods!r} cannot be offered; use some of {', '.join(get_args(Method))}"
            )
        if max_bytes < 1 or timeout_seconds <= 0:
            raise ConfigurationError("max_bytes and timeout_seconds have to be positive")
        for name, value in self._headers.items():
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value) or _OWN_HEADERS.fullmatch(name):
                raise ConfigurationError(f"the header {name!r} cannot be set: its name or value is not possible here")
        if self._headers and self._reach.is_open:
            raise ConfigurationError(
                "headers= would be sent to hosts that nobody named; allow no '*' together with headers"
            )

    def _make_tools(self) -> list[Tool]:
        where = f"Base URL: {self._base_url}" if self._base_url else f"Allowed: {', '.join(self._reach.entries)}"
        offered: list[Tool] = []
        for made in self.own_tools():
            if made.name == "http_request":
                others: list[str] = [method for method in self._methods if method != "GET"]
                if not others:
                    continue
                made = _of_methods(made, others)
            elif "GET" not in self._methods:
                continue
            offered.append(
                made.copy(
                    description=f"{made.description}\n\n{where}",
                    timeout_seconds=self._timeout_seconds + 10,  # ours ends first, and knows what it has
                    max_output_chars=max(made.max_output_chars, self._max_bytes * 2),
                )
            )
        return offered

    async def _answer(
        self,
        method: str,
        url: str,
        query: Mapping[str, str | int | float | bool] | None,
        headers: Mapping[str, str] | None,
        content: bytes | None,
    ) -> HttpResult:
        try:
            call = _Call(method, self._whole_url(url, query), self._all_headers(headers or {}), content)
            return await self._follow(call)
        except ToolError as error:  # what it says may quote a URL or a redirect
            raise ToolError(self._secrets.hide(error.message), is_retryable=error.is_retryable) from None

    def _whole_url(self, text: str, query: Mapping[str, str | int | float | bool] | None) -> httpx.URL:
        if self._base_url is not None and not re.match(r"(?i)[a-z][a-z0-9+.-]*://|//", text):
            path = text.strip().lstrip("/")
            text = self._base_url + ("" if not path or path[0] == "?" else "/") + path
        url = parse_url(text)
        return url.copy_merge_params(dict(query)) if query else url

    def _all_headers(self, given: Mapping[str, str]) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, value in given.items():
            name = name.lower()
            if name in self._headers or _OWN_HEADERS.fullmatch(name):
                raise ToolError(f"The header {name!r} is set already; leave it out.")
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise ToolError(f"The header {name[:80]!r} has a character that headers cannot have; correct it.")
            headers[name] = value
        return {**headers, **self._headers}

    async def _follow(self, call: _Call) -> HttpResult:
        """Send the request and follow redirects, each checked as the first one was."""
        deadline = anyio.current_time() + self._timeout_seconds
        async with self._client() as client:
            for _ in range(MAX_REDIRECTS + 1):
                self._reach.check(call.url)
                response = await self._send(client, call, deadline)
                try:
                    following = _redirected(call, response)
                    if following is None:
                        return await self._result(response, deadline)
                finally:
                    with anyio.CancelScope(shield=True):
                        await response.aclose()
                call = following
        raise ToolError(f"More than {MAX_REDIRECTS} redirects; the last one led to {_shown(call.url)}.")

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[httpx.AsyncClient]:
        await self.open()  # only counts when a run has opened it
        try:
            yield self._shared[current_token()].client
        finally:
            with anyio.CancelScope(shield=True):
                await self.close()

    async def _send(self, client: httpx.AsyncClient, call: _Call, deadline: float) -> httpx.Response:
        headers = {"user-agent": "agentkit", "accept-encoding": "gzip, deflate", **call.headers}
        request = client.build_request(call.method, call.url, headers=headers, content=call.content)
        where = _shown(call.url)
        with anyio.CancelScope(deadline=deadline):
            try:
                response = await client.send(request, stream=True)
            except NETWORK_ERRORS as error:
                reason = (
                    "its certificate is not valid" if "CERTIFICATE" in str(error) else "no connection, or it was lost"
                )
                raise ToolError(f"{where} could not be reached: {reason}.", is_retryable=True) from None
            return response
        raise ToolError(f"{where} did not answer within {self._timeout_seconds:g} seconds.", is_retryable=True)

    async def _result(self, response: httpx.Response, deadline: float) -> HttpResult:
        hide = self._secrets.hide
        body = await read_body(response, max_bytes=self._max_bytes, deadline=deadline)
        shown = {name: hide(response.headers[name])[:500] for name in _SHOWN_HEADERS if name in response.headers}
        return HttpResult(
            hide(str(response.url)),
            response.status_code,
            hide(response.headers.get("content-type", ""))[:200],
            body.decoded(self._secrets),
            shown,
            body.note,
        )


def _base(url: str) -> str:
    if "://" not in url:
        raise ConfigurationError(f"base_url={url!r} has no scheme; write it as 'https://...'")
    return str(parse_url(url)).rstrip("/")


def _of_methods(made: Tool, methods: Sequence[str]) -> Tool:
    """http_request for these methods only: its enum, its effect, and approval where it deletes."""
    parameters = copy.deepcopy(made.parameters)
    parameters["properties"]["method"]["enum"] = list(methods)

    def deletes(**arguments: Any) -> bool:
        return arguments["method"] == "DELETE"

    effect = "read" if _READING.issuperset(methods) else "destructive" if "DELETE" in methods else "write"
    return Tool.from_schema(
        made.name,
        made.description,
        parameters,
        made.call,
        effect=effect,
        approve=deletes if "DELETE" in methods else False,
        untrusted=True,
    )


def _redirected(call: _Call, response: httpx.Response) -> _Call | None:
    """The request that a redirect asks for; None when the response is none."""
    location = response.headers.get("location")
    if response.status_code not in (301, 302, 303, 307, 308) or not location:
        return None
    try:
        url = parse_url(str(call.url.join(location)))
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise ToolError(f"{_shown(call.url)} redirects to something that is no URL.") from None
    if call.url.scheme == "https" and url.scheme == "http":
        raise ToolError(f"{_shown(call.url)} redirects to an address without encryption, {_shown(url)}.")
    turns_to_get = response.status_code == 303 or (response.status_code in (301, 302) and call.method == "POST")
    if turns_to_get and call.method != "HEAD":
        headers = {name: value for name, value in call.headers.items() if name != "content-type"}
        call = replace(call, method="GET", content=None, headers=headers)
    if origin_of(url) != origin_of(call.url):
        if call.method not in _READING:
            raise ToolError(f"{_shown(call.url)} redirects the {call.method} to another server, {_shown(url)}.")
        headers = {name: value for name, value in call.headers.items() if name in _KEPT_ACROSS_ORIGINS}
        call = replace(call, headers=headers)
    return replace(call, url=url)


def _shown(url: httpx.URL) -> str:
    """The URL for a message: without its query, not too long."""
    return f"{url.scheme}://{url.netloc.decode()}{url.path}"[:200]
