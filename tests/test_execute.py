"""A batch of calls: order, threads, bounds, repairs, and what the model is told."""

from __future__ import annotations

import contextvars
import datetime
import math
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from engine import call_once, outcomes, run
from pydantic import BaseModel

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, ToolError
from agentkit.events import ToolFinished, ToolProgress, ToolStarted
from agentkit.exchange import Request
from agentkit.media import Image
from agentkit.messages import Cancelled, Denied, Failed, Lost, Outcome, Returned, Text
from agentkit.models import Ask, CallOffer, Deny, Middleware, ToolCallNext, Verdict
from agentkit.testing import ScriptedModel, Turn, calls
from agentkit.tools import Context, Tool, tool

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 8


def recorder(log: list[str], name: str, effect: Any = None, **options: Any) -> Any:
    """A tool that notes when it begins and ends, and lets the others begin in between."""

    @tool(name=name, effect=effect, **options)
    async def noted() -> str:
        log.append(f"{name} begins")
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        log.append(f"{name} ends")
        return name

    return noted


async def test_reads_and_undeclared_calls_run_side_by_side_and_writes_alone_in_order() -> None:
    log: list[str] = []
    effects: list[tuple[str, Any]] = [
        ("a", None), ("b", "read"), ("c", "write"), ("d", "destructive"), ("e", "read"), ("f", None)
    ]  # fmt: skip
    tools = [recorder(log, name, effect) for name, effect in effects]
    result = await run(tools, calls(*[(name, {}) for name, _ in effects]))
    first, middle, last = log[:4], log[4:8], log[8:]
    assert sorted(first[:2]) == ["a begins", "b begins"]
    assert sorted(first[2:]) == ["a ends", "b ends"]
    assert middle == ["c begins", "c ends", "d begins", "d ends"]
    assert sorted(last[:2]) == ["e begins", "f begins"]
    assert outcomes(result.messages) == [Returned(name) for name in "abcdef"]


async def test_a_call_that_asks_for_it_runs_alone() -> None:
    log: list[str] = []
    await run([recorder(log, "a", run_alone=True), recorder(log, "b")], calls(("a", {}), ("b", {}), ("a", {})))
    assert log == ["a begins", "a ends", "b begins", "b ends", "a begins", "a ends"]


async def test_calls_are_journaled_as_they_end_and_shown_as_they_were_made() -> None:
    gate = anyio.Event()

    @tool
    async def first() -> str:
        await gate.wait()
        return "first"

    @tool
    async def second() -> str:
        gate.set()
        return "second"

    result = await run([first, second], calls(("first", {}), ("second", {})))
    ended = [record["position"] for record in result.state["journal"] if record["kind"] == "call_ended"]
    assert ended == [1, 0]
    assert outcomes(result.messages) == [Returned("first"), Returned("second")]


who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


async def test_sync_tools_run_off_the_loop_with_the_context_of_their_caller() -> None:
    here = threading.get_ident()
    who.set("me")

    @tool
    def where() -> list[Any]:
        return [threading.get_ident() == here, who.get()]

    assert await call_once(where) == Returned([False, "me"])


async def test_sync_tools_run_side_by_side() -> None:
    barrier = threading.Barrier(3, timeout=10)

    @tool
    def meet() -> str:
        barrier.wait()
        return "met"

    result = await run([meet], calls(("meet", {}), ("meet", {}), ("meet", {})))
    assert outcomes(result.messages) == [Returned("met")] * 3


async def test_an_async_tool_that_takes_too_long_is_stopped_and_the_model_told() -> None:
    @tool(timeout_seconds=0.05)
    async def forever() -> None:
        await anyio.sleep_forever()

    assert await call_once(forever) == Failed("The tool forever gave no result within 0.05 seconds and was stopped.")


async def test_a_sync_tool_that_never_returns_is_abandoned() -> None:
    release = threading.Event()

    @tool(timeout_seconds=0.05)
    def stuck() -> str:
        release.wait(10)
        return "too late"

    try:
        outcome = await call_once(stuck)
    finally:
        release.set()
    assert outcome == Failed("The tool stuck gave no result within 0.05 seconds and was stopped.")


