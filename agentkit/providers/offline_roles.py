"""Roles of the offline model: what a parameter's name says of the values it takes, and how well a value suits it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.providers.offline_facts import Fact, FactKind
from agentkit.providers.offline_schema import conforming
from agentkit.providers.offline_words import STOP_WORDS, stem, stems, words

__all__ = ["FREE_TEXT", "Slot", "kinds_of", "suits"]

_ROLES: tuple[tuple[str, tuple[FactKind, ...]], ...] = (
    ("path file filename filepath folder directory dir root", ("path", "quoted", "word")),
    ("url uri link website href webpage endpoint", ("url",)),
    ("email mail recipient sender cc bcc", ("email",)),
    ("date day deadline due birthday until since when start end begin arrival departure", ("date", "datetime")),
    ("time hour when start end begin at", ("time", "datetime")),
    ("city place location country town region address destination origin airport station", ("name", "quoted", "word")),
    ("name person user customer author attendee contact assignee", ("name", "quoted", "word")),
    ("owner who recipient team company", ("name", "quoted", "word")),
    ("currency code symbol ticker stock base target source iata", ("code", "name", "word")),
    ("unit units measure", ("unit", "word", "code")),
    ("language lang locale", ("name", "quoted", "word")),
    ("id identifier number sku reference ref order ticket invoice account", ("id", "number", "code")),
    ("expression formula equation calculation", ("expression",)),
    ("query text message body content subject title question topic keyword pattern", ("quoted",)),
    ("note prompt task item term", ("quoted",)),
)  # fmt: skip
_WINDOW = 60  # characters around a fact in which its neighbours are looked for

FREE_TEXT = frozenset(
    stem(word)
    for word in """query text message body content subject title question topic keyword keywords term terms note prompt
    pattern task description summary item comment search reason todo expression name""".split()  # noqa: SIM905
)
_CUES: Mapping[str, frozenset[str]] = {
    stem(name): frozenset(cues.split())
    for name, cues in {
        "to": "to into", "target": "to into", "destination": "to into", "recipient": "to for",
        "from": "from", "source": "from", "origin": "from", "base": "from",
        "city": "in for at near", "location": "in for at near", "place": "in for at near", "country": "in for",
        "start": "from on at after between", "end": "to until till before and", "begin": "from on at",
        "since": "since after from", "until": "until before to",
        "name": "named called", "title": "titled called named", "subject": "subject about",
        "language": "to into in", "attendee": "with", "person": "with for", "percent": "at",
        "artist": "by", "author": "by", "body": "saying", "message": "saying", "b": "by to and", "divisor": "by",
    }.items()
}  # fmt: skip
_UNITS: Mapping[str, frozenset[str]] = {
    stem(name): frozenset(stem(unit) for unit in units.split())
    for name, units in {
        "limit": "results items entries rows first top files", "count": "times results items",
        "max": "results items",
        "age": "years old year", "price": "dollars euros usd eur", "quantity": "pieces items units",
        "amount": "dollars euros usd", "guests": "people persons guests adults", "party": "people persons guests",
        "minutes": "min mins", "duration": "minutes min hours seconds", "brightness": "percent",
        "temperature": "degrees", "people": "people persons",
    }.items()
}  # fmt: skip
_COUNTS = frozenset(["count", "numb", "number", "n", "num", "quantity", "times", "time", "how"])
_FORMAT_KINDS: Mapping[str, tuple[FactKind, ...]] = {
    "date": ("date", "datetime"),
    "date-time": ("datetime", "date"),
    "time": ("time", "datetime"),
    "email": ("email",),
    "uri": ("url",),
    "url": ("url",),
    "uuid": ("id",),
    "path": ("path", "quoted"),
    "file-path": ("path", "quoted"),
    "directory-path": ("path", "quoted"),
}


@dataclass(frozen=True, slots=True)
class Slot:
    """A scalar parameter that waits for a fact."""

    path: tuple[str, ...]
    schema: Mapping[str, Any]
    stems: frozenset[str]
    is_required: bool


def suits(slot: Slot, fact: Fact, text: str, *, vocabulary: frozenset[str]) -> tuple[float, Any]:
    """How well a fact fits a parameter, and the value it would give; 0 when it does not fit."""
    value = conforming(fact, slot.schema)
    if value is None:
        return 0.0, None
    kind = slot.schema.get("type")
    if "enum" in slot.schema:
        base = 3.0
    elif kind in ("integer", "number"):
        base = 1.5
    else:
        base = _role_score(slot, fact)
    if base <= 0:
        return 0.0, None
    return base + _closeness(slot, fact, text, vocabulary), value


def _role_score(slot: Slot, fact: Fact) -> float:
    if slot.schema.get("format") in _FORMAT_KINDS:
        return 4.0 if fact.kind in _FORMAT_KINDS[slot.schema["format"]] else 0.0
    kinds = kinds_of(slot)
    if fact.kind in kinds:
        return 3.0 - 0.2 * kinds.index(fact.kind)
    if slot.stems & FREE_TEXT or (kinds and kinds[0] not in ("name", "quoted")):
        return 1.0 if fact.kind == "quoted" else 0.0
    return {"quoted": 1.5, "name": 1.2, "code": 1.0, "id": 0.9}.get(fact.kind, 0.0)


def _closeness(slot: Slot, fact: Fact, text: str, vocabulary: frozenset[str]) -> float:
    """Whether words around the fact speak of the parameter: its name, a unit, a preposition."""
    before = words(text[max(0, fact.start - _WINDOW) : fact.start])[-3:]
    after = words(text[fact.end : fact.end + _WINDOW])[:2]
    score = 0.0
    if any(stem(word) in slot.stems for word in before):
        score += 2.0
    units = frozenset[str]().union(*(_UNITS.get(name, frozenset()) for name in slot.stems)) | slot.stems
    if slot.stems & _COUNTS:
        units |= vocabulary
    if after and stem(after[0]) in units:
        score += 2.5
    elif len(after) > 1 and after[0] in STOP_WORDS and stem(after[1]) in units:
        score += 1.0
    cues = frozenset[str]().union(*(_CUES.get(name, frozenset()) for name in slot.stems))
    if before and before[-1] in cues:
        score += 1.5
    return score


def kinds_of(slot: Slot) -> list[FactKind]:
    """The kinds of facts that a parameter may be, the likeliest first, by its name, else its description."""
    found: list[FactKind] = []
    if "id" in slot.stems:
        return ["id", "number", "code"]
    for names, kinds in _ROLES:
        if slot.stems & {stem(word) for word in names.split()}:
            found.extend(kind for kind in kinds if kind not in found)
    if not found:
        hints = set(stems(str(slot.schema.get("description", ""))))
        for names, kinds in _ROLES:
            if hints & {stem(word) for word in names.split()}:
                return list(kinds)
    return found
