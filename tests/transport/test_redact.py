"""What is shown of requests never holds a key."""

from __future__ import annotations

import pytest

from agentkit.transport.protocol import HttpRequest
from agentkit.transport.redact import redacted_headers, redacted_url


def test_hides_secret_headers_whatever_their_case() -> None:
    headers = [
        ("Authorization", "Bearer sk-1"),
        ("api-key", "k"),
        ("X-API-Key", "k"),
        ("x-goog-api-key", "k"),
        ("Cookie", "k"),
        ("set-cookie", "k"),
        ("x-amz-security-token", "k"),
        ("x-my-secret", "k"),
        ("x-session-token", "k"),
        ("x-ratelimit-remaining-tokens", "1000"),
        ("x-amzn-bedrock-input-token-count", "12"),
        ("content-type", "application/json"),
    ]
    shown = dict(redacted_headers(headers))
    assert {name for name, value in shown.items() if value != "REDACTED"} == {
        "x-ratelimit-remaining-tokens",
        "x-amzn-bedrock-input-token-count",
        "content-type",
    }
    assert list(shown) == [name for name, _ in headers]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/v1?key=AIza&alt=sse", "https://h/v1?key=REDACTED&alt=sse"),
        ("https://h/v1?API_KEY=1&access_token=2", "https://h/v1?API_KEY=REDACTED&access_token=REDACTED"),
        ("https://u:p@h:8/x?q=a%20b#frag", "https://h:8/x?q=a%20b"),
        ("https://s3/x?X-Amz-Signature=1&X-Amz-Date=2", "https://s3/x?X-Amz-Signature=REDACTED&X-Amz-Date=2"),
        ("https://blob/x?sv=1&sig=abc", "https://blob/x?sv=1&sig=REDACTED"),
        ("https://h/plain", "https://h/plain"),
        ("https://[broken?key=1", "(a malformed URL)"),
    ],
)
def test_hides_secret_values_of_a_url(url: str, shown: str) -> None:
    assert redacted_url(url) == shown


def test_the_repr_of_a_request_shows_no_values_and_no_body() -> None:
    request = HttpRequest("POST", "https://h/v1?key=AIza", (("authorization", "Bearer sk-1"),), b"a conversation")
    assert repr(request) == "HttpRequest(POST https://h/v1?key=REDACTED, headers: authorization, 14 bytes)"
