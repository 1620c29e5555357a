"""The machine: what it needs next, what it refuses, and the way back to any step."""

from __future__ import annotations

from typing import Any

import pytest

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, NewerVersionError, StateError
from agentkit.loop import (
    AwaitApproval,
    CallModel,
    CallTools,
    Finish,
    OpenCall,
    advance,
    fold,
    fork,
    next_need,
    state_from_json,
    state_to_json,
)
from agentkit.messages import AssistantMessage, Denied, Returned, Text, ToolCall, user_message
from agentkit.records import (
    Answered,
    CallDecided,
    CallEnded,
    CallPaused,
    Ended,
    Interrupted,
    Prompted,
    Record,
    Rejected,
    Resumed,
    RunBegan,
)
from agentkit.testing import ScriptedModel, calls
from agentkit.tools import tool
from agentkit.usage import Cost, Usage

BEGAN = RunBegan("r", (user_message("go"),), "agent")
CALLS = (ToolCall("1", "a", "{}"), ToolCall("2", "b", "{}"))
ASKED = Answered(1, AssistantMessage(CALLS, usage=Usage(1)), Cost(0.5))
SAID = AssistantMessage((Text("done"),), usage=Usage(2))


def test_the_model_is_needed_first() -> None:
    assert next_need(fold([BEGAN])) == CallModel(1, (user_message("go"),))


def test_calls_are_needed_after_an_answer_that_makes_them() -> None:
    state = fold([BEGAN, ASKED])
    assert next_need(state) == CallTools(1, (OpenCall(1, 0, CALLS[0]), OpenCall(1, 1, CALLS[1])))
    assert state.messages == (user_message("go"),)
    assert not state.visible_messages[-1].is_settled


def test_the_model_is_needed_again_when_all_calls_have_ended_in_any_order() -> None:
    state = fold([BEGAN, ASKED, CallEnded(1, 1, Returned("b"))])
    assert next_need(state) == CallTools(1, (OpenCall(1, 0, CALLS[0]),))
    advance(state, CallEnded(1, 0, Returned("a"), usage=Usage(3), cost=Cost(0.25)))
    settled = ASKED.message.with_outcomes({0: Returned("a"), 1: Returned("b")})
    assert next_need(state) == CallModel(2, (user_message("go"), settled))
    assert (state.usage, state.cost, state.tool_calls) == (Usage(4), Cost(0.75), 2)


def test_a_person_is_needed_when_nothing_else_can_be_done() -> None:
    paused = CallPaused(1, 0, "sure?")
    state = fold([BEGAN, ASKED, paused])
    assert next_need(state) == CallTools(1, (OpenCall(1, 1, CALLS[1]),))
    advance(state, CallEnded(1, 1, Returned("b")))
    assert next_need(state) == AwaitApproval((OpenCall(1, 0, CALLS[0], paused=paused, turn=1),))
    advance(state, CallDecided(1, 0, is_approved=True, arguments='{"x":1}'))
    changed = ToolCall("1", "a", '{"x":1}')
    assert next_need(state) == CallTools(1, (OpenCall(1, 0, changed, is_approved=True, paused=paused, turn=1),))


def test_a_no_settles_the_call() -> None:
    state = fold([BEGAN, ASKED, CallPaused(1, 0), CallEnded(1, 1, Returned("b"))])
    advance(state, CallDecided(1, 0, is_approved=False, reason="no"))
    assert state.messages[-1] == ASKED.message.with_outcomes({0: Denied("no"), 1: Returned("b")})


def test_an_answer_without_calls_finishes_and_a_complaint_or_a_prompt_goes_on() -> None:
    state = fold([BEGAN, Answered(1, SAID)])
    assert next_need(state) == Finish(SAID)
    advance(state, Rejected(1, "no"))
    assert next_need(state) == CallModel(2, (user_message("go"), SAID, user_message("no")))
    advance(state, Answered(2, SAID))
    advance(state, Ended(2))
    assert next_need(state) == Finish(SAID, None, is_ended=True)
    advance(state, Prompted(user_message("more")))
    assert isinstance(next_need(state), CallModel)


def test_half_an_answer_is_asked_for_again() -> None:
    half = AssistantMessage((Text("ha"),), finish="cancelled")
    state = fold([BEGAN, Interrupted(1, half)])
    assert state.messages[-1] == half
    advance(state, Resumed())
    assert next_need(state) == CallModel(1, (user_message("go"),))


