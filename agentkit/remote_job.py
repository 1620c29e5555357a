"""A task that is answered later, performed: every exchange by the one owner of retries, all within one deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import anyio

from agentkit.classification import ClassificationAnswer, ClassificationOffer, ClassificationRequest
from agentkit.codec import WireRequest
from agentkit.deadlines import advice
from agentkit.errors import DeadlineError, ExchangeError, ProtocolError
from agentkit.exchange import RunAccount, Waiting
from agentkit.jobs import JobCodec, JobDone, JobReply, JobStep, parts_of
from agentkit.models import ModelIdentity, Sink
from agentkit.remote import Endpoint
from agentkit.remote_task import RemoteTask
from agentkit.retention import unretained
from agentkit.settings import Deadlines, Settings
from agentkit.task_model import TaskReply
from agentkit.transcription import TranscriptionAnswer, TranscriptionLimits, TranscriptionRequest
from agentkit.transport.layer import is_offline
from agentkit.transport.protocol import NotSentError, Transport

__all__ = ["ClassificationJob", "RemoteJob", "TranscriptionJob", "elsewhere"]

Asked = TypeVar("Asked")
Told = TypeVar("Told")

_STARTS = 3
_REFUSED = (429, 503)
"""With these nothing was started: asking again cannot start it twice."""
_SLOWEST_POLL_SECONDS = 60.0
_POLL_GROWTH = 1.5


class ClassificationJobCodec(JobCodec[ClassificationRequest, ClassificationAnswer], Protocol):
    """The client half of jobs that classify."""

    def offer(self, model: str) -> ClassificationOffer:
        """What a job does with this model."""
        ...


class TranscriptionJobCodec(JobCodec[TranscriptionRequest, TranscriptionAnswer], Protocol):
    """The client half of jobs that write down what is said."""

    def limits(self, model: str) -> TranscriptionLimits:
        """What this model listens to at a time."""
        ...


class RemoteJob(Generic[Asked, Told]):
    """A TaskModel whose provider is asked to start a job, and looked at until its results are there."""

    comes_whole: ClassVar[bool] = True
    """Settings(stream=True) is refused."""

    def __init__(
        self,
        codec: JobCodec[Asked, Told],
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """`sleep` is for tests."""
        self.codec = codec
        self.identity = identity
        self.endpoint = endpoint
        self.transport = transport
        self.settings = settings
        """Lie under the settings of a question."""
        self.random: Callable[[], float] = random.random
        """Gives numbers from 0 to 1, for waits."""
        self.wall_clock: Callable[[], float] = time.time
        """Seconds since 1970, for dates that providers ask to wait for."""
        self._sleep = sleep

    def __repr__(self) -> str:
        return f"RemoteJob({self.identity.provider}:{self.identity.model}, {self.codec.name}, {self.endpoint!r})"

    async def perform(
        self, asked: Asked, settings: Settings, *, sink: Sink | None = None, account: RunAccount | None = None
    ) -> TaskReply[Told]:
        """Answer, within the exchange's deadline. Raises ExchangeError; of a DeadlineError the job goes on."""
        settings = settings.over(self.settings)
        if settings.retain is False:
            settings = unretained(settings, self.identity)
        seconds = (settings.deadlines or Deadlines()).exchange_seconds
        chain = _Chain(self, self.codec.begin(_with_settings(asked, settings)), settings, sink=sink, account=account)
        with anyio.move_on_after(seconds):
            answer = await chain.perform()
            return TaskReply(answer, chain.attempts, chain.notes)
        assert seconds is not None
        raise self._late(seconds, chain.job)

    async def exchange(
        self, step: JobStep[Told], settings: Settings, *, sink: Sink | None, account: RunAccount | None
    ) -> JobReply:
        """One exchange of a chain. Raises ExchangeError."""
        ours, provider = self.endpoint, self.identity.provider
        endpoint = elsewhere(step.address, than=ours, provider=provider) if step.address else ours
        task = RemoteTask(_Exchange(self.codec, step.wire), endpoint, self.identity, transport=self.transport)
        task.random, task.wall_clock = self.random, self.wall_clock
        own = Settings(
            attempts=1 if step.kind == "start" else settings.attempts,
            deadlines=settings.deadlines,
            headers=None if step.address else settings.headers,
        )
        return (await task.perform(None, own, sink=sink, account=account)).answer

    async def wait(self, seconds: float) -> None:
        """Wait before the next look; not at all while a recording is replayed."""
        await self._sleep(0.0 if is_offline() else seconds)

    def _late(self, seconds: float, job: str) -> DeadlineError:
        where = f"the job {job} goes on at the provider" if job else "it is not known to have been started"
        error = DeadlineError(
            f"the job took longer than {seconds:g} s, waits included ({where}); {advice('exchange_seconds')}",
            provider=self.identity.provider,
            model=self.identity.model,
        )
        error.deadline, error.seconds = "exchange_seconds", seconds
        return error


