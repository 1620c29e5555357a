"""Amazon Transcribe as a model: one transcription is a job, started once, watched, and its transcript fetched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import anyio

from agentkit.attempt import Auth
from agentkit.buckets import Place
from agentkit.codec import WireRequest
from agentkit.errors import BadRequestError, DeadlineError, ExchangeError, ProtocolError
from agentkit.exchange import RunAccount, Waiting
from agentkit.media import Audio, Inline, Remote
from agentkit.models import ModelIdentity, Sink
from agentkit.providers.aws.s3 import S3Codec
from agentkit.providers.aws.transcribe import StartedJob, TranscribeCodec
from agentkit.remote import Endpoint
from agentkit.remote_job import elsewhere
from agentkit.remote_task import RemoteTask
from agentkit.retention import unretained
from agentkit.settings import Deadlines, Settings
from agentkit.task_model import TaskReply
from agentkit.transcription import TranscriptionAnswer, TranscriptionRequest
from agentkit.transport.layer import is_offline
from agentkit.transport.protocol import Transport

__all__ = ["TranscribeModel"]

Told = TypeVar("Told")

_POLL_SECONDS = 2.0
_POLL_GROWTH = 1.5
_SLOWEST_POLL_SECONDS = 30.0
_MOST_FAILED_JOBS = 20
"""So many jobs of one name may have failed before another one is not tried."""


class TranscribeModel:
    """A TranscriptionModel whose answers are jobs; see TranscriptionModel.

    The deadline of an exchange is that of the whole job. A job goes on when nobody waits for it any more, and asking
    the same again takes it up.
    """

    def __init__(
        self,
        codec: TranscribeCodec,
        endpoint: Endpoint,
        identity: ModelIdentity,
        *,
        transport: Transport,
        settings: Settings | None = None,
        storage: Endpoint | None = None,
    ) -> None:
        """`storage` is S3, for recordings that are put there first, and transcripts in a bucket of one's own."""
        self.identity = identity
        self.limits = codec.limits(identity.model)
        """What it listens to at a time."""
        self._codec = codec
        self._endpoint = endpoint
        self._transport = transport
        self._settings = settings
        self._storage = storage

    def __repr__(self) -> str:
        return f"TranscribeModel({self.identity.provider}:{self.identity.model}, {self._endpoint!r})"

    async def perform(
        self,
        asked: TranscriptionRequest,
        settings: Settings,
        *,
        sink: Sink | None = None,
        account: RunAccount | None = None,
    ) -> TaskReply[TranscriptionAnswer]:
        """Write down what is said. Raises ExchangeError, UnsupportedError."""
        settings = settings.over(self._settings)
        if settings.retain is False:
            settings = unretained(settings, self.identity)
        asked = replace(asked, settings=settings)
        place = self._codec.upload(asked) if self._storage is not None else None
        lying = asked if place is None else replace(asked, audio=Audio(Remote(str(place))))
        question = self._codec.question(lying)
        work = _Work(self._codec, self._endpoint, self.identity, self._transport, settings, sink, account)
        seconds = (settings.deadlines or Deadlines()).exchange_seconds
        with anyio.move_on_after(seconds):
            if place is not None and self._storage is not None and isinstance(asked.audio.source, Inline):
                await work.put(asked.audio.source, place, storage=self._storage)
            job = await work.finished(question)
            answer = await work.fetched(job, asked, None if self._storage is None else self._storage.auth)
            return TaskReply(answer, work.attempts)
        raise work.overdue(seconds)


