"""What agentkit sends and what a provider's official client sends for the same meaning, captured on loopback, differ
only in the ways listed here. Each conversation is written twice: as ours, and as the client's documentation has it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from conformance.formats import FORMATS, Format
from conformance.wires import Seen, served

from agentkit.assemble import take_apart
from agentkit.exchange import OutputFormat, Request, Response, ToolDefinition
from agentkit.media import Document, Image, Inline, ProviderData
from agentkit.messages import AssistantMessage, Failed, Message, Returned, Text, Thinking, ToolCall, UserMessage
from agentkit.messages import user_message as said
from agentkit.models import ModelIdentity
from agentkit.remote import Endpoint, RemoteModel
from agentkit.settings import Settings
from agentkit.transport.default import default_transport
from agentkit.usage import Usage

openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")
genai = pytest.importorskip("google.genai")

# The official clients of some versions leave a socket to the garbage collector, or use what is deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

TELEMETRY = re.compile(
    r"x-stainless-.*|user-agent|x-goog-api-client|accept|accept-encoding|connection|host|content-length|"
    r"x-server-timeout|idempotency-key"
)
"""Headers that say who sends and how, not what."""

PNG = b"\x89PNG\r\n\x1a\n0000"
PDF = b"%PDF-1.7 0000"
PNG64, PDF64 = base64.b64encode(PNG).decode(), base64.b64encode(PDF).decode()
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "City name."}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER = ToolDefinition("get_weather", "Current weather for a city.", CITY)
PLACE = OutputFormat("place", CITY)


def call(number: int, city: str, outcome: Returned | Failed, data: ProviderData | None = None) -> ToolCall:
    return ToolCall(f"call_{number}", "get_weather", f'{{"city":"{city}"}}', outcome, data)


def answered(*parts: Any) -> AssistantMessage:
    return AssistantMessage(parts)


ASKED = said("Weather in Paris?")
ONE_CALL = (ASKED, answered(call(1, "Paris", Returned("rain"))))
TWO_CALLS = (
    said("Weather in Paris and Rome?"),
    answered(Text("I look."), call(1, "Paris", Returned("rain")), call(2, "Rome", Failed("no such city"))),
)
TALK = (said("Hi."), answered(Text("Hello!")), said("How are you?"))


@dataclass(frozen=True)
class Case:
    """One conversation: as ours, and as the arguments of the official client's call."""

    name: str
    messages: tuple[Message, ...]
    theirs: Mapping[str, Any]
    instructions: str = ""
    tools: tuple[ToolDefinition, ...] = ()
    output: OutputFormat | None = None
    settings: Settings = field(default_factory=Settings)
    is_streamed: bool = False

    def __str__(self) -> str:
        return self.name

    def request(self, model: str) -> Request:
        return Request(
            model, self.messages, self.instructions, self.tools, self.output, self.settings, self.is_streamed
        )


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content, **more}


def text(words: str, type: str = "text") -> dict[str, Any]:
    return {"type": type, "text": words}


