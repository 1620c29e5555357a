"""Budgets that count: asked for before each step that is bounded, used where the model can tell, never in the way."""

from __future__ import annotations

from typing import Any

import pytest
from tracing.watched import Watched

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.catalog import Price
from agentkit.errors import (
    AgentkitError,
    BudgetExceededError,
    NotFoundError,
    OverloadedError,
    UnsupportedError,
)
from agentkit.exchange import Request
from agentkit.models import CountingModel
from agentkit.prices import PriceBook
from agentkit.settings import Settings
from agentkit.testing import ScriptedModel, Turn, calls
from agentkit.tools import tool
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio

LOOK = Turn(calls(("look", {})), usage=Usage(10, output=5))
SHORT = Settings(max_output_tokens=50)
EXACT = Budget(tokens=1_000, counts_exactly=True)


@tool
def look() -> str:
    return "seen"


class Counting(ScriptedModel):
    """A model that counts each prompt by a script; the last entry again and again."""

    def __init__(self, *turns: Any, counts: list[int | AgentkitError | None]) -> None:
        super().__init__(*turns)
        self.counts = counts
        self.counted: list[Request] = []

    async def count_tokens(self, request: Request) -> int | None:
        self.counted.append(request)
        count = self.counts[min(len(self.counted), len(self.counts)) - 1]
        if isinstance(count, AgentkitError):
            raise count
        return count


async def wanted(model: ScriptedModel, budget: Budget, **parts: Any) -> float:
    """What the step reserves that a budget refuses."""
    with pytest.raises(BudgetExceededError) as caught:
        await Agent(model, settings=SHORT, **parts).run("go", budget=budget)
    return caught.value.wanted


async def test_a_prompt_is_reserved_as_it_was_counted() -> None:
    model = Counting("done", counts=[700])
    assert await wanted(model, Budget(tokens=749, counts_exactly=True)) == 750
    assert model.requests == []
    result = await Agent(Counting("done", counts=[700]), settings=SHORT).run("go", budget=EXACT)
    assert result.output == "done"


async def test_money_is_reserved_for_what_was_counted() -> None:
    prices = PriceBook().with_price("scripted", "scripted", Price(input=1.0, output=10.0))
    budget = Budget(usd=0.001, counts_exactly=True)
    assert await wanted(Counting("done", counts=[700]), budget, prices=prices) == pytest.approx(0.0012)


async def test_every_step_is_counted_with_the_request_that_is_sent() -> None:
    model = Counting(LOOK, "done", counts=[20, 40])
    assert (await Agent(model, tools=[look], settings=SHORT).run("go", budget=EXACT)).output == "done"
    assert model.counted == model.requests
    assert len(model.counted) == 2


@pytest.mark.parametrize("budget", [Budget(tokens=1_000), Budget(counts_exactly=True), Budget()])
async def test_nothing_is_counted_unasked_or_where_no_count_matters(budget: Budget) -> None:
    model = Counting("done", counts=[20])
    assert (await Agent(model, settings=SHORT).run("go", budget=budget)).output == "done"
    assert model.counted == []


async def test_the_estimate_serves_where_the_model_cannot_tell() -> None:
    budget = Budget(tokens=50, counts_exactly=True)
    assert await wanted(ScriptedModel("done"), budget) == 51
    assert await wanted(Counting("done", counts=[None]), budget) == 51


async def test_an_agent_inside_counts_for_the_budget_above_it() -> None:
    model = Counting("inner done", counts=[20])
    boss = Agent(ScriptedModel(calls(("clerk", {"prompt": "x"})), "done"), settings=SHORT, tools=[
        Agent(model, name="clerk", settings=SHORT).as_tool()
    ])  # fmt: skip
    assert (await boss.run("go", budget=EXACT)).output == "done"
    assert len(model.counted) == 1


async def test_a_failed_count_is_noted_and_tried_again_at_the_next_step() -> None:
    watched = Watched()
    model = Counting(LOOK, "done", counts=[OverloadedError("full"), 40])
    agent = Agent(model, tools=[look], settings=SHORT)
    agent.telemetry = watched.telemetry
    assert (await agent.run("go", budget=EXACT)).output == "done"
    assert len(model.counted) == 2
    assert notes(watched) == ["OverloadedError", None]


@pytest.mark.parametrize("error", [NotFoundError("no such endpoint"), UnsupportedError("no such medium")])
async def test_a_provider_that_cannot_count_is_asked_once_in_a_run(error: AgentkitError) -> None:
    watched = Watched()
    model = Counting(LOOK, "done", counts=[error])
    agent = Agent(model, tools=[look], settings=SHORT)
    agent.telemetry = watched.telemetry
    assert (await agent.run("go", budget=EXACT)).output == "done"
    assert len(model.counted) == 1
    assert notes(watched) == [type(error).__name__] * 2


async def test_a_mistake_in_a_model_of_ones_own_comes_out() -> None:
    class Mistaken(ScriptedModel):
        async def count_tokens(self, request: Request) -> int:
            raise LookupError("mine")

    assert isinstance(Mistaken(), CountingModel)
    with pytest.raises(LookupError, match="mine"):
        await Agent(Mistaken("done")).run("go", budget=EXACT)


def notes(watched: Watched) -> list[Any]:
    spans = [span for span in watched.finished if span.name.startswith("chat")]
    return [dict(span.attributes or {}).get("agentkit.count_error") for span in spans]
