"""Faults are tried over every transport that the event loop has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from simulator.talking import transports

from agentkit.transport.protocol import Transport


@pytest.fixture(params=transports("asyncio"))
def transport(request: pytest.FixtureRequest, anyio_backend: str) -> Callable[[], Transport]:
    found = transports(anyio_backend).get(request.param)
    if found is None:
        pytest.skip(f"there is no transport {request.param!r} on {anyio_backend} here")
    return found
