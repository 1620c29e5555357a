"""Output: from the type an agent declares to how the model is asked, how its answer is read, and what it is told then.

    Agent(..., output=Order)                   a type: pydantic model, dataclass, TypedDict, list[int], Literal, ...
    Agent(..., output=[Order, Refund])         several types: the answer is one of them
    Agent(..., output={"type": "object", ...}) a JSON Schema: the answer is a dict
    Agent(..., output=Output(Order, by="tool", attempts=5))

Where the provider can hold an answer to a schema it is asked to ("native"); elsewhere the model calls a tool with the
answer.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Generic, Literal, Protocol, TypeVar, Union, cast, get_args, get_origin

from agentkit.errors import ConfigurationError, ToolError
from agentkit.exchange import OutputFormat
from agentkit.messages import AssistantMessage
from agentkit.repair import repair_json
from agentkit.schema.arguments import ArgumentsError
from agentkit.schema.output import TypeSchema, compile_type
from agentkit.schema.raw import RawSchema, compile_raw
from agentkit.tools import Tool

__all__ = ["Output", "OutputPlan", "OutputProblem", "plan_output"]

Out = TypeVar("Out")

TOOL_NAME = "final_result"
WRAPPED = "value"
"""The property that holds an answer to a JSON Schema of something else than an object."""


@dataclass(frozen=True, slots=True)
class Output(Generic[Out]):
    """A declared output with its knobs."""

    type: type[Out] | Sequence[type[Out]] | Mapping[str, Any]
    by: Literal["auto", "native", "tool"] = "auto"
    """How the model is asked; "auto" takes what it can do."""
    attempts: int = 3
    """How many answers may be wrong before OutputError, the first included."""
    name: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse knobs that say nothing. Raises ConfigurationError."""
        if self.by not in ("auto", "native", "tool"):
            raise ConfigurationError(f"Output(by={self.by!r}) is unknown; use 'auto', 'native' or 'tool'")
        if self.attempts < 1:
            raise ConfigurationError(f"Output(attempts={self.attempts}) leaves no answer; give 1 or more")


class OutputProblem(Exception):
    """An answer is not what was declared; `complaint` is what the model is told."""

    def __init__(self, complaint: str) -> None:
        super().__init__(complaint)
        self.complaint = complaint


class _Reader(Protocol):
    """One shape of answer: its schema, and how to read it."""

    name: str
    schema: Mapping[str, Any]

    def read(self, text: str) -> Any: ...

    def read_partial(self, text: str) -> Any: ...


class _TypeReader:
    def __init__(self, type_: Any, name: str) -> None:
        self._compiled: TypeSchema[Any] = compile_type(type_, as_object=True)
        self.name = name or self._compiled.name
        self.schema: Mapping[str, Any] = self._compiled.schema

    def read(self, text: str) -> Any:
        return self._compiled.validate_json(text)

    def read_partial(self, text: str) -> Any:
        return self._compiled.validate_partial_json(text)


class _SchemaReader:
    def __init__(self, schema: Mapping[str, Any], name: str) -> None:
        title = schema.get("title")
        self.name = name or (title if isinstance(title, str) and title.isidentifier() else "Output")
        self._is_wrapped = not _is_object(schema)
        self._compiled: RawSchema = compile_raw(_wrap(schema) if self._is_wrapped else schema, tool=self.name)
        self.schema: Mapping[str, Any] = self._compiled.parameters

    def read(self, text: str) -> Any:
        value = self._compiled.validate_json(text, strict=False).kwargs
        return value[WRAPPED] if self._is_wrapped else value

    def read_partial(self, text: str) -> Any:
        from pydantic_core import from_json

        value = from_json(text, allow_partial="trailing-strings")
        return value.get(WRAPPED) if self._is_wrapped else value


@dataclass(frozen=True, slots=True)
class OutputPlan:
    """How one agent asks for its output and reads it."""

    format: OutputFormat | None = None
    """For models that are asked natively."""
    tools: tuple[Tool, ...] = ()
    """For models that are asked by tool."""
    takes_text: bool = True
    """Plain text is an answer."""
    attempts: int = 3
    reader: _Reader | None = None
    by_tool: Mapping[str, _Reader] | None = None

    def read(self, message: AssistantMessage) -> Any:
        """The value in an answer without calls. Raises OutputProblem."""
        if self.takes_text:
            return message.text
        if self.reader is None:
            names = " or ".join(tool.name for tool in self.tools)
            raise OutputProblem(f"You answered in plain text. Give the answer by calling the tool {names}.")
        return _read(self.reader, message.text, message.finish)

    def read_call(self, name: str, arguments: str) -> Any:
        """The value in a call of an output tool. Raises OutputProblem."""
        assert self.by_tool is not None
        return _read(self.by_tool[name], arguments, "tool_calls")

    def read_partial(self, text: str, calls: Iterable[tuple[str, str]] = ()) -> Any:
        """As much of the value as the text, or a call (name, arguments), holds so far; None for nothing yet."""
        for name, arguments in calls:
            if self.by_tool is not None and name in self.by_tool:
                return _read_partial(self.by_tool[name], arguments)
        if self.takes_text:
            return text or None
        return None if self.reader is None else _read_partial(self.reader, text)


