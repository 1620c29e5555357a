"""retain=False: providers are told to keep nothing, and those that cannot be told are not asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from agentkit.agent import Agent
from agentkit.embedding import EmbeddingModel
from agentkit.errors import ConfigurationError, UnsupportedError
from agentkit.identity import ModelIdentity
from agentkit.providers import PROVIDERS, model, task_model
from agentkit.retention import honours_retention, unretained
from agentkit.settings import Settings
from agentkit.tasks.embed import embed
from agentkit.testing.simulator import start_simulator

pytestmark = pytest.mark.anyio

QUIET = Settings(retain=False)


@pytest.mark.parametrize(
    ("name", "path", "told"),
    [
        ("openai:gpt-6-luna", "", {"store": False}),
        ("openai-chat:gpt-6-luna", "", {"store": False}),
        ("google:gemini-3.5-flash", None, {"store": False}),
        ("openrouter:openai/gpt-6-luna", "", {"provider": {"data_collection": "deny", "zdr": True}}),
        ("vllm:qwen3", "", {}),
    ],
)
async def test_a_provider_is_told_to_keep_nothing(name: str, path: str | None, told: dict[str, Any]) -> None:
    with start_simulator("ok") as server:
        base = server.base_url if path is not None else server.base_url.removesuffix("/v1")
        result = await Agent(model(name, base_url=base, api_key="none"), settings=QUIET).run("Hello")
        (seen,) = server.requests
    body = json.loads(seen.asked.body)
    assert result.output == "ok"
    assert {key: body.get(key) for key in ("store", "provider") if key in body} == told


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("anthropic:claude-sonnet-5", "Anthropic has zero retention by contract for a whole organization"),
        ("groq:llama-3.3-70b-versatile", "it has no switch for that in its requests"),
        ("openai-compatible:some", "nobody here knows what this server keeps"),
        ("ollama:gpt-oss:120b-cloud", "it has no switch for that in its requests"),
    ],
)
async def test_a_provider_that_cannot_be_told_is_not_asked(name: str, reason: str) -> None:
    with start_simulator("ok") as server:
        asked = model(name, base_url=server.base_url, api_key="none", settings=QUIET)
        with pytest.raises(UnsupportedError) as caught:
            await Agent(asked).run("Hello")
        assert server.count == 0
    assert str(caught.value) == (
        f"{name} cannot be told to keep nothing of a request ({reason}): leave out retain=False if your contract says "
        "it, or ask one of openai, azure, azure-language, google, openrouter, bedrock, sagemaker, ollama, vllm, "
        "llamacpp-server, llamacpp, lmstudio"
    )


async def test_tasks_are_held_to_it_as_well() -> None:
    with start_simulator("ok") as server:
        told = task_model("openai:text-embedding-3-small", "embed", base_url=server.base_url, api_key="k")
        reply = await embed(cast("EmbeddingModel", told), ["a"], settings=QUIET)
        assert len(reply.vectors) == 1
        assert "store" not in json.loads(server.requests[0].asked.body)
        untold = task_model("mistral:mistral-embed", "embed", base_url=server.base_url, api_key="k")
        with pytest.raises(UnsupportedError, match="mistral:mistral-embed cannot be told to keep nothing"):
            await embed(cast("EmbeddingModel", untold), ["a"], settings=QUIET)


def test_other_fields_of_the_same_object_are_kept() -> None:
    routed = Settings(retain=False, extra={"openrouter": {"provider": {"order": ["a"]}, "x": 1}})
    told = unretained(routed, ModelIdentity("openrouter", "m", api="chat_completions"))
    assert told.extra == {"openrouter": {"provider": {"order": ["a"], "data_collection": "deny", "zdr": True}, "x": 1}}
    assert unretained(told, ModelIdentity("openrouter", "m", api="chat_completions")) == told


@pytest.mark.parametrize(
    ("provider", "extra", "message"),
    [
        ("openai", {"store": True}, "retain=False, but extra has openai.store = True; leave one of them out"),
        ("openai", {"background": True}, "retain=False, but extra asks openai for 'background', which it stores for"),
        (
            "openrouter",
            {"provider": {"data_collection": "allow"}},
            "retain=False, but extra has openrouter.provider.data_collection = 'allow'; leave one of them out",
        ),
    ],
)
def test_the_contrary_in_extra_is_refused(provider: str, extra: dict[str, Any], message: str) -> None:
    api = "responses" if provider == "openai" else "chat_completions"
    with pytest.raises(ConfigurationError) as caught:
        unretained(Settings(extra={provider: extra}), ModelIdentity(provider, "m", api=api))
    assert str(caught.value) == message


def test_a_later_true_lifts_it() -> None:
    assert Settings(retain=True).over(QUIET).retain is True


def test_whatever_runs_on_machines_of_the_user_keeps_nothing() -> None:
    local = [row for row in PROVIDERS.values() if row.is_local]
    assert [row.name for row in local if not honours_retention(ModelIdentity(row.vendor, "m", api=row.api))] == []


def test_the_page_has_a_line_for_every_provider_that_can_be_told() -> None:
    page = (Path(__file__).parents[1] / "docs" / "how-to" / "privacy.md").read_text(encoding="utf-8")
    lines = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = [row.name for row in PROVIDERS.values() if honours_retention(ModelIdentity(row.vendor, "m", api=row.api))]
    assert [name for name in told if not any(f"`{name}`" in line for line in lines)] == []
