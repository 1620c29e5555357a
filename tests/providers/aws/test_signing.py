"""Our signatures equal those of botocore."""

from __future__ import annotations

import datetime
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentkit.providers.aws.signing import Credentials, sign
from agentkit.transport.protocol import HttpRequest

auth = pytest.importorskip("botocore.auth", reason="botocore, whose signer ours is compared with, is not installed")
awsrequest = pytest.importorskip("botocore.awsrequest")
credentials_of_botocore = pytest.importorskip("botocore.credentials")

_MOMENT = datetime.datetime(2026, 11, 22, 8, 30, 59, tzinfo=datetime.UTC)
_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=12)
_IDS = st.sampled_from(
    [
        "amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
        "my model (1)",
        "a+b~c",
        "é/ü",
    ]
)
_QUERIES = st.lists(st.tuples(_TEXT, _TEXT), max_size=4)


def _authorization_of_botocore(request: HttpRequest, credentials: Credentials, region: str, service: str, monkeypatch):
    own = credentials_of_botocore.Credentials(credentials.access_key, credentials.secret_key, credentials.token)
    kind = auth.S3SigV4Auth if service == "s3" else auth.SigV4Auth
    signer = kind(own, service, region)
    theirs = awsrequest.AWSRequest(request.method, request.url, headers=dict(request.headers), data=request.body)
    theirs.context["payload_signing_enabled"] = True
    monkeypatch.setattr(auth, "get_current_datetime", lambda: _MOMENT.replace(tzinfo=None), raising=False)
    signer.add_auth(theirs)
    return theirs.headers["Authorization"]


@settings(max_examples=1000, deadline=None)
@given(
    id=_IDS,
    query=_QUERIES,
    body=st.binary(max_size=40),
    token=st.none() | st.just("session/token+="),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    region=st.sampled_from(["us-east-1", "eu-central-1", "ap-southeast-2"]),
    service=st.sampled_from(["bedrock", "sagemaker", "transcribe", "bedrock-mantle"]),
    extra=st.sampled_from([(), (("x-amz-target", "Transcribe.Start  Job "),), (("User-Agent", "agentkit"),)]),
    host=st.sampled_from(["https://bedrock.us-east-1.amazonaws.com", "http://127.0.0.1:8080", "https://h:443"]),
)
def test_a_thousand_random_requests_are_signed_as_botocore_signs_them(
    id, query, body, token, secret, region, service, extra, host
):
    address = f"{host}/model/{quote(id, safe='')}/converse"
    if query:
        address += "?" + "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    request = HttpRequest("POST", address, (("content-type", "application/json"), *extra), body)
    credentials = Credentials("AKIDEXAMPLE", secret, token)

    ours = sign(request, credentials, region=region, service=service, now=_MOMENT.timestamp())

    with pytest.MonkeyPatch.context() as patch:
        theirs = _authorization_of_botocore(request, credentials, region, service, patch)
    assert dict(ours.headers)["authorization"] == theirs


@pytest.mark.parametrize("key", ["batch/in put.jsonl", "a//b", "./x/../y", "é+~"])
def test_s3_paths_are_encoded_once_and_bodies_hashed_in_a_header(key, monkeypatch):
    request = HttpRequest("PUT", f"https://bucket.s3.us-east-1.amazonaws.com/{quote(key)}", (), b"line")
    credentials = Credentials("AKIDEXAMPLE", "secret", "token")

    ours = dict(sign(request, credentials, region="us-east-1", service="s3", now=_MOMENT.timestamp()).headers)

    assert ours["authorization"] == _authorization_of_botocore(request, credentials, "us-east-1", "s3", monkeypatch)


def test_a_request_signed_before_is_signed_anew():
    request = HttpRequest("POST", "https://bedrock.us-east-1.amazonaws.com/x", (), b"{}")
    credentials = Credentials("AKIDEXAMPLE", "secret")
    now = _MOMENT.timestamp()
    once = sign(request, credentials, region="us-east-1", service="bedrock", now=now - 600)

    again = sign(once, credentials, region="us-east-1", service="bedrock", now=now)

    assert again == sign(request, credentials, region="us-east-1", service="bedrock", now=now)


def test_credentials_show_no_secret():
    assert repr(Credentials("AKIDEXAMPLE", "very-secret", "token-secret")) == (
        "Credentials(access_key='AKIDEXAMPLE', expires=None)"
    )
