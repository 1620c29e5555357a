from __future__ import annotations

import json
from typing import Any

import pytest
from canaries import KEY
from shared import SHARED, oracle

from agentkit.agent import Agent
from agentkit.errors import (
    AuthenticationError,
    ConfigurationError,
    ExchangeError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
)
from agentkit.exchange import Request, ToolDefinition
from agentkit.identity import Capabilities, ModelIdentity
from agentkit.messages import user_message
from agentkit.providers import model
from agentkit.remote import RemoteModel
from agentkit.settings import Settings
from agentkit.testing import calls
from agentkit.testing.simulator import start_simulator
from agentkit.tools import tool

GEMINI = "vertex:gemini-3.5-flash"
CLAUDE = "vertex:claude-sonnet-4-5@20250929"
HI = (user_message("hi"),)
SUM = ToolDefinition("add", "Add.", {"type": "object", "properties": {"n": {"type": "integer"}}})


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_CLOUD_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ANTHROPIC_VERTEX_PROJECT_ID", "CLOUD_ML_REGION", "GOOGLE_VERTEX_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def remote(name: str = GEMINI, **options: Any) -> RemoteModel:
    made = model(name, **{"project": "p", "credentials": KEY, **options})
    assert isinstance(made, RemoteModel)
    return made


def sent(made: RemoteModel, request: Request) -> tuple[str, dict[str, str], dict[str, Any]]:
    """The address, the headers and the body of a request; Google's oracle accepts what is meant for Gemini."""
    wire = made.codec.encode(request)
    url, headers, body = made.endpoint.url(wire.path), {**dict(wire.headers), **made.endpoint.headers}, wire.body
    if SHARED.is_dir() and "publishers/google" in url:
        assert oracle("oracle_google").check({"url": url, "headers": headers, "json": json.loads(body)}) == []
    return url, headers, json.loads(body)


def asked(made: RemoteModel, **more: Any) -> Request:
    return Request(made.identity.model, HI, **more)


@pytest.mark.parametrize(
    ("region", "home"),
    [
        (None, "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global"),
        ("global", "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/p/locations/eu"),
        ("europe-west1", "https://europe-west1-aiplatform.googleapis.com/v1beta1/projects/p/locations/europe-west1"),
    ],
)
def test_every_region_has_its_address(region: str | None, home: str) -> None:
    assert remote(region=region).endpoint.base_url == home


def test_a_model_is_asked_in_its_project_and_region() -> None:
    made = remote(region="europe-west1")
    url, headers, body = sent(made, asked(made, instructions="Be brief.", is_streamed=True))
    assert url == (
        "https://europe-west1-aiplatform.googleapis.com/v1beta1/projects/p/locations/europe-west1"
        "/publishers/google/models/gemini-3.5-flash:streamGenerateContent?alt=sse"
    )
    assert headers == {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
    }
    assert made.identity == ModelIdentity(
        "vertex",
        "gemini-3.5-flash",
        otel_provider="gcp.vertex_ai",
        address="europe-west1-aiplatform.googleapis.com",
        port=443,
        api="generate_content",
        capabilities=Capabilities(),
    )
    assert KEY not in repr(made)


def test_project_and_region_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "mine")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "us-central1")
    made = remote(project=None)
    assert made.endpoint.base_url == (
        "https://us-central1-aiplatform.googleapis.com/v1beta1/projects/mine/locations/us-central1"
    )
    assert "/projects/p/locations/asia-east1" in remote(region="asia-east1").endpoint.base_url


def test_the_whole_name_of_a_model_says_project_and_region() -> None:
    made = remote("vertex:projects/other/locations/us-east4/endpoints/123", project=None)
    url, _, _ = sent(made, asked(made))
    assert url == (
        "https://us-east4-aiplatform.googleapis.com/v1beta1/projects/other/locations/us-east4"
        "/endpoints/123:generateContent"
    )


