"""What users may import: sorted, complete, there, and described in the docs."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys

import pytest
from project.documents import ROOT
from project.sources import PACKAGE, imports_in, parsed

from agentkit.cli.main import COMMANDS
from agentkit.providers import PROVIDERS

MODULES = (
    "agentkit",
    "agentkit.errors",
    "agentkit.events",
    "agentkit.exchange",
    "agentkit.messages",
    "agentkit.models",
    "agentkit.prices",
    "agentkit.runs",
    "agentkit.sessions",
    "agentkit.testing",
    "agentkit.testing.recording",
    "agentkit.tracing",
    "agentkit_tools.files",
    "agentkit_tools.http",
)
PAGES = [ROOT / "docs" / "reference.md", ROOT / "docs" / "errors.md"]


@pytest.mark.parametrize("name", MODULES)
def test_all_is_sorted_and_every_name_in_it_is_there(name: str) -> None:
    module = importlib.import_module(name)
    names = list(module.__all__)
    assert names == sorted(names)
    assert [each for each in names if not hasattr(module, each)] == []


def test_the_root_tells_type_checkers_exactly_what_it_exports() -> None:
    root = importlib.import_module("agentkit")
    stub = PACKAGE / "__init__.pyi"
    told = {each.name: each.module for each in imports_in(parsed(stub), stub)}
    assert told == {name: root._HOMES[name] for name in root.__all__}


def test_importing_the_root_loads_nothing_of_ours() -> None:
    code = "import sys, agentkit; print([name for name in sys.modules if name.startswith('agentkit.')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_its_place_in_the_reference(name: str) -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    told = set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", " ".join(re.findall(r"`([^`\n]+)`", text))))
    missing = [each for each in importlib.import_module(name).__all__ if each not in told]
    assert missing == []


def test_every_provider_and_every_command_has_its_place_in_the_docs() -> None:
    pages = [ROOT / "docs" / "how-to" / "models.md", *(ROOT / "docs" / "how-to").glob("*.md")]
    told = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`\n]+)`", pages[0].read_text(encoding="utf-8")))))
    assert sorted(set(PROVIDERS) - told) == []
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert [name for name in COMMANDS if f"agentkit {name}" not in text] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_public_class_and_function_has_a_docstring(name: str) -> None:
    module = importlib.import_module(name)
    bare = [
        each
        for each in module.__all__
        if isinstance(value := getattr(module, each), type) or callable(value)
        if isinstance(value, type) or hasattr(value, "__code__")
        if not (value.__doc__ or "").strip()
    ]
    assert bare == []


def test_every_module_says_what_it_is_for() -> None:
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "tools").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]
    assert [str(file) for file in files if not ast.get_docstring(parsed(file))] == []
