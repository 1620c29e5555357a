"""Batches that are cancelled, that two processes want, that stand behind many others, and that are uploaded."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tasks.test_batch import NAMES, Echo, at, paths, requests_of, told

from agentkit.batching import BatchLimits
from agentkit.errors import ExchangeError, NotFoundError, StateError
from agentkit.providers.batches import connect_batch
from agentkit.providers.google.batches import GeminiBatchesCodec
from agentkit.providers.openai.batches import BatchesCodec
from agentkit.simulator.connection_faults import Reset
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks import batch_file
from agentkit.tasks.batch import batch, batch_status, cancel_batch, fetch_batch, submit_batch

pytestmark = pytest.mark.anyio
pytest_plugins = ["agentkit.testing.simulator"]


def created(simulator: Simulator) -> list[str]:
    return [
        path
        for path in paths(simulator)
        if path.startswith("POST") and "cancel" not in path and not path.endswith("/files")
    ]


def codes(results: dict[str, ExchangeError]) -> dict[str, str | None]:
    return {id: error.code for id, error in results.items()}


@pytest.mark.parametrize("kind", NAMES)
async def test_what_was_answered_before_a_cancel_can_be_fetched(kind: str, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, kind)
        await submit_batch(chosen, ["one", "two"], state=state)
        simulator.advance(50)
        ended = await cancel_batch(state, model=chosen)
        again = await cancel_batch(state, model=chosen)
        done = await fetch_batch(state, model=chosen)
        same = await batch(chosen, ["one", "two"], state=state, poll_seconds=0)

    assert ended.is_over and again.is_over
    assert told(done) == told(same) == {"0": "echo one", "1": ExchangeError}
    assert codes(done.errors) == {"1": "cancelled"}


@pytest.mark.parametrize("kind", NAMES)
async def test_a_batch_that_is_over_is_not_ended_by_a_cancel(kind: str, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, kind)
        await submit_batch(chosen, ["one", "two"], state=state)
        simulator.advance(100)
        seen = await cancel_batch(state, model=chosen)
        again = await cancel_batch(state, model=chosen)
        done = await fetch_batch(state, model=chosen)

    assert (seen.done, again.done, again.failed) == (2, 2, 0)
    assert told(done) == {"0": "echo one", "1": "echo two"}


async def test_parts_that_were_not_submitted_will_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchesCodec, "limits", BatchLimits(1, 10**6))
    state = tmp_path / "batch.json"
    async with simulate(Echo(), faults=[Rule((Status(400),), at=(3,))], batch_seconds=100) as simulator:
        chosen = at(simulator, "openai")
        with pytest.raises(ExchangeError):
            await submit_batch(chosen, ["one", "two", "three"], state=state)
        seen = await cancel_batch(state, model=chosen)
        done = await batch(chosen, ["one", "two", "three"], state=state, poll_seconds=0)

    assert (seen.parts, seen.is_over) == (("cancelled", "cancelled", "cancelled"), True)
    assert codes(done.errors) == {"0": "cancelled", "1": "cancelled", "2": "cancelled"}
    assert len(created(simulator)) == 1
    assert "cancelled before this input was submitted" in str(done.errors["2"])


@pytest.mark.parametrize("kind", NAMES)
async def test_a_batch_whose_creation_was_cut_off_is_found_and_cancelled(kind: str, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, kind)
        await submit_batch(chosen, ["one", "two"], state=state)
        document = json.loads(state.read_text())
        document["parts"][0]["job"] = ""  # as it was written before the creation
        state.write_text(json.dumps(document))
        seen = await cancel_batch(state, model=chosen)
        sent = [path for path in paths(simulator) if path.endswith("cancel")]

    assert (seen.is_over, len(sent)) == (True, 1)


async def test_a_cancel_that_fails_while_the_batch_runs_says_so(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), faults=[Rule((Status(404),), at=(3,))], batch_seconds=100) as simulator:
        chosen = at(simulator, "openai")
        await submit_batch(chosen, ["one"], state=state)
        with pytest.raises(NotFoundError):
            await cancel_batch(state, model=chosen)


async def test_two_do_not_drive_one_batch_at_a_time(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, "openai")
        await submit_batch(chosen, ["one"], state=state)
        with batch_file.held(state):
            for refused in (
                batch(chosen, ["one"], state=state),
                submit_batch(chosen, ["one"], state=state),
                fetch_batch(state, model=chosen),
                cancel_batch(state, model=chosen),
            ):
                with pytest.raises(StateError, match=r"is driven by this process already.*agentkit batch status"):
                    await refused
            seen = await batch_status(state, model=chosen)
        await submit_batch(chosen, ["one"], state=state)

    assert seen.parts == ("in_progress",)
    assert [path.name for path in tmp_path.iterdir()] == ["batch.json"]


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    program = (
        "import pathlib, sys, time\n"
        "from agentkit.tasks import batch_file\n"
        "with batch_file.held(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}  # the package beside these tests
    command = [sys.executable, "-c", program, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(StateError, match=f"driven by the process {other.pid} already"), batch_file.held(state):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    with batch_file.held(state):
        assert state.with_name("batch.json.lock").read_text() == str(os.getpid())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_lock_does_not_stay_with_a_child(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    program = (
        "import os, pathlib, sys, time\n"
        "from agentkit.tasks import batch_file\n"
        "with batch_file.held(pathlib.Path(sys.argv[1])):\n"
        "    if os.fork() == 0:\n"
        "        print(os.getpid(), flush=True)\n"  # it runs, and has let go of what it inherited
        "        time.sleep(60)\n"
        "    os._exit(0)\n"  # dies without letting go
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(state)], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.wait()
        with batch_file.held(state):
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("kind", [name for name in NAMES if name != "openai-chat"])
async def test_a_batch_is_found_behind_many_others(kind: str) -> None:
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, kind)
        remote = connect_batch(chosen)
        line = remote.line("ak-0", requests_of("one")[0])
        lines = [remote.codec.line(line)]
        file = await remote.upload("ak", lines) if kind == "openai" else ""
        made = [
            await remote.create(f"ak-{number}", file=file, lines=lines, wires=[line.wire], since=0.0)
            for number in range(230)
        ]
        known = [job.id for job in made[1:]]
        found = await remote.find("ak-0", since=0.0, count=1, known=known)
        pages = [path for path in paths(simulator) if path.startswith("GET")]

    assert found is not None and found.id == made[0].id
    assert len(pages) == 3


async def test_a_batch_that_nobody_made_is_not_found() -> None:
    async with simulate(Echo()) as simulator:
        remote = connect_batch(at(simulator, "openai"))
        assert await remote.find("ak-1", since=0.0, count=1, known=[]) is None


async def test_what_is_too_large_to_travel_with_geminis_question_is_uploaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GeminiBatchesCodec, "limits", BatchLimits(100, 10**6, inline=2_000))
    prompts = {"a": "x" * 1_500, "b": "y" * 1_500, "c": "fail"}
    async with simulate(Echo(), faults=[Rule((Reset(),), at=(2,))]) as simulator:  # the reply to the creation is lost
        chosen = at(simulator, "google")
        done = await batch(chosen, prompts, state=tmp_path / "batch.json", poll_seconds=0)
        small = await batch(chosen, {"a": "x"}, poll_seconds=0)
        uploads = [seen.asked for seen in simulator.requests if seen.asked.path.endswith("/files")]
        bodies = [json.loads(seen.asked.body) for seen in simulator.requests if "batchGenerate" in seen.asked.path]

    assert [type(each).__name__ for each in done.values()] == ["Response", "Response", "BadRequestError"]
    assert told(small) == {"a": "echo x"}
    assert [asked.path for asked in uploads] == ["/upload/v1beta/files"]
    assert [list(body["batch"]["inputConfig"]) for body in bodies] == [["fileName"], ["requests"]]


async def test_a_folder_that_cannot_be_written_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with simulate(Echo()) as simulator:
        chosen = at(simulator, "openai")
        for path, why in ((tmp_path / "none" / "a.json", "No such file"), (tmp_path / "file" / "a.json", "Not a dir")):
            with pytest.raises(StateError, match=f"a.json, and its lock beside it, which cannot be written: {why}"):
                await batch(chosen, ["one"], state=path)
        assert simulator.count == 0


def test_a_lock_is_free_again_when_nothing_can_be_written_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "batch.json"

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="no space left"):
        patched.setattr(os, "write", full)
        with batch_file.held(state):
            pass
    with batch_file.held(state):
        assert state.with_name("batch.json.lock").read_text() == str(os.getpid())
