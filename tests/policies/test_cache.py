"""cached: what is the same question, what is kept, what it costs, and who waits for whom."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentkit.agent import Agent
from agentkit.assemble import assemble
from agentkit.budget import Budget
from agentkit.catalog import Price
from agentkit.errors import ConfigurationError, OverloadedError, StateError
from agentkit.events import Answer
from agentkit.exchange import Delta, Memo, OutputFormat, Request, Response, ToolDefinition
from agentkit.identity import ModelIdentity
from agentkit.media import ProviderData
from agentkit.messages import AssistantMessage, Finish, Returned, Text, Thinking, ToolCall, UserMessage, user_message
from agentkit.models import Sink, identity_of
from agentkit.policies.cache import CachedModel, CacheWarning, cached
from agentkit.policies.cache_store import AnswerStore
from agentkit.policies.fallback import fallback
from agentkit.policies.limits import limited
from agentkit.prices import PriceBook
from agentkit.settings import Deadlines, Settings
from agentkit.testing.scripted import Delay, ScriptedModel, Turn, calls
from agentkit.tools import tool
from agentkit.tracing.configure import configure
from agentkit.usage import Cost, Usage

pytestmark = pytest.mark.anyio

SEEN = ToolDefinition("look", "Look.", {"type": "object"})
CALLED = AssistantMessage((ToolCall("call_1", "look", "{}", Returned("x")),), "m", "resp_1", "tool_calls", Usage(5))


def question(text: str = "Hi", **parts: Any) -> Request:
    return Request("", (user_message(text),), **parts)


class Echo:
    """Answers every request with its number, and may be different in what its settings say."""

    def __init__(self, settings: Settings | None = None, *, identity: ModelIdentity | None = None) -> None:
        self.asked = 0
        self.path: Path | None = None
        self.settings = settings
        self.identity = identity or ModelIdentity("echo", "e", is_remote=False)

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        self.asked += 1
        return Response(AssistantMessage((Text(str(self.asked)),), "e", "r", "stop", Usage(10, output=2)))


class Listener:
    def __init__(self) -> None:
        self.deltas: list[Delta] = []

    def emit(self, deltas: Sequence[Delta]) -> bool:
        self.deltas += deltas
        return False

    async def drain(self) -> None: ...


# The same question


SAME = [
    question(settings=Settings(attempts=7, stream=True, deadlines=Deadlines(1), headers={"x-api-key": "sk-1"})),
    question(is_streamed=True),
    question(memo=Memo()),
    Request("e", (user_message("Hi"),)),
    Request("e", (UserMessage((Text("Hi"),)),)),
]


@pytest.mark.parametrize("again", SAME, ids=range(len(SAME)))
async def test_how_it_is_asked_does_not_matter(again: Request) -> None:
    model = cached(Echo())
    assert [(await model.respond(each)).text for each in (question(), again)] == ["1", "1"]


OTHERS = [
    question("Ho"),
    Request("other", (user_message("Hi"),)),
    question(instructions="Be brief."),
    question(tools=(SEEN,)),
    question(tools=(ToolDefinition("look", "Look!", {"type": "object"}),)),
    question(tools=(ToolDefinition("look", "Look.", {"type": "object"}, strict=True),)),
    question(output=OutputFormat("o", {"type": "object"})),
    question(output=OutputFormat("o", {"type": "object", "properties": {}})),
    question(settings=Settings(temperature=0)),
    question(settings=Settings(temperature=1)),
    question(settings=Settings(on_unsupported="omit")),
    question(settings=Settings(extra={"echo": {"a": 1}})),
    question(settings=Settings(headers={"x-beta": "1"})),
    Request("", (user_message("Hi"), CALLED)),
    Request("", (user_message("Hi"), replace(CALLED, parts=(replace(CALLED.calls[0], outcome=Returned("y")),)))),
]


async def test_everything_that_decides_the_answer_makes_another_question() -> None:
    echo = Echo()
    model = cached(echo)
    for each in (question(), *OTHERS):
        await model.respond(each)
    assert echo.asked == 1 + len(OTHERS)


async def test_ids_that_providers_give_do_not_matter() -> None:
    renamed = replace(CALLED, response_id="resp_2", usage=Usage(), parts=(replace(CALLED.calls[0], id="call_2"),))
    model = cached(Echo())
    requests = [Request("", (user_message("Hi"), each, user_message("and?"))) for each in (CALLED, renamed)]
    assert [(await model.respond(each)).text for each in requests] == ["1", "1"]


async def test_what_only_its_maker_can_read_matters() -> None:
    def thought(signature: str) -> Request:
        part = Thinking("hm", ProviderData("anthropic:messages", {"signature": signature}))
        return Request("", (user_message("Hi"), AssistantMessage((part, Text("x"))), user_message("and?")))

    model = cached(Echo())
    assert [(await model.respond(thought(each))).text for each in "aba"] == ["1", "2", "1"]


async def test_a_longer_conversation_is_digested_from_where_it_was_left() -> None:
    memo, model = Memo(), cached(Echo())
    said: list[Any] = []
    for step in range(4):
        said.append(user_message(f"{step}"))
        await model.respond(Request("", tuple(said), memo=memo))
    assert (await model.respond(Request("", tuple(said)))).text == "4"
    assert (await model.respond(Request("", (*said[:2], user_message("other")), memo=memo))).text == "5"
    assert (await model.respond(Request("", tuple(said[:2]), memo=memo))).text == "2"


async def test_models_that_differ_share_a_file_and_no_answer(tmp_path: Path) -> None:
    models = [
        Echo(),
        Echo(Settings(temperature=0)),
        Echo(identity=ModelIdentity("echo", "e", address="other.example")),
        Echo(identity=ModelIdentity("echo2", "e")),
    ]
    policies = [cached(each, tmp_path / "a.db") for each in models]
    policies.append(cached(Echo(), tmp_path / "a.db", namespace="v2"))
    policies.append(cached(fallback(Echo(), Echo()), tmp_path / "a.db"))
    found = [(await each.respond(question())).saved for each in policies]
    assert found == [None] * 6
    same = cached(limited(Echo(), concurrency=3), tmp_path / "a.db")
    assert (await same.respond(question())).saved == Usage(10, output=2)
    for each in (*policies, same):
        each.close()


async def test_a_model_in_a_file_is_known_by_the_file_and_not_by_the_port_that_serves_it(tmp_path: Path) -> None:
    weights = tmp_path / "m.gguf"

    def served(port: int) -> CachedModel:
        echo = Echo(identity=ModelIdentity("llamacpp", "m.gguf", address="127.0.0.1", port=port))
        echo.path = weights
        return cached(echo, tmp_path / "a.db")

    weights.write_bytes(b"one")
    first, second = served(1), served(2)
    weights.write_bytes(b"another")
    third = served(2)
    found = [(await each.respond(question())).saved is None for each in (first, second, third)]
    assert found == [True, False, True]
    for each in (first, second, third):
        each.close()


# What an answer from the cache is


async def test_an_answer_from_the_cache_took_nothing_and_says_what_it_saved() -> None:
    model = cached(ScriptedModel(Turn("Hello", Usage(10, output=2))))
    new, kept = [await model.respond(question()) for _ in range(2)]
    assert (new.usage, new.saved, new.attempts) == (Usage(10, output=2), None, 1)
    assert kept == replace(new, message=replace(new.message, usage=Usage()), attempts=0, saved=Usage(10, output=2))


async def test_calls_thinking_and_what_is_opaque_come_back_as_they_were(tmp_path: Path) -> None:
    parts = (
        Thinking("hm", ProviderData("p", {"signature": "abc"})),
        Text("So: é 😀"),
        ToolCall("c1", "look", '{"a": 1}', provider_data=ProviderData("p", {"x": [1, None]})),
    )
    answer = Response(AssistantMessage(parts, "m", "r1", "tool_calls"), "tool_use", {"tier": "flex"}, notes=("a", "b"))
    first = cached(ScriptedModel(answer), tmp_path / "a.db")
    await first.respond(question())
    first.close()
    second = cached(ScriptedModel(), tmp_path / "a.db")
    kept = await second.respond(question())
    second.close()
    assert (kept.message.parts, kept.message.response_id, kept.finish) == (parts, "r1", "tool_calls")
    assert (kept.finish_raw, kept.details) == ("tool_use", {"tier": "flex"})


async def test_a_streamed_answer_streams_again() -> None:
    model = cached(ScriptedModel(calls(("look", {"a": 1}), text="I look.")))
    await model.respond(question())
    listener = Listener()
    kept = await model.respond(question(is_streamed=True), listener)
    assert assemble(listener.deltas) == replace(kept, attempts=1, saved=None)


async def test_a_run_whose_answers_are_kept_costs_nothing_and_goes_the_same_way() -> None:
    @tool(effect="read")
    def look() -> str:
        """Look."""
        return "seen"

    million = Usage(1_000_000, output=1_000_000)
    script = ScriptedModel(Turn(calls(("look", {})), million), Turn("done", million), provider="acme", model="big")
    prices = PriceBook().with_price("acme", "big", Price(1, 2))
    agent = Agent(cached(script), tools=[look], prices=prices, budget=Budget(usd=10))
    first, second = await agent.run("go"), await agent.run("go")
    assert (first.output, first.cost, first.usage) == ("done", Cost(6.0), million + million)
    assert (second.output, second.cost, second.usage, second.steps) == ("done", Cost.zero, Usage(), 2)
    async with agent.stream("go") as run:
        saved = [event.response.saved async for event in run if isinstance(event, Answer)]
    assert saved == [million, million]
    assert await run.text() == "done"


async def test_the_span_says_that_it_came_from_the_cache() -> None:
    agent = Agent(cached(ScriptedModel(Turn("done", Usage(5, output=5)))))
    await agent.run("go")
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    configure(tracer_provider=provider)
    try:
        await agent.run("go")
    finally:
        configure()
    attributes = dict(next(s for s in exporter.get_finished_spans() if s.name.startswith("chat")).attributes or {})
    assert attributes["agentkit.cache.hit"] is True
    assert attributes["gen_ai.usage.output_tokens"] == 0
    assert attributes["agentkit.cost_usd"] == 0.0


async def test_it_stands_for_the_model_that_it_wraps() -> None:
    class Counting(Echo):
        async def count_tokens(self, request: Request) -> int | None:
            return 7

    model = cached(Counting())
    assert identity_of(model) == ModelIdentity("echo", "e", is_remote=False)
    assert await model.count_tokens(question()) == 7
    assert await cached(Echo()).count_tokens(question()) is None
    assert repr(cached("offline:")).endswith(", in memory)")


# What is kept


@pytest.mark.parametrize("finish", ["length", "content_filter", "refusal", "cancelled", "paused", "error", "other"])
async def test_an_answer_that_is_not_whole_is_asked_for_again(finish: Finish) -> None:
    script = ScriptedModel(Turn("so far", finish=finish), "whole")
    model = cached(script)
    assert [(await model.respond(question())).text for _ in range(3)] == ["so far", "whole", "whole"]


@pytest.mark.parametrize("parts", [(), (Text("I will not", is_refusal=True),)], ids=["empty", "refusal"])
async def test_an_answer_that_says_nothing_or_no_is_asked_for_again(parts: tuple[Text, ...]) -> None:
    model = cached(ScriptedModel(Response(AssistantMessage(parts)), "yes"))
    await model.respond(question())
    assert (await model.respond(question())).text == "yes"


async def test_what_failed_is_asked_for_again() -> None:
    model = cached(ScriptedModel(OverloadedError("full"), "fine"))
    with pytest.raises(OverloadedError):
        await model.respond(question())
    assert (await model.respond(question())).text == "fine"


class Hangs(Echo):
    """Never answers the first request, and says when it has come."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = anyio.Event()

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        if not self.begun.is_set():
            self.begun.set()
            await anyio.sleep_forever()
        return await super().respond(request, sink)


