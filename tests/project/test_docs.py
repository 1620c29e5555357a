"""The pages tell the truth: their code runs, prints what they say, and their links lead somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from project.documents import PAGES, ROOT, Block, blocks_of, commands_of, matches
from project.environment import clean_environment

RUNNER = Path(__file__).with_name("run_page.py")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


def runs(block: Block) -> bool:
    if block.kind == "console":
        return "run" in block.words
    return block.kind == "python" and "sketch" not in block.words and not block.file


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(runs, blocks_of(page)))], ids=names)
def test_the_code_of_a_page_runs_and_prints_what_the_page_says(page: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    folder = tmp_path / "work"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(page), str(report)],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(report.read_text())
    if told["problem"]:
        pytest.fail(told["problem"], pytrace=False)  # as the runner wrote it, uncut
    assert told["ran"] == sum(map(runs, blocks_of(page)))


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            broken.append(target)
    assert broken == []


def anchors_of(page: Path) -> set[str]:
    """The anchors that a Markdown viewer makes of the headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    kept = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text)]
    return {heading.strip().replace(" ", "-") for heading in kept}


def test_every_page_of_the_docs_is_linked_from_the_readme_or_the_index() -> None:
    linked = set()
    for page in (ROOT / "README.md", ROOT / "docs" / "README.md"):
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            linked.add((page.parent / target.partition("#")[0]).resolve())
    assert [names(page) for page in PAGES if page not in linked and page.name != "README.md"] == []


def test_the_readme_is_short_and_shows_code_at_once() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) < 160
    assert any(line.startswith("```python") for line in lines[:15])


def test_an_ellipsis_stands_for_any_lines_and_times_may_differ() -> None:
    assert matches("a 3 ms\n...\nz", "a  41.5 ms\nb\nc\nz\n")
    assert matches("a\n...\nz", "a\nz")
    assert not matches("a\nz", "a\nb\nz")


def test_the_commands_of_a_console_block_come_with_their_output() -> None:
    block = Block(1, "console", ("run",), "$ one\n$ two\nsaid\n")
    assert list(commands_of(block)) == [("one", ""), ("two", "said\n")]
