from __future__ import annotations

import os
from pathlib import Path

from .conftest import Shell


def test_a_folder_shows_its_newest_trace(shell: Shell, folder: Path) -> None:
    for number, prompt in enumerate(("Find order 17", "Hello")):
        shell("run", "shop.py", prompt, "--trace-dir", f"traces{number}")
        (file,) = (folder / f"traces{number}").iterdir()
        os.utime(file, (number, number))
    (other,) = (folder / "traces0").iterdir()
    other.rename(folder / "traces1" / "other.jsonl")
    assert "execute_tool" in shell("trace", "show", "traces1/other.jsonl").out
    newest = shell("trace", "show", "traces1").out
    assert newest.startswith("invoke_agent support")
    assert "execute_tool" not in newest


def test_json_gives_the_spans(shell: Shell, folder: Path) -> None:
    shell("run", "shop.py", "Find order 17", "--trace-dir", "traces")
    spans = shell("trace", "show", "traces", "--json").document
    assert sorted(span["name"] for span in spans) == [
        "chat matcher", "chat matcher", "execute_tool find_order", "invoke_agent support",
    ]  # fmt: skip
    assert "Find order" not in str(spans)


def test_what_is_no_trace_is_told(shell: Shell, folder: Path) -> None:
    (folder / "empty").mkdir()
    assert shell("trace", "show", "nothing").err == (
        "error: cannot read the trace file 'nothing': No such file or directory\n"
    )
    assert shell("trace", "show", "my_tools.py").err.startswith("error: line 2 of the trace file 'my_tools.py' is not")
    assert shell("trace", "show", "empty").err.endswith("Error: no trace (*.jsonl) in the folder 'empty'\n")
