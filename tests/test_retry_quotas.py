"""How many requests may be sent again to one host."""

from __future__ import annotations

from agentkit.retry_quotas import RetryQuotas


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def emptied(clock: Clock, *, capacity: float = 3) -> RetryQuotas:
    quotas = RetryQuotas(capacity=capacity, clock=clock)
    while quotas.take("a.test"):
        pass
    return quotas


def test_each_host_has_tokens_of_its_own() -> None:
    quotas = RetryQuotas(capacity=2, clock=Clock())

    assert [quotas.take("a.test") for _ in range(3)] == [True, True, False]
    assert quotas.take("b.test")


def test_an_answer_gives_back_a_fifth_and_one_that_took_a_retry_a_whole_one() -> None:
    quotas = emptied(Clock())

    for _ in range(4):
        quotas.answered("a.test", was_retried=False)
    assert not quotas.take("a.test")

    quotas.answered("a.test", was_retried=False)
    assert [quotas.take("a.test"), quotas.take("a.test")] == [True, False]

    quotas.answered("a.test", was_retried=True)
    assert quotas.take("a.test")


def test_time_gives_one_back_each_second() -> None:
    clock = Clock()
    quotas = emptied(clock)

    clock.now = 2.5

    assert [quotas.take("a.test") for _ in range(3)] == [True, True, False]


def test_a_host_that_has_all_its_tokens_is_forgotten() -> None:
    clock = Clock()
    quotas = emptied(clock)
    clock.now = 600.0

    quotas.answered("a.test", was_retried=False)

    assert quotas.spent == {}
