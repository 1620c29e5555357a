"""A task that is answered later, performed: every exchange by the one owner of retries, all within one deadline."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import urlsplit

import anyio

from agentkit.classification import ClassificationAnswer, ClassificationOffer, ClassificationRequest
from agentkit.codec import WireRequest
from agentkit.deadlines import advice
from agentkit.errors import DeadlineError, ExchangeError, ProtocolError
from agentkit.exchange import AttemptFailed, RunAccount, Waiting
from agentkit.jobs import JobCodec, JobDone, JobFailed, JobReply, JobStep, parts_of
from agentkit.models import ModelIdentity, Sink
from agentkit.remote import Endpoint
from agentkit.remote_task import RemoteTask
from agentkit.retention import unretained
from agentkit.retry import LONGEST_WAIT_SECONDS
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

    def __init__(
        self,
        codec: JobCodec[Asked, Told],
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
        storage: Endpoint | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """`storage` is where steps are asked that are stored; `sleep` is for tests."""
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
        self._storage = storage
        self._sleep = sleep

    @property
    def comes_whole(self) -> bool:
        """Whether Settings(stream=True) is refused before the codec is asked, which may say why in its own words."""
        return not getattr(self.codec, "refuses_streams", False)

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
        raise self._late(seconds, chain)

    async def exchange(
        self, step: JobStep[Told], settings: Settings, *, sink: Sink | None, account: RunAccount | None
    ) -> TaskReply[JobStep[Told] | JobDone[Told] | JobFailed]:
        """One exchange of a chain, and what follows it. Raises ExchangeError."""
        task = RemoteTask(_Exchange(self.codec, step), self._endpoint_of(step), self.identity, transport=self.transport)
        task.random, task.wall_clock = self.random, self.wall_clock
        own = Settings(
            attempts=1 if step.kind == "start" else settings.attempts,
            deadlines=settings.deadlines,
            headers=None if step.address or step.is_stored else settings.headers,
        )
        return await task.perform(None, own, sink=sink, account=account)

    async def wait(self, seconds: float) -> None:
        """Wait before the next look; not at all while a recording is replayed."""
        await self._sleep(0.0 if is_offline() else seconds)

    def _endpoint_of(self, step: JobStep[Told]) -> Endpoint:
        stored = self._storage if step.is_stored else None
        if not step.address:
            return stored or self.endpoint
        there = elsewhere(step.address, than=self.endpoint, provider=self.identity.provider)
        return there if stored is None else replace(there, auth=stored.auth, renew=stored.renew)

    def _late(self, seconds: float, chain: _Chain[Asked, Told]) -> DeadlineError:
        where = "it is not known to have been started"
        if chain.job:
            where = f"the job {chain.job} goes on at the provider"
            where += f", where it is {chain.status}" if chain.status else ""
            where += "; the same question takes it up" if chain.is_found_again else ""
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
    host = theirs.netloc.rpartition("@")[2]  # without a name and a password, which no storage asks for
    is_safe = theirs.scheme == "https" or (theirs.scheme, theirs.netloc) == (ours.scheme, ours.netloc)
    if not is_safe or not theirs.hostname:
        raise ProtocolError(
            f"the results are said to be at {theirs.scheme}://{host}, which is no https:// address; "
            "they are not fetched from there",
            provider=provider,
        )
    return Endpoint(f"{theirs.scheme}://{host}")


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
        storage: Endpoint | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        super().__init__(
            codec, endpoint, identity, transport=transport, settings=settings, storage=storage, sleep=sleep
        )
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
        """How many requests it took, as one exchange counts them: one, and those that were sent again."""
        self.notes = first.wire.notes
        self.job = ""
        self.is_found_again = first.kind == "put"
        """Whether the same question, asked later, takes up the same job."""
        self._owner = owner
        self._step = first
        self._settings = settings
        self._sink = sink
        self._account = account

    @property
    def status(self) -> str:
        """Where the job stands, as far as that was told."""
        return self._step.status

    async def perform(self) -> Told:
        wait, was_look = self._owner.codec.poll_seconds, False
        while True:
            step = self._step
            self.job = step.job or self.job
            if step.kind == "look" and was_look:
                await self._wait(wait)
                wait = max(wait, min(wait * _POLL_GROWTH, _SLOWEST_POLL_SECONDS))
            was_look = step.kind == "look"
            following = await self._followed(step)
            if isinstance(following, JobDone):
                return following.answer
            self._step = following

    async def _wait(self, seconds: float) -> None:
        told = f"the job {self.job}, {self.status}" if self.status else f"the job {self.job}"
        if self._sink is not None and self._sink.emit((Waiting(told, seconds),)):
            await self._sink.drain()
        await self._owner.wait(seconds)

    async def _followed(self, step: JobStep[Told]) -> JobStep[Told] | JobDone[Told]:
        """What follows a step, which is performed."""
        try:
            following = await self._started(step) if step.kind == "start" else await self._asked(step)
        except ExchangeError as error:
            instead = step.refused(error) if step.refused is not None else None
            if instead is None:
                raise
            self.attempts += error.attempts - 1
            return instead
        if isinstance(following, JobFailed):
            error = following.error
            error.provider, error.model = self._owner.identity.provider, self._owner.identity.model
            raise error
        return following

    async def _asked(self, step: JobStep[Told]) -> JobStep[Told] | JobDone[Told] | JobFailed:
        reply = await self._owner.exchange(step, self._settings, sink=self._sink, account=self._account)
        self.attempts += reply.attempts - 1
        return reply.answer

    async def _started(self, step: JobStep[Told]) -> JobStep[Told] | JobDone[Told] | JobFailed:
        """Start the job, once: where it may have been started although no reply came, that is the last word."""
        while True:
            try:
                return await self._asked(step)
            except ExchangeError as error:
                error.attempts = self.attempts
                wait = error.retry_after_seconds or self._owner.codec.poll_seconds
                if not self._may_start_again(error, wait):
                    raise
                failed = AttemptFailed(self.attempts, f"{type(error).__name__}: {error}", wait)
            if self._sink is not None and self._sink.emit((failed,)):
                await self._sink.drain()
            await self._owner.wait(wait)
            self.attempts += 1

    def _may_start_again(self, error: ExchangeError, wait: float) -> bool:
        """Whether the start is to be sent once more after this wait; a note says why not."""
        if not error.is_retryable:
            return False
        if error.status not in _REFUSED and not isinstance(error, NotSentError):
            error.add_note("the job may have been started all the same, so it was not started again")
            return False
        if self.attempts == (self._settings.attempts or _STARTS):
            return False
        if wait > min(LONGEST_WAIT_SECONDS, anyio.current_effective_deadline() - anyio.current_time()):
            error.add_note(f"the provider asks to wait {wait:.4g} s, which is longer than we do; no job was started")
            return False
        if self._account is not None and not self._account.reserve_retry():
            error.add_note("not tried again, since the run has no retries left; allow more with Budget(retries=...)")
            return False
        return True


class _Exchange(Generic[Told]):
    """The codec of one exchange: its answer is what follows."""

    def __init__(self, codec: JobCodec[Any, Told], step: JobStep[Told]) -> None:
        self.name = codec.name
        self._codec = codec
        self._step = step
        self._headers: Mapping[str, str] = {}

    def read_head(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def encode(self, asked: None) -> WireRequest:
        return self._step.wire

    def decode(self, body: bytes) -> JobStep[Told] | JobDone[Told] | JobFailed:
        return self._step.read(JobReply(self._headers, body))

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        return self._codec.decode_error(status, headers, body)


def _with_settings(asked: Asked, settings: Settings) -> Asked:
    """The question with these settings: its codec reads `extra` in them."""
    completed = copy(asked)
    object.__setattr__(completed, "settings", settings)  # not dataclasses.replace: any class may be a question
    return completed
