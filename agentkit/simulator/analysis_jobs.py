"""Jobs of Amazon Comprehend: texts in a bucket of S3, a line each, and what is said of them in an archive there."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic_core import to_json

from agentkit.errors import BadRequestError
from agentkit.simulator.aws_analyses import LINES, analysed
from agentkit.simulator.formats import Moment

__all__ = ["AnalysisJobs"]

Json = dict[str, Any]

_SERVICE = "Comprehend_20171127"
_ROLE = re.compile(r"arn:aws(?:-[^:]+)?:iam::[0-9]{12}:role/.+")
_QUEUED = 0.1
"""This share of its time a job waits for its turn."""


@dataclass(slots=True)
class _Job:
    """One job and how long it takes."""

    id: str
    kind: str
    sent: Json
    created: float
    seconds: float
    stopped: float | None = None
    is_written: bool = False

    @property
    def texts(self) -> str:
        """Where they lie."""
        return str(self.sent["InputDataConfig"]["S3Uri"])

    @property
    def archive(self) -> str:
        """Where the results lie."""
        folder = str(self.sent["OutputDataConfig"]["S3Uri"]).rstrip("/")
        return f"{folder}/000000000000-{self.kind[:3].upper()}-{self.id}/output/output.tar.gz"

    def status(self, now: float, *, is_there: bool) -> str:
        """Where it stands."""
        end = self.created + self.seconds
        if self.stopped is not None and self.stopped < end:
            return "STOPPED"
        if now >= end:
            return "COMPLETED" if is_there else "FAILED"
        return "SUBMITTED" if now < self.created + self.seconds * _QUEUED else "IN_PROGRESS"


class AnalysisJobs:
    """The jobs of a simulator, each of which takes so many seconds."""

    def __init__(self, objects: MutableMapping[str, bytes], *, seconds: float = 0.0) -> None:
        verbs = {"Start": self._start, "Describe": self._look, "Stop": self._stop}
        self.operations: Mapping[str, Callable[[Json, Moment], Json]] = {
            **{f"{_SERVICE}.{verb}{kind}": partial(act, kind) for kind in LINES for verb, act in verbs.items()},
            **{f"{_SERVICE}.List{kind}s": partial(self._list, kind) for kind in LINES},
        }
        """Service and operation -> what is answered. Raises BadRequestError."""
        self._objects = objects
        self._seconds = seconds
        self._jobs: dict[str, _Job] = {}

    def _start(self, kind: str, sent: Json, moment: Moment) -> Json:
        texts, output = sent.get("InputDataConfig"), sent.get("OutputDataConfig")
        if not isinstance(texts, dict) or not isinstance(output, dict):
            raise _refusal("InvalidRequestException", "InputDataConfig and OutputDataConfig are required.")
        if not _ROLE.fullmatch(str(sent.get("DataAccessRoleArn"))):
            raise _refusal("InvalidRequestException", "DataAccessRoleArn is no role that can be assumed.")
        if kind.startswith("Sentiment") and not sent.get("LanguageCode"):
            raise _refusal("InvalidRequestException", "LanguageCode is required.")
        token = sent.get("ClientRequestToken")
        known = next(
            (job for job in self._jobs.values() if token and job.sent.get("ClientRequestToken") == token), None
        )
        job = known or _Job(f"{len(self._jobs) + 1:032x}", kind, sent, moment.now, self._seconds)
        self._jobs[job.id] = job
        return {
            "JobId": job.id,
            "JobArn": f"arn:aws:comprehend:us-east-1:000000000000:job/{job.id}",
            "JobStatus": "SUBMITTED",
        }

    def _look(self, kind: str, sent: Json, moment: Moment) -> Json:
        return {f"{kind}Properties": self._told(self._found(sent), moment)}

    def _list(self, kind: str, sent: Json, moment: Moment) -> Json:
        jobs = [job for job in reversed(self._jobs.values()) if job.kind == kind]
        return {f"{kind}PropertiesList": [self._told(job, moment) for job in jobs]}

    def _stop(self, kind: str, sent: Json, moment: Moment) -> Json:
        job = self._found(sent)
        job.stopped = moment.now
        return {"JobId": job.id, "JobStatus": self._status(job, moment)}

    def _status(self, job: _Job, moment: Moment) -> str:
        return job.status(moment.now, is_there=job.is_written or job.texts in self._objects)

    def _told(self, job: _Job, moment: Moment) -> Json:
        status = self._status(job, moment)
        told: Json = {
            "JobId": job.id,
            "JobName": job.sent.get("JobName", ""),
            "JobStatus": status,
            "SubmitTime": job.created,
            "InputDataConfig": job.sent["InputDataConfig"],
            "OutputDataConfig": {"S3Uri": job.archive},
        }
        if status == "FAILED":
            told["Message"] = "NO_READ_ACCESS_TO_INPUT: The provided data access role does not have proper access."
        elif status == "COMPLETED" and not job.is_written:
            self._objects[job.archive] = self._results(job)
            job.is_written = True
        return told

    def _results(self, job: _Job) -> bytes:
        texts = self._objects[job.texts].decode().splitlines()
        name = job.texts.rpartition("/")[2]
        rows = [{"File": name, "Line": place, **analysed(text, LINES[job.kind])} for place, text in enumerate(texts)]
        data = b"".join(to_json(row) + b"\n" for row in rows[::-1])  # in no order
        kept = io.BytesIO()
        with tarfile.open(fileobj=kept, mode="w") as archive:
            head = tarfile.TarInfo("output")
            head.size = len(data)
            archive.addfile(head, io.BytesIO(data))
        return gzip.compress(kept.getvalue(), mtime=0)

    def _found(self, sent: Json) -> _Job:
        job = self._jobs.get(str(sent.get("JobId")))
        if job is None:
            raise _refusal("JobNotFoundException", "The specified job was not found.")
        return job


def _refusal(name: str, words: str) -> BadRequestError:
    return BadRequestError(words, status=400, error_type=name)
