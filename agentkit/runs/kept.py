"""Runs as a store shows them: one line of each, and what happened in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from sqlite3 import Connection
from time import time
from typing import Any, Literal, NamedTuple, TypeAlias, cast

from agentkit.errors import NewerVersionError, StateError
from agentkit.json_bytes import json_bytes
from agentkit.loop import VERSION, RunState, record_from_json
from agentkit.messages import UserMessage
from agentkit.records import Record, RunBegan
from agentkit.usage import Cost, Usage

__all__ = ["KeptRecord", "KeptRun", "Row", "Status", "read_journal", "read_run", "row_of", "summary_of"]

PROMPT_CHARS = 200

Status: TypeAlias = Literal["running", "paused", "ready", "finished", "failed", "interrupted"]
"""Paused: a person has to decide. Ready: all that it waited for is decided. Failed: an error ended it. Interrupted: it
was cancelled, or its process died. A run that is ready, failed or interrupted goes on when it is resumed."""


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run in a store."""

    run_id: str
    agent: str
    status: Status
    prompt: str
    """Its beginning."""
    began: datetime
    changed: datetime
    steps: int
    usage: Usage
    cost: Cost
    error: str
    """What ended it, when it failed."""
    notes: Mapping[str, Any]
    """What was said of it when it began."""


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """One thing that happened in a run, or in a sub-agent's."""

    run_id: str
    """Of a sub-agent's run: that of the run above, with the call's step and position."""
    at: datetime
    record: Record


class Row(NamedTuple):
    """A run as it stands in the file."""

    run: str
    agent: str
    prompt: str
    began: float
    changed: float
    status: str
    error: str
    owner: str
    notes: str
    summary: str

    def as_run(self) -> KeptRun:
        """For people. Steps, usage and cost of a run that is driven are those of its last stop."""
        summary: dict[str, Any] = json.loads(self.summary or "{}")
        return KeptRun(
            self.run,
            self.agent,
            cast("Status", self.status),
            self.prompt,
            datetime.fromtimestamp(self.began, UTC),
            datetime.fromtimestamp(self.changed, UTC),
            summary.get("steps", 0),
            Usage(**summary.get("usage", {})),
            Cost(**summary["cost"]) if "cost" in summary else Cost.zero,
            self.error,
            json.loads(self.notes),
        )


def row_of(run_id: str, began: Record, *, owner: str, notes: Mapping[str, Any]) -> Row:
    """The row of a run that begins with this record."""
    agent, prompt, now = "", "", time()
    if isinstance(began, RunBegan):
        agent = began.agent
        said = [message.text for message in began.messages[began.earlier :] if isinstance(message, UserMessage)]
        prompt = " ".join(said)[:PROMPT_CHARS]
    text = prompt.encode("utf-8", "replace").decode()
    return Row(run_id, agent, text, now, now, "running", "", owner, json_bytes(notes).decode(), "")


def summary_of(state: RunState) -> str:
    """Steps, usage and cost of a run, as its row holds them."""
    usage, cost = state.usage_so_far, state.cost_so_far
    counts = {name: getattr(usage, name) for name in ("input", "cache_read", "cache_write", "output", "reasoning")}
    return json.dumps({"steps": state.step, "usage": counts, "cost": {"usd": cost.usd, "is_known": cost.is_known}})


def read_journal(connection: Connection, root: str, run_id: str) -> list[Record]:
    """What is kept of one run. Raises StateError, NewerVersionError."""
    rows = connection.execute(
        "SELECT run, position, version, record FROM agentkit_records WHERE root = ? AND run = ? ORDER BY position",
        (root, run_id),
    ).fetchall()
    return [_record(*row) for row in rows]


def read_run(connection: Connection, root: str) -> list[KeptRecord]:
    """What happened in a run and its sub-agents, in order. Raises StateError, NewerVersionError."""
    rows = connection.execute(
        "SELECT at, run, position, version, record FROM agentkit_records WHERE root = ? ORDER BY id", (root,)
    ).fetchall()
    return [KeptRecord(row[1], datetime.fromtimestamp(row[0], UTC), _record(*row[1:])) for row in rows]


def _record(run_id: str, position: int, version: int, document: str) -> Record:
    if version > VERSION:
        raise NewerVersionError(f"run ({run_id})", found=version, known=VERSION)
    try:
        return record_from_json(document)
    except StateError as error:
        raise StateError(f"record {position} of run {run_id} cannot be read: {error} Nothing was changed") from error
