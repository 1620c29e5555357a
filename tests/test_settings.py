"""Settings lie over one another; what says nothing lets the one below through."""

from __future__ import annotations

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
