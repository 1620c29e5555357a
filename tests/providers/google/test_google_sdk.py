"""Google's own client reads what our server half writes, and says the same as our client half for the same meaning."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from providers.google.content_strategies import PARAMETERS, SIGNED

from agentkit.assemble import take_apart
from agentkit.codec import WireRequest
from agentkit.exchange import OutputFormat, Request, Response, ToolDefinition
from agentkit.media import Image, Inline
from agentkit.messages import AssistantMessage, Returned, Text, Thinking, ToolCall, UserMessage
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.google.generate_content_server import GenerateContentServer
from agentkit.settings import Settings
from agentkit.usage import Usage

genai = pytest.importorskip("google.genai")
types = genai.types

MODEL = "gemini-3.8-flash"
SERVER = GenerateContentServer()
ANSWER = Response(
    AssistantMessage(
        (Thinking("hm"), Text("Hello, "), ToolCall("", "get_weather", '{"city":"Paris"}', provider_data=SIGNED)),
        MODEL, "id_1", "tool_calls", Usage(5, 2, 0, 3, 1),
    ),
    "STOP",
)  # fmt: skip


def client(sent: list[httpx.Request]) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        read = SERVER.read(WireRequest(request.url.raw_path.decode(), request.content))
        if read.is_streamed:
            stream = SERVER.stream_writer().write(take_apart(ANSWER))
            return httpx.Response(200, content=stream, headers={"content-type": "text/event-stream"})
        reply = SERVER.write(ANSWER)
        return httpx.Response(reply.status, content=reply.body, headers=list(reply.headers))

    official = httpx.Client(transport=httpx.MockTransport(answer))
    options = types.HttpOptions(httpx_client=official, base_url="http://sim", api_version="v1beta")
    return genai.Client(api_key="none", http_options=options)


def test_the_official_client_reads_a_whole_reply() -> None:
    with client([]) as official:
        response = official.models.generate_content(model=MODEL, contents="hi")
    candidate = response.candidates[0]
    parts = candidate.content.parts
    assert [(part.text, part.thought) for part in parts[:2]] == [("hm", True), ("Hello, ", None)]
    assert (parts[2].function_call.name, parts[2].function_call.args) == ("get_weather", {"city": "Paris"})
    assert parts[2].thought_signature == b"signed\xfb\xff"
    usage = response.usage_metadata
    assert (usage.prompt_token_count, usage.cached_content_token_count, usage.total_token_count) == (7, 2, 11)
    assert candidate.finish_reason == types.FinishReason.STOP


def test_the_official_client_reads_a_stream() -> None:
    with client([]) as official:
        chunks = list(official.models.generate_content_stream(model=MODEL, contents="hi"))
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or ()]
    assert [part.text or part.function_call.name for part in parts] == ["hm", "Hello, ", "get_weather"]
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


TOOL = {"function_declarations": [
    {"name": "get_weather", "description": "Weather.", "parameters_json_schema": PARAMETERS}
]}  # fmt: skip
WEATHER = ToolDefinition("get_weather", "Weather.", PARAMETERS)
HI = UserMessage((Text("hi"),))
PARIS = ToolCall("", "get_weather", '{"city":"Paris"}', Returned({"c": 20}), SIGNED)

CONVERSATIONS: list[tuple[str, Any, dict[str, Any], Request]] = [
    ("words", "hi", {}, Request(MODEL, (HI,))),
    ("instructions", "hi", {"system_instruction": "Be brief."}, Request(MODEL, (HI,), "Be brief.")),
    (
        "knobs",
        "hi",
        {"temperature": 0.5, "top_p": 0.9, "max_output_tokens": 9, "stop_sequences": ["END"], "seed": 7},
        Request(MODEL, (HI,), settings=Settings(9, 0.5, 0.9, ("END",), 7)),
    ),
    ("tools", "hi", {"tools": [TOOL]}, Request(MODEL, (HI,), tools=(WEATHER,))),
    (
        "a forced tool",
        "hi",
        {"tools": [TOOL], "tool_config": {
            "function_calling_config": {"mode": "ANY", "allowed_function_names": ["get_weather"]}
        }},
        Request(MODEL, (HI,), tools=(WEATHER,), settings=Settings(tool_choice="get_weather")),
    ),
    (
        "no tool",
        "hi",
        {"tools": [TOOL], "tool_config": {"function_calling_config": {"mode": "NONE"}}},
        Request(MODEL, (HI,), tools=(WEATHER,), settings=Settings(tool_choice="none")),
    ),
    (
        "thinking",
        "hi",
        {"thinking_config": {"thinking_level": "LOW", "include_thoughts": True}},
        Request(MODEL, (HI,), settings=Settings(reasoning="low", reasoning_summary="auto")),
    ),
    (
        "an output of a type",
        "hi",
        {"response_mime_type": "application/json", "response_json_schema": PARAMETERS},
        Request(MODEL, (HI,), output=OutputFormat("answer", PARAMETERS)),
    ),
    (
        "an image",
        [{"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": b"a"}}, {"text": "What?"}]}],
        {},
        Request(MODEL, (UserMessage((Image(Inline(b"a", "image/png")), Text("What?"))),)),
    ),
    (
        "a call and its result",
        [
            {"role": "user", "parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{
                "function_call": {"name": "get_weather", "args": {"city": "Paris"}},
                "thought_signature": b"signed\xfb\xff",
            }]},
            {"role": "user", "parts": [
                {"function_response": {"name": "get_weather", "response": {"output": {"c": 20}}}}
            ]},
        ],
        {"tools": [TOOL]},
        Request(MODEL, (HI, AssistantMessage((PARIS,), MODEL)), tools=(WEATHER,)),
    ),
    (
        "a search by Google",
        "hi",
        {"tools": [{"google_search": {}}]},
        Request(MODEL, (HI,), settings=Settings(extra={"google": {"tools": [{"googleSearch": {}}]}})),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "contents", "config", "request_"), CONVERSATIONS, ids=[row[0] for row in CONVERSATIONS]
)
@pytest.mark.parametrize("is_streamed", [False, True], ids=["plain", "streamed"])
def test_says_the_same_as_the_official_client(
    name: str, contents: Any, config: dict[str, Any], request_: Request, *, is_streamed: bool
) -> None:
    sent: list[httpx.Request] = []
    with client(sent) as official:
        if is_streamed:
            list(official.models.generate_content_stream(model=MODEL, contents=contents, config=config))
        else:
            official.models.generate_content(model=MODEL, contents=contents, config=config)
    ours = GenerateContentCodec().encode(
        Request(
            MODEL,
            request_.messages,
            request_.instructions,
            request_.tools,
            request_.output,
            request_.settings,
            is_streamed,
        )
    )
    assert sent[0].url.raw_path.decode() == f"/v1beta{ours.path}"
    assert json.loads(ours.body) == canonical(json.loads(sent[0].content)), name


def canonical(body: dict[str, Any]) -> dict[str, Any]:
    """The official client's body without what is no difference in meaning.

    It spells some keys as the proto files do, gives instructions a role, writes base64 in the URL-safe alphabet, and
    sends an empty generationConfig.
    """
    text = json.dumps(body)
    for snake, camel in (
        ("parameters_json_schema", "parametersJsonSchema"),
        ("response_json_schema", "responseJsonSchema"),
        ("thinking_level", "thinkingLevel"),
        ("include_thoughts", "includeThoughts"),
        ("inline_data", "inlineData"),
        ("mime_type", "mimeType"),
        ("function_call\"", "functionCall\""),
        ("function_response\"", "functionResponse\""),
        ("thought_signature", "thoughtSignature"),
        ("google_search", "googleSearch"),
    ):  # fmt: skip
        text = text.replace(snake, camel)
    body = json.loads(text)
    if "systemInstruction" in body:
        body["systemInstruction"].pop("role", None)
    if not body.get("generationConfig", True):
        del body["generationConfig"]
    for content in body["contents"]:
        for part in content["parts"]:
            if "thoughtSignature" in part:
                part["thoughtSignature"] = part["thoughtSignature"].replace("-", "+").replace("_", "/")
    return body
