from __future__ import annotations

from pathlib import Path

from .conftest import Shell

ZOO = '''
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Literal

from pydantic import Field

from agentkit import Context, ToolError, tool


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: int


@tool
async def take(name: str, count: int, ratio: float = 0.5, is_big: bool = False, tags: list[str] = [],
               color: Color = Color.RED, mode: Literal["a", "b"] | None = None, point: Point | None = None,
               numbers: Annotated[list[int], Field(min_length=1)] = [1]) -> dict:
    """Take many things.

    Args:
        name: The name.
        count: How many.
    """
    return {"name": name, "count": count, "ratio": ratio, "is_big": is_big, "tags": tags, "color": color.value,
            "mode": mode, "point": point, "numbers": numbers}


@tool
def json_too(json: str = "none") -> str:
    """Has a parameter that is named as an option of ours."""
    return json


@tool
def fail(x: int, context: Context[None]) -> str:
    """Fail."""
    context.progress("working")
    raise KeyError(x)


@tool
def expected() -> str:
    """Fail as expected."""
    raise ToolError("the shop is closed")


@tool
def unholdable() -> object:
    """Return what JSON cannot hold."""
    return object()
'''

HELP = """\
Usage: agentkit tools call zoo.py take [OPTIONS]

  Take many things.

Options:
  --name TEXT             The name.  [required]
  --count INT             How many.  [required]
  --ratio NUMBER          [default: 0.5]
  --is-big / --no-is-big  [default: false]
  --tags TEXT             (repeat for more)
  --color [red|blue]      [default: "red"]
  --mode [a|b]
  --point JSON
  --numbers INT           [default: [1]] (repeat for more)
  --json OBJECT           The arguments as one JSON object; options win over it.
  --debug                 Show tracebacks.
  -h, --help              Show this message and exit.
"""


def test_list_shows_one_line_a_tool(shell: Shell) -> None:
    assert shell("tools", "list", "my_tools.py").out == (
        "tool         effect  arguments    what it does\n"
        "get_weather  -       city [unit]  Current weather for a city.\n"
        "add          -       a b          Add two numbers.\n"
    )


def test_list_shows_the_tools_of_an_agent(shell: Shell) -> None:
    document = shell("tools", "list", "shop.py:support", "--json").document
    assert [(tool["name"], tool["effect"], tool["approve"]) for tool in document] == [
        ("find_order", "read", False),
        ("delete_order", "destructive", True),
    ]


