"""The matrix is what our code does: every cell is asked for, and docs/matrix.md is made of what was seen.

`AGENTKIT_WRITE=1 pytest tests/project/test_matrix.py` writes the page anew.
"""

from __future__ import annotations

import os

import pytest
from project.matrix_cells import PATTERNS, Row
from project.matrix_cloud_tests import CLOUD_TESTS
from project.matrix_page import PAGE, ROWS, TABLE_NAMES, cells_of, looked, page, shown
from project.matrix_probe import Asked, Refused, look
from project.matrix_questions import chat, embedding, refused, to
from project.matrix_tests import TESTS, unknown_among
from shared import SHARED, needs_shared

from agentkit.providers import PROVIDERS

HELD = {**TESTS, **CLOUD_TESTS}
WRITE = "AGENTKIT_WRITE"


def name(row: Row) -> str:
    return f"{row.provider}-{row.category}".replace(" ", "_").replace(",", "")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a question says counts, not what this machine is set up for."""
    for variable in {name for row in PROVIDERS.values() for name in (*row.key_variables, *row.base_url_variables)}:
        monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_what_a_cell_names_is_sent_or_refused(row: Row) -> None:
    for pattern in PATTERNS:
        looked(row, pattern)


def offering(category: str, pattern: str) -> set[str]:
    """The rows of the provider table that offer this."""
    return {
        name
        for row in ROWS
        if set(row.category.split(", ")) & set(category.split(", ")) and shown(row, pattern).words != "-"
        for name in TABLE_NAMES[row.provider]
    }


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_a_refusal_names_a_provider_that_offers_what_was_asked_for(row: Row) -> None:
    for pattern in PATTERNS:
        cell = shown(row, pattern)
        if cell.words != "-":
            continue
        # No model of a task calls functions: those that chat do. What nobody streams, the error says so of, or who
        # offers it at all where the provider does not even do that.
        able = offering("chat" if pattern == "Function calling" else row.category, pattern)
        names = able or {"no provider", *offering(row.category, "Sync")}
        for said, seen in cell.seen:
            assert any(each in seen.told[0] for each in names), f"{said}: {seen.told[0]}"


def test_every_cell_names_tests_that_are_there() -> None:
    assert list(HELD) == [(row.provider, row.category) for row in ROWS]
    missing = [
        (*row, pattern) for row, cells in HELD.items() for pattern, ids in zip(PATTERNS, cells, strict=True) if not ids
    ]
    assert missing == []
    assert unknown_among(id for cells in HELD.values() for ids in cells for id in ids) == []


def test_the_page_is_what_was_seen() -> None:
    made = page(HELD)
    if os.environ.get(WRITE):
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == made, f"write it anew: {WRITE}=1 pytest {__name__}"


@needs_shared
def test_the_cells_are_those_of_the_shared_matrix() -> None:
    shared = cells_of((SHARED / "wire" / "matrix.md").read_text(encoding="utf-8"))
    ours = cells_of(PAGE.read_text(encoding="utf-8"))
    providers = {provider for provider, _ in ours}
    assert ours == {row: cells for row, cells in shared.items() if row[0] in providers}
    assert len(ours) == len(ROWS)
    assert "planned" not in PAGE.read_text(encoding="utf-8")


def test_a_claim_that_is_not_so_is_found() -> None:
    wrong = chat("openai:gpt-6-luna", to("POST /chat/completions"))
    assert isinstance(wrong, Asked)
    with pytest.raises(AssertionError, match=r"does not send POST /chat/completions; it sends .*/v1/responses"):
        look(wrong)
    offered = refused(embedding("openai:text-embedding-3-small"))
    assert isinstance(offered, Refused)
    with pytest.raises(AssertionError, match=r"is not refused; it sends .*/v1/embeddings"):
        look(offered)
