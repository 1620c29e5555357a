"""The file in which a batch's state is kept: JSON without content, written whole or not at all, by one process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from agentkit.batching import BatchState, read_state, state_to_json
from agentkit.errors import StateError
from agentkit.file_lock import try_lock
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value

__all__ = ["held", "load", "save"]

_NO_STATE = "this is no state of a batch"
_WANTED = "give the file that `batch` or `agentkit batch submit` wrote"


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
        reason = error if isinstance(error, StateError) else f"{_NO_STATE} ({error}); {_WANTED}"
        raise StateError(f"{path}: {reason}") from None


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


@contextmanager
def held(path: Path | None) -> Generator[None]:
    """Keep a state to this user alone while the block runs. Raises StateError when another drives its batch or
    the folder cannot be written, OSError.

    The kernel frees the lock however a process ends. It is on a file beside the state, which is replaced when it is
    written.
    """
    if path is None:
        yield
        return
    beside = path.with_name(f"{path.name}.lock")
    descriptor = _locked(beside, path)
    _held.add(descriptor)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        if descriptor in _held:
            _held.discard(descriptor)
            with suppress(OSError):  # Windows removes no file that is open
                beside.unlink()
            os.close(descriptor)


def _locked(beside: Path, path: Path) -> int:
    while True:
        try:
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateError(
                f"the state of a batch is to be in {path}, and its lock beside it, which cannot be written: "
                f"{error.strerror}; name a file in a folder that is there and may be written"
            ) from error
        try:
            if not try_lock(descriptor):
                raise _driven(path, descriptor)
            if os.path.samestat(os.fstat(descriptor), beside.stat()):
                return descriptor
        except FileNotFoundError:  # whoever had it removed it when it was done, between opening and locking
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


_held: set[int] = set()


def _forget_all() -> None:
    """A forked child shares its parent's locks, and would hold them after the parent's death."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _driven(path: Path, descriptor: int) -> StateError:
    pid = ""
    with suppress(OSError):  # Windows lets nobody read what is locked
        pid = os.read(descriptor, 20).decode(errors="replace")
    who = "this process" if pid == str(os.getpid()) else f"the process {pid}" if pid else "another process"
    return StateError(
        f"the batch of {path} is driven by {who} already, and two would submit it twice; wait for it, or stop it and "
        f"call again. How far it is can be asked meanwhile: agentkit batch status {path}"
    )