async def test_a_tool_with_an_own_timeout_error_is_told_as_such() -> None:
    @tool
    async def slow() -> None:
        raise TimeoutError("the database is asleep")

    assert await call_once(slow) == Failed("The tool slow failed: TimeoutError: the database is asleep")


async def test_a_failing_tool_is_told_to_the_model_by_its_type_and_text() -> None:
    @tool
    def divide(a: int, b: int) -> float:
        return a / b

    assert await call_once(divide, {"a": 1, "b": 0}) == Failed(
        "The tool divide failed: ZeroDivisionError: division by zero"
    )


async def test_an_expected_failure_is_told_in_its_own_words() -> None:
    @tool
    def find(number: int) -> str:
        raise ToolError(f"there is no order {number}", is_retryable=number == 2)

    assert await call_once(find, {"number": 1}) == Failed("there is no order 1")
    assert await call_once(find, {"number": 2}) == Failed("there is no order 2 The same call may work later.")


async def test_a_tool_that_ends_the_program_fails_instead() -> None:
    @tool
    def leave() -> None:
        raise SystemExit(2)

    assert await call_once(leave) == Failed("The tool leave failed: SystemExit: 2")


async def test_what_a_generator_yields_is_a_list_and_what_it_raises_a_failure() -> None:
    @tool
    def count(to: int) -> Iterator[int]:
        for number in range(to):
            if number == 3:
                raise ValueError("three is too many")
            yield number

    @tool
    async def count_slowly(to: int) -> AsyncIterator[int]:
        for number in range(to):
            await anyio.lowlevel.checkpoint()
            yield number

    assert await call_once(count, {"to": 2}) == Returned([0, 1])
    assert await call_once(count, {"to": 5}) == Failed("The tool count failed: ValueError: three is too many")
    assert await call_once(count_slowly, {"to": 2}) == Returned([0, 1])


async def test_a_long_failure_is_cut() -> None:
    @tool
    def fail() -> str:
        raise ToolError("x" * 5_000)

    assert await call_once(fail) == Failed("x" * 2_000 + "...")


async def test_a_run_inside_a_tool_that_spends_its_own_budget_is_a_failing_tool() -> None:
    from agentkit.budget import Budget

    inner = Agent(ScriptedModel(), budget=Budget(steps=0))

    @tool
    async def ask() -> str:
        return (await inner.run("go")).output

    outcome = await call_once(ask)
    assert isinstance(outcome, Failed)
    assert outcome.message.startswith("The tool ask failed: BudgetExceededError: budget of 0 steps is spent")


async def test_an_unknown_tool_is_answered_with_the_names_that_exist() -> None:
    @tool
    def get_weather(city: str) -> str:
        return city

    result = await run([get_weather], calls(("get_wether", {}), ("zzzzz", {})))
    assert outcomes(result.messages) == [
        Failed("There is no tool named 'get_wether'. Did you mean get_weather? The tools are: get_weather."),
        Failed("There is no tool named 'zzzzz'. The tools are: get_weather."),
    ]


async def test_a_call_without_any_tools_is_answered() -> None:
    result = await run([], calls(("x", {})))
    assert outcomes(result.messages) == [Failed("There is no tool named 'x'. The tools are: none.")]


async def test_a_tool_that_fails_too_often_is_withdrawn() -> None:
    attempts: list[int] = []

    @tool(retries=1)
    def fail() -> str:
        attempts.append(1)
        raise ToolError("no")

    model = ScriptedModel(*[calls(("fail", {}))] * 4, "done")
    result = await Agent(model, tools=[fail]).run("go")
    withdrawn = Failed(
        "The tool fail has failed too often and cannot be used any more in this conversation. "
        "Go on without it, or say what is missing."
    )
    assert outcomes(result.messages) == [Failed("no"), Failed("no"), withdrawn, withdrawn]
    assert [[offered.name for offered in request.tools] for request in model.requests] == [
        ["fail"],
        ["fail"],
        [],
        [],
        [],
    ]


async def test_a_success_in_between_forgives_earlier_failures() -> None:
    @tool(retries=1)
    def even(number: int) -> str:
        if number % 2:
            raise ToolError("odd")
        return "even"

    result = await run([even], *[calls(("even", {"number": number})) for number in (1, 2, 1, 2, 1)])
    odd, fine = Failed("odd"), Returned("even")
    assert outcomes(result.messages) == [odd, fine, odd, fine, odd]


