"""Facts of the offline model: the values that a text names, such as numbers, quoted strings, dates, paths and names."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from agentkit.providers.offline_words import STOP_WORDS, is_common

__all__ = ["Fact", "FactKind", "facts_of"]

FactKind: TypeAlias = Literal[
    "url",
    "email",
    "quoted",
    "datetime",
    "date",
    "time",
    "path",
    "expression",
    "id",
    "number",
    "code",
    "name",
    "unit",
    "word",
]


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that a text names."""

    kind: FactKind
    value: Any
    """As it would stand in JSON."""
    text: str
    start: int
    end: int


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBER_WORDS = {
    word: number
    for number, word in enumerate("zero one two three four five six seven eight nine ten eleven twelve".split())  # noqa: SIM905
    if number != 1  # "one" mostly means something else
} | {"dozen": 12, "hundred": 100, "thousand": 1000}
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_PATH_NAMES = r"README|LICENSE|CHANGELOG|Makefile|Dockerfile"

_PATTERNS: tuple[tuple[FactKind, str], ...] = (
    ("url", r"\b(?:https?|ftp)://[^\s<>\"')\]]*[^\s<>\"')\].,;:!?]"),
    ("email", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}\b"),
    ("quoted", r"\"(?P<a>[^\"\n]+)\"|“(?P<b>[^”\n]+)”|`(?P<c>[^`\n]+)`|(?<!\w)'(?P<d>[^'\n]+)'(?!\w)"),
    ("datetime", r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?"),
    ("date", r"\b(?P<iso>\d{4}-\d{2}-\d{2})\b"),
    ("date", rf"(?i)\b{_MONTH}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year>\d{{4}}))?"),
    ("date", rf"(?i)\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?:,?\s+(?P<year>\d{{4}}))?(?![a-z])"),
    ("date", rf"(?i)\b(?:(?:next|this|on)\s+)?(?P<weekday>{'|'.join(_DAYS)})\b"),
    ("date", r"(?i)\b(?P<relative>day after tomorrow|today|tonight|tomorrow|yesterday)\b"),
    ("time", r"(?i)\b(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?(?::\d{2})?\s*(?P<half>am|pm)\b"),
    ("time", r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::[0-5]\d)?\b"),
    ("path", r"(?<![\w/.])(?:~|\.{1,2})?/[\w.\-/]{0,200}\w"),
    ("path", r"(?<![\w/\-])[\w\-]{1,100}(?:/[\w.\-]{1,100}){1,20}/?|(?<![\w/\-])[\w\-]{1,100}/(?=\s|$)"),
    ("path", rf"(?<![\w.\-])(?=[\w\-]{{0,100}}\.)[\w\-]{{0,100}}[A-Za-z_][\w\-]{{0,100}}"
     rf"\.[A-Za-z][A-Za-z0-9]{{0,4}}\b(?!\()|\b(?:{_PATH_NAMES})\b"),
    ("path", r"(?i)\b(?:folder|directory)\s+(?:named\s+|called\s+)?(?P<folder>(?!of|for|and|the|in|to)[\w\-.]+)\b"),
    ("path", r"(?i)(?<![\w\-.])(?P<folder>(?!the|this|that|a|each|every|current|my|your)"
     r"[\w\-.]{1,100})\s+(?:folder|directory)\b"),
    ("expression", r"(?<![\w.])[(]{0,8}-?\d[\d.]{0,20}[)]{0,8}"
     r"(?:\s?[-+*/^%]{1,2}\s?[(]{0,8}-?\d[\d.]{0,20}[)]{0,8}){1,50}"),
    ("id", r"#\d+\b|(?<![\w-])(?=[\w-]{0,60}\d)(?=[\w-]{0,60}[A-Za-z])"
     r"[A-Za-z0-9]{1,30}(?:[-_][A-Za-z0-9]{1,30}){1,6}\b|\b[A-Z]+\d+[A-Z0-9]*\b"),
    ("number", r"(?<![\w.])[-−]?[$€£]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\d])"),
    ("number", rf"(?i)\b(?:{'|'.join(_NUMBER_WORDS)})\b"),
    ("code", r"\b[A-Z]{2,6}\b"),
    ("name", r"\b[^\W\d_a-z][\w'’]+(?:[ -](?:(?:of|de|van|von|la|da|del)\s+)?[^\W\d_a-z][\w'’]+)*"),
    ("unit", r"(?<=\d\s)(?P<folder>[a-z]{1,12})\b"),
    ("word", r"\b(?:in|inside|under|from|into|to|at|for|near|of)\s+(?:the\s+)?(?P<folder>[a-z][\w\-]*)"
     r"(?=\s*(?:[,.;:?!]|$|(?:in|on|at|and|or|for|to|from|into|with|today|tonight|tomorrow|this|next|now|please)\b))"),
)  # fmt: skip

_COMPILED: tuple[tuple[FactKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern)) for kind, pattern in _PATTERNS
)
_OVERLAPPING = frozenset({"expression"})  # the numbers of an expression are facts as well
_LARGEST = 1e15  # beyond it a float is no longer what was written
_AFTER_SUBJECT = re.compile(r"(?i)\s+(?:is|was|has|had|lives|works|wants|needs|and|from|weather|forecast)\b|\s*[,(]")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;]\s+|\n\s*)$")


