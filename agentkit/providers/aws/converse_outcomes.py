"""What the model reads about a call that was settled, and the way back.

A toolResult holds a list of blocks and a status. An object that a tool returned goes out as JSON; whatever else as
text, since several models refuse JSON that is no object. A blank text, which the service refuses, goes out in quotes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import from_json

from agentkit.json_bytes import json_bytes
from agentkit.messages import Outcome, Returned
from agentkit.providers.anthropic.outcomes import content_of, outcome_of, outcome_text

__all__ = ["content_in", "outcome_block", "outcome_in"]

Block = dict[str, Any]


def outcome_block(outcome: Outcome) -> Block | None:
    """The block of what became of a call, media aside; None where a tool returned media alone."""
    match outcome:
        case Returned(None, media) if media:
            return None
        case Returned(content) if isinstance(content, dict):
            return {"json": cast("dict[str, Any]", content)}
        case Returned(str() as text) if not text.strip():
            return {"text": json_bytes(text).decode()}
        case _:
            return {"text": outcome_text(outcome)}


def outcome_in(text: str) -> Outcome:
    """The outcome that the text of an error tells of."""
    return outcome_of(text, is_error=True)


def content_in(block: Mapping[str, Any]) -> Any:
    """What a tool returned, in one block that is JSON or text; `outcome_block` makes the same of it again."""
    if "json" in block:
        return block["json"]
    text = block["text"]
    if not isinstance(text, str):
        raise TypeError("the text of a result is none")
    if text.startswith('"') and (blank := _blank_in(text)) is not None:
        return blank
    content = content_of(text)
    return text if isinstance(content, dict) else content


def _blank_in(text: str) -> str | None:
    try:
        value = from_json(text)
    except ValueError:
        return None
    return value if isinstance(value, str) and not value.strip() and json_bytes(value).decode() == text else None