@tool
def book(city: str, nights: int = 1, near: list[str] | None = None) -> str:
    """Book a hotel."""
    return f"{nights} in {city}" + (f" near {near}" if near else "")


@tool
def ping(times: int = 1) -> int:
    return times


@pytest.mark.parametrize("arguments", ["", "  ", "null", "{}"])
async def test_no_arguments_are_an_empty_object(arguments: str) -> None:
    assert await call_once(ping, arguments) == Returned(1)


@pytest.mark.parametrize(
    "arguments",
    [
        '```json\n{"city": "Rome", "nights": 2}\n```',
        'Sure: {"city": "Rome", "nights": 2}',
        '"{\\"city\\": \\"Rome\\", \\"nights\\": 2}"',
        '{"city": "Rome", "nights": 2,}',
        "{'city': 'Rome', 'nights': 2}",
        '{"city": "Rome", "nights": "2"}',
        '{"city": "Rome", "nights": 2, "near": null}',
    ],
)
async def test_well_known_slips_are_repaired(arguments: str) -> None:
    assert await call_once(book, arguments) == Returned("2 in Rome")


async def test_a_python_literal_is_repaired() -> None:
    @tool
    def switch(on: bool, label: str | None) -> list[Any]:
        return [on, label]

    assert await call_once(switch, "{'on': True, 'label': None}") == Returned([True, None])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ('{"city": "Rome"', "not valid JSON"),
        ('{"city": "Ro', "not valid JSON"),
        ("[1]", "should be one JSON object with the arguments by name; got [1]"),
        ("3", "should be one JSON object with the arguments by name; got 3"),
        ("{}", "city: required, but missing (string)"),
        ('{"city": 3}', "city: should be a valid string; got 3"),
        ('{"city": "Rome", "nights": "two"}', "nights: should be a valid integer"),
        ('{"city": "Rome", "stars": 5}', "stars: no such argument; the arguments are: city, nights, near"),
    ],
)
async def test_arguments_that_cannot_be_used_are_explained_and_the_tool_is_not_called(
    arguments: str, problem: str
) -> None:
    outcome = await call_once(book, arguments)
    assert isinstance(outcome, Failed)
    assert outcome.message.startswith("The call of book was not made, its arguments are not valid:\n")
    assert problem in outcome.message
    assert outcome.message.endswith("\nCorrect them and call again.")


@pytest.mark.parametrize("arguments", ['{"city": "\ud800"}', "[" * 50_000, '{"city":' * 50_000, '"' * 50_000])
async def test_arguments_beyond_all_reason_end_the_call_at_most(arguments: str) -> None:
    outcome = await call_once(book, arguments)
    assert outcome == Returned("1 in ?") or isinstance(outcome, Failed)


async def test_a_strict_tool_takes_no_text_for_a_number() -> None:
    @tool(strict=True)
    def count(number: int) -> int:
        return number

    assert await call_once(count, {"number": 5}) == Returned(5)
    assert isinstance(await call_once(count, {"number": "5"}), Failed)


async def test_a_call_that_the_token_limit_cut_is_not_made() -> None:
    result = await run([book], Turn(calls(("book", '{"city": "Ro')), finish="length"))
    assert outcomes(result.messages) == [
        Failed(
            "The call of book was not made: your answer was cut by the limit of output tokens, and its arguments with "
            "it. Call it again with shorter arguments, or in several smaller calls."
        )
    ]


class Place(BaseModel):
    name: str
    opened: datetime.date


@dataclass
class Point:
    x: int
    y: float


def endless() -> Any:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (1.5, 1.5),
        ("text", "text"),
        ([1, {"a": (2, 3)}], [1, {"a": [2, 3]}]),
        (Place(name="Louvre", opened=datetime.date(1793, 8, 10)), {"name": "Louvre", "opened": "1793-08-10"}),
        (Point(1, 2.0), {"x": 1, "y": 2.0}),
        ({1: "a"}, {"1": "a"}),
        (math.nan, "NaN"),
        ({"ratio": [math.inf]}, {"ratio": ["Infinity"]}),
        ("\udce9t\udce9", "?t?"),
        (Text("words"), "words"),
    ],
)
async def test_results_reach_the_model_as_json(value: Any, content: Any) -> None:
    @tool
    def give() -> Any:
        return value

    assert await call_once(give) == Returned(content)


