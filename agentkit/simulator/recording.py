"""A recording as the source of answers: the bytes that a provider once sent, sent again.

The file is JSON: `{"exchanges": [{"request": {"method", "path", "json"}, "response": {"status", "headers",
"text" | "body_b64"}}, ...]}`. Other fields are not read; neither is the request's body when it was not recorded.
Files that `agentkit.testing.recording` writes are read too: their requests have "url" in place of "path".
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from pydantic_core import from_json

from agentkit.errors import ConfigurationError, NotFoundError
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply, split_stream
from agentkit.transport.recorded import Body

__all__ = ["Recording"]

_FRAMING = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection", "keep-alive"})


class Recording:
    """Plays exchanges back: to each request the reply to the same one, else the next one to the same path.

    Every reply is given once. Raises NotFoundError for a request to which none is left.
    """

    def __init__(self, exchanges: Iterable[Mapping[str, Any]]) -> None:
        self._left = list(exchanges)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Recording:
        """Read a file. Raises ConfigurationError for one that is no recording."""
        try:
            document = json.loads(Path(path).read_bytes())
        except ValueError as error:
            raise ConfigurationError(f"{path} is no JSON: {error}") from error
        match document:
            case {"exchanges": [{"response": {"status": int()}}, *_] as exchanges}:
                return cls(cast("Sequence[Mapping[str, Any]]", exchanges))
            case _:
                raise ConfigurationError(
                    f'{path} is no recording; it has to be {{"exchanges": [{{"request", "response"}}]}}'
                )

    @property
    def remaining(self) -> int:
        """How many exchanges were not played yet."""
        return len(self._left)

    def reply(self, asked: HttpAsked) -> Reply:
        """The reply to this request."""
        fitting = [exchange for exchange in self._left if _fits(exchange, asked)]
        sent = _json_of(asked.body)
        same = [exchange for exchange in fitting if exchange["request"].get("json") == sent]
        if not fitting:
            raise NotFoundError(
                f"the recording has no reply left to {asked.method} {asked.path}; {len(self._left)} others are left"
            )
        chosen = (same or fitting)[0]
        self._left = [exchange for exchange in self._left if exchange is not chosen]
        return _reply(chosen["response"])


def _fits(exchange: Mapping[str, Any], asked: HttpAsked) -> bool:
    request: Mapping[str, Any] = exchange.get("request") or {}
    path = str(request.get("path") or urlsplit(str(request.get("url") or asked.path)).path)
    method = request.get("method") or asked.method
    return method == asked.method and (asked.path.endswith(path) or path.endswith(asked.path))


def _reply(response: Mapping[str, Any]) -> Reply:
    if "body_b64" in response:
        body = base64.b64decode(response["body_b64"])
    elif "text" in response:
        body = str(response["text"] or "").encode()
    else:
        body = b"".join(Body.from_json(response).pieces)
    recorded: Mapping[str, str] = response.get("headers") or {}
    headers = tuple((name.lower(), str(value)) for name, value in recorded.items() if name.lower() not in _FRAMING)
    is_streamed = any(name == "content-type" and "event-stream" in value for name, value in headers)
    pieces = split_stream(body) if is_streamed else (body,)
    return Reply(int(response["status"]), headers, pieces, is_streamed)


def _json_of(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return None
