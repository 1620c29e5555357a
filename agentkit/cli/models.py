"""`agentkit models`: the models that agentkit has heard of, and the providers it can reach."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from typing import Any

import click

from agentkit.catalog import ModelRow, Price, listed_on, models
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.terminal import Column, notice, print_json, table
from agentkit.errors import ConfigurationError
from agentkit.providers import PROVIDERS, Provider, find_provider

__all__ = ["command"]

_COLUMNS = (
    Column("model"),
    Column("context", "right"),
    Column("$ in", "right"),
    Column("$ out", "right"),
    Column("retires"),
    Column("note"),
)


@click.command("models")
@click.argument("provider", required=False, metavar="[PROVIDER]")
@click.option("--provider", "named", metavar="PROVIDER", help="The same as the argument.")
@click.option("--search", metavar="TEXT", help="Only ids that contain this.")
@click.option("--max-price", type=click.FloatRange(min=0), metavar="USD",
              help="Only models whose million output tokens cost at most this.")  # fmt: skip
@click.option("--all", "shows_all", is_flag=True, help="Models that do not chat and those shut down, too.")
@json_option("Print one JSON document.")
@debug_option
def command(
    provider: str | None, named: str | None, search: str | None, max_price: float | None, shows_all: bool, json: bool
) -> None:
    """List models with context, prices (US dollars a million tokens) and shutdown dates.

    Without a provider or a filter: the providers.
    """
    wanted = provider or named
    if wanted is None and search is None and max_price is None and not shows_all and not json:
        _show_providers()
        return
    rows = _providers(wanted)
    found = [
        (row, model)
        for row in rows
        for model in models(row.vendor)
        if _fits(model, search, max_price, shows_all=shows_all)
    ]
    if json:
        print_json([_as_json(row, model) for row, model in found])
        return
    if not found:
        _explain_nothing(rows, wanted)
        return
    click.echo(table(_COLUMNS, [_line(row, model) for row, model in found]))
    notice(f"\n{len(found)} models; prices as of {listed_on()}; they may have changed since")


def _providers(name: str | None) -> list[Provider]:
    """The rows asked for; those that share a list of models once."""
    if name is not None:
        return [find_provider(name)]
    first: dict[str, Provider] = {}
    for row in PROVIDERS.values():
        first.setdefault(row.vendor, row)
    return list(first.values())


def _fits(model: ModelRow, search: str | None, max_price: float | None, *, shows_all: bool) -> bool:
    if not shows_all and (model.kind != "chat" or _is_gone(model)):
        return False
    names = (model.id, *model.aliases, *model.dated)
    if search is not None and not any(search.lower() in name.lower() for name in names):
        return False
    if max_price is None:
        return True
    price = _base_price(model)
    return price.output is not None and price.output <= max_price


def _is_gone(model: ModelRow) -> bool:
    return model.retires is not None and model.retires <= datetime.date.today()


def _line(row: Provider, model: ModelRow) -> list[str]:
    price = _base_price(model)
    notes = [model.kind] if model.kind != "chat" else []
    notes += ["shut down"] if _is_gone(model) else []
    notes += [f"${larger.input:g}/{larger.output:g} over {_tokens(larger.over_input_tokens)}"
              for larger in model.prices[1:] if larger.input is not None and larger.output is not None]  # fmt: skip
    notes += ["and fees"] if model.has_fees else []
    return [
        f"{row.name}:{model.id}",
        _tokens(model.context),
        _usd(price.input),
        _usd(price.output),
        str(model.retires or ""),
        ", ".join(notes),
    ]


def _base_price(model: ModelRow) -> Price:
    return model.prices[0] if model.prices else Price()


def _tokens(count: int | None) -> str:
    if count is None:
        return "?"
    if count >= 1_000_000:
        return f"{count / 1_000_000:.3g}M"
    return f"{count / 1000:.3g}k" if count >= 1000 else str(count)


def _usd(price: float | None) -> str:
    return "?" if price is None else f"{price:g}" if price < 0.01 else f"{price:.2f}"


def _as_json(row: Provider, model: ModelRow) -> dict[str, Any]:
    return {
        "name": f"{row.name}:{model.id}",
        "provider": row.name,
        "id": model.id,
        "kind": model.kind,
        "context": model.context,
        "prices": [
            {
                "over_input_tokens": price.over_input_tokens,
                "input": price.input,
                "output": price.output,
                "cache_read": price.cache_read,
                "cache_write": price.cache_write,
            }
            for price in model.prices
        ],
        "has_fees": model.has_fees,
        "retires": model.retires.isoformat() if model.retires else None,
        "aliases": list(model.aliases),
        "dated": list(model.dated),
    }


def _show_providers() -> None:
    columns = (Column("provider"), Column("models", "right"), Column("key"), Column("what it is"))
    click.echo(table(columns, list(_provider_lines())))
    click.echo("\n`agentkit models openai` lists its models; --search and --max-price look through all.")


def _provider_lines() -> Iterator[list[str]]:
    for row in PROVIDERS.values():
        count = sum(_fits(model, None, None, shows_all=False) for model in models(row.vendor))
        yield [row.name, str(count) if count else "", _key(row), row.title]


def _key(row: Provider) -> str:
    if not row.key_variables:
        return "credentials" if "credentials" in row.takes else "none needed"
    is_set = any(os.environ.get(name, "").strip() for name in row.key_variables)
    if is_set:
        return "set"
    return f"set {row.key_variables[0]}" if row.needs_key else "none needed"


def _explain_nothing(rows: list[Provider], wanted: str | None) -> None:
    """A list without lines has a reason."""
    if wanted is None or any(models(row.vendor) for row in rows):
        raise ConfigurationError("no model fits; loosen the filters, or add --all")
    row = rows[0]
    if row.default_model:
        click.echo(f"{row.name} has one model, named {row.name}:")
        return
    click.echo(f"the models of {row.title} are not listed here; name any that it has: {row.name}:{row.model_form}")
