"""The models that agentkit has heard of: ids, aliases, context sizes, prices and shutdown dates.

The facts lie in data/models.json, which tests/build_prices.py generates, with its date and source; they are read on
first use. A model that is not listed here can be used all the same; its price is then unknown.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

__all__ = [
    "KINDS",
    "ModelRow",
    "Price",
    "editions",
    "find_model",
    "is_pinned",
    "listed_on",
    "model_ids",
    "models",
    "source",
]

KINDS = ("chat", "embedding", "image", "transcription", "speech", "moderation", "other")
"""What models are for; "other" is what is not public."""

_DATA = Path(__file__).parent / "data" / "models.json"
_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|20\d{6})$")
_FIXED = re.compile(r"\d{4}-\d{2}-\d{2}|(?<!\d)20\d{6}(?!\d)|[-@]\d{4}(?!\d)|-00\d$|-v\d+:\d+")
"""What in a name says which edition it is: a date, or a version."""
_MOVING = re.compile(r"latest|preview|-exp(?:-|$)")
_CLAUDE = re.compile(r"claude-[a-z]+-(\d+)(?:-(\d{1,2}))?(?!\d)")
_FIRST_PINNED_CLAUDE = (4, 6)  # a name without a date is an edition of its own from here on
_GEMINI = re.compile(r"gemini-\d")  # a name without "preview" or "latest" does not move
_SHARED_LISTS = {"openai-chat": "openai", "bedrock": "aws"}  # provider -> the provider whose list holds its models
_PROFILES = frozenset({"global", "us", "eu", "apac", "jp", "au", "ca", "sa", "me", "af", "us-gov"})
"""What stands before the id of a model of Bedrock that several regions serve."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's tokens cost, in US dollars per million. None: not known; an unknown cache price is the input's."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    over_input_tokens: int = 0
    """These prices hold for exchanges with more prompt tokens than this, all of their tokens included."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model that agentkit has heard of."""

    provider: str
    id: str
    kind: str = "chat"
    """One of KINDS."""
    aliases: tuple[str, ...] = ()
    """Other names of the same model."""
    dated: tuple[str, ...] = ()
    """Ids that pin one edition of it."""
    context: int | None = None
    """How many tokens prompt and answer may have together."""
    prices: tuple[Price, ...] = ()
    """The base price, then those of larger prompts; empty when unknown."""
    has_fees: bool = False
    """Whether it charges something that token counts do not show: requests, minutes, tokens of sound."""
    retires: datetime.date | None = None
    """When the provider shuts it down, where that is announced."""

    @property
    def largest_prompt(self) -> int | None:
        """No prompt of more tokens is taken; None where that is not known, or longer ones have a price."""
        if self.context is None or any(price.over_input_tokens >= self.context for price in self.prices):
            return None
        return self.context


def models(provider: str) -> list[ModelRow]:
    """The models of a provider that agentkit has heard of, by id; empty for one whose models are its user's affair."""
    rows = _listed(_SHARED_LISTS.get(provider, provider))
    editions = {id for row in rows.values() for id in row.dated}
    return sorted({row.id: row for row in rows.values() if row.id not in editions}.values(), key=lambda row: row.id)


def model_ids(provider: str) -> list[str]:
    """Every id, alias and dated id of a provider that agentkit has heard of."""
    return list(_listed(_SHARED_LISTS.get(provider, provider)))


@lru_cache(maxsize=1_024)  # asked for every answer, and dates are searched for in ids that are not listed
def find_model(provider: str, id: str) -> ModelRow | None:
    """The row of a model, by its id, an alias, or the id of a dated edition, listed or not; None when unheard of.

    An edition has its own facts where they are known, and those of the undated id otherwise. A fine-tuned model of
    OpenAI ("ft:gpt-4o-mini-2024-07-18:...") has the row that its base has among the fine-tuned ones.
    """
    rows = _listed(_SHARED_LISTS.get(provider, provider))
    if id in rows:
        return rows[id]
    if provider == "bedrock":
        return next((rows[name] for name in _names_at_aws(id) if name in rows), None)
    if id.startswith("ft:"):
        base = "ft:" + _DATE.sub("", id.split(":")[1])
        return rows.get(base) or rows.get(base + "-")
    undated = _DATE.sub("", id).removesuffix("-latest")
    return rows.get(undated) or rows.get(undated + "-latest") or rows.get(id.rpartition("/")[2])


