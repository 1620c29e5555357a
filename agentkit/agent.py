"""Agent: a model, instructions, tools and an output, put together once and run many times.

agent = Agent("openai:gpt-6-luna", tools=[get_weather], instructions="Be brief.")
result = agent.run_sync("What is the weather in Paris?")
print(result.output, result.usage, result.cost)
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, nullcontext
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, cast, overload

import anyio
from typing_extensions import TypeVar

from agentkit.approvals import Decisions, decisions_from_json, pending_calls
from agentkit.budget import Budget, Ledger
from agentkit.errors import (
    AgentkitError,
    BudgetExceededError,
    ConfigurationError,
    DuplicateToolError,
    StateError,
    ToolError,
)
from agentkit.events import Event, EventSink, Nested
from agentkit.execute import AgentSeam, PausedRun
from agentkit.frozen import frozen
from agentkit.loop import RunState, fold, state_from_json
from agentkit.messages import AssistantMessage, Message, Prompt, UserMessage, user_message
from agentkit.models import Middleware, Model, ModelIdentity, identity_of
from agentkit.output import Output, OutputPlan, plan_output
from agentkit.portal import call_in_portal
from agentkit.prices import PriceBook
from agentkit.providers import read_history, resolve
from agentkit.records import Kept, Prompted, RunBegan
from agentkit.result import Result
from agentkit.resuming import go_on, kept_of, take, take_decisions, taken_up
from agentkit.run import READ_RESULT, RunPlan, carry, drive
from agentkit.runtime import InMemoryRuntime, RunStore, Runtime, Session
from agentkit.schema.function import compile_function
from agentkit.settings import Settings
from agentkit.stream import RunStream
from agentkit.telemetry import TELEMETRY, Telemetry
from agentkit.tools import Approval, Context, Effect, Tool, as_tool
from agentkit.toolsets import Toolset, opened

__all__ = ["Agent"]

Deps = TypeVar("Deps", default=Any)
AnyDeps = TypeVar("AnyDeps", default=Any)
Out = TypeVar("Out", default=str)
Kind = TypeVar("Kind")

_NOTHING: Any = None
_NOTHING_TO_OPEN = nullcontext()

Instructions: TypeAlias = "str | Callable[[Context[Any]], str | Awaitable[str]] | None"
History: TypeAlias = "Sequence[Message] | Sequence[Mapping[str, Any]]"
ToolSource: TypeAlias = "Tool | Toolset | Callable[..., Any]"


class Agent(Generic[Deps, Out]):
    """Immutable configuration of runs. Type parameters: what tools get as `deps`, and the type of the output."""

    @overload
    def __init__(
        self: Agent[AnyDeps, dict[str, Any]],
        model: str | Model,
        *,
        output: Mapping[str, Any],
        tools: Sequence[ToolSource] = (),
        instructions: Instructions = None,
        settings: Settings | None = None,
        budget: Budget = Budget(),
        middleware: Sequence[Middleware] = (),
        name: str | None = None,
        prices: PriceBook | None = None,
        runtime: Runtime | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        model: str | Model,
        *,
        output: type[Out] | Sequence[type[Out]] | Output[Out] = ...,
        tools: Sequence[ToolSource] = (),
        instructions: Instructions = None,
        settings: Settings | None = None,
        budget: Budget = Budget(),
        middleware: Sequence[Middleware] = (),
        name: str | None = None,
        prices: PriceBook | None = None,
        runtime: Runtime | None = None,
    ) -> None: ...
    def __init__(
        self,
        model: str | Model,
        *,
        output: Any = str,
        tools: Sequence[ToolSource] = (),
        instructions: Instructions = None,
        settings: Settings | None = None,
        budget: Budget = Budget(),
        middleware: Sequence[Middleware] = (),
        name: str | None = None,
        prices: PriceBook | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        """Put an agent together. Nothing is sent, and no key is looked up, before the first run.

        model: "provider:model-id", or a Model.
        output: a type, several types, a JSON Schema, or Output(...) with more knobs.
        tools: functions (decorated or not), Tools, Toolsets.
        instructions: what the model is told first; text, or a function of the Context that gives it.
        settings: knobs of every exchange.
        budget: what a run may consume, its sub-agents included; 50 steps by default.
        middleware: hooks around model and tool calls, the first one outermost.
        name: for traces and messages.
        prices: a PriceBook with prices of your own.
        runtime: what performs and keeps side effects; in memory by default.

        Raises DuplicateToolError, SchemaError.
        """
        self.name = name or "agent"
        self.instructions = instructions
        self.settings = _of_kind(settings or Settings(), Settings)
        self.budget = _of_kind(budget, Budget)
        self.middleware = tuple(_of_kind(hook, Middleware) for hook in middleware)
        self.prices = prices or PriceBook()
        self.runtime: Runtime = runtime or InMemoryRuntime()
        self.telemetry: Telemetry = TELEMETRY
        self._output = output
        self._named_model = model
        self._model: Model | None = None if isinstance(model, str) else model
        if tools is None or callable(tools) or isinstance(tools, (str, Tool, Toolset)):  # pyright: ignore[reportUnnecessaryComparison, reportUnnecessaryIsInstance]  # one tool alone is tried
            raise ConfigurationError(f"tools= takes a list; write tools=[...] in place of {tools!r}")
        self._sources = tuple(tools)
        self._toolsets = tuple(source for source in self._sources if isinstance(source, Toolset))
        self._fixed = _by_name(as_tool(source) for source in self._sources if not isinstance(source, Toolset))
        self._entered: list[AsyncExitStack] = []
        self._plans: dict[bool, OutputPlan] = {}  # asked natively -> plan
        if not isinstance(model, str):
            self._output_plan(identity_of(model))

    @property
    def model(self) -> Model:
        """The model. Raises UnknownProviderError, UnknownModelError, MissingKeyError."""
        if self._model is None:
            self._model = resolve(self._named_model)
        return self._model

    def replace(self, **changes: Any) -> Agent[Any, Any]:
        """A copy with some parts changed, by the names of the constructor: `agent.replace(model="offline:")`."""
        parts: dict[str, Any] = {
            "model": self._named_model,
            "output": self._output,
            "tools": self._sources,
            "instructions": self.instructions,
            "settings": self.settings,
            "budget": self.budget,
            "middleware": self.middleware,
            "name": self.name,
            "prices": self.prices,
            "runtime": self.runtime,
        }
        unknown = [name for name in changes if name not in parts]
        if unknown:
            raise ConfigurationError(f"an agent has no part {', '.join(unknown)}; it has {', '.join(parts)}")
        return Agent(**{**parts, **changes})

    async def list_tools(self) -> list[Tool]:
        """The tools that a run starts with, those of toolsets included. Raises DuplicateToolError."""
        async with opened(self._toolsets):
            return list((await self._tools()).values())

    async def run(
        self,
        prompt: Prompt | None = None,
        *,
        deps: Deps = _NOTHING,
        messages: History | None = None,
        session: Session | None = None,
        budget: Budget | None = None,
        state: Mapping[str, Any] | str | None = None,
        approvals: Decisions | None = None,
        store: RunStore | None = None,
    ) -> Result[Out]:
        """Run until there is an answer, or until a call waits for a person (`result.pending`).

        prompt: text, a part such as Image.from_file(...), or several of them.
        deps: what tools get as `context.deps`.
        messages: the conversation before, such as `result.messages` of an earlier run, or one in OpenAI's form.
        session: keeps the conversation; its messages come before the prompt, and what the run adds is appended.
        budget: in place of the agent's own.
        state: go on with an earlier run (`result.state`, `run.state`, `error.state`), or the id of one in the store.
        approvals: decisions on its pending calls: {call: Approve() | Approve(arguments=...) | Deny("why")}.
        store: keeps the run as it happens, so that it can go on after a crash: `SqliteRunStore("runs.db")`.

        Raises ExchangeError, BudgetExceededError, OutputError, ConfigurationError; errors carry the state so far.
        """
        return await self._carry_out(
            _Given(prompt, deps, messages, session, budget, state, approvals, store), None, _nobody
        )

    def run_sync(
        self,
        prompt: Prompt | None = None,
        *,
        deps: Deps = _NOTHING,
        messages: History | None = None,
        session: Session | None = None,
        budget: Budget | None = None,
        state: Mapping[str, Any] | str | None = None,
        approvals: Decisions | None = None,
        store: RunStore | None = None,
    ) -> Result[Out]:
        """`run` for code that is not async; works from any thread, repeatedly, and inside a running event loop."""

        async def run() -> Result[Out]:
            return await self.run(
                prompt,
                deps=deps,
                messages=messages,
                session=session,
                budget=budget,
                state=state,
                approvals=approvals,
                store=store,
            )

        return cast("Result[Out]", call_in_portal(run))

    def stream(
        self,
        prompt: Prompt | None = None,
        *,
        deps: Deps = _NOTHING,
        messages: History | None = None,
        session: Session | None = None,
        budget: Budget | None = None,
        state: Mapping[str, Any] | str | None = None,
        approvals: Decisions | None = None,
        store: RunStore | None = None,
    ) -> RunStream[Out]:
        """Run and watch: `async with agent.stream(...) as run: async for event in run`; then `run.result`."""
        begun: list[_Begun[Out]] = []

        async def start(listener: EventSink) -> Result[Out]:
            given = _Given(prompt, deps, messages, session, budget, state, approvals, store)
            return await self._carry_out(given, listener, begun.append)

        def read_partial(text: str, calls: Iterable[tuple[str, str]]) -> Any:
            return self._output_plan(identity_of(self.model)).read_partial(text, calls)

        return RunStream(start, lambda: begun[0].state if begun else None, read_partial)

    async def resume(
        self,
        state: Mapping[str, Any] | str,
        *,
        approvals: Decisions | None = None,
        prompt: Prompt | None = None,
        deps: Deps = _NOTHING,
        session: Session | None = None,
        budget: Budget | None = None,
        store: RunStore | None = None,
    ) -> Result[Out]:
        """Go on with an earlier run, given by its state, or by its id in a store. As `run(state=...)`.

        After an approval, a cancel, an error; with a store also after a crash; here or in another process.
        """
        return await self.run(
            prompt, deps=deps, session=session, budget=budget, state=state, approvals=approvals, store=store
        )

    def as_tool(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        effect: Effect | None = None,
        approve: Approval = False,
    ) -> Tool:
        """This agent as a tool of another: it is given a prompt, and shares budget, trace, events and approvals."""

        async def ask(prompt: str, context: Context[Any]) -> Any:
            return await self._run_below(prompt, context)

        shown = name or self.name
        schema = compile_function(ask, name=shown, context_type=Context, strict=None)
        made = Tool(
            ask,
            schema,
            name=shown,
            description=description or f"Ask the agent {self.name}.",
            effect=effect,
            approve=approve,
            timeout_seconds=None,
        )
        made.is_agent = True
        return made

    async def __aenter__(self) -> Self:
        """Keep the toolsets open until the block is left, instead of for each run."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(opened(self._toolsets))
            self._entered.append(stack.pop_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        await self._entered.pop().aclose()

    def __repr__(self) -> str:
        model = self._named_model if isinstance(self._named_model, str) else identity_of(self._named_model).model
        return f"Agent({model!r}, name={self.name!r}, tools=[{', '.join(self._fixed)}])"

    async def _carry_out(
        self, given: _Given, listener: EventSink | None, tell: Callable[[_Begun[Out]], None]
    ) -> Result[Out]:
        """Begin a run or go on with one, and drive it to its end; with a store while that holds it for this process."""
        store, state = given.store, given.state
        if state is not None and given.messages is not None:
            raise ConfigurationError("pass either messages= or state=; a state holds its messages")
        if store is None:
            if isinstance(state, str):
                raise ConfigurationError(f"state={state!r} is the id of a run in a store: pass store= too")
            begun = await self._begin(given, self.runtime, state_from_json(state) if state is not None else None)
            tell(begun)
            return await begun.go(listener)
        if not isinstance(self.runtime, InMemoryRuntime):
            raise ConfigurationError(f"{self!r} has a runtime of its own, which keeps its runs; pass no store=")
        if not hasattr(store, "drive"):
            raise ConfigurationError(f"{store!r} is no store of runs; write SqliteRunStore({store!r})")
        known = state_from_json(state) if state is not None and not isinstance(state, str) else None
        run_id = state if isinstance(state, str) else known.run_id if known is not None else os.urandom(16).hex()
        async with store.drive(run_id) as runtime:
            if isinstance(state, str) or known is not None:
                known = await taken_up(store, runtime, run_id, known)
            begun = await self._begin(given, runtime, known, run_id)
            tell(begun)
            return await begun.go(listener)

    async def _begin(
        self, given: _Given, runtime: Runtime, state: RunState | None, run_id: str | None = None
    ) -> _Begun[Out]:
        """The state and the ledger of a run that begins, or of the one with this state, which goes on."""
        session, prompt = given.session, given.prompt
        ledger = Ledger(_of_kind(given.budget or self.budget, Budget))
        if session is not None and not hasattr(session, "load"):
            raise ConfigurationError(f"{session!r} is no session; write SqliteSession({session!r}) or MemorySession()")
        if state is not None:
            await go_on(runtime, state, ledger, is_prompted=prompt is not None)
            earlier = await kept_of(state, session)
            if given.approvals:
                await take_decisions(runtime, state, given.approvals, self._fixed)
            if prompt is not None:
                await take(runtime, state, Prompted(user_message(prompt)))
            return _Begun(self, state, ledger, given.deps, session, earlier, runtime)
        if given.approvals:
            raise ConfigurationError("approvals= decide on pending calls of an earlier run: pass its state= too")
        messages = _messages(given.messages or ())
        if prompt is None and (not messages or _is_answer(messages[-1])):
            raise ConfigurationError("a run needs a prompt, or messages= that end with one")
        history = [*(await session.load() if session else ()), *messages]
        if prompt is not None:
            history.append(user_message(prompt))
        earlier = len(history) - isinstance(history[-1], UserMessage)
        state = RunState()
        run_id = run_id or os.urandom(16).hex()
        began = RunBegan(run_id, tuple(history), self.name, earlier, session.id if session else None)
        await take(runtime, state, began)
        return _Begun(self, state, ledger, given.deps, session, earlier, runtime)

    async def _run_below(self, prompt: str, context: Context[Any]) -> Out:
        """Run as a tool of another agent."""
        seam = context.seam
        if not isinstance(seam, AgentSeam):
            raise ConfigurationError(
                "an agent as a tool runs inside a run of another agent; call agent.run(...) directly"
            )
        ledger = Ledger(self.budget, seam.ledger)
        state = RunState() if seam.state is None else state_from_json(seam.state)
        journal = await seam.runtime.take_up(seam.run_id, state.journal)
        if not journal:
            await take(seam.runtime, state, RunBegan(seam.run_id, (user_message(prompt),), self.name))
        else:
            if journal is not state.journal:
                state = fold(journal)
            await go_on(seam.runtime, state, ledger, is_prompted=False)
            if seam.decisions:  # before a crash some may have been taken up
                waiting = {call.id for call in pending_calls(state)}
                said = decisions_from_json(seam.decisions)
                await take_decisions(seam.runtime, state, {id: said[id] for id in said if id in waiting})
        listener = _Below(seam.listener, context.step, context.call_id, self.name) if seam.listener else None
        try:
            result = await self._drive(state, ledger, context.deps, listener, None, seam.runtime)
        except BudgetExceededError as error:
            if error.owner not in (None, ledger) and error.state is not None:
                raise PausedRun(error.state, reason=str(error), is_waiting=False) from error
            raise ToolError(f"the agent {self.name} stopped: {error}") from error
        except AgentkitError as error:
            if isinstance(error, StateError) and error.state is not None and seam.state is not None:
                # It cannot go on like this, which is for the caller to mend, and not for a model to be told.
                raise PausedRun(error.state, reason=str(error), is_waiting=False) from error
            raise ToolError(f"the agent {self.name} failed: {error}") from error
        finally:
            seam.spent(state)
        if result.pending:
            raise PausedRun(result.state, reason=f"{self.name} waits for a person", is_waiting=True)
        return result.output

    async def _drive(
        self,
        state: RunState,
        ledger: Ledger,
        deps: Any,
        listener: EventSink | None,
        conversation_id: str | None,
        runtime: Runtime,
    ) -> Result[Out]:
        async with opened(self._toolsets) if self._toolsets else _NOTHING_TO_OPEN:
            model = self.model
            identity = identity_of(model)
            tools, output = await self._tools(), self._output_plan(identity)
            if output.tools:
                _by_name([*tools.values(), *output.tools])
            plan = RunPlan(
                self.name,
                model,
                identity,
                await self._instructions(state, deps),
                tools,
                output,
                self.settings,
                self.middleware,
                self.prices,
                self.telemetry,
            )
            return await drive(
                plan,
                state,
                ledger=ledger,
                runtime=runtime,
                deps=deps,
                listener=listener,
                conversation_id=conversation_id,
            )

    async def _instructions(self, state: RunState, deps: Any) -> str:
        given = self.instructions
        if given is None or isinstance(given, str):
            return given or ""
        text = given(Context(deps, state.run_id, self.name, messages=state.messages))
        return await text if inspect.isawaitable(text) else text

    async def _tools(self) -> Mapping[str, Tool]:
        if not self._toolsets:
            return self._fixed
        listed: list[Tool] = list(self._fixed.values())
        for toolset in self._toolsets:
            listed += await toolset.list_tools()
        return _by_name(listed)

    def _output_plan(self, identity: ModelIdentity) -> OutputPlan:
        able = identity.capabilities
        is_native = able.structured_output and (able.output_with_tools or not self._sources)
        plan = self._plans.get(is_native)
        if plan is None:
            plan = self._plans[is_native] = plan_output(self._output, is_native=is_native)
        return plan


@frozen
class _Given:
    """What a caller says of one run."""

    prompt: Prompt | None
    deps: Any
    messages: History | None
    session: Session | None
    budget: Budget | None
    state: Mapping[str, Any] | str | None
    approvals: Decisions | None
    store: RunStore | None


class _Begun(Generic[Out]):
    """A run that has its state and waits to be driven."""

    __slots__ = ("agent", "deps", "earlier", "ledger", "runtime", "session", "state")

    def __init__(
        self,
        agent: Agent[Any, Out],
        state: RunState,
        ledger: Ledger,
        deps: Any,
        session: Session | None,
        earlier: int,
        runtime: Runtime,
    ) -> None:
        self.agent = agent
        self.state = state
        self.ledger = ledger
        self.deps = deps
        self.session = session
        self.earlier = earlier
        """How many of the messages the session has."""
        self.runtime = runtime

    async def go(self, listener: EventSink | None) -> Result[Out]:
        session = self.session
        if session is None:
            return await self._drive(listener, None)
        with carry(self.state):
            try:
                return await self._drive(listener, session.id)
            finally:
                with anyio.CancelScope(shield=True):
                    await self._keep(session)

    def _drive(self, listener: EventSink | None, conversation_id: str | None) -> Awaitable[Result[Out]]:
        return self.agent._drive(  # pyright: ignore[reportPrivateUsage]  # the two are one thing
            self.state, self.ledger, self.deps, listener, conversation_id, self.runtime
        )

    async def _keep(self, session: Session) -> None:
        """Add to the session what it does not have. An answer with open calls is added when they have ended."""
        messages = self.state.messages
        await session.append(messages[self.earlier :])
        if self.state.session == session.id and len(messages) != self.state.kept:
            await take(self.runtime, self.state, Kept(len(messages)))


class _Below:
    """Tells the events of a sub-agent to the listener of the run above, wrapped."""

    __slots__ = ("agent", "call_id", "listener", "step")

    def __init__(self, listener: EventSink, step: int, call_id: str, agent: str) -> None:
        self.listener = listener
        self.step = step
        self.call_id = call_id
        self.agent = agent

    def push(self, event: Event) -> None:
        self.listener.push(Nested(self.step, self.call_id, self.agent, event))

    def is_behind(self) -> bool:
        return self.listener.is_behind()

    async def drain(self) -> None:
        await self.listener.drain()


def _of_kind(given: Kind, kind: type[Kind]) -> Kind:
    if not isinstance(given, kind):  # pyright: ignore[reportUnnecessaryIsInstance]  # a dict, or a class, is tried
        raise ConfigurationError(f"{given!r} is no {kind.__name__}; give an object of it, such as {kind.__name__}(...)")
    return given


def _messages(history: History) -> Sequence[Message]:
    if set(map(type, history)) <= {UserMessage, AssistantMessage}:  # in one go: histories are long
        return cast("Sequence[Message]", history)
    return read_history(history)


def _nobody(_: object) -> None:
    return


def _is_answer(message: Message) -> bool:
    return isinstance(message, AssistantMessage) and not message.calls and message.finish not in ("paused", "cancelled")


def _by_name(tools: Iterable[Tool]) -> dict[str, Tool]:
    found: dict[str, Tool] = {}
    for tool in tools:
        if tool.name == READ_RESULT:
            raise DuplicateToolError(tool.name, [_source(tool), "agentkit's own, which reads on in long results"])
        if tool.name in found:
            raise DuplicateToolError(tool.name, [_source(found[tool.name]), _source(tool)])
        found[tool.name] = tool
    return found


def _source(tool: Tool) -> str:
    call = tool.call
    while isinstance(call, partial):  # a method, bound to its toolset
        call = call.func
    code = getattr(inspect.unwrap(call), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(tool.call)
