"""Tools: functions that stay functions, with a compiled tool beside them."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import pytest
from engine import call_once
from pydantic import Field

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, SchemaError
from agentkit.messages import Returned
from agentkit.tools import Context, Tool, as_tool, tool
from agentkit.toolsets import Toolset

pytestmark = pytest.mark.anyio


@tool
def get_weather(city: Annotated[str, Field(description="A city.")], days: int = 1) -> str:
    """Current weather.

    Args:
        days: How far ahead.
    """
    return f"{city} {days}"


async def test_a_decorated_function_is_called_as_before() -> None:
    assert get_weather("Paris", days=2) == "Paris 2"
    assert get_weather.__name__ == "get_weather"
    assert repr(get_weather.tool) == "Tool('get_weather')"


async def test_the_tool_describes_the_function() -> None:
    made = get_weather.tool
    assert (made.name, made.description, made.effect, made.run_alone) == (
        "get_weather",
        "Current weather.",
        None,
        False,
    )
    assert made.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "A city."},
            "days": {"type": "integer", "default": 1, "description": "How far ahead."},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    assert made.definition is made.definition


async def test_options_say_more() -> None:
    @tool(name="erase", description="Erase it.", effect="destructive", approve=True, timeout_seconds=None, strict=True)
    def remove(context: Context, what: str) -> str:
        """Not shown."""
        return what

    made = remove.tool
    assert (made.name, made.description, made.run_alone, made.approve) == ("erase", "Erase it.", True, True)
    assert (made.context_parameter, list(made.parameters["properties"])) == ("context", ["what"])
    assert made.definition.strict is True


class Adder:
    def __init__(self, base: int) -> None:
        self.base = base

    async def __call__(self, number: int) -> int:
        """Add."""
        return self.base + number


def scale(factor: int, number: int) -> int:
    """Scale."""
    return factor * number


class Holder:
    factor = 3

    @tool
    def triple(self, number: int) -> int:
        return self.factor * number


@pytest.mark.parametrize(
    ("source", "name", "value"),
    [(partial(scale, 2), "scale", 8), (Adder(10), "Adder", 14), (Holder().triple, "triple", 12)],
)
async def test_other_callables_are_tools_too(source: Any, name: str, value: int) -> None:
    made = as_tool(source)
    assert made.name == name
    assert await call_once(made, {"number": 4}) == Returned(value)


async def test_a_copy_has_its_own_definition() -> None:
    original = get_weather.tool
    copy = original.copy(name="other", description="Else.")
    assert (copy.definition.name, copy.definition.description) == ("other", "Else.")
    assert original.definition.name == "get_weather"
    with pytest.raises(ConfigurationError, match="a tool has no attribute colour"):
        original.copy(colour="red")


async def test_what_cannot_be_a_tool_is_refused_when_it_is_made() -> None:
    with pytest.raises(ConfigurationError, match="effect 'rite' is unknown; use 'read', 'write' or 'destructive'"):
        tool(effect="rite")(scale)  # type: ignore[call-overload]
    with pytest.raises(SchemaError, match=r"tool 'odd', parameter 'x' \(.*test_tools\.py:\d+\)"):

        @tool
        def odd(x: threading_lock) -> None: ...  # noqa: F821

    with pytest.raises(SchemaError, match="tool 'raw'"):
        Tool.from_schema("raw", "", {"type": "objekt"}, scale)
    with pytest.raises(ConfigurationError, match="a tool needs a name"):
        Tool.from_schema("", "", {"type": "object"}, scale)
    with pytest.raises(ConfigurationError, match="is no tool"):
        as_tool(object())  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="timeout_seconds is 0; give more than 0, or None for no bound"):
        tool(timeout_seconds=0)(scale)
    with pytest.raises(ConfigurationError, match=r"@tool\('Scale.'\) takes words by name: @tool\(description=...\)"):
        tool("Scale.")  # type: ignore[call-overload]


async def test_an_approval_that_could_not_be_asked_is_refused_when_the_tool_is_made() -> None:
    async def is_large(factor: int) -> bool:
        return factor > 10

    for approve in ("yes", is_large):
        with pytest.raises(ConfigurationError, match=r"tool 'scale': approve is .*; give True, False, or a function"):
            tool(approve=approve)(scale)  # type: ignore[arg-type]


async def test_what_is_almost_a_tool_is_refused_with_the_way_to_make_it_one() -> None:
    class Shelf(Toolset):
        pass

    with pytest.raises(ConfigurationError, match=r"Shelf is a class of toolsets; pass one of them: Shelf\(...\)"):
        as_tool(Shelf)
    with pytest.raises(ConfigurationError, match=r"name='clerk', .* is no tool yet; pass its .as_tool\(\)"):
        as_tool(Agent("offline:", name="clerk"))  # type: ignore[arg-type]
