"""boto3 talks to the simulator: it signs, and checks every frame of a stream."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from agentkit.simulator.status_faults import Status
from agentkit.simulator.stream_faults import ErrorInside
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ASKED = [{"role": "user", "content": [{"text": "What is the weather in Paris and in Oslo?"}]}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "description": "Current weather for a city.",
                "inputSchema": {"json": PARAMETERS},
            }
        }
    ]
}
CITIES = [{"city": "Paris"}, {"city": "Oslo"}]


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator() as server:
        yield server


@pytest.fixture
def client(server: SimulatorOnThread, caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    caplog.set_level(logging.INFO, logger="botocore")  # what it logs of a stream would keep its connection
    boto3 = pytest.importorskip("boto3")
    config = pytest.importorskip("botocore.config").Config(retries={"total_max_attempts": 1})
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=server.url,
        aws_access_key_id="AKIDCANARY",
        aws_secret_access_key="canary",
        config=config,
    )
    yield client
    client.close()


def calls(content: list[dict[str, Any]]) -> list[Any]:
    return [block["toolUse"]["input"] for block in content if "toolUse" in block]


def test_tools_are_called_and_the_answer_follows(server: SimulatorOnThread, client: Any) -> None:
    first = client.converse(modelId=MODEL, messages=ASKED, toolConfig=TOOLS)
    answer = first["output"]["message"]
    assert (first["stopReason"], calls(answer["content"])) == ("tool_use", CITIES)
    results = [
        {"toolResult": {"toolUseId": block["toolUse"]["toolUseId"], "content": [{"text": "rain"}]}}
        for block in answer["content"]
        if "toolUse" in block
    ]
    messages = [*ASKED, answer, {"role": "user", "content": results}]
    second = client.converse(modelId=MODEL, messages=messages, toolConfig=TOOLS)
    assert "rain" in second["output"]["message"]["content"][0]["text"]
    assert second["usage"]["totalTokens"] > 0 and second["metrics"]["latencyMs"] >= 0
    assert second["ResponseMetadata"]["RequestId"].startswith("00000000-")
    assert server.requests[-1].request.model == MODEL


def test_calls_stream_in_frames(client: Any) -> None:
    asked = {"modelId": MODEL, "messages": ASKED, "toolConfig": TOOLS}
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    with closing(client.converse_stream(**asked, additionalModelRequestFields=thinking)["stream"]) as stream:
        events = list(stream)
    kinds = [next(iter(event)) for event in events]
    assert kinds[0] == "messageStart" and kinds[-2:] == ["messageStop", "metadata"]
    deltas = [event["contentBlockDelta"]["delta"] for event in events if "contentBlockDelta" in event]
    assert any("reasoningContent" in delta for delta in deltas)
    assert "".join(delta["toolUse"]["input"] for delta in deltas if "toolUse" in delta).count('"city"') == 2
    assert events[-2]["messageStop"]["stopReason"] == "tool_use"


def test_a_schema_is_kept_to(client: Any) -> None:
    schema = (
        '{"type":"object","properties":{"customer":{"type":"string"},"pizzas":{"type":"integer"}},'
        '"required":["customer","pizzas"],"additionalProperties":false}'
    )
    held = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": schema, "name": "order"}}}}
    asked = [{"role": "user", "content": [{"text": "Two pizzas for customer Ada"}]}]
    answer = client.converse(modelId=MODEL, messages=asked, outputConfig=held)
    assert answer["output"]["message"]["content"] == [{"text": '{"customer": "Ada", "pizzas": 2}'}]


def test_tokens_are_counted(client: Any) -> None:
    counted = client.count_tokens(modelId="anthropic.claude-x", input={"converse": {"messages": ASKED}})
    assert counted["inputTokens"] > 0


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (429, "ThrottlingException"),
        (503, "ServiceUnavailableException"),
        (400, "ValidationException"),
        (404, "ResourceNotFoundException"),
        (403, "AccessDeniedException"),
        (500, "InternalServerException"),
    ],
)
def test_faults_become_its_own_errors(server: SimulatorOnThread, client: Any, status: int, name: str) -> None:
    server.suffer(Status(status))
    with pytest.raises(getattr(client.exceptions, name)) as caught:
        client.converse(modelId=MODEL, messages=ASKED)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_an_exception_frame_ends_a_stream(server: SimulatorOnThread, client: Any) -> None:
    failure = pytest.importorskip("botocore.exceptions").EventStreamError
    server.suffer(ErrorInside(503, 2))
    with (
        closing(client.converse_stream(modelId=MODEL, messages=ASKED)["stream"]) as stream,
        pytest.raises(failure, match="serviceUnavailableException"),
    ):
        list(stream)


def test_what_the_service_would_refuse_is_refused(client: Any) -> None:
    called = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}]}
    with pytest.raises(client.exceptions.ValidationException, match="Expected toolResult blocks"):
        client.converse(modelId=MODEL, messages=[*ASKED, called, *ASKED], toolConfig=TOOLS)