def chat_call(number: int, city: str) -> dict[str, Any]:
    arguments = f'{{"city":"{city}"}}'
    return {"id": f"call_{number}", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


CHAT_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather", "description": "Current weather for a city.", "parameters": CITY, "strict": True
    },
}  # fmt: skip
CHAT_TALK = [user("Hi."), assistant("Hello!"), user("How are you?")]
CHAT = (
    Case("prompt", (ASKED,), {"messages": [user("Weather in Paris?")]}),
    Case(
        "instructions",
        (ASKED,),
        {"messages": [{"role": "system", "content": "Be brief."}, user("Weather in Paris?")]},
        instructions="Be brief.",
    ),
    Case("talk", TALK, {"messages": CHAT_TALK}),
    Case(
        "settings",
        (ASKED,),
        {
            "messages": [user("Weather in Paris?")],
            "temperature": 0.5,
            "top_p": 0.9,
            "max_completion_tokens": 99,
            "stop": ["END"],
            "seed": 7,
            "reasoning_effort": "low",
        },
        settings=Settings(temperature=0.5, top_p=0.9, max_output_tokens=99, stop=("END",), seed=7, reasoning="low"),
    ),
    Case(
        "tools",
        (ASKED,),
        {"messages": [user("Weather in Paris?")], "tools": [CHAT_TOOL], "tool_choice": "required"},
        tools=(WEATHER,),
        settings=Settings(tool_choice="required"),
    ),
    Case(
        "a named tool",
        (ASKED,),
        {
            "messages": [user("Weather in Paris?")],
            "tools": [CHAT_TOOL],
            "parallel_tool_calls": False,
            "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        },
        tools=(WEATHER,),
        settings=Settings(tool_choice="get_weather", parallel_tool_calls=False),
    ),
    Case(
        "a call and its result",
        ONE_CALL,
        {
            "messages": [
                user("Weather in Paris?"),
                assistant(None, tool_calls=[chat_call(1, "Paris")]),
                {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
            ],
            "tools": [CHAT_TOOL],
        },
        tools=(WEATHER,),
    ),
    Case(
        "parallel calls",
        TWO_CALLS,
        {
            "messages": [
                user("Weather in Paris and Rome?"),
                assistant("I look.", tool_calls=[chat_call(1, "Paris"), chat_call(2, "Rome")]),
                {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
                {"role": "tool", "tool_call_id": "call_2", "content": "Error: no such city"},
            ],
            "tools": [CHAT_TOOL],
        },
        tools=(WEATHER,),
    ),
    Case(
        "an image and a document",
        (
            UserMessage(
                (Text("See."), Image(Inline(PNG, "image/png")), Document(Inline(PDF, "application/pdf"), "a.pdf"))
            ),
        ),
        {
            "messages": [
                user(
                    [
                        text("See."),
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG64}"}},
                        {
                            "type": "file",
                            "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF64}"},
                        },
                    ]
                )
            ]
        },
    ),
    Case(
        "structured and streamed",
        (ASKED,),
        {
            "messages": [user("Weather in Paris?")],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "place", "schema": CITY, "strict": True},
            },
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        output=PLACE,
        is_streamed=True,
    ),
)


def item_of_call(number: int, city: str) -> dict[str, Any]:
    return {
        "type": "function_call", "call_id": f"call_{number}", "name": "get_weather",
        "arguments": f'{{"city":"{city}"}}',
    }  # fmt: skip


