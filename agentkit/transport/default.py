"""Which transport a model gets that was given none."""

from __future__ import annotations

import os

from agentkit.errors import ConfigurationError
from agentkit.transport.fast_transport import FastTransport, is_installed
from agentkit.transport.httpx_transport import HttpxTransport
from agentkit.transport.protocol import Transport

VARIABLE = "AGENTKIT_TRANSPORT"


def default_transport() -> Transport:
    """The fast one where its package is installed, else the one on httpx.

    The environment variable AGENTKIT_TRANSPORT, "fast" or "httpx", decides instead when it is set. Raises
    ConfigurationError for another value, and for "fast" without the package.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", "fast", "httpx"):
        raise ConfigurationError(f"{VARIABLE} is {wanted!r}; it can be 'fast' or 'httpx'")
    if wanted == "fast" or (not wanted and is_installed()):
        return FastTransport()
    return HttpxTransport()
