"""Tests of an agent with ScriptedModel: no network, no key, the same on every run.

    python examples/test_weather_agent.py
    pytest examples/test_weather_agent.py

A scripted model answers what the test tells it to, and keeps the requests it got. What is tested is your own part:
tools, instructions, output types, what happens when a tool fails.
"""

from __future__ import annotations

from agentkit import Agent, ToolError, tool
from agentkit.messages import Failed, Returned
from agentkit.testing import ScriptedModel, calls


@tool
def get_weather(city: str) -> str:
    """Current weather for a city."""
    if city == "Atlantis":
        raise ToolError("there is no city Atlantis; ask for another one")
    return f"rain in {city}"


def weather_agent(model: ScriptedModel) -> Agent:
    """The agent of the program, with the model that the caller chooses."""
    return Agent(model, tools=[get_weather], instructions="Be brief.")


def test_the_model_is_told_the_weather() -> None:
    model = ScriptedModel(calls(("get_weather", {"city": "Paris"})), "It rains.")
    result = weather_agent(model).run_sync("What is the weather in Paris?")
    assert result.output == "It rains."
    assert model.requests[0].instructions == "Be brief."
    assert model.requests[1].messages[-1].calls[0].outcome == Returned("rain in Paris")


def test_an_unknown_city_is_told_to_the_model() -> None:
    model = ScriptedModel(calls(("get_weather", {"city": "Atlantis"})), "There is no such city.")
    result = weather_agent(model).run_sync("What is the weather in Atlantis?")
    assert result.output == "There is no such city."
    assert result.messages[1].calls[0].outcome == Failed("there is no city Atlantis; ask for another one")


def test_broken_arguments_do_not_end_the_run() -> None:
    model = ScriptedModel(
        calls(("get_weather", '{"town": 3}')),
        calls(("get_weather", "{'city': 'Rome',}")),  # not JSON: repaired, and noted on the span
        "It rains in Rome.",
    )
    result = weather_agent(model).run_sync("What is the weather in Rome?")
    outcomes = [call.outcome for message in result.messages[1:3] for call in message.calls]
    assert [outcome.kind for outcome in outcomes] == ["failed", "returned"]
    assert result.output == "It rains in Rome."


def main() -> None:
    """Run the tests without pytest."""
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"{name}: ok")


if __name__ == "__main__":
    main()
