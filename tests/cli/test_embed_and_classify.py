"""`agentkit embed` and `agentkit classify`: from arguments, files and standard input, to lines of JSON or of words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from agentkit.cli.main import main
from agentkit.providers.offline_embedding import vector
from agentkit.testing.simulator import start_simulator


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AGENTKIT_MODEL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def shell(*words: str, given: str | bytes = "") -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    done = CliRunner().invoke(main, [*words], input=given)
    return done.exit_code, done.stdout, done.stderr


def rows(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_texts_become_lines_with_vectors() -> None:
    code, out, told = shell("embed", "a cat", "a dog", "--dimensions", "4")
    assert (code, rows(out)) == (
        0,
        [{"input": text, "embedding": vector(text, dimensions=4).tolist()} for text in ("a cat", "a dog")],
    )
    assert "using the vectors of offline:" in told
    assert "matcher: 2 x 4 numbers; 4 tokens in, 0 out, cost $0" in told


def test_texts_come_from_files_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("\ufeffeins\n\n zwei \n", encoding="utf-8")
    _, out, _ = shell("embed", "null", "-f", str(tmp_path / "texts.txt"), "-f", "-", given="drei\n")
    assert [row["input"] for row in rows(out)] == ["null", "eins", "zwei", "drei"]
    _, out, _ = shell("embed", given="one\ntwo\n")
    assert [row["input"] for row in rows(out)] == ["one", "two"]


def test_one_document_tells_what_it_cost() -> None:
    _, out, _ = shell("embed", "a", "--json", "--dimensions", "2")
    document = json.loads(out)
    assert [row["input"] for row in document.pop("embeddings")] == ["a"]
    assert document == {
        "dimensions": 2,
        "model": "matcher",
        "usage": {"input": 1, "cache_read": 0, "cache_write": 0, "output": 0, "reasoning": 0},
        "cost": {"usd": 0.0, "is_known": True},
    }


@pytest.mark.parametrize(
    ("words", "given", "code", "told"),
    [
        (["embed"], b"", 2, "nothing to read: there is no line with text"),
        (["embed", "-f", "missing.txt"], b"", 1, "missing.txt: No such file or directory"),
        (["embed"], b"\xff\xfe", 1, "'-' is not UTF-8 text (byte 0)"),
        (["embed", " "], b"", 1, "input 0 is an empty text"),
        (["embed", "-m", "groq:x", "a"], b"", 1, "Groq does not offer embeddings; these do: openai,"),
        (["embed", "-m", "openai:text-embedding-3-small", "a"], b"", 1, "no API key for openai"),
        (["embed", "--purpose", "fun", "a"], b"", 2, "'fun' is not one of 'document'"),
        (["embed", "--image", "missing.png"], b"", 1, "cannot read image 'missing.png'"),
        (["classify", "a"], b"", 1, "has no labels of its own; give some: --label"),
        (["classify", "-l", "x", "a"], b"", 1, "nothing is to be chosen among ['x']; give 2 labels or more"),
        (["classify", "--moderation", "-l", "x", "a"], b"", 2, "--moderation has categories of its own"),
        (["classify", "--moderation", "a"], b"", 1, "does not moderate; openai:omni-moderation-latest"),
    ],
)
def test_wrong_input_is_told_with_what_to_do(words: list[str], given: bytes, code: int, told: str) -> None:
    exit_code, out, error = shell(*words, given=given)
    assert (exit_code, out) == (code, "")
    assert told in error


def test_texts_are_classified_in_words_and_in_json() -> None:
    code, out, told = shell("classify", "-l", "delivery=parcels", "-l", "refund", given="my parcel\nrefund me\n")
    assert (code, out) == (0, "delivery\tmy parcel\nrefund\trefund me\n")
    assert "using the model offline:" in told
    _, out, _ = shell("classify", "--json", "-l", "delivery", "-l", "refund", "refund me")
    assert rows(out) == [{"input": "refund me", "labels": ["refund"], "scores": None}]


def test_notes_and_several_labels_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with start_simulator() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        words = ("classify", "-m", "openai:gpt-6-luna", "-l", "cat", "-l", "dog", "--multi")
        _, out, _ = shell(*words, "cat and dog", "bird")
    assert out == "cat 0.95, dog 0.95\tcat and dog\nnone\tbird\n"


def test_a_text_with_an_error_is_told_and_the_exit_code_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with start_simulator("no label") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        words = ("classify", "-m", "openai:gpt-4.1", "-l", "cat", "-l", "dog", "miaow")
        code, out, told = shell(*words)
        assert (code, out) == (1, "")
        assert "error: miaow: the model answered 'no label', which is none of the labels cat, dog" in told
    with start_simulator("no label") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        code, out, _ = shell(*words, "--json")
    (row,) = rows(out)
    assert (code, row["labels"], row["error"]) == (
        1,
        [],
        {"type": "OutputError", "message": "the model answered 'no label', which is none of the labels cat, dog"},
    )


def test_moderation_is_shown_in_words_and_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    with start_simulator() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        words = ("classify", "-m", "openai:omni-moderation-latest", "--moderation", "I will kill you", "hello")
        _, out, _ = shell(*words)
        assert out == "violence 0.90\tI will kill you\nharmless\thello\n"
        _, out, _ = shell(*words, "--json")
        found = rows(out)
    assert [(row["labels"], row["is_flagged"]) for row in found] == [(["violence"], True), ([], False)]
