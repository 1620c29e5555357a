"""One batch of tool calls: find, validate, approve, run in a task group, bound in time and size, record.

What goes wrong in a call is told to the model in words it can act on, as the call's outcome; it never ends the run.
Only cancellation and an exhausted budget leave a call without its own outcome, and both leave the state valid.
"""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import get_ident
from typing import Any, cast

import anyio
import anyio.from_thread
from anyio.lowlevel import current_token

from agentkit.errors import BudgetExceededError, ConfigurationError, StateError, ToolError, nearest
from agentkit.events import EventSink, ToolFinished, ToolProgress, ToolStarted
from agentkit.frozen import frozen
from agentkit.loop import OpenCall, RunState
from agentkit.messages import (
    Cancelled,
    Denied,
    Failed,
    Lost,
    Media,
    Message,
    Outcome,
    Returned,
)
from agentkit.models import Ask, CallOffer, Deny, Middleware
from agentkit.records import CallBegan, CallEnded, CallPaused, Record
from agentkit.repair import repair_json
from agentkit.returned import as_json, capped, cut, readable, told, without_media
from agentkit.runtime import InMemoryRuntime, Runtime, StepKey
from agentkit.schema.arguments import ArgumentsError
from agentkit.schema.function import BoundArguments
from agentkit.telemetry import Telemetry, ToolScope
from agentkit.threads import run_in_thread
from agentkit.tools import Context, Found, Tool
from agentkit.usage import Cost, Usage

_log = logging.getLogger("agentkit")

IN_DOUBT = "it had begun when the run was cut off, and nobody knows whether it took effect; approve to make it again"

__all__ = ["AgentSeam", "PausedRun", "Scene", "run_calls"]


@frozen
class AgentSeam:
    """What an agent that runs as a tool needs of the run that calls it."""

    runtime: Runtime
    ledger: Any
    run_id: str
    """For the sub-run: this run's id with the step and position of the call."""
    listener: EventSink | None
    spent: Callable[[RunState], None]
    """Told when the sub-run ends in any way: where it came to."""
    state: dict[str, Any] | None
    """The sub-run's state, when it goes on."""
    decisions: Mapping[str, Any] | None


class PausedRun(Exception):
    """Raised by an agent that runs as a tool when it cannot end: a person has to decide, or the budget is spent."""

    def __init__(self, state: dict[str, Any], *, reason: str, is_waiting: bool) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason
        self.is_waiting = is_waiting


@frozen
class Scene:
    """What a batch of calls needs to know of its run."""

    tools: Mapping[str, Tool]
    """The tools of this step by name."""
    withdrawn: frozenset[str]
    """Tools that failed too often."""
    runtime: Runtime
    record: Callable[[Record], None]
    listener: EventSink | None
    telemetry: Telemetry
    middleware: Sequence[Middleware]
    ledger: Any
    deps: Any
    run_id: str
    agent: str
    conversation_id: str | None
    step: int
    history: tuple[Message, ...]
    usage: Usage
    is_cut: bool = False
    """The answer that made these calls was cut by its token limit."""


async def run_calls(calls: Sequence[OpenCall], scene: Scene) -> None:
    """Make the calls; each one's record goes to `scene.record` when it ends.

    Calls that read or declare nothing run side by side; those that write, destroy or ask for it run alone, in order.
    """
    untouched = list(calls)
    try:
        while untouched:
            count = _count_together(untouched, scene)
            batch, untouched = untouched[:count], untouched[count:]
            await _run_together(batch, scene)
    except anyio.get_cancelled_exc_class():
        with anyio.CancelScope(shield=True):
            for open_call in untouched:  # so that a cancel leaves no call open that nobody waits for
                call = _Call(open_call, scene)
                scene.record(await scene.runtime.step(call.key, call.interrupted))
        raise


def _count_together(calls: Sequence[OpenCall], scene: Scene) -> int:
    """How many calls from the first on may run side by side; one that runs alone counts as one."""
    for count, open_call in enumerate(calls):
        tool = scene.tools.get(open_call.call.name)
        if tool is not None and tool.run_alone:
            return max(count, 1)
    return len(calls)


