"""Batches of the simulator as other clients see them, and its clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
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


def test_openais_client_makes_batches_of_every_kind_and_cancels_one(server: SimulatorOnThread) -> None:
    openai = pytest.importorskip("openai")
    bodies = {
        "/v1/embeddings": {"model": "text-embedding-3-small", "input": "a cat"},
        "/v1/moderations": {"model": "omni-moderation-latest", "input": "good morning"},
        "/v1/images/generations": {"model": "gpt-image-2", "prompt": "a cat"},
    }
    told: dict[str, list[str]] = {}
    file = None
    with openai.OpenAI(api_key="sk-canary", base_url=server.base_url, max_retries=0) as client:
        for endpoint, body in bodies.items():
            line = {"custom_id": "a", "method": "POST", "url": endpoint, "body": body}
            file = client.files.create(file=("lines.jsonl", json.dumps(line).encode()), purpose="batch")
            made = client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h")
            server.advance(100)
            seen = client.batches.retrieve(made.id)
            (row,) = map(json.loads, client.files.content(seen.output_file_id).text.splitlines())
            told[endpoint] = sorted(row["response"]["body"])
        assert file is not None
        more = client.batches.create(input_file_id=file.id, endpoint="/v1/images/generations", completion_window="24h")
        ended = client.batches.cancel(more.id)
        listed = [batch.id for batch in client.batches.list(limit=1)]
        with pytest.raises(openai.BadRequestError, match="takes no batches"):
            client.batches.create(input_file_id=file.id, endpoint="/v1/audio/transcriptions", completion_window="24h")

    assert told == {
        "/v1/embeddings": ["data", "model", "object", "usage"],
        "/v1/moderations": ["id", "model", "results"],
        "/v1/images/generations": ["created", "data", "output_format", "usage"],
    }
    assert ended.status == "cancelled"
    assert len(listed) == 4  # over four pages


@pytest.mark.filterwarnings("ignore:batches.create_embeddings")
def test_googles_client_makes_a_batch_of_embeddings_and_one_of_an_uploaded_file(
    server: SimulatorOnThread, tmp_path: Path
) -> None:
    genai = pytest.importorskip("google.genai")
    options = genai.types.HttpOptions(base_url=server.url)
    contents: object = {"role": "user", "parts": [{"text": "Hello"}]}
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps({"key": "a", "request": {"contents": [contents]}}) + "\n")
    with genai.Client(api_key="canary", http_options=options) as client:
        embedding = client.batches.create_embeddings(
            model="gemini-embedding-001", src={"inlined_requests": {"contents": ["a cat", "a dog"]}}
        )
        file = client.files.upload(file=str(lines), config={"mime_type": "application/jsonl"})
        chats = client.batches.create(model="gemini-x", src=file.name)
        left = client.batches.create(model="gemini-x", src=[{"contents": [contents]}])
        client.batches.cancel(name=left.name)
        server.advance(100)
        vectors = client.batches.get(name=embedding.name).dest.inlined_embed_content_responses
        answered = client.batches.get(name=chats.name)
        ended = client.batches.get(name=left.name)
        (row,) = map(json.loads, client.files.download(file=answered.dest.file_name).splitlines())
        listed = {batch.name for batch in client.batches.list(config={"page_size": 1})}

    assert [len(each.response.embedding.values) for each in vectors] == [256, 256]
    assert (row["key"], row["response"]["candidates"][0]["finishReason"]) == ("a", "STOP")
    assert ended.state.name == "JOB_STATE_CANCELLED"
    assert listed == {embedding.name, chats.name, left.name}
