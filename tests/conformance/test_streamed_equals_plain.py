"""The same reply, whole or streamed in any pieces and cut anywhere, decodes to the same Response, in every format.

The replies are written here, as the providers' documentation has them, and not by our server halves.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from conformance.formats import CONVERSE, FORMATS
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agentkit.assemble import assemble
from agentkit.codec import Codec
from agentkit.exchange import Response
from agentkit.providers.aws.event_stream import encode_frame
from agentkit.usage import Usage

MODEL = "model-1"
Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    id: str
    name: str
    pieces: tuple[str, ...]
    """Its arguments, JSON text of an object, in pieces."""

    @property
    def arguments(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True)
class Reply:
    """What a model said, in the pieces in which it is streamed."""

    thinking: tuple[str, ...]
    text: tuple[str, ...]
    calls: tuple[Call, ...]
    is_cut: bool
    usage: Usage


def pieces(words: str, cuts: Iterable[int]) -> tuple[str, ...]:
    edges = sorted({0, len(words), *(cut % (len(words) + 1) for cut in cuts)})
    return tuple(words[start:end] for start, end in pairwise(edges))


words = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
some_cuts = st.lists(st.integers(0, 60), max_size=5)
in_pieces = st.builds(pieces, words, some_cuts)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)
arguments = st.dictionaries(words, values, max_size=3).map(lambda value: json.dumps(value, ensure_ascii=False))


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    names = draw(st.lists(st.sampled_from(["look", "get_weather"]), max_size=3))
    calls = [Call(f"call_{at}", name, pieces(draw(arguments), draw(some_cuts))) for at, name in enumerate(names)]
    thinking, text = draw(st.just(()) | in_pieces), draw(st.just(()) | in_pieces)
    if not (text or calls):
        text = draw(in_pieces)
    counts = [draw(st.integers(0, 1000)) for _ in range(4)]
    return Reply(
        thinking, text, tuple(calls), not calls and draw(st.booleans()), Usage(counts[0], counts[1], 0, *counts[2:])
    )


def events(found: Iterable[Json], *, is_named: bool = True) -> bytes:
    named = ((f"event: {event['type']}\n" if is_named else "", event) for event in found)
    return "".join(f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n" for name, event in named).encode()


def dumped(value: Json) -> bytes:
    return json.dumps(value).encode()


def chat_plain(reply: Reply) -> bytes:
    message: Json = {"role": "assistant", "content": "".join(reply.text) or None}
    if reply.thinking:
        message["reasoning_content"] = "".join(reply.thinking)
    if reply.calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in reply.calls
        ]
    choice = {"index": 0, "message": message, "finish_reason": chat_finish(reply)}
    body = {"id": "resp_1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": [choice]}
    return dumped({**body, "usage": chat_usage(reply.usage)})


def chat_finish(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "length" if reply.is_cut else "stop"


def chat_usage(usage: Usage) -> Json:
    return {
        "prompt_tokens": usage.input + usage.cache_read,
        "completion_tokens": usage.output + usage.reasoning,
        "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def chat_streamed(reply: Reply) -> bytes:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": piece} for piece in reply.thinking]
    deltas += [{"content": piece} for piece in reply.text]
    for at, call in enumerate(reply.calls):
        begun = {"index": at, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        deltas.append({"tool_calls": [begun]})
        deltas += [{"tool_calls": [{"index": at, "function": {"arguments": piece}}]} for piece in call.pieces]
    base = {"id": "resp_1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": chat_finish(reply)}]})
    chunks.append({**base, "choices": [], "usage": chat_usage(reply.usage)})
    return events(chunks, is_named=False) + b"data: [DONE]\n\n"


def responses_items(reply: Reply) -> Iterator[tuple[Json, Json, list[Json]]]:
    """Each output item as it begins, as it ends, and the events between."""
    if reply.thinking:
        text = "".join(reply.thinking)
        item: Json = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
        part = {"type": "summary_text", "text": text}
        at = {"item_id": "rs_1", "summary_index": 0}
        yield (
            item,
            {**item, "summary": [part]},
            [
                {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}},
                *({"type": "response.reasoning_summary_text.delta", **at, "delta": piece} for piece in reply.thinking),
                {"type": "response.reasoning_summary_text.done", **at, "text": text},
                {"type": "response.reasoning_summary_part.done", **at, "part": part},
            ],
        )
    if reply.text:
        text = "".join(reply.text)
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "in_progress", "content": []}
        part = {"type": "output_text", "text": text, "annotations": []}
        at = {"item_id": "msg_1", "content_index": 0}
        yield (
            item,
            {**item, "status": "completed", "content": [part]},
            [
                {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
                *({"type": "response.output_text.delta", **at, "delta": piece} for piece in reply.text),
                {"type": "response.output_text.done", **at, "text": text},
                {"type": "response.content_part.done", **at, "part": part},
            ],
        )
    for number, call in enumerate(reply.calls):
        id = f"fc_{number}"
        item = {"type": "function_call", "id": id, "call_id": call.id, "name": call.name, "status": "in_progress"}
        done = {"type": "response.function_call_arguments.done", "item_id": id, "arguments": call.arguments}
        yield (
            {**item, "arguments": ""},
            {**item, "status": "completed", "arguments": call.arguments},
            [
                *(
                    {"type": "response.function_call_arguments.delta", "item_id": id, "delta": piece}
                    for piece in call.pieces
                ),
                done,
            ],
        )


def responses_body(reply: Reply) -> Json:
    usage = reply.usage
    status: Json = {"status": "completed"}
    if reply.is_cut:
        status = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": MODEL, **status,
        "output": [done for _, done, _ in responses_items(reply)],
        "usage": {
            "input_tokens": usage.input + usage.cache_read, "output_tokens": usage.output + usage.reasoning,
            "total_tokens": usage.total, "input_tokens_details": {"cached_tokens": usage.cache_read},
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        },
    }  # fmt: skip


def responses_plain(reply: Reply) -> bytes:
    return dumped(responses_body(reply))


def responses_streamed(reply: Reply) -> bytes:
    whole = responses_body(reply)
    found: list[Json] = [
        {"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}}
    ]
    for at, (begun, done, between) in enumerate(responses_items(reply)):
        found.append({"type": "response.output_item.added", "output_index": at, "item": begun})
        found += [{**event, "output_index": at} for event in between]
        found.append({"type": "response.output_item.done", "output_index": at, "item": done})
    found.append({"type": "response.incomplete" if reply.is_cut else "response.completed", "response": whole})
    return events({**event, "sequence_number": number} for number, event in enumerate(found))


def claude_blocks(reply: Reply) -> Iterator[tuple[Json, Json, list[Json]]]:
    """Each block as it begins, whole, and its deltas."""
    if reply.thinking:
        block: Json = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": piece} for piece in reply.thinking]
        deltas.append({"type": "signature_delta", "signature": "c2ln"})
        yield block, {**block, "thinking": "".join(reply.thinking), "signature": "c2ln"}, deltas
    if reply.text:
        block = {"type": "text", "text": ""}
        yield block, {**block, "text": "".join(reply.text)}, [{"type": "text_delta", "text": p} for p in reply.text]
    for call in reply.calls:
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *call.pieces)]
        yield block, {**block, "input": json.loads(call.arguments)}, deltas


def claude_stop(reply: Reply) -> Json:
    reason = "tool_use" if reply.calls else "max_tokens" if reply.is_cut else "end_turn"
    return {"stop_reason": reason, "stop_sequence": None}


def claude_usage(usage: Usage) -> Json:
    thought = {"output_tokens_details": {"thinking_tokens": usage.reasoning}}
    read = {"cache_read_input_tokens": usage.cache_read, "cache_creation_input_tokens": 0}
    return {"input_tokens": usage.input, **read, "output_tokens": usage.output + usage.reasoning, **thought}


def claude_plain(reply: Reply) -> bytes:
    body = {"id": "resp_1", "type": "message", "role": "assistant", "model": MODEL}
    content = [whole for _, whole, _ in claude_blocks(reply)]
    return dumped({**body, "content": content, **claude_stop(reply), "usage": claude_usage(reply.usage)})


def claude_streamed(reply: Reply) -> bytes:
    usage = claude_usage(reply.usage)
    message = {"id": "resp_1", "type": "message", "role": "assistant", "model": MODEL, "content": []}
    begun = {**message, "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    found: list[Json] = [{"type": "message_start", "message": begun}, {"type": "ping"}]
    for at, (begun_block, _, deltas) in enumerate(claude_blocks(reply)):
        found.append({"type": "content_block_start", "index": at, "content_block": begun_block})
        found += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
        found.append({"type": "content_block_stop", "index": at})
    found.append({"type": "message_delta", "delta": claude_stop(reply), "usage": usage})
    return events([*found, {"type": "message_stop"}])


def gemini_chunk(parts: list[Json], **more: Any) -> Json:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    return {"candidates": [{**candidate, **more}], "modelVersion": MODEL, "responseId": "resp_1"}


def gemini_calls(reply: Reply) -> list[Json]:
    signed: Json = {"thoughtSignature": "c2ln"}
    calls = [{"id": call.id, "name": call.name, "args": json.loads(call.arguments)} for call in reply.calls]
    return [{"functionCall": call, **({} if at else signed)} for at, call in enumerate(calls)]


def gemini_end(reply: Reply) -> Json:
    usage = reply.usage
    counts = {
        "promptTokenCount": usage.input + usage.cache_read, "cachedContentTokenCount": usage.cache_read,
        "candidatesTokenCount": usage.output, "thoughtsTokenCount": usage.reasoning, "totalTokenCount": usage.total,
    }  # fmt: skip
    return {"usageMetadata": counts}


def gemini_plain(reply: Reply) -> bytes:
    parts: list[Json] = [{"text": "".join(reply.thinking), "thought": True}] if reply.thinking else []
    parts += [{"text": "".join(reply.text)}] if reply.text else []
    reason = "MAX_TOKENS" if reply.is_cut else "STOP"
    return dumped({**gemini_chunk([*parts, *gemini_calls(reply)], finishReason=reason), **gemini_end(reply)})


def gemini_streamed(reply: Reply) -> bytes:
    chunks = [gemini_chunk([{"text": piece, "thought": True}]) for piece in reply.thinking]
    chunks += [gemini_chunk([{"text": piece}]) for piece in reply.text]
    chunks += [gemini_chunk([call]) for call in gemini_calls(reply)]
    chunks[-1]["candidates"][0]["finishReason"] = "MAX_TOKENS" if reply.is_cut else "STOP"
    chunks[-1] |= gemini_end(reply)
    return events(chunks, is_named=False)


def bedrock_usage(usage: Usage) -> Json:
    counts = {"inputTokens": usage.input, "outputTokens": usage.output + usage.reasoning, "totalTokens": usage.total}
    return {**counts, "cacheReadInputTokens": usage.cache_read, "cacheWriteInputTokens": 0}


def bedrock_reason(reply: Reply) -> str:
    return "tool_use" if reply.calls else "max_tokens" if reply.is_cut else "end_turn"


def bedrock_plain(reply: Reply) -> bytes:
    thought = {"text": "".join(reply.thinking), "signature": "c2ln"}
    content: list[Json] = [{"reasoningContent": {"reasoningText": thought}}] if reply.thinking else []
    content += [{"text": "".join(reply.text)}] if reply.text else []
    content += [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": json.loads(call.arguments)}}
        for call in reply.calls
    ]
    output = {"message": {"role": "assistant", "content": content}}
    ended = {"stopReason": bedrock_reason(reply), "usage": bedrock_usage(reply.usage), "metrics": {"latencyMs": 1}}
    return dumped({"output": output, **ended})


def bedrock_streamed(reply: Reply) -> bytes:
    found: list[tuple[str, Json]] = [("messageStart", {"role": "assistant"})]
    blocks: list[list[Json]] = []
    if reply.thinking:
        told: list[Json] = [{"text": piece} for piece in reply.thinking]
        blocks.append([{"reasoningContent": piece} for piece in (*told, {"signature": "c2ln"})])
    if reply.text:
        blocks.append([{"text": piece} for piece in reply.text])
    blocks += [[{"toolUse": {"input": piece}} for piece in ("", *call.pieces)] for call in reply.calls]
    for at, deltas in enumerate(blocks):
        if "toolUse" in deltas[0]:
            call = reply.calls[at - len(blocks)]
            start = {"toolUse": {"toolUseId": call.id, "name": call.name}}
            found.append(("contentBlockStart", {"contentBlockIndex": at, "start": start}))
        found += [("contentBlockDelta", {"contentBlockIndex": at, "delta": delta, "p": "abc"}) for delta in deltas]
        found.append(("contentBlockStop", {"contentBlockIndex": at}))
    found.append(("messageStop", {"stopReason": bedrock_reason(reply)}))
    found.append(("metadata", {"usage": bedrock_usage(reply.usage), "metrics": {"latencyMs": 1}}))
    return b"".join(
        encode_frame(((":event-type", name), (":message-type", "event")), dumped(event)) for name, event in found
    )


WRITERS: dict[str, tuple[Callable[[Reply], bytes], Callable[[Reply], bytes]]] = {
    "chat_completions": (chat_plain, chat_streamed),
    "responses": (responses_plain, responses_streamed),
    "messages": (claude_plain, claude_streamed),
    "generate_content": (gemini_plain, gemini_streamed),
    "converse": (bedrock_plain, bedrock_streamed),
}


def streamed(codec: Codec, stream: bytes, cuts: Iterable[int]) -> Response:
    decoder = codec.decoder()
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    deltas = [delta for start, end in pairwise(edges) for delta in decoder.feed(stream[start:end])]
    return assemble([*deltas, *decoder.finish()])


@pytest.mark.parametrize("format", (*FORMATS, CONVERSE), ids=str)
@given(reply=replies(), cuts=st.lists(st.integers(0, 5000), max_size=12))
@hypothesis_settings(max_examples=200, deadline=None)
def test_whole_and_streamed_replies_are_equal(format: Any, reply: Reply, cuts: list[int]) -> None:
    plain, stream = WRITERS[format.name]
    codec = format.make_codec()
    response = codec.decode(plain(reply))
    message = response.message
    assert streamed(codec, stream(reply), cuts) == response
    assert (message.text, message.thinking) == ("".join(reply.text), "".join(reply.thinking))
    assert [(call.id, call.name, json.loads(call.arguments)) for call in message.calls] == [
        (call.id, call.name, json.loads(call.arguments)) for call in reply.calls
    ]
    used, told = message.usage, reply.usage
    assert (used.total_input, used.cache_read, used.total_output) == (
        told.total_input,
        told.cache_read,
        told.total_output,
    )
    assert used == told or format is CONVERSE  # which does not count thinking apart
    assert message.finish == ("tool_calls" if reply.calls else "length" if reply.is_cut else "stop")