async def test_what_was_cancelled_is_asked_for_again() -> None:
    hangs = Hangs()
    model = cached(hangs)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(model.respond, question())
        await hangs.begun.wait()
        tasks.cancel_scope.cancel()
    assert (await model.respond(question())).text == "1"


async def test_the_answer_of_a_stand_in_is_not_kept_as_that_of_the_first() -> None:
    both = fallback(ScriptedModel(OverloadedError("full"), "first"), ScriptedModel("second"), cool_down_seconds=0)
    model = cached(both)
    assert [(await model.respond(question())).text for _ in range(3)] == ["second", "first", "first"]


async def test_a_cache_below_a_fallback_answers_while_the_provider_is_down() -> None:
    provider = ScriptedModel("kept", OverloadedError("full"))
    model = fallback(cached(provider), ScriptedModel("stand-in"), cool_down_seconds=0)
    assert [(await model.respond(question(text))).text for text in "aba"] == ["kept", "stand-in", "kept"]


# Asked once


async def gather(*runs: Any) -> list[Any]:
    found: list[Any] = [None] * len(runs)

    async def one(place: int) -> None:
        try:
            found[place] = await runs[place]()
        except OverloadedError as error:
            found[place] = error

    async with anyio.create_task_group() as tasks:
        for place in range(len(runs)):
            tasks.start_soon(one, place)
            await anyio.lowlevel.checkpoint()
    return found


