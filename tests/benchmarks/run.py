"""`make bench`: agentkit beside the hand loop on plain httpx, as ratios of client CPU on this machine.

Uses the shared benchmark harness (its server runs in a process of its own, peers take turns) when it is there. agentkit
runs in .venv/bench, an environment with the core dependencies alone. Prints a table and exits 1 when a ratio is above
its limit.

    python tests/benchmarks/run.py [--only W1,W3] [--repeats 5] [--wire openai]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHARED = Path(os.environ.get("AGENTKIT_SHARED") or ROOT.parent / "shared")

LIMITS = {  # workload -> (largest ratio to the httpx hand loop, what it is)
    "W1": (1.15, "agent run: 2 model calls, 1 tool"),
    "W2": (1.25, "8 parallel tools"),
    "W3": (1.0, "a streamed text delta"),
    "W3P": (1.25, "one text delta per millisecond"),
    "W4": (1.0, "a streamed argument delta"),
    "W5": (1.15, "1,000 concurrent runs (beside httpx2-sharded)"),
    "W7": (0.9, "a whole tool schema"),
    "W8_1000": (0.8, "run after 1,000 old messages"),
    "W9": (1.0, "structured output"),
    "W10on": (1.0, "run with tracing on"),
    "W11": (1.0, "50 steps"),
}


def main() -> int:
    """Run the workloads; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(LIMITS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--wire", default="openai-chat", help="our provider and with it the format: openai, anthropic")
    options = parser.parse_args()
    os.environ["BENCH_AGENTKIT_WIRE"] = options.wire
    if not (SHARED / "bench" / "run_all.py").is_file():
        print(f"the shared benchmarks are not at {SHARED / 'bench'}; set AGENTKIT_SHARED to the shared folder")
        return 0
    python = str(ROOT / ".venv" / "bench" / "bin" / "python")
    peers_python = str(ROOT / ".venv" / "bin" / "python")  # it has httpx2
    wanted = options.only.split(",")
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for reference, workloads in (("httpx", [w for w in wanted if w != "W5"]), ("httpx2-sharded", ["W5"])):
            chosen = [w for w in workloads if w in wanted]
            if chosen:
                results |= _measure(python, peers_python, chosen, reference, options.repeats, folder)
    return _report(results, wanted)


def _measure(
    python: str, peers_python: str, workloads: list[str], reference: str, repeats: int, folder: str
) -> dict[str, Any]:
    environment = {
        **os.environ,
        "BENCH_PEERS_PYTHON": peers_python,
        "BENCH_EXTRA_PYTHON": peers_python,
        "BENCH_AGENTKIT_PYTHON": python,
        "BENCH_AGENTKIT_ADAPTER": str(HERE / "agentkit_peer.py"),
    }
    command = [
        *(python, str(SHARED / "bench" / "run_all.py"), "--only", ",".join(workloads)),
        *("--peers", f"{reference},agentkit", "--repeats", str(repeats), "--out", folder),
    ]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    document = json.loads((Path(folder) / "results.json").read_text())
    return {workload: (reference, document["workloads"][workload]) for workload in workloads}


def _report(results: dict[str, Any], wanted: list[str]) -> int:
    status = 0
    print(f"{'':8}{'what':44}{'hand us':>10}{'ours us':>10}{'ratio':>8}{'limit':>8}")
    for workload in wanted:
        reference, rows = results[workload]
        hand, ours = rows.get(reference, {}), rows.get("agentkit", {})
        limit, what = LIMITS[workload]
        if "cpu_per_unit" not in hand or "cpu_per_unit" not in ours:
            print(f"{workload:8}{what:44}  not measured: {hand.get('error') or ours.get('error') or 'no result'}")
            status = 1
            continue
        ratio = ours["cpu_per_unit"] / hand["cpu_per_unit"]
        extra = f"  first delta {ours['ttfd_ms']:.1f} ms, hand {hand['ttfd_ms']:.1f} ms" if "ttfd_ms" in ours else ""
        extra += f"  {ours['rss_per_run_kb']:.0f} kB a run" if "rss_per_run_kb" in ours else ""
        verdict = "" if ratio <= limit else "  ABOVE"
        print(
            f"{workload:8}{what:44}{hand['cpu_per_unit'] * 1e6:10.1f}{ours['cpu_per_unit'] * 1e6:10.1f}"
            f"{ratio:8.2f}{limit:8.2f}{verdict}{extra}"
        )
        status |= ratio > limit
    return status


if __name__ == "__main__":
    sys.exit(main())
