from __future__ import annotations

import copy
import inspect
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import ClassVar

import pytest

from agentkit.frozen import frozen


@dataclass(frozen=True, slots=True)
class Model:
    """What `frozen` has to equal."""

    family: ClassVar[str] = "test"

    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list[int])
    kind: str = field(default="value", kw_only=True, repr=False)
    made: int = field(default=7, init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", self.first + 1)


@frozen
class Value:
    """The same."""

    family: ClassVar[str] = "test"

    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list[int])
    kind: str = field(default="value", kw_only=True, repr=False)
    made: int = field(default=7, init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", self.first + 1)


@frozen(eq=False, repr=False)
class Thing:
    """Compared by identity."""

    name: str


def told(made: Model | Value) -> tuple[object, ...]:
    return tuple(getattr(made, known.name) for known in fields(made))


def test_a_value_is_made_as_a_dataclass_is() -> None:
    assert told(Value(1)) == told(Model(1)) == (1, "two", [], "value", 2)
    assert told(Value(1, "b", [3], kind="k")) == told(Model(1, "b", [3], kind="k"))
    assert Value(1).third is not Value(1).third
    assert repr(Value(1)) == repr(Model(1)).replace("Model", "Value")
    assert Value.__match_args__ == Model.__match_args__
    assert not hasattr(Value(1), "__dict__")


def test_its_parameters_are_those_of_a_dataclass() -> None:
    ours, theirs = (inspect.signature(kind).parameters for kind in (Value, Model))
    assert {name: (each.kind, each.annotation) for name, each in ours.items()} == {
        name: (each.kind, each.annotation) for name, each in theirs.items()
    }
    with pytest.raises(TypeError, match=r"Value.__init__\(\) missing 1 required positional argument: 'first'"):
        Value()  # pyright: ignore[reportCallIssue]


def test_it_cannot_be_changed_but_copied_replaced_and_pickled() -> None:
    value = Value(1, "b", [3])
    with pytest.raises(FrozenInstanceError):
        value.first = 2  # pyright: ignore[reportAttributeAccessIssue]
    assert [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value)), replace(value)] == [value] * 4
    assert replace(value, first=5) == Value(5, "b", [3])
    assert value != Value(2, "b", [3])


def test_what_is_compared_by_identity_equals_itself_alone() -> None:
    thing = Thing("a")
    assert thing == thing
    assert thing != Thing("a")
    assert "name" not in repr(thing)
