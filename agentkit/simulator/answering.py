"""From a request to its reply: the source is asked, its answer written in the wire format, faults applied."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic_core import to_json

from agentkit.assemble import assemble, take_apart
from agentkit.codec import HttpReply, WireRequest
from agentkit.errors import AgentkitError, BadRequestError, ExchangeError, ModelNotFoundError, NotFoundError
from agentkit.exchange import (
    Delta,
    ModelSwitched,
    PartFinished,
    Request,
    ResponseFinished,
    ResponseStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
)
from agentkit.models import Model
from agentkit.providers.offline import OfflineModel, estimate_tokens
from agentkit.simulator.aws_services import AwsServices
from agentkit.simulator.azure_services import AzureServices
from agentkit.simulator.buckets import Buckets
from agentkit.simulator.fault import Fault
from agentkit.simulator.formats import Format, Moment, json_object
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.huggingface_tasks import about_hugging_face
from agentkit.simulator.media import about_media
from agentkit.simulator.recording import Recording
from agentkit.simulator.reply import Piece, Reply, split_stream
from agentkit.simulator.vectors import about_vectors

__all__ = ["Answering"]

STREAM_HEADERS = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
_ARGUMENT_CHARS = 12
_THOUGHT = "The words of the prompt are matched with the tools that were given."


class Answering:
    """Answers requests from one source."""

    def __init__(
        self,
        source: Model | Recording | None,
        *,
        models: Sequence[str] = (),
        today: datetime.date | None = None,
        job_seconds: float = 0.0,
    ) -> None:
        """`models` are all that there are; without any, every id is answered. A job takes `job_seconds`."""
        self.source = source if source is not None else OfflineModel(today=today)
        self._models = tuple(models)
        self.buckets = Buckets()
        """The object stores from which jobs read."""
        self._aws = AwsServices(self.buckets.objects, seconds=job_seconds)
        self._azure = AzureServices(seconds=job_seconds)

    def read(self, asked: HttpAsked, format: Format) -> Request:
        """What is asked for. Raises the ExchangeError with which the provider would refuse it."""
        found = format.path.search(asked.path)
        path = found["path"] if found else asked.path
        _, mark, query = asked.target.partition("?")
        wire = WireRequest(path + mark + query, asked.body, asked.method, headers=asked.headers)
        try:
            request = format.server.read(wire)
        except (AttributeError, TypeError, ValueError, LookupError) as error:  # a field is of a type that it never has
            words = f"The request has a field of another type than the format gives it: {error}"
            raise BadRequestError(words, status=400) from error
        most = request.settings.max_output_tokens
        if most is not None and type(most) is not int:
            raise BadRequestError(f"The most tokens of an answer are {most!r}, which is no whole number.", status=400)
        if self._models and request.model not in self._models:
            raise ModelNotFoundError(f"The model '{request.model}' does not exist or you do not have access to it.")
        return request

    def about_models(self, asked: HttpAsked, format: Format) -> Reply | None:
        """The reply to a question for models; None for any other request."""
        _, _, id = asked.path.partition("/models")
        if asked.method != "GET" or (not id and not asked.path.endswith("/models")) or "/" in id.strip("/"):
            return None
        known = self._models or ("simulator",)
        if not id.strip("/"):
            return Reply.whole(HttpReply(200, to_json(format.model_list(known))))
        name = id.strip("/")
        if self._models and name not in self._models:
            return _refused(format, ModelNotFoundError(f"The model '{name}' does not exist."))
        return Reply.whole(HttpReply(200, to_json(format.model_entry(name))))

    def media(self, asked: HttpAsked, format: Format, *, moment: Moment, faults: Sequence[Fault]) -> Reply | None:
        """The reply to a request of an API beside chat, faults applied; None for any other request."""
        try:
            reply = about_media(asked) or about_vectors(asked) or about_hugging_face(asked)
            reply = reply or self._azure.about(asked, moment) or self._aws.about(asked, moment)
        except BadRequestError as error:
            reply = _refused(format, error)
        if reply is None:
            return None
        instead = (fault.instead(format, moment) for fault in faults)
        return _changed(next((found for found in instead if found is not None), reply), format, faults)

    def nothing_here(self, asked: HttpAsked, format: Format) -> Reply:
        """The reply to a path that is not served."""
        return _refused(format, NotFoundError(f"Invalid URL ({asked.method} {asked.path})"))

    def refused(self, format: Format, error: ExchangeError) -> Reply:
        """The reply to a request that is refused."""
        return _refused(format, error)

    async def answer(
        self, asked: HttpAsked, request: Request | None, *, format: Format, moment: Moment, faults: Sequence[Fault]
    ) -> Reply:
        """The reply, with what its faults change of it."""
        for fault in faults:
            replacement = fault.instead(format, moment)
            if replacement is not None:
                return _changed(replacement, format, faults)
        if isinstance(self.source, Recording):
            try:
                reply = self.source.reply(asked)
            except NotFoundError as error:
                reply = _refused(format, error)
            return _changed(reply, format, faults)
        assert request is not None
        deltas: list[Delta] = []
        try:
            await self._ask(self.source, request, deltas)
        except ExchangeError as error:
            return _changed(_failed(error, deltas, request, asked=asked, format=format, moment=moment), format, faults)
        except AgentkitError as error:  # the script has ended
            return _refused(format, BadRequestError(str(error)))
        if isinstance(self.source, OfflineModel):
            deltas = _dressed(deltas, request, format=format, moment=moment)
        deltas = _named(deltas, request, format=format, moment=moment)
        for fault in faults:
            deltas = list(fault.change_deltas(deltas))
        return _changed(_written(deltas, request, asked=asked, format=format), format, faults)

    async def _ask(self, model: Model, request: Request, deltas: list[Delta]) -> None:
        if request.is_streamed:
            response = await model.respond(request, _Listener(deltas))
            if not deltas:  # a model that does not tell while it answers
                deltas += _in_pieces(take_apart(response))
        else:
            deltas += take_apart(await model.respond(request))


class _Listener:
    """Keeps the deltas that it is told; see Sink."""

    def __init__(self, told: list[Delta]) -> None:
        self._told = told

    def emit(self, deltas: Sequence[Delta]) -> bool:
        for delta in deltas:
            if isinstance(delta, ModelSwitched):  # what was told until now is void
                self._told.clear()
            else:
                self._told.append(delta)
        return False

    async def drain(self) -> None:
        """Nobody is ever behind."""


def _in_pieces(deltas: Iterable[Delta]) -> Iterator[Delta]:
    """The same deltas in the small pieces in which a model tells them."""
    for delta in deltas:
        match delta:
            case TextDelta(text) | ThinkingDelta(text):
                for piece in re.findall(r"\s*\S+|\s+$", text):
                    yield replace(delta, text=piece)
            case ToolCallDelta(arguments, index, id, name):
                yield ToolCallDelta("", index, id, name)
                for start in range(0, len(arguments), _ARGUMENT_CHARS):
                    yield ToolCallDelta(arguments[start : start + _ARGUMENT_CHARS], index)
            case _:
                yield delta


def _named(deltas: Iterable[Delta], request: Request, *, format: Format, moment: Moment) -> list[Delta]:
    """The answer under an id of this server and by the model that was asked."""
    started = ResponseStarted(format.response_id(moment.number), request.model)
    return [started, *(delta for delta in deltas if not isinstance(delta, ResponseStarted))]


def _dressed(deltas: Iterable[Delta], request: Request, *, format: Format, moment: Moment) -> list[Delta]:
    """The matcher's answer as a model would give it: call ids that never repeat, thinking where it was asked for."""
    ids: dict[int, str] = {}
    dressed: list[Delta] = []
    thinks = _is_to_think(request)
    if thinks:
        thought = format.thinking(_THOUGHT, moment.number)
        dressed += [ThinkingDelta(_THOUGHT, -1), PartFinished(thought, -1)] if thought is not None else []
    for delta in deltas:
        if isinstance(delta, ToolCallDelta) and delta.id:
            id = ids.setdefault(delta.index, format.call_id(moment.number, len(ids)))
            dressed.append(replace(delta, id=id))
        elif isinstance(delta, ResponseFinished) and thinks:
            dressed.append(replace(delta, usage=replace(delta.usage, reasoning=estimate_tokens(_THOUGHT))))
        else:
            dressed.append(delta)
    return dressed


