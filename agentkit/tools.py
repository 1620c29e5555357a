"""Tools: Python functions that a model may call.

    @tool
    def get_weather(city: str) -> str:
        '''Current weather for a city.'''

The function stays what it was; `get_weather.tool` is the compiled Tool. A parameter annotated `Context[Deps]` gets data
about the run and is not shown to the model. `Tool.from_schema` makes a tool of a JSON Schema that came from elsewhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial, update_wrapper
from typing import Any, Concatenate, Generic, Literal, ParamSpec, Protocol, TypeAlias, TypeVar, overload

from agentkit.errors import ConfigurationError
from agentkit.exchange import ToolDefinition
from agentkit.messages import Message
from agentkit.schema.dialects import Compiled, Dialect, compile_schema
from agentkit.schema.function import BoundArguments, FunctionSchema, compile_function
from agentkit.schema.raw import RawSchema, compile_raw
from agentkit.usage import Usage

__all__ = ["Approval", "Context", "Effect", "Tool", "ToolFunction", "tool"]

Effect: TypeAlias = Literal["read", "write", "destructive"]
"""What a call does to the world. It decides what runs side by side, what may run again, and what a crash makes Lost."""

P = ParamSpec("P")
P2 = ParamSpec("P2")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
Deps = TypeVar("Deps")

Approval: TypeAlias = "bool | Callable[..., bool]"
"""Whether a person has to agree: always, never, or as a predicate over the call's arguments says."""

DEFAULT_TIMEOUT_SECONDS = 120.0
DEFAULT_RETRIES = 3
DEFAULT_MAX_OUTPUT_CHARS = 50_000


@dataclass(frozen=True, slots=True)
class Context(Generic[Deps]):
    """What a tool may know about the run that calls it."""

    deps: Deps
    """What the caller passed as `deps=`."""
    run_id: str = ""
    agent: str = ""
    """The agent's name."""
    tool: str = ""
    call_id: str = ""
    step: int = 0
    """Which model call made this tool call, from 1."""
    messages: tuple[Message, ...] = ()
    """What the model has read so far."""
    usage: Usage = Usage()
    """What the run has consumed so far."""
    progress: Callable[[str], None] = field(default=lambda _: None, repr=False)
    """Tell whoever listens how far the tool is; one short sentence."""
    idempotency_key: str = ""
    """Names this call, the same when it is made again after a crash: for services that refuse to do a thing twice."""
    seam: Any = field(default=None, repr=False, compare=False)
    """For agents that are tools; not for use by others."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search for tools returns: the model sees these tools from now on."""

    names: tuple[str, ...]
    content: Any


class ToolFunction(Protocol[P, R_co]):
    """A decorated function: called as before, with its compiled Tool beside it."""

    tool: Tool
    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

    @overload
    def __get__(self, instance: None, owner: type[Any], /) -> ToolFunction[P, R_co]: ...
    @overload
    def __get__(
        self: ToolFunction[Concatenate[S, P2], R_co], instance: S, owner: type[Any] | None = None, /
    ) -> Callable[P2, R_co]: ...


