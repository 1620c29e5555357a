"""Whether a model fits into the memory that is free, as far as the system tells."""

from __future__ import annotations

import os
from pathlib import Path

from agentkit.providers.llamacpp.model_file import ModelFileError, ModelHead, size_of
from agentkit.providers.llamacpp.options import ServerOptions

__all__ = ["available_bytes", "check_memory"]

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def check_memory(path: Path, head: ModelHead | None, options: ServerOptions) -> None:
    """See that the weights, and the context if its size was said, fit into free memory. Raises ModelFileError.

    Nothing is said where layers are asked to lie on a GPU: how much memory that has is llama.cpp's to know.
    """
    available = available_bytes()
    if available is None or options.gpu_layers:
        return
    weights = size_of(path)
    per_token = head.cache_bytes_per_token if head is not None else None
    context = (options.context_tokens or 0) * (per_token or 0)
    if weights + context <= available:
        return
    parts = f"{_size(weights)} for the model" + (f" and {_size(context)} for the context" if context else "")
    advice = "a smaller context_tokens, " if context else ""
    raise ModelFileError(
        f"{path} needs {parts}, and {_size(available)} of memory are available; take {advice}a smaller model or a "
        "stronger quantisation, end other programs, or put layers on a GPU (?gpu_layers=N)",
        path=path,
    )


def available_bytes() -> int | None:
    """What a new process may take before the system runs short; None where that is not known.

    Where only the size of all memory is known (macOS), that is the answer: what exceeds it never fits.
    """
    found = [size for size in (_of_system(), _of_container()) if size is not None]
    return min(found, default=None)


def _of_system() -> int | None:
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # no Linux
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def _of_container() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((_CGROUP / "memory.current").read_text())
        cached = sum(
            int(line.split()[1])
            for line in (_CGROUP / "memory.stat").read_text().splitlines()
            if line.startswith("inactive_file ")
        )
        return max(0, int(limit) - used + cached)
    except (OSError, ValueError):
        return None


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
