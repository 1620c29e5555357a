"""Models of Bedrock by name: address, region, keys and signatures, on the wire."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from conformance.formats import aws_oracle

from agentkit.agent import Agent
from agentkit.errors import AuthenticationError, ConfigurationError, MissingKeyError
from agentkit.providers import model, task_model
from agentkit.providers.aws.signing import Credentials
from agentkit.remote import RemoteModel
from agentkit.settings import Settings
from agentkit.transport.protocol import HttpRequest

pytestmark = pytest.mark.anyio

NAME = "bedrock:us.anthropic.claude-sonnet-4-5-20250929-v1:0"
ANSWER = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1_000_000, "outputTokens": 0, "totalTokens": 1_000_000},
}
EXPIRED = {"__type": "ExpiredTokenException", "message": "The security token included in the request is expired"}
BUSY = {"__type": "ServiceUnavailableException", "message": "busy"}


@dataclass
class Reply:
    body: bytes
    status: int
    headers: Mapping[str, str] = field(default_factory=lambda: {"x-amzn-requestid": "r-1"})

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    async def read(self) -> bytes:
        return self.body

    async def aclose(self) -> None:
        pass


@dataclass
class Answering:
    """Answers in turn: a status and a body each."""

    replies: list[tuple[int, Any]]
    sent: list[HttpRequest] = field(default_factory=list[HttpRequest])

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Reply:
        self.sent.append(request)
        status, body = self.replies[min(len(self.sent), len(self.replies)) - 1]
        return Reply(json.dumps(body).encode(), status)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """No keys and no region but those of a test."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK",
                 "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


@pytest.fixture
def keyed(nobody: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDCANARY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "canary-token")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")


def complaints(request: HttpRequest, *, secret: str = "canary-secret", token: str | None = "canary-token") -> list[str]:
    oracle, headers = aws_oracle(), dict(request.headers)
    sent = {"method": "POST", "url": request.url, "headers": headers, "json": json.loads(request.body)}
    signed = oracle.check_sigv4({**sent, "body": request.body}, "AKIDCANARY", secret, token)
    return oracle.check_wire(sent) + signed


async def test_a_run_is_signed_as_botocore_signs_it(keyed: None) -> None:
    transport = Answering([(200, ANSWER)])
    result = await Agent(model(NAME, transport=transport)).run("Hi")
    assert result.output == "Hello"
    assert transport.sent[0].url == (
        "https://bedrock-runtime.eu-west-1.amazonaws.com/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse"
    )
    assert complaints(transport.sent[0]) == []
    assert result.cost.usd == pytest.approx(3.3)
    assert result.messages[-1].model == NAME.removeprefix("bedrock:")


async def test_every_attempt_is_signed_anew(keyed: None) -> None:
    transport = Answering([(503, BUSY), (200, ANSWER)])
    made = model(NAME, transport=transport, settings=Settings(attempts=2))
    assert isinstance(made, RemoteModel)
    made.random = lambda: 0.0
    assert (await Agent(made).run("Hi")).output == "Hello"
    assert [complaints(request) for request in transport.sent] == [[], []]
    assert all(dict(request.headers)["authorization"].count("Signature=") == 1 for request in transport.sent)


async def test_credentials_that_ended_are_found_anew_once(nobody: None) -> None:
    given = [Credentials("AKIDCANARY", "old"), Credentials("AKIDCANARY", "new")]
    transport = Answering([(403, EXPIRED), (200, ANSWER)])
    made = model(NAME, region="us-east-1", credentials=lambda: given.pop(0), transport=transport)
    assert (await Agent(made).run("Hi")).output == "Hello"
    assert complaints(transport.sent[0], secret="old", token=None) == []
    assert complaints(transport.sent[1], secret="new", token=None) == []


async def test_credentials_that_stay_refused_are_an_error_that_shows_no_secret(keyed: None) -> None:
    transport = Answering([(403, EXPIRED)])
    with pytest.raises(AuthenticationError) as caught:
        await Agent(model(NAME, transport=transport)).run("Hi")
    assert len(transport.sent) == 2
    assert (caught.value.error_type, caught.value.request_id) == ("ExpiredTokenException", "r-1")
    assert "canary" not in repr(caught.value) + str(caught.value)


