"""Leases: what a process holds as long as it lives, and no longer.

A lease is a file that is locked. The kernel frees the lock however the process ends, `kill -9` included, so that
nobody has to guess by the time of a last heartbeat whether the holder lives. The files have to be on a local disk.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

from agentkit.file_lock import try_lock

__all__ = ["Lease", "is_held"]


class Lease:
    """A locked file. Raises OSError when it cannot be made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = _locked(path)
        _held.add(self)

    def release(self) -> None:
        """Remove the file and let go of it."""
        if self._descriptor is not None:
            with suppress(OSError):  # Windows removes no file that is open
                self.path.unlink()
            self.forget()

    def forget(self) -> None:
        """Let go of the file, and leave it to whoever else has it open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def is_held(path: Path) -> bool:
    """Whether a living process holds the lease. What a dead one left is removed."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if not try_lock(descriptor, is_shared=True):
            return True
        with suppress(OSError):
            path.unlink()
        return False
    finally:
        os.close(descriptor)


def _locked(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # Whoever looks whether it is held locks it for a moment, and may take it for a dead one's and remove it.
            if try_lock(descriptor) and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


_held: WeakSet[Lease] = WeakSet()


def _forget_all() -> None:
    """A forked child shares its parent's locks, and would hold them after the parent's death."""
    for lease in list(_held):
        lease.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
