"""The native formats of InvokeModel that are one text in and one text out, and which model speaks which.

Facts: AWS's pages "Inference request parameters and response fields for foundation models", recorded traffic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from agentkit.providers.aws.chat_templates import CLAUDE_TEXT, LLAMA_2, LLAMA_3, LLAMA_4, MISTRAL, TITAN, Conversation
from agentkit.providers.aws.families import native_id
from agentkit.providers.aws.text_forms import JsonForm, Knob, Places

__all__ = ["BY_ID", "TEXT_FORMS", "Spoken", "spoken_by"]

Spoken: TypeAlias = Literal["claude", "nova", "chat"]
"""Formats that are a conversation: Anthropic's Messages, Converse's own blocks, Chat Completions."""


def _command_r(conversation: Conversation) -> dict[str, Any]:
    """What is said now, and what was said before: Command R's own way."""
    roles = {"user": "USER", "assistant": "CHATBOT"}
    *before, (_, said) = conversation.turns or (("user", ""),)
    body: dict[str, Any] = {"message": said}
    if before:
        body["chat_history"] = [{"role": roles[role], "message": text} for role, text in before]
    return {**body, "preamble": conversation.system} if conversation.system.strip() else body


_LLAMA_KNOBS: Mapping[Knob, str] = {"max_output_tokens": "max_gen_len", "temperature": "temperature", "top_p": "top_p"}
_COHERE_KNOBS: Mapping[Knob, str] = {
    "max_output_tokens": "max_tokens", "temperature": "temperature", "top_p": "p", "stop": "stop_sequences",
    "seed": "seed",
}  # fmt: skip
_LLAMA_REPLY = Places(("generation",), ("stop_reason",), ("prompt_token_count",), ("generation_token_count",))
_CLAUDE_DEFAULT = 4096

TEXT_FORMS: Mapping[str, JsonForm] = {
    "titan": JsonForm(
        Places(("results", 0, "outputText"), ("results", 0, "completionReason"), ("inputTextTokenCount",),
               ("results", 0, "tokenCount")),
        prompt="inputText",
        within="textGenerationConfig",
        knobs={"max_output_tokens": "maxTokenCount", "temperature": "temperature", "top_p": "topP",
               "stop": "stopSequences"},
        piece=Places(("outputText",), ("completionReason",), ("inputTextTokenCount",), ("totalOutputTextTokenCount",),
                     ends=("totalOutputTextTokenCount",)),
        template=TITAN,
    ),
    "llama-2": JsonForm(_LLAMA_REPLY, knobs=_LLAMA_KNOBS, template=LLAMA_2),
    "llama-3": JsonForm(_LLAMA_REPLY, knobs=_LLAMA_KNOBS, template=LLAMA_3),
    "llama-4": JsonForm(_LLAMA_REPLY, knobs=_LLAMA_KNOBS, template=LLAMA_4),
    "mistral": JsonForm(
        Places(("outputs", 0, "text"), ("outputs", 0, "stop_reason")),
        knobs={"max_output_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p", "stop": "stop"},
        template=MISTRAL,
    ),
    "command": JsonForm(
        Places(("generations", 0, "text"), ("generations", 0, "finish_reason")),
        knobs={name: field for name, field in _COHERE_KNOBS.items() if name != "seed"},
        streamed={"stream": True},
        piece=Places(("text",), ("finish_reason",)),
    ),
    "command-r": JsonForm(Places(("text",), ("finish_reason",)), prompt=_command_r, knobs=_COHERE_KNOBS),
    "jurassic": JsonForm(
        Places(("completions", 0, "data", "text"), ("completions", 0, "finishReason", "reason")),
        knobs={"max_output_tokens": "maxTokens", "temperature": "temperature", "top_p": "topP",
               "stop": "stopSequences"},
    ),
    "claude-text": JsonForm(
        Places(("completion",), ("stop_reason",)),
        knobs={"max_output_tokens": "max_tokens_to_sample", "temperature": "temperature", "top_p": "top_p",
               "stop": "stop_sequences"},
        fixed={"max_tokens_to_sample": _CLAUDE_DEFAULT},
        template=CLAUDE_TEXT,
    ),
}  # fmt: skip
"""Name of a format -> the format. "claude-text" are completions of Claude 2, which speaks Messages as well."""

BY_ID: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        (r"anthropic\.", "claude"),
        (r"amazon\.nova-(?!canvas|reel|sonic|2-multimodal)", "nova"),
        (r"amazon\.titan-(?:text|tg1)", "titan"),
        (r"meta\.llama2", "llama-2"),
        (r"meta\.llama3", "llama-3"),
        (r"meta\.llama4", "llama-4"),
        (r"mistral\.(?:mistral-7b|mixtral|mistral-small-2402|mistral-large-2402)", "mistral"),
        (r"cohere\.command-r", "command-r"),
        (r"cohere\.command", "command"),
        (r"ai21\.j2", "jurassic"),
        (r"ai21\.jamba|openai\.|mistral\.|qwen\.|moonshotai?\.|minimax\.|zai\.|nvidia\.|google\.gemma", "chat"),
    )
)
"""How the id of a model begins -> the name of its format; the first that fits counts."""


def spoken_by(model: str) -> str | None:
    """The format of the model of this id; None where the id does not say."""
    id = native_id(model)
    return next((name for pattern, name in BY_ID if pattern.match(id)), None)
