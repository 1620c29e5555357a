"""Looks for bytes that break a reader, for as long as it is told: `make fuzz`, or `python tests/fuzz/run.py SECONDS`.

Atheris finds its way by what code the bytes reach, and changes values of JSON as well as bytes. Where it is not
installed the same changes are made at random. What breaks a reader is kept in `.fuzz/`, and the exit status is 1.
The time includes the start of each reader. Where it is too short for all, some have a turn, and the next time others.
`python tests/fuzz/run.py TARGET FILE` reads one of these again.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]
FOUND = ROOT / ".fuzz"
SLOWEST_SECONDS = 5.0
STARTING_SECONDS = 120.0
LEAST_SECONDS = 10.0
"""What a reader's turn takes at the least: agentkit is loaded for atheris in about seven seconds."""
BEGUN = time.monotonic()


def main(seconds: float) -> int:
    from fuzz.targets import TARGETS

    FOUND.mkdir(exist_ok=True)
    before = set(FOUND.iterdir())
    workers = os.cpu_count() or 1
    by = "atheris" if find_spec("atheris") else "random changes (atheris is not installed)"
    least = LEAST_SECONDS if find_spec("atheris") else LEAST_SECONDS / 3
    names, share = turn(list(TARGETS), seconds, workers, least=least, kept=FOUND / "next")
    of = f" of {len(TARGETS)}" if len(names) < len(TARGETS) else ""
    print(f"fuzzing {len(names)}{of} readers by {by} for {seconds:g} s, {workers} at a time;", flush=True)
    if of:
        print(f"the time is too short for all, so these have their turn: {', '.join(names)};", flush=True)
    print("each takes some seconds to start, and lines come as each one ends", flush=True)
    with ThreadPoolExecutor(workers) as pool:
        ends = list(pool.map(lambda name: run_alone(name, share), names))
    found = sorted(path for path in set(FOUND.iterdir()) - before if path.suffix == ".txt")
    for path in found:
        print(f"BROKEN {path.relative_to(ROOT)}: {path.read_text().splitlines()[-1]}")
    print(f"found {len(found) or 'nothing'}")
    return 1 if found or not all(ends) else 0


def turn(names: list[str], seconds: float, workers: int, *, least: float, kept: Path) -> tuple[list[str], float]:
    """Who has a turn, and how many seconds each, at least so many. Where not all have one, the next is of others."""
    rounds = min(max(int(seconds // least), 1), math.ceil(len(names) / workers))
    count = min(rounds * workers, len(names))
    if count == len(names):
        return names, seconds / rounds
    first = int(kept.read_text()) % len(names) if kept.exists() else 0
    kept.write_text(str((first + count) % len(names)))
    return [*names, *names][first : first + count], seconds / rounds


def run_alone(name: str, seconds: float) -> bool:
    """Fuzz one target in a process of its own, since libFuzzer ends the process that it runs in; True when it ran."""
    command = [sys.executable, __file__, "--only", name, str(seconds)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=seconds + STARTING_SECONDS, check=False)
    told = [line for line in ended.stdout.splitlines() if line.startswith("tried ")]
    print(f"  {name:32} {told[-1] if told else 'did not begin: ' + ended.stderr[-500:]}", flush=True)
    return bool(told)


def fuzz(name: str, seconds: float) -> None:
    """Change what a target should read, over and over."""
    if find_spec("atheris"):
        fuzz_by_coverage(name, seconds)
    else:
        fuzz_at_random(name, seconds)


def fuzz_at_random(name: str, seconds: float) -> None:
    from fuzz.mutations import mutated
    from fuzz.targets import SEEDS

    seeds = [seed for target, seed in SEEDS if target == name]
    session = Session(name)
    random = Random(time.time_ns())
    until = max(BEGUN + seconds, time.monotonic() + 1)
    while time.monotonic() < until:
        session.read(mutated(random.choice(seeds), random))


def fuzz_by_coverage(name: str, seconds: float) -> None:
    import atheris  # type: ignore[import-not-found, unused-ignore]
    from fuzz.mutations import mutated

    with atheris.instrument_imports(include=["agentkit"]):
        from fuzz.targets import SEEDS
    corpus = ROOT / ".hypothesis" / "fuzz" / name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    for target, seed in SEEDS:
        if target == name:
            (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        changed: bytes = mutated(data, random) if random.random() < 0.5 else atheris.Mutate(data, max_size)
        return changed[:max_size]

    left = seconds - (time.monotonic() - BEGUN)
    options = [f"-max_total_time={max(int(left), 1)}", "-max_len=65536", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], Session(name).read, custom_mutator=mutate)
    atheris.Fuzz()


class Session:
    """One target, and what was tried on it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tried = 0
        self.slowest = 0.0
        self.told = 0.0

    def read(self, data: bytes) -> None:
        """Try these bytes, and keep them when they break the target."""
        from fuzz.targets import TARGETS

        from agentkit.errors import AgentkitError

        begun = time.monotonic()
        try:
            TARGETS[self.name](data)
        except AgentkitError:
            pass
        except Exception:
            self.keep(data, traceback.format_exc())
        now = time.monotonic()
        self.tried += 1
        self.slowest = max(self.slowest, now - begun)
        if now - begun > SLOWEST_SECONDS:
            self.keep(data, f"it took {now - begun:.1f} s to read {len(data)} bytes")
        if now - self.told > 1:
            self.told = now
            print(f"tried {self.tried:,} inputs; the slowest took {self.slowest * 1000:.1f} ms", flush=True)

    def keep(self, data: bytes, reason: str) -> None:
        """Write it down: one file for each place that breaks, not for each input."""
        places = "".join(line for line in reason.splitlines() if line.lstrip().startswith("File "))
        path = FOUND / f"{self.name.replace(' ', '-')}-{sha256(places.encode()).hexdigest()[:8]}"
        if not path.exists():
            path.write_bytes(data)
            path.with_suffix(".txt").write_text(reason)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["-h" | "--help", *_]:
            print(__doc__)
        case ["--only", target, seconds]:
            fuzz(target, float(seconds))
        case [target, file]:
            from fuzz.targets import TARGETS

            TARGETS[target](Path(file).read_bytes())
        case [seconds]:
            sys.exit(main(float(seconds)))
        case _:
            sys.exit(main(600.0))
