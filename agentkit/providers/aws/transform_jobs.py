"""Batches of SageMaker without an endpoint: CreateTransformJob, for a model of one's own on machines that it starts.

A model is named "transform/NAME/INSTANCE", such as "transform/my-model/ml.g5.2xlarge": an endpoint has no such name.
Facts: botocore's model of the service, and SageMaker's guide to joining predictions with their inputs (the input of
each line is what the filter picks, its id comes back beside "SageMakerOutput"). The job fails as a whole where one
input fails; AsyncInference does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

from agentkit.batching import AnswerDecoder, BatchJob, BatchLimits, BatchLine, BatchResult, BatchStatus, json_rows
from agentkit.bucket_batch import Bucket, BucketBatch
from agentkit.buckets import BatchStorage, storage_of
from agentkit.classification import object_of, objects_of
from agentkit.codec import Codec, StreamDecoder, WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ConfigurationError, ExchangeError, ProtocolError
from agentkit.exchange import Memo, Request, Response
from agentkit.json_bytes import json_bytes
from agentkit.json_value import number_of
from agentkit.providers.aws.batches import s3_endpoint, service_address
from agentkit.providers.aws.errors import decode_error
from agentkit.providers.aws.json_protocol import operation
from agentkit.providers.aws.s3 import S3Codec
from agentkit.remote import RemoteModel

__all__ = ["PREFIX", "TransformJobsCodec", "connect_transform"]

Json = dict[str, Any]

PREFIX = "transform/"
"""Begins the names of models that are asked by such jobs."""

_SERVICE = "SageMaker"
_STATUSES: Mapping[str, BatchStatus] = {"Completed": "ended", "Failed": "failed", "Stopped": "cancelled"}
_OUTPUT = "SageMakerOutput"
_PAGE = 100


class TransformJobsCodec:
    """The client half of transform jobs."""

    limits = BatchLimits(10_000, 100_000_000)
    price_factor = 1.0
    keeps_names = True
    uploads = True

    def __init__(self, inner: AnswerDecoder, *, model: str, instance: str, provider: str = "sagemaker") -> None:
        self.name = f"{provider}:transform"
        self._inner = inner
        self._model = model
        self._instance = instance
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """One line of the file: the input, and its id beside it."""
        return b'{"id":' + json_bytes(line.id) + b',"input":' + line.wire.body + b"}\n"

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a job of the file, which lies in a folder of its own. A name is taken once."""
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": file}}
        fields: Json = {
            "TransformJobName": name,
            "ModelName": self._model,
            "BatchStrategy": "SingleRecord",
            "TransformInput": {"DataSource": source, "ContentType": "application/json", "SplitType": "Line"},
            "TransformOutput": {
                "S3OutputPath": f"{file.rpartition('/')[0]}/output/",
                "Accept": "application/json",
                "AssembleWith": "Line",
            },
            "TransformResources": {"InstanceType": self._instance, "InstanceCount": 1},
            "DataProcessing": {
                "InputFilter": "$.input",
                "OutputFilter": f"$['id','{_OUTPUT}']",
                "JoinSource": "Input",
            },
        }
        return operation(_SERVICE, "CreateTransformJob", fields)

    def look(self, job: str) -> WireRequest:
        """Asks where a job stands."""
        return operation(_SERVICE, "DescribeTransformJob", {"TransformJobName": job})

    def job(self, body: bytes) -> BatchJob:
        """Where it stands; of a new one only its ARN is told. Raises ProtocolError."""
        return self._job(self._fields(body))

    def listing(self) -> WireRequest:
        """Asks for the latest jobs."""
        return self._listing({})

    def jobs(self, body: bytes) -> list[BatchJob]:
        """The latest jobs, newest first. Raises ProtocolError."""
        return [self._job(row) for row in objects_of(self._fields(body).get("TransformJobSummaries"))]

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for those that are older than a list."""
        token = self._fields(body).get("NextToken")
        return self._listing({"NextToken": token}) if isinstance(token, str) and token else None

    def cancel(self, job: str) -> WireRequest:
        """Asks to stop a job."""
        return operation(_SERVICE, "StopTransformJob", {"TransformJobName": job})

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results in one object. Raises ProtocolError."""
        return [(str(row.get("id")), self._result(row)) for row in json_rows(body, provider=self._provider)]

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _result(self, row: Json) -> BatchResult:
        if _OUTPUT not in row:
            return ProtocolError(f"a line of the results has no {_OUTPUT!r}", provider=self._provider)
        try:
            return self._inner.decode(json_bytes(row[_OUTPUT]))
        except ExchangeError as error:
            return error

    def _listing(self, more: Mapping[str, Any]) -> WireRequest:
        asked = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": _PAGE, **more}
        return operation(_SERVICE, "ListTransformJobs", asked)

    def _fields(self, body: bytes) -> Json:
        return object_of(reply_of(body, provider=self._provider))

    def _job(self, fields: Json) -> BatchJob:
        name = str(fields.get("TransformJobName") or fields.get("TransformJobArn") or "").rpartition("/")[2]
        if not name:
            raise ProtocolError("the reply names no job ('TransformJobArn' is missing)", provider=self._provider)
        raw = str(fields.get("TransformJobStatus") or "InProgress")
        status = _STATUSES.get(raw, "running")
        place = object_of(fields.get("TransformOutput")).get("S3OutputPath")
        return BatchJob(
            name,
            status,
            raw,
            name=name,
            created=number_of(fields.get("CreationTime")),
            results=(f"{str(place).rstrip('/')}/",) if place and status == "ended" else (),
            problem=str(fields.get("FailureReason") or ""),
        )


class _LineCodec:
    """The codec of the container, for inputs that go to no endpoint."""

    def __init__(self, inner: Codec) -> None:
        self.name = inner.name
        self._inner = inner

    def encode(self, request: Request, memo: Memo | None = None) -> WireRequest:
        """What the container is sent. Raises what its codec does."""
        return self._inner.encode(replace(request, model="transform"), memo)

    def decode(self, body: bytes) -> Response:
        """What the container answered. Raises ProtocolError."""
        return self._inner.decode(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return self._inner.decode_error(status, headers, body)

    def decoder(self) -> StreamDecoder:
        """A decoder for one streamed reply."""
        return self._inner.decoder()


def connect_transform(model: RemoteModel, storage: str | BatchStorage | None) -> BucketBatch:
    """The batches of a model of SageMaker that has no endpoint. Raises ConfigurationError; sends nothing."""
    provider, id = model.identity.provider, model.identity.model
    name, _, instance = id.removeprefix(PREFIX).partition("/")
    if not name or not instance.startswith("ml."):
        raise ConfigurationError(
            f"{provider}:{id} has to name a model and the machine that it runs on: "
            f"{provider}:{PREFIX}my-model/ml.g5.2xlarge"
        )
    s3 = s3_endpoint(model.endpoint, model=id)
    bucket = Bucket(S3Codec(provider), s3, storage_of(storage, scheme="s3", provider=provider))
    asked = copy(model)  # jobs are made elsewhere than answers
    asked.codec = _LineCodec(model.codec)
    base_url = service_address(model.endpoint, "api.sagemaker", "AWS_ENDPOINT_URL_SAGEMAKER", model=id)
    asked.endpoint = replace(model.endpoint, base_url=base_url)
    return BucketBatch(asked, TransformJobsCodec(model.codec, model=name, instance=instance, provider=provider), bucket)