class _Work:
    """One transcription while it is performed."""

    def __init__(
        self,
        codec: TranscribeCodec,
        endpoint: Endpoint,
        identity: ModelIdentity,
        transport: Transport,
        settings: Settings,
        sink: Sink | None,
        account: RunAccount | None,
    ) -> None:
        self.attempts = 1
        """How many requests it took, as one exchange counts them: one, and those that were sent again."""
        self._codec = codec
        self._endpoint = endpoint
        self._identity = identity
        self._transport = transport
        self._settings = settings
        self._sink = sink
        self._account = account
        self._job: StartedJob | None = None

    async def put(self, sound: Inline, place: Place, *, storage: Endpoint) -> None:
        """Put a recording into S3; twice is the same object. Raises ExchangeError."""
        store = S3Codec(self._identity.provider)
        wire = replace(store.put(place, sound.data), headers=(("content-type", sound.media_type),))
        await self._exchange(wire, bytes, endpoint=storage, settings=self._elsewhere, errors=store.decode_error)

    async def finished(self, question: Mapping[str, Any]) -> StartedJob:
        """The job once it is completed. Raises ExchangeError.

        A job of that name which failed before this question was asked does not stand in its way: what it lacked may
        be there now, so the next name is taken.
        """
        name, number = str(question["TranscriptionJobName"]), 1
        while True:
            numbered = name if number == 1 else f"{name}-{number}"
            is_ours = await self._started({**question, "TranscriptionJobName": numbered})
            job = await self._over(numbered)
            if job.status == "COMPLETED":
                return job
            if is_ours or number == _MOST_FAILED_JOBS:
                reason = job.problem or "no reason was given"
                raise BadRequestError(
                    f"the transcription job {numbered} failed: {reason}",
                    provider=self._identity.provider,
                    model=self._identity.model,
                    code=job.status,
                )
            number += 1

    async def fetched(
        self, job: StartedJob, asked: TranscriptionRequest, storage_auth: Auth | None
    ) -> TranscriptionAnswer:
        """What the transcript of a job says. Raises ExchangeError."""
        provider = self._identity.provider
        try:
            place = urlsplit(job.transcript)
            host, _ = place.hostname or "", place.port
        except ValueError:
            host, place = "", urlsplit("")
        if place.scheme not in ("https", "http") or not host:
            raise ProtocolError(
                f"the transcription job {job.name} has no transcript ('TranscriptFileUri' is missing)",
                provider=provider,
            )
        endpoint = elsewhere(job.transcript, than=self._endpoint, provider=provider)
        if host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and "signature=" not in place.query.lower():
            endpoint = replace(endpoint, auth=storage_auth)
        wire = WireRequest(f"{place.path}?{place.query}" if place.query else place.path, b"", "GET", headers=())
        return await self._exchange(
            wire,
            lambda body: self._codec.transcript(body, asked, language=job.language),
            endpoint=endpoint,
            settings=self._elsewhere,
        )

    @property
    def _elsewhere(self) -> Settings:
        """Settings of exchanges with S3: headers of the user's own are for the service alone."""
        return Settings(attempts=self._settings.attempts, deadlines=self._settings.deadlines)

    def overdue(self, seconds: float | None) -> DeadlineError:
        """What to raise when the time of the whole job is over."""
        job = self._job
        stands = "no transcription job was started"
        if job is not None:
            stands = f"the transcription job {job.name} is still {job.status}"
        error = DeadlineError(
            f"{stands} after {seconds:g} s; a job that was started goes on, and the same call takes it up. Allow more "
            "with Settings(deadlines=Deadlines(exchange_seconds=...))",
            provider=self._identity.provider,
            model=self._identity.model,
        )
        error.deadline, error.seconds = "exchange_seconds", seconds
        return error

    async def _started(self, question: dict[str, Any]) -> bool:
        """Start a job; whether it is new. A name that is taken is that of the same question, asked before."""
        try:
            self._job = await self._exchange(self._codec.start(question), self._codec.job)
        except ExchangeError as error:
            if error.error_type != "ConflictException":
                raise
            return False
        return True

    async def _over(self, name: str) -> StartedJob:
        """The job once it is over, looked at ever more seldom. Raises ExchangeError."""
        wait = _POLL_SECONDS
        while True:
            job = self._job = await self._exchange(self._codec.look(name), self._codec.job)
            if job.status in ("COMPLETED", "FAILED"):
                return job
            if self._sink is not None and self._sink.emit((Waiting(f"the job {name}, {job.status}", wait),)):
                await self._sink.drain()
            await anyio.sleep(0.0 if is_offline() else wait)
            wait = min(wait * _POLL_GROWTH, _SLOWEST_POLL_SECONDS)

    async def _exchange(
        self,
        wire: WireRequest,
        read: Callable[[bytes], Told],
        *,
        endpoint: Endpoint | None = None,
        settings: Settings | None = None,
        errors: Callable[[int, Mapping[str, str], bytes], ExchangeError] | None = None,
    ) -> Told:
        step = _Step(self._codec.name, wire, read, errors or self._codec.decode_error)
        task = RemoteTask(step, endpoint or self._endpoint, self._identity, transport=self._transport)
        reply = await task.perform(None, settings or self._settings, sink=self._sink, account=self._account)
        self.attempts += reply.attempts - 1
        return reply.answer


class _Step(Generic[Told]):
    """The codec of one exchange about a job."""

    def __init__(
        self,
        name: str,
        wire: WireRequest,
        read: Callable[[bytes], Told],
        errors: Callable[[int, Mapping[str, str], bytes], ExchangeError],
    ) -> None:
        self.name = name
        self._wire = wire
        self._read = read
        self._errors = errors

    def encode(self, asked: None) -> WireRequest:
        return self._wire

    def decode(self, body: bytes) -> Told:
        return self._read(body)

    def decode_error(self, status: int, headers: Mapping[str, str], body: bytes) -> ExchangeError:
        return self._errors(status, headers, body)
