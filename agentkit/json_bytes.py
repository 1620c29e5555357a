"""JSON as bytes, for wires and files."""

from __future__ import annotations

__all__ = ["json_bytes"]


def json_bytes(value: object) -> bytes:
    """The value as JSON. Half of a surrogate pair, which no UTF-8 can hold, becomes a question mark.

    File names and command lines bring such halves; they must not end a run, nor make a stored one unreadable. Neither
    must numbers that JSON has not: they become the texts "NaN" and "Infinity".
    """
    # Loaded on first use: importing agentkit stays cheap.
    from pydantic_core import PydanticSerializationError, from_json, to_json

    try:
        return to_json(value, inf_nan_mode="strings")
    except PydanticSerializationError:
        import json

        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return to_json(from_json(text), inf_nan_mode="strings")
