"""Comprehend, Rekognition, guardrails, vectors and pictures: agentkit asks the simulator, and what it may not ask."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conformance.wires import InTurn
from shared import needs_shared, oracle
from tracing.watched import Watched, check

from agentkit import tracing
from agentkit.budget import Budget
from agentkit.classification import Classification, ClassificationRequest
from agentkit.embedding import EmbeddingRequest
from agentkit.errors import (
    BadRequestError,
    BudgetExceededError,
    ContentFilteredError,
    MediaError,
    ProtocolError,
    RateLimitError,
    ServerError,
    UnsupportedError,
)
from agentkit.imaging import ImageRequest
from agentkit.media import Image, Inline, Remote
from agentkit.providers import task_model
from agentkit.providers.aws.comprehend import ComprehendCodec
from agentkit.providers.aws.embeddings import InvokeEmbeddingsCodec
from agentkit.providers.aws.pictures import InvokeImagesCodec
from agentkit.providers.aws.rekognition import RekognitionCodec
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.offline_embedding import vector
from agentkit.settings import Settings
from agentkit.simulator.media import tiny_png
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks.classify import classify
from agentkit.tasks.embed import embed
from agentkit.tasks.generate_image import generate_image

KEYS = Credentials("AKIDEXAMPLE", "some-secret")
PICTURE = Image.from_bytes(tiny_png("a"))
ENDPOINT = "arn:aws:comprehend:us-east-1:123456789012:document-classifier-endpoint/mine"


def model_at(server: Simulator, name: str, kind: Any = "classify") -> Any:
    return task_model(name, kind, base_url=server.url)


@pytest.mark.anyio
async def test_fifty_texts_are_two_exchanges_and_one_that_fails_has_an_error_of_its_own() -> None:
    texts = ["I love it", "terrible", "x" * 5001] + ["a table"] * 47
    async with simulate() as server:
        found = await classify(model_at(server, "comprehend:"), texts, labels=None, concurrency=1)
        assert [len(seen.json["TextList"]) for seen in server.requests] == [25, 25]
    assert [each.labels for each in found[:3]] == [("POSITIVE",), ("NEGATIVE",), ()]
    assert found[0].scores == {"POSITIVE": 0.94, "NEGATIVE": 0.02, "NEUTRAL": 0.02, "MIXED": 0.02}
    failed = found[2].error
    assert isinstance(failed, BadRequestError)
    assert failed.code == "TEXT_SIZE_LIMIT_EXCEEDED"
    assert {each.label for each in found[3:]} == {"NEUTRAL"}


@pytest.mark.anyio
async def test_toxicity_language_and_a_classifier_of_ones_own() -> None:
    async with simulate() as server:
        texts = ["I kill you", "hi"] * 6
        toxic = await classify(model_at(server, "comprehend:toxicity"), texts, labels="moderation")
        assert sorted(len(seen.json["TextSegments"]) for seen in server.requests) == [2, 10]
        language = await classify(model_at(server, "comprehend:language"), "Das ist es", labels=None)
        own = await classify(model_at(server, f"comprehend:{ENDPOINT}"), ["great", "broken"], labels=None)
    assert [each.is_flagged for each in toxic] == [True, False] * 6
    assert (toxic[0].labels, language[0].scores) == (("VIOLENCE_OR_THREAT",), {"de": 0.98})
    assert [each.label for each in own] == ["PRAISE", "COMPLAINT"]


@pytest.mark.anyio
async def test_a_picture_has_labels_with_scores_from_0_to_1() -> None:
    async with simulate() as server:
        model = model_at(server, "rekognition:labels")
        found = await classify(model, [PICTURE, PICTURE], labels=None)
        harm = await classify(
            model_at(server, "rekognition:moderation"),
            [PICTURE, Image.from_url("s3://my-bucket/kill.png")],
            labels="moderation",
        )
        sure = Settings(extra={"rekognition": {"MinConfidence": 95}})
        surest = await classify(model, PICTURE, labels=None, settings=sure)
    expected = Classification(("Picture", "PNG", "Small"), {"Picture": 0.99, "PNG": 0.88, "Small": 0.6})
    assert (list(found), found.model, surest[0].labels) == ([expected, expected], "3.0", ("Picture",))
    assert list(harm) == [
        Classification((), {}, is_flagged=False),
        Classification(("Violence",), {"Violence": 0.92}, is_flagged=True),
    ]


@pytest.mark.anyio
async def test_rekognition_is_asked_by_signed_requests() -> None:
    wire = InTurn([b'{"Labels": []}'])
    more: dict[str, Any] = {"transport": wire, "region": "eu-west-1", "credentials": KEYS}
    model: Any = task_model("rekognition:", "classify", **more)
    assert list(await classify(model, PICTURE, labels=None)) == [Classification((), {})]
    (sent,) = wire.sent
    request = {
        "method": sent.method,
        "url": sent.url,
        "headers": dict(sent.headers),
        "json": json.loads(sent.body),
        "credentials": {"access_key": KEYS.access_key, "secret_key": KEYS.secret_key},
    }
    assert sent.url == "https://rekognition.eu-west-1.amazonaws.com/"
    assert oracle("oracle_aws").check(request) == []


@pytest.mark.anyio
async def test_a_guardrail_moderates() -> None:
    async with simulate() as server:
        model = model_at(server, "bedrock:guardrail/abc/1")
        found = await classify(model, ["I kill you, ada@example.com", "hi"], labels="moderation")
    assert list(found) == [
        Classification(("VIOLENCE", "EMAIL"), None, is_flagged=True),
        Classification((), None, is_flagged=False),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "requests"),
    [
        ("bedrock:amazon.titan-embed-text-v2:0", 2),
        ("bedrock:amazon.nova-2-multimodal-embeddings-v1:0", 2),
        ("bedrock:us.cohere.embed-v4:0", 1),
    ],
)
async def test_vectors_of_every_maker(name: str, requests: int) -> None:
    async with simulate() as server:
        made = await embed(model_at(server, name, "embed"), ["a cat", "a dog"], dimensions=256)
        assert server.count == requests
    assert [list(each) for each in made] == [
        pytest.approx(vector(text, dimensions=256).tolist()) for text in ("a cat", "a dog")
    ]


@pytest.mark.anyio
async def test_pictures_become_vectors_too() -> None:
    async with simulate() as server:
        for name in (
            "amazon.titan-embed-image-v1",
            "amazon.nova-2-multimodal-embeddings-v1:0",
            "cohere.embed-english-v3",
        ):
            made = await embed(model_at(server, f"bedrock:{name}", "embed"), [PICTURE])
            assert len(made[0]) in (1024, 3072), name


@pytest.mark.anyio
async def test_pictures_are_drawn() -> None:
    async with simulate() as server:
        canvas = model_at(server, "bedrock:amazon.nova-canvas-v1:0", "generate_image")
        seed = Settings(extra={"bedrock": {"imageGenerationConfig": {"seed": 7}}})
        made = await generate_image(canvas, "a cat", size="512x512", count=2, settings=seed)
        assert server.requests[0].json["imageGenerationConfig"] == {
            "numberOfImages": 2,
            "width": 512,
            "height": 512,
            "seed": 7,
        }
        stability = model_at(server, "bedrock:stability.stable-image-core-v1:1", "generate_image")
        other = await generate_image(stability, "a cat", size="16:9")
        with pytest.raises(ContentFilteredError, match="content filters"):
            await generate_image(canvas, "kill")
        with pytest.raises(ContentFilteredError, match="Filter reason: prompt"):
            await generate_image(stability, "kill")
    assert [image.data for image in (*made.images, *other.images)] == [
        tiny_png("a cat 0"),
        tiny_png("a cat 1"),
        tiny_png("a cat 0"),
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["comprehend:sentiment", "rekognition:labels", "bedrock:guardrail/abc"])
async def test_throttling_is_waited_for_and_is_a_typed_error_at_last(name: str) -> None:
    given: Any = PICTURE if name.startswith("rekognition") else "hi"
    labels: Any = "moderation" if "guardrail" in name else None
    async with simulate(faults=[Rule((Status(429, wait_seconds=0.001),), first=1)]) as server:
        assert len(await classify(model_at(server, name), given, labels=labels)) == 1
        assert server.count == 2
    async with simulate(faults=[Rule((Status(429),))]) as server:
        with pytest.raises(RateLimitError) as caught:
            await classify(model_at(server, name), given, labels=labels, settings=Settings(attempts=1))
    assert caught.value.error_type == "ThrottlingException"


@pytest.mark.anyio
async def test_what_a_service_refuses_is_a_typed_error() -> None:
    async with simulate() as server:
        german = Settings(extra={"comprehend": {"LanguageCode": "de"}})
        with pytest.raises(BadRequestError, match="Only English") as caught:
            await classify(model_at(server, "comprehend:toxicity"), "ja", labels="moderation", settings=german)
        with pytest.raises(BadRequestError, match="No classifier endpoint"):
            await classify(model_at(server, "comprehend:arn:aws:comprehend:x"), "ja", labels=None)
        with pytest.raises(BadRequestError, match="invalid image format"):
            broken = Image(Inline(b"no picture", "image/png"))
            await classify(model_at(server, "rekognition:"), broken, labels=None)
    assert (caught.value.error_type, caught.value.status) == ("UnsupportedLanguageException", 400)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["comprehend:sentiment", "rekognition:labels"])
async def test_budgets_and_keeping_nothing_are_looked_at_before_anything_is_sent(name: str) -> None:
    given: Any = PICTURE if name.startswith("rekognition") else "some words that are too many"
    wire = InTurn([b"{}"])
    more: dict[str, Any] = {"transport": wire, "region": "eu-west-1", "credentials": KEYS}
    model: Any = task_model(name, "classify", **more)
    with pytest.raises(BudgetExceededError):
        await classify(model, given, labels=None, budget=Budget(tokens=1))
    with pytest.raises(UnsupportedError, match="opted out of keeping content by a policy"):
        await classify(model, given, labels=None, settings=Settings(retain=False))
    assert wire.sent == []


@needs_shared
@pytest.mark.anyio
async def test_the_checker_accepts_their_spans(tmp_path: Path) -> None:
    watched = Watched()
    tracing.configure(tracer_provider=watched.provider, meter_provider=watched.meters)
    try:
        async with simulate() as server:
            await classify(model_at(server, "comprehend:"), "hi", labels=None)
            await classify(model_at(server, "rekognition:"), PICTURE, labels=None)
            await classify(model_at(server, "bedrock:guardrail/abc"), "hi", labels="moderation")
    finally:
        tracing.configure()
    check(tmp_path, watched, "--allow-bare", "--ignore", "unlisted-value")
    assert [(span.attributes or {})["gen_ai.provider.name"] for span in watched.finished] == [
        "aws.comprehend",
        "aws.rekognition",
        "aws.bedrock",
    ]


@pytest.mark.parametrize(
    ("entry", "error", "words"),
    [
        ("a text", UnsupportedError, "looks at pictures only; a text was given. comprehend: reads texts"),
        (Image(Inline(b"GIF8", "image/gif")), UnsupportedError, "looks at PNG and JPEG pictures"),
        (Image(Remote("https://x.example/a.png")), UnsupportedError, "whose bytes are sent along or which lie in S3"),
        (
            Image(Inline(bytes(5_242_881), "image/png")),
            MediaError,
            "has 5,242,881 bytes; rekognition:labels takes 5,242,880",
        ),
    ],
    ids=["text", "gif", "address", "large"],
)
def test_what_rekognition_does_not_look_at_is_refused(entry: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        RekognitionCodec().encode(ClassificationRequest("labels", (entry,), way="own"))


def test_models_that_there_are_not_are_named() -> None:
    with pytest.raises(UnsupportedError, match="rekognition has no 'faces'; it has labels, moderation"):
        RekognitionCodec().offer("faces")
    with pytest.raises(ProtocolError, match="holds no labels"):
        RekognitionCodec().decode(b"{}")


def test_a_document_that_could_not_be_read_has_an_error() -> None:
    errors = {"Classes": [], "Errors": [{"Page": 1, "ErrorCode": "PAGE_SIZE_EXCEEDED", "ErrorMessage": "too large"}]}
    (found,) = ComprehendCodec().decode(json.dumps(errors).encode()).classifications
    assert isinstance(found.error, BadRequestError)
    assert (found.error.message, found.error.code) == ("too large", "PAGE_SIZE_EXCEEDED")


def test_embeddings_are_asked_as_each_model_takes_them() -> None:
    codec = InvokeEmbeddingsCodec()
    wire = codec.encode(EmbeddingRequest("cohere.embed-english-v3", (PICTURE,)))
    assert isinstance(PICTURE.source, Inline)
    assert json.loads(wire.body) == {"input_type": "image", "images": [PICTURE.source.data_url]}
    with pytest.raises(UnsupportedError, match="embeds pictures apart from texts"):
        codec.encode(EmbeddingRequest("cohere.embed-english-v3", (PICTURE, "a")))
    with pytest.raises(UnsupportedError, match=r"one number of dimensions; .* amazon.titan-embed-text-v2:0"):
        codec.encode(EmbeddingRequest("amazon.titan-embed-text-v1", ("a",), dimensions=256))
    with pytest.raises(BadRequestError, match="the picture is too large"):
        codec.decode(b'{"embedding": null, "message": "the picture is too large"}')
    assert list(codec.decode(b'{"embeddingsByType": {"float": [1.0]}}').vectors[0]) == [1.0]


def test_fields_of_a_makers_own_are_laid_over_the_request() -> None:
    own = Settings(extra={"bedrock": {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": "abc"}}})
    wire = InvokeImagesCodec().encode(ImageRequest("amazon.nova-canvas-v1:0", "a cat", settings=own))
    assert json.loads(wire.body) == {
        "taskType": "BACKGROUND_REMOVAL",
        "backgroundRemovalParams": {"image": "abc"},
        "textToImageParams": {"text": "a cat"},
        "imageGenerationConfig": {"numberOfImages": 1},
    }


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("abc", "abc/version/DRAFT"),
        ("abc/3", "abc/version/3"),
        ("arn:aws:bedrock:eu-west-1:123456789012:guardrail/abc/3",
         "arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Aguardrail%2Fabc/version/3"),
    ],
)  # fmt: skip
async def test_a_guardrail_may_be_named_by_its_arn(id: str, path: str) -> None:
    wire = InTurn([b'{"action": "NONE"}'])
    more: dict[str, Any] = {"transport": wire, "credentials": KEYS, "region": None if "arn" in id else "eu-west-1"}
    await classify(task_model(f"bedrock:guardrail/{id}", "classify", **more), "hi", labels="moderation")
    assert [sent.url for sent in wire.sent] == [
        f"https://bedrock-runtime.eu-west-1.amazonaws.com/guardrail/{path}/apply"
    ]


@pytest.mark.parametrize("id", ["", "../x/1", "abc/newest", "abc/1/2"])
def test_what_names_no_guardrail_is_refused(id: str) -> None:
    with pytest.raises(UnsupportedError, match="names no guardrail; write guardrail/ID"):
        task_model(f"bedrock:guardrail/{id}", "classify", region="eu-west-1", credentials=KEYS)


def comprehended(*rows: dict[str, Any], errors: Sequence[dict[str, Any]] = ()) -> list[Classification]:
    reply = ComprehendCodec().decode(json.dumps({"ResultList": rows, "ErrorList": errors}).encode())
    return list(reply.classifications)


@pytest.mark.parametrize("places", [(0, 7), (1, 2), (-1, 0)])
def test_results_of_texts_that_were_not_sent_are_given_to_no_other(places: tuple[int, int]) -> None:
    with pytest.raises(ProtocolError, match="which text each result is of"):
        comprehended(*({"Index": place, "Sentiment": "POSITIVE"} for place in places))


def test_a_text_without_a_sentiment_has_an_error_and_a_failure_of_the_service_is_one() -> None:
    nothing, broken, good = comprehended(
        {"Index": 0, "SentimentScore": {}},
        {"Index": 2, "Sentiment": "NEUTRAL"},
        errors=[{"Index": 1, "ErrorCode": "INTERNAL_SERVER_ERROR", "ErrorMessage": "sorry"}],
    )
    assert [type(each.error) for each in (nothing, broken)] == [ProtocolError, ServerError]
    assert (nothing.labels, good) == ((), Classification(("NEUTRAL",)))
