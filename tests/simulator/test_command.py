"""`agentkit sim` as a process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from click.testing import CliRunner

from agentkit.cli.main import main

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}
COMMAND = [sys.executable, "-m", "agentkit.cli.main", "sim", "--port", "0"]


@contextmanager
def serving(*options: str) -> Iterator[str]:
    """The address of a simulator in a process of its own, which has to end well by Ctrl-C."""
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_it_serves_with_faults_until_it_is_interrupted(tmp_path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps(["It rains."]))
    with serving("--model-source", f"script:{script}", "--fault", "503,first=1") as url:
        statuses = [httpx.post(f"{url}/v1/chat/completions", json=ASKED).status_code for _ in range(3)]
        told = httpx.get(f"{url}/_sim/requests").json()
    assert statuses == [503, 200, 400]
    assert [request["faults"] for request in told["requests"]] == [
        ["Status(status=503, wait_seconds=None, wait_as='seconds')"],
        [],
        [],
    ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--fault", "silense"], "no fault 'silense'; did you mean 'silence'?"),
        (
            ["--model-source", "oracle"],
            "--model-source is 'oracle'; it has to be offline, script:FILE or recording:FILE",
        ),
        (["--model-source", "script:nowhere.json"], "nowhere.json: No such file or directory"),
    ],
)
def test_wrong_options_are_explained(options: list[str], complaint: str) -> None:
    done = CliRunner().invoke(main, ["sim", *options])
    assert done.exit_code == 1
    assert complaint in done.output


def test_a_port_that_is_in_use_is_named() -> None:
    with serving() as url:
        port = url.rpartition(":")[2]
        done = CliRunner().invoke(main, ["sim", "--port", port])
    assert (done.exit_code, done.stderr) == (
        1, f"error: port {port} of 127.0.0.1 is in use; take another one, or 0 for any free one\n"
    )  # fmt: skip


def test_all_faults_are_listed_with_their_fields() -> None:
    done = CliRunner().invoke(main, ["sim", "--list-faults"])
    assert done.exit_code == 0
    assert "    after=request  (request|headers|bytes|events)\n" in done.output
    assert "call_indexes: Streamed calls with wrong indexes.\n" in done.output
