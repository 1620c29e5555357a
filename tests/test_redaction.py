"""Redaction: nothing private leaves, and whatever comes back speaks of the real things."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.agent import Agent
from agentkit.approvals import Approve
from agentkit.budget import Budget
from agentkit.errors import ConfigurationError
from agentkit.events import Event
from agentkit.exchange import Memo, PartFinished, Request, Response, ResponseFinished, TextDelta, ToolCallDelta
from agentkit.media import ProviderData
from agentkit.messages import AssistantMessage, Returned, Text, Thinking, ToolCall, UserMessage, user_message
from agentkit.models import Model
from agentkit.providers import model
from agentkit.redaction import Redaction, Vault
from agentkit.testing.scripted import Delay, ScriptedModel
from agentkit.testing.simulator import start_simulator
from agentkit.tools import tool

pytestmark = pytest.mark.anyio

MAIL, CARD, PHONE = "ada@shop.example", "4111 1111 1111 1111", "+49 30 1234567"

PIECES = ["ada@shop.example", "<EMAIL_1>", "<", ">", "_1", "EMAIL", CARD, PHONE, "\\u003c", '"', "C-12", "\n", " "]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=20).map("".join))
def test_restored_is_what_was_masked(text: str) -> None:
    redaction, vault = Redaction(patterns={"customer": r"C-\d{1,9}"}), Vault()
    masked = redaction.mask(text, vault)
    assert vault.restore(masked) == text
    assert vault.restore(json.dumps({"a": masked}, ensure_ascii=False), is_json=True) == json.dumps(
        {"a": text}, ensure_ascii=False
    )


def test_a_value_has_one_placeholder() -> None:
    redaction, vault = Redaction(patterns={"customer": r"C-\d{6}"}), Vault()
    assert redaction.mask(f"{MAIL}, b@c.example, {MAIL}; C-123456", vault) == (
        "<EMAIL_1>, <EMAIL_2>, <EMAIL_1>; <CUSTOMER_1>"
    )
    assert repr(vault) == "Vault(EMAIL_1, EMAIL_2, CUSTOMER_1)"


def test_overlapping_values_leave_nothing() -> None:
    redaction = Redaction(patterns={"order": r"order \S{1,40}"})
    assert redaction.mask(f"order {MAIL}", Vault()) == "<ORDER_1>"


@pytest.mark.parametrize(
    ("kinds", "patterns", "message"),
    [
        (["mail"], None, "kinds is ['mail']; give a list of key, email, phone, card, iban, id"),
        ("email", None, "kinds is 'email'; give a list of"),
        (["email"], {"Customer": "x"}, "patterns has 'Customer'; name it by small letters"),
        (["email"], {"customer": "("}, "patterns['customer'] is '(', no regular expression"),
    ],
)
def test_what_is_set_up_wrongly_is_refused(kinds: Any, patterns: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Redaction(kinds, patterns=patterns)
    assert message in str(caught.value)


@tool
def send_mail(to: str, text: str) -> dict[str, Any]:
    """Send a mail."""
    sent.append((to, text))
    return {"sent to": to, "phone": PHONE, "card": 4111111111111111, MAIL: 1}


sent: list[tuple[str, str]] = []


def call(name: str, arguments: dict[str, str]) -> Response:
    return Response(AssistantMessage((ToolCall("c1", name, json.dumps(arguments)),), finish="tool_calls"))


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("name", ["openai:gpt-6-luna", "anthropic:claude-sonnet-5", "google:gemini-3.5-flash"])
async def test_nothing_private_is_on_the_wire_and_tools_and_answers_have_it(name: str, *, is_streamed: bool) -> None:
    sent.clear()
    script = (
        call("send_mail", {"to": "<EMAIL_1>", "text": 'Card "<CARD_1>"'}),
        "Sent to <EMAIL_1>; call <PHONE_1>, not <EMAIL_9>.",
    )
    with start_simulator(*script) as server:
        base = server.base_url if name.startswith("openai") else server.base_url.removesuffix("/v1")
        agent = Agent(
            model(name, base_url=base, api_key="none"),
            tools=[send_mail],
            instructions=f"Write for {MAIL}.",
            middleware=[Redaction()],
        )
        prompt, streamed = f"Send my card {CARD} to {MAIL}", ""
        if is_streamed:
            async with agent.stream(prompt) as run:
                async for event in run:
                    streamed += event.text if isinstance(event, TextDelta) else ""
            result = run.result
        else:
            result = await agent.run(prompt)
        bodies = "".join(seen.asked.body.decode() for seen in server.requests)
        assert server.count == 2
    assert [private for private in (MAIL, CARD, PHONE, "4111111111111111") if private in bodies] == []
    assert sent == [(MAIL, f'Card "{CARD}"')]
    assert result.output == f"Sent to {MAIL}; call {PHONE}, not <EMAIL_9>."
    assert streamed == (result.output if is_streamed else "")
    assert MAIL in json.dumps(result.state)


async def test_a_run_that_goes_on_elsewhere_has_the_same_placeholders() -> None:
    @tool(approve=True)
    def note(text: str) -> str:
        """Note it."""
        return text

    first = await Agent(ScriptedModel(call("note", {"text": "<EMAIL_2>"})), tools=[note], middleware=[Redaction()]).run(
        f"b@c.example and {MAIL}"
    )
    assert first.pending[0].arguments == {"text": MAIL}
    script = ScriptedModel("Noted <EMAIL_2>.")
    later = Agent(script, tools=[note], middleware=[Redaction()])
    result = await later.resume(json.loads(json.dumps(first.state)), approvals={first.pending[0].id: Approve()})
    assert result.output == f"Noted {MAIL}."
    said, answered = script.requests[0].messages
    assert said == user_message("<EMAIL_1> and <EMAIL_2>")
    assert [(made.arguments, made.outcome) for made in answered.calls] == [
        ('{"text": "<EMAIL_2>"}', Returned("<EMAIL_2>"))
    ]


async def test_messages_that_were_masked_stay_the_same_objects() -> None:
    seen: list[Request] = []

    async def answer(request: Request) -> Any:
        seen.append(request)
        return await ScriptedModel("ok").respond(request)

    redaction = Redaction()
    request = Request("m", (user_message(f"I am {MAIL}"), user_message("plain")), memo=Memo())
    await redaction.model_call(request, answer)
    await redaction.model_call(replace(request, messages=(*request.messages, user_message("more"))), answer)
    assert seen[1].messages[0] is seen[0].messages[0]
    assert seen[1].messages[1] is request.messages[1]


async def test_signed_thinking_goes_back_as_it_is_unless_it_tells() -> None:
    signed = Thinking("for <EMAIL_1>, or x@y.example", ProviderData("anthropic:messages", {"signature": "s"}))
    telling = Thinking(f"for {MAIL}", ProviderData("anthropic:messages", {"signature": "s"}))
    history = (user_message(MAIL), AssistantMessage((signed, telling, Thinking(f"of {MAIL}"), Text("Hello"))))
    counted = Redaction().counted(Request("m", history))
    assert counted.messages == (
        user_message("<EMAIL_1>"),
        AssistantMessage((signed, Thinking("of <EMAIL_1>"), Text("Hello"))),
    )


async def test_a_count_is_asked_for_with_placeholders() -> None:
    class Counting(ScriptedModel):
        async def count_tokens(self, request: Request) -> int:
            assert request.messages == (UserMessage((Text("I am <EMAIL_1>"),)),)
            return 7

    agent = Agent(Counting("ok"), middleware=[Redaction()])
    result = await agent.run(f"I am {MAIL}", budget=Budget(tokens=10_000, counts_exactly=True))
    assert result.output == "ok"


async def test_a_declared_output_holds_values_with_quotes() -> None:
    redaction = Redaction(patterns={"name": r'Ada "the first"'})
    agent = Agent(ScriptedModel('{"name": "<NAME_1>"}'), output=dict[str, str], middleware=[redaction])
    result = await agent.run('I am Ada "the first".')
    assert result.output == {"name": 'Ada "the first"'}


@given(st.lists(st.integers(min_value=1, max_value=6), max_size=60), st.booleans())
def test_any_split_of_a_stream_is_restored_alike(sizes: list[int], is_call: bool) -> None:
    text = r'{"to": "<EMAIL_1>", "or": "\u003cNAME_1\u003e", "not": "<EMAIL_2> <EM"}' + "<EMAIL_"
    restorer = restorer_of()
    pieces: list[str] = []
    at = 0
    for size in [*sizes, len(text)]:
        pieces.append(text[at : at + size])
        at += size
    kind = ToolCallDelta if is_call else TextDelta
    shown = [delta for piece in pieces for delta in restorer([kind(piece, 1)])]
    shown += restorer([ResponseFinished("stop")])
    said = "".join(
        delta.text if isinstance(delta, TextDelta) else delta.arguments
        for delta in shown
        if isinstance(delta, (TextDelta, ToolCallDelta))
    )
    name = r"Ada \"one\"" if is_call else r"\u003cNAME_1\u003e"
    assert said == text.replace("<EMAIL_1>", MAIL).replace(r"\u003cNAME_1\u003e", name)


def test_a_finished_part_is_restored_after_what_was_held() -> None:
    restorer = restorer_of()
    assert restorer([TextDelta("a <EMA")]) == [TextDelta("a ")]
    assert restorer([PartFinished(Text("a <EMAIL_1>"))]) == [TextDelta("<EMA"), PartFinished(Text(f"a {MAIL}"))]


def restorer_of() -> Any:
    from agentkit.redaction import _Restorer  # pyright: ignore[reportPrivateUsage]  # what a stream goes through

    vault = Vault()
    vault.placeholder("email", MAIL)
    vault.placeholder("name", 'Ada "one"')
    return _Restorer(vault, is_json=False, outer=None)


async def test_two_redactions_undo_each_other_in_turn() -> None:
    script: Model = ScriptedModel("<EMAIL_1> has <CUSTOMER_1>")
    agent = Agent(script, middleware=[Redaction(["email"]), Redaction([], patterns={"customer": r"C-\d{3}"})])
    async with agent.stream(f"{MAIL} has C-123") as run:
        events: list[Event] = [event async for event in run]
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == f"{MAIL} has C-123"
    assert run.result.output == f"{MAIL} has C-123"


async def test_what_was_said_before_a_cancel_is_kept_restored() -> None:
    agent = Agent(
        ScriptedModel([TextDelta("I told <EMA"), TextDelta("IL_1> and th"), Delay(5), TextDelta("en")]),
        middleware=[Redaction()],
    )
    said = ""
    async with agent.stream(f"Tell {MAIL}.") as run:
        async for event in run:
            said += event.text if isinstance(event, TextDelta) else ""
            if said.endswith(" and th"):
                run.cancel()
    assert said == f"I told {MAIL} and th"
    assert f"I told {MAIL} and th" in json.dumps(run.state)
