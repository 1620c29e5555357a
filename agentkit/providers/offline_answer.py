"""Answers of the offline model: what tools returned, in plain words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit.messages import Cancelled, Denied, Failed, Lost, Pending, Returned, ToolCall
from agentkit.providers.offline_words import stems, words

__all__ = ["WHAT_IT_IS", "answer_from", "cannot", "said_of"]

WHAT_IT_IS = "I am agentkit's offline model: a matcher of words, not a language model."
HOW_TO_GO_ON = (
    "For real answers set OPENAI_API_KEY and name a model such as 'openai:gpt-6-luna', "
    "or run a local server and name 'ollama:...'."
)
_MOST_ITEMS, _MOST_CHARS, _MOST_LINE = 20, 700, 120


def cannot(tools: Sequence[str]) -> str:
    """What it says to a prompt that it can do nothing with."""
    if not tools:
        return f"{WHAT_IT_IS} I can only call tools, and I was given none. {HOW_TO_GO_ON}"
    shown = ", ".join(tools[:_MOST_ITEMS]) + (", ..." if len(tools) > _MOST_ITEMS else "")
    return (
        f"{WHAT_IT_IS} Your words match none of my tools ({shown}); "
        f"ask with words of their names or descriptions. {HOW_TO_GO_ON}"
    )


def answer_from(prompt: str, calls: Sequence[ToolCall]) -> str:
    """The answer to a prompt from what became of the calls."""
    if len(calls) == 1:
        return said_of(prompt, calls[0])
    return "\n".join(f"- {_label(call)}: {_indented(said_of(prompt, call, is_alone=False))}" for call in calls)


def said_of(prompt: str, call: ToolCall, *, is_alone: bool = True) -> str:
    """What became of one call, in words."""
    match call.outcome:
        case Returned(content):
            return _sentence(_returned(prompt, call, content, is_alone=is_alone))
        case Failed(message):
            says_so = call.name in message
            return _sentence(
                message if says_so else f"{call.name} failed: {message}" if is_alone else f"failed: {message}"
            )
        case Denied(reason):
            return _sentence(f"{call.name} was not allowed" + (f": {reason}" if reason else ""))
        case Cancelled():
            return f"{call.name} was cancelled."
        case Lost():
            return f"Nobody knows whether {call.name} took effect: it was cut off while it ran."
        case Pending():
            return f"{call.name} waits for an answer."


def _returned(prompt: str, call: ToolCall, content: Any, *, is_alone: bool) -> str:
    value = _read(content)
    if value is None or value == "":
        return f"{call.name} is done" if is_alone else "done"
    if isinstance(value, bool):
        return f"{call.name} says {'yes' if value else 'no'}" if is_alone else ("yes" if value else "no")
    if isinstance(value, int | float):
        return f"The result of {call.name} is {_number(value)}" if is_alone else _number(value)
    if isinstance(value, str):
        return _quote(prompt, value)
    if isinstance(value, list):
        return _listed(prompt, call.name if is_alone else "", cast("list[Any]", value))
    if isinstance(value, Mapping):
        return _fields(cast("Mapping[str, Any]", value), prompt)
    return str(value)


def _listed(prompt: str, who: str, items: list[Any]) -> str:
    if not items:
        return f"{who} found nothing".strip()
    more = f"\n- and {len(items) - _MOST_ITEMS} more" if len(items) > _MOST_ITEMS else ""
    shown = items[:_MOST_ITEMS]
    count = f"There are {len(items)}" if re.search(r"(?i)\bhow many\b", prompt) else f"{who} found {len(items)}".strip()
    if all(not isinstance(item, list | Mapping) for item in items):
        if len(items) <= _MOST_ITEMS and sum(len(str(item)) for item in items) < 300:
            return f"{count}: {', '.join(_plain(item) for item in shown)}"
        return f"{count}:\n" + "\n".join(f"- {_plain(item)}" for item in shown) + more
    lines = [
        _fields(cast("Mapping[str, Any]", item), prompt) if isinstance(item, Mapping) else _plain(item)
        for item in shown
    ]
    return f"{count}:\n" + "\n".join(f"- {line}" for line in lines) + more


def _fields(value: Mapping[str, Any], prompt: str) -> str:
    """The fields of an object: short ones in a line, texts and lists of objects below it; what is empty is left out."""
    short: list[str] = []
    blocks: list[str] = []
    for name, inner in value.items():
        label = " ".join(words(name)) or name
        if inner is None or inner == "":
            continue
        if isinstance(inner, str) and ("\n" in inner.strip() or len(inner) > _MOST_LINE):
            blocks.append(_quote(prompt, inner))
        elif isinstance(inner, list) and inner and all(isinstance(item, Mapping) for item in cast("list[Any]", inner)):
            blocks.append(_items(label, cast("list[Mapping[str, Any]]", inner), prompt))
        else:
            short.append(f"{label}: {_plain(inner)}")
    line = ", ".join(short)
    return "\n".join([*([line[:1].upper() + line[1:]] if line else []), *blocks]) or "nothing"


def _items(label: str, items: Sequence[Mapping[str, Any]], prompt: str) -> str:
    more = f"\n- and {len(items) - _MOST_ITEMS} more" if len(items) > _MOST_ITEMS else ""
    lines = "\n".join(f"- {_indented(_fields(item, prompt))}" for item in items[:_MOST_ITEMS])
    return f"{label[:1].upper()}{label[1:]} ({len(items)}):\n{lines}{more}"


def _plain(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return _number(value)
        case str():
            return value
        case Mapping():
            inner = cast("Mapping[str, Any]", value)
            return (
                "("
                + ", ".join(f"{' '.join(words(name)) or name}: {_plain(each)}" for name, each in inner.items())
                + ")"
            )
        case list():
            items = cast("list[Any]", value)
            more = f" and {len(items) - _MOST_ITEMS} more" if len(items) > _MOST_ITEMS else ""
            return (", ".join(_plain(item) for item in items[:_MOST_ITEMS]) or "none") + more
        case _:
            return str(value)


def _number(value: float) -> str:
    if isinstance(value, float):
        return f"{value:.10g}" if value == value and abs(value) < 1e15 else str(value)
    return str(value)


def _quote(prompt: str, text: str) -> str:
    """A text, or of a long one the part that has most to do with the prompt."""
    text = text.strip()
    if len(text) <= _MOST_CHARS:
        return text
    pieces = [piece.strip() for piece in re.split(r"\n+", text) if piece.strip()]
    if len(pieces) < 3:
        pieces = [piece.strip() for piece in re.split(r"(?<=[.!?])\s+", text) if piece.strip()]
    wanted = set(stems(prompt))
    ranked = sorted(range(len(pieces)), key=lambda place: (-len(wanted & set(stems(pieces[place]))), place))
    chosen: list[int] = []
    size = 0
    for place in ranked:
        if chosen and size + len(pieces[place]) > _MOST_CHARS:
            continue
        chosen.append(place)
        size += len(pieces[place])
        if size > _MOST_CHARS * 0.8:
            break
    shown = "\n".join(pieces[place][:_MOST_CHARS] for place in sorted(chosen))
    return f"{shown}\n[...] ({len(text):,} characters in all)"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _label(call: ToolCall) -> str:
    """The tool and what it was asked: "get_weather (Paris)"."""
    try:
        arguments = json.loads(call.arguments or "{}")
    except ValueError:
        return call.name
    if not isinstance(arguments, Mapping) or not arguments:
        return call.name
    shown = ", ".join(_plain(value) for value in cast("Mapping[str, Any]", arguments).values())
    return f"{call.name} ({shown[:80]})"


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in ".!?:)]}\"'`" or "\n" in text else f"{text}."


def _read(content: Any) -> Any:
    if isinstance(content, str) and content[:1] in "[{":
        try:
            return json.loads(content)
        except ValueError:
            return content
    return content
