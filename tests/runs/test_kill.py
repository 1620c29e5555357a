"""`kill -9` at random moments: every run goes on, nothing finished is done again, nothing destructive happens twice.

AGENTKIT_KILLS="200,50" makes 200 runs and kills 50 times; the default is smaller.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

WORKER = Path(__file__).with_name("shop_worker.py")
RUNS, KILLS = (int(part) for part in os.environ.get("AGENTKIT_KILLS", "40,8").split(","))
SEED = int(os.environ.get("AGENTKIT_KILLS_SEED", "1"))
LONGEST_SECONDS = 0.08

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")


@dataclass
class Watched:
    """What the store and the tools' log said at each kill."""

    store: Path
    log: Path
    finished: list[tuple[int, set[str]]] = field(default_factory=list)
    """How long the log was, and which calls had ended."""

    def look(self) -> None:
        if self.store.exists():
            # What had ended is read before the length of the log: what it says of those calls later is too much.
            ended = {key for key, _ in self.ended()}
            self.finished.append((len(self.lines()), ended))

    def ended(self) -> list[tuple[str, str]]:
        """Calls that ended, by key, with the kind of their outcome."""
        return [(f"{run}/{record['step']}.{record['position']}", record["outcome"]["kind"])
                for run, record in self.records() if record["kind"] == "call_ended"]  # fmt: skip

    def records(self) -> list[tuple[str, dict[str, Any]]]:
        with closing(sqlite3.connect(self.store)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'agentkit_records'").fetchone():
                return []  # killed before the first record
            rows = connection.execute("SELECT run, record FROM agentkit_records ORDER BY id").fetchall()
        return [(run, json.loads(record)) for run, record in rows]

    def lines(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


def start(watched: Watched, number: int) -> subprocess.Popen[str]:
    loop = ("asyncio", "trio")[number % 2]
    command = [sys.executable, str(WORKER), str(watched.store), str(watched.log), str(RUNS), loop]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    return worker


def killed(worker: subprocess.Popen[str], seconds: float) -> bool:
    """Whether it had to be killed; it may have come to its end before."""
    try:
        worker.wait(seconds)
    except subprocess.TimeoutExpired:
        worker.kill()
    code = worker.wait()
    assert worker.stdout is not None
    worker.stdout.close()
    assert code in (0, -9)
    return code != 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_runs_survive_kills_at_random_moments(tmp_path: Path) -> None:
    watched, chance, kills = Watched(tmp_path / "runs.db", tmp_path / "log"), random.Random(SEED), 0
    while kills < KILLS and killed(start(watched, kills), chance.uniform(0, LONGEST_SECONDS)):
        kills += 1
        watched.look()
    last = start(watched, kills)
    assert not killed(last, 300)

    statuses = Counter(record["kind"] for run, record in watched.records() if "/" not in run)
    assert statuses["run_began"] == statuses["ended"] == RUNS
    lines, ended = watched.lines(), watched.ended()
    began = Counter(line["key"] for line in lines if line["kind"] == "began")
    effects = Counter(line["key"] for line in lines if line["kind"] == "effect")
    ships = {line["key"] for line in lines if line["tool"] == "ship"}
    again = [line["key"] for length, done in watched.finished for line in lines[length:] if line["key"] in done]
    assert again == [], "finished calls were made again"
    assert {key for key in ships if began[key] > 1 or effects[key] > 1} == set(), "destructive calls were made twice"
    assert Counter(key for key, _ in ended).most_common(1)[0][1] == 1
    assert {key for key, outcome in ended if key in ships and outcome == "returned" and effects[key] != 1} == set()
    lost = Counter(outcome for _, outcome in ended)["lost"]
    reads_again = sum(count - 1 for key, count in began.items() if key not in ships)
    resumed = sum(record["kind"] == "resumed" for run, record in watched.records() if "/" not in run)
    print(
        f"{RUNS} runs, {kills} kills: all finished, {resumed} times a run went on; {len(ended)} calls ended once, "
        f"{len(effects)} destructive effects, none twice; {lost} calls Lost, {reads_again} reads made again"
    )
    assert kills == KILLS, "the work was over before it was killed so often; give it more runs"
