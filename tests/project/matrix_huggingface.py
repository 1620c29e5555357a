"""Hugging Face's rows of the matrix."""

from __future__ import annotations

from project.matrix_cells import Row, cell
from project.matrix_questions import (
    PICTURE,
    SEES,
    batch,
    batch_of,
    chat,
    embedding,
    holds,
    label,
    no_calls,
    picture,
    refused,
    to,
    transcript,
)

_MODEL = "huggingface:openai/gpt-oss-120b"
_VECTORS = "huggingface:sentence-transformers/all-MiniLM-L6-v2"
_PAINTER = "huggingface:black-forest-labs/FLUX.1-dev"
_LISTENER = "huggingface:openai/whisper-large-v3"
_LABELS = "huggingface:facebook/bart-large-mnli"
_SEES = "huggingface:google/vit-base-patch16-224"
_SERVED = {
    "inferenceProviderMapping": {
        "together": {"providerId": "black-forest-labs/FLUX.1-dev", "task": "text-to-image"},
        "fal-ai": {"providerId": "fal-ai/whisper", "task": "automatic-speech-recognition"},
    }
}
_CHAT = "/v1/chat/completions"

ROWS = (
    Row(
        "Hugging Face",
        "chat",
        cell("router {}", chat(_MODEL, to(_CHAT))),
        cell("{}", chat(_MODEL, to(f"POST {_CHAT}", '"stream":true', words="same"), stream=True)),
        cell("{}", refused(batch(_MODEL))),
        cell("{} dependent", chat(f"{_MODEL}:groq", to(_CHAT, '"tools"', ":groq", words="partner"), tools=True)),
    ),
    Row(
        "Hugging Face",
        "embedding",
        cell(
            "{}; TEI {}",
            embedding(_VECTORS, to("/hf-inference/models/M/pipeline/feature-extraction")).standing(_VECTORS, "M"),
            embedding(_VECTORS, to("/embed"), base_url="http://localhost:8080/embed"),
        ),
        cell("{}", refused(embedding(_VECTORS, stream=True))),
        cell(
            "{} ({})",
            refused(batch_of("embed", _VECTORS)),
            embedding(_VECTORS, holds('["hi","ho"]', words="list input"), inputs=("hi", "ho")),
        ),
        cell("{}", no_calls(_VECTORS, "embed")),
    ),
    Row(
        "Hugging Face",
        "image generation",
        cell(
            "{}, {}",
            picture(_PAINTER, to("/hf-inference/models/M")).standing(_PAINTER, "M"),
            picture(
                f"{_PAINTER}:together", to("/together/v1/images/generations", words="partners"), replies=(_SERVED,)
            ),
        ),
        cell("{}", refused(picture(_PAINTER, looks=2))),
        cell("{}", refused(batch_of("generate_image", _PAINTER))),
        cell("{}", no_calls(_PAINTER, "generate_image")),
    ),
    Row(
        "Hugging Face",
        "speech-to-text",
        cell(
            "{}, {}",
            transcript(_LISTENER, to("/hf-inference/models/M")).standing(_LISTENER, "M"),
            transcript(f"{_LISTENER}:fal-ai", to("/fal-ai/fal-ai/whisper", words="partners"), replies=(_SERVED,)),
        ),
        cell("{}", refused(transcript(_LISTENER, stream=True))),
        cell("{}", refused(batch_of("transcribe", _LISTENER))),
        cell("{}", no_calls(_LISTENER, "transcribe")),
    ),
    Row(
        "Hugging Face",
        "classification",
        cell(
            "{}: {}, {}, {}",
            label(_LABELS, to("/hf-inference/models/M"), holds('"inputs"', words="text"), labels=None).standing(
                _LABELS, "M"
            ),
            label(_LABELS, holds('"candidate_labels"', words="zero-shot")),
            label(
                _SEES, to("/hf-inference/models/M", words="image classification"), labels=None, inputs=[PICTURE]
            ).standing(_SEES, "M"),
        ),
        cell("{}", refused(label(_LABELS, stream=True))),
        cell("{}", refused(batch_of("classify", _LABELS, labels=None))),
        cell("{}", no_calls(_LABELS, "classify")),
    ),
    Row(
        "Hugging Face",
        "vision",
        cell(
            "{} in chat; {}",
            chat(_MODEL, to(_CHAT, '"image_url"', words="image_url"), parts=SEES),
            label(
                _SEES, to("/hf-inference/models/M", words="image-classification"), labels=None, inputs=[PICTURE]
            ).standing(_SEES, "M"),
        ),
        cell("{}", chat(_MODEL, to(_CHAT, '"image_url"', '"stream":true', words="as chat"), parts=SEES, stream=True)),
        cell("{}", refused(batch(_MODEL, parts=SEES))),
        cell("{}", chat(_MODEL, to(_CHAT, '"tools"', '"image_url"', words="as chat"), tools=True, returned=PICTURE)),
    ),
)
