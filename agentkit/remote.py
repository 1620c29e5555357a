"""One exchange performed: a Request is encoded and sent, the reply is decoded. It alone owns retries and deadlines.

Only this floor sees decoded events and errors inside a reply of status 200, so only here can "three attempts" mean
three requests on the wire, and "silent for two minutes" mean two minutes without an event, keep-alives or not.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from agentkit.attempt import Attempt, Auth
from agentkit.codec import Codec, TokenCounter, WireRequest
from agentkit.counting import CountingCodec
from agentkit.deadlines import Timer, advice
from agentkit.errors import (
    AuthenticationError,
    ConfigurationError,
    ExchangeError,
    ModelLoadingError,
    ProtocolError,
)
from agentkit.exchange import (
    AttemptFailed,
    ReplySeen,
    Request,
    Response,
)
from agentkit.models import ModelIdentity, Sink
from agentkit.retention import unretained
from agentkit.retry import LONGEST_WAIT_SECONDS, asked_wait, may_retry, next_step, wait_before_next
from agentkit.retry_quotas import QUOTAS, RetryQuotas
from agentkit.settings import Deadlines, Settings
from agentkit.suitability import Known, readable_by, refuse_too_long, refuse_unable
from agentkit.telemetry.attempts import tell_attempts, tell_failed_attempt
from agentkit.transport.layer import is_offline
from agentkit.transport.protocol import (
    ConnectDeadlineError,
    HttpRequest,
    NotSentError,
    StaleConnectionError,
    Transport,
)
from agentkit.transport.redact import Secret, redacted_url

__all__ = ["Endpoint", "RemoteModel"]

_ATTEMPTS = 3
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "x-ms-request-id")


@dataclass(frozen=True, slots=True, repr=False)
class Endpoint:
    """How a provider is reached: address and credentials. Its repr shows no secrets."""

    base_url: str
    """Such as "https://api.openai.com/v1"; a query string in it is sent with every request."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Sent with every request; the API key is mostly one of these."""
    auth: Auth | None = None
    """Signs a complete request, or puts a token into it that expires. Called for every attempt."""
    renew: Callable[[], Awaitable[None]] | None = None
    """Fetches new credentials for `auth`. Called after a 401, at most once an exchange, which is then tried again."""

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("https://", "http://")):
            raise ConfigurationError(
                f"base_url is {redacted_url(self.base_url)!r}; it has to begin with https:// or http://"
            )
        # Whatever shows the parts one by one, a traceback's locals or asdict, shows no key either.
        object.__setattr__(self, "headers", {name: Secret(value) for name, value in self.headers.items()})
        if redacted_url(self.base_url) != self.base_url:
            object.__setattr__(self, "base_url", Secret(self.base_url))

    def __repr__(self) -> str:
        return f"Endpoint({redacted_url(self.base_url)}, headers: {', '.join(self.headers) or 'none'})"

    @property
    def host(self) -> str:
        """Host and port, as the address spells them."""
        return re.split(r"[/?#]", self.base_url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]

    def url(self, path: str) -> str:
        """The address of `path`, which may have a query string of its own."""
        base, _, base_query = self.base_url.partition("?")
        path, _, query = path.partition("?")
        query = "&".join(part for part in (base_query, query) if part)
        return base.rstrip("/") + path + (f"?{query}" if query else "")


