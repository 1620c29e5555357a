"""Every recorded reply with pictures or a transcript decodes to what independent readers make of it."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from typing import Any

import pytest
from conformance.recordings import Recorded, exchanges
from conformance.wires import InTurn
from shared import needs_shared

from agentkit.codec import TaskCodec
from agentkit.errors import BadRequestError, ProtocolError
from agentkit.exchange import Delta, ResponseFinished, TextDelta
from agentkit.imaging import ImageAnswer, ImageRequest
from agentkit.media import Audio, Inline
from agentkit.providers import task_model
from agentkit.providers.deepgram.listen import ListenCodec
from agentkit.providers.huggingface.fal import FalSpeechCodec
from agentkit.providers.huggingface.images import TextToImageCodec
from agentkit.providers.huggingface.replicate import ReplicateImagesCodec
from agentkit.providers.huggingface.transcriptions import SpeechRecognitionCodec
from agentkit.providers.openai.images import ImagesCodec
from agentkit.providers.openai.transcriptions import TranscriptionsCodec
from agentkit.providers.openai_media import IMAGE_RULES, TRANSCRIPTION_RULES
from agentkit.tasks.generate_image import generate_image
from agentkit.transcription import TranscriptionAnswer, TranscriptionRequest

pytestmark = needs_shared

SOUND = Audio(Inline(b"RIFF\0\0\0\0WAVE", "audio/wav"))
EXCEPTIONS = {
    "groq/vercel-groq-groq-transcription-text-sync.json#0": (
        "no body of Groq: a description of a reply in the format `text`, which is never asked for"
    ),
}


def images_codec(recorded: Recorded) -> TaskCodec[ImageRequest, ImageAnswer]:
    if recorded.expect.get("as") == "raw bytes":
        return TextToImageCodec()
    if recorded.request.get("path", "").startswith("/replicate/"):
        return ReplicateImagesCodec()
    return ImagesCodec(recorded.provider, rules=IMAGE_RULES.get(recorded.provider))


def transcriptions_codec(recorded: Recorded) -> Any:
    if recorded.provider == "huggingface":
        return FalSpeechCodec() if recorded.request["path"].startswith("/fal-ai/") else SpeechRecognitionCodec()
    if recorded.provider == "deepgram":
        return ListenCodec()
    return TranscriptionsCodec(recorded.provider, rules=TRANSCRIPTION_RULES.get(recorded.provider))


def replies(api: str, kind: str) -> list[Recorded]:
    found = [recorded for recorded in exchanges(api) if recorded.expect["kind"] == kind]
    return [recorded for recorded in found if recorded.id not in EXCEPTIONS]


def tokens(raw: dict[str, Any]) -> int:
    return raw.get("total_tokens", 0)


def images_found(answer: ImageAnswer) -> dict[str, Any]:
    sources = {"inline": "bytes", "remote": "url"}
    return {
        "count": len(answer.images),
        "as": {sources[image.image.source.kind] for image in answer.images},
        "revised": [image.revised_prompt for image in answer.images if image.revised_prompt],
        "tokens": answer.usage.total,
    }


def images_expected(expect: dict[str, Any]) -> dict[str, Any]:
    return {
        "count": expect["count"],
        "as": {"url" if expect["as"] == "url" else "bytes"},
        "revised": expect.get("revised_prompts", []),
        "tokens": tokens(expect.get("usage_raw", {})),
    }


def transcript_found(answer: TranscriptionAnswer, expect: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": answer.text,
        "segments": len(answer.segments) if "segments" in expect else None,
        "words": len(answer.words) if "words" in expect else None,
        "language": answer.language,
        "duration": answer.duration_seconds,
        "tokens": answer.usage.total,
        "speakers": sorted({segment.speaker for segment in answer.segments if segment.speaker}) or None
        if "speakers" in expect
        else None,
    }


def transcript_expected(expect: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": expect["text"],
        "segments": expect.get("segments"),
        "words": expect.get("words"),
        "language": expect.get("language", ""),
        "duration": expect.get("duration"),
        "tokens": tokens(expect.get("usage_raw", {})),
        "speakers": expect.get("speakers"),
    }


def transcript_of(recorded: Recorded, *, size: int | None = None) -> tuple[TranscriptionAnswer, list[Delta]]:
    codec = transcriptions_codec(recorded)
    if not recorded.is_streamed:
        return codec.decode(recorded.body), []
    decoder = codec.decoder(TranscriptionRequest("gpt-4o-transcribe-diarize", SOUND, is_streamed=True))
    body, deltas = recorded.body, []
    for start in range(0, len(body), size or len(body)):
        deltas += decoder.feed(body[start : start + (size or len(body))])
    return decoder.answer, [*deltas, *decoder.finish()]


def tell(what: str, all_replies: list[Recorded], wrong: dict[str, Any]) -> None:
    for provider, count in sorted(Counter(recorded.provider for recorded in all_replies).items()):
        bad = sum(id.startswith(f"{provider}/") for id in wrong)
        print(f"{provider}: {count - bad} of {count} {what}")


def test_every_reply_with_pictures_decodes_to_what_independent_readers_found() -> None:
    wrong: dict[str, Any] = {}
    found = replies("images", "images")
    for recorded in found:
        got = images_found(images_codec(recorded).decode(recorded.body))
        if got != images_expected(recorded.expect):
            wrong[recorded.id] = (got, images_expected(recorded.expect))
    tell("replies with pictures", found, wrong)
    assert wrong == {}
    assert len(found) == 15


def test_every_transcript_decodes_to_what_independent_readers_found() -> None:
    wrong: dict[str, Any] = {}
    found = replies("transcriptions", "transcription")
    for recorded in found:
        got = transcript_found(transcript_of(recorded)[0], recorded.expect)
        if got != transcript_expected(recorded.expect):
            wrong[recorded.id] = (got, transcript_expected(recorded.expect))
    tell("transcripts", found, wrong)
    assert wrong == {}
    assert len(found) == 14


def test_every_error_is_read() -> None:
    found = replies("images", "error")
    for recorded in found:
        error = images_codec(recorded).decode_error(recorded.status, recorded.response["headers"], recorded.body)
        assert (type(error), error.message) == (BadRequestError, recorded.expect["message"]), recorded.id
    print(f"{len(found)} of {len(found)} error replies")
    assert len(found) == 2


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_a_streamed_transcript_is_the_same_in_every_split(size: int) -> None:
    (recorded,) = [recorded for recorded in replies("transcriptions", "transcription") if recorded.is_streamed]
    answer, deltas = transcript_of(recorded, size=size)
    assert (answer, deltas) == transcript_of(recorded)
    assert [type(delta) for delta in deltas] == [TextDelta, ResponseFinished]


@pytest.mark.parametrize("id", EXCEPTIONS)
def test_the_exceptions_are_refused_as_replies_without_an_answer(id: str) -> None:
    (recorded,) = [recorded for api in ("images", "transcriptions") for recorded in exchanges(api) if recorded.id == id]
    codec: Any = images_codec(recorded) if "image" in id else transcriptions_codec(recorded)
    with pytest.raises(ProtocolError, match="holds no"):
        codec.decode(recorded.body)


def test_the_bytes_of_a_picture_are_those_of_the_reply() -> None:
    (recorded,) = [recorded for recorded in replies("images", "images") if "gpt-image-1_can_paint" in recorded.path]
    (image,) = ImagesCodec().decode(recorded.body).images
    encoded = recorded.response["text"].partition('"b64_json":')[2].split('"')[1]
    assert hashlib.sha256(image.data).digest() == hashlib.sha256(base64.b64decode(encoded)).digest()
    assert image.media_type == "image/png"


@pytest.mark.anyio
async def test_pictures_that_gemini_draws_in_chats_are_found() -> None:
    found = [
        recorded
        for recorded in exchanges("generate_content")
        if recorded.expect.get("images")
        and not recorded.is_streamed
        and "tts" not in recorded.path  # sound is inline data too
    ]
    counts: Counter[str] = Counter()
    for recorded in found:
        wire = InTurn([recorded.body])
        model = task_model("google:gemini-2.5-flash-image", "generate_image", api_key="k", transport=wire)
        made = await generate_image(model, "a cat")
        assert len(made.images) == recorded.expect["images"], recorded.id
        assert wire.body()["generationConfig"] == {"responseModalities": ["TEXT", "IMAGE"]}
        counts[recorded.provider] += 1
    for provider, count in sorted(counts.items()):
        print(f"{provider}: {count} of {count} chats with pictures")
    assert len(found) >= 5
