"""How many requests may be sent again to one host."""

from __future__ import annotations

from agentkit.retry_quotas import RetryQuota, RetryQuotas


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def taken(quota: RetryQuota, times: int) -> int:
    return sum(quota.take() for _ in range(times))


def test_each_host_has_one_quota_that_all_who_ask_share() -> None:
    quotas = RetryQuotas(room=2, clock=Clock())
    first, same, other = quotas.of("a.test"), quotas.of("a.test"), quotas.of("b.test")

    assert (taken(first, 3), taken(same, 3), taken(other, 3)) == (2, 0, 2)


def test_a_quota_that_nobody_keeps_is_forgotten() -> None:
    quotas = RetryQuotas(room=2, clock=Clock())

    assert [taken(quotas.of("a.test"), 3) for _ in range(2)] == [2, 2]


def test_there_is_more_room_while_more_is_under_way() -> None:
    quota = RetryQuota(10, Clock())
    quota.under_way = 1_000

    assert taken(quota, 999) == 210


def test_an_answer_takes_off_a_fifth_and_one_that_took_a_retry_a_whole_one() -> None:
    quota = RetryQuota(3, Clock())
    assert taken(quota, 9) == 3

    for _ in range(4):
        quota.answered(was_retried=False)
    assert taken(quota, 9) == 0

    quota.answered(was_retried=False)
    quota.answered(was_retried=True)
    assert taken(quota, 9) == 2


def test_time_takes_one_off_each_second() -> None:
    clock = Clock()
    quota = RetryQuota(3, clock)
    assert taken(quota, 9) == 3

    clock.now = 2.5

    assert taken(quota, 9) == 2


def test_nothing_is_saved_up_beyond_the_room() -> None:
    clock = Clock()
    quota = RetryQuota(3, clock)
    for _ in range(100):
        quota.answered(was_retried=True)
    clock.now = 1e6

    assert taken(quota, 9) == 3