@pytest.mark.parametrize("value", [object(), endless(), threading.Lock(), b"\xff\xfe", ["\ud800"]])
async def test_what_json_cannot_hold_is_told_to_the_model(value: Any) -> None:
    @tool
    def give() -> Any:
        return value

    outcome = await call_once(give)
    if isinstance(outcome, Returned):  # surrogates inside are replaced
        assert outcome == Returned(["?"])
        return
    assert isinstance(outcome, Failed)
    kind = type(value).__name__
    assert outcome.message.startswith(f"The tool give worked, but returned a {kind}, which cannot be written as JSON: ")


async def test_a_failure_whose_text_is_no_unicode_leaves_a_state_that_can_be_kept() -> None:
    @tool
    def give() -> Any:
        raise OSError("no file \udce9")

    assert await call_once(give) == Failed("The tool give failed: OSError: no file ?")


async def test_pictures_travel_beside_the_result() -> None:
    picture = Image.from_bytes(PNG)

    @tool
    def show(many: bool) -> Any:
        return [Text("Look:"), picture, picture] if many else picture

    assert await call_once(show, {"many": False}) == Returned(None, (picture,))
    assert await call_once(show, {"many": True}) == Returned("Look:", (picture, picture))


async def test_a_huge_result_is_cut_and_the_model_can_read_on() -> None:
    whole = "".join(f"{number:09d}\n" for number in range(1_000_000))

    @tool
    def dump() -> str:
        return whole

    def read_on(request: Request) -> Any:
        assert [offered.name for offered in request.tools] == ["dump", "read_result"]
        return calls(
            ("read_result", {"result_id": "1.0", "offset": 50_000, "count": 10}),
            ("read_result", {"result_id": "1.0", "offset": 9_999_990, "count": 99_999}),
            ("read_result", {"result_id": "9.9"}),
        )

    result = await run([dump], calls(("dump", {})), read_on)
    assert len(whole) == 10_000_000
    assert outcomes(result.messages) == [
        Returned(
            {
                "truncated": True,
                "shown": whole[:50_000],
                "shown_characters": 50_000,
                "total_characters": 10_000_000,
                "how_to_read_on": 'call read_result with result_id "1.0" and offset 50000',
            }
        ),
        Returned(whole[50_000:50_010]),
        Returned(whole[-10:]),
        Returned("There is no result '9.9'; there are 1.0."),
    ]


async def test_a_huge_structured_result_is_cut_as_text() -> None:
    @tool(max_output_chars=10)
    def dump() -> list[int]:
        return list(range(100))

    outcome = await call_once(dump)
    assert isinstance(outcome, Returned)
    assert outcome.content["shown"] == "[0,1,2,3,4"


async def test_a_tool_of_a_schema_is_validated() -> None:
    taken: list[Any] = []

    def take(**arguments: Any) -> str:
        taken.append(arguments)
        return "taken"

    schema = {"type": "object", "properties": {"size": {"enum": ["s", "m"]}}, "required": ["size"]}
    raw = Tool.from_schema("order", "Order a shirt.", schema, take)
    assert await call_once(raw, {"size": "s"}) == Returned("taken")
    assert isinstance(await call_once(raw, {"size": "xl"}), Failed)
    assert taken == [{"size": "s"}]


async def test_a_tool_sees_data_about_its_run() -> None:
    seen: list[Context[str]] = []

    @tool
    async def look(city: str, context: Context[str]) -> str:
        seen.append(context)
        return city

    agent = Agent(ScriptedModel(calls(("look", {"city": "Rome"})), "done"), tools=[look], name="guide")
    result = await agent.run("go", deps="mine")
    (context,) = seen
    assert "context" not in look.tool.parameters["properties"]
    assert (context.deps, context.agent, context.tool, context.call_id, context.step) == (
        "mine", "guide", "look", "call_1", 1
    )  # fmt: skip
    assert context.run_id == result.run_id
    assert context.messages == tuple(result.messages[:1])
    assert context.usage == result.messages[1].usage  # type: ignore[union-attr]