async def test_the_same_question_at_a_time_is_asked_once() -> None:
    script = ScriptedModel(Delay(0.02, Turn("one", Usage(5))))
    model = cached(script)
    listener = Listener()
    responses = await gather(
        lambda: model.respond(question()),
        lambda: model.respond(question()),
        lambda: model.respond(question(is_streamed=True), listener),
    )
    assert [each.text for each in responses] == ["one"] * 3
    assert [each.saved for each in responses] == [None, Usage(5), Usage(5)]
    assert assemble(listener.deltas).text == "one"
    assert len(script.requests) == 1


async def test_different_questions_do_not_wait_for_each_other() -> None:
    answered = anyio.Event()

    class Waits(Echo):
        async def respond(self, request: Request, sink: Sink | None = None) -> Response:
            if request.messages[0].text == "a":
                await answered.wait()
            return await super().respond(request, sink)

    model = cached(Waits())

    async def other() -> Response:
        response = await model.respond(question("b"))
        answered.set()
        return response

    with anyio.fail_after(10):
        responses = await gather(lambda: model.respond(question("a")), other)
    assert [each.text for each in responses] == ["2", "1"]


async def test_when_who_asks_is_cancelled_another_one_asks() -> None:
    hangs = Hangs()
    model = cached(hangs)
    scope = anyio.CancelScope()

    async def impatient() -> None:
        with scope:
            await model.respond(question())

    async def stop() -> None:
        await hangs.begun.wait()
        scope.cancel()

    with anyio.fail_after(10):
        responses = await gather(impatient, *[lambda: model.respond(question())] * 2, stop)
    assert [each and each.text for each in responses] == [None, "1", "1", None]
    assert hangs.asked == 1


