"""A program that makes one batch in a bucket and writes what became of it; it is killed and started again by a test.

python bucket_batch_client.py PROVIDER URL STATE RESULTS
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tasks.batch_client import prompts, say

from agentkit.buckets import BatchStorage
from agentkit.exchange import Response
from agentkit.models import Model
from agentkit.providers import model
from agentkit.providers.aws.signing import Credentials
from agentkit.tasks.batch import batch_sync


def chosen(provider: str, url: str) -> tuple[Model, BatchStorage]:
    """A model and its bucket."""
    if provider == "bedrock":
        name, keys = "bedrock:amazon.nova-lite-v1:0", Credentials("AKIDEXAMPLE", "secret")
        storage = BatchStorage("s3://my-bucket/batches", role="arn:aws:iam::123456789012:role/batches")
        return model(name, base_url=url, region="us-east-1", credentials=keys), storage
    where = {"project": "my-project", "region": "us-central1", "credentials": "a-token"}
    return model("vertex:gemini-3.5-flash", base_url=url, **where), BatchStorage("gs://my-bucket/batches")


def main(provider: str, url: str, state: Path, results: Path) -> None:
    asked, storage = chosen(provider, url)
    done = batch_sync(asked, prompts(), state=state, storage=storage, poll_seconds=0.05, on_event=say)
    rows = {
        id: {"text": result.text} if isinstance(result, Response) else {"error": type(result).__name__}
        for id, result in done.items()
    }
    results.write_text(json.dumps(rows))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