async def test_a_key_of_bedrock_wins_over_credentials(keyed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-canary ")
    transport = Answering([(200, ANSWER)])
    await Agent(model(NAME, transport=transport)).run("Hi")
    headers = dict(transport.sent[0].headers)
    assert headers["authorization"] == "Bearer bedrock-canary"
    assert "x-amz-date" not in headers
    await Agent(model(NAME, transport=transport, credentials=Credentials("AKIDCANARY", "s"))).run("Hi")
    assert complaints(transport.sent[1], secret="s", token=None) == []


async def test_a_session_of_boto3_may_be_passed() -> None:
    boto3 = pytest.importorskip("boto3")
    session = boto3.Session(aws_access_key_id="AKIDCANARY", aws_secret_access_key="canary-secret")
    for given in (session, session.get_credentials()):
        transport = Answering([(200, ANSWER)])
        await Agent(model(NAME, region="us-west-2", credentials=given, transport=transport)).run("Hi")
        assert complaints(transport.sent[0], token=None) == []


@pytest.mark.parametrize(
    ("name", "options", "host", "region"),
    [
        (NAME, {"region": "ap-northeast-1"}, "bedrock-runtime.ap-northeast-1.amazonaws.com", "ap-northeast-1"),
        (NAME, {"region": "cn-north-1"}, "bedrock-runtime.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        (
            "bedrock:arn:aws:bedrock:us-west-2:1:inference-profile/us.amazon.nova-lite-v1:0",
            {},
            "bedrock-runtime.us-west-2.amazonaws.com",
            "us-west-2",
        ),
        (
            NAME,
            {"base_url": "https://vpce-1.bedrock-runtime.us-gov-west-1.vpce.amazonaws.com/"},
            "vpce-1.bedrock-runtime.us-gov-west-1.vpce.amazonaws.com",
            "us-gov-west-1",
        ),
    ],
)
async def test_the_region_stands_in_the_address_and_in_the_signature(
    name: str, options: dict[str, str], host: str, region: str
) -> None:
    transport = Answering([(200, ANSWER)])
    await Agent(model(name, credentials=Credentials("AKIDCANARY", "s"), transport=transport, **options)).run("Hi")
    sent = transport.sent[0]
    assert sent.url.startswith(f"https://{host}/model/")
    assert f"/{region}/bedrock/aws4_request" in dict(sent.headers)["authorization"]


async def test_a_server_of_ones_own_needs_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://localhost:8000/")
    transport = Answering([(200, ANSWER)])
    await Agent(model(NAME, transport=transport)).run("Hi")
    assert transport.sent[0].url.startswith("http://localhost:8000/model/us.anthropic.")
    assert "authorization" not in dict(transport.sent[0].headers)


async def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="bedrock needs a region: set AWS_REGION"):
        model(NAME)
    with pytest.raises(ConfigurationError, match="the region is 'mars'; it has to be one such as us-east-1"):
        model(NAME, region="mars")
    with pytest.raises(ConfigurationError, match="credentials is a int; pass"):
        model(NAME, region="us-east-1", credentials=5)
    monkeypatch.setenv("AWS_PROFILE", "nosuch")
    with pytest.raises(ConfigurationError, match="there is no profile 'nosuch'"):
        model(NAME, region="us-east-1")


@pytest.mark.parametrize("given", [{"api_key": "k-123"}, {"credentials": "k-123"}], ids=["api_key", "credentials"])
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sagemaker:mine", None),
        ("sagemaker-tgi:mine", None),
        ("comprehend:sentiment", "classify"),
        ("rekognition:labels", "classify"),
        ("aws-transcribe:standard", "transcribe"),
    ],
)
async def test_a_key_is_refused_where_requests_are_signed(name: str, kind: Any, given: dict[str, Any]) -> None:
    made = model if kind is None else partial(task_model, kind=kind)
    with pytest.raises(ConfigurationError, match=r"has no API keys, .* leave out api_key=, and set AWS_") as caught:
        made(name, region="us-east-1", **given)
    assert "k-123" not in str(caught.value)


async def test_without_credentials_and_without_botocore_the_key_is_said_to_miss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingKeyError, match="AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID"):
        model(NAME, region="us-east-1")


@pytest.mark.parametrize(
    ("id", "facts"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", (True, True, True, True, {"image", "document"})),
        ("us.amazon.nova-2-lite-v1:0", (False, True, True, True, {"image", "document", "video"})),
        ("amazon.nova-micro-v1:0", (False, True, True, False, set())),
        ("us.deepseek.r1-v1:0", (False, False, False, False, {"document"})),
        ("openai.gpt-oss-120b-1:0", (True, True, False, True, set())),
        ("meta.llama3-2-90b-instruct-v1:0", (False, True, False, False, {"image", "document"})),
        (
            "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
            (True, True, True, True, {"image", "audio", "document", "video"}),
        ),
    ],
)
async def test_what_a_model_can_do_is_told_by_its_id(id: str, facts: tuple[Any, ...]) -> None:
    made = model(f"bedrock:{id}", region="us-east-1", api_key="k")
    able = made.identity.capabilities
    found = (able.structured_output, able.tools, able.forced_tools, able.reasoning, set(able.media))
    assert found == facts
    assert made.identity.otel_provider == "aws.bedrock"
