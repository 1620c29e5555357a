"""The server halves of InvokeModel and of SageMaker's containers: what they refuse, and what they write."""

from __future__ import annotations

import json

import pytest

from agentkit.assemble import assemble, take_apart
from agentkit.codec import ServerCodec, WireRequest
from agentkit.errors import BadRequestError, RateLimitError
from agentkit.exchange import PartFinished, Request, Response
from agentkit.messages import AssistantMessage, Text, user_message
from agentkit.providers.anthropic.messages_server import MessagesServer
from agentkit.providers.aws.hosted_server import HostedServer, as_messages, chunks_of, parts_of
from agentkit.providers.aws.invoke import invoke_interface
from agentkit.providers.aws.invoke_families import TEXT_FORMS
from agentkit.providers.aws.sagemaker import sagemaker_interface
from agentkit.providers.aws.text_forms import TGI
from agentkit.providers.aws.text_server import BytesServer, TextServer
from agentkit.settings import Settings
from agentkit.usage import Usage

SAID = Response(AssistantMessage((Text("Fine – 🌧."),), "m", "", "length", Usage(7, output=3)), "length")
PART = PartFinished(SAID.message.parts[0])
CLAUDE = HostedServer(MessagesServer("bedrock"), chunks_of, path="/v1/messages", seen=as_messages)
ENDPOINT = HostedServer(TextServer(TGI, name="sagemaker:tgi"), parts_of, path="")


@pytest.mark.parametrize("name", [name for name in TEXT_FORMS if name != "claude-text"])
@pytest.mark.parametrize("is_whole", [False, True], ids=["in pieces", "as a part"])
def test_what_a_family_s_server_writes_its_client_reads(name: str, is_whole: bool) -> None:
    server = HostedServer(TextServer(TEXT_FORMS[name], name=name), chunks_of, path="")
    codec = invoke_interface("bedrock", "m.m", name).codec
    wire = codec.encode(Request("m.m", (user_message("Hi"),), settings=Settings(max_output_tokens=9), is_streamed=True))
    read = server.read(wire)
    assert (read.model, read.is_streamed, read.settings.max_output_tokens) == ("m.m", True, 9)
    whole = codec.decode(server.write(SAID).body)
    assert (whole.text, whole.finish) == (SAID.text, "length")
    deltas = [delta for delta in take_apart(SAID) if not is_whole or type(delta).__name__ != "TextDelta"]
    told = deltas if not is_whole else [PART, *deltas]
    decoder = codec.decoder()
    stream = server.stream_writer().write(told)
    streamed = assemble([*decoder.feed(stream), *decoder.finish()])
    assert (streamed.text, streamed.finish, streamed.usage) == (SAID.text, "length", SAID.usage)


@pytest.mark.parametrize(
    ("server", "path", "body", "said"),
    [
        (CLAUDE, "/model/x/invoke", b"{", "no valid JSON"),
        (CLAUDE, "/model/x/invoke", b"[]", "has to be an object"),
        (CLAUDE, "/nowhere", b"{}", "names no model and function of it"),
        (CLAUDE, "/model/x/invoke", b'{"max_tokens":9}', "anthropic_version: Field required"),
        (ENDPOINT, "/endpoints/x/invocations", b'{"messages":[]}', r"required key \[inputs\] not found"),
        (BytesServer(), "/endpoints/x/invocations", b"", "is empty"),
        (BytesServer(), "/endpoints/x/invocations", b"\xff", "is no text"),
        (TextServer(TGI, name="x"), "", b"{", "no valid JSON"),
    ],
    ids=["broken", "list", "path", "version", "field", "empty", "binary", "bare"],
)
def test_what_the_service_would_refuse_is_refused(server: ServerCodec, path: str, body: bytes, said: str) -> None:
    with pytest.raises(BadRequestError, match=said):
        server.read(WireRequest(path, body))


@pytest.mark.parametrize(
    "server", [CLAUDE, ENDPOINT, BytesServer(), TextServer(TGI, name="x")], ids=lambda one: one.name
)
def test_errors_are_those_of_aws(server: ServerCodec) -> None:
    reply = server.write_error(RateLimitError("slow", status=429))
    assert (reply.status, dict(reply.headers)["x-amzn-errortype"]) == (429, "ThrottlingException")
    assert json.loads(reply.body)["message"] == "slow"


def test_bare_bytes_are_cut_within_letters() -> None:
    stream = BytesServer().stream_writer().write([PART, *list(take_apart(SAID))[-1:]])
    decoder = sagemaker_interface("sagemaker", "mine", "bytes").codec.decoder()
    assert assemble([*decoder.feed(stream), *decoder.finish()]).text == SAID.text
    assert BytesServer().write(SAID).body == SAID.text.encode()
