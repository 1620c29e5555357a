"""The metrics of agents, model calls and tool calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.metrics import Histogram, Meter
from opentelemetry.util.types import AttributeValue

from agentkit.telemetry import names
from agentkit.usage import Usage

__all__ = ["Instruments"]


class Instruments:
    """The metrics, made once per meter provider."""

    __slots__ = (
        "agent_calls", "agent_duration", "agent_tools", "inference_duration", "operation_duration",
        "time_to_first_chunk", "tool_duration", "usage",
    )  # fmt: skip

    def __init__(self, meter: Meter) -> None:
        def histogram(name: str, unit: str, bounds: Sequence[float]) -> Histogram:
            return meter.create_histogram(name, unit, explicit_bucket_boundaries_advisory=bounds)

        self.inference_duration = histogram(names.INFERENCE_DURATION, "s", names.INFERENCE_SECONDS)
        self.time_to_first_chunk = histogram(names.INFERENCE_TIME_TO_FIRST_CHUNK, "s", names.INFERENCE_SECONDS)
        self.operation_duration = histogram(names.OPERATION_DURATION, "s", names.INFERENCE_SECONDS)
        self.agent_duration = histogram(names.INVOKE_AGENT_DURATION, "s", names.AGENT_SECONDS)
        self.agent_calls = histogram(names.INVOKE_AGENT_INFERENCE_CALLS, "{inference_call}", names.CALL_COUNTS)
        self.agent_tools = histogram(names.INVOKE_AGENT_TOOL_CALLS, "{tool_call}", names.CALL_COUNTS)
        self.tool_duration = histogram(names.EXECUTE_TOOL_DURATION, "s", names.INFERENCE_SECONDS)
        self.usage = tuple(
            meter.create_counter(names.INFERENCE_USAGE + name, "{token}")
            for name in (
                "input_tokens", "output_tokens", "cache_read.input_tokens", "cache_write.input_tokens",
                "reasoning.output_tokens",
            )
        )  # fmt: skip

    def count(self, usage: Usage, attributes: Mapping[str, AttributeValue]) -> None:
        """Add to the token counters; a failed call adds zeros, so that it is seen."""
        amounts = (usage.total_input, usage.total_output, usage.cache_read, usage.cache_write, usage.reasoning)
        for counter, amount in zip(self.usage, amounts, strict=True):
            counter.add(amount, attributes)
