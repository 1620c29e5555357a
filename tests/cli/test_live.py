from __future__ import annotations

import pytest

from agentkit.cli.live import LiveRun, outcome_text, summary
from agentkit.events import (
    Adapted,
    Answer,
    Event,
    Nested,
    OutputRejected,
    StepStarted,
    ToolFinished,
    ToolProgress,
    ToolStarted,
)
from agentkit.exchange import AttemptFailed, ModelSwitched, Response, TextDelta, ThinkingDelta, Waiting
from agentkit.messages import AssistantMessage, Cancelled, Denied, Failed, Lost, Outcome, Pending, Returned, Text
from agentkit.usage import Cost, Usage


def shown(*events: Event, capture: pytest.CaptureFixture[str], live: LiveRun | None = None) -> tuple[str, str]:
    live = live or LiveRun()
    for event in events:
        live.show(event)
    live.end_line()
    captured = capture.readouterr()
    return captured.out, captured.err


def started(tool: str = "find", arguments: str = '{"id": 1}') -> ToolStarted:
    return ToolStarted(1, 0, tool, "call_1", arguments)


def finished(outcome: Outcome, tool: str = "find") -> ToolFinished:
    return ToolFinished(1, 0, tool, "call_1", outcome)


def test_the_answer_and_the_remarks_go_their_own_ways(capsys: pytest.CaptureFixture[str]) -> None:
    events = (
        StepStarted(1),
        TextDelta("Let me see"),
        started(),
        ToolProgress(1, 0, "find", "half"),
        finished(Returned({"a": 1})),
        StepStarted(2),
        TextDelta("Here "),
        TextDelta("it is.\n"),
    )
    assert shown(*events, capture=capsys) == (
        "Let me see\nHere it is.\n",
        '  → find(id=1)\n    find: half\n  ← find: {"a": 1}\n',
    )


def test_thinking_is_a_remark_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    events = (ThinkingDelta("hm, "), ThinkingDelta("so"), TextDelta("42"))
    assert shown(*events, capture=capsys) == ("42\n", "hm, so\n")


def test_what_a_sub_agent_does_stands_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    events = (
        Nested(1, "c", "helper", StepStarted(1)),
        Nested(1, "c", "helper", TextDelta("not the answer")),
        Nested(1, "c", "helper", started()),
        Nested(1, "c", "helper", Nested(1, "c", "deeper", finished(Failed("no")))),
    )
    live = LiveRun()
    assert shown(*events, capture=capsys, live=live) == (
        "",
        "  → helper find(id=1)\n  ← helper deeper find: failed: no\n",
    )
    assert live.text == ""


def test_what_another_provider_is_not_sent_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    adapted = Adapted(1, ("left out thinking, made by openai:responses", "seed is left out"))
    told = "  left out thinking, made by openai:responses\n  seed is left out\n"
    assert shown(adapted, capture=capsys)[1] == told


def test_retries_and_rejected_outputs_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    events = (
        AttemptFailed(1, "OverloadedError: busy", 2.0),
        OutputRejected(1, "days is missing"),
        started("final_result"),
        finished(Returned("x"), "final_result"),
    )
    assert shown(*events, capture=capsys)[1] == (
        "  trying again in 2.0 s: OverloadedError: busy\n  the answer is not what was declared: days is missing\n"
    )


def test_a_wait_for_a_limit_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    events = (Waiting("60 requests per minute", 3.2, 2), Waiting("4 at once", None))
    assert (
        shown(*events, capture=capsys)[1]
        == "  waiting for 3.2 s: 60 requests per minute, 2 ahead\n  waiting: 4 at once\n"
    )


def test_an_answer_that_begins_anew_is_told_and_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    live = LiveRun()
    switched = ModelSwitched("acme:big", "ServerError: x", "other:small", is_restart=True)
    out, err = shown(TextDelta("The an"), switched, TextDelta("Yes."), capture=capsys, live=live)
    assert (out, live.text) == ("The an\nYes.\n", "Yes.")
    assert err == "  other:small begins the answer anew in place of acme:big: ServerError: x\n"


def test_a_model_that_is_passed_over_at_each_step_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    passed = ModelSwitched("acme:big", "passed over: 30 s of its cool-down are left", "other:small")
    failed = ModelSwitched("acme:big", "ServerError: x", "other:small")
    assert shown(passed, passed, failed, passed, capture=capsys)[1] == (
        "  other:small answers instead of acme:big: passed over: 30 s of its cool-down are left\n"
        "  other:small answers instead of acme:big: ServerError: x\n"
    )


def test_a_quiet_run_parts_the_two_answers_too(capsys: pytest.CaptureFixture[str]) -> None:
    live = LiveRun(shows_calls=False)
    switched = ModelSwitched("acme:big", "ServerError: x", "other:small", is_restart=True)
    out, err = shown(TextDelta("The an"), switched, TextDelta("Yes."), capture=capsys, live=live)
    assert (out, err) == ("The an\n(that is void; another model answers anew)\nYes.\n", "")


def test_an_answer_from_the_cache_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    response = Response(AssistantMessage((Text("x"),)), saved=Usage(100, output=5))
    assert shown(Answer(1, response), Answer(2, Response(AssistantMessage(()))), capture=capsys) == (
        "",
        "  answered from the cache: saves 100 tokens in, 5 out\n",
    )


def test_what_is_shown_is_one_line_that_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    events = (started(arguments="{broken"), finished(Returned("a\n\x1b[2J" + "b" * 200)), TextDelta("\x1b]0;title\x07"))
    out, err = shown(*events, capture=capsys)
    assert out == "?]0;title?\n"
    assert err == "  → find({broken)\n  ← find: a ?[2J" + "b" * 81 + "...\n"


def test_a_quiet_run_shows_nothing_and_knows_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    live = LiveRun(shows_text=False, shows_calls=False)
    assert shown(started(), ThinkingDelta("hm"), TextDelta("42"), capture=capsys, live=live) == ("", "")
    assert (live.text, live.has_shown_text) == ("42", False)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Returned("two\nlines"), "two lines"),
        (Returned([1, "é"]), '[1, "é"]'),
        (Returned(""), "(nothing)"),
        (Failed("no luck"), "failed: no luck"),
        (Denied(), "denied"),
        (Denied("why"), "denied: why"),
        (Cancelled(started=True), "cancelled"),
        (Lost(), "cut off; nobody knows whether it took effect"),
        (Pending(), "waits"),
    ],
)
def test_every_outcome_has_words(outcome: Outcome, said: str) -> None:
    assert outcome_text(outcome) == said


def test_the_summary_says_steps_tokens_cost_and_time() -> None:
    assert summary(1, Usage(1200, output=30), Cost(0.0123), 0.5) == (
        "1 step · 1,200 tokens in, 30 out · cost $0.0123 · 0.50 s"
    )
    assert summary(2, Usage(), Cost.unknown, 0.5) == "2 steps · 0 tokens in, 0 out · cost unknown · 0.50 s"
