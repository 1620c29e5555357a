"""A question that the provider answers later: started once, looked at ever more seldom, within one deadline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import anyio
import pytest
from conformance.wires import InTurn, OneReply
from jumping_clock import jumping

from agentkit.budget import Budget, Ledger
from agentkit.codec import WireRequest
from agentkit.errors import (
    ConnectionFailedError,
    DeadlineError,
    ExchangeError,
    ProtocolError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import AttemptFailed, Delta, Waiting
from agentkit.jobs import JobDone, JobFailed, JobReply, JobStep, id_in, parts_of
from agentkit.models import ModelIdentity
from agentkit.providers.openai.errors import decode_error
from agentkit.remote import Endpoint
from agentkit.remote_job import RemoteJob, elsewhere
from agentkit.settings import Deadlines, Settings
from agentkit.transport.protocol import HttpRequest

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return jumping(request.param)


@dataclass
class Question:
    text: str
    settings: Settings = Settings()


class Codec:
    """Starts, looks until the body is no longer "running", and fetches where that says."""

    name = "test:jobs"
    poll_seconds = 2.0

    def begin(self, asked: Question) -> JobStep[str]:
        return JobStep("start", WireRequest("/jobs", asked.text.encode()), self._started)

    def _started(self, reply: JobReply) -> JobStep[str]:
        return self._look(id_in(reply.headers.get("location", ""), "/jobs/", provider="test"))

    def _look(self, id: str) -> JobStep[str]:
        return JobStep("look", WireRequest(f"/jobs/{id}", b"", "GET"), lambda reply: self._looked(id, reply), id)

    def _looked(self, id: str, reply: JobReply) -> JobStep[str] | JobDone[str] | JobFailed:
        said = reply.body.decode()
        if said == "running":
            return self._look(id)
        if said == "failed":
            return JobFailed(ServerError("the job broke"))
        if said == "busy":
            raise ServerError("too busy")
        if said.startswith("http"):
            wire = WireRequest("/result", b"", "GET", headers=())
            return JobStep("fetch", wire, lambda reply: JobDone(reply.body.decode()), id, said)
        return JobDone(said)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        return decode_error(status, headers, body, provider="test")


STARTED = OneReply(headers={"location": "https://elsewhere.example/jobs/j1?x=1"}, status=202)
RUNNING = OneReply(b"running")


class Sink:
    def __init__(self) -> None:
        self.told: list[Delta] = []

    def emit(self, deltas: Any) -> bool:
        self.told += deltas
        return True

    async def drain(self) -> None:
        pass


def job(wire: InTurn) -> RemoteJob[Question, str]:
    endpoint = Endpoint("https://api.example/v1", {"api-key": "SECRET"})
    return RemoteJob(Codec(), endpoint, ModelIdentity("test", "m"), transport=wire)


async def test_a_job_is_looked_at_at_once_and_then_ever_more_seldom() -> None:
    wire, sink = InTurn([STARTED, RUNNING, RUNNING, RUNNING, OneReply(b"done")]), Sink()
    reply = await job(wire).perform(Question("hello"), Settings(headers={"x-mine": "1"}), sink=sink)

    assert (reply.answer, reply.attempts) == ("done", 1)
    assert [(sent.method, sent.url) for sent in wire.sent] == [
        ("POST", "https://api.example/v1/jobs"),
        *[("GET", "https://api.example/v1/jobs/j1")] * 4,
    ]
    assert all(dict(sent.headers)["x-mine"] == "1" for sent in wire.sent)
    waits = [told for told in sink.told if isinstance(told, Waiting)]
    assert waits == [Waiting("the job j1", seconds) for seconds in (2.0, 3.0, 4.5)]


async def test_results_elsewhere_are_fetched_without_our_key() -> None:
    wire = InTurn([STARTED, OneReply(b"https://files.example/signed"), OneReply(b"the text")])
    reply = await job(wire).perform(Question("hello"), Settings(headers={"x-mine": "1"}))

    assert reply.answer == "the text"
    assert wire.sent[-1].url == "https://files.example/result"
    assert not {"api-key", "x-mine"} & {name for name, _ in wire.sent[-1].headers}


async def test_results_at_a_less_safe_address_are_not_fetched() -> None:
    for address, words in (
        ("http://169.254.169.254/latest", r"http://169\.254\.169\.254, which is no https:// address"),
        ("https:///latest", "which is no https:// address"),
        ("https://files.example:port/x", "an address that is none"),
        ("http://[", "an address that is none"),
    ):
        wire = InTurn([STARTED, OneReply(address.encode())])
        with pytest.raises(ProtocolError, match=words):
            await job(wire).perform(Question("hello"), Settings())
        assert len(wire.sent) == 2


async def test_a_deadline_is_that_of_the_whole_job_and_names_it() -> None:
    wire = InTurn([STARTED, RUNNING])
    with pytest.raises(DeadlineError, match=r"longer than 60 s.*the job j1 goes on at the provider") as caught:
        await job(wire).perform(Question("hello"), Settings(deadlines=Deadlines(exchange_seconds=60)))
    assert (caught.value.deadline, caught.value.seconds) == ("exchange_seconds", 60)
    assert len(wire.sent) == 8


async def test_whoever_stops_waiting_between_two_looks_is_let_go_at_once() -> None:
    wire = InTurn([STARTED, RUNNING])
    with anyio.move_on_after(1) as scope:
        await job(wire).perform(Question("hello"), Settings(deadlines=Deadlines(exchange_seconds=60)))
    assert (scope.cancelled_caught, len(wire.sent)) == (True, 2)


async def test_a_job_that_may_have_been_started_is_not_started_again() -> None:
    wire = InTurn([ConnectionFailedError("lost")])
    with pytest.raises(ConnectionFailedError) as caught:
        await job(wire).perform(Question("hello"), Settings())
    assert len(wire.sent) == 1
    assert "not started again" in caught.value.__notes__[-1]

    with pytest.raises(ServerError):
        await job(InTurn([OneReply(b"{}", 500)])).perform(Question("hello"), Settings())


async def test_a_start_that_was_refused_is_asked_again() -> None:
    wire = InTurn([OneReply(b"{}", 429, {"retry-after": "7"}), OneReply(b"{}", 503), STARTED, OneReply(b"done")])
    reply = await job(wire).perform(Question("hello"), Settings())
    assert (reply.answer, reply.attempts) == ("done", 3)


async def test_a_start_is_not_waited_for_longer_than_anybody_waits() -> None:
    for seconds, settings in (("3600", Settings()), ("60", Settings(deadlines=Deadlines(exchange_seconds=30)))):
        wire = InTurn([OneReply(b"{}", 429, {"retry-after": seconds}), STARTED])
        with pytest.raises(RateLimitError) as caught:
            await job(wire).perform(Question("hello"), settings)
        assert (len(wire.sent), caught.value.attempts) == (1, 1)
        assert f"asks to wait {seconds} s, which is longer than we do" in caught.value.__notes__[-1]


async def test_what_was_refused_is_told_and_counts_as_a_retry_of_the_run() -> None:
    sink, account = Sink(), Ledger(Budget(retries=1))
    wire = InTurn([OneReply(b"{}", 429, {"retry-after": "7"})])
    with pytest.raises(RateLimitError) as caught:
        await job(wire).perform(Question("hello"), Settings(), sink=sink, account=account)
    (failed,) = sink.told
    assert isinstance(failed, AttemptFailed)
    assert (failed.attempt, failed.wait_seconds, len(wire.sent)) == (1, 7.0, 2)
    assert "the run has no retries left" in caught.value.__notes__[-1]


class PutCodec(Codec):
    """Its jobs are named by whoever asks, and lie in a storage."""

    def begin(self, asked: Question) -> JobStep[str]:
        wire = WireRequest("/bucket/hello", asked.text.encode(), "PUT")
        return JobStep("put", wire, lambda reply: self._named(), is_stored=True)

    def _named(self) -> JobStep[str]:
        def refused(error: ExchangeError) -> JobStep[str] | None:
            return self._look("mine") if error.status == 409 else None

        return JobStep("put", WireRequest("/jobs/mine", b"", "PUT"), lambda reply: self._look("mine"), refused=refused)

    def _looked(self, id: str, reply: JobReply) -> JobStep[str] | JobDone[str]:
        following = super()._looked(id, reply)
        if isinstance(following, JobDone):
            return following
        return replace(following, status="QUEUED", is_stored=following.kind == "fetch")


def put_job(wire: InTurn) -> RemoteJob[Question, str]:
    endpoint, storage = Endpoint("https://api.example/v1", {"api-key": "SECRET"}), Endpoint("https://store.example")
    storage = replace(storage, auth=signed)
    return RemoteJob(PutCodec(), endpoint, ModelIdentity("test", "m"), transport=wire, storage=storage)


async def signed(request: HttpRequest) -> HttpRequest:
    return replace(request, headers=(*request.headers, ("signed", "yes")))


async def test_what_is_put_is_sent_again_and_its_refusal_may_be_followed() -> None:
    lost = ConnectionFailedError("lost")
    wire = InTurn(
        [OneReply(), lost, OneReply(b"{}", 409), OneReply(b"https://files.example/mine"), OneReply(b"the text")]
    )
    reply = await put_job(wire).perform(Question("hello"), Settings(headers={"x-mine": "1"}))

    assert (reply.answer, reply.attempts) == ("the text", 2)
    assert [(sent.method, sent.url) for sent in wire.sent] == [
        ("PUT", "https://store.example/bucket/hello"),
        ("PUT", "https://api.example/v1/jobs/mine"),
        ("PUT", "https://api.example/v1/jobs/mine"),
        ("GET", "https://api.example/v1/jobs/mine"),
        ("GET", "https://files.example/result"),
    ]
    told = [{"signed", "api-key", "x-mine"} & {name for name, _ in sent.headers} for sent in wire.sent]
    assert told == [{"signed"}, *[{"api-key", "x-mine"}] * 3, {"signed"}]
    with pytest.raises(ExchangeError, match="HTTP 400"):
        await put_job(InTurn([OneReply(), OneReply(b"{}", 400)])).perform(Question("hello"), Settings())


async def test_where_a_job_stands_is_told_while_it_is_waited_for_and_when_nobody_waits_any_more() -> None:
    sink = Sink()
    with pytest.raises(DeadlineError, match=r"the job mine goes on .*, where it is QUEUED; the same question takes it"):
        settings = Settings(deadlines=Deadlines(exchange_seconds=1))
        await put_job(InTurn([OneReply(), OneReply(), RUNNING])).perform(Question("hello"), settings, sink=sink)
    assert [told for told in sink.told if isinstance(told, Waiting)] == [Waiting("the job mine, QUEUED", 2.0)]


async def test_a_look_that_fails_is_tried_again() -> None:
    wire = InTurn([STARTED, OneReply(b"{}", 500), OneReply(b"done")])
    assert (await job(wire).perform(Question("hello"), Settings())).answer == "done"


async def test_a_reply_without_a_job_is_told_with_who_gave_it() -> None:
    with pytest.raises(ProtocolError, match="does not say where the job is") as caught:
        await job(InTurn([OneReply(status=202)])).perform(Question("hello"), Settings())
    assert (caught.value.provider, caught.value.model) == ("test", "m")


def test_its_repr_shows_no_key() -> None:
    assert repr(job(InTurn([]))) == "RemoteJob(test:m, test:jobs, Endpoint(https://api.example/v1, headers: api-key))"


@pytest.mark.parametrize(
    "address",
    [
        "https://a..b/",
        f"https://{'a' * 300}.example/x",
        "https://\u2603 .example/",
        "https://a.example/\x00?sig=canary",
    ],
)
def test_an_address_that_no_host_can_have_is_a_typed_error_that_does_not_quote_it(address: str) -> None:
    with pytest.raises(ProtocolError, match="an address that is none") as caught:
        parts_of(address, provider="test")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("address", ["http://me:canary@storage.example/x", "file:///etc/passwd", "https://"])
def test_files_are_fetched_from_nowhere_else_than_https(address: str) -> None:
    with pytest.raises(ProtocolError, match="is no https:// address") as caught:
        elsewhere(address, than=Endpoint("https://own.example"), provider="test")
    assert "canary" not in str(caught.value)


def test_a_name_and_a_password_in_an_address_are_not_used() -> None:
    found = elsewhere("https://me:canary@storage.example:8443/x", than=Endpoint("https://own.example"), provider="test")
    assert found == Endpoint("https://storage.example:8443")


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_an_id_that_leads_to_another_path_is_none(id: str) -> None:
    with pytest.raises(ProtocolError, match="does not say where the job is"):
        id_in(f"https://elsewhere.example/jobs/{id}?x=1", "/jobs/", provider="test")


async def test_an_error_in_the_place_of_a_job_s_state_is_asked_about_again() -> None:
    wire = InTurn([STARTED, OneReply(b"busy"), OneReply(b"done")])
    reply = await job(wire).perform(Question("hello"), Settings(attempts=3))
    assert (reply.answer, reply.attempts, len(wire.sent)) == ("done", 2, 3)


async def test_a_job_that_failed_is_not_looked_at_again() -> None:
    wire = InTurn([STARTED, OneReply(b"failed"), OneReply(b"done")])
    with pytest.raises(ServerError, match="the job broke") as caught:
        await job(wire).perform(Question("hello"), Settings(attempts=3))
    assert (len(wire.sent), caught.value.provider, caught.value.model) == (2, "test", "m")
