"""Batch transform of SageMaker: a job of a model of one's own, whose inputs come back beside their answers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from canaries import KEY
from conformance.wires import OneReply

from agentkit.errors import ConfigurationError, ExchangeError, UnsupportedError
from agentkit.exchange import Request, Response
from agentkit.messages import user_message
from agentkit.models import Model
from agentkit.providers import model
from agentkit.providers.aws.signing import Credentials
from agentkit.settings import Settings
from agentkit.tasks.batch import BatchResults, batch, cancel_batch, fetch_batch, submit_batch
from agentkit.transport.protocol import HttpRequest

pytestmark = pytest.mark.anyio

NAME = "sagemaker:transform/my-model/ml.g5.2xlarge"
STORAGE = "s3://my-bucket/batches"
ASKED = {"b": "two", "a": "one"}


@dataclass
class Account:
    """A transport that is S3 and SageMaker of one account: jobs are done when they are looked at."""

    failure: str = ""
    """Why jobs fail."""
    is_reply_lost: bool = False
    """Whether the reply to the first creation is an error, though the job is there."""
    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    sent: list[HttpRequest] = field(default_factory=list[HttpRequest])

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> OneReply:
        self.sent.append(request)
        target = dict(request.headers).get("x-amz-target", "").removeprefix("SageMaker.")
        if target:
            return self._operation(target, json.loads(request.body))
        place = urlsplit(request.url)
        if request.method == "PUT":
            self.objects[place.path] = request.body
            return OneReply(b"")
        if "list-type" in place.query:
            prefix = f"{place.path}/{parse_qs(place.query)['prefix'][0]}"
            keys = (key.partition("/my-bucket/")[2] for key in self.objects if key.startswith(prefix))
            rows = "".join(f"<Contents><Key>{key}</Key></Contents>" for key in keys)
            return OneReply(f"<ListBucketResult>{rows}</ListBucketResult>".encode())
        return OneReply(self.objects[place.path])

    def _operation(self, name: str, sent: dict[str, Any]) -> OneReply:
        validated(name, sent)
        if name == "CreateTransformJob":
            job = sent["TransformJobName"]
            self.jobs[job] = {**sent, "TransformJobStatus": "InProgress", "CreationTime": 2e9}
            if self.is_reply_lost:
                self.is_reply_lost = False
                return OneReply(b"{}", 503)
            return OneReply(
                json.dumps({"TransformJobArn": f"arn:aws:sagemaker:eu-west-1:1:transform-job/{job}"}).encode()
            )
        if name == "ListTransformJobs":
            return OneReply(json.dumps({"TransformJobSummaries": list(self.jobs.values())}).encode())
        job = self.jobs[sent["TransformJobName"]]
        if name == "StopTransformJob":
            job["TransformJobStatus"] = "Stopped"
            return OneReply(b"")
        if job["TransformJobStatus"] == "InProgress":
            self._do(job)
        return OneReply(json.dumps(job).encode())

    def _do(self, job: dict[str, Any]) -> None:
        if self.failure:
            job.update(TransformJobStatus="Failed", FailureReason=self.failure)
            return
        source = urlsplit(str(job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]))
        rows = [json.loads(line) for line in self.objects[f"/{source.netloc}{source.path}"].splitlines()]
        lines = [json.dumps({"id": row["id"], "SageMakerOutput": answer(row["input"])}) for row in rows]
        output = urlsplit(str(job["TransformOutput"]["S3OutputPath"]))
        self.objects[f"/{output.netloc}{output.path}input.jsonl.out"] = "\n".join(lines).encode()
        job["TransformJobStatus"] = "Completed"


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """What a container says to a chat."""
    message = {"role": "assistant", "content": f"echo {asked['messages'][-1]['content']}"}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def validated(name: str, sent: dict[str, Any]) -> None:
    """Fail unless the service's own model accepts this."""
    session = pytest.importorskip("botocore.session").get_session()
    validate = pytest.importorskip("botocore.validate").ParamValidator().validate
    shape = session.get_service_model("sagemaker").operation_model(name).input_shape
    assert validate(sent, shape).generate_report() == ""


def made(account: Account, name: str = NAME) -> Model:
    keys = Credentials("AKIDEXAMPLE", KEY)
    return model(name, region="eu-west-1", credentials=keys, transport=account, settings=Settings(attempts=1))


def told(results: BatchResults) -> dict[str, object]:
    return {id: entry.text if isinstance(entry, Response) else type(entry) for id, entry in results.items()}


async def test_each_input_has_its_answer_under_its_id(tmp_path: Path) -> None:
    account, state = Account(), tmp_path / "batch.json"

    done = await batch(made(account), ASKED, storage=STORAGE, state=state, poll_seconds=0)
    later = await fetch_batch(state, model=made(account))

    assert told(done) == told(later) == {"b": "echo two", "a": "echo one"}
    ((name, job),) = account.jobs.items()
    assert (job["ModelName"], job["TransformResources"]["InstanceType"]) == ("my-model", "ml.g5.2xlarge")
    assert list(account.objects) == [
        f"/my-bucket/batches/{name}/{file}" for file in ("input.jsonl", "output/input.jsonl.out")
    ]
    hosts = {urlsplit(request.url).netloc for request in account.sent}
    assert hosts == {"api.sagemaker.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"}
    assert all("authorization" in dict(request.headers) for request in account.sent)


async def test_a_reply_that_is_lost_makes_no_second_job(tmp_path: Path) -> None:
    account = Account(is_reply_lost=True)

    done = await batch(made(account), ASKED, storage=STORAGE, state=tmp_path / "batch.json", poll_seconds=0)

    assert told(done) == {"b": "echo two", "a": "echo one"}
    assert len(account.jobs) == 1


async def test_a_job_that_fails_is_the_error_of_its_inputs(tmp_path: Path) -> None:
    account = Account(failure="ClientError: See job logs")

    done = await batch(made(account), ASKED, storage=STORAGE, state=tmp_path / "batch.json", poll_seconds=0)

    assert all(isinstance(entry, ExchangeError) and "See job logs" in str(entry) for entry in done.values())


async def test_a_job_is_stopped(tmp_path: Path) -> None:
    account, state = Account(), tmp_path / "batch.json"
    await submit_batch(made(account), ASKED, storage=STORAGE, state=state)

    progress = await cancel_batch(state, model=made(account))

    assert (progress.is_over, [job["TransformJobStatus"] for job in account.jobs.values()]) == (True, ["Stopped"])


async def test_what_is_not_so_is_told_before_anything_is_sent(tmp_path: Path) -> None:
    account = Account()
    with pytest.raises(ConfigurationError, match="has to name a model and the machine"):
        await batch(made(account, "sagemaker:transform/my-model"), ASKED, storage=STORAGE)
    with pytest.raises(ConfigurationError, match="pass batch"):
        await batch(made(account), ASKED)
    with pytest.raises(UnsupportedError, match="is asked in batches alone"):
        await made(account).respond(Request("", (user_message("hi"),)))
    assert account.sent == []
