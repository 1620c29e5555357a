"""Batches of vectors at Vertex AI: the same jobs, whose lines are the instances that `predict` takes.

Facts: Google's guide to batches of text embeddings (a line is {"content"}, a result has that line as its "instance",
and "predictions" and "status" beside it, in any order). Nothing that comes back holds an id, so the ids of the lines
are kept in the bucket, and a result is known by its text; that of equal texts is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from agentkit.batching import BatchJob, BatchLine, BatchResult, json_rows
from agentkit.bucket_batch import BucketBatch
from agentkit.buckets import place_of
from agentkit.codec import WireRequest
from agentkit.errors import ConfigurationError, ExchangeError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value
from agentkit.models import Sink
from agentkit.providers.vertex.prediction_jobs import BatchPredictionJobsCodec

__all__ = ["EmbeddingBatch", "EmbeddingJobsCodec"]

Json = dict[str, Any]

_LINES = "lines.jsonl"


class EmbeddingJobsCodec(BatchPredictionJobsCodec):
    """The client half of batches of vectors."""

    price_factor = 0.8

    def line(self, line: BatchLine) -> bytes:
        """An instance with its id. Raises UnsupportedError for a request that is not one text."""
        body = cast("Json", json_value(line.wire.body))
        instances: list[Json] = body.get("instances") or []
        if not line.wire.path.endswith(":predict") or len(instances) != 1:
            raise UnsupportedError(
                "vertex embeds one text a request in a batch, with models that are not of Gemini, such as "
                'text-embedding-005; ask at once with via="requests"'
            )
        return json_bytes({"id": line.id, "instance": instances[0]}) + b"\n"

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a job; what all requests have beside their texts is said once. Raises ConfigurationError where they
        do not have the same, or a text is there for two purposes, of which nothing in a result would tell."""
        wire = super().create(name, file=file, lines=lines, wires=wires)
        made = cast("Json", json_value(wire.body))
        asked = [cast("Json", json_value(each.body)) for each in wires]
        parameters = asked[0].get("parameters")
        instances: list[Json] = [each["instances"][0] for each in asked]
        meant = {_text_of({"instance": each}): each for each in instances}
        is_one = all(each.get("parameters") == parameters for each in asked)
        if not is_one or any(meant[_text_of({"instance": each})] != each for each in instances):
            raise ConfigurationError(
                "vertex embeds the texts of a batch with one set of fields, and equal texts for one purpose; make a "
                "batch of each kind"
            )
        more = {"modelParameters": parameters} if parameters else {}
        fields = made | {"model": f"publishers/google/{made['model']}"} | more
        return replace(wire, body=json_bytes(fields))

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results in one object, each with its text in place of its id. Raises ProtocolError."""
        return [(_text_of(row), self._result(row)) for row in json_rows(body, provider=self._provider)]

    def _answer_in(self, row: Json) -> Json | None:
        return {"predictions": row["predictions"]} if row.get("predictions") else None


class EmbeddingBatch(BucketBatch):
    """The batches of one model that embeds."""

    async def upload(self, name: str, lines: Sequence[bytes], *, sink: Sink | None = None) -> str:
        """Write the lines with their ids, and the instances alone, which the provider reads. Raises ExchangeError."""
        await self._put(place_of(f"{self._named().address}/{name}/{_LINES}"), b"".join(lines), sink=sink)
        instances = [json_bytes(cast("Json", json_value(line))["instance"]) + b"\n" for line in lines]
        return await super().upload(name, instances, sink=sink)

    async def results(self, job: BatchJob, *, sink: Sink | None = None) -> list[tuple[str, BatchResult]]:
        """All results of a batch that is over, under the ids of lines that have their texts. Raises ExchangeError."""
        rows = await super().results(job, sink=sink)
        if not rows:
            return []
        folder = job.results[0].rpartition("/output/")[0]
        lines = await self._get(self._told(f"{folder}/{_LINES}"), self._lines, sink=sink)
        found: dict[str, BatchResult] = {}  # text -> its first answer, else an error
        for text, result in rows:
            if text not in found or isinstance(found[text], ExchangeError):
                found[text] = result
        return [(str(line.get("id")), found[text]) for line in lines if (text := _text_of(line)) in found]

    def _lines(self, body: bytes) -> list[Json]:
        return json_rows(body, provider=self.identity.provider)


def _text_of(row: Mapping[str, Any]) -> str:
    """The text that a line or a result is about."""
    instance = row.get("instance")
    return str(cast("Json", instance).get("content")) if isinstance(instance, dict) else ""
