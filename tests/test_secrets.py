"""Keys stay where they are: in no repr, error, traceback, event, state or file; and content in no span or log."""

from __future__ import annotations

import dataclasses
import json
import logging
import pickle
import traceback
from pathlib import Path
from typing import Any

import httpcore  # noqa: F401 -- loaded now, so that no deadline of a test pays for it
import httpx  # noqa: F401
import pytest
from canaries import CONTENT, KEY, MARKS, WATCH
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentkit.agent import Agent
from agentkit.errors import AgentkitError, BadRequestError, ToolError
from agentkit.exchange import Request
from agentkit.messages import user_message
from agentkit.providers import PROVIDERS, model
from agentkit.providers.aws.signing import Credentials
from agentkit.providers.table import Options, Provider
from agentkit.remote import RemoteModel
from agentkit.sessions import SqliteSession
from agentkit.settings import Deadlines, Settings
from agentkit.simulator.connection_faults import KeepAlives, Refused, Reset, Silence
from agentkit.simulator.fault import Fault
from agentkit.simulator.plan import Rule
from agentkit.simulator.server import simulate
from agentkit.simulator.status_faults import Status
from agentkit.testing import ScriptedModel, calls
from agentkit.tools import tool
from agentkit.tracing import configure
from agentkit.transport.protocol import HttpRequest

NAMES = {
    "openai:gpt-6-luna": "/v1",
    "openai-chat:gpt-6-luna": "/v1",
    "anthropic:claude-sonnet-5": "",
    "google:gemini-3-flash-preview": "/v1beta",
}
REMOTE = [row for row in PROVIDERS.values() if row.needs_key and row.module]


def shown(*values: object) -> str:
    return " ".join(f"{value!r} {value}" for value in values)


def keys_in(text: str) -> list[str]:
    return [found.decode() for found in MARKS.findall(text.encode())]


@pytest.mark.parametrize("row", REMOTE, ids=lambda row: row.name)
def test_nothing_that_a_provider_makes_shows_its_key(row: Provider) -> None:
    url = f"https://user:{KEY}@example.test/v1?api-key={KEY}"
    is_signed = row.vendor == "sagemaker"  # which has no keys
    made = model(
        f"{row.name}:some-model",
        base_url=url,
        api_key=None if is_signed else KEY,
        credentials=Credentials("an-id", KEY, KEY) if is_signed else None,
        headers={"x-team-token": KEY, "x-plain": KEY},
        settings=Settings(headers={"x-other": KEY}),
        is_listed=False,
    )
    assert isinstance(made, RemoteModel)
    agent = Agent(made, settings=Settings(headers={"authorization": KEY}))
    request = HttpRequest("POST", url, tuple(made.endpoint.headers.items()), KEY.encode())
    parts = [
        *([] if is_signed else [dataclasses.asdict(made.endpoint)]),  # a signer is no data
        dict(made.endpoint.headers),
        made.settings,
        agent.settings,
        request.headers,
    ]
    options = Options(base_url=url, api_key=KEY, headers={"a": KEY})
    assert keys_in(shown(made, made.endpoint, made.identity, made.codec, agent, request, options, *parts)) == []


class Echo:
    """A transport whose replies repeat the key of the request: in words, in JSON, in a header."""

    def __init__(self, status: int) -> None:
        self._status = status

    async def send(self, request: HttpRequest, *, connect_seconds: float) -> Any:
        key = next(value for name, value in request.headers if KEY in value)
        body = json.dumps({"error": {"message": f"wrong key: {key}", "type": "auth", "code": KEY}, "key": key})
        return Said(self._status, {"content-type": "application/json", "x-request-id": "r1"}, body.encode())


class Said:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self._body = status, headers, body

    async def read(self) -> bytes:
        return self._body

    async def chunks(self) -> Any:
        yield self._body

    async def aclose(self) -> None: ...


@pytest.mark.anyio
@pytest.mark.shows_keys  # in locals that are the reply itself; all else is asserted below
@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 429, 500])
@pytest.mark.parametrize("name", NAMES)
async def test_an_error_that_repeats_the_key_does_not_show_it(name: str, status: int, is_streamed: bool) -> None:
    asked = model(name, api_key=KEY, is_listed=False, settings=Settings(attempts=1), transport=Echo(status))
    with pytest.raises(AgentkitError) as caught:
        await ask(Agent(asked), "Hello", is_streamed=is_streamed)
    rendered = "".join(traceback.TracebackException.from_exception(caught.value).format())
    assert keys_in(shown(caught.value, vars(caught.value)) + rendered + str(pickle.dumps(caught.value.args))) == []


