"""Drives one run: asks the machine what is needed, does it, tells the machine what happened, until the run ends.

Streamed or not, it is this one driver; they differ in who listens. The driver is a coroutine that pushes events; spans
are made here, since tools need them current, and nothing is attached across a yield.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from types import TracebackType
from typing import Any, assert_never

import anyio
from anyio.lowlevel import checkpoint

from agentkit.approvals import pending_calls
from agentkit.assemble import assemble_cut
from agentkit.budget import Ledger
from agentkit.errors import (
    AgentkitError,
    BudgetExceededError,
    ConfigurationError,
    ContentFilteredError,
    ExchangeError,
    OutputError,
    StateError,
    UnsupportedError,
)
from agentkit.events import (
    Adapted,
    Answer,
    ApprovalRequired,
    Event,
    EventSink,
    OutputRejected,
    RunEnded,
    RunStarted,
    StepStarted,
)
from agentkit.exchange import AttemptFailed, Delta, Memo, ModelSwitched, Request, Response, ToolDefinition, Waiting
from agentkit.execute import Scene, run_calls
from agentkit.frozen import frozen
from agentkit.loop import (
    AwaitApproval,
    CallModel,
    CallTools,
    Finish,
    OpenCall,
    RunState,
    advance,
    next_need,
    state_to_json,
)
from agentkit.messages import AssistantMessage, Failed
from agentkit.models import CountingModel, Middleware, Model, ModelCallNext, ModelIdentity, Sink
from agentkit.output import OutputPlan, OutputProblem
from agentkit.prices import PriceBook
from agentkit.prompt_size import estimated_tokens
from agentkit.records import Answered, Ended, Interrupted, Record, Rejected
from agentkit.result import Result
from agentkit.runtime import InMemoryRuntime, Runtime, StepKey
from agentkit.settings import Settings
from agentkit.telemetry import AgentScope, Telemetry
from agentkit.tools import Tool
from agentkit.usage import Cost, Usage

__all__ = ["READ_RESULT", "RunPlan", "carry", "drive"]

READ_RESULT = "read_result"
"""The tool by which the model reads on in results that were too long to show; no other tool may have this name."""


@frozen
class RunPlan:
    """What stays the same for a whole run."""

    agent: str
    model: Model
    identity: ModelIdentity
    instructions: str
    tools: Mapping[str, Tool]
    output: OutputPlan
    settings: Settings
    middleware: Sequence[Middleware]
    prices: PriceBook
    telemetry: Telemetry


async def drive(
    plan: RunPlan,
    state: RunState,
    *,
    ledger: Ledger,
    runtime: Runtime,
    deps: Any,
    listener: EventSink | None,
    conversation_id: str | None,
) -> Result[Any]:
    """Drive a run until it ends or waits for a person.

    Raises what ended the run; an AgentkitError carries `state` and `usage` then. On cancellation the state stays valid.
    """
    driver = _Driver(plan, state, ledger, runtime, deps, listener, conversation_id)
    seconds = ledger.budget.seconds
    with carry(state):
        if seconds is None:
            return await driver.run()
        with anyio.move_on_after(seconds) as scope:
            ledger.until = scope.deadline
            return await driver.run()
        raise BudgetExceededError("seconds", allowed=seconds, used=seconds, wanted=1)


class carry:  # read as a function; one by contextlib costs five times as much
    """Let an AgentkitError that ends the run here carry the run's state and usage."""

    __slots__ = ("_state",)

    def __init__(self, state: RunState) -> None:
        self._state = state

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        if isinstance(error, AgentkitError):
            error.state = state_to_json(self._state)
            error.usage = _usage_json(self._state.usage_so_far)


_BEFORE_THE_ANSWER = (AttemptFailed, ModelSwitched, Waiting)


class _DeltaSink:
    """Passes an answer's deltas on to the listener, and keeps them for the case that the answer is cut."""

    __slots__ = ("deltas", "first_at", "listener")

    def __init__(self, listener: EventSink) -> None:
        self.listener = listener
        self.deltas: list[Delta] = []
        self.first_at: float | None = None

    def emit(self, deltas: Sequence[Delta]) -> bool:
        self.deltas += deltas
        push = self.listener.push
        for delta in deltas:
            push(delta)
        if self.first_at is None and deltas:
            if type(deltas[0]) not in _BEFORE_THE_ANSWER:
                self.first_at = perf_counter()
            return True  # so that `drain` lets the listener see the first delta before more are decoded
        return self.listener.is_behind()

    async def drain(self) -> None:
        if self.listener.is_behind():
            await self.listener.drain()
        else:
            await checkpoint()


