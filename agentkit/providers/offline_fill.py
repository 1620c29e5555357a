"""Filling of the offline model: a value for a JSON Schema, taken from what a text says; always valid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from agentkit.providers.offline_facts import Fact
from agentkit.providers.offline_roles import FREE_TEXT, Slot, kinds_of, suits
from agentkit.providers.offline_schema import Bounds, resolve
from agentkit.providers.offline_words import STOP_WORDS, is_lead, stem, words

__all__ = ["Filler", "Material"]

_REQUIRED_SCORE, _OPTIONAL_SCORE = 0.5, 2.5
_DEEPEST = 6

_ENUM_WORDS: Mapping[str, str] = {
    "dollar": "usd", "dollars": "usd", "euro": "eur", "euros": "eur", "pound": "gbp", "pounds": "gbp", "yen": "jpy",
    "francs": "chf", "celsius": "c", "fahrenheit": "f", "centigrade": "celsius", "urgent": "high", "asap": "high",
    "plus": "add", "minus": "subtract", "times": "multiply", "divided": "divide", "multiplied": "multiply", "+": "add",
    "-": "subtract", "*": "multiply", "/": "divide", "sum": "add",
}  # fmt: skip
_ON = frozenset(["on", "state", "enabled", "power", "active"])
_NEGATIONS = frozenset(["no", "not", "without", "don't", "dont", "disable", "off", "never", "exclude", "skip", "false"])
_HEADINGS = frozenset(stem(word) for word in ("subject", "title", "name"))
_TEXT_CUE = re.compile(
    r"(?i)(?:\bsaying(?: that)?|\bthat says|\bwhich says|\bwith the (?:text|message|body)|:)\s+(?P<said>\S.*)$"
)
_TOPIC_CUES = tuple(
    re.compile(rf"(?i)\b(?:{cues})\s+(?P<topic>\S.*)$")
    for cues in ("about|regarding|named|called|titled", "for", "on", "to")
)
_EXAMPLE = re.compile(r"(?:such as|for example|e\.g\.,?|like)\s+[\"'“`]?(?P<example>[\w][\w .\-/:@]*)")


@dataclass(frozen=True, slots=True)
class Material:
    """What a value may be made of."""

    text: str
    facts: Sequence[Fact]
    vocabulary: frozenset[str] = frozenset()
    """Stems that name the tool, and so are no content."""
    known: Mapping[str, Sequence[Any]] = field(default_factory=dict[str, Sequence[Any]])
    """Results of earlier calls: stem of a key -> values found under it."""


class Filler:
    """Fills one schema from some material. `missing` names what was required and not found in it."""

    def __init__(self, schema: Mapping[str, Any], material: Material, *, root: Mapping[str, Any] | None = None) -> None:
        """`root` is where references are looked up, for a schema that is a part of another."""
        self._schema = schema
        self._root = schema if root is None else root
        self._material = material
        self._found: dict[tuple[str, ...], Any] = {}  # path of a slot -> value
        self.missing: list[str] = []
        self.used: dict[tuple[str, ...], Fact] = {}
        self.score = 0.0
        """How well the facts that were used suit their parameters."""

    def fill(self) -> Any:
        """The value. Everything required is there; what is optional only where the text speaks of it."""
        self._assign()
        return self._build(self._schema, (), is_required=True)

    # Assigning: which fact belongs to which scalar parameter, best pair first.

    def _assign(self) -> None:
        slots = list(self._slots(self._schema, (), is_required=True))
        pairs: list[tuple[float, int, int, Any, Fact]] = []
        facts = [*self._material.facts, *self._mentions(slots)]
        for order, slot in enumerate(slots):
            for place, fact in enumerate(facts):
                score, value = suits(slot, fact, self._material.text, vocabulary=self._material.vocabulary)
                if score >= (_REQUIRED_SCORE if slot.is_required else _OPTIONAL_SCORE):
                    pairs.append(
                        (-score + 0.01 * fact.start / (1 + len(self._material.text)), order, place, value, fact)
                    )
        spans: list[tuple[int, int]] = []
        for minus, order, _, value, fact in sorted(pairs, key=lambda pair: pair[:3]):
            path = slots[order].path
            if path in self._found or any(start < fact.end and fact.start < end for start, end in spans):
                continue
            self._found[path] = value
            self.used[path] = fact
            self.score -= minus
            spans.append((fact.start, fact.end))

    def _slots(self, schema: Mapping[str, Any], path: tuple[str, ...], *, is_required: bool) -> Iterable[Slot]:
        schema = resolve(schema, self._root)
        if _is_object(schema) and len(path) < _DEEPEST:
            required = schema.get("required", ())
            for name, inner in cast("Mapping[str, Any]", schema.get("properties", {})).items():
                if isinstance(inner, Mapping):
                    needed = is_required and name in required
                    yield from self._slots(cast("Mapping[str, Any]", inner), (*path, name), is_required=needed)
        elif path and schema.get("type") not in ("array", "object", "boolean", "null"):
            names = frozenset(stem(word) for word in words(path[-1]))
            yield Slot(path, schema, names, is_required)

    def _mentions(self, slots: Iterable[Slot]) -> Iterable[Fact]:
        """Words of the text that are values of some enum."""
        values = {str(value).lower() for slot in slots for value in slot.schema.get("enum", ())}
        values |= {value.replace("_", " ") for value in values}
        stemmed = {stem(value): value for value in sorted(values) if value.isalpha() and len(value) > 3}
        for match in re.finditer(r"(?=(?P<pair>[^\W_]+[ _-][^\W_]+))?(?P<word>[^\W_]+)|[-+*/]", self._material.text):
            for text in (match["pair"], match["word"] or match[0]):
                low = (text or "").lower()
                hit = low if low in values else _ENUM_WORDS.get(low) or stemmed.get(stem(low))
                if text and hit in values and not (len(text) == 1 and text.islower()):
                    yield Fact("code", hit, text, match.start(), match.start() + len(text))
                    break

    # Building: the value itself, from what was assigned, what earlier calls returned, and what is always valid.

    def _build(self, schema: Mapping[str, Any], path: tuple[str, ...], *, is_required: bool) -> Any:
        schema = resolve(schema, self._root)
        if path in self._found:
            return self._found[path]
        bounds = Bounds(schema)
        if _is_object(schema):
            return self._object(schema, path)
        known = self._known(schema, path)
        if known is not None:
            return known
        kind = schema.get("type")
        if kind == "array":
            return self._array(schema, path, is_required=is_required)
        if kind == "boolean" and "const" not in schema and "enum" not in schema:
            said = self._boolean(path)
            return bool(path and set(words(path[-1])) & _ON) if said is None else said
        if kind == "string" and bounds.is_free_text:
            text = self._free_text(path)
            if text is not None and bounds.accepts(text):
                return text
        if is_required and path and not bounds.is_fixed:
            self.missing.append(path[-1])
        return self._example(schema, bounds)

    def _object(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        required = cast("Sequence[str]", schema.get("required", ()))
        properties = cast("Mapping[str, Any]", schema.get("properties", {}))
        made: dict[str, Any] = {}
        for name, inner in properties.items():
            here = (*path, name)
            if name in required:
                made[name] = self._build(inner, here, is_required=True)
            elif len(path) < _DEEPEST and self._speaks_of(inner, here):
                made[name] = self._build(inner, here, is_required=False)
        for name in required:
            if name not in made:
                made[name] = ""
        return made

    def _speaks_of(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> bool:
        """Whether the text says something for an optional property."""
        if any(found[: len(path)] == path for found in self._found):
            return True
        inner = resolve(schema, self._root)
        if inner.get("type") == "boolean":
            said = self._boolean(path)
            return said is not None and said is not inner.get("default")
        if inner.get("type") == "array":
            return bool(self._items(inner, path, is_required=False))
        if inner.get("type") == "string" and Bounds(inner).is_free_text and not self._required_text(path):
            match = _TEXT_CUE.search(self._material.text)
            named = frozenset(stem(word) for word in words(path[-1]))
            return bool(match and named & {stem(word) for word in words(self._material.text[: match.end()])})
        return not _is_object(inner) and self._known(inner, path) is not None

    def _required_text(self, path: tuple[str, ...]) -> bool:
        """Whether the free text of the prompt already belongs to a required property beside this one."""
        parent = self._schema
        required = cast("Sequence[str]", parent.get("required", ())) if len(path) == 1 else ()
        return any(stem(word) in FREE_TEXT for name in required for word in words(name))

    def _known(self, schema: Mapping[str, Any], path: tuple[str, ...]) -> Any:
        """A value that an earlier call returned under this name."""
        if not path:
            return None
        for name in ("".join(words(path[-1])), *(stem(word) for word in reversed(words(path[-1])))):
            for value in self._material.known.get(name, ()):
                if Bounds(schema).accepts_json(value, self._root):
                    return value
        return None

    def _array(self, schema: Mapping[str, Any], path: tuple[str, ...], *, is_required: bool) -> list[Any]:
        items = self._items(schema, path, is_required=is_required)
        inner = cast("Mapping[str, Any]", schema["items"] if isinstance(schema.get("items"), Mapping) else {})
        prefix = cast("Sequence[Mapping[str, Any]]", schema.get("prefixItems", ()))
        if prefix:
            built = [
                self._build(each, (*path, f"item {place}"), is_required=False) for place, each in enumerate(prefix)
            ]
            return [*items[: len(built)], *built[len(items) :]]
        least = schema.get("minItems", 0)
        if is_required and not items and path:
            self.missing.append(path[-1])
        while len(items) < least:
            extra = self._build(inner, (*path, f"item {len(items)}"), is_required=False)
            if schema.get("uniqueItems") and extra in items:
                extra = Bounds(resolve(inner, self._root)).another(extra, items)
            items.append(extra)
        return items[: schema.get("maxItems", len(items))]

    def _items(self, schema: Mapping[str, Any], path: tuple[str, ...], *, is_required: bool) -> list[Any]:
        """What the text lists for an array: its facts of the right kind, or a row of words with commas."""
        if not isinstance(schema.get("items"), Mapping):
            return []
        inner = resolve(cast("Mapping[str, Any]", schema["items"]), self._root)
        if _is_object(inner):
            value = Filler(inner, replace(self._material, known={}), root=self._root)
            made = value.fill()
            return [made] if is_required or value.used else []
        spans = [(fact.start, fact.end) for fact in self.used.values()]
        slot = Slot(path, inner, frozenset(stem(word) for word in words(path[-1] if path else "")), True)
        found: list[tuple[str, Any]] = []
        for fact in [*self._material.facts, *self._mentions([slot])]:
            if any(start < fact.end and fact.start < end for start, end in spans):
                continue
            score, value = suits(slot, fact, self._material.text, vocabulary=self._material.vocabulary)
            if score >= (_REQUIRED_SCORE if is_required else 2.9) and (fact.kind, value) not in found:
                found.append((fact.kind, value))
        listed = self._listing() if inner.get("type") == "string" and Bounds(inner).is_free_text else []
        if len(listed) > 1 and is_required and not any(kind == "quoted" for kind, _ in found):
            return [piece for piece in listed if Bounds(inner).accepts(piece)]
        if inner.get("type") == "string" and "enum" not in inner and found:
            first = next((kind for kind, _ in found if kind in kinds_of(slot)), found[0][0])
            return [value for kind, value in found if kind == first]
        return [value for _, value in found]

    def _listing(self) -> list[str]:
        """The members of "milk, eggs and bread"."""
        text = self._material.text.rstrip(" .!?")
        cue = re.search(r"(?i)(?::|\b(?:of|for|add|buy|with|tags?|items?))\s+(?P<rest>[^:]+)$", text)
        rest = cue["rest"] if cue else text
        if not re.search(r",|\band\b", rest):
            return []
        rest = re.sub(r"(?i)\s+(?:to|from|in|on)\s+(?:the|my|a)\s.*$", "", rest)
        pieces = [piece.strip(" '\"") for piece in re.split(r"\s*(?:,\s*and\b|,|\band\b)\s*", rest)]
        if cue is None and " " in pieces[0]:
            pieces[0] = pieces[0].partition(" ")[2]  # "Put milk" begins with what to do
        return [piece for piece in pieces if piece]

    def _boolean(self, path: tuple[str, ...]) -> bool | None:
        """What the text says of a yes-or-no parameter: None when it does not speak of it."""
        named = [
            stem(word)
            for word in words(path[-1])
            if word not in ("is", "has", "include", "should", "use", "with", "enable")
        ]
        said = words(self._material.text)
        for place, word in enumerate(said):
            if stem(word) in named and word not in STOP_WORDS - {"on", "off"}:
                return not _NEGATIONS & set(said[max(0, place - 3) : place])
        if _ON & set(words(path[-1])):
            if {"off", "disable", "deactivate"} & set(said):
                return False
            if {"on", "enable", "activate"} & set(said):
                return True
        return None

    def _free_text(self, path: tuple[str, ...]) -> str | None:
        """The words of the text that are its content."""
        names = {stem(word) for word in words(path[-1])} if path else set[str]()
        text = self._without_the_end(self._material.text.strip().rstrip("?!."))
        if names and not names & FREE_TEXT:
            return None
        said = _TEXT_CUE.search(text)
        is_heading = bool(names & _HEADINGS)
        if said and not is_heading:
            return said["said"].strip().strip("\"'")
        spans = [(fact.start, fact.end) for fact in self.used.values()]
        head = text[: said.start()] if said else text
        for cue in _TOPIC_CUES:
            match = cue.search(head)
            if match and not any(start <= match.start("topic") < end for start, end in spans):
                return match["topic"].strip().strip("\"'")
        if said:
            return " ".join(said["said"].split()[:6]).strip("\"'")
        pieces = re.findall(r"\S+", text)
        while len(pieces) > 1 and _says_nothing(pieces[0], self._material.vocabulary):
            pieces = pieces[1:]
        return " ".join(pieces) or None

    def _without_the_end(self, text: str) -> str:
        """The text without a last phrase that belongs to another parameter: "... in the docs folder"."""
        for fact in self.used.values():
            rest = words(text[fact.end :])
            lead = re.search(
                r"(?i)^(.*\S)\s+(?:in|to|into|from|on|at|of|under)\s+(?:the\s+)?[\"'`]?$", text[: fact.start]
            )
            if lead and len(rest) <= 1 and fact.end <= len(text):
                return lead[1]
        return text

    def _example(self, schema: Mapping[str, Any], bounds: Bounds) -> Any:
        """A valid value that the schema itself suggests."""
        for suggestion in (schema.get("default"), *schema.get("examples", ())):
            if suggestion is not None and bounds.accepts_json(suggestion, self._root):
                return suggestion
        match = _EXAMPLE.search(str(schema.get("description", "")))
        if match and schema.get("type") == "string" and bounds.accepts(match["example"].strip()):
            return match["example"].strip()
        return bounds.smallest()


def _is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object" or ("properties" in schema and "type" not in schema)


def _says_nothing(piece: str, vocabulary: frozenset[str]) -> bool:
    return all(is_lead(word) or stem(word) in vocabulary for word in words(piece))
