"""A batch that is stopped at any of its steps, just before or just after it was kept, is submitted once."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from agentkit.batching import BatchLimits, BatchResult, BatchState, read_state, state_to_json
from agentkit.errors import ConfigurationError, NotFoundError, ProtocolError
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Text, UserMessage
from agentkit.models import Sink
from agentkit.providers import model
from agentkit.providers.batches import connect_batch
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.openai.batches import BatchesCodec
from agentkit.remote_batch import RemoteBatch
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks.batch_drive import Drive
from agentkit.tasks.batch_plan import planned
from agentkit.transport.protocol import HttpRequest, Reply, Transport

pytestmark = pytest.mark.anyio

NAMES = {
    "openai:gpt-6-luna": "/v1",
    "anthropic:claude-haiku-5-5": "",
    "google:gemini-3.5-flash": "",
    "mistral:mistral-small-latest": "/v1",
}
REQUESTS = [Request("", (UserMessage((Text(str(place)),)),)) for place in range(5)]
ECHOES = [f"echo {place}" for place in range(5)]


class Echo:
    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        return Response(AssistantMessage((Text(f"echo {request.messages[-1].text}"),)))


class Stopped(Exception):
    """The process dies here."""


class Keeper:
    """Keeps states as a file does, and dies at one of them."""

    def __init__(self, state: BatchState, *, dies_at: int, keeps_last: bool) -> None:
        self.kept = state_to_json(state)
        self.left = dies_at
        self.keeps_last = keeps_last

    def __call__(self, state: BatchState) -> None:
        self.left -= 1
        if self.left >= 0 or self.keeps_last:
            self.kept = state_to_json(state)
        if self.left < 0:
            raise Stopped


async def gone_on(remote: RemoteBatch, keeper: Keeper) -> list[str]:
    """Drive a batch of REQUESTS until it is stopped, and then as another process would; the texts of its answers."""
    first = Drive(remote, read_state(keeper.kept), keep=keeper)
    try:
        await first.submit(REQUESTS)
        await first.wait(0)
    except Stopped:
        keeper.left = 99
    second = Drive(remote, read_state(keeper.kept), keep=keeper)
    await second.submit(REQUESTS)
    await second.wait(0)
    return [result.text for result in await second.results() if isinstance(result, Response)]


@pytest.mark.parametrize("keeps_last", [True, False])
@pytest.mark.parametrize("name", NAMES)
async def test_a_stop_at_any_step_submits_nothing_twice(name: str, keeps_last: bool) -> None:
    async with simulate(Echo()) as simulator:
        remote = connect_batch(model(name, base_url=simulator.url + NAMES[name], api_key="any"))
        remote.codec.limits = BatchLimits(2, 10**6)
        for dies_at in range(12):
            simulator.forget()
            keeper = Keeper(planned(remote, REQUESTS, ids="abcde"), dies_at=dies_at, keeps_last=keeps_last)
            texts = await gone_on(remote, keeper)
            created = [
                seen.asked.path
                for seen in simulator.requests
                if seen.asked.method == "POST" and not seen.asked.path.endswith("/files")
            ]

            assert texts == ECHOES
            assert (dies_at, len(created)) == (dies_at, 3)


class Answered(BatchesCodec):
    """Results of a strange provider: an answer whose id is nobody's."""

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        return [("None", Response(AssistantMessage((Text("4"),))))]


async def test_a_batch_that_bears_our_name_is_ours_whatever_is_in_its_results() -> None:
    async with simulate(Echo()) as simulator:
        remote = connect_batch(model("openai:gpt-6-luna", base_url=simulator.base_url, api_key="any"))
        remote.codec = Answered(GenerateContentCodec())
        drive = Drive(remote, planned(remote, REQUESTS, ids="abcde"), keep=lambda state: None)
        await drive.submit(REQUESTS)
        await drive.wait(0)
        results = await drive.results()

    assert [type(result) for result in results] == [ProtocolError] * 5
    assert drive.state.parts[0].job


async def test_a_file_that_is_there_no_longer_is_uploaded_again() -> None:
    async with simulate(Echo(), faults=[Rule((Status(404),), at=(2,))]) as simulator:
        remote = connect_batch(model("openai:gpt-6-luna", base_url=simulator.base_url, api_key="any"))
        drive = Drive(remote, planned(remote, REQUESTS, ids="abcde"), keep=lambda state: None)
        with pytest.raises(NotFoundError):
            await drive.submit(REQUESTS)
        assert (drive.state.parts[0].file, drive.state.parts[0].asked is None) == ("", False)
        await drive.submit(REQUESTS)
        await drive.wait(0)
        uploads = [seen for seen in simulator.requests if seen.asked.path.endswith("/files")]

    assert (len(uploads), drive.progress.done) == (2, 5)


def test_what_makes_no_two_batches_is_said_before_anything_is_sent() -> None:
    remote = connect_batch(model("openai:gpt-6-luna", api_key="any"))
    size = len(remote.codec.line(remote.line("ak-0000000000000000-0", REQUESTS[0])))
    remote.codec.limits = BatchLimits(10, 4 * size, least=3)
    with pytest.raises(ConfigurationError, match="2 batches of them have no 3 each"):
        planned(remote, REQUESTS, ids="abcde")
    remote.codec.limits = BatchLimits(10, 4 * size, least=2)
    assert [part.count for part in planned(remote, REQUESTS, ids="abcde").parts] == [3, 2]


class Cut:
    """A transport whose user is cancelled before one of its requests, or when the reply to it has come."""

    def __init__(self, inner: Transport, scope: anyio.CancelScope, *, at: int, is_before: bool) -> None:
        self.inner, self.scope = inner, scope
        self.left, self.is_before = at, is_before

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        self.left -= 1
        if not self.left and self.is_before:
            await self._cancel()
        reply = await self.inner.send(request, connect_seconds=connect_seconds)
        if not self.left:
            await self._cancel()
        return reply

    async def _cancel(self) -> None:
        self.scope.cancel()
        await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize("name", NAMES)
async def test_a_cancellation_at_any_exchange_submits_nothing_twice(name: str, is_before: bool) -> None:
    async with simulate(Echo()) as simulator:
        for at in range(1, 10):
            simulator.forget()
            remote = connect_batch(model(name, base_url=simulator.url + NAMES[name], api_key="any"))
            remote.codec.limits = BatchLimits(3, 10**6)
            keeper = Keeper(planned(remote, REQUESTS, ids="abcde"), dies_at=99, keeps_last=True)
            whole = remote.model.transport
            with anyio.CancelScope() as scope:
                remote.model.transport = Cut(whole, scope, at=at, is_before=is_before)
                first = Drive(remote, read_state(keeper.kept), keep=keeper)
                await first.submit(REQUESTS)
                await first.wait(0)
                await first.results()
            remote.model.transport = whole
            second = Drive(remote, read_state(keeper.kept), keep=keeper)
            await second.submit(REQUESTS)
            await second.wait(0)
            results = await second.results()
            created = [
                seen.asked.path
                for seen in simulator.requests
                if seen.asked.method == "POST" and not seen.asked.path.endswith("/files")
            ]

            assert [type(result) for result in results] == [Response] * 5
            assert (at, len(created)) == (at, 2)
