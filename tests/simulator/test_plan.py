"""Which requests suffer which faults, and how faults are spelled."""

from __future__ import annotations

import pytest

from agentkit.errors import ConfigurationError
from agentkit.simulator.call_faults import Arguments
from agentkit.simulator.connection_faults import Refused, Reset, Silence, Split
from agentkit.simulator.plan import Plan, Rule, plan_of
from agentkit.simulator.spelling import FAULTS, fields_of, read_fault
from agentkit.simulator.status_faults import Quota, Status
from agentkit.simulator.stream_faults import ErrorInside


def hit(plan: Plan, most: int) -> list[int]:
    return [number for number in range(1, most + 1) if plan.faults_of(number)]


def test_a_bare_fault_falls_upon_every_request() -> None:
    assert hit(plan_of([Status()]), 5) == [1, 2, 3, 4, 5]


def test_a_rule_goes_by_count_and_by_position() -> None:
    assert hit(plan_of([Rule((Status(),), first=2)]), 5) == [1, 2]
    assert hit(plan_of([Rule((Status(),), at=(2, 4))]), 5) == [2, 4]


def test_a_rate_falls_upon_its_share_and_the_same_ones_for_the_same_seed() -> None:
    plan = plan_of([Rule((Status(),), rate=0.1)], seed=3)
    hits = hit(plan, 5_000)
    assert 400 < len(hits) < 600
    assert hits == hit(plan_of([Rule((Status(),), rate=0.1)], seed=3), 5_000)
    assert hits != hit(plan_of([Rule((Status(),), rate=0.1)], seed=4), 5_000)


def test_a_mix_draws_one_of_its_faults_and_rules_add_up() -> None:
    mix = (Status(429), Status(503), Quota())
    plan = plan_of([Rule(mix), Rule((Split(),), at=(1,))])
    drawn = [plan.faults_of(number) for number in range(1, 50)]
    assert {faults[0] for faults in drawn} == set(mix)
    assert [len(faults) for faults in drawn] == [2] + [1] * 48


def test_rules_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="at least one fault"):
        Rule(())
    with pytest.raises(ConfigurationError, match="rate is 5; it has to be a share from 0 to 1"):
        Rule((Status(),), rate=5)
    with pytest.raises(ConfigurationError, match="first is -1; it has to be how many requests"):
        Rule((Status(),), first=-1)
    with pytest.raises(ConfigurationError, match="at has 0; the first request is at 1"):
        Rule((Status(),), at=(2, 0))
    with pytest.raises(ConfigurationError, match="status is 42; an error has one from 300 to 599"):
        Status(42)


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("status", Rule((Status(),))),
        ("status,status=503,wait_seconds=0.5,wait_as=date,first=2", Rule((Status(503, 0.5, "date"),), first=2)),
        ("529", Rule((Status(529),))),
        ("429, wait-seconds=1, at=1+3", Rule((Status(429, 1.0),), at=(1, 3))),
        ("reset,after=events,count=3,is_reset=false", Rule((Reset("events", 3, False),))),
        ("reset|silence|429,rate=0.05", Rule((Reset(), Silence(), Status(429)), rate=0.05)),
        ("split,bytes_at_once=none", Rule((Split(None),))),
        ("refused,seconds=2", Rule((Refused(2.0),))),
        ("arguments,are=null", Rule((Arguments("null"),))),
        ("error-inside,after_events=0", Rule((ErrorInside(after_events=0),))),
    ],
)
def test_faults_are_spelled_in_words(words: str, rule: Rule) -> None:
    assert read_fault(words) == rule


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("silense", "no fault 'silense'; did you mean 'silence'?"),
        ("quota,when=now", "quota has no field 'when'; it has no fields, and first, at, rate"),
        ("reset,after=lunch", "after is 'lunch'; it has to be one of request, headers, bytes, events"),
        ("reset,count=few", "count is 'few'; it has to be a number"),
        ("reset,first", "'first' in 'reset,first' says nothing; write field=value, such as first=2"),
        ("reset,first=x", "first is 'x'; it has to be a number"),
    ],
)
def test_misspelled_faults_are_explained(words: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_fault(words)
    assert str(caught.value) == complaint


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_spelled_and_shows_its_fields(name: str) -> None:
    (fault,) = read_fault(name).faults
    assert fault == FAULTS[name]()
    assert all("=" in field for field in fields_of(FAULTS[name]))
