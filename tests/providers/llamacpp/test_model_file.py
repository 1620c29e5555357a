"""Model files looked at before they are served."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from providers.llamacpp.gguf_file import write_gguf

from agentkit.providers.llamacpp.memory import available_bytes, check_memory
from agentkit.providers.llamacpp.model_file import ModelFileError, ModelHead, check_file, read_head, size_of
from agentkit.providers.llamacpp.options import ServerOptions

SIZES = {
    "general.architecture": "llama",
    "llama.block_count": 32,
    "llama.embedding_length": 4096,
    "llama.attention.head_count": 32,
    "llama.attention.head_count_kv": 8,
}
CACHE = 32 * 8 * (128 + 128) * 2


def test_a_gguf_file_is_accepted(tmp_path: Path) -> None:
    check_file(write_gguf(tmp_path / "m.gguf", {}))


def test_a_missing_file_is_told_with_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    with pytest.raises(ModelFileError, match=rf"there is no file {path}; {tmp_path} has no .gguf file") as caught:
        check_file(path)
    assert caught.value.path == path
    write_gguf(tmp_path / "other.gguf", {})
    with pytest.raises(ModelFileError, match=rf"{tmp_path} has other.gguf"):
        check_file(path)
    with pytest.raises(ModelFileError, match=rf"nor a folder {tmp_path}/no"):
        check_file(tmp_path / "no" / "m.gguf")


def test_a_folder_is_told_with_a_file_in_it(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=rf"{tmp_path} is a folder; name the .gguf file"):
        check_file(tmp_path)
    write_gguf(tmp_path / "m.gguf", {})
    with pytest.raises(ModelFileError, match=r"name a file in it, such as m\.gguf"):
        check_file(tmp_path)


@pytest.mark.parametrize("start", [b"", b"GG", b"PK\x03\x04", b"{}", b"FUGG"])
def test_a_file_that_is_no_gguf_is_told_by_its_beginning(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(start)
    with pytest.raises(ModelFileError, match=rf"m.gguf is no GGUF file \(it begins with {re.escape(repr(start))}"):
        check_file(path)


def test_the_pointer_to_a_file_elsewhere_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(ModelFileError, match=r"only the pointer to a file of Git LFS; .*: git lfs pull"):
        check_file(path)


def test_the_head_tells_of_template_and_context(tmp_path: Path) -> None:
    lists = {"tokenizer.ggml.tokens": ["a", "b"], "tokenizer.ggml.scores": [1, 2], "tokenizer.ggml.merges": []}
    path = write_gguf(tmp_path / "m.gguf", {**SIZES, **lists, "tokenizer.chat_template": "{{ messages }}"})
    assert read_head(path) == ModelHead("llama", has_chat_template=True, cache_bytes_per_token=CACHE)


def test_a_head_may_tell_of_neither(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", {"general.architecture": "llama", "tokenizer.chat_template": ""})
    assert read_head(path) == ModelHead("llama", has_chat_template=False, cache_bytes_per_token=None)


def test_a_head_of_a_version_to_come_is_left_to_llama_cpp(tmp_path: Path) -> None:
    assert read_head(write_gguf(tmp_path / "m.gguf", SIZES, version=4)) is None


def test_a_head_cut_anywhere_is_damaged(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "m.gguf", {**SIZES, "tokenizer.ggml.tokens": ["a", "b"]}).read_bytes()
    path = tmp_path / "cut.gguf"
    for length in range(4, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelFileError, match=r"cut.gguf is damaged: .*; fetch the file again"):
            read_head(path)


@pytest.mark.parametrize(
    "rest",
    [
        b"\xff" * 64,
        bytes(8) + b"\1" + bytes(7) + bytes(8) + b"\x09\0\0\0" + b"\4\0\0\0" + b"\xff" * 8,
        bytes(8) + b"\1" + bytes(7) + bytes(8) + b"\x09\0\0\0" + b"\x09\0\0\0" + b"\1" + bytes(7),
        bytes(8) + b"\1" + bytes(7) + bytes(8) + b"\x63\0\0\0",
    ],
    ids=["counts", "an array's length", "arrays in arrays", "a kind"],
)
def test_a_head_that_makes_no_sense_is_damage(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF\x03\0\0\0" + rest)
    with pytest.raises(ModelFileError, match="is damaged"):
        read_head(path)


def test_the_parts_of_a_split_model_count_together(tmp_path: Path) -> None:
    for part, size in enumerate((10, 20, 30), start=1):
        (tmp_path / f"m-{part:05}-of-00003.gguf").write_bytes(bytes(size))
    assert size_of(tmp_path / "m-00001-of-00003.gguf") == 60
    assert size_of(tmp_path / "m-00002-of-00003.gguf") == 20


def test_a_file_larger_than_memory_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", SIZES)
    head = read_head(path)
    check_memory(path, head, ServerOptions())
    with path.open("r+b") as file:
        file.truncate(8 * 2**40)  # sparse: it takes no room
    with pytest.raises(ModelFileError, match=r"m.gguf needs 8192.0 GiB for the model, and .* of memory are available"):
        check_memory(path, head, ServerOptions())
    check_memory(path, head, ServerOptions(gpu_layers=99))


def test_a_context_larger_than_memory_is_refused(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", SIZES)
    wanted = ServerOptions(context_tokens=10**9)
    with pytest.raises(ModelFileError, match=r"GiB for the context, and .*; take a smaller context_tokens, "):
        check_memory(path, read_head(path), wanted)
    check_memory(path, None, wanted)


def test_free_memory_is_known_here() -> None:
    available = available_bytes()
    assert available is None or available > 0
