"""The rows of Azure: OpenAI's models with the services beside them, and Foundry."""

from __future__ import annotations

from project.matrix_cells import Row, cell
from project.matrix_questions import (
    FAR_SOUND,
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

_MODEL = "azure:my-gpt"
_CHAT = "azure-chat:my-gpt"
_VECTORS = "azure:my-embeddings"
_PAINTER = "azure:my-gpt-image"
_LISTENER = "azure:my-gpt-4o-transcribe"
_FILE = ({"id": "file-1"},)
_V1 = "/openai/v1"

AZURE_OPENAI = (
    Row(
        "Azure OpenAI",
        "chat",
        cell(
            "{}, {}",
            chat(_MODEL, to(f"POST {_V1}/responses")),
            chat(_CHAT, to("/chat/completions")),
        ),
        cell("{}", chat(_MODEL, to(f"POST {_V1}/responses", '"stream":true', words="same"), stream=True)),
        cell("{} (batch deployment)", batch(_MODEL, to(f"{_V1}/batches"), replies=_FILE)),
        cell(
            "{}", chat(_MODEL, holds('"tools":[', '"type":"function"', '"strict":true', words="as OpenAI"), tools=True)
        ),
    ),
    Row(
        "Azure OpenAI",
        "embedding",
        cell("{}", embedding(_VECTORS, to(f"{_V1}/embeddings"))),
        cell("{}", refused(embedding(_VECTORS, stream=True))),
        cell(
            "{}, model dependent",
            batch_of("embed", _VECTORS, to(f"{_V1}/batches", "/embeddings", words="batch deployment"), replies=_FILE),
        ),
        cell("{}", no_calls(_VECTORS, "embed")),
    ),
    Row(
        "Azure OpenAI",
        "image generation",
        cell(
            "{}, {}",
            picture(_PAINTER, to(f"{_V1}/images/generations")),
            picture(_PAINTER, to("/images/edits"), images=(PICTURE,)),
        ),
        cell("{}, model dependent", picture(_PAINTER, holds('"partial_images":2', words="partial images"), looks=2)),
        cell("{}", refused(batch_of("generate_image", _PAINTER))),
        cell("{}", no_calls(_PAINTER, "generate_image")),
    ),
    Row(
        "Azure OpenAI",
        "speech-to-text",
        cell(
            "{}; Speech {}",
            transcript(_LISTENER, to(f"{_V1}/audio/transcriptions")),
            transcript("azure-speech:", to("/speechtotext/transcriptions:transcribe")),
        ),
        cell(
            "{}, model dependent",
            transcript(
                _LISTENER, to(f"{_V1}/audio/transcriptions", 'name="stream"', words="OpenAI route"), stream=True
            ),
        ),
        cell(
            "Speech {}",
            transcript("azure-speech:batch", to("transcriptions:submit"), audio=FAR_SOUND, language="en-US"),
        ),
        cell("{}", no_calls(_LISTENER, "transcribe")),
    ),
    Row(
        "Azure OpenAI",
        "classification",
        cell(
            "Language {}; Content Safety {}; {}",
            label("azure-language:sentiment", to("/language/:analyze-text"), labels=None),
            label("azure-content-safety:", to("/contentsafety/text:analyze"), labels="moderation"),
            label_by_chat(_MODEL, to("/responses", '"json_schema"', words="LLM")),
        ),
        cell("{}", refused(label("azure-language:sentiment", labels=None, stream=True))),
        cell("{}", label("azure-language:job/sentiment", to("/language/analyze-text/jobs"), labels=None)),
        cell("{}", no_calls("azure-language:sentiment", "classify")),
    ),
    Row(
        "Azure OpenAI",
        "vision",
        cell("{} parts", chat(_MODEL, holds('"input_image"', words="image"), parts=SEES)),
        cell("{}", chat(_MODEL, to(f"{_V1}/responses", '"input_image"', words="as chat"), parts=SEES, stream=True)),
        cell("{}", batch(_MODEL, to(f"{_V1}/files", '"input_image"', words="as chat"), parts=SEES, replies=_FILE)),
        cell("{}", chat(_MODEL, holds('"function_call_output"', '"input_image"', words="as OpenAI"), returned=PICTURE)),
    ),
)

_OTHERS = "azure-foundry:Llama-4-Maverick"
_CLAUDE = "azure-foundry:claude-sonnet-4-5"

FOUNDRY = (
    Row(
        "Azure Foundry",
        "chat, vision",
        cell(
            "{} (other vendors' models); {}",
            chat(_OTHERS, to(f"{_V1}/chat/completions", '"image_url"'), parts=SEES),
            chat(_CLAUDE, to("/anthropic/v1/messages", '"image"'), parts=SEES),
        ),
        cell(
            "{}",
            chat(_OTHERS, to(f"{_V1}/chat/completions", '"stream":true', words="same"), stream=True),
        ),
        cell("{}", refused(batch(_OTHERS))),
        cell("{} dependent", chat(_OTHERS, holds('"tools"', words="model"), tools=True)),
    ),
)

ROWS = AZURE_OPENAI + FOUNDRY