def plan_output(output: Any, *, is_native: bool) -> OutputPlan:
    """The plan for a declared output and a model that can (or cannot) be asked natively. Raises SchemaError."""
    declared: Output[Any] = cast("Output[Any]", output) if isinstance(output, Output) else Output(output)
    types = _alternatives(declared.type)
    if types == [str]:
        return OutputPlan(attempts=declared.attempts)
    if types == [None]:
        raise ConfigurationError("output=None would take nothing but null for an answer; leave output out for text")
    if not types:
        raise ConfigurationError("output=[] says of no type what the answer is; leave output out for text")
    takes_text = str in types
    is_mixed = len(types) > 1 and any(isinstance(type_, Mapping) for type_ in types)  # a schema joins no union
    by_tool = declared.by == "tool" or takes_text or is_mixed or (declared.by == "auto" and not is_native)
    if by_tool:
        return _by_tool(declared, [type_ for type_ in types if type_ is not str], takes_text=takes_text)
    whole = types[0] if len(types) == 1 else functools.reduce(lambda left, right: left | right, types)
    reader = _reader_of(whole, declared.name or ("" if len(types) == 1 else "Answer"))
    format = OutputFormat(reader.name, reader.schema, None, declared.description)
    return OutputPlan(format, takes_text=False, attempts=declared.attempts, reader=reader)


def _by_tool(declared: Output[Any], types: Sequence[Any], *, takes_text: bool) -> OutputPlan:
    readers: dict[str, _Reader] = {}
    tools: list[Tool] = []
    for type_ in types:
        reader = _reader_of(type_, declared.name if len(types) == 1 else "")
        name = TOOL_NAME if len(types) == 1 else f"{TOOL_NAME}_{reader.name}"
        readers[name] = reader
        description = declared.description or reader.schema.get("description") or "Give the final answer."
        made = Tool.from_schema(name, str(description), reader.schema, _take(reader, name))
        made.is_output = True
        made.retries = declared.attempts  # the run ends with an OutputError before the tool is withdrawn
        tools.append(made)
    return OutputPlan(None, tuple(tools), takes_text, declared.attempts, None, readers)


def _take(reader: _Reader, name: str) -> Callable[..., Awaitable[str]]:
    """The function of an output tool: it only says whether the answer can be read; the run reads it."""

    async def take(**arguments: Any) -> str:
        from pydantic_core import to_json

        try:
            reader.read(to_json(arguments).decode())
        except ArgumentsError as error:
            raise ToolError(f"The answer is not what was asked for:\n{error}\nCall {name} again.") from error
        return "The answer was taken."

    return take


def _alternatives(type_: Any) -> list[Any]:
    if isinstance(type_, Mapping):
        return [cast("Mapping[str, Any]", type_)]
    if isinstance(type_, Sequence) and not isinstance(type_, str):
        return list(cast("Sequence[Any]", type_))
    if get_origin(type_) in (Union, UnionType) and str in get_args(type_):
        return list(get_args(type_))
    return [type_]


def _reader_of(type_: Any, name: str) -> _Reader:
    return (
        _SchemaReader(cast("Mapping[str, Any]", type_), name)
        if isinstance(type_, Mapping)
        else _TypeReader(type_, name)
    )


def _read(reader: _Reader, text: str, finish: str) -> Any:
    try:
        return reader.read(text)
    except ArgumentsError as error:
        problem = str(error)
    if finish == "length":
        raise OutputProblem("Your answer was cut by the limit of output tokens. Answer again, shorter, in valid JSON.")
    repaired = repair_json(text)
    if repaired is not None:
        try:
            return reader.read(repaired.text)
        except ArgumentsError as error:
            problem = str(error)
    raise OutputProblem(
        f"Your answer is not what was asked for:\n{problem}\nAnswer again with the whole corrected JSON."
    )


def _read_partial(reader: _Reader, text: str) -> Any:
    try:
        return reader.read_partial(text)
    except (ArgumentsError, ValueError):
        return None


def _is_object(schema: Mapping[str, Any]) -> bool:
    reference = schema.get("$ref")
    if not isinstance(reference, str):
        return schema.get("type") == "object"
    target: Any = schema
    for step in reference.removeprefix("#/").split("/"):
        target = cast("Mapping[str, Any]", target).get(step) if isinstance(target, Mapping) else None
    return isinstance(target, Mapping) and _is_object(cast("Mapping[str, Any]", target))


def _wrap(schema: Mapping[str, Any]) -> dict[str, Any]:
    inner = {key: value for key, value in schema.items() if key not in ("$defs", "definitions", "$schema")}
    outer: dict[str, Any] = {
        "type": "object",
        "properties": {WRAPPED: inner},
        "required": [WRAPPED],
        "additionalProperties": False,
    }
    for key in ("$defs", "definitions", "$schema"):
        if key in schema:
            outer[key] = schema[key]
    return outer
