from __future__ import annotations

import json
from typing import Any

import pytest
from canaries import KEY

from agentkit.agent import Agent
from agentkit.errors import ConfigurationError, ContentFilteredError, MissingKeyError
from agentkit.exchange import Request
from agentkit.messages import user_message
from agentkit.models import identity_of
from agentkit.prices import cost_of
from agentkit.providers import model, task_model
from agentkit.providers.azure.addresses import azure_url, foundry_url
from agentkit.providers.openai.chat import ChatCodec
from agentkit.remote import RemoteModel
from agentkit.simulator.plan import Rule
from agentkit.simulator.status_faults import Status
from agentkit.testing.simulator import start_simulator
from agentkit.usage import Usage

HOME = "https://mine.openai.azure.com"
DEPLOYED = f"{HOME}/openai/deployments/my-gpt"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION", "AZURE_OPENAI_API_KEY", "AZURE_AI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_BASE_URL", "AZURE_AI_ENDPOINT", "AZURE_INFERENCE_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)


def remote(name: str, **options: Any) -> RemoteModel:
    made = model(name, **{"base_url": HOME, **options})
    assert isinstance(made, RemoteModel)
    return made


def address(made: RemoteModel) -> str:
    wire = made.codec.encode(Request(made.identity.model, (user_message("hi"),)))
    return made.endpoint.url(wire.path)


@pytest.mark.parametrize(
    ("given", "chat", "responses"),
    [
        (HOME, f"{HOME}/openai/v1", f"{HOME}/openai/v1"),
        (f"{HOME}/openai/", f"{HOME}/openai/v1", f"{HOME}/openai/v1"),
        (f"{HOME}/openai/v1", f"{HOME}/openai/v1", f"{HOME}/openai/v1"),
        (f"{HOME}?api-version=v1", f"{HOME}/openai/v1", f"{HOME}/openai/v1"),
        (f"{HOME}?api-version=preview", f"{HOME}/openai/v1?api-version=preview", None),
        (
            f"{HOME}?api-version=2025-04-01-preview",
            f"{DEPLOYED}?api-version=2025-04-01-preview",
            f"{HOME}/openai?api-version=2025-04-01-preview",
        ),
        (f"{DEPLOYED}?api-version=2024-10-21", f"{DEPLOYED}?api-version=2024-10-21", None),
        ("https://gateway.example/azure/v1?team=a", "https://gateway.example/azure/v1?team=a", None),
    ],
)
def test_an_address_says_which_api_is_spoken(given: str, chat: str, responses: str | None) -> None:
    assert azure_url(given, api="chat_completions", deployment="my-gpt") == chat
    assert azure_url(given, api="responses", deployment="my-gpt") == (responses or chat)


def test_the_environment_may_say_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", f"{HOME}/")
    monkeypatch.setenv("AZURE_OPENAI_API_VERSION", "2024-10-21")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    made = remote("azure-chat:my gpt", base_url=None)
    assert address(made) == f"{HOME}/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21"
    assert made.endpoint.headers == {"api-key": KEY}
    embedding = task_model("azure:my-embedding", "embed")
    assert "/openai/deployments/my-embedding" in repr(embedding)
    assert address(remote("azure-chat:my-gpt", base_url=f"{HOME}/openai/v1")) == f"{HOME}/openai/v1/chat/completions"


def test_a_version_without_responses_is_told_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match=r"2024-10-21 of Azure has no Responses; use azure-chat:"):
        remote("azure:my-gpt", base_url=f"{HOME}?api-version=2024-10-21")
    with pytest.raises(ConfigurationError, match=r"the api-version of Azure is '2024'; it has to be like 2024-10-21"):
        remote("azure:my-gpt", base_url=f"{HOME}?api-version=2024")


def test_a_token_of_entra_goes_where_the_key_would() -> None:
    made = remote("azure:my-gpt", credentials=KEY)
    assert made.endpoint.headers == {"authorization": f"Bearer {KEY}"}
    assert KEY not in repr(made)


def test_a_missing_key_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AI_ENDPOINT", "https://mine.services.ai.azure.com")
    with pytest.raises(MissingKeyError, match="AZURE_AI_API_KEY"):
        model("azure-foundry:grok-4")
    with pytest.raises(ConfigurationError, match="AZURE_AI_ENDPOINT"):
        monkeypatch.delenv("AZURE_AI_ENDPOINT")
        model("azure-foundry:grok-4")


