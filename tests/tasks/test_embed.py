"""Vectors: split, side by side, in order, within a budget, retried, traced; and what may be wrong with them."""

from __future__ import annotations

import json
from array import array
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from conformance.wires import InTurn
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from shared import oracle
from tracing.watched import Watched, check

from agentkit import tracing
from agentkit.budget import Budget
from agentkit.embedding import EmbeddingAnswer, EmbeddingInput, EmbeddingLimits, EmbeddingModel, EmbeddingRequest
from agentkit.errors import (
    BudgetExceededError,
    ConfigurationError,
    OverloadedError,
    ProtocolError,
    ServerError,
    UnsupportedError,
)
from agentkit.exchange import AttemptFailed, Delta, RunAccount
from agentkit.media import Image, Inline, Remote
from agentkit.models import ModelIdentity, Sink
from agentkit.prices import Price, PriceBook
from agentkit.providers import PROVIDERS, task_model
from agentkit.providers.aws.embeddings import InvokeEmbeddingsCodec
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.cohere.embeddings import EmbedCodec
from agentkit.providers.google.embeddings import EmbedContentsCodec, VertexEmbeddingsCodec
from agentkit.providers.huggingface.embeddings import FeatureExtractionCodec
from agentkit.providers.offline_embedding import OfflineEmbeddingModel, vector
from agentkit.providers.openai.embeddings import EmbeddingsCodec
from agentkit.settings import Settings
from agentkit.simulator.media import tiny_png
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.task_model import TaskReply
from agentkit.tasks.embed import Embeddings, embed, embed_sync
from agentkit.testing.simulator import start_simulator
from agentkit.usage import Cost, Usage

SMALL = "openai:text-embedding-3-small"
PICTURE = Image(Inline(tiny_png("given"), "image/png"))
Answer = Callable[[EmbeddingRequest], EmbeddingAnswer]


def numbered(asked: EmbeddingRequest) -> EmbeddingAnswer:
    """Each text's vector is the number that it is."""
    vectors = tuple(array("f", [float(str(entry)), 1.0]) for entry in asked.inputs)
    return EmbeddingAnswer(vectors, Usage(len(vectors)), "numbers-2026")


@dataclass
class Numbers:
    """An EmbeddingModel whose requests are kept, with how many were under way at once."""

    answer: Answer = numbered
    limits: EmbeddingLimits = field(default_factory=lambda: EmbeddingLimits(items=2))
    identity: ModelIdentity = field(default_factory=lambda: ModelIdentity("custom", "numbers", is_remote=False))
    asked: list[tuple[EmbeddingInput, ...]] = field(default_factory=list[tuple[EmbeddingInput, ...]])
    under_way: int = 0
    most: int = 0
    ended: list[str] = field(default_factory=list[str])

    async def perform(
        self,
        asked: EmbeddingRequest,
        settings: Settings,
        *,
        sink: Sink | None = None,
        account: RunAccount | None = None,
    ) -> TaskReply[EmbeddingAnswer]:
        self.asked.append(asked.inputs)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            for _ in range(10 - len(self.asked)):  # the first takes longest
                await anyio.lowlevel.checkpoint()
            return TaskReply(self.answer(asked))
        except BaseException as error:
            self.ended.append(type(error).__name__)
            raise
        finally:
            self.under_way -= 1


def model_at(server: Simulator, name: str = SMALL) -> EmbeddingModel:
    address = server.url if name.startswith(("google", "cohere")) else server.base_url
    return task_model(name, "embed", base_url=address, api_key="k")


def texts(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@pytest.mark.anyio
async def test_inputs_are_split_and_come_back_in_their_order() -> None:
    model = Numbers()
    found = await embed(model, texts(5), prices=PriceBook().with_price("custom", "*", Price(input=1_000_000.0)))
    assert sorted(model.asked) == [("0", "1"), ("2", "3"), ("4",)]
    assert [list(vector) for vector in found] == [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0], [4.0, 1.0]]
    assert (found.usage, found.cost, found.model) == (Usage(5), Cost(5.0), "numbers-2026")


@pytest.mark.anyio
@pytest.mark.parametrize(("concurrency", "most"), [(1, 1), (3, 3), (100, 5)])
async def test_so_many_requests_run_side_by_side(concurrency: int, most: int) -> None:
    model = Numbers()
    await embed(model, texts(10), concurrency=concurrency)
    assert model.most == most