async def _run_together(calls: Sequence[OpenCall], scene: Scene) -> None:
    if len(calls) == 1:
        await _run_call(calls[0], scene)
        return
    stopped: list[Exception] = []

    async def guarded(call: OpenCall) -> None:
        try:
            await _run_call(call, scene)
        except (
            Exception
        ) as error:  # a spent budget, a broken hook: as itself, when the others have earned what they can
            stopped.append(error)

    async with anyio.create_task_group() as group:
        for call in calls:
            group.start_soon(guarded, call)
    if stopped:
        raise stopped[0]


async def _run_call(open_call: OpenCall, scene: Scene) -> None:
    call = _Call(open_call, scene)
    try:
        record = await scene.runtime.step(call.key, call.perform)
    except BaseException as error:
        # A hook that failed after the tool had run must not make it run again when the run goes on.
        if call.has_acted or isinstance(error, anyio.get_cancelled_exc_class()):
            with anyio.CancelScope(shield=True):
                scene.record(await scene.runtime.step(call.key, call.interrupted))
        raise
    scene.record(record)
    if isinstance(record, CallPaused) and not record.is_waiting and call.stopped is not None:
        raise call.stopped
    if scene.listener and isinstance(record, CallEnded):
        made = open_call.call
        scene.listener.push(ToolFinished(open_call.step, open_call.position, made.name, made.id, record.outcome))