def item_of_result(number: int, output: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": f"call_{number}", "output": output}


RESPONSES_TOOL = {
    "type": "function", "name": "get_weather", "description": "Current weather for a city.", "parameters": CITY,
    "strict": True,
}  # fmt: skip
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
OWN = ProviderData("openai:responses", REASONING)
STATELESS: dict[str, Any] = {"store": False, "include": ["reasoning.encrypted_content"]}
RESPONSES = (
    Case("prompt", (ASKED,), {"input": "Weather in Paris?", **STATELESS}),
    Case(
        "instructions",
        (ASKED,),
        {"input": "Weather in Paris?", "instructions": "Be brief.", **STATELESS},
        instructions="Be brief.",
    ),
    Case("talk", TALK, {"input": CHAT_TALK, **STATELESS}),
    Case(
        "settings",
        (ASKED,),
        {
            "input": "Weather in Paris?",
            "top_p": 0.9,
            "max_output_tokens": 99,
            "reasoning": {"effort": "low"},
            "text": {"verbosity": "low"},
            "service_tier": "flex",
            **STATELESS,
        },
        settings=Settings(top_p=0.9, max_output_tokens=99, reasoning="low", verbosity="low", service_tier="flex"),
    ),
    Case(
        "tools",
        (ASKED,),
        {"input": "Weather in Paris?", "tools": [RESPONSES_TOOL], "tool_choice": "required", **STATELESS},
        tools=(WEATHER,),
        settings=Settings(tool_choice="required"),
    ),
    Case(
        "a named tool",
        (ASKED,),
        {
            "input": "Weather in Paris?",
            "tools": [RESPONSES_TOOL],
            "parallel_tool_calls": False,
            "tool_choice": {"type": "function", "name": "get_weather"},
            **STATELESS,
        },
        tools=(WEATHER,),
        settings=Settings(tool_choice="get_weather", parallel_tool_calls=False),
    ),
    Case(
        "a call that reasoning led to",
        (ASKED, answered(Thinking("", OWN), call(1, "Paris", Returned("rain")))),
        {
            "input": [user("Weather in Paris?"), REASONING, item_of_call(1, "Paris"), item_of_result(1, "rain")],
            "tools": [RESPONSES_TOOL],
            **STATELESS,
        },
        tools=(WEATHER,),
    ),
    Case(
        "parallel calls",
        TWO_CALLS,
        {
            "input": [
                user("Weather in Paris and Rome?"),
                assistant("I look."),
                item_of_call(1, "Paris"),
                item_of_call(2, "Rome"),
                item_of_result(1, "rain"),
                item_of_result(2, "Error: no such city"),
            ],
            "tools": [RESPONSES_TOOL],
            **STATELESS,
        },
        tools=(WEATHER,),
    ),
    Case(
        "an image and a document",
        (
            UserMessage(
                (Text("See."), Image(Inline(PNG, "image/png")), Document(Inline(PDF, "application/pdf"), "a.pdf"))
            ),
        ),
        {
            "input": [
                user(
                    [
                        text("See.", "input_text"),
                        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG64}", "detail": "auto"},
                        {
                            "type": "input_file",
                            "filename": "a.pdf",
                            "file_data": f"data:application/pdf;base64,{PDF64}",
                        },
                    ]
                )
            ],
            **STATELESS,
        },
    ),
    Case(
        "structured and streamed",
        (ASKED,),
        {
            "input": "Weather in Paris?",
            "text": {"format": {"type": "json_schema", "name": "place", "schema": CITY, "strict": True}},
            "stream": True,
            **STATELESS,
        },
        output=PLACE,
        is_streamed=True,
    ),
)


def tool_use(number: int, city: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"call_{number}", "name": "get_weather", "input": {"city": city}}


def tool_result(number: int, content: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": f"call_{number}", "content": content, **more}


CLAUDE_TOOL = {
    "name": "get_weather", "description": "Current weather for a city.", "input_schema": CITY, "strict": True,
}  # fmt: skip
SIGNED = ProviderData("anthropic:messages", {"signature": "c2ln"})
SIXTEEN = {"max_tokens": 16_384}
MESSAGES = (
    Case("prompt", (ASKED,), {"messages": [user("Weather in Paris?")], **SIXTEEN}),
    Case(
        "instructions",
        (ASKED,),
        {"messages": [user("Weather in Paris?")], "system": "Be brief.", **SIXTEEN},
        instructions="Be brief.",
    ),
    Case("talk", TALK, {"messages": CHAT_TALK, **SIXTEEN}),
    Case(
        "settings",
        (ASKED,),
        {
            "messages": [user("Weather in Paris?")],
            "max_tokens": 99,
            "stop_sequences": ["END"],
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "low"},
            "service_tier": "standard_only",
        },
        settings=Settings(max_output_tokens=99, stop=("END",), reasoning="low", service_tier="standard_only"),
    ),
    Case(
        "tools",
        (ASKED,),
        {"messages": [user("Weather in Paris?")], "tools": [CLAUDE_TOOL], "tool_choice": {"type": "any"}, **SIXTEEN},
        tools=(WEATHER,),
        settings=Settings(tool_choice="required"),
    ),
    Case(
        "a named tool",
        (ASKED,),
        {
            "messages": [user("Weather in Paris?")],
            "tools": [CLAUDE_TOOL],
            **SIXTEEN,
            "tool_choice": {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True},
        },
        tools=(WEATHER,),
        settings=Settings(tool_choice="get_weather", parallel_tool_calls=False),
    ),
    Case(
        "a call that thinking led to",
        (ASKED, answered(Thinking("hm", SIGNED), call(1, "Paris", Returned("rain")))),
        {
            "messages": [
                user("Weather in Paris?"),
                assistant([{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, tool_use(1, "Paris")]),
                user([tool_result(1, "rain")]),
            ],
            "tools": [CLAUDE_TOOL],
            **SIXTEEN,
        },
        tools=(WEATHER,),
    ),
    Case(
        "parallel calls",
        TWO_CALLS,
        {
            "messages": [
                user("Weather in Paris and Rome?"),
                assistant([text("I look."), tool_use(1, "Paris"), tool_use(2, "Rome")]),
                user([tool_result(1, "rain"), tool_result(2, "no such city", is_error=True)]),
            ],
            "tools": [CLAUDE_TOOL],
            **SIXTEEN,
        },
        tools=(WEATHER,),
    ),
    Case(
        "an image and a document",
        (
            UserMessage(
                (Text("See."), Image(Inline(PNG, "image/png")), Document(Inline(PDF, "application/pdf"), "a.pdf"))
            ),
        ),
        {
            "messages": [
                user(
                    [
                        text("See."),
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG64}},
                        {
                            "type": "document",
                            "title": "a.pdf",
                            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF64},
                        },
                    ]
                )
            ],
            **SIXTEEN,
        },
    ),
    Case(
        "structured and streamed",
        (ASKED,),
        {
            "messages": [user("Weather in Paris?")],
            "output_config": {"format": {"type": "json_schema", "schema": CITY}},
            "stream": True,
            **SIXTEEN,
        },
        output=PLACE,
        is_streamed=True,
    ),
)


