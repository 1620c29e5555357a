"""Batches of the Gemini API, as its own words tell of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentkit.errors import BadRequestError, ExchangeError
from agentkit.providers.google.batches import GeminiBatchesCodec
from agentkit.providers.google.generate_content import GenerateContentCodec


def codec() -> GeminiBatchesCodec:
    return GeminiBatchesCodec(GenerateContentCodec())


def test_the_token_of_a_page_is_quoted() -> None:
    more = codec().more(b'{"nextPageToken": "a+b/c="}', seen=100)
    assert more is not None
    assert more.path == "/batches?pageSize=100&pageToken=a%2Bb%2Fc%3D"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"metadata": {"state": "BATCH_STATE_RUNNING"}}, "running"),
        ({"metadata": {"state": "BATCH_STATE_MELTED"}}, "running"),
        ({"metadata": {"state": "BATCH_STATE_MELTED"}, "done": True}, "ended"),
        ({"done": True, "error": {"code": 13, "message": "it melted"}}, "failed"),
        ({"metadata": {"state": "BATCH_STATE_CANCELLED"}, "done": True, "error": {"code": 1}}, "cancelled"),
    ],
)
def test_what_is_done_is_waited_for_no_longer(fields: dict[str, Any], status: str) -> None:
    job = codec().job(json.dumps({"name": "batches/1", **fields}).encode())
    assert (job.id, job.status) == ("batches/1", status)


def test_an_error_beside_an_empty_response_is_the_result() -> None:
    row = {"key": "ak-1-0", "response": None, "error": {"code": 3, "message": "too odd"}}
    ((id, result),) = codec().results(json.dumps(row).encode())
    assert isinstance(result, ExchangeError)
    assert (id, type(result), result.message) == ("ak-1-0", BadRequestError, "too odd")
