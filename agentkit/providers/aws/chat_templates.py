"""A conversation as one text, for models that take a text and go on with it.

A template is what stands around each turn; the container behind such an interface applies none of its own. Tools have
no place in it. Facts: the model cards of Llama, Mistral and Qwen, AWS's pages on Titan and on Claude's completions.
"""

from __future__ import annotations

from dataclasses import field
from typing import Literal, TypeAlias

from agentkit.errors import UnsupportedError
from agentkit.exchange import Request
from agentkit.frozen import frozen
from agentkit.messages import AssistantMessage, Message, Opaque, Part, Text, Thinking, ToolCall, UserMessage
from agentkit.providers.anthropic.outcomes import outcome_text
from agentkit.switching import left_out, not_shown, refusal_of, stand_in

__all__ = [
    "CHATML",
    "CLAUDE_TEXT",
    "LLAMA_2",
    "LLAMA_3",
    "LLAMA_4",
    "MISTRAL",
    "PLAIN",
    "TITAN",
    "ChatTemplate",
    "Conversation",
    "conversation_of",
]

Role: TypeAlias = Literal["user", "assistant"]
Around: TypeAlias = tuple[str, str]

_CALLS_IN_WORDS = "calls of tools are written as words: this format has no place for them"


@frozen
class Conversation:
    """What was said, as texts."""

    system: str
    turns: tuple[tuple[Role, str], ...]
    """Who said what; the same one never twice in a row."""
    notes: frozenset[str] = frozenset()
    """What could not be said as it was."""


@frozen
class ChatTemplate:
    """What stands before and behind each turn."""

    user: Around
    assistant: Around
    system: Around = ("", "\n\n")
    is_system_in_user: bool = False
    """The system's words stand within the first turn of the user."""
    begin: str = ""
    answer: str = ""
    """What the text ends with, so that the model answers."""
    marks: tuple[str, ...] = ()
    """What the model reads as the bounds of a turn: taken out of whatever somebody says."""
    stop: tuple[str, ...] = field(default=())
    """What ends an answer, where the model would go on and speak for the user."""
    is_bare_alone: bool = False
    """A single question without instructions is sent as it is."""

    def written(self, conversation: Conversation) -> str:
        """The conversation as one text."""
        system, turns = self._unmarked(conversation.system.strip()), conversation.turns
        if self._is_bare(conversation):
            return turns[0][1]
        before = system and f"{self.system[0]}{system}{self.system[1]}"
        text = self.begin if self.is_system_in_user else self.begin + before
        for number, (role, said) in enumerate(turns):
            around = self.user if role == "user" else self.assistant
            inner = before if self.is_system_in_user and number == 0 else ""
            if number == len(turns) - 1 and role == "assistant":  # the model goes on with it
                return f"{text}{around[0]}{inner}{self._unmarked(said).rstrip()}"
            text += f"{around[0]}{inner}{self._unmarked(said)}{around[1]}"
        return text + self.answer

    def stops_of(self, conversation: Conversation) -> tuple[str, ...]:
        """What ends the answer to this conversation."""
        return () if self._is_bare(conversation) else self.stop

    def _is_bare(self, conversation: Conversation) -> bool:
        return self.is_bare_alone and len(conversation.turns) == 1 and not conversation.system.strip()

    def _unmarked(self, text: str) -> str:
        for mark in self.marks:
            text = text.replace(mark, "")
        return text


