"""The declared output: asked for natively or by a tool, complained about, cut, refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import pytest
from engine import elsewhere, outcomes
from pydantic import BaseModel, Field

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, ContentFilteredError, OutputError, SchemaError
from agentkit.events import OutputRejected
from agentkit.messages import AssistantMessage, Failed, Returned, Text
from agentkit.models import Capabilities
from agentkit.output import Output, plan_output
from agentkit.testing import ScriptedModel, Turn, calls
from agentkit.tools import tool

pytestmark = pytest.mark.anyio


class Order(BaseModel):
    item: str
    count: int = Field(ge=1)


class Refund(BaseModel):
    reason: str


@dataclass
class Point:
    x: int
    y: int


class City(TypedDict):
    name: str


ORDER_SCHEMA = {
    "type": "object",
    "properties": {"item": {"type": "string"}, "count": {"type": "integer", "minimum": 1}},
    "required": ["item", "count"],
    "additionalProperties": False,
}

CASES: list[tuple[Any, str, Any]] = [
    (Order, '{"item": "pear", "count": 2}', Order(item="pear", count=2)),
    (Point, '{"x": 1, "y": 2}', Point(1, 2)),
    (City, '{"name": "Rome"}', {"name": "Rome"}),
    (ORDER_SCHEMA, '{"item": "pear", "count": 2}', {"item": "pear", "count": 2}),
    (list[int], '{"value": [1, 2]}', [1, 2]),
    (int, '{"value": 7}', 7),
    (Literal["yes", "no"], '{"value": "no"}', "no"),
    ({"type": "array", "items": {"type": "integer"}}, '{"value": [1, 2]}', [1, 2]),
    (dict[str, int], '{"a": 1}', {"a": 1}),
]


@pytest.mark.parametrize(("declared", "answer", "value"), CASES)
async def test_an_answer_is_asked_for_natively_and_read(declared: Any, answer: str, value: Any) -> None:
    model = ScriptedModel(answer)
    result = await Agent(model, output=declared).run("go")
    assert result.output == value
    assert type(result.output) is type(value)
    (request,) = model.requests
    assert request.tools == ()
    assert request.output is not None
    assert request.output.schema["type"] == "object"


@pytest.mark.parametrize(("declared", "answer", "value"), CASES)
async def test_an_answer_is_asked_for_by_a_tool_where_the_model_has_nothing_else(
    declared: Any, answer: str, value: Any
) -> None:
    model = ScriptedModel(calls(("final_result", answer)), capabilities=Capabilities(structured_output=False))
    result = await Agent(model, output=declared).run("go")
    assert result.output == value
    (request,) = model.requests
    assert [offered.name for offered in request.tools] == ["final_result"]
    assert request.output is None
    assert request.settings.tool_choice == "required"
    assert outcomes(result.messages) == [Returned("The answer was taken.")]


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ('{"value": {"item": "a", "count": 1}}', Order(item="a", count=1)),
        ('{"value": {"reason": "b"}}', Refund(reason="b")),
    ],
)
async def test_one_of_several_types_is_read_natively(answer: str, value: Any) -> None:
    assert (await Agent(ScriptedModel(answer), output=[Order, Refund]).run("go")).output == value
    assert (await Agent(ScriptedModel(answer), output=Order | Refund).run("go")).output == value  # type: ignore[arg-type]


async def test_one_of_several_types_is_read_by_tools_of_their_names() -> None:
    model = ScriptedModel(calls(("final_result_Refund", {"reason": "b"})))
    result = await Agent(model, output=Output([Order, Refund], by="tool")).run("go")
    assert result.output == Refund(reason="b")
    assert [offered.name for offered in model.requests[0].tools] == ["final_result_Order", "final_result_Refund"]


@pytest.mark.parametrize("declared", [[str, Order], str | Order])
async def test_text_or_a_type(declared: Any) -> None:
    assert (await Agent(ScriptedModel("just words"), output=declared).run("go")).output == "just words"
    model = ScriptedModel(calls(("final_result", {"item": "a", "count": 1})))
    assert (await Agent(model, output=declared).run("go")).output == Order(item="a", count=1)
    assert model.requests[0].settings.tool_choice is None


@tool
def look() -> str:
    return "seen"


async def test_other_calls_beside_the_answer_are_made_and_the_first_answer_counts() -> None:
    made = calls(("look", {}), ("final_result", {"item": "a", "count": 1}), ("final_result", {"item": "b", "count": 2}))
    result = await Agent(ScriptedModel(made), tools=[look], output=Output(Order, by="tool")).run("go")
    assert result.output == Order(item="a", count=1)
    taken = Returned("The answer was taken.")
    assert outcomes(result.messages) == [Returned("seen"), taken, taken]


@pytest.mark.parametrize(
    "answer",
    ['```json\n{"item": "pear", "count": 2}\n```', '{"item": "pear", "count": 2,}', "{'item': 'pear', 'count': 2}"],
)
async def test_well_known_slips_are_repaired(answer: str) -> None:
    assert (await Agent(ScriptedModel(answer), output=Order).run("go")).output == Order(item="pear", count=2)


async def test_a_wrong_answer_is_complained_about_and_corrected() -> None:
    model = ScriptedModel('{"item": "pear", "count": 0}', '{"item": "pear", "count": 1}')
    async with Agent(model, output=Order).stream("go") as stream:
        told = [event async for event in stream if isinstance(event, OutputRejected)]
    assert stream.result.output == Order(item="pear", count=1)
    complaint = model.requests[1].messages[-1].text
    assert complaint.startswith("Your answer is not what was asked for:\ncount: should be greater than or equal to 1")
    assert told == [OutputRejected(1, complaint)]


async def test_a_wrong_answer_by_tool_is_complained_about_and_corrected() -> None:
    model = ScriptedModel(
        calls(("final_result", {"item": "pear"})), "words", calls(("final_result", {"item": "pear", "count": 1}))
    )
    result = await Agent(model, output=Output(Order, by="tool")).run("go")
    assert result.output == Order(item="pear", count=1)
    failed = outcomes(result.messages)[0]
    assert isinstance(failed, Failed)
    assert "count: required, but missing" in failed.message
    assert model.requests[2].messages[-1].text == (
        "You answered in plain text. Give the answer by calling the tool final_result."
    )


async def test_a_model_that_never_gets_it_right_ends_in_an_error_with_its_state() -> None:
    with pytest.raises(OutputError, match="no valid output in 3 attempts") as caught:
        await Agent(ScriptedModel("a", "b", "c"), output=Order).run("go")
    assert caught.value.text == "c"
    assert len(caught.value.complaints) == 3
    assert caught.value.state is not None
    assert caught.value.usage is not None
    fixed = Agent(ScriptedModel("d", '{"item": "pear", "count": 1}'), output=Order)
    result = await fixed.resume(elsewhere(caught.value.state), prompt="once more, as JSON")
    assert result.output == Order(item="pear", count=1)


async def test_a_model_that_never_calls_the_tool_right_ends_in_an_error_that_says_why() -> None:
    model = ScriptedModel(*[calls(("final_result", {"item": "pear", "count": -1}))] * 2)
    with pytest.raises(OutputError, match="no valid output in 2 attempts") as caught:
        await Agent(model, tools=[look], output=Output(Order, by="tool", attempts=2)).run("go")
    assert len(caught.value.complaints) == 2
    assert "count: should be at least 1; got -1" in caught.value.complaints[0]
    again = ScriptedModel(calls(("look", {})), calls(("final_result", {"item": "pear", "count": 1})))
    assert caught.value.state is not None
    result = await Agent(again, tools=[look], output=Output(Order, by="tool", attempts=2)).resume(caught.value.state)
    assert result.output == Order(item="pear", count=1)


async def test_an_answer_that_was_cut_is_told_so() -> None:
    model = ScriptedModel(Turn('{"item": "pe', finish="length"), '{"item": "pear", "count": 1}')
    await Agent(model, output=Order).run("go")
    assert model.requests[1].messages[-1].text == (
        "Your answer was cut by the limit of output tokens. Answer again, shorter, in valid JSON."
    )


async def test_text_that_was_cut_is_given_with_its_reason() -> None:
    result = await Agent(ScriptedModel(Turn("half", finish="length"))).run("go")
    assert (result.output, result.finish) == ("half", "length")


@pytest.mark.parametrize(
    "message",
    [
        AssistantMessage((Text("I will not.", is_refusal=True),)),
        AssistantMessage((Text("I will not."),), finish="refusal"),
    ],
)
@pytest.mark.parametrize("declared", [str, Order])
async def test_a_refusal_is_an_error_with_its_words_and_state(message: AssistantMessage, declared: Any) -> None:
    from agentkit.exchange import Response

    with pytest.raises(ContentFilteredError, match=r"refused to answer: I will not\.; rephrase the prompt") as caught:
        await Agent(ScriptedModel(Response(message)), output=declared).run("go")
    assert caught.value.state is not None
    result = await Agent(ScriptedModel("fine")).resume(caught.value.state, prompt="please")
    assert result.output == "fine"


async def test_a_content_filter_is_an_error() -> None:
    with pytest.raises(ContentFilteredError, match="stopped on its content filter"):
        await Agent(ScriptedModel(Turn("", finish="content_filter"))).run("go")


def test_a_type_that_no_model_can_be_told_of_is_refused_at_once() -> None:
    class Strange:
        def __init__(self, x: Any) -> None: ...

    with pytest.raises(SchemaError):
        Agent(ScriptedModel(), output=Strange)
    with pytest.raises(SchemaError):
        Agent(ScriptedModel(), output={"type": "objekt"})


def test_no_type_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="leave output out for text"):
        Agent(ScriptedModel(), output=[])


async def test_a_type_or_a_schema() -> None:
    model = ScriptedModel(calls(("final_result_Point", {"x": 1, "y": 2})))
    declared: Any = [Point, {"title": "Order", **ORDER_SCHEMA}]
    assert (await Agent(model, output=declared).run("go")).output == Point(1, 2)


def test_a_plan_reads_partial_values() -> None:
    plan = plan_output(list[int], is_native=True)
    assert plan.read_partial('{"value": [1, 2') == [1, 2]
    assert plan.read_partial("{") is None
    assert plan_output(str, is_native=True).read_partial("") is None


async def test_knobs_that_say_nothing_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Output\(by='magic'\) is unknown; use 'auto', 'native' or 'tool'"):
        Output(int, by="magic")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"Output\(attempts=0\) leaves no answer; give 1 or more"):
        Output(int, attempts=0)
    with pytest.raises(ConfigurationError, match="output=None would take nothing but null"):
        Agent(ScriptedModel(), output=None)  # type: ignore[call-overload]
