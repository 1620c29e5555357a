"""What a simulator tells of itself and lets be changed over HTTP, below `/_sim/`; such requests are not counted.

GET /_sim/requests: what it was sent. DELETE /_sim/requests: forget it, and count from 1 again.
POST /_sim/clock: put the clock forward, by {"advance_seconds": 3600}: batches come to their end.
GET /_sim/faults: the plan. PUT /_sim/faults: another plan, as lines of the same form as `agentkit sim --fault`.
"""

from __future__ import annotations

from typing import Protocol

from pydantic_core import from_json, to_json

from agentkit.codec import HttpReply
from agentkit.errors import ConfigurationError
from agentkit.simulator.formats import json_object
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.plan import Plan, plan_of
from agentkit.simulator.reply import Reply
from agentkit.simulator.seen import Seen
from agentkit.simulator.spelling import read_fault

__all__ = ["Controlled", "control", "is_control"]

_PREFIX = "/_sim/"


class Controlled(Protocol):
    """What is controlled."""

    @property
    def plan(self) -> Plan:
        """The faults to come."""
        ...

    @plan.setter
    def plan(self, plan: Plan) -> None: ...

    @property
    def count(self) -> int:
        """How many requests came."""
        ...

    @property
    def requests(self) -> list[Seen]:
        """Those that are kept."""
        ...

    def forget(self) -> None:
        """Forget all requests."""
        ...

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        ...


def is_control(asked: HttpAsked) -> bool:
    """Whether this request is about the simulator itself."""
    return asked.path.startswith(_PREFIX)


def control(asked: HttpAsked, simulator: Controlled) -> Reply:
    """Do what is asked, and tell."""
    match asked.method, asked.path.removeprefix(_PREFIX):
        case "GET", "requests":
            return _reply(200, {"count": simulator.count, "requests": [seen.as_json() for seen in simulator.requests]})
        case "DELETE", "requests":
            simulator.forget()
            return _reply(200, {"count": 0})
        case "GET", "faults":
            return _reply(200, {"seed": simulator.plan.seed, "rules": [repr(rule) for rule in simulator.plan.rules]})
        case "PUT", "faults":
            try:
                simulator.plan = _plan(asked.body)
            except (ConfigurationError, ValueError) as error:
                return _reply(400, {"error": str(error)})
            return _reply(200, {"rules": [repr(rule) for rule in simulator.plan.rules]})
        case "POST", "clock":
            seconds = (json_object(asked.body) or {}).get("advance_seconds")
            if not isinstance(seconds, int | float) or seconds < 0:
                return _reply(400, {"error": 'send {"advance_seconds": 3600}'})
            simulator.advance(seconds)
            return _reply(200, {"advance_seconds": seconds})
        case _:
            there = "GET and DELETE /_sim/requests, GET and PUT /_sim/faults, POST /_sim/clock"
            return _reply(404, {"error": f"there are {there}"})


def _plan(body: bytes) -> Plan:
    try:
        value = from_json(body)
    except ValueError:
        value = None
    match value:
        case {"faults": [*faults], **rest}:
            return plan_of([read_fault(str(fault)) for fault in faults], seed=int(rest.get("seed") or 0))
        case _:
            raise ConfigurationError('send {"faults": ["status,status=429,first=2", ...], "seed": 0}')


def _reply(status: int, value: object) -> Reply:
    return Reply.whole(HttpReply(status, to_json(value)))
