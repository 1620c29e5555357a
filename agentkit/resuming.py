"""How an earlier run goes on: what is kept of it, what it had spent, what a person decided meanwhile.

Whatever is written into a journal from outside the loop passes the runtime's seam here, so that a store has it too.
"""

from __future__ import annotations

from collections.abc import Mapping

from agentkit.approvals import Decisions, decide
from agentkit.budget import Ledger
from agentkit.errors import StateError
from agentkit.loop import RunState, advance, fold
from agentkit.records import Record, Resumed, RunBegan
from agentkit.runtime import RunStore, Runtime, Session, StepKey
from agentkit.tools import Tool

__all__ = ["go_on", "kept_of", "take", "take_decisions", "taken_up"]


async def take(runtime: Runtime, state: RunState, record: Record) -> None:
    """Have a record of our own making kept, and take it into the state."""

    async def same() -> Record:
        return record

    name = f"{record.kind} {len(state.journal)}" if state.journal else record.kind
    run_id = record.run_id if isinstance(record, RunBegan) else state.run_id
    advance(state, await runtime.step(StepKey(run_id, state.step, name), same))


async def take_decisions(
    runtime: Runtime, state: RunState, decisions: Decisions, tools: Mapping[str, Tool] | None = None
) -> None:
    """Take a person's decisions into the state, when they are kept."""
    for record in decide(fold(state.journal), decisions, tools=tools):
        await take(runtime, state, record)


async def taken_up(store: RunStore, runtime: Runtime, run_id: str, known: RunState | None) -> RunState:
    """The state of a run that a store holds. Raises StateError when it has none, or knows more than the caller."""
    journal = await runtime.take_up(run_id, known.journal if known else ())
    if not journal:
        raise StateError(f"there is no run {run_id!r} in {store!r}; `agentkit runs list` shows those that are")
    if known is not None and len(journal) > len(known.journal):
        raise StateError(
            f"the run {run_id} has gone on since this state was made; go on by its id, as in agent.resume({run_id!r}, "
            "store=...), or take another way with fork(state, step=...)"
        )
    return known or fold(journal)


async def go_on(runtime: Runtime, state: RunState, ledger: Ledger, *, is_prompted: bool) -> None:
    """Have an earlier run go on; what it had spent is booked."""
    if not is_prompted and not state.is_ended:  # a prompt may speak of half an answer, so that stays then
        await take(runtime, state, Resumed())
    begun = state.tool_calls + sum(call.paused is not None for call in state.open_calls())
    ledger.restore(
        steps=state.step + state.steps_below,
        tool_calls=begun + state.tool_calls_below,
        usage=state.usage,
        cost=state.cost,
    )


async def kept_of(state: RunState, session: Session | None) -> int:
    """How many of a run's messages the session has.

    A crash may have come before they were added, or between that and the record of it: then they are the last there.
    """
    count = len(state.messages)
    if session is None or session.id != state.session or state.kept >= count:
        return count
    missing = list(state.messages[state.kept :])
    return count if (await session.load())[-len(missing) :] == missing else state.kept
