"""For tests: what a program sends to providers, recorded once to a file and replayed without network or key.

    from agentkit.testing.recording import recording

    def test_it_knows_the_weather():
        with recording("tests/recordings/weather.json"):
            assert "rain" in answer("What is the weather in Paris?")

Every model that any thread of the process uses within the block is recorded or replayed; nothing of the program has to
change. With pytest a marker does the same, one file a test: see `agentkit.testing.pytest_plugin`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import cast, get_args

from agentkit.errors import ConfigurationError
from agentkit.transport.layer import in_use
from agentkit.transport.recording import Mode, Recorder

__all__ = ["Mode", "Recorder", "recording"]

_VARIABLE = "AGENTKIT_RECORD"


@contextmanager
def recording(
    path: str | os.PathLike[str],
    *,
    mode: Mode | None = None,
    hide: Iterable[str | re.Pattern[str]] = (),
    how_to_record: str = "",
) -> Generator[Recorder]:
    """Replay the exchanges of a file, or record them to it, until the block is left.

    `mode` is "replay" (nothing is sent), "missing" (what is not in the file is sent and added) or "all" (everything is
    sent anew); None takes it from the environment variable AGENTKIT_RECORD, else replays. What matches a pattern of
    `hide` is written as REDACTED and not compared: secrets beside keys, dates, paths. `how_to_record` is shown where a
    request is not in the file.

    Raises NotRecordedError for such a request, at the latest when the block is left; StateError for a file that is no
    recording.
    """
    recorder = Recorder(Path(path), mode=mode or mode_of_environment(), hide=hide, how_to_record=how_to_record)
    with in_use(recorder):
        try:
            yield recorder
        finally:
            recorder.write()
    if recorder.misses:  # the program caught the error: its test did not see what it seems to have seen
        raise recorder.misses[0]


def mode_of_environment() -> Mode:
    """What AGENTKIT_RECORD says. Raises ConfigurationError for what is no mode."""
    value = os.environ.get(_VARIABLE, "").strip() or "replay"
    if value not in get_args(Mode):
        raise ConfigurationError(f"{_VARIABLE} is {value!r}; it has to be one of {', '.join(get_args(Mode))}")
    return cast("Mode", value)  # the line above has made sure
