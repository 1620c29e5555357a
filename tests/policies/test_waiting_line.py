"""Whose turn it is, and when: the line without an event loop."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import BadRequestError, OverloadedError, RateLimitError, ServerError
from agentkit.policies.allowances import AtOnce, Window
from agentkit.policies.waiting_line import Obstacle, Turn, WaitingLine

NOTHING: Mapping[str, str] = {}
WALL = 1_800_000_000.0


def line(*, requests: float | None = None, tokens: float | None = None, at_once: int | None = None) -> WaitingLine:
    return WaitingLine(
        requests=None if requests is None else Window(requests),
        tokens=None if tokens is None else Window(tokens),
        at_once=AtOnce(at_once),
    )


def ask(waiting: WaitingLine, run: str, *, tokens: float = 0, now: float = 0.0) -> Turn:
    turn = Turn(run, tokens, lambda: None)
    waiting.ask(turn, now)
    return turn


def granted(turns: list[Turn]) -> list[bool]:
    return [turn.is_granted for turn in turns]


def test_requests_go_at_once_while_nothing_is_in_the_way() -> None:
    free = line(requests=2, tokens=100, at_once=2)

    turns = [ask(free, "a", tokens=50), ask(free, "b", tokens=50)]

    assert (granted(turns), free.obstacle, free.waiting) == ([True, True], None, 0)


def test_the_line_says_what_it_waits_for_and_how_long() -> None:
    requests, tokens, at_once = line(requests=1), line(tokens=2_000), line(at_once=1)
    for waiting in (requests, tokens, at_once):
        ask(waiting, "a", tokens=1_500)
        ask(waiting, "a", tokens=1_500, now=12.0)

    assert [waiting.obstacle for waiting in (requests, tokens, at_once)] == [
        Obstacle("1 request per minute", 48.0),
        Obstacle("2,000 tokens per minute", 48.0),
        Obstacle("1 at once", None),
    ]


def test_runs_take_turns_however_many_requests_one_of_them_has() -> None:
    narrow = line(at_once=1)
    first = ask(narrow, "busy")
    busy = [ask(narrow, "busy") for _ in range(3)]
    others = [ask(narrow, "b"), ask(narrow, "c")]

    order: list[Turn] = [first]
    while narrow.waiting:
        narrow.answered(order[-1], tokens=0, was_sent=True, now=0.0)
        order += [turn for turn in [*busy, *others] if turn.is_granted and turn not in order]

    assert [turn.run for turn in order] == ["busy", "busy", "b", "c", "busy", "busy"]


def test_a_request_knows_how_many_go_before_it() -> None:
    narrow = line(at_once=1)
    ask(narrow, "a")
    turns = [ask(narrow, run) for run in ("a", "a", "b", "a", "b")]

    assert [narrow.ahead_of(turn) for turn in turns] == [0, 2, 1, 4, 3]


def test_a_large_request_is_not_passed_by_small_ones() -> None:
    tight = line(tokens=100)
    ask(tight, "a", tokens=60)
    large, small = ask(tight, "b", tokens=80), ask(tight, "c", tokens=1)

    tight.admit(59.0)
    assert granted([large, small]) == [False, False]

    tight.admit(60.0)
    assert granted([large, small]) == [True, True]


def test_what_was_reserved_too_much_is_given_back_when_the_usage_is_known() -> None:
    tight = line(tokens=100)
    first, second = ask(tight, "a", tokens=90), ask(tight, "b", tokens=50)
    assert not second.is_granted

    tight.answered(first, tokens=30, was_sent=True, now=1.0)

    assert second.is_granted


def test_an_answer_of_a_cache_takes_nothing() -> None:
    tight = line(requests=1, tokens=100)
    first, second = ask(tight, "a", tokens=90), ask(tight, "b", tokens=90)

    tight.answered(first, tokens=0, was_sent=False, now=1.0)

    assert second.is_granted


def test_who_gives_up_leaves_the_line_and_gives_back_a_turn_that_came_too_late() -> None:
    narrow = line(requests=2, at_once=1)
    first, second, third, fourth = (ask(narrow, run) for run in ("a", "b", "c", "d"))

    narrow.give_up(second, 0.0)
    narrow.answered(first, tokens=0, was_sent=True, now=0.0)
    assert granted([third, fourth]) == [True, False]

    narrow.give_up(third, 0.0)
    assert fourth.is_granted


def test_a_refusal_halves_what_goes_out_at_once_and_holds_the_line_as_long_as_the_provider_asks() -> None:
    wide = line(at_once=8)
    turns = [ask(wide, "a") for _ in range(8)]
    error = RateLimitError("slow down", retry_after_seconds=5.0)

    for turn in turns:
        wide.saw(turn, NOTHING, error, now=1.0, wall_clock=WALL)
        wide.failed(turn, error, now=1.0)
    more = [ask(wide, "b", now=2.0) for _ in range(5)]

    assert (granted(more), wide.obstacle) == ([False] * 5, Obstacle("the provider's wish to wait", 4.0))
    wide.admit(6.0)
    assert granted(more) == [True] * 4 + [False]
    assert wide.obstacle == Obstacle("4 at once (fewer for now, since the provider pushed back)", None)


def test_an_overload_is_a_refusal_too_and_other_errors_are_not() -> None:
    for error, allowed in ((OverloadedError("busy"), 2), (BadRequestError("no"), 4)):
        wide = line(at_once=4)
        for turn in [ask(wide, "a") for _ in range(4)]:
            wide.failed(turn, error, now=0.0)

        assert sum(granted([ask(wide, "b") for _ in range(9)])) == allowed


def test_what_was_reserved_stays_booked_when_a_request_fails_but_not_when_it_was_refused() -> None:
    for error, is_free in ((RateLimitError("no"), True), (BadRequestError("no"), False)):
        tight = line(tokens=100)
        tight.failed(ask(tight, "a", tokens=90), error, now=0.0)

        assert ask(tight, "b", tokens=90).is_granted is is_free


def test_requests_that_are_sent_again_count() -> None:
    tight = line(requests=4)
    turn = ask(tight, "a")
    for _ in range(2):
        tight.saw(turn, NOTHING, ServerError("broke"), now=1.0, wall_clock=WALL)
    tight.saw(turn, NOTHING, None, now=1.0, wall_clock=WALL)

    assert [ask(tight, "b", now=2.0).is_granted for _ in range(2)] == [True, False]


def test_an_error_inside_a_good_reply_is_no_second_request() -> None:
    tight = line(requests=2)
    turn = ask(tight, "a")
    tight.saw(turn, NOTHING, None, now=1.0, wall_clock=WALL)
    tight.saw(turn, NOTHING, ServerError("broke"), now=1.0, wall_clock=WALL)

    assert ask(tight, "b", now=2.0).is_granted


def test_what_the_provider_says_is_left_is_kept_to() -> None:
    free = line()
    headers = {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "58s",
    }
    turns = [ask(free, "a") for _ in range(2)]

    free.saw(turns[0], headers, None, now=0.0, wall_clock=WALL)
    more = [ask(free, "b") for _ in range(2)]

    assert granted(more) == [True, False]  # two are left, and one went out behind the request that was told so
    assert free.obstacle == Obstacle("the provider's limit of requests", 1.0)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 30), st.booleans()), max_size=30),
    st.integers(1, 3),
)
def test_everybody_gets_a_turn_or_gives_up(asked: list[tuple[str, int, bool]], at_once: int) -> None:
    tight = line(requests=5, tokens=40, at_once=at_once)
    turns = [ask(tight, run, tokens=tokens) for run, tokens, _ in asked]
    for turn, (_, _, gives_up) in zip(turns, asked, strict=True):
        if gives_up:
            tight.give_up(turn, 0.0)
    waiting = [turn for turn, (_, _, gives_up) in zip(turns, asked, strict=True) if not gives_up]
    now = 0.0
    for _ in range(1_000):
        under_way = [turn for turn in waiting if turn.is_granted]
        assert tight.under_way == len(under_way) <= at_once
        for turn in under_way:
            waiting.remove(turn)
            tight.answered(turn, tokens=turn.tokens, was_sent=True, now=now)
        if not waiting:
            break
        now += 1.0
        tight.admit(now)

    assert (waiting, tight.waiting, tight.under_way) == ([], 0, 0)
