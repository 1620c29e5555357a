"""Every error agentkit raises, in one tree.

    AgentkitError
    ├─ ConfigurationError            something was set up wrongly; nothing was sent
    │  ├─ SchemaError                a signature or a JSON Schema that cannot become a tool
    │  ├─ DuplicateToolError         two tools of one name
    │  ├─ UnknownProviderError       "opnai:..."
    │  ├─ UnknownModelError          "openai:gpt-6-sool"
    │  ├─ MissingKeyError            no key in the argument, none in the environment
    │  ├─ MissingExtraError          an optional package is not installed
    │  ├─ UnsupportedError           this model or provider cannot do what was asked
    │  ├─ MediaError                 an image, audio or document that cannot be sent
    │  ├─ NotRecordedError           a test replays a recording that does not have this request
    │  └─ StateError                 a stored state, session or journal that cannot be read
    │     ├─ NewerVersionError       it was written by a newer agentkit
    │     └─ RunBusyError            another process drives the run
    ├─ ExchangeError                 one exchange with a provider failed
    │  ├─ AuthenticationError        the key is wrong
    │  ├─ PermissionDeniedError      the key may not do this
    │  ├─ NotFoundError              no such thing at this address
    │  │  └─ ModelNotFoundError      no such model there
    │  ├─ BadRequestError            the provider refused the request's shape
    │  │  └─ ContextLengthError      the conversation is too long for the model
    │  ├─ ContentFilteredError       refused for its content
    │  ├─ RateLimitError             too many requests; waiting helps
    │  ├─ QuotaExceededError         the account is out of money or quota; waiting does not help
    │  ├─ OverloadedError            the provider has no capacity now
    │  │  └─ ModelLoadingError       the model is being loaded; it is waited for
    │  ├─ ServerError                the provider broke
    │  ├─ DeadlineError              a deadline of ours or a timeout of theirs passed
    │  ├─ ConnectionFailedError      no connection, or it was lost
    │  └─ ProtocolError              the reply makes no sense: not JSON, a cut stream, a missing field
    ├─ RunError                      a run cannot go on
    │  ├─ BudgetExceededError        the next thing would cost more than is left
    │  └─ OutputError                the model did not produce the declared output
    └─ ToolError                     raised by a tool: its text is told to the model

An error that ends a run carries `state` (JSON; give it to `agent.resume`) and `usage` (JSON) as far as the run came.
Messages never hold keys or request headers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = [
    "AgentkitError",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContentFilteredError",
    "ContextLengthError",
    "DeadlineError",
    "DuplicateToolError",
    "ExchangeError",
    "MediaError",
    "MissingExtraError",
    "MissingKeyError",
    "ModelLoadingError",
    "ModelNotFoundError",
    "NewerVersionError",
    "NotFoundError",
    "NotRecordedError",
    "OutputError",
    "OverloadedError",
    "PermissionDeniedError",
    "ProtocolError",
    "QuotaExceededError",
    "RateLimitError",
    "RunBusyError",
    "RunError",
    "SchemaError",
    "ServerError",
    "StateError",
    "ToolError",
    "UnknownModelError",
    "UnknownProviderError",
    "UnsupportedError",
    "nearest",
]


def nearest(name: str, known: Iterable[str], *, count: int = 3) -> list[str]:
    """The known names most like `name`, best first; for error messages."""
    import difflib  # loaded when a name is wrong

    folded: dict[str, str] = {}  # lower-case name -> name
    for candidate in known:
        folded.setdefault(candidate.lower(), candidate)
    matches = difflib.get_close_matches(name.lower(), folded, n=count, cutoff=0.5)
    return [folded[match] for match in matches]


def _did_you_mean(names: Sequence[str]) -> str:
    return f"did you mean {' or '.join(repr(name) for name in names)}?" if names else ""


class AgentkitError(Exception):
    """Root of every error raised by agentkit."""

    state: dict[str, Any] | None = None
    """The state of the run that this error ended, as JSON; None when no run had begun."""
    usage: dict[str, Any] | None = None
    """What the run that this error ended had consumed, as JSON; None when no run had begun."""


class ConfigurationError(AgentkitError):
    """Something was set up wrongly; nothing was sent."""


class SchemaError(ConfigurationError):
    """A signature or a JSON Schema that cannot become a tool."""

    def __init__(
        self, problem: str, *, tool: str, parameter: str | None = None, location: str | None = None, advice: str = ""
    ) -> None:
        where = f"tool {tool!r}" + (f", parameter {parameter!r}" if parameter else "")
        at = f" ({location})" if location else ""
        super().__init__(f"{where}{at}: {problem}" + (f"; {advice}" if advice else ""))
        self.tool = tool
        self.parameter = parameter
        self.location = location
        """file:line of the definition, where known."""


class DuplicateToolError(ConfigurationError):
    """Two tools of one name."""

    def __init__(self, name: str, sources: Sequence[str]) -> None:
        super().__init__(
            f"two tools are named {name!r} ({' and '.join(sources)}); "
            "rename one with @tool(name=...) or give its toolset a prefix with .prefixed(...)"
        )
        self.name = name
        self.sources = list(sources)


class UnknownProviderError(ConfigurationError):
    """The part before the colon of a model name is no provider."""

    def __init__(self, name: str, known: Sequence[str], *, meant: Sequence[str] = ()) -> None:
        """`meant` are providers that the name speaks of, such as google for "gemini"."""
        hint = _did_you_mean(meant or nearest(name, known)) or f"known providers: {', '.join(known)}"
        super().__init__(f"unknown provider {name!r}; {hint}")
        self.name = name
        self.known = list(known)


class UnknownModelError(ConfigurationError):
    """The part after the colon of a model name is no model of that provider."""

    def __init__(self, provider: str, name: str, known: Sequence[str]) -> None:
        hint = _did_you_mean([f"{provider}:{found}" for found in nearest(name, known)])
        hint = hint or f"`agentkit models {provider}` lists them"
        super().__init__(
            f"{provider} has no model {name!r}; {hint} "
            f"(a model newer than this list: model({provider + ':' + name!r}, is_listed=False))"
        )
        self.provider = provider
        self.name = name


class MissingKeyError(ConfigurationError):
    """No key in the argument, none in the environment."""

    def __init__(self, provider: str, variables: Sequence[str], *, has_key: bool = True) -> None:
        """`has_key` is False where requests are signed with credentials alone."""
        what, argument = ("API key", "api_key") if has_key else ("credentials", "credentials")
        super().__init__(
            f"no {what} for {provider}: set the environment variable {' or '.join(variables)}, "
            f"or pass model(..., {argument}=...); to go on without a key use the model 'offline:'"
        )
        self.provider = provider
        self.variables = list(variables)


class MissingExtraError(ConfigurationError):
    """An optional package is not installed."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package!r}; install it with: pip install 'pyagentkit[{extra}]'")
        self.package = package
        self.extra = extra