def content(role: str, *parts: Any) -> dict[str, Any]:
    return {"role": role, "parts": list(parts)}


def function_call(number: int, city: str, **more: Any) -> dict[str, Any]:
    return {"function_call": {"id": f"call_{number}", "name": "get_weather", "args": {"city": city}}, **more}


def function_response(number: int, response: dict[str, Any]) -> dict[str, Any]:
    return {"function_response": {"id": f"call_{number}", "name": "get_weather", "response": response}}


GEMINI_TOOL = {
    "function_declarations": [
        {"name": "get_weather", "description": "Current weather for a city.", "parameters_json_schema": CITY}
    ]
}
SIGNATURE = ProviderData("google:generate_content", {"thoughtSignature": "c2ln"})
NO_LOOP = {"automatic_function_calling": {"disable": True}}
GEMINI_ASKED = "Weather in Paris?"
GEMINI = (
    Case("prompt", (ASKED,), {"contents": GEMINI_ASKED}),
    Case(
        "instructions",
        (ASKED,),
        {"contents": GEMINI_ASKED, "config": {"system_instruction": "Be brief."}},
        instructions="Be brief.",
    ),
    Case(
        "talk",
        TALK,
        {
            "contents": [
                content("user", {"text": "Hi."}),
                content("model", {"text": "Hello!"}),
                content("user", {"text": "How are you?"}),
            ]
        },
    ),
    Case(
        "settings",
        (ASKED,),
        {
            "contents": GEMINI_ASKED,
            "config": {
                "temperature": 0.5,
                "top_p": 0.9,
                "max_output_tokens": 99,
                "stop_sequences": ["END"],
                "seed": 7,
                "thinking_config": {"thinking_level": "LOW"},
            },
        },
        settings=Settings(temperature=0.5, top_p=0.9, max_output_tokens=99, stop=("END",), seed=7, reasoning="low"),
    ),
    Case(
        "tools",
        (ASKED,),
        {
            "contents": GEMINI_ASKED,
            "config": {
                "tools": [GEMINI_TOOL],
                "tool_config": {"function_calling_config": {"mode": "ANY"}},
                **NO_LOOP,
            },
        },
        tools=(WEATHER,),
        settings=Settings(tool_choice="required"),
    ),
    Case(
        "a named tool",
        (ASKED,),
        {
            "contents": GEMINI_ASKED,
            "config": {
                "tools": [GEMINI_TOOL],
                **NO_LOOP,
                "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["get_weather"]}},
            },
        },
        tools=(WEATHER,),
        settings=Settings(tool_choice="get_weather"),
    ),
    Case(
        "a signed call and its result",
        (ASKED, answered(call(1, "Paris", Returned("rain"), SIGNATURE))),
        {
            "contents": [
                content("user", {"text": "Weather in Paris?"}),
                content("model", function_call(1, "Paris", thought_signature=b"sig")),
                content("user", function_response(1, {"output": "rain"})),
            ],
            "config": {"tools": [GEMINI_TOOL], **NO_LOOP},
        },
        tools=(WEATHER,),
    ),
    Case(
        "parallel calls",
        TWO_CALLS,
        {
            "contents": [
                content("user", {"text": "Weather in Paris and Rome?"}),
                content(
                    "model",
                    {"text": "I look."},
                    function_call(1, "Paris", thought_signature=b"skip_thought_signature_validator"),
                    function_call(2, "Rome"),
                ),
                content(
                    "user", function_response(1, {"output": "rain"}), function_response(2, {"error": "no such city"})
                ),
            ],
            "config": {"tools": [GEMINI_TOOL], **NO_LOOP},
        },
        tools=(WEATHER,),
    ),
    Case(
        "an image and a document",
        (UserMessage((Text("See."), Image(Inline(PNG, "image/png")), Document(Inline(PDF, "application/pdf")))),),
        {
            "contents": [
                content(
                    "user",
                    {"text": "See."},
                    {"inline_data": {"mime_type": "image/png", "data": PNG}},
                    {"inline_data": {"mime_type": "application/pdf", "data": PDF}},
                )
            ]
        },
    ),
    Case(
        "structured and streamed",
        (ASKED,),
        {
            "contents": GEMINI_ASKED,
            "config": {"response_mime_type": "application/json", "response_json_schema": CITY},
        },
        output=PLACE,
        is_streamed=True,
    ),
)


