"""Settings: the knobs of an exchange. None means "whatever the provider does when nothing is said"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from agentkit.errors import ConfigurationError

__all__ = ["Deadlines", "OnUnsupported", "ReasoningEffort", "Settings", "ToolChoice"]

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]

OnUnsupported = Literal["refuse", "omit"]

ToolChoice = str
""""auto", "none", "required", or the name of one tool that the model has to call."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait, in seconds; None waits for ever. On by default."""

    connect_seconds: float = 10.0
    """Until a connection stands, TLS included."""
    first_event_seconds: float | None = 300.0
    """From sending until the first decoded event of the reply (or the whole reply when it is not streamed)."""
    idle_seconds: float | None = 120.0
    """Between two decoded events of a stream; comments and keep-alives do not count as events."""
    exchange_seconds: float | None = 900.0
    """One exchange, retries and waits included."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Knobs of an exchange; `later.over(earlier)` lays one over another."""

    max_output_tokens: int | None = None
    """Upper bound of generated tokens, thinking included."""
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] | None = None
    """Sequences that end the answer; OpenAI's Responses API has none, and the loss is told."""
    seed: int | None = None
    reasoning: ReasoningEffort | None = None
    """How hard to think, where the model can."""
    reasoning_summary: Literal["auto", "concise", "detailed"] | None = None
    """Ask for a readable summary of the thinking, where the provider has it."""
    verbosity: Literal["low", "medium", "high"] | None = None
    tool_choice: ToolChoice | None = None
    """Applies to the first step of a run; a forced choice is lifted once it was obeyed."""
    parallel_tool_calls: bool | None = None
    service_tier: str | None = None
    on_unsupported: OnUnsupported | None = None
    """What becomes of media in the prompt at hand that the model does not take: "refuse" raises UnsupportedError, which
    is what happens when nothing is said; "omit" tells the model in words that something was there, and notes it."""
    stream: bool | None = None
    """Ask the provider to stream even where nobody listens (True), or not even where somebody does (False)."""
    attempts: int | None = None
    """How many requests one exchange may send at the most, the first included; 3 where nothing is said. Those that met
    a model while it was being loaded do not count, unless it is 1: the deadlines alone bound that wait."""
    deadlines: Deadlines | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    """More request headers."""
    extra: Mapping[str, Mapping[str, Any]] | None = None
    """More request fields by provider name: {"openai": {"store": True}}. They win over what agentkit would send."""
    retain: bool | None = None
    """False: the provider is to keep nothing of the exchange, and UnsupportedError where it cannot be told so."""

    def __post_init__(self) -> None:
        """Refuse what would be ignored in silence. Raises ConfigurationError."""
        if self.attempts is not None and self.attempts < 1:
            raise ConfigurationError(f"attempts is {self.attempts}, the first request included; give 1 or more")
        if self.reasoning is not None and self.reasoning not in get_args(ReasoningEffort):
            raise ConfigurationError(
                f"reasoning is {self.reasoning!r}; use one of {', '.join(get_args(ReasoningEffort))}, or leave it out"
            )
        if self.on_unsupported is not None and self.on_unsupported not in get_args(OnUnsupported):
            raise ConfigurationError(
                f"on_unsupported is {self.on_unsupported!r}; use one of {', '.join(get_args(OnUnsupported))}"
            )
        for name, more in (self.extra or {}).items():
            if not isinstance(more, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]  # fields without a provider are tried
                raise ConfigurationError(
                    f"extra holds {name!r}: {more!r}; fields stand below the name of a provider: "
                    f"extra={{'openai': {{{name!r}: {more!r}}}}}"
                )

    def over(self, base: Settings | None) -> Settings:
        """These settings, with those of `base` where these say nothing."""
        if base is None or base == _NOTHING:
            return self
        return Settings(
            **{
                name: mine if (mine := getattr(self, name)) is not None else getattr(base, name)
                for name in _FIELD_NAMES
            }
        )


_FIELD_NAMES = tuple(entry.name for entry in fields(Settings))
_NOTHING = Settings()