class UnsupportedError(ConfigurationError):
    """This model or provider cannot do what was asked."""


class MediaError(ConfigurationError):
    """An image, audio or document that cannot be sent: too large, of an unknown type, or missing."""


class NotRecordedError(ConfigurationError):
    """A request that the recording being replayed does not have; the message shows what differs."""

    def __init__(self, message: str, *, path: str, difference: str = "") -> None:
        super().__init__(message)
        self.path = path
        """The recording's file."""
        self.difference = difference
        """A unified diff from the nearest recorded request to the one that was sent; empty where there is none."""


class StateError(ConfigurationError):
    """A stored state, session or journal that cannot be read."""


class NewerVersionError(StateError):
    """A stored state, session or journal that was written by a newer agentkit."""

    def __init__(self, what: str, *, found: int, known: int) -> None:
        super().__init__(
            f"this {what} has version {found}, this agentkit reads up to {known}; "
            "upgrade agentkit (pip install --upgrade pyagentkit) to read it; nothing was changed"
        )
        self.found = found
        self.known = known


class RunBusyError(StateError):
    """A run that is to go on is driven elsewhere: by a living process, or twice in this one."""

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"run {run_id} is being driven by a living process; wait until it ends, or end that process: then it can "
            "go on here"
        )
        self.run_id = run_id


