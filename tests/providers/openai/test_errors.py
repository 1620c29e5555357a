"""Error bodies of the whole family become typed errors; nothing raises, and no key is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
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
from agentkit.providers.openai.errors import decode_error, error_in_stream


def decoded(status: int, body: Any, headers: dict[str, str] | None = None) -> ExchangeError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_error(status, headers or {}, raw, provider="openai", model="gpt")


def nested(message: str, code: Any = None, type: Any = None, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": None, "code": code, **more}}


CASES: list[tuple[str, int, Any, type[ExchangeError]]] = [
    ("openai key", 401, nested("Incorrect API key provided", "invalid_api_key"), AuthenticationError),
    ("openai scopes", 401, nested("You have insufficient permissions for this operation."), PermissionDeniedError),
    (
        "openai country",
        403,
        nested("Country not supported", "unsupported_country_region_territory"),
        PermissionDeniedError,
    ),
    ("openai model", 404, nested("The model `x` does not exist", "model_not_found"), ModelNotFoundError),
    ("openai path", 404, nested("Invalid URL (POST /v1/foo)"), NotFoundError),
    ("openai context", 400, nested("too long", "context_length_exceeded"), ContextLengthError),
    ("openai parameter", 400, nested("no stop", "unsupported_parameter", param="stop"), BadRequestError),
    ("openai conflict", 409, nested("Conflict"), BadRequestError),
    ("openai unprocessable", 422, nested("Unprocessable"), BadRequestError),
    ("openai rate", 429, nested("Rate limit reached", "rate_limit_exceeded", "tokens"), RateLimitError),
    ("openai quota", 429, nested("You exceeded your current quota", "insufficient_quota"), QuotaExceededError),
    ("openai quota in words", 429, nested("You exceeded your current quota, please check"), QuotaExceededError),
    ("openai policy", 400, nested("Rejected", "content_policy_violation"), ContentFilteredError),
    ("openai overloaded 500", 500, nested("The engine is currently overloaded"), OverloadedError),
    ("openai 503", 503, nested("x", None, "server_error"), OverloadedError),
    ("openai 500", 500, nested("The server had an error", None, "server_error"), ServerError),
    ("openai 504", 504, nested("upstream timed out"), DeadlineError),
    ("timeout", 408, nested("x"), DeadlineError),
    (
        "azure filter",
        400,
        nested("x", "content_filter", innererror={"code": "ResponsibleAIPolicyViolation"}),
        ContentFilteredError,
    ),
    (
        "azure inner filter",
        400,
        nested("x", "BadRequest", innererror={"code": "ResponsibleAIPolicyViolation"}),
        ContentFilteredError,
    ),
    ("azure 401 string code", 401, nested("Access denied", "401"), AuthenticationError),
    ("azure gateway", 401, {"statusCode": 401, "message": "Unauthorized"}, AuthenticationError),
    ("azure deployment", 404, nested("The API deployment does not exist", "DeploymentNotFound"), ModelNotFoundError),
    ("azure rate", 429, nested("too many", "429"), RateLimitError),
    ("azure no capacity", 429, nested("We have no capacity for this model", "429"), OverloadedError),
    (
        "mistral flat",
        400,
        {"object": "error", "message": "Bad", "type": "invalid_request_error", "code": 3051},
        BadRequestError,
    ),
    (
        "mistral too many tokens",
        400,
        {"object": "error", "message": "Prompt contains too many tokens: 9"},
        ContextLengthError,
    ),
    ("mistral detail", 401, {"detail": "Invalid API Key"}, AuthenticationError),
    (
        "mistral validation",
        422,
        {"detail": [{"loc": ["body", "model"], "msg": "Field required", "type": "missing"}]},
        BadRequestError,
    ),
    (
        "mistral object message",
        422,
        {"object": "error", "message": {"detail": [{"loc": ["x"], "msg": "bad"}]}},
        BadRequestError,
    ),
    (
        "xai key in a 400",
        400,
        {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***23."},
        AuthenticationError,
    ),
    ("xai text", 403, {"code": "The caller does not have permission", "error": "Blocked"}, PermissionDeniedError),
    ("xai error text", 429, {"error": "Too many requests"}, RateLimitError),
    (
        "groq tool use",
        400,
        nested("Failed to call a function.", "tool_use_failed", failed_generation="x"),
        ProtocolError,
    ),
    (
        "groq 413",
        413,
        nested("Request too large: tokens per minute (TPM)", "rate_limit_exceeded", "tokens"),
        BadRequestError,
    ),
    ("groq flex", 498, nested("capacity exceeded", "capacity_exceeded"), RateLimitError),
    ("openrouter credits", 402, nested("Insufficient credits", 402), QuotaExceededError),
    ("openrouter moderation", 403, nested("Refused", 403, metadata={"reasons": ["violence"]}), ContentFilteredError),
    ("openrouter down", 502, nested("Provider returned error", 502), ServerError),
    ("openrouter no provider", 503, nested("No allowed providers", 503), OverloadedError),
    ("openrouter model", 400, nested("foo/bar is not a valid model ID", 400), ModelNotFoundError),
    (
        "deepseek balance",
        402,
        nested("Insufficient Balance", "invalid_request_error", "unknown_error"),
        QuotaExceededError,
    ),
    (
        "deepseek key",
        401,
        nested("Authentication Fails", "invalid_request_error", "authentication_error"),
        AuthenticationError,
    ),
    (
        "cerebras key",
        401,
        {"message": "Wrong API Key", "type": "x", "param": "api_key", "code": "wrong_api_key"},
        AuthenticationError,
    ),
    (
        "cerebras context",
        400,
        {"message": "Current length is 9000 while limit is 8192", "code": "x"},
        ContextLengthError,
    ),
    ("ollama model", 404, {"error": 'model "llama9" not found, try pulling it first'}, ModelNotFoundError),
    (
        "vllm flat",
        400,
        {"object": "error", "message": "maximum context length is 10", "type": "BadRequestError", "code": 400},
        ContextLengthError,
    ),
    (
        "vllm model",
        404,
        {"object": "error", "message": "The model `x` does not exist.", "code": 404},
        ModelNotFoundError,
    ),
    ("llama.cpp loading", 503, nested("Loading model", 503, "unavailable_error"), ModelLoadingError),
    ("llama.cpp context", 400, nested("x", 400, "exceed_context_size_error", n_ctx=4096), ContextLengthError),
    ("fireworks suspended", 412, {"error": "Account suspended"}, PermissionDeniedError),
    (
        "hugging face tokens",
        422,
        {"error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096"},
        ContextLengthError,
    ),
    ("hugging face loading", 503, {"error": "Model x is currently loading", "estimated_time": 20.5}, ModelLoadingError),
    ("hugging face partner", 400, nested("Model not supported by provider hf-inference"), ModelNotFoundError),
    ("google list", 429, [{"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}], RateLimitError),
    ("html", 502, b"<html><head><title>502 Bad Gateway</title></head></html>", ServerError),
    ("cloudflare", 524, b"<!DOCTYPE html><title>A timeout occurred</title>", ServerError),
    ("empty", 500, b"", ServerError),
    ("null", 500, b"null", ServerError),
    ("bare string", 400, b'"no"', BadRequestError),
    ("plain text", 422, b"Failed to deserialize", BadRequestError),
    ("cut", 429, b'{"error": {"message": "You exceeded your curr', RateLimitError),
    ("not utf-8", 500, b"\xff\xfe\x00", ServerError),
    ("redirect", 301, b"", NotFoundError),
]


@pytest.mark.parametrize(("status", "body", "kind"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_shape_has_its_type(status: int, body: Any, kind: type[ExchangeError]) -> None:
    error = decoded(status, body)
    assert (type(error), error.status, error.provider, error.model) == (kind, status, "openai", "gpt")
    assert error.message
    assert "\n" not in error.message


def test_the_facts_of_an_error_are_data() -> None:
    error = decoded(
        400,
        nested("Unsupported parameter:\n 'stop'", "unsupported_parameter", "invalid_request_error", param="stop"),
        {"X-Request-Id": "req_1"},
    )
    assert (error.message, error.code, error.error_type, error.request_id, error.retry_after_seconds) == (
        "Unsupported parameter: 'stop'", "unsupported_parameter", "invalid_request_error", "req_1", None,
    )  # fmt: skip
    assert decoded(400, nested("x") | {"error": {"message": "x", "param": "stop"}}).param == "stop"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"detail": [{"loc": ["body", "model"], "msg": "Field required"}]}, "body.model: Field required"),
        ({"object": "error", "message": {"detail": "gone"}}, "gone"),
        ({"code": "Some text", "error": "Some other"}, "Some other"),
        ({"error": ["one", "two"]}, "one; two"),
        (b"<html><head><title>502 Bad\n Gateway</title>", "a web page came instead of JSON: 502 Bad Gateway"),
        (b'{"error": {"message": "You exceeded your curr', "You exceeded your curr"),
        (b"", "the provider gave no reason"),
        (
            nested("Provider returned error", 429, metadata={"raw": "qwen is rate-limited upstream"}),
            "Provider returned error: qwen is rate-limited upstream",
        ),
        (
            nested("Provider returned error", 400, metadata={"raw": '{"error": {"message": "bad tool"}}'}),
            "Provider returned error: bad tool",
        ),
        (nested("x" * 2000), "x" * 597 + "..."),
    ],
)
def test_the_message_is_the_provider_s_own(body: Any, message: str) -> None:
    assert decoded(400, body).message == message


@pytest.mark.parametrize(
    "shown",
    [
        "sk-proj-abcdefgh12345678",
        "sk-abc***********xyz9",
        "invalid-*****2345",
        "****-key",
        "gsk_aB3dE5fG7hI9jK1l",
        "0123456789abcdef0123456789abcdef",
        "AIzaSyA1234567890abcdefghij",
        "Bearer abcdefghijklmnop",
    ],
)
def test_what_looks_like_a_key_is_never_shown(shown: str) -> None:
    error = decoded(401, nested(f"Incorrect API key provided: {shown}. Find yours at https://example.com/keys."))
    secret = shown.removeprefix("Bearer ")
    assert secret not in str(error)
    assert secret not in json.dumps(error.body)
    assert "Find yours at https://example.com/keys." in error.message


@pytest.mark.parametrize(
    "said",
    ["not supported by provider hf-inference", "field sk_learn_model", "request req_1963efc19b3b4865af98403581d580af"],
)
def test_words_that_are_no_keys_are_left_alone(said: str) -> None:
    assert decoded(400, nested(said)).message == said


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"error": "Model is loading", "estimated_time": 20.5}, 20.5),
        ([{"error": {"message": "x", "details": [{"@type": "google.rpc.RetryInfo", "retryDelay": "34s"}]}}], 34.0),
        (nested("Rate limit reached. Please try again in 250ms. Visit https://x"), 0.25),
        (nested("Please try again in 2m59.56s. Need more?"), 179.56),
        (nested("Please try again in 6m0s."), 360.0),
        (nested("Please retry after 6 seconds."), 6.0),
        (nested("Please try again in a while."), None),
        (nested("Please try again later."), None),
    ],
)
def test_a_wait_in_the_body_is_read_and_headers_are_left_to_others(body: Any, seconds: float | None) -> None:
    assert decoded(429, body, {"retry-after": "99"}).retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("payload", "kind", "status"),
    [
        (nested("slow down", "rate_limit_exceeded"), RateLimitError, 200),
        (nested("down", 502), ServerError, 502),
        (nested("filtered", "content_filter", status=400), ContentFilteredError, 400),
        (nested("Failed to call a function", "tool_use_failed", failed_generation="{"), ProtocolError, 200),
        (nested("The server had an error", None, "server_error"), ServerError, 200),
        (nested("Overloaded", None, "overloaded_error"), OverloadedError, 200),
        ({"message": "Rate limit exceeded", "code": 429}, RateLimitError, 429),
        ({"error": "what"}, ProtocolError, 200),
        ({}, ProtocolError, 200),
    ],
)
def test_errors_inside_a_200_are_told_apart(payload: dict[str, Any], kind: type[ExchangeError], status: int) -> None:
    error = error_in_stream(payload, provider="groq")
    assert (type(error), error.status, error.provider) == (kind, status, "groq")


def test_a_long_body_is_cut() -> None:
    assert decoded(500, b"x y " * 100_000).body == ("x y " * 500)
    assert len(decoded(500, nested("m", junk=["y z"] * 9000)).body) == 2000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "type", "detail", "metadata", "raw", "status", "loc", "msg"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.integers(100, 599), st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_makes_it_raise(status: int, body: bytes) -> None:
    assert isinstance(decode_error(status, {"A": "b"}, body, provider="p"), ExchangeError)


@given(st.dictionaries(st.sampled_from(["error", "message", "code", "type"]), JSON))
def test_no_payload_makes_it_raise(payload: dict[str, Any]) -> None:
    assert isinstance(error_in_stream(payload, provider="p"), ExchangeError)


@pytest.mark.parametrize("piece", [b"sk-", b"a.", b"*", b"a1", b"Bearer ", b"<title>", b"model ", b"[", b'{"error":'])
@pytest.mark.timeout(20)
def test_no_body_takes_long(piece: bytes) -> None:
    assert isinstance(decode_error(400, {}, piece * (200_000 // len(piece)), provider="p"), ExchangeError)