async def test_who_waits_may_leave_without_harm() -> None:
    model = cached(ScriptedModel(Delay(0.03, "one")))

    async def impatient() -> None:
        with anyio.move_on_after(0.005):
            await model.respond(question())

    responses = await gather(lambda: model.respond(question()), impatient, lambda: model.respond(question()))
    assert [each and each.text for each in responses] == ["one", None, "one"]


async def test_a_failure_is_told_to_all_who_wait_each_as_its_own() -> None:
    script = ScriptedModel(Delay(0.02, OverloadedError("full", status=529)))
    model = cached(script)
    errors = await gather(*[lambda: model.respond(question())] * 3)
    assert [str(each) for each in errors] == ["full (HTTP 529)"] * 3
    assert len({id(each) for each in errors}) == 3
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "settings",
    [Settings(headers={"authorization": "Bearer another"}), Settings(attempts=9), Settings(deadlines=Deadlines())],
)
async def test_a_failure_is_not_that_of_who_asks_with_another_key_or_more_patience(settings: Settings) -> None:
    model = cached(ScriptedModel(Delay(0.02, OverloadedError("full")), "one"))
    found = await gather(lambda: model.respond(question()), lambda: model.respond(question(settings=settings)))
    assert {each.text if isinstance(each, Response) else str(each) for each in found} == {"full", "one"}


@pytest.mark.parametrize("base", [OverloadedError, type("Late", (OverloadedError, TimeoutError), {})])
async def test_errors_of_any_make_are_told_twice(base: type[OverloadedError]) -> None:
    class Odd(base):
        def __init__(self, *, why: str) -> None:
            super().__init__(why)

    model = cached(ScriptedModel(Delay(0.02, Odd(why="odd"))))
    errors = await gather(lambda: model.respond(question()), lambda: model.respond(question()))
    assert [(type(each), str(each), each.args) for each in errors] == [(Odd, "odd", ("odd",))] * 2


