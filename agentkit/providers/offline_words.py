"""Words of the offline model: how a text is cut into stems, and which tool a text is about."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from agentkit.exchange import ToolDefinition

__all__ = ["STOP_WORDS", "Matcher", "is_common", "is_lead", "schema_of", "stem", "stems", "words"]

_STOP = """a about again all also am an and any are as at be been but by can could did do does done for from get give
    given gives go had has have he her here hers him his how i if in into is it its just let like made make me my need
    no not now of off on one or our out over per please she should so some tell than that the their them then there
    these they thing this those to too up us use used uses using value values very want was we were what when where
    whether which who whom why will with would you your return returns optional default such eg ie etc"""
STOP_WORDS = frozenset(_STOP.split())
"""Words that say nothing of what a text is about."""

_SYNONYMS = (
    "add plus sum total +",
    "subtract minus difference -",
    "multiply times product *",
    "divide quotient /",
    "calculate compute arithmetic math expression evaluate",
    "email mail",
    "delete remove erase drop",
    "create new add",
    "list show display",
    "read open content say contain inside summary summarize summarise describe explain",
    "find search look lookup query mention",
    "weather forecast temperature rain rainy raining snow sunny sun warm cold hot degrees umbrella",
    "time clock hour",
    "file document",
    "folder directory",
    "buy order purchase",
    "price cost worth expensive",
    "schedule book meeting event appointment calendar agenda",
    "convert exchange conversion currency",
    "user customer client person",
    "translate translation language",
    "fetch download url page website http",
    "count many number",
    "list many",
    "note remember memo",
    "stock share ticker",
    "write save store",
    "update change edit modify set",
    "message text sms chat",
    "light lamp",
    "distance far",
    "remind reminder todo task",
)

_REQUESTS = """ask call invite message send switch turn put set visit compare summarize summarise check track roll play
    start stop close open run help say sort print log report submit tag upload generate greet"""
_GREETINGS = "hello hi dear thanks greetings good"
_ARITHMETIC = ("plus", "minus", "times", "divided", "+", "-", "*", "/")
_CALCULATOR = ("calculate", "compute", "arithmetic", "math", "expression", "evaluate")

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+(?:\.\d+)?|(?<=[\d)\s])[-+*/](?=[\s\d(])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SUFFIXES = (
    ("ization", "iz"), ("isation", "is"), ("ations", "at"), ("ation", "at"), ("ions", ""), ("ion", ""), ("ings", ""),
    ("ing", ""), ("ators", "at"), ("ator", "at"), ("ies", "y"), ("ers", ""), ("er", ""), ("ed", ""), ("es", "e"),
    ("s", ""),
)  # fmt: skip

NAME_WEIGHT, ENUM_WEIGHT, DESCRIPTION_WEIGHT, PARAMETER_WEIGHT = 3.0, 1.5, 1.0, 1.0
SYNONYM_SHARE = 0.6


def words(text: str) -> list[str]:
    """The words of a text in lower case, camelCase and snake_case taken apart, signs of arithmetic kept."""
    return [word.lower().removesuffix("'s") for word in _WORD.findall(_CAMEL.sub(" ", text).replace("_", " "))]


def stem(word: str) -> str:
    """A word without its ending, so that "converting" is "convert". Only good for comparing."""
    if word.endswith(("ss", "us", "is")) or len(word) < 4:
        return word
    for suffix, instead in _SUFFIXES:
        shortest = 5 if suffix in ("er", "ers") else 3
        if word.endswith(suffix) and len(word) - len(suffix) >= shortest:
            word = word[: len(word) - len(suffix)] + instead
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def is_common(word: str) -> bool:
    """Whether a word is one with which people begin to ask for something, and so no name."""
    return word in STOP_WORDS or stem(word) in _COMMON


def is_lead(word: str) -> bool:
    """Whether a word only leads to what is asked for: "find", "show", "please"."""
    return word in STOP_WORDS or stem(word) in _LEADS


def stems(text: str) -> list[str]:
    """The stems of a text's words, without those that say nothing."""
    return [stem(word) for word in words(text) if word not in STOP_WORDS]


