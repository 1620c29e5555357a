"""Build agentkit/data/models.json from public facts: prices by genai-prices, OpenAI's ids by its official client.

    python tests/build_prices.py 2026-11-22         (the date on which the facts were read)

Needs the shared test material (tests/shared.py) and the package `openai`; the output is committed, so nobody needs to
run this to use agentkit.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import re
import sys
import typing
from pathlib import Path
from typing import Any

import openai.types.audio_model
import openai.types.embedding_model
import openai.types.image_model
import openai.types.moderation_model
import openai.types.shared.chat_model
import openai.types.shared.responses_model

sys.path.insert(0, str(Path(__file__).parent))
from shared import SHARED

OUTPUT = Path(__file__).parents[1] / "agentkit" / "data" / "models.json"

RENAMED = {"x-ai": "xai", "moonshotai": "moonshot"}  # name in genai-prices -> our name of the provider
LEFT_OUT = {"openai-decisions"}
ELSEWHERE = {"google": re.compile(r"claude-|.*-maas$")}  # sold by Vertex AI; the Gemini API does not serve them

OPENAI_ALIASES = {"gpt-5.6": "gpt-5.6-sol"}  # as recorded replies show; no package lists them

NO_MODELS = {"gpt-5.1-mini"}  # "Not a supported model ID", says the client that lists it

OPENAI_KINDS = {
    openai.types.shared.chat_model: "chat",
    openai.types.shared.responses_model: "chat",
    openai.types.embedding_model: "embedding",
    openai.types.image_model: "image",
    openai.types.audio_model: "transcription",
    openai.types.moderation_model: "moderation",
}
"""Module that lists ids of the official client -> what those models do."""

_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4})$")
_BUCKETS = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
_KIND_BY_NAME = (
    ("embed", "embedding"),
    ("voyage", "embedding"),
    ("rerank", "other"),
    ("whisper", "transcription"),
    ("transcri", "transcription"),
    ("tts", "speech"),
    ("image", "image"),
    ("realtime", "speech"),
    ("-live", "speech"),
    ("moderation", "moderation"),
    ("-ocr", "other"),
)


def build(date: str) -> str:
    """The text of the file."""
    source = json.loads((SHARED / "wire" / "oracles" / "data" / "models_prices.json").read_text())
    providers: dict[str, dict[str, Any]] = {}
    for name, models in source["providers"].items():
        if name not in LEFT_OUT:
            elsewhere = ELSEWHERE.get(name)
            providers[RENAMED.get(name, name)] = {
                id: priced(id, row) for id, row in models.items() if not (elsewhere and elsewhere.match(id))
            }
    add_openai(providers["openai"])
    head = {
        "date": datetime.date.fromisoformat(date).isoformat(),
        "source": f"{source['source']['package']} {source['source']['version']} (prices, context sizes); "
        f"openai {importlib.metadata.version('openai')} (ids, shutdown dates)",
        "units": "prices: [over this many input tokens, input, output, cache read, cache write], "
        "US dollars per million tokens",
    }
    return written(head, providers)


def priced(id: str, row: dict[str, Any]) -> dict[str, Any]:
    kind = next((kind for part, kind in _KIND_BY_NAME if part in id), "chat")
    made: dict[str, Any] = {} if kind == "chat" else {"kind": kind}
    if "context_window" in row:
        made["context"] = row["context_window"]
    if row.get("deprecated"):
        made["deprecated"] = True
    prices = tiers(row)
    if prices:
        made["prices"] = prices
    if kind == "transcription" or "requests_kcount" in row or "output_audio_mtok" in row:
        made["fees"] = True  # charges that token counts do not show: per request, per minute, per audio token
    return made


def tiers(row: dict[str, Any]) -> list[list[float | None]]:
    values = {bucket: row.get(bucket) for bucket in _BUCKETS}
    if all(value is None for value in values.values()):
        return []
    bounds = {0}
    for value in values.values():
        if isinstance(value, dict):
            bounds.update(tier["over_input_tokens"] for tier in value["tiers"])
    return [[bound, *(price_at(value, bound) for value in values.values())] for bound in sorted(bounds)]


def price_at(value: Any, bound: int) -> float | None:
    if not isinstance(value, dict):
        return value
    price = value["base"]
    for tier in sorted(value["tiers"], key=lambda tier: tier["over_input_tokens"]):
        if tier["over_input_tokens"] <= bound:
            price = tier["price"]
    return price


def add_openai(models: dict[str, Any]) -> None:
    kinds: dict[str, str] = {}
    ends: dict[str, str] = {}
    for module, kind in OPENAI_KINDS.items():
        found = ids_of(module)
        kinds.update({id: kinds.get(id, kind) for id in found})
        ends.update(shutdown_dates(Path(module.__file__).read_text()))
    for id in NO_MODELS:
        kinds.pop(id)
    for id, kind in kinds.items():
        base = _DATED.sub("", id)
        if base != id and base in kinds:
            row = models.setdefault(base, {})
            row["dated"] = sorted({*row.get("dated", ()), id})
            if id in models or ends.get(id) != ends.get(base):
                models.setdefault(id, {}).update({"retires": ends[id]} if id in ends else {})
        else:
            row = models.setdefault(id, {})
            row.pop("kind", None)
            if kind != "chat":
                row["kind"] = kind
            if id in ends:
                row["retires"] = ends[id]
    for alias, id in OPENAI_ALIASES.items():
        models[id]["aliases"] = sorted({*models[id].get("aliases", ()), alias})
    for id, row in models.items():
        if id not in kinds and not any(part in id for part, _ in _KIND_BY_NAME):
            row["kind"] = "other"  # priced, but the official client does not list it: old, fine-tuned, or not public


def ids_of(module: Any) -> list[str]:
    alias = getattr(module, module.__all__[0])
    found: list[str] = []
    for part in [alias, *typing.get_args(alias)]:
        found.extend(value for value in typing.get_args(part) if isinstance(value, str))
    return list(dict.fromkeys(found))


def shutdown_dates(text: str) -> dict[str, str]:
    """Id -> date, from the client's lists of deprecated values."""
    ends: dict[str, str] = {}
    for notes in re.findall(r'"""Deprecated values:\n(.*?)"""', text, re.DOTALL):
        for note in re.split(r"^- ", notes, flags=re.MULTILINE)[1:]:
            flat = " ".join(note.split())
            date = re.search(r"(\d{4}-\d{2}-\d{2})\.? (?:See|Use)|on (\w+ \d{1,2}, \d{4})", flat)
            date = date or re.search(r"date: (\d{4}-\d{2}-\d{2})", flat)
            if date is None:
                continue
            day = date[1] or datetime.datetime.strptime(date[2], "%B %d, %Y").date().isoformat()
            names = flat.split('": ')[0] + '"'
            ends.update(dict.fromkeys(re.findall(r'"([^"]+)"', names), day))
    return ends


def written(head: dict[str, Any], providers: dict[str, dict[str, Any]]) -> str:
    """One line for each model, so that a new edition shows what changed."""
    lines = ["{"]
    lines.extend(f"{json.dumps(key)}:{json.dumps(value)}," for key, value in head.items())
    lines.append('"providers":{')
    for last_provider, (provider, models) in enumerate(sorted(providers.items()), 1 - len(providers)):
        lines.append(f"{json.dumps(provider)}:{{")
        for last_model, (id, row) in enumerate(sorted(models.items()), 1 - len(models)):
            shown = json.dumps(row, separators=(",", ":"), sort_keys=True)
            lines.append(f"{json.dumps(id)}:{shown}" + ("," if last_model else ""))
        lines.append("}" + ("," if last_provider else ""))
    return "\n".join([*lines, "}}", ""])


if __name__ == "__main__":
    OUTPUT.write_text(build(sys.argv[1]))
