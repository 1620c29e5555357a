"""A stream is demanded of a task: it comes, or who could is told before anything is sent."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from canaries import KEY
from conformance.wires import InTurn

from agentkit.agent import Agent
from agentkit.errors import UnsupportedError
from agentkit.media import Audio
from agentkit.providers import task_model
from agentkit.settings import Settings
from agentkit.tasks.classify import classify
from agentkit.tasks.embed import embed
from agentkit.tasks.generate_image import generate_image
from agentkit.tasks.transcribe import transcribe

pytestmark = pytest.mark.anyio

STREAMED = Settings(stream=True)
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


async def refusal(asked: Any) -> str:
    with pytest.raises(UnsupportedError) as raised:
        await asked
    return str(raised.value)


def made(name: str, kind: Any, wire: InTurn) -> Any:
    return task_model(name, kind, api_key=KEY, transport=wire)


async def test_what_comes_whole_from_everybody_is_said_to() -> None:
    wire = InTurn([b"{}"])
    vectors = made("openai:text-embedding-3-small", "embed", wire)
    assert await refusal(embed(vectors, ["a"], settings=STREAMED)) == (
        "openai:text-embedding-3-small answers in one piece; no provider streams embeddings: "
        "leave out Settings(stream=True)"
    )
    labels = made("openai:gpt-6-luna", "classify", wire)
    assert await refusal(classify(labels, ["a"], labels=["b", "c"], settings=STREAMED)) == (
        "openai:gpt-6-luna answers in one piece; no provider streams labels: leave out Settings(stream=True)"
    )
    assert wire.sent == []


async def test_a_provider_that_streams_no_pictures_names_those_that_do() -> None:
    wire = InTurn([b"{}"])
    painter = made("huggingface:black-forest-labs/FLUX.1-dev", "generate_image", wire)
    assert await refusal(generate_image(painter, "a cat", settings=STREAMED)) == (
        "huggingface:black-forest-labs/FLUX.1-dev answers in one piece; openai, azure, google and vertex stream "
        "pictures: leave out Settings(stream=True)"
    )
    assert wire.sent == []


async def test_a_picture_is_streamed_without_looks_at_it() -> None:
    done = {"type": "image_generation.completed", "b64_json": PICTURE}
    wire = InTurn([b"event: image_generation.completed\ndata: " + json.dumps(done).encode() + b"\n\n"])
    found = await generate_image(made("openai:gpt-image-2", "generate_image", wire), "a cat", settings=STREAMED)
    assert wire.body() == {"model": "gpt-image-2", "prompt": "a cat", "stream": True, "partial_images": 0}
    assert found.images[0].media_type == "image/png"


async def test_gemini_streams_the_parts_of_its_pictures() -> None:
    drawn = {"inlineData": {"mimeType": "image/png", "data": PICTURE}}
    answer = {"candidates": [{"content": {"parts": [drawn], "role": "model"}, "finishReason": "STOP"}]}
    wire = InTurn([b"data: " + json.dumps(answer).encode() + b"\r\n\r\n"])
    painter = made("google:gemini-2.5-flash-image", "generate_image", wire)
    found = await generate_image(painter, "a cat", settings=STREAMED)
    assert wire.sent[0].url.endswith(":streamGenerateContent?alt=sse")
    assert found.images[0].media_type == "image/png"


async def test_a_model_of_a_task_makes_no_agent() -> None:
    wire = InTurn([b"{}"])
    with pytest.raises(UnsupportedError) as raised:
        Agent(made("openai:text-embedding-3-small", "embed", wire))
    assert str(raised.value) == (
        "openai:text-embedding-3-small was made for a task: it neither chats nor calls tools; use a model that does, "
        "such as openai:gpt-6-luna, anthropic:claude-sonnet-5 or google:gemini-3.8-flash"
    )


async def test_a_transcript_that_comes_whole_is_not_taken_for_a_stream() -> None:
    wire = InTurn([json.dumps({"text": "hello"}).encode()])
    sound = Audio.from_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(28), "audio/wav")
    whisper = made("openai:whisper-1", "transcribe", wire)
    assert await refusal(transcribe(whisper, sound, settings=STREAMED)) == (
        "openai:whisper-1 answers in one piece; openai, azure (their gpt-4o models), google, vertex, mistral and vllm "
        "stream transcripts: leave out Settings(stream=True)"
    )
    assert wire.sent == []
    able = made("openai:gpt-4o-transcribe", "transcribe", wire)
    heard: list[Any] = []
    whole = await transcribe(able, sound, settings=Settings(stream=False), on_event=heard.append)
    assert (whole.text, b'name="stream"' in wire.sent[0].body) == ("hello", False)


async def test_jobs_and_partners_stream_nothing() -> None:
    wire = InTurn([b"{}"])
    sound = Audio.from_url("https://example.com/interview.mp3")
    azure: Any = task_model(
        "azure-speech:batch", "transcribe", api_key=KEY, base_url="https://mine.example", transport=wire
    )
    partner = made("huggingface:openai/whisper-large-v3:fal-ai", "transcribe", wire)
    for model in (azure, partner):
        assert "answers in one piece" in await refusal(transcribe(model, sound, language="en", settings=STREAMED))
    assert wire.sent == []
