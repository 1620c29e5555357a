"""What only a process of its own can show: what is imported, and the global provider."""

from __future__ import annotations

import os
import subprocess
import sys

RUN = """
from agentkit.telemetry import TELEMETRY
with TELEMETRY.agent_span(name="weather") as agent:
    pass
"""


def printed(code: str) -> str:
    """What a fresh interpreter prints; warnings are errors there too."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_a_run_does_not_load_the_sdk() -> None:
    assert printed(RUN + "import sys; print('opentelemetry.sdk' in sys.modules, repr(agent.trace_id))") == "False ''\n"


def test_configure_makes_the_global_provider_where_there_is_none() -> None:
    code = "from agentkit.tracing import configure; configure(console=True)" + RUN
    assert printed(code + "assert len(agent.trace_id) == 32").startswith("invoke_agent weather   ")


def test_a_global_provider_that_is_set_later_is_found_at_the_next_run() -> None:
    late = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
    code = RUN + "print(len(agent.trace_id))" + late + RUN + "print(len(agent.trace_id))"
    assert printed(code) == "0\n32\n"


def test_metrics_that_are_set_up_after_the_first_run_are_found_too() -> None:
    late = """
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
"""
    found = "print(sorted(m.name for m in reader.get_metrics_data().resource_metrics[0].scope_metrics[0].metrics))"
    assert printed(RUN + late + RUN + found) == (
        "['gen_ai.invoke_agent.duration', 'gen_ai.invoke_agent.inference_calls', 'gen_ai.invoke_agent.tool_calls']\n"
    )
