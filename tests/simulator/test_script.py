"""Answers from a script file."""

from __future__ import annotations

import importlib.util
import json

import pytest

from agentkit.errors import ConfigurationError, OverloadedError
from agentkit.exchange import Request
from agentkit.messages import Text, Thinking, ToolCall, user_message
from agentkit.simulator.script import Script
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio

REQUEST = Request("gpt-x", (user_message("Hello"),))


async def test_turns_are_answered_in_their_order(tmp_path) -> None:
    path = tmp_path / "script.json"
    turns = [
        "Hi.",
        {"thinking": "hm", "calls": [{"name": "look", "arguments": {"at": "it"}}, {"name": "raw", "arguments": "{"}]},
        {"text": "Done", "finish": "length", "usage": {"input": 3, "output": 2}},
        {"refusal": "No."},
    ]
    path.write_text(json.dumps({"turns": turns}))
    script = Script.from_file(path)
    answers = [await script.respond(REQUEST) for _ in turns]
    assert [answer.message.parts for answer in answers] == [
        (Text("Hi."),),
        (Thinking("hm"), ToolCall("call_2_0", "look", '{"at": "it"}'), ToolCall("call_2_1", "raw", "{")),
        (Text("Done"),),
        (Text("No.", True),),
    ]
    assert [answer.finish for answer in answers] == ["stop", "tool_calls", "length", "refusal"]
    assert answers[2].usage == Usage(3, output=2)


async def test_a_turn_may_be_an_error_and_may_wait() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    error = {"status": 503, "message": "busy", "code": "too_busy", "retry_after_seconds": 2}
    script = Script([{"error": error, "wait_seconds": 1.5}], sleep=sleep)
    with pytest.raises(OverloadedError) as caught:
        await script.respond(REQUEST)
    assert (caught.value.message, caught.value.code, caught.value.retry_after_seconds) == ("busy", "too_busy", 2)
    assert waits == [1.5]


async def test_after_the_last_turn_it_refuses_or_begins_anew() -> None:
    script, endless = Script(["one"]), Script({"turns": ["one", "two"], "is_repeated": True})
    await script.respond(REQUEST)
    with pytest.raises(ConfigurationError, match="the script has 1 turns, and this is request 2"):
        await script.respond(REQUEST)
    assert [(await endless.respond(REQUEST)).text for _ in range(3)] == ["one", "two", "one"]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([], "turns"),
        ([{"txt": "typo"}], r"^the script does not fit: turns\.0\.txt: Extra inputs are not permitted$"),
        ({"turns": ["a"], "fault": 1}, "fault"),
        (3, "the script does not fit"),
    ],
)
def test_a_script_that_does_not_fit_is_refused_with_the_place(value, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Script(value)


def test_a_file_that_is_no_json_is_refused(tmp_path) -> None:
    path = tmp_path / "script.json"
    path.write_text("turns: [a]")
    with pytest.raises(ConfigurationError, match="is no JSON"):
        Script.from_file(path)


async def test_yaml_is_read_where_it_can_be_and_named_where_not(tmp_path) -> None:
    path = tmp_path / "script.yaml"
    path.write_text("turns:\n- Hi.\n")
    if importlib.util.find_spec("yaml") is None:
        with pytest.raises(ConfigurationError, match=r"pip install 'pyagentkit\[yaml\]'"):
            Script.from_file(path)
    else:
        assert (await Script.from_file(path).respond(REQUEST)).text == "Hi."
