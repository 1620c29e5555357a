"""The simulator as a server: what it keeps, refuses, replays, and leaves behind."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import anyio
import httpx
import pytest
from shared import SHARED, needs_shared, oracle
from simulator.talking import SPOKEN, WEATHER, outcome, question, remote

from agentkit.agent import Agent
from agentkit.errors import BadRequestError, ConfigurationError, ModelNotFoundError, OverloadedError
from agentkit.exchange import TextDelta
from agentkit.messages import Text, UserMessage
from agentkit.settings import Settings
from agentkit.simulator.connection_faults import KeepAlives, Reset, Silence, SlowEvents, Split
from agentkit.simulator.plan import Plan, Rule
from agentkit.simulator.recording import Recording
from agentkit.simulator.script import Script
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.simulator.stream_faults import Flood
from agentkit.testing.scripted import ScriptedModel, calls
from agentkit.tools import tool

pytestmark = pytest.mark.anyio

ASKED = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


async def send(simulator: Simulator, method: str, path: str, **options: Any) -> httpx.Response:
    async with httpx.AsyncClient(verify=False) as client:
        return await client.request(method, simulator.url + path, **options)


async def test_requests_are_kept_as_they_came_and_shown_without_keys() -> None:
    async with simulate() as simulator:
        await remote(simulator, "chat").respond(question("chat", is_streamed=False))
        (seen,) = simulator.requests
        told = (await send(simulator, "GET", "/_sim/requests")).json()
    assert (seen.number, seen.format, seen.path) == (1, "openai:chat", "/v1/chat/completions")
    assert seen.request is not None
    assert seen.request.messages == (UserMessage((Text("What is the weather in Paris and in Oslo?"),)),)
    assert seen.json["messages"][0]["role"] == "user"
    assert seen.asked.header("authorization") == "Bearer sk-canary"
    assert told["count"] == 1
    assert told["requests"][0]["json"] == seen.json
    assert "canary" not in json.dumps(told) + repr(seen) + repr(simulator)


async def test_plan_and_requests_are_changed_over_http() -> None:
    async with simulate() as simulator:
        put = await send(simulator, "PUT", "/_sim/faults", json={"faults": ["503,first=1", "silence,at=9"], "seed": 4})
        assert put.status_code == 200
        statuses = [(await send(simulator, "POST", "/chat/completions", json=ASKED)).status_code for _ in range(2)]
        await send(simulator, "DELETE", "/_sim/requests")
        statuses.append((await send(simulator, "POST", "/chat/completions", json=ASKED)).status_code)
        assert (statuses, simulator.count, simulator.plan.seed) == ([503, 200, 503], 1, 4)
        wrong = await send(simulator, "PUT", "/_sim/faults", json={"faults": ["stattus"]})
        assert (wrong.status_code, wrong.json()) == (400, {"error": "no fault 'stattus'; did you mean 'status'?"})
        no_json = await send(simulator, "PUT", "/_sim/faults", content=b"429,first=2")
        assert (no_json.status_code, no_json.json()["error"][:16]) == (400, 'send {"faults": ')
        assert (await send(simulator, "GET", "/_sim/nothing")).status_code == 404


async def test_only_the_latest_requests_are_kept() -> None:
    async with simulate(keep=2) as simulator:
        for _ in range(3):
            await send(simulator, "POST", "/v1/chat/completions", json=ASKED)
        assert (simulator.count, [seen.number for seen in simulator.requests]) == (3, [2, 3])


async def test_an_agent_runs_against_it_with_tools() -> None:
    @tool
    def get_weather(city: str) -> str:
        """Current weather for a city."""
        return f"rain in {city}"

    async with simulate() as simulator:
        result = await Agent(remote(simulator, "responses"), tools=[get_weather]).run("What is the weather in Paris?")
        assert "rain in Paris" in result.output
        assert simulator.count == 2


@pytest.mark.parametrize("format", SPOKEN)
@pytest.mark.parametrize("effort", [None, "low"])
@pytest.mark.parametrize("text", ["What is the weather in Paris and in Oslo?", "Hello"])
async def test_its_streams_are_accepted_by_the_oracle(format: str, effort, text: str) -> None:
    kind = {"messages": "anthropic"}.get(format, format)
    spoken = SPOKEN[format]
    request = replace(question(format, is_streamed=True, text=text), settings=Settings(reasoning=effort))
    wire = spoken.codec.encode(request)
    async with simulate() as simulator:
        headers = dict(wire.headers)
        reply = await send(simulator, "POST", spoken.base + wire.path, content=wire.body, headers=headers)
    if format == "bedrock":
        assert oracle("oracle_aws").check_converse_stream(reply.content) == []
    else:
        assert oracle("oracle_stream").check(reply.text, kind) == []


async def test_models_that_it_does_not_have_are_refused() -> None:
    async with simulate(models=["gpt-y"]) as simulator:
        error = await outcome(remote(simulator, "chat"), question("chat", is_streamed=False))
        listed = await send(simulator, "GET", "/v1/models")
        missing = await send(simulator, "GET", "/v1/models/gpt-x")
    assert isinstance(error, ModelNotFoundError)
    assert [model["id"] for model in listed.json()["data"]] == ["gpt-y"]
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("format", ["responses", "messages", "gemini", "bedrock"])
async def test_the_size_of_a_prompt_is_told_as_its_answer_tells_it(format: str) -> None:
    asked = question(format, is_streamed=False)
    async with simulate() as simulator:
        model = remote(simulator, format)
        counted, answer = await model.count_tokens(asked), await model.respond(asked)
    assert counted == answer.message.usage.total_input > 0


async def test_a_question_for_the_size_of_nothing_is_refused() -> None:
    async with simulate() as simulator:
        reply = await send(simulator, "POST", "/v1/messages/count_tokens", json={"model": "m", "messages": []})
    assert (reply.status_code, reply.json()["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("/v1/chat/completions", b"{", {"type": "invalid_request_error"}),
        ("/v1/responses", b'{"model": "m", "input": 3}', {"type": "invalid_request_error", "param": "input"}),
        ("/v1/messages", b'{"model": "m", "messages": []}', {"type": "invalid_request_error"}),
        ("/v1beta/models/m:generateContent", b"{}", {"status": "INVALID_ARGUMENT"}),
        ("/v1/nothing", b"{}", {"message": "Invalid URL (POST /v1/nothing)"}),
    ],
)
async def test_what_breaks_the_rules_is_refused_in_the_words_of_the_format(path: str, body: bytes, error) -> None:
    async with simulate() as simulator:
        reply = await send(simulator, "POST", path, content=body)
    assert reply.status_code in (400, 404)
    assert error.items() <= reply.json()["error"].items()


async def test_what_is_not_http_is_refused() -> None:
    async with simulate() as simulator, await anyio.connect_tcp("127.0.0.1", simulator.port) as stream:
        await stream.send(b"HELLO\r\n\r\n")
        assert (await stream.receive()).startswith(b"HTTP/1.1 400 ")


async def test_the_end_of_a_script_is_a_refusal_that_is_not_tried_again() -> None:
    async with simulate(ScriptedModel("one")) as simulator:
        model = remote(simulator, "chat")
        await model.respond(question("chat", is_streamed=False))
        error = await outcome(model, question("chat", is_streamed=False))
        assert isinstance(error, BadRequestError)
        assert simulator.count == 2


async def test_an_error_of_a_script_comes_where_it_stands() -> None:
    script = ScriptedModel([TextDelta("It ra"), OverloadedError("too much to do")], OverloadedError("busy"), "fine")
    async with simulate(script) as simulator:
        model = remote(simulator, "messages")
        inside = await outcome(model, question("messages", is_streamed=True))
        before = await outcome(model, question("messages", is_streamed=True))
    assert (type(inside), getattr(inside, "message", ""), getattr(before, "attempts", 0)) == (
        OverloadedError,
        "too much to do",
        2,
    )


@pytest.mark.parametrize("format", SPOKEN)
async def test_scripted_calls_come_through_in_every_format(format: str) -> None:
    script = ScriptedModel(*[calls(("get_weather", {"city": "Paris"}), ("get_time", {}), text="One moment.")] * 2)
    async with simulate(script) as simulator:
        answers = [
            await remote(simulator, format).respond(
                replace(question(format, is_streamed=is_streamed), tools=(WEATHER,))
            )
            for is_streamed in (False, True)
        ]
    for answer in answers:
        assert answer.text == "One moment."
        assert [(call.name, json.loads(call.arguments)) for call in answer.calls] == [
            ("get_weather", {"city": "Paris"}),
            ("get_time", {}),
        ]


async def test_a_pause_is_made_by_the_clock_that_was_given() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async with simulate(ScriptedModel("one two three"), faults=[SlowEvents(3600)], sleep=sleep) as simulator:
        reply = await send(simulator, "POST", "/chat/completions", json={**ASKED, "stream": True})
    assert reply.status_code == 200
    assert pauses == [3600.0] * reply.text.count("data: ")


async def test_leaving_ends_what_hangs_and_frees_the_port() -> None:
    async with simulate(faults=[Rule((Silence("headers"),), at=(1,)), Rule((KeepAlives(60),), at=(2,))]) as simulator:
        for _ in range(2):
            with anyio.move_on_after(0.1):
                await send(simulator, "POST", "/chat/completions", json={**ASKED, "stream": True}, timeout=60)
        held = await anyio.connect_tcp("127.0.0.1", simulator.port)
    async with held:
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await held.receive()
    async with simulate(port=simulator.port) as again:
        assert again.port == simulator.port


async def test_a_client_that_leaves_frees_its_connection_at_once() -> None:
    async with simulate(faults=[SlowEvents(3600)]) as simulator:
        with anyio.move_on_after(0.1):
            await send(simulator, "POST", "/chat/completions", json=ASKED, timeout=60)
        with anyio.fail_after(5):
            while simulator.open_connections:
                await anyio.lowlevel.checkpoint()


async def test_the_same_seed_gives_the_same_faults_to_many_at_once() -> None:
    async def statuses() -> list[int]:
        found: dict[int, int] = {}
        async with simulate(faults=[Rule((Status(429), Status(503)), rate=0.5)], seed=7) as simulator:

            async def ask() -> None:
                reply = await send(simulator, "POST", "/chat/completions", json=ASKED)
                found[int(reply.headers["x-request-id"].removeprefix("req_"))] = reply.status_code

            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(ask)
        return [found[number] for number in sorted(found)]

    first = await statuses()
    assert first == await statuses()
    assert set(first) == {200, 429, 503}


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with simulate() as simulator:
        with pytest.raises(ConfigurationError, match="in use; take another one"):
            async with simulate(port=simulator.port):
                pass


async def test_what_goes_wrong_in_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError) as caught:
        async with simulate():
            raise KeyError("mine")
    assert caught.value.__cause__ is None
    with anyio.move_on_after(0.01) as scope:
        async with simulate():
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_a_plan_can_be_changed_while_it_serves() -> None:
    async with simulate(faults=[Status(503)]) as simulator:
        before = await send(simulator, "POST", "/chat/completions", json=ASKED)
        simulator.plan = Plan()
        after = await send(simulator, "POST", "/chat/completions", json=ASKED)
    assert (before.status_code, after.status_code) == (503, 200)


EXCHANGES = [
    {
        "request": {"method": "POST", "path": "/v1/chat/completions", "json": ASKED},
        "response": {"status": 200, "headers": {"content-type": "application/json"}, "text": '{"first" : true}\n'},
    },
    {
        "request": {"method": "POST", "path": "/v1/chat/completions", "json": {**ASKED, "stream": True}},
        "response": {
            "status": 200,
            "headers": {"content-type": "text/event-stream"},
            "text": ": hello\r\n\r\ndata: {}\r\n\r\ndata: [DONE]\r\n\r\nno end",
        },
    },
    {
        "request": {"method": "POST", "path": "/v1/audio"},
        "response": {"status": 500, "headers": {}, "body_b64": base64.b64encode(b"\xff\x00").decode()},
    },
]


async def test_a_recording_is_played_byte_for_byte_each_exchange_once() -> None:
    recording = Recording(EXCHANGES)
    async with simulate(recording) as simulator:
        streamed = await send(simulator, "POST", "/v1/chat/completions", json={**ASKED, "stream": True})
        whole = await send(simulator, "POST", "/v1/chat/completions", json={"model": "other"})
        sound = await send(simulator, "POST", "/v1/audio")
        none = await send(simulator, "POST", "/v1/audio")
    assert streamed.text == EXCHANGES[1]["response"]["text"]
    assert whole.text == EXCHANGES[0]["response"]["text"]
    assert (sound.status_code, sound.content) == (500, b"\xff\x00")
    assert none.status_code == 404
    assert none.json()["error"]["message"] == ("the recording has no reply left to POST /v1/audio; 0 others are left")


def test_a_file_that_is_no_recording_is_refused(tmp_path) -> None:
    path = tmp_path / "recording.json"
    path.write_text("[]")
    with pytest.raises(ConfigurationError, match="is no recording"):
        Recording.from_file(path)


@needs_shared
async def test_real_recordings_come_out_byte_for_byte() -> None:
    paths = sorted((SHARED / "recordings" / "openai").glob("*.json"))[::60]
    played = 0
    for path in paths:
        exchanges = json.loads(path.read_bytes())["exchanges"]
        async with simulate(Recording.from_file(path)) as simulator:
            for exchange in exchanges:
                asked, recorded = exchange["request"], exchange["response"]
                if recorded["status"] in (204, 304):
                    continue
                reply = await send(simulator, asked["method"], asked["path"], json=asked.get("json"))
                body = base64.b64decode(recorded["body_b64"]) if "body_b64" in recorded else recorded["text"].encode()
                assert (reply.status_code, reply.content) == (recorded["status"], body), path.name
                played += 1
    assert played >= len(paths) > 3


@pytest.mark.parametrize("format", SPOKEN)
@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_script_file_answers_in_every_format(format: str, is_streamed: bool) -> None:
    turn = {"thinking": "I look.", "text": "One moment, söme 🌧.", "calls": [{"name": "get_weather", "arguments": {}}]}
    error = {"error": {"status": 503, "message": "busy", "retry_after_seconds": 0.01}}
    async with simulate(Script([error, {**turn, "usage": {"input": 7, "output": 5}}])) as simulator:
        answer = await remote(simulator, format).respond(question(format, is_streamed=is_streamed))
        assert simulator.count == 2
    assert (answer.text, answer.message.thinking) == ("One moment, söme 🌧.", "I look.")
    assert [(call.name, call.arguments or "{}") for call in answer.calls] == [("get_weather", "{}")]
    assert (answer.usage.total_input, answer.usage.total_output) == (7, 5)


async def test_a_flood_of_small_events_ends_with_the_size_of_a_reply() -> None:
    async with simulate(faults=[Flood(0.001, "events"), Reset("bytes", 200_000)]) as simulator:
        with pytest.raises(httpx.HTTPError):
            await send(simulator, "POST", "/chat/completions", json={**ASKED, "stream": True})
    async with simulate(faults=[Flood(0.001, "events")]) as simulator:
        reply = await send(simulator, "POST", "/chat/completions", json={**ASKED, "stream": True})
    assert set(reply.text.split("\n\n")) == {"data: {}", ""}
    assert len(reply.content) > 1_000_000


async def test_silence_after_bytes_holds_the_rest_back() -> None:
    body = json.dumps({**ASKED, "stream": True}).encode()
    head = b"POST /chat/completions HTTP/1.1\r\nhost: simulator\r\ncontent-length: %d\r\n\r\n" % len(body)
    faults = [Silence("bytes", 300), Split(7)]
    async with simulate(faults=faults) as simulator, await anyio.connect_tcp("127.0.0.1", simulator.port) as stream:
        await stream.send(head + body)
        received = b""
        with anyio.fail_after(10):
            while len(received.partition(b"\r\n\r\n")[2]) < 300:
                received += await stream.receive()
        with anyio.move_on_after(0.05):
            received += await stream.receive()
    assert len(received.partition(b"\r\n\r\n")[2]) == 300
