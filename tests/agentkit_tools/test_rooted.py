"""Places in a rooted folder: written at once or not at all, and never over what somebody else has put there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentkit import ToolError
from agentkit_tools.rooted import Root


def test_a_file_that_changed_since_it_was_looked_at_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    with Root(tmp_path).place("a") as place:
        seen = place.existing()
        (tmp_path / "a").write_text("of somebody else")
        with pytest.raises(ToolError, match="was changed by somebody else meanwhile; read it again"):
            place.write(b"mine", over=seen)
    assert {name: (tmp_path / name).read_text() for name in os.listdir(tmp_path)} == {"a": "of somebody else"}


def test_a_file_that_appeared_since_is_not_replaced(tmp_path: Path) -> None:
    with Root(tmp_path).place("a") as place:
        assert place.status() is None
        (tmp_path / "a").write_text("of somebody else")
        with pytest.raises(ToolError, match="exists already"):
            place.write(b"mine", over=None)
    assert {name: (tmp_path / name).read_text() for name in os.listdir(tmp_path)} == {"a": "of somebody else"}


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    root = Root(tmp_path)
    with root.open_file("a") as reader:
        with root.place("a") as place:
            place.write(b"new", over=place.existing())
        assert reader.stream.read() == b"old"
    assert (tmp_path / "a").read_text() == "new"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_says_that_it_is_not_permitted(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ToolError, match="the operating system does not permit it"):
        Root(tmp_path).make_folder("a")


def test_a_root_that_went_away_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "root"
    folder.mkdir()
    root = Root(folder)
    folder.rmdir()
    with pytest.raises(ToolError, match=r"There is no '\.'"), root.open_folder("."):
        pass


def test_a_root_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    root = Root(tmp_path / "root")
    (tmp_path / "root").rmdir()
    (tmp_path / "root").symlink_to("/etc")
    with pytest.raises(ToolError), root.open_file("passwd"):
        pass
