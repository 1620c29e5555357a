from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
from canaries import KEY
from shared import SHARED, oracle

from agentkit.errors import (
    BadRequestError,
    ContextLengthError,
    ExchangeError,
    ModelLoadingError,
    ModelNotFoundError,
    OverloadedError,
    ProtocolError,
    QuotaExceededError,
    ServerError,
)
from agentkit.exchange import OutputFormat, Request, ToolDefinition
from agentkit.messages import user_message
from agentkit.providers import model
from agentkit.remote import RemoteModel
from agentkit.settings import Deadlines, Settings
from agentkit.transport.protocol import HttpRequest

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
TOOL = ToolDefinition("add", "Add.", {"type": "object", "properties": {}})
ENDPOINT = "https://abc.us-east-1.aws.endpoints.huggingface.cloud"


def remote(name: str = "huggingface:openai/gpt-oss-120b:groq", **options: Any) -> RemoteModel:
    made = model(name, **{"api_key": KEY, **options})
    assert isinstance(made, RemoteModel)
    return made


def sent(made: RemoteModel, **more: Any) -> tuple[str, dict[str, Any]]:
    wire = made.codec.encode(Request(made.identity.model, (user_message("hi"),), **more))
    assert wire.body.startswith(b'{"model":"' + made.identity.model.encode() + b'","messages":[')
    body = json.loads(wire.body)
    if SHARED.is_dir() and "value" not in body.get("response_format", {}):  # a field that OpenAI does not have
        assert oracle("oracle_openai").check(body, "chat/completions") == []
    return made.endpoint.url(wire.path), body


def test_the_body_begins_with_the_model_and_its_partner() -> None:
    url, body = sent(remote())
    assert url == "https://router.huggingface.co/v1/chat/completions"
    assert body == {
        "model": "openai/gpt-oss-120b:groq",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": False,
    }
    _, body = sent(remote(), is_streamed=True, tools=(TOOL,), settings=Settings(max_output_tokens=9))
    assert (body["stream"], body["max_tokens"], len(body["tools"])) == (True, 9, 1)


def test_a_schema_is_a_response_format_of_openai_s_at_partners() -> None:
    _, body = sent(remote(), output=OutputFormat("answer", SCHEMA))
    assert body["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    "made",
    [remote("huggingface:meta-llama/Llama-3.3-70B-Instruct:hf-inference"), remote(base_url=ENDPOINT)],
    ids=["hf-inference", "endpoint"],
)
def test_a_schema_is_a_value_where_tgi_answers(made: RemoteModel) -> None:
    _, body = sent(made, output=OutputFormat("answer", SCHEMA))
    assert body["response_format"]["type"] == "json_object"
    assert body["response_format"]["value"]["properties"]["n"]["type"] == "integer"
    assert (made.identity.capabilities.structured_output, made.identity.capabilities.output_with_tools) == (True, False)


@pytest.mark.parametrize("given", [ENDPOINT, f"{ENDPOINT}/", f"{ENDPOINT}/v1"])
def test_an_endpoint_s_address_is_taken_as_its_page_shows_it(given: str) -> None:
    url, _ = sent(remote("huggingface:tgi", base_url=given))
    assert url == f"{ENDPOINT}/v1/chat/completions"


