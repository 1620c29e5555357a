"""The clients of Azure and Vertex AI talk to the simulator, at the very addresses that our own models ask."""

from __future__ import annotations

from typing import Any

import pytest
from canaries import KEY

from agentkit.agent import Agent
from agentkit.providers import model
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

QUESTION = "What is 17 * 3?"
WHERE: dict[str, Any] = {"project": "my-project", "region": "us-east5", "credentials": KEY}


def ours(server: SimulatorOnThread, name: str, **options: Any) -> None:
    """Ask the same with a model of our own; it has to go to the same place with the same credentials."""
    theirs = server.requests[-1]
    assert Agent(model(name, base_url=server.url, **options)).run_sync(QUESTION).output == "51"
    mine = server.requests[-1]
    assert mine is not theirs
    assert mine.asked.target == theirs.asked.target
    for header in ("authorization", "x-api-key", "x-goog-api-key"):  # Foundry's client sends api-key besides
        assert mine.asked.header(header) == theirs.asked.header(header), header
    for field in ("model", "anthropic_version"):
        assert (field in mine.json) == (field in theirs.json), field


def test_claude_on_vertex_is_asked_by_anthropic_s_client() -> None:
    anthropic = pytest.importorskip("anthropic")
    asked = {"model": "claude-sonnet-4-5@20250929", "max_tokens": 100}
    said = [{"role": "user", "content": QUESTION}]
    with start_simulator("51", "51", "52") as server:
        with anthropic.AnthropicVertex(
            region="us-east5", project_id="my-project", access_token=KEY, base_url=f"{server.url}/v1", max_retries=0
        ) as client:
            assert client.messages.create(**asked, messages=said).content[0].text == "51"
            ours(server, "vertex:claude-sonnet-4-5@20250929", **WHERE)
            with client.messages.stream(**asked, messages=said) as stream:
                assert stream.get_final_text() == "52"
        assert server.requests[-1].asked.path.endswith("/models/claude-sonnet-4-5@20250929:streamRawPredict")


def test_gemini_on_vertex_is_asked_by_google_s_client() -> None:
    genai = pytest.importorskip("google.genai")
    from google.oauth2.credentials import Credentials

    with start_simulator("51", "51", "52") as server:
        options = {"base_url": server.url, "retry_options": {"attempts": 1}}
        with genai.Client(
            vertexai=True,
            project="my-project",
            location="us-east5",
            credentials=Credentials(token=KEY),
            http_options=options,
        ) as client:
            assert client.models.generate_content(model="gemini-3.5-flash", contents=QUESTION).text == "51"
            ours(server, "vertex:gemini-3.5-flash", **WHERE)
            stream = client.models.generate_content_stream(model="gemini-3.5-flash", contents=QUESTION)
            assert "".join(piece.text or "" for piece in stream) == "52"


def test_azure_is_asked_by_openai_s_client() -> None:
    openai = pytest.importorskip("openai")
    said = [{"role": "user", "content": QUESTION}]
    with (
        start_simulator(*["51"] * 4) as server,
        openai.AzureOpenAI(
            azure_endpoint=server.url, api_version="2025-04-01-preview", api_key=KEY, max_retries=0
        ) as client,
    ):
        answer = client.chat.completions.create(model="my-gpt", messages=said)
        assert answer.choices[0].message.content == "51"
        dated = f"{server.url}?api-version=2025-04-01-preview"
        theirs = server.requests[-1].asked
        assert Agent(model("azure-chat:my-gpt", base_url=dated, api_key=KEY)).run_sync(QUESTION).output == "51"
        mine = server.requests[-1].asked
        assert (mine.target, mine.header("api-key")) == (theirs.target, theirs.header("api-key"))
        assert client.responses.create(model="my-gpt", input=QUESTION).output_text == "51"
        theirs = server.requests[-1].asked
        assert Agent(model("azure:my-gpt", base_url=dated, api_key=KEY)).run_sync(QUESTION).output == "51"
        assert server.requests[-1].asked.target == theirs.target


def test_claude_in_foundry_is_asked_by_anthropic_s_client() -> None:
    anthropic = pytest.importorskip("anthropic")
    said = [{"role": "user", "content": QUESTION}]
    with (
        start_simulator("51", "51") as server,
        anthropic.AnthropicFoundry(api_key="none", base_url=f"{server.url}/anthropic/", max_retries=0) as client,
    ):
        answer = client.messages.create(model="claude-sonnet-5", max_tokens=100, messages=said)
        assert answer.content[0].text == "51"
        ours(server, "azure-foundry:claude-sonnet-5", api_key="none")