@pytest.mark.anyio
async def test_inputs_are_split_by_their_tokens_too() -> None:
    model = Numbers(lambda asked: EmbeddingAnswer(tuple(array("f", [1.0]) for _ in asked.inputs)))
    model.limits = EmbeddingLimits(tokens=10)
    await embed(model, ["a" * 12, "b" * 12, "c" * 12, "d" * 90, "e"], concurrency=1)
    assert [[str(entry)[0] for entry in part] for part in model.asked] == [["a", "b"], ["c"], ["d"], ["e"]]


@pytest.mark.anyio
async def test_nothing_is_asked_for_no_inputs() -> None:
    model = Numbers()
    found = await embed(model, [])
    assert (len(found), found.dimensions, found.usage, model.asked) == (0, 0, Usage(), [])
    with pytest.raises(ConfigurationError, match="there is no matrix of no vectors"):
        _ = found.matrix


@pytest.mark.anyio
async def test_the_first_failure_ends_the_others_and_is_raised_as_it_is() -> None:
    def answer(asked: EmbeddingRequest) -> EmbeddingAnswer:
        if asked.inputs == ("2", "3"):
            raise ServerError("broken")
        return numbered(asked)

    model = Numbers(answer)
    with pytest.raises(ServerError, match="broken") as raised:
        await embed(model, texts(20), concurrency=3)
    assert len(model.asked) < 10
    assert (model.under_way, raised.value.usage is not None) == (0, True)


@pytest.mark.anyio
async def test_a_cancel_ends_what_is_under_way() -> None:
    model = Numbers()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await embed(model, texts(8), concurrency=4)
    assert scope.cancelled_caught
    assert model.under_way == 0
    assert set(model.ended) <= {"CancelledError", "Cancelled"}


@pytest.mark.anyio
async def test_a_budget_in_tokens_is_reserved_before_anything_is_sent() -> None:
    model = Numbers()
    with pytest.raises(BudgetExceededError) as raised:
        await embed(model, ["word " * 100], budget=Budget(tokens=50))
    assert (raised.value.limit, raised.value.allowed, model.asked) == ("tokens", 50, [])
    assert str(raised.value) == (
        "budget of 50 tokens does not last: the first request needs about 167; allow more with Budget(tokens=...)"
    )


@pytest.mark.anyio
async def test_a_budget_also_fills_where_the_provider_counts_no_tokens() -> None:
    model = Numbers(lambda asked: EmbeddingAnswer(tuple(array("f", [1.0]) for _ in asked.inputs)))
    model.limits = EmbeddingLimits(items=1)
    with pytest.raises(BudgetExceededError, match="tokens"):
        await embed(model, ["a" * 30] * 10, budget=Budget(tokens=50), concurrency=1)
    assert len(model.asked) == 4


@pytest.mark.anyio
async def test_steps_of_a_budget_do_not_bound_how_often_is_asked() -> None:
    model = Numbers()
    assert len(await embed(model, texts(10), budget=Budget(steps=1, tokens=1000))) == 10


@pytest.mark.anyio
async def test_a_budget_in_money_refuses_a_model_of_unknown_price() -> None:
    with pytest.raises(UnsupportedError, match="the price of custom:numbers is not known"):
        await embed(Numbers(), ["1"], budget=Budget(usd=1.0))
    book = PriceBook().with_price("custom", "numbers", Price(input=1_000_000.0))
    with pytest.raises(BudgetExceededError, match="usd"):
        await embed(Numbers(), ["1"], budget=Budget(usd=0.5), prices=book)


@pytest.mark.anyio
async def test_the_time_of_a_budget_ends_it() -> None:
    @dataclass
    class Slow(Numbers):
        async def perform(self, *_: Any, **__: Any) -> TaskReply[EmbeddingAnswer]:
            await anyio.sleep_forever()
            raise AssertionError

    with pytest.raises(BudgetExceededError) as raised:
        await embed(Slow(), texts(3), budget=Budget(seconds=0.01))
    assert raised.value.limit == "seconds"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        ([[1.0]], "2 inputs were sent, 1 vectors came back"),
        ([[1.0], [1.0, 2.0]], r"the vectors have different sizes: \[1, 2\]"),
        ([[], []], r"the vectors have different sizes: \[0\]"),
    ],
)
async def test_vectors_that_cannot_be_right_are_refused(vectors: list[list[float]], complaint: str) -> None:
    model = Numbers(lambda asked: EmbeddingAnswer(tuple(array("f", row) for row in vectors)))
    with pytest.raises(ProtocolError, match=complaint):
        await embed(model, ["a", "b"])


