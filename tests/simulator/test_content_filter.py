"""Azure's content filter at the simulator, as our models and OpenAI's own client see it: plain and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit.errors import ConfigurationError, ContentFilteredError
from agentkit.exchange import Request, Response, TextDelta
from agentkit.messages import Text, UserMessage
from agentkit.providers import model
from agentkit.simulator.filter_faults import ContentFilter
from agentkit.simulator.server import Simulator, simulate
from agentkit.testing.scripted import ScriptedModel
from agentkit.testing.simulator import start_simulator

ASKED = (UserMessage((Text("How do I sharpen a knife?"),)),)
SAFE = {"filtered": False, "severity": "safe"}
HARMLESS = {"hate": SAFE, "self_harm": SAFE, "sexual": SAFE, "violence": SAFE}
VIOLENT = {**HARMLESS, "violence": {"filtered": True, "severity": "high"}}
PROMPT = [{"prompt_index": 0, "content_filter_results": HARMLESS}]
OFFSETS = {"start_offset": 0, "end_offset": 100, "check_offset": 0}
STREAMED = pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])


class Sink:
    def __init__(self) -> None:
        self.text = ""

    def emit(self, deltas: Any) -> bool:
        self.text += "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
        return False

    async def drain(self) -> None:
        pass


async def ask(simulator: Simulator, name: str, *, is_streamed: bool, sink: Sink | None = None) -> Response:
    asked = model(name, base_url=simulator.url, api_key="none")
    return await asked.respond(Request("", ASKED, is_streamed=is_streamed), sink)


def filters(verdicts: dict[str, Any], *, blocked: bool) -> list[dict[str, Any]]:
    """As Responses has them."""
    shared = {"content_filter_raw": [], "content_filter_offsets": OFFSETS}
    return [
        {"blocked": False, "source_type": "prompt", "content_filter_results": HARMLESS, **shared},
        {"blocked": blocked, "source_type": "completion", "content_filter_results": verdicts, **shared},
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["azure:gpt", "azure-chat:gpt"])
@STREAMED
async def test_a_refused_prompt_is_an_error_with_the_verdicts_and_is_not_asked_again(
    name: str, is_streamed: bool
) -> None:
    async with simulate(faults=[ContentFilter("prompt", "hate", severity="medium")]) as simulator:
        with pytest.raises(ContentFilteredError, match=r"\(filtered for hate, medium\)") as caught:
            await ask(simulator, name, is_streamed=is_streamed)
        assert simulator.count == 1
    error = caught.value
    assert (error.status, error.code, error.param, error.is_retryable) == (400, "content_filter", "prompt", False)
    assert error.body["error"]["innererror"] == {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {**HARMLESS, "hate": {"filtered": True, "severity": "medium"}},
    }


@pytest.mark.anyio
@pytest.mark.parametrize("late", [False, True], ids=["beside", "behind"])
@STREAMED
async def test_a_cut_answer_keeps_its_words_and_says_why(is_streamed: bool, late: bool) -> None:
    faults = [ContentFilter("answer", late=late)]
    async with simulate(ScriptedModel("Take a whetstone and"), faults=faults) as simulator:
        sink = Sink()
        answer = await ask(simulator, "azure-chat:gpt", is_streamed=is_streamed, sink=sink)
    assert (answer.message.text, sink.text) == ("Take a", "Take a")
    assert (answer.message.finish, answer.finish_raw) == ("content_filter", "content_filter")
    assert answer.details == {"prompt_filter_results": PROMPT, "content_filter_results": VIOLENT}


@pytest.mark.anyio
@STREAMED
async def test_a_cut_answer_of_responses_is_incomplete(is_streamed: bool) -> None:
    async with simulate(ScriptedModel("Take a whetstone and"), faults=[ContentFilter("answer")]) as simulator:
        answer = await ask(simulator, "azure:gpt", is_streamed=is_streamed)
    assert (answer.message.text, answer.message.finish) == ("Take a", "content_filter")
    assert answer.details == {"content_filters": filters(VIOLENT, blocked=True)}


@pytest.mark.anyio
@STREAMED
async def test_a_harmless_answer_has_its_verdicts_too(is_streamed: bool) -> None:
    async with simulate(ScriptedModel("51", "52"), faults=[ContentFilter("nothing")]) as simulator:
        chat = await ask(simulator, "azure-chat:gpt", is_streamed=is_streamed)
        responses = await ask(simulator, "azure:gpt", is_streamed=is_streamed)
    assert (chat.message.text, chat.message.finish, responses.message.text) == ("51", "stop", "52")
    assert chat.details == {"prompt_filter_results": PROMPT, "content_filter_results": HARMLESS}
    assert responses.details == {"content_filters": filters(HARMLESS, blocked=False)}


def test_openai_s_client_for_azure_sees_the_same() -> None:
    openai = pytest.importorskip("openai")
    said: list[dict[str, str]] = [{"role": "user", "content": "How do I sharpen a knife?"}]
    with (
        start_simulator(*["Take a whetstone and"] * 4, faults=[ContentFilter("prompt", "jailbreak")]) as server,
        openai.AzureOpenAI(
            azure_endpoint=server.url, api_version="2025-04-01-preview", api_key="none", max_retries=0
        ) as client,
    ):
        for is_streamed in (False, True):
            with pytest.raises(openai.BadRequestError) as caught:
                client.chat.completions.create(model="gpt", messages=said, stream=is_streamed)
            verdicts = caught.value.body["innererror"]["content_filter_result"]
            assert (caught.value.code, verdicts["jailbreak"]) == (
                "content_filter",
                {"filtered": True, "detected": True},
            )

        server.suffer(ContentFilter("answer"))
        answer = client.chat.completions.create(model="gpt", messages=said)
        (choice,) = answer.choices
        assert (choice.message.content, choice.finish_reason) == ("Take a", "content_filter")
        assert choice.content_filter_results == VIOLENT
        assert answer.prompt_filter_results == PROMPT

        first, *chunks = client.chat.completions.create(model="gpt", messages=said, stream=True)
        assert (first.choices, first.id, first.prompt_filter_results) == ([], "", PROMPT)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Take a"
        assert (chunks[-1].choices[0].finish_reason, chunks[-1].choices[0].content_filter_results) == (
            "content_filter",
            VIOLENT,
        )

        response = client.responses.create(model="gpt", input="How do I sharpen a knife?")
        assert (response.output_text, response.status) == ("Take a", "incomplete")
        assert response.incomplete_details.reason == "content_filter"
        assert response.content_filters == filters(VIOLENT, blocked=True)


@pytest.mark.anyio
async def test_other_formats_have_no_verdicts() -> None:
    async with simulate(ScriptedModel("Take a whetstone"), faults=[ContentFilter("answer")]) as simulator:
        claude = model("anthropic:claude-haiku-4-5", base_url=simulator.url, api_key="none")
        answer = await claude.respond(Request("", ASKED))
    assert answer.message.text == "Take a"
    assert "content_filter" not in json.dumps(dict(answer.details))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="after_words is -1"):
        ContentFilter("answer", after_words=-1)