def ask_chat(url: str, case: Case, model: str) -> None:
    with openai.OpenAI(api_key="key", base_url=f"{url}/v1", max_retries=0) as client:
        used_up(client.chat.completions.create(model=model, **case.theirs), case)


def ask_responses(url: str, case: Case, model: str) -> None:
    with openai.OpenAI(api_key="key", base_url=f"{url}/v1", max_retries=0) as client:
        used_up(client.responses.create(model=model, **case.theirs), case)


def ask_claude(url: str, case: Case, model: str) -> None:
    with anthropic.Anthropic(api_key="key", base_url=url, max_retries=0) as client:
        used_up(client.messages.create(model=model, **case.theirs), case)


def ask_gemini(url: str, case: Case, model: str) -> None:
    client = genai.Client(api_key="key", http_options={"base_url": url, "api_version": "v1beta"})
    asked = client.models.generate_content_stream if case.is_streamed else client.models.generate_content
    used_up(asked(model=model, **case.theirs), case)
    client.close()


def used_up(reply: Any, case: Case) -> None:
    if case.is_streamed:
        list(reply)


@dataclass(frozen=True)
class Provider:
    """A provider: its format, its conversations, its client, and in what ours differs from that."""

    name: str
    format: Format
    base: str
    key_header: tuple[str, str]
    ask: Callable[[str, Case, str], None]
    cases: tuple[Case, ...]
    differences: Mapping[str, str]
    """A pattern of `path: ours / theirs` -> why it is so."""


