"""Batches of SageMaker: asynchronous invocations, each asked once, whose answers come as objects."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from conformance.wires import InTurn
from tasks.test_batch_drive import ECHOES, REQUESTS, Keeper, gone_on

from agentkit.batching import BatchLimits, BatchLine, BatchResult
from agentkit.codec import WireRequest
from agentkit.errors import (
    BadRequestError,
    ConfigurationError,
    DeadlineError,
    ExchangeError,
    OverloadedError,
    ProtocolError,
    ServerError,
    UnsupportedError,
)
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Text, user_message
from agentkit.models import Model, Sink
from agentkit.providers import model
from agentkit.providers.aws.async_inference import AsyncInference, AsyncInferenceCodec
from agentkit.providers.aws.sagemaker import SageMakerCodec
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.batches import connect_batch
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks.batch import batch, batch_status, fetch_batch, submit_batch
from agentkit.tasks.batch_drive import Drive
from agentkit.tasks.batch_plan import planned
from agentkit.transport.protocol import RedirectError
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio

BUCKET = "s3://my-bucket/batches"
USAGE = Usage(10, output=5)


class Echo:
    """Answers with the prompt; a prompt that says "fail" is refused."""

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        text = request.messages[-1].text
        if "fail" in text:
            raise BadRequestError(f"refused: {text}", status=400)
        return Response(AssistantMessage((Text(f"echo {text}"),), usage=USAGE))


def at(simulator: Simulator) -> Model:
    keys = Credentials("AKIDEXAMPLE", "secret")
    return model("sagemaker:my-endpoint", base_url=simulator.url, region="us-east-1", credentials=keys)


def told(results: Mapping[str, BatchResult]) -> dict[str, object]:
    """Texts of answers, and the classes of errors."""
    return {id: entry.text if isinstance(entry, Response) else type(entry) for id, entry in results.items()}


def invocations(simulator: Simulator) -> int:
    return sum(seen.asked.path == "/endpoints/my-endpoint/async-invocations" for seen in simulator.requests)


async def test_each_input_has_its_answer_or_its_error_under_its_id() -> None:
    async with simulate(Echo()) as simulator:
        done = await batch(at(simulator), {"b": "two", "a": "fail", "c": "three"}, storage=BUCKET, poll_seconds=0)
        sent = next(seen.asked for seen in simulator.requests if seen.asked.path.endswith("/async-invocations"))
        headers = dict(sent.headers)
        name = headers["x-amzn-sagemaker-s3outputpathextension"]

    assert told(done) == {"b": "echo two", "a": BadRequestError, "c": "echo three"}
    assert "refused: fail" in str(done.errors["a"])
    assert done.usage == Usage(20, output=10)
    assert sent.body == b""
    id = headers["x-amzn-sagemaker-inference-id"]
    assert headers["x-amzn-sagemaker-inputlocation"] == f"{BUCKET}/{name}/input/{id}"
    assert headers["authorization"].split("/")[3] == "sagemaker"
    assert invocations(simulator) == 3


async def test_a_batch_is_looked_at_and_fetched_by_its_file_alone(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        begun = await submit_batch(at(simulator), ["one", "fail"], state=state, storage=BUCKET)
        early = await batch_status(state, model=at(simulator))
        simulator.advance(100)
        late = await batch_status(state, model=at(simulator))
        done = await fetch_batch(state, model=at(simulator))

    assert (begun.parts, begun.is_over) == (("InProgress",), False)
    assert (early.done, early.is_over) == (0, False)
    assert (late.done, late.failed, late.parts, late.is_over) == (2, 1, ("Completed",), True)
    assert told(done) == {"0": "echo one", "1": BadRequestError}


async def test_what_was_asked_before_a_stop_is_not_asked_again(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    asked = [str(number) for number in range(20)]
    async with simulate(Echo(), faults=[Rule((Status(400),), at=(30,))]) as simulator:
        with pytest.raises(BadRequestError):  # of an invocation or of what is written about one
            await submit_batch(at(simulator), asked, state=state, storage=BUCKET)
        before = invocations(simulator)
        done = await batch(at(simulator), asked, state=state, storage=BUCKET, poll_seconds=0)
        written = [address for address in simulator.objects if "/asked/" in address]

    assert told(done) == {number: f"echo {number}" for number in asked}
    assert 0 < before < 20
    assert len(written) == 20
    assert invocations(simulator) <= 20 + 8  # those that were on their way


@pytest.mark.parametrize("keeps_last", [True, False])
async def test_a_stop_at_any_step_asks_nothing_twice(keeps_last: bool) -> None:
    async with simulate(Echo()) as simulator:
        remote = connect_batch(at(simulator), storage=BUCKET)
        remote.codec.limits = BatchLimits(2, 10**6)
        for dies_at in range(10):
            simulator.forget()
            keeper = Keeper(planned(remote, REQUESTS, ids="abcde"), dies_at=dies_at, keeps_last=keeps_last)
            texts = await gone_on(remote, keeper)

            assert texts == ECHOES
            assert (dies_at, invocations(simulator)) == (dies_at, 5)


async def test_what_has_no_answer_in_time_has_expired() -> None:
    clock = [1000.0]
    requests = [Request("", (user_message(text),)) for text in ("one", "two")]
    async with simulate(Echo(), batch_seconds=10**6) as simulator:
        found = connect_batch(at(simulator), storage=BUCKET)
        assert isinstance(found, AsyncInference)
        codec: Any = found.codec
        remote = AsyncInference(found.model, codec, found.bucket, wall_clock=lambda: clock[0])
        drive = Drive(remote, planned(remote, requests, ids="ab"), keep=lambda state: None)
        await drive.submit(requests)
        await drive.look()
        early = drive.progress.is_over
        clock[0] += 7 * 3600
        await drive.look()
        results = await drive.results()

    assert (early, drive.progress.parts) == (False, ("Expired",))
    assert [type(result) for result in results] == [DeadlineError, DeadlineError]


def on(wire: InTurn) -> Model:
    keys = Credentials("AKIDEXAMPLE", "secret")
    return model("sagemaker:my-endpoint", transport=wire, region="us-east-1", credentials=keys)


async def test_a_bucket_of_another_region_is_told_by_itself_and_not_in_a_group() -> None:
    with pytest.raises(ConfigurationError, match=r"the bucket is not at s3\.us-east-1\.amazonaws\.com"):
        await batch(on(InTurn([RedirectError(301, "s3.eu-west-1.amazonaws.com")])), ["one", "two"], storage=BUCKET)


@pytest.mark.parametrize(
    "kept", [b"", b"[1]", b"{", b'{"id":"a"}', b'{"id":"a","output":"o","failure":"","asked":"x"}']
)
async def test_what_was_asked_and_cannot_be_read_is_a_typed_error(kept: bytes) -> None:
    remote = connect_batch(on(InTurn([kept])), storage=BUCKET)
    with pytest.raises(ProtocolError, match="not in the bucket as it was written"):
        await remote.look("s3://my-bucket/batches/ak-1-part-1")


async def test_nothing_is_ended_that_was_asked() -> None:
    async with simulate(Echo()) as simulator:
        remote = connect_batch(at(simulator), storage=BUCKET)
        with pytest.raises(UnsupportedError, match="ends nothing that it was asked"):
            await remote.cancel("s3://my-bucket/batches/ak-1-part-1")


async def test_a_bucket_has_to_be_named() -> None:
    async with simulate(Echo()) as simulator:
        with pytest.raises(ConfigurationError, match=r'sagemaker reads and writes batches .* storage="s3://'):
            await batch(at(simulator), ["one"])

    assert simulator.count == 0


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('Received client error (400) from primary with message "too odd".', BadRequestError),
        ('Received server error (503) from primary with message "busy".', OverloadedError),
        ("Amazon SageMaker could not get a response from the endpoint.", ServerError),
    ],
)
async def test_failures_are_typed_by_the_status_in_their_words(said: str, kind: type[ExchangeError]) -> None:
    error = AsyncInferenceCodec(SageMakerCodec()).failure(said.encode())

    assert isinstance(error, ExchangeError)
    assert (type(error), error.message) == (kind, said)


async def test_a_line_holds_whatever_a_container_wants() -> None:
    codec = AsyncInferenceCodec(SageMakerCodec())
    assert codec.line(BatchLine("ak-1-0", WireRequest("/endpoints/e/invocations", b"a\nb"))) == b'"ak-1-0"\na\nb'
