"""The file in which a batch's state is kept: JSON without content, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from agentkit.batching import BatchState, read_state, state_to_json
from agentkit.errors import StateError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value

__all__ = ["load", "save"]


def load(path: Path) -> BatchState | None:
    """The state in a file; None where there is none. Raises StateError, NewerVersionError, OSError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return read_state(json_value(data))
    except (ValueError, StateError) as error:
        if type(error) not in (StateError, ValueError):  # such as NewerVersionError, which says it itself
            raise
        raise StateError(f"{path}: {error}") from None


def save(path: Path, state: BatchState) -> None:
    """Put the state in place of what is in the file. Raises OSError, and the file is as it was then."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # for its owner alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(json_bytes(state_to_json(state)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105  # the name is text
    except BaseException:
        with suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