class _Remarks:
    """Passes on what is told beside an answer that is not streamed: failed attempts, waits, another model."""

    __slots__ = ("listener",)

    def __init__(self, listener: EventSink) -> None:
        self.listener = listener

    def emit(self, deltas: Sequence[Delta]) -> bool:
        for delta in deltas:
            if isinstance(delta, _BEFORE_THE_ANSWER):
                self.listener.push(delta)
        return self.listener.is_behind()

    async def drain(self) -> None:
        await self.listener.drain()


class _Shown:
    """Passes on what middleware makes of the deltas."""

    __slots__ = ("_drain", "_emit", "_shown")

    def __init__(self, sink: Sink, shown: Callable[[Sequence[Delta]], Sequence[Delta]]) -> None:
        self._emit, self._drain, self._shown = sink.emit, sink.drain, shown

    def emit(self, deltas: Sequence[Delta]) -> bool:
        shown = self._shown(deltas)
        return self._emit(shown) if shown else False

    async def drain(self) -> None:
        await self._drain()


class _Driver:
    """One run on its way."""

    def __init__(
        self,
        plan: RunPlan,
        state: RunState,
        ledger: Ledger,
        runtime: Runtime,
        deps: Any,
        listener: EventSink | None,
        conversation_id: str | None,
    ) -> None:
        self.plan = plan
        self.state = state
        self.ledger = ledger
        self.runtime = runtime
        self.deps = deps
        self.listener = listener
        self.emit: Callable[[Event], None] | None = listener.push if listener else None
        self.conversation_id = conversation_id
        self.memo = Memo(ledger)
        self.response: Response | None = None
        self.offered: dict[str, Tool] = {}
        self.definitions: tuple[ToolDefinition, ...] = ()
        self._offer_key: tuple[Any, ...] | None = None
        self._adapted: frozenset[str] = frozenset()  # changes that were told
        self._may_count = True  # until the provider says that it cannot
        self._count_error = ""  # why the prompt of this step was estimated instead

    async def run(self) -> Result[Any]:
        plan, state = self.plan, self.state
        with plan.telemetry.agent_span(
            name=plan.agent, model=plan.identity, conversation_id=self.conversation_id
        ) as span:
            if self.emit:
                self.emit(RunStarted(state.run_id, plan.agent))
            if span.is_recording:
                span.asked(state.messages[state.earlier :])
            result = await self._until_done(span)
            if self.emit:
                self.emit(RunEnded(result))
            return result

    async def _until_done(self, span: AgentScope) -> Result[Any]:
        state = self.state
        while True:
            need = next_need(state)
            match need:
                case CallModel():
                    await self._call_model(need)
                case CallTools():
                    await self._call_tools(need)
                case AwaitApproval():
                    return self._pending(span)
                case Finish():
                    result = await self._finish(need, span)
                    if result is not None:
                        return result
                case _:
                    assert_never(need)

    async def _call_model(self, need: CallModel) -> None:
        self._offer()
        request = self._request(need)
        tokens, usd = await self._reserve(request)
        if self.emit:
            self.emit(StepStarted(need.step))
        sink = _DeltaSink(self.listener) if self.listener and request.is_streamed else None
        ask = partial(self._ask, request, need.step, sink)
        try:
            record = await self.runtime.step(StepKey(self.state.run_id, need.step, "model"), ask)
        except BaseException as error:
            self.ledger.release_step(tokens=tokens, usd=usd)
            if isinstance(error, anyio.get_cancelled_exc_class()):
                kept = assemble_cut(sink.deltas) if sink else None
                with anyio.CancelScope(shield=True):
                    await self._note(Interrupted(need.step, kept))
            raise
        assert isinstance(record, Answered)
        advance(self.state, record)
        self.ledger.settle_step(record.message.usage, record.cost, tokens=tokens, usd=usd)
        if self.emit:
            self.emit(Answer(need.step, self.response or Response(record.message)))

    async def _ask(self, request: Request, step: int, sink: _DeltaSink | None) -> Record:
        plan = self.plan
        with plan.telemetry.model_span(
            identity=plan.identity, request=request, conversation_id=self.conversation_id
        ) as span:
            if self._count_error:
                span.note("count_error", self._count_error)
            began = perf_counter() if sink else 0.0
            remarks = _Remarks(self.listener) if self.listener and sink is None else None
            self.response = response = await _respond(plan, request, sink or remarks)
            message = response.message
            cost = _cost(plan, request, response)
            if response.notes:
                span.note("adapted", response.notes)
                self._tell_adapted(step, response.notes)
            if span.is_recording:
                first = sink.first_at - began if sink and sink.first_at is not None else None
                span.responded(response, time_to_first_chunk=first, cost=cost)
            return Answered(step, message, cost, response.attempts)

    def _tell_adapted(self, step: int, notes: tuple[str, ...]) -> None:
        """Tell what was not told before: every later request of the run carries the same old messages."""
        new = tuple(note for note in notes if note not in self._adapted)
        if new and self.emit:
            self._adapted = self._adapted.union(new)
            self.emit(Adapted(step, new))

    def _offer(self) -> None:
        """The tools of this step: hidden ones once they were revealed, without those that failed too often."""
        state = self.state
        is_as_given = not (state.remainders or state.revealed or state.failures)
        key = () if is_as_given else (bool(state.remainders), len(state.revealed), tuple(state.failures.items()))
        if key == self._offer_key:
            return
        self._offer_key = key
        offered = {
            name: tool
            for name, tool in self.plan.tools.items()
            if state.failures.get(name, 0) <= tool.retries and (not tool.is_hidden or name in state.revealed)
        }
        for tool in self.plan.output.tools:
            offered[tool.name] = tool
        if state.remainders:
            offered[READ_RESULT] = _reader_of(state)
        self.offered = offered
        definitions = tuple(tool.definition for tool in offered.values())
        if definitions != self.definitions:
            self.definitions = definitions

    def _request(self, need: CallModel) -> Request:
        plan, settings = self.plan, self.plan.settings
        choice = settings.tool_choice
        if plan.output.tools and not plan.output.takes_text and plan.identity.capabilities.forced_tools:
            choice = choice or "required"
        elif choice not in (None, "auto", "none") and need.step > 1:
            choice = None
        if choice != settings.tool_choice:
            settings = _with_choice(settings, choice)
        is_streamed = settings.stream if settings.stream is not None else self.listener is not None
        return Request(
            plan.identity.model,
            need.messages,
            plan.instructions,
            self.definitions,
            plan.output.format,
            settings,
            is_streamed,
            self.memo,
        )

    async def _reserve(self, request: Request) -> tuple[int, float]:
        """Book the step, with what it may take where tokens or money are bounded."""
        ledger, plan = self.ledger, self.plan
        if not ledger.bounds_tokens:
            ledger.reserve_step()
            return 0, 0.0
        prompt = await self._prompt_tokens(request)
        output = ledger.expected_output(request.settings.max_output_tokens)
        usd = 0.0
        if ledger.bounds_money:
            price = plan.prices.cost_of(plan.identity.provider, request.model, Usage(input=prompt, output=output))
            if not price.is_known:
                raise UnsupportedError(
                    f"the price of {plan.identity.provider}:{request.model} is not known, so a budget in usd cannot be "
                    "kept; set a price (PriceBook().with_price(...), Agent(prices=...)) or bound tokens instead"
                )
            if not ledger.keeps_money:
                raise UnsupportedError(
                    "a model whose price is not known answered in this run, so a budget in usd cannot be kept any "
                    "more; set a price for every model that may step in (PriceBook().with_price(...), "
                    "Agent(prices=...)) or bound tokens instead"
                )
            usd = price.usd
        ledger.reserve_step(tokens=prompt + output, usd=usd)
        return prompt + output, usd

    async def _prompt_tokens(self, request: Request) -> int:
        """The tokens of the prompt: counted where the budget asks for that and the model can, else estimated."""
        model, counted = self.plan.model, None
        if self.ledger.counts_exactly and self._may_count and isinstance(model, CountingModel):
            try:
                for hook in self.plan.middleware:
                    request = hook.counted(request)
                counted = await model.count_tokens(request)
                self._count_error = ""
            except AgentkitError as error:  # what hinders the answer too is told by the answer
                self._count_error = type(error).__name__
                self._may_count = isinstance(error, ExchangeError) and error.is_retryable
        return estimated_tokens(request.messages, request.instructions) if counted is None else counted

    async def _call_tools(self, need: CallTools) -> None:
        plan, state = self.plan, self.state
        self._offer()
        outputs = {tool.name for tool in plan.output.tools}
        new = [call for call in need.calls if call.paused is None and call.call.name not in outputs]
        answer = state.answer
        withdrawn = frozenset([name for name in state.failures if name in plan.tools and name not in self.offered])
        tools = {**self.offered, **{name: plan.tools[name] for name in withdrawn}} if withdrawn else self.offered
        if state.paused:
            self._refuse_unknown(need.calls, tools)
        self.ledger.reserve_calls(len(new))
        await run_calls(
            need.calls,
            Scene(
                tools,
                withdrawn,
                self.runtime,
                self._record,
                self.listener,
                plan.telemetry,
                plan.middleware,
                self.ledger,
                self.deps,
                state.run_id,
                plan.agent,
                self.conversation_id,
                state.step,
                state.messages,
                state.usage,
                answer is not None and answer.finish == "length",
            ),
        )
        for call in reversed(need.calls) if outputs else ():
            failures = state.failures.get(call.call.name, 0)
            if call.call.name in outputs and failures >= plan.output.attempts:
                raise self._output_error(call.call.arguments, failures, _complaints(state, call.call.name)[-failures:])

    def _refuse_unknown(self, calls: Sequence[OpenCall], tools: Mapping[str, Tool]) -> None:
        """A call that a person decided on, or that was begun, has a tool: to tell the model otherwise used that up."""
        for call in calls:
            if call.paused is not None and call.call.name not in tools:
                raise StateError(
                    f"call {call.step}.{call.position} of this run is one of {call.call.name!r}, which the agent "
                    f"{self.plan.agent!r} does not have; its tools are: {', '.join(tools) or 'none'}. Nothing was "
                    "done, and what was decided is kept: resume with the agent that began the run "
                    f"({self.state.agent!r}), with that tool"
                )

    def _record(self, record: Record) -> None:
        advance(self.state, record)

    async def _note(self, record: Record) -> None:
        """Take a record of our own making into journal and state."""
        if type(self.runtime) is InMemoryRuntime:  # the step would keep nothing, and costs 3 us
            advance(self.state, record)
            return

        async def same() -> Record:
            return record

        key = StepKey(self.state.run_id, self.state.step, f"{record.kind} {len(self.state.journal)}")
        advance(self.state, await self.runtime.step(key, same))

    def _pending(self, span: AgentScope) -> Result[Any]:
        pending = pending_calls(self.state)
        if self.emit:
            for call in pending:
                self.emit(ApprovalRequired(call.id, call.tool, call.arguments, call.reason))
        return Result(self.state, None, pending=pending, trace_id=span.trace_id)

    async def _finish(self, need: Finish, span: AgentScope) -> Result[Any] | None:
        """The result; None when the answer was rejected and the model is to be asked again."""
        plan, state, message = self.plan, self.state, need.message
        if message.finish in ("refusal", "content_filter") or (message.refusal and not message.text):
            self._refused(message)
        try:
            output = (
                plan.output.read_call(need.output_call.name, need.output_call.arguments)
                if need.output_call is not None
                else plan.output.read(message)
            )
        except OutputProblem as problem:
            if len(state.complaints) + 1 >= plan.output.attempts:
                text = message.text
                raise self._output_error(
                    text, len(state.complaints) + 1, (*state.complaints, problem.complaint)
                ) from problem
            await self._note(Rejected(state.step, problem.complaint))
            if self.emit:
                self.emit(OutputRejected(state.step, problem.complaint))
            return None
        if not need.is_ended:
            await self._note(Ended(state.step))
        if span.is_recording:
            span.answered(message)
        return Result(state, output, trace_id=span.trace_id)

    def _refused(self, message: AssistantMessage) -> None:
        what = (
            "refused to answer" if message.finish == "refusal" or message.refusal else "stopped on its content filter"
        )
        said = message.refusal or message.text
        raise ContentFilteredError(
            f"the model {what}" + (f": {said[:500]}" if said else "") + "; rephrase the prompt or use another model",
            provider=self.plan.identity.provider,
            model=message.model or self.plan.identity.model,
        )

    def _output_error(self, text: str, attempts: int, complaints: Sequence[str]) -> OutputError:
        last = complaints[-1] if complaints else "its arguments were not valid"
        return OutputError(
            f"the model gave no valid output in {attempts} attempts; the last problem: {last} "
            "Loosen the output type, describe it better, or allow more with Output(..., attempts=...)",
            text=text,
            complaints=complaints,
        )