async def ask(agent: Agent[Any, str], prompt: str, *, is_streamed: bool) -> None:
    if not is_streamed:
        await agent.run(prompt)
        return
    async with agent.stream(prompt) as run:
        await run.text()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1?key={key}", "http://u:{key}@127.0.0.1:9"]
)
async def test_a_connection_that_fails_shows_no_key_in_its_locals(address: str) -> None:
    asked = model("openai-chat:m", base_url=address.format(key=KEY), api_key=KEY, is_listed=False)
    try:
        await asked.respond(_hello(), None)
    except AgentkitError as error:
        rendered = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    here = [line for line in rendered.splitlines() if "address = " not in line]
    assert keys_in("\n".join(here)) == []


def _hello() -> Request:
    return Request("m", (user_message("Hello"),), settings=Settings(attempts=1))


@pytest.mark.anyio
@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("fault", [Reset(), Reset("bytes", 20), Silence(), KeepAlives(), Refused()])
async def test_a_connection_that_breaks_shows_no_key_in_its_locals(fault: Fault, is_streamed: bool) -> None:
    async with simulate(ScriptedModel("one two three"), faults=[fault]) as simulator:
        url = f"http://u:{KEY}@{simulator.url.removeprefix('http://')}?api-key={KEY}"
        settings = Settings(attempts=1, deadlines=Deadlines(0.5, 0.5, 0.5, 1), headers={"x-other-key": KEY})
        asked = model("anthropic:claude-sonnet-5", base_url=url, api_key=KEY, settings=settings, is_listed=False)
        del url
        with pytest.raises(AgentkitError) as caught:
            await ask(Agent(asked), "Hello", is_streamed=is_streamed)
    rendered = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    assert keys_in("".join(rendered)) == []


@pytest.mark.anyio
async def test_what_a_run_leaves_behind_holds_no_key(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    script = ScriptedModel(calls(("weather", {"city": "Paris"})), "It rains.")
    async with simulate(script, faults=[Rule((Status(503),), first=1)]) as simulator:
        asked = model("openai:gpt-6-luna", base_url=f"{simulator.url}/v1?api-key={KEY}", api_key=KEY, is_listed=False)
        session = SqliteSession(tmp_path / "session.db")
        async with Agent(asked, tools=[weather]).stream("Weather?", session=session) as run:
            events = [event async for event in run]
    result = run.result
    left = [
        *map(shown, events),
        json.dumps(result.state),
        shown(result, result.messages),
        pickle.dumps(result.state).hex(),
    ]
    left += [pickle.dumps(events).decode("latin-1"), caplog.text, *map(_text_of, tmp_path.iterdir())]
    assert keys_in("\n".join(left)) == []


def _text_of(file: Path) -> str:
    return file.read_bytes().decode("latin-1")


@tool
def weather(city: str) -> str:
    """Current weather."""
    return f"rain in {city} {CONTENT}-result"


@tool
def broken(text: str) -> str:
    """Breaks."""
    raise ValueError(f"{CONTENT}-raised {text}")


@tool
def refusing(text: str) -> str:
    """Refuses."""
    raise ToolError(f"{CONTENT}-refused {text}")


SCRIPT = (
    calls(("weather", {"city": f"{CONTENT}-argument"}), ("weather", '{"city": ["' + CONTENT), (CONTENT, "{}")),
    calls(
        ("broken", {"text": f"{CONTENT}-a"}), ("refusing", {"text": f"{CONTENT}-b"}), ("weather", {"place": CONTENT})
    ),
    f"{CONTENT}-answer",
    BadRequestError(f"{CONTENT}-told"),
)


@pytest.mark.anyio
@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("name", NAMES)
async def test_content_is_in_no_span_measurement_or_log(name: str, is_streamed: bool) -> None:
    exporter = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider([InMemoryMetricReader()])
    async with simulate(ScriptedModel(*SCRIPT)) as simulator:
        asked = model(name, base_url=simulator.url + NAMES[name], api_key=KEY, is_listed=False)
        agent = Agent(asked, tools=[weather, broken, refusing], instructions=f"{CONTENT}-instructions")
        configure(tracer_provider=tracers, meter_provider=meters)
        try:
            await ask(agent, f"{CONTENT}-prompt", is_streamed=is_streamed)
            with pytest.raises(BadRequestError):
                await ask(agent, f"{CONTENT}-second", is_streamed=is_streamed)
        finally:
            configure()
    assert len(exporter.get_finished_spans()) > 8
    assert WATCH.take() == []
