"""limited: models that wait for their turn, on clocks that jump."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import pytest
from jumping_clock import jumping
from lines_format import FakeReply, failing, ok, remote
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentkit.agent import Agent
from agentkit.budget import Budget, Ledger
from agentkit.errors import ConfigurationError, DeadlineError, RateLimitError, ServerError
from agentkit.events import Event
from agentkit.exchange import Delta, Memo, ReplySeen, Request, Response, TextDelta, Waiting
from agentkit.messages import AssistantMessage, Text, user_message
from agentkit.models import CountingModel, Model, ModelIdentity, Sink, identity_of
from agentkit.policies.limits import LimitedModel, limited
from agentkit.settings import Deadlines, Settings
from agentkit.testing import ScriptedModel
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return jumping(request.param)


IDENTITY = ModelIdentity("acme", "m-1")
ASK = Request("m-1", (user_message("Hi"),))
USAGE = Usage(input=60, output=40)


@dataclass
class SlowModel:
    """Answers after some seconds, and notes who was under way when."""

    seconds: float = 1.0
    usage: Usage = USAGE
    heads: Sequence[ReplySeen] = (ReplySeen({}),)
    identity: ModelIdentity = IDENTITY
    began: list[float] = field(default_factory=list[float])
    asked: list[str] = field(default_factory=list[str])
    under_way: int = 0
    most: int = 0

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        self.began.append(round(anyio.current_time(), 3))
        self.asked.append(request.messages[-1].text if request.messages else "")
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await anyio.sleep(self.seconds / 2)
            for head in self.heads:
                if request.observe is not None:
                    request.observe(head)
                if head.error is not None and head is self.heads[-1]:
                    raise head.error
            await anyio.sleep(self.seconds / 2)
        finally:
            self.under_way -= 1
        if sink is not None:
            sink.emit((TextDelta("Hello"),))
        return Response(AssistantMessage((Text("Hello"),), usage=self.usage))

    @property
    def waits(self) -> list[float]:
        """When each request began, from the first one on."""
        return [round(at - self.began[0], 2) for at in self.began]


class Listener:
    def __init__(self) -> None:
        self.deltas: list[Delta] = []

    def emit(self, deltas: Sequence[Delta]) -> bool:
        self.deltas += deltas
        return True

    async def drain(self) -> None:
        await anyio.lowlevel.checkpoint()


def slowly(model: Model, **limits: Any) -> LimitedModel:
    return LimitedModel(model, clock=anyio.current_time, wall_clock=lambda: 1_800_000_000.0, **limits)


def of_run(ledger: Ledger, text: str = "Hi") -> Request:
    return Request("m-1", (user_message(text),), memo=Memo(ledger))


async def all_of(*calls: Callable[[], Any]) -> None:
    """Make these calls side by side, begun in this order: trio starts tasks in any."""
    async with anyio.create_task_group() as tasks:
        for call in calls:
            tasks.start_soon(call)
            await anyio.sleep(1e-4)


def asking(model: Model, request: Request = ASK, sink: Sink | None = None) -> Callable[[], Any]:
    async def ask() -> None:
        await model.respond(request, sink)

    return ask


class TestRequestsPerMinute:
    async def test_are_no_more_than_allowed_in_any_minute(self) -> None:
        slow = SlowModel()
        model = slowly(slow, requests_per_minute=2)

        await all_of(*[asking(model)] * 5)

        assert slow.waits == [0, 0, 60, 60, 120]

    async def test_count_those_that_the_wrapped_model_sends_again(self) -> None:
        failed = ReplySeen({}, ServerError("broke"))
        slow = SlowModel(heads=[failed, ReplySeen({})])
        model = slowly(slow, requests_per_minute=4)

        await all_of(*[asking(model)] * 2)

        assert slow.waits == [0, 0]
        await model.respond(ASK)
        assert slow.waits == [0, 0, 60]


class TestTokensPerMinute:
    async def test_are_reserved_by_estimate_and_corrected_by_the_usage(self) -> None:
        slow = SlowModel(usage=Usage(input=300, output=100))
        model = slowly(slow, tokens_per_minute=1_000)
        request = replace(ASK, settings=Settings(max_output_tokens=899))

        await all_of(*[asking(model, request)] * 3)

        # 900 reserved, 400 taken: the second fits when the first minute is over, the third waits for the second's.
        assert slow.waits == [0, 60, 120]

    async def test_leave_room_for_the_next_as_soon_as_less_was_taken(self) -> None:
        slow = SlowModel(usage=Usage(input=40, output=10))
        model = slowly(slow, tokens_per_minute=1_000)
        request = replace(ASK, settings=Settings(max_output_tokens=899))

        await all_of(*[asking(model, request)] * 3)

        assert slow.waits == [0, 1, 2]

    async def test_expect_of_an_answer_what_the_others_took(self) -> None:
        slow = SlowModel(usage=Usage(input=1, output=30))
        model = slowly(slow, tokens_per_minute=300)

        await model.respond(ASK)
        await all_of(*[asking(model)] * 4)

        assert slow.waits == [0, 1, 1, 1, 1]

    async def test_let_a_request_through_that_is_larger_than_all_of_them(self) -> None:
        slow = SlowModel()
        model = slowly(slow, tokens_per_minute=50)

        await model.respond(ASK)
        await model.respond(ASK)

        assert slow.waits == [0, 60]


class TestConcurrency:
    async def test_is_kept(self) -> None:
        slow = SlowModel()
        model = slowly(slow, concurrency=3)

        await all_of(*[asking(model)] * 7)

        assert (slow.most, slow.waits) == (3, [0, 0, 0, 1, 1, 1, 2])

    async def test_falls_when_the_provider_pushes_back(self) -> None:
        slow = SlowModel(heads=[ReplySeen({}, RateLimitError("slow down")), ReplySeen({})])
        model = slowly(slow, concurrency=8)
        await all_of(*[asking(model)] * 8)
        slow.most, slow.heads = 0, [ReplySeen({})]

        await all_of(*[asking(model)] * 8)

        assert slow.most == 6  # half of eight, and more with every answer

    async def test_learns_from_errors_of_a_model_that_tells_of_no_replies(self) -> None:
        model = slowly(ScriptedModel(RateLimitError("slow down", retry_after_seconds=7.0), "Hello"))
        begun = anyio.current_time()

        with pytest.raises(RateLimitError):
            await model.respond(ASK)
        await model.respond(ASK)

        assert round(anyio.current_time() - begun, 3) == 7

    async def test_keeps_to_what_headers_say_is_left(self) -> None:
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "4s"}
        slow = SlowModel(seconds=0.5, heads=[ReplySeen(headers)])
        model = slowly(slow)

        for _ in range(3):
            await model.respond(ASK)

        assert slow.waits == [0, 4.25, 8.5]


class TestFairness:
    async def test_lets_runs_take_turns(self) -> None:
        slow = SlowModel()
        model = slowly(slow, concurrency=1)
        busy, other = Ledger(Budget()), Ledger(Budget())
        below = Ledger(Budget(), busy)

        await all_of(
            *[asking(model, of_run(busy, "busy"))] * 2,
            *[asking(model, of_run(below, "its sub-agent"))] * 2,
            *[asking(model, of_run(other, "other"))] * 2,
        )

        assert slow.asked == ["busy", "busy", "other", "its sub-agent", "other", "its sub-agent"]

    async def test_shares_one_object_among_agents(self) -> None:
        slow = SlowModel()
        model = slowly(slow, requests_per_minute=1)
        agents = [Agent(model, name=name) for name in ("a", "b")]

        async def run(agent: Agent[Any, str]) -> None:
            await agent.run("Hi")

        await all_of(*[lambda agent=agent: run(agent) for agent in agents])

        assert slow.waits == [0, 60]


class TestAWait:
    async def test_is_told_to_the_listener_with_its_reason(self) -> None:
        model = slowly(SlowModel(), requests_per_minute=1)
        listener = Listener()
        await model.respond(ASK)

        await model.respond(ASK, listener)

        waited, told = listener.deltas
        assert isinstance(waited, Waiting) and told == TextDelta("Hello")
        assert (waited.limit, round(waited.seconds or 0), waited.ahead) == ("1 request per minute", 59, 0)

    async def test_is_an_event_of_a_streamed_run(self) -> None:
        model = slowly(SlowModel(), requests_per_minute=1)
        await model.respond(ASK)
        events: list[Event] = []

        async with Agent(model).stream("Hi") as run:
            events += [event async for event in run]

        assert [event.limit for event in events if isinstance(event, Waiting)] == ["1 request per minute"]
        assert run.result.output == "Hello"

    async def test_is_told_of_a_run_that_does_not_stream_its_answers_too(self) -> None:
        model = slowly(ScriptedModel("Hello", "Hello again"), requests_per_minute=1)
        agent = Agent(model, settings=Settings(stream=False))
        await agent.run("Hi")
        kinds: list[type] = []

        async with agent.stream("Hi") as run:
            kinds += [type(event) async for event in run]

        assert Waiting in kinds and TextDelta not in kinds

    async def test_that_would_pass_the_deadline_ends_at_once(self) -> None:
        model = slowly(SlowModel(), requests_per_minute=1)
        request = replace(ASK, settings=Settings(deadlines=Deadlines(exchange_seconds=30.0)))
        await model.respond(ASK)
        begun = anyio.current_time()

        with pytest.raises(DeadlineError) as caught:
            await model.respond(request)

        error = caught.value
        assert anyio.current_time() - begun < 0.1
        assert (error.deadline, error.seconds, error.waiting, error.attempts) == ("exchange_seconds", 30.0, 1, 0)
        assert str(error) == (
            "no turn comes in time: the request waits for 1 request per minute, for 59 s at the least, and was not "
            "sent; start fewer runs at once, raise the limit, or allow more with "
            "Settings(deadlines=Deadlines(exchange_seconds=...)) (acme:m-1)"
        )

    async def test_keeps_to_the_settings_of_the_model_itself(self) -> None:
        own = Settings(deadlines=Deadlines(exchange_seconds=30.0), max_output_tokens=900)
        inner, _ = remote(ok(), settings=own, head_seconds=1.0)
        model = slowly(inner, tokens_per_minute=1_000)

        async def find_no_turn() -> None:
            with pytest.raises(DeadlineError, match="waits for 1,000 tokens per minute") as caught:
                await model.respond(ASK)
            assert caught.value.seconds == 30.0

        await all_of(asking(model), find_no_turn)

    async def test_for_other_requests_ends_with_the_deadline(self) -> None:
        slow = SlowModel(seconds=50.0)
        model = slowly(slow, concurrency=1)
        request = replace(ASK, settings=Settings(deadlines=Deadlines(exchange_seconds=30.0)))
        begun = anyio.current_time()

        async def give_up() -> None:
            with pytest.raises(DeadlineError, match=r"waits for 1 at once, as do 1 other,.*waited 30 s in all"):
                await model.respond(request)
            assert anyio.current_time() - begun == pytest.approx(30, abs=0.1)

        await all_of(asking(model), give_up, asking(model))

        assert slow.waits == [0, 50]

    async def test_that_is_cancelled_gives_its_place_back(self) -> None:
        slow = SlowModel(seconds=10.0)
        model = slowly(slow, concurrency=1, requests_per_minute=2)

        async def leave() -> None:
            with anyio.move_on_after(5):
                await model.respond(ASK)

        async def later() -> None:
            await anyio.sleep(1)
            await model.respond(ASK)

        await all_of(asking(model), leave, later)

        assert slow.waits == [0, 10]

    async def test_that_is_cancelled_when_its_turn_comes_gives_the_turn_back(self) -> None:
        slow = SlowModel(seconds=10.0)
        model = slowly(slow, concurrency=1)

        async def leave() -> None:
            with anyio.CancelScope() as scope:

                class Leaves(Listener):
                    async def drain(self) -> None:
                        await anyio.sleep(20)  # the turn comes meanwhile
                        scope.cancel()
                        await anyio.lowlevel.checkpoint()

                await model.respond(ASK, Leaves())

        async def later() -> None:
            await anyio.sleep(1)
            await model.respond(ASK)

        await all_of(asking(model), leave, later)

        assert slow.waits == [0, 20]

    async def test_is_over_when_an_answer_under_way_is_cancelled(self) -> None:
        slow = SlowModel(seconds=100.0)
        model = slowly(slow, concurrency=1)

        async def leave() -> None:
            with anyio.move_on_after(5):
                await model.respond(ASK)

        await all_of(leave, asking(model))

        assert slow.waits == [0, 5]


class TestTheModel:
    def test_stands_for_the_one_that_it_wraps(self) -> None:
        model = limited(SlowModel(), requests_per_minute=60, concurrency=4)

        assert identity_of(model) is IDENTITY
        assert isinstance(model, Model)
        assert repr(limited("offline:", tokens_per_minute=90_000)).endswith(", tokens_per_minute=90000)")

    async def test_counts_tokens_where_the_wrapped_one_can(self) -> None:
        class Counting(SlowModel):
            async def count_tokens(self, request: Request) -> int | None:
                return 42

        counting, plain = limited(Counting()), limited(SlowModel())

        assert isinstance(counting, CountingModel)
        assert (await counting.count_tokens(ASK), await plain.count_tokens(ASK)) == (42, None)

    async def test_tells_an_outer_policy_of_replies(self) -> None:
        inner = slowly(SlowModel())
        outer = slowly(inner, requests_per_minute=5)
        seen: list[ReplySeen] = []
        request = replace(ASK, observe=seen.append)

        await outer.respond(request)

        assert seen == [ReplySeen({})]

    @pytest.mark.parametrize(
        "limits", [{"requests_per_minute": 0}, {"tokens_per_minute": -5}, {"concurrency": 0}, {"concurrency": "4"}]
    )
    def test_refuses_what_is_no_limit(self, limits: dict[str, Any]) -> None:
        with pytest.raises(ConfigurationError, match="is no limit; give a number of 1 or more"):
            limited(SlowModel(), **limits)


class TestAroundARemoteModel:
    async def test_a_refusal_holds_everybody_as_long_as_the_provider_asks(self) -> None:
        wrapped, transport = remote(failing(429, {"retry-after": "7"}), ok(), ok())
        model = slowly(wrapped)

        await all_of(asking(model), asking(model))

        assert transport.waits == [7, 0]

    async def test_what_headers_say_is_left_is_kept_to(self) -> None:
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "5s"}
        wrapped, transport = remote(*[FakeReply(200, [b'{"text": "Hello"}'], headers)] * 2)
        model = slowly(wrapped)

        await model.respond(ASK)
        await model.respond(ASK)

        assert transport.waits == [5]

    async def test_a_wait_stands_on_the_span_of_the_model_call(self) -> None:
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        model = slowly(SlowModel(), requests_per_minute=1)
        await model.respond(ASK)

        with provider.get_tracer("test").start_as_current_span("chat"):
            await model.respond(ASK)

        (span,) = exporter.get_finished_spans()
        (event,) = span.events
        told = dict(event.attributes or {})
        assert event.name == "agentkit.limit_waited"
        assert told["agentkit.limit"] == "1 request per minute"
        assert told["agentkit.wait_seconds"] == (span.attributes or {})["agentkit.limit_wait_seconds"]
        assert told["agentkit.wait_seconds"] == pytest.approx(59, abs=0.1)


def test_one_limit_holds_for_event_loops_in_several_threads() -> None:
    most, under_way, lock = 0, 0, threading.Lock()

    class Counting(SlowModel):
        async def respond(self, request: Request, sink: Sink | None = None) -> Response:
            nonlocal most, under_way
            with lock:
                under_way += 1
                most = max(most, under_way)
            await anyio.sleep(0.001)
            with lock:
                under_way -= 1
            return Response(AssistantMessage((Text("Hello"),)))

    model = limited(Counting(), concurrency=2)

    async def many() -> None:
        await all_of(*[asking(model)] * 10)

    threads = [
        threading.Thread(target=anyio.run, args=(many,), kwargs={"backend": backend})
        for backend in ("asyncio", "trio", "asyncio")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert (most, under_way) == (2, 0)
