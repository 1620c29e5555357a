"""What a cell of the matrix claims, and whether it is so: our code is asked, and what it sends is looked at.

A probe puts one question, written as a user would write it, to a transport that keeps every request and answers the
first of them with small replies where more than one is needed. What the cell says is made of what was seen: a claim
whose request was not sent has no words.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

import anyio
from conformance.wires import OneReply

from agentkit.errors import AgentkitError, UnsupportedError
from agentkit.transport.protocol import HttpRequest


class SeenEnoughError(Exception):
    """Ends a question once its last request was seen; not of our tree, so that nothing is tried again."""


@dataclass
class Wire:
    """A transport without a network: keeps what is sent, and answers with these bodies in turn, then with no more."""

    replies: Sequence[bytes] = ()
    sent: list[HttpRequest] = field(default_factory=list[HttpRequest])

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> OneReply:
        self.sent.append(request)
        if len(self.sent) > len(self.replies):
            raise SeenEnoughError
        return OneReply(self.replies[len(self.sent) - 1])


_RANDOM = re.compile(r"ak-[0-9a-f]{16}")
"""The names of batches."""

Question = Callable[[Wire], Awaitable[object]]


@dataclass(frozen=True)
class Claim:
    """Words of a cell, and what one of the requests has to be for them."""

    words: str
    line: str = ""
    """How its method and address end, such as "POST /responses", or how its address ends."""
    holds: tuple[str, ...] = ()
    """What stands in its body or headers."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A question that is answered over HTTP."""

    said: str
    """As a user writes it."""
    question: Question
    claims: tuple[Claim, ...]
    replies: tuple[bytes, ...] = ()
    stands_for: Mapping[str, str] = field(default_factory=dict[str, str])
    """Part of an address -> what the matrix writes for it."""

    def standing(self, name: str, word: str) -> Asked:
        """The same question, with a word of the matrix for the id of a model in its address."""
        return replace(self, stands_for={name.partition(":")[2]: word})


@dataclass(frozen=True, eq=False)
class Refused:
    """A question that is refused, by name, before anything is sent."""

    said: str
    question: Question
    words: str = "-"


Probe = Asked | Refused


@dataclass(frozen=True)
class Seen:
    """What became of a probe."""

    words: tuple[str, ...]
    """Of its claims; of a refusal, those that stand for it."""
    told: tuple[str, ...]
    """The requests as "METHOD host/path", or the text of the refusal."""
    is_sent: bool = True


class MissingCellError(AssertionError):
    """A cell of the matrix is not as it says."""


def look(probe: Probe) -> Seen:
    """Put the question and see what is sent. Raises MissingCellError."""
    wire = Wire(probe.replies if isinstance(probe, Asked) else ())
    error = _ended_with(probe.question, wire)
    if isinstance(probe, Refused):
        return _refused(probe, wire, error)
    if not isinstance(error, SeenEnoughError) and error is not None:
        raise MissingCellError(f"{probe.said} ends with {type(error).__name__}: {error}")
    lines = [_line(request, probe.stands_for) for request in wire.sent]
    for claim in probe.claims:
        if not any(_is_met(claim, line, request) for line, request in zip(lines, wire.sent, strict=True)):
            wanted = " with ".join([claim.line or "a request", *claim.holds])
            raise MissingCellError(f"{probe.said} does not send {wanted}; it sends {lines or 'nothing'}")
    return Seen(tuple(claim.words for claim in probe.claims), tuple(dict.fromkeys(lines)))


def _ended_with(question: Question, wire: Wire) -> Exception | None:
    async def ask() -> None:
        await question(wire)

    try:
        anyio.run(ask)
    except (AgentkitError, SeenEnoughError) as error:
        return error
    except ExceptionGroup as group:  # several requests went out side by side
        if group.subgroup(SeenEnoughError) is None:
            raise
        return SeenEnoughError()
    return None


def _refused(probe: Refused, wire: Wire, error: Exception | None) -> Seen:
    if wire.sent:
        raise MissingCellError(f"{probe.said} is not refused; it sends {[_line(each, {}) for each in wire.sent]}")
    if not isinstance(error, UnsupportedError):
        what = "nothing" if error is None else f"{type(error).__name__}: {error}"
        raise MissingCellError(f"{probe.said} is refused with {what}, not with UnsupportedError")
    return Seen((probe.words,), (str(error),), is_sent=False)


def _line(request: HttpRequest, stands_for: Mapping[str, str]) -> str:
    parts = urlsplit(request.url)
    path = _RANDOM.sub("ak-...", unquote(parts.path))
    for part, word in stands_for.items():
        path = path.replace(part, word)
    query = f"?{_RANDOM.sub('ak-...', unquote(parts.query))}" if parts.query else ""
    return f"{request.method} {parts.netloc}{path}{query}"


def _is_met(claim: Claim, line: str, request: HttpRequest) -> bool:
    method, space, end = claim.line.rpartition(" ")
    if space and request.method != method:
        return False
    said = request.body.decode(errors="replace") + " ".join(f"{name}: {value}" for name, value in request.headers)
    address = line if "?" in end else line.partition("?")[0]
    is_cut = bool(re.search(r"\w$", address.removesuffix(end))) and end[:1].isalnum()
    return address.endswith(end) and not is_cut and all(text in said for text in claim.holds)
