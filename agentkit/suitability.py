"""What a model cannot do is said before anything is sent, with the models that could.

It costs next to nothing: only the prompt at hand is looked at for media, and the words of a prompt are counted only
where its bytes are so many that they may be too many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

from agentkit.errors import ContextLengthError, UnsupportedError
from agentkit.exchange import Memo, Request
from agentkit.frozen import frozen
from agentkit.identity import Capabilities, ModelIdentity
from agentkit.json_bytes import json_bytes
from agentkit.messages import (
    Denied,
    Failed,
    Media,
    Message,
    Opaque,
    Part,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)
from agentkit.switching import not_shown, stand_in

__all__ = ["Able", "Checking", "Known", "readable_by", "refuse_too_long", "refuse_unable"]

Able: TypeAlias = "Callable[[Capabilities, int | None], bool]"
"""Whether a model of these abilities and this context would do."""

_SEEN_OR_HEARD = frozenset({"image", "audio", "video"})
_WORDS: frozenset[type] = frozenset({Text, Thinking, Opaque})
_WORDS_AND_CALLS = _WORDS | {ToolCall}
_BYTES_A_WORD = 2  # at the least: a letter and what divides it from the next


@frozen
class Known:
    """What is known of a model beside its identity."""

    context: int | None
    """How many tokens prompt and answer may have together; None where that is not known."""
    others: Callable[[Able], Sequence[str]]
    """The nearest models that would do instead, as users write them."""


@runtime_checkable
class Checking(Protocol):
    """A model that refuses what it cannot do, and is told by the provider table what is known of it."""

    known: Known | None


def refuse_unable(request: Request, identity: ModelIdentity, known: Known | None) -> None:
    """Raises UnsupportedError for tools or media that the model does not take."""
    able = identity.capabilities
    if request.tools and not able.tools:
        names = ", ".join(tool.name for tool in request.tools[:5]) + (", ..." if len(request.tools) > 5 else "")
        others = _named(known, lambda other, _: other.tools)
        raise UnsupportedError(f"{identity} calls no tools, {len(request.tools)} were given ({names}){others}")
    if able.media >= _SEEN_OR_HEARD or request.settings.on_unsupported == "omit" or not request.messages:
        return
    last = request.messages[-1]
    if not isinstance(last, UserMessage):
        return
    for part in last.parts:
        kind = part.kind
        if kind in _SEEN_OR_HEARD and kind not in able.media:
            others = _named(known, lambda other, _, kind=kind: kind in other.media)
            raise UnsupportedError(f"{identity} takes no {kind}, and one is in the prompt{others}")


@dataclass(slots=True)
class _Read:
    """What is known of a history, in a run's memo: the next step looks at what is new."""

    missing: frozenset[str]
    messages: tuple[Message, ...] = ()
    instead: dict[int, Message] = field(default_factory=dict[int, Message])
    """Position -> the message without what the model does not take."""
    notes: set[str] = field(default_factory=set[str])


_KEPT = "readable media"


def readable_by(able: Capabilities, request: Request) -> tuple[Request, tuple[str, ...]]:
    """The request as a model of these abilities can read it, and what was left out: pictures, sounds and films that it
    does not take are named in their place. Those of the prompt at hand were refused before, unless they may be omitted.
    """
    missing = _SEEN_OR_HEARD - able.media
    messages = request.messages
    if not missing or not _holds_media(messages):
        return request, ()
    read = _read(request.memo, missing, messages)
    for position in range(len(read.messages), len(messages)):
        message = messages[position]
        if any(_is_among(missing, part) for part in message.parts):
            parts = tuple(_named_in_place(part, missing, read.notes) for part in message.parts)
            read.instead[position] = replace(message, parts=parts)
    read.messages = messages
    if not read.instead:
        return request, ()
    shown = copy(request)  # not dataclasses.replace, which would look through all messages for pending calls once more
    told = tuple(read.instead.get(position, message) for position, message in enumerate(messages))
    object.__setattr__(shown, "messages", told)
    return shown, tuple(sorted(read.notes))


