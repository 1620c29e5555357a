"""Anthropic's rows of the matrix."""

from __future__ import annotations

from project.matrix_cells import Row, cell
from project.matrix_questions import (
    PAPER,
    PICTURE,
    SEES,
    batch,
    batch_of,
    chat,
    embedding,
    holds,
    label_by_chat,
    no_calls,
    picture,
    refused,
    to,
    transcript,
)

from agentkit.messages import Text

_MODEL = "anthropic:claude-sonnet-5"
_MESSAGES = "POST /v1/messages"

ROWS = (
    Row(
        "Anthropic",
        "chat",
        cell("{}", chat(_MODEL, to(_MESSAGES))),
        cell("{}, SSE", chat(_MODEL, to(_MESSAGES, '"stream":true', words="same"), stream=True)),
        cell("{}", batch(_MODEL, to("POST /v1/messages/batches"))),
        cell(
            "{} {}; {}",
            chat(
                _MODEL,
                holds('"tools":[', words="tools[]"),
                holds('"input_schema"'),
                holds('"strict":true', words="strict"),
                tools=True,
            ),
        ),
    ),
    Row(
        "Anthropic",
        "embedding",
        cell("{}", refused(embedding(_MODEL))),
        cell("{}", refused(embedding(_MODEL, stream=True))),
        cell("{}", refused(batch_of("embed", _MODEL))),
        cell("{}", no_calls(_MODEL, "embed")),
    ),
    Row(
        "Anthropic",
        "image generation",
        cell("{}", refused(picture(_MODEL))),
        cell("{}", refused(picture(_MODEL, looks=2))),
        cell("{}", refused(batch_of("generate_image", _MODEL))),
        cell("{}", no_calls(_MODEL, "generate_image")),
    ),
    Row(
        "Anthropic",
        "speech-to-text",
        cell("{}", refused(transcript(_MODEL))),
        cell("{}", refused(transcript(_MODEL, stream=True))),
        cell("{}", refused(batch_of("transcribe", _MODEL))),
        cell("{}", no_calls(_MODEL, "transcribe")),
    ),
    Row(
        "Anthropic",
        "classification",
        cell(
            "{} ({}.{})",
            label_by_chat(
                _MODEL,
                to(_MESSAGES, words="LLM"),
                holds('"output_config"'),
                holds('"format"', '"json_schema"', words="format"),
            ),
        ),
        cell("{}", refused(label_by_chat(_MODEL, stream=True))),
        cell("{}", batch(_MODEL, to("POST /v1/messages/batches", '"json_schema"', words="as chat"), output=True)),
        cell("{}", no_calls(_MODEL, "classify", by_chat=True)),
    ),
    Row(
        "Anthropic",
        "vision",
        cell(
            "{} and {} blocks",
            chat(_MODEL, holds('"image"'), holds('"document"'), parts=(Text("Compare."), PICTURE, PAPER)),
        ),
        cell("{}", chat(_MODEL, to(_MESSAGES, '"image"', '"stream":true', words="as chat"), parts=SEES, stream=True)),
        cell("{}", batch(_MODEL, to("POST /v1/messages/batches", '"image"', words="as chat"), parts=SEES)),
        cell("images in {}", chat(_MODEL, holds('"tool_result"', '"image"'), returned=PICTURE)),
    ),
)
