"""What a model cannot do is said before anything is sent, with those that could."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agentkit.agent import Agent
from agentkit.errors import ContextLengthError, UnsupportedError
from agentkit.exchange import Memo, Request, ToolDefinition
from agentkit.identity import Capabilities, ModelIdentity
from agentkit.media import Audio, Image, Inline
from agentkit.messages import AssistantMessage, Failed, Message, Returned, Text, ToolCall, UserMessage, user_message
from agentkit.policies.fallback import fallback
from agentkit.providers import PROVIDERS, model, nearest_able
from agentkit.providers.table import Provider
from agentkit.settings import Settings
from agentkit.suitability import Able, Known, readable_by, refuse_too_long, refuse_unable
from agentkit.testing.scripted import ScriptedModel
from agentkit.testing.simulator import start_simulator
from agentkit.tools import Tool

TEXT_ONLY = ModelIdentity("acme", "small", capabilities=Capabilities(tools=False, media=frozenset({"document"})))
PICTURE = Image.from_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
TOOL = ToolDefinition("add", "Add.", {"type": "object", "properties": {}})


def others(*names: str) -> Callable[[Able], list[str]]:
    return lambda able: list(names) if able(Capabilities(), 1_000_000) else []


def test_tools_are_refused_with_models_that_call_some() -> None:
    request = Request("small", (user_message("add"),), tools=(TOOL,))
    with pytest.raises(UnsupportedError) as caught:
        refuse_unable(request, TEXT_ONLY, Known(None, others("acme:large", "acme:huge")))
    assert str(caught.value) == "acme:small calls no tools, 1 were given (add); these do: acme:large, acme:huge"


def test_a_picture_in_the_prompt_is_refused_and_an_older_one_is_not() -> None:
    prompt = UserMessage((Text("What is it?"), PICTURE))
    with pytest.raises(UnsupportedError) as caught:
        refuse_unable(Request("small", (prompt,)), TEXT_ONLY, None)
    assert str(caught.value) == "acme:small takes no image, and one is in the prompt"
    refuse_unable(Request("small", (prompt, user_message("And now?"))), TEXT_ONLY, None)
    refuse_unable(Request("small", (prompt,), settings=Settings(on_unsupported="omit")), TEXT_ONLY, None)


SOUND = Audio(Inline(b"ID3" + bytes(20), "audio/mpeg"))
NAMED = Text("(There was an image here, which cannot be shown to this model.)")
RETURNED = "(The tool also returned an image, which cannot be shown to this model.)"


def test_what_a_model_does_not_take_is_named_in_its_place() -> None:
    prompt = UserMessage((Text("What is it?"), PICTURE))
    able = TEXT_ONLY.capabilities
    shown, notes = readable_by(able, Request("small", (prompt, user_message("And now?"))))
    assert shown.messages == (UserMessage((Text("What is it?"), NAMED)), user_message("And now?"))
    assert notes == ("left out an image that this model does not take",)
    untouched = Request("small", (user_message("And now?"),))
    assert readable_by(able, untouched)[0] is untouched
    assert readable_by(Capabilities(), Request("small", (prompt,)))[0].messages == (prompt,)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, RETURNED),
        ("a cat", f"a cat\n{RETURNED}"),
        ({"is": "a cat"}, f'{{"is":"a cat"}}\n{RETURNED}'),
    ],
)
def test_what_a_tool_returned_is_named_behind_its_words(content: object, told: str) -> None:
    def called(outcome: Returned) -> AssistantMessage:
        return AssistantMessage((ToolCall("1", "draw", "{}", outcome),))

    shown, _ = readable_by(
        Capabilities(media=frozenset({"audio"})), Request("small", (called(Returned(content, (PICTURE, SOUND))),))
    )
    assert shown.messages == (called(Returned(told, (SOUND,))),)


def test_the_next_step_looks_at_what_is_new_and_keeps_what_was_named() -> None:
    memo = Memo()
    able = TEXT_ONLY.capabilities
    first = (UserMessage((PICTURE,)), user_message("What is it?"))
    before, _ = readable_by(able, Request("small", first, memo=memo))
    after, notes = readable_by(able, Request("small", (*first, UserMessage((SOUND,))), memo=memo))
    assert after.messages[0] is before.messages[0]  # so that codecs know again what they wrote
    assert [message.text for message in after.messages] == [
        NAMED.text,
        "What is it?",
        "(There was audio here, which cannot be shown to this model.)",
    ]
    assert notes == ("left out an image that this model does not take", "left out audio that this model does not take")
    other, _ = readable_by(able, Request("small", (user_message("Hello"),), memo=memo))
    assert other.messages == (user_message("Hello"),)


@pytest.mark.anyio
async def test_a_picture_is_omitted_on_the_wire_and_that_is_told() -> None:
    prompt = UserMessage((Text("What is it?"), PICTURE))
    with start_simulator("ok") as server:
        small = model("openai-chat:gpt-3.5-turbo", base_url=server.base_url, api_key="k")
        asked = Request("", (prompt,), settings=Settings(on_unsupported="omit"))
        response = await small.respond(asked)
        (seen,) = server.requests
    assert response.notes == ("left out an image that this model does not take",)
    assert b"cannot be shown to this model" in seen.asked.body
    assert b"image_url" not in seen.asked.body


@pytest.mark.parametrize(
    "messages",
    [
        (user_message("a " * 60),),
        (AssistantMessage((ToolCall("1", "add", "a " * 60, Returned(None)),)),),
        (AssistantMessage((ToolCall("1", "add", "{}", Returned({"a": ["b " * 60]})),)),),
        (AssistantMessage((ToolCall("1", "add", "{}", Failed("a " * 60)),)),),
    ],
)
def test_more_words_than_tokens_are_refused(messages: tuple[Message, ...]) -> None:
    known = Known(50, others("acme:large"))
    with pytest.raises(ContextLengthError) as caught:
        refuse_too_long(Request("small", messages), 10_000, TEXT_ONLY, known)
    assert "; shorten it; these take more: acme:large" in str(caught.value)
    assert caught.value.attempts == 0


def test_what_may_fit_is_sent() -> None:
    known = Known(50, others())
    refuse_too_long(Request("small", (user_message("a " * 60),)), 99, TEXT_ONLY, known)  # too few bytes to look at
    refuse_too_long(Request("small", (user_message("a " * 50),)), 10_000, TEXT_ONLY, known)
    refuse_too_long(Request("small", (user_message(" \n\t" * 60),)), 10_000, TEXT_ONLY, known)
    refuse_too_long(Request("small", (user_message("a " * 60),)), 10_000, TEXT_ONLY, Known(None, others()))


@pytest.mark.anyio
async def test_nothing_is_sent_of_what_cannot_be_answered() -> None:
    with start_simulator("ok") as server:
        small = model("anthropic:claude-2", base_url=server.base_url, api_key="k")
        with pytest.raises(UnsupportedError, match="anthropic:claude-2 calls no tools, 1 were given"):
            await small.respond(Request("", (user_message("Hi"),), tools=(TOOL,)))
        assert server.count == 0


def test_the_nearest_models_are_of_the_same_provider_and_not_about_to_end() -> None:
    names = nearest_able(provider("openai"), "gpt-4o-mini", lambda able, _: "image" in able.media)
    assert names
    assert all(name.startswith(("openai:gpt-5", "openai:gpt-6")) for name in names), names
    assert nearest_able(provider("anthropic"), "claude-sonnet-5", lambda able, _: "audio" in able.media)[0].startswith(
        "google:"
    )


def provider(name: str) -> Provider:
    return PROVIDERS[name]


@pytest.mark.anyio
async def test_a_fallback_goes_on_with_a_model_that_can() -> None:
    with start_simulator("ok") as server:
        small = model("anthropic:claude-2", base_url=server.base_url, api_key="k")
        large = ScriptedModel("I can.")
        result = await Agent(
            fallback(small, large), tools=[Tool.from_schema("add", "Add.", {"type": "object"}, dict)]
        ).run("Hi")
        assert (result.output, server.count) == ("I can.", 0)
