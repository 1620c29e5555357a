"""Batches: submitted once, resumed anywhere, one result or error for each input, whatever the provider sends."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from shared import oracle
from tracing.watched import Watched, check

from agentkit import tracing
from agentkit.batching import BatchLimits, BatchResult, state_to_json
from agentkit.budget import Budget
from agentkit.errors import (
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ConfigurationError,
    DeadlineError,
    ServerError,
    StateError,
    UnsupportedError,
)
from agentkit.exchange import Request, Response, ToolDefinition
from agentkit.media import Image
from agentkit.messages import AssistantMessage, Text, ToolCall, user_message
from agentkit.models import Model, Sink
from agentkit.policies.limits import limited
from agentkit.providers import model
from agentkit.providers.batches import connect_batch
from agentkit.providers.openai.batches import BatchesCodec
from agentkit.settings import Settings
from agentkit.simulator.connection_faults import Reset
from agentkit.simulator.forms import form_of
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import Simulator, simulate
from agentkit.simulator.status_faults import Status
from agentkit.tasks.batch import (
    BatchEvent,
    BatchProgress,
    batch,
    batch_status,
    batch_sync,
    fetch_batch,
    submit_batch,
)
from agentkit.tasks.batch_plan import planned
from agentkit.usage import Usage

pytestmark = pytest.mark.anyio
pytest_plugins = ["agentkit.testing.simulator"]

NAMES = {
    "openai": "openai:gpt-6-luna",
    "openai-chat": "openai-chat:gpt-6-luna",
    "anthropic": "anthropic:claude-haiku-5-5",
    "google": "google:gemini-3.5-flash",
    "mistral": "mistral:mistral-small-latest",
}
USAGE = Usage(1_000, output=100)


class Echo:
    """Answers with the prompt; a prompt that says "fail" is refused."""

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        text = request.messages[-1].text
        if "fail" in text:
            raise BadRequestError(f"refused: {text}", status=400)
        return Response(AssistantMessage((Text(f"echo {text}"),), request.model, usage=USAGE))


def at(simulator: Simulator, kind: str) -> Model:
    base = simulator.base_url if kind.startswith(("openai", "mistral")) else simulator.url
    return model(NAMES[kind], base_url=base, api_key="any", settings=Settings(max_output_tokens=1000))


def told(results: Mapping[str, BatchResult]) -> dict[str, object]:
    """Texts of answers, and the classes of errors."""
    return {id: entry.text if isinstance(entry, Response) else type(entry) for id, entry in results.items()}


def requests_of(*texts: str) -> list[Request]:
    return [Request("", (user_message(text),), settings=Settings()) for text in texts]


def paths(simulator: Simulator) -> list[str]:
    return [f"{seen.asked.method} {seen.asked.path.rpartition('/v1')[2]}" for seen in simulator.requests]


@pytest.mark.parametrize("kind", NAMES)
async def test_each_input_has_its_answer_or_its_error_under_its_id(kind: str) -> None:
    async with simulate(Echo()) as simulator:
        done = await batch(at(simulator, kind), {"b": "two", "a": "fail", "c": "three"}, poll_seconds=0)

    assert told(done) == {"b": "echo two", "a": BadRequestError, "c": "echo three"}
    assert list(done) == ["b", "a", "c"]
    assert "refused: fail" in str(done.errors["a"])
    assert list(done.responses) == ["b", "c"]


@pytest.mark.parametrize("kind", NAMES)
async def test_a_batch_costs_half(kind: str) -> None:
    async with simulate(Echo()) as simulator:
        done = await batch(at(simulator, kind), ["one", "two"], poll_seconds=0)
        at_once = await batch(at(simulator, kind), ["one", "two"], via="requests")

    assert (done.usage, done.usage.total > 0) == (at_once.usage, True)
    assert done.cost.is_known and done.cost.usd * 2 == pytest.approx(at_once.cost.usd)


@pytest.mark.parametrize("kind", NAMES)
async def test_the_same_call_runs_at_once_and_under_limits(kind: str) -> None:
    async with simulate(Echo()) as simulator:
        asked = {"b": "two", "a": "fail", "c": "three"}
        at_once = await batch(limited(at(simulator, kind), concurrency=1), asked, via="requests")
        later = await batch(limited(at(simulator, kind), concurrency=1), asked, poll_seconds=0)

    assert told(at_once) == told(later)
    assert list(at_once) == list(later)


@pytest.mark.parametrize("kind", NAMES)
async def test_a_batch_that_expires_has_the_answers_that_came_in_time(kind: str) -> None:
    async with simulate(Echo(), batch_seconds=2 * 86_400) as simulator:

        def a_day_passes(event: BatchEvent) -> None:
            simulator.advance(86_400)

        done = await batch(at(simulator, kind), ["one", "two"], poll_seconds=0, on_event=a_day_passes)

    assert told(done) == {"0": "echo one", "1": DeadlineError}


@pytest.mark.parametrize("kind", NAMES)
async def test_progress_is_told_until_it_is_over(kind: str) -> None:
    events: list[BatchEvent] = []
    async with simulate(Echo(), batch_seconds=100) as simulator:

        def listen(event: BatchEvent) -> None:
            events.append(event)
            simulator.advance(60)

        await batch(at(simulator, kind), ["one", "fail"], poll_seconds=0, on_event=listen)

    assert len(events) == 3
    assert [event.is_over for event in events if isinstance(event, BatchProgress)] == [False, False, True]
    assert isinstance(events[-1], BatchProgress)
    assert (events[-1].total, events[-1].done, events[-1].failed) == (2, 2, 1)


@pytest.mark.parametrize("kind", NAMES)
async def test_a_batch_is_submitted_looked_at_and_fetched_by_its_file(kind: str, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, kind)
        begun = await submit_batch(chosen, ["one", "two"], state=state)
        with pytest.raises(StateError, match="0 of 2 are done"):
            await fetch_batch(state, model=chosen)
        simulator.advance(200)
        seen = await batch_status(state, model=chosen)
        done = await fetch_batch(state, model=chosen)
        again = await fetch_batch(state, model=chosen)

    assert (begun.total, begun.done, begun.is_over) == (2, 0, False)
    assert (seen.total, seen.done, seen.is_over) == (2, 2, True)
    assert told(done) == told(again) == {"0": "echo one", "1": "echo two"}
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert "one" not in json.loads(state.read_text())["ids"]
    assert "echo" not in state.read_text()


@pytest.mark.parametrize("kind", NAMES)
async def test_a_reply_that_is_lost_after_the_creation_makes_no_second_batch(kind: str) -> None:
    created = [Rule((Reset(),), at=(2 if kind.startswith("openai") else 1,))]
    async with simulate(Echo(), faults=created) as simulator:
        done = await batch(at(simulator, kind), ["one", "two"], poll_seconds=0)
        creations = [path for path in paths(simulator) if path.startswith("POST") and not path.endswith("/files")]

    assert told(done) == {"0": "echo one", "1": "echo two"}
    assert len(creations) == 1


@pytest.mark.parametrize("kind", NAMES)
async def test_a_process_that_died_before_it_kept_the_answer_finds_its_batch(kind: str, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo()) as simulator:
        chosen = at(simulator, kind)
        await submit_batch(chosen, ["one", "two"], state=state)
        document = json.loads(state.read_text())
        job, document["parts"][0]["job"] = document["parts"][0]["job"], ""  # as it was written before the creation
        state.write_text(json.dumps(document))
        done = await batch(chosen, ["one", "two"], state=state, poll_seconds=0)
        creations = [path for path in paths(simulator) if path.startswith("POST") and not path.endswith("/files")]

    assert told(done) == {"0": "echo one", "1": "echo two"}
    assert json.loads(state.read_text())["parts"][0]["job"] == job
    assert len(creations) == 1


@pytest.mark.parametrize("kind", NAMES)
async def test_more_than_the_provider_takes_is_split(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BatchesCodec, "limits", BatchLimits(2, 10**6))
    async with simulate(Echo()) as simulator:
        done = await batch(at(simulator, kind), [str(number) for number in range(5)], poll_seconds=0)

    assert told(done) == {str(number): f"echo {number}" for number in range(5)}


async def test_other_requests_than_those_of_the_file_are_refused(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo()) as simulator:
        await submit_batch(at(simulator, "openai"), ["one", "two"], state=state)
        with pytest.raises(StateError, match="is the state of another batch"):
            await submit_batch(at(simulator, "openai"), ["one", "three"], state=state)


async def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    state.write_text("{}")
    with pytest.raises(StateError, match=r"batch\.json: this is no state of a batch"):
        await batch_status(state)
    with pytest.raises(StateError, match="there is no such file"):
        await batch_status(tmp_path / "none.json")


async def test_the_batch_of_a_budget_that_does_not_last_is_not_sent() -> None:
    async with simulate(Echo()) as simulator:
        with pytest.raises(BudgetExceededError, match="the batch needs about"):
            await batch(at(simulator, "openai"), ["one"] * 100, budget=Budget(usd=0.0001))

    assert simulator.count == 0


async def test_a_failed_attempt_is_retried_and_told() -> None:
    events: list[BatchEvent] = []
    async with simulate(Echo(), faults=[Rule((Status(500),), first=1)]) as simulator:
        await batch(at(simulator, "openai"), ["one"], poll_seconds=0, on_event=events.append)

    assert type(events[0]).__name__ == "AttemptFailed"


async def test_a_batch_that_cannot_be_created_raises_after_the_attempts() -> None:
    async with simulate(Echo(), faults=[Rule((Status(500),), at=tuple(range(2, 99)))]) as simulator:
        with pytest.raises(ServerError):
            await batch(at(simulator, "openai"), ["one"], poll_seconds=0)


@pytest.mark.parametrize("name", ["offline:", "huggingface:Qwen/Qwen3-32B", "azure-foundry:Llama-4", "ollama:qwen3"])
async def test_models_without_batches_say_who_has_them(name: str) -> None:
    chosen = name if name == "offline:" else model(name, base_url="https://mine.example/v1", api_key="any")
    with pytest.raises(UnsupportedError, match="use a model of one of openai"):
        await batch(chosen, ["one"])


class Sees:
    """Says what it is shown."""

    async def respond(self, request: Request, sink: Sink | None = None) -> Response:
        shown = " ".join(part.kind for part in request.messages[-1].parts)
        return Response(AssistantMessage((Text(shown),), request.model, usage=USAGE))


@pytest.mark.parametrize("kind", [*NAMES, "azure"])
async def test_pictures_travel_in_a_batch(kind: str) -> None:
    picture = Image.from_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    async with simulate(Sees()) as simulator:
        azure = model("azure:my-batch", base_url=simulator.url, api_key="any")
        chosen = azure if kind == "azure" else at(simulator, kind)
        done = await batch(chosen, {"a": ["What is this?", picture], "b": "Hello."}, poll_seconds=0)

    assert told(done) == {"a": "text image", "b": "text"}


def test_a_batch_at_once_needs_no_event_loop_and_no_key() -> None:
    done = batch_sync("offline:", ["What is 2 + 2?"], via="requests")

    assert isinstance(done["0"], Response)


@pytest.mark.parametrize("wrong", ["one", [], {}])
async def test_requests_that_are_none_are_refused(wrong: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        await batch("openai:gpt-6-luna", wrong)


@pytest.mark.parametrize("is_over", [True, False])
async def test_a_batch_of_another_program_is_not_taken_for_ours(is_over: bool, tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, "anthropic")
        await submit_batch(chosen, ["three", "four"], state=tmp_path / "other.json")  # as large; no names are kept
        document = state_to_json(planned(connect_batch(chosen), requests_of("one", "two"), ids="01"))
        document["parts"][0]["asked"] = 0.0  # as it was written before a creation that never came to be
        state.write_text(json.dumps(document))
        if is_over:
            simulator.advance(100)
        else:
            await submit_batch(chosen, ["one", "two"], state=state)  # takes the other for its own
            simulator.advance(100)
            with pytest.raises(StateError, match="is of another program"):
                await fetch_batch(state, model=chosen)
        await submit_batch(chosen, ["one", "two"], state=state)
        simulator.advance(100)
        done = await fetch_batch(state, model=chosen)
        other = await fetch_batch(tmp_path / "other.json", model=chosen)

    assert told(other) == {"0": "echo three", "1": "echo four"}
    assert told(done) == {"0": "echo one", "1": "echo two"}


async def test_behind_a_batch_of_another_program_ours_is_found(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, "anthropic")
        await submit_batch(chosen, ["one", "two"], state=state)
        document = json.loads(state.read_text())
        document["parts"][0]["job"] = ""  # as it was written before the creation
        state.write_text(json.dumps(document))
        await submit_batch(chosen, ["three", "four"], state=tmp_path / "other.json")
        await submit_batch(chosen, ["one", "two"], state=state)  # takes the other, which is newer
        simulator.advance(100)
        with pytest.raises(StateError, match="is of another program"):
            await fetch_batch(state, model=chosen)
        done = await batch(chosen, ["one", "two"], state=state, poll_seconds=0)
        creations = [path for path in paths(simulator) if path == "POST /messages/batches"]

    assert told(done) == {"0": "echo one", "1": "echo two"}
    assert len(creations) == 2


async def test_the_seconds_of_a_budget_end_the_wait_and_keep_the_batch(tmp_path: Path) -> None:
    state = tmp_path / "batch.json"
    async with simulate(Echo(), batch_seconds=100) as simulator:
        chosen = at(simulator, "openai")
        with pytest.raises(BudgetExceededError, match="call again with state="):
            await batch(chosen, ["one"], state=state, poll_seconds=0.01, budget=Budget(seconds=1.0))
        simulator.advance(100)
        done = await batch(chosen, ["one"], state=state, poll_seconds=0)
        creations = [path for path in paths(simulator) if path == "POST /batches"]

    assert told(done) == {"0": "echo one"}
    assert len(creations) == 1


async def test_what_the_provider_keeps_cannot_be_refused() -> None:
    with pytest.raises(UnsupportedError, match="keeps the inputs and answers of a batch"):
        await batch(model("openai:gpt-6-luna", api_key="any"), ["one"], settings=Settings(retain=False))


async def test_requests_for_several_models_are_refused() -> None:
    request = Request("gpt-6-sol", (user_message("one"),))
    with pytest.raises(ConfigurationError, match="make a batch for each model"):
        await batch(model("openai:gpt-6-luna", api_key="any"), [request])


@pytest.mark.parametrize("kind", NAMES)
async def test_tools_and_schemas_travel_in_a_batch(kind: str) -> None:
    definition = ToolDefinition(
        "get.weather!", "Weather.", {"type": "object", "properties": {"city": {"type": "string"}}}
    )
    asked = Request("", (user_message("Weather in Paris?"),), tools=(definition,))

    class Calls:
        async def respond(self, request: Request, sink: Sink | None = None) -> Response:
            return Response(AssistantMessage((ToolCall("c1", request.tools[0].name, '{"city":"Paris"}'),), usage=USAGE))

    async with simulate(Calls()) as simulator:
        done = await batch(at(simulator, kind), [asked], poll_seconds=0)

    assert [(call.name, call.arguments) for call in done.responses["0"].calls] == [("get.weather!", '{"city":"Paris"}')]


async def test_a_batch_has_one_span_of_the_conventions_without_content(tmp_path: Path) -> None:
    watched = Watched(content=True)
    tracing.configure(tracer_provider=watched.provider, meter_provider=watched.meters, content=True)
    try:
        async with simulate(Echo()) as simulator:
            done = await batch(at(simulator, "openai"), ["MARKER-one", "two"], poll_seconds=0)
    finally:
        tracing.configure(tracer_provider=TracerProvider(), meter_provider=MeterProvider())
        tracing.configure()
    check(tmp_path, watched, "--allow-bare")
    (span,) = watched.finished
    assert (span.name, (span.attributes or {})["agentkit.cost_usd"]) == ("chat gpt-6-luna", done.cost.usd)
    assert "MARKER" not in watched.exported()


async def test_what_is_sent_to_openai_is_accepted_by_the_oracle() -> None:
    async with simulate(Echo()) as simulator:
        for kind in ("openai", "openai-chat"):
            await batch(at(simulator, kind), ["one", "two"], instructions="Be brief.", poll_seconds=0)
        uploads = [seen.asked for seen in simulator.requests if seen.asked.path.endswith("/files")]
        created = [json.loads(seen.asked.body) for seen in simulator.requests if seen.asked.path.endswith("/batches")]

    known = oracle("oracle_openai")
    for asked in uploads:
        (file,) = form_of(asked.body, asked.header("content-type")).files["file"]
        assert known.check_batch_file([json.loads(line) for line in file.data.splitlines()]) == []
    assert [known.check(body, "batches") for body in created] == [[], []]
    assert [body["endpoint"] for body in created] == ["/v1/responses", "/v1/chat/completions"]


async def test_what_is_sent_to_anthropic_is_accepted_by_the_oracle_with_the_betas_of_all() -> None:
    asked = [
        Request("", (user_message("one"),)),
        Request(
            "", (user_message("two"),), settings=Settings(extra={"anthropic": {"betas": ["files-api-2025-04-14"]}})
        ),
    ]
    async with simulate(Echo()) as simulator:
        await batch(at(simulator, "anthropic"), asked, poll_seconds=0)
        created = simulator.requests[0].asked

    headers = dict(created.headers)
    assert headers["anthropic-beta"] == "files-api-2025-04-14"
    sent = {
        "url": simulator.url + created.path,
        "headers": headers | {"x-api-key": "k"},
        "json": json.loads(created.body),
    }
    assert oracle("oracle_anthropic").check(sent) == []


@pytest.mark.parametrize(
    ("query", "paths_asked", "url"),
    [
        ("", ["/openai/v1/files", "/openai/v1/batches"], "/v1/chat/completions"),
        ("?api-version=2024-10-21", ["/openai/files", "/openai/batches"], "/chat/completions"),
    ],
)
async def test_azure_is_asked_where_its_batches_are(query: str, paths_asked: list[str], url: str) -> None:
    async with simulate(Echo()) as simulator:
        chosen = model("azure-chat:my-batch", base_url=simulator.url + query, api_key="any")
        done = await batch(chosen, ["one"], poll_seconds=0)
        posted = [seen.asked for seen in simulator.requests if seen.asked.method == "POST"]

    assert [asked.path for asked in posted] == paths_asked
    assert json.loads(posted[1].body)["endpoint"] == url
    assert told(done) == {"0": "echo one"}


async def test_an_outage_of_some_looks_does_not_end_the_wait() -> None:
    quick = Settings(attempts=1)
    async with simulate(Echo(), faults=[Rule((Status(500),), at=(3, 4, 5, 6))]) as simulator:
        done = await batch(at(simulator, "openai"), ["one"], settings=quick, poll_seconds=0)

    assert told(done) == {"0": "echo one"}


async def test_a_look_that_is_refused_ends_the_wait() -> None:
    async with simulate(Echo(), faults=[Rule((Status(401),), at=tuple(range(3, 99)))]) as simulator:
        with pytest.raises(AuthenticationError):
            await batch(at(simulator, "openai"), ["one"], poll_seconds=0)
