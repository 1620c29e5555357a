"""`agentkit models`: the models that agentkit has heard of, and the providers it can reach."""

from __future__ import annotations

import datetime
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from agentkit.catalog import KINDS, ModelRow, Price, editions, is_pinned, listed_on, models
from agentkit.cli.options import debug_option, json_option
from agentkit.cli.terminal import Column, notice, print_json, table, width_of
from agentkit.errors import ConfigurationError
from agentkit.identity import Capabilities
from agentkit.providers import TASK_WORDS, Provider, abilities, all_providers, find_provider

__all__ = ["command"]

_COLUMNS = (
    Column("model"),
    Column("tokens", "right"),
    Column("$ in", "right"),
    Column("$ out", "right"),
    Column("can"),
    Column("dated"),
    Column("retires"),
)
_KIND = Column("kind")

_ABILITIES: Mapping[str, str] = {  # ability -> its letter
    "tools": "t",
    "vision": "v",
    "audio": "a",
    "structured-output": "s",
    "reasoning": "r",
}
_LEGEND = (
    "can: tools, vision, audio, structured output, reasoning; dated: how its newest edition ends;\n"
    "+: long prompts, or something beside tokens, cost more"
)
_ALL_MEDIA = Capabilities().media
_TOKENS = re.compile(r"(\d+(?:\.\d+)?)([kKmM]?)")
_DATE = re.compile(r"-(?:20\d{6}|\d{4}-\d{2}-\d{2}|\d{4})$")
_TIMES = {"": 1, "k": 1_000, "m": 1_000_000}


class _TokenCount(click.ParamType[int]):
    """Such as 200000, 200k or 1M."""

    name = "tokens"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = _TOKENS.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is no number of tokens; write it as 200000, 200k or 1M", param, ctx)
        return int(float(found[1]) * _TIMES[found[2].lower()])


@dataclass(frozen=True, slots=True)
class _Filters:
    """Which models are wanted."""

    search: str | None
    kind: str | None
    needs: tuple[str, ...]
    max_price: float | None
    min_context: int | None
    retiring_before: datetime.date | None
    shows_all: bool

    @property
    def is_empty(self) -> bool:
        return self == _NO_FILTERS

    def take(self, row: Provider, model: ModelRow) -> bool:
        """Whether the model is one of those wanted."""
        if not self.shows_all and _is_gone(model):
            return False
        if model.kind != (self.kind or "chat") and not (self.shows_all and self.kind is None):
            return False
        names = (model.id, *model.aliases, *model.dated)
        if self.search is not None and not any(self.search.lower() in name.lower() for name in names):
            return False
        if self.max_price is not None and not _is_at_most(_base_price(model).output, self.max_price):
            return False
        if self.min_context is not None and (model.context or 0) < self.min_context:
            return False
        if self.retiring_before is not None and (model.retires is None or model.retires >= self.retiring_before):
            return False
        return not self.needs or _can_all(row, model, self.needs)


_NO_FILTERS = _Filters(None, None, (), None, None, None, shows_all=False)


@click.command("models")
@click.argument("provider", required=False, metavar="[PROVIDER]")
@click.option("--provider", "named", metavar="PROVIDER", help="The same as the argument.")
@click.option("--search", metavar="TEXT", help="Only ids that contain this.")
@click.option("--kind", type=click.Choice(KINDS), help="What they are for; chat where nothing is said.")
@click.option("--can", "needs", type=click.Choice(tuple(_ABILITIES)), multiple=True,
              help="Only models that can do this; may be said several times.")  # fmt: skip
@click.option("--max-price", type=click.FloatRange(min=0), metavar="USD",
              help="Only models whose million output tokens cost at most this.")  # fmt: skip
@click.option("--min-context", type=_TokenCount(), metavar="TOKENS",
              help="Only models that take at least this many tokens, such as 200k.")  # fmt: skip
@click.option("--retiring-before", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="Only models that are shut down before this day.")  # fmt: skip
@click.option("--all", "shows_all", is_flag=True, help="Models that do not chat and those shut down, too.")
@json_option("Print one JSON document.")
@debug_option
def command(
    provider: str | None,
    named: str | None,
    search: str | None,
    kind: str | None,
    needs: tuple[str, ...],
    max_price: float | None,
    min_context: int | None,
    retiring_before: datetime.datetime | None,
    shows_all: bool,
    json: bool,
) -> None:
    """List models with context, prices (US dollars a million tokens), abilities, dated ids and shutdown dates.

    Without a provider or a filter: the providers.
    """
    if provider and named and provider != named:
        raise click.UsageError(f"--provider is the same as the argument, and {provider!r} is not {named!r}; give one")
    wanted = provider or named
    before = retiring_before.date() if retiring_before is not None else None
    filters = _Filters(search, kind, needs, max_price, min_context, before, shows_all)
    if wanted is None and filters.is_empty and not json:
        _show_providers()
        return
    rows = _providers(wanted)
    found = [(row, model) for row in rows for model in models(row.vendor) if filters.take(row, model)]
    if json:
        print_json([_as_json(row, model) for row, model in found])
        return
    if not found:
        _explain_nothing(rows, wanted)
        return
    has_kinds = any(model.kind != "chat" for _, model in found)
    lines = [_line(row, model, has_kinds=has_kinds) for row, model in found]
    columns = (*_COLUMNS, _KIND) if has_kinds else _COLUMNS
    shown, width = table(columns, lines), width_of(sys.stdout)
    if width is not None and max(map(len, shown.splitlines())) > width:
        shown = table(*_without_dated(columns, lines))
    click.echo(shown)
    count = f"{len(found)} models" if len(found) > 1 else "1 model"
    notice(f"\n{count}; prices as of {listed_on()}; they may have changed since\n{_LEGEND}")


