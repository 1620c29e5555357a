"""How `make fuzz` shares its time."""

from __future__ import annotations

from pathlib import Path

from fuzz.run import turn

FIVE = ["a", "b", "c", "d", "e"]


def test_all_readers_share_a_time_that_is_long_enough(tmp_path: Path) -> None:
    assert turn(FIVE, 600, 2, least=10, kept=tmp_path / "next") == (FIVE, 200)


def test_of_a_short_time_some_have_a_turn_and_the_next_time_others(tmp_path: Path) -> None:
    turns = [turn(FIVE, 12, 2, least=10, kept=tmp_path / "next") for _ in range(3)]
    assert turns == [(["a", "b"], 12), (["c", "d"], 12), (["e", "a"], 12)]


def test_a_time_that_is_too_short_for_one_is_given_to_one_round(tmp_path: Path) -> None:
    assert turn(FIVE, 3, 1, least=10, kept=tmp_path / "next") == (["a"], 3)
