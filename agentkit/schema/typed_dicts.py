"""On Python 3.11 pydantic refuses `typing.TypedDict`; here annotations are rewritten to use typing_extensions' one."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

__all__ = ["with_readable_typed_dicts"]

_IS_NEEDED = sys.version_info < (3, 12)


def with_readable_typed_dicts(annotation: Any) -> Any:
    """The annotation with every `typing.TypedDict` in it replaced; the annotation itself when there is none."""
    return _rewritten(annotation, {}) if _IS_NEEDED else annotation


def _rewritten(annotation: Any, done: dict[Any, Any]) -> Any:
    arguments = get_args(annotation)
    origin: Any = get_origin(annotation)
    if origin is None and isinstance(annotation, type):
        return _rewritten_class(annotation, done)
    if not arguments or origin is None or origin is typing.Literal:
        return annotation
    if origin is Annotated:
        inner = _rewritten(arguments[0], done)
        return annotation if inner is arguments[0] else Annotated[(inner, *arguments[1:])]
    if isinstance(arguments[0], list):  # the parameters of a Callable
        return annotation
    new = tuple(_rewritten(argument, done) for argument in arguments)
    if all(changed is old for changed, old in zip(new, arguments, strict=True)):
        return annotation
    if origin is types.UnionType or origin is Union:
        return Union[new]  # noqa: UP007 - built from a tuple
    if hasattr(annotation, "copy_with"):  # the aliases of typing, such as List[int]
        return annotation.copy_with(new)
    return origin[new]


def _rewritten_class(kind: type, done: dict[Any, Any]) -> Any:
    if type(kind).__name__ == "_TypedDictMeta" and type(kind).__module__ == "typing":
        return _twin(kind, done)
    return _readable_dataclass(kind, done) if _is_plain_dataclass(kind) else kind


def _twin(old: Any, done: dict[Any, Any]) -> Any:
    """A typing_extensions.TypedDict of the same fields; known before its fields are read: it may hold itself."""
    if old in done:
        return done[old]
    new: Any = typing_extensions.TypedDict(old.__name__, {})  # pyright: ignore[reportArgumentType] - the name is read from the twin
    done[old] = new
    new.__module__, new.__qualname__, new.__doc__ = old.__module__, old.__qualname__, old.__doc__
    fields = get_type_hints(old, localns={old.__name__: old}, include_extras=True)
    new.__annotations__ = {name: _rewritten(hint, done) for name, hint in fields.items()}
    new.__required_keys__ = _required(old, fields)
    new.__optional_keys__ = frozenset(fields) - new.__required_keys__
    return new


def _required(old: Any, fields: Mapping[str, Any]) -> frozenset[str]:
    """The required keys; with postponed annotations `__required_keys__` has not seen Required and NotRequired."""
    required = set(cast("frozenset[str]", old.__required_keys__))
    for name, hint in fields.items():
        if get_origin(hint) is typing.NotRequired:
            required.discard(name)
        elif get_origin(hint) is typing.Required:
            required.add(name)
    return frozenset(required)


def _is_plain_dataclass(annotation: type) -> bool:
    return dataclasses.is_dataclass(annotation) and not hasattr(annotation, "__pydantic_validator__")


def _readable_dataclass(kind: Any, done: dict[Any, Any]) -> Any:
    """The dataclass, with a schema of our own when one of its fields holds a `typing.TypedDict`."""
    if kind in done:
        return done[kind]
    done[kind] = kind  # a dataclass that holds itself is left to pydantic
    try:
        hints = get_type_hints(kind, localns={kind.__name__: kind}, include_extras=True)
    except NameError:
        return kind  # pydantic may know the name, or will say which one is missing
    new = {name: _rewritten(hint, done) for name, hint in hints.items()}
    if all(new[name] is hints[name] for name in hints):
        return kind
    done[kind] = Annotated[kind, _DataclassFields(kind, new)]
    return done[kind]


class _DataclassFields:
    """Tells pydantic the fields of a dataclass whose own annotations it would refuse."""

    def __init__(self, kind: Any, hints: Mapping[str, Any]) -> None:
        self._kind = kind
        self._hints = hints

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        fields = [self._field(field, handler) for field in dataclasses.fields(self._kind) if field.init]
        arguments = core_schema.dataclass_args_schema(self._kind.__name__, fields)
        return core_schema.dataclass_schema(
            self._kind,
            arguments,
            [field["name"] for field in fields],
            slots=hasattr(self._kind, "__slots__"),
            frozen=self._kind.__dataclass_params__.frozen,
        )

    def _field(self, field: dataclasses.Field[Any], handler: GetCoreSchemaHandler) -> core_schema.DataclassField:
        schema = handler.generate_schema(self._hints[field.name])
        if field.default is not dataclasses.MISSING:
            schema = core_schema.with_default_schema(schema, default=field.default)
        elif field.default_factory is not dataclasses.MISSING:
            schema = core_schema.with_default_schema(schema, default_factory=field.default_factory)
        return core_schema.dataclass_field(field.name, schema, kw_only=bool(field.kw_only))
