"""`agentkit image` and `agentkit transcribe` as somebody at a shell uses them, right and wrong."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentkit.simulator.media import tiny_png
from agentkit.testing.simulator import SimulatorOnThread, start_simulator

from .conftest import Shell

PAINT = ("image", "-m", "openai:gpt-image-2")
LISTEN = ("transcribe", "-m", "openai:whisper-1")


@pytest.fixture
def server(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorOnThread]:
    with start_simulator() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "any")
        yield server


@pytest.fixture
def talk(folder: Path) -> str:
    with wave.open("talk.wav", "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))
    return "talk.wav"


@pytest.mark.usefixtures("server")
def test_a_picture_is_written_where_it_was_wanted(shell: Shell, folder: Path) -> None:
    ended = shell(*PAINT, "-o", "cat.png", "a cat")
    assert (ended.code, ended.out) == (0, "cat.png\n")
    assert ended.err.startswith("gpt-image-2: 2 tokens in, 16 out, ")
    assert (folder / "cat.png").read_bytes() == tiny_png("a cat 0")


@pytest.mark.usefixtures("server")
def test_several_pictures_get_numbers_and_their_ending(shell: Shell) -> None:
    ended = shell(*PAINT, "--count", "2", "--json", "a cat")
    assert [row["path"] for row in ended.document["images"]] == ["image-1.png", "image-2.png"]
    assert ended.document["usage"]["output"] == 32


@pytest.mark.usefixtures("server")
def test_a_picture_of_another_type_than_was_named_is_kept_under_the_right_ending(shell: Shell, folder: Path) -> None:
    assert shell(*PAINT, "-o", "cat.jpg", "a cat").out == "cat.png\n"
    assert shell(*PAINT, "--image", "cat.png", "-o", "night.png", "at night").out == "night.png\n"


@pytest.mark.usefixtures("server")
def test_what_is_paid_for_is_kept_beside_a_file_of_the_name_that_it_gets(shell: Shell, folder: Path) -> None:
    (folder / "cat.png").write_bytes(b"")
    assert [shell(*PAINT, "-o", "cat.jpg", "a cat").out for _ in range(2)] == ["cat-2.png\n", "cat-3.png\n"]


def test_nothing_is_asked_for_that_could_not_be_written(shell: Shell, folder: Path, server: SimulatorOnThread) -> None:
    (folder / "cat.png").write_bytes(b"")
    for output, words in (
        ("cat.png", "error: 'cat.png' exists; choose another name with -o, or add --overwrite\n"),
        ("cat", "error: 'cat.png' exists; choose another name with -o, or add --overwrite\n"),
        ("no/cat.png", "error: there is no folder 'no' to write to\n"),
        ("", "error: '.' names no file to write to; write -o lighthouse.png\n"),
    ):
        ended = shell(*PAINT, "-o", output, "a cat")
        assert (ended.code, ended.err) == (1, words)
    assert server.requests == []
    assert shell(*PAINT, "-o", "cat.png", "--overwrite", "a cat").code == 0


def test_a_provider_that_draws_nothing_is_named_with_those_that_do(shell: Shell) -> None:
    ended = shell("image", "-m", "anthropic:claude-sonnet-5", "a cat")
    assert ended.code == 1
    assert ended.err.startswith("error: Anthropic Claude does not offer making of images; these do: openai, azure, ")


@pytest.mark.usefixtures("server")
def test_the_text_of_a_recording_is_printed(shell: Shell, talk: str) -> None:
    for model in ("openai:whisper-1", "openai:gpt-4o-transcribe"):  # whole, and as it comes
        ended = shell("transcribe", "-m", model, talk)
        assert (ended.code, ended.out) == (0, "This recording lasts 2.0 seconds.\n"), ended
        assert ended.err.startswith(f"{model.partition(':')[2]}: 2.0 s, ")


@pytest.mark.usefixtures("server")
def test_segments_are_lines_with_times(shell: Shell, talk: str) -> None:
    assert shell(*LISTEN, "--segments", talk).out == "00:00.0  This recording lasts 2.0 seconds.\n"


def test_a_recording_at_an_address_is_heard_there_and_waits_for_its_job_are_told(
    shell: Shell, server: SimulatorOnThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_TRANSCRIBE", server.url)
    ended = shell("transcribe", "-m", "aws-transcribe:", "--language", "en", "s3://my-bucket/talk.mp3")
    assert (ended.code, ended.out) == (0, "This recording is called talk. It lies in my-bucket.\n"), ended
    assert shell("transcribe", "-m", "aws-transcribe:", "s3://").code == 1


@pytest.mark.usefixtures("server")
def test_json_holds_words_and_what_was_taken(shell: Shell, talk: str) -> None:
    document = shell(*LISTEN, "--words", "--json", talk).document
    assert document["words"][0] == {"text": "This", "start": 0.0, "end": 0.4, "speaker": ""}
    assert (document["duration_seconds"], document["cost"]) == (2.0, {"usd": 0.0, "is_known": False})


@pytest.mark.usefixtures("server")
def test_wrong_files_and_models_are_told(shell: Shell, folder: Path, talk: str) -> None:
    for name in ("notes.txt", "notes.wav", "notes.png"):
        (folder / name).write_text("no sound")
    for arguments, words in (
        ((*LISTEN, "gone.mp3"), "error: cannot read audio 'gone.mp3': No such file or directory\n"),
        ((*LISTEN, "notes.txt"), "error: 'notes.txt' is text/plain, not sound; use "),
        (
            (*LISTEN, "notes.wav"),
            "error: 'notes.wav' is named like audio/wav, but does not begin like one",
        ),
        (
            (*PAINT, "--image", "notes.png", "a cat"),
            "error: 'notes.png' is named like image/png, but does not begin like ",
        ),
        (
            ("transcribe", "-m", "openai:gpt-4o-transcribe", "--words", talk),
            "error: openai:gpt-4o-transcribe writes text without times; leave words out, or ask openai:whisper-1\n",
        ),
    ):
        ended = shell(*arguments)
        assert ended.code == 1
        assert ended.err.startswith(words)
