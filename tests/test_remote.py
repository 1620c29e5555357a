"""Exchanges over a transport of our own, on clocks that jump: nothing here sleeps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import anyio
import pytest
from jumping_clock import jumping
from lines_format import (
    ASK,
    ASK_STREAMED,
    HELLO,
    IDENTITY,
    FakeReply,
    LinesCodec,
    Listener,
    failing,
    ok,
    remote,
    streamed,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentkit.agent import Agent
from agentkit.budget import Budget, Ledger
from agentkit.codec import WireRequest
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    DeadlineError,
    ExchangeError,
    ModelLoadingError,
    OverloadedError,
    ProtocolError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import (
    AttemptFailed,
    Delta,
    Memo,
    PartFinished,
    ReplySeen,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
)
from agentkit.messages import AssistantMessage, Text, ToolCall
from agentkit.models import Model
from agentkit.remote import Endpoint, RemoteModel
from agentkit.retry_quotas import RetryQuotas
from agentkit.settings import Deadlines, Settings
from agentkit.transport.protocol import ConnectDeadlineError, HttpRequest, NotSentError, StaleConnectionError

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return jumping(request.param)


class TestAnExchange:
    async def test_is_one_request_and_its_answer(self) -> None:
        model, transport = remote(ok())

        assert await model.respond(ASK) == HELLO
        assert transport.requests == [
            HttpRequest(
                "POST",
                "https://api.acme.test/v1/answers",
                (("content-type", "application/json"), ("authorization", "Bearer sk-secret")),
                b"{}",
            )
        ]
        transport.assert_all_closed()

    async def test_is_a_model(self) -> None:
        model, _ = remote()

        assert isinstance(model, Model)
        assert model.identity is IDENTITY

    async def test_takes_model_and_settings_from_the_remote_where_the_request_has_none(self) -> None:
        codec = LinesCodec()
        model, transport = remote(
            ok(), settings=Settings(seed=1, temperature=0.0, headers={"X-Team": "a"}), codec=codec
        )

        await model.respond(Request("", (), settings=Settings(temperature=1.0)))

        assert codec.encoded == [
            Request("m-default", (), settings=Settings(seed=1, temperature=1.0, headers={"X-Team": "a"}))
        ]
        assert ("x-team", "a") in transport.requests[0].headers

    async def test_headers_of_a_request_win_over_those_of_the_endpoint(self) -> None:
        model, transport = remote(ok())

        await model.respond(Request("m", (), settings=Settings(headers={"Authorization": "Bearer other"})))

        assert transport.requests[0].headers == (
            ("content-type", "application/json"),
            ("authorization", "Bearer other"),
        )

    async def test_is_signed_by_the_endpoint_on_each_attempt(self) -> None:
        calls: list[HttpRequest] = []

        async def sign(request: HttpRequest) -> HttpRequest:
            calls.append(request)
            return HttpRequest(request.method, request.url, (("signature", str(len(calls))),), request.body)

        model, transport = remote(failing(500), ok(), endpoint=Endpoint("https://a.test", auth=sign))

        await model.respond(ASK)

        assert [request.headers for request in transport.requests] == [(("signature", "1"),), (("signature", "2"),)]

    async def test_tells_a_listener_an_answer_that_did_not_stream(self) -> None:
        model, _ = remote(ok())
        listener = Listener()

        await model.respond(ASK, listener)

        assert listener.batches == [[ResponseStarted(), TextDelta("Hello"), ResponseFinished("stop")]]

    async def test_maps_tool_names_back_to_ours(self) -> None:
        codec = LinesCodec({"get_x2e_weather": "get.weather"})
        model, _ = remote(FakeReply(200, [b'{"text": "", "calls": ["get_x2e_weather", "other"]}']), codec=codec)

        response = await model.respond(ASK)

        assert [call.name for call in response.calls] == ["get.weather", "other"]

    async def test_waits_for_a_listener_that_is_behind(self) -> None:
        for answer in (ok(), streamed(b"data:text Hello\ndata:done\n")):
            model, transport = remote(failing(500), answer)

            await model.respond(ASK, Listener(drain_seconds=100.0))

            assert transport.waits == [100.5]
            assert anyio.current_time() - transport.times[1] == pytest.approx(100, abs=0.01)

    async def test_refuses_a_reply_without_end(self) -> None:
        replies = [FakeReply(200, [bytes(2**20)] * 300) for _ in range(2)]
        model, transport = remote(*replies)

        with pytest.raises(ProtocolError, match="larger than 256 MiB"):
            await model.respond(ASK)
        transport.assert_all_closed()

    async def test_understands_a_server_that_streams_unasked(self) -> None:
        model, _ = remote(FakeReply(200, [b"data:start\ndata:text Hello\ndata:done\n"]))

        assert await model.respond(ASK) == Response(AssistantMessage((Text("Hello"),), "m", "r1"))


class TestAStream:
    async def test_is_told_chunk_by_chunk_and_put_together_at_the_end(self) -> None:
        model, transport = remote(streamed(b"data:start\n", b"data:text Hel\ndata:text lo\n", b"data:do", b"ne\n"))
        listener = Listener()

        response = await model.respond(ASK_STREAMED, listener)

        assert response == Response(AssistantMessage((Text("Hello"),), "m", "r1"))
        assert listener.batches == [
            [ResponseStarted("r1", "m")],
            [TextDelta("Hel"), TextDelta("lo")],
            [ResponseFinished("stop")],
        ]
        transport.assert_all_closed()

    async def test_needs_no_listener(self) -> None:
        model, _ = remote(streamed(b"data:text Hello\n", b"data:done\n"))

        assert await model.respond(ASK_STREAMED) == HELLO

    async def test_maps_tool_names_back_to_ours(self) -> None:
        codec = LinesCodec({"a": "b", "b": "a"})
        model, _ = remote(streamed(b"data:call a\ndata:done\n"), codec=codec)
        listener = Listener()

        response = await model.respond(ASK_STREAMED, listener)

        assert response.calls == (ToolCall("c1", "b", "{}"),)
        assert listener.deltas == [
            ToolCallDelta("{}", 1, "c1", "b"),
            PartFinished(ToolCall("c1", "b", "{}"), 1),
            ResponseFinished("stop"),
        ]

    async def test_may_be_answered_in_one_piece(self) -> None:
        model, _ = remote(streamed(b"\r\n", b'{"text": ', b'"Hello"}'))
        listener = Listener()

        assert await model.respond(ASK_STREAMED, listener) == HELLO
        assert listener.deltas == [ResponseStarted(), TextDelta("Hello"), ResponseFinished("stop")]

    async def test_whose_one_piece_is_an_error_raises_it(self) -> None:
        model, _ = remote(streamed(b'{"error": "full"}'), settings=Settings(attempts=1))

        with pytest.raises(OverloadedError, match="full"):
            await model.respond(ASK_STREAMED)

    async def test_that_is_a_web_page_makes_no_sense(self) -> None:
        model, _ = remote(streamed(b"<html>"), settings=Settings(attempts=1))

        with pytest.raises(ProtocolError, match="not JSON"):
            await model.respond(ASK_STREAMED)

    async def test_has_a_largest_size(self) -> None:
        model, transport = remote(streamed(*[b":" * 2**24 + b"\n"] * 17), settings=Settings(attempts=1))

        with pytest.raises(ProtocolError, match="larger than 256 MiB"):
            await model.respond(ASK_STREAMED)
        transport.assert_all_closed()

    async def test_is_complete_when_it_breaks_behind_its_last_event(self) -> None:
        codec = LinesCodec()
        codec.is_finished_at_the_end = True
        model, transport = remote(
            streamed(b"data:text Hello\n", b"data:done\n", ConnectionFailedError("reset")), codec=codec
        )
        listener = Listener(drain_seconds=1.0)

        assert await model.respond(ASK_STREAMED, listener) == HELLO
        assert listener.deltas == [TextDelta("Hello"), ResponseFinished("stop")]
        transport.assert_all_closed()

    async def test_without_a_byte_was_cut(self) -> None:
        model, transport = remote(streamed(), streamed(b"  "))

        with pytest.raises(ProtocolError, match="cut"):
            await model.respond(ASK_STREAMED)
        assert len(transport.requests) == 2

    async def test_is_complete_even_if_the_connection_then_hangs_or_breaks(self) -> None:
        for ending in (3600.0, ConnectionFailedError("reset")):
            model, transport = remote(streamed(b"data:text Hello\ndata:done\n", b": bye\n", ending))

            assert await model.respond(ASK_STREAMED) == HELLO
            transport.assert_all_closed()

    async def test_that_breaks_after_content_is_not_tried_again(self) -> None:
        model, transport = remote(streamed(b"data:text Hel\n", ConnectionFailedError("reset")), ok())
        listener = Listener()

        with pytest.raises(ConnectionFailedError, match="reset"):
            await model.respond(ASK_STREAMED, listener)
        assert (len(transport.requests), listener.deltas) == (1, [TextDelta("Hel")])
        transport.assert_all_closed()

    async def test_that_breaks_before_content_is_tried_again(self) -> None:
        model, transport = remote(
            streamed(b"data:start\n", b"data:error full\n"), streamed(b"data:text Hello\ndata:done\n")
        )
        listener = Listener()

        response = await model.respond(ASK_STREAMED, listener)

        assert response == Response(HELLO.message, attempts=2)
        assert listener.deltas == [
            ResponseStarted("r1", "m"),
            AttemptFailed(1, "OverloadedError: full (acme:m-1)", 0.5),
            TextDelta("Hello"),
            ResponseFinished("stop"),
        ]
        transport.assert_all_closed()


class TestRetries:
    @pytest.mark.parametrize("attempts", [1, 2, 3, 5])
    async def test_send_as_many_requests_as_allowed_and_no_more(self, attempts: int) -> None:
        model, transport = remote(*[failing(500, {"x-request-id": "req-7"}) for _ in range(9)])

        with pytest.raises(ServerError) as caught:
            await model.respond(Request("m-1", (), settings=Settings(attempts=attempts)))

        assert len(transport.requests) == attempts
        error = caught.value
        assert (error.attempts, error.request_id, error.provider, error.model, error.status) == (
            attempts,
            "req-7",
            "acme",
            "m-1",
            500,
        )
        assert len(getattr(error, "__notes__", [])) == attempts - 1
        transport.assert_all_closed()

    async def test_are_three_requests_with_growing_waits_when_nothing_is_said(self) -> None:
        model, transport = remote(failing(500), ConnectionFailedError("reset"), ok())

        assert await model.respond(ASK) == Response(HELLO.message, attempts=3)
        assert transport.waits == [0.5, 1.0]

    @pytest.mark.parametrize("status", [400, 401, 402])
    async def test_are_not_made_where_they_cannot_help(self, status: int) -> None:
        model, transport = remote(failing(status), ok())

        with pytest.raises(ExchangeError):
            await model.respond(ASK)
        assert len(transport.requests) == 1

    async def test_ask_once_more_after_a_reply_that_makes_no_sense(self) -> None:
        model, transport = remote(*[FakeReply(200, [b"?"]) for _ in range(3)])

        with pytest.raises(ProtocolError):
            await model.respond(ASK)
        assert len(transport.requests) == 2

    @pytest.mark.parametrize(
        ("headers", "wait"),
        [
            ({"retry-after-ms": "700"}, 0.7),
            ({"retry-after": "7"}, 7.0),
            ({"retry-after": "0"}, 0.0),
            ({"retry-after": "Fri, 15 Jan 2027 08:00:09 GMT"}, 9.0),
            ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "3"}, 0.5),
            ({"x-ratelimit-reset-tokens": "1m30s"}, 90.0),
            ({"retry-after": "-7"}, 0.5),
        ],
    )
    async def test_wait_as_long_as_the_provider_asks(self, headers: dict[str, str], wait: float) -> None:
        model, transport = remote(failing(429, headers), ok())
        listener = Listener()

        await model.respond(ASK, listener)

        assert transport.waits == [wait]
        assert listener.batches[0] == [AttemptFailed(1, "RateLimitError: no (acme:m-1, HTTP 429)", wait)]

    async def test_do_not_wait_longer_than_two_minutes(self) -> None:
        model, transport = remote(failing(429, {"retry-after": "121"}))

        with pytest.raises(RateLimitError, match="asks to wait 121 s; 120 s are the most we wait") as caught:
            await model.respond(ASK)
        assert "go on later with agent.resume(error.state), or let another model step in" in str(caught.value)
        assert (len(transport.requests), caught.value.retry_after_seconds) == (1, 121.0)

    async def test_do_not_wait_past_the_deadline_of_the_exchange(self) -> None:
        settings = Settings(deadlines=Deadlines(exchange_seconds=10.0))
        model, transport = remote(failing(429, {"retry-after": "11"}), settings=settings)

        with pytest.raises(RateLimitError, match=r"a wait of 11 s .*Deadlines\(exchange_seconds=\.\.\.\)"):
            await model.respond(ASK)
        assert len(transport.requests) == 1

    async def test_do_not_wait_past_the_deadline_of_the_run(self) -> None:
        model, transport = remote(failing(429, {"retry-after": "30"}), ok())
        agent = Agent(model)

        with pytest.raises(RateLimitError, match=r"no; a wait of 30 s .*Budget\(seconds=\.\.\.\)") as caught:
            await agent.run("go", budget=Budget(seconds=5))
        assert (transport.waits, len(transport.requests)) == ([], 1)
        result = await agent.resume(caught.value.state or {}, budget=Budget(seconds=5))
        assert result.output == HELLO.message.text

    async def test_waits_that_end_before_the_deadline_of_the_run_are_waited_for(self) -> None:
        model, transport = remote(failing(429, {"retry-after": "4"}), ok())

        assert (await Agent(model).run("go", budget=Budget(seconds=5))).output == HELLO.message.text
        assert transport.waits == [4.0]

    async def test_obey_the_header_that_forbids_or_allows_them(self) -> None:
        forbidden, _ = remote(failing(500, {"x-should-retry": "false"}))
        allowed, _ = remote(failing(400, {"x-should-retry": "true"}), ok())

        with pytest.raises(ServerError):
            await forbidden.respond(ASK)
        assert await allowed.respond(ASK) == Response(HELLO.message, attempts=2)

    async def test_send_at_once_again_over_a_connection_that_had_been_closed(self) -> None:
        model, transport = remote(StaleConnectionError("closed"), ok())

        assert await model.respond(ASK) == Response(HELLO.message, attempts=2)
        assert transport.waits == [0.0]

    async def test_do_not_count_requests_that_found_no_connection(self) -> None:
        model, transport = remote(NotSentError("refused"), NotSentError("refused"), *[failing(500) for _ in range(4)])

        with pytest.raises(ServerError):
            await model.respond(ASK)
        assert len(transport.requests) == 5

    async def test_end_when_no_connection_is_found(self) -> None:
        model, transport = remote(*[NotSentError("refused") for _ in range(4)])

        with pytest.raises(NotSentError, match=r"refused \(acme:m-1, 3 attempts, waited 1\.5 s in all\)"):
            await model.respond(ASK)
        assert len(transport.requests) == 3

    async def test_renew_credentials_once(self) -> None:
        renewals: list[str] = []

        async def renew() -> None:
            renewals.append("renewed")

        endpoint = Endpoint("https://a.test", renew=renew)
        model, transport = remote(failing(401), ok(), endpoint=endpoint)
        refused, refused_transport = remote(failing(401), failing(401), ok(), endpoint=endpoint)

        assert await model.respond(ASK) == Response(HELLO.message, attempts=2)
        with pytest.raises(AuthenticationError):
            await refused.respond(ASK)
        assert (renewals, transport.waits, len(refused_transport.requests)) == (["renewed"] * 2, [0.0], 2)

    async def test_name_the_earlier_failures_in_the_last_error(self) -> None:
        model, _ = remote(failing(500, body=b"first"), failing(500, body=b"second"), settings=Settings(attempts=2))

        with pytest.raises(ServerError, match="second") as caught:
            await model.respond(ASK)
        assert caught.value.__notes__ == ["attempt 1: ServerError: first (acme:m-1, HTTP 500); waited 0.5 s"]


class TestAModelThatIsBeingLoaded:
    """A cold start, in this format 425; mostly with the seconds that it takes."""

    async def test_is_waited_for_however_many_requests_that_takes(self) -> None:
        loading = [failing(425, {"retry-after": seconds}) for seconds in ("200", "150", "20", "20", "20")]
        model, transport = remote(*loading, failing(500), failing(500), ok())

        assert await model.respond(ASK) == Response(HELLO.message, attempts=8)
        assert transport.waits[:5] == [200.0, 150.0, 20.0, 20.0, 20.0]

    async def test_that_promises_to_be_there_at_once_is_asked_less_and_less_often(self) -> None:
        model, transport = remote(*[failing(425, {"retry-after": "0.01"})] * 9, ok())

        await model.respond(ASK)
        assert transport.waits == [0.01, 0.01, 0.01, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0]

    async def test_is_waited_for_where_it_says_no_time(self) -> None:
        model, transport = remote(*[failing(425)] * 5, ok())

        await model.respond(ASK)
        assert transport.waits == [0.5, 1.0, 2.0, 4.0, 8.0]

    @pytest.mark.parametrize("loading", [1, 4])
    async def test_uses_no_attempt_up_and_no_retries_of_the_run_or_the_host(self, loading: int) -> None:
        ledger = Ledger(Budget(retries=2))
        model, transport = remote(
            *[failing(425, {"retry-after": "1"})] * loading, *[failing(500)] * 9, quotas=RetryQuotas(room=2)
        )

        with pytest.raises(ServerError, match="or allow more attempts with") as caught:
            await model.respond(Request("m", (), memo=Memo(ledger)))
        assert (caught.value.attempts, len(transport.requests)) == (3 + loading, 3 + loading)

    async def test_is_not_waited_for_past_the_deadline_which_the_error_says(self) -> None:
        settings = Settings(deadlines=Deadlines(exchange_seconds=50.0))
        model, transport = remote(*[failing(425, {"retry-after": "20"})] * 9, settings=settings)

        with pytest.raises(
            ModelLoadingError, match=r"a wait of 20 s would pass .*Deadlines\(exchange_seconds="
        ) as caught:
            await model.respond(ASK)
        assert (len(transport.requests), caught.value.attempts, caught.value.waited_seconds) == (3, 3, 40.0)

    async def test_is_not_waited_for_past_the_time_of_the_run(self) -> None:
        ledger = Ledger(Budget(seconds=50))
        ledger.until = anyio.current_time() + 50
        model, transport = remote(*[failing(425, {"retry-after": "20"})] * 9)

        with pytest.raises(ModelLoadingError, match=r"pass the end of the run's time; .*Budget\(seconds="):
            await model.respond(Request("m", (), memo=Memo(ledger)))
        assert len(transport.requests) == 3

    async def test_is_not_waited_for_by_who_sends_one_request_alone(self) -> None:
        model, transport = remote(failing(425, {"retry-after": "1"}), ok(), settings=Settings(attempts=1))

        with pytest.raises(ModelLoadingError, match=r"allow more attempts with Settings\(attempts="):
            await model.respond(ASK)
        assert len(transport.requests) == 1


class TestWhatBoundsRetries:
    async def test_is_said_by_the_last_error_with_what_to_do_next(self) -> None:
        model, transport = remote(*[failing(429, {"retry-after-ms": "20"}) for _ in range(9)])

        with pytest.raises(RateLimitError) as caught:
            await model.respond(ASK)

        error = caught.value
        assert len(transport.requests) == 3
        assert (error.attempts, error.waited_seconds) == (3, pytest.approx(0.04))
        assert str(error) == (
            "no; send fewer requests at once (limited(model, requests_per_minute=...)), or allow more attempts with "
            "Settings(attempts=...) (acme:m-1, HTTP 429, 3 attempts, waited 0.04 s in all)"
        )

    async def test_is_said_after_the_providers_words_of_a_lost_connection_too(self) -> None:
        model, _ = remote(*[ConnectionFailedError("it was lost.") for _ in range(3)])

        with pytest.raises(ConnectionFailedError, match=r"^it was lost; try later, let another model step in"):
            await model.respond(ASK)

    async def test_leaves_the_advice_to_an_error_that_has_its_own(self) -> None:
        model, _ = remote(*[NotSentError("no connection; is the server running?") for _ in range(3)])

        with pytest.raises(NotSentError, match=r"^no connection; is the server running\? \("):
            await model.respond(ASK)

    async def test_is_the_runs_share_which_its_sub_agents_spend_too(self) -> None:
        run = Ledger(Budget(retries=3))
        below = Ledger(Budget(), run)
        sent: list[int] = []
        for account in (run, below, run):
            model, transport = remote(*[failing(500) for _ in range(9)])
            with pytest.raises(ServerError) as caught:
                await model.respond(replace(ASK, memo=Memo(account)))
            sent.append(len(transport.requests))

        assert sent == [3, 2, 1]
        assert "not tried again, since the run has no retries left; allow more with Budget(retries=...)" in str(
            caught.value
        )

    async def test_is_what_a_host_can_bear(self) -> None:
        quotas = RetryQuotas(clock=lambda: 0.0)
        quota = quotas.of("api.acme.test")
        sent = 0

        async def fail() -> None:
            nonlocal sent
            model, transport = remote(*[failing(503) for _ in range(3)], quotas=quotas)
            with pytest.raises(ServerError):
                await model.respond(ASK)
            sent += len(transport.requests)

        async with anyio.create_task_group() as tasks:
            for _ in range(1_000):
                tasks.start_soon(fail)

        assert (sent, quota.under_way) == (1_300, 0)
        model, transport = remote(failing(503), quotas=quotas)
        with pytest.raises(ServerError, match=r"so many requests to api\.acme\.test have failed lately.*limited\("):
            await model.respond(ASK)
        assert len(transport.requests) == 1

    async def test_does_not_count_connections_that_had_gone_stale(self) -> None:
        quotas = RetryQuotas(room=-1)
        model, _ = remote(StaleConnectionError("closed"), ok(), quotas=quotas)

        assert (await model.respond(replace(ASK, memo=Memo(Ledger(Budget(retries=0)))))).attempts == 2

    async def test_is_given_back_by_answers(self) -> None:
        quotas = RetryQuotas(room=1, clock=lambda: 0.0)
        for _ in range(5):
            model, _ = remote(failing(500), ok(), quotas=quotas)
            assert (await model.respond(ASK)).attempts == 2


class TestWhatIsTold:
    async def test_names_the_request_of_an_answer(self) -> None:
        model, _ = remote(FakeReply(200, [b'{"text": "Hello"}'], {"x-request-id": "req-9"}))

        assert (await model.respond(ASK)).request_id == "req-9"

    async def test_reaches_who_observes_the_request(self) -> None:
        headers = {"x-ratelimit-remaining-requests": "7"}
        seen: list[ReplySeen] = []
        model, _ = remote(
            failing(429, headers),
            ConnectionFailedError("reset"),
            FakeReply(200, [b'{"text": "Hello"}'], headers),
        )

        await model.respond(replace(ASK, observe=seen.append))

        assert [(reply.headers, type(reply.error)) for reply in seen] == [
            (headers, RateLimitError),
            ({}, ConnectionFailedError),
            (headers, type(None)),
        ]

    async def test_stands_on_the_span_attempt_by_attempt(self) -> None:
        exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        for replies, outcome in (([failing(429), ok()], True), ([failing(503)] * 3, False)):
            model, _ = remote(*replies)
            with provider.get_tracer("test").start_as_current_span("chat"), suppress(ServerError):
                await model.respond(ASK)
            (span,) = exporter.get_finished_spans()
            exporter.clear()
            events = [dict(event.attributes or {}) for event in span.events if event.name == "agentkit.attempt_failed"]
            first = {"agentkit.attempt": 1, "error.type": "429", "agentkit.wait_seconds": 0.5}
            if outcome:
                assert events == [first]
                assert dict(span.attributes or {}) == {"agentkit.attempts": 2, "agentkit.retry_wait_seconds": 0.5}
            else:
                assert [event["agentkit.attempt"] for event in events] == [1, 2]
                assert dict(span.attributes or {}) == {"agentkit.attempts": 3, "agentkit.retry_wait_seconds": 1.5}


class TestErrorReplies:
    async def test_are_cut_when_they_are_large(self) -> None:
        model, transport = remote(FakeReply(400, [b"x" * 2**19] * 9))

        with pytest.raises(BadRequestError) as caught:
            await model.respond(ASK)
        assert len(caught.value.message) == 2**20
        transport.assert_all_closed()

    @pytest.mark.parametrize("ending", [3600.0, ConnectionFailedError("reset")])
    async def test_that_hang_or_break_are_told_by_their_status(self, ending: float | Exception) -> None:
        model, transport = remote(FakeReply(400, [b"bad", ending]))

        with pytest.raises(BadRequestError, match="bad"):
            await model.respond(ASK)
        assert anyio.current_time() - transport.times[0] < 11
        transport.assert_all_closed()


LIMITED = Settings(attempts=1, deadlines=Deadlines(4.0, 30.0, 10.0, 60.0))


class TestDeadlines:
    async def elapsed(self, model: RemoteModel, request: Request, *, sink: Listener | None = None) -> tuple[str, float]:
        begun = anyio.current_time()
        with pytest.raises(DeadlineError) as caught:
            await model.respond(request, sink)
        assert caught.value.deadline is not None
        assert caught.value.seconds == getattr(model.settings and model.settings.deadlines, caught.value.deadline)
        return str(caught.value), anyio.current_time() - begun

    async def test_bound_the_time_to_the_first_event_of_a_stream(self) -> None:
        model, transport = remote(streamed(20.0, b": keep-alive\n", 9.0, b": keep-alive\n", 9.0), settings=LIMITED)

        message, seconds = await self.elapsed(model, ASK_STREAMED)

        assert seconds == pytest.approx(30, abs=0.01)
        assert message == (
            "no event of the reply came within 30 s; "
            "allow more with Settings(deadlines=Deadlines(first_event_seconds=...)) (acme:m-1)"
        )
        transport.assert_all_closed()

    async def test_bound_the_time_to_a_whole_reply(self) -> None:
        for script in ([FakeReply(200, [b"{", 40.0])], [ok()]):
            model, _ = remote(*script, settings=LIMITED, head_seconds=40.0 if len(script[0].script) == 1 else 0.0)

            _, seconds = await self.elapsed(model, ASK)

            assert seconds == pytest.approx(30, abs=0.01)

    async def test_bound_the_silence_between_events_which_keep_alives_do_not_break(self) -> None:
        model, transport = remote(
            streamed(20.0, b"data:text a\n", 9.5, b"data:text b\n", *[b": keep-alive\n", 3.0] * 9), settings=LIMITED
        )
        listener = Listener()

        message, seconds = await self.elapsed(model, ASK_STREAMED, sink=listener)

        assert 39.5 <= seconds <= 40.01
        assert "no event came for 10 s" in message and "idle_seconds=..." in message
        assert listener.deltas == [TextDelta("a"), TextDelta("b")]
        transport.assert_all_closed()

    async def test_are_never_early_for_a_stream_of_quick_events(self) -> None:
        quick = [b"data:text a\n", 0.05] * 8
        model, _ = remote(streamed(*quick, 9.9, b"data:text b\n", b"data:done\n"), settings=LIMITED)

        assert (await model.respond(ASK_STREAMED)).text == "aaaaaaaab"

    async def test_bound_the_exchange_with_its_waits(self) -> None:
        settings = Settings(deadlines=Deadlines(4.0, 30.0, 10.0, 60.0))
        model, transport = remote(failing(429, {"retry-after": "50"}), ok(), settings=settings, head_seconds=8.0)

        message, seconds = await self.elapsed(model, ASK)

        assert seconds == pytest.approx(60, abs=0.01)
        assert message.startswith("the exchange took longer than 60 s, retries and waits included; allow more with")
        assert len(transport.requests) == 2

    async def test_are_tried_again_before_content(self) -> None:
        settings = Settings(deadlines=Deadlines(4.0, 30.0, 10.0, None))
        model, _ = remote(FakeReply(200, [math.inf]), ok(), settings=settings)

        assert await model.respond(ASK) == Response(HELLO.message, attempts=2)

    async def test_are_named_when_no_connection_is_made(self) -> None:
        model, transport = remote(ConnectDeadlineError("no connection to a.test"), settings=LIMITED)

        with pytest.raises(DeadlineError) as caught:
            await model.respond(ASK)
        assert str(caught.value) == (
            "no connection to a.test; the connect deadline is 4 s; "
            "allow more with Settings(deadlines=Deadlines(connect_seconds=...)) (acme:m-1)"
        )
        assert (caught.value.deadline, caught.value.seconds) == ("connect_seconds", 4.0)
        assert transport.connect_seconds == 4.0

    async def test_stand_still_while_a_slow_reader_is_waited_for(self) -> None:
        model, _ = remote(streamed(b"data:text a\n", 9.0, b"data:text b\n", 9.0, b"data:done\n"), settings=LIMITED)

        response = await model.respond(ASK_STREAMED, Listener(drain_seconds=1000.0))

        assert response.text == "ab"

    async def test_may_be_lifted(self) -> None:
        settings = Settings(deadlines=Deadlines(4.0, None, None, None))
        model, _ = remote(streamed(9e4, b"data:text a\n", 9e4, b"data:done\n"), settings=settings)

        assert (await model.respond(ASK_STREAMED)).text == "a"


class TestLeaving:
    @pytest.mark.parametrize("request_", [ASK, ASK_STREAMED], ids=["whole", "streamed"])
    async def test_by_an_outer_deadline_is_no_error_of_ours_and_closes_the_reply(self, request_: Request) -> None:
        reply = streamed(b"data:text a\n", 3600.0)
        model, transport = remote(reply)
        listener = Listener()

        with anyio.move_on_after(5) as scope:
            await model.respond(request_, listener)

        assert scope.cancelled_caught
        assert len(transport.requests) == 1
        transport.assert_all_closed()

    @pytest.mark.parametrize("request_", [ASK, ASK_STREAMED], ids=["whole", "streamed"])
    async def test_at_any_moment_leaves_no_reply_open(self, request_: Request) -> None:
        for moment in range(40):
            model, transport = remote(
                failing(500), streamed(b"data:start\n", 0.0, b"data:text a\n", 0.0, b"data:done\n", 0.0, b": bye\n")
            )

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(model.respond, request_, Listener(drain_seconds=0.001))
                for _ in range(moment):
                    await anyio.sleep(0.0005 if moment % 2 else 0)
                tasks.cancel_scope.cancel()

            transport.assert_all_closed()

    async def test_while_waiting_to_try_again_sends_nothing_more(self) -> None:
        model, transport = remote(failing(429, {"retry-after": "60"}), ok())

        with anyio.move_on_after(5) as scope:
            await model.respond(ASK)

        assert (scope.cancelled_caught, len(transport.requests)) == (True, 1)

    async def test_because_the_listener_failed_closes_the_reply(self) -> None:
        class Failing(Listener):
            def emit(self, deltas: Sequence[Delta]) -> bool:
                raise RuntimeError("the terminal is gone")

        model, transport = remote(streamed(b"data:text a\n", b"data:text b\n", b"data:done\n"))

        with pytest.raises(RuntimeError, match="the terminal is gone"):
            await model.respond(ASK_STREAMED, Failing())
        transport.assert_all_closed()


class CountingCodec(LinesCodec):
    """The same format, with an address that counts."""

    def encode_count(self, request: Request) -> WireRequest:
        self.encoded.append(request)
        return WireRequest("/counts", b"[]")

    def decode_count(self, body: bytes) -> int:
        return int(body)


class TestACount:
    async def test_goes_through_the_same_door(self) -> None:
        codec = CountingCodec()
        model, transport = remote(failing(500), FakeReply(200, [b"42"]), codec=codec, settings=Settings(seed=1))

        assert await model.count_tokens(ASK_STREAMED) == 42
        assert codec.encoded == [Request("m-1", (), settings=Settings(seed=1))]
        assert transport.requests[1] == HttpRequest(
            "POST",
            "https://api.acme.test/v1/counts",
            (("content-type", "application/json"), ("authorization", "Bearer sk-secret")),
            b"[]",
        )
        assert transport.waits == [0.5]
        transport.assert_all_closed()

    async def test_leaves_the_model_answering(self) -> None:
        model, _ = remote(FakeReply(200, [b"42"]), ok(), codec=CountingCodec())

        await model.count_tokens(ASK)
        assert await model.respond(ASK) == HELLO

    async def test_that_is_refused_raises_the_typed_error(self) -> None:
        model, transport = remote(failing(400), codec=CountingCodec())

        with pytest.raises(BadRequestError) as caught:
            await model.count_tokens(ASK)
        assert (caught.value.provider, caught.value.model, caught.value.attempts) == ("acme", "m-1", 1)
        transport.assert_all_closed()

    async def test_keeps_deadlines(self) -> None:
        deadlines = Deadlines(first_event_seconds=5)
        model, transport = remote(
            FakeReply(200, [60.0]), codec=CountingCodec(), settings=Settings(attempts=1, deadlines=deadlines)
        )

        with pytest.raises(DeadlineError):
            await model.count_tokens(ASK)
        transport.assert_all_closed()

    async def test_is_none_and_no_request_where_the_format_has_none(self) -> None:
        model, transport = remote()

        assert await model.count_tokens(ASK) is None
        assert transport.requests == []


class TestAnEndpoint:
    @pytest.mark.parametrize(
        ("base_url", "host"),
        [
            ("https://api.acme.test/v1", "api.acme.test"),
            ("http://user:secret@127.0.0.1:8080?a=b/c", "127.0.0.1:8080"),
            ("http://[::1", "[::1"),
        ],
    )
    def test_names_its_host(self, base_url: str, host: str) -> None:
        assert Endpoint(base_url).host == host

    def test_keeps_its_secrets_out_of_its_repr(self) -> None:
        model, _ = remote(endpoint=Endpoint("https://u:pw@a.test/v1?api-key=sk-1&v=2", {"x-api-key": "sk-2"}))

        assert repr(model) == (
            "RemoteModel(acme:m-default, lines:test, "
            "Endpoint(https://a.test/v1?api-key=REDACTED&v=2, headers: x-api-key))"
        )

    @pytest.mark.parametrize(
        ("base_url", "path", "url"),
        [
            ("https://a.test/v1/", "/chat", "https://a.test/v1/chat"),
            ("https://a.test", "/chat?alt=sse", "https://a.test/chat?alt=sse"),
            ("https://a.test/v1?version=2", "/chat", "https://a.test/v1/chat?version=2"),
            ("https://a.test?version=2", "/chat?alt=sse", "https://a.test/chat?version=2&alt=sse"),
        ],
    )
    def test_puts_paths_under_its_address(self, base_url: str, path: str, url: str) -> None:
        assert Endpoint(base_url).url(path) == url

    def test_refuses_an_address_without_a_scheme(self) -> None:
        with pytest.raises(ConfigurationError, match="has to begin with https://"):
            Endpoint("api.acme.test/v1")
