"""The seam above every transport: one layer that all requests of the process pass while it is in use.

A recording stands there, so that a test can replay what a program sends without changing the program: neither its
models, made before or within the test, nor the threads that it starts need to know.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

from agentkit.transport.protocol import Transport

__all__ = ["Layer", "in_use", "is_offline", "layered"]


class Layer(Protocol):
    """What stands between the models of a process and their transports."""

    @property
    def is_offline(self) -> bool:
        """Whether nothing is ever sent below it: no key is needed then, and no wait before another attempt."""
        ...

    def over(self, transport: Transport) -> Transport:
        """What a model that has `transport` sends its requests to."""
        ...


_layers: list[Layer] = []
# Of the process and not of a context: threads of the program under test begin with a context of their own, and a
# request of theirs that reached the network past a replay would be worse than one layer too many.


@contextmanager
def in_use(layer: Layer) -> Generator[None]:
    """All requests of the process go through `layer` until the block is left; the innermost block counts."""
    _layers.append(layer)
    try:
        yield
    finally:
        _layers.remove(layer)


def layered(transport: Transport) -> Transport:
    """What to send to: `transport`, or the layer in use over it."""
    return _layers[-1].over(transport) if _layers else transport


def is_offline() -> bool:
    """Whether a layer is in use that sends nothing."""
    return bool(_layers) and _layers[-1].is_offline