async def test_progress_and_the_life_of_a_call_are_events() -> None:
    @tool
    def work(context: Context) -> str:
        context.progress("half way")
        return "worked"

    agent = Agent(ScriptedModel(calls(("work", "")), "done"), tools=[work])
    async with agent.stream("go") as stream:
        events = [event async for event in stream]
    assert [event for event in events if isinstance(event, (ToolStarted, ToolProgress, ToolFinished))] == [
        ToolStarted(1, 0, "work", "call_1", ""),
        ToolProgress(1, 0, "work", "half way"),
        ToolFinished(1, 0, "work", "call_1", Returned("worked")),
    ]


class Hook(Middleware):
    def __init__(self, answer: Callable[[CallOffer, ToolCallNext], Any], log: list[str] | None = None) -> None:
        self._answer = answer
        self._log = log

    async def tool_call(self, call: CallOffer, call_next: ToolCallNext) -> Verdict:
        answer = self._answer(call, call_next)
        return await answer if hasattr(answer, "__await__") else answer


def noting(log: list[str], name: str) -> Hook:
    async def note(call: CallOffer, call_next: ToolCallNext) -> Outcome:
        log.append(f"{name} before")
        outcome = await call_next(call)
        log.append(f"{name} after")
        return outcome

    return Hook(note)


async def test_hooks_wrap_calls_the_first_one_outermost() -> None:
    log: list[str] = []
    outcome = await call_once(ping, {"times": 3}, middleware=[noting(log, "a"), noting(log, "b")])
    assert outcome == Returned(3)
    assert log == ["a before", "b before", "b after", "a after"]


async def test_a_hook_sees_the_call_as_data() -> None:
    offers: list[CallOffer] = []

    @tool(effect="write", untrusted=True)
    def save(text: str) -> str:
        return text

    def look(call: CallOffer, call_next: ToolCallNext) -> Any:
        offers.append(call)
        return call_next(call)

    result = await run([save], calls(("save", {"text": "hi"}, "id-1")), middleware=[Hook(look)])
    assert offers == [CallOffer("save", "write", {"text": "hi"}, "id-1", 1, tuple(result.messages[:1]), True)]


@pytest.mark.parametrize("arguments", ["{'times': 2}", '"{\\"times\\": 2}"', '{"times": 2,}', '{"times": "2"}'])
async def test_a_hook_sees_repaired_arguments(arguments: str) -> None:
    seen: list[Any] = []

    def look(call: CallOffer, call_next: ToolCallNext) -> Any:
        seen.append(dict(call.arguments))
        return call_next(call)

    assert await call_once(ping, arguments, middleware=[Hook(look)]) == Returned(2)
    assert seen in ([{"times": 2}], [{"times": "2"}])


async def test_a_hook_may_change_arguments_deny_and_answer_itself() -> None:
    from dataclasses import replace

    def change(call: CallOffer, call_next: ToolCallNext) -> Any:
        return call_next(replace(call, arguments={"times": 9}))

    assert await call_once(ping, middleware=[Hook(change)]) == Returned(9)
    assert await call_once(ping, middleware=[Hook(lambda *_: Deny("not today"))]) == Denied("not today")
    assert await call_once(ping, middleware=[Hook(lambda *_: Returned("cached"))]) == Returned("cached")


async def test_a_hook_may_ask_a_person() -> None:
    from agentkit.approvals import Approve

    agent = Agent(ScriptedModel(calls(("ping", {"times": 2})), "done"), tools=[ping], middleware=[Hook(_ask_first)])
    waiting = await agent.run("go")
    assert [(call.id, call.reason) for call in waiting.pending] == [("1.0", "sure?")]
    result = await agent.resume(waiting.state, approvals={"1.0": Approve()})
    assert outcomes(result.messages) == [Returned(2)]


def _ask_first(call: CallOffer, call_next: ToolCallNext) -> Any:
    return Ask("sure?")


