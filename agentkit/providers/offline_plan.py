"""Planning of the offline model: which calls a prompt asks for, and which of them can be made now."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from agentkit.exchange import ToolDefinition
from agentkit.messages import Returned, ToolCall
from agentkit.providers.offline_facts import Fact, facts_of
from agentkit.providers.offline_fill import Filler, Material
from agentkit.providers.offline_schema import Bounds, resolve
from agentkit.providers.offline_words import STOP_WORDS, Matcher, schema_of, stem, stems, words

__all__ = ["OUTPUT_TOOL", "Job", "known_values", "next_calls", "plan"]

OUTPUT_TOOL = "final_result"
"""How the names of tools begin by which an agent takes its output (agentkit.output)."""

_ENOUGH = 1.45
"""A tool with a lower score is not meant. A word of its name, or two of its description, are enough."""
_MOST_CALLS = 8
_MOST_CHARS = 500
"""A longer text in a result is content, and no argument of another call."""
_ENOUGH_ALONE = 0.95
"""The only tool there is: one word of its description is enough."""
_CLAUSES = re.compile(
    r"(?i)(?:[;\n]+|(?<=[.!?])\s+|,?\s+(?:and\s+)?(?:then|afterwards|after that|finally|also)\b,?"
    r"|,\s+and\b|,(?=\s)|\band\b|\bplus\b(?!\s*\d))\s*"
)
_OPERATORS = re.compile(r"[-+*/^%]+")
_ALL = re.compile(r"(?i)\b(?:all|each|every|everything)\b")
_LAST = re.compile(r"(?i)\b(?:last|latest|final)\b")
_LEXICAL_BLANKS = frozenset({"url", "email", "quoted", "datetime", "date", "time", "id", "path"})
_PRODUCERS = "list find search show get query lookup browse"
_PRODUCER_STEMS = frozenset(stem(word) for word in _PRODUCERS.split())
_PATH_STEMS = frozenset(stem(word) for word in ("path", "file", "filename", "filepath", "document", "folder"))
_STRICT = _PATH_STEMS | frozenset(stem(word) for word in ("url", "id", "identifier", "email"))
"""Parameters whose values cannot be made up: what is missing is looked for with another tool."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing the prompt asks a tool for."""

    tool: ToolDefinition
    text: str
    """The clause of the prompt that asks for it."""
    base: str = ""
    """The clause before, for what this one leaves out: "the weather in Paris, and in Rome"."""
    is_helper: bool = False
    """Nobody asked for it, but a later job needs its result."""


def plan(prompt: str, tools: Sequence[ToolDefinition], *, today: datetime.date) -> list[Job]:
    """The jobs of a prompt, in its order; empty when it is about none of the tools."""
    offered = [tool for tool in tools if not tool.name.startswith(OUTPUT_TOOL)]
    if not offered:
        return []
    matcher = Matcher(offered)
    jobs: list[Job] = []
    for clauses in _requests(prompt, matcher, today):
        jobs.extend(_jobs_of(clauses, matcher, today))
    if not jobs:
        whole = _best(prompt, matcher, today)
        jobs = [Job(whole, prompt)] if whole is not None else []
    return _with_helpers(_merged(jobs, today), offered, prompt, today)


def next_calls(
    jobs: Sequence[Job], made: Sequence[ToolCall], prompt: str, *, today: datetime.date
) -> list[tuple[str, dict[str, Any]]]:
    """The calls to make now: jobs that were not done yet and whose arguments are there; empty when all are done."""
    waiting = _undone(jobs, made)
    known = known_values(made)
    earlier = {(call.name, _canonical(call.arguments)) for call in made}
    ready: list[tuple[str, dict[str, Any]]] = []
    is_later = False
    for position, job in enumerate(waiting):
        material = _material(job, prompt, today, known)
        filler = Filler(job.tool.parameters, material)
        arguments = cast("dict[str, Any]", filler.fill())
        needs_result = bool(filler.missing) and position > 0
        if is_later or (needs_result and (ready or is_later)):
            is_later = True
            continue
        for each in _expanded(job, arguments, filler, known, prompt):
            key = (job.tool.name, json.dumps(each, sort_keys=True))
            if key not in earlier:
                earlier.add(key)
                ready.append((job.tool.name, each))
        is_later = job.is_helper
    return ready[:_MOST_CALLS]


