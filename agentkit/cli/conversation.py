"""A conversation: turns of one agent after another, each of which a person may stop without losing what was said."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import anyio
import click
from anyio.from_thread import BlockingPortal, start_blocking_portal
from pydantic_core import to_json

from agentkit.agent import Agent
from agentkit.approvals import Approve, Decision, PendingCall
from agentkit.cli.asking import ask_about
from agentkit.cli.background import result_of
from agentkit.cli.live import LiveRun, summary
from agentkit.cli.terminal import is_interactive
from agentkit.errors import AgentkitError
from agentkit.loop import state_from_json
from agentkit.messages import AssistantMessage, Cancelled, Message
from agentkit.models import Deny, identity_of
from agentkit.result import Result
from agentkit.tools import Tool
from agentkit.usage import Cost, Usage

__all__ = ["Conversation", "Turn"]


@dataclass(frozen=True, slots=True)
class Turn:
    """How one turn ended."""

    result: Result[Any] | None
    """None when the person stopped it."""
    summary: str


@dataclass(slots=True)
class _Attempt:
    """One run inside a turn: it lives in the portal's thread and can be stopped from the terminal's."""

    scope: anyio.CancelScope | None = None
    """Of the run; there is none before it began."""
    is_stopped: bool = False
    state: Mapping[str, Any] | None = None
    result: Result[Any] | None = None

    async def stop(self) -> None:
        """Cancel the run, or see to it that it ends as soon as it begins."""
        self.is_stopped = True
        if self.scope is not None:
            self.scope.cancel()


class Conversation:
    """Runs turns in one event loop that lasts as long as the conversation, so that connections and toolsets stay open.

    The terminal's thread waits outside of that loop: Ctrl-C reaches it, and it stops the turn.
    """

    def __init__(
        self, agent: Agent[Any, Any], messages: Sequence[Message], *, approves_all: bool, is_quiet: bool
    ) -> None:
        self.agent = agent
        self.messages = list(messages)
        self.turns = 0
        self.usage = Usage()
        self.cost = Cost.zero
        self._approves_all = approves_all
        self._is_quiet = is_quiet
        self._stack = ExitStack()
        self._portal: BlockingPortal | None = None
        self._open_agent: AbstractContextManager[Any] | None = None

    def __enter__(self) -> Self:
        self._portal = self._stack.enter_context(start_blocking_portal("asyncio"))
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        self._close()
        self._stack.close()

    @property
    def model_name(self) -> str:
        """The model as it is named on the command line."""
        identity = identity_of(self.agent.model)
        return f"{identity.provider}:{identity.model}"

    def change_model(self, name: str) -> None:
        """Go on with another model. Raises ConfigurationError; then nothing changed."""
        changed = self.agent.replace(model=name)
        _ = changed.model
        self._close()
        self.agent = changed
        self._open()

    def list_tools(self) -> list[Tool]:
        """The agent's tools."""
        assert self._portal is not None
        return list(self._portal.call(self.agent.list_tools))

    def say(self, prompt: str) -> Turn:
        """One turn, approvals included. Raises AgentkitError; what was done until then stays in the conversation."""
        began = time.perf_counter()
        live = LiveRun(shows_text=not self._is_quiet, shows_calls=not self._is_quiet)
        attempt = self._attempt(live, prompt=prompt)
        while attempt.result is not None and attempt.result.pending:
            try:
                decisions = self._decide(attempt.result.pending)
            except KeyboardInterrupt:
                click.echo(err=True)
                attempt.result = None
                break
            attempt = self._attempt(live, state=attempt.state, decisions=decisions)
        self._keep(attempt.state)
        self.turns += 1
        result = attempt.result
        if result is not None and not self._is_quiet and not (live.has_shown_text and isinstance(result.output, str)):
            output = result.output
            click.echo(output if isinstance(output, str) else to_json(output, indent=2, fallback=str).decode())
        return Turn(result, self._book(attempt.state, time.perf_counter() - began))

    def _attempt(
        self,
        live: LiveRun,
        *,
        prompt: str | None = None,
        state: Mapping[str, Any] | None = None,
        decisions: Mapping[str, Decision] | None = None,
    ) -> _Attempt:
        """One run; Ctrl-C stops it and leaves its result None."""
        assert self._portal is not None
        attempt = _Attempt()
        messages = None if state else self.messages
        future = self._portal.start_task_soon(self._watch, attempt, live, prompt, messages, state, decisions)
        try:
            try:
                result_of(future)
            except KeyboardInterrupt:
                self._portal.call(attempt.stop)
                result_of(future)
        except AgentkitError as error:
            self._keep(error.state)
            self._book(error.state, 0)
            raise
        return attempt

    async def _watch(
        self,
        attempt: _Attempt,
        live: LiveRun,
        prompt: str | None,
        messages: Sequence[Message] | None,
        state: Mapping[str, Any] | None,
        decisions: Mapping[str, Decision] | None,
    ) -> None:
        run = self.agent.stream(prompt, messages=messages, state=state, approvals=decisions)
        has_begun = False
        with anyio.CancelScope() as attempt.scope:
            if attempt.is_stopped:
                return
            try:
                async with run:
                    async for event in run:
                        has_begun = True
                        live.show(event)
                attempt.result = run.result
            finally:
                live.end_line()
                if has_begun:
                    attempt.state = run.state

    def _decide(self, pending: list[PendingCall]) -> dict[str, Decision]:
        if self._approves_all:
            return {call.id: Approve() for call in pending}
        if is_interactive():
            return ask_about(pending)
        return {call.id: Deny("nobody is there to approve it") for call in pending}

    def _keep(self, document: Mapping[str, Any] | None) -> None:
        """Take what was said into the conversation; a prompt that nothing came of is dropped."""
        if document is None:
            return
        messages = [_settled(message) for message in state_from_json(document).visible_messages]
        if messages and isinstance(messages[-1], AssistantMessage):
            self.messages = messages

    def _book(self, document: Mapping[str, Any] | None, seconds: float) -> str:
        if document is None:
            return ""
        state = state_from_json(document)
        self.usage += state.usage
        self.cost += state.cost
        return summary(state.step, state.usage, state.cost, seconds)

    def _open(self) -> None:
        assert self._portal is not None
        self._open_agent = self._portal.wrap_async_context_manager(self.agent)
        self._open_agent.__enter__()

    def _close(self) -> None:
        opened, self._open_agent = self._open_agent, None
        if opened is not None:
            opened.__exit__(None, None, None)


def _settled(message: Message) -> Message:
    """Calls that a stopped turn left waiting were never made."""
    if message.is_settled:
        return message
    assert isinstance(message, AssistantMessage)
    waiting = {
        position: Cancelled(started=False)
        for position, call in enumerate(message.calls)
        if call.outcome.kind == "pending"
    }
    return message.with_outcomes(waiting)
