"""Bedrock's Mantle: OpenAI's formats at addresses of AWS, with a key of Bedrock or signed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conformance.recordings import Recorded, exchanges
from providers.aws.test_bedrock_provider import Answering
from shared import needs_shared

from agentkit.agent import Agent
from agentkit.assemble import assemble
from agentkit.errors import UnsupportedError
from agentkit.providers import model
from agentkit.providers.aws.signing import Credentials
from agentkit.remote import RemoteModel
from agentkit.settings import Settings

KEYS = Credentials("AKIDCANARY", "canary-secret")
REGION = "us-east-1"


def recorded() -> list[Recorded]:
    return [
        one for api in ("responses", "chat_completions") for one in exchanges(api) if one.provider == "bedrock_mantle"
    ]


def asked(id: str, **more: Any) -> RemoteModel:
    made = model(f"bedrock-mantle:{id}", region=REGION, **({"credentials": KEYS} | more))
    assert isinstance(made, RemoteModel)
    return made


@needs_shared
def test_every_recorded_request_went_where_we_send_it_and_its_reply_is_read() -> None:
    found = recorded()
    for one in found:
        made = asked((one.sent or {})["model"])
        path = "/responses" if made.identity.api == "responses" else "/chat/completions"
        assert made.endpoint.base_url + path == f"https://{one.request['host']}{one.request['path']}", one.id
        decoder = made.codec.decoder()
        if one.is_streamed:
            text = assemble([*decoder.feed(one.body), *decoder.finish()]).text
        else:
            text = made.codec.decode(one.body).text
        assert text == one.expect["text"], one.id
    print(f"bedrock, Mantle: {len(found)} of {len(found)} replies")
    assert len(found) == 12


def test_the_route_and_the_format_are_told_by_the_model() -> None:
    def place(id: str) -> tuple[str, str]:
        made = asked(id)
        return made.endpoint.base_url.partition("api.aws")[2], made.identity.api

    assert place("openai.gpt-5.5") == ("/openai/v1", "responses")
    assert place("openai.gpt-oss-120b") == ("/v1", "responses")
    assert place("openai.gpt-oss-safeguard-20b") == ("/v1", "chat_completions")
    assert place("qwen.qwen3-coder-480b-a35b-instruct") == ("/v1", "chat_completions")
    with pytest.raises(UnsupportedError, match=r"speaks OpenAI's formats; ask bedrock:anthropic.claude-x"):
        asked("anthropic.claude-x")


def test_another_address_is_taken_as_it_is_or_with_the_route_behind_it() -> None:
    assert asked("openai.gpt-5.5", base_url="http://localhost:9/").endpoint.base_url == "http://localhost:9/openai/v1"
    assert asked("openai.gpt-5.5", base_url="http://localhost:9/v1").endpoint.base_url == "http://localhost:9/v1"


@pytest.mark.anyio
async def test_a_run_is_signed_for_mantle_or_carries_the_key_and_keeps_nothing() -> None:
    reply: dict[str, Any] = {
        "id": "resp_1", "object": "response", "status": "completed", "model": "openai.gpt-5.5",
        "output": [{"type": "message", "id": "m", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}],
        "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4},
    }  # fmt: skip
    transport = Answering([(200, reply)])
    quiet = Settings(retain=False)
    for more in ({"credentials": KEYS}, {"credentials": None, "api_key": "bedrock-canary"}):
        made = asked("openai.gpt-5.5", transport=transport, settings=quiet, **more)
        assert (await Agent(made).run("Hi")).output == "Hello"
    signed, keyed = (dict(sent.headers)["authorization"] for sent in transport.sent)
    assert "/us-east-1/bedrock-mantle/aws4_request" in signed
    assert keyed == "Bearer bedrock-canary"
    assert [json.loads(sent.body)["store"] for sent in transport.sent] == [False, False]
