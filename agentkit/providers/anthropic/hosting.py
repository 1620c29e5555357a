"""How Messages is served by somebody other than Anthropic, as data."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

__all__ = ["VERTEX", "Hosting"]


@dataclass(frozen=True, slots=True)
class Hosting:
    """Where the model stands in the path, and the version of the API in the body."""

    path: str
    """For whole replies, with "{model}" in its place."""
    stream_path: str
    """For streams."""
    version: str
    """What is sent as `anthropic_version`, if the user says no other."""
    count_path: str = ""
    """Where tokens are counted, with the model in the body; empty where they are not."""
    has_stream: bool = True
    """Whether the body says as well that the reply is to be streamed."""
    has_beta_header: bool = True
    """False: the betas stand in the body, as `anthropic_beta`."""

    def path_of(self, model: str, *, is_streamed: bool) -> str:
        """The path for a model."""
        path = self.stream_path if is_streamed else self.path
        return path.replace("{model}", quote(model, safe="-._~@"))


VERTEX = Hosting(
    path="/publishers/anthropic/models/{model}:rawPredict",
    stream_path="/publishers/anthropic/models/{model}:streamRawPredict",
    version="vertex-2023-10-16",
    count_path="/publishers/anthropic/models/count-tokens:rawPredict",
)
"""Vertex AI. Its version is the only one that all of its models take, and forbids nothing that we send (2026-11)."""
