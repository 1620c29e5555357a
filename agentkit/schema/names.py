"""Names of tools as each provider accepts them, and back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from agentkit.schema.dialects import Dialect

__all__ = ["map_names"]


@dataclass(frozen=True, slots=True)
class _Rule:
    legal: re.Pattern[str]
    refused: re.Pattern[str]
    """What is replaced by an underscore."""
    longest: int


_PLAIN = _Rule(re.compile(r"[a-zA-Z0-9_-]{1,64}"), re.compile(r"[^a-zA-Z0-9_-]+"), 64)
_RULES: dict[Dialect, _Rule] = {
    "openai": _PLAIN,
    "anthropic": _Rule(re.compile(r"[a-zA-Z0-9_-]{1,128}"), re.compile(r"[^a-zA-Z0-9_-]+"), 128),
    # 128 and colons since 2026; the older 64 without colons holds on every backend.
    "gemini": _Rule(re.compile(r"[a-zA-Z_][a-zA-Z0-9_.-]{0,63}"), re.compile(r"[^a-zA-Z0-9_.-]+"), 64),
    "bedrock": _PLAIN,
}


def map_names(names: Sequence[str], dialect: Dialect) -> dict[str, str]:
    """Each name with the one to send: itself where the provider accepts it, else one that is unique among them.

    The same name among the same others always gives the same result, so that histories stay readable and caches warm.
    """
    rule = _RULES[dialect]
    mapped = {name: name for name in names if rule.legal.fullmatch(name)}
    taken = set(mapped)
    for name in sorted(set(names) - taken):
        sent = _legal(name, rule)
        if sent in taken or len(sent) > rule.longest:
            mark = hashlib.sha256(name.encode()).hexdigest()
            tails = (mark[:length] for length in range(8, 60))
            candidates = (f"{sent[: rule.longest - len(tail) - 1]}_{tail}" for tail in tails)
            sent = next(candidate for candidate in candidates if candidate not in taken)
        taken.add(sent)
        mapped[name] = sent
    return {name: mapped[name] for name in names}


def _legal(name: str, rule: _Rule) -> str:
    text = rule.refused.sub("_", name) or "_"
    return text if rule.legal.match(text) else f"_{text}"
