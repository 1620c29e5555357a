"""The table of errors, row by row: what class each failure of each provider is, and how many requests it costs.

The rows are those of `wire/errors.md`; a test holds them to the page, where the shared material is at hand.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from jumping_clock import jumping
from lines_format import FakeReply, FakeTransport, LinesCodec, Listener, streamed
from shared import SHARED, needs_shared

from agentkit.codec import Codec
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    ModelLoadingError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.exchange import Request
from agentkit.messages import user_message
from agentkit.models import ModelIdentity
from agentkit.providers.anthropic.messages import MessagesCodec
from agentkit.providers.aws.converse import ConverseCodec
from agentkit.providers.aws.invoke import InvokeClaudeCodec
from agentkit.providers.aws.sagemaker import SageMakerCodec
from agentkit.providers.google.generate_content import GenerateContentCodec
from agentkit.providers.openai.chat import ChatCodec
from agentkit.providers.openai.responses import ResponsesCodec
from agentkit.remote import Endpoint, RemoteModel
from agentkit.retry_quotas import RetryQuotas

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return jumping(request.param)


RETRIES: dict[str, tuple[ExchangeError, int]] = {
    # row -> an error of its class, and the requests that one which never ends costs before content was shown
    "AuthenticationError": (AuthenticationError("no"), 1),
    "PermissionDenied": (PermissionDeniedError("no"), 1),
    "NotFound / ModelNotFound": (ModelNotFoundError("no"), 1),
    "BadRequest": (BadRequestError("no"), 1),
    "ContextLengthExceeded": (ContextLengthError("no"), 1),
    "ContentFiltered": (ContentFilteredError("no"), 1),
    "RateLimited": (RateLimitError("no"), 3),
    "QuotaExceeded": (QuotaExceededError("no"), 1),
    "Overloaded": (OverloadedError("no"), 3),
    "ServerError": (ServerError("no"), 3),
    "Timeout": (DeadlineError("no"), 3),
    "ConnectionError": (ConnectionFailedError("no"), 3),
    "ProtocolError": (ProtocolError("no"), 2),
}

KINDS: dict[str, type[ExchangeError]] = {
    "AuthenticationError": AuthenticationError,
    "PermissionDenied": PermissionDeniedError,
    "ModelNotFound": ModelNotFoundError,
    "NotFound": NotFoundError,
    "BadRequest": BadRequestError,
    "ContextLengthExceeded": ContextLengthError,
    "ContentFiltered": ContentFilteredError,
    "RateLimited": RateLimitError,
    "QuotaExceeded": QuotaExceededError,
    "Overloaded": OverloadedError,
    "ServerError": ServerError,
    "Timeout": DeadlineError,
}


def openai(message: str = "no", code: str | None = None, kind: str | None = None, **more: Any) -> Any:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def anthropic(kind: str, message: str = "no", **details: Any) -> Any:
    return {"type": "error", "error": {"type": kind, "message": message, **({"details": details} if details else {})}}


def google(name: str, message: str = "no", *details: Any) -> Any:
    return {"error": {"message": message, "status": name, "details": list(details)}}


def aws(name: str, message: str = "no") -> Any:
    return {"__type": f"com.amazon#{name}", "message": message}


OPENAI, ANTHROPIC, GEMINI, AWS, AZURE, HUGGING_FACE, COMPATIBLE = (
    "OpenAI", "Anthropic", "Gemini / Vertex", "AWS Bedrock (SageMaker)", "Azure OpenAI", "Hugging Face",
    "Compatible servers",
)  # fmt: skip

CELLS: dict[tuple[str, str], list[tuple[int, Any]]] = {
    ("AuthenticationError", OPENAI): [
        (401, openai(code="invalid_api_key")),
        (401, openai(code="invalid_authentication")),
    ],
    ("AuthenticationError", ANTHROPIC): [(401, anthropic("authentication_error"))],
    ("AuthenticationError", GEMINI): [
        (401, google("UNAUTHENTICATED")),
        (400, google("INVALID_ARGUMENT", "no", {"@type": "google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"})),
    ],
    ("AuthenticationError", AZURE): [(401, {"statusCode": 401, "message": "Access denied"})],
    ("AuthenticationError", HUGGING_FACE): [(401, {"error": "Invalid username or password."})],
    ("AuthenticationError", COMPATIBLE): [
        (401, openai()),
        (401, {"message": "Wrong API Key", "code": "wrong_api_key"}),
        (400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***"}),
    ],
    ("PermissionDenied", OPENAI): [
        (403, openai()),
        (403, openai(code="unsupported_country_region_territory")),
        (401, openai("You have insufficient permissions for this operation.")),
    ],
    ("PermissionDenied", ANTHROPIC): [(403, anthropic("permission_error"))],
    ("PermissionDenied", GEMINI): [
        (403, google("PERMISSION_DENIED")),
        (400, google("FAILED_PRECONDITION", "User location is not supported for the API use.")),
    ],
    ("PermissionDenied", AZURE): [(403, openai("Public access is disabled. Network rules block this."))],
    ("PermissionDenied", HUGGING_FACE): [(403, {"error": "Access to model x is gated"})],
    ("PermissionDenied", COMPATIBLE): [(403, openai()), (412, {"error": "Account suspended"})],
    ("ModelNotFound", OPENAI): [(404, openai("The model `x` does not exist", "model_not_found"))],
    ("ModelNotFound", ANTHROPIC): [(404, anthropic("not_found_error", "model: claude-x"))],
    ("ModelNotFound", GEMINI): [(404, google("NOT_FOUND", "models/x is not found for API version v1beta"))],
    ("ModelNotFound", AZURE): [(404, openai("The API deployment does not exist", "DeploymentNotFound"))],
    ("ModelNotFound", HUGGING_FACE): [(400, openai("Model not supported by provider hf-inference"))],
    ("ModelNotFound", COMPATIBLE): [(404, {"error": 'model "x" not found, try pulling it first'})],
    ("NotFound", OPENAI): [(404, openai("Invalid URL (POST /v1/foo)"))],
    ("NotFound", ANTHROPIC): [(404, anthropic("not_found_error", "Not found"))],
    ("NotFound", GEMINI): [(404, google("NOT_FOUND", "Requested entity was not found."))],
    ("NotFound", AZURE): [(404, openai("Resource not found", "404"))],
    ("NotFound", HUGGING_FACE): [(404, {"error": "Not Found"})],
    ("NotFound", COMPATIBLE): [(404, {"detail": "Not Found"})],
    ("BadRequest", OPENAI): [(status, openai(kind="invalid_request_error")) for status in (400, 409, 415, 422)],
    ("BadRequest", ANTHROPIC): [
        (400, anthropic("invalid_request_error")),
        (409, anthropic("conflict_error")),
        (413, anthropic("request_too_large")),
    ],
    ("BadRequest", GEMINI): [
        (400, google(name)) for name in ("INVALID_ARGUMENT", "FAILED_PRECONDITION", "OUT_OF_RANGE")
    ],
    ("BadRequest", AZURE): [(400, openai()), (422, openai())],
    ("BadRequest", HUGGING_FACE): [(400, {"error": "x"}), (413, {"error": "x"}), (422, {"error": "bad validation"})],
    ("BadRequest", COMPATIBLE): [
        (400, openai()),
        (422, {"detail": [{"loc": ["body"], "msg": "missing"}]}),
        (413, openai("Request too large: tokens per minute (TPM)", "rate_limit_exceeded", "tokens")),
    ],
    ("ContextLengthExceeded", OPENAI): [
        (400, openai(code="context_length_exceeded")),
        (400, openai("This model's maximum context length is 10 tokens.")),
    ],
    ("ContextLengthExceeded", ANTHROPIC): [
        (400, anthropic("invalid_request_error", "prompt is too long: 9 tokens > 5 maximum")),
        (400, anthropic("invalid_request_error", "input length and `max_tokens` exceed context limit: 9 + 9 > 5")),
    ],
    ("ContextLengthExceeded", GEMINI): [
        (
            400,
            google("INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (5)."),
        ),
        (400, google("INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes.")),
    ],
    ("ContextLengthExceeded", AZURE): [(400, openai(code="context_length_exceeded"))],
    ("ContextLengthExceeded", HUGGING_FACE): [(422, {"error": "`inputs` tokens + `max_new_tokens` must be <= 4096"})],
    ("ContextLengthExceeded", COMPATIBLE): [
        (400, {"object": "error", "message": "maximum context length is 10", "code": 400}),
        (400, openai(kind="exceed_context_size_error")),
        (400, {"message": "Current length is 9000 while limit is 8192"}),
        (400, {"object": "error", "message": "Prompt contains too many tokens: 9"}),
    ],
    ("ContentFiltered", OPENAI): [
        (400, openai(code=code)) for code in ("content_policy_violation", "moderation_blocked", "invalid_prompt")
    ],
    ("ContentFiltered", ANTHROPIC): [
        (400, anthropic("invalid_request_error", "Output blocked by content filtering policy"))
    ],
    ("ContentFiltered", AZURE): [
        (400, openai(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"})),
    ],
    ("ContentFiltered", COMPATIBLE): [(403, openai(code="403", metadata={"reasons": ["violence"]}))],
    ("RateLimited", OPENAI): [(429, openai(code="rate_limit_exceeded"))],
    ("RateLimited", ANTHROPIC): [
        (429, anthropic("rate_limit_error")),
        (429, anthropic("rate_limit_error", error_code="ramp_limit_exceeded")),
    ],
    ("RateLimited", GEMINI): [
        (
            429,
            google(
                "RESOURCE_EXHAUSTED", "You exceeded your quota.", {"@type": "google.rpc.RetryInfo", "retryDelay": "3s"}
            ),
        ),
        (429, google("RESOURCE_EXHAUSTED", "x", {"violations": [{"quotaId": "RequestsPerMinutePerProject"}]})),
    ],
    ("RateLimited", AZURE): [(429, openai(code="RateLimitReached")), (429, openai(code="429"))],
    ("RateLimited", HUGGING_FACE): [(429, {"error": "Too many requests"})],
    ("RateLimited", COMPATIBLE): [(429, openai()), (498, openai(code="capacity_exceeded"))],
    ("QuotaExceeded", OPENAI): [
        (429, openai(code="insufficient_quota")),
        (429, openai(code="billing_hard_limit_reached")),
    ],
    ("QuotaExceeded", ANTHROPIC): [
        (402, anthropic("billing_error")),
        (400, anthropic("invalid_request_error", "You have reached your specified API usage limits.")),
        (429, anthropic("rate_limit_error", error_code="enforced_spend_limit_reached")),
        (429, anthropic("rate_limit_error", error_code="contract_spend_limit_reached")),
    ],
    ("QuotaExceeded", GEMINI): [
        (429, google("RESOURCE_EXHAUSTED", "x", {"violations": [{"quotaId": "RequestsPerDayPerProject"}]})),
        (429, google("RESOURCE_EXHAUSTED", "Check your plan and billing details.")),
        (403, google("PERMISSION_DENIED", "This API requires billing to be enabled.")),
    ],
    ("QuotaExceeded", AZURE): [(429, openai(code="insufficient_quota"))],
    ("QuotaExceeded", HUGGING_FACE): [(402, {"error": "You have exceeded your monthly included credits"})],
    ("QuotaExceeded", COMPATIBLE): [(402, openai("Insufficient Balance"))],
    ("Overloaded", OPENAI): [(503, openai()), (500, openai("The engine is currently overloaded"))],
    ("Overloaded", ANTHROPIC): [(529, anthropic("overloaded_error"))],
    ("Overloaded", GEMINI): [
        (503, google("UNAVAILABLE")),
        (429, google("RESOURCE_EXHAUSTED", "Resource has been exhausted. Please try again later.")),
    ],
    ("Overloaded", AZURE): [(503, openai()), (429, openai("We have no capacity for this model", "429"))],
    ("Overloaded", HUGGING_FACE): [(429, {"error": "Model is overloaded", "error_type": "overloaded"})],
    ("Overloaded", COMPATIBLE): [(503, openai())],
    ("ServerError", OPENAI): [
        (500, openai()),
        (502, b"<html>"),
    ],
    ("ServerError", ANTHROPIC): [(500, anthropic("api_error"))],
    ("ServerError", GEMINI): [(500, google("INTERNAL"))],
    ("ServerError", AZURE): [(500, openai()), (502, b"")],
    ("ServerError", HUGGING_FACE): [
        (500, {"error": "x"}),
        (502, b""),
        (424, {"error": "x", "error_type": "generation"}),
    ],
    ("ServerError", COMPATIBLE): [(500, openai()), (502, openai("Provider returned error")), (520, b""), (526, b"")],
    ("Timeout", OPENAI): [(408, openai()), (504, openai())],
    ("Timeout", ANTHROPIC): [(504, anthropic("timeout_error")), (408, b"")],
    ("Timeout", GEMINI): [(504, google("DEADLINE_EXCEEDED")), (499, google("CANCELLED"))],
    ("Timeout", AZURE): [(408, openai()), (504, openai())],
    ("Timeout", HUGGING_FACE): [(504, {"error": "x"})],
    ("Timeout", COMPATIBLE): [(408, openai()), (504, openai())],
}

AWS_CELLS: dict[str, list[tuple[int, Any]]] = {
    "AuthenticationError": [
        (403, aws("UnrecognizedClientException")),
        (403, aws("InvalidSignatureException")),
        (400, aws("IncompleteSignature")),
        (403, aws("ExpiredTokenException")),
        (403, aws("MissingAuthenticationToken")),
        (403, {"message": "The security token included in the request is invalid."}),
    ],
    "PermissionDenied": [(403, aws("AccessDeniedException", "You don't have access to the model"))],
    "ModelNotFound": [
        (404, aws("ResourceNotFoundException", "This model version has reached the end of its life.")),
        (400, aws("ValidationException", "The provided model identifier is invalid.")),
        (400, aws("ValidationException", "Invocation of model ID x with on-demand throughput isn't supported.")),
    ],
    "NotFound": [(404, aws("ResourceNotFoundException", "Could not find it")), (404, b"")],
    "BadRequest": [(400, aws("ValidationException")), (400, aws("ValidationError"))],
    "ContextLengthExceeded": [
        (400, aws("ValidationException", "Input is too long for requested model.")),
        (400, {"message": "The model returned the following errors: too many tokens"}),
    ],
    "RateLimited": [(429, aws("ThrottlingException")), (429, aws("TooManyRequestsException"))],
    "QuotaExceeded": [
        (400, aws("ServiceQuotaExceededException")),
        (403, aws("AccessDeniedException", "Your AWS Marketplace subscription for this model cannot be completed")),
    ],
    "Overloaded": [(503, aws("ServiceUnavailableException"))],
    "ServerError": [
        (500, aws("InternalServerException")),
        (424, aws("ModelErrorException")),
        (530, aws("InternalDependencyException")),
        (502, b"<html>"),
    ],
    "Timeout": [(408, aws("ModelTimeoutException"))],
}
CELLS |= {(row, AWS): cells for row, cells in AWS_CELLS.items()}

LOADING = [
    (HUGGING_FACE, 503, {"error": "Model x is currently loading", "estimated_time": 2.5}),
    (COMPATIBLE, 503, openai("Loading model", kind="unavailable_error")),
    (AWS, 429, aws("ModelNotReadyException")),
]
"""Cold starts: of the row "Overloaded" too, but waited for within the deadlines."""

CODECS: dict[str, list[Codec]] = {
    OPENAI: [ChatCodec(), ResponsesCodec()],
    ANTHROPIC: [MessagesCodec()],
    GEMINI: [GenerateContentCodec()],
    AWS: [ConverseCodec(), InvokeClaudeCodec(), SageMakerCodec()],
    AZURE: [ChatCodec(), ResponsesCodec()],
    HUGGING_FACE: [ChatCodec()],
    COMPATIBLE: [ChatCodec()],
}


def asking(codec: Codec, *script: FakeReply | Exception) -> tuple[RemoteModel, FakeTransport]:
    transport = FakeTransport(script)
    model = RemoteModel(
        codec, Endpoint("https://a.test"), ModelIdentity("acme", "m"), transport=transport, quotas=RetryQuotas()
    )
    return model, transport


async def requests_of(codec: Codec, *script: FakeReply | Exception, sink: Listener | None = None) -> tuple[type, int]:
    """What error comes in the end, and after how many requests."""
    model, transport = asking(codec, *script)
    with pytest.raises(ExchangeError) as caught:
        await model.respond(Request("m", (user_message("Hi"),), is_streamed=sink is not None), sink)
    return type(caught.value), len(transport.requests)


@pytest.mark.parametrize("row", RETRIES)
async def test_each_class_costs_as_many_requests_as_its_row_says(row: str) -> None:
    error, requests = RETRIES[row]

    assert await requests_of(LinesCodec(), *[error] * 9) == (type(error), requests)


@pytest.mark.parametrize("row", RETRIES)
async def test_after_content_nothing_is_sent_again(row: str) -> None:
    error, _ = RETRIES[row]

    assert await requests_of(LinesCodec(), streamed(b"data:text Hel\n", error), sink=Listener()) == (type(error), 1)


@pytest.mark.parametrize(("row", "provider"), CELLS, ids=lambda part: str(part))
async def test_each_cell_is_of_the_class_of_its_row_and_costs_its_requests(row: str, provider: str) -> None:
    kind = KINDS[row]
    allowed = 3 if kind.is_retryable else 1
    for codec in CODECS[provider]:
        for status, body in CELLS[row, provider]:
            reply = FakeReply(status, [body if isinstance(body, bytes) else json.dumps(body).encode()])
            assert (status, body, *await requests_of(codec, *[reply] * 9)) == (status, body, kind, allowed)


@pytest.mark.parametrize(("provider", "status", "body"), LOADING, ids=["hugging face", "llama.cpp", "aws"])
async def test_a_model_that_loads_is_waited_for_within_the_deadlines(provider: str, status: int, body: Any) -> None:
    reply = FakeReply(status, [json.dumps(body).encode()])
    for codec in CODECS[provider]:
        error, requests = await requests_of(codec, *[reply] * 9_999)
        assert (error, requests > 100) == (ModelLoadingError, True)


@needs_shared
def test_the_rows_are_those_of_the_page() -> None:
    tables: list[list[list[str]]] = [[]]
    for line in (SHARED / "wire" / "errors.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            tables[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif tables[-1]:
            tables.append([])
    retries, _, mapping, *_ = tables

    assert [row[0] for row in retries[2:]] == list(RETRIES)
    providers, rows = mapping[0], mapping[2:]
    told = {(row[0], provider) for row in rows for provider, cell in zip(providers, row, strict=True) if cell}
    in_replies = {cell for cell in told if cell[0] in KINDS and cell[1] in CODECS}
    # Those that no error reply shows: refusals of Gemini and AWS are replies of status 200, those of partners differ.
    assert in_replies - set(CELLS) == {("ContentFiltered", each) for each in (GEMINI, AWS, HUGGING_FACE)}
    assert set(CELLS) <= told
