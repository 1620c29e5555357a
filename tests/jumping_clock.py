"""Event loops whose clocks jump to the next timer, so that waits of minutes take no time."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

import trio.testing


class JumpingLoop(asyncio.SelectorEventLoop):
    """asyncio's event loop on such a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        loop = self

        class JumpingSelector(selectors.DefaultSelector):
            def select(self, timeout: float | None = None) -> list[Any]:
                ready = super().select(0)
                if not ready and timeout is None:
                    return super().select(None)
                if not ready and timeout:
                    loop.now += timeout + 1e-6  # a little more, so that rounding cannot leave the timer ahead
                return ready

        super().__init__(JumpingSelector())

    def time(self) -> float:
        return self.now


def jumping(backend: str) -> tuple[str, dict[str, Any]]:
    """What the fixture anyio_backend gives for a backend with such a clock."""
    if backend == "asyncio":
        return "asyncio", {"loop_factory": JumpingLoop}
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}
