"""OpenAI's rows of the matrix."""

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
    label_by_chat,
    no_calls,
    picture,
    refused,
    to,
    transcript,
)

from agentkit.settings import Settings

_MODEL = "openai:gpt-6-luna"
_CHAT = "openai-chat:gpt-6-luna"
_VECTORS = "openai:text-embedding-3-small"
_PAINTER = "openai:gpt-image-2"
_LISTENER = "openai:gpt-4o-transcribe"
_MODERATOR = "openai:omni-moderation-latest"
_FILE = ({"id": "file-1"},)
_DRAWS = Settings(extra={"openai": {"tools": [{"type": "image_generation"}]}})

ROWS = (
    Row(
        "OpenAI",
        "chat",
        cell("{} (or {})", chat(_MODEL, to("POST /responses")), chat(_CHAT, to("/chat/completions"))),
        cell(
            "{}, {} (SSE)",
            chat(_MODEL, to("POST /responses", words="same"), stream=True),
            chat(_CHAT, to("POST /chat/completions", '"stream":true', words="stream: true"), stream=True),
        ),
        cell(
            "{} endpoint {}, {}",
            batch(_MODEL, to("POST /batches"), holds('"/v1/responses"'), replies=_FILE),
            batch(_CHAT, holds('"/v1/chat/completions"', '"endpoint"'), replies=_FILE),
        ),
        cell(
            "{} {}; {}",
            chat(
                _MODEL,
                holds('"tools":[', words="tools[]"),
                holds('"type":"function"', words="function"),
                holds('"strict":true', words="strict"),
                tools=True,
            ),
        ),
    ),
    Row(
        "OpenAI",
        "embedding",
        cell("{}", embedding(_VECTORS, to("POST /embeddings"))),
        cell("{}", refused(embedding(_VECTORS, stream=True))),
        cell("{}", batch_of("embed", _VECTORS, holds('"/v1/embeddings"', '"endpoint"'), replies=_FILE)),
        cell("{}", no_calls(_VECTORS, "embed")),
    ),
    Row(
        "OpenAI",
        "image generation",
        cell(
            "{}, {}; tool {}",
            picture(_PAINTER, to("POST /images/generations")),
            picture(_PAINTER, to("/images/edits"), images=(PICTURE,)),
            chat(_MODEL, holds('"image_generation"'), settings=_DRAWS),
        ),
        cell(
            "{}, {} + {}",
            picture(_PAINTER, to("POST /images/generations", words="same"), stream=True),
            picture(
                _PAINTER,
                holds('"stream":true', words="stream"),
                holds('"partial_images":2', words="partial_images"),
                looks=2,
            ),
        ),
        cell(
            "{}, {}",
            batch_of("generate_image", _PAINTER, holds('"/v1/images/generations"', '"endpoint"'), replies=_FILE),
            batch_of(
                "generate_image", _PAINTER, holds('"/v1/images/edits"', '"endpoint"'), replies=_FILE, images=(PICTURE,)
            ),
        ),
        cell(
            "as {}",
            chat(
                _MODEL,
                holds('"type":"image_generation"', '"type":"function"', words="built-in tool"),
                tools=True,
                settings=_DRAWS,
            ),
        ),
    ),
    Row(
        "OpenAI",
        "speech-to-text",
        cell(
            "{} ({})",
            transcript(_LISTENER, to("POST /audio/transcriptions"), holds("multipart/form-data", words="multipart")),
        ),
        cell(
            "{}, {} ({} whisper-1)",
            transcript(
                _LISTENER,
                to("POST /audio/transcriptions", words="same"),
                holds('name="stream"', words="stream: true"),
                stream=True,
            ),
            refused(transcript("openai:whisper-1", stream=True), words="not"),
        ),
        cell("{}", refused(batch_of("transcribe", _LISTENER))),
        cell("{}", no_calls(_LISTENER, "transcribe")),
    ),
    Row(
        "OpenAI",
        "classification",
        cell(
            "{}; {} (gpt-6-luna); {}",
            label(_MODERATOR, to("POST /moderations"), labels="moderation"),
            label(_MODEL, to("POST /decisions")),
            label_by_chat(_MODEL, to("POST /responses", '"json_schema"', words="LLM")),
        ),
        cell("{}", refused(label(_MODEL, stream=True))),
        cell("{}", batch_of("classify", _MODERATOR, holds('"/v1/moderations"', '"endpoint"'), replies=_FILE)),
        cell("{}", no_calls(_MODERATOR, "classify")),
    ),
    Row(
        "OpenAI",
        "vision",
        cell(
            "{} / {} parts in chat",
            chat(_MODEL, holds('"input_image"'), parts=SEES),
            chat(_CHAT, holds('"image_url"'), parts=SEES),
        ),
        cell("{}", chat(_MODEL, to("POST /responses", '"input_image"', words="as chat"), parts=SEES, stream=True)),
        cell("{}", batch(_MODEL, to("POST /files", '"input_image"', words="as chat"), parts=SEES, replies=_FILE)),
        cell(
            "images in {}",
            chat(_MODEL, holds('"function_call_output"', '"input_image"'), returned=PICTURE),
        ),
    ),
)