@pytest.mark.anyio
async def test_vectors_of_another_size_than_asked_for_are_refused() -> None:
    with pytest.raises(UnsupportedError) as raised:
        await embed(Numbers(), ["1"], dimensions=3)
    assert str(raised.value) == (
        "3 numbers a vector were asked for and 2 came: custom:numbers does not shorten its vectors; "
        "leave dimensions out"
    )


@pytest.mark.anyio
@pytest.mark.parametrize("text", ["", " \n"])
async def test_an_empty_text_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ConfigurationError, match="input 1 is an empty text, of which no provider makes a vector"):
        await embed("offline:", ["a", text])


@pytest.mark.anyio
async def test_concurrency_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="concurrency is 0; give 1 or more"):
        await embed(Numbers(), ["1"], concurrency=0)


def test_the_matrix_is_one_memory_of_floats() -> None:
    made = Embeddings((array("f", [1.0, 2.0]), array("f", [3.0, 4.0])), Usage(2), Cost.zero, "m")
    matrix = made.matrix
    assert (matrix.format, matrix.shape, matrix.c_contiguous) == ("f", (2, 2), True)
    assert matrix.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert (made[1], made[:1]) == (array("f", [3.0, 4.0]), (array("f", [1.0, 2.0]),))
    assert repr(made) == "Embeddings(2 x 2, 'm', 2 tokens in, 0 out, $0)"


@pytest.mark.anyio
@pytest.mark.parametrize(
    "name",
    [SMALL, "google:gemini-embedding-001", "cohere:embed-v4.0", "voyage:voyage-4", "mistral:mistral-embed", "ollama:m"],
)
async def test_every_format_gets_its_vectors_from_the_simulator(name: str) -> None:
    async with simulate() as server:
        found = await embed(model_at(server, name), ["a cat", "ein Hund"], dimensions=8)
    assert list(found) == [vector("a cat", dimensions=8), vector("ein Hund", dimensions=8)]


@pytest.mark.anyio
async def test_base64_and_numbers_are_the_same_vectors() -> None:
    async with simulate() as server:
        packed = await embed(model_at(server), "a cat")
        plain = await embed(model_at(server, "openai-compatible:text-embedding-3-small"), "a cat")
        bodies = [json.loads(seen.asked.body) for seen in server.requests]
    assert [body.get("encoding_format") for body in bodies] == ["base64", None]
    assert packed.vectors == plain.vectors


@pytest.mark.anyio
async def test_asks_again_after_a_failure_and_tells_of_it() -> None:
    told: list[Delta] = []
    async with simulate(faults=[Rule((Status(503, wait_seconds=0.001),), first=2)]) as server:
        found = await embed(model_at(server), "a cat", on_event=told.append)
        assert (len(found), server.count) == (1, 3)
    assert [type(delta) for delta in told] == [AttemptFailed, AttemptFailed]


@pytest.mark.anyio
async def test_the_retries_of_a_budget_bound_it() -> None:
    async with simulate(faults=[Rule((Status(503, wait_seconds=0.001),))]) as server:
        with pytest.raises(OverloadedError, match="no retries left"):
            await embed(model_at(server), "a cat", budget=Budget(retries=1))
        assert server.count == 2


@pytest.mark.anyio
async def test_spans_are_those_of_the_conventions_and_hold_no_text(tmp_path: Path) -> None:
    watched = Watched(content=True)
    tracing.configure(tracer_provider=watched.provider, meter_provider=watched.meters, content=True)
    try:
        async with simulate() as server:
            await embed(model_at(server), "MARKER-text", dimensions=8)
    finally:
        tracing.configure(tracer_provider=TracerProvider(), meter_provider=MeterProvider())
        tracing.configure()
    check(tmp_path, watched, "--allow-bare")
    span = watched.span("embeddings text-embedding-3-small")
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.response.model": "text-embedding-3-small",
        "gen_ai.embeddings.dimension.count": 8,
        "gen_ai.usage.input_tokens": 3,
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "agentkit.cost_usd": 3 * 0.02 / 1_000_000,
    }
    assert "MARKER-text" not in watched.exported()


def test_sync_callers_get_the_same() -> None:
    with start_simulator() as server:
        model: EmbeddingModel = task_model(SMALL, "embed", base_url=server.base_url, api_key="k")
        assert embed_sync(model, "a cat", dimensions=4)[0] == vector("a cat", dimensions=4)


