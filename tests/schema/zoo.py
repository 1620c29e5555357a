"""Signatures of every legal kind, each with arguments that must fit and what the function then returns.

Not postponed annotations: postponed.py has those.
"""

import dataclasses
import datetime as dt
import enum
import functools
import typing
import uuid
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, Optional, Required, TypeVar, Union

import annotated_types
import typing_extensions
from pydantic import BaseModel, Field
from pydantic import dataclasses as pydantic_dataclasses

T = TypeVar("T")


class Context(Generic[T]):
    """Stands for the run's context."""


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Movie(typing.TypedDict):
    title: str
    year: NotRequired[int]


class Loose(typing.TypedDict, total=False):
    name: Required[str]
    movies: list[Movie]


class Modern(typing_extensions.TypedDict):
    name: str


class Mixed(typing_extensions.TypedDict, total=False):
    movie: Movie


class Tree(typing.TypedDict):
    value: int
    children: list["Tree"]


class Point(NamedTuple):
    x: int
    y: int = 0


@dataclasses.dataclass
class Box:
    width: float
    label: str = "box"
    tags: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Shelf:
    movies: list[Movie]
    best: Movie | None = None


@pydantic_dataclasses.dataclass
class Checked:
    count: Annotated[int, Field(ge=0)]


class Node(BaseModel):
    """A node of a tree."""

    value: int
    children: list["Node"] = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


class Page(BaseModel, Generic[T]):
    items: list[T]
    total: int


class Address(BaseModel):
    street: str = Field(description="Street and number", max_length=40)
    zip: str | None = None


class Customer(BaseModel):
    name: str
    home: Address
    others: list[Address] = []
    work: Address | None = None


Ids = list[int]
Alias = typing_extensions.TypeAliasType("Alias", dict[str, int])
Recursive = typing_extensions.TypeAliasType("Recursive", "list[Recursive] | int")


def nothing():
    return "nothing"


def builtins(a: int, b: float, c: str, d: bool):
    return a, b, c, d


def defaults(a: int, b: int = 5, c: str = "x", d: bool = False, e: float = float("inf")):
    return a, b, c, d, e


def optional(a: Optional[int], b: str | None = None, c: Union[int, str, None] = None):  # noqa: UP007, UP045
    return a, b, c


def wrong_default(a: int = None):  # noqa: RUF013  # pyright: ignore
    return a


def literals(a: Literal["x", "y"], b: Literal[1, 2] = 1, c: Literal["a", 1, None, True] = None):
    return a, b, c


def enums(a: Colour, b: Level = Level.LOW):
    return a, b


def constrained(
    a: Annotated[int, Field(ge=1, le=10, multiple_of=2)],
    b: Annotated[str, Field(min_length=2, max_length=5, pattern="^[a-z]+$")],
    c: Annotated[list[int], annotated_types.Len(1, 3)],
    d: Annotated[float, annotated_types.Gt(0), annotated_types.Lt(1)] = 0.5,
    e: Annotated[int, annotated_types.Interval(gt=0, lt=9)] = 3,
):
    return a, b, c, d, e


def containers(
    a: list[int],
    b: dict[str, int],
    c: set[str],
    d: tuple[int, str],
    e: tuple[int, ...],
    f: frozenset[int] = frozenset(),
    g: Sequence[str] = (),
    h: Mapping[str, float] = {},
):
    return a, b, c, d, e, f, g, h


def bare(a: list, b: dict, c: tuple, d: object, e: Any = None):
    return a, b, c, d, e


def iterables(a: Iterable[int]):
    return list(a)


def typed_dicts(a: Movie, b: Loose, c: Modern, d: list[Movie] | None = None):
    return a, b, c, d


def recursive_typed_dict(a: Tree):
    return a


def mixed_typed_dicts(a: Mixed):
    return a


def shelves(a: Shelf):
    return a


def named_tuple(a: Point):
    return a


def data_classes(a: Box, b: Checked):
    return a, b


def models(customer: Customer):
    return customer


def recursive(node: Node):
    return node


def discriminated(pet: Pet, more: list[Pet] = []):  # noqa: B006
    return pet, more


def generic(page: Page[int]):
    return page


def aliases(a: Ids, b: Alias, c: Recursive = 1):
    return a, b, c


