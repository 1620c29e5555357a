"""Every recorded reply with embeddings decodes to what independent readers make of it, and what was asked is encoded
as it was sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from conformance.recordings import Recorded, exchanges
from shared import needs_shared, oracle

from agentkit.codec import TaskCodec
from agentkit.embedding import EmbeddingAnswer, EmbeddingInput, EmbeddingRequest, Purpose
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ModelNotFoundError,
    UnsupportedError,
)
from agentkit.media import Image
from agentkit.providers.aws.embeddings import InvokeEmbeddingsCodec
from agentkit.providers.cohere.embeddings import EmbedCodec
from agentkit.providers.google.embeddings import EmbedContentsCodec, VertexEmbeddingsCodec
from agentkit.providers.huggingface.embeddings import FeatureExtractionCodec
from agentkit.providers.openai.embeddings import EmbeddingsCodec
from agentkit.providers.openai_tasks import EMBEDDING_RULES

pytestmark = needs_shared

EXCEPTIONS = {
    "ollama/openllmetry-ollama-test_embeddings-test_ollama_embeddings_legacy.json#0": (
        "Ollama's own older path /api/embeddings, which we do not use: /v1/embeddings is asked instead"
    ),
}
PER_TOKEN = "huggingface/hfhub-InferenceClientVCRTest.test_feature_extraction_with_transformers.json#0"
"""A model without pooling: a vector for each token is an error that says so."""


def codec_of(recorded: Recorded) -> TaskCodec[EmbeddingRequest, EmbeddingAnswer]:
    match recorded.provider:
        case "google":
            return EmbedContentsCodec()
        case "google_vertex":
            return VertexEmbeddingsCodec()
        case "huggingface":
            return FeatureExtractionCodec()
        case "cohere":
            return EmbedCodec()
        case "bedrock":
            return InvokeEmbeddingsCodec()
        case "voyage":
            return EmbeddingsCodec("voyageai", rules=EMBEDDING_RULES["voyageai"])
        case provider:
            return EmbeddingsCodec(provider, rules=EMBEDDING_RULES.get(provider))


def replies(kind: str) -> list[Recorded]:
    found = [recorded for recorded in exchanges("embeddings") if recorded.expect["kind"] == kind]
    return [recorded for recorded in found if recorded.id not in EXCEPTIONS and recorded.id != PER_TOKEN]


def found(answer: EmbeddingAnswer) -> dict[str, Any]:
    vectors = answer.vectors
    return {
        "count": len(vectors),
        "dimension": len(vectors[0]),
        "first_values": [pytest.approx(value, rel=1e-4, abs=1e-7) for value in vectors[0][:3]],
        "tokens": answer.usage.total,
        "model": answer.model,
    }


def expected(expect: dict[str, Any]) -> dict[str, Any]:
    raw = expect.get("usage_raw", {})
    names = ("prompt_tokens", "inputTextTokenCount", "promptTokenCount", "token_count", "input_tokens", "total_tokens")
    tokens = next((raw[name] for name in names if name in raw), 0)
    return {
        "count": expect["count"],
        "dimension": expect["dimension"],
        "first_values": expect["first_values"],
        "tokens": tokens,
        "model": expect.get("model_raw", ""),
    }


def test_every_reply_decodes_to_what_independent_readers_found() -> None:
    counts = Counter(recorded.provider for recorded in replies("embeddings"))
    wrong: dict[str, Any] = {}
    for recorded in replies("embeddings"):
        got, wanted = found(codec_of(recorded).decode(recorded.body)), expected(recorded.expect)
        if got != wanted:
            wrong[recorded.id] = (got, wanted)
    for provider, count in sorted(counts.items()):
        bad = sum(id.startswith(f"{provider}/") for id in wrong)
        print(f"{provider}: {count - bad} of {count} replies")
    assert wrong == {}
    assert sum(counts.values()) + len(EXCEPTIONS) + 1 == 51


def test_vectors_of_single_tokens_are_refused_with_what_to_do() -> None:
    (recorded,) = [recorded for recorded in exchanges("embeddings") if recorded.id == PER_TOKEN]
    with pytest.raises(UnsupportedError) as raised:
        codec_of(recorded).decode(recorded.body)
    assert str(raised.value) == (
        "this model of huggingface gives a vector for each token (8 for the first input), not one for the text; "
        "take one that pools, such as sentence-transformers/all-MiniLM-L6-v2"
    )


def test_every_error_is_read() -> None:
    kinds = {401: AuthenticationError, 404: ModelNotFoundError, 400: BadRequestError}
    failures = replies("error")
    for recorded in failures:
        error = codec_of(recorded).decode_error(recorded.status, recorded.response["headers"], recorded.body)
        assert isinstance(error, kinds[recorded.status]), (recorded.id, error)
        assert error.message == " ".join(recorded.expect["message"].split()), recorded.id
    print(f"{len(failures)} of {len(failures)} error replies")
    assert len(failures) >= 8


PURPOSES: dict[str, Purpose] = {
    "RETRIEVAL_QUERY": "query",
    "search_query": "query",
    "search_document": "document",
    "classification": "classification",
    "query": "query",
    "document": "document",
}


def asked_of(recorded: Recorded) -> EmbeddingRequest | None:
    """What a recorded request asks for, in our words; None for what was not recorded, or holds more than that."""
    sent = recorded.sent
    if sent is None or "inline_data" in json.dumps(sent):
        return None
    path = recorded.request["path"].replace("%3A", ":")
    model = sent.get("model") or path.split("/models/")[-1].split("/model/")[-1].rsplit(":", 1)[0].split("/invoke")[0]
    inner = sent.get("singleEmbeddingParams") or (sent.get("requests") or sent.get("instances") or [{}])[0]
    texts = sent.get("input") or sent.get("texts") or sent.get("inputText") or sent.get("inputs")
    texts = texts or [each["content"]["parts"][0]["text"] for each in sent.get("requests", ())]
    texts = texts or [each["content"] for each in sent.get("instances", ())]
    texts = texts or (sent["content"]["parts"][0]["text"] if "content" in sent else inner["text"]["value"])
    sizes = [
        sent.get("dimensions"), sent.get("output_dimension"), inner.get("outputDimensionality"),
        inner.get("embeddingDimension"), sent.get("parameters", {}).get("outputDimensionality"),
    ]  # fmt: skip
    kind = sent.get("input_type") or inner.get("taskType")
    return EmbeddingRequest(
        model,
        (texts,) if isinstance(texts, str) else tuple(texts),
        dimensions=next((size for size in sizes if size), None),
        purpose=PURPOSES[kind] if kind else None,
    )


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """A request without what says nothing, or was said otherwise by the recorded client to the same end."""
    said = {name: value for name, value in body.items() if value is not None}
    if len(requests := said.get("requests", ())) == 1:  # one input may go alone, by embedContent
        return plain(requests[0])
    for name in ("encoding_format", "truncate", "truncation", "normalize", "options", "schemaVersion", "taskType"):
        said.pop(name, None)
    if isinstance(text := said.get("input", said.get("inputs")), str):
        said["input" if "input" in said else "inputs"] = [text]
    if "singleEmbeddingParams" in said:
        params = dict(said["singleEmbeddingParams"])
        said["singleEmbeddingParams"] = {**params, "text": {"value": params["text"]["value"]}}
    return said


def test_what_was_asked_is_encoded_as_it_was_sent() -> None:
    counts: Counter[str] = Counter()
    for recorded in exchanges("embeddings"):
        asked = asked_of(recorded) if recorded.id not in EXCEPTIONS else None
        if asked is None:
            continue
        assert recorded.sent is not None
        wire = codec_of(recorded).encode(asked)
        assert plain(json.loads(wire.body)) == plain(recorded.sent), recorded.id
        counts[recorded.provider] += 1
    print(", ".join(f"{provider}: {count} requests" for provider, count in sorted(counts.items())))
    assert sum(counts.values()) >= 40


TEXTS = ("a cat", "ein Hund", "\u732b")
PICTURE = Image.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
EVERY_PURPOSE: tuple[Purpose | None, ...] = (
    None, "document", "query", "classification", "clustering", "similarity",
)  # fmt: skip


def every_request(model: str, *inputs: EmbeddingInput) -> Iterator[EmbeddingRequest]:
    for dimensions in (None, 256):
        for purpose in EVERY_PURPOSE:
            yield EmbeddingRequest(model, inputs, dimensions, purpose)


def test_the_oracle_of_openai_accepts_every_request() -> None:
    check = oracle("oracle_openai").check
    for asked in every_request("text-embedding-3-small", *TEXTS):
        assert check(json.loads(EmbeddingsCodec().encode(asked).body), "embeddings") == []


@pytest.mark.parametrize("model", ["gemini-embedding-001", "gemini-embedding-2"])
def test_the_oracle_of_gemini_accepts_every_request(model: str) -> None:
    check = oracle("oracle_google").check
    for asked in every_request(model, *TEXTS, PICTURE):
        wire = EmbedContentsCodec().encode(asked)
        assert wire.path == f"/models/{model}:batchEmbedContents"
        assert check(json.loads(wire.body), "batchEmbedContents", "gemini", camel_only="yes") == []
    for asked in every_request(model, TEXTS[0]):
        wire = EmbedContentsCodec().encode(asked)
        assert wire.path == f"/models/{model}:embedContent"
        assert check(json.loads(wire.body), "embedContent", "gemini", camel_only="yes") == []


@pytest.mark.parametrize("model", ["gemini-embedding-001", "gemini-embedding-2", "text-embedding-005"])
def test_the_oracle_of_vertex_accepts_every_request(model: str) -> None:
    check = oracle("oracle_google").check
    texts = TEXTS[:1] if "gemini" in model else TEXTS
    for asked in every_request(model, *texts):
        wire = VertexEmbeddingsCodec().encode(asked)
        body = json.loads(wire.body)
        # Google's client puts these into a config at Vertex, into the request itself at Gemini, which the oracle knows.
        body |= body.pop("embedContentConfig", {})
        assert check(body, wire.path.rpartition(":")[2], "vertex") == []


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        ("amazon.titan-embed-text-v2:0", TEXTS[:1]),
        ("amazon.titan-embed-image-v1", TEXTS[:1]),
        ("amazon.titan-embed-image-v1", (PICTURE,)),
        ("amazon.nova-2-multimodal-embeddings-v1:0", TEXTS[:1]),
        ("amazon.nova-2-multimodal-embeddings-v1:0", (PICTURE,)),
        ("us.cohere.embed-v4:0", TEXTS),
        ("cohere.embed-v4:0", (*TEXTS, PICTURE)),
    ],
)
def test_the_oracle_of_aws_accepts_every_request(model: str, inputs: tuple[EmbeddingInput, ...]) -> None:
    check = oracle("oracle_aws").check
    for asked in every_request(model, *inputs):
        wire = InvokeEmbeddingsCodec().encode(asked)
        request = {
            "method": "POST",
            "url": f"https://bedrock-runtime.us-east-1.amazonaws.com{wire.path}",
            "headers": {**dict(wire.headers), "authorization": "Bearer some-key"},
            "json": json.loads(wire.body),
        }
        assert check(request) == []
