"""Usage and cost add up, and what is unknown stays unknown."""

from __future__ import annotations

from agentkit.usage import Cost, Usage


def test_buckets_are_disjoint_and_add_up() -> None:
    usage = Usage(1, 2, 4, 8, 16)
    assert (usage.total_input, usage.total_output, usage.total) == (7, 24, 31)
    assert usage + Usage(10, 20, 40, 80, 160) == Usage(11, 22, 44, 88, 176)
    assert str(Usage(1_000, 500, 0, 20)) == "1,500 tokens in (500 cached), 20 out"


def test_a_cost_that_is_partly_unknown_is_a_lower_bound() -> None:
    assert Cost(0.25) + Cost(0.5) == Cost(0.75)
    assert Cost(0.25) + Cost.unknown == Cost(0.25, is_known=False)
    assert Cost.zero + Cost.zero == Cost.zero
    assert [str(cost) for cost in (Cost.zero, Cost.unknown, Cost(0.0125), Cost(0.25, False))] == [
        "$0", "unknown", "$0.0125", "at least $0.25"
    ]  # fmt: skip


def test_what_costs_very_little_is_not_shown_as_free() -> None:
    shown = [str(Cost(usd)) for usd in (2e-08, 0.000123456, 0.9999999, 123.5)]
    assert shown == ["$0.00000002", "$0.000123", "$1", "$123.5"]
    assert str(Cost(1.2345e-09, is_known=False)) == "at least $0.0000000012"
