"""Runs in the child process: llama.cpp's server, until the parent is gone. Imports nothing of agentkit.

The first line of standard input is a JSON object with what to do. The pipe stays open after it: its end means that
the parent is gone, however it went.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import time
from typing import Any

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
_DEFAULT_SLOTS = 4
_FAILED = 3
_LOG_SECONDS = 0.5
"""llama.cpp writes its log from a thread of its own, which is given so long to end before the process does."""
_WARNINGS_AND_ERRORS = 2


def main() -> None:
    """Serve, and say on standard output where: the word of the parent and the address."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is meant for the parent
    order: dict[str, Any] = json.loads(sys.stdin.buffer.readline())
    _die_with_parent(order["parent"])
    xllamacpp: Any = importlib.import_module("xllamacpp")  # after the above: it takes a moment
    try:
        server = xllamacpp.Server(_parameters(xllamacpp, order))
    except RuntimeError as error:  # it has said more on standard error
        time.sleep(_LOG_SECONDS)
        print(error, file=sys.stderr, flush=True)  # noqa: T201 - this is how a child tells
        os._exit(_FAILED)
    print(order["word"], server.listening_address, flush=True)  # noqa: T201 - this is how a child tells
    threading.Event().wait()


def _die_with_parent(parent: int) -> None:
    """Linux kills us when the parent's thread ends; elsewhere, and besides, the pipe's end tells."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a libc without it: the pipe is left
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it was gone before the line above
            os._exit(0)
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while os.read(0, 4096):
        continue
    os._exit(0)


def _parameters(xllamacpp: Any, order: dict[str, Any]) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = order["path"]
    parameters.model_alias = {order["alias"]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0  # a free one
    parameters.api_keys = [order["key"]]
    parameters.use_jinja = True
    parameters.offline = True
    parameters.ui = False
    parameters.endpoint_slots = False  # it would show prompts
    parameters.verbosity = _WARNINGS_AND_ERRORS
    parameters.n_parallel = order["slots"] or _DEFAULT_SLOTS
    parameters.kv_unified = True  # one answer may use the context that others leave
    if order["context_tokens"]:
        parameters.n_ctx = order["context_tokens"]
    if order["threads"]:
        parameters.cpuparams.n_threads = order["threads"]
        parameters.cpuparams_batch.n_threads = order["threads"]
    if order["gpu_layers"] is not None:
        parameters.n_gpu_layers = order["gpu_layers"]
    if order["chat_template"]:
        parameters.chat_template = order["chat_template"]
    return parameters


if __name__ == "__main__":
    main()
