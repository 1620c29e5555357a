"""OpenAI's own client talks to the simulator, in both of its formats."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from agentkit.simulator.connection_faults import Reset
from agentkit.simulator.plan import Rule
from agentkit.simulator.status_faults import Quota, Status
from agentkit.simulator.stream_faults import ErrorInside
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

openai = pytest.importorskip("openai")

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "get_weather", "description": "Current weather for a city.", "parameters": PARAMETERS}
CHAT_TOOL = {"type": "function", "function": FUNCTION}
TOOL = {"type": "function", "strict": False, **FUNCTION}
QUESTION = "What is the weather in Paris and in Oslo?"
ASKED = [{"role": "user", "content": QUESTION}]
ARGUMENTS = ['{"city": "Paris"}', '{"city": "Oslo"}']


class Order(BaseModel):
    customer: str
    pizzas: int


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator() as server:
        yield server


@pytest.fixture
def client(server: SimulatorOnThread) -> Iterator[Any]:
    with openai.OpenAI(api_key="sk-canary", base_url=server.base_url, max_retries=0) as client:
        yield client


def test_a_chat_is_answered_with_usage(client) -> None:
    answer = client.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "Hello"}])
    assert (answer.model, answer.choices[0].finish_reason) == ("gpt-x", "stop")
    assert "I can only call tools" in answer.choices[0].message.content
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_chat_calls_tools_side_by_side_and_goes_on(client) -> None:
    first = client.chat.completions.create(model="gpt-x", messages=ASKED, tools=[CHAT_TOOL])
    message = first.choices[0].message
    assert [call.function.arguments for call in message.tool_calls] == ARGUMENTS
    results = [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in message.tool_calls]
    second = client.chat.completions.create(model="gpt-x", messages=[*ASKED, message, *results], tools=[CHAT_TOOL])
    assert second.choices[0].finish_reason == "stop"
    assert "rain" in second.choices[0].message.content


def test_a_chat_streams_and_tells_usage_only_to_those_who_ask(client) -> None:
    chunks = list(client.chat.completions.create(model="gpt-x", messages=ASKED, tools=[CHAT_TOOL], stream=True))
    pieces = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    written = ["".join(call.function.arguments for call in pieces if call.index == index) for index in (0, 1)]
    assert written == ARGUMENTS
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    more = client.chat.completions.create(
        model="gpt-x", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    assert [chunk.usage.total_tokens > 0 for chunk in more if chunk.usage] == [True]


def test_a_chat_gives_structured_output(client) -> None:
    asked = [{"role": "user", "content": "Two pizzas for customer Ada"}]
    answer = client.chat.completions.parse(model="gpt-x", messages=asked, response_format=Order)
    assert answer.choices[0].message.parsed == Order(customer="Ada", pizzas=2)


def test_structured_output_streams_in_both_formats(client) -> None:
    asked = [{"role": "user", "content": "Two pizzas for customer Ada"}]
    with client.chat.completions.stream(model="gpt-x", messages=asked, response_format=Order) as stream:
        told = "".join(event.delta for event in stream if event.type == "content.delta")
        final = stream.get_final_completion()
    assert Order.model_validate_json(told) == final.choices[0].message.parsed == Order(customer="Ada", pizzas=2)
    with client.responses.stream(model="gpt-x", input=asked, text_format=Order) as stream:
        told = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        response = stream.get_final_response()
    assert Order.model_validate_json(told) == response.output_parsed == Order(customer="Ada", pizzas=2)


def test_a_response_calls_tools_side_by_side_and_goes_on(client) -> None:
    first = client.responses.create(model="gpt-x", input=ASKED, tools=[TOOL])
    assert [item.arguments for item in first.output] == ARGUMENTS
    results = [{"type": "function_call_output", "call_id": item.call_id, "output": "rain"} for item in first.output]
    second = client.responses.create(model="gpt-x", input=[*ASKED, *first.output, *results], tools=[TOOL])
    assert second.status == "completed"
    assert "rain" in second.output_text


def test_a_response_streams_with_its_thinking(client) -> None:
    with client.responses.stream(model="gpt-x", input=QUESTION, tools=[TOOL], reasoning={"effort": "low"}) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_response()
    assert {"response.reasoning_summary_text.delta", "response.function_call_arguments.delta"} <= kinds
    assert [item.type for item in final.output] == ["reasoning", "function_call", "function_call"]
    assert len({item.id for item in final.output}) == 3
    assert final.usage.output_tokens_details.reasoning_tokens > 0


def test_a_response_gives_structured_output(client) -> None:
    answer = client.responses.parse(model="gpt-x", input="Two pizzas for customer Ada", text_format=Order)
    assert answer.output_parsed == Order(customer="Ada", pizzas=2)


def test_models_are_listed_and_found(client) -> None:
    assert [model.id for model in client.models.list()] == ["simulator"]
    assert client.models.retrieve("gpt-x").id == "gpt-x"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Status(400), openai.BadRequestError),
        (Status(401), openai.AuthenticationError),
        (Status(403), openai.PermissionDeniedError),
        (Status(404), openai.NotFoundError),
        (Status(429), openai.RateLimitError),
        (Quota(), openai.RateLimitError),
        (Status(500), openai.InternalServerError),
        (Status(529), openai.InternalServerError),
        (Reset(), openai.APIConnectionError),
    ],
    ids=repr,
)
def test_faults_become_the_clients_own_errors(server: SimulatorOnThread, client, fault, kind) -> None:
    server.suffer(fault)
    for ask in (
        lambda: client.chat.completions.create(model="gpt-x", messages=ASKED),
        lambda: client.responses.create(model="gpt-x", input=QUESTION, stream=True),
    ):
        with pytest.raises(kind) as caught:
            ask()
        assert type(caught.value) is kind


def test_an_error_inside_a_stream_becomes_the_clients_own(server: SimulatorOnThread, client) -> None:
    server.suffer(ErrorInside(503))
    with pytest.raises(openai.APIError, match="overloaded"):
        list(client.chat.completions.create(model="gpt-x", messages=ASKED, stream=True))
    *_, last = client.responses.create(model="gpt-x", input=QUESTION, stream=True)
    assert (last.type, last.message) == ("error", "The server is overloaded, please try again later.")


def test_the_clients_own_retries_are_counted(server: SimulatorOnThread, client) -> None:
    server.suffer(Rule((Status(429, 0.01, "milliseconds"),), first=2))
    answer = client.with_options(max_retries=4).chat.completions.create(model="gpt-x", messages=ASKED)
    assert (answer.choices[0].finish_reason, server.count) == ("stop", 3)


def test_the_headers_of_limits_come_with_every_reply(client) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-x", messages=ASKED)
    assert raw.headers["x-ratelimit-remaining-requests"] == "9999"
    assert raw.request_id == "req_00000001"


def test_a_request_against_the_rules_is_refused_as_openai_would(client) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="gpt-x", messages=[])
    assert caught.value.body["type"] == "invalid_request_error"
    orphan = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="gpt-x", input=[orphan])


def test_a_batch_is_uploaded_watched_and_read(client, server: SimulatorOnThread) -> None:
    bodies = [{"model": "gpt-x", "messages": [{"role": "user", "content": text}]} for text in ("Hello", "Hi")]
    lines = [
        {"custom_id": str(place), "method": "POST", "url": "/v1/chat/completions", "body": body}
        for place, body in enumerate(bodies)
    ]
    text = "\n".join(json.dumps(line) for line in lines).encode()
    file = client.files.create(file=("lines.jsonl", text), purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"a": "b"}
    )
    seen = client.batches.retrieve(made.id)
    rows = [json.loads(line) for line in client.files.content(seen.output_file_id).text.splitlines()]

    assert (made.status, seen.status, seen.error_file_id) == ("in_progress", "completed", None)
    assert (seen.request_counts.total, seen.request_counts.completed) == (2, 2)
    assert [(row["custom_id"], row["response"]["status_code"]) for row in rows] == [("1", 200), ("0", 200)]
    assert [batch.id for batch in client.batches.list()] == [made.id]


def test_a_batch_of_lines_that_are_none_fails(client) -> None:
    file = client.files.create(file=("lines.jsonl", b"{}\n"), purpose="batch")
    made = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    seen = client.batches.retrieve(made.id)
    assert (seen.status, seen.errors.data[0].line) == ("failed", 1)
