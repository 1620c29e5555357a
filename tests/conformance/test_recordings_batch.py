"""Every recorded reply about batches and their files decodes to what independent readers make of it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from conformance.recordings import Recorded, exchanges
from shared import needs_shared

from agentkit.batching import BatchCodec, BatchLine, BatchResult, item_id
from agentkit.codec import Codec, WireRequest
from agentkit.embedding import EmbeddingAnswer
from agentkit.errors import ExchangeError
from agentkit.exchange import Request, Response
from agentkit.json_bytes import json_bytes
from agentkit.messages import Text, UserMessage
from agentkit.providers.anthropic.batches import MessageBatchesCodec
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.google.batches import GeminiBatchesCodec
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.openai.batches import BatchesCodec
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.embeddings import EmbeddingsCodec
from agentkit.providers.openai.mistral_batches import MistralBatchesCodec
from agentkit.providers.openai.responses import ResponsesCodec

pytestmark = needs_shared

FAMILY = {"batch", "batch_results"}
STATUSES = {
    "validating": "running",
    "in_progress": "running",
    "cancelling": "running",
    "canceling": "running",
    "completed": "ended",
    "ended": "ended",
    "BATCH_STATE_PENDING": "running",
    "BATCH_STATE_RUNNING": "running",
    "BATCH_STATE_SUCCEEDED": "ended",
    "QUEUED": "running",
    "RUNNING": "running",
    "SUCCESS": "ended",
}


def codec_of(provider: str, path: str = "") -> BatchCodec:
    if "embedding" in path:
        return BatchesCodec(EmbeddingsCodec())
    match provider:
        case "anthropic":
            return MessageBatchesCodec(MessagesCodec())
        case "google":
            return GeminiBatchesCodec(GenerateContentCodec())
        case "mistral":
            return MistralBatchesCodec(ChatCodec("mistral"))
        case _:
            return BatchesCodec(ResponsesCodec())


def recorded_replies() -> list[Recorded]:
    found = [entry for api in ("batch", "files") for entry in exchanges(api)]
    return [
        entry
        for entry in found
        if entry.expect["kind"] in FAMILY and entry.provider in ("openai", "anthropic", "google", "mistral")
    ]


def text_of(result: BatchResult) -> str | None:
    return result.text if isinstance(result, Response) else None


def size_of(result: BatchResult) -> int | None:
    return len(result.vectors[0]) if isinstance(result, EmbeddingAnswer) else None


def read_of(recorded: Recorded) -> dict[str, Any]:
    """The reply as we read it, in the words of `expect`."""
    codec, expect = codec_of(recorded.provider, recorded.path), recorded.expect
    if expect["kind"] == "batch_results":
        rows = codec.results(recorded.body)
        return {
            "results": [(id, not isinstance(each, ExchangeError), text_of(each), size_of(each)) for id, each in rows]
        }
    job = codec.job(recorded.body)
    read: dict[str, Any] = {"id": job.id, "raw": job.raw, "status": job.status, "counts": (job.total, job.done)}
    if "inlined_results" in expect:
        read["texts"] = [text_of(result) for _, result in codec.results(recorded.body)]
    if "output_ref" in expect:
        read["results"] = len(job.results)
    return read


def expected_of(recorded: Recorded) -> dict[str, Any]:
    expect = recorded.expect
    if expect["kind"] == "batch_results":
        found = [
            (row["custom_id"], row["ok"], row.get("text"), row.get("embedding_dimension")) for row in expect["results"]
        ]
        return {"results": found}
    raw = expect["status_raw"]
    read: dict[str, Any] = {"id": expect["id"], "raw": raw, "status": STATUSES[raw], "counts": counts_of(expect)}
    if "inlined_results" in expect:
        read["texts"] = [row["text"] for row in expect["inlined_results"]]
    if "output_ref" in expect:
        read["results"] = 1
    return read


def counts_of(expect: dict[str, Any]) -> tuple[int, int]:
    raw = {name: int(count) for name, count in expect["request_counts_raw"].items()}
    if "processing" in raw:
        return sum(raw.values()), sum(raw.values()) - raw["processing"]
    if "requestCount" in raw:
        return raw["requestCount"], raw["requestCount"] - raw.get("pendingRequestCount", 0)
    if "total_requests" in raw:
        return raw["total_requests"], raw["completed_requests"]
    return raw["total"], raw["completed"] + raw["failed"]


def test_every_recorded_reply_decodes_as_expected() -> None:
    decoded: Counter[str] = Counter()
    for recorded in recorded_replies():
        assert (recorded.id, read_of(recorded)) == (recorded.id, expected_of(recorded))
        decoded[recorded.provider] += 1
    print(f"batches: {', '.join(f'{name} {count}' for name, count in sorted(decoded.items()))} decoded")
    assert sum(decoded.values()) == len(recorded_replies())


def test_every_recorded_upload_is_read() -> None:
    uploads = [entry for entry in exchanges("files") if entry.provider == "openai" and entry.expect["kind"] == "file"]
    found = [entry for entry in uploads if entry.request["method"] == "POST"]
    codec = codec_of("openai")
    assert [codec.uploaded(entry.body) for entry in found] == [entry.expect["id"] for entry in found]


@pytest.mark.parametrize(
    ("provider", "inner", "model"),
    [
        ("anthropic", MessagesCodec(), "claude-haiku-4-5"),
        ("google", GenerateContentCodec(), "gemini-2.5-flash"),
        ("mistral", ChatCodec("mistral"), "mistral-small-latest"),
    ],
)
def test_a_batch_is_created_in_the_form_that_was_recorded(provider: str, inner: Codec, model: str) -> None:
    recorded = next(entry for entry in exchanges("batch") if entry.provider == provider and entry.sent)
    codec = codec_of(provider)
    request = Request(model, (UserMessage((Text("What is 2 + 2?"),)),))
    lines = [BatchLine(item_id("ak", place), inner.encode(request)) for place in range(2)]
    wire = codec.create("ak", file="", lines=[codec.line(line) for line in lines], wires=[lines[0].wire])

    assert recorded.request["path"].endswith(wire.path)
    assert shape(json.loads(wire.body)) >= essential(shape(recorded.sent))


def shape(value: Any, place: str = "") -> set[str]:
    """The places of all fields."""
    match value:
        case dict():
            return {f"{place}.{name}" for name in value} | {
                each for name in value for each in shape(value[name], f"{place}.{name}")
            }
        case list():
            return {each for entry in value for each in shape(entry, f"{place}[]")}
        case _:
            return set()


def essential(places: set[str]) -> set[str]:
    """Without what another client says in other words: texts, settings, its own names."""
    others = ("content", "contents", "generationConfig", "system", "stream", "metadata.", "request.model")
    return {place for place in places if not any(word in place for word in others)}


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_a_batch_is_cancelled_in_the_form_that_was_recorded(provider: str) -> None:
    (recorded,) = (
        entry
        for entry in exchanges("batch")
        if entry.provider == provider and entry.request["method"] == "POST" and entry.request["path"].endswith("cancel")
    )
    codec = codec_of(provider)
    job = codec.job(recorded.body)

    assert recorded.request["path"].endswith(codec.cancel(job.id).path)
    assert job.status == "running"


def test_a_line_of_openai_is_that_which_was_recorded() -> None:
    wire = WireRequest("/responses", json_bytes({"model": "gpt-5-nano", "input": []}))
    line = codec_of("openai").line(BatchLine("0", wire))
    assert line == b'{"custom_id":"0","method":"POST","url":"/v1/responses","body":{"model":"gpt-5-nano","input":[]}}\n'