RESPONSES_DIFFERENCES = {
    r'\$\.body\.input: \[{"role": "user", "content": "(.+)"}\] / "\1"': (
        "a lone prompt is a list of one message with us, so that its bytes stay when more follows"
    ),
}
CLAUDE_DIFFERENCES = {
    r'\$\.body\.cache_control: {"type": "ephemeral"} / null': "we mark what is asked again, so that it is cached",
    r'\$\.body\.tools\[0\]\.cache_control: {"type": "ephemeral"} / null': "the same, for the tools",
    r'\$\.body\.system: \[{"type": "text", "text": "Be brief\.", "cache_control": .+}\] / "Be brief\."': (
        "the same, for the instructions"
    ),
    r'\$\.headers\.x-api-key: "key" / null': "the service takes a key in either header; we use the documented one",
    r'\$\.headers\.authorization: null / "Bearer key"': "the same",
}
GEMINI_DIFFERENCES = {
    r"\$\.body\.generationConfig: null / {}": "the client sends an empty object where nothing is set",
    r'\$\.body\.systemInstruction\.role: null / "user"': "the client gives instructions a role, which is not read",
}
GEMINI_SPELLING = {
    "parameters_json_schema": "parametersJsonSchema", "thinking_level": "thinkingLevel", "mime_type": "mimeType"
}  # fmt: skip
"""Names that Google's client writes in snake_case, which the service reads as well; we write camelCase throughout."""

BEARER = ("authorization", "Bearer key")
PROVIDERS = (
    Provider("openai chat", FORMATS[0], "/v1", BEARER, ask_chat, CHAT, {}),
    Provider("openai responses", FORMATS[1], "/v1", BEARER, ask_responses, RESPONSES, RESPONSES_DIFFERENCES),
    Provider("anthropic", FORMATS[2], "", ("x-api-key", "key"), ask_claude, MESSAGES, CLAUDE_DIFFERENCES),
    Provider("google", FORMATS[3], "/v1beta", ("x-goog-api-key", "key"), ask_gemini, GEMINI, GEMINI_DIFFERENCES),
)


def answer(format: Format, seen: Seen) -> tuple[str, bytes]:
    said = '{"city":"Paris"}'
    response = Response(AssistantMessage((Text(said),), format.model, "resp_1", "stop", Usage(5, output=3)), "")
    server = format.make_server()
    if seen.body.get("stream") or ":stream" in seen.path:
        return "text/event-stream", server.stream_writer().write(take_apart(response))
    return "application/json", server.write(response).body


def differences(ours: Any, theirs: Any, path: str = "$") -> Iterator[str]:
    """Where two JSON values differ, as `path: ours / theirs`."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            yield from differences(ours.get(key), theirs.get(key), f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for at, pair in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(*pair, f"{path}[{at}]")
    elif ours != theirs:
        yield f"{path}: {json.dumps(ours)} / {json.dumps(theirs)}"


def respelled(value: Any) -> Any:
    if isinstance(value, dict):
        return {GEMINI_SPELLING.get(key, key): respelled(entry) for key, entry in value.items()}
    return [respelled(entry) for entry in value] if isinstance(value, list) else value


def meaning(seen: Seen) -> dict[str, Any]:
    """A request without what is telemetry."""
    headers = {name: value for name, value in seen.headers.items() if not TELEMETRY.fullmatch(name)}
    return {"path": seen.path, "headers": headers, "body": respelled(seen.body)}


def ask_ours(url: str, provider: Provider, case: Case) -> None:
    identity = ModelIdentity(provider.name, provider.format.model)

    async def ask() -> None:
        endpoint = Endpoint(url + provider.base, dict([provider.key_header]))
        model = RemoteModel(provider.format.make_codec(), endpoint, identity, transport=default_transport())
        await model.respond(case.request(provider.format.model))

    anyio.run(ask)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_what_we_send_is_what_the_official_client_sends(provider: Provider) -> None:
    unexplained: dict[str, list[str]] = {}
    explained: set[str] = set()
    with served(lambda seen: answer(provider.format, seen)) as (url, seen):
        for case in provider.cases:
            ask_ours(url, provider, case)
            provider.ask(url, case, provider.format.model)
            ours, theirs = (meaning(request) for request in seen[-2:])
            for found in differences(ours, theirs):
                known = [pattern for pattern in provider.differences if re.fullmatch(pattern, found)]
                explained.update(known)
                if not known:
                    unexplained.setdefault(case.name, []).append(found)
    print(f"{provider.name}: {len(provider.cases)} conversations; differences: {sorted(explained)}")
    assert unexplained == {}
    assert explained == set(provider.differences)
    assert len(provider.cases) == 10 and len(seen) == 20