async def test_nobody_waits_for_a_slow_reader() -> None:
    class Slow(Listener):
        def emit(self, deltas: Sequence[Delta]) -> bool:
            super().emit(deltas)
            return True

        async def drain(self) -> None:
            await read.wait()

    read = anyio.Event()
    script = ScriptedModel("one two", "two")
    model = cached(script)

    async def quick() -> Response:
        response = await model.respond(question())
        read.set()
        return response

    with anyio.fail_after(10):
        responses = await gather(lambda: model.respond(question(is_streamed=True), Slow()), quick)
    assert [each.text for each in responses] == ["one two", "two"]


# The store, when it cannot be used


async def test_a_store_that_is_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes " * 100)
    with pytest.raises(StateError, match=r"notes\.txt.* cannot be used: file is not a database; nothing was changed"):
        await cached(Echo(), path).respond(question())
    assert path.read_text() == "my notes " * 100


async def test_a_store_that_another_process_holds_is_passed_by(tmp_path: Path) -> None:
    model = cached(ScriptedModel("one", "two"), tmp_path / "a.db")
    await model.respond(question())
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.warns(CacheWarning, match="was passed by: database is locked"):
            assert (await model.respond(question("another"))).text == "two"
        assert (await model.respond(question())).text == "one"  # reading needs no lock
    finally:
        holder.close()
        model.close()


async def test_a_store_whose_inside_is_damaged_is_passed_by_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    model = cached(ScriptedModel("one"), path)
    await model.respond(question())
    model.close()
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = bytes((byte * 7 + 13) % 256 for byte in damaged[4096:])
    path.write_bytes(damaged)
    with pytest.warns(CacheWarning, match="it is damaged: delete it, or name another file"):
        assert (await cached(ScriptedModel("two"), path).respond(question())).text == "two"
    assert path.read_bytes() == bytes(damaged)


async def test_an_answer_that_cannot_be_read_is_asked_for_and_written_anew(tmp_path: Path) -> None:
    model = cached(ScriptedModel("one", "two"), tmp_path / "a.db")
    await model.respond(question())
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("UPDATE answers SET answer = ?", (b'{"version": 99, "messages": []}',))
    connection.close()
    assert [(await model.respond(question())).text for _ in range(2)] == ["two", "two"]
    model.close()


async def test_no_key_and_no_question_is_written(tmp_path: Path) -> None:
    settings = Settings(headers={"authorization": "Bearer sk-canary"}, extra={"echo": {"key": "sk-canary"}})
    model = cached(Echo(), tmp_path / "a.db")
    await model.respond(question("a very private question", settings=settings, instructions="sk-canary"))
    model.close()
    written = (tmp_path / "a.db").read_bytes()
    assert b"sk-canary" not in written
    assert b"private question" not in written


async def test_it_can_be_cleared(tmp_path: Path) -> None:
    echo = Echo()
    model = cached(echo, tmp_path / "a.db")
    await model.respond(question())
    await model.clear()
    await model.respond(question())
    model.close()
    assert echo.asked == 2


async def test_what_cannot_be_cleared_now_is_told(tmp_path: Path) -> None:
    model = cached(Echo(), tmp_path / "a.db")
    await model.respond(question())
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match="could not be cleared: database is locked; try again"):
            await model.clear()
    finally:
        holder.close()
        model.close()


@pytest.mark.parametrize("bounds", [{"max_bytes": 0}, {"ttl_seconds": 0}])
def test_a_cache_that_could_keep_nothing_is_refused(bounds: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="keeps nothing; give more than 0"):
        cached(Echo(), **bounds)


def test_one_cache_serves_several_event_loops() -> None:
    model = CachedModel(Echo(), AnswerStore(None, ttl_seconds=None, max_bytes=10_000))

    async def ask() -> str:
        return (await model.respond(question())).text

    assert [anyio.run(ask), anyio.run(ask, backend="trio"), Agent(model).run_sync("x").output] == ["1", "1", "2"]
