"""Redaction: private things stay here; the model reads placeholders, and what it writes of them is put right again.

    agent = Agent("openai:gpt-6-luna", tools=[...], middleware=[Redaction()])

Placeholders are numbered as their values first appear in the conversation, which only grows. So they can be worked out
again from the messages, in every step and after a resume in another process, and nothing of it needs to be kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, cast

from agentkit.errors import ConfigurationError
from agentkit.exchange import (
    Delta,
    ModelSwitched,
    PartFinished,
    Request,
    Response,
    ResponseFinished,
    TextDelta,
    ToolCallDelta,
)
from agentkit.messages import (
    AssistantMessage,
    Denied,
    Failed,
    Message,
    Outcome,
    Part,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
)
from agentkit.models import Middleware, ModelCallNext
from agentkit.private_values import KINDS, Kind, Span, find_private, merged

__all__ = ["Redaction", "Vault"]

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]{0,30}_\d{1,9}>")
_ON_THE_WIRE = re.compile(r"(?:<|\\u003[cC])([A-Z][A-Z_]{0,30}_\d{1,9})(?:>|\\u003[eE])")
"""In JSON: some servers write < and > as escapes."""
_BEGUN = re.compile(
    r"(?:<|\\(?:u(?:0(?:0(?:3(?:[cC])?)?)?)?)?)(?:[A-Z][A-Z_0-9]{0,40})?(?:\\(?:u(?:0(?:0(?:3)?)?)?)?)?\Z"
)
"""What may become a placeholder when more of the text comes."""
_LONGEST_BEGINNING = 60
_KIND_NAME = re.compile(r"[a-z][a-z_]{0,30}")


class Vault:
    """Which placeholder stands for which value. It lives in memory, as long as a run."""

    __slots__ = ("_names", "_numbers", "_values")

    def __init__(self) -> None:
        self._values: dict[str, str] = {}  # "EMAIL_1" -> value
        self._names: dict[str, str] = {}  # value -> "EMAIL_1"
        self._numbers: dict[str, int] = {}  # "EMAIL" -> how many there are

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._values) or 'empty'})"

    def placeholder(self, kind: str, value: str) -> str:
        """The placeholder of a value; a value that is known already keeps the one that it has."""
        name = self._names.get(value)
        if name is None:
            label = kind.upper()
            number = self._numbers[label] = self._numbers.get(label, 0) + 1
            name = self._names[value] = f"{label}_{number}"
            self._values[name] = value
        return f"<{name}>"

    def restore(self, text: str, *, is_json: bool = False) -> str:
        """The text with values in the place of their placeholders; in a JSON text they are written as JSON has them."""
        if not self._values or ("<" not in text and "\\u003" not in text):
            return text
        if is_json:
            return _ON_THE_WIRE.sub(self._escaped, text)
        return _PLACEHOLDER.sub(lambda found: self._values.get(found[0][1:-1], found[0]), text)

    def is_in(self, text: str) -> bool:
        """Whether a value that has a placeholder stands in the text itself."""
        return any(value in text for value in self._names)

    def _escaped(self, found: re.Match[str]) -> str:
        value = self._values.get(found[1])
        return found[0] if value is None else json.dumps(value, ensure_ascii=False)[1:-1]


class Redaction(Middleware):
    """Masks what leaves for the model, and restores it in answers and in the arguments of tools.

    Prompts, instructions, answers and results of tools are masked: <EMAIL_1> goes out, the same for the same value
    throughout a run. Tools, listeners, results, sessions and journals have the values. Media, names, descriptions and
    schemas of tools go out as they are, and so does what only the provider can read, which it made of placeholders.

    kinds: what is looked for: "key", "email", "phone", "card", "iban", "id" (national numbers).
    patterns: more of your own, name -> regular expression: {"customer": r"C-\\d{6}"} becomes <CUSTOMER_1>.

    Give the patterns a bound where they repeat: they are tried on everything. Raises ConfigurationError for a wrong
    kind, name or expression.
    """

    def __init__(self, kinds: Collection[Kind] = KINDS, *, patterns: Mapping[str, str] | None = None) -> None:
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown or isinstance(kinds, str):
            raise ConfigurationError(
                f"kinds is {kinds!r}; give a list of {', '.join(KINDS)}, and expressions of your own as patterns="
            )
        self._kinds = tuple(kinds)
        self._patterns = [(name, _compiled(name, pattern)) for name, pattern in (patterns or {}).items()]
        self._key = f"redaction {id(self)}"

    def mask(self, text: str, vault: Vault) -> str:
        """The text with placeholders, which `vault` learns. `vault.restore` gives back what it was."""
        spans = find_private(text, self._kinds)
        if "<" in text:  # what looks like a placeholder already is no placeholder of ours
            spans += [Span(found.start(), found.end(), "literal") for found in _PLACEHOLDER.finditer(text)]
        for name, pattern in self._patterns:
            spans += [Span(*found.span(), name) for found in pattern.finditer(text) if found[0]]
        if not spans:
            return text
        pieces: list[str] = []
        at = 0
        for span in merged(spans):
            pieces += (text[at : span.start], vault.placeholder(span.kind, text[span.start : span.end]))
            at = span.end
        return "".join([*pieces, text[at:]])

    async def model_call(self, request: Request, call_next: ModelCallNext) -> Response:
        """Ask with placeholders; answer with values."""
        masked, vault = self._masked(request)
        is_json = request.output is not None
        restorer = _Restorer(vault, is_json=is_json, outer=request.shown)
        response = await call_next(replace(masked, shown=restorer))
        message = response.message
        parts = tuple([_restored(part, vault, is_json=is_json) for part in message.parts])
        if parts == message.parts:
            return response
        return replace(response, message=_with_parts(message, parts))

    def counted(self, request: Request) -> Request:
        """The request with placeholders: a provider that counts reads it."""
        return self._masked(request)[0]

    def _masked(self, request: Request) -> tuple[Request, Vault]:
        """The request with placeholders. Messages that were masked before are taken from the run's memo."""
        kept = request.memo.kept if request.memo is not None else {}
        head = kept.get(self._key)
        if not isinstance(head, _Head) or not head.begins(request):
            vault = Vault()
            head = _Head(request.instructions, self.mask(request.instructions, vault), (), (), vault)
        new = request.messages[len(head.messages) :]
        masked = (*head.masked, *[self._message(message, head.vault) for message in new])
        kept[self._key] = _Head(head.instructions, head.said, request.messages, masked, head.vault)
        return replace(request, instructions=head.said, messages=masked), head.vault

    def _message(self, message: Message, vault: Vault) -> Message:
        parts: list[Part] = []
        for part in message.parts:
            masked = self._part(part, vault)
            if masked is not None:
                parts.append(masked)
        if len(parts) == len(message.parts) and all(new is old for new, old in zip(parts, message.parts, strict=True)):
            return message  # the very same, which codecs know again
        return UserMessage(tuple(parts)) if isinstance(message, UserMessage) else _with_parts(message, tuple(parts))

    def _part(self, part: Part, vault: Vault) -> Part | None:
        match part:
            case Text(text):
                said = self.mask(text, vault)
                return part if said == text else replace(part, text=said)
            case Thinking(text, provider_data) if provider_data is not None:
                # Signed as it is, and thought over placeholders; of a time before that, it cannot be masked.
                return None if vault.is_in(text) else part
            case Thinking(text):
                said = self.mask(text, vault)
                return part if said == text else replace(part, text=said)
            case ToolCall(_, _, arguments, outcome):
                said, told = self._arguments(arguments, vault), self._outcome(outcome, vault)
                is_same = said == arguments and told is outcome
                return part if is_same else replace(part, arguments=said, outcome=told)
            case _:
                return part

    def _arguments(self, arguments: str, vault: Vault) -> str:
        try:
            value = json.loads(arguments)
        except (ValueError, RecursionError):
            return self.mask(arguments, vault)
        masked = self._value(value, vault)
        return arguments if masked == value else json.dumps(masked, ensure_ascii=False)

    def _outcome(self, outcome: Outcome, vault: Vault) -> Outcome:
        match outcome:
            case Returned(content, media):
                said = self._value(content, vault)
                return outcome if said == content else Returned(said, media)
            case Failed(message):
                said = self.mask(message, vault)
                return outcome if said == message else Failed(said)
            case Denied(reason):
                said = self.mask(reason, vault)
                return outcome if said == reason else Denied(said)
            case _:
                return outcome

    def _value(self, value: Any, vault: Vault) -> Any:
        """A JSON value with its texts masked, names of fields and whole numbers included."""
        match value:
            case str():
                return self.mask(value, vault)
            case bool() | None | float():
                return value
            case int():
                text = str(value)
                masked = self.mask(text, vault) if len(text) < 40 else text
                return value if masked == text else masked
            case dict():
                entries = cast("dict[str, Any]", value)
                return {self.mask(name, vault): self._value(entry, vault) for name, entry in entries.items()}
            case list() | tuple():
                return [self._value(entry, vault) for entry in cast("Sequence[Any]", value)]
            case _:
                return value