@pytest.mark.anyio
async def test_settings_of_the_model_lie_under_those_of_the_call() -> None:
    async with simulate() as server:
        under = Settings(extra={"openai": {"user": "u1"}}, headers={"x-team": "a"})
        model: EmbeddingModel = task_model(SMALL, "embed", base_url=server.base_url, api_key="k", settings=under)
        await embed(model, "a cat")
        await embed(model, "a cat", settings=Settings(extra={"openai": {"user": "u2"}}))
        seen = server.requests
    assert [json.loads(each.asked.body)["user"] for each in seen] == ["u1", "u2"]
    assert [each.asked.header("x-team") for each in seen] == ["a", "a"]


@pytest.mark.anyio
async def test_a_purpose_without_a_word_for_it_is_told() -> None:
    async with simulate() as server:
        found = await embed(model_at(server, "voyage:voyage-4"), "a cat", purpose="clustering")
        asked = await embed(model_at(server, "voyage:voyage-4"), "a cat", purpose="query")
        bodies = [json.loads(seen.asked.body) for seen in server.requests]
    assert found.notes == ("the purpose 'clustering' was left out: voyageai has no word for it",)
    assert (asked.notes, [body.get("input_type") for body in bodies]) == ((), [None, "query"])


@pytest.mark.anyio
async def test_the_offline_model_brings_texts_with_common_words_together() -> None:
    question, near, far = await embed("offline:", ["How do I return a parcel?", "Return your parcel by post.", "Moon"])
    likeness = [sum(a * b for a, b in zip(question, other, strict=True)) for other in (question, near, far)]
    assert likeness[0] == pytest.approx(1.0)
    assert likeness[1] > 0.3 > 0.1 > likeness[2]
    with pytest.raises(UnsupportedError, match="embeds texts only"):
        await embed(OfflineEmbeddingModel(), PICTURE)


@pytest.mark.parametrize("name", [row.name for row in PROVIDERS.values() if row.module and "embed" not in row.tasks])
def test_a_provider_without_embeddings_names_those_that_have_them(name: str) -> None:
    with pytest.raises(
        UnsupportedError, match=rf"{PROVIDERS[name].title.split()[0]}.* does not offer embeddings; .*openai"
    ):
        task_model(f"{name}:m", "embed")


def asked(*inputs: EmbeddingInput, model: str = "m", **more: Any) -> EmbeddingRequest:
    return EmbeddingRequest(model, inputs, **more)


@pytest.mark.parametrize(
    ("codec", "request_", "complaint"),
    [
        (EmbeddingsCodec(), asked(PICTURE), "openai:m embeds texts only; an image was given"),
        (FeatureExtractionCodec(), asked(PICTURE), "huggingface:m embeds texts only"),
        (FeatureExtractionCodec(), asked("a", dimensions=3), "cannot shorten vectors to 3 numbers"),
        (VertexEmbeddingsCodec(), asked(PICTURE, model="text-embedding-005"), "gemini-embedding-2 embeds both"),
        (EmbedCodec(), asked(Image(Remote("https://x.test/a.png"))), "images whose bytes are sent along"),
        (InvokeEmbeddingsCodec(), asked("a"), "how bedrock:m is asked for embeddings is not known"),
        (InvokeEmbeddingsCodec(), asked(PICTURE, model="amazon.titan-embed-text-v2:0"), "embed both"),
        (
            InvokeEmbeddingsCodec(),
            asked(Image(Remote("https://x.test/a.png")), model="cohere.embed-v4:0"),
            "images whose bytes are sent along",
        ),
    ],
)
def test_what_a_model_does_not_take_is_refused_before_it_is_sent(
    codec: Any, request_: EmbeddingRequest, complaint: str
) -> None:
    with pytest.raises(UnsupportedError, match=complaint):
        codec.encode(request_)


CODECS = [EmbeddingsCodec(), EmbedContentsCodec(), VertexEmbeddingsCodec(), EmbedCodec(), InvokeEmbeddingsCodec()]


@pytest.mark.parametrize("codec", [*CODECS, FeatureExtractionCodec()], ids=lambda codec: codec.name)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"1", b'"a"', b"{}", b'{"data": 1}', b'{"data": [{"embedding": {"a": 1}}]}', b'["a"]']
)
def test_a_reply_without_vectors_is_an_error(codec: Any, body: bytes) -> None:
    with pytest.raises(Exception) as raised:
        codec.decode(body)
    assert type(raised.value).__module__ == "agentkit.errors"


