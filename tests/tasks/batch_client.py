"""A program that makes one batch and writes what became of it; it is killed and started again by a test.

python batch_client.py BASE_URL STATE RESULTS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from agentkit.exchange import Response
from agentkit.providers import model
from agentkit.tasks.batch import BatchEvent, BatchProgress, batch_sync

COUNT = 1_000


def prompts() -> dict[str, str]:
    """Three in a hundred fail."""
    return {
        f"input-{place}": f"fail {place}" if place % 100 in (3, 50, 97) else f"ask {place}" for place in range(COUNT)
    }


def say(event: BatchEvent) -> None:
    if isinstance(event, BatchProgress):
        print(f"{event.done} of {event.total}: {', '.join(event.parts)}", flush=True)


def main(base_url: str, state: Path, results: Path) -> None:
    chosen = model("openai:gpt-6-luna", base_url=base_url, api_key="any")
    done = batch_sync(chosen, prompts(), state=state, poll_seconds=0.05, on_event=say)
    rows = {
        id: {"text": result.text} if isinstance(result, Response) else {"error": type(result).__name__}
        for id, result in done.items()
    }
    results.write_text(json.dumps(rows))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
