"""Servers as child processes: started once, shared, told of when they fail, and never left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import anyio
import httpx
import pytest
from providers.llamacpp.gguf_file import write_gguf
from providers.llamacpp.tiny import ends, is_running

from agentkit.errors import DeadlineError
from agentkit.providers.llamacpp import child
from agentkit.providers.llamacpp.model_file import ModelFileError
from agentkit.providers.llamacpp.options import ServerOptions
from agentkit.providers.llamacpp.server import Server, ServerStartError
from agentkit.providers.llamacpp.servers import running_server, serve, stop_servers

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_server_is_left")]

PLAIN = ServerOptions()
SCRIPT = """
import anyio, os, sys, time
from pathlib import Path
from agentkit.providers.llamacpp.options import ServerOptions
from agentkit.providers.llamacpp.servers import serve

async def main():
    return await serve(Path(sys.argv[1]), ServerOptions(), seconds=60)

server = anyio.run(main)
print(server.process_id, flush=True)
"""


def process_of(server: Server) -> int:
    assert server.process_id is not None
    return server.process_id


async def test_a_server_is_shared_by_those_who_want_the_same(tiny: Path) -> None:
    found: list[Server] = []

    async def ask(options: ServerOptions) -> None:
        found.append(await serve(tiny, options, seconds=60))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask, PLAIN)
    await ask(PLAIN)
    assert len(set(found)) == 1
    await ask(ServerOptions(threads=1))
    assert len({server.process_id for server in found}) == 2
    assert running_server(tiny, PLAIN) is found[0]


async def test_a_server_serves_those_only_who_know_its_key(tiny: Path) -> None:
    server = await serve(tiny, PLAIN, seconds=60)
    host = server.base_url.removesuffix("/v1")
    async with httpx.AsyncClient(trust_env=False) as client:
        without = await client.post(f"{server.base_url}/chat/completions", json={"messages": []})
        health = await client.get(f"{host}/health")
    assert (without.status_code, health.status_code) == (401, 200)
    assert server.base_url.startswith("http://127.0.0.1:")
    assert server.key not in repr(server)
    command = await anyio.run_process(["ps", "-ww", "-o", "args=", "-p", str(server.process_id)])
    assert "child.py" in command.stdout.decode()
    assert server.key not in command.stdout.decode()


async def test_stopped_servers_are_gone_and_the_next_request_starts_a_new_one(tiny: Path) -> None:
    first = await serve(tiny, PLAIN, seconds=60)
    stop_servers()
    assert not is_running(process_of(first))
    assert running_server(tiny, PLAIN) is None
    second = await serve(tiny, PLAIN, seconds=60)
    assert second.process_id != first.process_id


async def test_a_dead_server_is_replaced(tiny: Path) -> None:
    first = await serve(tiny, PLAIN, seconds=60)
    os.kill(process_of(first), signal.SIGKILL)
    first.join()
    second = await serve(tiny, PLAIN, seconds=60)
    assert second.process_id != first.process_id
    assert second.is_ready


async def test_a_start_that_takes_too_long_is_told_and_leaves_nothing(tiny: Path) -> None:
    before = threading.enumerate()
    with pytest.raises(
        DeadlineError,
        match=r"was not ready with .*tiny.gguf within 0 s.*Settings\(deadlines=Deadlines\(exchange_seconds=",
    ):
        await serve(tiny, PLAIN, seconds=0)
    assert running_server(tiny, PLAIN) is None
    for thread in set(threading.enumerate()) - set(before):
        thread.join(10)
        assert not thread.is_alive()


async def test_a_cancelled_start_leaves_nothing(tiny: Path) -> None:
    before = set(threading.enumerate())
    with anyio.move_on_after(0.05) as scope:
        await serve(tiny, ServerOptions(slots=1), seconds=None)
    if not scope.cancelled_caught:
        pytest.skip("the server started too quickly to be cancelled")
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()
    assert running_server(tiny, ServerOptions(slots=1)) is None


async def test_a_start_goes_on_for_those_who_still_wait(tiny: Path) -> None:
    found: list[Server] = []

    async def wait() -> None:
        found.append(await serve(tiny, PLAIN, seconds=60))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        with anyio.move_on_after(0):
            await serve(tiny, PLAIN, seconds=60)
    assert found[0].is_ready


async def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "base.gguf", {"general.architecture": "llama"})
    with pytest.raises(
        ModelFileError, match=r"base.gguf has no chat template, .*'llamacpp:.*base.gguf\?chat_template_file=FILE'"
    ) as caught:
        await serve(path, PLAIN, seconds=60)
    assert caught.value.path == path


async def test_a_template_of_ones_own_is_used(tiny: Path, tmp_path: Path) -> None:
    template = tmp_path / "mine.jinja"
    template.write_text("MINE {{ messages[0].content }}")
    server = await serve(tiny, ServerOptions(chat_template_file=template), seconds=60)
    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {server.key}"}) as client:
        reply = await client.post(
            f"{server.base_url.removesuffix('/v1')}/apply-template",
            json={"messages": [{"role": "user", "content": "hello"}]},
        )
    assert reply.json()["prompt"] == "MINE hello"


async def test_a_missing_template_is_told(tiny: Path, tmp_path: Path) -> None:
    options = ServerOptions(chat_template_file=tmp_path / "no.jinja")
    with pytest.raises(ServerStartError, match=r"did not start for .*tiny.gguf: .*no.jinja"):
        await serve(tiny, options, seconds=60)


async def test_a_file_that_went_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no file"):
        await serve(tmp_path / "m.gguf", PLAIN, seconds=60)


async def test_what_the_server_says_of_a_bad_file_is_in_the_error(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.gguf"
    await anyio.Path(path).write_bytes((await anyio.Path(tiny).read_bytes())[:300_000])
    for _ in range(2):
        with pytest.raises(
            ServerStartError, match=r"could not load .*half.gguf; it said: .*model is corrupted or incomplete"
        ) as caught:
            await serve(path, PLAIN, seconds=60)
        assert caught.value.path == path
        assert any("corrupted" in line for line in caught.value.output)


def test_memory_that_runs_out_while_loading_is_told_in_the_servers_words(tiny: Path) -> None:
    limited = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
""" + SCRIPT.replace("ServerOptions()", "ServerOptions(context_tokens=10_000_000)")
    done = subprocess.run([sys.executable, "-c", limited, str(tiny)], capture_output=True, text=True, timeout=60)
    last = done.stderr.strip().splitlines()[-1]
    if "of memory are available" in last:
        pytest.skip("this machine has so little memory that the file is refused before")
    assert re.search(r"ServerStartError: llama.cpp could not load .*tiny.gguf; it said: .*failed to allocate", last)
    assert last.endswith("if memory is short take a smaller model or fewer context_tokens")