@dataclass(frozen=True, slots=True)
class _Head:
    """What of a run is masked already."""

    instructions: str
    said: str
    messages: tuple[Message, ...]
    masked: tuple[Message, ...]
    vault: Vault

    def begins(self, request: Request) -> bool:
        """Whether the request goes on from here."""
        return (
            self.instructions == request.instructions
            and len(self.messages) <= len(request.messages)
            and all([mine is theirs for mine, theirs in zip(self.messages, request.messages, strict=False)])  # noqa: C419  # a list is twice as fast
        )


_Place: TypeAlias = "tuple[type[TextDelta | ToolCallDelta], int]"


class _Restorer:
    """Restores what is streamed: the end of a piece that may be half a placeholder waits for the next piece."""

    __slots__ = ("_held", "_is_json", "_outer", "_vault")

    def __init__(self, vault: Vault, *, is_json: bool, outer: Any) -> None:
        self._vault = vault
        self._is_json = is_json
        self._outer = outer  # what a middleware around this one does with deltas
        self._held: dict[_Place, TextDelta | ToolCallDelta] = {}

    def __call__(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        restored: list[Delta] = []
        for delta in deltas:
            match delta:
                case TextDelta() | ToolCallDelta():
                    restored += self._piece(delta)
                case PartFinished(part, index):
                    restored += self._rest(index)
                    restored.append(replace(delta, part=_restored(part, self._vault, is_json=self._is_json)))
                case ResponseFinished():
                    restored += self._rest(None)
                    restored.append(delta)
                case ModelSwitched():
                    self._held.clear()
                    restored.append(delta)
                case _:
                    restored.append(delta)
        return self._outer(restored) if self._outer is not None else restored

    def _piece(self, delta: TextDelta | ToolCallDelta) -> list[Delta]:
        place = (type(delta), delta.index)
        earlier = self._held.pop(place, None)
        said = (_said(earlier) if earlier is not None else "") + _said(delta)
        begun = _BEGUN.search(said, max(0, len(said) - _LONGEST_BEGINNING))
        ready = said[: begun.start()] if begun is not None else said
        if begun is not None:
            self._held[place] = _saying(_bare(delta), begun[0])
        if not ready and not (isinstance(delta, ToolCallDelta) and (delta.id or delta.name)):
            return []
        return [_saying(delta, self._restore(delta, ready))]

    def _rest(self, index: int | None) -> list[Delta]:
        places = [place for place in self._held if index is None or place[1] == index]
        held = [self._held.pop(place) for place in places]
        return [_saying(delta, self._restore(delta, _said(delta))) for delta in held]

    def _restore(self, delta: TextDelta | ToolCallDelta, said: str) -> str:
        return self._vault.restore(said, is_json=self._is_json or isinstance(delta, ToolCallDelta))


def _said(delta: TextDelta | ToolCallDelta) -> str:
    return delta.text if isinstance(delta, TextDelta) else delta.arguments


def _saying(delta: TextDelta | ToolCallDelta, text: str) -> TextDelta | ToolCallDelta:
    return replace(delta, text=text) if isinstance(delta, TextDelta) else replace(delta, arguments=text)


def _bare(delta: TextDelta | ToolCallDelta) -> TextDelta | ToolCallDelta:
    """Without id and name, which are told once."""
    return delta if isinstance(delta, TextDelta) else ToolCallDelta("", delta.index)


def _restored(part: Part, vault: Vault, *, is_json: bool) -> Part:
    """Thinking stays as it was thought: it is signed, and sent back."""
    match part:
        case Text(text):
            said = vault.restore(text, is_json=is_json)
            return part if said == text else replace(part, text=said)
        case ToolCall(_, _, arguments):
            said = vault.restore(arguments, is_json=True)
            return part if said == arguments else replace(part, arguments=said)
        case _:
            return part


def _with_parts(message: AssistantMessage, parts: tuple[Part, ...]) -> AssistantMessage:
    return AssistantMessage(parts, message.model, message.response_id, message.finish, message.usage)


def _compiled(name: str, pattern: str) -> re.Pattern[str]:
    if _KIND_NAME.fullmatch(name) is None or name == "literal":
        raise ConfigurationError(f"patterns has {name!r}; name it by small letters and underscores, such as 'customer'")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(f"patterns[{name!r}] is {pattern!r}, no regular expression: {error}") from error
