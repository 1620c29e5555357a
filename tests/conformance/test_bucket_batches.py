"""What is sent for batches in buckets is what the services' own models of their APIs allow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from shared import oracle

from agentkit.buckets import BatchStorage
from agentkit.providers import model
from agentkit.providers.aws.signing import Credentials
from agentkit.settings import Settings
from agentkit.simulator.server import Simulator, simulate
from agentkit.tasks.batch import batch, batch_status, cancel_batch, submit_batch
from agentkit.testing.scripted import ScriptedModel

pytestmark = pytest.mark.anyio

KEYS = {"access_key": "AKIDEXAMPLE", "secret_key": "secret", "token": "session+token/="}
AWS: dict[str, Any] = {"region": "us-east-1", "credentials": Credentials(*KEYS.values())}
ROLE = "arn:aws:iam::123456789012:role/batches"
S3 = BatchStorage("s3://my-bucket/x", role=ROLE, least=1)


def sent(simulator: Simulator, ending: str, *, host: str) -> dict[str, Any]:
    """The first request whose path ends so, as if it had gone to a host of AWS's."""
    asked = next(seen.asked for seen in simulator.requests if seen.asked.path.endswith(ending))
    body = json.loads(asked.body) if asked.body else {}
    headers = {name: value for name, value in asked.headers if name != "host"}
    return {"method": asked.method, "url": f"https://{host}{asked.target}", "headers": headers, "json": body}


async def test_jobs_and_records_of_bedrock_are_accepted_by_the_oracle(tmp_path: Any) -> None:
    name = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    state = tmp_path / "batch.json"
    async with simulate(ScriptedModel("4", "6"), batch_seconds=100) as simulator:
        chosen = model(f"bedrock:{name}", base_url=simulator.url, **AWS)
        settings = Settings(max_output_tokens=10)
        await submit_batch(chosen, ["2 + 2?", "3 + 3?"], settings=settings, state=state, storage=S3)
        await batch_status(state, model=chosen)
        await cancel_batch(state, model=chosen)
        created = sent(simulator, "/model-invocation-job", host="bedrock.us-east-1.amazonaws.com")
        looked = sent(simulator, "sim000000001", host="bedrock.us-east-1.amazonaws.com")
        stopped = sent(simulator, "/stop", host="bedrock.us-east-1.amazonaws.com")
        lines = simulator.requests[0].asked.body.splitlines()

    check = oracle("oracle_aws").check
    assert [check(request) for request in (created, looked, stopped)] == [[], [], []]
    for line in lines:
        record = json.loads(line)
        assert sorted(record) == ["modelInput", "recordId"]
        alone = {
            "method": "POST",
            "url": f"https://bedrock-runtime.us-east-1.amazonaws.com/model/{name.replace(':', '%3A')}/converse",
            "headers": {"authorization": "Bearer key"},
            "json": record["modelInput"],
        }
        assert check(alone) == []


async def test_invocations_of_sagemaker_are_accepted_by_the_oracle() -> None:
    async with simulate(ScriptedModel("4")) as simulator:
        chosen = model("sagemaker:my-endpoint", base_url=simulator.url, **AWS)
        await batch(chosen, ["2 + 2?"], storage="s3://my-bucket/x", poll_seconds=0)
        asked = sent(simulator, "/async-invocations", host="runtime.sagemaker.us-east-1.amazonaws.com")

    assert oracle("oracle_aws").check(asked) == []


async def test_what_is_sent_to_the_control_plane_is_signed_as_botocore_signs_it() -> None:
    async with simulate(ScriptedModel("4")) as simulator:
        chosen = model("bedrock:amazon.nova-lite-v1:0", base_url=simulator.url, **AWS)
        await batch(chosen, ["2 + 2?"], storage=S3, poll_seconds=0)
        asked = next(seen.asked for seen in simulator.requests if seen.asked.path.startswith("/model-invocation-job"))

    request = {
        "method": asked.method,
        "url": simulator.url + asked.target,
        "headers": dict(asked.headers),
        "body": asked.body.decode(),
        "json": json.loads(asked.body),
    }
    assert oracle("oracle_aws").check_sigv4(request, **KEYS) == []


async def test_requests_in_lines_of_vertex_are_accepted_by_the_oracle() -> None:
    async with simulate(ScriptedModel("4", "6")) as simulator:
        chosen = model(
            "vertex:gemini-3.5-flash", base_url=simulator.url, project="p", region="us-central1", credentials="t"
        )
        settings = Settings(max_output_tokens=10, reasoning="low")
        await batch(chosen, ["2 + 2?", "3 + 3?"], settings=settings, storage="gs://my-bucket/x", poll_seconds=0)
        lines = simulator.requests[0].asked.body.splitlines()

    check = oracle("oracle_google").check
    for line in lines:
        (request,) = json.loads(line).values()
        assert check(request, endpoint="generateContent", backend="vertex") == []
        assert request["labels"]["agentkit"].startswith("ak-")