def _is_to_think(request: Request) -> bool:
    effort, extra = request.settings.reasoning, request.settings.extra or {}
    # Anthropic takes any number of tokens to think with; those that are no effort of ours stay fields of the request.
    told = [fields.get("additionalModelRequestFields") or fields for fields in extra.values()]
    asked = [fields["thinking"] for fields in told if isinstance(fields.get("thinking"), dict)]
    return effort not in (None, "none") or any(each.get("type") in ("enabled", "adaptive") for each in asked)


def _written(deltas: list[Delta], request: Request, *, asked: HttpAsked, format: Format) -> Reply:
    if not request.is_streamed:
        reply = Reply.whole(format.server.write(assemble(deltas)))
    else:
        events = split_stream(format.server.stream_writer().write(deltas))
        reply = Reply(200, STREAM_HEADERS, events, is_streamed=True)
    return format.polished(reply, json_object(asked.body) or {})


def _failed(
    error: ExchangeError, deltas: list[Delta], request: Request, *, asked: HttpAsked, format: Format, moment: Moment
) -> Reply:
    """The reply when the source fails: an error inside the stream where something of the answer was told."""
    told = [delta for delta in deltas if not isinstance(delta, ResponseStarted)]
    if not told or not request.is_streamed:
        return _refused(format, error)
    reply = _written(_named(told, request, format=format, moment=moment), request, asked=asked, format=format)
    pieces: tuple[Piece, ...] = (*reply.pieces, *format.error_events(error, place=len(reply.pieces)))
    return replace(reply, pieces=pieces)


def _refused(format: Format, error: ExchangeError) -> Reply:
    return Reply.whole(format.server.write_error(error))


def _changed(reply: Reply, format: Format, faults: Iterable[Fault]) -> Reply:
    for fault in faults:
        reply = fault.change_reply(reply, format)
    return reply
