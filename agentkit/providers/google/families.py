"""What generations of Gemini differ in, told by the model's name."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["generation", "is_pro", "is_same_model"]

_GENERATION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_SNAPSHOT = re.compile(r"(?:-(?:preview|exp|latest|\d+))*")
_NEWEST = (99, 0)


@lru_cache(maxsize=256)
def generation(model: str) -> tuple[int, int]:
    """Such as (2, 5). An alias like gemini-flash-latest counts as the newest, what is no Gemini as the oldest."""
    found = _GENERATION.search(model)
    if found is not None:
        return int(found[1]), int(found[2] or 0)
    return _NEWEST if "gemini" in model else (0, 0)


def is_pro(model: str) -> bool:
    """Whether it is one of the large models, which cannot leave thinking out."""
    return "pro" in model.split("/")[-1].split("-")


@lru_cache(maxsize=256)
def is_same_model(made_by: str, model: str) -> bool:
    """Whether what one model signed can go to the other: a reply names the snapshot that an alias stood for."""
    made_by, model = made_by.rpartition("/")[2], model.rpartition("/")[2]
    if not made_by or "gemini-" not in made_by or not _GENERATION.search(model):
        return True
    shorter, longer = sorted((made_by, model), key=len)
    return longer.startswith(shorter) and _SNAPSHOT.fullmatch(longer, len(shorter)) is not None