def elsewhere(address: str, *, than: Endpoint, provider: str) -> Endpoint:
    """The host of an address that a reply gave, asked without our key. Raises ProtocolError for one that is less safe
    than ours."""
    theirs, ours = parts_of(address, provider=provider), urlsplit(than.base_url)
    is_safe = theirs.scheme == "https" or (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)
    if not is_safe or not theirs.hostname:
        raise ProtocolError(
            f"the results are said to be at {theirs.scheme}://{theirs.netloc}, which is no https:// address; "
            "they are not fetched from there",
            provider=provider,
        )
    return Endpoint(f"{theirs.scheme}://{theirs.netloc}")


class ClassificationJob(RemoteJob[ClassificationRequest, ClassificationAnswer]):
    """A ClassificationModel that answers by jobs."""

    def __init__(
        self,
        codec: ClassificationJobCodec,
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        super().__init__(codec, endpoint, identity, transport=transport, settings=settings, sleep=sleep)
        self.offer = codec.offer(identity.model)
        """What a job does with the model."""


class TranscriptionJob(RemoteJob[TranscriptionRequest, TranscriptionAnswer]):
    """A TranscriptionModel that answers by jobs."""

    def __init__(
        self,
        codec: TranscriptionJobCodec,
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        super().__init__(codec, endpoint, identity, transport=transport, settings=settings, sleep=sleep)
        self.limits = codec.limits(identity.model)
        """What it listens to at a time."""


class _Chain(Generic[Asked, Told]):
    """One job from its start to its answer."""

    def __init__(
        self,
        owner: RemoteJob[Asked, Told],
        first: JobStep[Told],
        settings: Settings,
        *,
        sink: Sink | None,
        account: RunAccount | None,
    ) -> None:
        self.attempts = 1
        """How many requests its start took."""
        self.notes = first.wire.notes
        self.job = ""
        self._owner = owner
        self._step = first
        self._settings = settings
        self._sink = sink
        self._account = account

    async def perform(self) -> Told:
        step, wait, was_look = self._step, self._owner.codec.poll_seconds, False
        while True:
            self.job = step.job or self.job
            if step.kind == "look" and was_look:
                await self._wait(wait)
                wait = max(wait, min(wait * _POLL_GROWTH, _SLOWEST_POLL_SECONDS))
            was_look = step.kind == "look"
            reply = await self._started(step) if step.kind == "start" else await self._asked(step)
            following = self._read(step, reply)
            if isinstance(following, JobDone):
                return following.answer
            step = following

    async def _wait(self, seconds: float) -> None:
        if self._sink is not None and self._sink.emit((Waiting(f"the job {self.job}", seconds),)):
            await self._sink.drain()
        await self._owner.wait(seconds)

    async def _asked(self, step: JobStep[Told]) -> JobReply:
        return await self._owner.exchange(step, self._settings, sink=self._sink, account=self._account)

    async def _started(self, step: JobStep[Told]) -> JobReply:
        """Start the job, once: where it may have been started although no reply came, that is the last word."""
        allowed = self._settings.attempts or _STARTS
        while True:
            try:
                return await self._asked(step)
            except ExchangeError as error:
                is_refused = error.status in _REFUSED or isinstance(error, NotSentError)
                if not error.is_retryable or not is_refused or self.attempts == allowed:
                    if error.is_retryable and not is_refused:
                        error.add_note("the job may have been started all the same, so it was not started again")
                    error.attempts = self.attempts
                    raise
                await self._owner.wait(error.retry_after_seconds or self._owner.codec.poll_seconds)
                self.attempts += 1

    def _read(self, step: JobStep[Told], reply: JobReply) -> JobStep[Told] | JobDone[Told]:
        try:
            return step.read(reply)
        except ExchangeError as error:
            error.provider, error.model = self._owner.identity.provider, self._owner.identity.model
            raise


class _Exchange:
    """The codec of one exchange: it keeps the reply as it came."""

    def __init__(self, codec: JobCodec[Any, Any], wire: WireRequest) -> None:
        self.name = codec.name
        self._codec = codec
        self._wire = wire
        self._headers: Mapping[str, str] = {}

    def read_head(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def encode(self, asked: None) -> WireRequest:
        return self._wire

    def decode(self, body: bytes) -> JobReply:
        return JobReply(self._headers, body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        return self._codec.decode_error(status, headers, body)


def _with_settings(asked: Asked, settings: Settings) -> Asked:
    """The question with these settings: its codec reads `extra` in them."""
    completed = copy(asked)
    object.__setattr__(completed, "settings", settings)  # not dataclasses.replace: any class may be a question
    return completed