IMPOSSIBLE: list[tuple[list[Record], Record]] = [
    ([BEGAN], BEGAN),
    ([BEGAN], Answered(2, SAID)),
    ([BEGAN, ASKED], Answered(2, SAID)),
    ([BEGAN], CallEnded(0, 0, Returned("a"))),
    ([BEGAN, ASKED], CallEnded(1, 2, Returned("a"))),
    ([BEGAN, ASKED], CallEnded(1, -1, Returned("a"))),
    ([BEGAN, ASKED], CallEnded(2, 0, Returned("a"))),
    ([BEGAN, ASKED, CallEnded(1, 0, Returned("a"))], CallEnded(1, 0, Returned("b"))),
    ([BEGAN, ASKED, CallEnded(1, 0, Returned("a"))], CallPaused(1, 0)),
    ([BEGAN], CallPaused(1, 0)),
    ([BEGAN, ASKED], CallDecided(1, 0, is_approved=True)),
    ([BEGAN, ASKED], Prompted(user_message("more"))),
]


@pytest.mark.parametrize(("journal", "record"), IMPOSSIBLE)
def test_what_cannot_follow_is_refused_and_changes_nothing(journal: list[Record], record: Record) -> None:
    state = fold(journal)
    with pytest.raises(StateError):
        advance(state, record)
    assert state.journal == journal
    assert state_to_json(state) == state_to_json(fold(journal))


def test_every_record_survives_json() -> None:
    half = AssistantMessage((Text("ha"),), finish="cancelled")
    journal = [
        BEGAN, ASKED, CallPaused(1, 0, "sure?", {"version": 1}), CallEnded(1, 1, Returned([1])),
        CallDecided(1, 0, is_approved=True, arguments="{}", inner={"1": {}}), CallEnded(1, 0, Returned("a"), True, "x"),
        Answered(2, SAID), Rejected(2, "no"), Interrupted(3, half), Resumed(), Answered(3, SAID), Ended(3),
        Prompted(user_message("more")),
    ]  # fmt: skip
    state = fold(journal)
    assert state_from_json(state_to_json(state)).journal == journal


def test_a_newer_state_is_refused() -> None:
    with pytest.raises(NewerVersionError) as caught:
        state_from_json({"version": 99, "journal": []})
    assert (caught.value.found, caught.value.known) == (99, 2)


taken: list[int] = []


@tool
def take(number: int) -> int:
    taken.append(number)
    return number


def three_steps() -> dict[str, Any]:
    taken.clear()
    script = [calls(("take", {"number": 1})), calls(("take", {"number": 2})), "done"]
    return Agent(ScriptedModel(*script), tools=[take]).run_sync("go").state


@pytest.mark.parametrize(("step", "before"), [(1, []), (2, [1]), (3, [1, 2])])
def test_a_run_takes_another_way_from_any_step(step: int, before: list[int]) -> None:
    forked = fork(three_steps(), step=step)
    assert taken == [1, 2]
    model = ScriptedModel(calls(("take", {"number": 7})), "another end")
    result = Agent(model, tools=[take]).run_sync(state=forked)
    assert result.output == "another end"
    assert taken == [1, 2, 7]
    contents = [call.outcome.content for m in result.messages if isinstance(m, AssistantMessage) for call in m.calls]  # type: ignore[union-attr]
    assert contents == [*before, 7]


def test_a_fork_after_the_last_step_is_the_whole_run() -> None:
    state = three_steps()
    forked = fork(state, step=4)
    assert forked["journal"][1:] == state["journal"][1:]


def test_a_fork_is_another_run_and_so_are_the_agents_inside_it() -> None:
    @tool(approve=True)
    def sign() -> str:
        return "signed"

    clerk = Agent(ScriptedModel(calls(("sign", {}))), tools=[sign], name="clerk")
    state = Agent(ScriptedModel(calls(("clerk", {"prompt": "x"}))), tools=[clerk.as_tool()]).run_sync("go").state
    forked = fork(state, step=2)["journal"]
    old, new = state["journal"][0]["run_id"], forked[0]["run_id"]
    assert new != old
    assert forked[-1]["state"]["journal"][0]["run_id"] == f"{new}/1.0"
    assert state["journal"][-1]["state"]["journal"][0]["run_id"] == f"{old}/1.0"


@pytest.mark.parametrize("step", [0, 5, -1])
def test_there_is_no_fork_from_a_step_that_was_not(step: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"there is no step {step} to fork from; this run has steps 1 to 4"):
        fork(three_steps(), step=step)


@pytest.mark.parametrize("document", ['{"version": 1}', None, [1]])
def test_what_is_no_json_object_is_no_state_and_the_error_says_what_to_pass(document: Any) -> None:
    with pytest.raises(StateError, match=rf"of type {type(document).__name__}; pass result.state, or json.loads"):
        state_from_json(document)
