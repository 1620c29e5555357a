"""What may go out under each kind of limit, asked at given times."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.policies.allowances import AtOnce, Spare, Window, spare_of

WALL = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


class TestAWindow:
    def test_lets_through_what_fits_and_tells_how_long_the_rest_waits(self) -> None:
        window = Window(2)
        window.book(1, 10.0)
        window.book(1, 30.0)

        assert [window.wait(1, now) for now in (30.0, 45.0, 69.5, 70.0, 75.0)] == [40.0, 25.0, 0.5, 0.0, 0.0]
        assert window.wait(2, 75.0) == 15.0

    def test_counts_what_was_corrected_from_the_same_moment_on(self) -> None:
        window = Window(100)
        booking = window.book(90, 0.0)

        window.correct(booking, 40)

        assert (window.wait(60, 1.0), window.wait(61, 1.0)) == (0.0, 59.0)

    def test_forgets_what_is_corrected_when_it_counts_no_more(self) -> None:
        window = Window(100)
        booking = window.book(90, 0.0)
        assert window.wait(100, 61.0) == 0.0

        window.correct(booking, 500)

        assert window.wait(100, 61.0) == 0.0

    def test_fits_what_is_larger_than_itself_when_it_is_empty(self) -> None:
        window = Window(100)
        assert window.wait(5_000, 0.0) == 0.0

        booking = window.book(5_000, 0.0)
        window.correct(booking, 7_000)

        assert (window.wait(1, 0.0), window.wait(5_000, 60.0)) == (60.0, 0.0)

    @given(
        st.integers(1, 5),
        st.lists(st.tuples(st.floats(0, 40), st.integers(1, 5)), max_size=40),
    )
    def test_never_holds_more_than_is_allowed_in_any_minute(self, allowed: int, asked: list[tuple[float, int]]) -> None:
        window, now, booked = Window(allowed), 0.0, list[tuple[float, int]]()
        for pause, amount in asked:
            now += pause
            amount = min(amount, allowed)
            while (wait := window.wait(amount, now)) > 0:
                now += wait
            window.book(amount, now)
            booked.append((now, amount))

        for start, _ in booked:
            assert sum(amount for at, amount in booked if start <= at < start + 59.999) <= allowed


class TestWhatAProviderSaysIsLeft:
    def test_comes_back_evenly_until_all_is_there(self) -> None:
        spare = Spare(0, 100.0, limit=60, reset_seconds=60.0)

        assert [spare.wait(1, now) for now in (100.0, 100.5, 101.0)] == [1.0, 0.5, 0.0]
        assert (spare.wait(30, 100.0), spare.wait(600, 100.0), spare.wait(600, 160.0)) == (30.0, 60.0, 0.0)

    def test_is_used_up_by_what_goes_out(self) -> None:
        spare = Spare(2, 0.0, limit=60, reset_seconds=58.0)
        spare.take(1)
        assert spare.wait(1, 0.0) == 0.0

        spare.take(1)

        assert spare.wait(1, 0.0) == 1.0

    def test_is_waited_for_until_the_reset_where_the_limit_is_not_known(self) -> None:
        spare = Spare(0, 0.0, limit=None, reset_seconds=7.0)

        assert (spare.wait(1, 0.0), spare.wait(1, 7.0)) == (7.0, 0.0)

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            (
                {
                    "x-ratelimit-limit-requests": "60",
                    "x-ratelimit-remaining-requests": "0",
                    "x-ratelimit-reset-requests": "1m0s",
                },
                1.0,
            ),
            (
                {
                    "anthropic-ratelimit-requests-limit": "30",
                    "anthropic-ratelimit-requests-remaining": "0",
                    "anthropic-ratelimit-requests-reset": "2027-01-15T08:00:30Z",
                },
                1.0,
            ),
            ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3s"}, 3.0),
            ({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "3s"}, 0.0),
        ],
    )
    def test_is_read_from_the_headers_of_a_reply(self, headers: dict[str, str], wait: float) -> None:
        spare = spare_of("requests", headers, now=5.0, wall_clock=WALL, taken=0)

        assert spare is not None
        assert spare.wait(1, 5.0) == pytest.approx(wait)

    def test_is_less_what_went_out_meanwhile(self) -> None:
        headers = {"x-ratelimit-remaining-tokens": "500", "x-ratelimit-reset-tokens": "3s"}

        spare = spare_of("tokens", headers, now=0.0, wall_clock=WALL, taken=450)

        assert spare is not None
        assert (spare.wait(50, 0.0), spare.wait(51, 0.0)) == (0.0, 3.0)

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"x-ratelimit-remaining-requests": "0"},
            {"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "3s"},
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "soon"},
            {"x-ratelimit-remaining-requests": "inf", "x-ratelimit-reset-requests": "3s"},
        ],
    )
    def test_is_unknown_where_the_headers_say_too_little(self, headers: dict[str, str]) -> None:
        assert spare_of("requests", headers, now=0.0, wall_clock=WALL, taken=0) is None


class TestRequestsAtOnce:
    def test_are_halved_when_the_provider_pushes_back_and_grow_by_one_in_a_round(self) -> None:
        at_once = AtOnce(8)

        at_once.pushed_back(3, under_way=8, last=8)
        assert at_once.allowed == 4

        for _ in range(5):
            at_once.went_well()
        assert 5 <= at_once.allowed < 5.2

    def test_are_halved_once_for_a_burst_of_refusals(self) -> None:
        at_once = AtOnce(None)

        for number in (1, 2, 3, 8):
            at_once.pushed_back(number, under_way=8, last=8)
        assert at_once.allowed == 4

        at_once.pushed_back(9, under_way=4, last=9)
        assert at_once.allowed == 2

    def test_are_never_fewer_than_one_nor_more_than_allowed(self) -> None:
        at_once = AtOnce(2)
        for number in range(1, 5):
            at_once.pushed_back(number, under_way=1, last=number)
        assert at_once.allowed == 1

        for _ in range(9):
            at_once.went_well()
        assert at_once.allowed == 2

    def test_are_without_bound_where_none_is_given(self) -> None:
        at_once = AtOnce(None)
        at_once.went_well()

        assert at_once.allowed == math.inf
