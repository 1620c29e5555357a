"""A batch of a thousand inputs in a bucket whose client is killed twice: each input has exactly one result or error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tasks.batch_client import COUNT, prompts

from agentkit.errors import BadRequestError
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Text
from agentkit.models import Sink
from agentkit.simulator.connection_faults import Silence
from agentkit.simulator.plan import Rule
from agentkit.testing.simulator import SimulatorOnThread, start_simulator
from agentkit.usage import Usage

CLIENT = Path(__file__).with_name("bucket_batch_client.py")
CREATION = {"bedrock": "/model-invocation-job", "vertex": "/batchPredictionJobs"}
RUNNING = {"bedrock": "InProgress", "vertex": "JOB_STATE_RUNNING"}


class Echo:
    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        text = request.messages[-1].text
        if text.startswith("fail"):
            raise BadRequestError(f"refused: {text}", status=400)
        return Response(AssistantMessage((Text(f"echo {text}"),), request.model, usage=Usage(10, output=5)))


def start(provider: str, server: SimulatorOnThread, folder: Path) -> subprocess.Popen[str]:
    files = [str(folder / "state.json"), str(folder / "results.json")]
    paths = [str(CLIENT.parents[2]), str(CLIENT.parents[1])]  # the package beside these tests, and the tests
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(CLIENT), provider, server.url, *files]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def creations(server: SimulatorOnThread, provider: str) -> int:
    return sum(seen.asked.method == "POST" and seen.asked.path.endswith(CREATION[provider]) for seen in server.requests)


@pytest.mark.parametrize("provider", ["bedrock", "vertex"])
def test_a_client_that_is_killed_twice_goes_on_where_it_was(provider: str, tmp_path: Path) -> None:
    # The reply to the creation never comes: the client is killed when it has created a job and does not know of it.
    with start_simulator(Echo(), faults=[Rule((Silence(),), at=(2,))], batch_seconds=3600) as server:
        with start(provider, server, tmp_path) as first:
            while not creations(server, provider):
                assert first.poll() is None
            first.kill()
        server.suffer()
        with start(provider, server, tmp_path) as second:
            assert second.stdout is not None
            lines = [second.stdout.readline(), second.stdout.readline()]
            second.kill()
        assert not (tmp_path / "results.json").exists()
        server.advance(3600)
        with start(provider, server, tmp_path) as third:
            assert third.wait(timeout=60) == 0
        created = creations(server, provider)

    assert lines[1] == f"0 of {COUNT}: {RUNNING[provider]}\n"
    expected = {
        id: {"error": "BadRequestError"} if text.startswith("fail") else {"text": f"echo {text}"}
        for id, text in prompts().items()
    }
    assert sum("error" in row for row in expected.values()) == 30
    assert json.loads((tmp_path / "results.json").read_text()) == expected
    assert created == 1
