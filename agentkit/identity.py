"""Who answers: a model's provider, id, address and abilities."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Capabilities", "ModelIdentity"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do. Unknown things are assumed to work: the provider says no itself."""

    structured_output: bool = True
    """The answer can be held to a JSON Schema natively."""
    tools: bool = True
    forced_tools: bool = True
    """tool_choice "required" and named tools are obeyed."""
    output_with_tools: bool = True
    """Structured output and tools may be asked for together."""
    parallel_tools: bool = True
    reasoning: bool = True
    media: frozenset[str] = frozenset({"image", "audio", "document", "video"})
    """Which media may be sent: "image", "audio", "document", "video"."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Who answers: for spans, prices and error messages."""

    provider: str
    """Our name of the provider, such as "openai" or "azure"."""
    model: str
    """The id as the provider spells it."""
    otel_provider: str = ""
    """The provider's name in the OpenTelemetry conventions; the same as `provider` when empty."""
    address: str = ""
    """Host name of the server."""
    port: int | None = None
    api: str = ""
    """The wire format, such as "responses"."""
    is_remote: bool = True
    """False for models inside this process."""
    capabilities: Capabilities = field(default=Capabilities())

    def __str__(self) -> str:
        return f"{self.provider}:{self.model}"
