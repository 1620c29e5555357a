"""Batches whose inputs and results are objects in buckets, in the words of Bedrock and of Vertex AI."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote

from pydantic_core import to_json

from agentkit.classification import object_of
from agentkit.errors import BadRequestError
from agentkit.simulator.batch_replies import Answers, BatchTold
from agentkit.simulator.formats import json_object

__all__ = ["BEDROCK_JOBS", "BedrockJobs", "VertexJobs", "bedrock_input", "vertex_input"]

Json: TypeAlias = dict[str, Any]
Keep: TypeAlias = Callable[[str, list[Json]], str]

BEDROCK_JOBS = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/"
"""What the ARNs of jobs begin with."""


class BedrockJobs:
    """Model invocation jobs."""

    _STATUSES: Mapping[str, str] = {
        "running": "InProgress",
        "ended": "Completed",
        "failed": "Failed",
        "cancelled": "Stopped",
    }

    def id(self, number: int) -> str:
        return f"{BEDROCK_JOBS}sim{number:09d}"

    def job(self, told: BatchTold, now: float) -> Json:
        sent = {name: value for name, value in told.sent.items() if name != "rows"}
        status = self._STATUSES.get(told.status) or ("PartiallyCompleted" if told.done else "Expired")
        counts = {"totalRecordCount": told.total, "processedRecordCount": told.done}
        return sent | {
            "jobArn": told.id,
            "status": status,
            "submitTime": _moment(told.created),
            "lastModifiedTime": _moment(now),
            **counts,
            "successRecordCount": told.done,
            "errorRecordCount": 0,
        }

    def ended(self, shown: Json, answers: Answers, *, keep: Keep, sent: Json) -> Json:
        failed = sum(status not in (0, 200) for _, status, _ in answers)
        done = sum(status != 0 for _, status, _ in answers)
        counts = {
            "totalRecordCount": len(answers),
            "processedRecordCount": done,
            "successRecordCount": done - failed,
            "errorRecordCount": failed,
        }
        folder = f"{output_of(sent).rstrip('/')}/{shown['jobArn'].rpartition('/')[2]}"
        name = input_of(sent).rpartition("/")[2]
        if done:
            inputs: Mapping[str, Json] = {str(row.get("recordId")): row for row in sent["rows"]}
            rows = self.rows(answers)
            keep(f"{folder}/{name}.out", [inputs.get(row["recordId"], {}) | row for row in rows])
            keep(f"{folder}/manifest.json.out", [counts])
        return shown | counts

    def rows(self, answers: Answers) -> list[Json]:
        rows: list[Json] = []
        for id, status, body in answers:
            if status == 200:
                rows.append({"recordId": id, "modelOutput": body})
            elif status:
                rows.append({"recordId": id, "error": {"errorCode": status, "errorMessage": _said(body)}})
        return rows

    def listing(self, jobs: list[Json]) -> Json:
        return {"invocationJobSummaries": jobs}


class VertexJobs:
    """Batch prediction jobs."""

    _STATUSES: Mapping[str, str] = {"ended": "SUCCEEDED"}

    def id(self, number: int) -> str:
        return str(4_000_000_000_000_000_000 + number)

    def job(self, told: BatchTold, now: float) -> Json:
        sent = {name: value for name, value in told.sent.items() if name not in ("rows", "parent")}
        state = self._STATUSES.get(told.status, told.status.upper())
        return sent | {
            "name": f"{told.sent['parent']}/batchPredictionJobs/{told.id}",
            "state": f"JOB_STATE_{state}",
            "createTime": _moment(told.created),
            "updateTime": _moment(now),
            "completionStats": {"successfulCount": str(told.done), "incompleteCount": str(told.total - told.done)},
        }

    def ended(self, shown: Json, answers: Answers, *, keep: Keep, sent: Json) -> Json:
        prefix: str = sent["outputConfig"]["gcsDestination"]["outputUriPrefix"].rstrip("/")
        folder = f"{prefix}/prediction-model-{shown['createTime']}"
        failed = sum(status not in (0, 200) for _, status, _ in answers)
        done = sum(status != 0 for _, status, _ in answers)
        inputs: list[Json] = sent["rows"]
        rows = [
            ({"instance": inputs[int(id)]} if "predictions" in row else inputs[int(id)]) | row
            for (id, _, _), row in zip(answers, self.rows(answers), strict=True)
            if row
        ]
        if done:
            keep(f"{folder}/predictions.jsonl", rows)
        stats = {"successfulCount": str(done - failed), "failedCount": str(failed)}
        return shown | {"completionStats": stats, "outputInfo": {"gcsOutputDirectory": folder}}

    def rows(self, answers: Answers) -> list[Json]:
        """Without ids: who reads them knows an answer by the request that stands beside it."""
        rows: list[Json] = []
        for _, status, body in answers:
            if status == 200:
                told = {"predictions": body["predictions"]} if "predictions" in body else {"response": body}
                rows.append({"status": "", **told})
            else:
                said = f"Bad Request: {to_json(body).decode()}" if status == 400 else to_json(body).decode()
                rows.append({"status": said, "response": {}} if status else {})
        return rows

    def listing(self, jobs: list[Json]) -> Json:
        return {"batchPredictionJobs": jobs} if jobs else {}


def input_of(sent: Json) -> str:
    """Where a job of Bedrock reads. Raises BadRequestError."""
    return _place(sent, "inputDataConfig", "s3InputDataConfig")


def output_of(sent: Json) -> str:
    """Where a job of Bedrock writes. Raises BadRequestError."""
    return _place(sent, "outputDataConfig", "s3OutputDataConfig")


def bedrock_input(sent: Json, objects: Mapping[str, bytes]) -> list[tuple[str, str, Json]]:
    """(id, path, body) of each record that a job of Bedrock reads. Raises BadRequestError."""
    for name in ("jobName", "roleArn", "modelId"):
        if not isinstance(sent.get(name), str) or not sent[name]:
            raise BadRequestError(f"1 validation error detected: Value null at '{name}' failed to satisfy constraint")
    output_of(sent)
    rows = sent["rows"] = _rows(objects.get(input_of(sent)), input_of(sent))
    function = "converse" if sent.get("modelInvocationType") == "Converse" else "invoke"
    path = f"/model/{quote(sent['modelId'], safe='')}/{function}"
    return [(str(row.get("recordId")), path, object_of(row.get("modelInput"))) for row in rows]


def vertex_input(sent: Json, objects: Mapping[str, bytes]) -> list[tuple[str, str, Json]]:
    """(place, path, body) of each line that a job of Vertex AI reads. Raises BadRequestError."""
    try:
        (uri,) = sent["inputConfig"]["gcsSource"]["uris"]
        model, _ = sent["model"], sent["outputConfig"]["gcsDestination"]["outputUriPrefix"]
    except (KeyError, TypeError, ValueError):
        raise BadRequestError("Request contains an invalid argument: model, inputConfig or outputConfig.") from None
    rows = sent["rows"] = _rows(objects.get(uri), uri)
    path = f"/v1/{sent['parent']}/{model}"
    if "content" in rows[0]:  # texts to embed
        more = {"parameters": sent.get("modelParameters")}
        return [(str(place), f"{path}:predict", {"instances": [row], **more}) for place, row in enumerate(rows)]
    path += ":rawPredict" if "/anthropic/" in model else ":generateContent"
    return [(str(place), path, row.get("request") or {}) for place, row in enumerate(rows)]


def _said(body: Json) -> str:
    """The message of an error, as Converse or as Messages writes it."""
    inner: Json = body.get("error") or {}
    return str(body.get("message") or inner.get("message"))


def _place(sent: Json, config: str, kind: str) -> str:
    uri = object_of(object_of(sent.get(config)).get(kind)).get("s3Uri")
    if not isinstance(uri, str) or not uri.startswith("s3://"):
        raise BadRequestError(f"1 validation error detected: Value null at '{config}' failed to satisfy constraint")
    return uri


def _rows(data: bytes | None, uri: str) -> list[Json]:
    if data is None:
        raise BadRequestError(f"The object {uri} does not exist or the role has no access to it.")
    rows = [json_object(line) for line in data.splitlines()]
    if not rows or any(row is None for row in rows):
        raise BadRequestError(f"The file {uri} is empty, or a line of it is no JSON object.")
    return [row for row in rows if row is not None]


def _moment(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="milliseconds")
