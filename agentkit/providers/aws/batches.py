"""Batches of Bedrock: POST /model-invocation-job at its control plane, with inputs and results in a bucket of S3.

Facts: the service model of botocore 1.44 (names, statuses, the counts of a job, a token that makes a creation happen
once) and Bedrock's user guide (a line is {"recordId", "modelInput"}, a result has "modelOutput" or "error" beside them;
results are in FOLDER/JOB/FILE.out, in any order; a job has at least 100 records, where AWS has not allowed another
number).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from agentkit.batching import (
    AnswerDecoder,
    BatchJob,
    BatchLimits,
    BatchLine,
    BatchResult,
    BatchStatus,
    json_rows,
    moment_of,
)
from agentkit.bucket_batch import Bucket, BucketBatch
from agentkit.buckets import BatchStorage, storage_of
from agentkit.classification import object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ConfigurationError, ExchangeError, ProtocolError
from agentkit.json_bytes import json_bytes
from agentkit.providers.aws.credentials import CredentialSource, find_region
from agentkit.providers.aws.errors import EXCEPTIONS, decode_error
from agentkit.providers.aws.provider import RequestSigner, home_of, region_of
from agentkit.providers.aws.s3 import S3Codec
from agentkit.remote import Endpoint, RemoteModel
from agentkit.remote_task import RemoteTask
from agentkit.transport.layer import is_offline
from agentkit.usage import count_of

__all__ = ["ModelInvocationJobsCodec", "connect_batch", "s3_endpoint", "service_address", "storage_with_role"]

Json = dict[str, Any]

_STATUSES: Mapping[str, BatchStatus] = {
    "Completed": "ended",
    "PartiallyCompleted": "expired",  # some records were not processed in time
    "Expired": "expired",
    "Failed": "failed",
    "Stopped": "cancelled",
}
_PATH = "/model-invocation-job"
_LISTING = "/model-invocation-jobs?maxResults=1000&sortBy=CreationTime&sortOrder=Descending"


class ModelInvocationJobsCodec:
    """The client half of Bedrock's batches, for models that are asked by Converse or by InvokeModel."""

    limits = BatchLimits(20_000, 500_000_000, least=100)  # less than it takes: all of it is held in memory
    price_factor = 0.5
    keeps_names = True
    uploads = True

    def __init__(self, inner: AnswerDecoder, *, model: str, role: str = "", provider: str = "bedrock") -> None:
        self.name = f"{provider}:batches"
        self._inner = inner
        self._model = model
        self._role = role
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """One line of the file."""
        return b'{"recordId":' + json_bytes(line.id) + b',"modelInput":' + line.wire.body + b"}\n"

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a job of the file, which lies in a folder of its own. Asked twice, there is one job."""
        fields = {
            "jobName": name,
            "clientRequestToken": name,
            "roleArn": self._role,
            "modelId": self._model,
            "modelInvocationType": "Converse" if wires[0].path.endswith("/converse") else "InvokeModel",
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": file, "s3InputFormat": "JSONL"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"{file.rpartition('/')[0]}/output/"}},
        }
        return WireRequest(_PATH, json_bytes(fields))

    def look(self, job: str) -> WireRequest:
        """Asks where a job stands."""
        return _get(f"{_PATH}/{quote(job, safe='')}")

    def job(self, body: bytes) -> BatchJob:
        """Where it stands; of a new one only its ARN is told. Raises ProtocolError."""
        return self._job(self._object(body))

    def listing(self) -> WireRequest:
        """Asks for the latest jobs."""
        return _get(_LISTING)

    def jobs(self, body: bytes) -> list[BatchJob]:
        """The latest jobs, newest first. Raises ProtocolError."""
        return [self._job(entry) for entry in objects_of(self._object(body).get("invocationJobSummaries"))]

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for those that are older than a list."""
        token = self._object(body).get("nextToken")
        return _get(f"{_LISTING}&nextToken={quote(token, safe='')}") if isinstance(token, str) and token else None

    def cancel(self, job: str) -> WireRequest:
        """Asks to stop a job."""
        return WireRequest(f"{_PATH}/{quote(job, safe='')}/stop", b"")

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results in one object. Raises ProtocolError."""
        rows = json_rows(body, provider=self._provider)
        return [(str(row.get("recordId")), self._result(row)) for row in rows]

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _result(self, row: Json) -> BatchResult:
        if isinstance(row.get("modelOutput"), dict):
            try:
                return self._inner.decode(json_bytes(row["modelOutput"]))
            except ExchangeError as error:
                return error
        error = object_of(row.get("error"))
        if not error:
            return ProtocolError("a line of the results holds neither an answer nor an error", provider=self._provider)
        code, said = str(error.get("errorCode")), str(error.get("errorMessage") or "")
        name = "" if code.isdecimal() else code  # statuses, mostly
        status = EXCEPTIONS[name][0] if name in EXCEPTIONS else count_of(code) or 400
        return decode_error(status, {}, json_bytes({"__type": name, "message": said}), provider=self._provider)

    def _job(self, fields: Json) -> BatchJob:
        id = fields.get("jobArn")
        if not isinstance(id, str) or not id:
            raise ProtocolError("the reply names no batch ('jobArn' is missing)", provider=self._provider)
        raw = str(fields.get("status") or "Submitted")
        status = _STATUSES.get(raw, "running")
        output = object_of(object_of(fields.get("outputDataConfig")).get("s3OutputDataConfig")).get("s3Uri")
        folder = f"{str(output).rstrip('/')}/{id.rpartition('/')[2]}/"
        done, failed = count_of(fields.get("processedRecordCount")), count_of(fields.get("errorRecordCount"))
        return BatchJob(
            id,
            status,
            raw,
            count_of(fields.get("totalRecordCount")),
            done,
            failed,
            str(fields.get("jobName") or ""),
            moment_of(fields.get("submitTime")),
            (folder,) if output and status != "running" else (),
            str(fields.get("message") or ""),
        )

    def _object(self, body: bytes) -> Json:
        return object_of(reply_of(body, provider=self._provider))


def connect_batch(model: RemoteModel | RemoteTask[Any, Any], storage: str | BatchStorage | None) -> BucketBatch:
    """The batches of a model of Bedrock. Raises ConfigurationError, MissingKeyError; sends nothing."""
    provider = model.identity.provider
    named = storage_with_role(storage, provider=provider)
    id = model.identity.model
    bucket = Bucket(S3Codec(provider), s3_endpoint(model.endpoint, model=id), named)
    asked = copy(model)  # jobs are made elsewhere than answers
    base_url = service_address(model.endpoint, "bedrock", "AWS_ENDPOINT_URL_BEDROCK", model=id)
    asked.endpoint = replace(model.endpoint, base_url=base_url)
    codec = ModelInvocationJobsCodec(model.codec, model=id, role=named.role if named else "", provider=provider)
    return BucketBatch(asked, codec, bucket)


def storage_with_role(storage: str | BatchStorage | None, *, provider: str) -> BatchStorage | None:
    """A bucket that the service itself reads and writes. Raises ConfigurationError without the role for it."""
    named = storage_of(storage, scheme="s3", provider=provider)
    if named is not None and not named.role:
        raise ConfigurationError(
            f"{provider} reads and writes {named.address} in the name of a role of yours: pass "
            f'storage=BatchStorage("{named.address}", role="arn:aws:iam::ACCOUNT:role/NAME"), or --role in a shell'
        )
    return named


def s3_endpoint(endpoint: Endpoint, *, model: str) -> Endpoint:
    """S3 in the region of a model, with its credentials. Raises ConfigurationError where there are none."""
    address = service_address(endpoint, "s3", "AWS_ENDPOINT_URL_S3", model=model)
    if isinstance(endpoint.auth, RequestSigner):
        signer = endpoint.auth.to("s3")
        return Endpoint(address, {}, signer, endpoint.renew and signer.renew)
    if "authorization" not in endpoint.headers or is_offline():  # a server of the user's own, or a replay
        return Endpoint(address, {})
    source = CredentialSource()
    if not source.may_be_found:
        raise ConfigurationError(
            "a key of Bedrock opens no buckets: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY besides, or a profile"
        )
    region = region_of(endpoint.base_url, model) or find_region() or "us-east-1"
    signer = RequestSigner(source, region=region, service="s3")
    return Endpoint(address, {}, signer, signer.renew)


def service_address(endpoint: Endpoint, service: str, variable: str, *, model: str) -> str:
    """Where another service of the same region is; with an address of the user's own, it is asked there too."""
    base_url = endpoint.base_url
    said = os.environ.get(variable, "").strip().rstrip("/")
    region = region_of(base_url, model)
    if said or region is None or ".amazonaws.com" not in base_url:
        return said or base_url
    return home_of(service, region)


def _get(path: str) -> WireRequest:
    return WireRequest(path, b"", "GET", headers=())
