"""OpenAI's own client reads what our server half writes, and our server half reads what that client sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from providers.openai.responses_strategies import PARAMETERS, own

from agentkit.assemble import take_apart
from agentkit.codec import WireRequest
from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Returned, Text, Thinking, ToolCall, UserMessage
from agentkit.providers.openai.responses_server import ResponsesServer
from agentkit.usage import Usage

openai = pytest.importorskip("openai")

REASONING = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]}
SERVER = ResponsesServer()
ANSWER = Response(
    AssistantMessage(
        (
            Thinking(
                "hm", own({"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]})
            ),
            Text("Hello, ", provider_data=own({"id": "msg_1", "status": "completed"})),
            ToolCall("call_1", "get_weather", '{"city":"Paris"}'),
        ),
        "gpt-6-sol",
        "resp_1",
        "tool_calls",
        Usage(5, 2, 0, 3, 1),
    ),
    "completed",
)


def client(requests: list[Request]) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        read = SERVER.read(WireRequest(request.url.path, request.content))
        requests.append(read)
        if read.is_streamed:
            stream = SERVER.stream_writer().write(take_apart(ANSWER))
            return httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"})
        reply = SERVER.write(ANSWER)
        return httpx.Response(reply.status, content=reply.body, headers=list(reply.headers))

    transport: Callable[..., Any] = httpx.MockTransport(answer)  # pyright: ignore[reportAssignmentType]
    return openai.OpenAI(api_key="none", base_url="http://sim/v1", http_client=httpx.Client(transport=transport))


def test_the_official_client_reads_a_whole_reply() -> None:
    with client([]) as official:
        response = official.responses.create(model="gpt-6-sol", input="hi")
    assert (response.status, response.output_text, response.usage.input_tokens) == ("completed", "Hello, ", 7)
    assert [item.type for item in response.output] == ["reasoning", "message", "function_call"]
    assert response.output[2].arguments == '{"city":"Paris"}'


def test_the_official_client_reads_a_stream() -> None:
    with client([]) as official, official.responses.stream(model="gpt-6-sol", input="hi") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[-1] == "response.completed"
    assert final.output_text == "Hello, "
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]


def test_what_the_official_client_sends_is_read() -> None:
    requests: list[Request] = []
    with client(requests) as official:
        tool = {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": True}
        asked = {"role": "user", "content": "Weather?"}
        first = official.responses.create(model="gpt-6-sol", input=[asked], tools=[tool], store=False)
        output = {"type": "function_call_output", "call_id": "call_1", "output": '{"t":20}'}
        official.responses.create(model="gpt-6-sol", input=[asked, *first.output, output], tools=[tool], store=False)
    assert requests[1].messages[0] == UserMessage((Text("Weather?"),))
    assert requests[1].messages[1].text == "Hello, "
    assert requests[1].messages[1].thinking == "hm"
    assert requests[1].messages[1].calls == (
        ToolCall("call_1", "get_weather", '{"city":"Paris"}', Returned({"t": 20})),
    )
    assert [definition.name for definition in requests[1].tools] == ["get_weather"]
