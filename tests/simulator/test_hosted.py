"""InvokeModel and SageMaker as the simulator serves them: boto3 talks to it, and agentkit, with faults on the way."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from simulator.talking import Listener

from agentkit.agent import Agent
from agentkit.budget import Budget
from agentkit.errors import (
    BadRequestError,
    ConnectionFailedError,
    ExchangeError,
    OverloadedError,
    ProtocolError,
    RateLimitError,
)
from agentkit.exchange import Request, Response, ToolDefinition
from agentkit.messages import user_message
from agentkit.providers import model
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.aws.text_forms import BytesForm
from agentkit.remote import RemoteModel
from agentkit.settings import Deadlines, Settings
from agentkit.simulator.call_faults import CallIds
from agentkit.simulator.connection_faults import KeepAlives, Reset, Silence, Split
from agentkit.simulator.fault import Fault
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status
from agentkit.simulator.stream_faults import ErrorInside, MissingEnd, RepeatedStart
from agentkit.testing.scripted import ScriptedModel
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

TEXT = "It rains in Paris, and a little – 🌧 – in Oslo; bring a good coat."
KEYS = Credentials("AKIDCANARY", "canary")
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HOSTED = {
    "claude": f"bedrock-invoke:{CLAUDE}",
    "nova": "bedrock-invoke:amazon.nova-lite-v1:0",
    "chat": "bedrock-invoke:openai.gpt-oss-20b-1:0",
    "titan": "bedrock-invoke:amazon.titan-text-express-v1",
    "llama": "bedrock-invoke:meta.llama3-70b-instruct-v1:0",
    "mistral": "bedrock-invoke:mistral.mistral-7b-instruct-v0:2",
    "command-r": "bedrock-invoke:cohere.command-r-v1:0",
    "sagemaker": "sagemaker:my-endpoint",
    "tgi": "sagemaker-tgi:my-tgi-endpoint",
}
EACH = pytest.mark.parametrize("name", HOSTED)
WEATHER = ToolDefinition(
    "get_weather",
    "Current weather for a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


# agentkit


def remote(url: str, name: str, *, attempts: int = 2, deadlines: Deadlines | None = None) -> RemoteModel:
    settings = Settings(attempts=attempts, deadlines=deadlines)
    made = model(HOSTED[name], base_url=url, region="us-east-1", credentials=KEYS, settings=settings)
    assert isinstance(made, RemoteModel)
    made.random = lambda: 0.0
    return made


async def outcome(
    name: str, *faults: Fault | Rule, is_streamed: bool, tools: tuple[ToolDefinition, ...] = (), **more: Any
) -> tuple[str | type[ExchangeError] | Response, int]:
    """What comes of one exchange, and after how many requests."""
    source = None if tools else ScriptedModel(*[TEXT] * 3)
    async with simulate(source, faults=faults) as simulator:
        asked = remote(simulator.url, name, **more)
        words = "What is the weather in Paris and in Oslo?"
        request = Request(asked.identity.model, (user_message(words),), tools=tools, is_streamed=is_streamed)
        try:
            response = await asked.respond(request, Listener() if is_streamed else None)
        except ExchangeError as error:
            return type(error), simulator.count
        return response if tools else response.text, simulator.count


@EACH
@pytest.mark.anyio
async def test_every_format_answers_plain_and_streamed(name: str) -> None:
    for is_streamed in (False, True):
        assert await outcome(name, is_streamed=is_streamed) == (TEXT, 1)


@EACH
@pytest.mark.anyio
async def test_faults_that_pass_are_passed_over(name: str) -> None:
    for is_streamed in (False, True):
        assert await outcome(name, Rule((Status(503),), first=1), is_streamed=is_streamed) == (TEXT, 2)
        assert await outcome(name, Rule((Reset(),), first=1), is_streamed=is_streamed) == (TEXT, 2)
        assert await outcome(name, Split(7), is_streamed=is_streamed) == (TEXT, 1)
    assert await outcome(name, KeepAlives(0.001, times=2), is_streamed=True) == (TEXT, 1)
    assert await outcome(name, RepeatedStart(), is_streamed=True) == (TEXT, 1)


@EACH
@pytest.mark.anyio
async def test_faults_that_stay_are_typed_errors(name: str) -> None:
    assert await outcome(name, Status(429), is_streamed=False) == (RateLimitError, 2)
    assert await outcome(name, Status(503), is_streamed=True) == (OverloadedError, 2)
    assert await outcome(name, Reset(), is_streamed=False) == (ConnectionFailedError, 2)
    assert await outcome(name, ErrorInside(503, 4), is_streamed=True) == (OverloadedError, 1)
    assert await outcome(name, MissingEnd(), is_streamed=True) == (ProtocolError, 1)
    failed, requests = await outcome(name, MissingEnd(), is_streamed=False)
    assert (failed, requests) in ((ProtocolError, 2), (ProtocolError, 1))


@pytest.mark.parametrize("name", ["claude", "titan", "tgi"])
@pytest.mark.anyio
async def test_silence_ends_at_the_deadline(name: str) -> None:
    soon = Deadlines(5, 0.15, 0.15, 30)
    failed, requests = await outcome(name, Silence(), is_streamed=True, deadlines=soon, attempts=1)
    assert isinstance(failed, type) and (failed.__name__, requests) == ("DeadlineError", 1)


@pytest.mark.parametrize("name", ["claude", "nova", "chat", "sagemaker"])
@pytest.mark.anyio
async def test_calls_are_made_and_told_apart(name: str) -> None:
    for is_streamed in (False, True):
        for faults in ((), (CallIds("same"),)):
            response, _ = await outcome(name, *faults, is_streamed=is_streamed, tools=(WEATHER,))
            assert isinstance(response, Response), response
            cities = [json.loads(call.arguments)["city"] for call in response.calls]
            assert cities == ["Paris", "Oslo"], faults


def test_a_body_that_the_model_would_refuse_is_refused() -> None:
    with start_simulator() as server:
        wrong = model(
            "bedrock-invoke:meta.llama3-8b-instruct-v1:0", format="titan", base_url=server.url, credentials=KEYS
        )
        with pytest.raises(ExchangeError, match=r"required key \[prompt\] not found"):
            Agent(wrong).run_sync("Hi")


@pytest.mark.anyio
async def test_bare_bytes_are_answered_plain_and_streamed_however_they_are_cut() -> None:
    async with simulate(ScriptedModel(*[TEXT] * 3)) as simulator:
        made = model("sagemaker:my-bytes", base_url=simulator.url, region="us-east-1", credentials=KEYS, format="bytes")
        for is_streamed in (False, True):
            answer = await Agent(made, settings=Settings(stream=is_streamed)).run("Hi – 🌧")
            assert answer.output == TEXT
        assert [seen.asked.body.decode() for seen in simulator.requests] == ["Hi – 🌧"] * 2
        assert [seen.request.is_streamed for seen in simulator.requests] == [False, True]
        with pytest.raises(BadRequestError, match="is no text"):
            latin = replace(BytesForm(), write_prompt=lambda prompt, _: prompt.encode("utf-16"))
            wrong = model("sagemaker:my-bytes", base_url=simulator.url, credentials=KEYS, format=latin)
            await Agent(wrong).run("Hi")


# boto3


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator(ScriptedModel(*[TEXT] * 9)) as server:
        yield server


def client_of(service: str, server: SimulatorOnThread) -> Any:
    boto3 = pytest.importorskip("boto3")
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id="AKIDCANARY",
        aws_secret_access_key="canary",
        config=pytest.importorskip("botocore.config").Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def bedrock(server: SimulatorOnThread, caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    caplog.set_level(logging.INFO, logger="botocore")  # what it logs of a stream would keep its connection
    with closing(client_of("bedrock-runtime", server)) as client:
        yield client


@pytest.fixture
def sagemaker(server: SimulatorOnThread, caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    caplog.set_level(logging.INFO, logger="botocore")
    with closing(client_of("sagemaker-runtime", server)) as client:
        yield client


BODIES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    CLAUDE: (
        {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]},
        lambda reply: reply["content"][0]["text"],
        lambda event: event["delta"].get("text", "") if event["type"] == "content_block_delta" else "",
    ),
    "amazon.nova-lite-v1:0": (
        {
            "schemaVersion": "messages-v1",
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "inferenceConfig": {"max_new_tokens": 50},
        },
        lambda reply: reply["output"]["message"]["content"][0]["text"],
        lambda event: event.get("contentBlockDelta", {}).get("delta", {}).get("text", ""),
    ),
    "amazon.titan-text-express-v1": (
        {"inputText": "Hi", "textGenerationConfig": {"maxTokenCount": 50}},
        lambda reply: reply["results"][0]["outputText"],
        lambda event: event["outputText"],
    ),
    "meta.llama3-8b-instruct-v1:0": (
        {"prompt": "Hi", "max_gen_len": 50},
        lambda reply: reply["generation"],
        lambda event: event["generation"],
    ),
    "mistral.mistral-7b-instruct-v0:2": (
        {"prompt": "<s>[INST] Hi [/INST]", "max_tokens": 50},
        lambda reply: reply["outputs"][0]["text"],
        lambda event: event["outputs"][0]["text"],
    ),
    "cohere.command-r-v1:0": ({"message": "Hi"}, lambda reply: reply["text"], lambda event: event["text"]),
    "openai.gpt-oss-20b-1:0": (
        {"messages": [{"role": "user", "content": "Hi"}]},
        lambda reply: reply["choices"][0]["message"]["content"],
        lambda event: event["choices"][0]["delta"].get("content") or "" if event["choices"] else "",
    ),
}


@pytest.mark.parametrize("id", BODIES)
def test_boto3_invokes_models(bedrock: Any, server: SimulatorOnThread, id: str) -> None:
    body, text_of, piece_of = BODIES[id]
    reply = bedrock.invoke_model(modelId=id, body=json.dumps(body), contentType="application/json")
    assert text_of(json.loads(reply["body"].read())) == TEXT
    streamed = bedrock.invoke_model_with_response_stream(modelId=id, body=json.dumps(body))
    with closing(streamed["body"]) as stream:
        events = [json.loads(event["chunk"]["bytes"]) for event in stream]
    assert "".join(map(piece_of, events)) == TEXT
    assert [seen.request.model for seen in server.requests] == [id, id]
    assert [seen.request.is_streamed for seen in server.requests] == [False, True]


def test_boto3_reads_errors_of_invoke_model(bedrock: Any, server: SimulatorOnThread) -> None:
    body = json.dumps({"prompt": "Hi"})
    server.suffer(Status(429))
    with pytest.raises(bedrock.exceptions.ThrottlingException):
        bedrock.invoke_model(modelId="meta.llama3-8b-instruct-v1:0", body=body)
    server.suffer(ErrorInside(503, 2))
    failure = pytest.importorskip("botocore.exceptions").EventStreamError
    streamed = bedrock.invoke_model_with_response_stream(modelId="meta.llama3-8b-instruct-v1:0", body=body)
    with closing(streamed["body"]) as stream, pytest.raises(failure, match="serviceUnavailableException"):
        list(stream)


def test_boto3_counts_the_tokens_of_a_body(bedrock: Any) -> None:
    body = json.dumps(BODIES[CLAUDE][0])
    counted = bedrock.count_tokens(modelId="anthropic.claude-x", input={"invokeModel": {"body": body}})
    assert counted["inputTokens"] > 0


@pytest.mark.anyio
async def test_agentkit_counts_before_it_asks() -> None:
    async with simulate(ScriptedModel(TEXT)) as simulator:
        asked = remote(simulator.url, "claude")
        result = await Agent(asked, budget=Budget(usd=1, counts_exactly=True)).run("Hi")
        assert result.output == TEXT
        paths = [seen.asked.path.rpartition("/")[2] for seen in simulator.requests]
    assert paths == ["count-tokens", "invoke"]


@pytest.mark.parametrize(
    ("endpoint", "body", "text_of"),
    [
        ("my-endpoint", {"messages": [{"role": "user", "content": "Hi"}]},
         lambda reply: reply["choices"][0]["message"]["content"]),
        ("my-tgi-endpoint", {"inputs": "Hi", "parameters": {"max_new_tokens": 50}},
         lambda reply: reply[0]["generated_text"]),
    ],
    ids=["chat", "tgi"],
)  # fmt: skip
def test_boto3_invokes_endpoints(sagemaker: Any, endpoint: str, body: dict[str, Any], text_of: Any) -> None:
    asked = {"EndpointName": endpoint, "Body": json.dumps(body), "ContentType": "application/json"}
    assert text_of(json.loads(sagemaker.invoke_endpoint(**asked)["Body"].read())) == TEXT
    with closing(sagemaker.invoke_endpoint_with_response_stream(**asked)["Body"]) as stream:
        parts = [event["PayloadPart"]["Bytes"] for event in stream]
    lines = [line[5:] for line in b"".join(parts).splitlines() if line.startswith(b"data:")]
    events = [json.loads(line) for line in lines if line.strip() != b"[DONE]"]
    assert not all(part.endswith(b"\n\n") for part in parts)  # cut within lines
    if endpoint == "my-endpoint":
        pieces = [choice["delta"].get("content") or "" for event in events for choice in event["choices"]]
    else:
        pieces = [event["token"]["text"] for event in events]
        assert events[-1]["generated_text"] == TEXT
    assert "".join(pieces) == TEXT


def test_boto3_reads_errors_of_endpoints(sagemaker: Any, server: SimulatorOnThread) -> None:
    server.suffer(Status(503))
    failure = pytest.importorskip("botocore.exceptions").ClientError
    with pytest.raises(failure) as caught:
        sagemaker.invoke_endpoint(EndpointName="my-endpoint", Body=b'{"messages":[{"role":"user","content":"Hi"}]}')
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
