"""The watch over the suite finds what it looks for; so what it does not find is not there."""

from __future__ import annotations

import contextlib
import gc
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from canaries import CONTENT, KEY, WATCH
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from agentkit.errors import BadRequestError, ConfigurationError
from agentkit.providers import model


def log(text: str) -> None:
    logging.getLogger("some.library").debug("sent %s", text)


def end_a_span(text: str) -> None:
    with TracerProvider().get_tracer("t").start_as_current_span("call") as span:
        span.set_attribute("note", text)


def end_a_span_with_an_event(text: str) -> None:
    with TracerProvider().get_tracer("t").start_as_current_span("call") as span:
        span.add_event("seen", {"note": text})


def measure(text: str) -> None:
    meter = MeterProvider([InMemoryMetricReader()]).get_meter("t")
    meter.create_counter("calls").add(1, {"note": text})


def raise_an_error(text: str) -> None:
    try:
        raise ConfigurationError(f"wrong: {text}")
    except ConfigurationError as error:
        error.add_note("a note")


def raise_with_an_attribute(text: str) -> None:
    try:
        raise BadRequestError("wrong", body={"echo": [text]})
    except BadRequestError:
        pass


def raise_from_another(text: str) -> None:
    try:
        try:
            raise ValueError(text)
        except ValueError as cause:
            raise ConfigurationError("wrong") from cause
    except ConfigurationError:
        pass


def raise_below_a_local(text: str) -> None:
    with contextlib.suppress(ConfigurationError):
        model(f"{text}:x")  # its frame holds the name


KEY_SHOWN: list[Callable[[str], None]] = [
    log, end_a_span, end_a_span_with_an_event, measure, raise_an_error, raise_with_an_attribute, raise_from_another,
    raise_below_a_local,
]  # fmt: skip


@pytest.mark.parametrize("show", KEY_SHOWN)
def test_a_key_that_comes_to_light_is_found(show: Callable[[str], None]) -> None:
    show(KEY)
    gc.collect()
    assert WATCH.take() != []


@pytest.mark.parametrize("show", [log, end_a_span, end_a_span_with_an_event, measure])
def test_content_that_comes_to_light_is_found(show: Callable[[str], None]) -> None:
    show(CONTENT)
    assert WATCH.take() != []


@pytest.mark.shows_keys
@pytest.mark.shows_content
@pytest.mark.parametrize("show", KEY_SHOWN)
def test_a_test_that_means_to_show_it_may(show: Callable[[str], None]) -> None:
    show(f"{KEY} {CONTENT}")
    gc.collect()
    assert WATCH.take() == []


def test_a_key_in_a_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(f'{{"key": "{KEY}"}}')
    (tmp_path / "fine.json").write_text("{}")
    WATCH.look_through(tmp_path.rglob("*"))
    assert len(WATCH.take()) == 1
    (tmp_path / "state.json").unlink()


def test_the_watch_has_looked() -> None:
    log("nothing")
    assert WATCH.looked["log"] > 0
