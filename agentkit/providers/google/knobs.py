"""Settings as fields of a generateContent request: generationConfig, thinkingConfig, toolConfig."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from agentkit.errors import ConfigurationError
from agentkit.exchange import Request
from agentkit.providers.google.families import generation, is_pro
from agentkit.settings import ReasoningEffort, Settings

__all__ = ["effort_of", "function_calling", "generation_config", "laid_over"]

_LEVELS: dict[ReasoningEffort, str] = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
}
"""thinkingLevel of Gemini 3 and later."""

_BUDGETS: dict[ReasoningEffort, int] = {
    "none": 0, "minimal": 512, "low": 1_024, "medium": 8_192, "high": 16_384, "xhigh": 20_480, "max": 24_576,
}  # fmt: skip
"""thinkingBudget of Gemini 2.5, in tokens."""
_PRO_BUDGETS: dict[ReasoningEffort, int] = {**_BUDGETS, "none": 128, "xhigh": 24_576, "max": 32_768}
"""The same for its large model, which cannot leave thinking out."""


def generation_config(request: Request, notes: list[str]) -> dict[str, Any]:
    """The generationConfig, without the output format; what has no knob here is noted."""
    settings = request.settings
    values = {
        "maxOutputTokens": settings.max_output_tokens,
        "temperature": settings.temperature,
        "topP": settings.top_p,
        "stopSequences": settings.stop,
        "seed": settings.seed,
    }
    fields: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    if thinking := _thinking(settings, request.model, notes):
        fields["thinkingConfig"] = thinking
    if settings.verbosity is not None:
        notes.append("left out verbosity: Gemini has no such knob")
    if settings.parallel_tool_calls is False:
        notes.append("left out parallel_tool_calls: Gemini has no such knob")
    return fields


def function_calling(choice: str | None, names: Mapping[str, str], *, is_strict: bool) -> dict[str, Any]:
    """The functionCallingConfig. Raises ConfigurationError for a choice that is no tool of the request."""
    match choice:
        case None | "auto" if is_strict:
            return {"mode": "VALIDATED"}
        case None:
            return {}
        case "auto":
            return {"mode": "AUTO"}
        case "none":
            return {"mode": "NONE"}
        case "required":
            return {"mode": "ANY"}
        case name if name in names:
            return {"mode": "ANY", "allowedFunctionNames": [names[name]]}
        case name:
            known = ", ".join(names)
            raise ConfigurationError(f"tool_choice is {name!r}, which is no tool of this request; it offers {known}")


def laid_over(base: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Extra fields laid over ours, objects within objects."""
    fields = dict(base)
    for key, value in extra.items():
        ours = fields.get(key)
        if isinstance(value, Mapping) and isinstance(ours, Mapping):
            value = laid_over(cast("Mapping[str, Any]", ours), cast("Mapping[str, Any]", value))
        fields[key] = value
    return fields


def _thinking(settings: Settings, model: str, notes: list[str]) -> dict[str, Any]:
    effort = settings.reasoning
    if effort is None and settings.reasoning_summary is None:
        return {}
    born = generation(model)
    if born < (2, 5):
        if effort not in (None, "none"):
            notes.append(f"left out reasoning: {model} does not think")
        return {}
    fields: dict[str, Any] = {}
    if settings.reasoning_summary is not None:
        fields["includeThoughts"] = True
    if effort is not None and born < (3, 0):
        fields["thinkingBudget"] = (_PRO_BUDGETS if is_pro(model) else _BUDGETS)[effort]
        if effort == "none" and is_pro(model):
            notes.append(f"reasoning 'none' became the smallest budget: {model} always thinks")
    elif effort is not None:
        level = _level(effort, model)
        fields["thinkingLevel"] = _LEVELS[level]
        if level != effort:
            notes.append(f"reasoning {effort!r} became {level!r}, the nearest that {model} offers")
    return fields


def _level(effort: ReasoningEffort, model: str) -> ReasoningEffort:
    """The nearest level that a model offers: large ones have no minimal, the third generation ends with high."""
    if effort in ("none", "minimal"):
        return "low" if is_pro(model) else "minimal"
    if effort in ("xhigh", "max"):
        return "high" if generation(model) < (4, 0) else "xhigh"
    if effort == "medium" and is_pro(model) and generation(model) == (3, 0):
        return "high"
    return effort


def effort_of(thinking: Mapping[str, Any], model: str) -> ReasoningEffort | None:
    """The effort that a thinkingConfig asks for; None where our own words do not say the same."""
    born = generation(model)
    if born < (2, 5):
        return None
    if born < (3, 0):
        budgets = _PRO_BUDGETS if is_pro(model) else _BUDGETS
        budget = thinking.get("thinkingBudget")
        return next((effort for effort, tokens in budgets.items() if tokens == budget), None)
    asked = str(thinking.get("thinkingLevel", "")).upper()
    for effort, level in _LEVELS.items():
        if level == asked and _level(effort, model) == effort:
            return effort
    return None