@dataclass(slots=True)
class _Call:
    """One call on its way."""

    open: OpenCall
    scene: Scene
    tool: Tool | None = None
    has_started: bool = False
    stopped: BudgetExceededError | StateError | None = None
    arguments: str = "{}"
    """The arguments as they were understood, after repairs: JSON text."""
    usage: Usage = Usage()
    cost: Cost = Cost.zero
    steps: int = 0
    tool_calls: int = 0
    found: tuple[str, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.open.paused is not None:
            self.usage, self.cost = self.open.paused.usage, self.open.paused.cost

    @property
    def key(self) -> StepKey:
        turn = f" turn {self.open.turn + 1}" if self.open.turn else ""
        return StepKey(self.scene.run_id, self.open.step, f"{self.open.position}{turn}")

    async def perform(self) -> Record:
        """Make the call; the record of what became of it."""
        scene, made = self.scene, self.open.call
        self.tool = tool = scene.tools.get(made.name)
        with scene.telemetry.tool_span(
            tool_name=made.name if tool or scene.telemetry.content else "unrecognized",  # an invented name is content
            call_id=made.id,
            description=tool.description if tool else "",
            agent_name=scene.agent,
            conversation_id=scene.conversation_id,
        ) as span:
            if span.is_recording_content:
                span.arguments(_parsed(made.arguments))
            outcome = await self._outcome(span)
            for name, value in self.notes.items():
                span.note(name, value)
            if isinstance(outcome, CallPaused):
                return outcome
            return self._ended(outcome, span)

    async def interrupted(self) -> Record:
        """What is known of a call that a cancel stopped."""
        went_on = self.open.paused is not None and self.open.paused.state is not None
        is_lost = self.has_acted or went_on or self.open.is_begun
        outcome = Lost() if is_lost else Cancelled(started=self.has_started)
        return CallEnded(
            self.open.step,
            self.open.position,
            outcome,
            usage=self.usage,
            cost=self.cost,
            steps=self.steps,
            tool_calls=self.tool_calls,
        )

    @property
    def has_acted(self) -> bool:
        """Whether it may have changed something: it was begun, and does more than read."""
        return self.has_started and (self.tool is None or self.tool.effect != "read")

    def spent(self, below: RunState) -> None:
        """Take note of what an agent in this call consumed, however it ended."""
        self.usage, self.cost = below.usage_so_far, below.cost_so_far
        self.steps, self.tool_calls = below.step + below.steps_below, below.tool_calls + below.tool_calls_below

    async def _outcome(self, span: ToolScope) -> Outcome | CallPaused:
        """Every reason not to run first, then the run."""
        tool, made = self.tool, self.open.call
        if self.open.is_begun and not (tool is not None and tool.may_run_again):
            return self._in_doubt(span)
        refusal = self._refusal()
        if tool is None or refusal is not None:
            span.failed("unknown_tool" if tool is None else "tool_withdrawn", refusal.message if refusal else "")
            return refusal or Failed("")
        try:
            bound = self._parse(tool, made.arguments)
        except ArgumentsError as error:
            span.failed("invalid_arguments", str(error))
            return Failed(self._complaint(tool, str(error)))
        paused = self._needs_approval(tool, bound)
        if paused is not None:
            return paused
        if not self.scene.middleware:
            return await self._run(tool, bound, span)
        return await self._run_hooks(tool, bound, span)

    def _in_doubt(self, span: ToolScope) -> Outcome | CallPaused:
        """A process that died had begun this call: whoever had to agree to it decides again, else the model is told."""
        span.failed("in_doubt", "it had begun when the run was cut off")
        tool = self.tool
        try:
            asks = tool is not None and tool.needs_approval(self._parse(tool, self.open.call.arguments))
        except ArgumentsError:
            asks = False
        return self._paused(IN_DOUBT) if asks else Lost()

    def _refusal(self) -> Failed | None:
        name = self.open.call.name
        if self.tool is None:
            known = list(self.scene.tools)
            like = nearest(name, known, count=1)
            hint = f" Did you mean {like[0]}?" if like else ""
            return Failed(f"There is no tool named {name!r}.{hint} The tools are: {', '.join(known) or 'none'}.")
        if name in self.scene.withdrawn:
            return Failed(
                f"The tool {name} has failed too often and cannot be used any more in this conversation. "
                "Go on without it, or say what is missing."
            )
        return None

    def _parse(self, tool: Tool, arguments: str) -> BoundArguments:
        arguments = readable(arguments)
        try:
            bound = tool.parse(arguments)
        except ArgumentsError as error:
            is_repairable = error.is_malformed or arguments.lstrip().startswith('"')
            repaired = repair_json(arguments) if is_repairable and not self.scene.is_cut else None
            if repaired is None:
                raise
            bound = tool.parse(repaired.text)
            arguments = repaired.text
            self.notes["arguments.repairs"] = list(repaired.repairs)
        if bound.coerced:
            self.notes["arguments.coerced"] = True
        if arguments.strip() not in ("", "null"):
            self.arguments = arguments
        return bound

    def _complaint(self, tool: Tool, problem: str) -> str:
        if self.scene.is_cut:
            return (
                f"The call of {tool.name} was not made: your answer was cut by the limit of output tokens, and its "
                "arguments with it. Call it again with shorter arguments, or in several smaller calls."
            )
        return (
            f"The call of {tool.name} was not made, its arguments are not valid:\n{problem}\n"
            "Correct them and call again."
        )

    def _needs_approval(self, tool: Tool, bound: BoundArguments) -> CallPaused | None:
        if self._is_allowed or tool.approve is False or not tool.needs_approval(bound):
            return None
        return self._paused("")

    @property
    def _is_allowed(self) -> bool:
        """Whether a person agreed: now, or before an agent in this call began, which goes on."""
        paused = self.open.paused
        if paused is None or paused.state is None:
            return self.open.is_approved
        return self.tool is not None and self.tool.is_agent  # what was decided since then were calls inside it

    def _paused(self, reason: str) -> CallPaused:
        return CallPaused(self.open.step, self.open.position, reason)

    async def _run_hooks(self, tool: Tool, bound: BoundArguments, span: ToolScope) -> Outcome | CallPaused:
        """The tool_call hooks around the run, the first one outermost."""
        from pydantic_core import from_json

        offer = CallOffer(
            tool.name,
            tool.effect,
            from_json(self.arguments),
            self.open.call.id,
            self.open.step,
            self.scene.history,
            tool.untrusted,
        )
        paused: list[CallPaused] = []
        changers: list[str] = []  # the hooks that passed on other arguments than they were given

        async def run(changed: CallOffer) -> Outcome:
            inner = bound
            if changed.arguments is not offer.arguments:
                inner = self._changed(tool, changed.arguments, by=changers[-1] if changers else "a hook")
            # A predicate has to see what the tool will get.
            outcome = self._needs_approval(tool, inner) or await self._run(tool, inner, span)
            if isinstance(outcome, CallPaused):
                paused.append(outcome)
                return Cancelled(started=False)
            return outcome

        call_next: Callable[[CallOffer], Awaitable[Outcome]] = run
        for hook in reversed(self.scene.middleware):
            call_next = self._around(hook, call_next, paused=paused, changers=changers)
        outcome = await call_next(offer)
        return paused[0] if paused else outcome

    def _changed(self, tool: Tool, arguments: Mapping[str, Any], *, by: str) -> BoundArguments:
        try:
            return tool.schema.validate_python(arguments, strict=False)
        except ArgumentsError as error:
            raise ConfigurationError(
                f"{by}.tool_call changed the arguments of the call of {tool.name} to what the tool does not take: "
                f"{'; '.join(map(str, error.problems))}"
            ) from error

    def _around(
        self,
        hook: Middleware,
        call_next: Callable[[CallOffer], Awaitable[Outcome]],
        *,
        paused: list[CallPaused],
        changers: list[str],
    ) -> Callable[[CallOffer], Awaitable[Outcome]]:
        name = type(hook).__name__

        async def hooked(offer: CallOffer) -> Outcome:
            async def passed_on(changed: CallOffer) -> Outcome:
                if changed.arguments is not offer.arguments:
                    changers.append(name)
                return await call_next(changed)

            verdict = await hook.tool_call(offer, passed_on)
            match verdict:
                case Deny(reason):
                    return Denied(reason)
                case Ask():
                    if self.has_started:
                        raise ConfigurationError(
                            f"{name}.tool_call answered Ask() after it had the call of {offer.tool} made; approved, it "
                            "would be made twice. Let it ask before `await call_next(call)`"
                        )
                    reason = verdict.reason
                    if self._is_allowed:
                        return await call_next(offer)
                    paused.append(self._paused(reason))
                    return Cancelled(started=False)
                case Returned() | Failed() | Denied() | Cancelled() | Lost():
                    return verdict
                case _:
                    raise ConfigurationError(
                        f"{name}.tool_call answered {verdict!r} to the call of {offer.tool}; "
                        "let it return `await call_next(call)`, an outcome, Ask() or Deny()"
                    )

        return hooked

    async def _run(self, tool: Tool, bound: BoundArguments, span: ToolScope) -> Outcome | CallPaused:
        """Run the tool itself, bounded in time; whatever it raises becomes an outcome."""
        scene, open_call = self.scene, self.open
        if not tool.may_run_again:
            if type(scene.runtime) is InMemoryRuntime:  # a step would keep nothing, and costs 3 us
                scene.record(CallBegan(open_call.step, open_call.position))
            else:
                await self._announce()
        if scene.listener:
            made = open_call.call
            scene.listener.push(ToolStarted(open_call.step, open_call.position, tool.name, made.id, made.arguments))
        context = self._context(tool) if tool.context_parameter is not None else None
        self.has_started = True
        try:
            if tool.timeout_seconds is None:
                return self._returned(tool, await _invoke(tool, bound, context))
            with anyio.move_on_after(tool.timeout_seconds):
                return self._returned(tool, await _invoke(tool, bound, context))
        except PausedRun as pause:
            cause = pause.__cause__
            self.stopped = cause if isinstance(cause, (BudgetExceededError, StateError)) else None
            return CallPaused(
                open_call.step, open_call.position, pause.reason, pause.state, pause.is_waiting, self.usage, self.cost
            )
        except ToolError as error:
            span.failed("tool_error", error.message)
            again = " The same call may work later." if error.is_retryable else ""
            return Failed(cut(error.message) + again)
        except anyio.get_cancelled_exc_class() as error:
            if _is_cancelled():
                raise
            span.raised(error)
            return Failed(f"The tool {tool.name} failed: something that it waited for was cancelled.")
        except (Exception, SystemExit) as error:  # sys.exit in a tool ends the call, not the event loop
            span.raised(error)
            _log_failure(tool, error, has_deps=scene.deps is not None)
            return Failed(f"The tool {tool.name} failed: {told(error)}")
        span.failed("timeout", f"no result within {tool.timeout_seconds:g} seconds")
        return Failed(f"The tool {tool.name} gave no result within {tool.timeout_seconds:g} seconds and was stopped.")

    async def _announce(self) -> None:
        """Have it known, before anything is done, that this call begins."""
        record = CallBegan(self.open.step, self.open.position)

        async def same() -> Record:
            return record

        key = self.key
        self.scene.record(await self.scene.runtime.step(StepKey(key.run_id, key.step, f"{key.name} began"), same))

    def _context(self, tool: Tool) -> Context[Any]:
        scene, open_call = self.scene, self.open
        emit, home, token = scene.listener.push if scene.listener else None, get_ident(), current_token()

        def progress(text: str) -> None:
            if emit is None:
                return
            event = ToolProgress(open_call.step, open_call.position, tool.name, text)
            if get_ident() == home:
                emit(event)
            else:  # a sync tool, in its worker thread: listeners live in the event loop
                anyio.from_thread.run_sync(emit, event, token=token)

        path = f"{scene.run_id}/{open_call.step}.{open_call.position}"
        seam = AgentSeam(
            scene.runtime,
            scene.ledger,
            path,
            scene.listener,
            self.spent,
            open_call.paused.state if open_call.paused else None,
            open_call.decisions,
        )
        return Context(
            scene.deps,
            scene.run_id,
            scene.agent,
            tool.name,
            open_call.call.id,
            open_call.step,
            scene.history,
            scene.usage,
            progress,
            path,
            seam,
        )

    def _returned(self, tool: Tool, value: Any) -> Outcome:
        if isinstance(value, Found):
            self.found, value = value.names, value.content
        media: list[Media] = []
        value = without_media(value, media)
        try:
            return Returned(as_json(value), tuple(media))
        except ValueError as error:
            return Failed(
                f"The tool {tool.name} worked, but returned a {type(value).__name__}, which cannot be written as JSON: "
                f"{cut(str(error))}"
            )

    def _ended(self, outcome: Outcome, span: ToolScope) -> CallEnded:
        tool, open_call = self.tool, self.open
        remainder = None
        if isinstance(outcome, Returned):
            if tool is not None:
                outcome, remainder = capped(outcome, tool.max_output_chars, f"{open_call.step}.{open_call.position}")
            if remainder is not None:
                span.note("result.truncated", True)
            span.result(outcome.content)
        is_output = tool is not None and tool.is_output and isinstance(outcome, Returned)
        return CallEnded(
            open_call.step,
            open_call.position,
            outcome,
            is_output,
            remainder,
            self.found,
            self.usage,
            self.cost,
            self.steps,
            self.tool_calls,
        )


def _parsed(arguments: str) -> dict[str, Any]:
    """The arguments as a span shows them: an object in any case."""
    from pydantic_core import from_json

    try:
        value: Any = from_json(arguments or "{}")
    except ValueError:
        value = arguments
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"arguments": value}


