"""Budgets: each bound, shared with agents inside agents, checked before spending, and the way to go on."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from engine import elsewhere, outcomes

from agentkit.agent import Agent
from agentkit.approvals import Approve
from agentkit.budget import Budget, Ledger
from agentkit.catalog import Price
from agentkit.errors import BudgetExceededError, ConfigurationError, UnsupportedError
from agentkit.exchange import Request, Response
from agentkit.loop import state_from_json
from agentkit.messages import Failed, Lost, Returned
from agentkit.models import Sink
from agentkit.prices import PriceBook
from agentkit.settings import Settings
from agentkit.testing import ScriptedModel, Turn, calls
from agentkit.tools import tool
from agentkit.usage import Cost, Usage

pytestmark = pytest.mark.anyio

made: list[str] = []


@pytest.fixture(autouse=True)
def nothing_made() -> None:
    made.clear()


@tool
def look() -> str:
    made.append("look")
    return "seen"


LOOK = calls(("look", {}))
TWO_LOOKS = calls(("look", {}), ("look", {}))


async def spent(agent: Agent[Any, Any], budget: Budget) -> BudgetExceededError:
    with pytest.raises(BudgetExceededError) as caught:
        await agent.run("go", budget=budget)
    return caught.value


def test_a_bound_says_whether_it_is_spent_or_too_small_for_what_comes_next() -> None:
    small = BudgetExceededError("tokens", allowed=1000, used=10, wanted=2000)
    assert str(small).startswith("budget of 1000 tokens does not last: 10 used, the next step needs about 2000; ")
    late = BudgetExceededError("seconds", allowed=5, used=5, wanted=1)
    assert str(late) == (
        "budget of 5 seconds is spent; allow more with Budget(seconds=...); a run goes on with "
        "agent.resume(error.state), which counts its seconds from 0"
    )


async def test_steps_are_bounded_and_a_larger_budget_goes_on_without_repeating_calls() -> None:
    error = await spent(Agent(ScriptedModel(LOOK), tools=[look]), Budget(steps=1))
    assert str(error) == (
        "budget of 1 steps is spent: 1 used, the next step needs about 1; "
        "go on with agent.resume(error.state, budget=Budget(steps=...)), which counts what was used before"
    )
    assert (error.limit, error.allowed, error.used, error.wanted) == ("steps", 1, 1, 1)
    assert error.state is not None
    assert error.usage is not None
    assert error.usage["output"] > 0
    again = Agent(ScriptedModel("done"), tools=[look])
    with pytest.raises(BudgetExceededError):
        await again.resume(elsewhere(error.state), budget=Budget(steps=1))
    result = await again.resume(elsewhere(error.state), budget=Budget(steps=2))
    assert result.output == "done"
    assert made == ["look"]


async def test_tool_calls_are_bounded_before_any_of_them_is_made() -> None:
    error = await spent(Agent(ScriptedModel(LOOK, TWO_LOOKS), tools=[look]), Budget(tool_calls=2))
    assert (error.limit, error.used, error.wanted) == ("tool_calls", 1, 2)
    assert made == ["look"]
    result = await Agent(ScriptedModel("done"), tools=[look]).resume(error.state or {}, budget=Budget(tool_calls=3))
    assert outcomes(result.messages) == [Returned("seen")] * 3
    assert made == ["look"] * 3


async def test_the_call_that_gives_the_output_is_not_counted() -> None:
    from agentkit.output import Output

    model = ScriptedModel(calls(("final_result", {"value": 3})))
    result = await Agent(model, output=Output(int, by="tool")).run("go", budget=Budget(tool_calls=0))
    assert result.output == 3


async def test_tokens_are_reserved_before_they_are_spent() -> None:
    model = ScriptedModel(Turn(LOOK, usage=Usage(100, output=100)))
    error = await spent(Agent(model, tools=[look]), Budget(tokens=1_300))
    assert error.limit == "tokens"
    assert error.used == 200
    assert error.wanted > 1_000
    assert len(model.requests) == 1


async def test_a_maximum_of_output_is_what_is_reserved() -> None:
    agent = Agent(ScriptedModel("done"), settings=Settings(max_output_tokens=50))
    assert (await agent.run("go", budget=Budget(tokens=60))).output == "done"
    error = await spent(Agent(ScriptedModel("done"), settings=Settings(max_output_tokens=60)), Budget(tokens=60))
    assert error.wanted == 61


PRICES = PriceBook().with_price("scripted", "scripted", Price(input=1.0, output=10.0))


async def test_money_is_bounded() -> None:
    agent = Agent(
        ScriptedModel(Turn(LOOK, usage=Usage(1_000, output=1_000))),
        tools=[look], prices=PRICES, settings=Settings(max_output_tokens=1_000),
    )  # fmt: skip
    error = await spent(agent, Budget(usd=0.02))
    assert error.limit == "usd"
    assert error.used == pytest.approx(0.011)
    assert error.wanted == pytest.approx(0.012, abs=0.001)


async def test_money_of_an_unknown_price_is_refused_before_anything_is_sent() -> None:
    model = ScriptedModel("done", provider="nobody", model="secret")
    with pytest.raises(UnsupportedError, match=r"the price of nobody:secret is not known.*with_price"):
        await Agent(model).run("go", budget=Budget(usd=1))
    assert model.requests == []


async def test_without_a_bound_an_unknown_price_is_unknown_and_not_zero() -> None:
    result = await Agent(ScriptedModel("done", provider="nobody", model="secret")).run("go")
    assert result.cost == Cost.unknown


async def test_agents_inside_agents_spend_from_the_same_budget() -> None:
    def boss(turns: list[Any], inner: list[Any]) -> Agent[Any, str]:
        clerk = Agent(ScriptedModel(*inner), tools=[look], name="clerk")
        return Agent(ScriptedModel(*turns), tools=[clerk.as_tool(), look])

    ask = calls(("clerk", {"prompt": "x"}), ("look", {}))
    error = await spent(boss([ask], [LOOK, LOOK]), Budget(steps=3))
    assert error.limit == "steps"
    assert made.count("look") == 3
    result = await boss(["done"], ["clerk done"]).resume(elsewhere(error.state or {}), budget=Budget(steps=10))
    assert outcomes(result.messages) == [Returned("clerk done"), Returned("seen")]
    assert made.count("look") == 3
    with pytest.raises(BudgetExceededError):
        await boss(["done"], ["clerk done"]).resume(error.state or {}, budget=Budget(steps=4))


async def test_an_agent_that_spends_its_own_budget_is_a_failed_call_and_its_usage_counts() -> None:
    clerk = Agent(
        ScriptedModel(Turn(LOOK, usage=Usage(7, output=9))), tools=[look], name="clerk", budget=Budget(steps=1)
    )
    boss = Agent(
        ScriptedModel(Turn(calls(("clerk", {"prompt": "x"})), usage=Usage(1)), Turn("done", usage=Usage(1))),
        tools=[clerk.as_tool()],
    )
    result = await boss.run("go")
    (failed,) = outcomes(result.messages)
    assert isinstance(failed, Failed)
    assert failed.message.startswith("the agent clerk stopped: budget of 1 steps is spent")
    assert result.usage == Usage(9, output=9)


async def test_a_budget_between_two_agents_ends_only_the_agent_whose_it_is() -> None:
    inner = Agent(ScriptedModel(LOOK, LOOK), tools=[look], name="inner")
    middle = Agent(
        ScriptedModel(calls(("inner", {"prompt": "x"}))), tools=[inner.as_tool()], name="middle", budget=Budget(steps=2)
    )
    boss = Agent(ScriptedModel(calls(("middle", {"prompt": "x"})), "done"), tools=[middle.as_tool()])
    result = await boss.run("go")
    (failed,) = outcomes(result.messages)
    assert result.output == "done"
    assert isinstance(failed, Failed)
    assert failed.message.startswith("the agent middle stopped: budget of 2 steps is spent")


async def test_what_an_agent_deep_inside_took_counts_although_it_was_stopped() -> None:
    usage = Usage(10, output=1)
    inner = Agent(ScriptedModel(Turn(LOOK, usage=usage)), tools=[look], name="inner")
    middle = Agent(
        ScriptedModel(Turn(calls(("inner", {"prompt": "x"})), usage=usage)), tools=[inner.as_tool()], name="middle"
    )
    boss = Agent(ScriptedModel(Turn(calls(("middle", {"prompt": "x"})), usage=usage)), tools=[middle.as_tool()])
    error = await spent(boss, Budget(steps=3))
    assert error.usage == {"input": 30, "cache_read": 0, "cache_write": 0, "output": 3, "reasoning": 0}


async def test_steps_and_calls_of_agents_that_have_ended_count_when_a_run_goes_on() -> None:
    inner = Agent(ScriptedModel(LOOK, TWO_LOOKS, "inner done"), tools=[look], name="inner")
    middle = Agent(ScriptedModel(calls(("inner", {"prompt": "x"})), "done"), tools=[inner.as_tool()], name="middle")
    boss = Agent(ScriptedModel(calls(("middle", {"prompt": "x"})), LOOK, LOOK), tools=[middle.as_tool(), look])
    error = await spent(boss, Budget(steps=7))
    assert (error.limit, error.used) == ("steps", 7)
    more = Agent(ScriptedModel(LOOK, LOOK, LOOK), tools=[middle.as_tool(), look])
    for budget, limit, used in ((Budget(steps=8), "steps", 8), (Budget(tool_calls=7), "tool_calls", 7)):
        with pytest.raises(BudgetExceededError) as caught:
            await more.resume(elsewhere(error.state or {}), budget=budget)
        assert (caught.value.limit, caught.value.used) == (limit, used)


async def test_an_agent_that_the_budget_stopped_is_lost_when_a_cancel_keeps_it_from_going_on() -> None:
    @tool(effect="write", approve=True)
    async def wait() -> None:
        scope.cancel()
        await anyio.sleep_forever()

    clerk = Agent(ScriptedModel(LOOK, LOOK), tools=[look], name="clerk")
    boss = Agent(ScriptedModel(calls(("wait", {}), ("clerk", {"prompt": "x"}))), tools=[wait, clerk.as_tool()])
    error = await spent(boss, Budget(steps=2))
    stream = boss.stream(state=elsewhere(error.state or {}), approvals={"1.0": Approve()}, budget=Budget(steps=9))
    with anyio.CancelScope() as scope:
        async with stream:
            await stream.text()
    messages = state_from_json(stream.state).messages
    assert outcomes(messages) == [Lost(), Lost()]


async def test_what_was_reserved_for_a_model_that_breaks_is_given_back() -> None:
    clerk = Agent(ScriptedModel(KeyError("broken")), name="clerk", settings=Settings(max_output_tokens=900))
    boss = Agent(ScriptedModel(calls(("clerk", {"prompt": "x"})), "done"), tools=[clerk.as_tool()])
    result = await boss.run("go", budget=Budget(tokens=1_500))
    assert result.output == "done"


async def test_seconds_are_bounded() -> None:
    from agentkit.testing import Delay

    error = await spent(Agent(ScriptedModel(Delay(60, "late"))), Budget(seconds=0.02))
    assert (error.limit, error.allowed) == ("seconds", 0.02)
    assert (await Agent(ScriptedModel("done")).resume(error.state or {}, budget=Budget(seconds=60))).output == "done"


async def test_fifty_steps_are_the_bound_where_nothing_is_said() -> None:
    with pytest.raises(BudgetExceededError, match="budget of 50 steps"):
        await Agent(ScriptedModel(*[LOOK] * 51), tools=[look]).run("go")


def test_what_fails_to_be_booked_books_nothing() -> None:
    above = Ledger(Budget(steps=5, tokens=100))
    ledger = Ledger(Budget(tokens=1_000), above)
    with pytest.raises(BudgetExceededError) as caught:
        ledger.reserve_step(tokens=200)
    assert caught.value.owner is above
    assert (ledger.steps, ledger.tokens, above.steps, above.tokens) == (0, 0, 0, 0)


def test_what_was_reserved_is_replaced_by_what_it_took() -> None:
    above = Ledger(Budget(tokens=1_000))
    ledger = Ledger(Budget(), above)
    ledger.reserve_step(tokens=500, usd=1.0)
    ledger.settle_step(Usage(10, output=20), Cost(0.25), tokens=500, usd=1.0)
    assert (above.tokens, above.usd, above.steps) == (30, 0.25, 1)
    ledger.reserve_step(tokens=400)
    ledger.release_step(tokens=400)
    assert (above.tokens, above.steps) == (30, 2)


def test_the_mean_answer_is_expected_but_at_least_a_thousand_tokens() -> None:
    ledger = Ledger(Budget())
    assert ledger.expected_output(None) == 1_000
    assert ledger.expected_output(5) == 5
    for _ in range(2):
        ledger.settle_step(Usage(output=3_000), Cost.zero)
    assert ledger.expected_output(None) == 3_000


@pytest.mark.parametrize("bound", [-1, "3"])
async def test_what_is_no_bound_is_refused(bound: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Budget\(steps={bound!r}\) is no bound; give a number"):
        Budget(steps=bound)


def test_retries_are_booked_with_the_runs_above_and_bounded_by_each_of_them() -> None:
    run = Ledger(Budget(retries=3))
    below, beside = Ledger(Budget(retries=1), run), Ledger(Budget(), run)

    assert [ledger.reserve_retry() for ledger in (below, below, beside, run, run)] == [True, False, True, True, False]
    assert (below.root, beside.root, run.root) == (run, run, run)


async def test_a_run_and_its_sub_agents_are_one_account() -> None:
    roots: list[object] = []

    class Noting(ScriptedModel):
        async def respond(self, request: Request, sink: Sink | None = None) -> Response:
            assert request.memo is not None and request.memo.account is not None
            roots.append(request.memo.account.root)
            return await super().respond(request, sink)

    helper = Agent(Noting("yes"), name="helper")
    agent = Agent(Noting(calls(("helper", {"prompt": "go"})), "done"), tools=[helper.as_tool()])
    await agent.run("go")

    assert len(roots) == 3
    assert len(set(map(id, roots))) == 1
