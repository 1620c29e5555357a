"""What a model cannot do is said before anything is sent, with the models that could.

It costs next to nothing: only the prompt at hand is looked at for media, and the words of a prompt are counted only
where its bytes are so many that they may be too many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

from agentkit.errors import ContextLengthError, UnsupportedError
from agentkit.exchange import Request
from agentkit.frozen import frozen
from agentkit.identity import Capabilities, ModelIdentity
from agentkit.messages import Denied, Failed, Returned, Text, ToolCall, UserMessage

__all__ = ["Able", "Checking", "Known", "refuse_too_long", "refuse_unable"]

Able: TypeAlias = "Callable[[Capabilities, int | None], bool]"
"""Whether a model of these abilities and this context would do."""

_SEEN_OR_HEARD = frozenset({"image", "audio", "video"})
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
