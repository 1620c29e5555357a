"""llama.cpp's server as a child process.

It has one thread, which starts it, keeps the last of what it prints, and reaps it. The thread lives exactly as long
as the child: Linux can kill a child when the thread that started it ends, and an event loop's own would end too soon.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from agentkit.errors import ConfigurationError
from agentkit.providers.llamacpp.memory import check_memory
from agentkit.providers.llamacpp.model_file import ModelFileError, check_file, read_head
from agentkit.providers.llamacpp.options import ServerOptions

__all__ = ["Server", "ServerStartError"]

_CHILD = Path(__file__).with_name("child.py")
_KEPT_LINES = 200
_LONGEST_LINE = 2_000
_SHOWN_LINES = 6
_SHOWN_ERRORS = 3
_HEALTH_SECONDS = 5.0
_REAP_SECONDS = 5.0
_LEVEL = re.compile(r"\d+\.\d+\.\d+\.\d+ (?P<level>[A-Z]) (?P<text>.*)")
_SIGKILL = 9


class ServerStartError(ConfigurationError):
    """llama.cpp's server could not be started for a file."""

    def __init__(self, problem: str, *, path: Path, output: Sequence[str] = ()) -> None:
        super().__init__(problem)
        self.path = path
        self.output = list(output)
        """The last lines that the server printed."""


