"""Whose turn it is: requests wait in line under several limits, and runs take turns.

Pure but for its own state: every question is given the time, and who waits is woken by a callback. The line is strict:
the request at its head waits for all that it needs, and nobody passes it, so that large requests are not starved by
small ones. Which request stands there goes round the runs that wait, so that no run is starved by a busy one.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agentkit.errors import ExchangeError, OverloadedError, RateLimitError
from agentkit.policies.allowances import AtOnce, Booking, Spare, Window, spare_of
from agentkit.retry import LONGEST_WAIT_SECONDS

__all__ = ["Obstacle", "Turn", "WaitingLine"]


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the request at the head of the line waits."""

    limit: str
    """In words: "60 requests per minute"."""
    seconds: float | None
    """How long; None when that depends on requests under way."""


class Turn:
    """One request: it waits, goes out, and ends."""

    __slots__ = (
        "has_head", "is_granted", "number", "replies", "requests_booked", "run", "taken_before", "tokens",
        "tokens_booked", "wake",
    )  # fmt: skip

    def __init__(self, run: object, tokens: float, wake: Callable[[], None]) -> None:
        self.run = run
        self.tokens = tokens
        """What it may take, by estimate."""
        self.wake = wake
        """Called when it got its turn, or should look at the clock anew."""
        self.is_granted = False
        self.number = 0
        self.taken_before = 0.0  # tokens that had gone out, its own included
        self.replies = 0
        self.has_head = False  # the head of a good reply is in, its content is not
        self.requests_booked: Booking | None = None
        self.tokens_booked: Booking | None = None


