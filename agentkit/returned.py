"""What a tool returned, in the form that the model reads: plain JSON, media apart, of a bounded size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from agentkit.json_value import json_value
from agentkit.media import Audio, Document, Image, Video
from agentkit.messages import Media, Returned, Text
from agentkit.telemetry.failures import words_of

__all__ = ["as_json", "capped", "cut", "readable", "told", "without_media"]

MAX_ERROR_CHARS = 2_000


def without_media(value: Any, media: list[Media]) -> Any:
    """The value without the media parts in it, which go to `media`; text parts become their text."""
    if isinstance(value, (Image, Audio, Document, Video)):
        media.append(value)
        return None
    if isinstance(value, Text):
        return value.text
    if isinstance(value, (list, tuple)):
        items = cast("Sequence[Any]", value)
        if any(isinstance(item, (Image, Audio, Document, Video, Text)) for item in items):
            kept = [without_media(item, media) for item in items]
            kept = [item for item in kept if item is not None]
            return kept[0] if len(kept) == 1 else kept
    if isinstance(value, dict):
        fields = cast("dict[Any, Any]", value)
        if any(isinstance(item, (Image, Audio, Document, Video)) for item in fields.values()):
            kept_fields = {name: without_media(item, media) for name, item in fields.items()}
            return {name: item for name, item in kept_fields.items() if item is not None or fields[name] is None}
    return cast("Any", value)


def as_json(value: Any) -> Any:
    """The value as plain JSON. Raises ValueError for what JSON cannot hold, or what is nested too deeply."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return readable(value)
    from pydantic_core import PydanticSerializationError, to_json, to_jsonable_python

    try:
        written = to_json(value, inf_nan_mode="strings")
    except PydanticSerializationError:
        written = to_json(_readable_inside(to_jsonable_python(value)), inf_nan_mode="strings")
    return json_value(written)


def capped(outcome: Returned, max_chars: int, result_id: str) -> tuple[Returned, str | None]:
    """The outcome with at most `max_chars` characters of text, and the whole text when it was longer."""
    content = outcome.content
    if isinstance(content, str):
        text = content
    elif content is None or isinstance(content, (bool, int, float)):
        return outcome, None
    else:
        from pydantic_core import to_json

        text = to_json(content).decode()
    if len(text) <= max_chars:
        return outcome, None
    shown = {
        "truncated": True,
        "shown": text[:max_chars],
        "shown_characters": max_chars,
        "total_characters": len(text),
        "how_to_read_on": f'call read_result with result_id "{result_id}" and offset {max_chars}',
    }
    return Returned(shown, outcome.media), text


def told(error: BaseException) -> str:
    """An exception as it is told to a model: its type and its text, as far as that can be had."""
    return cut(f"{type(error).__name__}: {words_of(error)}")


def cut(text: str) -> str:
    text = readable(text)
    return text if len(text) <= MAX_ERROR_CHARS else text[:MAX_ERROR_CHARS] + "..."


def _readable_inside(value: Any) -> Any:
    if isinstance(value, str):
        return readable(value)
    if isinstance(value, list):
        return [_readable_inside(item) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {readable(key): _readable_inside(item) for key, item in cast("dict[str, Any]", value).items()}
    return value


def readable(text: str) -> str:
    """The text without lone surrogates, which file names may hold and no JSON on a wire can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
