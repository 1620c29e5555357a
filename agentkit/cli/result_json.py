"""How a run ended, as one JSON document for scripts."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_jsonable_python

from agentkit.approvals import PendingCall
from agentkit.messages import messages_to_json
from agentkit.result import Result

__all__ = ["pending_to_json", "result_to_json"]


def result_to_json(result: Result[Any]) -> dict[str, Any]:
    """Output, pending calls, usage, cost, messages and state; `output` is null while calls wait."""
    usage, cost = result.usage, result.cost
    return {
        "output": None if result.pending else to_jsonable_python(result.output, fallback=str),
        "pending": [pending_to_json(call) for call in result.pending],
        "finish": result.finish,
        "steps": result.steps,
        "usage": {
            "input": usage.input,
            "cache_read": usage.cache_read,
            "cache_write": usage.cache_write,
            "output": usage.output,
            "reasoning": usage.reasoning,
        },
        "cost": {"usd": cost.usd, "is_known": cost.is_known},
        "run_id": result.run_id,
        "trace_id": result.trace_id,
        "messages": messages_to_json(result.messages),
        "state": result.state,
    }


def pending_to_json(call: PendingCall) -> dict[str, Any]:
    """A call that waits for a person."""
    return {
        "id": call.id,
        "tool": call.tool,
        "arguments": call.arguments,
        "reason": call.reason,
        "agent": call.agent,
    }