def times(a: dt.date, b: dt.datetime, c: dt.time, d: dt.timedelta, e: dt.date = dt.date(2026, 1, 2)):
    return a, b, c, d, e


def scalars(a: Decimal, b: uuid.UUID, c: Path, d: bytes, e: Decimal = Decimal("1.5")):
    return a, b, c, d, e


def keyword_only(a: int, *, b: str, c: int = 1):
    return a, b, c


def positional_only(a: int, b: str = "b", /, c: int = 1):
    return a, b, c


def starred(a: int, b: int = 2, *rest: int, c: str = "c"):
    return a, b, rest, c


def others(a: int, **more: float):
    return a, more


def anything(**more: Any):
    return more


def unpacked(a: int, **more: typing.Unpack[Loose]):
    return a, more


def unpacked_modern(**more: typing_extensions.Unpack[Modern]):
    return more


def aliased(from_: Annotated[str, Field(alias="from", description="Where from")], to: int = Field(default=3, ge=1)):
    return from_, to


def field_default(a: Annotated[int, Field(default=7)], b: Annotated[list[int], Field(default_factory=list)]):
    return a, b


def odd_default(a: int, b: Any = object, c: "Path | None" = None, d: Any = print):
    return a, b is object, c, d is print


def with_context(context: Context[str], a: int):
    return context, a


def context_only(ctx: Context):
    return ctx


def optional_context(a: int, *, ctx: Context[int] | None = None):
    return a, ctx


async def asynchronous(a: int) -> int:
    return a


def shadowing(schema: str, copy: int, model_config: int, json: str, self_: int, fields: int, _private: int):
    return schema, copy, model_config, json, self_, fields, _private


def documented(city: str, days: int = 3, *extra: str, **more: int):
    """Forecast for a city.

    Looks a few days ahead.

    Args:
        city: Name of the city, such as
            "Paris".
        days (int): How many days.
        *extra: More cities.

    Returns:
        Text.
    """
    return city, days, extra, more


class Desk:
    """A class with methods."""

    def method(self, a: int):
        return a

    @classmethod
    def of_class(cls, a: int):
        return a

    @staticmethod
    def static(a: int):
        return a

    def __call__(self, a: int, b: str = "b"):
        """Call the desk."""
        return a, b


def join(a: int, b: str, c: int = 3, *, key: str):
    """Join things.

    Args:
        a: First.
        b: Second.
    """
    return a, b, c, key