class Tool:
    """One callable offered to a model: name, description, schema, and how to call it."""

    def __init__(
        self,
        call: Callable[..., Any],
        schema: FunctionSchema | RawSchema,
        *,
        name: str,
        description: str | None = None,
        effect: Effect | None = None,
        idempotent: bool = False,
        approve: Approval = False,
        timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
        retries: int = DEFAULT_RETRIES,
        run_alone: bool = False,
        strict: bool | None = None,
        untrusted: bool = False,
        max_output_chars: int = DEFAULT_MAX_OUTPUT_CHARS,
    ) -> None:
        if not name:
            raise ConfigurationError("a tool needs a name; pass name=")
        if effect not in (None, "read", "write", "destructive"):
            raise ConfigurationError(
                f"tool {name!r}: effect {effect!r} is unknown; use 'read', 'write' or 'destructive'"
            )
        if timeout_seconds is not None and timeout_seconds <= 0:
            raise ConfigurationError(
                f"tool {name!r}: timeout_seconds is {timeout_seconds}; give more than 0, or None for no bound"
            )
        if not isinstance(approve, bool) and (not callable(approve) or _is_async(approve)):
            raise ConfigurationError(
                f"tool {name!r}: approve is {approve!r}; give True, False, or a function, not async, that says of the "
                "call's arguments whether a person has to agree"
            )
        self.call = call
        self.schema = schema
        self.name = name
        self.effect: Effect | None = effect
        self.idempotent = idempotent
        """Made twice with the same arguments it does what it does once, so after a crash it is made again."""
        self.approve = approve
        self.timeout_seconds = timeout_seconds
        self.retries = retries
        """How often in a row it may fail and be tried again before it is withdrawn."""
        self.run_alone = run_alone or effect in ("write", "destructive")
        """No other call runs beside it."""
        self.strict = strict
        """Ask the provider to enforce the schema, and take no "5" for 5; None lets each provider's dialect decide."""
        self.untrusted = untrusted
        """Its results come from outside and may try to steer the model."""
        self.max_output_chars = max_output_chars
        self.is_async = _is_async(call)
        self.is_output = False
        """Its call gives the run's output."""
        self.is_agent = False
        """Its calls are runs of an agent, with journals of their own."""
        self.is_hidden = False
        """The model sees it only after a search has found it."""
        self._description = description

    @classmethod
    def from_schema(
        cls,
        name: str,
        description: str,
        json_schema: Mapping[str, Any],
        call: Callable[..., Any],
        *,
        effect: Effect | None = None,
        idempotent: bool = False,
        approve: Approval = False,
        timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
        retries: int = DEFAULT_RETRIES,
        run_alone: bool = False,
        untrusted: bool = False,
        max_output_chars: int = DEFAULT_MAX_OUTPUT_CHARS,
    ) -> Tool:
        """A tool of a JSON Schema (draft 2020-12, or 7 by its `$schema`); `call` gets the arguments by keyword.

        Arguments are always validated. Raises SchemaError when the schema itself is unusable.
        """
        return cls(
            call,
            compile_raw(json_schema, tool=name),
            name=name,
            description=description,
            effect=effect,
            idempotent=idempotent,
            approve=approve,
            timeout_seconds=timeout_seconds,
            retries=retries,
            run_alone=run_alone,
            untrusted=untrusted,
            max_output_chars=max_output_chars,
        )

    @cached_property
    def description(self) -> str:
        """What the model reads about the tool."""
        if self._description is not None:
            return self._description
        return self.schema.description if isinstance(self.schema, FunctionSchema) else ""

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The neutral JSON Schema of the arguments."""
        return self.schema.parameters

    @cached_property
    def definition(self) -> ToolDefinition:
        """The tool as a model sees it; one object for the tool's whole life."""
        return ToolDefinition(self.name, self.description, self.parameters, self.strict)

    @property
    def may_run_again(self) -> bool:
        """Whether a call that a crash cut off may be made again; of an agent's, its own journal says what was done."""
        return self.effect == "read" or self.idempotent or self.is_agent or self.is_output

    @property
    def context_parameter(self) -> str | None:
        """The parameter that gets the Context."""
        return self.schema.context_parameter if isinstance(self.schema, FunctionSchema) else None

    def compile(self, dialect: Dialect) -> Compiled:
        """What goes on a provider's wire ("openai", "anthropic", "gemini", "bedrock"), with the report of changes."""
        return compile_schema(self.parameters, dialect, strict=self.strict, tool=self.name)

    def parse(self, arguments: str) -> BoundArguments:
        """The arguments of a call, parsed and valid. Raises ArgumentsError."""
        return self.schema.validate_json(arguments, strict=self.strict is True)

    def needs_approval(self, bound: BoundArguments) -> bool:
        """Whether a person has to agree to this call. A predicate gets those arguments that it names.

        An argument that the model left out is told by its default: the function will get that too.
        """
        if isinstance(self.approve, bool):
            return self.approve
        known = {**_defaults(self.call, behind=len(bound.args)), **bound.kwargs}
        known.pop(self.context_parameter or "", None)
        asked = inspect.signature(self.approve).parameters.values()
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in asked):
            known = {parameter.name: known[parameter.name] for parameter in asked if parameter.name in known}
        return bool(self.approve(*bound.args, **known))

    def invoke(self, bound: BoundArguments, context: Context[Any] | None = None) -> Any:
        """Call the function; the result of an async one is to be awaited."""
        name = self.context_parameter
        if name is None:
            return self.call(*bound.args, **bound.kwargs)
        return self.call(*bound.args, **bound.kwargs, **{name: context})

    def copy(self, **changes: Any) -> Tool:
        """A copy with some attributes changed, such as `name` or `approve`; for toolsets."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        for derived in ("definition", "description"):
            twin.__dict__.pop(derived, None)
        if "description" in changes:
            twin._description = changes.pop("description")
        unknown = [name for name in changes if name not in twin.__dict__]
        if unknown:
            raise ConfigurationError(f"a tool has no attribute {', '.join(unknown)}")
        twin.__dict__.update(changes)
        return twin

    def bind(self, instance: object) -> Tool:
        """The tool of a method, bound to its instance."""
        return self.copy(call=partial(self.call, instance))

    def __repr__(self) -> str:
        return f"Tool({self.name!r})"


@overload
def tool(function: Callable[P, R], /) -> ToolFunction[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect | None = None,
    idempotent: bool = False,
    approve: Approval = False,
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
    retries: int = DEFAULT_RETRIES,
    run_alone: bool = False,
    strict: bool | None = None,
    untrusted: bool = False,
    max_output_chars: int = DEFAULT_MAX_OUTPUT_CHARS,
) -> Callable[[Callable[P, R]], ToolFunction[P, R]]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    effect: Effect | None = None,
    idempotent: bool = False,
    approve: Approval = False,
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS,
    retries: int = DEFAULT_RETRIES,
    run_alone: bool = False,
    strict: bool | None = None,
    untrusted: bool = False,
    max_output_chars: int = DEFAULT_MAX_OUTPUT_CHARS,
) -> Any:
    """Make a function a tool; it stays callable as before and gets an attribute `tool`.

    effect: what a call does: "read", "write" or "destructive". Write and destructive calls run alone.
    idempotent: made twice it does what it does once, so that after a crash it may be made again, as reads are.
    approve: True, or a predicate over the call's arguments, when a person has to agree first.
    timeout_seconds: how long a call may take; None for ever.
    retries: how often in a row it may fail before it is withdrawn from the run.
    strict: True refuses "5" for 5 and asks the provider to enforce the schema.
    untrusted: the results come from outside.
    max_output_chars: longer results are cut; the model can read the rest in pieces.

    Raises SchemaError, naming tool, parameter and line, for a signature that cannot become a schema.
    """

    def decorate(fn: Callable[..., Any]) -> Any:
        compiled = _compile(fn, name, strict)
        made = Tool(
            fn,
            compiled,
            name=name or _name_of(fn),
            description=description,
            effect=effect,
            idempotent=idempotent,
            approve=approve,
            timeout_seconds=timeout_seconds,
            retries=retries,
            run_alone=run_alone,
            strict=strict,
            untrusted=untrusted,
            max_output_chars=max_output_chars,
        )
        return _attach(fn, made)

    if isinstance(function, str):
        raise ConfigurationError(f"@tool({function!r}) takes words by name: @tool(description=...) or @tool(name=...)")
    return decorate if function is None else decorate(function)


def _compile(fn: Callable[..., Any], name: str | None, strict: bool | None) -> FunctionSchema:
    return compile_function(fn, name=name or _name_of(fn), context_type=Context, strict=strict)


def _attach(fn: Callable[..., Any], made: Tool) -> Any:
    """Put the tool beside the function; callables without room for attributes get a thin wrapper."""
    try:
        fn.tool = made  # type: ignore[attr-defined]  # a function takes any attribute
    except AttributeError:
        return _attach(update_wrapper(lambda *args, **kwargs: fn(*args, **kwargs), fn), made)  # pyright: ignore
    return fn


def _name_of(fn: Callable[..., Any]) -> str:
    inner = fn.func if isinstance(fn, partial) else fn
    return getattr(inner, "__name__", None) or type(inner).__name__


def _defaults(fn: Callable[..., Any], *, behind: int) -> dict[str, Any]:
    """The defaults of a function's parameters, without those that so many positional arguments fill."""
    parameters = list(inspect.signature(fn).parameters.values())[behind:]
    return {known.name: known.default for known in parameters if known.default is not known.empty}


def _is_async(fn: Callable[..., Any]) -> bool:
    while isinstance(fn, partial):
        fn = fn.func
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__)


def as_tool(source: Tool | Callable[..., Any]) -> Tool:
    """The Tool of anything that can be one: a Tool, a decorated function, a plain function."""
    if isinstance(source, Tool):
        return source
    made = getattr(source, "tool", None)
    if isinstance(made, Tool):
        owner = getattr(source, "__self__", None)
        return made if owner is None else made.bind(owner)
    if inspect.isclass(source) and hasattr(source, "list_tools"):
        raise ConfigurationError(f"{source.__name__} is a class of toolsets; pass one of them: {source.__name__}(...)")
    if callable(source):
        return Tool(source, _compile(source, None, None), name=_name_of(source))
    if hasattr(source, "as_tool"):
        raise ConfigurationError(f"{source!r} is no tool yet; pass its .as_tool()")
    raise ConfigurationError(f"{source!r} is no tool; pass a function, a function decorated with @tool, or a Tool")
