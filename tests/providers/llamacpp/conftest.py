"""Makes the tiny model known to the tests of this folder."""

from __future__ import annotations

from providers.llamacpp.tiny import no_server_is_left, tiny

__all__ = ["no_server_is_left", "tiny"]
