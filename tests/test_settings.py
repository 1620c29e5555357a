"""Settings lie over one another; what says nothing lets the one below through."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agentkit.errors import ConfigurationError
from agentkit.settings import Deadlines, Settings


def test_later_settings_win_where_they_say_something() -> None:
    base = Settings(temperature=0.5, seed=1, stop=("a",), deadlines=Deadlines(connect_seconds=1))
    over = Settings(temperature=0.0, stream=False)
    assert over.over(base) == Settings(
        temperature=0.0, seed=1, stop=("a",), stream=False, deadlines=Deadlines(connect_seconds=1)
    )
    assert over.over(None) is over
    assert over.over(Settings()) is over
    assert Settings().over(base) == base


def test_headers_do_not_show_in_the_form_for_people() -> None:
    assert "secret" not in repr(Settings(headers={"x-key": "secret"}))


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"attempts": 0}, "attempts is 0, the first request included; give 1 or more"),
        ({"reasoning": "lots"}, "reasoning is 'lots'; use one of none, minimal, low, medium, high, xhigh, max"),
        ({"on_unsupported": "ignore"}, "on_unsupported is 'ignore'; use one of refuse, omit"),
        ({"extra": {"store": True}}, "stand below the name of a provider: extra={'openai': {'store': True}}"),
    ],
)
def test_what_would_be_ignored_in_silence_is_refused(knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        Settings(**knobs)
