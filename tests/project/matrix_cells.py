"""The matrix as data: what each provider offers, category by category, with the probes that make the words."""

from __future__ import annotations

from dataclasses import dataclass

from project.matrix_probe import Probe

PATTERNS = ("Sync", "Stream", "Batch", "Function calling")


@dataclass(frozen=True, eq=False)
class Cell:
    """What a provider offers of one category in one pattern."""

    words: str
    """With "{}" in the place of what each claim says."""
    probes: tuple[Probe, ...]


@dataclass(frozen=True, eq=False)
class Row:
    """What a provider offers of one category, in the order of PATTERNS."""

    provider: str
    category: str
    sync: Cell
    stream: Cell
    batch: Cell
    calls: Cell

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All four."""
        return (self.sync, self.stream, self.batch, self.calls)


def cell(words: str, *probes: Probe) -> Cell:
    """A cell of these words, whose "{}" are filled by the claims of the probes in their order."""
    return Cell(words, probes)
