"""Local names around a definition, for references in annotations to classes of an enclosing function or class."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

__all__ = ["names_around", "names_of_caller"]


def names_around(function: Any) -> dict[str, Any]:
    """The locals of the frames that are executing in the function's module, innermost last, and what it closes over."""
    function = inspect.unwrap(function)
    names = _locals_of_frames(getattr(function, "__globals__", None))
    code = getattr(function, "__code__", None)
    for name, cell in zip(code.co_freevars if code else (), getattr(function, "__closure__", None) or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:
            continue  # not assigned yet
    return names


def names_of_caller() -> dict[str, Any]:
    """The globals and locals of whoever called into agentkit."""
    frame = inspect.currentframe()
    while frame and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "agentkit":
        frame = frame.f_back
    return {**frame.f_globals, **_locals_of_frames(frame.f_globals)} if frame else {}


def _locals_of_frames(module: Mapping[str, Any] | None) -> dict[str, Any]:
    layers: list[Mapping[str, Any]] = []
    frame = inspect.currentframe()
    while frame := frame and frame.f_back:
        if frame.f_globals is module and frame.f_locals is not module:
            layers.append(frame.f_locals)
    names: dict[str, Any] = {}
    for layer in reversed(layers):
        names.update(layer)
    return names
