"""Whatever comes from outside, every reader gives a value or a typed error. `make fuzz` looks for longer."""

from __future__ import annotations

from random import Random

import pytest
from fuzz.mutations import mutated
from fuzz.targets import SEEDS, TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentkit.errors import AgentkitError

often = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

targets = pytest.mark.parametrize("target", TARGETS)


def read(target: str, data: bytes) -> None:
    try:
        TARGETS[target](data)
    except AgentkitError:
        return


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_reads_what_is_right(seed: int) -> None:
    target, data = SEEDS[seed]
    if target == "texts":
        read(target, data)
    else:
        TARGETS[target](data)


@targets
@often
@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_a_typed_error(target: str, data: bytes) -> None:
    read(target, data)


@targets
@often
@given(st.data())
def test_what_is_nearly_right_gives_a_value_or_a_typed_error(target: str, data: st.DataObject) -> None:
    seed = data.draw(st.sampled_from([seed for name, seed in SEEDS if name == target]))
    read(target, mutated(seed, Random(data.draw(st.integers(0, 2**32)))))
