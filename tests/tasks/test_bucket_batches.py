"""Batches in buckets: each input has its answer or its error under its id, and nothing is submitted twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tasks.test_batch import Sees
from tasks.test_batch_drive import ECHOES, REQUESTS, Keeper, gone_on
from tasks.test_batch_kinds import WAV, Draws, Labels

from agentkit.batching import BatchJob, BatchLimits, BatchResult
from agentkit.bucket_batch import BucketBatch
from agentkit.buckets import BatchStorage
from agentkit.embedding import EmbeddingRequest
from agentkit.errors import (
    BadRequestError,
    ConfigurationError,
    DeadlineError,
    PermissionDeniedError,
    UnsupportedError,
)
from agentkit.exchange import Request, Response, ToolDefinition
from agentkit.media import Image
from agentkit.messages import AssistantMessage, Text, ToolCall, user_message
from agentkit.models import Model, Sink
from agentkit.providers import model, task_model
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.batches import connect_batch
from agentkit.settings import Settings
from agentkit.simulator.connection_faults import Reset
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks.batch import BatchEvent, BatchProgress, batch, batch_status, fetch_batch, submit_batch
from agentkit.tasks.batch_kinds import Classify, Embed, GenerateImage, Transcribe
from agentkit.tasks.batch_plan import planned
from agentkit.transport.protocol import HttpRequest, RedirectError, Reply
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ROLE = "arn:aws:iam::123456789012:role/batches"
S3 = BatchStorage("s3://my-bucket/some/batches", role=ROLE, least=1)
GS = "gs://my-bucket/some/batches"
AWS: dict[str, Any] = {"region": "us-east-1", "credentials": Credentials("AKIDEXAMPLE", "secret")}
GOOGLE: dict[str, Any] = {"project": "my-project", "region": "us-central1", "credentials": "a-token"}
KINDS: Mapping[str, tuple[BatchStorage | str, dict[str, Any]]] = {
    f"bedrock:{CLAUDE}": (S3, AWS),
    f"bedrock-invoke:{CLAUDE}": (S3, AWS),
    "vertex:gemini-3.5-flash": (GS, GOOGLE),
    "vertex:claude-sonnet-5": (GS, GOOGLE),
}
USAGE = Usage(1_000, output=100)


class Echo:
    """Answers with the prompt; a prompt that says "fail" is refused."""

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        text = request.messages[-1].text
        if "fail" in text:
            raise BadRequestError(f"refused: {text}", status=400)
        return Response(AssistantMessage((Text(f"echo {text}"),), request.model, usage=USAGE))


def at(simulator: Simulator, kind: str) -> Model:
    return model(kind, base_url=simulator.url, settings=Settings(max_output_tokens=1000), **KINDS[kind][1])


def told(results: Mapping[str, BatchResult]) -> dict[str, object]:
    """Texts of answers, and the classes of errors."""
    return {id: entry.text if isinstance(entry, Response) else type(entry) for id, entry in results.items()}


def creations(simulator: Simulator) -> int:
    made = ("/model-invocation-job", "/batchPredictionJobs")
    return sum(seen.asked.method == "POST" and seen.asked.path.endswith(made) for seen in simulator.requests)


@pytest.mark.parametrize("kind", KINDS)
async def test_each_input_has_its_answer_or_its_error_under_its_id(kind: str) -> None:
    async with simulate(Echo()) as simulator:
        asked = {"b": "two", "a": "fail", "d": "two", "c": "three"}
        done = await batch(at(simulator, kind), asked, storage=KINDS[kind][0], poll_seconds=0)
        at_once = await batch(at(simulator, kind), asked, via="requests") if "invoke" not in kind else done

    assert told(done) == {"b": "echo two", "a": BadRequestError, "d": "echo two", "c": "echo three"}
    assert "refused: fail" in str(done.errors["a"])
    assert done.usage == at_once.usage == Usage(3_000, output=300)
    assert done.cost.is_known
    if at_once is not done:
        assert done.cost.usd * 2 == pytest.approx(at_once.cost.usd)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_that_expires_has_the_answers_that_came_in_time(kind: str) -> None:
    async with simulate(Echo(), batch_seconds=2 * 86_400) as simulator:

        def a_day_passes(event: BatchEvent) -> None:
            simulator.advance(86_400)

        done = await batch(
            at(simulator, kind), ["one", "two"], storage=KINDS[kind][0], poll_seconds=0, on_event=a_day_passes
        )

    assert told(done) == {"0": "echo one", "1": DeadlineError}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_is_looked_at_and_fetched_by_its_file_alone(kind: str, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, kind)
        begun = await submit_batch(chosen, ["one", "fail"], state=state, storage=KINDS[kind][0])
        simulator.advance(200)
        seen = await batch_status(state, model=chosen)
        done = await fetch_batch(state, model=chosen)

    assert (begun.total, begun.done, begun.is_over) == (2, 0, False)
    assert (seen.total, seen.done, seen.failed, seen.is_over) == (2, 2, 1, True)
    assert told(done) == {"0": "echo one", "1": BadRequestError}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reply_that_is_lost_after_the_creation_makes_no_second_job(kind: str) -> None:
    async with simulate(Echo(), faults=[Rule((Reset(),), at=(2,))]) as simulator:
        done = await batch(at(simulator, kind), ["one", "two"], storage=KINDS[kind][0], poll_seconds=0)
        made = creations(simulator)

    assert told(done) == {"0": "echo one", "1": "echo two"}
    assert made == 1


@pytest.mark.parametrize("keeps_last", [True, False])
@pytest.mark.parametrize("kind", [f"bedrock:{CLAUDE}", "vertex:gemini-3.5-flash"])
async def test_a_stop_at_any_step_submits_nothing_twice(kind: str, keeps_last: bool) -> None:
    async with simulate(Echo()) as simulator:
        remote = connect_batch(at(simulator, kind), storage=KINDS[kind][0])
        remote.codec.limits = BatchLimits(2, 10**6)
        for dies_at in range(12):
            simulator.forget()
            keeper = Keeper(planned(remote, REQUESTS, ids="abcde"), dies_at=dies_at, keeps_last=keeps_last)
            texts = await gone_on(remote, keeper)

            assert texts == ECHOES
            assert (dies_at, creations(simulator)) == (dies_at, 3)


@pytest.mark.parametrize("kind", KINDS)
async def test_tools_travel_in_a_batch(kind: str) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    asked = Request("", (user_message("Weather?"),), tools=(ToolDefinition("get.weather!", "Weather.", schema),))

    class Calls:
        async def respond(self, request: Request, sink: Sink | None = None) -> Response:
            return Response(AssistantMessage((ToolCall("c1", request.tools[0].name, '{"city":"Paris"}'),), usage=USAGE))

    async with simulate(Calls()) as simulator:
        done = await batch(at(simulator, kind), [asked], storage=KINDS[kind][0], poll_seconds=0)

    assert [(call.name, call.arguments) for call in done.responses["0"].calls] == [("get.weather!", '{"city":"Paris"}')]


@pytest.mark.parametrize("kind", KINDS)
async def test_pictures_travel_in_a_batch(kind: str) -> None:
    picture = Image.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    asked = {"a": ["What is this?", picture], "b": "Hello."}
    async with simulate(Sees()) as simulator:
        done = await batch(at(simulator, kind), asked, storage=KINDS[kind][0], poll_seconds=0)

    assert told(done) == {"a": "text image", "b": "text"}


async def test_labels_pictures_and_transcripts_of_vertex_travel_as_chats(tmp_path: Path) -> None:
    sound = tmp_path / "hello.wav"
    sound.write_bytes(WAV + bytes(4))
    name = "vertex:gemini-3.5-flash"
    async with simulate(Draws()) as simulator:
        painter = task_model(name, "generate_image", base_url=simulator.url, **GOOGLE)
        drawn = await batch(painter, ["a cow"], kind=GenerateImage(), storage=GS, poll_seconds=0)
        hears = task_model(name, "transcribe", base_url=simulator.url, **GOOGLE)
        heard = await batch(hears, [sound], kind=Transcribe(language="en"), storage=GS, poll_seconds=0)
    async with simulate(Labels()) as simulator:
        labels = Classify(["sports", "politics"])
        asked = {"a": "a goal", "b": "fail", "c": "a vote"}
        judged = await batch(at(simulator, name), asked, kind=labels, storage=GS, poll_seconds=0)

    assert [made.images[0].data[:4] for made in drawn.responses.values()] == [b"\x89PNG"]
    assert [transcript.text for transcript in heard.responses.values()] == ["hello there"]
    assert {id: found[0].label for id, found in judged.responses.items()} == {"a": "sports", "c": "politics"}
    assert list(judged.errors) == ["b"]


@pytest.mark.parametrize(
    ("name", "options", "storage"),
    [
        ("vertex:text-embedding-005", GOOGLE, GS),
        ("bedrock:amazon.titan-embed-text-v2:0", AWS, S3),
    ],
)
async def test_vectors_come_under_the_ids_of_their_texts(name: str, options: Any, storage: Any, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    asked = {"b": "two", "a": "one", "again": "two"}
    async with simulate(Echo()) as simulator:
        chosen = task_model(name, "embed", base_url=simulator.url, **options)
        done = await batch(chosen, asked, kind=Embed(dimensions=256), storage=storage, state=state, poll_seconds=0)
        later = await fetch_batch(state, model=chosen)
        at_once = await batch(chosen, asked, kind=Embed(dimensions=256), via="requests")

    vectors = {id: list(found[0]) for id, found in done.responses.items()}
    assert list(vectors) == ["b", "a", "again"]
    assert vectors["b"] == vectors["again"] != vectors["a"]
    assert len(vectors["a"]) == 256
    assert vectors == {id: list(found[0]) for id, found in later.responses.items()}
    assert vectors == {id: list(found[0]) for id, found in at_once.responses.items()}
    assert done.usage == at_once.usage
    assert done.cost.usd == pytest.approx(at_once.cost.usd / 2)  # that of Vertex's models is not known


async def test_many_equal_texts_have_one_vector_each() -> None:
    async with simulate(Echo()) as simulator:
        chosen = task_model("vertex:text-embedding-005", "embed", base_url=simulator.url, **GOOGLE)
        done = await batch(chosen, ["same"] * 300, kind=Embed(), storage=GS, poll_seconds=0)

    assert len(done.responses) == 300
    assert {tuple(found[0]) for found in done.responses.values()} == {tuple(done.responses["0"][0])}


@pytest.mark.parametrize(
    "asked",
    [
        [EmbeddingRequest("", ("one",), 64), EmbeddingRequest("", ("two",), 128)],
        [EmbeddingRequest("", ("one",), purpose="query"), EmbeddingRequest("", ("one",), purpose="document")],
    ],
)
async def test_vectors_of_vertex_are_asked_for_in_one_way(asked: list[EmbeddingRequest]) -> None:
    async with simulate(Echo()) as simulator:
        chosen = task_model("vertex:text-embedding-005", "embed", base_url=simulator.url, **GOOGLE)
        with pytest.raises(ConfigurationError, match="make a batch of each kind"):
            await batch(chosen, asked, kind=Embed(), storage=GS, poll_seconds=0)
        assert creations(simulator) == 0


async def test_pictures_of_bedrock_come_under_the_ids_of_their_prompts(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    asked = {"b": "a cat", "a": "a dog", "again": "a cat"}
    async with simulate(Echo()) as simulator:
        chosen = task_model("bedrock:amazon.nova-canvas-v1:0", "generate_image", base_url=simulator.url, **AWS)
        done = await batch(chosen, asked, kind=GenerateImage(), storage=S3, state=state, poll_seconds=0)
        at_once = await batch(chosen, asked, kind=GenerateImage(), via="requests")

    drawn = {id: found.images[0].data for id, found in done.responses.items()}
    assert list(drawn) == ["b", "a", "again"]
    assert drawn["b"] == drawn["again"] != drawn["a"]
    assert drawn == {id: found.images[0].data for id, found in at_once.responses.items()}


async def test_what_is_in_no_batches_there_is_refused() -> None:
    async with simulate(Echo()) as simulator:
        chosen = task_model("vertex:gemini-embedding-2", "embed", base_url=simulator.url, **GOOGLE)
        with pytest.raises(UnsupportedError, match="in a batch"):
            await batch(chosen, ["one"], kind=Embed(), storage=GS)

    assert simulator.count == 0


async def test_labels_of_the_user_s_own_are_kept_beside_the_id() -> None:
    chosen = "vertex:gemini-3.5-flash"
    settings = Settings(extra={"vertex": {"labels": {"team": "search"}}})
    async with simulate(Echo()) as simulator:
        done = await batch(at(simulator, chosen), ["one"], settings=settings, storage=GS, poll_seconds=0)
        (line,) = simulator.requests[0].asked.body.splitlines()

    labels = json.loads(line)["request"]["labels"]
    assert (sorted(labels), labels["team"]) == (["agentkit", "team"], "search")
    assert told(done) == {"0": "echo one"}


async def test_a_bedrock_batch_has_enough_requests_in_each_part() -> None:
    storage = BatchStorage("s3://my-bucket", role=ROLE)
    async with simulate(Echo()) as simulator:
        chosen = at(simulator, f"bedrock:{CLAUDE}")
        with pytest.raises(ConfigurationError, match=r"5 requests are too few: a batch has 100 here at the least"):
            await batch(chosen, ["one"] * 5, storage=storage)
        remote = connect_batch(chosen, storage=storage)
        remote.codec.limits = BatchLimits(4, 10**6, least=3)
        state = planned(remote, [Request("", (user_message("one"),))] * 9, ids="123456789")

    assert simulator.count == 0
    assert [(part.first, part.count) for part in state.parts] == [(0, 3), (3, 3), (6, 3)]


@pytest.mark.parametrize(
    ("kind", "storage", "says"),
    [
        (f"bedrock:{CLAUDE}", None, r'storage="s3://bucket/prefix"\), or --storage in a shell'),
        (f"bedrock:{CLAUDE}", "s3://my-bucket/x", r'BatchStorage\("s3://my-bucket/x", role="arn:aws:iam::ACCOUNT'),
        (f"bedrock:{CLAUDE}", GS, "bedrock reads its batches from s3://bucket/prefix"),
        (f"bedrock:{CLAUDE}", "s3://my-bucket/a b", "may have letters, digits"),
        ("vertex:gemini-3.5-flash", None, r'storage="gs://bucket/prefix"'),
        ("vertex:gemini-3.5-flash", "my-bucket", "is no place in a bucket"),
    ],
)
async def test_what_is_missing_of_the_bucket_is_said(kind: str, storage: str | None, says: str) -> None:
    async with simulate(Echo()) as simulator:
        with pytest.raises(ConfigurationError, match=says):
            await batch(at(simulator, kind), ["one"], storage=storage)

    assert simulator.count == 0


@pytest.mark.parametrize("kind", [f"bedrock:{CLAUDE}", "vertex:gemini-3.5-flash"])
@pytest.mark.parametrize("lines", [0, 1, 2, 3])
async def test_results_are_read_in_pieces(kind: str, lines: int) -> None:
    row = b'{"recordId":"a","custom_id":"a","error":{"message":"odd"}}\n'
    scheme = "s3" if kind.startswith("bedrock") else "gs"
    async with simulate(Echo()) as simulator:
        remote = connect_batch(at(simulator, kind), storage=KINDS[kind][0])
        assert isinstance(remote, BucketBatch)
        remote.piece_bytes = 2 * len(row)
        simulator.objects[f"{scheme}://my-bucket/output/x.jsonl"] = row * lines
        rows = await remote.results(BatchJob("1", "ended", results=(f"{scheme}://my-bucket/output/",)))
        asked = [seen.asked.header("range") for seen in simulator.requests[1:]]

    assert [id for id, _ in rows] == ["a"] * lines
    assert asked == ["bytes=0-117", "bytes=118-235"][: 1 + (lines >= 2)]


async def test_a_bucket_is_refused_where_none_is_needed() -> None:
    with pytest.raises(ConfigurationError, match="openai keeps batches itself"):
        await batch(model("openai:gpt-6-luna", api_key="any"), ["one"], storage=S3)


async def test_a_key_of_vertex_opens_no_bucket() -> None:
    with pytest.raises(ConfigurationError, match="a batch of vertex needs a project, and credentials"):
        await batch(model("vertex:gemini-3.5-flash", api_key="any", project="p"), ["one"], storage=GS)


async def test_open_models_of_vertex_take_no_batches() -> None:
    with pytest.raises(UnsupportedError, match="takes batches of Gemini, of Claude and of vectors"):
        await batch(model("vertex:meta/llama-4-maverick-maas", **GOOGLE), ["one"], storage=GS)


async def test_a_bucket_that_refuses_says_so() -> None:
    async with simulate(Echo(), faults=[Rule((Status(403),), at=(1,))]) as simulator:
        with pytest.raises(PermissionDeniedError):
            await batch(at(simulator, f"bedrock:{CLAUDE}"), ["one"], storage=S3)


class Elsewhere:
    """S3 as it answers for a bucket of another region."""

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        raise RedirectError(301, "")


async def test_a_bucket_of_another_region_is_told() -> None:
    chosen = model(f"bedrock:{CLAUDE}", transport=Elsewhere(), **AWS)
    with pytest.raises(ConfigurationError, match=r"not at s3\.us-east-1\.amazonaws\.com.* use a bucket of the model's"):
        await batch(chosen, ["one"], storage=S3)


async def test_a_job_that_is_refused_raises() -> None:
    async with simulate(Echo(), faults=[Rule((Status(400),), at=(2,))]) as simulator:
        with pytest.raises(BadRequestError):
            await batch(at(simulator, f"bedrock:{CLAUDE}"), ["one"], storage=S3)

    assert simulator.count == 2


async def test_progress_is_told_until_it_is_over() -> None:
    events: list[BatchEvent] = []
    async with simulate(Echo(), batch_seconds=100) as simulator:

        def listen(event: BatchEvent) -> None:
            events.append(event)
            simulator.advance(60)

        chosen = at(simulator, "vertex:gemini-3.5-flash")
        await batch(chosen, ["one", "fail"], storage=GS, poll_seconds=0, on_event=listen)

    assert [event.is_over for event in events if isinstance(event, BatchProgress)] == [False, False, True]
    assert events[-1] == BatchProgress(2, 2, 1, ("JOB_STATE_SUCCEEDED",), True)
