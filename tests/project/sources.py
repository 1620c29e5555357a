"""The project's own Python files, parsed; and which files git tracks."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from project.documents import ROOT

PACKAGE = ROOT / "agentkit"
TOOLS = ROOT / "tools" / "agentkit_tools"


@dataclass(frozen=True)
class Import:
    """One imported name: `from module import name`, or `import module` with no name."""

    where: str
    module: str
    name: str = ""


def files_of(folder: Path) -> list[Path]:
    """The Python files of a package."""
    return sorted(folder.rglob("*.py"))


def parsed(file: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports_in(tree: ast.AST, file: Path) -> list[Import]:
    """Every import below a node."""
    found: list[Import] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            where = f"{file.relative_to(ROOT)}:{node.lineno}"
            if isinstance(node, ast.Import):
                found += [Import(where, alias.name) for alias in node.names]
            else:
                found += [Import(where, "." * node.level + (node.module or ""), alias.name) for alias in node.names]
    return found


def tracked_files() -> list[Path]:
    """What git tracks; skips the test in a folder that is no clone."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip(f"git does not know the folder {ROOT}: {done.stderr.decode().strip()}")
    names = done.stdout.decode().split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]