def is_pinned(provider: str, id: str) -> bool:
    """Whether the id names one edition of a model that stays what it is: by a date, by a version, or as its provider
    says that ids without one are fixed."""
    if _FIXED.search(id):
        return True
    if _MOVING.search(id):
        return False
    if claude := _CLAUDE.search(id):
        return (int(claude[1]), int(claude[2] or 0)) >= _FIRST_PINNED_CLAUDE
    if _GEMINI.search(id):
        return True
    row = find_model(provider, id)
    return provider == "openai" and row is not None and row.id == id and not row.dated


def editions(provider: str, id: str) -> list[str]:
    """The ids that pin an edition of this model, newest last; empty where none is known.

    Where the provider's list has none, the lists of others are looked through, which serve the same model by a longer
    name that holds it.
    """
    row = find_model(provider, id)
    if row is not None and row.dated:
        return sorted(row.dated, key=_edition_date)
    stem = re.escape(re.sub(r"-(?:latest|0)$", "", id))
    pattern = re.compile(rf"(?<![\w-]){stem}-(?:20\d{{6}}|\d{{4}}-\d{{2}}-\d{{2}}|\d{{4}})(?!\d)")
    own = {found[0] for other in model_ids(provider) if (found := pattern.search(other))}
    if not own and "claude" in id:
        own = {found[0] for vendor in _document()["providers"] for other in model_ids(vendor)
               if (found := pattern.search(other))}  # fmt: skip
    return sorted(own, key=_edition_date)


def _edition_date(id: str) -> str:
    return re.sub(r"\D", "", id[-10:])


def listed_on() -> datetime.date:
    """The date of these facts."""
    return datetime.date.fromisoformat(_document()["date"])


def source() -> str:
    """Where these facts are from."""
    return _document()["source"]


def _names_at_aws(id: str) -> list[str]:
    """How the list may name a model of Bedrock: profiles of one continent stand there as "regional."."""
    id = id.rpartition("/")[2] if id.startswith("arn:") else id
    prefix, dot, rest = id.partition(".")
    is_profile = bool(dot) and prefix in _PROFILES
    native = rest if is_profile else id
    names = [id, f"regional.{native}", f"global.{native}", native] if prefix != "global" else [id, native]
    return [spelled for name in names for spelled in (name, f"{name}-v1:0", name.removesuffix("-v1:0"))]


@cache
def _document() -> dict[str, Any]:
    return json.loads(_DATA.read_bytes())


@cache
def _listed(provider: str) -> dict[str, ModelRow]:
    """Id, alias or dated id -> row; the rows of one provider are made when it is first asked for."""
    entries: Mapping[str, Mapping[str, Any]] = _document()["providers"].get(provider, {})
    rows = {id: _row(provider, id, entry) for id, entry in entries.items()}
    for row in list(rows.values()):
        for name in (*row.aliases, *row.dated):
            rows[name] = _edition(rows[name], row) if name in rows else row
    return rows


def _row(provider: str, id: str, entry: Mapping[str, Any]) -> ModelRow:
    retires = entry.get("retires")
    return ModelRow(
        provider,
        id,
        kind=entry.get("kind", "chat"),
        aliases=tuple(entry.get("aliases", ())),
        dated=tuple(entry.get("dated", ())),
        context=entry.get("context"),
        prices=tuple(Price(*price, over_input_tokens=over) for over, *price in entry.get("prices", ())),
        has_fees=entry.get("fees", False),
        retires=datetime.date.fromisoformat(retires) if retires else None,
    )


def _edition(own: ModelRow, base: ModelRow) -> ModelRow:
    """The row of a dated edition that has facts of its own."""
    return ModelRow(
        own.provider,
        own.id,
        kind=base.kind,
        context=own.context or base.context,
        prices=own.prices or base.prices,
        has_fees=base.has_fees,
        retires=own.retires,
    )