def _log_failure(tool: Tool, error: BaseException, *, has_deps: bool) -> None:
    """Say to the developer where a tool broke: only the model is told otherwise. Its text may be anybody's secret."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    is_missing = isinstance(error, AttributeError) and error.obj is None and not has_deps
    hint = "; context.deps is None: was deps= forgotten?" if is_missing and tool.context_parameter else ""
    _log.warning("the tool %s raised %s%s%s", tool.name, type(error).__qualname__, where, hint)


def _is_cancelled() -> bool:
    """Whether this task is being cancelled. In asyncio a tool may also let out the cancel of another task."""
    import asyncio  # not loaded at import, which would double its cost

    if anyio.current_effective_deadline() == -math.inf:
        return True
    try:
        task = asyncio.current_task()
    except RuntimeError:  # trio
        return True
    return task is None or task.cancelling() > 0


def _invoke(tool: Tool, bound: BoundArguments, context: Context[Any] | None) -> Awaitable[Any]:
    return tool.invoke(bound, context) if tool.is_async else _invoke_in_thread(tool, bound, context)


async def _invoke_in_thread(tool: Tool, bound: BoundArguments, context: Context[Any] | None) -> Any:
    value: Any = await run_in_thread(tool.invoke, bound, context)
    if isinstance(value, Generator):  # its body runs now, and may fail as any tool may
        return await run_in_thread(list, value)
    if isinstance(value, AsyncGenerator):
        return [item async for item in cast("AsyncGenerator[Any]", value)]
    return await cast("Awaitable[Any]", value) if isinstance(value, Awaitable) else value
