"""The wire formats that the simulator speaks."""

from __future__ import annotations

from agentkit.simulator.anthropic_format import MessagesFormat
from agentkit.simulator.aws_format import ConverseFormat
from agentkit.simulator.aws_services import is_for_aws
from agentkit.simulator.bedrock_tasks import is_beside_chat
from agentkit.simulator.formats import Format
from agentkit.simulator.google_format import GenerateContentFormat
from agentkit.simulator.hosted_formats import HOSTED
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.openai_formats import ChatFormat, ResponsesFormat

__all__ = ["FORMATS", "family_of", "format_of"]

_GOOGLE, _AWS = GenerateContentFormat(), ConverseFormat()

FORMATS: tuple[Format, ...] = (
    ChatFormat(),
    ResponsesFormat(),
    MessagesFormat(),
    _GOOGLE,
    _AWS,
    *HOSTED,
)


def format_of(asked: HttpAsked) -> Format | None:
    """The format that answers this request: by its path, whatever stands before it."""
    if is_beside_chat(asked.path):  # InvokeModel has one path for all that models do
        return None
    return next((known for known in FORMATS if known.path.search(asked.path)), None)


def family_of(asked: HttpAsked) -> Format:
    """The format whose clients send such a request, for what has no path of its own: model lists, unknown paths."""
    if asked.header("authorization").startswith("AWS4-") or is_for_aws(asked):
        return _AWS
    if "/projects/" in asked.path or "/storage/v1/" in asked.path:
        return _GOOGLE
    names = {name for name, _ in asked.headers}
    return next((known for known in FORMATS if known.client_header and known.client_header in names), FORMATS[0])