CASES: list[tuple[str, Any, dict[str, Any], Any]] = [
    ("nothing", nothing, {}, "nothing"),
    ("builtins", builtins, {"a": 1, "b": 2.5, "c": "x", "d": True}, (1, 2.5, "x", True)),
    ("defaults", defaults, {"a": 1}, (1, 5, "x", False, float("inf"))),
    ("optional", optional, {"a": None, "c": "x"}, (None, None, "x")),
    ("wrong_default", wrong_default, {}, None),
    ("literals", literals, {"a": "x", "c": True}, ("x", 1, True)),
    ("enums", enums, {"a": "red", "b": 2}, (Colour.RED, Level.HIGH)),
    ("constrained", constrained, {"a": 4, "b": "abc", "c": [1, 2]}, (4, "abc", [1, 2], 0.5, 3)),
    (
        "containers",
        containers,
        {"a": [1], "b": {"k": 1}, "c": ["x"], "d": [1, "y"], "e": [1, 2, 3], "g": ["s"], "h": {"f": 1.5}},
        ([1], {"k": 1}, {"x"}, (1, "y"), (1, 2, 3), frozenset(), ["s"], {"f": 1.5}),
    ),
    (
        "bare",
        bare,
        {"a": [1, "x"], "b": {"k": []}, "c": [1], "d": {"x": 1}},
        ([1, "x"], {"k": []}, (1,), {"x": 1}, None),
    ),
    ("iterables", iterables, {"a": [1, 2]}, [1, 2]),
    (
        "typed_dicts",
        typed_dicts,
        {"a": {"title": "t"}, "b": {"name": "n", "movies": [{"title": "m", "year": 2000}]}, "c": {"name": "x"}},
        ({"title": "t"}, {"name": "n", "movies": [{"title": "m", "year": 2000}]}, {"name": "x"}, None),
    ),
    (
        "recursive_typed_dict",
        recursive_typed_dict,
        {"a": {"value": 1, "children": [{"value": 2, "children": []}]}},
        {"value": 1, "children": [{"value": 2, "children": []}]},
    ),
    ("mixed_typed_dicts", mixed_typed_dicts, {"a": {"movie": {"title": "t"}}}, {"movie": {"title": "t"}}),
    ("shelves", shelves, {"a": {"movies": [{"title": "t"}]}}, Shelf([{"title": "t"}])),
    ("named_tuple", named_tuple, {"a": [1, 2]}, Point(1, 2)),
    ("data_classes", data_classes, {"a": {"width": 1}, "b": {"count": 2}}, (Box(1.0), Checked(2))),
    (
        "models",
        models,
        {"customer": {"name": "n", "home": {"street": "s"}}},
        Customer(name="n", home=Address(street="s")),
    ),
    (
        "recursive",
        recursive,
        {"node": {"value": 1, "children": [{"value": 2}]}},
        Node(value=1, children=[Node(value=2)]),
    ),
    ("discriminated", discriminated, {"pet": {"kind": "dog", "name": "d"}}, (Dog(kind="dog", name="d"), [])),
    ("generic", generic, {"page": {"items": [1], "total": 1}}, Page[int](items=[1], total=1)),
    ("aliases", aliases, {"a": [1], "b": {"x": 1}, "c": [1, [2]]}, ([1], {"x": 1}, [1, [2]])),
    (
        "times",
        times,
        {"a": "2026-02-03", "b": "2026-02-03T04:05:06", "c": "04:05:06", "d": "PT1H"},
        (
            dt.date(2026, 2, 3),
            dt.datetime(2026, 2, 3, 4, 5, 6),
            dt.time(4, 5, 6),
            dt.timedelta(hours=1),
            dt.date(2026, 1, 2),
        ),
    ),
    (
        "scalars",
        scalars,
        {"a": "1.25", "b": "12345678-1234-5678-1234-567812345678", "c": "/tmp/x", "d": "abc"},
        (Decimal("1.25"), uuid.UUID("12345678-1234-5678-1234-567812345678"), Path("/tmp/x"), b"abc", Decimal("1.5")),
    ),
    ("keyword_only", keyword_only, {"a": 1, "b": "x"}, (1, "x", 1)),
    ("positional_only", positional_only, {"a": 1, "c": 3}, (1, "b", 3)),
    ("positional_only_all", positional_only, {"a": 1, "b": "z"}, (1, "z", 1)),
    ("starred", starred, {"a": 1, "rest": [3, 4]}, (1, 2, (3, 4), "c")),
    ("starred_empty", starred, {"b": 5, "a": 1, "c": "x"}, (1, 5, (), "x")),
    ("others", others, {"a": 1, "x": 1.5, "y": 2}, (1, {"x": 1.5, "y": 2.0})),
    ("anything", anything, {"x": [1]}, {"x": [1]}),
    ("unpacked", unpacked, {"a": 1, "name": "n"}, (1, {"name": "n"})),
    ("unpacked_modern", unpacked_modern, {"name": "n"}, {"name": "n"}),
    ("aliased", aliased, {"from": "x"}, ("x", 3)),
    ("field_default", field_default, {}, (7, [])),
    ("odd_default", odd_default, {"a": 1}, (1, True, None, True)),
    (
        "shadowing",
        shadowing,
        {"schema": "s", "copy": 1, "model_config": 2, "json": "j", "self_": 3, "fields": 4, "_private": 5},
        ("s", 1, 2, "j", 3, 4, 5),
    ),
    ("documented", documented, {"city": "x", "more_": 1}, ("x", 3, (), {"more_": 1})),
    ("method", Desk().method, {"a": 1}, 1),
    ("classmethod", Desk.of_class, {"a": 1}, 1),
    ("staticmethod", Desk.static, {"a": 1}, 1),
    ("callable_object", Desk(), {"a": 1}, (1, "b")),
    ("partial", functools.partial(join, key="secret"), {"a": 1, "b": "x"}, (1, "x", 3, "secret")),
    ("partial_positional", functools.partial(join, 9, key="secret"), {"b": "x", "c": 4}, (9, "x", 4, "secret")),
    ("partial_keyword", functools.partial(join, b="z", key="secret"), {"a": 1}, (1, "z", 3, "secret")),
]
