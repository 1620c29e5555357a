"""The command line as tests use it: a folder with a newcomer's files, and commands run in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agentkit.cli.main import main

MY_TOOLS = '''
from typing import Literal


def get_weather(city: str, unit: Literal["c", "f"] = "c") -> str:
    """Current weather for a city.

    Args:
        city: City name.
        unit: Temperature unit.
    """
    return f"21 {unit} and sunny in {city}"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _hidden() -> None: ...
'''

SHOP = '''
from agentkit import Agent, Toolset, tool


@tool(effect="read")
def find_order(number: int) -> dict[str, object]:
    """Find an order by its number."""
    return {"number": number, "status": "shipped"}


@tool(effect="destructive", approve=True)
def delete_order(number: int) -> str:
    """Delete an order."""
    return f"order {number} is gone"


def not_a_tool() -> None: ...


class Stock(Toolset):
    def __init__(self, place: str = "main") -> None:
        self.place = place

    @tool
    def count_stock(self, article: str) -> str:
        """Count the stock of an article."""
        return f"3 {article} in {self.place}"


support = Agent("offline:", tools=[find_order, delete_order], name="support")
'''

VARIABLES = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AGENTKIT_MODEL", "NO_COLOR", "GROQ_API_KEY")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class Shell:
    """Runs `agentkit` in this process, its input and output no terminal."""

    def __call__(self, *arguments: str, input: str = "") -> Ended:
        result = CliRunner().invoke(main, list(arguments), input=input, prog_name="agentkit")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with my_tools.py and shop.py in it; what is imported from it is forgotten afterwards."""
    (tmp_path / "my_tools.py").write_text(MY_TOOLS)
    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def shell(folder: Path) -> Shell:
    return Shell()
