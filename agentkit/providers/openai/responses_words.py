"""The Outcome that a text tells of: the way back of what `outcome_text` writes for the model.

The wire has one string for every outcome. Our words for calls that failed or were never made are recognised; any other
text is what the tool returned, as structured data when it is exactly how we write that data.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json, to_json

from agentkit.messages import Cancelled, Denied, Failed, Lost, Outcome, Returned
from agentkit.providers.openai.chat_messages import CANCELLED_BEFORE, CANCELLED_WITHIN, DENIED, FAILED, LOST

__all__ = ["content_of", "outcome_of"]

_FIXED: dict[str, Outcome] = {
    DENIED.rstrip(): Denied(),
    CANCELLED_BEFORE: Cancelled(started=False),
    CANCELLED_WITHIN: Cancelled(started=True),
    LOST: Lost(),
}
_JSON_STARTS = frozenset('{["-0123456789tfn')


def outcome_of(text: str) -> Outcome:
    """The outcome that a text tells of; `outcome_text` makes the same text of it again."""
    if (fixed := _FIXED.get(text)) is not None:
        return fixed
    if text.startswith(FAILED):
        return Failed(text.removeprefix(FAILED))
    if text.startswith(DENIED) and text == text.rstrip():
        return Denied(text.removeprefix(DENIED))
    return Returned(content_of(text))


def content_of(text: str) -> Any:
    """The JSON value of a text that is exactly how we write that value; else the text itself."""
    if not text or text[0] not in _JSON_STARTS:
        return text
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
    return value if not isinstance(value, str) and to_json(value) == text.encode() else text