def facts_of(text: str, today: datetime.date) -> list[Fact]:
    """The facts of a text in the order of their places. What was read as one kind is not read again as another."""
    found: list[Fact] = []
    taken = [False] * len(text)
    for kind, pattern in _COMPILED:
        for match in pattern.finditer(text):
            group = next((name for name, value in match.groupdict().items() if value and name in "abcd folder"), 0)
            start, end = match.span() if kind == "quoted" else match.span(group)
            if any(taken[start:end]):
                continue
            for fact in _READERS.get(kind, _plain)(kind, match, today):
                if kind not in _OVERLAPPING:
                    taken[start:end] = [True] * (end - start)
                found.append(fact)
    return sorted(found, key=lambda fact: (fact.start, fact.end))


def _plain(kind: FactKind, match: re.Match[str], _: datetime.date) -> Iterator[Fact]:
    text = match[0].strip()
    yield Fact(kind, text.removeprefix("#") if kind == "id" else text, text, *match.span())


def _quoted(kind: FactKind, match: re.Match[str], _: datetime.date) -> Iterator[Fact]:
    yield Fact(kind, next(group for group in match.groups() if group), match[0], *match.span())


def _path(kind: FactKind, match: re.Match[str], _: datetime.date) -> Iterator[Fact]:
    group = "folder" if "folder" in match.re.groupindex else 0
    value = match[group]
    if group and value.lower() in STOP_WORDS:
        return
    yield Fact(kind, value, value, *match.span(group))


def _number(kind: FactKind, match: re.Match[str], _: datetime.date) -> Iterator[Fact]:
    text = match[0]
    if text.lower() in _NUMBER_WORDS:
        value: float = _NUMBER_WORDS[text.lower()]
    else:
        value = float(re.sub(r"[$€£,]", "", text.replace("−", "-")))
    if abs(value) > _LARGEST:
        return
    yield Fact(kind, int(value) if value == int(value) else value, text, *match.span())


def _date(kind: FactKind, match: re.Match[str], today: datetime.date) -> Iterator[Fact]:
    found = match.groupdict()
    try:
        if found.get("iso"):
            day = datetime.date.fromisoformat(found["iso"])
        elif found.get("month"):
            month = _MONTHS.index(found["month"].lower()) + 1
            day = datetime.date(int(found["year"] or today.year), month, int(found["day"]))
        elif found.get("weekday"):
            ahead = (_DAYS.index(found["weekday"].lower()) - today.weekday() - 1) % 7 + 1
            day = today + datetime.timedelta(days=ahead)
        else:
            ahead = {"yesterday": -1, "tomorrow": 1, "day after tomorrow": 2}.get(found["relative"].lower(), 0)
            day = today + datetime.timedelta(days=ahead)
    except ValueError:
        return  # "February 31"
    yield Fact(kind, day.isoformat(), match[0], *match.span())


def _time(kind: FactKind, match: re.Match[str], _: datetime.date) -> Iterator[Fact]:
    found = match.groupdict()
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    half = (found.get("half") or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour < 24:
        yield Fact(kind, f"{hour:02}:{minute:02}:00", match[0], *match.span())


def _name(kind: FactKind, match: re.Match[str], _: datetime.date) -> Iterator[Fact]:
    """Capitalised words; the first word of a sentence is most often no name."""
    start, end = match.span()
    before, after = match.string[max(0, start - 40) : start], match.string[end : end + 40]
    pieces = list(re.finditer(r"\S+", match[0]))
    if _SENTENCE_START.search(before) and after.strip(" .?!"):
        first = pieces[0][0].lower().partition("'")[0]
        is_subject = len(pieces) > 1 or _AFTER_SUBJECT.match(after)
        if not is_subject or is_common(first):
            pieces = pieces[1:]
    elif len(pieces) > 1 and _SENTENCE_START.search(before) and is_common(pieces[0][0].lower()):
        pieces = pieces[1:]
    while pieces and pieces[0][0].lower().partition("'")[0] in STOP_WORDS:
        pieces = pieces[1:]
    if not pieces:
        return
    text = match[0][pieces[0].start() :]
    following = re.match(r"\s+([a-z]\w*)", after)
    if following and following[1] not in STOP_WORDS:  # "Anna's meeting", but not "at Luigi's for four"
        text = re.sub(r"['’]s$", "", text)
    yield Fact(kind, text, text, start + pieces[0].start(), start + pieces[0].start() + len(text))


_READERS: dict[str, Callable[[FactKind, re.Match[str], datetime.date], Iterator[Fact]]] = {
    "quoted": _quoted,
    "path": _path,
    "unit": _path,
    "word": _path,
    "number": _number,
    "date": _date,
    "time": _time,
    "name": _name,
}
