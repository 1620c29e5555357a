"""What the model reads about a call that was settled, and the way back.

A functionResponse carries an object: what the tool returned stands under `output`, what went wrong under `error`.
Our words for calls that were never made are recognised again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from agentkit.media import Audio, Document, Image, Video
from agentkit.messages import Cancelled, Denied, Failed, Lost, Outcome, Pending, Returned

__all__ = ["outcome_of", "response_of"]

_DENIED = "The call was not made, permission was denied. "
_CANCELLED_BEFORE = "The call was not made: the run was cancelled before it began."
_CANCELLED_WITHIN = "The call was cancelled before it ended."
_LOST = "The run was interrupted during this call. Whether the call took effect is not known."

_FIXED: dict[str, Outcome] = {
    _DENIED.rstrip(): Denied(),
    _CANCELLED_BEFORE: Cancelled(started=False),
    _CANCELLED_WITHIN: Cancelled(started=True),
    _LOST: Lost(),
}


def response_of(outcome: Outcome) -> dict[str, Any]:
    """The `response` object of a functionResponse."""
    match outcome:
        case Returned(content):
            return {"output": content}
        case Failed(message):
            return {"error": message}
        case Denied(reason):
            return {"error": (_DENIED + reason).rstrip()}
        case Cancelled(started):
            return {"error": _CANCELLED_WITHIN if started else _CANCELLED_BEFORE}
        case Lost() | Pending():  # no Request can be built while a call is pending
            return {"error": _LOST}
        case _:
            assert_never(outcome)


def outcome_of(response: Mapping[str, Any], media: tuple[Image | Audio | Document | Video, ...] = ()) -> Outcome:
    """The outcome that an object tells of; an object of another shape is what the tool returned."""
    if len(response) == 1 and "output" in response:
        return Returned(response["output"], media)
    error = response.get("error")
    if len(response) != 1 or not isinstance(error, str) or media:
        return Returned(dict(response), media)
    if (fixed := _FIXED.get(error)) is not None:
        return fixed
    if error.startswith(_DENIED) and error == error.rstrip():
        return Denied(error.removeprefix(_DENIED))
    return Failed(error)
