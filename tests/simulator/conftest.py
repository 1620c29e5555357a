"""Faults are tried over every transport that the event loop has."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from simulator.talking import transports

from agentkit.transport.protocol import Transport


@pytest.fixture(params=transports("asyncio"))
def transport_name(request: pytest.FixtureRequest, anyio_backend: str) -> str:
    if request.param not in transports(anyio_backend):
        pytest.skip(f"on {anyio_backend} the transport {request.param!r} is the one on httpx")
    return request.param


@pytest.fixture
def transport(transport_name: str, anyio_backend: str) -> Callable[[], Transport]:
    return transports(anyio_backend)[transport_name]
