"""How a service that speaks generateContent differs from the Gemini API, as data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["VERTEX", "ServiceRules"]


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """The deviations of one service; the defaults are the Gemini API's own."""

    models: str = "models/"
    """What stands in the path before the id of a model that has no slash."""
    wraps_counts: bool = True
    """Whether countTokens takes a whole request in an object of its own; else it takes some of its fields bare."""
    flags_server_tools: bool = True
    """Whether functions beside tools that Google runs have to be announced by a flag."""
    tier_header: str = ""
    """The header that says the tier of service, where that is no field of the body."""


VERTEX = ServiceRules(
    models="publishers/google/models/",
    wraps_counts=False,
    flags_server_tools=False,
    tier_header="x-vertex-ai-llm-shared-request-type",
)
"""Vertex AI: models of Google's in a list of publishers. Seen in 2026-11."""
