"""`agentkit batch` with a bucket: it is named when a batch is submitted, and found by the state file from then on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agentkit.cli.main import main
from agentkit.testing.scripted import ScriptedModel
from agentkit.testing.simulator import start_simulator

MODEL = "bedrock:amazon.nova-lite-v1:0"
ROLE = "arn:aws:iam::123456789012:role/batches"


def shell(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    done = CliRunner().invoke(main, ["batch", *words])
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    (tmp_path / "prompts.txt").write_text("".join(f"question {number}\n" for number in range(100)))
    return "prompts.txt"


def test_a_batch_in_a_bucket_is_submitted_watched_and_fetched(prompts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_simulator(ScriptedModel(*["yes"] * 100), batch_seconds=100) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", server.url)
        begun = shell("submit", prompts, "-m", MODEL, "--storage", "s3://my-bucket/x", "--role", ROLE)
        server.advance(100)
        seen = shell("status", "prompts.txt.batch.json")
        done = shell("fetch", "prompts.txt.batch.json")

    assert begun[:2] == (0, "0 of 100 done (Submitted)\n")
    assert seen[:2] == (0, "100 of 100 done (Completed)\n")
    rows = [json.loads(line) for line in done[1].splitlines()]
    assert (done[0], [row["id"] for row in rows]) == (0, [str(number) for number in range(1, 101)])
    assert {row["text"] for row in rows} == {"yes"}


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 1, "or --storage in a shell"),
        (("--storage", "s3://my-bucket"), 1, "or --role in a shell"),
        (("--role", ROLE), 2, "--role is for the bucket that --storage names; give both"),
        (("--storage", "gs://my-bucket", "--role", ROLE), 1, "bedrock reads its batches from s3://bucket/prefix"),
    ],
)
def test_what_is_missing_is_said(prompts: str, words: tuple[str, ...], code: int, says: str) -> None:
    done = shell("submit", prompts, "-m", MODEL, *words)

    assert (done[0], says in done[2].replace("\n", " ")) == (code, True), done
    assert not Path("prompts.txt.batch.json").exists()
