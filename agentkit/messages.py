"""Messages: what was said in a conversation, in a form no provider owns.

There are two kinds, UserMessage and AssistantMessage, made of parts. A tool call and what became of it are one record
(ToolCall with its Outcome), so that a history cannot hold a call without its result or a result without its call.

The JSON form has a version; `messages_to_json` and `messages_from_json` round-trip everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from functools import cache
from typing import Any, ClassVar, Literal, TypeAlias

from agentkit.errors import ConfigurationError, NewerVersionError, StateError
from agentkit.frozen import frozen
from agentkit.json_bytes import json_bytes
from agentkit.media import Audio, Document, Image, ProviderData, Video
from agentkit.usage import Usage

__all__ = [
    "AssistantMessage",
    "Cancelled",
    "Denied",
    "Failed",
    "Finish",
    "Lost",
    "Message",
    "Opaque",
    "Outcome",
    "Part",
    "Pending",
    "Prompt",
    "Returned",
    "Text",
    "Thinking",
    "ToolCall",
    "UserMessage",
    "messages_from_json",
    "messages_to_json",
    "user_message",
]

VERSION = 1
"""Version of the JSON form of messages."""

Finish: TypeAlias = Literal[
    "stop", "length", "tool_calls", "content_filter", "refusal", "cancelled", "paused", "error", "other"
]
"""Why an answer ended. "paused": the provider wants the same conversation sent again to go on."""


@frozen
class Text:
    """Words."""

    text: str
    is_refusal: bool = False
    """The provider marked these words as a refusal."""
    provider_data: ProviderData | None = None
    kind: Literal["text"] = field(default="text", repr=False, kw_only=True)


@frozen
class Thinking:
    """What the model thought, as far as the provider shows it; signatures are in `provider_data`."""

    text: str
    provider_data: ProviderData | None = None
    kind: Literal["thinking"] = field(default="thinking", repr=False, kw_only=True)


@frozen
class Opaque:
    """A provider's item that has to be sent back as it came: a web search it ran, a compaction, a redacted thought."""

    provider_data: ProviderData
    kind: Literal["opaque"] = field(default="opaque", repr=False, kw_only=True)


Media: TypeAlias = Image | Audio | Document | Video


@frozen
class Pending:
    """The call has not been made yet: it is running, or it waits for a person."""

    kind: Literal["pending"] = field(default="pending", repr=False, kw_only=True)


@frozen
class Returned:
    """The tool returned. `content` is JSON and stays structured until a codec writes it."""

    content: Any
    media: tuple[Media, ...] = ()
    """Pictures and the like that the tool returned beside it."""
    kind: Literal["returned"] = field(default="returned", repr=False, kw_only=True)


@frozen
class Failed:
    """The call was not possible or the tool raised; `message` is what the model is told."""

    message: str
    kind: Literal["failed"] = field(default="failed", repr=False, kw_only=True)


@frozen
class Denied:
    """A person or a rule said no."""

    reason: str = ""
    kind: Literal["denied"] = field(default="denied", repr=False, kw_only=True)


@frozen
class Cancelled:
    """The run was cancelled before the call ended."""

    started: bool
    """Whether the tool had begun. One that had begun and is not read-only is Lost instead."""
    kind: Literal["cancelled"] = field(default="cancelled", repr=False, kw_only=True)


@frozen
class Lost:
    """The call had begun and nobody knows whether it took effect."""

    kind: Literal["lost"] = field(default="lost", repr=False, kw_only=True)


Outcome: TypeAlias = Pending | Returned | Failed | Denied | Cancelled | Lost
"""What became of a tool call."""


@frozen
class ToolCall:
    """A call that the model made, and what became of it."""

    id: str
    """The provider's id of the call; it may be empty and it may repeat."""
    name: str
    arguments: str
    """The arguments as the model wrote them: JSON text, or what it thought to be that."""
    outcome: Outcome = Pending()
    provider_data: ProviderData | None = None
    kind: Literal["tool_call"] = field(default="tool_call", repr=False, kw_only=True)


Part: TypeAlias = Text | Thinking | Image | Audio | Document | Video | ToolCall | Opaque
"""One piece of a message."""

Prompt: TypeAlias = "str | Part | Sequence[str | Part]"
"""What a user may say: text, one part, or several."""