def test_a_key_alone_says_the_project() -> None:
    made = remote(project=None, credentials=None, api_key=KEY)
    url, headers, _ = sent(made, asked(made))
    assert url == (
        "https://aiplatform.googleapis.com/v1beta1/publishers/google/models/gemini-3.5-flash:generateContent"
    )
    assert headers["x-goog-api-key"] == KEY
    assert "/projects/p/" in remote(credentials=None, api_key=KEY).endpoint.base_url


def test_a_gateway_is_asked_with_what_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    made = remote(project=None, credentials=None, base_url="https://gateway.example/google/v1/")
    assert (made.endpoint.base_url, made.endpoint.headers) == ("https://gateway.example/google/v1", {})
    monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", "https://gateway.example")
    assert remote().endpoint.base_url == "https://gateway.example/v1beta1/projects/p/locations/global"


def test_a_token_names_no_project() -> None:
    with pytest.raises(ConfigurationError, match=r"pass model\(..., project=...\) or set GOOGLE_CLOUD_PROJECT"):
        remote(project=None)


def test_a_key_alone_is_for_gemini() -> None:
    with pytest.raises(ConfigurationError, match=r"alone is for Gemini; vertex:claude-sonnet-5 needs the project"):
        remote("vertex:claude-sonnet-5", project=None, credentials=None, api_key=KEY)


def test_tokens_are_counted_in_bare_fields() -> None:
    made = remote()
    wire = made.codec.encode_count(asked(made, instructions="Be brief.", tools=(SUM,)))  # type: ignore[attr-defined]
    body = json.loads(wire.body)
    assert wire.path == "/publishers/google/models/gemini-3.5-flash:countTokens"
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [
            {"functionDeclarations": [{"name": "add", "description": "Add.", "parametersJsonSchema": SUM.parameters}]}
        ],
        "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
    }
    if SHARED.is_dir():
        assert oracle("oracle_google").check(body, "generateContent", "vertex") == []  # of the Gemini API's alone


def test_tools_of_google_s_need_no_flag_there() -> None:
    made = remote()
    extra = {"vertex": {"tools": [{"googleSearch": {}}]}}
    _, _, body = sent(made, asked(made, tools=(SUM,), settings=Settings(extra=extra)))
    assert "toolConfig" not in body
    assert [list(tool) for tool in body["tools"]] == [["functionDeclarations"], ["googleSearch"]]


def test_the_tier_of_service_is_a_header() -> None:
    made = remote()
    _, headers, body = sent(made, asked(made, settings=Settings(service_tier="flex")))
    assert headers["x-vertex-ai-llm-shared-request-type"] == "flex"
    assert "serviceTier" not in body
    _, headers, _ = sent(made, asked(made, settings=Settings(service_tier="standard")))
    assert "x-vertex-ai-llm-shared-request-type" not in headers


@pytest.mark.parametrize("is_streamed", [False, True])
def test_claude_speaks_messages_there(is_streamed: bool) -> None:
    made = remote(CLAUDE, region="us-east5")
    settings = Settings(max_output_tokens=100, temperature=0.5, extra={"vertex": {"betas": ["context-1m-2025-08-07"]}})
    url, headers, body = sent(made, asked(made, settings=settings, is_streamed=is_streamed))
    function = "streamRawPredict" if is_streamed else "rawPredict"
    assert url == (
        "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5"
        f"/publishers/anthropic/models/claude-sonnet-4-5@20250929:{function}"
    )
    assert headers == {
        "content-type": "application/json",
        "anthropic-beta": "context-1m-2025-08-07",
        "authorization": f"Bearer {KEY}",
    }
    assert body == {
        "anthropic_version": "vertex-2023-10-16",
        "max_tokens": 100,
        "temperature": 0.5,
        **({"stream": True} if is_streamed else {}),
        "messages": [{"role": "user", "content": "hi"}],
    }
    if SHARED.is_dir():
        del body["anthropic_version"]
        plain = {"model": made.identity.model, **body}
        assert oracle("oracle_anthropic").check(plain, version="2023-06-01") == []
    assert (made.codec.name, made.identity.api, made.identity.otel_provider) == (
        "vertex:messages",
        "messages",
        "gcp.vertex_ai",
    )


