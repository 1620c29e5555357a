"""Recorded traffic of providers (see `<shared>/recordings/README.md`), by wire format."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from shared import SHARED

__all__ = ["FOLDER", "Recorded", "apis", "exchanges"]

FOLDER = SHARED / "recordings"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded exchange."""

    path: str
    """File below the folder of recordings, such as "openai/x.json"."""
    number: int
    """Which exchange of the file, from 0."""
    provider: str
    request: dict[str, Any] = field(repr=False)
    """method, host, path, query, headers, json ...; `recorded` is False when it is unknown."""
    response: dict[str, Any] = field(repr=False)
    """status, headers, text or body_b64."""
    expect: dict[str, Any] = field(repr=False)
    """What independent readers make of the response."""
    api: str = ""
    features: tuple[str, ...] = ()
    fidelity: str = "raw"
    is_contested: bool = False
    """Reasonable clients differ about the right reading."""

    @property
    def id(self) -> str:
        """A name for tests."""
        return f"{self.path}#{self.number}"

    @property
    def body(self) -> bytes:
        """The bytes of the response's body."""
        if "body_b64" in self.response:
            return base64.b64decode(self.response["body_b64"])
        return self.response.get("text", "").encode()

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response["status"]

    @property
    def is_streamed(self) -> bool:
        """Whether the answer was a stream."""
        return bool(self.expect.get("stream"))

    @property
    def sent(self) -> dict[str, Any] | None:
        """The JSON body of the request, when it was recorded."""
        return self.request.get("json") if self.request.get("recorded", True) else None


@cache
def _files() -> tuple[tuple[str, dict[str, Any]], ...]:
    return tuple(
        (path.relative_to(FOLDER).as_posix(), json.loads(path.read_bytes())) for path in sorted(FOLDER.glob("*/*.json"))
    )


@cache
def apis() -> tuple[str, ...]:
    """All API categories; none when the folder is absent."""
    return tuple(sorted({entry["api"] for _, document in _files() for entry in document["exchanges"]}))


@cache
def exchanges(api: str) -> tuple[Recorded, ...]:
    """All exchanges of an API category, such as "chat_completions"; none when the folder is absent."""
    return tuple(
        Recorded(
            path=path,
            number=number,
            provider=entry["provider"],
            request=entry["request"],
            response=entry["response"],
            expect=entry["expect"],
            api=api,
            features=tuple(document.get("features", ())),
            fidelity=document.get("fidelity", "raw"),
            is_contested=bool(document.get("expect_contested")),
        )
        for path, document in _files()
        for number, entry in enumerate(document["exchanges"])
        if entry["api"] == api
    )
