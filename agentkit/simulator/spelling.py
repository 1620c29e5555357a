"""Faults as words, for command lines and scripts: `status,status=429,wait_seconds=0.02,first=2`.

The first word is the name of a fault; the fields of that fault and of a Rule follow. Several names with `|` between
them are a mix, whose fields all have to know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from agentkit.errors import ConfigurationError, nearest
from agentkit.simulator.call_faults import Arguments, CallIds, CallIndexes, CallsTogether
from agentkit.simulator.connection_faults import (
    KeepAlives,
    Refused,
    Reset,
    Silence,
    SlowEvents,
    SlowHeaders,
    Split,
    Stale,
)
from agentkit.simulator.fault import Fault
from agentkit.simulator.filter_faults import ContentFilter
from agentkit.simulator.plan import Rule
from agentkit.simulator.status_faults import HtmlPage, Loading, Quota, Status
from agentkit.simulator.stream_faults import BadCompression, ErrorInside, Flood, MissingEnd, RepeatedStart

__all__ = ["FAULTS", "fault_name", "fields_of", "read_fault"]


def fault_name(kind: type[Fault]) -> str:
    """How a fault is spelled: ErrorInside -> error_inside."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


FAULTS: Mapping[str, type[Fault]] = {
    fault_name(kind): kind
    for kind in (
        Status, Quota, Loading, HtmlPage,
        Refused, Stale, Reset, Silence, KeepAlives, SlowEvents, SlowHeaders, Split,
        ErrorInside, RepeatedStart, MissingEnd, Flood, BadCompression,
        ContentFilter,
        CallIndexes, CallIds, CallsTogether, Arguments,
    )
}  # fmt: skip
"""All faults by name."""

_RULE_FIELDS = frozenset({"first", "at", "rate"})


def read_fault(text: str) -> Rule:
    """The rule that these words spell. Raises ConfigurationError."""
    name, *pairs = [word.strip() for word in text.split(",")]
    given: dict[str, str] = {}
    for pair in pairs:
        key, mark, value = pair.partition("=")
        if not mark:
            raise ConfigurationError(f"{pair!r} in {text!r} says nothing; write field=value, such as first=2")
        given[key.strip().replace("-", "_")] = value.strip()
    when = {key: given.pop(key) for key in list(given) if key in _RULE_FIELDS}
    faults = tuple(_fault(part.strip().replace("-", "_"), given) for part in name.split("|"))
    return Rule(
        faults,
        first=_number(when["first"], int, "first") if "first" in when else None,
        at=tuple(_number(part, int, "at") for part in when.get("at", "").split("+") if part),
        rate=_number(when["rate"], float, "rate") if "rate" in when else None,
    )


def fields_of(kind: type[Fault]) -> list[str]:
    """The fields of a fault as they may be written, with what they are when nothing is said."""
    types = get_type_hints(kind)
    return [
        f"{entry.name}={entry.default}  ({'|'.join(map(str, get_args(types[entry.name])))})"
        if get_origin(types[entry.name]) is Literal
        else f"{entry.name}={'none' if entry.default is None else entry.default}"
        for entry in fields(kind)  # pyright: ignore[reportArgumentType] -- every fault is a dataclass
    ]


def _fault(name: str, given: Mapping[str, str]) -> Fault:
    if name.isdecimal():  # 503 is short for status,status=503
        return Status(int(name), **_values(Status, {key: given[key] for key in given if key != "status"}))
    kind = FAULTS.get(name)
    if kind is None:
        close = nearest(name, FAULTS, count=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(FAULTS)}"
        raise ConfigurationError(f"no fault {name!r}; {hint}")
    return kind(**_values(kind, given))


def _values(kind: type[Fault], given: Mapping[str, str]) -> dict[str, Any]:
    types = get_type_hints(kind)
    known = [entry.name for entry in fields(kind)]  # pyright: ignore[reportArgumentType] -- every fault is a dataclass
    for key in given:
        if key not in known:
            has = ", ".join(known) or "no fields"
            raise ConfigurationError(f"{fault_name(kind)} has no field {key!r}; it has {has}, and first, at, rate")
    return {key: _value(text, types[key], key) for key, text in given.items()}


def _value(text: str, wanted: Any, key: str) -> Any:
    if get_origin(wanted) in (Union, UnionType):
        if text in ("", "none"):
            return None
        wanted = next(kind for kind in get_args(wanted) if kind is not type(None))
    if get_origin(wanted) is Literal:
        if text not in get_args(wanted):
            raise ConfigurationError(f"{key} is {text!r}; it has to be one of {', '.join(get_args(wanted))}")
        return text
    if wanted is bool:
        return text.lower() in ("1", "true", "yes")
    return text if wanted is str else _number(text, wanted, key)


def _number(text: str, kind: Any, key: str) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigurationError(f"{key} is {text!r}; it has to be a number") from error
