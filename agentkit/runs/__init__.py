"""Runs kept in a file as they happen: `SqliteRunStore`, and what it shows of them."""

from agentkit.runs.kept import KeptRecord, KeptRun
from agentkit.runs.store import SqliteRunStore

__all__ = ["KeptRecord", "KeptRun", "SqliteRunStore"]
