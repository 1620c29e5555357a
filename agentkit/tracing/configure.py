"""Say where traces go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider as SdkTracerProvider
from opentelemetry.trace import TracerProvider

from agentkit.content import default_mask
from agentkit.errors import ConfigurationError
from agentkit.telemetry.telemetry import TELEMETRY, TelemetryConfig
from agentkit.tracing.console import ConsoleExporter
from agentkit.tracing.exporter import TraceExporter
from agentkit.tracing.file import FileExporter

__all__ = ["configure"]


def configure(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    content: bool | None = None,
    mask: Callable[[str], str] | None = None,
    console: bool = False,
    folder: str | Path | None = None,
) -> None:
    """Say where the traces of all runs go from now on. Without a call they go to the global OpenTelemetry providers.

    `console` prints the tree of every run when it ends; `folder` writes every trace to a file there. Both add
    themselves to `tracer_provider`, else to the global one, which is made if there is none yet.

    `content` records prompts, answers, arguments and results; None does what the environment variable
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT says, which is no when unset. Every text goes through `mask`
    first, default_mask unless another is given.

    A second call replaces the first one. Raises ConfigurationError when the provider takes no exporters.

        tracing.configure(console=True)
    """
    stop = None
    if console or folder is not None:
        provider = tracer_provider or _global_provider()
        stop = _attach(provider, console=console, folder=folder)
    TELEMETRY.configure(
        TelemetryConfig(
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            content=content,
            mask=mask or default_mask,
            stop=stop,
        )
    )


def _attach(provider: TracerProvider, *, console: bool, folder: str | Path | None) -> Callable[[], None]:
    """Add the exporters to the provider; gives what silences them again, since a provider never lets go of one."""
    add: Any = getattr(provider, "add_span_processor", None)
    if add is None:
        raise ConfigurationError(
            f"the tracer provider {type(provider).__name__} takes no exporters; "
            "console= and folder= need one of opentelemetry.sdk.trace"
        )
    exporters: list[TraceExporter] = []
    if console:
        exporters.append(ConsoleExporter())
    if folder is not None:
        exporters.append(FileExporter(folder))
    for exporter in exporters:
        add(exporter)

    def stop() -> None:
        for exporter in exporters:
            exporter.shutdown()

    return stop


def _global_provider() -> TracerProvider:
    provider = trace.get_tracer_provider()
    if not isinstance(provider, trace.ProxyTracerProvider):
        return provider
    made = SdkTracerProvider()
    trace.set_tracer_provider(made)
    return made
