from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentkit.cli.loading import is_agent_name, load_agent, load_tools
from agentkit.errors import ConfigurationError
from agentkit.tools import as_tool
from agentkit.toolsets import Toolset

pytestmark = pytest.mark.usefixtures("folder")


def names(place: str) -> list[str]:
    found: list[str] = []
    for source in load_tools(place):
        found += [tool.name for tool in source.own_tools()] if isinstance(source, Toolset) else [as_tool(source).name]
    return found


def complaint(place: str, *, load: object = load_tools) -> str:
    with pytest.raises(ConfigurationError) as raised:
        load(place)  # type: ignore[operator]
    return str(raised.value)


def test_an_undecorated_file_gives_its_public_functions() -> None:
    assert names("my_tools.py") == ["get_weather", "add"]


def test_decorated_functions_and_toolsets_win_over_plain_functions() -> None:
    assert names("shop.py") == ["find_order", "delete_order", "count_stock"]


def test_one_tool_can_be_named() -> None:
    assert names("shop.py:not_a_tool") == ["not_a_tool"]


def test_a_module_is_found_from_the_current_folder() -> None:
    assert names("my_tools") == ["get_weather", "add"]


def test_a_file_in_a_folder_finds_its_neighbours(folder: Path) -> None:
    (folder / "inside").mkdir()
    (folder / "inside" / "parts.py").write_text("SIDES = 6\n")
    (folder / "inside" / "dice.py").write_text("import parts\n\n\ndef roll() -> int:\n    return parts.SIDES\n")
    assert names("inside/dice.py") == ["roll"]


def test_a_toolset_can_be_made_with_plain_arguments() -> None:
    (made,) = load_tools('shop.py:Stock("cellar")')
    assert getattr(made, "place", None) == "cellar"


def test_a_list_of_tools_can_be_named(folder: Path) -> None:
    (folder / "listed.py").write_text("from my_tools import add, get_weather\nmine = [add, get_weather]\n")
    assert names("listed.py:mine") == ["add", "get_weather"]


def test_a_file_named_twice_is_loaded_once() -> None:
    assert load_tools("my_tools.py:add") == load_tools("my_tools.py:add")


def test_an_agent_is_found_by_name_or_as_the_only_one() -> None:
    assert load_agent("shop.py:support") is load_agent("shop.py")
    assert load_agent("shop:support").name == "support"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("my_tool.py", "the file 'my_tool.py' does not exist; did you mean 'my_tools.py'?"),
        ("nowhere/x.py", "the file 'nowhere/x.py' does not exist"),
        ("my_tool", "no module 'my_tool'; name a module that Python finds from here, or a file.py"),
        ("shop.py:find_ordr", "shop.py has no 'find_ordr'; did you mean 'find_order'?"),
        ('shop.py:Stock("a"', "'Stock(\"a\"' after shop.py: is neither a name nor a call with plain values, "
                              'such as Files(".", writable=True)'),
        ("shop.py:__name__", "shop.py:__name__ is a str; a tool is a function, a Tool, a Toolset or a list of them"),
        ("shop.py:Stock(1, 2)", "shop.py:Stock(1, 2): Stock.__init__() takes from 1 to 2 positional arguments but 3 "
                                "were given; its arguments are (place: 'str' = 'main') -> 'None'"),
    ],
)  # fmt: skip
def test_a_wrong_name_says_what_is_there(place: str, said: str) -> None:
    said = said.replace("'str'", "str").replace("'None'", "None")
    assert complaint(place) == said


def test_an_agent_that_is_none_says_which_there_are() -> None:
    assert complaint("shop.py:find_order", load=load_agent) == (
        "shop.py:find_order is a function, not an Agent; it has shop.py:support"
    )
    assert complaint("my_tools.py", load=load_agent) == (
        "my_tools.py has no agent; to run its functions as tools: --tools my_tools.py"
    )


def test_a_syntax_error_is_told_with_its_line(folder: Path) -> None:
    (folder / "broken.py").write_text("x = 1\ndef f(:\n")
    assert re.fullmatch(r".*/broken\.py, line 2: invalid syntax: def f\(:", complaint("broken.py"))


def test_what_a_file_raises_is_told_with_its_line(folder: Path) -> None:
    (folder / "broken.py").write_text("\nimport nosuch\n")
    assert complaint("broken.py") == (
        "broken.py cannot be loaded: ModuleNotFoundError: No module named 'nosuch' (broken.py, line 2); "
        "--debug shows where"
    )


def test_a_toolset_that_needs_arguments_says_how_to_give_them(folder: Path) -> None:
    (folder / "needy.py").write_text(
        "from agentkit import Toolset\nclass Needy(Toolset):\n    def __init__(self, root: str) -> None: ...\n"
    )
    assert complaint("needy.py") == (
        "the toolset Needy(root) needs arguments: say them, as in 'needy.py:Needy(\".\")', "
        "or make one in the file: my_tools = Needy(...)"
    )


def test_a_file_without_functions_says_what_is_missing(folder: Path) -> None:
    (folder / "empty.py").write_text("")
    assert complaint("empty.py") == (
        "empty.py defines no tools: write a function with a docstring there, or say which name: empty.py:name"
    )


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("shop.py:support", True),
        ("shop.py", True),
        ("folder/shop.py:support", True),
        ("shop:support", True),
        ("team.shop:support", True),
        ("What is up?", False),
        ("hello", False),
        ("Summarize: this", False),
        ("note: buy milk", False),
        ("-", False),
    ],
)
def test_a_prompt_is_told_from_the_name_of_an_agent(text: str, is_name: bool) -> None:
    assert is_agent_name(text) is is_name
