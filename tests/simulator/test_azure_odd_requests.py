"""What no client of Azure's services would send is refused by the simulator, and does not end it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agentkit.simulator.server import simulate

pytestmark = pytest.mark.anyio

ODD: tuple[Any, ...] = (None, 5, "x", [], {}, [5], [None], [[]], [{}], {"a": 1}, "http://[", ["http://["], True)
TEXTS = {"documents": [{"id": "0", "text": "a"}]}
HEARD = {"displayName": "n", "locale": "en-US", "properties": {"a": 1}, "contentUrls": ["https://a.example/b"]}
JOBS = "/language/analyze-text/jobs"
HEARINGS = "/speechtotext/transcriptions"


def odd_requests() -> Iterator[tuple[str, Any]]:
    for odd in ODD:
        yield "/contentsafety/text:analyze", odd
        yield "/contentsafety/text:analyze", {"text": odd}
        yield "/contentsafety/image:analyze", {"image": odd}
        yield "/language/:analyze-text", {"kind": odd, "analysisInput": TEXTS}
        yield "/language/:analyze-text", {"kind": "SentimentAnalysis", "analysisInput": odd}
        yield JOBS, {"tasks": odd, "analysisInput": TEXTS}
        yield JOBS, {"tasks": [{"kind": "CustomSingleLabelClassification", "parameters": odd}], "analysisInput": TEXTS}
        yield JOBS, {"tasks": [{"kind": "SentimentAnalysis", "parameters": odd}], "analysisInput": TEXTS}
        for name in HEARD:
            yield f"{HEARINGS}:submit", {**HEARD, name: odd}


def looked_at(reply: httpx.Response) -> str | None:
    """Where the job is that was started, if one was."""
    if reply.status_code == 202:
        return reply.headers["operation-location"]
    return reply.json()["self"].partition("?")[0] + "/files" if reply.status_code == 201 else None


async def test_odd_requests_have_a_reply_each() -> None:
    async with simulate() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        for path, sent in odd_requests():
            reply = await client.post(path, json=sent)
            assert reply.status_code < 500
            place = looked_at(reply)
            if place is not None:
                seen = await client.get(place)
                assert seen.status_code == 200
                for file in seen.json().get("values", []):
                    assert (await client.get(file["links"]["contentUrl"])).status_code == 200
        for odd in ODD:
            form = {"definition": json.dumps({"locales": odd, "audioUrl": "https://a.example/b"})}
            assert (await client.post(f"{HEARINGS}:transcribe", data=form)).status_code < 500


async def test_a_job_of_one_service_is_none_of_another() -> None:
    async with simulate() as simulator, httpx.AsyncClient(base_url=simulator.url) as client:
        started = await client.post(JOBS, json={"tasks": [{"kind": "SentimentAnalysis"}], "analysisInput": TEXTS})
        id = httpx.URL(started.headers["operation-location"]).path.rpartition("/")[2]
        assert (await client.get(f"{HEARINGS}/{id}")).status_code == 404
        assert (await client.delete(f"{HEARINGS}/{id}")).status_code == 404
        assert (await client.get(f"{JOBS}/{id}", params={"skip": "9" * 5000})).status_code == 200