class Credential:
    """Like those of azure-identity."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get_token(self, *scopes: str) -> Any:
        self.asked += scopes

        class Access:
            token = f"{KEY}-{len(self.asked)}"
            expires_on = 4_000_000_000

        return Access()


def test_a_credential_is_asked_for_a_token_once_and_after_a_refusal() -> None:
    mine = Credential()
    with start_simulator("51", "52", "53") as server:
        server.suffer(Rule((Status(401),), at=(2,)))
        agent = Agent(model("azure:my-gpt", base_url=server.url, credentials=mine))
        assert [agent.run_sync("hi").output for _ in range(2)] == ["51", "52"]
        keys = [request.asked.header("authorization") for request in server.requests]
    assert keys == [f"Bearer {KEY}-1", f"Bearer {KEY}-1", f"Bearer {KEY}-2"]
    assert mine.asked == ["https://cognitiveservices.azure.com/.default"] * 2


@pytest.mark.parametrize(
    ("given", "claude", "other"),
    [
        ("https://mine.services.ai.azure.com", "/anthropic", "/openai/v1"),
        ("https://mine.services.ai.azure.com/openai/v1/", "/anthropic", "/openai/v1"),
        ("https://mine.services.ai.azure.com/anthropic/v1", "/anthropic", "/anthropic/v1"),
        (
            "https://mine.services.ai.azure.com/models?api-version=2024-05-01-preview",
            "/anthropic",
            "/models?api-version=2024-05-01-preview",
        ),
    ],
)
def test_foundry_has_an_address_for_claude_and_one_for_all_others(given: str, claude: str, other: str) -> None:
    home = "https://mine.services.ai.azure.com"
    assert foundry_url(given, is_claude=True) == home + claude
    assert foundry_url(given, is_claude=False) == home + other


def test_foundry_speaks_the_format_of_the_model_s_maker() -> None:
    url = "https://mine.services.ai.azure.com"
    grok = remote("azure-foundry:grok-4", base_url=url, api_key=KEY)
    assert address(grok) == f"{url}/openai/v1/chat/completions"
    assert (grok.endpoint.headers, identity_of(grok).otel_provider) == ({"api-key": KEY}, "azure.ai.inference")
    claude = remote("azure-foundry:claude-sonnet-4-5", base_url=url, api_key=KEY)
    assert address(claude) == f"{url}/anthropic/v1/messages"
    assert (claude.endpoint.headers, claude.identity.api) == ({"x-api-key": KEY}, "messages")


def test_claude_in_foundry_wants_tokens_for_another_scope() -> None:
    mine = Credential()
    with start_simulator("51") as server:
        made = model("azure-foundry:claude-sonnet-4-5", base_url=server.url, credentials=mine)
        assert Agent(made).run_sync("hi").output == "51"
        assert server.requests[0].asked.path == "/anthropic/v1/messages"
    assert mine.asked == ["https://ai.azure.com/.default"]


SAFE = {"filtered": False, "severity": "safe"}


def test_what_the_filter_found_is_in_the_details() -> None:
    prompt = [{"prompt_index": 0, "content_filter_results": {"hate": SAFE}}]
    choice = {"index": 0, "message": {"role": "assistant", "content": "51"}, "finish_reason": "stop"}
    reply = {
        "id": "1",
        "model": "gpt-5-nano",
        "choices": [{**choice, "content_filter_results": {"violence": SAFE}}],
        "prompt_filter_results": prompt,
    }
    details = {"prompt_filter_results": prompt, "content_filter_results": {"violence": SAFE}}
    assert ChatCodec("azure").decode(json.dumps(reply).encode()).details == details
    cut = {"violence": {"filtered": True, "severity": "high"}}
    events = [
        {"id": "", "model": "", "choices": [], "prompt_filter_results": prompt},
        {**reply, "choices": [{"index": 0, "delta": {"content": "51"}, "content_filter_results": {"violence": SAFE}}]},
        {**reply, "choices": [{"index": 0, "delta": {"content": "52"}, "content_filter_results": cut}]},
        {**reply, "choices": [{"index": 0, "delta": {}, "finish_reason": "content_filter"}]},
        {**reply, "choices": [{"index": 0, "content_filter_results": {"hate": SAFE}, "content_filter_offsets": {}}]},
    ]
    decoder = ChatCodec("azure").decoder()
    deltas = [delta for event in events for delta in decoder.feed(b"data: " + json.dumps(event).encode() + b"\n\n")]
    (ended,) = decoder.finish()
    assert ended.details == {**details, "content_filter_results": {**cut, "hate": SAFE}}  # type: ignore[union-attr]
    assert ended.finish == "content_filter"  # type: ignore[union-attr]
    assert len(deltas) == 3


def test_a_refused_prompt_says_what_for() -> None:
    results = {"violence": {"filtered": True, "severity": "high"}, "jailbreak": {"filtered": True}, "hate": SAFE}
    body = {
        "error": {
            "code": "content_filter",
            "param": "prompt",
            "status": 400,
            "message": "The response was filtered.",
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": results},
        }
    }
    error = ChatCodec("azure").decode_error(400, {"apim-request-id": "r-1"}, json.dumps(body).encode())
    assert type(error) is ContentFilteredError
    assert error.message == "The response was filtered. (filtered for violence, high; jailbreak)"
    assert error.body["error"]["innererror"]["content_filter_result"] == results
    assert error.request_id == "r-1"


def test_prices_are_those_of_the_model_that_answered() -> None:
    assert cost_of("azure", "my-deployment", Usage(input=100)).is_known is False
    reply = {
        "id": "1",
        "model": "gpt-4o-2024-11-20",
        "choices": [{"index": 0, "message": {"content": "51"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0, "total_tokens": 1_000_000},
    }
    answer = ChatCodec("azure").decode(json.dumps(reply).encode())
    assert cost_of("azure", answer.message.model, answer.usage).usd == pytest.approx(2.5)
    assert cost_of("azure-foundry", "claude-sonnet-4-5", Usage(input=100_000)).usd == pytest.approx(0.3)
