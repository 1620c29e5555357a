"""fallback: who is asked, who is passed over, what a listener is told, what it costs, and what all-failed says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.catalog import Price
from agentkit.errors import (
    AgentkitError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    MediaError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
    UnsupportedError,
)
from agentkit.exchange import (
    AttemptFailed,
    Delta,
    Memo,
    ModelSwitched,
    ReplySeen,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
)
from agentkit.identity import Capabilities
from agentkit.messages import AssistantMessage, Text, user_message
from agentkit.models import Sink, identity_of
from agentkit.policies.fallback import FallbackModel, another_may_answer, fallback
from agentkit.prices import PriceBook
from agentkit.settings import Settings
from agentkit.testing.scripted import Delay, ScriptedModel, ScriptedTurn, Turn, calls
from agentkit.tools import tool
from agentkit.tracing.configure import configure
from agentkit.usage import Cost, Usage

pytestmark = pytest.mark.anyio


def first(*turns: ScriptedTurn) -> ScriptedModel:
    return ScriptedModel(*turns, provider="acme", model="big")


def second(*turns: ScriptedTurn) -> ScriptedModel:
    return ScriptedModel(*turns, provider="other", model="small")


def question(**parts) -> Request:
    return Request("big", (user_message("Hi"),), **parts)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Listener:
    def __init__(self) -> None:
        self.deltas: list[Delta] = []

    def emit(self, deltas: Sequence[Delta]) -> bool:
        self.deltas += deltas
        return False

    async def drain(self) -> None: ...


# Which errors


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("x"),
        ConnectionFailedError("x"),
        ContextLengthError("x"),
        DeadlineError("x"),
        ModelNotFoundError("x"),
        OverloadedError("x"),
        PermissionDeniedError("x"),
        ProtocolError("x"),
        QuotaExceededError("x"),
        RateLimitError("x"),
        ServerError("x"),
        UnsupportedError("x"),
        BadRequestError("x", code="unsupported_value"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_another_provider_may_cure_moves_on(error: Exception) -> None:
    assert another_may_answer(error)
    response = await fallback(first(error), second("fine")).respond(question())
    assert (response.text, str(response.answered_by)) == ("fine", "other:small")
    assert response.failed_over == (f"acme:big {type(error).__name__}",)


@pytest.mark.parametrize(
    "error",
    [BadRequestError("x"), ContentFilteredError("x"), MediaError("x"), ConfigurationError("x"), ValueError("x")],
    ids=lambda error: type(error).__name__,
)
async def test_what_is_wrong_with_the_request_or_the_program_is_raised_as_it_is(error: Exception) -> None:
    stand_in = second("fine")
    with pytest.raises(type(error)) as raised:
        await fallback(first(error), stand_in).respond(question())
    assert raised.value is error
    assert not hasattr(error, "__notes__")
    assert stand_in.requests == []


@pytest.mark.parametrize(
    "on", [ValueError, (ValueError, KeyError), lambda error: "x" in str(error)], ids=["type", "types", "predicate"]
)
async def test_the_caller_may_say_which_errors_move_on(on) -> None:
    assert (await fallback(first(ValueError("x")), second("fine"), on=on).respond(question())).text == "fine"
    with pytest.raises(RateLimitError):
        await fallback(first(RateLimitError("no")), second("fine"), on=on).respond(question())


def test_what_is_no_error_type_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="on= holds 'RateLimitError'"):
        fallback(first(), second(), on=["RateLimitError"])  # type: ignore[list-item]  # that is the mistake


def test_one_model_is_no_choice() -> None:
    with pytest.raises(ConfigurationError, match="two models or more, got 1"):
        FallbackModel([first()])


def test_names_are_resolved_at_once_so_that_a_missing_key_is_told_at_the_start(monkeypatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="ANTHROPIC_API_KEY"):
        fallback("offline:", "anthropic:claude-sonnet-5")
    assert repr(fallback("offline:", second())) == "fallback(offline:matcher, other:small)"


# Who answers


async def test_the_first_model_answers_while_it_can() -> None:
    model, stand_in = first("one"), second()
    response = await fallback(model, stand_in).respond(question())
    assert (response.text, str(response.answered_by), response.failed_over) == ("one", "acme:big", ())
    assert (stand_in.requests, response.attempts) == ([], 1)


async def test_the_message_and_the_attempts_are_those_of_who_answered() -> None:
    model = fallback(first(OverloadedError("full", attempts=3)), second("two"))
    response = await model.respond(question())
    assert (response.message.model, response.attempts) == ("small", 4)


async def test_each_model_is_asked_by_its_own_id_and_never_sent_another_ones_key() -> None:
    model, stand_in = first(OverloadedError("full")), second("two")
    settings = Settings(headers={"X-Api-Key": "sk-canary", "x-team": "blue"}, extra={"other": {"a": 1}})
    await fallback(model, stand_in).respond(question(settings=settings))
    assert model.requests[0].settings == settings
    (asked,) = stand_in.requests
    assert (asked.model, asked.settings) == ("small", replace(settings, headers={"x-team": "blue"}))


async def test_a_hook_may_name_another_model_of_the_first_provider() -> None:
    response = await fallback(first("one"), second()).respond(replace(question(), model="bigger"))
    assert str(response.answered_by) == "acme:bigger"


async def test_it_promises_what_all_of_its_models_can_do() -> None:
    able = ScriptedModel(provider="acme", model="big")
    less = ScriptedModel(capabilities=Capabilities(structured_output=False, media=frozenset({"image"})))
    identity = identity_of(fallback(able, less))
    assert (identity.provider, identity.model) == ("acme", "big")
    assert identity.capabilities == Capabilities(structured_output=False, media=frozenset({"image"}))


class Remembering:
    """A model that keeps something in the memo, under the key of its format."""

    def __init__(self, name: str, *, fails_at: Sequence[int] = ()) -> None:
        self.name = name
        self.fails_at = fails_at
        self.found: list[object] = []

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        assert request.memo is not None
        self.found.append(request.memo.kept.get("format"))
        request.memo.kept["format"] = self.name
        if len(self.found) in self.fails_at:
            raise OverloadedError("full")
        return Response(AssistantMessage((Text(self.name),)))


async def test_every_model_finds_its_own_memo_again() -> None:
    one, two = Remembering("one", fails_at=(1, 2)), Remembering("two")
    model, memo = fallback(one, two, cool_down_seconds=0), Memo()
    for _ in range(3):
        await model.respond(question(memo=memo))
    assert one.found == [None, "one", "one"]
    assert two.found == [None, "two"]
    assert memo.kept["format"] == "one"


async def test_tokens_are_counted_by_the_first() -> None:
    class Counting(ScriptedModel):
        async def count_tokens(self, request: Request) -> int | None:
            return 7

    assert await fallback(Counting(), second()).count_tokens(question()) == 7
    assert await fallback(second(), Counting()).count_tokens(question()) is None


# When all fail


async def test_when_all_fail_the_last_that_waiting_may_cure_is_raised_and_tells_of_all() -> None:
    full, bad = OverloadedError("full.", attempts=3), AuthenticationError("bad key")
    full.waited_seconds, bad.waited_seconds = 1.5, 0.5
    model = fallback(first(full), second(bad))
    with pytest.raises(OverloadedError) as raised:
        await model.respond(question())
    error = raised.value
    named = "acme:big (OverloadedError), other:small (AuthenticationError)"
    assert str(error) == f"full; 2 models were asked and failed: {named} (4 attempts, waited 2 s in all)"
    assert error.__notes__ == [
        "acme:big: OverloadedError: full. (3 attempts, waited 1.5 s in all)",
        "other:small: AuthenticationError: bad key (waited 0.5 s in all)",
    ]
    assert isinstance(error.__cause__, AuthenticationError)


async def test_when_nothing_may_be_cured_by_waiting_the_last_is_raised() -> None:
    model = fallback(first(AuthenticationError("bad key")), second(UnsupportedError("takes no video")))
    with pytest.raises(UnsupportedError) as raised:
        await model.respond(question())
    assert raised.value.__notes__ == [
        "acme:big: AuthenticationError: bad key",
        "other:small: UnsupportedError: takes no video",
    ]


async def test_a_wrong_request_is_told_with_the_failures_before_it() -> None:
    model = fallback(first(OverloadedError("full")), second(BadRequestError("what is that")), ScriptedModel())
    with pytest.raises(BadRequestError) as raised:
        await model.respond(question())
    assert raised.value.__notes__ == ["acme:big: OverloadedError: full", "other:small: BadRequestError: what is that"]


# Cool-down


async def test_a_model_that_failed_is_passed_over_until_its_cool_down_ends_then_one_call_tries_it() -> None:
    clock = Clock()
    model, stand_in = first(OverloadedError("full"), "back", "again"), second("a", "b", "c")
    both = FallbackModel([model, stand_in], cool_down_seconds=30, clock=clock)
    answers = [(await both.respond(question())).text]
    clock.now += 29
    listener = Listener()
    response = await both.respond(question(is_streamed=True), listener)
    answers.append(response.text)
    assert response.failed_over == ("acme:big passed over after OverloadedError",)
    assert listener.deltas[0] == ModelSwitched(
        "acme:big", "passed over: 1 s of its cool-down are left, after OverloadedError", "other:small"
    )
    clock.now += 2
    answers += [(await both.respond(question())).text, (await both.respond(question())).text]
    assert answers == ["a", "b", "back", "again"]
    assert [request.settings.attempts for request in model.requests] == [None, 1, None]


async def test_only_one_call_pays_for_the_trial() -> None:
    clock = Clock()
    model = first(OverloadedError("full"), Delay(0.02, "back"))
    both = FallbackModel([model, second("a", "b")], cool_down_seconds=30, clock=clock)
    await both.respond(question())
    clock.now += 31
    texts: list[str] = []

    async def ask() -> None:
        texts.append((await both.respond(question())).text)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        tasks.start_soon(ask)
    assert sorted(texts) == ["b", "back"]


async def test_the_cool_down_doubles_while_trials_fail_and_a_wait_that_was_asked_for_is_kept_to() -> None:
    clock = Clock()
    model = first(ServerError("x"), ServerError("x"), RateLimitError("x", retry_after_seconds=5), "back")
    both = FallbackModel([model, second(*"abcdefg")], cool_down_seconds=30, clock=clock)
    asked: list[int] = []
    for step in (0, 29, 2, 58, 3, 4, 2):
        clock.now += step
        await both.respond(question())
        asked.append(len(model.requests))
    assert asked == [1, 1, 2, 2, 3, 3, 4]


async def test_many_calls_that_fail_at_once_count_once() -> None:
    clock = Clock()
    model = first(*[Delay(0.01, ServerError("x"))] * 5, "back")
    both = FallbackModel([model, second(*"abcdefg")], cool_down_seconds=30, clock=clock)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(both.respond, question())
    clock.now += 31
    assert (await both.respond(question())).text == "back"


async def test_the_longest_wait_that_any_of_them_was_asked_for_is_kept_to() -> None:
    clock = Clock()
    model = first(
        Delay(0.005, RateLimitError("x", retry_after_seconds=5)),
        Delay(0.03, RateLimitError("x", retry_after_seconds=50)),
        "back",
    )
    both = FallbackModel([model, second(*"abcd")], clock=clock)
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(both.respond, question())
    texts: list[str] = []
    for step in (40, 11):
        clock.now += step
        texts.append((await both.respond(question())).text)
    assert texts == ["c", "back"]


async def test_an_answer_that_was_under_way_before_a_failure_does_not_end_the_cool_down() -> None:
    clock = Clock()
    model = first(Delay(0.01, "late"), RateLimitError("x", retry_after_seconds=20))
    both = FallbackModel([model, second(*"abc")], clock=clock)
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(both.respond, question())
    assert (await both.respond(question())).text == "b"


async def test_a_request_that_is_too_much_for_a_model_does_not_keep_others_from_it() -> None:
    model = first(ContextLengthError("too long"), "short")
    both = fallback(model, second("long"))
    assert [(await both.respond(question())).text for _ in range(2)] == ["long", "short"]


async def test_when_all_are_passed_over_they_are_asked_all_the_same_the_soonest_first() -> None:
    clock = Clock()
    one = first(RateLimitError("x", retry_after_seconds=50))
    two = second(RateLimitError("x", retry_after_seconds=20), "two")
    both = FallbackModel([one, two], clock=clock)
    with pytest.raises(RateLimitError):
        await both.respond(question())
    response = await both.respond(question())
    assert (response.text, len(one.requests)) == ("two", 1)


async def test_one_answer_that_broke_off_does_not_yet_take_a_model_out() -> None:
    cut = [TextDelta("Hal"), ConnectionFailedError("gone")]
    model = first(cut, cut, "whole")
    both = FallbackModel([model, second("a", "b", "c")], clock=Clock())
    for _ in range(3):
        await both.respond(question(is_streamed=True), Listener())
    assert len(model.requests) == 2


async def test_the_last_model_may_break_off_once_too() -> None:
    clock = Clock()
    last = second([TextDelta("Hal"), ConnectionFailedError("gone")], "whole")
    both = FallbackModel([first(ServerError("x")), last], clock=clock)
    with pytest.raises(ConnectionFailedError):
        await both.respond(question(is_streamed=True), Listener())
    response = await both.respond(question(is_streamed=True), Listener())
    assert response.failed_over == ("acme:big passed over after ServerError",)
    assert last.requests[1].settings.attempts is None


async def test_the_last_model_is_waited_for() -> None:
    listener = Listener()
    model = FallbackModel([first(ServerError("x")), Waits(3, sleeps=0.001)])
    response = await model.respond(question(is_streamed=True, observe=lambda seen: None), listener)
    assert response.text == "first after all"
    assert AttemptFailed(1, "RateLimitError: slow down", 3) in listener.deltas


# What a listener is told


async def test_before_content_the_switch_is_told_and_the_answer_is_one() -> None:
    listener = Listener()
    model = fallback(first([ResponseStarted("r1", "big"), OverloadedError("full")]), second("Hello you"))
    response = await model.respond(question(is_streamed=True), listener)
    assert listener.deltas[:3] == [
        ResponseStarted("r1", "big"),
        ModelSwitched("acme:big", "OverloadedError: full", "other:small", is_restart=False),
        ResponseStarted("scripted_1", "small"),
    ]
    assert response.text == "Hello you"


async def test_after_content_a_restart_is_told_and_no_text_stands_twice() -> None:
    model = fallback(first([TextDelta("The answer is for"), ConnectionFailedError("gone")]), second("The answer is 42"))
    async with Agent(model).stream("What?") as run:
        events = [event async for event in run]
        text = await run.text()
    switched = [event for event in events if isinstance(event, ModelSwitched)]
    assert switched == [ModelSwitched("acme:big", "ConnectionFailedError: gone", "other:small", is_restart=True)]
    shown = ""
    for event in events:
        if isinstance(event, ModelSwitched):
            shown = ""
        elif isinstance(event, TextDelta):
            shown += event.text
    assert shown == text == run.result.output == run.result.messages[-1].text == "The answer is 42"


async def test_a_cancel_after_a_restart_keeps_only_what_came_after_it() -> None:
    cut = [TextDelta("The answer is for"), ConnectionFailedError("gone")]
    model = fallback(first(cut), second([TextDelta("The rest"), Delay(60)]))
    async with Agent(model).stream("What?") as run:
        async for event in run:
            if event == TextDelta("The rest"):
                run.cancel()
    assert run.state["journal"][-1]["message"]["parts"][0]["text"] == "The rest"


async def test_a_run_can_be_cut_at_any_event_and_goes_on() -> None:
    place = 0
    while True:
        cut = [TextDelta("void "), TextDelta("words"), ConnectionFailedError("gone")]
        agent = Agent(fallback(first(cut, "Whole at last."), second("Whole and new.", "Whole again.")))
        seen: list[object] = []
        async with agent.stream("What?") as run:
            async for event in run:
                seen.append(event)
                if len(seen) > place:
                    break
        is_void = any(isinstance(event, ModelSwitched) for event in seen)
        kept = [message["parts"][0]["text"] for record in run.state["journal"] if (message := record.get("message"))]
        assert not (is_void and any("void" in text for text in kept))
        result = await agent.resume(run.state)
        assert result.output in ("Whole at last.", "Whole and new.", "Whole again.")
        assert not any("void" in message.text for message in result.messages)
        if len(seen) <= place:
            break
        place += 1
    assert place > 8


async def test_half_an_output_is_forgotten_at_a_restart() -> None:
    cut = [TextDelta('{"days": 1'), ConnectionFailedError("gone")]
    model = fallback(first(cut), second('{"days": 2}'))
    schema = {"type": "object", "properties": {"days": {"type": "integer"}}}
    async with Agent(model, output=schema).stream("x") as run:
        found = [run.partial_output async for event in run if isinstance(event, ModelSwitched)]
    assert found == [None]
    assert run.result.output == {"days": 2}


async def test_restarts_can_be_forbidden() -> None:
    stand_in = second("fine")
    model = fallback(first([TextDelta("Hal"), ConnectionFailedError("gone")]), stand_in, restarts=False)
    with pytest.raises(ConnectionFailedError):
        await model.respond(question(is_streamed=True), Listener())
    assert stand_in.requests == []


async def test_content_that_nobody_was_told_needs_no_restart() -> None:
    model = fallback(first([TextDelta("Hal"), ConnectionFailedError("gone")]), second("fine"), restarts=False)
    assert (await model.respond(question())).text == "fine"


class Waits:
    """A model that is told to wait before it tries again."""

    def __init__(self, seconds: float, *, sleeps: float | None = None) -> None:
        self.seconds = seconds
        self.sleeps = seconds if sleeps is None else sleeps

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        error = RateLimitError("slow down", retry_after_seconds=self.seconds)
        assert request.observe is not None
        request.observe(ReplySeen({}, error))
        if sink is not None and sink.emit((AttemptFailed(1, f"RateLimitError: {error}", self.seconds),)):
            await sink.drain()
        await anyio.sleep(self.sleeps)
        return Response(AssistantMessage((Text("first after all"),)))


async def test_a_long_wait_is_not_waited_for_while_another_model_is_there() -> None:
    listener = Listener()
    clock = Clock()
    model, stand_in = Waits(60), second("two", "three")
    both = FallbackModel([model, stand_in], clock=clock)
    with anyio.fail_after(5):
        response = await both.respond(question(is_streamed=True), listener)
        clock.now += 59
        await both.respond(question())
    assert (response.text, response.failed_over) == ("two", ("custom:Waits RateLimitError",))
    assert listener.deltas[0] == ModelSwitched("custom:Waits", "RateLimitError: slow down", "other:small")
    assert not any(isinstance(delta, AttemptFailed) for delta in listener.deltas)


async def test_a_short_wait_is_waited_for() -> None:
    assert (await fallback(Waits(1, sleeps=0.001), second()).respond(question())).text == "first after all"


async def test_observers_of_the_request_go_on_observing() -> None:
    seen: list[ReplySeen] = []
    await fallback(Waits(1, sleeps=0.001), second()).respond(question(observe=seen.append))
    assert [type(each.error) for each in seen] == [RateLimitError]


async def test_a_cancel_is_a_cancel_and_asks_nobody_else() -> None:
    stand_in = second("two")
    with anyio.move_on_after(0.01) as scope:
        await fallback(first(Delay(60, "late")), stand_in).respond(question())
    assert scope.cancelled_caught
    assert stand_in.requests == []


# In a run


PRICES = PriceBook().with_price("acme", "big", Price(10, 20)).with_price("other", "small", Price(1, 2))


async def test_each_answer_is_priced_by_who_gave_it() -> None:
    @tool(effect="read")
    def look() -> str:
        """Look."""
        return "seen"

    million = Usage(1_000_000, output=1_000_000)
    model = fallback(first(Turn(calls(("look", {})), million), OverloadedError("full")), second(Turn("done", million)))
    result = await Agent(model, tools=[look], prices=PRICES).run("go")
    assert (result.output, result.cost, result.usage) == ("done", Cost(33.0), million + million)
    assert [m.model for m in result.messages if isinstance(m, AssistantMessage)] == ["big", "small"]


async def test_a_budget_in_money_is_reserved_by_the_first_and_settled_by_who_answered() -> None:
    million = Usage(1_000_000, output=1_000_000)
    model = fallback(first(OverloadedError("full")), second(Turn("done", million)))
    result = await Agent(model, prices=PRICES, budget=Budget(usd=4)).run("go")
    assert result.cost == Cost(3.0)


async def test_a_budget_in_money_ends_with_the_first_answer_whose_price_is_unknown() -> None:
    @tool
    def look() -> str:
        return "seen"

    stranger = ScriptedModel(calls(("look", {})), "done", provider="nobody", model="secret")
    agent = Agent(
        fallback(first(OverloadedError("full"), OverloadedError("full")), stranger), tools=[look], prices=PRICES
    )
    with pytest.raises(UnsupportedError, match=r"whose price is not known answered .*with_price") as raised:
        await agent.run("go", budget=Budget(usd=4))
    assert len(stranger.requests) == 1
    assert raised.value.state is not None
    with pytest.raises(UnsupportedError, match="whose price is not known answered"):
        await agent.resume(raised.value.state, budget=Budget(usd=4))
    assert (await agent.resume(raised.value.state)).output == "done"


async def test_an_error_of_all_models_carries_the_run() -> None:
    with pytest.raises(ExchangeError) as raised:
        await Agent(fallback(first(ServerError("x")), second(ServerError("y")))).run("go")
    assert raised.value.state is not None
    result = await Agent(ScriptedModel("mended")).resume(raised.value.state)
    assert result.output == "mended"


async def test_the_span_names_who_answered_and_who_did_not() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    configure(tracer_provider=provider)
    try:
        await Agent(fallback(first(OverloadedError("secret words")), second("done"))).run("go")
    finally:
        configure()
    span = next(span for span in exporter.get_finished_spans() if span.name.startswith("chat"))
    attributes = dict(span.attributes or {})
    assert span.name == "chat small"
    assert attributes["gen_ai.provider.name"] == "other"
    assert attributes["gen_ai.request.model"] == attributes["gen_ai.response.model"] == "small"
    assert attributes["agentkit.failed_over"] == ("acme:big OverloadedError",)
    assert "secret words" not in str(attributes)


async def test_fallbacks_nest() -> None:
    inner = fallback(second(OverloadedError("full")), ScriptedModel("three", provider="third", model="t"))
    response = await fallback(first(OverloadedError("full")), inner).respond(question())
    assert (response.text, str(response.answered_by)) == ("three", "third:t")
    assert response.failed_over == ("acme:big OverloadedError", "other:small OverloadedError")


async def test_an_answer_without_an_end_of_a_stream_is_not_half_taken() -> None:
    told = [ResponseStarted("r", "small"), TextDelta("x"), ResponseFinished("stop")]
    listener = Listener()
    response = await fallback(first([TextDelta("a"), ProtocolError("cut")]), second(told)).respond(
        question(is_streamed=True), listener
    )
    assert response.message == AssistantMessage((Text("x"),), "small", "r", "stop")
    assert isinstance(ProtocolError("cut"), AgentkitError)