@pytest.mark.parametrize(
    ("deadlines", "seconds"),
    [
        (None, "270"),
        (Deadlines(first_event_seconds=500), "450"),
        (Deadlines(exchange_seconds=20), "18"),
        (Deadlines(first_event_seconds=None, exchange_seconds=None), "540"),
    ],
)
def test_an_endpoint_that_sleeps_holds_the_request_within_the_deadline(
    deadlines: Deadlines | None, seconds: str
) -> None:
    made = remote(base_url=ENDPOINT, settings=Settings(deadlines=deadlines))
    assert made.endpoint.headers == {"x-scale-up-timeout": seconds, "authorization": f"Bearer {KEY}"}
    mine = remote(base_url=ENDPOINT, headers={"x-scale-up-timeout": "5"}).endpoint.headers
    assert mine["x-scale-up-timeout"] == "5"
    assert "x-scale-up-timeout" not in remote(base_url="http://localhost:3000").endpoint.headers


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, {"error": "Model is overloaded", "error_type": "overloaded"}, OverloadedError),
        (424, {"error": "Request failed during generation", "error_type": "generation"}, ServerError),
        (422, {"error": "Input validation error: `temperature` must be positive"}, BadRequestError),
        (422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 1024", "error_type": "v"}, ContextLengthError),
        (400, {"error": ["Error in `inputs`: field required"]}, BadRequestError),
        (402, {"error": "You have exceeded your monthly included credits"}, QuotaExceededError),
        (400, {"error": {"message": "The requested model 'a/b' is not supported by provider 'x'"}}, ModelNotFoundError),
        (503, {"error": "Model a/b is currently loading", "estimated_time": 20.5}, ModelLoadingError),
    ],
)
def test_errors_of_every_shape_are_typed(status: int, body: Any, expected: type[ExchangeError]) -> None:
    error = remote().codec.decode_error(status, {}, json.dumps(body).encode())
    assert type(error) is expected
    assert error.message == (body["error"]["message"] if isinstance(body["error"], dict) else "".join(body["error"]))
    assert error.retry_after_seconds == body.get("estimated_time")
    assert error.error_type == body.get("error_type")


@pytest.mark.parametrize(
    ("error_type", "expected"),
    [("overloaded", OverloadedError), ("incomplete_generation", ServerError), ("validation", BadRequestError)],
)
def test_an_error_within_a_stream_is_typed(error_type: str, expected: type[ExchangeError]) -> None:
    event = json.dumps({"error": "It failed", "error_type": error_type}).encode()
    with pytest.raises(expected, match="It failed"):
        remote().codec.decoder().feed(b"data: " + event + b"\n\n")


@dataclass
class Loading:
    """A server that loads its model for some requests before it answers."""

    seconds: float
    count: int
    sent: list[HttpRequest] = field(default_factory=list[HttpRequest])

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Loading:
        self.sent.append(request)
        return self

    @property
    def is_loading(self) -> bool:
        return len(self.sent) <= self.count

    @property
    def status(self) -> int:
        return 503 if self.is_loading else 200

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-type": "application/json"}

    async def read(self) -> bytes:
        raise NotImplementedError

    async def chunks(self) -> AsyncIterator[bytes]:
        if self.is_loading:
            yield json.dumps({"error": "Model a/b is currently loading", "estimated_time": self.seconds}).encode()
            return
        message = {"role": "assistant", "content": "51"}
        yield json.dumps({"id": "1", "choices": [{"message": message, "finish_reason": "eos_token"}]}).encode()

    async def aclose(self) -> None:
        pass


@pytest.mark.anyio
async def test_a_model_that_loads_is_waited_for() -> None:
    server = Loading(0.02, 2)
    begun = anyio.current_time()
    response = await remote(transport=server).respond(Request("", (user_message("hi"),)))
    assert (response.text, response.finish_raw, response.message.finish) == ("51", "eos_token", "stop")
    assert (response.attempts, len(server.sent)) == (3, 3)
    assert anyio.current_time() - begun >= 0.04


@pytest.mark.anyio
async def test_a_model_that_loads_longer_than_the_deadline_is_not_waited_for() -> None:
    server = Loading(20, 2)
    settings = Settings(deadlines=Deadlines(exchange_seconds=5))
    with pytest.raises(
        ModelLoadingError, match=r"currently loading; a wait of 20 s would pass the exchange's deadline"
    ):
        await remote(transport=server).respond(Request("", (user_message("hi"),), settings=settings))
    assert len(server.sent) == 1


def test_plain_words_are_an_error_too() -> None:
    error = remote().codec.decode_error(422, {}, b"Failed to deserialize the JSON body into the target type")
    assert (type(error), error.message) == (
        BadRequestError,
        "Failed to deserialize the JSON body into the target type",
    )
    assert type(remote().codec.decode_error(502, {}, b"<html><title>Bad</title></html>")) is ServerError
    with pytest.raises(ProtocolError):
        remote().codec.decode(b"<html></html>")
