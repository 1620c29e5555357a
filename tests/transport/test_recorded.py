"""The file of a recording: what it holds, and that it comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from canaries import KEY

from agentkit.errors import NewerVersionError, StateError
from agentkit.transport.protocol import HttpRequest
from agentkit.transport.recorded import (
    Body,
    Exchange,
    RecordedReply,
    RecordedRequest,
    read_exchanges,
    write_exchanges,
)
from agentkit.transport.redact import Redactor

HEADERS = (
    ("content-type", "application/json"),
    ("Authorization", f"Bearer {KEY}"),
    ("User-Agent", "agentkit"),
    ("Idempotency-Key", "4711"),
)


def request_of(body: bytes, *headers: tuple[str, str], url: str = "https://api.test/v1/chat") -> RecordedRequest:
    return RecordedRequest.of(HttpRequest("POST", url, headers or HEADERS, body), Redactor())


def reply_of(*pieces: bytes, kind: str = "application/json", status: int = 200) -> RecordedReply:
    headers = {"content-type": kind, "content-length": "3", "set-cookie": "a=b", "x-request-id": "r"}
    return RecordedReply.of(status, headers, pieces, redactor=Redactor(), end="complete")


def test_is_json_that_people_can_read(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file.json"
    exchange = Exchange(
        request_of(
            b'{"model":"m","messages":[{"content":"h\xc3\xa9llo"}]}', url="https://u:passw0rd@h.test/v1?key=AIza&v=2"
        ),
        reply_of(b'data: {"a":1}\n\n', b"data: [DONE]\n\n", kind="text/event-stream"),
    )
    write_exchanges(file, [exchange])
    assert (
        file.read_text(encoding="utf-8")
        == """{
  "agentkit_recording": 1,
  "exchanges": [
    {
      "request": {
        "method": "POST",
        "url": "https://h.test/v1?key=REDACTED&v=2",
        "headers": {
          "content-type": "application/json",
          "authorization": "REDACTED"
        },
        "json": {
          "model": "m",
          "messages": [
            {
              "content": "héllo"
            }
          ]
        }
      },
      "response": {
        "status": 200,
        "headers": {
          "content-type": "text/event-stream",
          "x-request-id": "r"
        },
        "chunks": [
          "data: {\\"a\\":1}\\n\\n",
          "data: [DONE]\\n\\n"
        ]
      }
    }
  ]
}
"""
    )
    assert [each.name for each in file.parent.iterdir()] == ["file.json"]
    assert read_exchanges(file) == [
        Exchange(
            request_of(b'{"model":"m","messages":[{"content":"h\xc3\xa9llo"}]}', url="https://h.test/v1?key=x&v=2"),
            exchange.reply,
        )
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", None),
        (b'{"a": [1, 2.0, true, null, "\xe2\x82\xac"]}', "json"),
        (b"plain text", "text"),
        (b'"a text in quotes"', "text"),
        (b'{"twice": 1, "twice": 2}', "text"),
        (b'{"half": "\\ud83d"}', "text"),
        (b'{"large": 1e400}', "text"),
        (b'{"cut": ', "text"),
        (b"[" * 3000, "text"),
        (b"\x89PNG\xff\xfe", "base64"),
    ],
)
def test_a_body_comes_back_as_it_was(body: bytes, field: str | None) -> None:
    kept = Body.of([body], Redactor())
    fields = json.loads(json.dumps(kept.to_json()))
    assert list(fields) == ([field] if field else [])
    back = b"".join(Body.from_json(fields).pieces)
    assert back == body if field != "json" else json.loads(back) == json.loads(body)


def test_a_stream_keeps_its_pieces_and_no_character_is_split() -> None:
    euro = "€".encode()
    kept = reply_of(b"data: " + euro[:1], euro[1:] + b"\n\n", b"data: x\n\n", kind="text/event-stream").body
    assert kept.to_json() == {"chunks": ["data: ", "€\n\n", "data: x\n\n"]}
    assert Body.from_json(kept.to_json()) == kept


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (request_of(b'{"a": 1, "b": 2}'), request_of(b'{"b":2,"a":1}')),
        (request_of(b"{}", ("authorization", "Bearer one")), request_of(b"{}", ("x-other", "1"), ("x-api-key", "k"))),
        (
            request_of(b"{}", ("user-agent", "a"), ("traceparent", "1"), ("x-idempotency-key", "1")),
            request_of(b"{}", ("user-agent", "b"), ("date", "2")),
        ),
        (
            request_of(b"--abc\r\nx\r\n--abc--", ("content-type", "multipart/form-data; boundary=abc")),
            request_of(b"--d'e\r\nx\r\n--d'e--", ("content-type", 'multipart/form-data; boundary="d\'e"')),
        ),
    ],
)
def test_what_differs_each_time_is_not_compared(before: RecordedRequest, after: RecordedRequest) -> None:
    ours = [line for line in after.lines() if not line.startswith("x-other")]
    assert before.lines() == ours


@pytest.mark.parametrize(
    "after",
    [
        request_of(b'{"a": 2}'),
        request_of(b'{"a": 1}', ("content-type", "application/json"), ("anthropic-beta", "new")),
        request_of(b'{"a": 1}', url="https://api.test/v2/chat"),
        request_of(b'{"a": true}'),
    ],
)
def test_what_says_something_else_is_another_request(after: RecordedRequest) -> None:
    assert request_of(b'{"a": 1}').lines() != after.lines()


def test_a_key_that_comes_back_is_not_written() -> None:
    redactor = Redactor()
    RecordedRequest.of(HttpRequest("POST", "https://h", HEADERS, b"{}"), redactor)
    whole = RecordedReply.of(
        401, {"x-echo": KEY}, [f'{{"error": "wrong key {KEY}"}}'.encode()], redactor=redactor, end="complete"
    )
    assert whole.to_json() == {
        "status": 401,
        "headers": {"x-echo": "REDACTED"},
        "json": {"error": "wrong key REDACTED"},
    }
    events = [f'data: {{"index":0,"delta":"{piece}"}}\n\n'.encode() for piece in ("it is ", KEY[:9], KEY[9:], "!")]
    streamed = RecordedReply.of(200, {"content-type": "text/event-stream"}, events, redactor=redactor, end="complete")
    assert streamed.to_json()["chunks"] == [
        'data: {"index":0,"delta":"it is "}\n\n',
        'data: {"index":0,"delta":"REDACTED"}\n\n',
        'data: {"index":0,"delta":""}\n\n',
        'data: {"index":0,"delta":"!"}\n\n',
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"agentkit_recording": 1}',
        '{"agentkit_recording": 1, "exchanges": [{}]}',
        '{"agentkit_recording": 1, "exchanges": [{"request": {"method": "GET", "url": "u", "headers": {}}, '
        '"response": {"status": 200, "headers": {}, "end": "odd"}}]}',
    ],
)
def test_a_file_that_is_no_recording_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text(content)
    with pytest.raises(StateError, match=r"broken.json is no recording .*; delete it and record it again, or mend it"):
        read_exchanges(file)


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "newer.json"
    file.write_text('{"agentkit_recording": 99, "exchanges": []}')
    with pytest.raises(NewerVersionError, match="this recording has version 99, this agentkit reads up to 1"):
        read_exchanges(file)
    assert file.read_text() == '{"agentkit_recording": 99, "exchanges": []}'
