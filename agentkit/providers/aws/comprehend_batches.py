"""Many texts as jobs of Amazon Comprehend: Start...DetectionJob, with a text a line and the results in a bucket of S3.

Facts: botocore's model of the service (names and statuses of a job, a token that makes a start happen once) and its
guide (ONE_DOC_PER_LINE; the results are JSON lines in a file of output.tar.gz, each with the number of its line, from
0). Lines have no ids there: ours are written into the bucket beside the texts. A line break in a text becomes a space.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from agentkit.batching import BatchJob, BatchLimits, BatchLine, BatchResult, BatchStatus, json_rows
from agentkit.bucket_batch import Bucket, BucketBatch
from agentkit.buckets import BatchStorage, place_of
from agentkit.classification import ClassificationAnswer, ClassificationRequest, object_of, objects_of
from agentkit.codec import WireRequest
from agentkit.embedding import reply_of
from agentkit.errors import ExchangeError, ProtocolError, UnsupportedError
from agentkit.json_bytes import json_bytes
from agentkit.json_value import json_value, number_of
from agentkit.models import Sink
from agentkit.providers.aws.batches import s3_endpoint, storage_with_role
from agentkit.providers.aws.comprehend import SERVICE, ComprehendCodec, classified_row
from agentkit.providers.aws.errors import decode_error
from agentkit.providers.aws.json_protocol import operation
from agentkit.providers.aws.s3 import S3Codec
from agentkit.remote_task import RemoteTask

__all__ = ["ComprehendJobsCodec", "ComprehendLineCodec", "connect_batch"]

Json = dict[str, Any]

_KINDS: Mapping[str, str] = {"sentiment": "SentimentDetectionJob", "language": "DominantLanguageDetectionJob"}
_STATUSES: Mapping[str, BatchStatus] = {"COMPLETED": "ended", "FAILED": "failed", "STOPPED": "cancelled"}
_TEXTS, _IDS = "texts.txt", "ids.json"
_LARGEST_RESULTS = 256_000_000
"""Bytes of results once they are unpacked."""
_PAGE = 500


class ComprehendLineCodec(ComprehendCodec):
    """What one text of a batch is on the wire: the text, and its language where the job has to be told."""

    def encode_line(self, asked: ClassificationRequest) -> WireRequest:
        """The question as JSON. Raises UnsupportedError for what jobs do not do."""
        if asked.model not in _KINDS:
            raise UnsupportedError(
                f"{self.provider}:{asked.model} has no jobs; {' and '.join(_KINDS)} have: ask at once, classify(...)"
            )
        if len(asked.inputs) != 1 or not isinstance(asked.inputs[0], str):
            raise UnsupportedError("an input of a batch of Comprehend is one text")
        more = (asked.settings.extra or {}).get(self.provider, {})
        language = {} if asked.model == "language" else {"LanguageCode": more.get("LanguageCode", "en")}
        text = " ".join(asked.inputs[0].splitlines())
        return WireRequest("/", json_bytes({"Text": text, **language}))


class ComprehendJobsCodec:
    """The client half of such jobs."""

    price_factor = 1.0
    keeps_names = True
    uploads = True

    def __init__(self, model: str, *, role: str = "", provider: str = "comprehend") -> None:
        self.name = f"{provider}:jobs"
        self.limits = BatchLimits(100_000, 50_000_000)
        self._kind = _KINDS.get(model, "")
        self._role = role
        self._provider = provider

    def line(self, line: BatchLine) -> bytes:
        """A text with its id; they go into files of their own."""
        return json_bytes({"id": line.id, "text": object_of(json_value(line.wire.body)).get("Text")}) + b"\n"

    def create(self, name: str, *, file: str, lines: Sequence[bytes], wires: Sequence[WireRequest]) -> WireRequest:
        """Starts a job of the texts in a file. Asked twice, there is one job."""
        language = object_of(json_value(wires[0].body)).get("LanguageCode")
        body: Json = {
            "JobName": name,
            "ClientRequestToken": name,
            "DataAccessRoleArn": self._role,
            "InputDataConfig": {"S3Uri": file, "InputFormat": "ONE_DOC_PER_LINE"},
            "OutputDataConfig": {"S3Uri": f"{file.rpartition('/')[0]}/output/"},
        }
        return self._operation("Start", {**body, **({"LanguageCode": language} if language else {})})

    def look(self, job: str) -> WireRequest:
        """Asks where a job stands."""
        return self._operation("Describe", {"JobId": job})

    def job(self, body: bytes) -> BatchJob:
        """Where it stands; of a new one only its id is told. Raises ProtocolError."""
        fields = self._fields(body)
        return self._job(object_of(fields.get(f"{self._kind}Properties")) or fields)

    def listing(self) -> WireRequest:
        """Asks for the latest jobs."""
        return operation(SERVICE, f"List{self._kind}s", {"MaxResults": _PAGE})

    def jobs(self, body: bytes) -> list[BatchJob]:
        """The latest jobs. Raises ProtocolError."""
        return [self._job(row) for row in objects_of(self._fields(body).get(f"{self._kind}PropertiesList"))]

    def more(self, body: bytes, *, seen: int) -> WireRequest | None:
        """Asks for those that come after a list."""
        token = self._fields(body).get("NextToken")
        if not isinstance(token, str) or not token:
            return None
        return operation(SERVICE, f"List{self._kind}s", {"MaxResults": _PAGE, "NextToken": token})

    def cancel(self, job: str) -> WireRequest:
        """Asks to stop a job."""
        return self._operation("Stop", {"JobId": job})

    def results(self, body: bytes) -> list[tuple[str, BatchResult]]:
        """The results in an archive, with the numbers of their lines. Raises ProtocolError."""
        codec = ComprehendCodec(self._provider)
        rows = json_rows(_unpacked(body, provider=self._provider), provider=self._provider)
        found: list[tuple[str, BatchResult]] = []
        for row in rows:
            each = codec.failure(row) if "ErrorCode" in row else classified_row(row)
            failed = each.error if isinstance(each.error, ExchangeError) else None
            found.append((str(row.get("Line")), failed or ClassificationAnswer((each,))))
        return found

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        """The typed error of a reply whose status is not 200."""
        return decode_error(status, headers, body, provider=self._provider)

    def _operation(self, verb: str, body: Json) -> WireRequest:
        return operation(SERVICE, f"{verb}{self._kind}", body)

    def _fields(self, body: bytes) -> Json:
        return object_of(reply_of(body, provider=self._provider))

    def _job(self, fields: Json) -> BatchJob:
        id = fields.get("JobId")
        if not isinstance(id, str) or not id:
            raise ProtocolError("the reply names no job ('JobId' is missing)", provider=self._provider)
        raw = str(fields.get("JobStatus") or "SUBMITTED")
        status = _STATUSES.get(raw, "running")
        places = (object_of(fields.get(name)).get("S3Uri") for name in ("OutputDataConfig", "InputDataConfig"))
        return BatchJob(
            id,
            status,
            raw,
            name=str(fields.get("JobName") or ""),
            created=number_of(fields.get("SubmitTime")),
            results=tuple(str(place) for place in places) if status == "ended" else (),
            problem=str(fields.get("Message") or ""),
        )


class ComprehendBatch(BucketBatch):
    """The jobs of one of Comprehend's analyses."""

    async def upload(self, name: str, lines: Sequence[bytes], *, sink: Sink | None = None) -> str:
        """Write texts and ids into the bucket and give the texts' address. Raises ExchangeError."""
        rows = [object_of(json_value(line)) for line in lines]
        texts = f"{self._named().address}/{name}/{_TEXTS}"
        await self._put(place_of(_beside(texts)), json_bytes([row.get("id") for row in rows]), sink=sink)
        data = "".join(f"{row.get('text')}\n" for row in rows).encode()
        await self._put(place_of(texts), data, sink=sink)
        return texts

    async def results(self, job: BatchJob, *, sink: Sink | None = None) -> list[tuple[str, BatchResult]]:
        """All results of a job that is over, under our ids. Raises ExchangeError."""
        if len(job.results) != 2:
            return []
        output, texts = job.results
        archive, beside = self._told(output), self._told(_beside(texts))
        ids = await self._get(beside, self._ids, sink=sink)
        rows = await self._get(archive, self.codec.results, sink=sink)
        by_line = {str(line): id for line, id in enumerate(ids)}
        return [(by_line[line], result) for line, result in rows if line in by_line]

    def _ids(self, body: bytes) -> list[str]:
        value = reply_of(body, provider=self.identity.provider)
        if not isinstance(value, list):
            raise ProtocolError(f"{_IDS} in the bucket is no list of ids", provider=self.identity.provider)
        return [str(id) for id in cast("list[object]", value)]