def known_values(made: Sequence[ToolCall]) -> dict[str, list[Any]]:
    """What earlier calls returned, by the stem of its key; lists of plain words stand under the tool's own words."""
    found: dict[str, list[Any]] = {}
    for call in made:
        if isinstance(call.outcome, Returned):
            content = _read(call.outcome.content)
            for key, value in _walk(content, call.name):
                for name in dict.fromkeys(["".join(words(key)), *(stem(word) for word in words(key))]):
                    found.setdefault(name, []).append(value)
    return found


def _read(content: Any) -> Any:
    """A result, its JSON text taken apart."""
    if isinstance(content, str) and content[:1] in "[{":
        try:
            return json.loads(content)
        except ValueError:
            return content
    return content


def _walk(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in cast("Mapping[str, Any]", value).items():
            yield from _walk(inner, name)
    elif isinstance(value, list):
        yield key, value
        for inner in cast("list[Any]", value):
            yield from _walk(inner, key)
    elif value is not None:
        yield key, value


def _clauses(prompt: str, today: datetime.date) -> list[str]:
    """The prompt in pieces that may each ask for something; quoted text is never cut."""
    holes = [
        (fact.start, fact.end) for fact in facts_of(prompt, today) if fact.kind in ("quoted", "expression", "path")
    ]
    said = re.search(r"(?i)\bsaying\b|\bthat says\b|:\s", prompt)
    if said:
        holes.append((said.start(), len(prompt)))
    pieces: list[str] = []
    start = 0
    for match in _CLAUSES.finditer(prompt):
        if any(low < match.end() and match.start() < high for low, high in holes) or match.start() == 0:
            continue
        pieces.append(prompt[start : match.start()])
        start = match.end()
    pieces.append(prompt[start:])
    return [piece.strip() for piece in pieces if piece.strip()]


def _lexical(text: str, facts: Sequence[Fact]) -> str:
    """The words of a text that may name a tool: those of quoted strings, addresses and dates do not."""
    kept = list(text)
    for fact in facts:
        if fact.kind in _LEXICAL_BLANKS and not text[fact.start : fact.end].isupper():
            kept[fact.start : fact.end] = " " * (fact.end - fact.start)
    return "".join(kept)


def _best(text: str, matcher: Matcher, today: datetime.date) -> ToolDefinition | None:
    facts = facts_of(text, today)
    scores = matcher.scores(_lexical(text, facts))
    is_formula = any(fact.kind == "expression" and len(_OPERATORS.findall(fact.text)) > 1 for fact in facts)
    best: tuple[float, ToolDefinition] | None = None
    for score, tool in zip(scores, matcher.tools, strict=True):
        if score <= 0:
            score = _by_kind(tool, text, facts, is_alone=len(scores) == 1)
        else:
            score += 0.5 * _affinity(tool, text, facts)
            if is_formula and "expression" in schema_of(tool):
                score += 2.0
        if score >= (_ENOUGH if len(scores) > 1 else _ENOUGH_ALONE) and (best is None or score > best[0] + 1e-9):
            best = (score, tool)
    return best[1] if best else None


def _by_kind(tool: ToolDefinition, text: str, facts: Sequence[Fact], *, is_alone: bool) -> float:
    """A tool that no word names is meant where its one required argument is what the text gives: a sum, a URL.

    The only tool there is gets called for anything that gives all of its required arguments.
    """
    required = cast("Sequence[str]", tool.parameters.get("required", ()))
    kinds = {"expression": ("expression",), "url": ("url",)}
    if len(required) == 1 and any(fact.kind in kinds.get(required[0].lower(), ()) for fact in facts):
        return _ENOUGH
    if not is_alone or not required:
        return 0.0
    filler = Filler(tool.parameters, Material(text, [fact for fact in facts if fact.kind != "word"]))
    filler.fill()
    is_given = {path[0] for path in filler.used} >= set(required)
    return _ENOUGH if is_given else 0.0


def _affinity(tool: ToolDefinition, text: str, facts: Sequence[Fact]) -> float:
    """How well the values in the text suit the tool's required parameters."""
    required = cast("Sequence[str]", tool.parameters.get("required", ()))
    if not required:
        return 0.0
    filler = Filler(tool.parameters, Material(text, facts))
    filler.fill()
    distinct = {path[0] for path in filler.used}
    return (2.0 * len(distinct) + 0.1 * filler.score - len(filler.missing)) / len(required)


def _requests(prompt: str, matcher: Matcher, today: datetime.date) -> list[list[str]]:
    """The clauses of the prompt in groups: each group asks for one thing, or for the same thing several times."""
    groups: list[list[str]] = []
    for clause in _clauses(prompt, today):
        lexical = _lexical(clause, facts_of(clause, today))
        if groups and not matcher.is_named(lexical):
            groups[-1].append(clause)
        else:
            groups.append([clause])
    return groups


def _jobs_of(clauses: Sequence[str], matcher: Matcher, today: datetime.date) -> list[Job]:
    """The jobs of one group of clauses; the later ones name values for the first, or ask it again with others."""
    whole = _best(" and ".join(clauses), matcher, today)
    if whole is None:
        return []
    jobs = [Job(whole, clauses[0])]
    for clause in clauses[1:]:
        last = jobs[-1]
        facts = [fact for fact in facts_of(clause, today) if fact.kind not in ("word", "unit")]
        content = [word for word in words(clause) if word not in STOP_WORDS and not word.isdigit()]
        covered = {word for fact in facts for word in words(fact.text)}
        if facts and set(content) <= covered and _repeats(last, facts, today):
            jobs.append(Job(last.tool, clause, base=last.base or last.text))
        else:
            jobs[-1] = Job(last.tool, f"{last.text} and {clause}", base=last.base)
    return jobs


def _repeats(job: Job, facts: Sequence[Fact], today: datetime.date) -> bool:
    """Whether the job before has all it needs, and no list that these facts could belong to."""
    before = Filler(job.tool.parameters, Material(job.text, facts_of(job.text, today)))
    before.fill()
    kinds = {fact.kind for fact in before.used.values()}
    takes_list = any(
        resolve(cast("Mapping[str, Any]", schema), job.tool.parameters).get("type") == "array"
        for schema in schema_of(job.tool).values()
        if isinstance(schema, Mapping)
    )
    return not before.missing and not takes_list and any(fact.kind in kinds for fact in facts)


def _merged(jobs: Sequence[Job], today: datetime.date) -> list[Job]:
    """Jobs for the same tool in neighbouring clauses, the second with nothing of its own, are one."""
    merged: list[Job] = []
    for job in jobs:
        if merged and merged[-1].tool is job.tool and not job.base:
            last = merged[-1]
            if not _has_values(job, today):
                merged[-1] = Job(last.tool, f"{last.text} and {job.text}", base=last.base)
                continue
            if not _has_values(last, today) and cast("Sequence[str]", job.tool.parameters.get("required", ())):
                merged[-1] = Job(last.tool, f"{last.text} and {job.text}")
                continue
        merged.append(job)
    return merged


def _has_values(job: Job, today: datetime.date) -> bool:
    filler = Filler(job.tool.parameters, Material(job.text, facts_of(job.text, today)))
    filler.fill()
    return bool(filler.used)


def _with_helpers(jobs: list[Job], tools: Sequence[ToolDefinition], prompt: str, today: datetime.date) -> list[Job]:
    """The jobs, with one before them that finds what the first needs and the prompt does not say: which file, id."""
    if not jobs:
        return jobs
    first = jobs[0]
    filler = Filler(first.tool.parameters, _material(first, prompt, today, {}))
    filler.fill()
    wanted = {stem(word) for name in filler.missing for word in words(name)}
    if not wanted & _STRICT:
        return jobs
    names = (set(stems(first.tool.name)) | wanted) - _PRODUCER_STEMS
    if wanted & _PATH_STEMS:
        names |= _PATH_STEMS
    for tool in tools:
        own = set(stems(tool.name)) | {stem(word) for word in words(tool.name)}
        if tool is first.tool or any(job.tool is tool for job in jobs):
            continue
        if own & _PRODUCER_STEMS and (own - _PRODUCER_STEMS) & names:
            helper = Job(tool, prompt, is_helper=True)
            if not _misses(helper, prompt, today):
                return [helper, *jobs]
    return jobs


def _misses(job: Job, prompt: str, today: datetime.date) -> bool:
    filler = Filler(job.tool.parameters, _material(job, prompt, today, {}))
    filler.fill()
    return bool(filler.missing)


def _material(job: Job, prompt: str, today: datetime.date, known: Mapping[str, Sequence[Any]]) -> Material:
    """What the job's arguments are made of: its clause, then the clause it goes on with, then the results so far."""
    vocabulary = frozenset(Matcher([job.tool]).vocabulary(job.tool))
    text = job.text
    if job.base:
        text = _grafted(job, today)
    return Material(text, facts_of(text, today), vocabulary, known)


def _grafted(job: Job, today: datetime.date) -> str:
    """The earlier clause with its last value of the same kind replaced by that of this clause."""
    own = facts_of(job.text, today) or [
        Fact(fact.kind, fact.value, fact.text, fact.start - 2, fact.end - 2)
        for fact in facts_of("x " + job.text, today)
    ]
    base = job.base
    filler = Filler(job.tool.parameters, Material(base, facts_of(base, today)))
    filler.fill()
    for fact in own:
        places = [used for used in filler.used.values() if used.kind == fact.kind]
        if places:
            last = max(places, key=lambda used: used.start)
            return base[: last.start] + job.text[fact.start : fact.end] + base[last.end :]
    return job.text


def _undone(jobs: Sequence[Job], made: Sequence[ToolCall]) -> list[Job]:
    """The jobs without a call; the calls are matched to them in order, by tool."""
    counts: dict[str, int] = {}
    for call in made:
        counts[call.name] = counts.get(call.name, 0) + 1
    waiting: list[Job] = []
    for job in jobs:
        if counts.get(job.tool.name, 0) > 0:
            counts[job.tool.name] -= 1
        else:
            waiting.append(job)
    return waiting


def _expanded(
    job: Job, arguments: dict[str, Any], filler: Filler, known: Mapping[str, Sequence[Any]], prompt: str
) -> list[dict[str, Any]]:
    """The arguments with what the prompt left open taken from earlier results: one, the last, or one call for each."""
    missing = filler.missing[0] if len(filler.missing) == 1 else ""
    if not missing:
        taken = [name for name, value in arguments.items() if (name,) not in filler.used and value in _flat(known)]
        missing = taken[0] if len(taken) == 1 else ""
    if not missing or missing not in arguments:
        return [arguments]
    candidates = _candidates(missing, job.tool, known)
    if not candidates:
        return [arguments]
    if _ALL.search(job.text):
        return [{**arguments, missing: value} for value in candidates]
    if _LAST.search(job.text):
        return [{**arguments, missing: candidates[-1]}]
    about = set(stems(job.text)) | set(stems(prompt))
    best = max(candidates, key=lambda value: len(about & set(stems(str(value)))))
    return [{**arguments, missing: best}]


def _flat(known: Mapping[str, Sequence[Any]]) -> list[Any]:
    return [value for values in known.values() for value in values]


def _candidates(name: str, tool: ToolDefinition, known: Mapping[str, Sequence[Any]]) -> list[Any]:
    """Values of earlier results that suit a parameter: those under its name, else those that look like it."""
    schema = resolve(cast("Mapping[str, Any]", schema_of(tool).get(name, {})), tool.parameters)
    bounds = Bounds(schema)
    fitting = dict.fromkeys(
        value for value in _flat(known) if _is_argument(value) and bounds.accepts_json(value, tool.parameters)
    )
    own = {stem(word) for word in words(name)}
    named = [
        value
        for key in ("".join(words(name)), *sorted(own))
        for value in known.get(key, ())
        if _is_argument(value) and value in fitting
    ]
    if not named and own & _PATH_STEMS:
        named = [value for value in fitting if isinstance(value, str) and re.fullmatch(r"[\w./\- ]+", value)]
    return list(dict.fromkeys(named or fitting))


def _is_argument(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _MOST_CHARS)


def _canonical(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True)
    except ValueError:
        return arguments
