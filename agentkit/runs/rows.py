"""The rows of runs in the file: claimed by who drives them, listed, forgotten. All block, and are made in threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from sqlite3 import Connection
from time import time
from typing import TypeAlias

from agentkit.approvals import pending_calls
from agentkit.errors import RunBusyError
from agentkit.loop import AwaitApproval, RunState, fold, next_need
from agentkit.runs.file import transaction
from agentkit.runs.kept import KeptRun, Row, Status, read_journal, summary_of

__all__ = ["IsDriven", "IsHeld", "Standing", "claim", "delete_runs", "list_runs", "prune_runs", "status_of", "unclaim"]

Standing: TypeAlias = tuple[str, str, float]
"""Status, error and time of the last change of a run."""

IsHeld: TypeAlias = Callable[[str], bool]
"""Whether the process lives that an owner's name stands for."""

IsDriven: TypeAlias = Callable[[str, str], bool]
"""Whether a run is driven, by its id and its owner."""


def claim(connection: Connection, run_id: str, *, owner: str, is_held: IsHeld) -> Standing | None:
    """Make a run that is kept the owner's, if it is nobody's; how it stood. Raises RunBusyError."""
    if connection.execute("SELECT 1 FROM agentkit_runs WHERE run = ?", (run_id,)).fetchone() is None:
        return None
    with transaction(connection):
        row: tuple[str, str, str, float] | None = connection.execute(
            "SELECT owner, status, error, changed FROM agentkit_runs WHERE run = ?", (run_id,)
        ).fetchone()
        if row is None:  # it was deleted just now
            return None
        if row[0] != owner and is_held(row[0]):
            raise RunBusyError(run_id)
        connection.execute(
            "UPDATE agentkit_runs SET owner = ?, status = 'running', error = '', changed = ? WHERE run = ?",
            (owner, time(), run_id),
        )
    return row[1:]


def unclaim(connection: Connection, run_id: str, *, owner: str, standing: Standing, summary: str | None = None) -> None:
    """Leave a run of the owner's to anybody, and say how it stands."""
    connection.execute(
        "UPDATE agentkit_runs SET owner = '', status = ?, error = ?, changed = ?, summary = ifnull(?, summary) "
        "WHERE run = ? AND owner = ?",
        (*standing, summary, run_id, owner),
    )


def list_runs(connection: Connection, limit: int, prefix: str = "", *, is_held: IsHeld) -> list[KeptRun]:
    """The runs whose ids begin so, the last changed first."""
    rows = connection.execute(
        "SELECT run, agent, prompt, began, changed, status, error, owner, notes, summary FROM agentkit_runs "
        "WHERE substr(run, 1, ?) = ? ORDER BY changed DESC LIMIT ?",
        (len(prefix), prefix, limit),
    ).fetchall()
    found: list[KeptRun] = []
    for row in map(Row._make, rows):
        if row.status == "running" and not is_held(row.owner):  # its process died
            state = fold(read_journal(connection, row.run, row.run))
            found.append(row._replace(status=_status_after_death(state), summary=summary_of(state)).as_run())
            continue
        found.append(row.as_run())
    return found


def delete_runs(connection: Connection, run_ids: Sequence[str], *, is_driven: IsDriven) -> bool:
    """Forget runs; whether there were any. Raises RunBusyError, and then forgets none."""
    connection.execute("PRAGMA secure_delete = ON")  # what was said is overwritten, not only unlinked
    with transaction(connection):
        count = 0
        for run_id in run_ids:
            row = connection.execute("SELECT owner FROM agentkit_runs WHERE run = ?", (run_id,)).fetchone()
            if row is None:
                continue
            if is_driven(run_id, row[0]):
                raise RunBusyError(run_id)
            connection.execute("DELETE FROM agentkit_runs WHERE run = ?", (run_id,))
            connection.execute("DELETE FROM agentkit_records WHERE root = ?", (run_id,))
            count += 1
    return count > 0


def prune_runs(connection: Connection, before: float, *, is_driven: IsDriven) -> int:
    """Forget the runs that were not changed since then and are not driven; how many."""
    rows = connection.execute("SELECT run, owner FROM agentkit_runs WHERE changed < ?", (before,)).fetchall()
    old = [run_id for run_id, owner in rows if not is_driven(run_id, owner)]
    delete_runs(connection, old, is_driven=is_driven)
    return len(old)


def status_of(state: RunState, error: BaseException | None) -> Status:
    """How a run stands whose driving ended so. What was refused, such as a wrong decision, leaves it as it was."""
    if state.is_ended:
        return "finished"
    if error is not None and not isinstance(next_need(state), AwaitApproval):
        return "failed" if isinstance(error, Exception) else "interrupted"
    return "paused" if pending_calls(state) else "ready"


def _status_after_death(state: RunState) -> Status:
    """How a run stands whose process died: what can be told from the journal alone."""
    status = status_of(state, None)
    return "interrupted" if status == "ready" else status
