"""Locks of files: one holder at a time, several who only look, and none once the file is closed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentkit.file_lock import try_lock


@pytest.mark.parametrize(
    ("is_first_shared", "is_second_shared", "is_allowed"),
    [(False, False, False), (False, True, False), (True, False, False), (True, True, os.name != "nt")],
)
def test_a_lock_bars_others_in_the_same_process(
    is_first_shared: bool, is_second_shared: bool, is_allowed: bool, tmp_path: Path
) -> None:
    descriptors = [os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT) for _ in range(3)]
    try:
        assert try_lock(descriptors[0], is_shared=is_first_shared)
        assert try_lock(descriptors[1], is_shared=is_second_shared) is is_allowed
    finally:
        for descriptor in descriptors[:2]:
            os.close(descriptor)
    try:
        assert try_lock(descriptors[2])
    finally:
        os.close(descriptors[2])
