"""The parameters of a callable that a model may fill, with their annotations resolved."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter as Declared
from typing import Annotated, Any, Union, cast, get_args, get_origin

import typing_extensions
from pydantic.fields import FieldInfo

from agentkit.errors import SchemaError
from agentkit.schema.namespace import names_around

__all__ = ["Parameter", "Signature", "read_signature", "unpacked"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function."""

    name: str
    annotation: Any
    kind: Any
    """One of the kinds of `inspect.Parameter`."""
    default: Any
    """`inspect.Parameter.empty` when the parameter is required."""
    field: FieldInfo | None
    """The pydantic Field of the annotation or of the default."""

    @property
    def remark(self) -> str | None:
        """The words of `Annotated[str, "words"]` or `Annotated[str, Doc("words")]`."""
        for extra in getattr(self.annotation, "__metadata__", ()):
            text = extra if isinstance(extra, str) else getattr(extra, "documentation", None)
            if isinstance(text, str):
                return text
        return None

    @property
    def is_required(self) -> bool:
        if self.kind in (Declared.VAR_POSITIONAL, Declared.VAR_KEYWORD):
            return False
        return self.default is Declared.empty and (self.field is None or self.field.is_required())

    @property
    def wire_name(self) -> str:
        """The name that the model uses: the alias of a Field, else the parameter's own."""
        alias = self.field and (self.field.validation_alias or self.field.alias)
        return alias if isinstance(alias, str) else self.name


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model may fill, and what the run fills."""

    tool: str
    location: str
    parameters: tuple[Parameter, ...]
    context_parameter: str | None
    docstring: str | None
    target: Any
    """The function whose annotations count."""
    reserved: frozenset[str]
    """Names that `**kwargs` must not take from the model: the receiver, the context, what a partial has filled."""

    def refused(self, problem: str, *, parameter: str | None, advice: str) -> SchemaError:
        """The error for this function, with its place."""
        return SchemaError(problem, tool=self.tool, parameter=parameter, location=self.location, advice=advice)


def read_signature(fn: Callable[..., Any], *, tool: str, context_type: type) -> Signature:
    """The signature of any callable. Raises SchemaError for parameters without a usable annotation."""
    target, bound = _unwrapped(fn)
    location = _location(target)
    try:
        declared = list(
            inspect.signature(fn if not isinstance(fn, (classmethod, staticmethod)) else target).parameters.values()
        )
    except (TypeError, ValueError) as error:
        advice = "wrap it in a function with annotated parameters"
        raise SchemaError(
            f"its signature cannot be read ({error})", tool=tool, location=location, advice=advice
        ) from None
    reserved = set(bound)
    if declared and _is_receiver(declared[0], target):
        reserved.add(declared.pop(0).name)
    declared = [parameter for parameter in declared if parameter.name not in bound]
    signature = Signature(tool, location, (), None, _docstring(fn, target), target, frozenset(bound))
    hints = _hints(target, declared, signature)
    parameters: list[Parameter] = []
    context_parameter: str | None = None
    for parameter in declared:
        if parameter.name not in hints:
            advice = f"annotate it, as in `{parameter.name}: str`"
            raise signature.refused("it has no annotation", parameter=parameter.name, advice=advice)
        hint = hints[parameter.name]
        if _is_context(hint, context_type):
            _check_context(parameter, declared, signature, context_parameter)
            context_parameter = parameter.name
        else:
            parameters.append(_parameter(parameter, hint))
    reserved |= {context_parameter} if context_parameter else set()
    return dataclasses.replace(
        signature,
        parameters=tuple(parameters),
        context_parameter=context_parameter,
        reserved=frozenset(reserved),
    )


def _unwrapped(fn: Any) -> tuple[Any, frozenset[str]]:
    """The function whose annotations count, and the keyword arguments that partial objects have filled.

    Those are left out of the schema: they may hold a key that a model must not see.
    """
    bound: set[str] = set()
    while True:
        if isinstance(fn, functools.partial):
            bound.update(fn.keywords)
            fn = cast("functools.partial[Any]", fn).func
        elif isinstance(fn, (classmethod, staticmethod, types.MethodType)):
            fn = cast("Any", fn).__func__
        elif inspect.isfunction(fn) or inspect.isbuiltin(fn):
            return fn, frozenset(bound)
        elif isinstance(fn, type):
            return fn.__init__, frozenset(bound)
        elif inspect.isfunction(call := _call_method(fn)):
            return call, frozenset(bound)
        else:
            return fn, frozenset(bound)


def _call_method(fn: object) -> Any:
    return getattr(type(fn), "__call__", None)  # noqa: B004 - the function itself is wanted, not whether there is one


def _location(target: Any) -> str:
    code = getattr(inspect.unwrap(target), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else ""


def _docstring(fn: Any, target: Any) -> str | None:
    if isinstance(fn, type):
        return fn.__doc__
    if target.__doc__ or isinstance(fn, functools.partial):
        return target.__doc__
    return getattr(fn, "__doc__", None)


def _is_receiver(parameter: Declared, target: Any) -> bool:
    """Whether it is the self or cls of a function that was written in a class body."""
    if parameter.name not in ("self", "cls") or parameter.annotation is not Declared.empty:
        return False
    owner = str(getattr(target, "__qualname__", "")).rpartition(".")[0]
    return bool(owner) and not owner.endswith("<locals>")


def _hints(target: Any, declared: list[Declared], signature: Signature) -> dict[str, Any]:
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError):
        pass  # a name from an enclosing function, or an annotation that is wrong: look at each by itself
    namespace = names_around(target)
    hints: dict[str, Any] = {}
    for parameter in declared:
        if parameter.annotation is Declared.empty:
            continue
        holder = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
        try:
            hints |= typing.get_type_hints(
                holder, getattr(inspect.unwrap(target), "__globals__", {}), namespace, include_extras=True
            )
        except (NameError, TypeError, AttributeError, SyntaxError) as error:
            raise signature.refused(
                f"its annotation {parameter.annotation!r} cannot be read ({error})",
                parameter=parameter.name,
                advice="import or define what it names above the function, outside `if TYPE_CHECKING`",
            ) from error
    return hints


def _is_context(hint: Any, context_type: type) -> bool:
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        return any(_is_context(member, context_type) for member in get_args(hint))
    return hint is context_type or get_origin(hint) is context_type


def _check_context(parameter: Declared, declared: list[Declared], signature: Signature, known: str | None) -> None:
    if known is not None:
        advice = f"keep one, {known!r} is it already"
        raise signature.refused("a second parameter asks for the context", parameter=parameter.name, advice=advice)
    has_star = any(other.kind is Declared.VAR_POSITIONAL for other in declared)
    if parameter.kind in (Declared.VAR_POSITIONAL, Declared.VAR_KEYWORD, Declared.POSITIONAL_ONLY) or (
        has_star and parameter.kind is not Declared.KEYWORD_ONLY
    ):
        raise signature.refused(
            "the context is given by keyword, which this signature does not allow",
            parameter=parameter.name,
            advice=f"make it keyword-only, as in `*, {parameter.name}: Context`",
        )


def _parameter(parameter: Declared, hint: Any) -> Parameter:
    default = parameter.default
    if isinstance(default, FieldInfo):  # `x: int = Field(default=3, ge=0)`
        return Parameter(parameter.name, Annotated[hint, default], parameter.kind, Declared.empty, default)
    field = None
    if get_origin(hint) is Annotated:
        field = next((extra for extra in reversed(hint.__metadata__) if isinstance(extra, FieldInfo)), None)
    return Parameter(parameter.name, hint, parameter.kind, default, field)


def unpacked(annotation: Any) -> Any:
    """The TypedDict in `**kwargs: Unpack[TypedDict]`; None for any other annotation."""
    is_unpack = get_origin(annotation) in (typing.Unpack, typing_extensions.Unpack)
    return get_args(annotation)[0] if is_unpack else None
