"""Recorded Chat Completions traffic: answers are read as independent readers do, requests keep their meaning."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from typing import Any

import pytest
from conformance.recordings import Recorded, exchanges
from shared import needs_shared, oracle

from agentkit.assemble import assemble, take_apart
from agentkit.codec import WireRequest
from agentkit.errors import BadRequestError, ExchangeError
from agentkit.exchange import Response
from agentkit.providers.openai.chat import ChatCodec, ChatRules
from agentkit.providers.openai.chat_server import ChatServer

pytestmark = [needs_shared, pytest.mark.slow]

ALL = exchanges("chat_completions")
ANSWERS = [recorded for recorded in ALL if recorded.status == 200]
STREAMS = [recorded for recorded in ANSWERS if recorded.is_streamed]
REFUSED = [recorded for recorded in ALL if recorded.status != 200]
SENT = [recorded for recorded in ALL if recorded.sent is not None]

READS_MORE_THINKING = {
    "snowflake/pai-models-test_snowflake-test_snowflake_thinking.json#0",
    "snowflake/pai-models-test_snowflake-test_snowflake_thinking_streaming.json#0",
}
"""Thinking stands in `reasoning_details` alone; the independent reader looks at `reasoning` and `reasoning_content`."""

RULES = {
    "mistral": ChatRules(reasoning_field="chunks", document_part="document_url"),
    "openrouter": ChatRules(reasoning_field="reasoning_details", reasoning_setting="reasoning", video_url=True),
    "snowflake": ChatRules(reasoning_field="reasoning_details", reasoning_setting="reasoning"),
    "deepseek": ChatRules(reasoning_field="reasoning_content"),
}


def codec_of(recorded: Recorded) -> ChatCodec:
    return ChatCodec(recorded.provider, rules=RULES.get(recorded.provider, ChatRules()))


def report(what: str, found: list[Recorded], wrong: dict[str, Any]) -> None:
    """Print N of N for each provider, then fail on the first faults."""
    whole = Counter(recorded.provider for recorded in found)
    faults = Counter(recorded.provider for recorded in found if recorded.id in wrong)
    shown = ", ".join(f"{name} {count - faults[name]} of {count}" for name, count in sorted(whole.items()))
    print(f"{what}: {len(found) - len(wrong)} of {len(found)} ({shown})")
    assert dict(list(wrong.items())[:5]) == {}


# Answers


def decoded(recorded: Recorded, pieces: list[bytes] | None = None) -> Response:
    if not recorded.is_streamed:
        return codec_of(recorded).decode(recorded.body)
    decoder = codec_of(recorded).decoder()
    deltas = [delta for piece in pieces or [recorded.body] for delta in decoder.feed(piece)]
    return assemble([*deltas, *decoder.finish()])


def arguments_of(text: str) -> Any:
    try:
        return json.loads(text or "{}") or {}
    except ValueError:
        return text


def counted(response: Response) -> tuple[int, int, int, int]:
    usage = response.usage
    return usage.total_input, usage.total_output, usage.cache_read, usage.reasoning


def expected_usage(raw: dict[str, Any]) -> tuple[int, int, int, int]:
    """Tokens in and out, and of them cached and thinking, as the provider counts them."""
    prompt, completion, total = (raw.get(f"{name}_tokens") or 0 for name in ("prompt", "completion", "total"))
    cached = (raw.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    cached = cached or raw.get("prompt_cache_hit_tokens") or raw.get("num_cached_tokens") or 0  # DeepSeek, Mistral
    details = raw.get("completion_tokens_details") or {}
    thinking = details.get("reasoning_tokens") or raw.get("reasoning_tokens") or 0
    if cached > prompt:
        prompt += cached  # Grok at Azure counts them apart
    if thinking and total == prompt + completion + thinking:
        completion += thinking  # so does xAI with thinking
    return prompt, completion, cached, min(thinking, completion)


def differences(recorded: Recorded, response: Response) -> dict[str, tuple[Any, Any]]:
    expect, message = recorded.expect, response.message
    pairs: dict[str, tuple[Any, Any]] = {
        "text": (response.text, expect["text"]),
        "thinking": (message.thinking, expect.get("reasoning_text", "")),
        "refusal": (message.refusal, expect.get("refusal", "")),
        "finish": (response.finish_raw, expect["stop_reason_raw"] or ""),
        "model": (message.model, expect["model_raw"] or ""),
        "id": (message.response_id, expect.get("response_id") or ""),
        "calls": (
            [(call.id, call.name, arguments_of(call.arguments)) for call in response.calls],
            [
                (
                    call.get("id") or "",
                    call["name"],
                    arguments_of(call.get("arguments_raw", json.dumps(call["arguments"]))),
                )
                for call in expect["tool_calls"]
            ],
        ),
        "usage": (counted(response), expected_usage(expect.get("usage_raw") or {})),
        "finish with calls": (response.calls != () and response.finish == "stop", False),
    }
    if recorded.id in READS_MORE_THINKING:
        del pairs["thinking"]
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def error_differences(recorded: Recorded, error: ExchangeError, expect: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    said = " ".join(str(expect["message"]).split())
    if "*" in said:  # a key that the provider masked in part is not shown at all
        said = re.sub(r"(?<![\w.-])[\w.-]*\*{3,}[\w*.-]*", "[key]", said)
    pairs: dict[str, tuple[Any, Any]] = {
        "message": (error.message, said),
        "code": (error.code, str(expect["code"]) if expect.get("code") is not None else None),
        "type": (error.error_type, expect.get("type")),
        "param": (error.param, expect.get("param")),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def test_every_answer_is_read_as_independent_readers_read_it() -> None:
    wrong: dict[str, Any] = {}
    for recorded in ANSWERS:
        try:
            found = differences(recorded, decoded(recorded))
        except ExchangeError as error:
            expect = recorded.expect.get("error")
            found = error_differences(recorded, error, expect) if expect else {"raised": error}
        if found:
            wrong[recorded.id] = found
    report("answers", ANSWERS, wrong)


def test_every_error_reply_becomes_a_typed_error() -> None:
    wrong: dict[str, Any] = {}
    for recorded in REFUSED:
        error = codec_of(recorded).decode_error(recorded.status, recorded.response["headers"], recorded.body)
        found = error_differences(recorded, error, recorded.expect)
        if found or type(error) is ExchangeError:
            wrong[recorded.id] = found
    report("errors", REFUSED, wrong)


def outcome_of(recorded: Recorded, pieces: list[bytes]) -> Response | str:
    try:
        return decoded(recorded, pieces)
    except ExchangeError as error:
        return repr(error)


def test_every_stream_is_the_same_however_it_is_cut() -> None:
    wrong: dict[str, Any] = {}
    chance = random.Random(7)
    for recorded in STREAMS:
        body, whole = recorded.body, outcome_of(recorded, [recorded.body])
        for count in (1, 3, 10, 100, 1000):
            cuts = sorted(chance.sample(range(1, len(body)), min(count, len(body) - 1)))
            pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
            if outcome_of(recorded, pieces) != whole:
                wrong[recorded.id] = cuts
    report("streams cut at random", STREAMS, wrong)


def test_a_sample_of_streams_is_the_same_cut_at_every_byte() -> None:
    sample: dict[str, list[Recorded]] = {}  # provider -> its shortest streams
    for recorded in sorted(STREAMS, key=lambda recorded: len(recorded.body)):
        sample.setdefault(recorded.provider, []).append(recorded)
    for recorded in [recorded for streams in sample.values() for recorded in streams[:3]]:
        body, whole = recorded.body, outcome_of(recorded, [recorded.body])
        assert outcome_of(recorded, [body[at : at + 1] for at in range(len(body))]) == whole, recorded.id
        step = max(1, len(body) // 200)
        for at in range(1, len(body), step):
            assert outcome_of(recorded, [body[:at], body[at:]]) == whole, (recorded.id, at)


def test_an_answer_written_by_our_server_reads_the_same() -> None:
    wrong: dict[str, Any] = {}
    for recorded in ANSWERS:
        if "error" in recorded.expect or any(not call.get("id") for call in recorded.expect["tool_calls"]):
            continue  # the server gives every call an id
        response = decoded(recorded)
        server = ChatServer(recorded.provider)
        written = codec_of(recorded).decode(server.write(response).body)
        decoder = codec_of(recorded).decoder()
        deltas = decoder.feed(server.stream_writer().write(take_apart(response)))
        streamed = assemble([*deltas, *decoder.finish()])
        if not said(written) == said(streamed) == said(response):
            wrong[recorded.id] = (written, streamed, response)
    report("answers written again", ANSWERS, wrong)


def said(response: Response) -> Any:
    message = response.message
    return (message.text, message.refusal, message.thinking, message.calls, message.usage, response.finish)


# Requests

ACCEPTED_EXTENSIONS: dict[str, str] = {
    r"^\$: unknown key '(thinking|enable_thinking|clear_thinking|reasoning|reasoning_format|search_settings|provider|"
    r"top_k|plugins|prompt_cache_key)'$": "a field of that server, recorded in the request and kept as an extra field",
    r"^\$\.messages\[\d+\]: unknown key '(reasoning_content|reasoning_details)'$": "thinking that goes back",
    r"content\[\d+\]: unknown key 'cache_control'$": "OpenRouter's mark of a cached prefix",
    r"^\$\.messages\[\d+\]\.content\[\d+\](\.type: '(thinking|document_url|video_url)' is not one of \['text'\]"
    r"|: 'text' is a required property|: unknown key '(thinking|document_url|video_url)')$": "parts of other servers",
    r"^\$\.service_tier: 'on_demand'": "Groq's own tier",
    r"^\$\.response_format(\.type: 'json' is not|: unknown key 'value')": "Hugging Face's older form",
    r"^\$\.tools\[\d+\]": "tools that OpenRouter runs itself",
}
"""What the oracle of OpenAI refuses and the recorded server took, from servers other than OpenAI."""

UNREADABLE = {
    "huggingface/hfhub-TestInferenceClient.test_chat_completion_unprocessable_entity-cfd96fca.json#0",
    "huggingface/hfhub-TestInferenceClient.test_chat_completion_unprocessable_entity.json#0",
}
"""Their `messages` is a text: the client's fault, and refused by the recorded server too."""