def refuse_too_long(request: Request, size: int, identity: ModelIdentity, known: Known) -> None:
    """Raises ContextLengthError for a prompt of more words than the model takes tokens; `size` is its bytes, written.

    A word is one token at the least, in every tokenizer known. What is close to the limit is for the provider to say.
    """
    context = known.context
    if context is None or size < context * _BYTES_A_WORD:
        return
    if sum(text.count(" ") + text.count("\n") + text.count("\t") + 1 for text in _texts(request)) < context:
        return
    words = sum(len(text.split()) for text in _texts(request))
    if words <= context:
        return
    others = _named(known, lambda _, other: other is not None and other * 3 > words * 4, doing="these take more")
    error = ContextLengthError(
        f"the prompt has {words:,} words, and so more tokens than the {context:,} that {identity} takes; "
        f"shorten it{others}",
        attempts=0,
    )
    error.provider, error.model = identity.provider, identity.model
    raise error


def _holds_media(messages: Sequence[Message]) -> bool:
    """Whether there is anything beside words and calls; it is asked of thousands of old messages at each step."""
    kinds = {part.__class__ for message in messages for part in message.parts}
    if kinds <= _WORDS:
        return False
    return not kinds <= _WORDS_AND_CALLS or any(
        isinstance(part, ToolCall) and isinstance(part.outcome, Returned) and part.outcome.media
        for message in messages
        for part in message.parts
    )


def _read(memo: Memo | None, missing: frozenset[str], messages: tuple[Message, ...]) -> _Read:
    """What is known of the beginning of these messages."""
    read = memo.kept.get(_KEPT) if memo is not None else None
    if isinstance(read, _Read) and read.missing == missing:
        count = len(read.messages)
        if len(messages) >= count and (not count or messages[count - 1] is read.messages[-1]):
            return read
    read = _Read(missing)
    if memo is not None:
        memo.kept[_KEPT] = read
    return read


def _is_among(missing: frozenset[str], part: Part) -> bool:
    if isinstance(part, ToolCall):
        outcome = part.outcome
        return isinstance(outcome, Returned) and any(medium.family in missing for medium in outcome.media)
    return part.kind in missing


def _named_in_place(part: Part, missing: frozenset[str], notes: set[str]) -> Part:
    if not _is_among(missing, part):
        return part
    if isinstance(part, ToolCall):
        assert isinstance(part.outcome, Returned)
        return replace(part, outcome=_without_media(part.outcome, missing, notes))
    assert isinstance(part, Media)
    notes.add(not_shown(part))
    return Text(stand_in(part))


def _without_media(outcome: Returned, missing: frozenset[str], notes: set[str]) -> Returned:
    """The outcome with words behind its content, in place of its media."""
    left = tuple(medium for medium in outcome.media if medium.family in missing)
    notes.update(map(not_shown, left))
    content: Any = outcome.content
    said = [] if content is None else [content if isinstance(content, str) else json_bytes(content).decode()]
    words = "\n".join([*said, *(stand_in(medium, is_returned=True) for medium in left)])
    return Returned(words, tuple(medium for medium in outcome.media if medium not in left))


def _named(known: Known | None, able: Able, *, doing: str = "these do") -> str:
    names = known.others(able) if known is not None else ()
    return f"; {doing}: {', '.join(names)}" if names else ""


def _texts(request: Request) -> Iterator[str]:
    yield request.instructions
    for message in request.messages:
        for part in message.parts:
            match part:
                case Text(text):
                    yield text
                case ToolCall(_, _, arguments, outcome):
                    yield arguments
                    match outcome:
                        case Returned(content):
                            yield from _strings(content)
                        case Failed(text) | Denied(text):
                            yield text
                        case _:
                            pass
                case _:
                    pass


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for entry in cast("Mapping[str, Any]", value).values():
                yield from _strings(entry)
        case list() | tuple():
            for entry in cast("Sequence[Any]", value):
                yield from _strings(entry)
        case _:
            pass
