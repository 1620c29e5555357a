"""JSON as bytes, for wires and files."""

from __future__ import annotations

import functools
from types import ModuleType

__all__ = ["json_bytes"]


def json_bytes(value: object) -> bytes:
    """The value as JSON. Half of a surrogate pair, which no UTF-8 can hold, becomes a question mark.

    File names and command lines bring such halves; they must not end a run, nor make a stored one unreadable. Neither
    must numbers that JSON has not: they become the texts "NaN" and "Infinity".
    """
    core = _pydantic_core()
    try:
        return core.to_json(value, inf_nan_mode="strings")
    except core.PydanticSerializationError:
        import json

        text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return core.to_json(core.from_json(text), inf_nan_mode="strings")


@functools.cache
def _pydantic_core() -> ModuleType:
    """Loaded on first use: importing agentkit stays cheap. Found once: an import in a function costs a microsecond."""
    import pydantic_core

    return pydantic_core
