"""JSON files that the command line reads and keeps: states, sessions, schemas."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from agentkit.errors import ConfigurationError, StateError

__all__ = ["parse_object", "read_document", "write_document"]


def read_document(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in a file; `what` names it in errors. Raises StateError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise StateError(f"cannot read the {what} {str(path)!r}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise StateError(f"the {what} {str(path)!r} is not UTF-8 text (byte {error.start})") from error
    try:
        value = json.loads(text)
    except ValueError as error:
        raise StateError(f"the {what} {str(path)!r} is not JSON: {error}; it was left as it is") from error
    if not isinstance(value, dict):
        raise StateError(f"the {what} {str(path)!r} should be a JSON object, but is {type(value).__name__}")
    return cast("dict[str, Any]", value)


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a file by a JSON document, for its owner's eyes alone: a crash leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, ensure_ascii=False, separators=(",", ":"))
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise


def parse_object(text: str, what: str) -> dict[str, Any]:
    """The JSON object in a text; `what` names it in errors. Raises ConfigurationError."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{what} is not JSON: {error}; got {text[:80]!r}") from error
    if not isinstance(value, dict):
        raise ConfigurationError(f'{what} should be a JSON object such as {{"name": 1}}; got {text[:80]!r}')
    return cast("dict[str, Any]", value)
