"""Tokens that end: fetched once for all calls that want one, before the old one ends, and anew when it is refused.

Any number of event loops may share a model. In each, one call fetches while the others wait; what may block is done in
a worker thread.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

from agentkit.error_bodies import one_line, without_keys
from agentkit.errors import AuthenticationError, ConfigurationError, ExchangeError
from agentkit.transport.protocol import HttpRequest
from agentkit.transport.redact import Secret

__all__ = ["Fetch", "Token", "TokenCredential", "TokenSigner", "token_fetcher"]

_EARLY_SECONDS = 225.0
"""A token is renewed so long before it ends: Google's metadata server gives a new one only in its last five minutes."""
_UNKNOWN_SECONDS = 60.0
"""A token that does not say when it ends is asked for again after this: who gives it keeps the real time."""
_PAUSE_SECONDS = 15.0
"""After a failed renewal the old token is used so long before the next one is tried, as long as it holds."""


@dataclass(frozen=True, slots=True)
class Token:
    """What goes into the header `authorization`, and until when."""

    value: str = field(repr=False)
    ends: float | None = None
    """Seconds since 1970; None when it does not say."""
    quota_project: str = ""
    """The project of Google's that is charged, where that is another than the one in the address."""


Fetch: TypeAlias = Callable[[Token | None], Awaitable[Token]]
"""Gives a token; the argument is the one to be replaced, if there is one. Raises ExchangeError."""


@runtime_checkable
class TokenCredential(Protocol):
    """What azure-identity offers, sync or async."""

    def get_token(self, *scopes: str) -> Any:
        """A token for these scopes."""
        ...


class TokenSigner:
    """Puts a token into requests and renews it: the `auth` and the `renew` of an Endpoint."""

    def __init__(self, fetch: Fetch, *, wall_clock: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._wall_clock = wall_clock
        self._token: Token | None = None
        self._renew_at = 0.0
        self._turns: RunVar[anyio.Lock | None] = RunVar("agentkit-token-turn")

    def __repr__(self) -> str:
        return "TokenSigner()"

    def sign(self, request: HttpRequest) -> HttpRequest | Awaitable[HttpRequest]:
        """The request with a token that holds; without waiting, where there is one."""
        token = self._token
        if token is None or self._wall_clock() >= self._renew_at:
            return self._sign_with_new(request, token)
        return _signed(request, token)

    async def renew(self) -> None:
        """Fetch another token, unless that was done since this task sent its request."""
        refused = _used.get()
        if refused is not None and refused is self._token:
            await self._new(refused, is_refused=True)

    async def _sign_with_new(self, request: HttpRequest, old: Token | None) -> HttpRequest:
        return _signed(request, await self._new(old))

    async def _new(self, old: Token | None, *, is_refused: bool = False) -> Token:
        turn = self._turns.get(None)
        if turn is None:
            turn = anyio.Lock()
            self._turns.set(turn)
        async with turn:
            token = self._token
            if token is not None and (token is not old or (not is_refused and self._wall_clock() < self._renew_at)):
                return token  # somebody else was first
            try:
                token = await self._fetch(old)
            except ExchangeError:
                now = self._wall_clock()
                if old is None or is_refused or old.ends is None or old.ends <= now:
                    raise
                self._renew_at = min(old.ends, now + _PAUSE_SECONDS)
                return old
            if token is old:
                token = replace(token)  # told apart by what they are, so that a refused one is not taken for new
            self._token, self._renew_at = token, self._end_of_use(token)
            return token

    def _end_of_use(self, token: Token) -> float:
        now = self._wall_clock()
        if token.ends is None:
            return now + _UNKNOWN_SECONDS
        return token.ends - min(_EARLY_SECONDS, max(0.0, token.ends - now) / 4)


def token_fetcher(credentials: object, *, provider: str, scope: str) -> Fetch:
    """What gives tokens: a function, async or not, or an object with `get_token`. Raises ConfigurationError."""
    if isinstance(credentials, TokenCredential):
        return _Given(lambda: credentials.get_token(scope), credentials.get_token, provider)
    if callable(credentials):
        return _Given(cast("Callable[[], Any]", credentials), credentials, provider)
    raise ConfigurationError(
        f"credentials for {provider} are a {type(credentials).__name__}; give a token, a function that gives one, "
        "or an object with get_token"
    )


class _Given:
    """Tokens of somebody else's function."""

    def __init__(self, ask: Callable[[], Any], function: object, provider: str) -> None:
        self._ask = ask
        self._is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object whose call is async
        )
        self._provider = provider

    async def __call__(self, old: Token | None) -> Token:
        try:
            # A function that is not async may ask the network: not in the event loop.
            found = self._ask() if self._is_async else await anyio.to_thread.run_sync(self._ask, abandon_on_cancel=True)
            if inspect.isawaitable(found):
                found = await found
        except ExchangeError:
            raise
        except Exception as error:
            said = without_keys(one_line(f"{type(error).__name__}: {error}"))
            raise AuthenticationError(f"the credentials gave no token: {said}", provider=self._provider) from error
        value = found if isinstance(found, str) else getattr(found, "token", None)
        if not isinstance(value, str) or not value.strip():
            raise AuthenticationError(
                f"the credentials gave no token but a {type(found).__name__}; give a text, or an object with `token`",
                provider=self._provider,
            )
        ends = getattr(found, "expires_on", None)
        return Token(Secret(value.strip()), float(ends) if isinstance(ends, int | float) else None)


_used: ContextVar[Token | None] = ContextVar("agentkit-token", default=None)
"""The token of this task's last request, so that one which is refused is renewed once, however many hear of it."""


def _signed(request: HttpRequest, token: Token) -> HttpRequest:
    _used.set(token)
    headers = [(name, value) for name, value in request.headers if name != "authorization"]
    headers.append(("authorization", Secret(f"Bearer {token.value}")))
    if token.quota_project and not any(name == "x-goog-user-project" for name, _ in headers):
        headers.append(("x-goog-user-project", token.quota_project))
    return replace(request, headers=tuple(headers))
