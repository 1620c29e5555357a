"""Pictures and transcripts of the simulator, as OpenAI's own client and the oracle of the format see them."""

from __future__ import annotations

import io
import wave
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from shared import oracle

from agentkit.errors import BadRequestError
from agentkit.simulator.forms import form_of
from agentkit.simulator.media import tiny_png
from agentkit.simulator.plan import Rule
from agentkit.simulator.status_faults import Status
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

openai = pytest.importorskip("openai")


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator() as server:
        yield server


@pytest.fixture
def client(server: SimulatorOnThread) -> Iterator[Any]:
    with openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client:
        yield client


def talk() -> tuple[str, bytes]:
    kept = io.BytesIO()
    with wave.open(kept, "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))
    return "talk.wav", kept.getvalue()


def test_pictures_are_made_and_edited(client: Any) -> None:
    made = client.images.generate(model="gpt-image-2", prompt="a cat", n=2)
    assert [b64decode(image.b64_json) for image in made.data] == [tiny_png("a cat 0"), tiny_png("a cat 1")]
    picture = ("cat.png", tiny_png("a cat 0"))
    edited = client.images.edit(model="gpt-image-2", prompt="a dog", image=[picture, picture], mask=picture)
    assert [b64decode(image.b64_json) for image in edited.data] == [tiny_png("a dog 0")]
    assert edited.usage.output_tokens == 16


def test_unfinished_pictures_are_streamed_as_the_format_says(client: Any) -> None:
    events = list(client.images.generate(model="gpt-image-2", prompt="a cat", stream=True, partial_images=2))
    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    for event in events:
        assert oracle("oracle_openai").check_event(event.to_dict(), "images/generations") == []


def test_a_recording_is_heard_whole_and_in_pieces(client: Any) -> None:
    heard = client.audio.transcriptions.create(
        model="whisper-1", file=talk(), response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert (heard.text, heard.duration, len(heard.words), len(heard.segments)) == (
        "This recording lasts 2.0 seconds.",
        2.0,
        5,
        1,
    )
    events = list(client.audio.transcriptions.create(model="gpt-4o-transcribe", file=talk(), stream=True))
    assert "".join(event.delta for event in events if event.type == "transcript.text.delta") == heard.text
    assert events[-1].text == heard.text


def test_faults_strike_them_too() -> None:
    with (
        start_simulator(faults=[Rule((Status(429),))]) as server,
        openai.OpenAI(base_url=server.base_url, api_key="any", max_retries=0) as client,
        pytest.raises(openai.RateLimitError),
    ):
        client.images.generate(model="gpt-image-2", prompt="a cat")


def test_what_the_provider_would_refuse_is_refused(client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="Invalid 'n': 11"):
        client.images.generate(model="gpt-image-2", prompt="a cat", n=11)
    with pytest.raises(openai.BadRequestError, match="Missing required parameter: 'prompt'"):
        client.images.generate(model="gpt-image-2", prompt="")
    with pytest.raises(openai.BadRequestError, match="Unrecognized file format"):
        client.audio.transcriptions.create(model="whisper-1", file=("talk.txt", b"no"))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"--x--", "application/json"),
        (
            b'--x\r\nContent-Disposition: form-data; filename="a"\r\n\r\n1\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
        ),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(BadRequestError, match="multipart"):
        form_of(body, content_type)


def test_a_picture_is_the_same_for_the_same_words() -> None:
    data = tiny_png("any")
    assert (data[:8], data == tiny_png("any"), tiny_png("other") == data) == (
        b"\x89PNG\r\n\x1a\n",
        True,
        False,
    )
