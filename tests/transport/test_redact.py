"""What is shown of requests never holds a key."""

from __future__ import annotations

import pytest

from agentkit.transport.protocol import HttpRequest
from agentkit.transport.redact import Redactor, redacted_headers, redacted_url


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


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.blob.core.windows.net/c/x.wav?sv=2024&sig=abcDEF%2B123456789%3D&se=1",
         "https://a.blob.core.windows.net/c/x.wav?sv=2024&sig=REDACTED&se=1"),
        ('{"url": "https://b.s3.amazonaws.com/x?X-Amz-Signature=0123456789abcdef0123456789abcdef"}',
         '{"url": "https://b.s3.amazonaws.com/x?X-Amz-Signature=REDACTED"}'),
        ("sig=abcDEF123456789abcDEF is a word", "sig=abcDEF123456789abcDEF is a word"),
        ("https://h/x?sig=short", "https://h/x?sig=short"),
    ],
)  # fmt: skip
def test_hides_what_signs_an_address_inside_a_text(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown
