"""What stands behind the "?" of a model's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit.errors import ConfigurationError
from agentkit.providers.llamacpp.options import ServerOptions, read_name


def test_a_name_alone_leaves_everything_to_llama_cpp(tmp_path: Path) -> None:
    assert read_name(f"{tmp_path}/m.gguf") == (tmp_path / "m.gguf", ServerOptions())


def test_options_stand_behind_a_question_mark(tmp_path: Path) -> None:
    name = f"{tmp_path}/m.gguf?context_tokens=8192&threads=4&gpu_layers=0&slots=2&chat_template_file={tmp_path}/t.jinja"
    assert read_name(name) == (
        tmp_path / "m.gguf",
        ServerOptions(context_tokens=8192, threads=4, gpu_layers=0, slots=2, chat_template_file=tmp_path / "t.jinja"),
    )


def test_a_relative_name_means_the_folder_of_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert read_name("m.gguf")[0] == tmp_path / "m.gguf"
    assert read_name("~/m.gguf")[0] == tmp_path / "home" / "m.gguf"


def test_a_question_mark_may_be_part_of_a_files_name(tmp_path: Path) -> None:
    odd = tmp_path / "what?.gguf"
    odd.touch()
    assert read_name(str(odd)) == (odd, ServerOptions())


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("thread=4", r"has the option 'thread', which is none; did you mean 'threads'"),
        ("x=1", r"there are context_tokens, threads, gpu_layers, slots, chat_template_file"),
        ("threads=many", r"threads is 'many' in 'm.gguf\?threads=many'; it has to be a whole number"),
        ("threads=", r"threads is '' in"),
        ("threads=0", r"threads is 0; it has to be 1 or more"),
        ("gpu_layers=-1", r"gpu_layers is '-1'"),
    ],
)
def test_options_that_are_none_are_told(query: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_name(f"m.gguf?{query}")
