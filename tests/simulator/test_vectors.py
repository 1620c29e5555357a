"""Vectors, moderations and decisions of the simulator, as the vendors' own clients ask for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import types
from openai import BadRequestError, OpenAI
from shared import oracle

from agentkit.providers.offline_embedding import vector
from agentkit.testing.simulator import SimulatorOnThread, start_simulator


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator() as running:
        yield running


def test_openais_client_gets_vectors_and_moderations(server: SimulatorOnThread) -> None:
    with OpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client:
        made = client.embeddings.create(model="text-embedding-3-small", input=["a cat", "a dog"], dimensions=8)
        assert [row.embedding for row in made.data] == [
            pytest.approx(vector(text, dimensions=8).tolist()) for text in ("a cat", "a dog")
        ]
        assert len(client.embeddings.create(model="text-embedding-3-large", input="x").data[0].embedding) == 3072
        checked = client.moderations.create(model="omni-moderation-latest", input=["I will kill you", "hello"])
        assert [each.flagged for each in checked.results] == [True, False]
        with pytest.raises(BadRequestError, match="is invalid"):
            client.embeddings.create(model="text-embedding-3-small", input="")


def test_openais_client_gets_decisions(server: SimulatorOnThread) -> None:
    with OpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client:
        made: Any = client.decisions.create(
            model="gpt-6-luna",
            input="my dog barks",
            questions=[
                {"type": "choice", "instructions": "Which?", "choices": [{"value": "cat"}, {"value": "dog"}]},
                {"type": "predicate", "name": "dog", "instructions": "A dog?"},
            ],
        )
    assert (made.answers[0].choice, made.answers[1].probability) == ("dog", 0.95)


@pytest.mark.parametrize("questions", [None, [], 5, [5]])
def test_decisions_without_questions_are_refused_and_the_simulator_goes_on(
    server: SimulatorOnThread, questions: Any
) -> None:
    for _ in range(2):
        body = {"model": "gpt-6-luna", "input": "my dog barks", "questions": questions}
        assert httpx.post(f"{server.base_url}/decisions", json=body).status_code == 400


def test_googles_client_gets_vectors(server: SimulatorOnThread) -> None:
    options = types.HttpOptions(base_url=server.url, httpx_client=httpx.Client())
    client = genai.Client(api_key="k", http_options=options)
    try:
        made = client.models.embed_content(
            model="gemini-embedding-001",
            contents=["a cat", "a dog"],
            config=types.EmbedContentConfig(output_dimensionality=8),
        )
    finally:
        client.close()
        options.httpx_client.close()
        asyncio.run(client.aio.aclose())
    assert made.embeddings is not None
    assert [each.values for each in made.embeddings] == [
        pytest.approx(vector(text, dimensions=8).tolist()) for text in ("a cat", "a dog")
    ]


def test_what_is_served_is_what_the_vendor_describes(server: SimulatorOnThread) -> None:
    check = oracle("oracle_openai").check_response
    for path, body in (
        ("embeddings", {"model": "text-embedding-3-small", "input": ["a"], "dimensions": 3}),
        ("moderations", {"model": "omni-moderation-latest", "input": "kill"}),
    ):
        reply = httpx.post(f"{server.base_url}/{path}", json=body)
        assert (reply.status_code, check(reply.json(), path)) == (200, [])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": ["a"]}),
        ("/v1/embeddings", {"model": "m", "input": []}),
        ("/v1/embeddings", {"model": "m", "input": ["a", ""]}),
        ("/v1/embeddings", {"model": "m", "input": ["a"] * 2049}),
        ("/v1/embeddings", {"model": "m", "input": "a", "dimensions": 0}),
        ("/v1/embeddings", None),
        ("/v1/decisions", {"model": "m", "input": "a"}),
        ("/v2/embed", {"model": "m", "texts": ["a"]}),
        ("/v1beta/models/m:batchEmbedContents", {"requests": []}),
        ("/v1beta/models/m:embedContent", {"content": {"parts": []}}),
    ],
)
def test_what_a_provider_refuses_is_refused(server: SimulatorOnThread, path: str, body: Any) -> None:
    content = b"{" if body is None else json.dumps(body).encode()
    assert httpx.post(server.url + path, content=content).status_code == 400