def written_again(recorded: Recorded) -> dict[str, Any]:
    wire = WireRequest("/chat/completions", json.dumps(recorded.sent).encode())
    request = ChatServer(recorded.provider).read(wire)
    return json.loads(codec_of(recorded).encode(request).body)


def refusals(recorded: Recorded, body: dict[str, Any]) -> list[str]:
    problems = oracle("oracle_openai").check(body, "chat/completions")
    if recorded.provider == "openai":
        return problems
    return [problem for problem in problems if not any(re.search(known, problem) for known in ACCEPTED_EXTENSIONS)]


def test_every_recorded_request_is_read_and_written_again() -> None:
    wrong: dict[str, Any] = {}
    for recorded in SENT:
        if recorded.id in UNREADABLE:
            with pytest.raises(BadRequestError, match="messages has to be a list"):
                written_again(recorded)
            continue
        body = written_again(recorded)
        found = {"oracle": refusals(recorded, body), "meaning": changes(recorded.sent or {}, body)}
        if any(found.values()):
            wrong[recorded.id] = found
    report("requests", SENT, wrong)


def changes(sent: dict[str, Any], again: dict[str, Any]) -> dict[str, Any]:
    one, other = meaning(sent), meaning(again)
    return {key: (one.get(key), other.get(key)) for key in one | other if one.get(key) != other.get(key)}


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """What a request means, whatever way it is put.

    Leading system messages are one text, neighbouring user messages are one, call ids are positions, results stand in
    the order of their calls, limits have their newer name, defaults that were spelled out are left out.
    """
    body = {key: value for key, value in body.items() if value is not None}
    tools = [tool.get("function", tool) for tool in body.pop("tools", [])] + body.pop("functions", [])
    choice = body.pop("tool_choice", None) or body.pop("function_call", None)
    if isinstance(choice, dict):
        choice = (choice.get("function") or choice).get("name", choice)
    format = body.pop("response_format", None) or {"type": "text"}
    limit = body.pop("max_completion_tokens", None) or body.pop("max_tokens", None)
    if body.get("n") == 1:
        del body["n"]
    if not body.get("stream"):
        body.pop("stream", None)
    body.pop("stream_options", None)
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    if effort := (body.get("reasoning") or {}).get("effort") if isinstance(body.get("reasoning"), dict) else None:
        body["reasoning_effort"] = effort
        del body["reasoning"]
    if not body.get("stop"):
        body.pop("stop", None)
    return {
        **body,
        "messages": conversation(body["messages"]),
        "tools": [(tool.get("name"), tool.get("description") or "") for tool in tools],
        "choice": "required" if choice == "any" else choice,
        "format": (format["type"], (format.get("json_schema") or {}).get("name")),
        "limit": limit,
    }


