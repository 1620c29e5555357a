"""docs/matrix.md, made of the rows, of what their probes see, and of the tests that hold them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from project.documents import ROOT
from project.matrix_cells import PATTERNS, Row
from project.matrix_probe import MissingCellError, Seen, look

PAGE = ROOT / "docs" / "matrix.md"
_MODULES = ("openai", "anthropic", "google", "aws", "azure", "huggingface")

ROWS: tuple[Row, ...] = tuple(
    row for name in _MODULES for row in importlib.import_module(f"project.matrix_{name}").ROWS
)
"""Every row, in the order of the page."""

TABLE_NAMES: Mapping[str, tuple[str, ...]] = {
    "OpenAI": ("openai",),
    "Anthropic": ("anthropic",),
    "Gemini API": ("google",),
    "Vertex AI": ("vertex",),
    "AWS Bedrock": ("bedrock", "comprehend", "rekognition", "aws-transcribe"),
    "AWS SageMaker": ("sagemaker",),
    "Azure OpenAI": ("azure",),
    "Azure Foundry": ("azure-foundry",),
    "Hugging Face": ("huggingface",),
}
"""Provider, as the matrix calls it -> its rows in the provider table."""

_HEAD = """\
# Matrix: provider x category x pattern

What each provider offers, and by which endpoint agentkit asks for it. A row is a kind of AI API, a column a way to ask:

- **Sync**: one request, one answer. [`Agent`](tutorial.md) for chat and vision, [`embed`](how-to/embeddings.md),
  [`generate_image`](how-to/images.md), [`transcribe`](how-to/transcription.md), [`classify`](how-to/classification.md).
- **Stream**: the answer in pieces, while it is made: `agent.stream(...)`; `on_event=`, or `Settings(stream=True)`, for
  pictures and transcripts.
- **Batch**: many questions within a day, mostly at half the price: [`batch`](how-to/batch.md).
- **Function calling**: the model calls tools of yours.

Paths are relative to each provider's base. "LLM" = no endpoint of its own, done with the chat endpoint and a schema.
"-" = not offered: asking for it is an `UnsupportedError` that says so and names who offers it; nothing is sent.

Nobody writes this page. A test puts the questions that stand [below](#what-is-written-and-what-is-sent) to our code,
looks at what it sends, and makes the cells of that; a cell whose request is not sent fails it. With the questions stand
the tests that hold the cell by recorded traffic, the providers' schemas, or their own clients.
"""

_QUESTIONS = """\
## What is written, and what is sent

For each cell: the question as a user writes it, and the requests that it makes, or the error with which it is refused.
M, N and ID stand for the model.
"""


@dataclass(frozen=True)
class Looked:
    """A cell as it was seen."""

    words: str
    seen: tuple[tuple[str, Seen], ...]
    """Question -> what came of it."""


@cache
def looked(row: Row, pattern: str) -> Looked:
    """The cell of a row, with its words made of what its probes see. Raises MissingCellError."""
    cell = row.cells[PATTERNS.index(pattern)]
    seen = tuple((probe.said, look(probe)) for probe in cell.probes)
    claims = [word for _, each in seen for word in each.words]
    if len(claims) != cell.words.count("{}"):
        raise MissingCellError(f"{len(claims)} claims are made for {cell.words!r}")
    return Looked(cell.words.format(*claims), seen)


def shown(row: Row, pattern: str) -> Looked:
    """The cell as the page shows it: one that is not as it says is seen there too."""
    try:
        return looked(row, pattern)
    except MissingCellError as error:
        return Looked(f"MISSING: {error}", ())


def page(tests: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]) -> str:
    """The whole page; `tests` are the ids that hold the cells of each row."""
    return "\n".join([_HEAD, *_table(), "", _QUESTIONS, *_questions(tests)])


def cells_of(text: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """(Provider, category) -> the four cells, of the first table in a page."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    provider = ""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("| Provider |"):
            break
    for line in lines:
        if not line.startswith("|"):
            break
        if line.startswith("|---"):
            continue
        name, category, *cells = [entry.strip() for entry in line.strip("|").split("|")]
        provider = name or provider
        found[provider, category] = tuple(cells)
    return found


def _table() -> Iterator[str]:
    yield f"| Provider | Category | {' | '.join(PATTERNS)} |"
    yield "|" + "---|" * (2 + len(PATTERNS))
    provider = ""
    for row in ROWS:
        name = "" if row.provider == provider else f" {row.provider}"
        provider = row.provider
        yield f"|{name} | {row.category} | {' | '.join(shown(row, pattern).words for pattern in PATTERNS)} |"


def _questions(tests: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]) -> Iterator[str]:
    names = dict.fromkeys(row.provider for row in ROWS)
    yield " · ".join(f"[{name}](#{name.lower().replace(' ', '-')})" for name in names)
    provider = ""
    for row in ROWS:
        if row.provider != provider:
            provider = row.provider
            yield f"\n### {provider}"
        yield f"\n#### {provider}: {row.category}"
        for pattern, ids in zip(PATTERNS, tests[row.provider, row.category], strict=True):
            cell = shown(row, pattern)
            yield f"\n**{pattern}**: {cell.words}\n"
            yield from (f"- `{said}` {_told(seen)}" for said, seen in cell.seen)
            yield f"- Held by {', '.join(f'`{id}`' for id in ids)}"
    yield ""


def _told(seen: Seen) -> str:
    if seen.is_sent:
        return "sends " + ", ".join(f"`{line}`" for line in seen.told)
    return f"raises `UnsupportedError`: {seen.told[0]}"
