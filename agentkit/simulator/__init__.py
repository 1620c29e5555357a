"""A simulator of model providers: their wire formats on a local port, for any client, with faults on demand."""

from __future__ import annotations
