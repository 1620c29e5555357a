"""Batches of the simulator as other clients see them, and its clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest

from agentkit.testing.simulator import SimulatorOnThread, start_simulator

SENT = {"endpoint": "/v1/chat/completions", "model": "m"}


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator(batch_seconds=100) as server:
        yield server


def asked(server: SimulatorOnThread, path: str, sent: object = None) -> dict[str, object]:
    body = None if sent is None else json.dumps(sent).encode()
    with urlopen(Request(server.url + path, body, {"connection": "close"}), timeout=10) as reply:
        return json.loads(reply.read())


def test_anthropics_client_makes_a_batch_and_reads_it(server: SimulatorOnThread) -> None:
    anthropic = pytest.importorskip("anthropic")
    params = {"model": "claude-x", "max_tokens": 10, "messages": [{"role": "user", "content": "Hello"}]}
    with anthropic.Anthropic(api_key="sk-canary", base_url=server.url, max_retries=0) as client:
        batches = client.messages.batches
        bad = {**params, "messages": []}
        made = batches.create(requests=[{"custom_id": "a", "params": params}, {"custom_id": "b", "params": bad}])
        server.advance(100)
        seen = batches.retrieve(made.id)
        rows = {row.custom_id: row.result.type for row in batches.results(made.id)}
        listed = [batch.id for batch in batches.list()]

    assert (made.processing_status, seen.processing_status) == ("in_progress", "ended")
    assert (seen.request_counts.succeeded, seen.request_counts.errored) == (1, 1)
    assert rows == {"a": "succeeded", "b": "errored"}
    assert listed == [made.id]


def test_googles_client_makes_a_batch_and_reads_it(server: SimulatorOnThread) -> None:
    genai = pytest.importorskip("google.genai")
    options = genai.types.HttpOptions(base_url=server.url)
    with genai.Client(api_key="canary", http_options=options) as client:
        contents = [{"role": "user", "parts": [{"text": "Hello"}]}]
        made = client.batches.create(model="gemini-x", src=[{"contents": contents}])
        server.advance(100)
        seen = client.batches.get(name=made.name)

    assert seen.state.name == "JOB_STATE_SUCCEEDED"
    assert [reply.response.candidates[0].finish_reason.name for reply in seen.dest.inlined_responses] == ["STOP"]


def test_the_clock_is_put_forward_over_http(server: SimulatorOnThread) -> None:
    sent = {
        "endpoint": "/v1/chat/completions",
        "model": "m",
        "requests": [{"custom_id": "0", "body": {"messages": []}}],
    }
    made = asked(server, "/v1/batch/jobs", sent)
    early = asked(server, f"/v1/batch/jobs/{made['id']}")
    assert asked(server, "/_sim/clock", {"advance_seconds": 100}) == {"advance_seconds": 100}
    late = asked(server, f"/v1/batch/jobs/{made['id']}")

    assert (early["status"], late["status"], late["failed_requests"]) == ("RUNNING", "SUCCESS", 1)


def test_a_batch_is_cancelled_with_what_was_done(server: SimulatorOnThread) -> None:
    entries = [
        {"custom_id": str(place), "body": {"messages": [{"role": "user", "content": "Hi"}]}} for place in range(4)
    ]
    made = asked(server, "/v1/batch/jobs", {"endpoint": "/v1/chat/completions", "model": "m", "requests": entries})
    server.advance(50)
    seen = asked(server, f"/v1/batch/jobs/{made['id']}/cancel", {})

    assert (seen["status"], seen["succeeded_requests"]) == ("CANCELLED", 2)
