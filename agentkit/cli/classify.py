"""`agentkit classify`: which label fits each text, or whether it is harmful."""

from __future__ import annotations

from typing import Any

import click

from agentkit.budget import Budget
from agentkit.classification import Classification
from agentkit.cli.inputs import chosen_model, collected, shown_input, tell_attempts
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.terminal import cut, error_line, notice, print_json, printable
from agentkit.errors import UnsupportedError
from agentkit.tasks.classify import Labels, classify_sync

__all__ = ["command", "labels_said"]

OFFLINE_NOTICE = (
    "using the model offline: (it matches words, it is no language model); "
    "for another one: --model openai:gpt-6-luna, or AGENTKIT_MODEL"
)
_OPTIONS = {
    "labels=[...]": "--label LABEL",
    "labels=None": "leave --label out",
    'labels="moderation"': "--moderation",
}
"""What errors advise a program, and what that is in a shell."""
_SHOWN_CHARS = 80
FAILED = 1


@click.command("classify")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option("-m", "--model", metavar="PROVIDER:MODEL", help="Such as openai:gpt-6-luna.")
@click.option("-l", "--label", "labels", multiple=True, metavar="LABEL[=MEANING]",
              help="A label to choose from; repeat it for each. Without any: the model's own labels.")  # fmt: skip
@click.option("--moderation", is_flag=True, help="Say whether the texts are harmful, by the provider's own rules.")
@click.option("--multi", is_flag=True, help="Allow a text several labels, or none.")
@click.option("-f", "--file", "files", multiple=True, metavar="FILE",
              help="A file with a text on each line, - for standard input; may be repeated.")  # fmt: skip
@click.option("--image", "images", multiple=True, metavar="PATH|URL", help="A picture; may be repeated.")
@click.option("--budget-usd", type=click.FloatRange(min=0), metavar="USD", help="Spend at most this.")
@json_option("Print a line of JSON for each input.")
@debug_option
@click.pass_context
def command(
    ctx: click.Context,
    texts: tuple[str, ...],
    model: str | None,
    labels: tuple[str, ...],
    moderation: bool,
    multi: bool,
    files: tuple[str, ...],
    images: tuple[str, ...],
    budget_usd: float | None,
    json: bool,
) -> None:
    """Say of each TEXT which label fits; without any, of each line of standard input.

    \b
    agentkit classify -m openai:gpt-6-luna -l delivery -l payment -l other "Where is my parcel?"
    agentkit classify -m openai:omni-moderation-latest --moderation --file comments.txt
    """
    if moderation and (labels or multi):
        raise click.UsageError("--moderation has categories of its own; leave --label and --multi out")
    inputs = collected(texts, files=files, images=images)
    name = chosen_model(model, offline=OFFLINE_NOTICE)
    try:
        found = classify_sync(
            name,
            inputs,
            labels="moderation" if moderation else labels_said(labels),
            multi=multi,
            budget=None if budget_usd is None else Budget(usd=budget_usd),
            on_event=tell_attempts,
        )
    except UnsupportedError as error:
        told = str(error)
        for argument, option in _OPTIONS.items():
            told = told.replace(argument, option)
        raise UnsupportedError(told) from error
    for entry, each in zip(inputs, found, strict=True):
        if json:
            print_json(_as_json(shown_input(entry), each), is_one_line=True)
        elif each.error is not None:
            error_line(f"{cut(shown_input(entry), _SHOWN_CHARS)}: {each.error}")
        else:
            click.echo(printable(f"{_words(each)}\t{cut(shown_input(entry), _SHOWN_CHARS)}"))
    for note in found.notes:
        notice(note)
    notice(f"{found.model}: {found.usage}, cost {found.cost}")
    if any(each.error is not None for each in found):
        ctx.exit(FAILED)


def labels_said(said: tuple[str, ...]) -> Labels:
    """The labels of options such as "late=it came too late"; None without any."""
    if not said:
        return None
    pairs = [entry.partition("=") for entry in said]
    if not any(meaning for _, _, meaning in pairs):
        return [label.strip() for label, _, _ in pairs]
    return {label.strip(): meaning.strip() for label, _, meaning in pairs}


def _words(each: Classification) -> str:
    """The labels with their scores, on one line."""
    scores = each.scores or {}
    named = [f"{label} {scores[label]:.2f}" if label in scores else label for label in each.labels]
    nothing = "harmless" if each.is_flagged is False else "none"
    return ", ".join(named) or nothing


def _as_json(text: str, each: Classification) -> dict[str, Any]:
    row: dict[str, Any] = {"input": text, "labels": list(each.labels), "scores": each.scores}
    if each.is_flagged is not None:
        row["is_flagged"] = each.is_flagged
    if each.error is not None:
        row["error"] = {"type": type(each.error).__name__, "message": str(each.error)}
    return row
