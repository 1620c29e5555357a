from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    ContextLengthError,
    DeadlineError,
    ExchangeError,
    ModelNotFoundError,
    OverloadedError,
    PermissionDeniedError,
    ProtocolError,
    QuotaExceededError,
    RateLimitError,
    ServerError,
)
from agentkit.providers.google.errors import decode_error


def error(status: int, name: str, message: str = "no", *details: dict[str, Any]) -> ExchangeError:
    body = {"error": {"code": status, "message": message, "status": name, "details": list(details)}}
    return decode_error(status, {}, json.dumps(body).encode(), provider="google")


def test_q7_a_wrong_key_is_a_bad_request_that_says_so() -> None:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    found = error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", info)
    assert type(found) is AuthenticationError
    assert (found.status, found.code, found.error_type) == (400, "API_KEY_INVALID", "INVALID_ARGUMENT")
    assert type(error(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.")) is AuthenticationError


def test_q7_the_wait_stands_in_the_body() -> None:
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
    found = error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", retry)
    assert (type(found), found.retry_after_seconds) == (RateLimitError, 34.4)


@pytest.mark.parametrize(
    ("details", "message", "kind"),
    [
        ([{"violations": [{"quotaId": "RequestsPerDayPerProject"}]}, {"retryDelay": "40s"}], "x", QuotaExceededError),
        ([{"violations": [{"quotaId": "RequestsPerMinutePerProject"}]}], "x", RateLimitError),
        ([], "Check your plan and billing details.", QuotaExceededError),
        ([], "Quota exceeded.", RateLimitError),
        ([], "Resource has been exhausted. Please try again later.", OverloadedError),
    ],
)  # fmt: skip
def test_tells_what_is_exhausted(details: list[dict[str, Any]], message: str, kind: type[ExchangeError]) -> None:
    assert type(error(429, "RESOURCE_EXHAUSTED", message, *details)) is kind


@pytest.mark.parametrize(
    ("status", "name", "message", "kind"),
    [
        (400, "INVALID_ARGUMENT", "bad", BadRequestError),
        (400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens allowed (5).",
         ContextLengthError),
        (400, "INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes.", ContextLengthError),
        (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", PermissionDeniedError),
        (401, "UNAUTHENTICATED", "no", AuthenticationError),
        (403, "PERMISSION_DENIED", "no", PermissionDeniedError),
        (403, "PERMISSION_DENIED", "This API requires billing to be enabled.", QuotaExceededError),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", ModelNotFoundError),
        (499, "CANCELLED", "no", DeadlineError),
        (500, "INTERNAL", "no", ServerError),
        (503, "UNAVAILABLE", "The model is overloaded.", OverloadedError),
        (504, "DEADLINE_EXCEEDED", "no", DeadlineError),
    ],
)  # fmt: skip
def test_every_status_has_its_class(status: int, name: str, message: str, kind: type[ExchangeError]) -> None:
    found = error(status, name, message)
    assert (type(found), found.message, found.status) == (kind, message, status)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (503, b"", OverloadedError, "the provider gave no reason"),
        (502, b"<html><title>502 Bad Gateway</title>", ServerError, "a web page came instead of JSON: 502 Bad Gateway"),
        (404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", None, "Error 404"),
        (429, b'[{"error":{"message":"slow","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"1s"}]}}]',
         RateLimitError, "slow"),
        (400, b'{"error":{"code":400,"message":"half a bo', BadRequestError, "half a bo"),
        (400, b'{"error":"words"}', BadRequestError, "words"),
        (500, b'"words"', ServerError, "words"),
        (302, b"", None, "redirect"),
        (200, b"{}", ProtocolError, "no reason"),
    ],
)  # fmt: skip
def test_q30_reads_whatever_proxies_send(
    status: int, body: bytes, kind: type[ExchangeError] | None, message: str
) -> None:
    found = decode_error(status, {"X-Request-Id": "r1"}, body, provider="google")
    assert kind is None or type(found) is kind
    assert message in found.message
    assert (found.status, found.request_id) == (status, "r1")


@given(st.integers(200, 599), st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_q30_never_raises_by_itself(status: int, body: bytes) -> None:
    assert isinstance(decode_error(status, {}, body, provider="google"), ExchangeError)


def test_keys_are_taken_out_of_messages_and_bodies() -> None:
    key = "AIzaSyA1234567890abcdefghijklmnopqrstuv"
    found = error(
        400, "INVALID_ARGUMENT", f"bad url https://x/v1beta/models/m?key={key} and {key} ya29.a0ARrdaM-secret"
    )
    assert key not in f"{found} {found.body}"
    assert "ya29" not in f"{found} {found.body}"
