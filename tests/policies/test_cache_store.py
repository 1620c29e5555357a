"""The file of a cache: how long, how much, for whom; and what is done with files that are none."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from agentkit.errors import NewerVersionError, StateError
from agentkit.policies.cache_store import AnswerStore


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def store(path: Path | None = None, *, clock: Clock | None = None, ttl=None, size=10**6) -> AnswerStore:
    return AnswerStore(path, ttl_seconds=ttl, max_bytes=size, wall_clock=clock or Clock())


def rows(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path)) as connection:
        return [key for (key,) in connection.execute("SELECT key FROM answers ORDER BY key")]


@pytest.mark.parametrize("in_memory", [True, False])
def test_what_was_saved_is_loaded_and_the_last_one_counts(tmp_path: Path, *, in_memory: bool) -> None:
    kept = store(None if in_memory else tmp_path / "deep" / "a.db")
    assert kept.load(b"k") is None
    kept.save(b"k", b"one")
    kept.save(b"k", b"two")
    assert (kept.load(b"k"), kept.load(b"l")) == (b"two", None)
    kept.close()


def test_an_answer_holds_for_its_time_and_is_then_removed(tmp_path: Path) -> None:
    clock = Clock()
    kept = store(tmp_path / "a.db", clock=clock, ttl=60)
    kept.save(b"k", b"one")
    clock.now += 59
    assert kept.load(b"k") == b"one"
    clock.now += 2
    assert kept.load(b"k") is None
    kept.save(b"l", b"two")
    assert rows(tmp_path / "a.db") == [b"l"]
    kept.close()


def test_a_shorter_time_holds_for_what_was_kept_before(tmp_path: Path) -> None:
    clock = Clock()
    long, short = store(tmp_path / "a.db", clock=clock), store(tmp_path / "a.db", clock=clock, ttl=10)
    long.save(b"k", b"one")
    clock.now += 11
    assert (long.load(b"k"), short.load(b"k")) == (b"one", None)
    long.close()
    short.close()


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    clock = Clock()
    kept = store(tmp_path / "a.db", clock=clock, size=5_000)
    for key in (b"a", b"b", b"c", b"d"):
        kept.save(key, b"x" * 1_000)
        clock.now += 60
    kept.load(b"a")
    clock.now += 60
    kept.save(b"e", b"x" * 1_000)
    assert rows(tmp_path / "a.db") == [b"a", b"c", b"d", b"e"]
    assert kept.load(b"b") is None
    kept.close()


def test_the_file_stays_near_its_bound(tmp_path: Path) -> None:
    kept = store(tmp_path / "a.db", size=1_000_000)
    for number in range(1_500):
        kept.save(number.to_bytes(4, "big"), os.urandom(3_000))
    kept.save(b"huge", b"x" * 1_000_001)
    assert kept.load(b"huge") is None
    kept.close()
    assert (tmp_path / "a.db").stat().st_size < 1_500_000


def test_clearing_makes_the_file_small(tmp_path: Path) -> None:
    kept = store(tmp_path / "a.db")
    for number in range(100):
        kept.save(bytes([number]), b"x" * 5_000)
    kept.clear()
    kept.close()
    assert rows(tmp_path / "a.db") == []
    assert (tmp_path / "a.db").stat().st_size < 100_000


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    kept = store(tmp_path / "a.db")
    kept.save(b"k", b"one")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}
    assert len(list(tmp_path.iterdir())) > 1  # the journal beside it too
    kept.close()


def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    kept = store(path)
    kept.save(b"k", b"one")
    kept.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9")
    before = path.read_bytes()
    with pytest.raises(NewerVersionError, match="version 9, this agentkit reads up to 1"):
        store(path).load(b"k")
    assert path.read_bytes() == before


def test_a_database_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id)")
    before = path.read_bytes()
    with pytest.raises(StateError, match="is a database of something else \\(it has a table 'orders'\\)"):
        store(path).save(b"k", b"one")
    with closing(sqlite3.connect(tmp_path / "marked.db")) as connection:
        connection.execute("PRAGMA application_id = 7")
    with pytest.raises(StateError, match="its mark is 0x7"):
        store(tmp_path / "marked.db").load(b"k")
    assert path.read_bytes() == before


def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5_000)
    with pytest.raises(StateError, match="delete it, or name another file"):
        store(path).load(b"k")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used"):
        store(tmp_path / "file" / "a.db").load(b"k")


def test_threads_share_it(tmp_path: Path) -> None:
    kept = store(tmp_path / "a.db")

    def work(start: int) -> None:
        for number in range(start, start + 100):
            kept.save(number.to_bytes(4, "big"), b"x")
            assert kept.load(number.to_bytes(4, "big")) == b"x"

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 400, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows(tmp_path / "a.db")) == 400
    kept.close()


WRITER = """
import os, sys
from agentkit.policies.cache_store import AnswerStore
kept = AnswerStore(sys.argv[1], ttl_seconds=None, max_bytes=200_000)
for number in range(300):
    key = f"{sys.argv[2]} {number}".encode()
    kept.save(key, os.urandom(1_000))
    kept.load(key)
os._exit(0)  # as a process that is killed: nothing is closed
"""


@pytest.mark.slow
def test_processes_share_it_and_one_that_dies_harms_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)]) for number in range(4)]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        size, total = connection.execute("SELECT (SELECT sum(size) FROM answers), size FROM total").fetchone()
    assert size == total <= 200_000


def test_a_forked_process_opens_the_file_anew(tmp_path: Path) -> None:
    kept = store(tmp_path / "a.db")
    kept.save(b"k", b"one")
    kept._owner -= 1  # as after a fork
    assert kept.load(b"k") == b"one"
    kept.close()
