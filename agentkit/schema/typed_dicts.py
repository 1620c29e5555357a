"""On Python 3.11 pydantic refuses `typing.TypedDict`; here annotations are rewritten to use typing_extensions' one."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

__all__ = ["with_readable_typed_dicts"]

_IS_NEEDED = sys.version_info < (3, 12)


def with_readable_typed_dicts(annotation: Any, namespace: Callable[[], Mapping[str, Any]]) -> Any:
    """The annotation with every `typing.TypedDict` in it replaced; the annotation itself when there is none.

    `namespace` gives the local names around it; it is asked only when a field mentions a name that is not global.
    """
    return _Rewriting(namespace).of(annotation) if _IS_NEEDED else annotation


class _Rewriting:
    def __init__(self, namespace: Callable[[], Mapping[str, Any]]) -> None:
        self._namespace = namespace
        self._done: dict[Any, Any] = {}  # a class -> what stands for it; it may hold itself

    def of(self, annotation: Any) -> Any:
        """The annotation rewritten; the same object when nothing in it had to be."""
        arguments = get_args(annotation)
        origin: Any = get_origin(annotation)
        if origin is None and isinstance(annotation, type):
            return self._of_class(annotation)
        if not arguments or origin is None or origin is typing.Literal or isinstance(arguments[0], list):
            return annotation  # a list: the parameters of a Callable
        if origin is Annotated:
            inner = self.of(arguments[0])
            return annotation if inner is arguments[0] else Annotated[(inner, *arguments[1:])]
        new = tuple(self.of(argument) for argument in arguments)
        if all(changed is old for changed, old in zip(new, arguments, strict=True)):
            return annotation
        if origin is types.UnionType or origin is Union:
            return Union[new]  # noqa: UP007 - built from a tuple
        if hasattr(annotation, "copy_with"):  # the aliases of typing, such as List[int]
            return annotation.copy_with(new)
        return origin[new]

    def _of_class(self, kind: type) -> Any:
        if kind in self._done:
            return self._done[kind]
        if type(kind).__name__ == "_TypedDictMeta" and type(kind).__module__ == "typing":
            return self._twin(kind)
        if typing_extensions.is_typeddict(kind):
            self._done[kind] = kind
            hints = self._hints(kind)
            return self._twin(kind) if any(self.of(hint) is not hint for hint in hints.values()) else kind
        is_plain_dataclass = dataclasses.is_dataclass(kind) and not hasattr(kind, "__pydantic_validator__")
        return self._dataclass(kind) if is_plain_dataclass else cast("Any", kind)

    def _twin(self, old: Any) -> Any:
        """A typing_extensions.TypedDict of the same fields."""
        new: Any = typing_extensions.TypedDict(old.__name__, {})  # pyright: ignore[reportArgumentType] - read from the twin
        self._done[old] = new
        new.__module__, new.__qualname__, new.__doc__ = old.__module__, old.__qualname__, old.__doc__
        fields = self._hints(old)
        new.__annotations__ = {name: self.of(hint) for name, hint in fields.items()}
        new.__required_keys__ = _required(old, fields)
        new.__optional_keys__ = frozenset(fields) - new.__required_keys__
        return new

    def _dataclass(self, kind: Any) -> Any:
        """The dataclass, with a schema of our own when one of its fields holds a `typing.TypedDict`."""
        self._done[kind] = kind  # one that holds itself is left to pydantic
        hints = self._hints(kind)
        new = {name: self.of(hint) for name, hint in hints.items()}
        if any(new[name] is not hints[name] for name in hints):
            self._done[kind] = Annotated[kind, _DataclassFields(kind, new)]
        return self._done[kind]

    def _hints(self, kind: Any) -> dict[str, Any]:
        try:
            return get_type_hints(kind, localns={kind.__name__: kind}, include_extras=True)
        except NameError:
            return get_type_hints(kind, localns={**self._namespace(), kind.__name__: kind}, include_extras=True)


def _required(old: Any, fields: Mapping[str, Any]) -> frozenset[str]:
    """The required keys; with postponed annotations `__required_keys__` has not seen Required and NotRequired."""
    required = set(cast("frozenset[str]", old.__required_keys__))
    for name, hint in fields.items():
        if get_origin(hint) is typing.NotRequired:
            required.discard(name)
        elif get_origin(hint) is typing.Required:
            required.add(name)
    return frozenset(required)


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