def schema_of(tool: ToolDefinition) -> Mapping[str, Any]:
    """The properties of a tool's arguments: name -> schema."""
    found = tool.parameters.get("properties")
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


class Matcher:
    """Says how much a text is about each of some tools."""

    def __init__(self, tools: Sequence[ToolDefinition]) -> None:
        self.tools = tools
        self._weights = [_weights(tool) for tool in tools]
        spread = Counter(word for weights in self._weights for word in weights)
        self._rarity = {word: 1 + math.log(len(tools) / count) / 2 for word, count in spread.items()}

    def scores(self, text: str) -> list[float]:
        """One score for each tool; about 1 for one common word of its description, 3 for a word of its name."""
        wanted = set(stems(text))
        exact = set(words(text)) - STOP_WORDS
        return [
            self._score(wanted, weights) + 0.1 * len(exact.intersection(words(tool.name)))
            for tool, weights in zip(self.tools, self._weights, strict=True)
        ]

    def is_named(self, text: str) -> bool:
        """Whether a word of the text stands in the name of a tool, or means the same as one that does."""
        wanted = set(stems(text))
        wanted |= {other for word in wanted for other in _RELATED.get(word, ())}
        return any(weights.get(word, 0.0) >= NAME_WEIGHT for weights in self._weights for word in wanted)

    def vocabulary(self, tool: ToolDefinition) -> set[str]:
        """The stems by which a tool is known."""
        return set(self._weights[self.tools.index(tool)])

    def _score(self, wanted: Iterable[str], weights: Mapping[str, float]) -> float:
        total = 0.0
        for word in sorted(wanted):
            best = weights.get(word, 0.0) * self._rarity.get(word, 1.0)
            for other in _RELATED.get(word, ()):
                best = max(best, SYNONYM_SHARE * weights.get(other, 0.0) * self._rarity.get(other, 1.0))
            total += best
        return total


def _weights(tool: ToolDefinition) -> dict[str, float]:
    weights: dict[str, float] = {}

    def add(text: str, weight: float) -> None:
        for word in stems(text):
            weights[word] = max(weights.get(word, 0.0), weight)

    first_line = tool.description.strip().partition("\n\n")[0]
    add(tool.description, DESCRIPTION_WEIGHT / 2)
    add(first_line, DESCRIPTION_WEIGHT)
    for name, schema in schema_of(tool).items():
        add(name, PARAMETER_WEIGHT)
        for text in _texts(schema):
            add(text, ENUM_WEIGHT)
        if isinstance(schema, Mapping):
            add(str(cast("Mapping[str, Any]", schema).get("description", "")), PARAMETER_WEIGHT / 2)
    add(tool.name, NAME_WEIGHT)
    return weights


def _texts(schema: object) -> Iterator[str]:
    """The enum words of a schema."""
    if isinstance(schema, Mapping):
        known = cast("Mapping[str, Any]", schema)
        for value in known.get("enum", ()):
            yield str(value)
        for variant in known.get("anyOf", ()):
            yield from _texts(variant)


def _related() -> dict[str, set[str]]:
    table: dict[str, set[str]] = {}
    for line in _SYNONYMS:
        group = {stem(word) for word in line.split()}
        for word in group:
            table.setdefault(word, set()).update(group - {word})
    for word in _ARITHMETIC:  # "plus" speaks of a calculator, but "calculate" does not speak of adding
        table.setdefault(stem(word), set()).update(stem(other) for other in _CALCULATOR)
    return table


_LEADS = frozenset(stem(word) for word in f"{_REQUESTS} find search look lookup mention show list read".split())
_COMMON = frozenset(stem(word) for line in (*_SYNONYMS, _REQUESTS, _GREETINGS) for word in line.split())
_RELATED: Mapping[str, set[str]] = _related()
