"""Pictures and transcripts in the formats of single vendors: what is sent, and what is read."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from shared import oracle

from agentkit.codec import WireRequest
from agentkit.errors import ContentFilteredError, ProtocolError, UnsupportedError
from agentkit.imaging import ImageRequest
from agentkit.media import Audio, Image, Inline, Remote, Uploaded
from agentkit.providers import RetirementWarning, task_model
from agentkit.providers.aws.pictures import InvokeImagesCodec
from agentkit.providers.azure.fast_transcription import FastTranscriptionCodec
from agentkit.providers.google.imagen import ImagenCodec
from agentkit.simulator.forms import form_of
from agentkit.simulator.media import tiny_png
from agentkit.transcription import Segment, TranscriptionAnswer, TranscriptionRequest, Word

PNG = tiny_png("any")
PICTURE = Image(Inline(PNG, "image/png"))
ENCODED = b64encode(PNG).decode()
SOUND = Audio(Inline(b"ID3", "audio/mpeg"))


def picture(**parts: Any) -> ImageRequest:
    return ImageRequest(**{"model": "amazon.nova-canvas-v1:0", "prompt": "a cat", **parts})


def envelope(wire: WireRequest, host: str) -> dict[str, Any]:
    headers = {**dict(wire.headers), "authorization": "Bearer k"}
    return {"method": "POST", "url": f"https://{host}{wire.path}", "headers": headers, "json": json.loads(wire.body)}


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        (
            picture(count=2, size="1024x768", quality="premium"),
            {
                "taskType": "TEXT_IMAGE",
                "textToImageParams": {"text": "a cat"},
                "imageGenerationConfig": {"numberOfImages": 2, "width": 1024, "height": 768, "quality": "premium"},
            },
        ),
        (
            picture(images=(PICTURE,)),
            {
                "taskType": "IMAGE_VARIATION",
                "imageVariationParams": {"text": "a cat", "images": [ENCODED]},
                "imageGenerationConfig": {"numberOfImages": 1},
            },
        ),
        (
            picture(model="stability.sd3-5-large-v1:0", size="16:9", output_format="png"),
            {"prompt": "a cat", "aspect_ratio": "16:9", "output_format": "png"},
        ),
    ],
)
def test_bedrock_is_asked_in_the_words_of_the_maker(asked: ImageRequest, body: dict[str, Any]) -> None:
    wire = InvokeImagesCodec().encode(asked)
    assert json.loads(wire.body) == body
    assert wire.path == f"/model/{asked.model.replace(':', '%3A')}/invoke"
    assert oracle("oracle_aws").check(envelope(wire, "bedrock-runtime.us-east-1.amazonaws.com")) == []


def test_bedrock_gives_pictures_or_says_why_it_drew_none() -> None:
    codec = InvokeImagesCodec()
    read = codec.decode(json.dumps({"images": [ENCODED, ENCODED]}).encode())
    assert [image.image for image in read.images] == [PICTURE, PICTURE]
    fine = {"images": [ENCODED], "seeds": [1], "finish_reasons": [None]}
    assert len(codec.decode(json.dumps(fine).encode()).images) == 1
    for refused in (
        {"images": [], "error": "This request has been blocked by our content filters."},
        {"images": [ENCODED], "finish_reasons": ["Filter reason: prompt"]},
    ):
        with pytest.raises(ContentFilteredError, match="nothing was drawn: "):
            codec.decode(json.dumps(refused).encode())
    for body in (b"{}", b"no JSON", b'{"images": ["!"]}'):
        with pytest.raises(ProtocolError):
            codec.decode(body)


@pytest.mark.parametrize(
    ("codec", "asked", "words"),
    [
        (InvokeImagesCodec(), picture(images=(PICTURE,), mask=PICTURE), "masks in black and white"),
        (InvokeImagesCodec(), picture(model="meta.llama"), "is asked for pictures is not known"),
        (InvokeImagesCodec(), picture(size="16:9"), "a size such as '1024x1024'"),
        (InvokeImagesCodec(), picture(model="stability.x", size="1024x1024"), "a proportion such as '16:9'"),
        (InvokeImagesCodec(), picture(background="transparent"), "has no background to choose"),
        (InvokeImagesCodec(), picture(images=(Image(Remote("https://x.example/a.png")),)), "not where it lies"),
        (ImagenCodec(), picture(model="imagen-4", images=(PICTURE,)), "makes pictures from words only"),
        (ImagenCodec(), picture(model="imagen-4", size="7:5"), "takes 1:1, 3:4"),
        (ImagenCodec(), picture(model="imagen-4", quality="high"), "has no quality to choose"),
    ],
)
def test_what_a_model_does_not_offer_is_refused(codec: Any, asked: ImageRequest, words: str) -> None:
    with pytest.raises(UnsupportedError, match=words):
        codec.encode(asked)


def test_imagen_is_asked_by_predict_and_says_what_it_left_out() -> None:
    codec = ImagenCodec()
    wire = codec.encode(picture(model="imagen-4.0-generate-001", count=2, size="16:9", output_format="jpeg"))
    assert wire.path == "/publishers/google/models/imagen-4.0-generate-001:predict"
    assert json.loads(wire.body) == {
        "instances": [{"prompt": "a cat"}],
        "parameters": {
            "sampleCount": 2,
            "includeRaiReason": True,
            "aspectRatio": "16:9",
            "outputOptions": {"mimeType": "image/jpeg"},
        },
    }
    assert oracle("oracle_google").check(envelope(wire, "us-central1-aiplatform.googleapis.com/v1beta1")) == []
    row = {"bytesBase64Encoded": ENCODED, "mimeType": "image/png", "prompt": "a white cat"}
    read = codec.decode(json.dumps({"predictions": [row, {"raiFilteredReason": "unsafe"}]}).encode())
    assert [(image.image, image.revised_prompt) for image in read.images] == [(PICTURE, "a white cat")]
    for refused, words in (({"predictions": [{"raiFilteredReason": "unsafe"}]}, "unsafe"), ({}, "says no reason")):
        with pytest.raises(ContentFilteredError, match=words):
            codec.decode(json.dumps(refused).encode())


def test_azure_speech_is_sent_the_sound_and_a_definition() -> None:
    codec = FastTranscriptionCodec()
    wire = codec.encode(
        TranscriptionRequest("fast", SOUND, filename="talk.mp3", language="en-US", prompt="Ada, Grace Hopper")
    )
    form = form_of(wire.body, dict(wire.headers)["content-type"])
    assert wire.path == "/speechtotext/transcriptions:transcribe?api-version=2025-10-15"
    assert json.loads(form.field("definition")) == {
        "locales": ["en-US"],
        "phraseList": {"phrases": ["Ada", "Grace Hopper"]},
    }
    assert [(file.filename, file.data) for file in form.files["audio"]] == [("talk.mp3", b"ID3")]
    fetched = codec.encode(TranscriptionRequest("fast", Audio(Remote("https://x.example/a.mp3"))))
    form = form_of(fetched.body, dict(fetched.headers)["content-type"])
    assert (json.loads(form.field("definition")), form.files) == ({"audioUrl": "https://x.example/a.mp3"}, {})
    with pytest.raises(UnsupportedError):
        codec.encode(TranscriptionRequest("fast", Audio(Uploaded("file", "openai"))))


def test_azure_speech_tells_phrases_and_words_in_seconds() -> None:
    phrase = {
        "speaker": 1,
        "offsetMilliseconds": 500,
        "durationMilliseconds": 1500,
        "text": "Hello Ada.",
        "words": [{"text": "Hello", "offsetMilliseconds": 500, "durationMilliseconds": 250}],
        "locale": "en-US",
    }
    reply = {"durationMilliseconds": 2000, "combinedPhrases": [{"text": "Hello Ada."}], "phrases": [phrase]}
    assert FastTranscriptionCodec().decode(json.dumps(reply).encode()) == TranscriptionAnswer(
        "Hello Ada.", (Segment("Hello Ada.", 0.5, 2.0, "1"),), (Word("Hello", 0.5, 0.75, "1"),), "en-US", 2.0
    )
    with pytest.raises(ProtocolError, match="holds no transcript"):
        FastTranscriptionCodec().decode(b"{}")


@pytest.mark.parametrize(
    ("name", "kind", "options", "url"),
    [
        (
            "azure:dall",
            "generate_image",
            {"base_url": "https://r.openai.azure.com"},
            "https://r.openai.azure.com/openai/v1",
        ),
        (
            "azure:whisper",
            "transcribe",
            {"base_url": "https://r.openai.azure.com?api-version=2024-10-21"},
            "https://r.openai.azure.com/openai/deployments/whisper",
        ),
        (
            "azure-speech:",
            "transcribe",
            {"base_url": "https://r.cognitiveservices.azure.com"},
            "https://r.cognitiveservices",
        ),
        ("deepgram:nova-3", "transcribe", {}, "https://api.deepgram.com/v1"),
        ("cohere:cohere-transcribe-03-2026", "transcribe", {}, "https://api.cohere.com"),
        ("huggingface:a/b", "generate_image", {}, "https://router.huggingface.co"),
        ("huggingface:a/b", "transcribe", {}, "https://router.huggingface.co"),
        ("bedrock:amazon.nova-canvas-v1:0", "generate_image", {"region": "us-east-1"}, "bedrock-runtime.us-east-1"),
        ("vertex:imagen-4.0-generate-001", "generate_image", {}, "https://aiplatform.googleapis.com/v1beta1"),
    ],
)
def test_models_are_made_by_name_and_show_no_key(name: str, kind: Any, options: dict[str, Any], url: str) -> None:
    made = task_model(name, kind, api_key="SECRET", **options)
    assert url in repr(made)
    assert "SECRET" not in repr(made)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        (
            "openai:gpt-6-luna",
            "generate_image",
            "openai:gpt-6-luna is a model for chat, not for pictures; these draw: ",
        ),
        (
            "openai:gpt-6-luna",
            "transcribe",
            "openai:gpt-6-luna is a model for chat, not for speech to text; these hear: ",
        ),
        (
            "google:gemini-2.5-flash",
            "generate_image",
            "google:gemini-2.5-flash is a model for chat, not for pictures; ",
        ),
        ("google:gemini-embedding-001", "transcribe", "is a model for embedding, not for speech to text; these hear: "),
    ],
)
def test_models_that_do_something_else_are_refused_with_those_that_do_it(name: str, kind: Any, words: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        task_model(name, kind, api_key="k")
    assert words in str(raised.value)


def test_a_model_that_was_shut_down_is_warned_of_and_one_that_chats_may_hear_at_google() -> None:
    with pytest.warns(RetirementWarning, match="dall-e-3 was shut down"):
        task_model("openai:dall-e-3", "generate_image", api_key="k")
    assert task_model("google:gemini-2.5-flash", "transcribe", api_key="k").identity.model == "gemini-2.5-flash"