def _complaints(state: RunState, tool: str) -> list[str]:
    """What the model was told of its calls of an output tool that failed, in order."""
    calls = [call for message in state.messages if isinstance(message, AssistantMessage) for call in message.calls]
    return [call.outcome.message for call in calls if call.name == tool and isinstance(call.outcome, Failed)]


def _respond(plan: RunPlan, request: Request, sink: Sink | None) -> Awaitable[Response]:
    """Ask the model, with the middleware around it, the first one outermost."""
    if not plan.middleware:
        return plan.model.respond(request, sink)

    async def ask(changed: Request) -> Response:
        if sink is None or changed.shown is None:
            return await plan.model.respond(changed, sink)
        return await plan.model.respond(changed, _Shown(sink, changed.shown))

    call_next: ModelCallNext = ask
    for hook in reversed(plan.middleware):
        call_next = _around(hook, call_next)
    return call_next(request)


def _cost(plan: RunPlan, request: Request, response: Response) -> Cost:
    """By the prices of who answered; what came from a cache costs nothing."""
    if response.saved is not None:
        return Cost.zero
    who, message = response.answered_by, response.message
    provider, asked = (plan.identity.provider, request.model) if who is None else (who.provider, who.model)
    cost = plan.prices.cost_of(provider, message.model or asked, message.usage)
    if not cost.is_known and message.model and message.model != asked:
        cost = plan.prices.cost_of(provider, asked, message.usage)
    return cost


