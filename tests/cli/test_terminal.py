from __future__ import annotations

from agentkit.cli.terminal import Column, cut, printable, table


def test_a_table_is_aligned_without_trailing_spaces() -> None:
    columns = (Column("name"), Column("n", "right"), Column("note"))
    assert table(columns, [["a", "1", ""], ["long", "200", "x"]]) == "name    n  note\na       1\nlong  200  x"


def test_text_from_outside_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\n\tc\x07") == "a?[2Jb\n\tc?"


def test_a_long_text_is_cut_to_one_line() -> None:
    assert cut("one\n two  three", 20) == "one two three"
    assert cut("one\n two  three", 10) == "one two..."