@pytest.mark.parametrize("text", ["not base64!", "AAA=", "AAAA"])
def test_base64_that_holds_no_floats_is_an_error(text: str) -> None:
    with pytest.raises(ProtocolError, match="no base64 of 32-bit floats"):
        EmbeddingsCodec().decode(json.dumps({"data": [{"index": 0, "embedding": text}]}).encode())


def test_the_order_of_the_reply_does_not_count() -> None:
    rows = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]
    assert EmbeddingsCodec().decode(json.dumps({"data": rows}).encode()).vectors == (
        array("f", [1.0]),
        array("f", [2.0]),
    )


def test_a_model_that_is_known_to_chat_is_refused_with_those_that_embed() -> None:
    with pytest.raises(UnsupportedError) as raised:
        task_model("openai:gpt-6-luna", "embed", api_key="k")
    assert str(raised.value) == (
        "openai:gpt-6-luna is a model for chat, not for embeddings; these embed: "
        "text-embedding-3-large, text-embedding-3-small, text-embedding-ada-002"
    )


KEYS = Credentials("AKIDEXAMPLE", "some-secret", "some-token")


@pytest.mark.anyio
async def test_bedrock_is_asked_one_text_at_a_time_by_signed_requests() -> None:
    accepts = oracle("oracle_aws").check
    transport = InTurn([json.dumps({"embedding": [1.0, 0.0], "inputTextTokenCount": 3}).encode()])
    name = "bedrock:amazon.titan-embed-text-v2:0"
    model: EmbeddingModel = task_model(name, "embed", transport=transport, region="us-east-1", credentials=KEYS)
    found = await embed(model, ["a cat", "a dog"], dimensions=2)
    assert ([list(each) for each in found], found.usage) == ([[1.0, 0.0], [1.0, 0.0]], Usage(6))
    assert sorted(json.loads(sent.body)["inputText"] for sent in transport.sent) == ["a cat", "a dog"]
    for sent in transport.sent:
        request = {
            "method": sent.method,
            "url": sent.url,
            "headers": dict(sent.headers),
            "body_b64": b64encode(sent.body).decode(),
            "json": json.loads(sent.body),
            "credentials": {"access_key": KEYS.access_key, "secret_key": KEYS.secret_key, "token": KEYS.token},
        }
        assert sent.url == "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.titan-embed-text-v2%3A0/invoke"
        assert accepts(request) == []


@pytest.mark.anyio
async def test_vertex_is_asked_below_its_publisher_with_a_token() -> None:
    reply = {
        "predictions": [{"embeddings": {"values": [float(n)], "statistics": {"token_count": 2}}} for n in range(2)]
    }
    transport = InTurn([json.dumps(reply).encode()])
    model: EmbeddingModel = task_model(
        "vertex:text-embedding-005",
        "embed",
        transport=transport,
        region="europe-west4",
        project="p1",
        credentials=lambda: "token-1",
    )
    found = await embed(model, ["a cat", "a dog"], purpose="query")
    assert ([list(each) for each in found], found.usage) == ([[0.0], [1.0]], Usage(4))
    (sent,) = transport.sent
    assert sent.url == (
        "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/p1/locations/europe-west4/publishers/google/"
        "models/text-embedding-005:predict"
    )
    assert dict(sent.headers)["authorization"] == "Bearer token-1"
    assert transport.body() == {
        "instances": [
            {"content": "a cat", "task_type": "RETRIEVAL_QUERY"},
            {"content": "a dog", "task_type": "RETRIEVAL_QUERY"},
        ]
    }


@pytest.mark.anyio
async def test_azure_is_asked_by_v1_and_by_dated_versions() -> None:
    body = json.dumps({"data": [{"index": 0, "embedding": [1.0]}], "model": "text-embedding-3-small"}).encode()
    urls: list[str] = []
    for version in ("", "?api-version=2024-10-21"):
        transport = InTurn([body])
        model: EmbeddingModel = task_model(
            "azure:my-vectors",
            "embed",
            base_url=f"https://x.openai.azure.com{version}",
            api_key="k",
            transport=transport,
        )
        await embed(model, "a cat")
        urls.append(transport.sent[0].url)
    assert urls == [
        "https://x.openai.azure.com/openai/v1/embeddings",
        "https://x.openai.azure.com/openai/deployments/my-vectors/embeddings?api-version=2024-10-21",
    ]
