"""Earlier calls with numbers that llama.cpp cannot read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agentkit.exchange import Request
from agentkit.messages import AssistantMessage, Returned, Text, ToolCall, user_message
from agentkit.providers.llamacpp.history import readable
from agentkit.providers.llamacpp.model import LlamaCppModel
from agentkit.providers.llamacpp.options import ServerOptions
from agentkit.settings import Settings

LARGEST = "1.7976931348623157e308"


def called(*arguments: str) -> AssistantMessage:
    return AssistantMessage(
        (Text("so"), *(ToolCall(f"c{index}", "add", text, Returned("1")) for index, text in enumerate(arguments)))
    )


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"a":6e6658,"b":-1E+400}', f'{{"a":{LARGEST},"b":-{LARGEST}}}'),
        (f'{{"a":{"9" * 400}}}', f'{{"a":{LARGEST}}}'),
        ('{"a":"6e6658","b":["\\"1e999",1e999]}', f'{{"a":"6e6658","b":["\\"1e999",{LARGEST}]}}'),
        ('{"a":1e-999,"b":1e308}', '{"a":1e-999,"b":1e308}'),
    ],
)
def test_numbers_too_large_become_the_largest(arguments: str, sent: str) -> None:
    before = (user_message("hi"), called("{}"), called('{"a":1}', arguments))
    assert readable(before) == (before[0], before[1], called('{"a":1}', sent))


def test_a_conversation_without_such_numbers_stays_the_same_object() -> None:
    before = (user_message("1e999"), called('{"a":1e5}', "{}"))
    assert readable(before) is before


@pytest.mark.anyio
@pytest.mark.usefixtures("no_server_is_left")
async def test_the_server_goes_on_after_a_number_too_large(tiny: Path) -> None:
    model = LlamaCppModel(tiny, ServerOptions(threads=1), settings=Settings(max_output_tokens=20, seed=1))
    request = Request(model="", messages=(user_message("hi"), called('{"a":6e6658}'), user_message("go on")))
    response = await model.respond(request)
    assert response.attempts == 1
    assert (await model.respond(replace(request, is_streamed=True))).attempts == 1
