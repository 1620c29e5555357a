"""Pictures and transcripts are kept in a recording and replayed from it, forms included."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit.exchange import Delta
from agentkit.imaging import GeneratedImage
from agentkit.media import Audio, Inline
from agentkit.providers import task_model
from agentkit.simulator.media import tiny_png
from agentkit.simulator.server import simulate
from agentkit.tasks.generate_image import generate_image
from agentkit.tasks.transcribe import transcribe
from agentkit.testing.recording import recording


async def ask(base_url: str) -> tuple[list[GeneratedImage], str, list[Delta]]:
    told: list[Delta] = []
    painter = task_model("openai:gpt-image-2", "generate_image", base_url=base_url, api_key="k")
    listener = task_model("openai:gpt-transcribe", "transcribe", base_url=base_url, api_key="k")
    first = await generate_image(painter, "a cat")
    given = [first.images[0].image]
    edited = await generate_image(painter, "red", images=given, partial_images=1, on_event=told.append)
    sound = Audio(Inline(b"ID3" + bytes(range(256)) * 100, "audio/mpeg"))
    heard = await transcribe(listener, sound, on_event=told.append)
    return [*first.images, *edited.images], heard.text, told


@pytest.mark.anyio
async def test_the_same_questions_get_the_same_answers_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "media.json"
    async with simulate() as server:
        monkeypatch.setenv("AGENTKIT_RECORD", "all")
        with recording(path):
            first = await ask(server.base_url)
        monkeypatch.delenv("AGENTKIT_RECORD")
    with recording(path):
        assert await ask(server.base_url) == first
    assert [image.data for image in first[0]] == [tiny_png("a cat 0"), tiny_png("red 0")]


@pytest.mark.anyio
async def test_more_pictures_than_are_made_at_a_time_are_asked_for_side_by_side() -> None:
    async with simulate() as server:
        painter = task_model("openai:gpt-image-2", "generate_image", base_url=server.base_url, api_key="k")
        made = await generate_image(painter, "a cat", count=12)
        sizes = sorted(seen.json.get("n", 1) for seen in server.requests)
    assert (len(made.images), sizes, made.usage.output) == (12, [2, 10], 192)
