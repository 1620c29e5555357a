from __future__ import annotations

import re

import pytest

from .conftest import Shell


def test_a_sound_installation_is_healthy(shell: Shell) -> None:
    document = shell("doctor", "--json").document
    levels = {finding["subject"]: finding["level"] for finding in document["findings"]}
    assert document["is_healthy"] is True
    assert {subject: levels[subject] for subject in ("Python", "packages", "offline model", "TLS", "keys")} == {
        "Python": "ok", "packages": "ok", "offline model": "ok", "TLS": "ok", "keys": "note",
    }  # fmt: skip


def test_the_report_is_aligned_and_ends_with_what_to_do(shell: Shell) -> None:
    ended = shell("doctor")
    *lines, blank, last = ended.out.splitlines()
    assert (ended.code, blank, last) == (0, "", "agentkit works here; `agentkit demo` shows it")
    assert all(re.match(r"(ok    |note  )  \S.{12}  \S", line) for line in lines)


def test_keys_are_told_to_be_set_and_never_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "'sk-secret-12345'")
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy:1")
    ended = shell("doctor")
    assert re.search(r"ok +keys +set for openai, openai-chat\n", ended.out)
    assert re.search(r"note +OPENAI_API_KEY +has spaces or quotes around its value\n", ended.out)
    assert "secret" not in ended.out + ended.err
    assert "12345" not in ended.out + ended.err
