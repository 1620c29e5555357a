"""When a failed exchange is tried again, and after what wait."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agentkit.errors import (
    BadRequestError,
    ConnectionFailedError,
    OverloadedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.retry import asked_wait, backoff, may_retry, seconds_until

NOW = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0", 0.0),
        (" 1.5 ", 1.5),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("250ms", 0.25),
        ("1h2m3.5s", 3723.5),
        ("1800000002500", 2.5),
        ("1800000004", 4.0),
        ("2027-01-15T08:00:05Z", 5.0),
        ("2027-01-15T10:00:05+02:00", 5.0),
        ("Fri, 15 Jan 2027 08:00:07 GMT", 7.0),
    ],
)
def test_reads_every_form_in_which_a_wait_is_given(text: str, seconds: float) -> None:
    assert seconds_until(text, now=NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "nan",
        "inf",
        "soon",
        "-5s",
        "5 parsecs",
        "1799999999",
        "Fri, 15 Jan 2027 07:59:59 GMT",
        "2027-99-99",
        "²",
    ],
)
def test_ignores_waits_that_are_past_or_cannot_be_read(text: str) -> None:
    assert seconds_until(text, now=NOW) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "-1", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "0", "retry-after": "1"}, 1.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:02 GMT"}, 2.0),
        ({"retry-after": "Fri, 15 Jan 2027 09:00:02 GMT", "date": "Fri, 15 Jan 2027 09:00:00 GMT"}, 2.0),
        ({"x-ratelimit-reset-requests": "2s"}, 2.0),
        ({"x-ratelimit-reset-requests": "2s", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        (
            {
                "x-ratelimit-reset-requests": "2s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-tokens": "9000",
            },
            2.0,
        ),
        ({"anthropic-ratelimit-tokens-reset": "2027-01-15T08:00:05Z", "retry-after": "never"}, 5.0),
        ({"x-ratelimit-reset": "1800000003000"}, 3.0),
        ({}, None),
    ],
)
def test_finds_the_wait_that_a_provider_asks_for_in_its_headers(headers: dict[str, str], seconds: float | None) -> None:
    found = asked_wait(RateLimitError("slow down"), headers, now=NOW)

    assert found == (None if seconds is None else pytest.approx(seconds))


def test_takes_the_wait_from_the_body_before_that_of_a_limit() -> None:
    error = RateLimitError("slow down", retry_after_seconds=34.0)

    assert asked_wait(error, {"x-ratelimit-reset": "5s"}, now=NOW) == 34.0


def test_ignores_a_negative_wait_in_the_body() -> None:
    assert asked_wait(OverloadedError("loading", retry_after_seconds=-1.0), {}, now=NOW) is None


def test_a_limit_that_is_reported_with_another_error_says_nothing_about_it() -> None:
    assert asked_wait(ServerError("broke"), {"x-ratelimit-reset-requests": "2s"}, now=NOW) is None


def test_backoff_doubles_up_to_eight_seconds_and_is_spread_by_chance() -> None:
    assert [backoff(failures, chance=1.0) for failures in (1, 2, 3, 4, 5, 6, 5000)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert backoff(3, chance=0.25) == 0.5
    assert backoff(1, chance=0.0) == 0.0


@pytest.mark.parametrize(
    ("error", "headers", "protocol_errors", "expected"),
    [
        (RateLimitError("x"), {}, 0, True),
        (ConnectionFailedError("x"), {}, 3, True),
        (BadRequestError("x"), {}, 0, False),
        (BadRequestError("x"), {"x-should-retry": "true"}, 0, True),
        (ServerError("x"), {"x-should-retry": "false"}, 0, False),
        (ServerError("x"), {"x-should-retry": "perhaps"}, 0, True),
        (QuotaExceededError("x"), {"x-should-retry": "true"}, 0, False),
        (ProtocolError("x"), {}, 0, True),
        (ProtocolError("x"), {}, 1, False),
    ],
)
def test_tries_again_only_what_may_help(
    error: ServerError, headers: dict[str, str], protocol_errors: int, expected: bool
) -> None:
    assert may_retry(error, headers, protocol_errors=protocol_errors) is expected


@given(st.one_of(st.text(), st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T.*", fullmatch=True), st.floats().map(str)))
@example("9" * 5000)
@example("0001-01-01T00:00:00+23:59")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 99 Foo 99999 99:99:99 +99999999")
def test_no_text_makes_reading_a_wait_fail(text: str) -> None:
    found = seconds_until(text, now=NOW)

    assert found is None or (found >= 0 and math.isfinite(found))
