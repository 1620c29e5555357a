"""The protocol "JSON 1.1" of AWS's older services: every operation is a POST to /, named in a header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentkit.codec import WireRequest
from agentkit.json_bytes import json_bytes

__all__ = ["operation"]


def operation(service: str, name: str, body: Mapping[str, Any]) -> WireRequest:
    """The request for one operation of a service, which is named as in its target, such as "Transcribe"."""
    headers = (("content-type", "application/x-amz-json-1.1"), ("x-amz-target", f"{service}.{name}"))
    return WireRequest("/", json_bytes(body), headers=headers)
