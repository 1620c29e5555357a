"""The server half of Chat Completions undoes the client half, and the official client understands it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import httpx
import openai
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from shared import oracle

from agentkit.assemble import assemble, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import (
    AttemptFailed,
    OutputFormat,
    PartFinished,
    Request,
    Response,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ToolCallDelta,
    ToolDefinition,
)
from agentkit.media import Audio, Document, Image, Inline, ProviderData, Remote, Uploaded, Video
from agentkit.messages import (
    AssistantMessage,
    Cancelled,
    Denied,
    Failed,
    Lost,
    Opaque,
    Returned,
    Text,
    Thinking,
    ToolCall,
    UserMessage,
    user_message,
)
from agentkit.providers.openai.chat import ChatCodec, ChatRules
from agentkit.providers.openai.chat_server import ChatServer, messages_from_chat
from agentkit.settings import Settings
from agentkit.usage import Usage

SCHEMA = {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"], "additionalProperties": False}
ORIGIN = "openai:chat"


def own(value: dict[str, Any]) -> ProviderData:
    return ProviderData(ORIGIN, value)


# Requests

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
ARGUMENTS = st.dictionaries(NAMES, st.integers() | WORDS, max_size=3).map(json.dumps)
OUTCOMES = st.one_of(
    WORDS.filter(lambda text: not text.startswith(("Error: ", "The "))).map(Returned),
    WORDS.map(Failed),
    WORDS.map(str.strip).map(Denied),
    st.booleans().map(lambda started: Cancelled(started=started)),
    st.just(Lost()),
)
IMAGES = st.one_of(
    st.just(Image(Remote("https://example.com/a.png"), "low")),
    st.just(Image(Inline(b"\x89PNG\r\n\x1a\n", "image/png"))),
    st.just(Audio(Inline(b"RIFF", "audio/wav"))),
    st.just(Document(Inline(b"%PDF-1", "application/pdf"), "a.pdf")),
    st.just(Document(Uploaded("file-1", "openai"))),
)
USERS = st.one_of(
    WORDS.map(user_message),
    st.lists(WORDS.map(Text) | IMAGES, min_size=2, max_size=4).map(lambda parts: UserMessage(tuple(parts))),
)
SYSTEM = WORDS.map(lambda text: UserMessage((Text(text, provider_data=own({"role": "system"})),)))


@st.composite
def assistants(draw: st.DrawFn) -> AssistantMessage:
    calls = draw(st.lists(st.builds(ToolCall, st.just(""), NAMES, ARGUMENTS, OUTCOMES), max_size=3))
    thinking = draw(st.none() | WORDS)
    text, refusal = draw(st.sampled_from(["yes", None, "maybe"])), draw(st.sampled_from([None, None, "No."]))
    parts = [
        *([Thinking(thinking)] if thinking else []),
        *([Text(text)] if text or (not (calls or refusal) and (text := "ok")) else []),
        *([Text(refusal, True)] if refusal else []),
        *calls,
    ]
    return AssistantMessage(tuple(parts), finish="tool_calls" if calls else "refusal" if refusal else "stop")


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Any, ...]:
    """No two user messages side by side, since those become one; every call with an id of its own."""
    messages: list[Any] = [draw(USERS)]
    for turn in range(draw(st.integers(0, 4))):
        message = draw(assistants())
        parts = [
            replace(part, id=f"c{turn}_{number}") if isinstance(part, ToolCall) else part
            for number, part in enumerate(message.parts)
        ]
        messages.append(replace(message, parts=tuple(parts)))
        messages += draw(st.lists(SYSTEM, max_size=1)) + draw(st.lists(USERS, max_size=1))
    return tuple(messages)


TOOLS = st.lists(NAMES, unique=True, max_size=3).map(
    lambda names: tuple(ToolDefinition(name, f"Does {name}.", SCHEMA, strict=True) for name in names)
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    tools = draw(TOOLS)
    choices = ["auto", "none", "required", tools[0].name] if tools else []
    settings = Settings(
        max_output_tokens=draw(st.none() | st.integers(1, 99)),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.5])),
        stop=draw(st.none() | st.just(("END",))),
        seed=draw(st.none() | st.integers(0, 9)),
        reasoning=draw(st.sampled_from([None, "low", "none"])),
        tool_choice=draw(st.none() | st.sampled_from(choices)) if choices else None,
        parallel_tool_calls=draw(st.none() | st.booleans()) if tools else None,
        extra=draw(st.none() | st.just({"openai": {"store": True}})),
    )
    return Request(
        model=draw(NAMES),
        messages=draw(conversations()),
        instructions=draw(st.just("") | WORDS),
        tools=tools,
        output=draw(st.none() | st.just(OutputFormat("out", SCHEMA, True, "What is wanted."))),
        settings=settings,
        is_streamed=draw(st.booleans()),
    )


def facts(request: Request) -> tuple[Any, ...]:
    """A request as plain values: tools are compared by identity elsewhere."""
    tools = [(tool.name, tool.description, dict(tool.parameters), tool.strict) for tool in request.tools]
    output = request.output and (request.output.name, dict(request.output.schema), request.output.strict)
    return (request.model, request.messages, request.instructions, tools, output, request.settings, request.is_streamed)


def read(body: dict[str, Any], provider: str = "openai") -> Request:
    return ChatServer(provider).read(WireRequest("/chat/completions", json.dumps(body).encode()))


@given(requests())
@hypothesis_settings(max_examples=150, deadline=None)
def test_reads_every_request_that_the_client_half_writes(request: Request) -> None:
    codec = ChatCodec(rules=ChatRules(reasoning_field="reasoning_content"))
    assert facts(ChatServer().read(codec.encode(request))) == facts(request)


@given(requests())
@hypothesis_settings(max_examples=60, deadline=None)
def test_every_request_that_the_client_half_writes_is_openai_s(request: Request) -> None:
    assert oracle("oracle_openai").check(json.loads(ChatCodec().encode(request).body), "chat/completions") == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "model"),
        ({"model": "m", "messages": []}, "messages has to be a list"),
        ({"model": "m", "messages": "hi"}, "messages has to be a list"),
        ({"model": "m", "messages": [{"role": "wizard", "content": "x"}]}, "role 'wizard'"),
        ({"model": "m", "messages": ["x"]}, "role None"),
        ({"model": "m", "messages": [{"role": "user"}]}, "needs a content"),
        ({"model": "m", "messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]}, "answers the call 'a'"),
        ({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}, "without a function name"),
        (
            {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]},
            "no function",
        ),
        (
            {
                "model": "m",
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
            },
            "cannot be read",
        ),
    ],
)
def test_refuses_what_openai_refuses(body: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRequestError, match=said) as caught:
        read(body)
    assert caught.value.status == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
def test_refuses_what_is_no_object(body: bytes) -> None:
    with pytest.raises(BadRequestError, match="body"):
        ChatServer().read(WireRequest("/chat/completions", body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "type", "text", "tool_calls", "function", "name", "id", "arguments"]),
            inner,
        )
    ),
    max_leaves=8,
)
FIELDS = ["tools", "tool_choice", "response_format", "stop", "reasoning_effort", "reasoning", "stream", "functions"]


@given(
    st.lists(JSON, min_size=1), st.dictionaries(st.sampled_from(FIELDS), JSON), st.sampled_from(["user", "assistant"])
)
@hypothesis_settings(deadline=None)
def test_no_request_breaks_it(messages: list[Any], fields: dict[str, Any], role: str) -> None:
    shaped = [{"role": role, **message} if isinstance(message, dict) else message for message in messages]
    try:
        read({"model": "m", "messages": shaped, **fields})
    except BadRequestError as error:
        assert error.message


def test_leading_system_messages_are_instructions_and_later_ones_keep_their_place() -> None:
    request = read(
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
                {"role": "user", "content": "Hi"},
                {"role": "developer", "content": "In French."},
            ],
        }
    )
    assert (request.instructions, request.messages) == (
        "Be brief.\n\nBe kind.",
        (user_message("Hi"), UserMessage((Text("In French.", provider_data=own({"role": "developer"})),))),
    )


def test_older_and_foreign_spellings_are_read() -> None:
    request = read(
        {
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}],
            "functions": [{"name": "f", "parameters": None}],
            "function_call": {"name": "f"},
            "max_tokens": 5,
            "random_seed": 0,
            "stop": "END",
            "n": 1,
            "reasoning": {"effort": "low"},
            "response_format": {"type": "json_object"},
            "top_k": 3,
        },
        "mistral",
    )
    assert facts(request)[3:] == (
        [("f", "", {"type": "object", "properties": {}}, None)],
        None,
        Settings(
            max_output_tokens=5,
            seed=0,
            stop=("END",),
            reasoning="low",
            tool_choice="f",
            extra={"mistral": {"response_format": {"type": "json_object"}, "top_k": 3}},
        ),
        False,
    )


def test_tools_that_the_provider_runs_go_on_as_they_are() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}, {"type": "custom", "custom": {}}]
    request = read({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": tools})
    assert [tool.name for tool in request.tools] == ["f"]
    assert json.loads(ChatCodec().encode(request).body)["tools"] == tools


# Histories


def test_a_history_in_openai_s_form_becomes_messages() -> None:
    calls = [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": {"y": 2}}},
        {"id": "c", "type": "function", "function": {"name": "h", "arguments": None}, "extra_content": {"s": 1}},
    ]
    messages = messages_from_chat(
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": None, "tool_calls": calls},
            {"role": "tool", "tool_call_id": "b", "content": "two"},
            {"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "one"}]},
            {"role": "user", "content": [{"type": "text", "text": "And?", "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": "Done.", "refusal": None},
        ]
    )
    assert messages == [
        UserMessage((Text("Be brief.", provider_data=own({"role": "system"})),)),
        user_message("Hi"),
        AssistantMessage(
            (
                ToolCall("a", "f", '{"x":1}', Returned("one")),
                ToolCall("b", "g", '{"y":2}', Returned("two")),
                ToolCall("c", "h", "", Lost(), own({"extra_content": {"s": 1}})),
            ),
            finish="tool_calls",
        ),
        UserMessage((Text("And?", provider_data=own({"cache_control": {"type": "ephemeral"}})),)),
        AssistantMessage((Text("Done."),)),
    ]


def test_objects_of_the_official_client_may_stand_in_a_history() -> None:
    function = {"name": "f", "arguments": "{}"}
    answer = openai.types.chat.ChatCompletionMessage.model_validate(
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": function}]}
    )
    messages = messages_from_chat([answer, {"role": "tool", "tool_call_id": "a", "content": "one"}])
    assert messages == [AssistantMessage((ToolCall("a", "f", "{}", Returned("one")),), finish="tool_calls")]


def test_histories_with_functions_repeated_ids_and_media_are_read() -> None:
    png = {"type": "image_url", "image_url": "data:image/png;base64,iVBORw0KGgo="}
    messages = messages_from_chat(
        [
            {"role": "assistant", "content": "x", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "one"},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "a", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "a", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "one"},
            {"role": "tool", "tool_call_id": "a", "content": [png]},
        ]
    )
    picture = Image(Inline(b"\x89PNG\r\n\x1a\n", "image/png"))
    assert [
        [call.outcome for call in message.calls] for message in messages if isinstance(message, AssistantMessage)
    ] == [
        [Returned("one")],
        [Returned("one"), Returned("", (picture,))],
    ]


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ({"reasoning_content": "hm", "content": "x"}, (Thinking("hm"), Text("x"))),
        (
            {"reasoning_details": [{"text": "hm"}], "content": "x"},
            (Thinking("hm", own({"reasoning_details": [{"text": "hm"}]})), Text("x")),
        ),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "signature": "s"},
                    {"type": "text", "text": "x"},
                    {"type": "refusal", "refusal": "No."},
                ]
            },
            (Thinking("hm", own({"signature": "s"})), Text("x"), Text("No.", True)),
        ),
        ({"content": "", "audio": {"id": "a1"}}, (Text("", provider_data=own({"audio": {"id": "a1"}})),)),
        ({"content": None, "refusal": "No."}, (Text("No.", True),)),
    ],
)
def test_what_an_assistant_said_is_read(message: dict[str, Any], parts: tuple[Any, ...]) -> None:
    (read_message,) = messages_from_chat([{"role": "assistant", **message}])
    assert read_message.parts == parts


def test_parts_of_other_servers_are_read() -> None:
    (message,) = messages_from_chat(
        [
            {
                "role": "user",
                "content": [
                    {"type": "document_url", "document_url": "https://x/y.pdf"},
                    {"type": "video_url", "video_url": {"url": "https://x/y.mp4"}},
                    {"type": "file", "file": {"file_data": "JVBERi0x", "filename": "a.pdf"}},
                    {"type": "weather", "sun": True},
                ],
            }
        ]
    )
    assert message.parts == (
        Document(Remote("https://x/y.pdf")),
        Video(Remote("https://x/y.mp4")),
        Document(Inline(b"%PDF-1", "application/pdf"), "a.pdf"),
        Opaque(own({"type": "weather", "sun": True})),
    )


# Replies


@st.composite
def responses(draw: st.DrawFn) -> Response:
    details = [{"type": "reasoning.encrypted", "data": "x", "index": 0}]
    thinking = draw(st.sampled_from([None, Thinking("hm"), Thinking("hm", own({"reasoning_details": details}))]))
    text, refusal = draw(st.none() | WORDS), draw(st.none() | WORDS)
    names = draw(st.lists(NAMES, max_size=3))
    extra = own({"extra_content": {"signature": "s"}})
    calls = [
        ToolCall(f"c{number}", name, draw(ARGUMENTS), provider_data=draw(st.sampled_from([None, extra])))
        for number, name in enumerate(names)
    ]
    parts = [
        *([thinking] if thinking else []),
        *([Text(text)] if text else []),
        *([Text(refusal, True)] if refusal else []),
        *calls,
    ]
    finish, raw = ("tool_calls", "tool_calls") if calls else ("refusal", "stop") if refusal else ("stop", "stop")
    if draw(st.booleans()):
        finish = raw = draw(st.sampled_from(["length", "content_filter"]))
    usage = Usage(*(draw(st.integers(0, 99)) for _ in range(5)))
    kept = draw(st.sampled_from([{}, {"service_tier": "flex"}, {"citations": ["https://x"], "cost_usd": 0.5}]))
    return Response(AssistantMessage(tuple(parts), draw(NAMES), draw(NAMES), finish, usage), raw, kept)


@given(responses())
@hypothesis_settings(max_examples=150, deadline=None)
def test_the_client_half_reads_what_is_written(response: Response) -> None:
    assert ChatCodec().decode(ChatServer().write(response).body) == response


@given(responses(), st.lists(st.integers(0, 4000), max_size=30))
@hypothesis_settings(max_examples=150, deadline=None)
def test_the_client_half_reads_what_is_streamed_however_it_is_cut(response: Response, cuts: list[int]) -> None:
    writer = ChatServer().stream_writer()
    body = b"".join(writer.write([delta]) for delta in take_apart(response))
    bounds = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    decoder = ChatCodec().decoder()
    pieces = [body[start:end] for start, end in pairwise(bounds)]
    deltas = [delta for piece in pieces for delta in decoder.feed(piece)]
    assert assemble([*deltas, *decoder.finish()]) == response


PLAIN = Response(
    AssistantMessage(
        (Text("Hi"), ToolCall("c0", "f", '{"x":"y"}')), "gpt", "chatcmpl-1", "tool_calls", Usage(3, 1, 0, 2)
    ),
    "tool_calls",
)


def test_replies_and_events_are_openai_s() -> None:
    judge = oracle("oracle_openai")
    assert judge.check_response(json.loads(ChatServer().write(PLAIN).body), "chat/completions") == []
    lines = ChatServer().stream_writer().write(take_apart(PLAIN)).decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]
    assert [problem for event in events for problem in judge.check_event(event, "chat/completions")] == []


def test_signed_thinking_is_written_as_mistral_writes_it() -> None:
    thinking = Thinking("hm", ProviderData("mistral:chat", {"signature": "s"}))
    response = Response(AssistantMessage((thinking, Text("yes")), "m", "r"), "stop")
    codec, server = ChatCodec("mistral"), ChatServer("mistral")
    decoder = codec.decoder()
    deltas = decoder.feed(server.stream_writer().write(take_apart(response)))
    assert codec.decode(server.write(response).body) == response
    assert assemble([*deltas, *decoder.finish()]) == response


def test_finished_parts_without_deltas_are_written_whole() -> None:
    parts = (Thinking("hm"), Text("yes"), Text("No.", True), ToolCall("a", "f", "{}"))
    deltas = [PartFinished(part, index) for index, part in enumerate(parts)]
    body = ChatServer().stream_writer().write([ResponseStarted("r", "m"), *deltas, ResponseFinished("tool_calls")])
    decoder = ChatCodec().decoder()
    assert assemble([*decoder.feed(body), *decoder.finish()]).message.parts == parts


def test_pieces_of_a_call_share_its_number() -> None:
    pieces = [ToolCallDelta("", 3, "a", "f"), ToolCallDelta('{"x"', 3), ToolCallDelta(":1}", 3)]
    body = ChatServer().stream_writer().write([*pieces, AttemptFailed(1, "x", 0.1), ResponseFinished("tool_calls")])
    decoder = ChatCodec().decoder()
    assert assemble([*decoder.feed(body), *decoder.finish()]).calls == (ToolCall("a", "f", '{"x":1}'),)


def test_what_has_no_setting_of_ours_is_kept_as_an_extra_field() -> None:
    fields = {
        "reasoning_effort": "huge",
        "tool_choice": {"type": "allowed_tools"},
        "stream_options": {"include_usage": False},
    }
    request = read({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields})
    assert request.settings == Settings(extra={"openai": fields})


def test_calls_without_an_id_get_one() -> None:
    response = Response(AssistantMessage((ToolCall("", "f", "{}"), ToolCall("", "g", "{}"))))
    assert [call.id for call in ChatCodec().decode(ChatServer().write(response).body).calls] == ["call_0", "call_1"]


def test_each_delta_is_written_when_it_comes() -> None:
    writer = ChatServer().stream_writer()
    told = [writer.write([delta]) for delta in (ResponseStarted("r", "m"), TextDelta("Hi"), ResponseFinished("stop"))]
    assert [piece.count(b"\n\n") for piece in told] == [1, 1, 3]
    assert json.loads(told[1].removeprefix(b"data: "))["choices"][0]["delta"] == {"content": "Hi"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (AuthenticationError, 401),
        (PermissionDeniedError, 403),
        (NotFoundError, 404),
        (ModelNotFoundError, 404),
        (BadRequestError, 400),
        (ContextLengthError, 400),
        (ContentFilteredError, 400),
        (RateLimitError, 429),
        (QuotaExceededError, 429),
        (OverloadedError, 503),
        (DeadlineError, 504),
        (ServerError, 500),
        (ProtocolError, 400),
    ],
)
def test_the_client_half_reads_every_error_that_is_written(kind: type[ExchangeError], status: int) -> None:
    reply = ChatServer().write_error(kind("No.", param="x", request_id="req_1", retry_after_seconds=1.5))
    error = ChatCodec().decode_error(reply.status, dict(reply.headers), reply.body)
    assert (type(error), error.message, error.status, error.param, error.request_id) == (
        kind,
        "No.",
        status,
        "x",
        "req_1",
    )
    assert dict(reply.headers)["retry-after"] == "1.5"


# The official client


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    server = ChatServer()

    def answer(request: httpx.Request) -> httpx.Response:
        read_request = server.read(WireRequest(request.url.path, request.content))
        if read_request.model == "missing":
            reply = server.write_error(ModelNotFoundError("no such model"))
        elif read_request.is_streamed:
            body = server.stream_writer().write(take_apart(PLAIN))
            return httpx.Response(200, content=body, headers={"content-type": "text/event-stream"})
        else:
            reply = server.write(PLAIN)
        return httpx.Response(reply.status, content=reply.body, headers=list(reply.headers))

    http_client = httpx.Client(transport=httpx.MockTransport(answer))
    with openai.OpenAI(api_key="test", base_url="https://example.test/v1", http_client=http_client) as client:
        yield client


def test_the_official_client_reads_our_replies(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "Hi"}])
    choice = completion.choices[0]
    assert (choice.message.content, choice.finish_reason, completion.usage and completion.usage.total_tokens) == (
        "Hi", "tool_calls", 6,
    )  # fmt: skip
    assert [call.function.name for call in choice.message.tool_calls or [] if call.type == "function"] == ["f"]


def test_the_official_client_reads_our_streams(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(model="gpt", messages=[{"role": "user", "content": "Hi"}], stream=True)
    )
    pieces = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(piece.content or "" for piece in pieces) == "Hi"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 4


def test_the_official_client_reads_our_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no such model"):
        client.chat.completions.create(model="missing", messages=[{"role": "user", "content": "Hi"}])
