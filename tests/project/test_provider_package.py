"""A package of somebody else adds providers by its entry points: the example of one is installed and asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from project.documents import ROOT
from project.environment import clean_environment

PACKAGE = ROOT / "examples" / "provider_package"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PROGRAM = """
import json
import anyio
from agentkit import Agent, Settings, tool
from agentkit.exchange import TextDelta

@tool
def add(a: int, b: int) -> int:
    '''Add two numbers.'''
    return a + b

async def main():
    agent = Agent("acme:small", tools=[add], instructions="Be brief.", settings=Settings(retain=False))
    result = await agent.run("What is 2 + 3?")
    async with agent.stream("And 2 + 3?", messages=result.messages) as run:
        pieces = [event.text async for event in run if isinstance(event, TextDelta)]
    plain = await Agent("acme-chat:small").run("Hello")
    print(json.dumps([result.output, result.usage.total, pieces, run.result.output, plain.output]))

anyio.run(main)
"""


class Acme(BaseHTTPRequestHandler):
    """Acme's server: it adds by the tool, and says the sum; busy once."""

    asked: list[tuple[str, dict[str, Any]]]
    busy: int

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        type(self).asked.append((self.headers["authorization"], body))
        if type(self).busy:
            type(self).busy -= 1
            self.reply(b'{"error": {"kind": "busy", "text": "one moment"}}', status=503)
        elif self.path == "/openai/chat/completions":
            message = {"role": "assistant", "content": "Hi!"}
            self.reply(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode())
        elif body["turns"][-1]["who"] == "user":
            ask = {"id": "1", "tool": "add", "with": {"a": 2, "b": 3}}
            self.reply(self.answer(asks=[ask], end="asks"))
        else:
            says = f"It is {body['turns'][-1]['says']}."
            first, last = json.dumps({"says": says[:5]}).encode(), self.answer(says=says[5:], end="done")
            if body.get("stream"):
                self.reply(first + b"\n" + last + b"\n", kind="application/x-ndjson")
            else:
                self.reply(self.answer(says=says, end="done"))

    def answer(self, **told: Any) -> bytes:
        return json.dumps({"id": "t", "model": "small", **told, "tokens": {"in": 7, "out": 2}}).encode()

    def reply(self, body: bytes, *, status: int = 200, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package as pip installs it."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run(
        [*pip, "--target", str(target), str(PACKAGE)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def acme() -> Iterator[ThreadingHTTPServer]:
    Acme.asked, Acme.busy = [], 1
    server = ThreadingHTTPServer(("127.0.0.1", 0), Acme)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def run(installed: Path, acme: ThreadingHTTPServer, *arguments: str) -> subprocess.CompletedProcess[str]:
    address = f"http://127.0.0.1:{acme.server_port}"
    paths = os.pathsep.join([str(installed), str(ROOT), str(ROOT / "tools")])
    own = {
        "PYTHONPATH": paths,
        "ACME_BASE_URL": address,
        "ACME_CHAT_BASE_URL": f"{address}/openai",
        "ACME_API_KEY": "k1",
    }
    return subprocess.run(
        [sys.executable, *arguments],
        env=clean_environment() | own,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_installed_provider_is_a_name_like_any_other(installed: Path, acme: ThreadingHTTPServer) -> None:
    done = run(installed, acme, "-c", PROGRAM)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["It is 5.", 18, ["It is", " 5."], "It is 5.", "Hi!"]
    keys, bodies = zip(*Acme.asked, strict=True)
    assert set(keys) == {"Bearer k1"}
    assert len(bodies) == 6  # one of them again, since the server was busy
    assert bodies[0] == bodies[1]
    assert [body["keep"] for body in bodies[:5]] == [False] * 5
    assert bodies[2]["turns"] == [
        {"who": "user", "says": "What is 2 + 3?"},
        {"who": "model", "says": "", "asks": [{"id": "1", "tool": "add", "with": {"a": 2, "b": 3}}]},
        {"who": "tool", "id": "1", "says": "5"},
    ]


def test_the_command_line_knows_it_as_well(installed: Path, acme: ThreadingHTTPServer) -> None:
    shown = run(installed, acme, "-m", "agentkit", "models").stdout
    assert [line.split()[:2] for line in shown.splitlines() if "acme" in line] == [
        ["acme", "set"],
        ["acme-chat", "set"],
    ]
    one = run(installed, acme, "-m", "agentkit", "models", "acme")
    assert one.stdout == "the models of Acme are not listed here; name any that it has: acme:model-id\n"
    answered = run(installed, acme, "-m", "agentkit", "run", "--model", "acme-chat:small", "Hello")
    assert "Hi!" in answered.stdout, answered.stderr
