"""Runs the code of one page in this process and reports, as JSON, what each block printed or how it failed.

python run_page.py PAGE REPORT
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import traceback
import types
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from project.documents import Block, blocks_of, commands_of, matches

COMMAND_SECONDS = 60


def main(page: Path, report: Path) -> None:
    """Run the blocks in order; stop at the first that fails."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module  # where annotations of the page's classes are looked up
    printed, problem, ran = "", "", 0
    for block in blocks_of(page):
        where = f"{page.name}:{block.line}"
        if block.kind == "python" and "sketch" in block.words:
            compile(block.text, where, "exec")
        elif block.kind == "python" and block.file:
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.kind == "python":
            printed, problem = _run_python(block, page, module)
            ran += 1
        elif block.kind == "console" and "run" in block.words:
            problem = _run_console(block)
            ran += 1
        elif block.words == ("output",) and not matches(block.text, printed):
            problem = f"the page says:\n{block.text}\nand the block before it printed:\n{printed}"
        if problem:
            problem = f"{where}: {problem}"
            break
    report.write_text(json.dumps({"ran": ran, "problem": problem}))


def _run_python(block: Block, page: Path, module: types.ModuleType) -> tuple[str, str]:
    kept = io.StringIO()
    code = "\n" * (block.line - 1) + block.text  # so that a traceback names the page's lines
    try:
        with contextlib.redirect_stdout(kept), contextlib.redirect_stderr(kept):
            exec(compile(code, str(page), "exec"), vars(module))
    except Exception:
        return kept.getvalue(), traceback.format_exc()
    return kept.getvalue(), ""


def _run_console(block: Block) -> str:
    for command, said in commands_of(block):
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            stdin=subprocess.DEVNULL,
        )
        printed = done.stdout + done.stderr
        if said.strip():
            if not matches(said, printed):
                return (
                    f"$ {command}\nthe page says:\n{said}\nand it printed (exit status {done.returncode}):\n{printed}"
                )
        elif done.returncode:
            return f"$ {command}\nexit status {done.returncode}:\n{printed}"
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
