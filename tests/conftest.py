"""Every async test runs on asyncio and on trio; no test leaves a thread, a socket or a task behind, nor shows a key."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
import warnings
from collections.abc import Iterator

import canaries
import hypothesis  # noqa: F401 -- loaded before gc.freeze, behind which it would not find trio's random numbers
import pytest
from _pytest.terminal import TerminalReporter
from canaries import WATCH

from agentkit.providers import PROVIDERS

# The one portal of run_sync, and the idle workers that we, anyio and trio keep for the next sync call.
KEPT_THREADS = (
    "agentkit-run-sync", "agentkit tool", "AnyIO worker thread", "Trio thread", "asyncio_", "pytest_timeout",
)  # fmt: skip
GRACE_SECONDS = 5.0
HAS_PROC = os.path.isdir("/proc/self/fd")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return request.param


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(KEPT_THREADS)}


def _sockets() -> set[str]:
    """Open sockets of any family, such as "socket:[123]"."""
    found: set[str] = set()
    if HAS_PROC:
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):  # closed meanwhile
                found.add(os.readlink(f"/proc/self/fd/{name}"))
    return {target for target in found if target.startswith("socket:")}


def _internet(sockets: set[str]) -> set[str]:
    """Those of the internet families: event loops keep pairs of the unix family for themselves."""
    if not sockets:
        return sockets
    known: set[str] = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/self/net/{table}") as lines:
            known |= {f"socket:[{line.split()[9]}]" for line in list(lines)[1:]}
    return sockets & known


def _tasks() -> list[str]:
    """Unfinished tasks of event loops that do not run any more."""
    return [
        repr(task)
        for task in gc.get_objects()
        if type(task) is asyncio.Task and not task.done() and not task.get_loop().is_running()
    ]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    threads, sockets = _threads(), _sockets()
    yield
    deadline = time.monotonic() + GRACE_SECONDS
    while True:
        left = [thread.name for thread in _threads() - threads if thread.is_alive()]
        left += sorted(_internet(_sockets() - sockets))
        if not left or time.monotonic() > deadline:
            break
        gc.collect()
        time.sleep(0.01)  # a thread that was told to end needs a moment
    assert not left, f"left behind: {left}"


@pytest.fixture(scope="session", autouse=True)
def no_task_is_left() -> Iterator[None]:
    yield
    gc.collect()
    assert _tasks() == []


def pytest_configure(config: pytest.Config) -> None:
    canaries.begin()
    for row in PROVIDERS.values():  # a developer's own keys and addresses are no part of any test
        for name in (*row.key_variables, *row.base_url_variables):
            os.environ.pop(name, None)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()  # thousands of tests and what they import stay to the end: no collection has to look at them


@pytest.fixture(autouse=True)
def no_key_is_shown(request: pytest.FixtureRequest) -> Iterator[None]:
    WATCH.may_show_keys = request.node.get_closest_marker("shows_keys") is not None
    WATCH.may_show_content = request.node.get_closest_marker("shows_content") is not None
    yield
    if WATCH.may_show_keys:
        gc.collect()  # its errors die now, not in a later test that may not
    found = WATCH.take()
    assert not found, "a key, or content, came to light: " + "\n".join(found)


@pytest.fixture(scope="session", autouse=True)
def no_file_holds_a_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield
    gc.collect()
    WATCH.look_through(tmp_path_factory.getbasetemp().rglob("*"))
    found = WATCH.take()
    assert not found, "a key came to light: " + "\n".join(found)


def pytest_warning_recorded(warning_message: warnings.WarningMessage) -> None:
    WATCH.look("warning", str(warning_message.message))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.passed:
        WATCH.look(f"output: {report.nodeid}", report.capstdout, report.capstderr)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Show the counts that conformance tests print: how many recordings were decoded, how many requests accepted."""
    reports = terminalreporter.stats.get("passed", [])
    told = [
        (report.nodeid, report.capstdout)
        for report in reports
        if "conformance/" in report.nodeid or "test_load" in report.nodeid
    ]
    if any(text for _, text in told):
        terminalreporter.section("conformance")
    for nodeid, text in told:
        if text:
            terminalreporter.write_line(f"{nodeid.rpartition('/')[2]}\n  " + text.strip().replace("\n", "\n  "))
