"""Whether a conversation can be sent: both OpenAI formats encode it, and the oracle of that provider accepts it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from shared import SHARED

from agentkit.exchange import Request
from agentkit.messages import Message, user_message
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.responses import ResponsesCodec

_ORACLES = SHARED / "wire" / "oracles"
if _ORACLES.is_dir():
    sys.path.insert(0, str(_ORACLES))
    import oracle_openai
else:  # a fresh clone: the codecs are still made to encode
    oracle_openai = None

_ACCEPTED: set[bytes] = set()  # the oracle takes 20 ms
CODECS = {"chat/completions": ChatCodec(), "responses": ResponsesCodec()}


def assert_encodes(messages: Sequence[Message]) -> None:
    """Fail unless the conversation, and one more prompt, can be sent."""
    request = Request("gpt-4.1", (*messages, user_message("and now?")))
    for endpoint, codec in CODECS.items():
        body = codec.encode(request).body
        if oracle_openai is not None and body not in _ACCEPTED:
            assert oracle_openai.check(json.loads(body), endpoint) == [], (endpoint, body)
            _ACCEPTED.add(body)