class WaitingLine:
    """The line, and the limits that it waits for. Not safe for threads by itself."""

    def __init__(self, *, requests: Window | None, tokens: Window | None, at_once: AtOnce) -> None:
        self.obstacle: Obstacle | None = None
        """Why the line does not move, if anybody waits."""
        self.under_way = 0
        self.waiting = 0
        """How many requests wait."""
        self._requests = requests
        self._tokens = tokens
        self._at_once = at_once
        self._spare: dict[str, Spare] = {}  # "requests" and "tokens" -> what the provider says is left
        self._held_until = 0.0
        self._granted = 0
        self._taken = 0.0
        self._line: OrderedDict[object, deque[Turn]] = OrderedDict()  # run -> its requests; the first run is next

    def ahead_of(self, turn: Turn) -> int:
        """How many requests go before this one, if none gives up."""
        depth = self._line[turn.run].index(turn)
        if depth == 0 and next(reversed(self._line)) is turn.run:  # mostly, when thousands of runs wait
            return len(self._line) - 1
        runs = list(self._line)
        place = runs.index(turn.run)
        return sum(min(len(self._line[run]), depth + (at < place)) for at, run in enumerate(runs))

    def is_next(self, turn: Turn) -> bool:
        """Whether this request stands at the head of the line."""
        return bool(self._line) and next(iter(self._line.values()))[0] is turn

    def ask(self, turn: Turn, now: float) -> None:
        """Stand in line; go at once where nothing is in the way."""
        self._line.setdefault(turn.run, deque()).append(turn)
        self.waiting += 1
        self.admit(now)

    def admit(self, now: float) -> None:
        """Let go who may go now."""
        self.obstacle = None
        while self._line:
            run, turns = next(iter(self._line.items()))
            turn = turns[0]
            self.obstacle = self._obstacle(turn, now)
            if self.obstacle is not None:
                turn.wake()
                return
            turns.popleft()
            self.waiting -= 1
            if turns:
                self._line.move_to_end(run)
            else:
                del self._line[run]
            self._grant(turn, now)
            turn.wake()

    def give_up(self, turn: Turn, now: float) -> None:
        """Leave the line, or give the turn back that came too late: nothing was sent."""
        if turn.is_granted:
            self._not_sent(turn)
            self._leave(now)
            return
        turns = self._line[turn.run]
        turns.remove(turn)
        self.waiting -= 1
        if not turns:
            del self._line[turn.run]
        self.admit(now)

    def saw(
        self, turn: Turn, headers: Mapping[str, str], error: ExchangeError | None, *, now: float, wall_clock: float
    ) -> None:
        """One request on the wire and how it fared; a turn may take several, when it is tried again."""
        if not turn.has_head:
            turn.replies += 1
            if turn.replies > 1:
                self._sent_again(now)
        turn.has_head = error is None
        self._learn(turn, headers, now=now, wall_clock=wall_clock)
        if isinstance(error, RateLimitError | OverloadedError):
            self._pushed_back(turn, error, now)
        if error is not None:  # should it be sent again, then from here on
            turn.number, turn.taken_before = self._granted, self._taken
        self.admit(now)

    def answered(self, turn: Turn, *, tokens: float, was_sent: bool, now: float) -> None:
        """The answer is complete and took so many tokens; `was_sent` is False where a cache gave it."""
        if was_sent:
            self._correct(turn, requests=1, tokens=tokens)
            self._at_once.went_well()
        else:
            self._not_sent(turn)
        self._leave(now)

    def failed(self, turn: Turn, error: BaseException, *, now: float) -> None:
        """There is no answer. What was reserved stays booked, since it may have been counted; not for a refusal."""
        if isinstance(error, RateLimitError | OverloadedError):
            self._correct(turn, requests=1, tokens=0)
            self._pushed_back(turn, error, now)
        self._leave(now)

    def _obstacle(self, turn: Turn, now: float) -> Obstacle | None:
        waits = [("the provider's wish to wait", self._held_until - now)]
        if self._requests is not None:
            waits.append((_counted(self._requests.allowed, "request"), self._requests.wait(1, now)))
        if self._tokens is not None:
            waits.append((_counted(self._tokens.allowed, "token"), self._tokens.wait(turn.tokens, now)))
        for kind, spare in self._spare.items():
            waits.append((f"the provider's limit of {kind}", spare.wait(1 if kind == "requests" else turn.tokens, now)))
        limit, seconds = max(waits, key=lambda wait: wait[1])
        if seconds > 0:
            return Obstacle(limit, seconds)
        at_once = int(min(self._at_once.allowed, 1e9))
        if self.under_way >= at_once:
            lowered = " (fewer for now, since the provider pushed back)" if at_once < self._at_once.ceiling else ""
            return Obstacle(f"{at_once} at once{lowered}", None)
        return None

    def _grant(self, turn: Turn, now: float) -> None:
        turn.is_granted = True
        self.under_way += 1
        self._granted += 1
        self._taken += turn.tokens
        turn.number, turn.taken_before = self._granted, self._taken
        if self._requests is not None:
            turn.requests_booked = self._requests.book(1, now)
        if self._tokens is not None:
            turn.tokens_booked = self._tokens.book(turn.tokens, now)
        for kind, spare in self._spare.items():
            spare.take(1 if kind == "requests" else turn.tokens)

    def _sent_again(self, now: float) -> None:
        self._granted += 1
        if self._requests is not None:
            self._requests.book(1, now)
        if "requests" in self._spare:
            self._spare["requests"].take(1)

    def _learn(self, turn: Turn, headers: Mapping[str, str], *, now: float, wall_clock: float) -> None:
        taken = {"requests": self._granted - turn.number, "tokens": self._taken - turn.taken_before}
        for kind, amount in taken.items():
            spare = spare_of(kind, headers, now=now, wall_clock=wall_clock, taken=amount)
            if spare is not None:
                self._spare[kind] = spare

    def _pushed_back(self, turn: Turn, error: ExchangeError, now: float) -> None:
        self._at_once.pushed_back(turn.number, under_way=self.under_way, last=self._granted)
        wait = error.retry_after_seconds
        if wait is not None:
            self._held_until = max(self._held_until, now + min(wait, LONGEST_WAIT_SECONDS))

    def _correct(self, turn: Turn, *, requests: float, tokens: float) -> None:
        if self._requests is not None and turn.requests_booked is not None:
            self._requests.correct(turn.requests_booked, requests)
        if self._tokens is not None and turn.tokens_booked is not None:
            self._tokens.correct(turn.tokens_booked, tokens)

    def _not_sent(self, turn: Turn) -> None:
        self._correct(turn, requests=0, tokens=0)
        for kind, spare in self._spare.items():
            spare.take(-1 if kind == "requests" else -turn.tokens)

    def _leave(self, now: float) -> None:
        self.under_way -= 1
        self.admit(now)


def _counted(allowed: float, what: str) -> str:
    return f"{allowed:,g} {what}{'' if allowed == 1 else 's'} per minute"
