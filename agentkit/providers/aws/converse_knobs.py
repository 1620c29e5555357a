"""Settings as fields of a Converse request: how to sample, how to think, how to choose tools, what to cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from agentkit.errors import ConfigurationError
from agentkit.exchange import Request
from agentkit.messages import AssistantMessage
from agentkit.providers.anthropic.messages_knobs import knobs_of
from agentkit.providers.aws.converse_input import is_own_thought
from agentkit.providers.aws.families import Family, family_of, native_id
from agentkit.settings import ReasoningEffort, Settings
from agentkit.switching import SEED_LEFT_OUT, known_tier

__all__ = [
    "RESERVED",
    "Knobs",
    "cache_mark",
    "keeps_for_an_hour",
    "laid_over",
    "settings_fields",
    "thinking_fields",
    "tool_choice",
]

RESERVED = frozenset({"cache", "tools"})
"""Names in `settings.extra` that are no fields of the body.

cache: "5m" (what happens when nothing is said), "1h", or False for no cache points. tools: entries of toolConfig.tools
beside the agent's own, such as {"systemTool": {"name": "nova_grounding"}}.
"""

_HOTTEST = 1.0
_NOVA_EFFORTS: dict[ReasoningEffort, str] = {
    "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high",
}  # fmt: skip


@dataclass(slots=True)
class Knobs:
    """Fields of a body, and what is to be said about them."""

    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    notes: list[str] = field(default_factory=list[str])
    is_thinking: bool = False
    words: str = ""
    """What has to be asked for in words, for want of a field."""


def settings_fields(request: Request, *, origin: str, provider: str) -> Knobs:
    """The fields of an exchange's settings, without tools, output and extra fields."""
    settings, knobs = request.settings, Knobs()
    config: dict[str, Any] = {
        "maxTokens": settings.max_output_tokens,
        "temperature": None if settings.temperature is None else min(settings.temperature, _HOTTEST),
        "topP": settings.top_p,
        "stopSequences": list(settings.stop) if settings.stop else None,
    }
    if settings.temperature is not None and settings.temperature > _HOTTEST:
        knobs.notes.append(f"temperature is {_HOTTEST:g} instead of {settings.temperature:g}: there is no higher one")
    if settings.seed is not None:
        knobs.notes.append(SEED_LEFT_OUT)
    if settings.verbosity is not None:
        knobs.notes.append("left out verbosity: this format has none")
    if settings.parallel_tool_calls is False and request.tools:
        knobs.notes.append("left out parallel_tool_calls: this format has no such switch")
    told = set[str]()
    if tier := known_tier(settings.service_tier, provider, notes=told):
        knobs.fields["serviceTier"] = {"type": tier}
    knobs.notes += sorted(told)
    knobs.fields |= thinking_fields(settings, request.model, knobs)
    _keep_loop_going(knobs, request, origin)
    if knobs.fields.get("additionalModelRequestFields", {}).get("reasoningConfig", {}).get(
        "maxReasoningEffort"
    ) == "high" and any(config[name] is not None for name in ("maxTokens", "temperature", "topP")):
        knobs.notes.append("left out max_output_tokens, temperature and top_p: refused while this model thinks hard")
        config |= {"maxTokens": None, "temperature": None, "topP": None}
    if config := {name: value for name, value in config.items() if value is not None}:
        knobs.fields["inferenceConfig"] = config
    return knobs