def connect_batch(model: RemoteTask[Any, Any], storage: str | BatchStorage | None = None) -> ComprehendBatch:
    """The batches of one of Comprehend's analyses. Raises UnsupportedError, ConfigurationError; sends nothing."""
    identity = model.identity
    named = storage_with_role(storage, provider=identity.provider)
    bucket = Bucket(S3Codec(identity.provider), s3_endpoint(model.endpoint, model=identity.model), named)
    lines = ComprehendLineCodec(identity.provider)
    texts = RemoteTask(lines, model.endpoint, identity, transport=model.transport, settings=model.settings)
    codec = ComprehendJobsCodec(identity.model, role=named.role if named else "", provider=identity.provider)
    return ComprehendBatch(texts, codec, bucket)


def _beside(texts: str) -> str:
    """Where the ids of a file of texts lie."""
    return f"{texts.rpartition('/')[0]}/{_IDS}"


def _unpacked(data: bytes, *, provider: str) -> bytes:
    """What the files in a .tar.gz hold, one after another. Raises ProtocolError, also for more than anybody reads."""
    try:
        opened = zlib.decompressobj(wbits=31)
        raw = opened.decompress(data, _LARGEST_RESULTS)
        if opened.unconsumed_tail or not opened.eof:
            raise ProtocolError("the archive of the results is cut, or too large when unpacked", provider=provider)
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            files = [archive.extractfile(member) for member in archive if member.isfile()]
            return b"\n".join(file.read() for file in files if file is not None)
    except (zlib.error, tarfile.TarError, EOFError, ValueError) as error:
        raise ProtocolError(f"the results are no archive: {error}", provider=provider) from None
