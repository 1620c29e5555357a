"""JSON as bytes, for wires and files."""

from __future__ import annotations

__all__ = ["json_bytes"]


def json_bytes(value: object) -> bytes:
    """The value as JSON. Half of a surrogate pair, which no UTF-8 can hold, becomes a question mark.

    File names and command lines bring such halves; they must not end a run, nor make a stored one unreadable.
    """
    from pydantic_core import PydanticSerializationError, to_json  # loaded on first use: importing agentkit stays cheap

    try:
        return to_json(value)
    except PydanticSerializationError:
        import json

        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