def thinking_fields(settings: Settings, model: str, knobs: Knobs) -> dict[str, Any]:
    """How thinking is asked for: each family of models has fields of its own."""
    effort, family = settings.reasoning, family_of(model)
    if effort is None and (settings.reasoning_summary is None or family.thinks != "claude"):
        return {}
    match family.thinks:
        case "claude":
            asked = Settings(
                max_output_tokens=settings.max_output_tokens,
                reasoning=effort,
                reasoning_summary=settings.reasoning_summary,
            )
            found = knobs_of(asked, {}, model=native_id(model), default_max_tokens=1)
            knobs.notes += found.notes
            knobs.is_thinking = found.is_thinking
            thinking = found.fields.get("thinking")
            fields: dict[str, Any] = {"additionalModelRequestFields": {"thinking": thinking}} if thinking else {}
            config = found.fields.get("output_config")
            return {**fields, "outputConfig": config} if config else fields
        case "nova" if effort == "none":
            return {"additionalModelRequestFields": {"reasoningConfig": {"type": "disabled"}}}
        case "nova":
            config = {"type": "enabled", "maxReasoningEffort": _NOVA_EFFORTS[effort or "medium"]}
            return {"additionalModelRequestFields": {"reasoningConfig": config}}
        case "gpt-oss":
            level = "low" if effort == "none" else _NOVA_EFFORTS[effort or "medium"]
            if level != effort:
                knobs.notes.append(f"reasoning {effort!r} became {level!r}, the nearest that {model} offers")
            return {"additionalModelRequestFields": {"reasoning_effort": level}}
        case _:
            if effort != "none":
                knobs.notes.append(f"left out reasoning: how {model} is asked for it is not known")
            return {}


def _keep_loop_going(knobs: Knobs, request: Request, origin: str) -> None:
    """Turn a budget of thinking off while a turn goes on whose calls were made without thinking.

    With a budget, the turn that results answer has to begin with a thought; another provider's has none to show.
    """
    match knobs.fields.get("additionalModelRequestFields"):
        case {"thinking": {"type": "enabled"}}:
            pass
        case _:
            return
    answers = (message for message in reversed(request.messages) if isinstance(message, AssistantMessage))
    last = next(answers, None)
    if last is None or not last.calls or is_own_thought(last.parts[0], origin):
        return
    knobs.fields["additionalModelRequestFields"]["thinking"] = {"type": "disabled"}
    knobs.is_thinking = False
    knobs.notes.append("thinking is off for this step: it goes on a turn that was begun without")


def tool_choice(
    choice: str | None, knobs: Knobs, names: Mapping[str, str], *, family: Family, model: str
) -> dict[str, Any] | None:
    """How tools are chosen; a choice that cannot be forced becomes words, and the note says so.

    Raises ConfigurationError for a choice that is no tool of the request.
    """
    if choice is None:
        return None
    if choice == "auto":
        return {"auto": {}}
    if choice == "none":
        knobs.words = "Call no tool in this answer."
        knobs.notes.append("tool_choice 'none' is only asked for in words: this format has none")
        return None
    if choice != "required" and choice not in names:
        known = ", ".join(names)
        raise ConfigurationError(f"tool_choice is {choice!r}, which is no tool of this request; it offers {known}")
    kind = "any" if choice == "required" else "tool"
    if kind in family.choices and not knobs.is_thinking:
        return {"any": {}} if kind == "any" else {"tool": {"name": names[choice]}}
    reason = "while thinking is on" if knobs.is_thinking else f"by {model}"
    called = "one of the tools" if kind == "any" else f"the tool {names[choice]}"
    knobs.words = f"Call {called} in this answer."
    knobs.notes.append(f"tool_choice {choice!r} is only asked for in words: forcing a tool is refused {reason}")
    return None


def cache_mark(extra: Mapping[str, Any], model: str) -> dict[str, Any] | None:
    """The cache point at the end of a stable prefix; None where caching is off or the model has none."""
    if not family_of(model).caches:
        return None
    match extra.get("cache", True):
        case False | None:
            return None
        case "1h" if keeps_for_an_hour(model):
            return {"cachePoint": {"type": "default", "ttl": "1h"}}
        case _:
            return {"cachePoint": {"type": "default"}}


def keeps_for_an_hour(model: str) -> bool:
    """Whether a cache point may be kept for longer than five minutes."""
    return "tools" in family_of(model).caches


def laid_over(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Extra fields laid over ours, objects within objects."""
    fields = dict(base)
    for key, value in extra.items():
        ours = fields.get(key)
        if isinstance(value, Mapping) and isinstance(ours, Mapping):
            value = laid_over(cast("Mapping[str, Any]", ours), cast("Mapping[str, Any]", value))
        fields[key] = value
    return fields
