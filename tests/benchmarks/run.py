"""`make bench`: agentkit beside the hand loop on plain httpx, as ratios of client CPU on this machine.

Uses the shared benchmark harness (its server runs in a process of its own, peers take turns) when it is there. agentkit
runs in .venv/bench, an environment with the core dependencies and those of `fast` alone. Prints a table and exits 1
when a ratio is above its limit.

    python tests/benchmarks/run.py [--only W1,W3] [--repeats 5] [--wire openai] [--transport fast]

`--transport fast` measures the extra of that name, mostly beside a loop on a raw socket: nothing in Python is faster.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHARED = Path(os.environ.get("AGENTKIT_SHARED") or ROOT.parent / "shared")


@dataclass(frozen=True)
class Limit:
    """How many times the CPU of a hand-written loop ours may take."""

    ratio: float
    what: str
    beside: str = "httpx"
    """A peer of the shared harness."""
    first_delta: float = 0.0
    """How many times later than the httpx loop's the first delta may come; 0: not looked at."""


HTTPX = {
    "W1": Limit(1.15, "agent run: 2 model calls, 1 tool"),
    "W2": Limit(1.25, "8 parallel tools"),
    "W3": Limit(1.0, "a streamed text delta"),
    "W3P": Limit(1.25, "one text delta per millisecond"),
    "W4": Limit(1.0, "a streamed argument delta"),
    "W5": Limit(1.15, "1,000 concurrent runs", "httpx2-sharded"),
    "W7": Limit(0.9, "a whole tool schema"),
    "W8_1000": Limit(0.8, "run after 1,000 old messages"),
    "W9": Limit(1.0, "structured output"),
    "W10on": Limit(1.0, "run with tracing on"),
    "W11": Limit(1.0, "50 steps"),
}
FAST = {
    "W1": Limit(3.8, "agent run: 2 model calls, 1 tool", "raw-orjson"),
    "W3": Limit(2.5, "a streamed text delta", "raw-orjson", first_delta=1.5),
    "W3P": Limit(2.5, "one text delta per millisecond", "raw-orjson", first_delta=1.5),
    "W5": Limit(4.0, "1,000 concurrent runs", "raw-orjson"),
    "W8_1000": Limit(0.6, "run after 1,000 old messages"),
}
MOST_KB_PER_RUN = 40


def main() -> int:
    """Run the workloads; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--wire", default="openai-chat", help="our provider and with it the format: openai, anthropic")
    parser.add_argument("--transport", choices=("httpx", "fast"), default="httpx")
    options = parser.parse_args()
    os.environ["BENCH_AGENTKIT_WIRE"] = options.wire
    os.environ["AGENTKIT_TRANSPORT"] = options.transport
    if not (SHARED / "bench" / "run_all.py").is_file():
        print(f"the shared benchmarks are not at {SHARED / 'bench'}; set AGENTKIT_SHARED to the shared folder")
        return 0
    limits = FAST if options.transport == "fast" else HTTPX
    wanted = {name: limits[name] for name in options.only.split(",") if name} or limits
    if any(limit.beside == "raw-orjson" for limit in wanted.values()) and not importlib.util.find_spec("orjson"):
        print("the raw socket loop needs orjson: pip install orjson")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        return _report(_measure(wanted, options.repeats, folder=folder), wanted)


def _measure(wanted: Mapping[str, Limit], repeats: int, *, folder: str) -> dict[str, Any]:
    peers_python = str(ROOT / ".venv" / "bin" / "python")  # it has httpx2 and orjson
    environment = {
        **os.environ,
        "BENCH_PEERS_PYTHON": peers_python,
        "BENCH_EXTRA_PYTHON": peers_python,
        "BENCH_AGENTKIT_PYTHON": str(ROOT / ".venv" / "bench" / "bin" / "python"),
        "BENCH_AGENTKIT_ADAPTER": str(HERE / "agentkit_peer.py"),
    }
    measured: dict[str, Any] = {}
    for peers in sorted({_peers(limit) for limit in wanted.values()}):
        chosen = [name for name, limit in wanted.items() if _peers(limit) == peers]
        command = [
            *(peers_python, str(SHARED / "bench" / "run_all.py"), "--only", ",".join(chosen)),
            *("--peers", ",".join([*peers, "agentkit"]), "--repeats", str(repeats), "--out", folder),
        ]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        document = json.loads((Path(folder) / "results.json").read_text())
        measured |= {name: document["workloads"][name] for name in chosen}
    return measured


def _peers(limit: Limit) -> tuple[str, ...]:
    return tuple(dict.fromkeys((limit.beside, *(["httpx"] if limit.first_delta else []))))


def _report(measured: dict[str, Any], wanted: Mapping[str, Limit]) -> int:
    status = 0
    print(f"{'':8}{'what':36}{'beside':16}{'its us':>10}{'ours us':>10}{'ratio':>8}{'limit':>8}")
    for name, limit in wanted.items():
        rows = measured[name]
        theirs, ours = rows.get(limit.beside, {}), rows.get("agentkit", {})
        if "cpu_per_unit" not in theirs or "cpu_per_unit" not in ours:
            print(f"{name:8}{limit.what:36}  not measured: {theirs.get('error') or ours.get('error') or 'no result'}")
            status = 1
            continue
        ratio = ours["cpu_per_unit"] / theirs["cpu_per_unit"]
        is_above = ratio > limit.ratio
        more = ""
        if "ttfd_ms" in ours:
            httpx = rows.get("httpx", theirs)
            more += f"  first delta {ours['ttfd_ms']:.1f} ms, httpx {httpx['ttfd_ms']:.1f} ms"
            is_above |= bool(limit.first_delta) and ours["ttfd_ms"] > limit.first_delta * httpx["ttfd_ms"]
        if "rss_per_run_kb" in ours:
            more += f"  {ours['rss_per_run_kb']:.0f} kB a run"
            is_above |= ours["rss_per_run_kb"] > MOST_KB_PER_RUN
        print(
            f"{name:8}{limit.what:36}{limit.beside:16}{theirs['cpu_per_unit'] * 1e6:10.1f}"
            f"{ours['cpu_per_unit'] * 1e6:10.1f}{ratio:8.2f}{limit.ratio:8.2f}{'  ABOVE' if is_above else ''}{more}"
        )
        status |= is_above
    return status


if __name__ == "__main__":
    sys.exit(main())