class RemoteModel:
    """A Model that a provider serves over HTTP: a codec, an endpoint and a transport put together."""

    def __init__(
        self,
        codec: Codec,
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
        random: Callable[[], float] = random.random,
        wall_clock: Callable[[], float] = time.time,
        quotas: RetryQuotas = QUOTAS,
    ) -> None:
        self.identity = identity
        self.codec = codec
        self.endpoint = endpoint
        self.transport = transport
        self.settings = None if settings == Settings() else settings
        """Lie under the settings of a request."""
        self.random = random
        """Gives numbers from 0 to 1, for waits."""
        self.wall_clock = wall_clock
        """Seconds since 1970, for dates that providers ask to wait for."""
        self.quota = quotas.of(endpoint.host)
        """What may be sent again to this host, shared by all models that are there."""
        self.known: Known | None = None
        """What is known of it beside its identity; the provider table tells."""
        self.unretained: Mapping[str, Any] | None = None
        """Fields of the request by which the provider keeps nothing, where agentkit's own table does not know them."""
        self._told: tuple[Settings, Settings] | None = None  # the latest with retain=False, and what they became
        self._address: _Address | None = None  # the latest; one model has mostly the same one for all of its requests

    def __repr__(self) -> str:
        return f"RemoteModel({self.identity.provider}:{self.identity.model}, {self.codec.name}, {self.endpoint!r})"

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        """Answer, trying again where that may help as long as no content was shown. Raises ExchangeError."""
        exchange = _Exchange(self, self._completed(request), sink)
        self.quota.under_way += 1
        try:
            return await exchange.perform()
        finally:
            self.quota.under_way -= 1

    def addressed(
        self, wire: WireRequest, more: Mapping[str, str] | None, *, stands_in_line: Callable[[bool], None]
    ) -> HttpRequest:
        """The request with its address and all of its headers, `more` of them last."""
        known = self._address
        if known is None or known.path != wire.path or known.own != wire.headers:
            known = self._address = _Address(self.endpoint, wire)
        headers = known.headers
        if more:
            headers = tuple({**dict(headers), **{name.lower(): value for name, value in more.items()}}.items())
        return HttpRequest(wire.method, known.url, headers, wire.body, stands_in_line)

    async def count_tokens(self, request: Request) -> int | None:
        """How many tokens the request's prompt has, says the provider; None where it cannot be asked.

        An exchange with retries and deadlines as `respond` has them. Raises ExchangeError.
        """
        codec = self.codec
        if not isinstance(codec, TokenCounter):
            return None
        counting = copy(self)
        counting.codec = CountingCodec(codec, codec)
        asked = replace(self._completed(request), is_streamed=False)
        response = await counting.respond(asked)
        return response.message.usage.input

    def _completed(self, request: Request) -> Request:
        """The request with this model's id and settings where it has none of its own."""
        settings = request.settings.over(self.settings)
        if settings.retain is False:
            settings = self._unretained(settings)
        if request.model and settings is request.settings:
            return request
        # Not dataclasses.replace, which would look through all messages for pending calls once more.
        completed = copy(request)
        object.__setattr__(completed, "model", request.model or self.identity.model)
        object.__setattr__(completed, "settings", settings)
        return completed

    def _unretained(self, settings: Settings) -> Settings:
        """The same object for the same settings, by which codecs know again what they wrote."""
        if self._told is None or self._told[0] != settings:
            self._told = settings, unretained(settings, self.identity, told=self.unretained)
        return self._told[1]


class _Address:
    """Where requests of one path go, and the headers that all of them have."""

    __slots__ = ("headers", "own", "path", "url")

    def __init__(self, endpoint: Endpoint, wire: WireRequest) -> None:
        self.path = wire.path
        self.own = wire.headers
        """Those that the codec gave."""
        headers = {name.lower(): value for name, value in wire.headers}
        headers.update((name.lower(), value) for name, value in endpoint.headers.items())
        self.headers = tuple(headers.items())
        self.url = endpoint.url(wire.path)


