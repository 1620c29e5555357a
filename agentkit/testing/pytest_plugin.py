"""The pytest plugin, known to pytest where agentkit is installed: a marker that records and replays a test's exchanges.

    @pytest.mark.agentkit_recording
    def test_it_knows_the_weather(): ...

`pytest --agentkit-record=all` records; without it nothing is sent. The file is recordings/MODULE/TEST.json beside the
test, or the one in recordings/ that the marker names. The fixture `agentkit_recording` does what the marker does, and
gives the Recorder.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentkit.errors import NotRecordedError
from agentkit.testing.recording import mode_of_environment
from agentkit.transport.layer import in_use
from agentkit.transport.recording import Mode, Recorder

__all__ = ["agentkit_recording"]

_MARKER = "agentkit_recording"
_FOLDER = "recordings"
_PACKAGE = Path(__file__).parents[1]

_recorder_of = pytest.StashKey[Recorder]()
_made_of = pytest.StashKey[set[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer --agentkit-record."""
    parser.getgroup("agentkit").addoption(
        "--agentkit-record",
        choices=("replay", "missing", "all"),
        default=None,
        help="for tests marked agentkit_recording: replay their files (the default), send and add what is missing, "
        "or record all anew; the variable AGENTKIT_RECORD says the same",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", f"{_MARKER}(file=None, *, hide=()): replay what the test sends to providers, or record it"
    )


@pytest.fixture
def agentkit_recording(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """Replays or records what the test sends to providers."""
    item: pytest.Item = request.node
    file, hide = _of_marker(item)
    path = item.path.parent / _FOLDER / file
    mode: Mode = item.config.getoption("--agentkit-record") or mode_of_environment()
    made = item.config.stash.setdefault(_made_of, set())
    recorder = Recorder(
        path,
        mode="missing" if mode == "all" and path in made else mode,  # tests that share a file add to it
        hide=hide,
        how_to_record=f'pytest --agentkit-record=all "{item.nodeid}"',
    )
    item.stash[_recorder_of] = recorder
    with in_use(recorder):
        yield recorder
    recorder.write()
    made.add(path)


@pytest.fixture(autouse=True)
def _agentkit_recording_of_marker(request: pytest.FixtureRequest) -> None:  # pyright: ignore[reportUnusedFunction] -- pytest finds it
    if request.node.get_closest_marker(_MARKER) is not None:
        request.getfixturevalue(_MARKER)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test whose program caught the error of a request that is not in the recording; show what it says."""
    try:
        result = yield
        recorder = item.stash.get(_recorder_of, None)
        if recorder is not None and recorder.misses:
            raise recorder.misses[0]
    except NotRecordedError as error:
        if not item.config.getoption("fulltrace"):
            _end_at_the_program(error)
        raise
    return result


def _end_at_the_program(error: NotRecordedError) -> None:
    """End the traceback where the program calls agentkit: the twenty frames below tell nothing of what changed."""
    last, step = None, error.__traceback__
    while step is not None:
        is_ours = Path(step.tb_frame.f_code.co_filename).is_relative_to(_PACKAGE)
        if is_ours and last is not None:
            last.tb_next = None
            return
        if not is_ours:
            last = step
        step = step.tb_next


def _of_marker(item: pytest.Item) -> tuple[Path, tuple[str | re.Pattern[str], ...]]:
    """The file of a test, below the folder of recordings, and what is to be hidden in it."""
    marker = item.get_closest_marker(_MARKER) or pytest.mark.agentkit_recording().mark
    file: str | Path | None = marker.args[0] if marker.args else marker.kwargs.get("file")
    if file is None:
        name = re.sub(r"[^A-Za-z0-9_.=-]+", "-", item.nodeid.partition("::")[2])
        file = Path(item.path.stem) / f"{name.strip('-')}.json"
    return Path(file), tuple(marker.kwargs.get("hide", ()))
