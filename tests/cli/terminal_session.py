"""A program in a terminal of its own: what it shows, what is typed, and Ctrl-C as the keyboard sends it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SECONDS = 15.0


class TerminalSession:
    """`agentkit` with these arguments, its input and output a terminal of 100 columns."""

    def __init__(self, *arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        self._folder = folder
        self._environment = environment or {}
        self._shown = b""
        self._read = 0

    def __enter__(self) -> Self:
        ours, theirs = pty.openpty()
        self._terminal = ours
        self._process = subprocess.Popen(
            [sys.executable, "-m", "agentkit.cli.main", *self._arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self._folder,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **self._environment},
            start_new_session=True,
            preexec_fn=_own_the_terminal,
        )
        os.close(theirs)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._terminal, f"{text}\n".encode())

    def press(self, key: str) -> None:
        """Press Ctrl and a letter."""
        os.write(self._terminal, bytes([ord(key.upper()) - 64]))

    def until(self, text: str) -> str:
        """Wait until the text is shown after what was waited for before; what was shown up to there."""
        if not self._waits_for(text, _SECONDS):
            raise AssertionError(f"{text!r} was not shown; this was: {self.shown[self._read :]!r}")
        end = self.shown.index(text, self._read) + len(text)
        found, self._read = self.shown[self._read : end], end
        return found

    def press_until(self, key: str, text: str) -> str:
        """Press Ctrl and a letter at a prompt, again when nothing comes of it, until the text is shown.

        Python's readline loses an interrupt that comes between its prompt and its wait; no person is that fast.
        """
        for _ in range(12):
            self.press(key)
            if self._waits_for(text, 2.0):
                break
        return self.until(text)

    def end(self) -> int:
        """Wait until the program ends; its exit code."""
        deadline = time.monotonic() + _SECONDS
        while self._take(deadline - time.monotonic()):
            pass
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    @property
    def is_coloured(self) -> bool:
        """Whether anything was shown in colour, bold or dim."""
        return re.search(rb"\x1b\[[0-9;]*m", self._shown) is not None

    @property
    def shown(self) -> str:
        """All that was shown so far, without colours."""
        return _STEERING.sub("", self._shown.decode(errors="replace")).replace("\r\n", "\n")

    def _waits_for(self, text: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while text not in self.shown[self._read :]:
            if not self._take(deadline - time.monotonic()):
                return False
        return True

    def _take(self, seconds: float) -> bool:
        """Read more; False at the end, or when nothing comes."""
        ready, _, _ = select.select([self._terminal], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            data = os.read(self._terminal, 65_536)
        except OSError:  # how Linux says that the other side is gone
            return False
        self._shown += data
        return bool(data)


def _own_the_terminal() -> None:
    """Make standard input the terminal of its session, so that its Ctrl-C interrupts the program."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