class _Exchange:
    """One exchange while it is performed: as many attempts as are allowed and may help."""

    def __init__(self, model: RemoteModel, request: Request, sink: Sink | None) -> None:
        self._model = model
        self._request = request
        self._sink = sink
        self._timer = Timer(request.settings.deadlines or _DEADLINES)
        self._allowed = request.settings.attempts or _ATTEMPTS
        self._sent = 0
        self._unsent = 0  # found no connection; bounded apart, since nothing was on the wire
        self._loading = 0  # met a model that is being loaded: bounded by the deadlines alone
        self._protocol_errors = 0
        self._is_renewed = False
        self._failures: list[str] = []
        self._waited = 0.0

    async def perform(self) -> Response:
        """The answer of the first attempt that gets one."""
        model, request = self._model, self._request
        refuse_unable(request, model.identity, model.known)
        request, left_out = readable_by(model.identity.capabilities, request)
        wire = model.codec.encode(request, request.memo)
        if model.known is not None:
            refuse_too_long(request, len(wire.body), model.identity, model.known)
        outgoing = model.addressed(wire, request.settings.headers, stands_in_line=self._timer.stands_in_line)
        renew = None
        while True:
            attempt = Attempt(
                model.codec,
                model.transport,
                request,
                auth=model.endpoint.auth,
                names=wire.names,
                sink=self._sink,
                timer=self._timer,
            )
            try:
                response = await attempt.perform(outgoing, renew=renew)
            except ExchangeError as error:
                self._note(error, attempt)
                renew = self._renewal(error, attempt)
                wait = self._wait_after(error, attempt) if renew is None else 0.0
                if wait is None:
                    self._give_up(error, attempt)
                    raise
                tell_failed_attempt(error, wait_seconds=wait)
                failed = AttemptFailed(error.attempts, f"{type(error).__name__}: {error}", wait)
            else:
                return self._answered(response, attempt, (*left_out, *wire.notes) if left_out else wire.notes)
            self._failures.append(f"attempt {failed.attempt}: {failed.error}; waited {wait:.3g} s")
            if self._sink is not None and self._sink.emit((failed,)):
                await self._timer.paused(self._sink.drain)
            if is_offline():
                wait = 0.0
            await anyio.sleep(wait)
            self._waited += wait

    def _answered(self, response: Response, attempt: Attempt, notes: tuple[str, ...]) -> Response:
        """The response with what only this floor knows of it."""
        quota = self._model.quota
        attempts = self._attempts + 1
        if quota.booked:
            quota.answered(was_retried=attempts > 1)
        if attempts > 1:
            tell_attempts(attempts, waited_seconds=self._waited)
        request_id = _request_id(attempt.headers) or ""
        if attempts == 1 and not notes and not request_id:
            return response
        return Response(response.message, response.finish_raw, response.details, attempts, notes, request_id)

    def _give_up(self, error: ExchangeError, attempt: Attempt) -> None:
        """Say in the last error what happened before it, and what may help."""
        error.waited_seconds = self._waited
        for failure in self._failures:
            error.add_note(failure)
        if error.attempts > 1:
            tell_attempts(error.attempts, waited_seconds=self._waited)
        says_it_itself = isinstance(error, NotSentError)  # it asks whether the address is right
        if not self._may_send and not attempt.is_shown and not says_it_itself and (advised := next_step(error)):
            _extend(error, advised)

    def _note(self, error: ExchangeError, attempt: Attempt) -> None:
        """Count the failure, and say in the error what only this floor knows."""
        if isinstance(error, ModelLoadingError):
            self._loading += 1
        elif isinstance(error, NotSentError) and not isinstance(error, StaleConnectionError):
            self._unsent += 1
        else:
            self._sent += 1
        error.attempts = self._attempts
        error.retry_after_seconds = asked_wait(error, attempt.headers, now=self._model.wall_clock())
        error.provider = self._model.identity.provider
        error.model = self._request.model
        if error.request_id is None:
            error.request_id = _request_id(attempt.headers)
        if isinstance(error, ConnectDeadlineError):
            error.deadline, error.seconds = "connect_seconds", self._timer.deadlines.connect_seconds
            _extend(error, f"the connect deadline is {error.seconds:g} s; {advice('connect_seconds')}")
        if self._request.observe is not None:
            self._request.observe(ReplySeen(attempt.headers, error))

    @property
    def _attempts(self) -> int:
        """How many attempts have failed."""
        return self._sent + self._unsent + self._loading

    @property
    def _may_send(self) -> bool:
        """Whether the number of attempts allows one more; a model that loads uses none up, where more than one is."""
        is_once = self._allowed == 1 and self._loading > 0
        return self._sent < self._allowed and self._unsent < self._allowed and not is_once

    def _may_go_on(self, attempt: Attempt) -> bool:
        return self._may_send and not attempt.is_shown and not self._timer.is_over

    def _renewal(self, error: ExchangeError, attempt: Attempt) -> Callable[[], Awaitable[None]] | None:
        """How to get new credentials, when that may help and was not yet done."""
        if self._is_renewed or not isinstance(error, AuthenticationError) or not self._may_go_on(attempt):
            return None
        self._is_renewed = True
        return self._model.endpoint.renew

    def _wait_after(self, error: ExchangeError, attempt: Attempt) -> float | None:
        """The seconds to wait before the next attempt; None when this error is the last word."""
        if not self._may_go_on(attempt):
            return None
        if not may_retry(error, attempt.headers, protocol_errors=self._protocol_errors):
            return None
        if isinstance(error, ProtocolError):
            self._protocol_errors += 1
        if isinstance(error, StaleConnectionError):
            return 0.0
        wait = wait_before_next(error, loading=self._loading, chance=self._model.random())
        if wait > LONGEST_WAIT_SECONDS and not isinstance(error, ModelLoadingError):
            _extend(
                error,
                f"the provider asks to wait {wait:.4g} s; {LONGEST_WAIT_SECONDS:g} s are the most we wait; go on later "
                "with agent.resume(error.state), or let another model step in (fallback(model, another))",
            )
            return None
        if not self._timer.leaves(wait):
            _extend(error, f"a wait of {wait:.3g} s would pass the exchange's deadline; {advice('exchange_seconds')}")
            return None
        memo = self._request.memo
        if memo is not None and memo.account is not None and not self._timer.ends_before(memo.account.ends_at, wait):
            _extend(
                error,
                f"a wait of {wait:.3g} s would pass the end of the run's time; allow more with Budget(seconds=...), or "
                "let another model step in (fallback(model, another))",
            )
            return None
        if isinstance(error, ModelLoadingError):  # it is waited for as it asks to be, which is no storm of retries
            return wait
        return wait if self._may_retry_once_more(error) else None

    def _may_retry_once_more(self, error: ExchangeError) -> bool:
        """Whether the run and the host may be asked for one more retry, which is booked then."""
        if not is_offline() and not self._model.quota.take():
            _extend(
                error,
                f"not tried again, since so many requests to {self._model.endpoint.host} have failed lately that more "
                "would not help it; try later, or send it fewer at once: limited(model, concurrency=...)",
            )
            return False
        memo = self._request.memo
        if memo is None or memo.account is None or memo.account.reserve_retry():
            return True
        _extend(error, "not tried again, since the run has no retries left; allow more with Budget(retries=...)")
        return False


_DEADLINES = Deadlines()


def _extend(error: ExchangeError, text: str) -> None:
    error.message = f"{error.message.removesuffix('.')}; {text}"
    error.args = (error.message,)


def _request_id(headers: Mapping[str, str]) -> str | None:
    for name in _REQUEST_ID_HEADERS:
        if name in headers:
            return headers[name]
    return None