async def test_a_hook_that_answers_nothing_is_a_clear_error() -> None:
    with pytest.raises(ConfigurationError, match=r"Hook\.tool_call answered None to the call of ping"):
        await call_once(ping, middleware=[Hook(lambda *_: None)])


async def test_a_hook_that_raises_beside_others_raises_itself_and_loses_no_result() -> None:
    def break_on_two(call: CallOffer, call_next: ToolCallNext) -> Any:
        if call.arguments["times"] == 2:
            raise RuntimeError("broken hook")
        return call_next(call)

    agent = Agent(
        ScriptedModel(calls(("ping", {"times": 1}), ("ping", {"times": 2}), ("ping", {"times": 3})), "done"),
        tools=[ping],
        middleware=[Hook(break_on_two)],
    )
    async with agent.stream("go") as stream:
        with pytest.raises(RuntimeError, match="broken hook"):
            async for _ in stream:
                pass
    repaired = Agent(ScriptedModel("done"), tools=[ping])
    result = await repaired.resume(stream.state)
    assert outcomes(result.messages) == [Returned(1), Returned(2), Returned(3)]


@pytest.mark.parametrize(
    ("effect", "outcome", "times"), [("write", Lost(), 1), (None, Lost(), 1), ("read", Returned("done"), 2)]
)
async def test_a_hook_that_raises_after_the_tool_ran_does_not_make_it_run_again(
    effect: Any, outcome: Outcome, times: int
) -> None:
    log: list[str] = []

    @tool(effect=effect)
    def act() -> str:
        log.append("acted")
        return "done"

    async def fail_after(call: CallOffer, call_next: ToolCallNext) -> Outcome:
        await call_next(call)
        raise RuntimeError("broken hook")

    agent = Agent(ScriptedModel(calls(("act", {}))), tools=[act], middleware=[Hook(fail_after)])
    async with agent.stream("go") as stream:
        with pytest.raises(RuntimeError, match="broken hook"):
            await stream.text()
    result = await Agent(ScriptedModel("done"), tools=[act]).resume(stream.state)
    assert outcomes(result.messages) == [outcome]
    assert log == ["acted"] * times


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_tool_that_lets_out_the_cancel_of_another_task_has_failed() -> None:
    import asyncio

    @tool
    async def wait() -> None:
        other = asyncio.ensure_future(anyio.sleep_forever())
        other.cancel()
        await other

    assert await call_once(wait) == Failed("The tool wait failed: something that it waited for was cancelled.")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_cancel_of_asyncios_own_stops_a_run() -> None:
    import asyncio

    @tool
    async def wait() -> None:
        run.cancel()
        await anyio.sleep_forever()

    run = asyncio.ensure_future(Agent(ScriptedModel(calls(("wait", {}))), tools=[wait]).run("go"))
    with pytest.raises(asyncio.CancelledError):
        await run


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


async def test_a_cancel_leaves_every_call_with_what_is_known_of_it(release: threading.Event) -> None:
    running = [anyio.Event() for _ in range(2)]
    from_thread = threading.Event()

    @tool(effect="read")
    async def read() -> None:
        running[0].set()
        await anyio.sleep_forever()

    @tool
    async def undeclared() -> None:
        running[1].set()
        await anyio.sleep_forever()

    @tool
    def blocking() -> None:
        from_thread.set()
        release.wait(10)

    @tool
    def quick() -> str:
        return "quick"

    @tool(effect="write")
    def write() -> str:
        return "written"

    names = ["quick", "read", "undeclared", "blocking", "write", "quick"]
    agent = Agent(
        ScriptedModel(calls(*[(name, {}) for name in names])), tools=[quick, read, undeclared, blocking, write]
    )
    async with agent.stream("go") as stream:
        async for event in stream:
            if isinstance(event, ToolFinished):
                for event_ in running:
                    await event_.wait()
                while not from_thread.is_set():
                    await anyio.lowlevel.checkpoint()
                stream.cancel()
    answered = Agent(ScriptedModel("done"), tools=[quick, read, undeclared, blocking, write])
    result = await answered.resume(stream.state)
    assert outcomes(result.messages) == [
        Returned("quick"), Cancelled(started=True), Lost(), Lost(), Cancelled(started=False), Cancelled(started=False)
    ]  # fmt: skip
