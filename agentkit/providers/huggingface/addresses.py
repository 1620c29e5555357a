"""Where behind Hugging Face's router a model is asked."""

from __future__ import annotations

from urllib.parse import quote

__all__ = ["own_path", "quoted"]


def own_path(model: str) -> str:
    """The path of a model that Hugging Face itself serves, with or without its name as a partner."""
    return f"/hf-inference/models/{quoted(model.removesuffix(':hf-inference'))}"


def quoted(model: str) -> str:
    """A model's name as a part of a path: whatever stands in it, it stays one."""
    return quote(model, safe="/:@")
