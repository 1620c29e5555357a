"""What the model is told about a call: the text of an Outcome, and the Outcome of such a text.

The wire has one string for every outcome. The words below are exact, so that a history written by us reads back as it
was; any other text is what the tool returned.
"""

from __future__ import annotations

from typing import Any, assert_never

from pydantic_core import from_json, to_json

from agentkit.messages import Cancelled, Denied, Failed, Lost, Outcome, Pending, Returned

__all__ = ["content_of", "outcome_of", "words_of"]

_FAILED = "Error: "
_DENIED = "The call was denied"
_CANCELLED = "The call was cancelled before it began; nothing was done."
_CANCELLED_STARTED = "The call was cancelled while it ran; it has no result."
_LOST = "The call had begun and its result was lost: it may or may not have taken effect. Check before you repeat it."

_FIXED: dict[str, Outcome] = {
    f"{_DENIED}.": Denied(),
    _CANCELLED: Cancelled(started=False),
    _CANCELLED_STARTED: Cancelled(started=True),
    _LOST: Lost(),
}
_JSON_STARTS = frozenset('{["-0123456789tfn')


def words_of(outcome: Outcome) -> str:
    """The text that the model reads as the result of its call, media aside."""
    match outcome:
        case Returned(content):
            return content if isinstance(content, str) else to_json(content).decode()
        case Failed(message):
            return _FAILED + message
        case Denied(reason):
            return f"{_DENIED}: {reason}" if reason else f"{_DENIED}."
        case Cancelled(started):
            return _CANCELLED_STARTED if started else _CANCELLED
        case Lost() | Pending():  # a Request holds no pending call
            return _LOST
        case _:
            assert_never(outcome)


def outcome_of(text: str) -> Outcome:
    """The outcome that a text tells of; `words_of` makes the same text of it again."""
    if (fixed := _FIXED.get(text)) is not None:
        return fixed
    if text.startswith(_FAILED):
        return Failed(text.removeprefix(_FAILED))
    if text.startswith(f"{_DENIED}: ") and len(text) > len(_DENIED) + 2:
        return Denied(text[len(_DENIED) + 2 :])
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
