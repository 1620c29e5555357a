"""`agentkit embed`: texts become vectors, one line of JSON each."""

from __future__ import annotations

from typing import get_args

import click

from agentkit.budget import Budget
from agentkit.cli.inputs import chosen_model, collected, shown_input, tell_attempts
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.task_json import spent_to_json
from agentkit.cli.terminal import notice, print_json
from agentkit.embedding import Purpose
from agentkit.tasks.embed import embed_sync

__all__ = ["command"]

OFFLINE_NOTICE = (
    "using the vectors of offline: (they tell common words, not common meaning); "
    "for others: --model openai:text-embedding-3-small, or AGENTKIT_MODEL"
)


@click.command("embed")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("-m", "--model", metavar="PROVIDER:MODEL", help="Such as openai:text-embedding-3-small.")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE",
              help="A file with a text on each line, - for standard input; may be repeated.")  # fmt: skip
@click.option("--image", "images", multiple=True, metavar="PATH|URL", help="A picture; may be repeated.")
@click.option("--dimensions", type=click.IntRange(min=1), metavar="N", help="How many numbers a vector shall have.")
@click.option("--purpose", type=click.Choice(get_args(Purpose)), help="What the vectors are for.")
@click.option("--budget-usd", type=click.FloatRange(min=0), metavar="USD", help="Spend at most this.")
@json_option("Print one JSON document, with what it cost, in place of a line for each input.")
@debug_option
def command(
    texts: tuple[str, ...],
    model: str | None,
    files: tuple[str, ...],
    images: tuple[str, ...],
    dimensions: int | None,
    purpose: Purpose | None,
    budget_usd: float | None,
    json: bool,
) -> None:
    """Make a vector of each TEXT; without any, of each line of standard input.

    \b
    agentkit embed -m openai:text-embedding-3-small "a cat" "a dog"
    agentkit embed -m google:gemini-embedding-001 --file sentences.txt > vectors.jsonl
    """
    inputs = collected(texts, files=files, images=images)
    found = embed_sync(
        chosen_model(model, offline=OFFLINE_NOTICE),
        inputs,
        dimensions=dimensions,
        purpose=purpose,
        budget=None if budget_usd is None else Budget(usd=budget_usd),
        on_event=tell_attempts,
    )
    rows = [
        {"input": shown_input(entry), "embedding": vector.tolist()} for entry, vector in zip(inputs, found, strict=True)
    ]
    if json:
        spent = spent_to_json(found.usage, found.cost)
        print_json({"embeddings": rows, "dimensions": found.dimensions, "model": found.model, **spent})
    else:
        for row in rows:
            print_json(row, is_one_line=True)
    for note in found.notes:
        notice(note)
    notice(f"{found.model}: {len(found)} x {found.dimensions} numbers; {found.usage}, cost {found.cost}")