def test_schema_is_neutral_or_a_providers(shell: Shell) -> None:
    parameters = {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    named = {"name": "add", "description": "Add two numbers.", "parameters": parameters}
    assert shell("tools", "schema", "my_tools.py", "add").document == named
    assert shell("tools", "schema", "my_tools.py", "add", "--provider", "openai").document == {**named, "strict": True}
    assert [tool["name"] for tool in shell("tools", "schema", "my_tools.py").document] == ["get_weather", "add"]


def test_explain_says_what_each_provider_gets(shell: Shell) -> None:
    assert shell("tools", "explain", "my_tools.py", "get_weather").out == (
        "get_weather\n"
        "  openai     strict\n"
        "    unit enum: kept\n"
        "    unit default: rewritten (said in the description)\n"
        "    unit required: rewritten (optional: null stands for left out)\n"
        "  anthropic  strict\n"
        "    unit enum: kept\n"
        "    unit default: rewritten (said in the description)\n"
        "  gemini     loose\n"
        "    unit enum: kept\n"
        "  bedrock    loose  as it is\n"
    )
    document = shell("tools", "explain", "my_tools.py", "add", "--provider", "gemini", "--json").document
    assert document == [{"tool": "add", "dialects": {"gemini": {"strict": False, "fallback": "", "changes": []}}}]


def test_call_makes_options_of_the_schema(shell: Shell, folder: Path) -> None:
    (folder / "zoo.py").write_text(ZOO)
    assert shell("tools", "call", "zoo.py", "take", "--help").out == HELP
    ended = shell(
        "tools", "call", "zoo.py", "take", "--name", "n", "--count", "3", "--is-big", "--tags", "a", "--tags", "b",
        "--color", "blue", "--mode", "a", "--point", '{"x": 1, "y": 2}', "--numbers", "4",
    )  # fmt: skip
    assert ended.document == {
        "name": "n",
        "count": 3,
        "ratio": 0.5,
        "is_big": True,
        "tags": ["a", "b"],
        "color": "blue",
        "mode": "a",
        "point": {"x": 1, "y": 2},
        "numbers": [4],
    }


def test_call_takes_json_and_options_win_over_it(shell: Shell) -> None:
    assert shell("tools", "call", "my_tools.py", "add", "--json", '{"a": 1, "b": 2}', "--b", "40").out == "41\n"


def test_call_leaves_the_name_json_to_a_tool_that_has_it(shell: Shell, folder: Path) -> None:
    (folder / "zoo.py").write_text(ZOO)
    assert shell("tools", "call", "zoo.py", "json_too", "--json", "mine").out == "mine\n"
    assert shell("tools", "call", "zoo.py", "json_too", "--json-arguments", '{"json": "theirs"}').out == "theirs\n"


def test_call_opens_the_toolset_of_a_method(shell: Shell, folder: Path) -> None:
    (folder / "lamp.py").write_text(
        "from agentkit import Toolset, tool\n\n\n"
        "class Lamp(Toolset):\n"
        "    is_lit = False\n\n"
        "    async def open(self) -> None:\n        self.is_lit = True\n\n"
        "    @tool\n"
        '    def look(self) -> bool:\n        """Look."""\n        return self.is_lit\n'
    )
    assert shell("tools", "call", "lamp.py", "look").out == "true\n"


def test_wrong_arguments_are_told_as_options(shell: Shell, folder: Path) -> None:
    (folder / "zoo.py").write_text(ZOO)
    for arguments, said in (
        (["--name", "x"], "--count: required, but missing (integer: How many.)"),
        (["--name", "x", "--count", "many"], "Invalid value for '--count': 'many' is not a valid integer."),
        (["--name", "x", "--count", "1", "--point", '{"x"'], '--point: should be an object; got "{\\"x\\""'),
        (["--name", "x", "--count", "1", "--size", "2"], "No such option: --size Did you mean --is-big?"),
    ):
        ended = shell("tools", "call", "zoo.py", "take", *arguments)
        assert ended.code == 2
        assert ended.err.splitlines()[-1].startswith(f"Error: {said.split(' Did')[0].split(':')[0]}")
    for text, said in (("{", "--json is not JSON: "), ("[1]", "--json should be a JSON object such as ")):
        ended = shell("tools", "call", "zoo.py", "take", "--json", text)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.startswith(f"error: {said}")


def test_what_a_tool_raises_is_one_line(shell: Shell, folder: Path) -> None:
    (folder / "zoo.py").write_text(ZOO)
    failed = shell("tools", "call", "zoo.py", "fail", "--x", "1")
    assert (failed.code, failed.out) == (1, "")
    assert failed.err == "working\nerror: fail failed: KeyError: 1; --debug shows where\n"
    assert shell("tools", "call", "zoo.py", "expected").err == "error: the shop is closed\n"
    assert shell("tools", "call", "zoo.py", "unholdable").err == (
        "error: unholdable returned what JSON cannot hold: Unable to serialize unknown type: <class 'object'>\n"
    )


def test_an_unknown_tool_gets_the_nearest_one(shell: Shell) -> None:
    for command in ("schema", "explain", "call"):
        ended = shell("tools", command, "my_tools.py", "get_wether")
        assert (ended.code, ended.err) == (1, "error: no tool 'get_wether'; did you mean 'get_weather'?\n")
    ended = shell("tools", "call", "my_tools.py")
    assert (ended.code, ended.err.splitlines()[-1]) == (2, "Error: say which tool: get_weather, add")


def test_the_tool_pack_is_reached_by_name(shell: Shell, folder: Path) -> None:
    (folder / "notes.txt").write_text("hello\n")
    document = shell("tools", "call", 'agentkit_tools.files:Files(".")', "read_file", "--path", "notes.txt").document
    assert document["text"] == "hello\n"
