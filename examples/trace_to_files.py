"""Traces to files: one file a run, as OpenTelemetry writes them, and how to read one again.

    python examples/trace_to_files.py [FOLDER]
    agentkit trace show FOLDER/...jsonl

The files are OTLP JSON lines, which OpenTelemetry collectors read. Prompts, arguments and results are recorded only
because this program says content=True; secrets that look like secrets are masked before they are written.
For a real model set its key and name it: AGENTKIT_MODEL=openai:gpt-6-luna python examples/trace_to_files.py
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from agentkit import Agent, tool
from agentkit.tracing import configure, load_trace, render_tree


@tool(effect="read")
def find_customer(name: str) -> dict[str, str]:
    """Find a customer by name."""
    return {"name": name, "city": "London"}


@tool(effect="read")
def broken_scale(item: str) -> float:
    """Weigh an item."""
    raise OSError("the scale does not answer")


agent = Agent(os.environ.get("AGENTKIT_MODEL", "offline:"), tools=[find_customer, broken_scale], name="shop")


def main(folder: Path) -> None:
    """Two runs, two files; then the files are read and drawn."""
    configure(folder=folder, content=True)
    agent.run_sync('Find the customer "Ada"')
    agent.run_sync('Weigh the item "parcel"')
    for file in sorted(folder.glob("*.jsonl"), key=lambda file: file.stat().st_mtime_ns):
        print(render_tree(load_trace(file)), end="\n\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as name:
            main(Path(name))
