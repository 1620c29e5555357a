"""How llama.cpp's server is started for a file: what stands behind the "?" of a model's name.

llamacpp:models/qwen.gguf?context_tokens=8192&threads=4&gpu_layers=99
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from urllib.parse import parse_qsl

from agentkit.errors import ConfigurationError, nearest

__all__ = ["ServerOptions", "read_name"]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """What llama.cpp's server is told beside the file. None leaves the choice to llama.cpp."""

    context_tokens: int | None = None
    """Size of the context, all slots together; by default what the model was trained for, less if memory is short."""
    threads: int | None = None
    """By default one per core. They wait for each other: on a machine with other work fewer are many times faster."""
    gpu_layers: int | None = None
    """How many layers lie on the GPU; by default as many as fit."""
    slots: int | None = None
    """How many answers are made at once; more requests wait. 4 by default."""
    chat_template_file: Path | None = None
    """A Jinja file in place of the chat template of the model."""

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigurationError(f"{name} is {value}; it has to be {least} or more")


_LEAST = {"context_tokens": 1, "threads": 1, "gpu_layers": 0, "slots": 1}


def read_name(name: str) -> tuple[Path, ServerOptions]:
    """The file and options of a model's name. Raises ConfigurationError for options that are none.

    A "?" that is part of an existing file's name is left alone.
    """
    path, mark, query = name.rpartition("?")
    if not mark or Path(name).expanduser().exists():
        return _absolute(name), ServerOptions()
    options = ServerOptions()
    known = [entry.name for entry in fields(ServerOptions)]
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in known:
            close = nearest(key, known, count=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise ConfigurationError(f"{name!r} has the option {key!r}, which is none; {hint}")
        if key == "chat_template_file":
            options = replace(options, chat_template_file=_absolute(value))
            continue
        if not value.isascii() or not value.isdigit():
            raise ConfigurationError(f"{key} is {value!r} in {name!r}; it has to be a whole number")
        options = replace(options, **{key: int(value)})
    return _absolute(path), options


def _absolute(name: str) -> Path:
    """Where the file is also after the working directory has changed."""
    return Path(name).expanduser().resolve()
