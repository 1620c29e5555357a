"""Batches and the files they are made of, as providers serve them: what is in one is answered when its time has come.

OpenAI's at /files and /batches, Anthropic's at /messages/batches, Gemini's at :batchGenerateContent,
:asyncBatchEmbedContent and /batches, Mistral's at /batch/jobs; with inputs and results in buckets, Bedrock's at
/model-invocation-job, Vertex AI's at /batchPredictionJobs and SageMaker's at /async-invocations. The clock of the
simulator can be put forward (`Simulator.advance`, or POST /_sim/clock).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import unquote

from pydantic_core import from_json, to_json

from agentkit.codec import HttpReply
from agentkit.errors import BadRequestError, ExchangeError, NotFoundError
from agentkit.providers.offline import estimate_tokens
from agentkit.simulator.answering import Answering
from agentkit.simulator.async_invocations import Invocation, invocation_of
from agentkit.simulator.batch_replies import BatchTold, Shape, paged, shape_of
from agentkit.simulator.bucket_replies import BEDROCK_JOBS, BedrockJobs, VertexJobs, bedrock_input, vertex_input
from agentkit.simulator.files import Files, jsonl
from agentkit.simulator.formats import Format, Moment, json_object
from agentkit.simulator.http import HttpAsked
from agentkit.simulator.reply import Reply
from agentkit.simulator.table import family_of, format_of

__all__ = ["Batches"]

Json: TypeAlias = dict[str, Any]
Dialect: TypeAlias = Literal["openai", "anthropic", "google", "mistral", "bedrock", "vertex"]

_WINDOW_SECONDS = 86_400.0
_ENDPOINTS = (
    "/responses", "/chat/completions", "/embeddings", "/completions", "/moderations", "/images/generations",
    "/images/edits", "/videos",
)  # fmt: skip
"""What OpenAI takes batches of."""
_KINDS = "batches|jobs|model-invocation-job|batchPredictionJobs"
_IN_BUCKETS: Mapping[str, Shape] = {"bedrock": BedrockJobs(), "vertex": VertexJobs()}


@dataclass(slots=True)
class _Item:
    id: str
    path: str
    body: Json


@dataclass(slots=True)
class _Batch:
    """One batch and how long it takes."""

    id: str
    shape: Shape
    items: list[_Item]
    created: float
    seconds: float
    sent: Json
    cancelled: float | None = None
    problems: list[Json] = field(default_factory=list[Json])
    answers: list[tuple[str, int, Any]] | None = None  # id, status, body; in the order in which they are told

    def told(self, now: float) -> BatchTold:
        """How far it is."""
        end = min(self.created + self.seconds, self.created + _WINDOW_SECONDS, self.cancelled or float("inf"))
        share = 1.0 if not self.seconds else max(0.0, min((min(now, end) - self.created) / self.seconds, 1.0))
        status = "running"
        if self.problems:
            status, share = "failed", 0.0
        elif self.cancelled is not None and now >= self.cancelled and share < 1.0:
            status = "cancelled"
        elif now >= end:
            status = "ended" if share >= 1.0 else "expired"
        return BatchTold(self.id, status, len(self.items), int(share * len(self.items)), self.created, self.sent)


class Batches:
    """The files and batches of a simulator."""

    def __init__(self, answering: Answering, *, seconds: float = 0.0) -> None:
        self.seconds = seconds
        """How long a batch takes."""
        self.buckets = answering.buckets
        self._answering = answering
        self._files = Files()
        self._batches: dict[str, _Batch] = {}
        self._invocations: list[Invocation] = []  # whose answers are not in their bucket yet
        self._routes = (
            ("POST", re.compile(r"/files$"), self._upload),
            ("GET", re.compile(r"/files/(?P<id>[^/]+)/content$"), self._content),
            ("GET", re.compile(r"/(?P<id>files/[^/:]+):download$"), self._content),
            ("POST", re.compile(r"/messages/batches$"), self._create_anthropic),
            ("POST", re.compile(r"/batch/jobs$"), self._create_mistral),
            (
                "POST",
                re.compile(r"(?P<model>models/[^/:]+):(?P<function>batchGenerateContent|asyncBatchEmbedContent)$"),
                self._create_google,
            ),
            ("POST", re.compile(r"/batches$"), self._create_openai),
            ("POST", re.compile(r"/model-invocation-job$"), self._create_bedrock),
            ("POST", re.compile(r"(?P<path>/endpoints/[^/]+)/async-invocations$"), self._invoke),
            (
                "POST",
                re.compile(r"(?P<parent>projects/[^/]+/locations/[^/]+)/batchPredictionJobs$"),
                self._create_vertex,
            ),
            (
                "GET",
                re.compile(
                    r"(?P<list>/messages/batches|/batch/jobs|/batches|/model-invocation-jobs|/batchPredictionJobs)$"
                ),
                self._list,
            ),
            ("GET", re.compile(r"/messages/batches/(?P<id>[^/]+)/results$"), self._results),
            ("GET", re.compile(rf"/(?:{_KINDS})/(?P<id>[^/]+)$"), self._look),
            ("POST", re.compile(rf"/(?:{_KINDS})/(?P<id>[^/:]+)[/:](?:cancel|stop)$"), self._cancel),
        )

    def knows(self, asked: HttpAsked) -> bool:
        """Whether this request is for files or batches."""
        is_routed = any(method == asked.method and path.search(asked.path) for method, path, _ in self._routes)
        return is_routed or self.buckets.knows(asked)

    async def about(self, asked: HttpAsked, *, moment: Moment, family: Format) -> Reply | None:
        """The reply to a request for files or batches; None for any other request."""
        await self._write_due(moment)
        stored = self.buckets.about(asked)
        if stored is not None:
            return stored
        try:
            for method, path, answer in self._routes:
                found = path.search(asked.path)
                if found is not None and method == asked.method:
                    return await answer(asked, found, moment)
        except ExchangeError as error:
            return self._answering.refused(family, error)
        return None

    async def _upload(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        return self._files.upload(asked, moment.now)

    async def _content(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        content = self._files.content(found["id"])
        return Reply.whole(HttpReply(200, content, (("content-type", "application/octet-stream"),)))

    async def _create_openai(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        sent = _sent(asked)
        endpoint = str(sent.get("endpoint"))
        is_groq = "/openai/v1/" in asked.path and endpoint.endswith("/audio/transcriptions")
        if not endpoint.endswith(_ENDPOINTS) and not is_groq:
            raise BadRequestError(f"Invalid value: '{endpoint}'. This endpoint takes no batches.")
        file = self._files.content(str(sent.get("input_file_id")))
        items, problems = _lines(file, endpoint)
        return await self._begin("openai", items, sent, moment, problems)

    async def _create_anthropic(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        sent = _sent(asked)
        rows = _rows(sent.get("requests"), "requests")
        items = [_Item(str(row.get("custom_id")), "/v1/messages", row.get("params") or {}) for row in rows]
        if any(not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", item.id) for item in items):
            raise BadRequestError("requests.0.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'")
        if len({item.id for item in items}) != len(items):
            raise BadRequestError("requests: custom_id must be unique")
        return await self._begin("anthropic", items, {}, moment)

    async def _create_google(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        sent: Json = _sent(asked).get("batch") or {}
        config: Json = sent.get("inputConfig") or {}
        file = str(config.get("fileName") or "")
        if file:
            rows = [json_object(line) or {} for line in self._files.content(file).splitlines()]
            keys = [str(row.get("key")) for row in rows]
        else:
            given: Json = config.get("requests") or {}
            rows = _rows(given.get("requests"), "batch.inputConfig")
            keys = [str(cast("Json", row.get("metadata") or {}).get("key", number)) for number, row in enumerate(rows)]
        single = "generateContent" if found["function"] == "batchGenerateContent" else "embedContent"
        path = f"/v1beta/{found['model']}:{single}"
        items = [_Item(key, path, row.get("request") or {}) for key, row in zip(keys, rows, strict=True)]
        known: Json = {"displayName": sent.get("displayName"), "model": found["model"], "file": file}
        return await self._begin("google", items, known, moment)

    async def _create_mistral(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        sent = _sent(asked)
        rows = _rows(sent.pop("requests", None), "requests")
        path, model = str(sent.get("endpoint")), {"model": sent.get("model")}
        items = [_Item(str(row.get("custom_id")), path, model | (row.get("body") or {})) for row in rows]
        return await self._begin("mistral", items, sent, moment)

    async def _create_bedrock(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        sent = _sent(asked)
        items = [_Item(*entry) for entry in bedrock_input(sent, self.buckets.objects)]
        token = sent.get("clientRequestToken")
        known = [
            batch.id for batch in self._batches.values() if token and batch.sent.get("clientRequestToken") == token
        ]
        if not known:
            await self._begin("bedrock", items, sent, moment)
        return _json({"jobArn": known[0] if known else list(self._batches)[-1]})

    async def _invoke(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        invocation = invocation_of(asked, found["path"], self.buckets.objects, due=moment.now + self.seconds)
        self._invocations.append(invocation)
        return invocation.reply()

    async def _write_due(self, moment: Moment) -> None:
        """Put the answers of SageMaker into the bucket whose time has come."""
        due = [each for each in self._invocations if each.due <= moment.now]
        self._invocations = [each for each in self._invocations if each.due > moment.now]
        for each in due:
            status, body = await self._answer(_Item(each.id, each.path, each.body), moment)
            address, data = each.answered(status, body)
            self.buckets.objects[address] = data

    async def _create_vertex(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        sent = _sent(asked) | {"parent": found["parent"]}
        items = [_Item(*entry) for entry in vertex_input(sent, self.buckets.objects)]
        return await self._begin("vertex", items, sent, moment)

    async def _begin(
        self, dialect: Dialect, items: list[_Item], sent: Json, moment: Moment, problems: list[Json] | None = None
    ) -> Reply:
        shape = _IN_BUCKETS.get(dialect) or shape_of(dialect)
        batch = _Batch(
            shape.id(len(self._batches) + 1), shape, items, moment.now, self.seconds, sent, problems=problems or []
        )
        self._batches[batch.id] = batch
        return _json(shape.job(BatchTold(batch.id, "running", len(items), 0, moment.now, sent), moment.now))

    async def _look(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        batch = self._found(found["id"])
        return _json(await self._shown(batch, asked, moment))

    async def _list(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        name = _LISTS[found["list"]]
        if name == "openai" and ("/v1beta/" in asked.path or asked.header("x-goog-api-key")):
            name = "google"
        shape = _IN_BUCKETS.get(name) or shape_of(name)
        newest = [batch for batch in reversed(self._batches.values()) if batch.shape is shape]
        jobs = [shape.job(batch.told(moment.now), moment.now) for batch in newest]
        return _json(paged(shape, jobs, asked.target.partition("?")[2]))

    async def _cancel(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        batch = self._found(found["id"])
        if batch.told(moment.now).status == "running":
            batch.cancelled = moment.now
        return _json(await self._shown(batch, asked, moment))

    async def _results(self, asked: HttpAsked, found: re.Match[str], moment: Moment) -> Reply:
        batch = self._found(found["id"])
        told = batch.told(moment.now)
        if told.status == "running":
            raise NotFoundError(f"{batch.id} has no available results: it has not ended")
        rows = batch.shape.rows(await self._answered(batch, told, moment))
        return Reply.whole(HttpReply(200, jsonl(rows), (("content-type", "application/x-jsonl"),)))

    def _found(self, id: str) -> _Batch:
        id = unquote(id)
        for known in (id, f"batches/{id}", f"{BEDROCK_JOBS}{id}"):
            if known in self._batches:
                return self._batches[known]
        raise NotFoundError(f"No batch found with id '{id}'.")

    async def _shown(self, batch: _Batch, asked: HttpAsked, moment: Moment) -> Json:
        """The batch as its provider tells of it, with its results or where they are."""
        told = batch.told(moment.now)
        shown = batch.shape.job(told, moment.now)
        if told.status == "failed":
            return shown | {"errors": {"object": "list", "data": batch.problems}}
        if told.status == "running":
            return shown
        if shown.get("results_url"):  # its clients go there, whatever their base URL
            shown["results_url"] = f"http://{asked.header('host')}{shown['results_url']}"
        answers = await self._answered(batch, told, moment)
        return batch.shape.ended(shown, answers, keep=self._keep(batch.id), sent=batch.sent)

    def _keep(self, id: str) -> Callable[[str, list[Json]], str]:
        def keep(kind: str, rows: list[Json]) -> str:
            if "://" in kind:
                self.buckets.objects[kind] = jsonl(rows)
                return kind
            return self._files.keep(f"{kind}-{id.rpartition('/')[2]}" if "/" in kind else f"file-{kind}-{id}", rows)

        return keep

    async def _answered(self, batch: _Batch, told: BatchTold, moment: Moment) -> list[tuple[str, int, Any]]:
        """(id, status, body) of each input: status 0 for one that was not answered in time. Not in their order."""
        if batch.answers is None:
            answers: list[tuple[str, int, Any]] = []
            for place, item in enumerate(batch.items):
                if place < told.done:
                    answers.append((item.id, *await self._answer(item, Moment(moment.number + place, moment.now))))
                else:
                    answers.append((item.id, 0, told.status))
            batch.answers = answers[::-1]
        return batch.answers

    async def _answer(self, item: _Item, moment: Moment) -> tuple[int, Any]:
        asked = HttpAsked("POST", item.path, (("content-type", "application/json"),), to_json(item.body))
        format = format_of(asked)
        if format is None:
            reply = self._answering.media(asked, family_of(asked), moment=moment, faults=())
            reply = reply or self._answering.nothing_here(asked, family_of(asked))
            body = from_json(b"".join(reply.events))
            if "embedding" in body:  # Gemini counts an embedding in a batch, and not one alone
                body["tokenCount"] = str(estimate_tokens(str(item.body.get("content"))))
            return reply.status, body
        try:
            request = self._answering.read(asked, format)
        except ExchangeError as error:
            reply = self._answering.refused(format, error)
        else:
            reply = await self._answering.answer(asked, request, format=format, moment=moment, faults=())
        return reply.status, from_json(b"".join(reply.events))


def _lines(file: bytes, endpoint: str) -> tuple[list[_Item], list[Json]]:
    """What is in a file, and what is wrong with it."""
    items: list[_Item] = []
    problems: list[Json] = []
    seen: set[str] = set()
    for number, line in enumerate(file.splitlines(), 1):
        row = json_object(line) or {}
        id, url = row.get("custom_id"), row.get("url")
        problem = ""
        if not isinstance(id, str) or not isinstance(row.get("body"), dict):
            problem = "This line is not parseable as valid JSON."
        elif id in seen:
            problem = "The custom_id is already used in this file."
        elif url != endpoint:
            problem = "The URL provided for this request does not match the batch endpoint."
        if problem:
            problems.append({"code": "invalid_line", "message": problem, "param": None, "line": number})
        else:
            seen.add(str(id))
            items.append(_Item(str(id), str(url), cast("Json", row["body"])))
    return items, problems


def _sent(asked: HttpAsked) -> Json:
    sent = json_object(asked.body)
    if sent is None:
        raise BadRequestError("We could not parse the JSON body of your request.")
    return sent


def _rows(value: Any, name: str) -> list[Json]:
    if not isinstance(value, list) or not value:
        raise BadRequestError(f"{name}: at least one request is required")
    return [cast("Json", row) for row in cast("list[Any]", value) if isinstance(row, dict)]


def _json(value: Mapping[str, Any]) -> Reply:
    return Reply.whole(HttpReply(200, to_json(value)))


_LISTS: Mapping[str, Dialect] = {
    "/messages/batches": "anthropic",
    "/batch/jobs": "mistral",
    "/batches": "openai",
    "/model-invocation-jobs": "bedrock",
    "/batchPredictionJobs": "vertex",
}
