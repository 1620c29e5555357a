from __future__ import annotations

from .conftest import Shell


def test_each_shell_has_its_script(shell: Shell) -> None:
    for name, first in (
        ("bash", "_agentkit_completion() {"),
        ("zsh", "#compdef agentkit"),
        ("fish", "function _agentkit_completion;"),
    ):
        ended = shell("completion", name)
        assert (ended.code, ended.out.splitlines()[0]) == (0, first)
        assert "_AGENTKIT_COMPLETE" in ended.out


def test_another_shell_is_wrong_usage(shell: Shell) -> None:
    assert shell("completion", "tcsh").code == 2