def test_claude_s_tokens_are_counted_with_the_model_in_the_body() -> None:
    made = remote(CLAUDE)
    wire = made.codec.encode_count(asked(made))  # type: ignore[attr-defined]
    assert wire.path == "/publishers/anthropic/models/count-tokens:rawPredict"
    assert json.loads(wire.body) == {
        "model": "claude-sonnet-4-5@20250929",
        "anthropic_version": "vertex-2023-10-16",
        "messages": [{"role": "user", "content": "hi"}],
    }


def test_models_of_other_publishers_speak_chat_completions_there() -> None:
    made = remote("vertex:meta/llama-4-maverick-17b-128e-instruct-maas", region="us-east5")
    url, _, body = sent(made, asked(made, settings=Settings(max_output_tokens=9)))
    assert url == (
        "https://us-east5-aiplatform.googleapis.com/v1beta1/projects/p/locations/us-east5"
        "/endpoints/openapi/chat/completions"
    )
    assert (body["model"], body["max_tokens"]) == ("meta/llama-4-maverick-17b-128e-instruct-maas", 9)


@pytest.mark.parametrize("name", [GEMINI, CLAUDE, "vertex:meta/llama-4"])
@pytest.mark.parametrize(
    ("code", "status", "message", "expected"),
    [
        (401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", AuthenticationError),
        (403, "PERMISSION_DENIED", "Permission 'aiplatform.endpoints.predict' denied.", PermissionDeniedError),
        (403, "PERMISSION_DENIED", "This method requires billing to be enabled.", QuotaExceededError),
        (404, "NOT_FOUND", "Publisher Model `publishers/x/models/y` was not found.", ModelNotFoundError),
        (429, "RESOURCE_EXHAUSTED", "Quota exceeded for online_prediction_requests.", RateLimitError),
        (503, "UNAVAILABLE", "The service is currently unavailable.", OverloadedError),
    ],
)
def test_google_s_errors_are_typed_in_every_format(
    name: str, code: int, status: str, message: str, expected: type[ExchangeError]
) -> None:
    inside = {"error": {"code": code, "message": message, "status": status}}
    for body in (inside, [inside]):
        error = remote(name).codec.decode_error(code, {}, json.dumps(body).encode())
        assert (type(error), error.message, error.status) == (expected, message, code)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "path", "streamed"),
    [
        (
            GEMINI,
            "/v1beta1/projects/p/locations/eu/publishers/google/models/gemini-3.5-flash:generateContent",
            "/v1beta1/projects/p/locations/eu/publishers/google/models/gemini-3.5-flash:streamGenerateContent",
        ),
        (
            CLAUDE,
            "/v1/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
            "/v1/projects/p/locations/eu/publishers/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict",
        ),
        ("vertex:meta/llama-4", *["/v1beta1/projects/p/locations/eu/endpoints/openapi/chat/completions"] * 2),
    ],
)
async def test_a_run_goes_to_the_paths_of_vertex(name: str, path: str, streamed: str) -> None:
    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    id = name.removeprefix("vertex:")
    with start_simulator(calls(("add", {"a": 1, "b": 2})), "3", "4", models=[id]) as server:
        agent = Agent(remote(name, base_url=server.url, region="eu"), tools=[tool(add)])
        assert (await agent.run("1 + 2?")).output == "3"
        async with agent.stream("2 + 2?") as run:
            assert [event async for event in run]
        assert run.result is not None
        assert run.result.output == "4"
        assert [request.asked.path for request in server.requests] == [path, path, streamed]


@pytest.mark.anyio
@pytest.mark.parametrize("name", [GEMINI, CLAUDE])
async def test_a_prompt_s_tokens_are_counted(name: str) -> None:
    with start_simulator("51") as server:
        made = remote(name, base_url=server.url)
        count = await made.count_tokens(Request("", HI, instructions="Be brief."))
        assert count is not None
        assert count > 0
