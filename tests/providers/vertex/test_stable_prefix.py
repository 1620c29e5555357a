"""What was sent before stays byte for byte where others serve a format too, so that their caches hit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import anyio
import pytest
from conformance.formats import FORMATS, Format
from conformance.test_stable_prefix import STEPS, agent_of, around, replies
from conformance.wires import InTurn

from agentkit.providers.anthropic.hosting import VERTEX as CLAUDE
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.compatible import COMPATIBLE
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.google.service_rules import VERTEX as GEMINI
from agentkit.providers.openai.chat import ChatCodec

HUGGING_FACE = next(row.rules for row in COMPATIBLE if row.name == "huggingface")
assert HUGGING_FACE is not None
RULES = HUGGING_FACE

BY_NAME = {format.name: format for format in FORMATS}
SERVED = (
    replace(BY_NAME["messages"], make_codec=lambda: MessagesCodec("anthropic", hosting=CLAUDE)),
    replace(BY_NAME["generate_content"], make_codec=lambda: GenerateContentCodec("google", rules=GEMINI)),
    replace(BY_NAME["chat_completions"], make_codec=lambda: ChatCodec("openai", rules=RULES)),
)


@pytest.mark.parametrize("format", SERVED, ids=["claude on vertex", "gemini on vertex", "hugging face"])
def test_what_was_sent_before_stays_byte_for_byte(format: Format) -> None:
    transport = InTurn(replies(format))
    result = anyio.run(agent_of(format, transport).run, "Look twenty times.")
    assert (result.output, len(transport.sent)) == ("Done.", STEPS)
    sent = [around(format, request.body) for request in transport.sent]
    for (before, said, behind), (later_before, later_said, later_behind) in pairwise(sent):
        assert (later_before, later_behind) == (before, behind)
        assert later_said.startswith(said)
        assert len(later_said) > len(said)
