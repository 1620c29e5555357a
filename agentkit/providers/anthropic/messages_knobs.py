"""Settings as fields of the Messages format: how to think, how to choose tools, what to cache.

The facts about models are of 2026-11; models that are not known by name are taken for new ones.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentkit.settings import Settings

__all__ = [
    "BUDGETS",
    "RESERVED",
    "SAMPLING",
    "Knobs",
    "cache_mark",
    "can_be_forced",
    "can_hold_schema",
    "can_think",
    "hears_system",
    "knobs_of",
    "takes_budgets",
    "tool_choice",
]

RESERVED = frozenset({"cache", "betas", "version", "tools"})
"""Names in `settings.extra` that are not fields of the body: the first three are ours, tools are added to the agent's.

cache: "5m" (what happens when nothing is said), "1h", or False for no marks. betas: names for the `anthropic-beta`
header. version: the `anthropic-version`.
"""

BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 24_576, "max": 27_648}
"""Tokens of thinking for each effort, for models that take a budget. With an answer behind, all stay below 32,000."""

_LEAST_BUDGET = 1024
_ANSWER_TOKENS = 4096
"""What is left for the answer behind a budget of thinking, where no bound was given."""

_DATE = r"(?:[-@](?:20\d{6}|latest).*|-v\d.*)?$"
_BUDGETED = re.compile(rf"claude-(?:3[-.]7-sonnet|(?:opus|sonnet|haiku)-4(?:-[0-5])?){_DATE}")
_THOUGHTLESS = re.compile(r"claude-(?:3-(?!7)|2|instant)")
_UNFORCED = re.compile(rf"claude-(?:fable|mythos)-5-1{_DATE}")
_LOOSE = re.compile(rf"claude-(?:3|2|instant|(?:opus|sonnet)-4(?:-0)?{_DATE})")
_SHORT_ANSWERS = ((re.compile(r"claude-3-5"), 8192), (re.compile(r"claude-(?:3-(?!7)|2|instant)"), 4096))
SAMPLING = ("temperature", "top_p", "top_k")
_HOTTEST = 1.0
_TIERS = ("auto", "standard_only")
_MERGED = "output_config"
"""An object of several knobs: extra ones are laid over ours instead of replacing them."""


@dataclass(slots=True)
class Knobs:
    """Fields of a body, and what is to be said about them."""

    fields: dict[str, Any]
    notes: list[str] = field(default_factory=list[str])
    choice_in_words: str = ""
    """A tool choice that cannot be forced, and so has to be asked for."""

    @property
    def is_thinking(self) -> bool:
        """Whether thinking is asked for."""
        thinking = self.fields.get("thinking")
        return isinstance(thinking, dict) and thinking.get("type") not in (None, "disabled")  # pyright: ignore[reportUnknownMemberType] - arbitrary JSON

    @property
    def is_sampling(self) -> bool:
        """Whether fields are there that version 2026-10-21 has taken away."""
        return any(name in self.fields for name in SAMPLING)


def can_think(model: str) -> bool:
    """Whether the model can be asked to think."""
    return _THOUGHTLESS.search(model) is None


def can_be_forced(model: str) -> bool:
    """Whether the model may be told that it has to call a tool."""
    return _UNFORCED.search(model) is None


def can_hold_schema(model: str) -> bool:
    """Whether the model's answer, and its calls, can be held to a schema while it writes."""
    return _LOOSE.search(model) is None


def takes_budgets(model: str) -> bool:
    """Whether the model is told how many tokens to think; newer ones are told how hard, and refuse numbers."""
    return _BUDGETED.search(model) is not None


def hears_system(model: str) -> bool:
    """Whether the model takes system messages amid a conversation: those do that came after budgets of thinking."""
    return not takes_budgets(model) and _THOUGHTLESS.search(model) is None


