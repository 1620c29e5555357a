"""Gemini writes down what it hears: in words, or with times and speakers by its own transcription."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from canaries import KEY
from conformance.wires import InTurn
from shared import oracle

from agentkit.media import Audio
from agentkit.providers import task_model
from agentkit.settings import Settings
from agentkit.tasks.transcribe import Transcription, transcribe
from agentkit.transcription import Segment, TranscriptionModel, Word

pytestmark = pytest.mark.anyio

SOUND = Audio.from_bytes(b"RIFF\x24\0\0\0WAVEfmt " + bytes(28), "audio/wav")
WHERE: dict[str, dict[str, Any]] = {
    "google": {"api_key": KEY},
    "vertex": {"project": "p", "region": "us-central1", "credentials": KEY},
}
PIECES = [
    {
        "text": "Hello there.",
        "languageCode": "en-US",
        "speakerLabel": "spk_1",
        "startOffset": "0s",
        "endOffset": "1.200s",
        "words": [
            {"word": "Hello", "startOffset": "0s", "endOffset": "0.500s"},
            {"word": "there.", "startOffset": "0.600s", "endOffset": "1.200s"},
        ],
    },
    {"text": "Hi.", "speakerLabel": "spk_2", "startOffset": "1.5s", "endOffset": "odd"},
]


def reply(*parts: dict[str, Any]) -> bytes:
    content = {"parts": list(parts), "role": "model"}
    usage = {"promptTokenCount": 40, "candidatesTokenCount": 6}
    return json.dumps(
        {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage, "modelVersion": "gemini"}
    ).encode()


async def heard(wire: InTurn, provider: str = "google", **asked: Any) -> Transcription:
    made = task_model(f"{provider}:gemini-3.8-flash", "transcribe", transport=wire, **WHERE[provider])
    return await transcribe(cast("TranscriptionModel", made), SOUND, **asked)


@pytest.mark.parametrize("provider", WHERE)
async def test_times_and_speakers_are_asked_for_by_its_own_transcription(provider: str) -> None:
    wire = InTurn([reply(*({"audioTranscription": piece} for piece in PIECES))])

    found = await heard(wire, provider, words=True, segments=True, language="en", prompt="agentkit, Paris")

    sent = wire.body()
    assert sent["generationConfig"]["audioTranscriptionConfig"] == {
        "languageCodes": ["en"],
        "customVocabulary": ["agentkit", "Paris"],
        "wordTimestamp": True,
        "diarization": True,
    }
    assert oracle("oracle_google").check(sent, "generateContent", "gemini" if provider == "google" else "vertex") == []
    assert (found.text, found.language, found.usage.total_input) == ("Hello there. Hi.", "en-US", 40)
    assert found.segments == (
        Segment("Hello there.", 0.0, 1.2, "spk_1"),
        Segment("Hi.", 1.5, 0.0, "spk_2"),
    )
    assert found.words == (Word("Hello", 0.0, 0.5, "spk_1"), Word("there.", 0.6, 1.2, "spk_1"))


async def test_a_config_of_ones_own_is_kept_and_its_transcript_read() -> None:
    config = {"audioTranscriptionConfig": {"mode": "SMART"}, "temperature": 0}
    wire = InTurn([reply({"audioTranscription": {"text": " Hello. "}})])

    found = await heard(wire, settings=Settings(extra={"google": {"generationConfig": config}}))

    assert wire.body()["generationConfig"] == config
    assert (found.text, found.segments, found.words) == ("Hello.", (), ())


async def test_a_streamed_transcription_is_whole_at_its_end() -> None:
    events = [b"data: " + reply({"audioTranscription": piece}) + b"\r\n\r\n" for piece in PIECES]
    wire = InTurn([b"".join(events)])

    found = await heard(wire, segments=True, settings=Settings(stream=True))

    assert wire.sent[0].url.endswith(":streamGenerateContent?alt=sse")
    assert (found.text, len(found.segments)) == ("Hello there. Hi.", 2)


async def test_words_alone_are_asked_for_in_words() -> None:
    wire = InTurn([reply({"text": "Hello."})])

    found = await heard(wire)

    assert "audioTranscriptionConfig" not in json.dumps(wire.body())
    assert found.text == "Hello."
