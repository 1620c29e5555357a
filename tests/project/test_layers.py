"""Imports point down, and nobody takes a side door."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from project.documents import ROOT
from project.sources import PACKAGE, TOOLS, Import, files_of, imports_in, parsed, tracked_files

PUBLIC_MODULES = (
    "agentkit",
    "agentkit.errors",
    "agentkit.events",
    "agentkit.exchange",
    "agentkit.messages",
    "agentkit.models",
    "agentkit.prices",
    "agentkit.sessions",
    "agentkit.testing",
    "agentkit.tracing",
)
LARGEST_FILE_LINES = 600
FORBIDDEN_TEXTS = re.compile(  # spelled so that this file does not hold them
    r"/w[o]rk/(main|steering|shared)|/f[a]rm/|bash[_]jobs|\bthis[ ]session\b|\bC[E]O\b|before[-]stop|index[-]url", re.I
)


def own(found: list[Import]) -> list[Import]:
    return [each for each in found if each.module.partition(".")[0] in ("agentkit", "agentkit_tools")]


@pytest.mark.slow
def test_imports_point_down_floor_by_floor() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(command)], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_floor_is_drawn_in_the_design() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    floors = [set(re.findall(r"\w+", layer)) for layer in layers]
    design = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \|", design, re.M)
    assert [set(re.findall(r"\w+", row)) for row in rows] == floors


def test_no_module_imports_the_package_root() -> None:
    found = [each for file in files_of(PACKAGE) for each in imports_in(parsed(file), file)]
    assert [each.where for each in found if each.module == "agentkit" or each.module.startswith(".")] == []


def test_no_import_is_for_the_type_checker_alone() -> None:
    files = files_of(PACKAGE) + files_of(TOOLS)
    used = [str(file) for file in files for node in ast.walk(parsed(file)) if _names_type_checking(node)]
    assert used == []


def _names_type_checking(node: ast.AST) -> bool:
    return "TYPE_CHECKING" in (getattr(node, "id", ""), getattr(node, "attr", ""))


def test_no_function_imports_a_module_of_ours() -> None:
    found: list[str] = []
    for file in files_of(PACKAGE) + files_of(TOOLS):
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found += [each.where for each in own(imports_in(node, file))]
    assert found == []


def test_the_tool_packs_use_public_names_only() -> None:
    private: list[str] = []
    for file in files_of(TOOLS):
        for each in imports_in(parsed(file), file):
            if not each.module.startswith("agentkit") or each.module.startswith("agentkit_tools"):
                continue
            is_public = each.module in PUBLIC_MODULES and each.name in importlib.import_module(each.module).__all__
            if not is_public:
                private.append(f"{each.where} {each.module}.{each.name}")
    assert private == []


def test_examples_and_pages_are_never_imported() -> None:
    folders = ("tools", "tests", "examples", "docs")
    found = [each for file in files_of(PACKAGE) + files_of(TOOLS) for each in imports_in(parsed(file), file)]
    assert [each.where for each in found if each.module.partition(".")[0] in folders] == []


def test_no_file_is_too_long_to_read() -> None:
    lengths = {str(file): file.read_text(encoding="utf-8").count("\n") for file in files_of(PACKAGE) + files_of(TOOLS)}
    assert {file: lines for file, lines in lengths.items() if lines > LARGEST_FILE_LINES} == {}


def test_no_tracked_file_names_a_place_on_somebodys_machine() -> None:
    found: list[str] = []
    for file in tracked_files():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        match = FORBIDDEN_TEXTS.search(text)
        if match and file.name != ".gitignore":
            found.append(f"{file.relative_to(ROOT)}: {match[0]}")
    assert found == []


def test_nothing_shipped_is_unfinished() -> None:
    marks = ("TODO", "FIXME", "XXX", "NotImplementedError")
    found: list[str] = []
    for file in files_of(PACKAGE) + files_of(TOOLS) + files_of(ROOT / "examples"):
        words = file.read_text(encoding="utf-8").replace("(", " ").replace(":", " ").split()
        found += [f"{file}: {mark}" for mark in marks if mark in words]
    assert found == []