PLAIN = ChatTemplate(
    user=("User: ", "\n\n"),
    assistant=("Assistant: ", "\n\n"),
    answer="Assistant:",
    stop=("\n\nUser:",),
    is_bare_alone=True,
)
"""For models whose own template is not known."""
TITAN = ChatTemplate(user=("User: ", "\n"), assistant=("Bot: ", "\n"), answer="Bot:", is_bare_alone=True)
CLAUDE_TEXT = ChatTemplate(
    user=("\n\nHuman: ", ""), assistant=("\n\nAssistant: ", ""), system=("", ""), answer="\n\nAssistant:"
)
LLAMA_2 = ChatTemplate(
    begin="<s>",
    user=("[INST] ", " [/INST]"),
    assistant=(" ", " </s><s>"),
    system=("<<SYS>>\n", "\n<</SYS>>\n\n"),
    is_system_in_user=True,
    marks=("<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"),
)
LLAMA_3 = ChatTemplate(
    begin="<|begin_of_text|>",
    user=("<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"),
    assistant=("<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"),
    system=("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"),
    answer="<|start_header_id|>assistant<|end_header_id|>\n\n",
    marks=("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
)
LLAMA_4 = ChatTemplate(
    begin="<|begin_of_text|>",
    user=("<|header_start|>user<|header_end|>\n\n", "<|eot|>"),
    assistant=("<|header_start|>assistant<|header_end|>\n\n", "<|eot|>"),
    system=("<|header_start|>system<|header_end|>\n\n", "<|eot|>"),
    answer="<|header_start|>assistant<|header_end|>\n\n",
    marks=("<|begin_of_text|>", "<|header_start|>", "<|header_end|>", "<|eot|>"),
)
MISTRAL = ChatTemplate(
    begin="<s>",
    user=("[INST] ", " [/INST]"),
    assistant=(" ", "</s>"),
    is_system_in_user=True,
    marks=("<s>", "</s>", "[INST]", "[/INST]"),
)
CHATML = ChatTemplate(
    user=("<|im_start|>user\n", "<|im_end|>\n"),
    assistant=("<|im_start|>assistant\n", "<|im_end|>\n"),
    system=("<|im_start|>system\n", "<|im_end|>\n"),
    answer="<|im_start|>assistant\n",
    marks=("<|im_start|>", "<|im_end|>"),
    stop=("<|im_end|>",),
)
"""Of Qwen and others."""


def conversation_of(request: Request) -> Conversation:
    """The words of a request. Raises UnsupportedError for tools, and for media in the turn at hand."""
    if request.tools:
        names = ", ".join(tool.name for tool in request.tools)
        raise UnsupportedError(
            f"{request.model} is given one text and goes on with it: there is no place for tools ({names}); leave them "
            "out, or ask through a format that has them"
        )
    notes: set[str] = set()
    turns: list[tuple[Role, str]] = []
    for message in request.messages:
        is_at_hand = message is request.messages[-1] and request.settings.on_unsupported != "omit"
        said = _said(message, notes, may_fail=is_at_hand)
        role: Role = "assistant" if isinstance(message, AssistantMessage) else "user"
        if turns and turns[-1][0] == role:
            turns[-1] = (role, "\n\n".join(text for text in (turns[-1][1], said) if text))
        elif said or role == "user":
            turns.append((role, said))
    return Conversation(request.instructions, tuple(turns), frozenset(notes))


def _said(message: Message, notes: set[str], *, may_fail: bool) -> str:
    pieces: list[str] = []
    text = ""  # neighbouring texts of one answer are one text
    for part in message.parts:
        if isinstance(part, Text) and isinstance(message, AssistantMessage):
            text += part.text
            continue
        pieces += [text, _piece(part, notes, may_fail=may_fail and isinstance(message, UserMessage))]
        text = ""
    return "\n".join(piece for piece in (*pieces, text) if piece)


def _piece(part: Part, notes: set[str], *, may_fail: bool) -> str:
    match part:
        case Text(text):
            return text
        case Thinking() | Opaque():
            notes.add(left_out(part))
            return ""
        case ToolCall(_, name, arguments, outcome):
            notes.add(_CALLS_IN_WORDS)
            return f"(Called {name} with {arguments or '{}'}; the result: {outcome_text(outcome)})"
        case _:
            if may_fail:
                raise refusal_of(
                    UnsupportedError(f"this format takes text alone; the prompt holds more ({part.family})")
                )
            notes.add(not_shown(part))
            return stand_in(part)
