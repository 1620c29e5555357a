from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilteredError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    ModelNotFoundError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.providers.anthropic.errors import decode_error, error_in_stream


def decoded(status: int, body: bytes, headers: dict[str, str] | None = None) -> ExchangeError:
    return decode_error(status, headers or {}, body, provider="anthropic")


def error(kind: str, message: str = "no", **details: Any) -> bytes:
    inner: dict[str, Any] = {"type": kind, "message": message}
    if details:
        inner["details"] = details
    return json.dumps({"type": "error", "error": inner, "request_id": "req_1"}).encode()


def test_reads_all_that_an_error_says() -> None:
    found = decoded(429, error("rate_limit_error", "slow\n down", error_code="ramp_limit_exceeded"))
    assert (type(found), found.message, found.error_type, found.code, found.request_id, found.status) == (
        RateLimitError, "slow down", "rate_limit_error", "ramp_limit_exceeded", "req_1", 429,
    )  # fmt: skip
    assert found.body["error"]["type"] == "rate_limit_error"
    assert str(found) == "slow down (anthropic, HTTP 429, ramp_limit_exceeded, request req_1)"


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (400, "invalid_request_error", "messages: Field required", BadRequestError),
        (400, "invalid_request_error", "prompt is too long: 201000 tokens > 200000 maximum", ContextLengthError),
        (
            400, "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", ContextLengthError,
        ),
        (400, "invalid_request_error", "Output blocked by content filtering policy", ContentFilteredError),
        (401, "authentication_error", "invalid x-api-key", AuthenticationError),
        (402, "billing_error", "pay", QuotaExceededError),
        (403, "permission_error", "no", PermissionDeniedError),
        (404, "not_found_error", "model: claude-x", ModelNotFoundError),
        (404, "not_found_error", "Not found", NotFoundError),
        (408, "", "", DeadlineError),
        (409, "conflict_error", "no", BadRequestError),
        (413, "request_too_large", "no", BadRequestError),
        (429, "rate_limit_error", "no", RateLimitError),
        (500, "api_error", "no", ServerError),
        (503, "", "", OverloadedError),
        (504, "timeout_error", "no", DeadlineError),
        (529, "overloaded_error", "Overloaded", OverloadedError),
    ],
)  # fmt: skip
def test_knows_every_error_of_the_service(status: int, kind: str, message: str, expected: type[ExchangeError]) -> None:
    assert type(decoded(status, error(kind, message))) is expected


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, error("invalid_request_error", "You have reached your specified API usage limits.")),
        (400, error("invalid_request_error", "Your credit balance is too low to access the Anthropic API.")),
        (429, error("rate_limit_error", "no", error_code="enforced_spend_limit_reached")),
        (429, error("rate_limit_error", "no", error_code="contract_spend_limit_reached")),
        (402, error("billing_error")),
    ],
)
def test_q20_a_spent_quota_is_no_rate_limit_and_never_tried_again(status: int, body: bytes) -> None:
    found = decoded(status, body)
    assert (type(found), found.is_retryable) == (QuotaExceededError, False)


@pytest.mark.parametrize(
    ("status", "body", "expected", "message"),
    [
        (
            502, b"<html><head><title>502 Bad Gateway</title></head></html>", ServerError,
            "a web page came instead of JSON: 502 Bad Gateway",
        ),
        (503, b"<!DOCTYPE html><p>", OverloadedError, "a web page came instead of JSON"),
        (500, b"", ServerError, "the provider gave no reason"),
        (
            302, b"", NotFoundError,
            "the address answered with a redirect, which is not followed; set base_url to where it leads",
        ),
        (529, b'{"type":"error","error":{"type":"overloaded_error","message":"Over', OverloadedError, "Over"),
        (400, b'[{"error":{"type":"invalid_request_error","message":"no"}}]', BadRequestError, "no"),
        (400, b"[3]", BadRequestError, "the provider gave no reason"),
        (401, b'{"message":"Unauthorized"}', AuthenticationError, "Unauthorized"),
        (403, b'{"error":"forbidden"}', PermissionDeniedError, "forbidden"),
        (422, b'{"detail":[{"msg":"bad"}]}', BadRequestError, '[{"msg":"bad"}]'),
        (500, b'"broken"', ServerError, "broken"),
        (418, b"\xff\xfe", BadRequestError, "\ufffd\ufffd"),
        (429, b"null", RateLimitError, "null"),
    ],
)  # fmt: skip
def test_q30_bodies_of_proxies_become_typed_errors(
    status: int, body: bytes, expected: type[ExchangeError], message: str
) -> None:
    found = decoded(status, body)
    assert (type(found), found.message) == (expected, message)


@given(
    st.integers(300, 599),
    st.binary(max_size=60) | st.text(max_size=30).map(lambda t: json.dumps({"error": t}).encode()),
)
@hypothesis_settings(max_examples=200, deadline=None)
def test_q30_never_raises_by_itself(status: int, body: bytes) -> None:
    found = decoded(status, body)
    assert isinstance(found, ExchangeError)
    assert type(found) is not ExchangeError


names = st.sampled_from(["error", "type", "message", "details", "error_code", "request_id"])
shapes = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner),
)


@given(shapes)
@hypothesis_settings(max_examples=200, deadline=None)
def test_q30_no_shape_of_json_makes_it_raise(value: Any) -> None:
    assert isinstance(decoded(400, json.dumps(value).encode()), ExchangeError)


def test_an_error_in_a_stream_goes_by_its_type() -> None:
    found = error_in_stream({"type": "error", "error": {"type": "mystery", "message": "?"}}, provider="anthropic")
    assert (type(found), found.status) == (ProtocolError, 200)


def test_keys_never_enter_errors() -> None:
    found = decoded(401, error("authentication_error", "bad key sk-ant-api03-abcdefghijklmnop"))
    assert "abcdefghijklmnop" not in f"{found} {found.body} {found.message}"


def test_headers_name_the_request() -> None:
    assert decoded(500, b"", {"Request-Id": "req_9"}).request_id == "req_9"
