"""Objects of S3: what is sent is signed as botocore signs it, and what comes back is read."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from agentkit.buckets import BucketPage, Place
from agentkit.codec import WireRequest
from agentkit.errors import AuthenticationError, NotFoundError, OverloadedError, PermissionDeniedError, ProtocolError
from agentkit.providers.aws.s3 import S3Codec
from agentkit.providers.aws.signing import Credentials, sign
from agentkit.remote import Endpoint
from agentkit.transport.protocol import HttpRequest

KEYS = ["x/input.jsonl", "in put+a&b=c.jsonl", "a//b", "./x/../y", "é~(1)!*'.out", "100%/ß"]
MOMENT = datetime.datetime(2026, 11, 23, 4, 30, 59, tzinfo=datetime.UTC)


def wires(key: str) -> list[WireRequest]:
    codec, place = S3Codec(), Place("s3", "my-bucket", key)
    return [codec.put(place, b'{"a":1}\n'), codec.get(place), codec.listing(place, after="1/to+ken==")]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("token", [None, "session/token+="])
def test_requests_are_signed_as_botocore_signs_them(key: str, token: str | None) -> None:
    auth: Any = pytest.importorskip("botocore.auth", reason="botocore, whose signer ours is compared with, is missing")
    awsrequest: Any = pytest.importorskip("botocore.awsrequest")
    own = Credentials("AKIDEXAMPLE", "secret", token)
    theirs = pytest.importorskip("botocore.credentials").Credentials(own.access_key, own.secret_key, token)
    endpoint = Endpoint("https://s3.eu-central-1.amazonaws.com")
    for wire in wires(key):
        request = HttpRequest(wire.method, endpoint.url(wire.path), wire.headers, wire.body)
        ours = dict(sign(request, own, region="eu-central-1", service="s3", now=MOMENT.timestamp()).headers)
        asked = awsrequest.AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body)
        asked.context["payload_signing_enabled"] = True
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(auth, "get_current_datetime", lambda: MOMENT.replace(tzinfo=None), raising=False)
            auth.S3SigV4Auth(theirs, "s3", "eu-central-1").add_auth(asked)

        assert ours["authorization"] == asked.headers["Authorization"], wire.path
        assert ours["x-amz-content-sha256"] == asked.headers["X-Amz-Content-SHA256"]


def test_a_page_of_a_listing_is_read() -> None:
    text = (
        '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><EncodingType>url</EncodingType>'
        "<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b</NextContinuationToken>"
        "<Contents><Key>x/in+put%2B.jsonl</Key></Contents><Contents><Key>x/%C3%A9</Key></Contents></ListBucketResult>"
    )
    assert S3Codec().page(text.encode()) == BucketPage(("x/in put+.jsonl", "x/é"), "a&b")
    assert S3Codec().page(b"<ListBucketResult><Key>a+b&lt;</Key></ListBucketResult>") == BucketPage(("a+b<",))
    assert S3Codec().page(b"<ListBucketResult/>") == BucketPage(())
    with pytest.raises(ProtocolError, match="no list of objects"):
        S3Codec().page(b"<html/>")
    with pytest.raises(ProtocolError, match="goes on, and does not say where"):
        S3Codec().page(b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, "NoSuchBucket", NotFoundError),
        (403, "AccessDenied", PermissionDeniedError),
        (403, "SignatureDoesNotMatch", AuthenticationError),
        (400, "ExpiredToken", AuthenticationError),
        (403, "InvalidAccessKeyId", AuthenticationError),
        (403, "RequestTimeTooSkewed", AuthenticationError),
        (503, "SlowDown", OverloadedError),
    ],
)
def test_errors_are_typed_and_say_what_s3_says(status: int, code: str, kind: type[Exception]) -> None:
    body = f"<Error><Code>{code}</Code><Message>It went wrong.</Message><BucketName>b-1</BucketName></Error>"
    error = S3Codec().decode_error(status, {"x-amz-request-id": "r1"}, body.encode())

    assert (type(error), error.error_type, error.request_id) == (kind, code, "r1")
    assert "S3: It went wrong. (b-1)" in str(error)


def test_an_error_without_xml_is_one_too() -> None:
    assert type(S3Codec().decode_error(404, {}, b"")) is NotFoundError
