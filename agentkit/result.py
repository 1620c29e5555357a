"""Result: how a run ended, and the state it carries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

from agentkit.approvals import PendingCall
from agentkit.errors import ConfigurationError
from agentkit.loop import RunState, state_to_json
from agentkit.messages import AssistantMessage, Finish, Message
from agentkit.usage import Cost, Usage

__all__ = ["Result"]

Out = TypeVar("Out")


class Result(Generic[Out]):
    """How a run ended. Read `output`, unless `pending` lists calls that wait for a person."""

    def __init__(
        self, state: RunState, output: Out | None, *, pending: Sequence[PendingCall] = (), trace_id: str = ""
    ) -> None:
        self._state = state
        self._output = output
        self.pending = list(pending)
        """Calls that wait for a person; decide with `agent.resume(result.state, approvals={...})`."""
        self.trace_id = trace_id
        """Of the run's spans; empty when nothing records them."""

    @property
    def output(self) -> Out:
        """The declared output. Raises ConfigurationError while calls wait for a person."""
        if self.pending:
            names = ", ".join(f"{call.tool} ({call.id})" for call in self.pending)
            raise ConfigurationError(
                f"the run has no output yet: {names} wait for a person; "
                "go on with agent.resume(result.state, approvals={call: Approve() for call in result.pending})"
            )
        return cast("Out", self._output)

    @property
    def messages(self) -> list[Message]:
        """The whole conversation, for `messages=` of the next run."""
        return list(self._state.visible_messages)

    @property
    def new_messages(self) -> list[Message]:
        """What this run added, its prompt included."""
        return list(self._state.visible_messages[self._state.earlier :])

    @property
    def usage(self) -> Usage:
        """Tokens consumed, sub-agents included."""
        return self._state.usage_so_far

    @property
    def cost(self) -> Cost:
        """Money spent, sub-agents included."""
        return self._state.cost_so_far

    @property
    def steps(self) -> int:
        """How many times the model answered."""
        return self._state.step

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self._state.run_id

    @property
    def finish(self) -> Finish:
        """Why the last answer ended; "length" when the token limit cut it."""
        for message in reversed(self._state.visible_messages):
            if isinstance(message, AssistantMessage):
                return message.finish
        return "other"

    @property
    def state(self) -> dict[str, Any]:
        """The run as JSON: keep it, resume it in another process, fork it."""
        return state_to_json(self._state)

    def __repr__(self) -> str:
        what = f"pending={self.pending!r}" if self.pending else f"output={self._output!r}"
        return f"Result({what}, steps={self.steps}, usage={self.usage}, cost={self.cost})"
