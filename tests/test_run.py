"""The driver: what the model is asked, hooks around model calls, errors that carry the run so far."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from engine import elsewhere, outcomes

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, ContextLengthError, RateLimitError
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Returned, Text, UserMessage, user_message
from agentkit.models import Middleware, ModelCallNext
from agentkit.records import Record
from agentkit.runtime import InMemoryRuntime, StepKey
from agentkit.settings import Settings
from agentkit.testing import ScriptedModel, Turn, calls
from agentkit.tools import Context, tool
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio


@tool
def look() -> str:
    return "seen"


LOOK = calls(("look", {}))


async def test_the_model_is_asked_with_everything_that_was_said() -> None:
    model = ScriptedModel(LOOK, "done", model="m-1")
    agent = Agent(model, tools=[look], instructions="Be brief.", settings=Settings(temperature=0.5))
    result = await agent.run("go")
    first, second = model.requests
    assert first == Request(
        "m-1", (user_message("go"),), "Be brief.", (look.tool.definition,), None, Settings(temperature=0.5), False
    )
    assert second.messages == tuple(result.messages[:2])
    assert second.tools[0] is first.tools[0]
    assert second.memo is first.memo
    assert result.messages[2].text == "done"
    assert (result.steps, result.finish) == (2, "stop")
    assert result.usage == result.messages[1].usage + result.messages[2].usage  # type: ignore[union-attr]


async def test_instructions_may_be_a_function_of_the_context() -> None:
    async def write(context: Context[str]) -> str:
        return f"You serve {context.deps}."

    model = ScriptedModel("done", "done")
    await Agent(model, instructions=write).run("go", deps="Ada")
    await Agent(model, instructions=lambda context: context.agent, name="guide").run("go")
    assert [request.instructions for request in model.requests] == ["You serve Ada.", "guide"]


@pytest.mark.parametrize("choice", ["required", "look"])
async def test_a_forced_choice_is_lifted_once_it_was_obeyed(choice: str) -> None:
    model = ScriptedModel(LOOK, LOOK, "done")
    await Agent(model, tools=[look], settings=Settings(tool_choice=choice)).run("go")
    assert [request.settings.tool_choice for request in model.requests] == [choice, "auto", "auto"]


async def test_the_provider_is_asked_to_stream_when_somebody_listens_or_the_settings_say_so() -> None:
    model = ScriptedModel(*["done"] * 4)
    await Agent(model).run("go")
    await Agent(model, settings=Settings(stream=True)).run("go")
    for settings in (None, Settings(stream=False)):
        async with Agent(model, settings=settings).stream("go") as stream:
            await stream.text()
    assert [request.is_streamed for request in model.requests] == [False, True, True, False]


async def test_an_answer_that_the_provider_paused_is_gone_on_with() -> None:
    model = ScriptedModel(Turn("first half", finish="paused"), "second half")
    result = await Agent(model).run("go")
    assert result.output == "second half"
    assert [message.text for message in model.requests[1].messages] == ["go", "first half"]


async def test_an_error_of_the_provider_carries_the_run_so_far_and_the_run_goes_on_from_there() -> None:
    error = RateLimitError("too many")
    with pytest.raises(RateLimitError) as caught:
        await Agent(ScriptedModel(LOOK, error), tools=[look]).run("go")
    assert caught.value is error
    assert error.state is not None
    assert error.usage == {"input": 2, "cache_read": 0, "cache_write": 0, "output": 1, "reasoning": 0}
    model = ScriptedModel("done")
    result = await Agent(model, tools=[look]).resume(elsewhere(error.state))
    assert outcomes(result.messages) == [Returned("seen")]
    assert len(model.requests) == 1
    assert result.steps == 2


class Note(Middleware):
    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log

    async def model_call(self, request: Request, call_next: Any) -> Response:
        self.log.append(f"{self.name} before")
        response = await call_next(replace(request, instructions=request.instructions + self.name))
        self.log.append(f"{self.name} after")
        return replace(response, message=replace_text(response.message, response.text + self.name))


def replace_text(message: AssistantMessage, text: str) -> AssistantMessage:
    return AssistantMessage((Text(text),), message.model, message.response_id, message.finish, message.usage)


async def test_hooks_wrap_model_calls_the_first_one_outermost() -> None:
    log: list[str] = []
    model = ScriptedModel("done ")
    result = await Agent(model, middleware=[Note("a", log), Note("b", log)]).run("go")
    assert log == ["a before", "b before", "b after", "a after"]
    assert model.requests[0].instructions == "ab"
    assert result.output == "done ba"


async def test_a_hook_may_answer_in_the_models_place() -> None:
    class Cached(Middleware):
        async def model_call(self, request: Request, call_next: Any) -> Response:
            return Response(AssistantMessage((Text("cached"),)))

    model = ScriptedModel()
    assert (await Agent(model, middleware=[Cached()]).run("go")).output == "cached"
    assert model.requests == []


async def test_an_error_of_a_hook_is_raised_as_itself() -> None:
    class Broken(Middleware):
        async def model_call(self, request: Request, call_next: Any) -> Response:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await Agent(ScriptedModel(), middleware=[Broken()]).run("go")


async def test_every_effect_goes_through_the_runtime_under_a_key_of_its_own() -> None:
    keys: list[StepKey] = []

    class Watching(InMemoryRuntime):
        async def step(self, key: StepKey, fn: Callable[[], Awaitable[Record]]) -> Record:
            keys.append(key)
            return await fn()

    clerk = Agent(ScriptedModel("clerk done"), name="clerk")
    model = ScriptedModel(calls(("look", {}), ("clerk", {"prompt": "x"})), "done")
    result = await Agent(model, tools=[look, clerk.as_tool()], runtime=Watching()).run("go")
    run_id = result.run_id
    assert len(set(keys)) == len(keys)
    assert {(key.run_id.removeprefix(run_id), key.step, key.name) for key in keys} == {
        ("", 0, "run_began"), ("", 1, "model"), ("", 1, "0 began"), ("", 1, "0"), ("", 1, "1"), ("", 2, "model"),
        ("", 2, "ended 6"),
        ("/1.1", 0, "run_began"), ("/1.1", 1, "model"), ("/1.1", 1, "ended 2"),
    }  # fmt: skip


async def test_a_runtime_that_remembers_replays_a_run_without_effects() -> None:
    class Remembering(InMemoryRuntime):
        def __init__(self, kept: dict[tuple[int, str], Record]) -> None:
            self.kept = kept

        async def step(self, key: StepKey, fn: Callable[[], Awaitable[Record]]) -> Record:
            known = self.kept.get((key.step, key.name))
            if known is None:
                known = self.kept[(key.step, key.name)] = await fn()
            return known

    kept: dict[tuple[int, str], Record] = {}
    first = await Agent(ScriptedModel(LOOK, "done"), tools=[look], runtime=Remembering(kept)).run("go")
    silent = ScriptedModel()
    again = await Agent(silent, tools=[look], runtime=Remembering(kept)).run("go")
    announced = [record for record in first.state["journal"] if record["kind"] == "call_began"]
    assert [*again.state["journal"], *announced] == sorted(
        first.state["journal"], key=lambda record: record["kind"] == "call_began"
    )
    assert silent.requests == []


async def test_usage_of_an_agent_inside_an_agent_counts_also_when_it_fails() -> None:
    error = ContextLengthError("too long")
    clerk = Agent(ScriptedModel(Turn(LOOK, usage=Usage(5, output=6)), error), tools=[look], name="clerk")
    model = ScriptedModel(Turn(calls(("clerk", {"prompt": "x"})), usage=Usage(1)), Turn("done", usage=Usage(1)))
    result = await Agent(model, tools=[clerk.as_tool()]).run("go")
    assert result.usage == Usage(7, output=6)
    assert "the agent clerk failed: too long" in outcomes(result.messages)[0].message  # type: ignore[union-attr]


async def test_a_result_shows_what_it_is() -> None:
    result = await Agent(ScriptedModel(Turn("done", usage=Usage(2, output=1)))).run(["look:", Text("this")])
    assert result.messages[0] == UserMessage((Text("look:"), Text("this")))
    assert repr(result) == "Result(output='done', steps=1, usage=2 tokens in, 1 out, cost=$0)"


async def test_a_hook_that_forgets_to_give_the_answer_back_is_named() -> None:
    class Forgetful(Middleware):
        async def model_call(self, request: Request, call_next: ModelCallNext) -> Response:
            await call_next(request)  # and no return
            return None  # type: ignore[return-value]

    with pytest.raises(ConfigurationError, match=r"Forgetful.model_call answered None; let it return"):
        await Agent(ScriptedModel("hi"), middleware=[Forgetful()]).run("go")