def _around(hook: Middleware, call_next: ModelCallNext) -> ModelCallNext:
    async def hooked(request: Request) -> Response:
        response = await hook.model_call(request, call_next)
        if not isinstance(response, Response):  # pyright: ignore[reportUnnecessaryIsInstance]  # a forgotten return gives None
            raise ConfigurationError(
                f"{type(hook).__name__}.model_call answered {response!r}; let it return `await call_next(request)` or "
                "another Response"
            )
        return response

    return hooked


def _with_choice(settings: Settings, choice: str | None) -> Settings:
    """The settings with another tool choice; None, which `over` cannot set, is "auto" on every wire."""
    return Settings(tool_choice=choice or "auto").over(settings)


def _reader_of(state: RunState) -> Tool:
    """A tool by which the model reads on in results that were too long to show."""

    async def read_result(result_id: str, offset: int = 0, count: int = 20_000) -> str:
        text = state.remainders.get(result_id)
        if text is None:
            return f"There is no result {result_id!r}; there are {', '.join(state.remainders)}."
        return text[offset : offset + min(count, 40_000)]

    schema = {
        "type": "object",
        "properties": {
            "result_id": {"type": "string", "description": 'The result to read, such as "1.0".'},
            "offset": {"type": "integer", "minimum": 0, "description": "The character to begin at."},
            "count": {"type": "integer", "minimum": 1, "description": "How many characters, at most 40,000."},
        },
        "required": ["result_id"],
        "additionalProperties": False,
    }
    return Tool.from_schema(
        READ_RESULT,
        "Read more of an earlier tool result that was too long to show whole.",
        schema,
        read_result,
        effect="read",
    )


def _usage_json(usage: Usage) -> dict[str, int]:
    return {
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "output": usage.output,
        "reasoning": usage.reasoning,
    }