@frozen
class UserMessage:
    """What the user said."""

    is_settled: ClassVar[bool] = True

    parts: tuple[Part, ...]
    kind: Literal["user"] = field(default="user", repr=False, kw_only=True)

    @property
    def text(self) -> str:
        """All text parts joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """Always empty; so that a conversation can be read without asking who spoke."""
        return ()


@frozen
class AssistantMessage:
    """What the model said, with the calls it made and what became of them."""

    parts: tuple[Part, ...]
    model: str = ""
    """The model that answered, as the provider names it."""
    response_id: str = ""
    finish: Finish = "stop"
    usage: Usage = Usage()
    kind: Literal["assistant"] = field(default="assistant", repr=False, kw_only=True)
    is_settled: bool = field(default=True, init=False, repr=False, compare=False)
    """Whether no call is pending."""

    def __post_init__(self) -> None:
        for part in self.parts:
            if isinstance(part, ToolCall) and isinstance(part.outcome, Pending):
                object.__setattr__(self, "is_settled", False)
                return

    @property
    def text(self) -> str:
        """All text parts joined, refusals left out."""
        return "".join([part.text for part in self.parts if isinstance(part, Text) and not part.is_refusal])

    @property
    def refusal(self) -> str:
        """What the provider marked as a refusal; empty when there is none."""
        return "".join([part.text for part in self.parts if isinstance(part, Text) and part.is_refusal])

    @property
    def thinking(self) -> str:
        """All thinking that is shown, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Thinking))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tool calls, in the order in which the model made them."""
        return tuple([part for part in self.parts if isinstance(part, ToolCall)])  # a list is twice as fast

    def with_outcomes(self, outcomes: Mapping[int, Outcome]) -> AssistantMessage:
        """This message with the outcomes of some calls filled in, by the call's position among the calls."""
        parts: list[Part] = []
        position = 0
        for part in self.parts:
            if isinstance(part, ToolCall):
                outcome = outcomes.get(position)
                if outcome is not None:
                    part = ToolCall(part.id, part.name, part.arguments, outcome, part.provider_data)
                position += 1
            parts.append(part)
        return AssistantMessage(tuple(parts), self.model, self.response_id, self.finish, self.usage)


Message: TypeAlias = UserMessage | AssistantMessage
"""One turn."""


def user_message(prompt: Prompt) -> UserMessage:
    """The user message of a prompt: text, a part, or several of either. Raises ConfigurationError for anything else."""
    if isinstance(prompt, str):
        return UserMessage((Text(prompt),))
    if isinstance(prompt, Part):
        return UserMessage((prompt,))
    pieces: tuple[object, ...] = tuple(prompt) if isinstance(prompt, (list, tuple)) else (prompt,)
    for piece in pieces:
        if not isinstance(piece, (str, Part)):
            raise ConfigurationError(
                "a prompt is text, a part such as Image.from_file(...), or a list of these; got "
                f"{type(piece).__name__}: {repr(piece)[:100]}"
            )
    if not pieces:
        raise ConfigurationError("the prompt is an empty list; give text, or leave it out to go on with messages=")
    return UserMessage(tuple(Text(piece) if isinstance(piece, str) else piece for piece in prompt))


def misfit(message: Message) -> str:
    """The first text in a message that is none, such as "the id of a call"; "" when all is well.

    Replies and requests of others hold what they like, and what is wrong in a history would be found out only when it
    is stored, or sent somewhere else.
    """
    if isinstance(message, AssistantMessage) and not message.model.__class__ is message.response_id.__class__ is str:
        return "the model or the id of the answer"
    for part in message.parts:  # in every answer, so without the price of patterns
        if isinstance(part, (Text, Thinking)):
            if part.text.__class__ is not str:
                return "a text"
        elif isinstance(part, ToolCall) and not (
            part.id.__class__ is part.name.__class__ is part.arguments.__class__ is str
        ):
            return "the id, the name or the arguments of a call"
    return ""


def messages_to_json(messages: Iterable[Message]) -> dict[str, Any]:
    """Messages as a JSON document with a version."""
    return {"version": VERSION, "messages": _adapter().dump_python(list(messages), mode="json")}


def messages_from_json(document: Mapping[str, Any]) -> list[Message]:
    """Messages from their JSON document. Raises StateError, NewerVersionError."""
    version: object = document.get("version") if isinstance(document, Mapping) else None  # pyright: ignore[reportUnnecessaryIsInstance]  # it comes from a file
    if not isinstance(version, int):
        raise StateError(f"these are no agentkit messages: the version is {version!r}, a number was expected")
    if version > VERSION:
        raise NewerVersionError("list of messages", found=version, known=VERSION)
    from pydantic import ValidationError  # loaded on first use: importing agentkit stays cheap

    try:
        return _adapter().validate_json(json_bytes(document.get("messages")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise StateError(f"these messages cannot be read: at {where}: {first['msg']}; was the file edited?") from error


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(list[Message])
