"""SageMaker's asynchronous invocations: an input lies in a bucket, and so will its answer, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError
from agentkit.simulator.formats import json_object
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply

__all__ = ["Invocation", "invocation_of"]

_HEADER = "x-amzn-sagemaker-"
_PLACE = "s3://sagemaker-simulator"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One input that was asked."""

    id: str
    path: str
    """Where a synchronous client would have asked."""
    body: dict[str, Any]
    output: str
    failure: str
    due: float
    """When it is answered, in seconds since 1970."""

    def reply(self) -> Reply:
        """What is told at once."""
        places = ((f"{_HEADER}outputlocation", self.output), (f"{_HEADER}failurelocation", self.failure))
        return Reply.whole(HttpReply(202, to_json({"InferenceId": self.id}), places))

    def answered(self, status: int, body: Any) -> tuple[str, bytes]:
        """Where what becomes of it is written, and what."""
        if status == 200:
            return self.output, to_json(body)
        said = to_json(body).decode()
        return self.failure, f'Received client error ({status}) from primary with message "{said}".'.encode()


def invocation_of(asked: HttpAsked, path: str, objects: Mapping[str, bytes], *, due: float) -> Invocation:
    """What was asked, whose answer is due then. Raises BadRequestError."""
    given = {name: asked.header(_HEADER + name) for name in ("inputlocation", "inference-id", "filename")}
    data = objects.get(given["inputlocation"])
    body = None if data is None else json_object(data)
    if body is None:
        raise BadRequestError(f"InputLocation is invalid: there is no JSON at {given['inputlocation']!r}")
    folder = asked.header(f"{_HEADER}s3outputpathextension").strip("/")
    id = given["inference-id"] or f"sim-{len(objects)}"
    name = "/".join(part for part in (folder, given["filename"] or f"{id}.out") if part)
    return Invocation(
        id, f"{path}/invocations", body, f"{_PLACE}/output/{name}", f"{_PLACE}/failure/{name}-error.out", due
    )