class ExchangeError(AgentkitError):
    """One exchange with a provider failed. Attributes hold what is known; the message never holds a key."""

    is_retryable: bool = False
    """Whether sending the same request again may help (before any content came)."""
    waited_seconds: float = 0.0
    """How long was waited in all, between attempts or for a turn under a limit."""

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        code: str | None = None,
        error_type: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
        attempts: int = 1,
        body: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.model = model
        self.status = status
        """HTTP status, None when no reply came."""
        self.code = code
        """The provider's own code for this error."""
        self.error_type = error_type
        """The provider's own type for this error."""
        self.param = param
        """The request field that the provider complained of."""
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds
        """How long the provider asked to wait."""
        self.attempts = attempts
        """How many requests were sent before giving up."""
        self.body = body
        """The decoded error body: JSON value, or text cut to 2,000 characters."""

    def __str__(self) -> str:
        facts = [
            self.provider and (f"{self.provider}:{self.model}" if self.model else self.provider),
            "" if self.status is None else f"HTTP {self.status}",
            self.code or self.error_type,
            self.request_id and f"request {self.request_id}",
            f"{self.attempts} attempts" if self.attempts > 1 else "",
            f"waited {self.waited_seconds:.3g} s in all" if self.waited_seconds >= 0.001 else "",
        ]
        shown = ", ".join(fact for fact in facts if fact)
        return f"{self.message} ({shown})" if shown else self.message


class AuthenticationError(ExchangeError):
    """The key is wrong, expired or missing."""


class PermissionDeniedError(ExchangeError):
    """The key may not do this."""


class NotFoundError(ExchangeError):
    """No such thing at this address."""


class ModelNotFoundError(NotFoundError):
    """The provider has no such model, or this key cannot see it."""


class BadRequestError(ExchangeError):
    """The provider refused the request's shape."""


class ContextLengthError(BadRequestError):
    """The conversation is too long for the model; shorten it or choose a larger model."""


class ContentFilteredError(ExchangeError):
    """The provider refused the content of the request or of the answer."""


class RateLimitError(ExchangeError):
    """Too many requests or tokens for now; waiting helps."""

    is_retryable = True


class QuotaExceededError(ExchangeError):
    """The account is out of money or quota; waiting does not help."""


class OverloadedError(ExchangeError):
    """The provider has no capacity now."""

    is_retryable = True


class ModelLoadingError(OverloadedError):
    """The model is being loaded (a cold start); waited for within the deadlines, however many requests that takes."""


class ServerError(ExchangeError):
    """The provider broke."""

    is_retryable = True


class DeadlineError(ExchangeError, TimeoutError):
    """A deadline passed (connect, first event, idle, exchange or run), or the provider itself timed out."""

    is_retryable = True
    deadline: str | None = None
    """Which of `Deadlines` passed, such as "idle_seconds"; None when the provider itself timed out."""
    seconds: float | None = None
    """How long that deadline is."""
    waiting: int | None = None
    """How many requests waited for their turn, this one included, where it passed before anything was sent."""


class ConnectionFailedError(ExchangeError):
    """No connection could be made, or it was lost."""

    is_retryable = True


class ProtocolError(ExchangeError):
    """The reply makes no sense: not JSON, a stream that was cut, a missing field."""

    is_retryable = True


class RunError(AgentkitError):
    """A run cannot go on."""


class BudgetExceededError(RunError):
    """The next thing would cost more than is left of the budget."""

    def __init__(self, limit: str, *, allowed: float, used: float, wanted: float) -> None:
        if limit == "seconds":
            said = (
                f"budget of {allowed:g} seconds is spent; allow more with Budget(seconds=...); a run goes on with "
                "agent.resume(error.state), which counts its seconds from 0"
            )
        else:
            fate = "is spent" if used >= allowed else "does not last"
            said = (
                f"budget of {allowed:g} {limit} {fate}: {used:g} used, the "
                f"next step needs about {wanted:g}; go on with agent.resume(error.state, budget=Budget({limit}=...)), "
                "which counts what was used before"
            )
        super().__init__(said)
        self.limit = limit
        """Which bound: steps, tool_calls, tokens, usd or seconds."""
        self.allowed = allowed
        self.used = used
        self.wanted = wanted
        self.owner: object = None
        """The ledger whose bound it is: of the agent that hit it, or of one above. None for seconds."""


class OutputError(RunError):
    """The model did not produce the declared output, after every complaint was fed back."""

    def __init__(self, message: str, *, text: str, complaints: Sequence[str]) -> None:
        super().__init__(message)
        self.text = text
        """What the model said last."""
        self.complaints = list(complaints)


class ToolError(AgentkitError):
    """Raise it in a tool: the text is told to the model, which may then try otherwise.

    Any other exception is told to the model too, by its type and text; use ToolError for what you expect to happen.
    `is_retryable=True` tells the model that the same call may work later.
    """

    def __init__(self, message: str, *, is_retryable: bool = False, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.is_retryable = is_retryable
        self.data = dict(data) if data else None