class Server:
    """One server process, from its start to its end."""

    def __init__(self, path: Path, options: ServerOptions) -> None:
        self.path = path
        self.options = options
        self.base_url = ""
        """Where it listens; empty until it is healthy."""
        self.key = secrets.token_urlsafe(24)
        """What requests have to show: other users and web pages reach the loopback address too."""
        self.waiters = 0
        """How many requests wait for the start; kept by the table of servers."""
        self._lock = threading.Lock()
        self._word = b""  # only our child knows it, so that no other line can be taken for its address
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._process: subprocess.Popen[bytes] | None = None
        self._problem: ConfigurationError | OSError | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name=f"agentkit-llamacpp-{path.name}", daemon=True)

    def __repr__(self) -> str:
        return f"Server({self.path.name}, {self.base_url or 'not ready'})"

    @property
    def is_ready(self) -> bool:
        """Whether it was healthy and is still there."""
        return bool(self.base_url) and not self.has_ended

    @property
    def has_ended(self) -> bool:
        """Whether its process is gone, or never was."""
        process = self._process
        if process is not None and process.poll() is not None:
            return True
        return self.is_over

    @property
    def is_over(self) -> bool:
        """Whether it has ended and everything it printed is read."""
        return not self._thread.is_alive()

    @property
    def process_id(self) -> int | None:
        """Of the server's process, while there is one."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Begin to start; it is not ready yet afterwards."""
        self._thread.start()

    def stop(self) -> None:
        """Kill it; it has nothing to save."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    def join(self) -> None:
        """Wait until it is gone."""
        self._thread.join(_REAP_SECONDS)

    def let_go(self) -> None:
        """In a forked child: the server belongs to the parent, whose end it has to notice."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def problem(self) -> Exception:
        """Why it did not start. A new error each time: each is raised in a run of its own."""
        problem = self._problem
        if isinstance(problem, ModelFileError):
            return ModelFileError(str(problem), path=problem.path)
        if problem is not None:
            return ServerStartError(f"llama.cpp's server did not start for {self.path}: {problem}", path=self.path)
        lines = list(self._lines)
        errors = _errors(lines)
        reason = f"; it said: {' | '.join(errors)}" if errors else f" ({self.ending()}){self.last_words()}"
        return ServerStartError(
            f"llama.cpp could not load {self.path}{reason}; if the file is damaged fetch it again, if memory is short "
            "take a smaller model or fewer context_tokens",
            path=self.path,
            output=lines,
        )

    def ending(self) -> str:
        """How its process ended, in words."""
        code = self._process.returncode if self._process is not None else None
        if code is None or self._is_stopped:
            return "it was stopped"
        if code == -_SIGKILL:
            return "it was killed, as the system does when memory runs out"
        return f"it was ended by signal {-code}" if code < 0 else f"it ended with code {code}"

    def last_words(self) -> str:
        """What it printed last, for an error's message; empty when it printed nothing, or was killed unawares."""
        if self._process is not None and self._process.returncode == -_SIGKILL and not self._is_stopped:
            return ""
        lines = list(self._lines)[-_SHOWN_LINES:]
        return f"; it said: {' | '.join(lines)}" if lines else ""

    def _run(self) -> None:
        try:
            template = self._check()
            process = self._spawn(template)
        except (ConfigurationError, OSError) as error:
            self._problem = error
            return
        if process is None:
            return
        assert process.stdout is not None
        assert process.stdin is not None
        with process.stdin, process.stdout as output:
            self._listen(output)
            process.wait()

    def _check(self) -> str:
        """The chat template to use instead of the model's, if there is one. Raises ModelFileError."""
        check_file(self.path)
        head = read_head(self.path)
        template = self.options.chat_template_file
        if head is not None and not head.has_chat_template and template is None:
            raise ModelFileError(
                f"{self.path} has no chat template, so nobody knows how this model is to be talked to; take the "
                "variant made for chats (often named instruct or it), or give a Jinja file: "
                f"'llamacpp:{self.path}?chat_template_file=FILE'",
                path=self.path,
            )
        check_memory(self.path, head, self.options)
        return template.read_text(encoding="utf-8") if template is not None else ""

    def _spawn(self, template: str) -> subprocess.Popen[bytes] | None:
        """The process with its order; None when it was stopped before."""
        self._word = secrets.token_hex(16).encode()
        with self._lock:
            if self._is_stopped:
                return None
            process = self._process = subprocess.Popen(  # noqa: S603 - our own file with our own interpreter
                [sys.executable, "-P", "-W", "ignore", str(_CHILD)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,  # Ctrl-C in the terminal is meant for us alone
            )
        order = {
            "parent": os.getpid(),
            "word": self._word.decode(),
            "key": self.key,
            "path": str(self.path),
            "alias": self.path.name,
            "context_tokens": self.options.context_tokens,
            "threads": self.options.threads,
            "gpu_layers": self.options.gpu_layers,
            "slots": self.options.slots,
            "chat_template": template,
        }
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it is gone already; what it printed says why
            process.stdin.write(json.dumps(order).encode() + b"\n")
        return process

    def _listen(self, output: IO[bytes]) -> None:
        """Keep the last of what it prints, and find the line that tells its address."""
        rest = b""
        while chunk := os.read(output.fileno(), 65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.startswith(self._word):
                    self._be_ready(line.removeprefix(self._word).decode().strip())
                elif text := line.decode(errors="replace").strip():
                    self._lines.append(text[:_LONGEST_LINE])
            if len(rest) > _LONGEST_LINE:
                rest = rest[:_LONGEST_LINE]
        if text := rest.decode(errors="replace").strip():
            self._lines.append(text)

    def _be_ready(self, address: str) -> None:
        """Ask for its health, as its users will reach it, and open it to them."""
        import http.client  # only where a server is started

        host = address.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=_HEALTH_SECONDS)
        try:
            connection.request("GET", "/health")
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            self._lines.append(f"asked for its health at {address}: {error}")
        else:
            if status == http.client.OK:
                self.base_url = f"{address}/v1"
                return
            self._lines.append(f"asked for its health at {address}: status {status}")
        finally:
            connection.close()
        self.stop()


def _errors(lines: list[str]) -> list[str]:
    """The errors among the lines, each once; the first ones are the causes of the others."""
    errors: dict[str, None] = {}
    for line in lines:
        match = _LEVEL.fullmatch(line)
        if match is not None and match["level"] == "E":
            errors[match["text"].strip()] = None
    return list(errors)[:_SHOWN_ERRORS]
