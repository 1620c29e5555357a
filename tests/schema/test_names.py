"""Tool names that a provider refuses are mapped, stay unique, and are the same every time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.schema.dialects import Dialect
from agentkit.schema.names import map_names

LEGAL: dict[Dialect, str] = {
    "openai": r"[a-zA-Z0-9_-]{1,64}",
    "anthropic": r"[a-zA-Z0-9_-]{1,128}",
    "gemini": r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
    "bedrock": r"[a-zA-Z0-9_-]{1,64}",
}


def test_legal_names_stay_and_others_are_replaced():
    assert map_names(["files.read", "get_weather", "1st"], "openai") == {
        "files.read": "files_read",
        "get_weather": "get_weather",
        "1st": "1st",
    }
    assert map_names(["files.read", "1st"], "gemini") == {"files.read": "files.read", "1st": "_1st"}


def test_a_replacement_never_takes_the_name_of_another():
    mapped = map_names(["a.b", "a_b", "a/b"], "openai")
    assert mapped["a_b"] == "a_b"
    assert len(set(mapped.values())) == 3


def test_long_names_differ_by_a_mark_of_the_whole_name():
    mapped = map_names(["x" * 70, "x" * 71, "y" * 64], "openai")
    assert mapped["y" * 64] == "y" * 64
    assert len(set(mapped.values())) == 3


@pytest.mark.parametrize("dialect", LEGAL)
@given(names=st.lists(st.text(max_size=150) | st.text("ab._-", max_size=4), unique=True))
def test_any_names_are_mapped_to_legal_unique_ones_in_any_order(dialect: Dialect, names: list[str]):
    mapped = map_names(names, dialect)
    assert list(mapped) == names
    assert len(set(mapped.values())) == len(names)
    assert all(re.fullmatch(LEGAL[dialect], sent) for sent in mapped.values())
    assert map_names(names[::-1], dialect) == mapped
    assert all(sent == name for name, sent in mapped.items() if re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}", name))
