"""How a server that speaks Chat Completions differs from OpenAI, as data: a compatible server is a row, not a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ChatRules"]


@dataclass(frozen=True, slots=True)
class ChatRules:
    """The deviations of one server; the defaults are OpenAI's own."""

    max_tokens_field: str = "max_completion_tokens"
    """Servers older than reasoning models want "max_tokens"."""
    instructions_role: Literal["system", "developer"] = "system"
    system_in_place: bool = True
    """False: a system message behind the first message goes out as user text, since chat templates refuse it."""
    strict_tools: bool = True
    """False: `strict` is left out of tools and their schemas are not held to the strict subset."""
    tool_choice: Literal["named", "required", "auto"] = "named"
    """The most that is obeyed. A name becomes "required" with that tool alone, "required" becomes "auto"."""
    structured_output: Literal["json_schema", "json_value", "json_object", "none"] = "json_schema"
    """Below these two the schema stands in the instructions; "json_value" is TGI's: a json_object with its schema."""
    strict_output: bool = True
    """False: the schema of the output is not held to the strict subset, for the server enforces more than that."""
    output_with_tools: bool = True
    """False: response_format is left out beside tools, and the schema stands in the instructions."""
    reasoning_field: Literal["none", "reasoning_content", "reasoning", "reasoning_details", "chunks"] = "none"
    """Where the model's thinking is sent back; "chunks" is Mistral's list of typed parts in `content`."""
    thinking_tags: Literal["none", "tagged", "opened"] = "none"
    """Answers begin with <think>...</think>; "opened": the template has written the opening tag already."""
    reasoning_setting: Literal["reasoning_effort", "reasoning"] = "reasoning_effort"
    """The effort stands in a field of its own, or in an object `reasoning` (OpenRouter)."""
    seed_field: str = "seed"
    short_call_ids: bool = False
    """Ids of calls have to be nine letters and digits (Mistral)."""
    signs_calls: bool = False
    """Whether the first call of an answer has to bring Google's signature; one made elsewhere gets the stand-in."""
    null_content: bool = True
    """False: an assistant message that only calls has content "" and not null."""
    refusal_field: bool = True
    """False: a refusal goes back as plain content."""
    media_urls: bool = True
    """False: the server does not fetch addresses; media have to travel inside the request."""
    document_part: Literal["file", "document_url"] = "file"
    video_url: bool = False
    """Whether videos are taken, as parts `video_url`."""
    model_first: bool = False
    """Whether the body has to begin with the model: Hugging Face's router reads no further."""
    omitted: frozenset[str] = frozenset()
    """Fields of the request that the server refuses: "stream_options", "parallel_tool_calls", "service_tier" ..."""
