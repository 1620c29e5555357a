"""Canaries: keys that may come to light nowhere, and a watch over the whole suite that looks for them.

Every key that a test hands out holds one of MARKS. Looked through are: log records of every logger at DEBUG, warnings,
every AgentkitError when it dies (its text, repr, notes, attributes, what it is chained to, and the locals of our
frames in its traceback), every span and measurement, what tests and commands print, and every file that the suite
leaves. A test that means to show a key says `@pytest.mark.shows_keys`.

CONTENT is the same for what people and tools say: nothing of it may be in logs, spans or measurements unless a test
asked for content there, with `@pytest.mark.shows_content`.
"""

from __future__ import annotations

import itertools
import logging
import re
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from opentelemetry.sdk.metrics._internal.measurement_consumer import SynchronousMeasurementConsumer
from opentelemetry.sdk.trace import ReadableSpan, SynchronousMultiSpanProcessor

from agentkit.errors import AgentkitError

KEY = "sk-canary-key-0123456789"
CONTENT = "canary-content"

MARKS = re.compile(rb"sk-canary|sk-secret|sk-ant-secret|gsk-secret|sk-very-secret|canary-key")
_TEXT_MARKS = re.compile(MARKS.pattern.decode())
_OURS = f"{Path(__file__).resolve().parents[1] / 'agentkit'}/"
_LONGEST = 20_000
_MOST_ITEMS = 50
_LARGEST_FILE = 64 * 2**20


class Watch:
    """What was looked through, and what was found there."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.looked: Counter[str] = Counter()
        self.may_show_keys = False
        self.may_show_content = False

    def look(self, where: str, *texts: str, is_content_allowed: bool = True) -> None:
        """Look for keys, and for content where it is not allowed."""
        self.looked[where.partition(":")[0]] += 1
        for text in texts:
            if not self.may_show_keys and (match := _TEXT_MARKS.search(text)):
                self._tell(where, text, match.start())
            if not is_content_allowed and not self.may_show_content and CONTENT in text:
                self._tell(where, text, text.index(CONTENT))

    def look_through(self, files: Iterable[Path]) -> None:
        """Look for keys in files; those of a test that may show them are named after it."""
        for file in files:
            if file.is_symlink() or not file.is_file() or file.stat().st_size > _LARGEST_FILE:
                continue
            self.looked["file"] += 1
            match = MARKS.search(file.read_bytes())
            if match is not None:
                self.found.append(f"file: {file}: {match[0].decode()}")

    def take(self) -> list[str]:
        """What was found since the last time."""
        found, self.found = self.found, []
        return found

    def _tell(self, where: str, text: str, position: int) -> None:
        self.found.append(f"{where}: ...{text[max(0, position - 80) : position + 60]!r}...")


WATCH = Watch()
_looking = threading.local()


def begin() -> None:
    """Watch from now on. What watches stands at the ends of things: where a span ends, where an error dies."""
    handler = _Handler(0)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    AgentkitError.__del__ = _look_at_error  # type: ignore[attr-defined]
    _before(SynchronousMultiSpanProcessor, "on_end", _look_at_span)
    _before(SynchronousMeasurementConsumer, "consume_measurement", _look_at_measurement)


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        texts = [record.getMessage(), repr(record.args), record.exc_text or ""]
        if record.exc_info and record.exc_info[1] is not None:
            texts += traceback.format_exception(record.exc_info[1])
        WATCH.look(f"log: {record.name}", *texts, is_content_allowed=False)


def _before(kind: type, name: str, look: Callable[[Any], None]) -> None:
    method = getattr(kind, name)

    def looked(self: Any, value: Any, *rest: Any) -> Any:
        look(value)
        return method(self, value, *rest)

    setattr(kind, name, looked)


def _look_at_span(span: ReadableSpan) -> None:
    texts = [span.name, str(span.status.description), *map(str, (span.attributes or {}).items())]
    for event in span.events:
        texts += [event.name, *map(str, (event.attributes or {}).items())]
    texts += [str(link.attributes) for link in span.links]
    WATCH.look(f"span: {span.name}", *texts, is_content_allowed=False)


def _look_at_measurement(measurement: Any) -> None:
    WATCH.look("measurement", str(measurement.attributes), is_content_allowed=False)


def _look_at_error(error: BaseException) -> None:
    name = type(error).__name__
    if getattr(_looking, "is_on", False):  # a repr made an error of ours, which dies within the look at another
        return
    _looking.is_on = True
    try:
        chained: BaseException | None = error
        for _ in range(10):
            if chained is None:
                break
            WATCH.look(f"error: {name}", str(chained), repr(chained), *getattr(chained, "__notes__", ()))
            WATCH.look(f"error: {name}, attributes", *map(_shown, vars(chained).values()))
            for frame, _line in traceback.walk_tb(chained.__traceback__):
                _look_at_frame(frame, name)
            chained = chained.__cause__ or chained.__context__
    except Exception as problem:  # whatever it is: an exception in here would be lost
        WATCH.found.append(f"error: {name} cannot be shown: {type(problem).__name__}")
    finally:
        _looking.is_on = False


def _look_at_frame(frame: FrameType, name: str) -> None:
    code = frame.f_code
    if code.co_filename.startswith(_OURS):
        for local, value in frame.f_locals.items():
            WATCH.look(f"locals: {local} of {code.co_qualname} in the traceback of {name}", _shown(value))


def _shown(value: Any, depth: int = 3) -> str:
    """The repr of a value, of a large one the beginning."""
    if isinstance(value, str | bytes | bytearray | memoryview):
        return repr(value if len(value) <= _LONGEST else value[:_LONGEST])
    if isinstance(value, list | tuple | dict | set | frozenset) and depth:
        items = value.items() if isinstance(value, dict) else value
        return " ".join(_shown(item, depth - 1) for item in itertools.islice(items, _MOST_ITEMS))
    if not str(type(value).__module__).startswith(("agentkit", "httpx", "httpcore", "aiohttp", "h11")):
        return ""
    try:
        return repr(value)[:_LONGEST]
    except Exception:  # it was not yet made when the error was raised
        return ""
