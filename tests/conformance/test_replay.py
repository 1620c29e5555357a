"""Every recording that is played back through the simulator comes out byte for byte."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from shared import SHARED, needs_shared

from agentkit.simulator.recording import Recording
from agentkit.simulator.server import simulate

pytestmark = pytest.mark.anyio

APIS = {
    "/chat/completions": "chat",
    "/responses": "responses",
    "/messages": "messages",
    ":generateContent": "gemini",
    ":streamGenerateContent": "gemini",
}
AT_ONCE = 8


def api_of(path: str) -> str | None:
    """Which wire format a recorded request speaks; None for another."""
    plain = path.partition("?")[0]
    return next((api for end, api in APIS.items() if plain.endswith(end)), None)


@needs_shared
async def test_recordings_come_out_byte_for_byte(anyio_backend: str) -> None:
    replayed: Counter[str] = Counter()
    wrong: list[str] = []
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def replay(path: Path) -> None:
        async with limiter:
            exchanges = json.loads(path.read_bytes())["exchanges"]
            if not any(api_of(exchange["request"]["path"]) for exchange in exchanges):
                return
            async with simulate(Recording(exchanges)) as simulator:
                for exchange in exchanges:
                    api = api_of(exchange["request"]["path"])
                    if api is None:
                        continue
                    replayed[api] += 1
                    if not await is_replayed(client, simulator.url, exchange):
                        wrong.append(str(path.relative_to(SHARED)))

    # One client for all: each costs a TLS context. No connection is kept: each simulator is another host.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(verify=False, limits=limits) as client, anyio.create_task_group() as tasks:
        for path in sorted((SHARED / "recordings").rglob("*.json")):
            tasks.start_soon(replay, path)
    total = replayed.total()
    print(f"{total - len(wrong)} of {total} recorded replies came out byte for byte: {dict(sorted(replayed.items()))}")
    assert wrong == []
    assert set(replayed) == set(APIS.values())


async def is_replayed(client: httpx.AsyncClient, url: str, exchange: dict[str, Any]) -> bool:
    asked, recorded = exchange["request"], exchange["response"]
    body = base64.b64decode(recorded["body_b64"]) if "body_b64" in recorded else (recorded.get("text") or "").encode()
    content = json.dumps(asked["json"]).encode() if "json" in asked else b""
    reply = await client.request(asked["method"], url + asked["path"], content=content)
    return (reply.status_code, reply.content) == (recorded["status"], body)
