"""Transcripts by a simulator, and the requests for them as the oracle takes them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from conformance.forms import as_oracle_reads
from conformance.wires import InTurn
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from shared import oracle
from tracing.watched import Watched, check

from agentkit import tracing
from agentkit.budget import Budget
from agentkit.errors import (
    BudgetExceededError,
    ContentFilteredError,
    MediaError,
    ProtocolError,
    RateLimitError,
    UnsupportedError,
)
from agentkit.exchange import AttemptFailed, Delta, Response, ResponseFinished, TextDelta
from agentkit.media import Audio, Inline, Remote
from agentkit.messages import AssistantMessage, Text
from agentkit.providers import task_model
from agentkit.providers.chat_speech import ChatTranscriptionModel
from agentkit.providers.deepgram.listen import ListenCodec
from agentkit.providers.huggingface.transcriptions import SpeechRecognitionCodec
from agentkit.providers.openai.transcriptions import TranscriptionsCodec
from agentkit.providers.openai_media import TRANSCRIPTION_RULES
from agentkit.settings import Settings
from agentkit.simulator.forms import form_of
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks.transcribe import transcribe, transcribe_sync
from agentkit.testing.scripted import ScriptedModel
from agentkit.testing.simulator import start_simulator
from agentkit.transcription import (
    Segment,
    TranscriptionAnswer,
    TranscriptionModel,
    TranscriptionRequest,
    Word,
    wav_seconds,
)
from agentkit.usage import Usage


def wav(seconds: float) -> bytes:
    """Silence at 8,000 bytes a second."""
    size = int(seconds * 8000)
    head = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    return b"RIFF" + struct.pack("<I", size + 36) + b"WAVE" + head + b"data" + struct.pack("<I", size) + b"\x80" * size


SOUND = Audio(Inline(wav(2), "audio/wav"))
SAID = "This recording lasts 2.0 seconds."


def model_at(server: Simulator, name: str = "openai:gpt-4o-transcribe") -> TranscriptionModel:
    return task_model(name, "transcribe", base_url=server.base_url, api_key="k")


def elsewhere(name: str, wire: InTurn) -> TranscriptionModel:
    """At an address of our own, where no model is ever shut down."""
    return task_model(name, "transcribe", base_url="https://api.example/v1", api_key="k", transport=wire)


def asked(**parts: Any) -> TranscriptionRequest:
    return TranscriptionRequest(**{"model": "whisper-1", "audio": SOUND, "filename": "talk.wav", **parts})


@pytest.mark.anyio
async def test_writes_down_what_a_file_says(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(wav(2))
    async with simulate() as server:
        heard = await transcribe(model_at(server), tmp_path / "talk.wav", language="en", prompt="agentkit")
        (seen,) = server.requests
    assert (heard.text, heard.duration_seconds, heard.model, str(heard)) == (SAID, 2.0, "gpt-4o-transcribe", SAID)
    form = form_of(seen.asked.body, seen.asked.header("content-type"))
    assert form.fields == {
        "model": ["gpt-4o-transcribe"],
        "language": ["en"],
        "prompt": ["agentkit"],
        "response_format": ["json"],
    }
    assert [(file.filename, file.data) for file in form.files["file"]] == [("talk.wav", wav(2))]


@pytest.mark.anyio
async def test_tells_words_and_segments_where_asked() -> None:
    async with simulate() as server:
        heard = await transcribe(model_at(server, "openai:whisper-1"), SOUND, words=True, segments=True)
    assert heard.segments == (Segment(SAID, 0.0, 2.0),)
    assert heard.words[:2] == (Word("This", 0.0, 0.4), Word("recording", 0.4, 0.8))
    assert (heard.language, heard.duration_seconds) == ("english", 2.0)


@pytest.mark.anyio
async def test_tells_the_text_as_it_comes() -> None:
    told: list[Delta] = []
    async with simulate() as server:
        heard = await transcribe(model_at(server), SOUND, on_event=told.append)
    assert (heard.text, "".join(delta.text for delta in told if isinstance(delta, TextDelta))) == (SAID, SAID)
    assert len(told) == 5


@pytest.mark.anyio
async def test_asks_again_before_anything_was_told() -> None:
    told: list[Delta] = []
    async with simulate(faults=[Rule((Status(429, wait_seconds=0.001),), first=1)]) as server:
        heard = await transcribe(model_at(server), SOUND, on_event=told.append)
    assert heard.text == SAID
    assert [type(delta) for delta in told] == [AttemptFailed] + [TextDelta] * 5


@pytest.mark.anyio
async def test_errors_are_typed() -> None:
    async with simulate(faults=[Rule((Status(429),))]) as server:
        with pytest.raises(RateLimitError):
            await transcribe(model_at(server), SOUND, settings=Settings(attempts=1))


@pytest.mark.anyio
async def test_a_budget_is_kept_before_anything_is_sent() -> None:
    wire = InTurn([b"{}"])
    model = elsewhere("openai:whisper-1", wire)
    with pytest.raises(BudgetExceededError):
        await transcribe(model, SOUND, budget=Budget(tokens=10))
    assert wire.sent == []


@pytest.mark.anyio
async def test_long_files_are_refused_with_the_limit_and_nothing_is_cut(tmp_path: Path) -> None:
    with (tmp_path / "film.wav").open("wb") as file:
        file.truncate(27_000_000)
    wire = InTurn([b"{}"])
    model = elsewhere("openai:gpt-4o-transcribe", wire)
    with pytest.raises(MediaError, match=r"has 27,000,000 bytes; openai:gpt-4o-transcribe takes 26,214,400 at a time"):
        await transcribe(model, tmp_path / "film.wav")
    with pytest.raises(MediaError, match=r"the sound has 26,300,000 bytes"):
        await transcribe(model, Audio(Inline(bytes(26_300_000), "audio/wav")))
    with pytest.raises(MediaError, match=r"lasts 1,600 s; openai:gpt-4o-transcribe takes 1,500 s at a time"):
        await transcribe(model, Audio(Inline(wav(1600), "audio/wav")))
    assert wire.sent == []


@pytest.mark.anyio
async def test_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no sound")
    model = elsewhere("openai:whisper-1", InTurn([b"{}"]))
    for name, words in (
        ("empty.wav", "is empty; there is nothing to hear"),
        ("notes.txt", "is text/plain, not sound"),
        ("gone.mp3", "cannot read audio"),
    ):
        with pytest.raises(MediaError, match=words):
            await transcribe(model, tmp_path / name)


@pytest.mark.anyio
async def test_spans_are_those_of_the_conventions_and_hold_no_sound(tmp_path: Path) -> None:
    watched = Watched(content=True)
    tracing.configure(tracer_provider=watched.provider, meter_provider=watched.meters, content=True)
    try:
        async with simulate() as server:
            await transcribe(model_at(server), SOUND)
    finally:
        tracing.configure(tracer_provider=TracerProvider(), meter_provider=MeterProvider())
        tracing.configure()
    check(tmp_path, watched, "--allow-bare")
    assert dict(watched.span("generate_content gpt-4o-transcribe").attributes or {}) == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-transcribe",
        "gen_ai.output.type": "text",
        "server.address": "127.0.0.1",
        "server.port": server.port,
    }
    assert "gICAgICA" not in watched.exported()


def test_works_without_an_event_loop() -> None:
    with start_simulator() as server:
        assert transcribe_sync(model_at(server), SOUND).text == SAID


@pytest.mark.anyio
async def test_gemini_is_asked_for_the_words_alone() -> None:
    answer = AssistantMessage((Text(" Hello. "),), "gemini-3-flash", usage=Usage(96, output=2))
    scripted = ScriptedModel(Response(answer))
    heard = await transcribe(ChatTranscriptionModel(scripted), SOUND, language="en", prompt="agentkit")
    assert (heard.text, heard.usage) == ("Hello.", Usage(96, output=2))
    (request,) = scripted.requests
    assert request.messages[0].parts == (
        SOUND,
        Text(
            "Write down word for word what is said in this recording. Answer with the transcript alone. The language "
            "spoken is 'en' (ISO 639-1). Names and words that may occur: agentkit"
        ),
    )
    with pytest.raises(UnsupportedError, match="leave words and segments out"):
        await transcribe(ChatTranscriptionModel(scripted), SOUND, words=True)
    refused = ScriptedModel(Response(AssistantMessage((), finish="content_filter"), finish_raw="SAFETY"))
    with pytest.raises(ContentFilteredError):
        await transcribe(ChatTranscriptionModel(refused), SOUND)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"language": "en", "prompt": "agentkit", "words": True, "segments": True},
        {"model": "gpt-4o-transcribe", "is_streamed": True},
        {"model": "gpt-4o-transcribe-diarize", "segments": True, "is_streamed": True},
        {"settings": Settings(extra={"openai": {"temperature": 0, "include": ["logprobs"]}})},
    ],
)
def test_requests_are_accepted_by_the_oracle(parts: dict[str, Any]) -> None:
    assert oracle("oracle_openai").check(as_oracle_reads(TranscriptionsCodec().encode(asked(**parts)))) == []


@pytest.mark.parametrize(
    ("provider", "parts", "words"),
    [
        ("openai", {"model": "gpt-4o-transcribe", "words": True}, "writes text without times; leave words out"),
        ("openai", {"model": "gpt-4o-transcribe-diarize", "words": True}, "tells segments and speakers, not words"),
        ("openai", {"model": "gpt-4o-transcribe-diarize", "prompt": "a"}, "takes no prompt"),
        ("openai", {"audio": Audio(Remote("https://x.example/a.mp3"))}, "takes the sound itself"),
        ("cohere", {}, "has to be told the language"),
        ("xai", {"segments": True}, "tells the times of words, not of segments"),
    ],
)
def test_what_a_model_does_not_offer_is_refused(provider: str, parts: dict[str, Any], words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        TranscriptionsCodec(provider, rules=TRANSCRIPTION_RULES.get(provider)).encode(asked(**parts))


def test_other_servers_are_asked_in_their_own_words() -> None:
    mistral = TranscriptionsCodec("mistral", rules=TRANSCRIPTION_RULES["mistral"]).encode(
        asked(model="voxtral-mini-latest", segments=True, audio=Audio(Remote("https://x.example/a.mp3")))
    )
    form = form_of(mistral.body, dict(mistral.headers)["content-type"])
    assert form.fields == {
        "model": ["voxtral-mini-latest"],
        "timestamp_granularities": ["segment"],
        "file_url": ["https://x.example/a.mp3"],
    }
    xai = TranscriptionsCodec("xai", rules=TRANSCRIPTION_RULES["xai"]).encode(asked(model="grok-stt"))
    assert (xai.path, form_of(xai.body, dict(xai.headers)["content-type"]).fields) == ("/stt", {})
    plain = SpeechRecognitionCodec().encode(asked(model="openai/whisper-large-v3"))
    assert (plain.path, plain.headers, plain.body) == (
        "/hf-inference/models/openai/whisper-large-v3",
        (("content-type", "audio/wav"),),
        wav(2),
    )
    timed = json.loads(SpeechRecognitionCodec().encode(asked(model="openai/whisper-large-v3", words=True)).body)
    assert timed["parameters"] == {"return_timestamps": "word"}
    deepgram = ListenCodec().encode(asked(model="nova-3", segments=True, language="en"))
    assert deepgram.path == "/listen?model=nova-3&smart_format=true&utterances=true&language=en"


def test_streams_of_mistral_and_vllm_are_read_too() -> None:
    mistral = (
        {"type": "transcription.language", "audio_language": "en"},
        {"type": "transcription.text.delta", "text": "Hel"},
        {"type": "transcription.text.delta", "text": "lo."},
        {"type": "transcription.segment", "text": "Hello.", "start": 0.0, "end": 1.0},
        {"type": "transcription.done", "text": "Hello.", "language": None, "model": "voxtral", "usage": {}},
    )
    vllm = (
        {"choices": [{"delta": {"content": "Hel"}}]},
        {"choices": [{"delta": {"content": "lo."}, "finish_reason": "stop"}]},
    )
    for events, answer in (
        (mistral, TranscriptionAnswer("Hello.", (Segment("Hello.", 0.0, 1.0),), language="en", model="voxtral")),
        (vllm, TranscriptionAnswer("Hello.")),
    ):
        decoder = TranscriptionsCodec().decoder(asked())
        deltas = decoder.feed(b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events))
        assert deltas == [TextDelta("Hel"), TextDelta("lo."), ResponseFinished("stop")]
        assert (decoder.finish(), decoder.answer) == ([], answer)


def test_a_cut_stream_is_no_transcript() -> None:
    decoder = TranscriptionsCodec().decoder(asked())
    assert decoder.feed(b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n') == [TextDelta("Hel")]
    with pytest.raises(ProtocolError, match="before the transcript was complete"):
        decoder.finish()


@pytest.mark.parametrize(
    ("data", "seconds"),
    [(wav(2), 2.0), (wav(2)[:40] + b"\xff" * 4 + bytes(8000), 1.0), (b"ID3", None), (wav(2)[:30], None)],
)
def test_a_wav_file_says_how_long_it_is(data: bytes, seconds: float | None) -> None:
    assert wav_seconds(data) == seconds
