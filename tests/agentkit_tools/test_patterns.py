"""Patterns of names, and regular expressions in a process of their own."""

from __future__ import annotations

import pytest

from agentkit import ToolError
from agentkit_tools.patterns import fits, lines_matching


@pytest.mark.parametrize(
    ("path", "pattern", "does_fit"),
    [
        ("a.py", "*.py", True),
        ("src/deep/a.py", "*.py", True),
        ("a.pyc", "*.py", False),
        ("src/a.py", "src/*.py", True),
        ("src/deep/a.py", "src/*.py", False),
        ("src/deep/a.py", "src/**/*.py", True),
        ("src/a.py", "src/**/*.py", True),
        ("a.py", "**/*.py", True),
        ("a.py", "./a.py", True),
        ("src/a/b/c.py", "**/b/*", True),
        ("src/a/b/c.py", "src/**", True),
        ("src", "src/**", True),
        ("other/a.py", "src/**", False),
        ("src/a1.py", "src/a[0-9].py", True),
        ("A.py", "a.py", False),
    ],
)
def test_fits(path: str, pattern: str, does_fit: bool) -> None:
    assert fits(path, pattern) is does_fit


def test_finds_the_lines_and_the_place_in_them() -> None:
    lines = ["none", "xx Beta", "", "beta \u2028 ü"]
    assert lines_matching("beta", lines, is_case_ignored=True) == [(1, 3), (3, 0)]
    assert lines_matching("ü$", lines, is_case_ignored=False) == [(3, 7)]


@pytest.mark.parametrize("expression", ["(", "a{3,1}", "(?P<1>a)", "\\", "*"])
def test_a_wrong_expression_is_explained(expression: str) -> None:
    with pytest.raises(ToolError, match=r"The regular expression is not valid: .*Correct it"):
        lines_matching(expression, ["a"], is_case_ignored=False)
