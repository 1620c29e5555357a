"""What the model reads about a call that was settled, and the way back.

The wire has one text and a flag `is_error`. Our words for calls that were never made are recognised again; any other
text is what the tool returned, as structured data when it is exactly how we write that data.
"""

from __future__ import annotations

from typing import Any, assert_never

from pydantic_core import from_json, to_json

from agentkit.messages import Cancelled, Denied, Failed, Lost, Outcome, Pending, Returned

__all__ = ["content_of", "outcome_of", "outcome_text"]

_DENIED = "The call was not made, permission was denied. "
_CANCELLED_BEFORE = "The call was not made: the run was cancelled before it began."
_CANCELLED_WITHIN = "The call was cancelled before it ended."
_LOST = "The run was interrupted during this call. Whether the call took effect is not known."
_SILENT = "The tool failed without a message."

_FIXED: dict[str, Outcome] = {
    _DENIED.rstrip(): Denied(),
    _CANCELLED_BEFORE: Cancelled(started=False),
    _CANCELLED_WITHIN: Cancelled(started=True),
    _LOST: Lost(),
    _SILENT: Failed(""),
}
_JSON_STARTS = frozenset('{["-0123456789tfn')


def outcome_text(outcome: Outcome) -> str:
    """What the model reads; empty only for a tool that returned an empty text."""
    match outcome:
        case Returned(str() as text):
            return text
        case Returned(content):
            return to_json(content).decode()
        case Failed(message):
            return message if message.strip() else _SILENT  # the service refuses an error without text
        case Denied(reason):
            return (_DENIED + reason).rstrip()
        case Cancelled(started):
            return _CANCELLED_WITHIN if started else _CANCELLED_BEFORE
        case Lost() | Pending():  # no Request can be built while a call is pending
            return _LOST
        case _:
            assert_never(outcome)


def outcome_of(text: str, *, is_error: bool) -> Outcome:
    """The outcome that a text tells of; `outcome_text` makes the same text of it again."""
    if not is_error:
        return Returned(content_of(text))
    if (fixed := _FIXED.get(text)) is not None:
        return fixed
    if text.startswith(_DENIED) and text == text.rstrip():
        return Denied(text.removeprefix(_DENIED))
    return Failed(text)


def content_of(text: str) -> Any:
    """The JSON value of a text that is exactly how we write that value; else the text itself."""
    if not text or text[0] not in _JSON_STARTS:
        return text
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
    return value if not isinstance(value, str) and to_json(value) == text.encode() else text
