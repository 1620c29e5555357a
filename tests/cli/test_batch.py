"""`agentkit batch`: from a file of prompts to a file of answers, in one command or in several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agentkit.cli.main import main
from agentkit.errors import BadRequestError
from agentkit.testing.scripted import ScriptedModel
from agentkit.testing.simulator import start_simulator

MODEL = "openai:gpt-6-luna"


def shell(*words: str, given: str = "") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    done = CliRunner().invoke(main, ["batch", *words], input=given)
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTKIT_MODEL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    (tmp_path / "prompts.txt").write_text('one\n\n{"id": "b", "prompt": "two"}\n', encoding="utf-8")
    return "prompts.txt"


def answers(text: str) -> dict[str, str]:
    rows = [json.loads(line) for line in text.splitlines()]
    return {row["id"]: row["text"] for row in rows}


def test_a_batch_is_submitted_watched_and_fetched(prompts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_simulator(ScriptedModel("first", "second"), batch_seconds=100) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        begun = shell("submit", prompts, "-m", MODEL)
        again = shell("submit", prompts, "-m", MODEL)
        early = shell("fetch", "prompts.txt.batch.json")
        server.advance(100)
        seen = shell("status", "prompts.txt.batch.json", "--json")
        done = shell("fetch", "prompts.txt.batch.json", "-o", "answers.jsonl")

    assert (begun[0], begun[1]) == (0, "0 of 2 done (in_progress)\n")
    assert again[:2] == (0, "0 of 2 done (running)\n")
    assert early[0] == 1 and "0 of 2 are done; fetch the results when all are" in early[2]
    assert json.loads(seen[1]) == {"total": 2, "done": 2, "failed": 0, "parts": ["completed"], "is_over": True}
    assert done[:2] == (0, "")
    assert f"{MODEL}: 2 answers, 0 errors" in done[2]
    assert answers(Path("answers.jsonl").read_text()) == {"1": "first", "b": "second"}


def test_one_command_does_all_and_goes_on_with_its_file(prompts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with start_simulator(ScriptedModel("first", "second")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        code, out, told = shell("run", prompts, "-m", MODEL)
        _, again, _ = shell("run", prompts, "-m", MODEL)
        created = [seen for seen in server.requests if seen.asked.method == "POST"]

    assert (code, answers(out)) == (0, {"1": "first", "b": "second"})
    assert "2 of 2 done (completed)" in told
    assert again == out
    assert len(created) == 2  # the file and the batch, once


def test_the_same_prompts_are_answered_at_once(prompts: str) -> None:
    code, out, _ = shell("run", prompts, "-m", "offline:", "--via", "requests", "--json")

    document = json.loads(out)
    assert (code, document["count"], document["errors"]) == (0, 2, 0)
    assert not Path("prompts.txt.batch.json").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "there is no prompt"),
        ("{", "line 1 of standard input: it begins as JSON and is none (Expecting property name"),
        ('{"text": "x"}', 'line 1 of standard input: it has no "prompt" of text; write {"id": '),
        ('{"id": "2", "prompt": "x"}\ny', "line 2 of standard input has the id '2', which an earlier line has too"),
    ],
)
def test_what_is_no_prompt_is_named(prompts: str, line: str, said: str) -> None:
    code, _, told = shell("submit", "-", "-m", MODEL, "--state", "s.json", given=line)

    assert (code, said in told) == (1, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ("run", "prompts.txt", "-m", MODEL, "-o", "no/such/x"),
            1,
            "there is no folder 'no/such' to write 'no/such/x'",
        ),
        (("fetch", "s.json", "-o", "no/such/x"), 1, "there is no folder 'no/such' to write 'no/such/x'"),
        (("submit", "prompts.txt", "-m", MODEL, "--state", "no/s.json"), 1, "there is no folder 'no' to write"),
        (("status", "prompts.txt"), 1, "prompts.txt: this is no state of a batch (expected value"),
        (("submit", "bytes.txt", "-m", MODEL), 1, "'bytes.txt' is not UTF-8 text (byte 0)"),
        (("submit", "prompts.txt", "-m", MODEL, "--dimensions", "3"), 2, "--dimensions is for --kind embed, not chat"),
        (("submit", "prompts.txt", "-m", MODEL, "--size", "2K"), 2, "--size is for --kind image, not chat"),
    ],
)
def test_wrong_files_and_options_are_told_before_anything_is_sent(
    prompts: str, words: tuple[str, ...], code: int, said: str
) -> None:
    Path("bytes.txt").write_bytes(b"\xff\xfe\x00")
    got, _, told = shell(*words)

    assert (got, said in told) == (code, True)


def test_standard_input_needs_a_name_for_its_state(prompts: str) -> None:
    code, _, told = shell("submit", "-", "-m", MODEL, given="x")

    assert (code, "need --state FILE" in told) == (2, True)


def test_a_model_without_batches_names_those_that_have_them(prompts: str) -> None:
    code, _, told = shell("run", prompts, "-m", "offline:")

    assert (code, "--via requests" in told, "anthropic" in told) == (1, True, True)


def test_an_input_with_an_error_is_a_line_and_an_exit_code(prompts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = BadRequestError("The prompt is empty.", status=400)
    with start_simulator(ScriptedModel("first", refused)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        code, out, told = shell("run", prompts, "-m", MODEL)

    good, bad = map(json.loads, out.splitlines())
    assert (code, good["text"], bad["id"], bad["error"]["type"]) == (1, "first", "b", "BadRequestError")
    assert "1 answers, 1 errors" in told