def _without_dated(columns: Sequence[Column], lines: Sequence[Sequence[str]]) -> tuple[list[Column], list[list[str]]]:
    """What is missed least on a narrow terminal: --json has the dated ids, and so does the error of pin=True."""
    kept = [place for place, column in enumerate(columns) if column.title != "dated"]
    return [columns[place] for place in kept], [[line[place] for place in kept] for line in lines]


def _providers(name: str | None) -> list[Provider]:
    """The rows asked for; those that share a list of models once."""
    if name is not None:
        return [find_provider(name)]
    first: dict[str, Provider] = {}
    for row in all_providers():
        first.setdefault(row.vendor, row)
    return list(first.values())


def _is_at_most(price: float | None, most: float) -> bool:
    return price is not None and price <= most


def _is_gone(model: ModelRow) -> bool:
    return model.retires is not None and model.retires <= datetime.date.today()


def _can_all(row: Provider, model: ModelRow, needs: tuple[str, ...]) -> bool:
    known = _abilities(row, model)
    return known is not None and all(known[need] for need in needs)


def _abilities(row: Provider, model: ModelRow) -> dict[str, bool] | None:
    """Ability -> whether the model has it; None where that is not known."""
    if model.kind != "chat":
        return None
    able = abilities(row, model.id)
    if able is None or (not row.is_listed and able.media == _ALL_MEDIA):
        return None  # what is not known of a model is assumed to work: no reason to say so
    return {
        "tools": able.tools,
        "vision": "image" in able.media,
        "audio": "audio" in able.media,
        "structured-output": able.structured_output,
        "reasoning": able.reasoning,
    }


def _line(row: Provider, model: ModelRow, *, has_kinds: bool) -> list[str]:
    price = _base_price(model)
    known = _abilities(row, model)
    more = "+" if len(model.prices) > 1 or model.has_fees else ""
    can = "".join(letter if known[ability] else "-" for ability, letter in _ABILITIES.items()) if known else "?"
    cells = [
        f"{row.name}:{model.id}",
        _tokens(model.context),
        _usd(price.input, more),
        _usd(price.output, more),
        can if model.kind == "chat" else "",
        _dated(row, model),
        str(model.retires or "") if not _is_gone(model) else "shut down",
    ]
    return [*cells, model.kind] if has_kinds else cells


def _dated(row: Provider, model: ModelRow) -> str:
    """What its name ends with to mean the newest edition only; "as is" where it means one already."""
    if is_pinned(row.vendor, model.id):
        return "as is"
    newest = next(reversed(editions(row.vendor, model.id)), "")
    date = _DATE.search(newest)
    return date[0] if date is not None else ""


def _base_price(model: ModelRow) -> Price:
    return model.prices[0] if model.prices else Price()


def _tokens(count: int | None) -> str:
    if count is None:
        return "?"
    if count >= 1_000_000:
        return f"{count / 1_000_000:.3g}M"
    return f"{count / 1000:.3g}k" if count >= 1000 else str(count)


def _usd(price: float | None, more: str = "") -> str:
    if price is None:
        return "?"
    return (f"{price:g}" if price < 0.01 or price >= 100 else f"{price:.2f}") + more


def _as_json(row: Provider, model: ModelRow) -> dict[str, Any]:
    known = _abilities(row, model)
    return {
        "name": f"{row.name}:{model.id}",
        "provider": row.name,
        "id": model.id,
        "kind": model.kind,
        "context": model.context,
        "abilities": {name.replace("-", "_"): can for name, can in known.items()} if known is not None else None,
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
        "dated": editions(row.vendor, model.id),
        "is_pinned": is_pinned(row.vendor, model.id),
    }


def _show_providers() -> None:
    columns = (Column("provider"), Column("models", "right"), Column("key"), Column("what it is"))
    click.echo(table(columns, list(_provider_lines())))
    click.echo(
        "\n`agentkit models openai` lists its models; --search, --can, --max-price and other filters look through all."
    )


def _provider_lines() -> Iterator[list[str]]:
    for row in all_providers():
        count = sum(_NO_FILTERS.take(row, model) for model in models(row.vendor))
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
    if row.name == "offline":
        click.echo(f"{row.name} has one model, named {row.name}:")
        return
    if row.default_model:
        tasks = " and ".join(TASK_WORDS[kind] for kind in sorted(row.tasks))
        click.echo(f"{row.name}: is {row.name}:{row.default_model}, for {tasks}; the docs tell what else it has")
        return
    click.echo(f"the models of {row.title} are not listed here; name any that it has: {row.name}:{row.model_form}")