def conversation(messages: list[dict[str, Any]]) -> list[Any]:
    turns: list[Any] = []
    ids: list[str] = []  # of the latest assistant message
    results: dict[int, Any] = {}
    for message in messages:
        role, content = message["role"], message.get("content")
        if role in ("system", "developer"):
            role = "system"
        if role in ("tool", "function"):
            id = message.get("tool_call_id")
            number = next(n for n, known in enumerate(ids) if n not in results and id in (known, None))
            results[number] = spoken(content)
            continue
        turns += told(results)
        results = {}
        if role == "assistant":
            calls = list(message.get("tool_calls") or [])
            if function := message.get("function_call"):
                calls.append({"id": "", "function": function})
            ids = [call.get("id") or "" for call in calls]
            made = [(call["function"]["name"], arguments_of(call["function"]["arguments"])) for call in calls]
            if made or spoken(content) != ("", []) or message.get("refusal"):
                turns.append((role, spoken(content), message.get("refusal") or "", made))
            continue
        if turns and turns[-1][0] == role and role in ("user", "system"):
            text, media = turns[-1][1]
            more, more_media = spoken(content)
            turns[-1] = (role, (text + more, media + more_media))
        else:
            turns.append((role, spoken(content)))
    return turns + told(results)


def told(results: dict[int, Any]) -> list[Any]:
    """Results of calls in their order, and the media among them as the user's, since tool messages hold text."""
    if not results:
        return []
    media = [medium for number in sorted(results) for medium in results[number][1]]
    return [[results[number][0] for number in sorted(results)]] + ([("user", ("", media))] if media else [])


RESULT_TITLE = re.compile(r"Returned by \S+ \(\S+\):")
"""Stands before the media of a result that we moved into a user message."""


def spoken(content: Any) -> tuple[str, list[Any]]:
    """The words without white space, and everything else."""
    if not isinstance(content, list):
        return "".join((content or "").split()), []
    parts = [{key: value for key, value in part.items() if value is not None} for part in content]
    text = "".join(
        part["text"] for part in parts if part["type"] == "text" and not RESULT_TITLE.fullmatch(part["text"])
    )
    media = [part for part in parts if part["type"] != "text"]
    for part in media:
        if isinstance(part.get("image_url"), str):  # Mistral takes the address bare
            part["image_url"] = {"url": part["image_url"]}
    return "".join(text.split()), media
