"""Whatever a server sends for pictures or transcripts: an answer, or an error of the tree."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.errors import ExchangeError
from agentkit.exchange import PartialImage, ResponseFinished
from agentkit.imaging import ImageRequest
from agentkit.media import Audio, Inline
from agentkit.providers.aws.pictures import InvokeImagesCodec
from agentkit.providers.azure.fast_transcription import FastTranscriptionCodec
from agentkit.providers.deepgram.listen import ListenCodec
from agentkit.providers.google.imagen import ImagenCodec
from agentkit.providers.huggingface.fal import FalImagesCodec, FalSpeechCodec
from agentkit.providers.huggingface.images import TextToImageCodec
from agentkit.providers.huggingface.replicate import ReplicateImagesCodec, ReplicateSpeechCodec
from agentkit.providers.huggingface.transcriptions import SpeechRecognitionCodec
from agentkit.providers.openai.images import ImagesCodec
from agentkit.providers.openai.transcriptions import TranscriptionsCodec
from agentkit.simulator.media import tiny_png
from agentkit.transcription import TranscriptionRequest

CODECS = (
    ImagesCodec(), TranscriptionsCodec(), InvokeImagesCodec(), ImagenCodec(), TextToImageCodec(),
    SpeechRecognitionCodec(), ListenCodec(), FastTranscriptionCodec(), FalImagesCodec(), FalSpeechCodec(),
    ReplicateImagesCodec(), ReplicateSpeechCodec(),
)  # fmt: skip
KEYS_TEXT = """
    data images b64_json image url mime_type revised_prompt usage cost input_tokens error cost_in_usd_ticks text
    segments words word start end timestamp chunks speaker duration language results channels alternatives
    transcript utterances metadata model_info predictions bytesBase64Encoded combinedPhrases phrases
    durationMilliseconds finish_reasons type choices delta finish_reason code model output status transcription
"""
KEYS = tuple(KEYS_TEXT.split())
TYPES_TEXT = """
    image_generation.partial_image image_generation.completed transcript.text.delta transcript.text.segment error
    transcript.text.done transcription.language data:image/png;base64,AAAA https://x.example/a.png
"""
TYPES = tuple(TYPES_TEXT.split())
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(TYPES)
    | st.just(b64encode(tiny_png("any")).decode())
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)
REPLIES = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@given(reply=REPLIES)
@settings(max_examples=60)
def test_any_reply_is_an_answer_or_an_error_of_the_tree(codec: Any, reply: dict[str, Any]) -> None:
    with suppress(ExchangeError):
        codec.decode(json.dumps(reply).encode())


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@given(body=st.binary(max_size=40))
@settings(max_examples=20)
def test_any_bytes_are_an_answer_or_an_error_of_the_tree(codec: Any, body: bytes) -> None:
    with suppress(ExchangeError):
        codec.decode(body)
    assert isinstance(codec.decode_error(500, {}, body), ExchangeError)


@given(events=st.lists(REPLIES, max_size=4), kinds=st.lists(st.sampled_from(TYPES), max_size=4))
def test_any_events_are_an_answer_or_an_error_of_the_tree(events: list[dict[str, Any]], kinds: list[str]) -> None:
    lines = [{**event, "type": kind} for event, kind in zip(events, kinds, strict=False)]
    body = b"".join(b"data: " + json.dumps(line).encode() + b"\n\n" for line in lines)
    sound = Audio(Inline(b"ID3", "audio/mpeg"))
    for decoder in (
        ImagesCodec().decoder(ImageRequest("m", "p")),
        TranscriptionsCodec().decoder(TranscriptionRequest("m", sound)),
    ):
        with suppress(ExchangeError):
            decoder.feed(body)
            decoder.finish()
            assert decoder.answer is not None


@pytest.mark.parametrize("size", [1, 3, 50, 100_000])
def test_a_streamed_picture_is_the_same_in_every_split(size: int) -> None:
    encoded = b64encode(tiny_png("any")).decode()
    events = (
        {"type": "image_edit.partial_image", "b64_json": encoded, "partial_image_index": 0},
        {"type": "image_edit.completed", "b64_json": encoded, "usage": {"input_tokens": 3, "output_tokens": 4}},
    )
    body = b": hello\n\n" + b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    decoder = ImagesCodec().decoder(ImageRequest("m", "p"))
    deltas = [delta for at in range(0, len(body), size) for delta in decoder.feed(body[at : at + size])]
    assert [type(delta) for delta in [*deltas, *decoder.finish()]] == [PartialImage, ResponseFinished]
    assert ([image.data for image in decoder.answer.images], decoder.answer.usage.total) == ([tiny_png("any")], 7)
