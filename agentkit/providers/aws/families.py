"""What the models behind Bedrock differ in, told by their ids.

An id may name a model ("amazon.nova-lite-v1:0"), a profile of several regions ("us.anthropic.claude-..."), or be an ARN
that holds either. An ARN of an application's own profile says nothing: such a model is taken for one that can all, and
gets no fields that only some take. Facts of 2026-11: AWS's tables of features by model, and recorded traffic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from agentkit.identity import Capabilities
from agentkit.providers.anthropic.messages_knobs import can_be_forced, can_hold_schema, can_think

__all__ = ["Family", "abilities_by_id", "family_of", "native_id"]

_REGIONS = re.compile(r"(?:global|us|eu|apac|jp|au|ca|sa|me|af|us-gov)\.(?=[a-z0-9-]+\.)")
_ALL = frozenset({"image", "audio", "document", "video"})
_DOCUMENTS = frozenset({"document"})
_SEEING = frozenset({"image", "document"})
_CACHES_NOT = re.compile(r"claude-(?:3-(?:haiku|opus|sonnet|5-sonnet-20240620)|2|v2|instant)")
_HELD_TO_SCHEMA = re.compile(
    r"^(?:qwen\.qwen3|openai\.|deepseek\.v3|google\.gemma-3|minimax\.|mistral\.(?:mistral-large-3|ministral|magistral"
    r"|voxtral)|moonshot|nvidia\.nemotron|zai\.)"
)
_LLAMA_SEES = re.compile(r"llama(?:3-2-(?:11|90)b|4)")

Thinks = Literal["claude", "nova", "gpt-oss", ""]
"""How thinking is asked for; empty where it cannot be."""


@dataclass(frozen=True, slots=True)
class Family:
    """What a model takes."""

    thinks: Thinks = ""
    caches: frozenset[str] = frozenset()
    """Where cache points may stand: "tools", "system", "messages"."""
    is_held_to_schemas: bool = False
    """Whether the answer can be held to a schema."""
    has_strict_tools: bool = False
    choices: frozenset[str] = frozenset()
    """How tools may be forced: "any", "tool"."""
    has_tools: bool = True
    media: frozenset[str] = _ALL
    is_known: bool = True


_UNKNOWN = Family(is_held_to_schemas=True, choices=frozenset({"any", "tool"}), is_known=False)
_BOTH = frozenset({"any", "tool"})


@lru_cache(maxsize=256)
def native_id(model: str) -> str:
    """The id of the model itself, such as "anthropic.claude-sonnet-4-5-20250929-v1:0"; "" where it does not say."""
    id = model.rpartition("/")[2] if model.startswith("arn:") else model
    id = _REGIONS.sub("", id, count=1)
    return id if "." in id else ""


@lru_cache(maxsize=256)
def family_of(model: str) -> Family:
    """What the model of this id takes."""
    id = native_id(model)
    vendor, _, name = id.partition(".")
    match vendor:
        case "":
            return _UNKNOWN
        case "anthropic":
            return _claude(name)
        case "amazon" if name.startswith("nova"):
            return _nova(name)
        case "amazon":
            return Family(has_tools=False, media=_DOCUMENTS)
        case "openai":
            return Family("gpt-oss" if "gpt-oss" in name else "", is_held_to_schemas=True, media=frozenset())
        case "deepseek" if name.startswith("r1"):
            return Family(has_tools=False, media=_DOCUMENTS)
        case "meta":
            return Family(media=_SEEING if _LLAMA_SEES.search(name) else _DOCUMENTS)
        case _:
            choices = frozenset({"any"}) if vendor == "mistral" else frozenset[str]()
            return Family(is_held_to_schemas=_HELD_TO_SCHEMA.search(id) is not None, choices=choices)


def abilities_by_id(model: str) -> Capabilities:
    """What the model of this id can do."""
    family = family_of(model)
    return Capabilities(
        structured_output=family.is_held_to_schemas,
        tools=family.has_tools,
        forced_tools=bool(family.choices),
        reasoning=bool(family.thinks) or not family.is_known,
        media=family.media,
    )


def _claude(name: str) -> Family:
    is_new = can_hold_schema(name) and "claude-v2" not in name
    return Family(
        "claude" if can_think(name) and "claude-v" not in name else "",
        frozenset() if _CACHES_NOT.search(name) else frozenset({"tools", "system", "messages"}),
        is_held_to_schemas=is_new,
        has_strict_tools=is_new,
        choices=_BOTH if can_be_forced(name) else frozenset(),
        media=_SEEING,
    )


def _nova(name: str) -> Family:
    is_second = name.startswith("nova-2")
    media = frozenset[str]() if "micro" in name else _SEEING | {"video"}
    return Family(
        "nova" if is_second else "",
        frozenset({"system", "messages"}),
        choices=_BOTH,
        media=media | {"audio"} if "omni" in name else media,
    )