async def test_a_server_outlives_the_thread_that_asked_for_it(tiny: Path) -> None:
    found: list[Server] = []

    async def ask() -> None:
        found.append(await serve(tiny, PLAIN, seconds=60))

    thread = threading.Thread(target=lambda: anyio.run(ask))
    thread.start()
    thread.join(60)
    assert found[0].is_ready
    assert (await serve(tiny, PLAIN, seconds=60)) is found[0]


async def test_the_keys_of_the_terminal_do_not_reach_the_server(tiny: Path) -> None:
    server = await serve(tiny, PLAIN, seconds=60)
    assert os.getpgid(process_of(server)) != os.getpgid(0)
    os.kill(process_of(server), signal.SIGINT)
    assert (await serve(tiny, PLAIN, seconds=60)) is server


def test_a_server_ends_with_a_process_that_ends(tiny: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT, str(tiny)], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert not is_running(int(done.stdout))


HANGS_UP = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
"""Where the tests were started with nohup, their children would ignore it too."""


@pytest.mark.parametrize("word", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_server_ends_with_a_process_that_is_killed(tiny: Path, word: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGS_UP + SCRIPT + "time.sleep(60)", str(tiny)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        served = int(parent.stdout.readline())
        assert is_running(served)
        parent.send_signal(word)
        assert ends(served)


def test_a_fork_keeps_no_server_alive_and_starts_its_own(tiny: Path) -> None:
    forked = """
pid = os.fork()
if pid == 0:
    own = anyio.run(main)
    print(own.process_id, flush=True)
    time.sleep(60)
os.waitid(os.P_PID, pid, os.WEXITED)
"""
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SCRIPT + forked, str(tiny)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        of_parent, of_fork = int(parent.stdout.readline()), int(parent.stdout.readline())
        try:
            assert of_parent != of_fork
            parent.kill()
            assert ends(of_parent)
            assert is_running(of_fork)
        finally:
            os.killpg(parent.pid, signal.SIGKILL)
    assert ends(of_fork)


def test_the_end_of_the_pipe_alone_ends_the_child() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", WATCHER, str(child.__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"watching\n"
        process.stdin.close()
        assert process.wait(20) == 0


WATCHER = """
import os, runpy, sys, threading
child = runpy.run_path(sys.argv[1])
child["_die_with_parent"](os.getppid())
print("watching", flush=True)
threading.Event().wait()
"""
