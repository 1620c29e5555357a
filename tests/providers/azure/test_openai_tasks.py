"""Azure OpenAI beside chat, by the v1 API and by a dated version: the same events and answers, at Azure's addresses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from agentkit.batching import BatchResult
from agentkit.codec import Codec
from agentkit.errors import ContentFilteredError
from agentkit.exchange import Delta, PartialImage, Response, TextDelta
from agentkit.media import Audio, Inline
from agentkit.providers import model, task_model
from agentkit.providers.openai.batches import line_result
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.images import ImagesCodec
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.simulator.server import Simulator, simulate
from agentkit.tasks.batch import Embed, batch
from agentkit.tasks.embed import embed
from agentkit.tasks.generate_image import generate_image
from agentkit.tasks.transcribe import transcribe
from agentkit.testing.scripted import ScriptedModel

pytestmark = pytest.mark.anyio

DATED = "?api-version=2025-04-01-preview"
ADDRESSES = pytest.mark.parametrize("query", ["", DATED], ids=["v1", "dated"])


def at(simulator: Simulator, query: str, name: str, kind: Any) -> Any:
    return task_model(name, kind, base_url=simulator.url + query, api_key="none")


def place(query: str, deployment: str, path: str) -> str:
    return f"/openai/deployments/{deployment}{path}{DATED}" if query else f"/openai/v1{path}"


@ADDRESSES
async def test_looks_at_a_picture_and_pieces_of_a_transcript_come_as_they_are_made(query: str) -> None:
    told: list[Delta] = []
    sound = Audio(Inline(b"ID3" + bytes(15_997), "audio/mpeg"))
    async with simulate() as simulator:
        painter = at(simulator, query, "azure:my-gpt-image", "generate_image")
        drawn = await generate_image(painter, "a cat", partial_images=2, on_event=told.append)
        listener = at(simulator, query, "azure:my-gpt-4o-transcribe", "transcribe")
        heard = await transcribe(listener, sound, on_event=told.append)
        vectors = await embed(at(simulator, query, "azure:my-embeddings", "embed"), ["a", "b"], dimensions=8)
        sent = simulator.requests

    assert len(drawn.images) == 1
    assert [type(delta) for delta in told] == [PartialImage] * 2 + [TextDelta] * 5
    assert heard.text == "".join(delta.text for delta in told if isinstance(delta, TextDelta))
    assert [len(vector) for vector in vectors] == [8, 8]
    assert sent[2].json["encoding_format"] == "base64"
    assert [seen.asked.target for seen in sent] == [
        place(query, "my-gpt-image", "/images/generations"),
        place(query, "my-gpt-4o-transcribe", "/audio/transcriptions"),
        place(query, "my-embeddings", "/embeddings"),
    ]


@ADDRESSES
async def test_batches_go_to_a_batch_deployment_named_in_each_line(query: str) -> None:
    async with simulate(ScriptedModel("51")) as simulator:
        chat = model("azure-chat:my-batch-gpt", base_url=simulator.url + query, api_key="none")
        answered = await batch(chat, ["What is 17 * 3?"], poll_seconds=0)
        embedding = at(simulator, query, "azure:my-batch-embeddings", "embed")
        embedded = await batch(embedding, ["a cat"], kind=Embed(), poll_seconds=0)
        created = [seen for seen in simulator.requests if seen.asked.path.endswith("/batches")]

    assert isinstance(answered["0"], Response)
    assert (answered["0"].text, len(embedded["0"])) == ("51", 1)
    prefix = "" if query else "/v1"
    assert [seen.json["endpoint"] for seen in created] == [f"{prefix}/chat/completions", f"{prefix}/embeddings"]
    assert {seen.asked.target for seen in created} == {f"/openai{'' if query else '/v1'}/batches{query}"}


FILTERED = {"violence": {"filtered": True, "severity": "high"}}
ERROR = {
    "code": "content_filter",
    "message": "The response was filtered.",
    "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_results": FILTERED},
}
FAILED = {"id": "r", "object": "response", "model": "gpt", "status": "failed", "output": [], "error": ERROR}


def streamed(codec: Codec, *events: dict[str, Any]) -> None:
    decoder = codec.decoder()
    for event in events:
        decoder.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    decoder.finish()


WAYS: dict[str, Callable[[], object]] = {
    "an error in a stream of chat": lambda: streamed(ChatCodec("azure"), {"error": ERROR}),
    "a failed response": lambda: ResponsesCodec("azure").decode(json.dumps(FAILED).encode()),
    "a response that fails in a stream": lambda: streamed(
        ResponsesCodec("azure"), {"type": "response.failed", "response": FAILED}
    ),
    "an error event of Responses": lambda: streamed(ResponsesCodec("azure"), {"type": "error", **ERROR}),
}


@pytest.mark.parametrize("way", WAYS)
def test_whatever_way_the_filter_reports_it_is_the_same_error(way: str) -> None:
    with pytest.raises(ContentFilteredError, match=r"The response was filtered\."):
        WAYS[way]()


def test_the_filter_is_told_of_a_picture_and_of_one_line_of_a_batch() -> None:
    error = ImagesCodec("azure").decode_error(400, {}, json.dumps({"error": ERROR}).encode())
    row = {"custom_id": "a", "response": {"status_code": 400, "body": {"error": ERROR}}}
    line: BatchResult = line_result(row, ChatCodec("azure"), provider="azure")
    for found in (error, line):
        assert isinstance(found, ContentFilteredError)
        assert found.message == "The response was filtered. (filtered for violence, high)"
