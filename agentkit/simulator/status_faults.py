"""Faults that a provider reports itself: statuses, quota, the page of a proxy."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate
from typing import Literal

from pydantic_core import to_json

from agentkit.codec import HttpReply
from agentkit.errors import ConfigurationError, QuotaExceededError
from agentkit.simulator.fault import Fault
from agentkit.simulator.formats import Format, Moment, error_of
from agentkit.simulator.reply import Reply

__all__ = ["HtmlPage", "Loading", "Quota", "Status"]


@dataclass(frozen=True, slots=True)
class Status(Fault):
    """An error reply in the provider's own form: 429, 500, 502, 503, 529 or any other status."""

    status: int = 429
    wait_seconds: float | None = None
    """How long the client is asked to wait; None: nothing is said."""
    wait_as: Literal["seconds", "milliseconds", "date", "body", "reset"] = "seconds"
    """The form: retry-after, retry-after-ms, retry-after as an HTTP date, words in the body only, or the headers of a
    used-up limit. An HTTP date has whole seconds: the wait is rounded up."""

    def __post_init__(self) -> None:
        if not 300 <= self.status <= 599:
            raise ConfigurationError(f"status is {self.status}; an error has one from 300 to 599, such as 429 or 503")

    def instead(self, format: Format, moment: Moment) -> Reply:
        reply = Reply.whole(format.server.write_error(error_of(self.status)))
        wait = self.wait_seconds
        if wait is None:
            return reply
        match self.wait_as:
            case "seconds":
                return reply.with_headers(("retry-after", f"{wait:g}"))
            case "milliseconds":
                return reply.with_headers(("retry-after-ms", f"{wait * 1000:g}"))
            case "date":
                return reply.with_headers(("retry-after", formatdate(-(-(moment.now + wait) // 1), usegmt=True)))
            case "body":
                return format.waiting_in_body(reply, wait)
            case "reset":
                return reply.with_headers(*format.limit_headers(wait, moment))


@dataclass(frozen=True, slots=True)
class Quota(Fault):
    """The account has no money left: a 429 or so that must not be tried again."""

    def instead(self, format: Format, moment: Moment) -> Reply:
        words = "You exceeded your current quota, please check your plan and billing details."
        return Reply.whole(format.server.write_error(QuotaExceededError(words)))


@dataclass(frozen=True, slots=True)
class Loading(Fault):
    """A cold start as Hugging Face tells of it: 503 while the model is being loaded, with the seconds that are left."""

    seconds: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.seconds < float("inf"):
            raise ConfigurationError(f"seconds is {self.seconds:g}; it has to be how long a model loads, such as 20")

    def instead(self, format: Format, moment: Moment) -> Reply:
        said = {"error": "The model is currently loading", "estimated_time": self.seconds}
        return Reply.whole(HttpReply(503, to_json(said)))


@dataclass(frozen=True, slots=True)
class HtmlPage(Fault):
    """The page of a proxy in the place of JSON."""

    status: int = 502
    title: str = "502 Bad Gateway"

    def instead(self, format: Format, moment: Moment) -> Reply:
        page = f"<html><head><title>{self.title}</title></head><body><h1>{self.title}</h1></body></html>\r\n"
        return Reply(self.status, (("content-type", "text/html; charset=utf-8"),), (page.encode(),))