def knobs_of(settings: Settings, extra: Mapping[str, Any], *, model: str, default_max_tokens: int) -> Knobs:
    """The fields of an exchange's settings, extra fields laid over them."""
    knobs = Knobs({})
    fields = knobs.fields
    if settings.temperature is not None:
        fields["temperature"] = min(settings.temperature, _HOTTEST)
        if settings.temperature > _HOTTEST:
            knobs.notes.append(
                f"temperature is {_HOTTEST:g} instead of {settings.temperature:g}: there is no higher one"
            )
    if settings.top_p is not None:
        fields["top_p"] = settings.top_p
    if settings.stop:
        fields["stop_sequences"] = list(settings.stop)
    if settings.service_tier in _TIERS:
        fields["service_tier"] = settings.service_tier
    elif settings.service_tier is not None:
        knobs.notes.append(
            f"service_tier {settings.service_tier!r} is left out: the Messages API has {' and '.join(_TIERS)}"
        )
    if settings.seed is not None:
        knobs.notes.append("seed is left out: the Messages API has none")
    if settings.verbosity is not None:
        knobs.notes.append("verbosity is left out: the Messages API has none")
    _think(knobs, settings, model)
    for key, value in extra.items():
        if key == _MERGED and isinstance(value, Mapping):
            fields[key] = {**fields.get(key, {}), **value}
        elif key not in RESERVED:
            fields[key] = value
    fields.setdefault("max_tokens", settings.max_output_tokens or _enough(fields, model, default_max_tokens))
    return knobs


def _think(knobs: Knobs, settings: Settings, model: str) -> None:
    effort = settings.reasoning
    display = {"display": "summarized"} if settings.reasoning_summary is not None else {}
    if (effort is None and not display) or (effort == "none" and not can_think(model)):
        return
    if not can_think(model):
        knobs.notes.append(f"reasoning is left out: {model} does not think")
    elif effort == "none":
        knobs.fields["thinking"] = {"type": "disabled"}
    elif takes_budgets(model):
        budget = _budget(BUDGETS[effort or "medium"], settings.max_output_tokens)
        if budget is None:
            knobs.notes.append(
                f"reasoning is left out: max_output_tokens={settings.max_output_tokens} holds thinking too, and less "
                f"than {_LEAST_BUDGET} tokens of it cannot be asked for"
            )
            return
        knobs.fields["thinking"] = {"type": "enabled", "budget_tokens": budget, **display}
    else:
        knobs.fields["thinking"] = {"type": "adaptive", **display}
        if effort is not None:
            knobs.fields["output_config"] = {"effort": "low" if effort == "minimal" else effort}


def _budget(wanted: int, max_output_tokens: int | None) -> int | None:
    """As many tokens as wanted, at the most half of what may be written; None where that is too few."""
    if max_output_tokens is None or wanted <= max_output_tokens // 2:
        return wanted
    return max(max_output_tokens // 2, _LEAST_BUDGET) if max_output_tokens > _LEAST_BUDGET else None


def _enough(fields: Mapping[str, Any], model: str, default: int) -> int:
    """The bound where none was given: the API demands one."""
    limit = next((limit for pattern, limit in _SHORT_ANSWERS if pattern.search(model)), default)
    thinking = fields.get("thinking")
    match thinking:
        case {"budget_tokens": int() as budget} if budget > limit - _ANSWER_TOKENS:
            return budget + _ANSWER_TOKENS
        case _:
            return min(limit, default)


def tool_choice(settings: Settings, knobs: Knobs, names: Mapping[str, str], *, model: str) -> dict[str, Any] | None:
    """How tools are chosen; a choice that cannot be forced becomes "auto", and the note says so."""
    choice, is_serial = settings.tool_choice, settings.parallel_tool_calls is False
    if choice == "none":
        return {"type": "none"}
    serial = {"disable_parallel_tool_use": True} if is_serial else {}
    if choice is None or choice == "auto":
        return {"type": "auto", **serial} if choice or serial else None
    forced = {"type": "any"} if choice == "required" else {"type": "tool", "name": names.get(choice, choice)}
    if not knobs.is_thinking and can_be_forced(model):
        return {**forced, **serial}
    reason = "while thinking is on" if knobs.is_thinking else f"by {model}"
    knobs.choice_in_words = forced.get("name", choice)
    knobs.notes.append(f"tool_choice {choice!r} is only asked for in words: forcing a tool is refused {reason}")
    return {"type": "auto", **serial}


def cache_mark(extra: Mapping[str, Any]) -> dict[str, str] | None:
    """The mark at the end of a stable prefix; None when caching is turned off."""
    match extra.get("cache", True):
        case False | None:
            return None
        case "1h":
            return {"type": "ephemeral", "ttl": "1h"}
        case _:
            return {"type": "ephemeral"}
