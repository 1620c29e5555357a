"""Anthropic's and Google's own clients talk to the simulator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from agentkit.simulator.status_faults import Status
from agentkit.simulator.stream_faults import ErrorInside
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

QUESTION = "What is the weather in Paris and in Oslo?"
ASKED = [{"role": "user", "content": QUESTION}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "get_weather", "description": "Current weather for a city.", "input_schema": PARAMETERS}


class Order(BaseModel):
    customer: str
    pizzas: int


@pytest.fixture
def server() -> Iterator[SimulatorOnThread]:
    with start_simulator() as server:
        yield server


class TestAnthropic:
    @pytest.fixture
    def client(self, server: SimulatorOnThread) -> Iterator[Any]:
        anthropic = pytest.importorskip("anthropic")
        with anthropic.Anthropic(api_key="sk-canary", base_url=server.url, max_retries=0) as client:
            yield client

    def test_tools_are_called_and_the_answer_follows(self, client) -> None:
        first = client.messages.create(model="claude-x", max_tokens=500, messages=ASKED, tools=[TOOL])
        assert first.stop_reason == "tool_use"
        assert [block.input for block in first.content] == [{"city": "Paris"}, {"city": "Oslo"}]
        results = [{"type": "tool_result", "tool_use_id": block.id, "content": "rain"} for block in first.content]
        messages = [*ASKED, {"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
        second = client.messages.create(model="claude-x", max_tokens=500, messages=messages, tools=[TOOL])
        assert "rain" in second.content[0].text

    def test_an_answer_streams(self, client) -> None:
        with client.messages.stream(model="claude-x", max_tokens=500, messages=ASKED, tools=[TOOL]) as stream:
            final = stream.get_final_message()
        assert [block.input for block in final.content] == [{"city": "Paris"}, {"city": "Oslo"}]

    def test_thinking_and_pieces_of_arguments_stream(self, client) -> None:
        asked = {"model": "claude-x", "max_tokens": 4000, "messages": ASKED, "tools": [TOOL]}
        with client.messages.stream(**asked, thinking={"type": "enabled", "budget_tokens": 2000}) as stream:
            kinds = {event.type for event in stream}
            final = stream.get_final_message()
        assert {"thinking", "input_json", "content_block_stop", "message_stop"} <= kinds
        assert [block.type for block in final.content] == ["thinking", "tool_use", "tool_use"]
        assert (final.stop_reason, final.usage.output_tokens > 0) == ("tool_use", True)

    def test_structured_output_is_read(self, client) -> None:
        asked = [{"role": "user", "content": "Two pizzas for customer Ada"}]
        answer = client.messages.parse(model="claude-x", max_tokens=500, messages=asked, output_format=Order)
        assert answer.parsed_output == Order(customer="Ada", pizzas=2)

    def test_models_are_listed_in_its_own_form(self, client) -> None:
        assert [model.display_name for model in client.models.list()] == ["simulator"]

    def test_faults_become_its_own_errors(self, server: SimulatorOnThread, client) -> None:
        anthropic = pytest.importorskip("anthropic")
        server.suffer(Status(529))
        with pytest.raises(anthropic.APIStatusError) as caught:
            client.messages.create(model="claude-x", max_tokens=500, messages=ASKED)
        assert caught.value.status_code == 529
        server.suffer(ErrorInside(529))
        with (
            pytest.raises(anthropic.APIStatusError, match="overloaded_error"),
            client.messages.stream(model="claude-x", max_tokens=500, messages=ASKED) as stream,
        ):
            stream.get_final_message()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestGoogle:
    @pytest.fixture
    def client(self, server: SimulatorOnThread) -> Iterator[Any]:
        genai = pytest.importorskip("google.genai")
        with genai.Client(api_key="canary", http_options={"base_url": server.url}) as client:
            yield client

    @property
    def config(self) -> dict[str, Any]:
        declared = {"name": TOOL["name"], "description": TOOL["description"], "parameters_json_schema": PARAMETERS}
        return {
            "tools": [{"function_declarations": [declared]}],
            "automatic_function_calling": {"disable": True},
        }

    def test_tools_are_called(self, client) -> None:
        answer = client.models.generate_content(model="gemini-x", contents=QUESTION, config=self.config)
        assert [call.args for call in answer.function_calls] == [{"city": "Paris"}, {"city": "Oslo"}]
        assert answer.usage_metadata.total_token_count > 0

    def test_the_answer_follows_the_results_of_tools(self, client) -> None:
        types = pytest.importorskip("google.genai.types")
        first = client.models.generate_content(model="gemini-x", contents=QUESTION, config=self.config)
        results = [
            types.Part.from_function_response(name=call.name, response={"result": "rain"})
            for call in first.function_calls
        ]
        contents = [
            types.UserContent(QUESTION),
            first.candidates[0].content,
            types.UserContent(results),
        ]
        second = client.models.generate_content(model="gemini-x", contents=contents, config=self.config)
        assert "rain" in second.text

    def test_calls_stream(self, client) -> None:
        chunks = client.models.generate_content_stream(model="gemini-x", contents=QUESTION, config=self.config)
        made = [call.args for chunk in chunks for call in chunk.function_calls or ()]
        assert made == [{"city": "Paris"}, {"city": "Oslo"}]

    def test_structured_output_is_read(self, client) -> None:
        config = {"response_mime_type": "application/json", "response_schema": Order}
        answer = client.models.generate_content(model="gemini-x", contents="Two pizzas for customer Ada", config=config)
        assert answer.parsed == Order(customer="Ada", pizzas=2)

    def test_an_answer_streams(self, client) -> None:
        chunks = list(client.models.generate_content_stream(model="gemini-x", contents="Hello"))
        assert len(chunks) > 5
        assert "I can only call tools" in "".join(chunk.text or "" for chunk in chunks)

    def test_models_are_listed_in_its_own_form(self, client) -> None:
        assert [model.name for model in client.models.list()] == ["models/simulator"]

    def test_faults_become_its_own_errors(self, server: SimulatorOnThread, client) -> None:
        errors = pytest.importorskip("google.genai.errors")
        server.suffer(Status(429, 0.02, "body"))
        with pytest.raises(errors.ClientError) as caught:
            client.models.generate_content(model="gemini-x", contents="Hello")
        assert caught.value.code == 429
        assert "'retryDelay': '0.02s'" in str(caught.value)
