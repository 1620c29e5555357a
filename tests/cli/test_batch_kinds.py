"""`agentkit batch` for vectors, labels, pictures and transcripts; and a batch that is cancelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.test_batch import shell

from agentkit.exchange import Request, Response
from agentkit.messages import AssistantMessage, Text
from agentkit.models import Sink
from agentkit.testing.simulator import start_simulator


class Labels:
    """Chooses the first label for whatever is asked."""

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        return Response(AssistantMessage((Text('{"label": "sports"}'),)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AGENTKIT_MODEL", raising=False)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "any")
    return tmp_path


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_model_that_embeds_is_asked_for_vectors(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "texts.txt").write_text('a cat\n{"id": "b", "input": "a dog"}\n')
    with start_simulator() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        words = ("run", "texts.txt", "-m", "openai:text-embedding-3-small", "--dimensions", "4")
        code, out, told = shell(*words)
        at_once = shell(*words, "--via", "requests")

    assert (code, [(row["id"], len(row["embedding"])) for row in rows(out)]) == (0, [("1", 4), ("b", 4)])
    assert at_once[1] == out
    assert "text-embedding-3-small: 2 answers, 0 errors" in told


def test_a_model_that_moderates_says_what_is_harmful(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "texts.txt").write_text("good morning\nI will kill you\n")
    with start_simulator() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        code, out, _ = shell("run", "texts.txt", "-m", "openai:omni-moderation-latest")

    assert (code, [row["is_flagged"] for row in rows(out)]) == (0, [False, True])


def test_labels_make_a_batch_of_classifications(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "texts.txt").write_text("what a goal\n")
    words = ("run", "texts.txt", "-m", "anthropic:claude-haiku-5-5", "-l", "sports", "-l", "other=all else")
    with start_simulator(Labels()) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        code, out, _ = shell(*words)

    assert (code, rows(out)[0]["labels"]) == (0, ["sports"])


def test_pictures_are_written_beside_the_results(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "prompts.txt").write_text('a cow\n{"id": "../b", "prompt": "a cat"}\n')
    with start_simulator(batch_seconds=100) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        begun = shell("submit", "prompts.txt", "-m", "openai:gpt-image-2", "--size", "1024x1024")
        server.advance(100)
        done = shell("fetch", "prompts.txt.batch.json", "-o", "made.jsonl")
        again = shell("fetch", "prompts.txt.batch.json", "-o", "made.jsonl")

    assert (begun[0], done[0], again[0]) == (0, 0, 0)
    made = rows((folder / "made.jsonl").read_text())
    assert [row["images"] for row in made] == [["made.jsonl.images/1.png"], ["made.jsonl.images/___b.png"]]
    assert all((folder / name).read_bytes()[:4] == b"\x89PNG" for row in made for name in row["images"])


def test_a_batch_is_cancelled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "prompts.txt").write_text("one\ntwo\n")
    with start_simulator(batch_seconds=100) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        shell("submit", "prompts.txt", "-m", "openai:gpt-6-luna")
        server.advance(50)
        ended = shell("cancel", "prompts.txt.batch.json")
        code, out, told = shell("fetch", "prompts.txt.batch.json")

    assert ended[:2] == (0, "2 of 2 done, 1 failed (cancelled)\n")
    assert (code, "error" in rows(out)[1], "1 answers, 1 errors" in told) == (1, True, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ("-m", "openai:text-embedding-3-small", "--kind", "embed", "-l", "a"),
            2,
            "are for --kind classify, not embed",
        ),
        (("-m", "openai:gpt-6-luna", "--kind", "embed"), 1, "is a model for chat, not for embeddings"),
        (("-m", "openai:gpt-6-luna", "--kind", "classify"), 1, "has no labels of its own"),
        (("-m", "openai:whisper-1"), 1, "cannot read audio"),
        (("-m", "nobody:x"), 1, "nobody"),
    ],
)
def test_what_does_not_fit_is_said(folder: Path, words: tuple[str, ...], code: int, said: str) -> None:
    (folder / "texts.txt").write_text("one\n")
    done = shell("submit", "texts.txt", *words)

    assert (done[0], said in done[2]) == (code, True), done[2]


def test_ids_that_are_written_the_same_way_have_pictures_of_their_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = ("a/b", "a_b", "A_b", "x" * 300)
    (folder / "prompts.txt").write_text("".join(f'{{"id": "{id}", "prompt": "a cow"}}\n' for id in ids))
    with start_simulator() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        code, out, _ = shell("run", "prompts.txt", "-m", "openai:gpt-image-2", "--folder", "made")

    names = ["a_b", "a_b_", "A_b__", "x" * 100]
    assert (code, [row["images"] for row in rows(out)]) == (0, [[f"made/{name}.png"] for name in names])


def test_a_line_may_hold_separators_that_are_no_ends_of_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "texts.txt").write_bytes('{"id": "a", "prompt": "one\u2028two\x85"}\r\n{"prompt": "three"}'.encode())
    with start_simulator() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        code, out, _ = shell("run", "texts.txt", "-m", "openai:gpt-6-luna")

    assert (code, [row["id"] for row in rows(out)]) == (0, ["a", "2"])
